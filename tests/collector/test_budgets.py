"""Token buckets, and whose budget counts."""

import contextlib

import pytest

from collector.budgets import AgentBudget, Buckets, Budgets
from collector.receive.owners import Owners
from rackflow import ContractError


def test_a_holder_begins_with_a_burst_and_gets_more_by_the_second() -> None:
    buckets = Buckets(burst=10.0, per_s=2.0)
    assert buckets.left("a", 0.0) == 10.0
    assert buckets.take("a", 10.0, 0.0), "all of it"
    assert not buckets.take("a", 0.1, 0.0)
    assert buckets.left("a", 1.5) == 3.0
    assert buckets.left("a", 100.0) == 10.0, "no more than the burst"
    assert buckets.left("b", 0.0) == 10.0, "each has its own"


def test_what_a_holder_cannot_pay_costs_nothing() -> None:
    buckets = Buckets(burst=10.0, per_s=2.0)
    assert buckets.take("a", 7.0, 0.0)
    assert not buckets.take("a", 4.0, 0.0)
    assert buckets.take("a", 3.0, 0.0)


@pytest.mark.parametrize(("cost", "left"), [(4.0, 8.0), (10.0, 2.0), (1000.0, 2.0)])
def test_what_has_happened_is_taken_and_nobody_owes_anything(cost: float, left: float) -> None:
    buckets = Buckets(burst=10.0, per_s=2.0)
    buckets.spend("a", cost, 0.0)
    assert buckets.left("a", 1.0) == left


def test_an_earlier_time_takes_nothing_away() -> None:
    buckets = Buckets(burst=10.0, per_s=2.0)
    buckets.take("a", 4.0, 100.0)
    assert buckets.left("a", 50.0) == 6.0


def test_an_agent_with_a_budget_of_its_own_has_no_other() -> None:
    common, own = AgentBudget(1, 2, 3), AgentBudget(4, 5, 6)
    budgets = Budgets(common, agents=10, sites=3, own={("s", "big"): own})
    assert (budgets.of(("s", "big")), budgets.of(("s", "other")), budgets.of(("t", "big"))) == (own, common, common)


def test_of_agents_beyond_the_limit_one_line_of_the_log_tells(caplog: pytest.LogCaptureFixture) -> None:
    """A flood of made-up names would push everything else out of the log."""
    owners = Owners(Budgets(AgentBudget(1, 2, 3), agents=2, sites=3))
    for number in range(20):
        with contextlib.suppress(ContractError):
            owners.admit_agent(("s", f"gw-{number}"), 1000)
    assert [owners.knows("s", f"gw-{number}") for number in range(3)] == [True, True, False]
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert "gw-2 is refused" in caplog.text
    assert "budgets.agents" in caplog.text
