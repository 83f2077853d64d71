"""A small campus as processes: agent, broker, collector and simulated devices start at once, and are disturbed. See also `make campus`."""

from contextlib import ExitStack
from pathlib import Path

from benchmarks.campus import Campus

RACKS = 68


def test_400_devices_settle_after_a_start_of_everything_while_others_flap_and_after_the_agents_restart(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        campus = Campus(tmp_path, RACKS, stack, report_s=4.0)
        campus.start()
        campus.settle()
        assert len(campus.devices) == 401
        # All of these devices have 22 plans between them: two for each family and its rows.
        assert campus.reports.total("plans_total") < 40
        assert campus.reports.total("devices_waiting") == 0
        flapping = campus.devices[::10]
        plans = campus.reports.total("plans_total")
        with campus.silent(flapping):
            campus.watch(4.0, flapping)
            assert {device for device in flapping if campus.reports.failed[device]}
        campus.settle()
        assert campus.reports.total("plans_total") == plans  # a timeout is no reason to plan
        campus.stop_agent()
        campus.reports.last = {}
        campus.start_agent()
        campus.settle()
        assert campus.reports.up == len(campus.devices)
        assert "dcim_agent_loop_lag_seconds" in campus.reports.last
