"""More of what no recording shows: tables of rarer models, generations and accessories, as their MIBs say."""

import pytest

from agent.lab.replay import replay_snmp
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance.test_by_the_mib import Told

GEIST3, GEIST4, VERTIV = "1.3.6.1.4.1.21239.2", "1.3.6.1.4.1.21239.5.1", "1.3.6.1.4.1.21239.5.2"

CASES = {
    "a Watchdog of firmware 3 with power monitors, a fan controller and a battery plant": Told(
        "geist-watchdog-v3",
        GEIST3,
        {
            **{f"3.1.{column}.1": value for column, value in ((3, b"Feed"), (4, 1), (6, 231), (10, 52), (11, 1_130))},
            **{f"11.1.{column}.1": value for column, value in ((3, b"Row"), (4, 1), (33, 2_120))},
            **{f"11.1.{column}.1": value for column, value in ((5, 812), (6, 229), (10, 93), (11, 2_120))},
            **{f"11.1.{column}.1": 0 for column in (14, 15, 19, 20, 23, 24, 28, 29)},  # two phases without a wire
            **{f"11.1.{column}.2": value for column, value in ((3, b"Gone"), (4, 0), (33, 0))},
            **{f"13.1.{column}.1": value for column, value in ((3, b"Fans"), (4, 1), (8, 31))},
            **{f"26.1.{column}.1": value for column, value in ((3, b"Relays"), (4, 1), (5, 24))},
            **{f"22.1.{column}.1": value for column, value in ((3, b"Plant"), (4, 1), (5, -54))},
        },
        {
            "dcim_env_voltage_volts{sensor=Feed}": 231.0,
            "dcim_env_current_amperes{sensor=Feed}": 5.2,
            "dcim_env_power_watts{sensor=Feed}": 1_130.0,
            "dcim_env_power_watts{sensor=Row}": 2_120.0,
            "dcim_env_voltage_volts{sensor=Row.A}": 229.0,
            "dcim_env_current_amperes{sensor=Row.A}": 9.3,
            "dcim_env_power_watts{sensor=Row.A}": 2_120.0,
            "dcim_env_temperature_celsius{sensor=Fans}": 31.0,
            "dcim_env_temperature_celsius{sensor=Relays}": 24.0,
            "dcim_env_voltage_volts{sensor=Plant}": -54.0,
        },
    ),
    "a Watchdog of firmware 4 with a remote power manager": Told(
        "geist-watchdog",
        GEIST4,
        {
            **{f"10.1.{column}.1": value for column, value in ((3, b"RPM"), (4, 1), (6, 121), (10, 35), (11, 402))},
            "1.7.0": 1,
        },
        {
            "dcim_env_voltage_volts{sensor=RPM}": 121.0,
            "dcim_env_current_amperes{sensor=RPM}": 3.5,
            "dcim_env_power_watts{sensor=RPM}": 402.0,
        },
    ),
    "a PDU of Vertiv with analogue sensors: their words count, 0 and 1 do not": Told(
        "vertiv-pdu",
        VERTIV,
        {
            **{
                f"11.1.{column}.{row}": value
                for row, mode, word, unit in (
                    (1, 1, b"Open", b""),
                    (2, 3, b"Dry", b""),
                    (3, 4, b"Leak", b""),
                    (4, 8, b"53.4", b"V"),
                    (5, 6, b"?", b""),
                    (6, 10, b"High", b""),
                )
                for column, value in ((4, 1), (5, 1), (6, word), (7, mode), (8, unit))
            },
        },
        {
            "dcim_env_contact_active{kind=door,sensor=a2d.1}": 1.0,
            "dcim_leak_detected{sensor=a2d.2}": 0.0,
            "dcim_leak_detected{sensor=a2d.3}": 1.0,
            "dcim_env_voltage_volts{sensor=a2d.4}": 53.4,
        },
        {},
        {"dcim_env_contact_active{kind=smoke,sensor=a2d.5}": "decode"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_rarer_model_is_read_as_the_mib_says(name: str) -> None:
    one = CASES[name]
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in one.answers.items()]
    identified, readings = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), one.profile, 1_790_000_000.0
    )
    assert identified.profile == one.profile
    assert readings.values == pytest.approx(one.values)
    assert readings.states == one.states
    assert readings.bad == one.bad
