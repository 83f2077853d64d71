"""Single parts of the power path and of a CDU: what holds over time, and in modes that a settled site is not in."""

from pathlib import Path

import pytest

from rackflow.site import load_site
from simulator.world import World
from simulator.world.battery import Battery
from simulator.world.cdu import CUT_IN_C, CUT_OUT_C, PUMPS, TAKEOVER_S
from simulator.world.supply import Feed
from simulator.world.ups import RETRANSFER_S, Ups

SITES = Path(__file__).resolve().parents[3] / "simulator" / "sites"
MAINS = [230.0, 230.0, 230.0]
DARK = [0.0, 0.0, 0.0]


def ups() -> Ups:
    return Ups("u", 10_000.0, 230.0, Battery(10_000.0, {10_000.0: 600.0}, 240.0))


def pass_time(one: Ups, input_volts: list[float], seconds: int) -> list[str]:
    """The modes of these seconds."""
    found = list[str]()
    for _ in range(seconds):
        one.supply(input_volts, 1.0)
        one.carry([1000.0, 2000.0, 3000.0], 1.0)
        found.append(one.mode)
    return found


def test_an_unsteady_input_leaves_a_ups_on_battery_until_it_has_been_good_for_long_enough() -> None:
    one = ups()
    assert set(pass_time(one, MAINS, 5)) == {"normal"}
    for _ in range(10):
        assert set(pass_time(one, DARK, 1) + pass_time(one, MAINS, 5)) == {"battery"}
    assert one.input_faults == 10
    steady = pass_time(one, MAINS, int(RETRANSFER_S))
    assert (steady[0], steady[-1]) == ("battery", "normal")


def test_an_outage_is_one_fault_of_the_input_however_long_it_lasts() -> None:
    one = ups()
    pass_time(one, MAINS, 5)
    pass_time(one, DARK, 30)
    assert one.input_faults == 1
    assert one.on_battery_s == 30.0


@pytest.mark.parametrize("input_volts", [MAINS, [230.0, 0.0, 230.0]])
def test_on_bypass_a_ups_takes_what_it_gives_and_its_losses(input_volts: list[float]) -> None:
    one = ups()
    one.forced_bypass = True
    assert set(pass_time(one, input_volts, 3)) == {"bypass"}
    assert one.loss_w > 0
    assert sum(one.input_w) == pytest.approx(6000.0 + one.loss_w, rel=1e-12)


def test_on_battery_the_current_leaves_the_cells_and_afterwards_it_comes_back() -> None:
    one = ups()
    pass_time(one, MAINS, 1)
    pass_time(one, DARK, 60)
    assert one.battery.current_a < 0
    assert one.battery.terminal_volts * one.battery.current_a == pytest.approx(-(6000.0 + one.loss_w))
    assert sum(one.input_w) == 0
    pass_time(one, MAINS, 60)
    assert one.battery.current_a > 0


def test_each_outage_waits_for_its_generator_again() -> None:
    section = next(iter(load_site(SITES / "edge.yaml").feeds.values())).model_copy(update={"backup_start_s": 10.0})
    feed = Feed(section, 230.0, 1)

    def first_volts(*, mains: bool) -> int | None:
        """Seconds until there is voltage."""
        feed.mains = mains
        return next((second for second in range(1, 60) if max(feed.advance(second, 1.0)) > 0), None)

    assert [first_volts(mains=each) for each in (True, False, True, False)] == [1, 11, 1, 11]


def test_pumps_that_were_too_hot_start_again_only_when_it_is_clearly_cooler() -> None:
    cdu = next(iter(World(load_site(SITES / "ai-hall.yaml"), seed=1).cdus.values()))
    states = []
    for celsius in (CUT_OUT_C + 1, CUT_OUT_C - 1, CUT_IN_C + 1, CUT_IN_C - 1, CUT_OUT_C - 1):
        cdu.control_pumps(200e3, celsius, 1.0, live=True)
        states.append(cdu.cut_out)
    assert states == [True, True, True, False, False]


def test_a_standby_pump_takes_its_time_at_each_failure() -> None:
    cdu = next(iter(World(load_site(SITES / "ai-hall.yaml"), seed=1).cdus.values()))

    def seconds_short(failed: int, before_s: int) -> int:
        for _ in range(before_s):
            cdu.control_pumps(200e3, 40.0, 1.0, live=True)
        cdu.failed_pumps = {failed}
        for second in range(60):
            cdu.control_pumps(200e3, 40.0, 1.0, live=True)
            if len(cdu.running) == cdu.pumps_required:
                return second + 1
        return 60

    assert cdu.running == set(PUMPS[: cdu.pumps_required])
    for failed in (*PUMPS, *PUMPS):
        if failed in cdu.running:
            assert seconds_short(failed, before_s=30) == TAKEOVER_S
    for failed in (*PUMPS, *PUMPS):  # the next one in the moment in which the former has been replaced
        if failed in cdu.running:
            assert seconds_short(failed, before_s=0) == TAKEOVER_S
