"""Repetitions of a Modbus point: each is complete by itself, with all places inside it at its own registers."""

from typing import Any

import pytest

from agent.profile.loading.expand import places_in, repeat_faults, repetitions, with_defaults
from agent.profile.schema import ModbusLimits, Point


def point(**keys: Any) -> Point:  # noqa: ANN401 - keys of a point, as in YAML
    return Point.model_validate({"metric": "dcim_pdu_outlet_power_watts", "repeat": {"outlet": "1-3"}, **keys})


def registers(one: Point) -> dict[str, int | None]:
    """The register of each place of a point."""
    return {name: place.register_ for name, place in places_in(one)}


@pytest.mark.parametrize(
    ("inside", "at"),
    [
        ({"plus": [{"register": 30, "step": 4}]}, "plus 1: "),
        ({"minus": [{"register": 30, "step": 4}]}, "minus 1: "),
        ({"fallback": [{"register": 30, "step": 4}]}, "fallback 1: "),
        ({"when": [{"register": 30, "step": 4, "in": [1]}]}, "when: "),
        ({"gate": {"register": 30, "step": 4, "in": [1]}}, "gate: "),
        ({"unit_by": {"register": 30, "step": 4, "map": {0: "watt"}}}, "unit_by: "),
        ({"cases": [{"is": 1, "register": 30, "step": 4, "in": [1]}]}, "case 1: "),
    ],
)
def test_each_place_moves_with_its_repetition(inside: dict[str, Any], at: str) -> None:
    """One that stayed behind would be that of the first outlet for all of them."""
    own = {} if "cases" in inside else {"register": 10, "step": 2}
    found = list(repetitions(point(**own, **inside)))
    assert [each.labels for each in found] == [{"outlet": "1"}, {"outlet": "2"}, {"outlet": "3"}]
    assert [registers(each)[at] for each in found] == [30, 34, 38]
    if own:
        assert [each.register_ for each in found] == [10, 12, 14]
    # It has a table and an order of its own, whatever profile it comes to.
    complete = with_defaults(found[0], ModbusLimits(table="input", order="little"))
    place = next(place for name, place in places_in(complete) if name == at)
    assert (place.table, place.order, place.type) == ("input", "little", "uint16")


def test_the_high_half_of_a_number_moves_with_the_low_one() -> None:
    found = repetitions(point(register=10, high=50, step=2))
    assert [(each.register_, each.high) for each in found] == [(10, 50), (12, 52), (14, 54)]


def test_bits_go_on_in_the_next_register_once_one_is_used_up() -> None:
    wide = point(register=10, type="uint32", bit=[24], bit_step=8)
    assert [(each.register_, each.bit) for each in repetitions(wide)] == [(10, (24,)), (12, (0,)), (12, (8,))]
    narrow = point(register=10, bit=[8], bit_step=8)
    assert [(each.register_, each.bit) for each in repetitions(narrow)] == [(10, (8,)), (11, (0,)), (11, (8,))]


def test_a_repetition_without_one_of_its_names_is_left_out() -> None:
    """Registers of a unit that is not described stand between those that are."""
    names = {"outlet": ["1", "", "3"], "inlet": ["A", "B", "C"]}
    found = repetitions(point(repeat=names, register=10, step=2))
    assert [(each.labels, each.register_) for each in found] == [
        ({"outlet": "1", "inlet": "A"}, 10),
        ({"outlet": "3", "inlet": "C"}, 14),
    ]


def test_what_a_place_says_itself_comes_before_the_defaults_of_its_profile() -> None:
    one = with_defaults(
        point(register=1, step=1, table="holding", type="int16", order="big"),
        ModbusLimits(table="input", order="little"),
    )
    assert (one.table, one.type, one.order) == ("holding", "int16", "big")


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"register": 65_530, "step": 2, "type": "uint32"}, ""),
        ({"register": 65_531, "step": 2, "type": "uint32"}, "the last repetition stands behind register 65535"),
        ({"register": 10, "bit": [12, 13], "bit_step": 2}, ""),
        ({"register": 10, "bit": [13, 14], "bit_step": 2}, "would stand in two registers"),
        ({"register": 10, "bit": [1, 0], "bit_step": 2}, ""),
        ({"register": 10, "bit": [1, 0], "bit_step": 15}, "would stand in two registers"),
        ({"register": 10, "step": 2, "labels": {"outlet": "7"}}, "outlet is among the labels, too"),
    ],
)
def test_a_repetition_that_reads_something_else_is_refused(keys: dict[str, Any], fault: str) -> None:
    one = point(**keys)
    said = list(repeat_faults(one, one.labels))
    assert [fault in each for each in said] == [True] * bool(fault)
