"""Generators, chillers, dry coolers and groups of air units of the AI hall: what carries the load, and what is left without one."""

import pytest

from rackflow.site import Site
from tests.collector.derive.ai_hall import ai_hall
from tests.collector.derive.hall import Readings


def power(readings: Readings, meter: str, watts: float, now: float = 100.0) -> None:
    readings.take(meter, {"meter_power_watts{role=other}": watts}, now, device_class="meter")


def plant(site: Site | None = None) -> Readings:
    """260 kW come in, the roof gives 40 kW; each CDU moves 120 kW, each air unit 18 kW."""
    readings = Readings(site or ai_hall())
    for meter, watts in (("main-1", 120e3), ("main-2", 140e3), ("pv-roof", -40e3), ("gen-meter", 0.0)):
        power(readings, meter, watts)
    for cdu in ("cdu-1", "cdu-2"):
        heat = {"cdu_heat_removed_watts{loop=primary}": 120e3, "cdu_heat_removed_watts{loop=secondary}": 118e3}
        readings.take(cdu, heat, device_class="cdu")
    for unit in ("crah-1", "crah-2"):
        readings.take(unit, {"crah_cooling_output_watts": 18e3, "crah_unit_state": "running"}, device_class="crah")
    return readings


def test_generators_are_judged_by_what_they_would_carry_while_their_own_meter_shows_nothing() -> None:
    readings = plant()
    # 300 kW are used; two of three generators of 400 kW carry them.
    group = "group=gen-1+gen-2+gen-3"
    assert readings.values("generator_load_ratio") == {group: pytest.approx(300 / 1200)}
    assert readings.values("generator_redundancy_margin_watts") == {group: pytest.approx(500e3)}


def test_in_an_outage_the_generators_load_is_their_meters() -> None:
    readings = plant()
    for meter, watts in (("main-1", 0.0), ("main-2", 0.0), ("pv-roof", 0.0), ("gen-meter", 290e3)):
        power(readings, meter, watts, 105.0)
    assert readings.values("generator_load_ratio", 106.0) == {"group=gen-1+gen-2+gen-3": pytest.approx(290 / 1200)}


def test_the_redundant_generators_are_as_many_as_the_site_file_says() -> None:
    named = [(f"id: gen-{at},", f"id: gen-{at}, group: hall,") for at in (1, 3)]
    site = ai_hall(("start_s: 15", "start_s: 15, required: 1, group: hall"), *named)
    assert plant(site).values("generator_redundancy_margin_watts") == {"group=hall": pytest.approx(100e3)}


def test_of_unequal_generators_the_largest_may_fail() -> None:
    site = ai_hall(("gen-1, feeds: [A, B], rated_power_w: 400 kW", "gen-1, feeds: [A, B], rated_power_w: 600 kW"))
    assert list(plant(site).values("generator_redundancy_margin_watts").values()) == [pytest.approx(800e3 - 300e3)]


def test_a_group_of_generators_with_long_names_is_named_by_its_first() -> None:
    long = [(f"gen-{at}", f"generator-of-the-north-yard-{at}") for at in (1, 2, 3)]
    assert list(plant(ai_hall(*long)).values("generator_load_ratio")) == ["group=generator-of-the-north-yard-1+2-more"]


def test_a_group_whose_feeds_nothing_measures_is_unknown_and_says_so() -> None:
    site = ai_hall(*((f"id: gen-{at}, feeds: [A, B]", f"id: gen-{at}, feeds: [B]") for at in (1, 2, 3)))
    figure = plant(site).figures()["generator_load_ratio{group=gen-1+gen-2+gen-3}"]
    assert (figure.value, figure.missing) == (None, ("site file: no meter measures feed B",))
    metered = ai_hall(
        *((f"id: gen-{at}, feeds: [A, B]", f"id: gen-{at}, feeds: [B]") for at in (1, 2, 3)),
        ("  - {id: it-a,", "  - {id: feed-b, role: other, measures: [B]}\n  - {id: it-a,"),
    )
    readings = plant(metered)
    power(readings, "feed-b", 120e3)
    assert readings.values("generator_load_ratio") == {"group=gen-1+gen-2+gen-3": pytest.approx(120 / 1200)}


def test_a_meter_of_generators_that_names_their_feeds_does_not_measure_what_they_would_carry() -> None:
    """It shows nothing while the mains are there: they would always seem to have all of their power left."""
    site = ai_hall(("measures: [gen-1, gen-2, gen-3]", "measures: [A, B]"))
    assert list(plant(site).values("generator_load_ratio").values()) == [pytest.approx(300 / 1200)]


def test_a_meter_of_one_of_two_feeds_does_not_measure_what_the_generators_of_both_carry() -> None:
    readings = plant(ai_hall(("  - {id: it-a,", "  - {id: feed-a, role: other, measures: [A]}\n  - {id: it-a,")))
    power(readings, "feed-a", 120e3)
    assert list(readings.values("generator_load_ratio").values()) == [pytest.approx(300 / 1200)]


def test_a_loops_plant_must_carry_the_cdus_of_both_loops_without_its_redundant_units() -> None:
    readings = plant()
    # Both CDUs may hang on either loop; each loop has one air unit besides.
    assert readings.values("loop_heat_rejection_load_ratio") == {
        "loop=fws-a": pytest.approx(258 / (400 + 450)),
        "loop=fws-b": pytest.approx(258 / 300),
    }
    # fws-a needs one of two chillers and two of three dry coolers; fws-b has one dry cooler and no other.
    assert readings.values("loop_heat_rejection_margin_watts") == {
        "loop=fws-a": pytest.approx(200e3 + 300e3 - 258e3),
        "loop=fws-b": pytest.approx(-258e3),
    }


def test_of_unequal_dry_coolers_the_largest_may_fail_beside_a_chiller() -> None:
    site = ai_hall(("dry-a3, loop: fws-a, rated_cooling_w: 150 kW", "dry-a3, loop: fws-a, rated_cooling_w: 100 kW"))
    margin = plant(site).values("loop_heat_rejection_margin_watts")
    assert margin["loop=fws-a"] == pytest.approx(200e3 + 150e3 + 100e3 - 258e3)


def test_an_air_unit_that_never_says_its_heat_leaves_that_of_the_others_known() -> None:
    silent = "  - {id: rear-1, rated_cooling_w: 30 kW, primary: fws-a, from: [A], rack: a1}\n"
    readings = plant(ai_hall(("air_groups:", f"{silent}air_groups:")))
    readings.take("rear-1", {"crah_unit_state": "running"}, device_class="crah")
    assert readings.values("loop_heat_rejection_load_ratio")["loop=fws-a"] == pytest.approx(258 / (400 + 450))


def test_a_cdu_that_does_not_say_its_heat_leaves_the_plant_unknown() -> None:
    readings = plant()
    readings.take("cdu-1", {}, 131.0, device_class="cdu")
    figure = readings.figures(131.5)["loop_heat_rejection_load_ratio{loop=fws-b}"]
    assert figure.value is None


def test_air_units_of_a_group_stand_in_for_each_other() -> None:
    readings = plant()
    assert readings.values("air_group_units_spare") == {"group=hall": 1.0}
    assert readings.values("air_group_redundancy_margin_watts") == {"group=hall": pytest.approx(40e3 - 36e3)}
    readings.take("crah-2", {"crah_unit_state": "standby"}, 101.5, device_class="crah")
    assert readings.values("air_group_units_spare", 101.8) == {"group=hall": 1.0}, "it takes over when it must"
    readings.take("crah-2", {"crah_cooling_output_watts": 0.0, "crah_unit_state": "fault"}, 102.0, device_class="crah")
    assert readings.values("air_group_units_spare", 103.0) == {"group=hall": 0.0}
    readings.take("crah-1", {"crah_unit_state": "unknown"}, 104.0, device_class="crah")
    assert readings.values("air_group_units_spare", 105.0) == {"group=hall": None}


def test_each_group_of_air_units_and_the_pumps_of_each_loop_are_counted_for_themselves() -> None:
    site = ai_hall(
        ("air_groups: [{id: hall, required: 1}]", "air_groups: [{id: hall, required: 1}, {id: cellar, required: 1}]"),
        ("room: hall, group: hall}\nair_groups", "room: hall, group: cellar}\nair_groups"),
        ("  - {id: pump-a2, loop: fws-a,", "  - {id: pump-b1, loop: fws-b,"),
        *((f"id: pump-{at},", f'id: pump-{at}, fault: {{device: box-1, sensor: "{at}"}},') for at in ("a1", "b1")),
    )
    readings = plant(site)
    readings.take("crah-2", {"crah_cooling_output_watts": 10e3, "crah_unit_state": "fault"}, device_class="crah")
    active = {f"env_contact_active{{kind=dry_contact,sensor={at}}}": float(at == "b1") for at in ("a1", "b1")}
    readings.take("box-1", active, device_class="leak")
    assert readings.values("air_group_units_spare") == {"group=hall": 0.0, "group=cellar": -1.0}
    assert readings.values("air_group_redundancy_margin_watts") == {
        "group=hall": pytest.approx(40e3 - 18e3),
        "group=cellar": pytest.approx(40e3 - 10e3),
    }
    # fws-a needs its only pump, and fws-b, which says nothing, could do without one.
    assert readings.values("loop_facility_pumps_spare") == {"loop=fws-a": 0.0, "loop=fws-b": 0.0}


def test_an_air_unit_of_which_one_module_has_failed_stands_in_for_nobody() -> None:
    readings = Readings(ai_hall())
    readings.take("crah-1", {"crah_unit_state": "running"}, device_class="crah")
    modules = {"crah_unit_state{unit=1}": "running", "crah_unit_state{unit=2}": "fault"}
    readings.take("crah-2", {**modules}, device_class="crah")
    assert readings.values("air_group_units_spare") == {"group=hall": 0.0}
