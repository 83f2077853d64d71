"""Readings of one recording that contradict the laws of electricity are explained by name; any other contradiction shows a wrong scale."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
import yaml

from collector.derive.engine.planner import Planner
from collector.derive.trust.contradictions import impossible_power, plan_meters
from collector.readings import Series, SeriesKeys
from rackflow.errors import DeviceError
from rackflow.series import parse_series_key
from tests.conformance.physics import FLOOR, components, contradictions
from tests.conformance.replayed import replayed
from tests.servers.captures import require_captures

LEAST_PHASES = 50
EXPLAINED: dict[str, dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("physics.yaml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def readings() -> dict[str, dict[str, float]]:
    """The values of every recording that is recognised."""

    async def all_of_them() -> dict[str, dict[str, float]]:
        found = {}
        for path in sorted((require_captures() / "snmp").glob("*/*.snmprec")):
            try:
                _, got = await replayed(path)
            except DeviceError:
                continue
            found[f"{path.parent.name}/{path.stem}"] = dict(got.values)
        return found

    return asyncio.run(all_of_them())


def test_every_contradiction_of_the_laws_of_electricity_is_explained(readings: dict[str, dict[str, float]]) -> None:
    found = {name: contradictions(values) for name, values in readings.items()}
    unexplained = {
        f"{name} {law}": figures
        for name, laws in found.items()
        for law, figures in laws.items()
        if law not in EXPLAINED.get(name, {})
    }
    assert not unexplained
    gone = {name: laws.keys() - found.get(name, {}).keys() for name, laws in EXPLAINED.items()}
    assert not any(gone.values()), gone


def of_recording(readings: dict[str, dict[str, float]], name: str, key: str) -> float | None:
    return readings[name].get(key)


def test_the_collector_distrusts_no_power_of_any_recording(readings: dict[str, dict[str, float]]) -> None:
    keys, phases = SeriesKeys(), 0
    for name, values in readings.items():
        known = {key: series for key in values if isinstance(series := keys.get(key), Series)}
        planner = Planner("site", {name: known}, {})
        for device_class in ("pdu", "ups", "meter"):
            for meter in plan_meters(planner, name, device_class):
                phases += len(meter.phases)
                assert [*impossible_power(meter, name, partial(of_recording, readings))] == [], name
    assert phases >= LEAST_PHASES


@pytest.mark.parametrize(("quantity", "least"), [("current_amperes", 24), ("voltage_volts", 24), ("power_watts", 24)])
@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_scale_that_is_wrong_by_ten_is_seen(
    readings: dict[str, dict[str, float]], quantity: str, least: int, factor: float
) -> None:
    """On every recording with volts, amperes and watts of one phase, and not on a handful of them."""
    seen = 0
    for name, values in readings.items():
        measured = [
            each
            for each in components(values).values()
            if each.has("voltage_volts", "current_amperes", "power_watts") and each.spans["power_watts"].low > 4 * FLOOR
        ]
        if not any("phase" in each.labels or each.level in {"pdu_outlet", "pdu_bank"} for each in measured):
            continue
        wrong = {
            key: value * factor if parse_series_key(key)[0].endswith(quantity) and "line_voltage" not in key else value
            for key, value in values.items()
        }
        assert contradictions(wrong).keys() - contradictions(values).keys(), name
        seen += 1
    assert seen >= least


W, VA, PU, UPS = "power_watts", "apparent_power_voltamperes", "dcim_pdu", "dcim_ups"


@pytest.mark.parametrize(
    ("values", "law"),
    [
        (
            {f"{PU}_phase_{W}{{phase=L1}}": 400.0, f"{PU}_input_{W}": 900.0},
            "pdu: the phases do not add up to the power",
        ),
        (
            {f"{PU}_input_{W}{{inlet=1}}": 500.0, f"{PU}_outlet_{W}{{outlet=1}}": 700.0},
            "pdu_outlet: together they take",
        ),
        (
            {f"{UPS}_output_voltage_volts{{phase=L1}}": 230.0, f"{UPS}_output_line_voltage_volts{{line=L1-L2}}": 231.0},
            "ups_output: the voltage between lines",
        ),
        ({f"dcim_meter_{W}": 1210.0, f"dcim_meter_{VA}": 1010.0}, "meter: more power than apparent power"),
        ({f"{PU}_outlet_energy_joules_total{{outlet=1}}": -5.0}, "a counter below zero"),
        (
            {f"{UPS}_rated_{VA}": 1000.0, f"{UPS}_output_total_load_ratio": 0.9, f"{UPS}_output_total_{VA}": 90.0},
            "ups_output: the load is more than the apparent power over its rating",
        ),
        (
            {f"{UPS}_output_{W}{{phase=L1}}": 500.0, f"{UPS}_input_current_amperes{{phase=L1}}": 0.0},
            "no current beside",
        ),
        (
            {f"dcim_meter_{W}": 3000.0, "dcim_meter_reactive_power_vars": 4000.0, f"dcim_meter_{VA}": 6000.0},
            "meter: power and reactive power do not make the apparent power",
        ),
        (
            {
                f"{UPS}_output_voltage_volts{{phase=L1}}": 230.0,
                f"{UPS}_output_current_amperes{{phase=L1}}": 10.0,
                f"{UPS}_output_total_{W}": 23_000.0,
            },
            "ups_output: more power than volts x amperes of the phases",
        ),
        (
            {
                "dcim_ats_source_voltage_volts{phase=L1,source=a}": 230.0,
                "dcim_ats_source_line_voltage_volts{line=L1-L2,source=a}": 230.0,
            },
            "ats_source,source=a: the voltage between lines",
        ),
        (
            {
                f"{UPS}_output_load_ratio{{phase=L1}}": 0.2,
                f"{UPS}_output_load_ratio{{phase=L2}}": 0.3,
                f"{UPS}_output_total_load_ratio": 0.5,
            },
            "ups_output: the load is not between the mean and the highest of its phases",
        ),
        (
            {f"{UPS}_input_{W}{{phase=L1}}": 100.0, f"{UPS}_output_{W}{{phase=L1}}": 500.0},
            "ups_input: less power than the output gives",
        ),
        (
            {f"{UPS}_rated_output_voltage_volts": 230.0, f"{UPS}_output_voltage_volts{{phase=L1}}": 23.0},
            "ups_output: a voltage far from the rated one",
        ),
        (
            {
                f"{PU}_phase_rated_current_amperes{{inlet=1,phase=L1}}": 16.0,
                f"{PU}_phase_current_amperes{{inlet=1,phase=L1}}": 8.0,
                f"{PU}_phase_load_ratio{{inlet=1,phase=L1}}": 0.05,
            },
            "pdu: the load is not current over rating",
        ),
        (
            {
                f"{PU}_input_energy_joules_total{{inlet=1}}": 3.6e9,
                f"{PU}_phase_energy_joules_total{{inlet=1,phase=L1}}": 3.6e8,
            },
            "the phases do not add up to the energy",
        ),
        (
            {
                "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}": 0.01,
                "dcim_cdu_supply_temperature_celsius{loop=secondary}": 30.0,
                "dcim_cdu_return_temperature_celsius{loop=secondary}": 40.0,
                "dcim_cdu_reported_heat_removed_watts{loop=secondary}": 41_700.0,
            },
            "cdu: the heat is not flow x rise of temperature",
        ),
    ],
)
def test_each_law_finds_what_breaks_it(values: dict[str, float], law: str) -> None:
    assert any(law in found for found in contradictions(values)), contradictions(values)
