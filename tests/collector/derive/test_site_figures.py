"""Generators on load, pumps of facility water, fault contacts, incomers, what PV gives, and leaks by loop, on the AI hall."""

import pytest

from collector.derive.power.generators import Takeover
from rackflow.errors import ConfigError
from tests.collector.derive.ai_hall import ai_hall, loaded
from tests.collector.derive.hall import Readings
from tests.collector.derive.liquid.test_plant import plant, power

GROUP = "group=gen-1+gen-2+gen-3"
GEN_METER = "  - {id: gen-meter, role: generator, behind: main-1, measures: [gen-1, gen-2, gen-3]}\n"
EACH_METERED = "".join(
    f"  - {{id: gen-meter-{at}, role: generator, behind: main-1, measures: [gen-{at}]}}\n" for at in (1, 2, 3)
)
PUMPS_METERED = (
    "  - {id: chiller-meter,",
    "".join(f"  - {{id: pump-meter-{at}, role: cooling, measures: [pump-a{at}]}}\n" for at in (1, 2))
    + "  - {id: chiller-meter,",
)


def contact(unit: str, number: int) -> tuple[str, str]:
    """Wires the fault of a unit to an input of the box."""
    return f"id: {unit},", f'id: {unit}, fault: {{device: box-1, sensor: "{number}"}},'


def box(readings: Readings, values: dict[str, float], now: float = 100.0) -> None:
    readings.take("box-1", values, now, device_class="leak")


def fault(number: int, active: float) -> dict[str, float]:
    return {f"env_contact_active{{kind=dry_contact,sensor={number}}}": active}


def ups(readings: Readings, now: float, **sources: str) -> None:
    for side, source in sources.items():
        readings.take(f"ups-{side}", {"ups_output_source": source}, now, device_class="ups", interval_s=1.0)


def test_generators_deliver_what_their_meters_show_in_whichever_direction_these_count() -> None:
    readings = plant()
    assert readings.values("generator_delivered_watts") == {GROUP: 0.0}
    power(readings, "gen-meter", -300e3, 105.0)
    assert readings.values("generator_delivered_watts", 106.0) == {GROUP: 300e3}
    assert readings.values("generator_running_load_ratio", 106.0) == {GROUP: pytest.approx(0.25)}
    # One meter for all cannot tell which of them runs.
    assert readings.values("generator_units_missing", 106.0) == {}


def test_an_idle_generator_beside_loaded_ones_is_missing_and_its_rating_does_not_count() -> None:
    readings = Readings(ai_hall((GEN_METER, EACH_METERED)))
    for at, watts in ((1, 300e3), (2, 300e3), (3, 0.0)):
        power(readings, f"gen-meter-{at}", watts)
    assert readings.values("generator_units_missing") == {GROUP: 1.0}
    assert readings.values("generator_running_load_ratio") == {GROUP: pytest.approx(600 / 800)}
    power(readings, "gen-meter-3", 12e3, 103.0)  # 3 % of its rating: it carries load
    assert readings.values("generator_units_missing", 104.0) == {GROUP: 0.0}
    power(readings, "gen-meter-3", 8e3, 104.0)  # as little as 2 %
    assert readings.values("generator_units_missing", 104.5) == {GROUP: 0.0}
    power(readings, "gen-meter-3", 7.99e3, 104.6)
    assert readings.values("generator_units_missing", 104.8) == {GROUP: 1.0}
    for at in (1, 2, 3):
        power(readings, f"gen-meter-{at}", 50.0, 105.0)  # what a meter shows of nothing
    assert readings.values("generator_running_load_ratio", 106.0) == {GROUP: 0.0}
    assert readings.values("generator_units_missing", 106.0) == {GROUP: None}


def test_the_meters_of_some_generators_say_nothing_of_what_all_of_them_deliver() -> None:
    two = EACH_METERED.removesuffix(EACH_METERED.splitlines(keepends=True)[-1])
    readings = Readings(ai_hall((GEN_METER, two)))
    for at in (1, 2):
        power(readings, f"gen-meter-{at}", 300e3)
    for metric in ("generator_delivered_watts", "generator_running_load_ratio", "generator_units_missing"):
        assert readings.values(metric) == {}


def test_the_only_meter_of_two_groups_of_generators_says_nothing_of_either() -> None:
    """Of a site's only group it tells all."""
    one = (GEN_METER, "  - {id: gen-meter, role: generator, behind: main-1}\n")
    for replaced, delivered in (
        ((one,), {GROUP: 300e3}),
        ((one, ("id: gen-3, feeds: [A, B]", "id: gen-3, feeds: [B]")), {}),
    ):
        readings = Readings(ai_hall(*replaced))
        power(readings, "gen-meter", 300e3)
        assert readings.values("generator_delivered_watts") == delivered


def test_a_generator_that_is_alone_is_none_that_is_missing_beside_others() -> None:
    readings = Readings(ai_hall((GEN_METER, EACH_METERED), ("id: gen-3, feeds: [A, B]", "id: gen-3, feeds: [B]")))
    for at in (1, 2, 3):
        power(readings, f"gen-meter-{at}", 300e3)
    assert readings.values("generator_units_missing") == {"group=gen-1+gen-2": 0.0}
    assert readings.values("generator_delivered_watts") == {"group=gen-1+gen-2": 600e3, "group=gen-3": 300e3}


def test_the_total_of_a_generators_meter_goes_before_the_sum_of_its_phases() -> None:
    readings = plant()
    phases = {f"meter_phase_power_watts{{phase=L{at},role=other}}": 97e3 for at in (1, 2, 3)}
    readings.take("gen-meter", {"meter_power_watts{role=other}": 300e3, **phases}, 105.0, device_class="meter")
    assert readings.values("generator_delivered_watts", 106.0) == {GROUP: 300e3}
    readings.take("gen-meter", phases, 145.0, device_class="meter")
    assert readings.values("generator_delivered_watts", 146.0) == {GROUP: 291e3}


def test_generators_of_which_nobody_says_how_fast_they_start_have_a_minute() -> None:
    unsaid = [(f"start_s: {start_s}, ", "") for start_s in (12, 15)]
    readings = Readings(ai_hall(*unsaid))
    for now in range(100, 171, 5):
        ups(readings, float(now), a="battery", b="normal")
        readings.figures(float(now))
    assert readings.values("generator_takeover_overdue_seconds", 170.0)[f"feed=A,{GROUP}"] == 10.0


def test_the_takeover_of_a_feed_is_overdue_from_its_slowest_generators_start_on() -> None:
    readings = Readings(ai_hall())
    for now in range(100, 131, 5):
        ups(readings, float(now), a="battery", b="normal")
        readings.figures(float(now))
    # Lost at 100; gen-2 takes 15 s.
    assert readings.values("generator_takeover_overdue_seconds", 130.0) == {
        f"feed=A,{GROUP}": 15.0,
        f"feed=B,{GROUP}": 0.0,
    }
    ups(readings, 132.0, a="normal")
    assert readings.values("generator_takeover_overdue_seconds", 132.0)[f"feed=A,{GROUP}"] == 0.0


def test_the_takeover_of_each_feed_is_overdue_from_the_start_of_its_own_generators_on() -> None:
    """gen-1 and gen-2 carry feed A from 15 s on, gen-3 feed B from 40 s on."""
    own = [(f"gen-{at}, feeds: [A, B]", f"gen-{at}, feeds: [{feed}]") for at, feed in ((1, "A"), (2, "A"))]
    slow = (
        "gen-3, feeds: [A, B], rated_power_w: 400 kW, start_s: 12",
        "gen-3, feeds: [B], rated_power_w: 400 kW, start_s: 40",
    )
    metered = ("measures: [gen-1, gen-2, gen-3]", "measures: [gen-1, gen-2]")
    readings = Readings(ai_hall(*own, slow, metered))
    for now in range(100, 151, 5):
        ups(readings, float(now), a="battery", b="battery")
        readings.figures(float(now))
    assert readings.values("generator_takeover_overdue_seconds", 150.0) == {
        "feed=A,group=gen-1+gen-2": 35.0,
        "feed=B,group=gen-3": 10.0,
    }


def test_no_takeover_is_overdue_before_its_start_or_while_half_of_the_upss_have_mains() -> None:
    takeover = Takeover(15.0)
    assert takeover.update(["battery", "battery"], 100.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 114.0) == (0.0,)
    assert takeover.update(["battery", "battery"], 118.0) == (3.0,)
    assert takeover.update(["battery", "normal"], 119.0) == (0.0,)  # one of two may have lost its own input
    # On battery again within a minute, it is the same outage, which had lasted for 19 s.
    assert takeover.update(["battery", "battery", "normal"], 120.0) == (4.0,)
    assert takeover.update(["battery", "normal", "normal"], 130.0) == (0.0,)
    assert takeover.update(["battery", "battery", "normal"], 190.0) == (0.0,)
    assert takeover.update(["battery", "battery", "normal"], 210.0) == (5.0,)


def test_generators_of_which_the_site_file_states_no_start_have_a_minute() -> None:
    readings = Readings(ai_hall((", start_s: 12", ""), (", start_s: 15", "")))
    for now in range(100, 186, 5):
        ups(readings, float(now), a="battery", b="normal")
        readings.figures(float(now))
    assert readings.values("generator_takeover_overdue_seconds", 185.0)[f"feed=A,{GROUP}"] == 25.0


def test_a_meter_of_all_generators_says_nothing_of_one_of_two_groups() -> None:
    of_all = (GEN_METER, "  - {id: gen-meter, role: generator, behind: main-1}\n")
    readings = plant(ai_hall(of_all))
    power(readings, "gen-meter", 300e3, 105.0)
    assert readings.values("generator_delivered_watts", 106.0) == {GROUP: 300e3}
    readings = plant(ai_hall(of_all, ("id: gen-3, feeds: [A, B]", "id: gen-3, feeds: [B]")))
    power(readings, "gen-meter", 300e3, 105.0)
    assert set(readings.values("generator_delivered_watts", 106.0).values()) <= {None}


def test_ups_that_fall_silent_in_an_outage_do_not_restart_it() -> None:
    readings = Readings(ai_hall())
    ups(readings, 100.0, a="battery")
    readings.figures(100.0)
    assert readings.values("generator_takeover_overdue_seconds", 160.0)[f"feed=A,{GROUP}"] is None
    ups(readings, 200.0, a="battery")
    assert readings.values("generator_takeover_overdue_seconds", 200.0)[f"feed=A,{GROUP}"] == 85.0


def test_a_unit_that_reports_a_fault_is_not_among_those_that_are_left() -> None:
    readings = plant(ai_hall(contact("gen-1", 5), contact("chiller-a1", 6)))
    box(readings, fault(5, 0.0) | fault(6, 0.0))
    assert readings.values("plant_unit_fault") == {"unit=chiller-a1": 0.0, "unit=gen-1": 0.0}
    assert readings.values("generator_redundancy_margin_watts") == {GROUP: pytest.approx(500e3)}
    box(readings, fault(5, 1.0) | fault(6, 1.0), 105.0)
    # Two generators of 400 kW are left, and one more may fail; one chiller of 200 kW is left, and it may fail.
    assert readings.values("generator_redundancy_margin_watts", 106.0) == {GROUP: pytest.approx(400e3 - 300e3)}
    assert readings.values("generator_load_ratio", 106.0) == {GROUP: pytest.approx(300 / 800)}
    margins = readings.values("loop_heat_rejection_margin_watts", 106.0)
    assert margins["loop=fws-a"] == pytest.approx(300e3 - 258e3)
    assert readings.values("loop_heat_rejection_load_ratio", 106.0)["loop=fws-a"] == pytest.approx(258 / 650)


def test_a_contact_that_nobody_reads_leaves_the_redundancy_unknown() -> None:
    readings = plant(ai_hall(contact("gen-1", 5)))
    figure = readings.figures()[f"generator_redundancy_margin_watts{{{GROUP}}}"]
    assert figure.value is None
    assert "box-1" in figure.missing[0]


def test_a_contact_on_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fault\.device.*unknown device 'box-2'; did you mean 'box-1'"):
        ai_hall(("id: gen-1,", 'id: gen-1, fault: {device: box-2, sensor: "1"},'))


@pytest.mark.parametrize(
    ("first", "second", "running", "spare"),
    [
        pytest.param(4000.0, 30.0, 1.0, 1.0, id="one runs, and the drive of the other stands by"),
        pytest.param(4000.0, 4000.0, 2.0, 1.0, id="both run"),
        pytest.param(4000.0, 250.0, 2.0, 1.0, id="both run, one of them slowly"),
        pytest.param(0.0, 30.0, 0.0, -1.0, id="none runs, so the one that stands still is no spare"),
        pytest.param(200.0, 199.0, 1.0, 1.0, id="one runs as slowly as a drive can, and the other stands by"),
    ],
)
def test_facility_pumps_run_by_their_meters(first: float, second: float, running: float, spare: float) -> None:
    readings = Readings(ai_hall(PUMPS_METERED))
    power(readings, "pump-meter-1", first)
    power(readings, "pump-meter-2", second)
    assert readings.values("loop_facility_pumps_running") == {"loop=fws-a": running}
    assert readings.values("loop_facility_pumps_spare") == {"loop=fws-a": spare}


def test_a_pump_that_runs_counts_whatever_its_contact_reports() -> None:
    readings = Readings(ai_hall(PUMPS_METERED, contact("pump-a1", 1), contact("pump-a2", 2)))
    power(readings, "pump-meter-1", 4000.0)
    power(readings, "pump-meter-2", 30.0)
    box(readings, fault(1, 1.0) | fault(2, 0.0))
    assert readings.values("loop_facility_pumps_spare") == {"loop=fws-a": 1.0}


def test_a_pump_in_standby_that_reports_a_fault_is_no_spare() -> None:
    readings = Readings(ai_hall(PUMPS_METERED, contact("pump-a1", 5), contact("pump-a2", 6)))
    power(readings, "pump-meter-1", 4000.0)
    power(readings, "pump-meter-2", 0.0)
    box(readings, fault(5, 0.0) | fault(6, 1.0))
    assert readings.values("loop_facility_pumps_spare") == {"loop=fws-a": 0.0}


def test_pumps_without_meters_are_judged_by_their_contacts_and_unknown_without_those() -> None:
    readings = Readings(ai_hall(contact("pump-a1", 5), contact("pump-a2", 6)))
    box(readings, fault(5, 0.0) | fault(6, 1.0))
    assert readings.values("loop_facility_pumps_spare") == {"loop=fws-a": 0.0}
    figure = Readings(ai_hall()).figures()["loop_facility_pumps_spare{loop=fws-a}"]
    assert figure.missing == (
        "site file: no meter measures pump-a1 alone, and not every pump of fws-a has a fault contact",
    )


def test_of_pumps_of_which_one_has_no_meter_the_contacts_tell_the_spare_ones_and_nothing_how_many_run() -> None:
    one = (PUMPS_METERED[0], "  - {id: pump-meter-1, role: cooling, measures: [pump-a1]}\n" + PUMPS_METERED[0])
    readings = Readings(ai_hall(one))
    power(readings, "pump-meter-1", 4000.0)
    assert readings.values("loop_facility_pumps_running") == {}
    assert readings.figures()["loop_facility_pumps_spare{loop=fws-a}"].missing == (
        "site file: no meter measures pump-a2 alone, and not every pump of fws-a has a fault contact",
    )
    wired = Readings(ai_hall(one, contact("pump-a1", 5), contact("pump-a2", 6)))
    power(wired, "pump-meter-1", 4000.0)
    box(wired, fault(5, 0.0) | fault(6, 0.0))
    half = Readings(ai_hall(contact("pump-a1", 5)))
    box(half, fault(5, 0.0))
    assert half.values("loop_facility_pumps_spare") == {"loop=fws-a": None}, (
        "nobody says whether pump-a2 is able to run"
    )
    assert wired.values("loop_facility_pumps_running") == {}
    assert wired.values("loop_facility_pumps_spare") == {"loop=fws-a": 1.0}


def test_an_incomer_is_live_while_any_phase_has_voltage() -> None:
    readings = Readings(ai_hall())
    for meter, volts in (("main-1", (230.0, 0.0)), ("main-2", (1.0, 0.0))):
        values = {f"meter_voltage_volts{{phase=L{at},role=facility}}": each for at, each in enumerate(volts, 1)}
        readings.take(meter, values, device_class="meter")
    assert readings.values("incomer_live") == {"device=main-1": 1.0, "device=main-2": 0.0}


def test_an_incomer_of_which_one_phase_is_no_longer_read_is_judged_by_the_others() -> None:
    readings = Readings(ai_hall())
    for volts, now in (({1: 230.0, 2: 230.0}, 100.0), ({1: 230.0}, 5000.0)):
        values = {f"meter_voltage_volts{{phase=L{at},role=facility}}": each for at, each in volts.items()}
        readings.take("main-1", values, now, device_class="meter")
    assert readings.values("incomer_live", 5001.0)["device=main-1"] == 1.0


def test_of_an_incomer_that_was_never_read_it_is_unknown_whether_it_is_live_and_its_meter_is_named() -> None:
    readings = Readings(ai_hall())
    readings.take("main-2", {"meter_voltage_volts{phase=L1,role=facility}": 230.0}, device_class="meter")
    figure = readings.figures()["incomer_live{device=main-1}"]
    assert (figure.value, figure.missing) == (None, ("main-1 meter_voltage_volts: not received",))


@pytest.mark.parametrize(("volts", "live"), [(50.0, 1.0), (49.9, 0.0)])
def test_an_incomer_is_live_from_50_v_on(volts: float, live: float) -> None:
    readings = Readings(ai_hall())
    readings.take("main-1", {"meter_voltage_volts{phase=L1,role=facility}": volts}, device_class="meter")
    assert readings.values("incomer_live")["device=main-1"] == live


def test_what_leaves_through_the_meter_before_the_roof_is_exported() -> None:
    readings = plant()
    assert readings.values("site_pv_watts") == {"": 40e3}
    assert readings.values("site_export_watts") == {"": 0.0}
    power(readings, "main-1", -15e3, 105.0)
    assert readings.values("site_export_watts", 106.0) == {"": 15e3}


def test_the_site_uses_what_its_incomers_and_its_roof_give_and_a_silent_incomer_makes_it_unknown() -> None:
    readings = plant()
    incomers = [meter.id for meter in ai_hall().meters_of("facility")]
    for at, incomer in enumerate(incomers, 1):
        power(readings, incomer, at * 100e3, 105.0)
    used = sum(at * 100e3 for at in range(1, len(incomers) + 1))
    assert readings.values("site_facility_watts", 106.0) == {"": used + 40e3}
    assert readings.values("site_mains_watts", 106.0) == {"": used}
    for now in (110.0, 120.0):
        readings.take(incomers[0], {}, now, device_class="meter", up=False)
    assert readings.values("site_facility_watts", 121.0) == {"": None}
    assert readings.values("site_mains_watts", 121.0) == {"": None}


@pytest.mark.parametrize(("silent", "expected"), [("", 150e3), ("it-a", 230.4e3)])
def test_the_power_of_it_counts_no_meter_that_is_below_another_and_is_that_of_the_racks_while_one_is_silent(
    silent: str, expected: float
) -> None:
    below = "  - {id: it-below, role: it, category: 3, measures: [a1]}\n"
    readings = loaded(ai_hall(("  - {id: chiller-meter,", f"{below}  - {{id: chiller-meter,")))
    for meter, watts in (("it-a", 150e3), ("it-below", 99e3)):
        if meter != silent:
            readings.take(meter, {"meter_power_watts{role=it}": watts}, device_class="meter")
    assert readings.values("site_it_watts") == {"": expected}


def test_leaks_count_on_the_loop_along_which_and_under_whose_unit_they_are() -> None:
    readings = Readings(ai_hall())
    box(readings, {f"leak_detected{{sensor={at}}}": float(at == 3) for at in (1, 2, 3)})
    # Detector 3 lies under cdu-1, which is on tcs and on both facility loops; 1 is on the floor and on no loop.
    assert readings.values("loop_leaks_detected") == {"loop=fws-a": 1.0, "loop=fws-b": 1.0, "loop=tcs": 1.0}


@pytest.mark.parametrize(
    ("unit", "loops"),
    [
        ("crah-1", {"fws-a"}),
        ("crah-2", {"fws-b"}),
        ("chiller-a1", {"fws-a"}),
        ("dry-b1", {"fws-b"}),
        ("pump-a2", {"fws-a"}),
    ],
)
def test_a_leak_under_a_unit_of_the_plant_is_one_of_its_facility_loop(unit: str, loops: set[str]) -> None:
    """Whatever else the site file lists before its detectors."""
    site = ai_hall(
        ("under: cdu-1", f"under: {unit}"), ("sensors:\n", "sensors:\n  - {id: air-1, measures: air, room: hall}\n")
    )
    readings = Readings(site)
    box(readings, {f"leak_detected{{sensor={at}}}": float(at == 3) for at in (1, 2, 3)})
    found = readings.values("loop_leaks_detected")
    assert {loop.removeprefix("loop=") for loop, wet in found.items() if wet} == loops
    assert found["loop=tcs"] == 0.0


def test_a_wet_detector_counts_although_another_one_on_its_loop_is_silent() -> None:
    readings = Readings(
        ai_hall(
            ("monitors: [", "monitors: [{id: box-2}, "), ('device: box-1, sensor: "2"', 'device: box-2, sensor: "2"')
        )
    )
    box(readings, {"leak_detected{sensor=3}": 1.0})
    assert readings.values("loop_leaks_detected")["loop=tcs"] == 1.0


def test_the_place_on_a_rope_is_a_share_of_its_length() -> None:
    readings = Readings(ai_hall())
    box(readings, {"leak_position_meters{sensor=1}": 20.0, "leak_position_meters{sensor=3}": 2.0})
    assert readings.values("leak_rope_position_ratio") == {"device=box-1,sensor=1": pytest.approx(0.8)}


def test_a_racks_shelves_are_judged_by_all_their_ratings() -> None:
    # 4 shelves of 66 kW carry 40 A each; only those of a1 have ratings.
    assert loaded().values("rack_shelf_load_ratio") == {"rack=a1": pytest.approx(4 * 3 * 40 * 240 / 264e3)}
