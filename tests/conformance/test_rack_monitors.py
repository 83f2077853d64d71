"""Monitors of racks and the coolers beside them, in what a recording seldom shows: other units, alarms, power units."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, CMC_TC = "dcim_device_alarm_active", "1.3.6.1.4.1.2606.4"


def _messages(label: str, code: int) -> dict[str, float]:
    return {
        f"{ALARM}{{alarm={label},severity=critical}}": float(code in (5, 7, 8)),
        f"{ALARM}{{alarm={label},severity=warning}}": float(code in (2, 3, 6, 22)),
    }


_MESSAGES: tuple[tuple[SnmpValue, SnmpValue], ...] = ((b"Smoke", 5), (b"Humidity", 2), (b"Door", 11), (b"Free", 1))
_FAHRENHEIT: dict[str, SnmpValue] = {
    "3.1.1.0": 2,
    **{f"2.3.5.2.1.{column}.1": cell for column, cell in ((2, 58), (4, 4), (5, 50))},
    **{f"2.4.5.2.1.{column}.1": cell for column, cell in ((2, 100), (4, 4), (5, 77))},
}
CASES = {
    "a CMC-TC in Fahrenheit, with cold water in its LCP and a wireless thermometer": MibDevice(
        "rittal-cmc-tc",
        CMC_TC,
        _FAHRENHEIT,
        {
            "dcim_crah_water_supply_temperature_celsius{circuit=1,unit=1}": 10.0,
            "dcim_env_temperature_celsius{sensor=2.1}": 25.0,
        },
    ),
    "a CMC-TC with smoke, a lost sensor, an open door and an empty battery, and a port without a unit": MibDevice(
        "rittal-cmc-tc",
        CMC_TC,
        {
            "1.3.0": 4,
            **{f"2.{3 + port}.4.0": status for port, status in enumerate((1, 5, 7, 7))},
            **{
                f"2.3.7.2.1.{column}.{row}": cell
                for row, cells in enumerate(_MESSAGES, 1)
                for column, cell in zip((2, 3), cells, strict=True)
            },
            "2.4.7.2.1.2.1": b"Radio",
            "2.4.7.2.1.3.1": 22,
        },
        {
            f"{ALARM}{{alarm=unit.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=unit.2,severity=critical}}": 1.0,
            **_messages("1.1.Smoke", 5),
            **_messages("1.2.Humidity", 2),
            **_messages("1.3.Door", 11),
            **_messages("2.1.Radio", 22),
            "dcim_env_contact_active{kind=door,sensor=1.3.Door}": 1.0,
        },
        {"dcim_device_state": "failed"},
    ),
    "a power unit of a CMC-TC": MibDevice(
        "rittal-cmc-tc",
        CMC_TC,
        {
            f"2.5.5.2.1.{column}.{row}": cell
            for row, cells in enumerate(
                ((72, 4, 48_213), (73, 4, 27), (74, 4, 500), (75, 4, 2_312), (77, 4, 118), (79, 4, 27)), 1
            )
            for column, cell in zip((2, 4, 5), cells, strict=True)
        },
        {
            "dcim_pdu_input_energy_joules_total{inlet=3}": 4_821.3 * 3_600_000,
            "dcim_pdu_input_power_watts{inlet=3}": 2_700.0,
            "dcim_pdu_input_frequency_hertz{inlet=3}": 50.0,
            "dcim_env_voltage_volts{sensor=3.4}": 231.2,
            "dcim_env_current_amperes{sensor=3.5}": 11.8,
            "dcim_env_power_watts{sensor=3.6}": 2_700.0,
        },
    ),
    "an HP MCS in Fahrenheit": MibDevice(
        "hp-mcs",
        "1.3.6.1.4.1.232.167",
        {"3.1.1.0": 2, **{f"2.4.5.2.1.{column}.1": cell for column, cell in ((2, 19), (4, 4), (5, 50))}},
        {"dcim_crah_water_supply_temperature_celsius{circuit=1,unit=1}": 10.0},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_monitor_is_read_as_its_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
