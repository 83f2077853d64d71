"""Rows whose names are equal, become equal when they are cut or cleaned, or are missing: each keeps its series."""

import pytest

from agent.profile import Plan, parse_profile, plan_device
from agent.profile.normalising.cells import RawValue
from rackflow.series import parse_series_key

ROOT = "1.3.6.1.4.1.99999"
PROFILE = parse_profile(
    f"""
version: 1
profile: named
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.1.1.1]}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{column: {ROOT}.1.2}}}}
    points:
      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.1.1, unit: celsius, when: {{column: {ROOT}.1.3, in: [1]}}}}
      - {{metric: dcim_env_relative_humidity_ratio, oid: {ROOT}.1.1, unit: percent, when: {{column: {ROOT}.1.3, in: [2]}}}}
      - metric: dcim_env_voltage_volts
        oid: {ROOT}.1.4
        unit: volt
        labels: {{sensor: {{join: [x, {{column: {ROOT}.1.5, map: {{1: one}}}}]}}}}
""",
    "named.yaml",
)
TEMPERATURE, HUMIDITY = "dcim_env_temperature_celsius", "dcim_env_relative_humidity_ratio"


def planned(names: dict[str, RawValue], kinds: dict[str, int] | None = None) -> Plan:
    cells: dict[str, RawValue] = {f"{ROOT}.1.3.{index}": (kinds or {}).get(index, 1) for index in names}
    cells |= {f"{ROOT}.1.2.{index}": name for index, name in names.items() if name is not None}
    return plan_device(PROFILE, {"sensors": list(names)}, cells, None)


def sensors(plan: Plan, metric: str = TEMPERATURE) -> list[str]:
    keys = [parse_series_key(slot.key) for part in plan.classes.values() for slot in part.slots]
    return [labels["sensor"] for name, labels in keys if name == metric]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ({"1": b"Temp", "2": b"Temp", "3": b"Other"}, ["Temp", "Temp.2", "Other"]),
        ({"1": "K\u00fcche".encode("latin-1"), "2": "K\u00e4che".encode("latin-1")}, ["K_che", "K_che.2"]),
        ({"1": "\u6e29".encode(), "2": "\u5ea6".encode(), "3": b"-"}, ["1", "2", "3"]),
        ({"1": "\u67dc1\u6e29".encode(), "2": "\u67dc1\u6e7f".encode()}, ["_1_", "_1_.2"]),
        ({"1": b"\0\0", "2": "\u6e29".encode("gb2312")}, ["1", "2"]),
        ({"1": b"x" * 70 + b"1", "2": b"x" * 70 + b"2"}, ["x" * 64, "x" * 62 + ".2"]),
        ({"1.7": b"T", "2.7": b"T"}, ["T", "T.2.7"]),
        ({"1": b"", "2": b" ", "3": None}, ["1", "2", "3"]),
        ({"1": b"2", "2": None}, ["2", "2.2"]),
        ({"1": b"a/b", "2": b"a/b", "3": b"a b", "4": b"a b"}, ["a/b", "a/b.2", "a_b", "a_b.4"]),
    ],
)
def test_rows_with_equal_names_are_distinguished_by_their_index(names: dict[str, RawValue], labels: list[str]) -> None:
    plan = planned(names)
    assert sensors(plan) == labels
    assert "duplicate" not in plan.left_out


def test_very_long_indexes_stay_unique_within_the_length_of_a_label() -> None:
    indexes = [f"{'65.' * 40}{row}" for row in (1, 2)]
    labels = sensors(planned(dict.fromkeys(indexes, b"n" * 80)))
    assert len(set(labels)) == 2
    assert {len(label) for label in labels} == {64}


def test_a_name_that_two_metrics_share_stays_as_it_is() -> None:
    plan = planned({"1": b"Inlet", "2": b"Inlet"}, {"1": 1, "2": 2})
    assert (sensors(plan), sensors(plan, HUMIDITY)) == (["Inlet"], ["Inlet"])


def test_equal_numbers_are_no_names_and_what_is_left_out_is_counted() -> None:
    plan = planned({"1": 7, "2": 7})
    assert sensors(plan) == ["7"]
    # Beside the second 7: the two rows of a point whose column of labels is missing.
    assert plan.left_out == {"duplicate": 1, "label": 2}
