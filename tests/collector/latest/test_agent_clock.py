"""Which messages of an agent are backlog, whatever its clock says."""

import pytest

from collector.latest.agent_clock import AgentClock
from tests.collector.documents import batch


def late(clock: AgentClock, seq: int, delay_s: float, now: float) -> float:
    clock.note(batch(seq=seq), delay_s, now)
    return clock.lateness_s(delay_s)


def test_a_clock_that_is_behind_makes_nothing_stale_once_it_is_certain() -> None:
    clock = AgentClock()
    assert late(clock, 1, 3600.1, 100.0) == pytest.approx(3600.1)
    lateness = [late(clock, seq, 3600.1 + seq % 3 / 10, 100.0 + seq) for seq in range(2, 40)]
    assert lateness[0] > 3600
    assert lateness[-1] == pytest.approx(0.0, abs=0.5)
    # The clock is set right: at once nothing is late.
    assert late(clock, 40, 0.1, 141.0) == pytest.approx(0.1)


def test_what_a_broker_held_for_an_hour_is_late_to_the_end() -> None:
    """A message a second was made and is delivered fifty times as fast; then comes what is live."""
    clock = AgentClock()
    for seq in range(3600):
        now = seq / 50
        assert late(clock, seq + 1, 3600.0 - seq + now, now) > 60 or seq > 3500
    assert late(clock, 3601, 0.1, 80.0) == pytest.approx(0.1)


def test_backlog_beside_what_is_live_stays_late() -> None:
    clock = AgentClock()
    for step in range(60):
        assert late(clock, 1000 + step, 0.2, float(step)) == pytest.approx(0.2)
        assert late(clock, 10 + step, 900.0, float(step)) == pytest.approx(900.0)
