"""Racks behind transfer switches: figures worked out by hand from the site of hall.yaml with a switch added, k = 0.8, 230 V."""

import pytest

from rackflow.site import Site
from tests.collector.derive.hall import Readings, hall

SWITCH = """transfer_switches:
  - id: ats-1
    rack: a1
    a: {from: row-a, breaker_a: 16, phases: [L1]}
    b: {from: row-b, breaker_a: 20, phases: [L3]}
pdus:
  - {id: pdu-a1-s, rack: a1, from: ats-1, breaker_a: 16, phases: [L1]}
"""
STRAIGHT = (
    "  - {id: pdu-a1-a, rack: a1, from: row-a, breaker_a: 32, phases: [L2]}\n",
    "  - {id: pdu-a1-b, rack: a1, from: row-b, breaker_a: 32, phases: [L2]}\n",
)
SENSOR = ("device: pdu-a1-a, sensor", "device: pdu-a2-a1, sensor")


def switched(*, alone: bool = False) -> Site:
    """Rack a1 with a switch beside its two PDUs, or instead of them."""
    removed = ((STRAIGHT[0], ""), (STRAIGHT[1], ""), SENSOR) if alone else ()
    return hall(("pdus:\n", SWITCH), *removed)


def loaded(
    site: Site, selected: str = "a", *, usable: tuple[float, float] = (1.0, 1.0), amperes: float = 8.0
) -> Readings:
    """The switch carries 8 A; rack a2 2 x 30/40/20 A on A and 2 x 20 A on B; a1's own PDUs 10 and 12 A, if there are any."""
    readings = Readings(site)
    readings.currents("pdu-a1-s", amperes)
    states = {f"ats_source_usable{{source={name}}}": each for name, each in zip("ab", usable, strict=True)}
    readings.take("ats-1", {"ats_selected_source": selected, **states}, device_class="ats")
    if "pdu-a1-a" in site.pdus:
        readings.currents("pdu-a1-a", 10.0)
        readings.currents("pdu-a1-b", 12.0)
    for pdu in ("pdu-a2-a1", "pdu-a2-a2"):
        readings.currents(pdu, 30.0, 40.0, 20.0)
    for pdu in ("pdu-a2-b1", "pdu-a2-b2"):
        readings.currents(pdu, 20.0, 20.0, 20.0)
    for ups, watts in (("ups-a1", 30_000.0), ("ups-a2", 30_000.0), ("ups-b", 55_000.0)):
        readings.take(ups, {"ups_output_total_power_watts": watts}, device_class="ups")
    return readings


def test_a_rack_behind_a_switch_survives_the_loss_of_either_source() -> None:
    for selected in ("a", "b"):
        readings = loaded(switched(alone=True), selected)
        load = readings.values("rack_feed_loss_load_ratio")
        assert load["rack=a1,feed=A,phase=L1"] == pytest.approx(8 / (0.8 * 20))  # all of it on B's breaker
        assert load["rack=a1,feed=B,phase=L3"] == pytest.approx(8 / (0.8 * 16))
        survives = readings.values("rack_survives_feed_loss")
        assert survives["rack=a1,feed=A,phase=L1"] == survives["rack=a1,feed=B,phase=L3"] == 1.0
        assert readings.values("site_survives_feed_loss") == {"feed=A": 1.0, "feed=B": 1.0}
        assert readings.values("rack_power_watts")["rack=a1"] == pytest.approx(8 * 230)


def test_the_breaker_of_the_source_that_is_left_decides() -> None:
    survives = loaded(switched(alone=True), amperes=14.0).values("rack_survives_feed_loss")
    assert survives["rack=a1,feed=A,phase=L1"] == 1.0  # 14 A on 0.8 * 20 A
    assert survives["rack=a1,feed=B,phase=L3"] == 0.0  # 14 A on 0.8 * 16 A


def test_a_source_that_the_switch_cannot_use_takes_nothing_over() -> None:
    survives = loaded(switched(alone=True), "a", usable=(1.0, 0.0)).values("rack_survives_feed_loss")
    assert survives["rack=a1,feed=A,phase=L1"] == 0.0
    assert survives["rack=a1,feed=B,phase=L3"] == 1.0  # it is on A already


def test_without_a_reading_of_the_switch_nothing_is_known() -> None:
    readings = loaded(switched(alone=True))
    readings.take("ats-1", {}, now=140.0, device_class="ats")
    readings.currents("pdu-a1-s", 8.0, now=140.0)
    figure = readings.figures(now=141.0)["rack_survives_feed_loss{rack=a1,feed=A,phase=L1}"]
    assert figure.value is None
    assert "ats-1 ats_source_usable{source=b}: stale" in figure.missing
    assert readings.values("site_survives_feed_loss", now=141.0)["feed=A"] is None


@pytest.mark.parametrize(("selected", "redundant", "expected"), [("a", 1.0, (1.0, 1.0)), ("a", 0.0, (0.0, 1.0))])
def test_a_switch_that_only_says_whether_both_sources_are_good(
    selected: str, redundant: float, expected: tuple[float, float]
) -> None:
    readings = Readings(switched(alone=True))
    readings.currents("pdu-a1-s", 8.0)
    readings.take("ats-1", {"ats_selected_source": selected, "ats_redundant": redundant}, device_class="ats")
    survives = readings.values("rack_survives_feed_loss")
    assert (survives["rack=a1,feed=A,phase=L1"], survives["rack=a1,feed=B,phase=L3"]) == expected


def test_the_load_counts_on_the_side_to_which_it_moves() -> None:
    on_a = (10 + 180) * 230
    for selected, moved_a, moved_b in (("a", 8 * 230, 0), ("b", 0, 8 * 230)):
        readings = loaded(switched(), selected)
        load = readings.values("ups_feed_loss_load_ratio")
        # what is on B already is part of the 55 kW that its UPS delivers
        assert load["feed=A,group=ups-b"] == pytest.approx((55_000 + on_a + moved_a) / 200_000)
        on_b = (12 + 120) * 230 + moved_b
        assert load["feed=B,group=ups-a1+ups-a2"] == pytest.approx((60_000 + on_b) / 200_000)
        panels = readings.values("panel_feed_loss_load_ratio")
        # row-b without A: on L3 2 x 20 of its own, 2 x 20 of A's, and all of the switch
        assert panels["feed=A,panel=row-b,phase=L3"] == pytest.approx((80 + 8) / 320)
        assert panels["feed=A,panel=row-b,phase=L1"] == pytest.approx(100 / 320)
        assert panels["feed=B,panel=main-a,phase=L1"] == pytest.approx((100 + 8) / (0.8 * 630))


def test_only_the_breakers_and_panels_of_the_selected_source_carry_the_load() -> None:
    for selected, (on_a, on_b) in (("a", (8, 0)), ("b", (0, 8))):
        readings = loaded(switched(), selected)
        inputs = readings.values("ats_source_thermal_load_ratio")
        assert inputs["rack=a1,device=ats-1,source=a,phase=L1"] == pytest.approx(on_a / 16)
        assert inputs["rack=a1,device=ats-1,source=b,phase=L3"] == pytest.approx(on_b / 20)
        panels = readings.values("panel_phase_thermal_load_ratio")
        assert panels["feed=A,panel=row-a,phase=L1"] == pytest.approx((60 + on_a) / 400)
        assert panels["feed=A,panel=main-a,phase=L1"] == pytest.approx((60 + on_a) / 630)
        assert panels["feed=B,panel=row-b,phase=L3"] == pytest.approx((40 + on_b) / 400)


def test_the_breaker_of_a_source_has_the_curve_of_the_site_file() -> None:
    """One that follows its load within seconds, where usual ones take minutes."""
    quick = SWITCH.replace(
        "breaker_a: 16, phases: [L1]}\n    b",
        "breaker_a: 16, phases: [L1], breaker_curve: {time_constant_s: 5}}\n    b",
    )
    assert quick != SWITCH
    readings = Readings(hall(("pdus:\n", quick)))
    found: dict[str, float | None] = {}
    for now, amperes in ((100.0, 12.0), (130.0, 4.0)):
        readings.currents("pdu-a1-s", amperes, now=now)
        readings.take("ats-1", {"ats_selected_source": "a"}, now, device_class="ats")
        found = readings.values("ats_source_thermal_load_ratio", now + 1.0)
    assert found["rack=a1,device=ats-1,source=a,phase=L1"] == pytest.approx(4 / 16, rel=0.02)


def test_equipment_with_two_cords_and_with_one_stand_side_by_side() -> None:
    readings = loaded(switched(), "a", usable=(1.0, 0.0))
    survives = readings.values("rack_survives_feed_loss")
    assert survives["rack=a1,feed=A,phase=L2"] == 1.0
    assert survives["rack=a1,feed=A,phase=L1"] == 0.0
    assert readings.values("site_racks_lost_on_feed_loss") == {"feed=A": 1.0, "feed=B": 0.0}
    assert readings.values("rack_power_watts")["rack=a1"] == pytest.approx(30 * 230)
    same_phase = hall(
        ("pdus:\n", SWITCH.replace("[L3]", "[L2]").replace("phases: [L1]}\n    b", "phases: [L2]}\n    b"))
    )
    both = loaded(same_phase).values("rack_feed_loss_load_ratio")
    assert both["rack=a1,feed=A,phase=L2"] == pytest.approx(max(22 / 25.6, 8 / 16))


def test_headroom_behind_a_switch_is_that_of_its_pdu() -> None:
    headroom = loaded(switched(alone=True)).values("pdu_phase_headroom_amperes")
    assert headroom["rack=a1,device=pdu-a1-s,phase=L1"] == pytest.approx(0.8 * 16 - 8)


def test_power_that_racks_do_not_use_counts_the_weaker_breaker_of_a_switch() -> None:
    site = switched(alone=True)
    assert site.feeds_of("a1") == ()
    assert [switch.id for switch in site.switches_of("a1")] == ["ats-1"]
    assert "rack_stranded_power_watts{rack=a1}" in {*loaded(site).figures()}
