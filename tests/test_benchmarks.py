"""The budget fails where something got worse and says which function; a benchmark replaces its own section of the results only."""

import pytest

from benchmarks import results
from benchmarks.budget.__main__ import compare
from benchmarks.budget.measure import Figures

BEFORE = Figures(1_000_000, {"agent/a.py:poll": 600, "agent/a.py:plan": 400})


@pytest.mark.parametrize(
    ("now", "is_kept"),
    [
        (Figures(1_049_000, {"agent/a.py:poll": 600, "agent/a.py:plan": 400}), True),
        (Figures(1_051_000, {"agent/a.py:poll": 600, "agent/a.py:plan": 400}), False),
        (Figures(1_000_000, {"agent/a.py:poll": 600, "agent/a.py:plan": 451}), False),
        (Figures(500_000, {"agent/a.py:poll": 600}), True),
        # Another build of Python: its instructions say nothing.
        (Figures(None, {"agent/a.py:poll": 600, "agent/a.py:plan": 400}), True),
    ],
    ids=["a little worse", "more instructions", "more calls", "better", "instructions unknown"],
)
def test_a_budget_allows_5_percent_more_instructions_or_calls(now: Figures, *, is_kept: bool) -> None:
    assert compare("poll", BEFORE, now)[1] is is_kept


def test_the_functions_that_are_called_more_often_are_named_worst_first() -> None:
    now = Figures(1_200_000, {"agent/a.py:poll": 650, "agent/a.py:plan": 400, "agent/b.py:new": 300})
    lines, _ = compare("poll", BEFORE, now)
    assert lines == [
        "poll: 1350 calls (+35.0%), 1200000 instructions (+20.0%): over the budget",
        "    agent/b.py:new: 0 -> 300 calls",
        "    agent/a.py:poll: 600 -> 650 calls",
    ]


def test_a_benchmark_replaces_its_own_section_and_keeps_the_others() -> None:
    first = results.replace("", "A", "## A: polls\nold\n")
    both = results.replace(first, "page", "## page: a page\n| a |\n")
    new = results.replace(both, "A", "## A: polls\nnew\n")
    assert new == f"{results.HEADER}\n## A: polls\nnew\n\n## page: a page\n| a |\n"
