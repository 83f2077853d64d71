"""Racks and feeds: figures worked out by hand from the site of hall.yaml, k = 0.8, 230 V."""

import pytest

from collector.derive.power.battery import Battery
from collector.derive.site_plan import Settings
from rackflow.site import Battery as SiteBattery
from rackflow.site import Site
from tests.collector.derive.hall import Readings, hall


def loaded(site: Site | None = None, settings: Settings | None = None) -> Readings:
    """Rack a1 takes 10 A on A and 12 A on B; a2 takes 2 x 30/40/20 A on A and 2 x 20 A on B."""
    readings = Readings(site, settings)
    readings.currents("pdu-a1-a", 10.0)
    readings.currents("pdu-a1-b", 12.0)
    for pdu in ("pdu-a2-a1", "pdu-a2-a2"):
        readings.currents(pdu, 30.0, 40.0, 20.0)
    for pdu in ("pdu-a2-b1", "pdu-a2-b2"):
        readings.currents(pdu, 20.0, 20.0, 20.0)
    for ups, watts in (("ups-a1", 30_000.0), ("ups-a2", 30_000.0), ("ups-b", 55_000.0)):
        values = {"ups_output_total_power_watts": watts, "ups_battery_charge_ratio": 1.0}
        readings.take(ups, values | {"ups_battery_runtime_seconds": 600.0}, device_class="ups")
    return readings


def test_rack_power_is_that_of_all_its_feeds() -> None:
    power = loaded().values("rack_power_watts")
    assert power == {"rack=a1": pytest.approx(22 * 230), "rack=a2": pytest.approx((180 + 120) * 230)}
    assert loaded().values("rack_power_utilisation_ratio")["rack=a1"] == pytest.approx(22 * 230 / 8000)


def test_headroom_is_measured_against_the_continuous_limit() -> None:
    # 0.8 * 32 A = 25.6 A; the PDU's own L1 is the supply's L2
    headroom = loaded().values("pdu_phase_headroom_amperes")
    assert headroom["rack=a1,feed=A,device=pdu-a1-a,phase=L2"] == pytest.approx(15.6)
    assert headroom["rack=a2,feed=A,device=pdu-a2-a2,phase=L2"] == pytest.approx(0.8 * 63 - 40)


def test_a_rack_survives_a_feed_when_the_other_carries_both() -> None:
    load = loaded().values("rack_feed_loss_load_ratio")
    assert load["rack=a1,feed=A,phase=L2"] == pytest.approx(22 / 25.6)
    # a2 without A: (2*40 + 2*20) / (0.8 * 250); without B the same current meets 0.8 * (125 + 63)
    assert load["rack=a2,feed=A,phase=L2"] == pytest.approx(120 / 200)
    assert load["rack=a2,feed=B,phase=L2"] == pytest.approx(120 / (0.8 * 188))
    assert set(loaded().values("rack_survives_feed_loss").values()) == {1.0}


def test_a_rack_above_the_limit_of_the_feed_that_stays_does_not_survive() -> None:
    readings = loaded()
    readings.currents("pdu-a1-b", 16.0, now=100.5)  # 10 + 16 A against 25.6 A
    survives = readings.values("rack_survives_feed_loss")
    assert survives["rack=a1,feed=A,phase=L2"] == 0.0
    assert survives["rack=a1,feed=B,phase=L2"] == 0.0
    assert survives["rack=a2,feed=A,phase=L2"] == 1.0
    assert readings.values("site_survives_feed_loss") == {"feed=A": 0.0, "feed=B": 0.0}
    assert readings.values("site_racks_lost_on_feed_loss") == {"feed=A": 1.0, "feed=B": 1.0}


def test_a_supply_without_voltage_takes_nothing_over() -> None:
    readings = loaded()
    readings.take("pdu-a1-b", {"pdu_phase_voltage_volts{inlet=1,phase=L1}": 0.0})
    survives = readings.values("rack_survives_feed_loss")
    assert survives["rack=a1,feed=A,phase=L2"] == 0.0
    assert survives["rack=a1,feed=B,phase=L2"] == 1.0


def test_of_several_pdus_on_the_feed_that_stays_each_must_have_voltage() -> None:
    readings = loaded()
    for pdu, volts in (("pdu-a2-b1", (0.0, 231.0)), ("pdu-a2-b2", (230.0, 229.0))):
        measured = {f"pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": each for at, each in enumerate(volts, 1)}
        readings.take(pdu, measured)
    survives = readings.values("rack_survives_feed_loss")
    assert survives["rack=a2,feed=A,phase=L1"] == 0.0
    assert survives["rack=a2,feed=A,phase=L2"] == 1.0


def test_a_new_plan_amid_a_load_step_keeps_no_values_of_the_one_before() -> None:
    """A sum keeps its value until all PDUs of the rack were read. A new CDU brings a new plan, in which the values have other slots."""
    readings = loaded()
    assert readings.values("rack_power_watts")["rack=a2"] == pytest.approx(300 * 230)
    readings.currents("pdu-a2-b1", 40.0, 40.0, 40.0, now=105.0)
    assert readings.values("rack_power_watts", 106.0)["rack=a2"] == pytest.approx(300 * 230)
    for cdu in ("cdu-1", "cdu-2"):
        measured = {"cdu_heat_removed_watts{loop=secondary}": 60_000.0, "cdu_power_watts": 900.0}
        readings.take(cdu, measured, 107.0, device_class="cdu")
    assert readings.values("rack_power_watts", 108.0)["rack=a2"] == pytest.approx(360 * 230)


def test_a_single_poll_that_failed_leaves_the_sums_as_they_are_and_two_in_a_row_do_not() -> None:
    readings = loaded()
    readings.take("pdu-a2-b1", {}, 103.0, up=False)
    assert readings.values("rack_power_watts", 104.0)["rack=a2"] == pytest.approx(300 * 230)
    readings.take("pdu-a2-b1", {}, 113.0, up=False)
    assert readings.values("rack_power_watts", 114.0)["rack=a2"] is None


def test_a_rack_on_one_feed_falls_with_it() -> None:
    site = hall(("  - {id: pdu-a1-b, rack: a1, from: row-b, breaker_a: 32, phases: [L2]}\n", ""))
    readings = Readings(site)
    readings.currents("pdu-a1-a", 10.0)
    survives = readings.values("rack_survives_feed_loss")
    assert survives["rack=a1,feed=A,phase=L2"] == 0.0
    assert "rack=a1,feed=B,phase=L2" not in survives
    assert readings.values("site_survives_feed_loss")["feed=A"] == 0.0


def test_single_phases_hand_over_to_each_other_and_unlike_sets_are_unknown() -> None:
    crossed = hall(("from: row-b, breaker_a: 32, phases: [L2]", "from: row-b, breaker_a: 32, phases: [L3]"))
    readings = Readings(crossed)
    readings.currents("pdu-a1-a", 10.0)
    readings.currents("pdu-a1-b", 12.0)
    assert readings.values("rack_feed_loss_load_ratio")["rack=a1,feed=A,phase=L2"] == pytest.approx(22 / 25.6)
    unlike = hall(("from: row-b, breaker_a: 32, phases: [L2]", "from: row-b, breaker_a: 32, phases: [L2, L3]"))
    readings = Readings(unlike)
    readings.currents("pdu-a1-a", 10.0)
    readings.currents("pdu-a1-b", 12.0, 3.0)
    found = readings.figures()["rack_feed_loss_load_ratio{rack=a1,feed=B,phase=L3}"]
    assert found.value is None
    assert found.missing == ("site file: rack a1 is on phase L3 of feed B, feed A reaches it on L2 only",)


def test_a_silent_pdu_makes_its_racks_figures_unknown_and_names_it() -> None:
    readings = loaded()
    readings.currents("pdu-a1-b", 12.0, now=90.0)  # an older poll does not renew it
    figures = readings.figures(now=131.0)
    survives = figures["rack_survives_feed_loss{rack=a1,feed=A,phase=L2}"]
    assert survives.value is None
    assert survives.share == 0.0
    current = "pdu_phase_current_amperes{inlet=1,phase=L1}"
    silent = "agent gw is silent"
    assert survives.missing == (f"pdu-a1-a {current}: {silent}", f"pdu-a1-b {current}: {silent}")
    readings.currents("pdu-a1-a", 10.0, now=131.0)
    survives = readings.figures(now=132.0)["rack_survives_feed_loss{rack=a1,feed=A,phase=L2}"]
    assert (survives.value, survives.share, survives.missing) == (
        None,
        0.5,
        (f"pdu-a1-b {current}: agent gw says nothing about it",),
    )


def test_a_pdu_that_fails_two_polls_in_a_row_counts_no_more() -> None:
    readings = loaded()
    before = readings.values("rack_power_watts")["rack=a1"]
    readings.take("pdu-a1-a", {}, 102.0, up=False)  # one answer may get lost
    assert readings.values("rack_power_watts", now=103.0)["rack=a1"] == before
    readings.take("pdu-a1-a", {}, 107.0, up=False)
    figure = readings.figures(now=108.0)["rack_power_watts{rack=a1}"]
    assert (figure.value, figure.missing) == (None, ("pdu-a1-a pdu_input_power_watts{inlet=1}: does not answer",))
    readings.currents("pdu-a1-a", 10.0, now=112.0)
    assert readings.values("rack_power_watts", now=113.0)["rack=a1"] is not None


def test_what_certainly_falls_decides_for_the_site_whatever_is_unknown() -> None:
    readings = Readings()
    readings.currents("pdu-a1-a", 20.0)
    readings.currents("pdu-a1-b", 12.0)
    assert readings.values("site_survives_feed_loss") == {"feed=A": 0.0, "feed=B": 0.0}
    readings.currents("pdu-a1-b", 1.0, now=100.5)
    assert readings.values("site_survives_feed_loss") == {"feed=A": None, "feed=B": None}
    assert readings.values("site_racks_lost_on_feed_loss") == {"feed=A": None, "feed=B": None}


def test_ups_in_parallel_are_redundant_while_the_largest_may_go() -> None:
    margin = loaded().values("ups_redundancy_margin_watts")
    assert margin == {"feed=A,group=ups-a1+ups-a2": 200_000 - 100_000 - 60_000}  # ups-b has nobody beside it


def test_the_other_feeds_ups_and_panels_inherit_the_load() -> None:
    readings = loaded()
    on_a = (10 + 180) * 230
    load = readings.values("ups_feed_loss_load_ratio")
    assert load["feed=A,group=ups-b"] == pytest.approx((55_000 + on_a) / 200_000)
    assert load["feed=B,group=ups-a1+ups-a2"] == pytest.approx((60_000 + (12 + 120) * 230) / 200_000)
    panels = readings.values("panel_feed_loss_load_ratio")
    # row-b without A, L2: 12 + 2*20 of its own and 10 + 2*40 inherited, against 0.8 * 400
    assert panels["feed=A,panel=row-b,phase=L2"] == pytest.approx(142 / 320)
    assert panels["feed=B,panel=main-a,phase=L2"] == pytest.approx(142 / (0.8 * 630))
    assert readings.values("site_survives_feed_loss") == {"feed=A": 1.0, "feed=B": 1.0}


@pytest.mark.parametrize(
    ("load_w", "seconds"),
    [(100_000, 300.0), (50_000, 840.0), (25_000, 2352.0), (70_710.678, 501.996)],
)
def test_runtime_follows_the_power_law_of_the_data_sheet(load_w: float, seconds: float) -> None:
    # k = ln(840/300)/ln 2 = 1.4854: each halving of the load gives 2.8 times the time, sqrt(2) gives sqrt(2.8)
    battery = Battery({100_000: 300, 50_000: 840})
    assert battery.runtime_s(load_w, 1.0) == pytest.approx(seconds, rel=1e-4)
    # 0.5 - 0.2 of its capacity is left: as a whole battery at the load over 0.3
    assert battery.runtime_s(load_w, 0.5, 0.8) == pytest.approx(0.3**1.4854268 * seconds, rel=1e-4)


def test_what_age_has_taken_is_missing_at_the_end() -> None:
    battery = Battery({100_000: 300, 50_000: 840}, health=0.7)
    assert battery.runtime_s(50_000, 0.3) == battery.runtime_s(0.0, 0.2) == 0.0
    assert battery.runtime_s(50_000, 1.0, 1.3) == pytest.approx(840)


def test_on_battery_it_lasts_no_longer_than_from_full_less_what_has_gone_by() -> None:
    battery = Battery({100_000: 300, 50_000: 840})
    assert battery.runtime_s(100_000, 0.5, None, 280.0) == pytest.approx(20)
    assert battery.runtime_s(100_000, 0.5, None, 400.0) == 0.0


def test_one_runtime_of_the_data_sheet_uses_the_peukert_exponent() -> None:
    assert Battery({100_000: 300}).runtime_s(50_000, 1.0) == pytest.approx(300 * 2**1.2)
    assert Battery({100_000: 300}).runtime_s(0.0, 1.0) == 86_400.0


SHEET = "battery: {runtimes: {100000: 300, 50000: 840}, health: 0.9, installed: 2024-03-01}"
WITH_SHEET = ("id: ups-a1, from: [A], ", f"id: ups-a1, from: [A], {SHEET}, ")


def test_autonomy_stands_beside_the_claim_and_the_margin_takes_the_shorter() -> None:
    readings = loaded(hall(WITH_SHEET))
    seconds = 300 * (0.9 * 100 / 30) ** 1.4854268
    figures = readings.figures()
    place = "{feed=A,device=ups-a1}"
    assert figures[f"ups_modelled_runtime_seconds{place}"].value == pytest.approx(seconds)
    assert figures[f"ups_runtime_optimism_ratio{place}"].value == pytest.approx(600 / seconds - 1)
    assert figures[f"ups_runtime_margin_seconds{place}"].value == pytest.approx(600 - 30)
    other = figures["ups_modelled_runtime_seconds{feed=A,device=ups-a2}"]
    assert other.value is None
    assert other.missing == ("site file: ups-a2 has no battery with runtimes",)


def test_what_the_configuration_says_of_a_battery_goes_before_the_site_file() -> None:
    settings = Settings(batteries={"ups-a1": SiteBattery(runtimes={100_000: 300, 50_000: 840})})
    for site, health in ((hall(), 1.0), (hall(WITH_SHEET), 1.0)):
        found = loaded(site, settings).values("ups_modelled_runtime_seconds")["feed=A,device=ups-a1"]
        assert found == pytest.approx(health * 300 * (100 / 30) ** 1.4854268)


def test_what_the_ups_says_of_its_battery_goes_before_the_site_file() -> None:
    metric, place = "ups_battery_installed_timestamp_seconds", "feed=A,device=ups-a1"
    readings = loaded(hall(WITH_SHEET))
    assert readings.values(metric) == {place: 1_709_251_200.0}  # 2024-03-01 00:00 UTC
    modelled = readings.values("ups_modelled_runtime_seconds")[place]
    assert modelled is not None
    readings.take("ups-a1", {metric: 1.7e9, "ups_battery_health_ratio": 0.45}, device_class="ups")
    assert readings.values(metric, now=102.0) == {}
    assert readings.values("ups_modelled_runtime_seconds", now=102.0)[place] == pytest.approx(modelled * 0.5**1.4854268)


def test_a_ups_that_states_no_runtime_has_a_margin_by_its_model() -> None:
    place = "feed=A,device=ups-a1"
    readings = Readings(hall(WITH_SHEET))
    said = {"ups_output_total_power_watts": 30_000.0, "ups_battery_charge_ratio": 1.0}
    readings.take("ups-a1", said, device_class="ups")
    modelled_s = readings.values("ups_modelled_runtime_seconds")[place]
    assert modelled_s is not None
    assert readings.values("ups_runtime_margin_seconds")[place] == modelled_s - 30
    readings.take("ups-a1", said | {"ups_battery_runtime_seconds": 90.0}, 102.0, device_class="ups")
    assert readings.values("ups_runtime_margin_seconds", 102.0)[place] == 90 - 30


def test_on_bypass_nobody_knows_whether_the_battery_would_take_over() -> None:
    readings = loaded(hall(WITH_SHEET))
    key = "ups_runtime_margin_seconds{feed=A,device=ups-a1}"
    readings.take("ups-a1", {"ups_output_source": "normal"}, 100.1, device_class="ups")
    before = readings.figures()[key].value
    assert before is not None
    readings.take("ups-a1", {"ups_output_source": "bypass"}, 100.2, device_class="ups")
    figure = readings.figures()[key]
    assert figure.value is None
    assert any("on bypass" in each for each in figure.missing)
    readings.take("ups-a1", {"ups_output_source": "eco"}, 100.3, device_class="ups")
    assert readings.figures()[key].value == before


def test_a_series_that_no_figure_needs_does_not_make_a_new_plan() -> None:
    readings = loaded()
    readings.figures()
    before = readings.engine.plan(readings.latest, 101.0)
    readings.take("ups-b", {"device_alarm_active{alarm=fan,severity=warning}": 1.0}, device_class="ups")
    assert readings.engine.plan(readings.latest, 200.0) is before
    readings.take("ups-b", {"ups_input_total_power_watts": 60_000.0}, device_class="ups")
    assert readings.engine.plan(readings.latest, 200.0) is not before


def test_while_devices_keep_coming_a_plan_is_kept_three_times_as_long() -> None:
    """Each plan lacks what the next cycle brings, and at the start of a site the processor is needed for receiving."""
    readings = loaded()
    engine, latest = readings.engine, readings.latest
    before = engine.plan(latest, 100.0)
    pause_s = len(before.outputs) / 2000
    assert pause_s > 0

    def come(number: int) -> None:
        readings.take(f"new-{number}", {"pdu_input_power_watts{inlet=1}": 1.0}, device_class="pdu")

    for number, at in enumerate((0.9, 1.1, 2.0, 2.9)):
        come(number)
        assert engine.plan(latest, 100.0 + at * pause_s) is before
    come(9)
    grown = engine.plan(latest, 100.0 + 3.1 * pause_s)
    assert grown is not before
    come(10)
    at, pause_s = 100.0 + 3.1 * pause_s, len(grown.outputs) / 2000
    assert engine.plan(latest, at + 1.1 * pause_s) is grown
    assert engine.plan(latest, at + 1.2 * pause_s) is not grown, "nothing has come since"


def test_devices_keep_coming_also_if_the_last_one_that_is_looked_at_is_as_before() -> None:
    """A rack PDU that was always there has a further inlet; those behind it in the list have nothing new."""
    readings = loaded()
    engine, latest = readings.engine, readings.latest
    before = engine.plan(latest, 100.0)
    pause_s = len(before.outputs) / 2000
    readings.take("pdu-a1-a", {"pdu_input_power_watts{inlet=2}": 1.0})
    assert engine.plan(latest, 100.0 + 1.1 * pause_s) is before
    assert engine.plan(latest, 100.0 + 1.2 * pause_s) is not before, "nothing has come since"
