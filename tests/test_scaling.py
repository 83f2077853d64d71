"""The capacity model agrees with the simulation of agents, broker and collectors, which has random reconnections and a real queue."""

import dataclasses

import pytest

from benchmarks.scaling.model import Constants, Outage, Site, gentle_backlog_rate, needs, recovery
from benchmarks.scaling.simulate import RETRY_S, Simulation

STORM = Outage(agents=100, rate=10.0, backlog_rate=500.0, capacity=4000.0, seconds=120.0)
GENTLE = Outage(agents=100, rate=10.0, backlog_rate=30.0, capacity=4000.0, seconds=120.0)


@pytest.mark.parametrize("outage", [STORM, GENTLE], ids=["a storm", "a gentle backlog"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_model_says_when_everything_is_stored(outage: Outage, seed: int) -> None:
    model, simulated = recovery(outage), Simulation(outage, seed=seed).run()
    # The model has all agents reconnect at once. The last one does so up to 30 s later, and what has come meanwhile takes its time, too.
    late_s = RETRY_S[1] * (1 + outage.rate / outage.backlog_rate)
    assert model.drained_s * 0.95 <= simulated.drained_s <= model.drained_s + late_s


def test_a_storm_delays_live_messages_as_long_as_the_model_says_at_most() -> None:
    # Long enough that agents which reconnect seconds apart all send at the same time.
    storm = dataclasses.replace(STORM, seconds=1200.0)
    model, simulated = recovery(storm), Simulation(storm).run()
    assert model.live_delay_s == pytest.approx(282.0)
    assert model.live_delay_s * 0.8 <= simulated.live_delay_s <= model.live_delay_s


def test_at_the_gentle_rate_no_live_message_waits() -> None:
    rate = gentle_backlog_rate(STORM.agents, STORM.rate, STORM.capacity)
    assert rate == 30.0
    assert Simulation(GENTLE).run().live_delay_s < 1.0


def test_collectors_that_cannot_keep_up_with_live_messages_never_recover() -> None:
    with pytest.raises(ValueError, match=r"1000 messages/s are more than the 900/s"):
        recovery(Outage(agents=100, rate=10.0, backlog_rate=30.0, capacity=900.0, seconds=120.0))


def test_a_thousand_times_the_points_need_a_thousand_times_the_readings_and_storage() -> None:
    small, large = (needs(Site(points), Constants()) for points in (10_000, 10_000_000))
    assert large.readings_per_s == 1000 * small.readings_per_s
    assert large.store_bytes_a_year == 1000 * small.store_bytes_a_year
    assert (small.agents, large.agents) == (1, 834)


@pytest.mark.parametrize("agents", [10, 100])
def test_agents_that_go_by_what_they_hear_delay_live_messages_by_seconds(agents: int) -> None:
    """Ten agents could send 390 messages a second each, a hundred 30: they find the rate that all can have."""
    storm = dataclasses.replace(STORM, agents=agents, seconds=300.0)
    paced = Simulation(storm, is_paced=True).run()
    gentle = gentle_backlog_rate(storm.agents, storm.rate, storm.capacity)
    best = Simulation(dataclasses.replace(storm, backlog_rate=min(gentle, storm.backlog_rate))).run()
    assert paced.live_delay_s < 8.0
    assert paced.drained_s < 1.3 * best.drained_s + 15.0
