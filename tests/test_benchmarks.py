"""The budget fails where something got worse and says which function; a benchmark replaces its own section of the results only."""

import pytest

from benchmarks import results
from benchmarks.budget.__main__ import compare
from benchmarks.budget.measure import Figures
from benchmarks.many_devices import Polls
from rackflow.documents import Batch

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


def test_lateness_is_what_the_time_between_two_polls_differs_from_the_interval() -> None:
    polls = Polls()

    def polled(device: str, at_s: float, *, up: bool = True) -> None:
        polls.add(
            Batch(
                agent="bench-agent",
                epoch="e",
                seq=1,
                time=int(at_s * 1000),
                device=device,
                device_class="env",
                poll="fast",
                interval_s=10.0,
                duration_s=0.1,
                up=up,
                labels={"site": "bench"},
            )
        )

    for at_s in (0, 10, 20.4):
        polled("a", at_s)
    polled("b", 1)
    polls.begin()
    for at_s in (30, 40.7, 50):
        polled("a", at_s)
    polled("b", 11, up=False)
    assert polls.up == {"a", "b"}
    assert polls.late_s == {"a": [pytest.approx(0.4), pytest.approx(0.7), pytest.approx(0.7)]}
    assert polls.lateness({"a", "b"}).endswith("worst 700 ms, 1 with a failed poll")
