"""Objects that other projects read otherwise than a profile did, each with the answers of a device that shows the difference."""

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles

SP_PLUS = "1.3.6.1.4.1.3854.3.5.2.1"

CASES: dict[str, tuple[str, dict[str, SnmpValue], str, dict[str, float]]] = {
    "the currents of a TPDIN2": (
        "tycon-tpdin",
        {
            f"1.3.6.1.4.1.45621.2.2.{place}.0": text
            for place, text in ((5, b"54.1"), (9, b"1.7"), (10, b".0"), (13, b"23.5"))
        },
        "dcim_env_current",
        {"dcim_env_current_amperes{sensor=i1}": 1.7, "dcim_env_current_amperes{sensor=i2}": 0.0},
    ),
    # Cacti's plugin for AKCP: the tenths of a securityProbe stay in Celsius.
    **{
        f"a sensorProbe+ in {unit}": (
            "akcp-sensorprobe-plus",
            {
                f"{SP_PLUS}.{column}.0.0.0": cell
                for column, cell in ((2, b"Row"), (4, degrees), (5, unit.encode()), (6, 2), (8, 1), (20, 243))
            },
            "dcim_env_temperature",
            {"dcim_env_temperature_celsius{sensor=0.0.0.Row}": celsius},
        )
        for unit, degrees, celsius in (("C", 24, 24.3), ("F", 77, 25.0))
    },
}


@pytest.mark.parametrize("name", CASES)
async def test_objects_are_read_as_others_read_them(name: str) -> None:
    profile, answers, beginning, expected = CASES[name]
    records = sorted((Record(oid, "", value) for oid, value in answers.items()), key=lambda each: each.key)
    _, readings = await replay_snmp(records, shipped_profiles(), profile, 1_790_000_000.0)
    values = {key: value for key, value in readings.values.items() if key.startswith(beginning)}
    assert values == pytest.approx(expected)
