"""What speaks against a plan, and how often it is listened to; pure."""

import pytest

from agent.poll.replanning import Replanning
from agent.profile import ClassPlan, Plan, Slot
from rackflow.catalogue import catalogue


@pytest.mark.parametrize(("series", "pause_s"), [(1, 10.0), (2000, 10.0), (4000, 20.0)])
def test_a_marker_that_changes_has_a_large_plan_made_again_more_seldom(series: int, pause_s: float) -> None:
    """A plan of 20,000 series takes a thousand requests."""
    power = catalogue()["dcim_pdu_phase_power_watts"]
    slot = Slot(key=power.name, metric=power, decoders=(), gate=None, is_plain=True, low=0.0, high=1.0)
    replanning = Replanning()
    replanning.planned(Plan({"fast": ClassPlan((slot,) * series)}), ["m"], {"m": 1}, 0.0)
    replanning.marker_replanned_at = 1000.0
    assert [replanning.does_marker_ask("m", 2, 1000.0 + each) for each in (0.0, pause_s - 0.1, pause_s)] == [
        False,
        False,
        True,
    ]
    assert replanning.does_marker_ask("m", 2, 500.0), "the clock was set back, so nobody knows how long ago that was"
    assert not replanning.does_marker_ask("m", 1, 5000.0)


def test_a_device_is_opened_again_once_for_each_thing_that_it_tells() -> None:
    """What was news when it was opened again is none afterwards."""
    replanning = Replanning()
    less, full = Plan({"fast": ClassPlan(())}), Plan({"fast": ClassPlan(()), "slow": ClassPlan(())})
    replanning.planned(full, [], {}, 0.0)
    replanning.opened()

    def reason(now_s: float) -> str:
        return replanning.reason_to_reopen("", now_s, has_restarted=False)

    assert reason(0.0) == ""
    replanning.news = "firmware was '1' and is '2'"
    assert reason(100.0) == replanning.news
    replanning.opened()
    assert reason(200.0) == ""
    for at_s, plan in ((300.0, less), (400.0, full)):
        replanning.planned(plan, [], {}, at_s)
        assert reason(at_s) == "has gained or lost poll classes"
        replanning.opened()
        assert reason(at_s + 50.0) == ""
