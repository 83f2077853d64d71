"""The catalogue: everything that the field's list of metrics names, and the rules that its names keep."""

import csv
import re
from importlib.resources import files
from pathlib import Path

import pytest

from rackflow.catalogue import catalogue, compiled_catalogue, parse_catalogue, split_name
from rackflow.errors import ConfigError, ContractError
from rackflow.units import WIRE_UNITS


def test_every_unit_of_a_metric_can_come_from_the_wire() -> None:
    reachable = {unit.base for unit in WIRE_UNITS.values()}
    made_by_rackflow = {"bytes", "grams", "grams_per_kilowatt_hour", "cubic_meters_per_joule"}
    made_by_rackflow |= {"kilograms_per_kilowatt_hour", "liters_per_kilowatt_hour"}
    assert {metric.unit for metric in catalogue().values()} - made_by_rackflow <= reachable


def test_names_split_into_measurement_and_field_and_join_again() -> None:
    for metric in catalogue().values():
        assert f"{metric.measurement}_{metric.field}" == metric.name
    assert split_name("dcim_ups_output_power_watts") == ("dcim_ups", "output_power_watts")


@pytest.mark.parametrize("name", ["ups_power", "dcim_", "dcim_ups", "prom_ups_power_watts"])
def test_a_name_that_is_not_the_fields_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match="is not dcim_"):
        split_name(name)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("type: gauge\n    unit: watts\n    help: h", "does not end in its unit"),
        ("type: counter\n    help: h", "names of counters, and only those, must end in _total"),
        ("type: state\n    help: h", "`states` must be given for type state, and only for it"),
        (
            "type: gauge\n    help: h\n    label_values: {phase: [L1]}",
            "`label_values` for labels that are not in `labels`",
        ),
        ("type: gauge\n    help: h\n    colour: red", "unknown field `colour`"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(entry: str, message: str) -> None:
    text = f"version: 1\nmetrics:\n  dcim_ups_thing:\n    section: s\n    poll: fast\n    tier: core\n    {entry}\n"
    with pytest.raises(ContractError, match=message):
        parse_catalogue(text)


def test_a_metric_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:4: key 'dcim_a_b' is given twice"):
        parse_catalogue("version: 1\nmetrics:\n  dcim_a_b: {}\n  dcim_a_b: {}\n", "c.yaml")


def test_a_scale_wrong_by_ten_is_found_for_every_alternating_voltage() -> None:
    """100 to 480 V a tenth or ten times as large are outside what is expected, so no device's wrong scale passes."""
    direct = ("battery", "dc_bus", "env_voltage", "rated")
    voltages = [each for each in catalogue().values() if each.unit == "volts" and not each.derived]
    for metric in (each for each in voltages if not any(word in each.name for word in direct)):
        for volts in (100, 120, 230, 277, 400, 480):
            assert any(low <= volts <= high for low, high in metric.expect), metric.name
            assert not any(low <= volts / 10 <= high for low, high in metric.expect), metric.name


def test_plausibility_knows_open_ends_and_gaps() -> None:
    frequency = catalogue()["dcim_ups_input_frequency_hertz"]
    assert not frequency.plausible(0.0)
    assert frequency.plausible(49.9)
    assert not frequency.plausible(10.0)
    assert catalogue()["dcim_meter_energy_joules_total"].plausible(1e18)
    assert not catalogue()["dcim_meter_energy_joules_total"].plausible(-1.0)


def test_all_metrics_of_the_reference_are_there(captures: Path) -> None:
    with (captures.parent / "reference" / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics = catalogue()
    assert len(rows) > 150
    for row in rows:
        metric = metrics[row["name"]]
        assert metric.type == {"state-set": "state"}.get(row["type"], row["type"])
        assert metric.tier == {"C": "core", "E": "extended"}[row["tier"]]
        # The catalogue may tell states apart that the reference has as one.
        if metric.states and (found := re.search(r"state=([a-z_|]+)", row["labels"])):
            assert set(found[1].split("|")) <= set(metric.states)


def test_the_compiled_catalogue_says_what_the_file_says_and_is_not_used_for_another_text() -> None:
    text = files("rackflow").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    assert parse_catalogue(text) == catalogue()
    compiled = files("rackflow").joinpath("catalogue.json").read_text(encoding="utf-8")
    assert compiled_catalogue(text) == compiled
    assert compiled_catalogue(f"{text}\n").partition("\n")[0] != compiled.partition("\n")[0]
