"""Objects that the usual device of a family lacks: those of earlier and later firmware and of further sensors, from published sources."""

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance.published_mibs import ALARM
from tests.conformance.published_supplies import STS, SUPPLIES

Cells = dict[str, SnmpValue]


def rows(table: str, *sensors: tuple[int, str, int, int]) -> Cells:
    """Description, state and online (1) or offline (2) of sensors of an AKCP table, by port."""
    return {
        f"{table}.1.{column}.0.0.{port}": value
        for port, name, state, online in sensors
        for column, value in ((2, name.encode()), (6, state), (8, online))
    }


PLUS = "1.3.6.1.4.1.3854.3.5"
OLD_ATS = "1.3.6.1.4.1.534.10.1"
PROBE: Cells = {
    **rows(f"{PLUS}.4", (0, "Pump", 2, 1), (1, "Fan", 8, 1), (2, "Spare", 0, 2)),
    **rows(f"{PLUS}.9", (3, "Rope", 6, 1), (4, "Spot", 7, 1)),
    **rows(f"{PLUS}.10", (5, "Door", 4, 1)),
    **rows(f"{PLUS}.14", (6, "Roof", 2, 1)),
}
EARLIER: Cells = {
    f"{OLD_ATS}.2.1.0": b"STS30002SR10019",
    f"{OLD_ATS}.3.1.1.2.1": 2379,
    f"{OLD_ATS}.3.1.1.2.2": 0,
    f"{OLD_ATS}.3.1.1.3.1": 500,
    f"{OLD_ATS}.3.2.1.0": 2375,
    f"{OLD_ATS}.3.2.2.0": 84,
    f"{OLD_ATS}.3.3.0": 25,
    f"{OLD_ATS}.3.6.0": 284,
    f"{OLD_ATS}.3.7.0": 5,
    f"{OLD_ATS}.4.5.0": 0b1100,
}
TENTHS: Cells = {f"{STS}.{tail}": value for tail, value in SUPPLIES["borri-ats"].answers.items()} | {
    f"{STS}.2.3.0": 2313,
    f"{STS}.3.2.0": 2309,
    f"{STS}.3.5.0": 231,
}


@pytest.mark.parametrize(
    ("family", "cells", "values"),
    [
        (
            "akcp-sensorprobe-plus",
            PROBE,
            {
                "dcim_env_contact_active{kind=dry_contact,sensor=0.0.0.Pump}": 0.0,
                "dcim_env_contact_active{kind=dry_contact,sensor=0.0.1.Fan}": None,
                "dcim_leak_detected{sensor=0.0.3.Rope}": 1.0,
                "dcim_leak_detected{sensor=0.0.4.Spot}": None,
                "dcim_leak_sensor_fault{sensor=0.0.4.Spot}": 1.0,
                "dcim_env_contact_active{kind=door,sensor=0.0.5.Door}": 1.0,
                "dcim_env_contact_active{kind=smoke,sensor=0.0.6.Roof}": 0.0,
            },
        ),
        (
            "eaton-ats",
            EARLIER,
            {
                "dcim_ats_source_voltage_volts{phase=L1,source=a}": 237.9,
                "dcim_ats_source_voltage_volts{phase=L1,source=b}": 0.0,
                "dcim_ats_source_frequency_hertz{source=a}": 50.0,
                "dcim_ats_output_voltage_volts{phase=L1}": 237.5,
                "dcim_ats_output_current_amperes{phase=L1}": 8.4,
                "dcim_ats_temperature_celsius{sensor=internal}": 25.0,
                "dcim_ats_transfers_total": 284.0,
                "dcim_ats_overload": 1.0,
                f"{ALARM}{{alarm=switch_fault,severity=critical}}": 0.0,
                f"{ALARM}{{alarm=output_not_powered,severity=critical}}": 0.0,
                f"{ALARM}{{alarm=over_temperature,severity=critical}}": 1.0,
            },
        ),
        (
            "borri-ats",
            TENTHS,
            {
                "dcim_ats_source_voltage_volts{phase=L1,source=a}": 231.3,
                "dcim_ats_output_voltage_volts{phase=L1}": 230.9,
                "dcim_ats_output_load_ratio{phase=L1}": 0.231,
            },
        ),
    ],
    ids=["sensorProbe+ contacts", "Eaton ATS 30", "tenths of volts"],
)
async def test_a_branch_of_other_firmware_is_read(family: str, cells: Cells, values: dict[str, float | None]) -> None:
    records = [Record(oid, "", value) for oid, value in cells.items()]
    identified, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert identified.profile == family
    assert {key: readings.values.get(key) for key in values} == pytest.approx(values)


async def test_the_source_that_an_earlier_eaton_ats_selected_is_read() -> None:
    records = [Record(oid, "", value) for oid, value in EARLIER.items()]
    _, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert readings.states["dcim_ats_selected_source"] == "b"


@pytest.mark.parametrize(
    ("mode", "source"), [(1, "other"), (3, "battery"), (4, "normal"), (5, "battery"), (13, "battery")]
)
async def test_modes_and_temperatures_of_later_netsure_controllers_are_read(mode: int, source: str) -> None:
    root = "1.3.6.1.4.1.6302.2.1.2"
    cells = {"5.1.0": 54_120, "9.0": mode, "7.1.0": 23_400, "7.2.0": 2_147_483_647}
    records = [Record(f"{root}.{tail}", "", value) for tail, value in cells.items()]
    identified, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert identified.profile == "vertiv-netsure-ncu"
    assert readings.states["dcim_ups_output_source"] == source
    assert readings.values["dcim_env_temperature_celsius{sensor=1}"] == pytest.approx(23.4)
    assert readings.bad["dcim_env_temperature_celsius{sensor=2}"] == "sentinel"


@pytest.mark.parametrize("code", [27, 28])
async def test_output_states_of_later_apc_firmware_have_a_meaning(code: int) -> None:
    records = [Record("1.3.6.1.4.1.318.1.1.1.4.1.1.0", "", code), Record("1.3.6.1.4.1.318.1.1.1.2.1.1.0", "", 2)]
    identified, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert identified.profile == "apc-ups"
    assert readings.states["dcim_ups_output_source"] == "other"
