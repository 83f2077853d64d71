"""Which numbers are not published before the cells of their scale were read in the same poll. Pure."""

import pytest

from agent.poll.jumps import Jumps
from agent.profile import ClassPlan, Plan, RawValue

# The number `a` has its decimals in the cell `scale`, which is not read with it.
PART = ClassPlan((), ("a",), scale_cells={"a": ("scale",)})
PLAN = Plan({"fast": PART})


@pytest.mark.parametrize(
    ("before", "now", "is_asked"),
    [
        (100, 199, False),
        (100, 200, False),
        (100, 50, False),
        (100, 51, False),
        (100, 201, True),
        (100, 49, True),
        (1, 2, False),  # one count of a coarse meter
        (1, 0, False),  # 0 is 0 in every scale
        (1, 3, True),
        (100, -100, True),
        (-100, -150, False),
        ("23.5", "24.0", False),
        ("24.0", "13.0", False),
        ("24.0", "12.0", False),
        ("24.0", "48.0", False),
        ("24.0", "11.0", True),
        ("2.35", "23.5", True),
        ("0.4", "1.4", False),  # one count of one that says so in a text
        ("0.4", "1.5", True),
        ("0.5", "1.5", False),
    ],
)
def test_the_scale_is_read_with_a_number_that_cannot_be_the_next_one(
    before: RawValue,
    now: RawValue,
    is_asked: bool,  # noqa: FBT001 - a case
) -> None:
    jumps = Jumps()
    jumps.begin(PLAN, {"a": before})
    assert jumps.jumped(PART, {"a": now}) == ({"a": ("scale",)} if is_asked else {})


@pytest.mark.parametrize("first", [100, 101])
def test_a_number_that_stays_or_changes_a_little_hides_no_jump_behind_it(first: int) -> None:
    jumps = Jumps()
    part = ClassPlan((), ("a", "b"), scale_cells={"a": ("scale.1",), "b": ("scale.2",)})
    jumps.begin(Plan({"fast": part}), {"a": 100, "b": 100})
    assert jumps.jumped(part, {"a": first, "b": 1000}) == {"b": ("scale.2",)}


def test_a_number_is_compared_with_the_last_one_that_its_scale_was_read_with() -> None:
    jumps = Jumps()
    jumps.begin(PLAN, {"a": 10})
    assert jumps.jumped(PART, {"a": 100})
    jumps.confirm("a", 100)
    assert not jumps.jumped(PART, {"a": 110})
    assert jumps.jumped(PART, {"a": 11})
    assert not jumps.jumped(PART, {"a": 0})
    assert jumps.jumped(PART, {"a": 11}), "an outage does not make the number before it unknown"


@pytest.mark.parametrize("steps", [(100, 190, 350, 600), ("10.0", "19.0", "35.0", "60.0")])
def test_a_number_that_rises_in_small_steps_is_compared_with_the_last_one(steps: tuple[RawValue, ...]) -> None:
    jumps = Jumps()
    first, *others = steps
    jumps.begin(PLAN, {"a": first})
    assert [bool(jumps.jumped(PART, {"a": each})) for each in others] == [False, False, False]
    assert jumps.jumped(PART, {"a": first})


def test_the_scale_is_read_with_the_first_number_and_with_one_that_comes_back() -> None:
    """Its row may belong to another sensor by then."""
    jumps = Jumps()
    jumps.begin(PLAN, {})
    assert jumps.jumped(PART, {"a": 100})
    jumps.confirm("a", 100)
    assert not jumps.jumped(PART, {})
    assert jumps.jumped(PART, {"a": 100})


def test_after_a_zero_the_number_goes_on_from_the_one_before() -> None:
    """An outlet is switched off and on."""
    jumps = Jumps()
    jumps.begin(PLAN, {"a": 100})
    assert [bool(jumps.jumped(PART, {"a": each})) for each in (0, 110)] == [False, False]


def test_after_a_silence_the_scale_is_read_with_the_number() -> None:
    jumps = Jumps()
    jumps.begin(PLAN, {"a": 100})
    jumps.forget()
    assert jumps.jumped(PART, {"a": 100})
