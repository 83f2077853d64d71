"""Columns, codes and kinds of sensors that a MIB names and no recording shows, family by family."""

import pytest

from tests.conformance.told import Told, assert_read_as_told

AVTECH = "1.3.6.1.4.1.20916.1"


def socket(*values: int) -> dict[str, int]:
    """What the first digital socket of a Room Alert says."""
    return {f"2.1.{place}.0": value for place, value in enumerate(values, 1)}


CASES = {
    "a thermocouple at a Room Alert 32S is no humidity": Told(
        "avtech-roomalert32s",
        f"{AVTECH}.11.1",
        socket(2250, 7250, 4810, 11_858, 0),
        {"dcim_env_temperature_celsius{sensor=external1}": 22.5},
    ),
    "nor is a speed of air": Told(
        "avtech-roomalert32s",
        f"{AVTECH}.11.1",
        socket(2250, 7250, 310, 61_000, 1200, 706),
        {"dcim_env_temperature_celsius{sensor=external1}": 22.5},
    ),
    "a probe of humidity at a Room Alert 32S has a dew point": Told(
        "avtech-roomalert32s",
        f"{AVTECH}.11.1",
        socket(2250, 7250, 4150, 7200, 2222, 876, 4777),
        {
            "dcim_env_temperature_celsius{sensor=external1}": 22.5,
            "dcim_env_relative_humidity_ratio{sensor=external1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=external1}": 8.764035,
        },
    ),
    "a probe of humidity at a Room Alert 4E": Told(
        "avtech-roomalert4e",
        f"{AVTECH}.6.1",
        socket(22, 72, 41, 71, 22),
        {
            "dcim_env_temperature_celsius{sensor=external1}": 22.0,
            "dcim_env_relative_humidity_ratio{sensor=external1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=external1}": 8.135609,
        },
    ),
    "a probe of temperature alone at a Room Alert 24E": Told(
        "avtech-roomalert24e",
        f"{AVTECH}.5.1",
        {"1.1.2.0": 2345, **socket(2250, 7250, 0, 0, 0)},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.45,
            "dcim_env_temperature_celsius{sensor=external1}": 22.5,
        },
    ),
    "a TemPageR 3E with a probe of temperature": Told(
        "avtech-roomalert24e",
        f"{AVTECH}.7.1",
        {"1.1.1.0": 2345, "1.1.2.0": 7421, **socket(2250, 7250, 0, 0)},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.45,
            "dcim_env_temperature_celsius{sensor=external1}": 22.5,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_a_mib_names_is_read_as_it_says(name: str) -> None:
    await assert_read_as_told(CASES[name])
