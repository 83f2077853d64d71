"""A small campus as processes: an agent and its 413 simulated devices start at once, and are disturbed. See also `make campus`.

Judged by what must be so however late everything is: tests run on busy machines.
"""

from contextlib import ExitStack
from pathlib import Path

from agent.schedule import DOWN_AFTER_FAILURES
from benchmarks.campus import Campus
from tests.servers.waiting import wait_until

RACKS = 68
PATIENCE_S = 240.0
# Every so many devices one falls silent. These are polled often, to be found down soon; the others rarely, because how often they are
# polled is nothing to this test, and everything to its cost.
FLAPPING = 40
OFTEN = {"safety": 1.0, "fast": 1.0, "normal": 1.0}
RARELY = {"safety": 30.0, "fast": 30.0, "normal": 30.0}


def test_400_devices_need_two_dozen_plans_even_after_timeouts_and_returns(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        campus = Campus(tmp_path, RACKS, stack, 2.0, lambda number: RARELY if number % FLAPPING else OFTEN)
        campus.start(with_collector=False)
        campus.wait_until_up(PATIENCE_S)
        assert len(campus.devices) == 413
        # All of these devices have 22 plans between them: two for each family and its rows.
        plans = campus.reports.total("plans_total")
        assert 10 < plans < 40
        assert campus.reports.total("devices_waiting") == 0
        assert campus.reports.last["dcim_agent_loop_lag_seconds"] >= campus.reports.last["dcim_agent_loop_hold_seconds"]
        flapping = campus.devices[::FLAPPING]
        with campus.reports.devices(), campus.silent(flapping):
            wait_until(
                lambda: all(campus.reports.failed[device] > DOWN_AFTER_FAILURES for device in flapping),
                "silent devices are down and were opened again in vain",
                PATIENCE_S,
            )
        campus.wait_until_up(PATIENCE_S)
        assert campus.reports.total("plans_total") == plans
        campus.stop_agent()
        campus.start_agent()
        campus.wait_until_up(PATIENCE_S)
        assert campus.reports.total("plans_total") == plans
