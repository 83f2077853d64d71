"""One row of a device's table: its labels, whether it counts, and the unit and scale that its cells tell."""

from fractions import Fraction

import pytest

from agent.profile import parse_profile
from agent.profile.normalising.cells import RawValue
from agent.profile.planning.planning_cells import planning_columns, planning_instances
from agent.profile.planning.rows import Row
from agent.profile.schema import (
    FromColumn,
    FromDevice,
    FromIndex,
    Joined,
    LabelSource,
    Source,
    Table,
    UnitBy,
    When,
)

A, B, C = "1.3.1.1", "1.3.1.2", "1.3.1.3"


def row(index: str = "7.4", role: str | None = None, **cells: RawValue) -> Row:
    """A row whose cells are given by the last letter of their column: `a=5` is the cell of column `A`."""
    columns = {"a": A, "b": B, "c": C}
    return Row(index, {f"{columns[name]}.{index}": value for name, value in cells.items()}, role)


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("L1", "L1"),
        ("two words", "two_words"),
        (FromIndex(index=1), "7"),
        (FromIndex(index=2), "4"),
        (FromIndex(index=-1), "4"),
        (FromIndex(index=-2), "7"),
        (FromIndex(index=3), None),
        (FromIndex(index=-3), None),
        (FromIndex(index=0), None),
        (FromIndex(index=1, map={7: "L2"}), "L2"),
        (FromIndex(index=2, map={7: "L2"}), None),
        (FromColumn(column=A), "Rack_7"),
        (FromColumn(column=B), "12"),
        # A device that does not have the column of names.
        (FromColumn(column=C), "7.4"),
        (Joined(join=["a", FromColumn(column=C)]), "a.7.4"),
        (FromColumn(column=B, map={12: "supply"}), "supply"),
        (FromColumn(column=B, map={13: "supply"}), None),
        (FromColumn(column=A, map={"Rack 7": "r7"}), "r7"),
        (FromColumn(column=C, map={12: "supply"}), None),
        (FromDevice(device="role", default="other"), "other"),
        (Joined(join=[FromIndex(index=1), FromColumn(column=B)]), "7.12"),
        (Joined(join=["x", FromIndex(index=8)]), None),
        (Joined(join=["a", FromColumn(column=A), FromIndex(index=-1)]), "a.Rack_7.4"),
    ],
)
def test_a_label_comes_from_a_text_the_index_a_column_or_the_device_or_is_missing(
    source: LabelSource, label: str | None
) -> None:
    assert row(a=b"Rack 7", b=12).label(source) == label


def test_a_label_of_text_is_one_that_can_be_a_label() -> None:
    assert row(a=b"  CPU \xc2\xb0C ").label(FromColumn(column=A)) == "CPU__C"
    assert row(a=b"   ").label(FromColumn(column=A)) == "7.4"
    assert row(a=b"").label(FromColumn(column=A)) == "7.4"
    assert row(a="12").label(FromColumn(column=A, map={12: "supply"})) == "supply"
    assert row(a=b" 12 ").label(FromColumn(column=A, map={12: "supply"})) == "supply"
    # Firmware that fills its texts up to their full length.
    assert row(a=b"CPU 1\0\0\0").label(FromColumn(column=A)) == "CPU_1"
    assert row(a=b"x" * 90).label(FromColumn(column=A)) == "x" * 64


@pytest.mark.parametrize("value", [1, 1.0, b"1", b" 01 \0", "1"])
def test_a_code_is_the_same_whether_it_is_sent_as_a_number_a_float_or_a_text(value: RawValue) -> None:
    """Other firmware of a family may send its codes in another type than the MIB says."""
    for code in (1, "1"):
        assert row(a=value).label(FromColumn(column=A, map={code: "supply"})) == "supply"
        assert row(a=value).unit_named(UnitBy(column=A, map={code: "volt"})) == "volt"
        assert row(a=value).holds(When.model_validate({"column": A, "in": [code]}))
    assert not row(a=value).holds(When.model_validate({"column": A, "in": [2, "on"]}))


def test_a_text_is_compared_without_regard_to_case_and_padding() -> None:
    for text in (b"Supply Air", b"SUPPLY AIR\0\0", b" supply air "):
        assert row(a=text).label(FromColumn(column=A, map={"Supply air": "supply"})) == "supply"


def test_the_users_name_for_a_role_takes_precedence() -> None:
    assert row(role="it").label(FromDevice(device="role", default="other")) == "it"
    assert Row("", {}, None).label(FromIndex(index=1)) is None


@pytest.mark.parametrize("text", [b"nan", b"inf", b"1e400"])
def test_a_cell_that_python_alone_takes_for_a_number_maps_to_nothing(text: bytes) -> None:
    assert row(a=text).label(FromColumn(column=A, map={1: "x"})) is None


def when(**condition: object) -> When:
    return When.model_validate(condition)


@pytest.mark.parametrize("text", [b"", b" \0"])
def test_blanks_are_no_text(text: bytes) -> None:
    assert not row(a=text).holds(when(column=A, contains=["*"]))
    assert row(a=text).holds(when(column=A, without=["*"]))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (when(column=A, **{"in": [5, 6]}), True),
        (when(column=A, **{"in": [6]}), False),
        (when(column=A, **{"in": ["5"]}), True),
        (when(column=B, **{"in": ["rms voltage"]}), True),
        (when(column=B, **{"in": ["voltage"]}), False),
        (when(column=B, **{"in": ["RMS Voltage"]}), True),
        (when(column=B, contains=["Volt"]), True),
        (when(column=B, contains=["amp", "volt"]), True),
        (when(column=B, contains=["amp"]), False),
        (when(column=B, contains=["*"]), True),
        (when(column=B, without=["*"]), False),
        (when(column=B, without=["amp"]), True),
        (when(column=B, without=["amp", "VOLT"]), False),
        (when(column=C, **{"in": [5]}), False),
        (when(column=C, **{"in": [5], "optional": True}), True),
        (when(column=C, contains=["x"]), False),
        (when(column=C, contains=["x"], optional=True), True),
        (when(column=C, without=["x"]), True),
        (when(index=1, **{"in": [7]}), True),
        (when(index=-1, **{"in": [7]}), False),
        (when(index=3, **{"in": [7]}), False),
        (when(oid="1.9.0", **{"in": [3]}), True),
        (when(oid="1.9.1", **{"in": [3]}), False),
    ],
)
def test_a_row_holds_when_all_of_its_conditions_do(condition: When, holds: bool) -> None:  # noqa: FBT001 - a parameter
    at = row(a=5, b=b" RMS Voltage\x00")
    at = Row(at.index, {**at.cells, "1.9.0": 3}, None)
    assert at.holds(condition) is holds
    assert at.holds([condition]) is holds
    assert at.holds([condition, when(column=A, **{"in": [5]})]) is holds
    assert at.holds([when(column=A, **{"in": [99]}), condition]) is False
    assert at.holds([]) is True


def source(**more: object) -> Source:
    return Source.model_validate({"oid": "1.2.3", **more})


@pytest.mark.parametrize(
    ("cell", "scale"),
    [
        (0, 1),
        (1, Fraction(1, 10)),
        (3, Fraction(1, 1000)),
        (-1, 1),
        (-8, 1),
        (-9, None),
        (b"2", Fraction(1, 100)),
        (20, Fraction(1, 10**20)),
        (21, None),
        (3_000_000, None),
        (2.0, Fraction(1, 100)),
        (1.5, None),
        (b"1.5", None),
        (float("inf"), None),
        (float("nan"), None),
        (2**31 - 1, None),
        (-(2**31), None),
        (b"nan", None),
        (b"two", None),
        (None, None),
    ],
)
def test_decimals_divide_by_a_power_of_ten_and_below_zero_count_accurate_digits(
    cell: RawValue, scale: Fraction | None
) -> None:
    assert row(a=cell).scale(source(decimals=A)) == scale


@pytest.mark.parametrize(
    ("cell", "scale"),
    [
        (0, 1),
        (1, 1),
        (10, 10),
        (-1, 1),
        (-10, Fraction(1, 10)),
        (-1000, Fraction(1, 1000)),
        (b"-100", Fraction(1, 100)),
        (10**18, 10**18),
        (10**18 + 1, None),
        (-(10**18) - 1, None),
        (b"inf", None),
        (float("-inf"), None),
        (-0.5, None),
        (None, None),
    ],
)
def test_a_scale_multiplies_or_divides_as_far_as_one_can_mean_it(cell: RawValue, scale: Fraction | None) -> None:
    assert row(a=cell).scale(source(varscale=A)) == scale


@pytest.mark.parametrize(
    ("cell", "scale"),
    [(-3, Fraction(1, 1000)), (0, 1), (6, 10**6), (20, 10**20), (-20, Fraction(1, 10**20)), (21, None), (-21, None)],
)
def test_an_exponent_is_a_power_of_ten_that_a_quantity_may_have(cell: RawValue, scale: Fraction | None) -> None:
    assert row(a=cell).scale(source(exponent=A)) == scale


@pytest.mark.parametrize(("cell", "scale"), [(1, 1), (10, Fraction(1, 10)), (0, None), (-10, None), (1.5, None)])
def test_a_divisor_is_above_zero(cell: RawValue, scale: Fraction | None) -> None:
    assert row(a=cell).scale(source(divisor=A)) == scale


def test_of_an_index_behind_a_name_the_end_is_kept() -> None:
    """Rows of one name differ in the last numbers of their indexes."""
    long = ".".join(["12345678"] * 4)
    labels = [Row(f"{long}.{at}", {}, None).unique_label("a" * 64) for at in (1, 2)]
    assert labels == [f"{'a' * 32}678.12345678.12345678.12345678.{at}" for at in (1, 2)]


def test_a_scale_without_a_cell_is_one_and_of_the_device_as_a_whole_has_no_index() -> None:
    assert row().scale(source()) == 1
    assert row().scale(source(decimals=A)) is None
    assert Row("", {A: 2}, None).scale(source(decimals=A)) == Fraction(1, 100)


def test_the_unit_is_the_sources_own_or_that_of_a_cell_or_of_an_instance() -> None:
    by_cell = source(unit_by={"column": A, "map": {7: "celsius", "degF": "fahrenheit"}})
    by_instance = source(unit_by={"oid": "1.9.0", "map": {1: "celsius", 2: "fahrenheit"}})
    assert row().unit(source(unit="volt")) == "volt"
    assert [row(a=cell).unit(by_cell) for cell in (7, b"7", b"DEGF\x00", 8, b"K")] == [
        "celsius",
        "celsius",
        "fahrenheit",
        None,
        None,
    ]
    assert [Row("4", {"1.9.0": cell}, None).unit(by_instance) for cell in (1, 2, 3)] == ["celsius", "fahrenheit", None]
    assert row().unit(by_cell) is None
    assert UnitBy(column=A, map={1: "volt"}).oid is None


def test_everything_that_planning_needs_is_walked_once_and_nothing_else() -> None:
    point = {"metric": "dcim_env_temperature_celsius", "oid": "1.5.9"}
    table = Table.model_validate(
        {
            "name": "sensors",
            "rows": ["1.5.9", "1.5.1"],
            "labels": {"sensor": {"join": ["x", {"column": "1.5.2"}]}, "position": {"column": "1.5.3"}},
            "when": {"column": "1.5.4", "in": [1]},
            "points": [
                {**point, "decimals": "1.5.5", "when": [{"column": "1.5.6", "in": [1]}, {"index": 1, "in": [1]}]},
                {**point, "labels": {"sensor": {"column": "1.5.7"}}, "varscale": "1.5.8"},
                {
                    **point,
                    "unit_by": {"column": "1.5.10", "map": {1: "celsius"}},
                    "fallback": [{"oid": "1.5.9", "decimals": "1.5.11"}],
                },
                {**point, "decimals": "1.5.1", "gate": {"column": "1.5.12", "in": [1]}},
            ],
        }
    )
    assert planning_columns(table) == sorted(f"1.5.{at}" for at in (2, 3, 4, 5, 6, 7, 8, 10, 11))


PLANNED = """
version: 1
profile: small
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {subtrees: [1.5.0]}
points:
  - metric: dcim_env_temperature_celsius
    labels: {sensor: a}
    oid: 1.5.9
    when: {oid: 1.6.1, in: [1]}
    decimals: 1.6.2
    unit_by: {oid: 1.6.3, map: {1: celsius}}
    fallback: [{oid: 1.5.8, unit: celsius, varscale: 1.6.4}]
tables:
  - name: sensors
    rows: 1.7.9
    labels: {sensor: {index: 1}}
    when: {oid: 1.6.5, in: [1]}
    points:
      - metric: dcim_env_temperature_celsius
        oid: 1.7.9
        decimals: 1.7.2
        when: [{oid: 1.6.6, in: [1]}, {column: 1.7.3, in: [1]}]
        unit_by: {oid: 1.6.7, map: {1: celsius}}
        fallback: [{oid: 1.7.8, unit_by: {column: 1.7.4, map: {1: celsius}}}]
"""


def test_every_instance_that_planning_needs_is_read() -> None:
    assert sorted(planning_instances(parse_profile(PLANNED, "small.yaml"))) == [f"1.6.{at}" for at in range(1, 8)]
