"""Which numbers have their two registers in two requests, and when a carry may come between these. `test_torn_numbers.py` reads them."""

import pytest

from agent.modbus import RegisterValue, coalesce
from agent.poll.halves import Halves, halves_apart, may_carry
from agent.profile import ClassPlan, Decoder, RawValue, slot_of
from rackflow.catalogue import catalogue

METRICS = (
    "dcim_cdu_reported_heat_removed_watts",
    "dcim_cdu_supply_temperature_celsius",
    "dcim_cdu_return_temperature_celsius",
)


def part(addresses: dict[str, int], *numbers: tuple[str, str]) -> ClassPlan:
    """A class with these registers, and a number of each pair of references: of its low half, and of its high one or empty."""
    slots = tuple(
        slot_of(metric, catalogue()[metric], (Decoder(low, high=high),))
        for metric, (low, high) in zip(METRICS, numbers, strict=False)
    )
    values = [RegisterValue(ref, "holding", at, 1, "uint16", "big") for ref, at in addresses.items()]
    return ClassPlan(slots=slots, blocks=tuple(coalesce(values, 125, 8)))


def test_only_halves_in_two_requests_are_apart() -> None:
    assert halves_apart(part({"low": 100, "high": 109}, ("low", "high"))) == []
    assert halves_apart(part({"low": 100, "high": 500}, ("low", "high"))) == [Halves("high", "low", low_is_first=True)]
    assert halves_apart(part({"low": 500, "high": 100}, ("low", "high"))) == [Halves("high", "low", low_is_first=False)]
    assert halves_apart(part({"whole": 100, "other": 500}, ("whole", ""), ("other", ""))) == []


def test_each_number_is_named_once_whatever_is_made_of_it() -> None:
    addresses = {"low 2": 100, "low 1": 101, "high 2": 500, "high 1": 501}
    found = halves_apart(part(addresses, ("low 2", "high 2"), ("low 1", "high 1"), ("low 2", "high 2")))
    assert found == [Halves("high 1", "low 1", low_is_first=True), Halves("high 2", "low 2", low_is_first=True)]


@pytest.mark.parametrize(
    ("low", "is_near"),
    [(0, True), (4095, True), (4096, False), (61_439, False), (61_440, True), (65_535, True), (None, True)],
)
def test_a_carry_is_near_within_a_sixteenth_of_what_a_register_holds(low: RawValue, *, is_near: bool) -> None:
    assert may_carry(low) is is_near
