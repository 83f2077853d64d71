"""What the loss of each of three feeds does: figures worked out by hand from the campus, k = 0.8, 230 V."""

import pytest

from tests.collector.derive.campus import CURRENTS, campus, campus_readings
from tests.collector.derive.hall import Readings

ON_A_WITHOUT_B = 47_920 + (27 + 60 + 42) * 230
"""UPSs of A, and what racks n1, n2 and s2 take from B."""
ON_B_WITHOUT_A = 38_150 + (36 + 60 + 54 + 10) * 230
"""ups-b, and what racks n1, n2, s2 and sts-ab take from A."""
ON_C_WITHOUT_A = 17_070 + (36 + 36 + 8) * 230
"""ups-c, and what n1, s1 and sts-ca take from A."""


def test_a_site_survives_the_loss_of_each_of_three_feeds_while_the_rest_is_within_ratings() -> None:
    readings = campus_readings()
    assert readings.values("site_survives_feed_loss") == {"feed=A": 1.0, "feed=B": 1.0, "feed=C": 1.0}
    assert readings.values("site_racks_lost_on_feed_loss") == {"feed=A": 0.0, "feed=B": 0.0, "feed=C": 0.0}


def test_the_upss_of_each_remaining_feed_take_over_the_lost_feeds_load_of_racks_and_switches() -> None:
    load = campus_readings().values("ups_feed_loss_load_ratio")
    assert load == {
        "feed=A,group=ups-b": pytest.approx(ON_B_WITHOUT_A / 120_000),
        "feed=A,group=ups-c": pytest.approx(ON_C_WITHOUT_A / 60_000),
        "feed=B,group=ups-a1+ups-a2": pytest.approx(ON_A_WITHOUT_B / 160_000),
        "feed=B,group=ups-c": pytest.approx((17_070 + (27 + 8 + 18) * 230) / 60_000),
        # sts-ab and sts-ca stand on A already: they bring nothing
        "feed=C,group=ups-a1+ups-a2": pytest.approx((47_920 + (18 + 45) * 230) / 160_000),
        "feed=C,group=ups-b": pytest.approx((38_150 + (18 + 6) * 230) / 120_000),
    }


@pytest.mark.parametrize(
    ("rating", "lost", "load_w"),
    [
        ("rated_power_w: 120000", "feed=A", ON_B_WITHOUT_A),
        ("from: [C]\n    rated_power_w: 60000", "feed=A", ON_C_WITHOUT_A),
        # of two in parallel the sum counts: 60 kW beside it
        ("id: ups-a1, from: [A], rated_power_w: 100000", "feed=B", ON_A_WITHOUT_B - 60_000),
    ],
)
def test_a_site_survives_while_the_ups_that_is_left_is_at_its_rating_and_not_above(
    rating: str, lost: str, load_w: float
) -> None:
    def survives(rated_w: float) -> dict[str, float | None]:
        smaller = campus((rating, f"{rating.rpartition(' ')[0]} {rated_w}"))
        return campus_readings(smaller).values("site_survives_feed_loss")

    assert survives(load_w)[lost] == 1.0
    assert survives(load_w + 0.1)[lost] == 1.0
    assert survives(load_w - 0.1)[lost] == 0.0
    # the loss of this feed asks more of that UPS than that of the other: which still is survived
    assert sorted(survives(load_w - 0.1).values(), key=str) == [0.0, 1.0, 1.0]


def test_an_overloaded_ups_loses_the_site_and_is_no_fault_of_a_racks_breaker() -> None:
    readings = campus_readings(campus(("rated_power_w: 120000", "rated_power_w: 70000")))
    assert readings.values("site_survives_feed_loss") == {"feed=A": 0.0, "feed=B": 1.0, "feed=C": 1.0}
    assert set(readings.values("site_racks_lost_on_feed_loss").values()) == {0.0}


def test_a_ups_that_does_not_say_what_it_delivers_leaves_survival_unknown() -> None:
    readings = Readings(campus())
    readings.currents("pdu-o1", 1.0)
    assert readings.values("site_survives_feed_loss") == {"feed=A": None, "feed=B": None, "feed=C": None}
    heard = campus_readings()
    heard.take("ups-c", {}, 131.0, device_class="ups")
    figure = heard.figures(now=131.5)["site_survives_feed_loss{feed=A}"]
    assert figure.value is None


PANEL_LOADS_A = {
    # Without A, row-b: L1 n1 12 + 9, n2 20 + 24, n3 8, s2 18 + 14; sts-ab with 10 on L2; sts-bc stands on it with 5, 6, 7.
    "feed=A,panel=row-b,phase=L1": (105 + 5) / 160,
    "feed=A,panel=row-b,phase=L2": (95 + 10 + 6) / 160,
    "feed=A,panel=row-b,phase=L3": (87 + 7) / 160,
    # row-c: n1 12 + 6, s1 its own 15 and 10, 12, 14; on L3 n3 6, and sts-ca 8
    "feed=A,panel=row-c,phase=L1": 43 / 100,
    "feed=A,panel=row-c,phase=L2": 45 / 100,
    "feed=A,panel=row-c,phase=L3": (53 + 8) / 100,
}
PANEL_LOADS_B = {
    "feed=B,panel=row-a,phase=L1": 117 / 128,
    "feed=B,panel=row-a,phase=L2": 107 / 128,
    "feed=B,panel=row-a,phase=L3": 101 / 128,
    # and sts-ca, which stands on its input b: main-a, L2
    "feed=B,panel=main-a,phase=L1": 117 / 200,
    "feed=B,panel=main-a,phase=L2": 115 / 200,
    "feed=B,panel=main-a,phase=L3": 101 / 200,
    # sts-bc comes with 5, 6, 7 on L2, L3, L1; n3 on L1 of B hands over to its only phase of C, L3
    "feed=B,panel=row-c,phase=L1": (30 + 7) / 100,
    "feed=B,panel=row-c,phase=L2": (30 + 5) / 100,
    "feed=B,panel=row-c,phase=L3": (30 + 6 + 8 + 6) / 100,
}
PANEL_LOADS_C = {
    "feed=C,panel=row-a,phase=L1": 91 / 128,
    "feed=C,panel=row-a,phase=L2": 85 / 128,
    "feed=C,panel=row-a,phase=L3": 83 / 128,
    "feed=C,panel=main-a,phase=L1": 91 / 200,
    "feed=C,panel=main-a,phase=L2": (85 + 8) / 200,
    "feed=C,panel=main-a,phase=L3": 83 / 200,
    "feed=C,panel=row-b,phase=L1": (67 + 5) / 160,
    "feed=C,panel=row-b,phase=L2": (49 + 6) / 160,
    "feed=C,panel=row-b,phase=L3": (45 + 7) / 160,
}


def test_a_remaining_panel_carries_its_racks_the_lost_feeds_load_and_moved_switches() -> None:
    load = campus_readings().values("panel_feed_loss_load_ratio")
    assert load == pytest.approx({**PANEL_LOADS_A, **PANEL_LOADS_B, **PANEL_LOADS_C})


@pytest.mark.parametrize(
    ("breaker", "lost", "amperes"),
    [
        ("id: row-b, from: [ups-b], breaker_a: 200", "feed=A", 111.0),
        ("id: row-c, from: [ups-c], breaker_a: 125", "feed=A", 61.0),
        ("id: row-a, from: [main-a], breaker_a: 160", "feed=B", 117.0),
        ("id: main-a, from: [ups-a1, ups-a2], breaker_a: 250", "feed=B", 117.0),
    ],
)
def test_a_site_survives_as_long_as_the_remaining_panel_is_not_above_its_continuous_limit(
    breaker: str, lost: str, amperes: float
) -> None:
    def survives(breaker_a: float) -> dict[str, float | None]:
        smaller = campus((breaker, f"{breaker.rpartition(' ')[0]} {breaker_a}"))
        return campus_readings(smaller).values("site_survives_feed_loss")

    at_limit = amperes / 0.8
    assert at_limit * 0.8 == amperes  # exact, else this is no test of the limit itself
    assert survives(at_limit)[lost] == 1.0
    assert survives(at_limit + 0.01)[lost] == 1.0
    assert survives(at_limit - 0.01)[lost] == 0.0


def test_a_panel_without_a_rating_is_not_judged_and_those_beside_it_are() -> None:
    load = campus_readings(campus(("from: [ups-b], breaker_a: 200", "from: [ups-b]")))
    others = {
        name: each for name, each in (PANEL_LOADS_A | PANEL_LOADS_B | PANEL_LOADS_C).items() if "row-b" not in name
    }
    assert load.values("panel_feed_loss_load_ratio") == pytest.approx(others)


def test_a_feed_is_lost_with_a_panel_alone_that_has_no_rating() -> None:
    readings = campus_readings(campus(("from: [ups-c], breaker_a: 125", "from: [ups-c]")))
    assert not [name for name in readings.values("panel_feed_loss_load_ratio") if "row-c" in name]
    assert readings.values("site_survives_feed_loss")["feed=A"] == 1.0


def test_a_rack_of_which_one_phase_certainly_falls_is_lost_whatever_its_other_phases_do() -> None:
    readings = Readings(campus())
    readings.currents("pdu-n2-a", 60.0)
    readings.currents("pdu-n2-b", 24.0)
    assert readings.values("rack_survives_feed_loss")["rack=n2,feed=A,phase=L2"] is None
    assert readings.values("site_survives_feed_loss")["feed=A"] == 0.0
    assert readings.values("site_racks_lost_on_feed_loss_at_least")["feed=A"] == 1.0


def test_a_rack_on_three_feeds_is_judged_by_the_worse_of_the_two_that_are_left() -> None:
    load = campus_readings().values("rack_feed_loss_load_ratio")
    for lost, worst in (("A", 12 + 9), ("B", 9 + 12), ("C", 6 + 12)):
        assert load[f"rack=n1,feed={lost},phase=L2"] == pytest.approx(worst / (0.8 * 63))
    weak = campus(
        ("{id: pdu-n1-c, rack: n1, from: row-c, breaker_a: 63}", "{id: pdu-n1-c, rack: n1, from: row-c, breaker_a: 20}")
    )
    readings = campus_readings(weak)
    # 12 + 6 A are too much for 0.8 * 20 A; 9 + 6 A are not
    assert readings.values("rack_survives_feed_loss")["rack=n1,feed=A,phase=L1"] == 0.0
    assert readings.values("rack_survives_feed_loss")["rack=n1,feed=B,phase=L1"] == 1.0
    assert readings.values("site_racks_lost_on_feed_loss") == {"feed=A": 1.0, "feed=B": 0.0, "feed=C": 0.0}
    assert readings.values("site_survives_feed_loss")["feed=A"] == 0.0


def test_feeds_that_do_not_reach_a_rack_are_no_loss_to_it() -> None:
    survives = campus_readings().values("rack_survives_feed_loss")
    feeds: dict[str, set[str]] = {}
    for name in survives:
        rack, feed, _ = name.split(",")
        feeds.setdefault(rack.removeprefix("rack="), set()).add(feed.removeprefix("feed="))
    assert feeds == {
        "n1": {"A", "B", "C"}, "n2": {"A", "B"}, "n3": {"B", "C"}, "s1": {"A", "C"}, "s2": {"A", "B"},
        "o1": {"A", "B"}, "o2": {"B", "C"}, "o3": {"C", "A"},
    }  # fmt: skip


def test_each_switch_hands_over_to_the_breaker_of_its_other_source() -> None:
    load = campus_readings().values("rack_feed_loss_load_ratio")
    switched = {name: ratio for name, ratio in load.items() if name.startswith("rack=o")}
    assert switched == pytest.approx(
        {
            "rack=o1,feed=A,phase=L1": 10 / (0.8 * 20),
            "rack=o1,feed=B,phase=L2": 10 / (0.8 * 32),
            "rack=o2,feed=B,phase=L1": 5 / (0.8 * 25),
            "rack=o2,feed=B,phase=L2": 6 / (0.8 * 25),
            "rack=o2,feed=B,phase=L3": 7 / (0.8 * 25),
            "rack=o2,feed=C,phase=L2": 5 / (0.8 * 32),
            "rack=o2,feed=C,phase=L3": 6 / (0.8 * 32),
            "rack=o2,feed=C,phase=L1": 7 / (0.8 * 32),
            "rack=o3,feed=C,phase=L3": 8 / (0.8 * 20),
            "rack=o3,feed=A,phase=L2": 8 / (0.8 * 16),
        }
    )


def test_a_switch_moves_its_load_from_where_it_stands_and_only_to_the_feed_of_its_other_input() -> None:
    readings = campus_readings()
    before, panels = (readings.values(metric) for metric in ("ups_feed_loss_load_ratio", "panel_feed_loss_load_ratio"))
    readings.take("sts-bc", {"ats_selected_source": "b"}, 100.5, device_class="ats")  # from B to C
    after, moved = (readings.values(metric) for metric in ("ups_feed_loss_load_ratio", "panel_feed_loss_load_ratio"))
    changed = {name for name in before if before[name] != after[name]}
    # what UPSs deliver is as before in this test: 18 A would now come from C to B, and none from B to C
    assert changed == {"feed=B,group=ups-c", "feed=C,group=ups-b"}
    assert after["feed=B,group=ups-c"] == pytest.approx((17_070 + (27 + 8) * 230) / 60_000)
    assert after["feed=C,group=ups-b"] == pytest.approx((38_150 + (18 + 6 + 18) * 230) / 120_000)
    # without A it stays on row-c, by the phases of that input; without B or C it is on the other one as before
    assert {name for name in panels if panels[name] != moved[name]} == {name for name in panels if "feed=A" in name}
    assert moved["feed=A,panel=row-b,phase=L1"] == pytest.approx(105 / 160)
    assert moved["feed=A,panel=row-c,phase=L1"] == pytest.approx((43 + 7) / 100)
    assert moved["feed=A,panel=row-c,phase=L2"] == pytest.approx((45 + 5) / 100)


def test_a_switch_with_an_unusable_source_loses_its_rack_only_with_the_feed_it_stands_on() -> None:
    readings = campus_readings()
    readings.take("sts-bc", {"ats_source_usable{source=b}": 0.0}, 100.5, device_class="ats")
    survives = readings.values("rack_survives_feed_loss")
    assert [survives[f"rack=o2,feed={feed},phase=L1"] for feed in "BC"] == [0.0, 1.0]
    assert readings.values("site_racks_lost_on_feed_loss") == {"feed=A": 0.0, "feed=B": 1.0, "feed=C": 0.0}


def test_a_load_at_exactly_the_breakers_limit_is_survived_straight_and_through_a_switch() -> None:
    def survives(amperes_a: float, switched: float) -> list[float | None]:
        readings = campus_readings()
        readings.currents("pdu-n3-b", amperes_a, now=100.5)
        readings.currents("pdu-o1", switched, now=100.5)
        found = readings.values("rack_survives_feed_loss")
        return [found["rack=n3,feed=C,phase=L3"], found["rack=o1,feed=A,phase=L1"]]

    # n3: 0.8 * 32 A less the 6 A of C; o1: 0.8 * 20 A of its input b
    assert survives(0.8 * 32 - 6, 0.8 * 20) == [1.0, 1.0]
    assert survives(0.8 * 32 - 5.99, 0.8 * 20 + 0.01) == [0.0, 0.0]


def test_firm_power_of_unequal_ups_in_parallel_is_what_is_left_without_the_larger() -> None:
    margin = campus_readings().values("ups_redundancy_margin_watts")
    assert margin == {"feed=A,group=ups-a1+ups-a2": 60_000 - 47_920}  # ups-b and ups-c have nobody beside them
    swapped = campus(("[ups-a1, ups-a2]", "[ups-a2, ups-a1]"))
    assert campus_readings(swapped).values("ups_redundancy_margin_watts")["feed=A,group=ups-a2+ups-a1"] == 12_080


def test_a_panel_that_one_of_the_upss_in_parallel_feeds_alone_leaves_them_a_group() -> None:
    """The panel of its own pumps, say, which the site file may list before theirs."""
    alone = campus(("  - {id: main-a,", "  - {id: pumps-a, from: [ups-a1], room: plant}\n  - {id: main-a,"))
    margin = campus_readings(alone).values("ups_redundancy_margin_watts")
    assert margin == {"feed=A,group=ups-a1+ups-a2": 60_000 - 47_920}


def test_racks_of_another_group_on_the_same_feed_are_not_inherited() -> None:
    apart = campus(
        ("  - {id: ups-b,", "  - {id: ups-b2, from: [B], rated_power_w: 50000, room: plant}\n  - {id: ups-b,"),
        ("  - {id: mech-b", "  - {id: row-b2, from: [ups-b2], row: s}\n  - {id: mech-b"),
        ("rack: s2, from: row-b", "rack: s2, from: row-b2"),
        ("{from: row-b, breaker_a: 20, phases: [L2]}", "{from: row-b2, breaker_a: 20, phases: [L2]}"),
    )
    readings = campus_readings(apart)
    readings.take("ups-b2", {"ups_output_total_power_watts": 9_660.0}, device_class="ups")
    load = readings.values("ups_feed_loss_load_ratio")
    assert load["feed=A,group=ups-b2"] == pytest.approx((9_660 + (54 + 10) * 230) / 50_000)
    assert load["feed=A,group=ups-b"] == pytest.approx((38_150 + (36 + 60) * 230) / 120_000)


def test_before_the_first_pdu_answers_every_rack_is_unknown_and_none_is_certainly_lost() -> None:
    """The bounds are known when nothing else is; afterwards each rack that is known is one fewer."""
    readings = Readings()
    readings.take("meter-main", {"meter_power_watts{role=facility}": 1.0}, device_class="meter")
    assert readings.values("site_racks_unknown_on_feed_loss") == {"feed=A": 2.0, "feed=B": 2.0}
    assert readings.values("site_racks_lost_on_feed_loss_at_least", 102.0) == {"feed=A": 0.0, "feed=B": 0.0}
    for pdu in ("pdu-a1-a", "pdu-a1-b"):
        readings.currents(pdu, 10.0, now=103.0)
    assert readings.values("site_racks_unknown_on_feed_loss", 104.0) == {"feed=A": 1.0, "feed=B": 1.0}


def test_a_site_is_not_said_to_survive_while_a_single_rack_of_many_is_unknown() -> None:
    """Nothing was heard of it yet."""
    more = campus(
        ("  - {id: o3, row: s,", "  - {id: x1, row: s, design_power_w: 4000}\n  - {id: o3, row: s,"),
        (
            "  - {id: pdu-o3,",
            "".join(f"  - {{id: pdu-x1-{at}, rack: x1, from: row-{at}, breaker_a: 20}}\n" for at in "ab")
            + "  - {id: pdu-o3,",
        ),
    )
    readings = campus_readings(more)
    assert readings.values("site_survives_feed_loss")["feed=A"] is None
    assert readings.values("site_racks_unknown_on_feed_loss")["feed=A"] == 1.0
    for pdu in ("pdu-x1-a", "pdu-x1-b"):
        readings.currents(pdu, 1.0, 1.0, 1.0, now=101.5)
    assert readings.values("site_survives_feed_loss", now=103.0)["feed=A"] == 1.0


def test_a_switch_that_feeds_two_racks_brings_its_load_once() -> None:
    two = campus(
        ("  - {id: pdu-o3,", "  - {id: pdu-o3b, rack: o3, from: sts-ab, breaker_a: 32, phases: [L1]}\n  - {id: pdu-o3,")
    )
    readings = campus_readings(two)
    readings.currents("pdu-o3b", 4.0, now=100.5)
    load = readings.values("ups_feed_loss_load_ratio")["feed=A,group=ups-b"]
    assert load == pytest.approx((ON_B_WITHOUT_A + 4 * 230) / 120_000)
    panels = readings.values("panel_feed_loss_load_ratio")
    assert panels["feed=A,panel=row-b,phase=L2"] == pytest.approx(
        PANEL_LOADS_A["feed=A,panel=row-b,phase=L2"] + 4 / 160
    )


def test_of_a_switch_that_states_both_sources_each_one_counts_by_itself() -> None:
    """It lacks redundancy because its other source fails, which is not the one that is left."""
    readings = campus_readings()
    readings.take("sts-bc", {"ats_redundant": 0.0}, 100.5, device_class="ats")
    assert readings.values("rack_survives_feed_loss")["rack=o2,feed=B,phase=L1"] == 1.0


@pytest.mark.parametrize(("dark", "ups"), [("b", "ups-b"), ("c", "ups-c")])
def test_of_three_feeds_of_which_one_is_dark_another_one_may_not_be_lost(dark: str, ups: str) -> None:
    """How its supplies share the load is not known, so each feed that is left must be able to take all of it."""
    readings = campus_readings()
    assert readings.values("rack_survives_feed_loss")["rack=n1,feed=A,phase=L1"] == 1.0
    for now in (110.0, 120.0, 130.0):
        for pdu, amperes in CURRENTS.items():
            if pdu.endswith(f"-{dark}"):
                readings.take(pdu, {}, now, up=False)
            else:
                readings.currents(pdu, *amperes, now=now)
        readings.take(ups, {"ups_output_source": "none"}, now, device_class="ups")
        readings.figures(now + 1.0)
    assert readings.values("rack_survives_feed_loss", now=131.5)["rack=n1,feed=A,phase=L1"] == 0.0
