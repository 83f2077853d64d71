"""Racks on busways: power shelves without rack PDUs, read from the meters in their tap-off boxes. 240 V, k = 1, worked out by hand."""

import pytest

from tests.collector.derive.ai_hall import TAPS, ai_hall, loaded, metered
from tests.collector.derive.hall import Readings

SHELF_W = 3 * 40 * 240


def test_the_power_of_a_rack_on_busways_is_that_of_its_shelves() -> None:
    readings = loaded()
    assert readings.values("rack_power_watts") == {"rack=a1": 4 * SHELF_W, "rack=a2": 4 * SHELF_W}
    headroom = readings.values("pdu_phase_headroom_amperes")
    assert headroom["rack=a1,feed=A,device=shelf-a1-a1,phase=L1"] == 125 - 40
    assert len(headroom) == 8 * 3


def test_the_power_of_a_shelf_that_was_never_heard_of_is_missing_from_its_meter() -> None:
    missing = Readings(ai_hall()).figures()["rack_power_watts{rack=a1}"].missing
    assert missing[0] == "tap-a1-a1 meter_power_watts: not received"


def test_a_meter_of_a_shelf_may_state_the_power_of_its_phases_alone() -> None:
    readings = Readings(ai_hall())
    for meter in TAPS:
        values = {f"meter_phase_power_watts{{phase=L{at},role=other}}": 9_600.0 for at in (1, 2, 3)}
        readings.take(meter, values, device_class="meter")
    assert readings.values("rack_power_watts") == {"rack=a1": 4 * SHELF_W, "rack=a2": 4 * SHELF_W}


def test_a_shelf_that_is_polled_itself_counts_as_its_meter_would() -> None:
    site = ai_hall(("  - {id: tap-a1-a1, role: other, measures: [shelf-a1-a1]}\n", ""))
    readings = Readings(site)
    for meter in TAPS.keys() - {"tap-a1-a1"}:
        metered(readings, meter, 40.0, 40.0, 40.0)
    assert readings.values("rack_power_watts") == {"rack=a1": None, "rack=a2": 4 * SHELF_W}
    readings.currents("shelf-a1-a1", 40.0, 40.0, 40.0, watts=SHELF_W)
    assert readings.values("rack_power_watts", 105.0)["rack=a1"] == 4 * SHELF_W


def test_shelves_have_n_plus_one_while_the_rack_takes_less_than_all_but_one_can_deliver() -> None:
    # Only the shelves of a1 have a rating: 4 of 66 kW.
    assert loaded().values("rack_shelf_redundancy_margin_watts") == {"rack=a1": 3 * 66_000 - 4 * SHELF_W}
    assert loaded(amperes=70).values("rack_shelf_redundancy_margin_watts") == {"rack=a1": 198_000 - 4 * 70 * 720}


def test_the_largest_of_unequal_shelves_may_fail_and_without_one_rating_nothing_is_said() -> None:
    shelf = "  - {id: shelf-a1-b2, rack: a1, from: bus-b, breaker_a: 125"
    smaller = ai_hall((f"{shelf}, rated_power_w: 66 kW}}", f"{shelf}, rated_power_w: 33 kW}}"))
    assert loaded(smaller).values("rack_shelf_redundancy_margin_watts") == {
        "rack=a1": 3 * 66_000 - 33_000 - 4 * SHELF_W
    }
    unrated = loaded(ai_hall((f"{shelf}, rated_power_w: 66 kW}}", f"{shelf}}}")))
    assert unrated.values("rack_shelf_redundancy_margin_watts") == {}
    assert unrated.values("rack_shelf_load_ratio") == {}


def test_a_single_shelf_has_no_redundancy_to_lose() -> None:
    """A margin below 0 is the alarm of a lost redundancy, which such a rack never had."""
    gone = [
        (f"  - {{id: shelf-a1-{at}, rack: a1, from: bus-{at[0]}, breaker_a: 125, rated_power_w: 66 kW}}\n", "")
        for at in ("a2", "b1", "b2")
    ]
    gone += [(f"  - {{id: tap-a1-{at}, role: other, measures: [shelf-a1-{at}]}}\n", "") for at in ("a2", "b1", "b2")]
    rack = "{id: a1, row: a, design_power_w: 132 kW, liquid_share: 0.85, pdus_per_feed: "
    site = ai_hall(*gone, (f"{rack}2", f"{rack}1"))
    single = Readings(site)
    for meter in TAPS.keys() & site.meters.keys():
        metered(single, meter, 40.0, 40.0, 40.0)
    assert single.values("rack_shelf_redundancy_margin_watts") == {}
    assert single.values("rack_shelf_load_ratio") == {"rack=a1": SHELF_W / 66_000}


def test_a_rack_on_busways_survives_a_feed_while_breakers_and_shelves_of_the_other_carry_it() -> None:
    readings = loaded()
    assert readings.values("rack_feed_loss_load_ratio")["rack=a1,feed=A,phase=L1"] == pytest.approx(160 / 250)
    assert readings.values("rack_shelf_feed_loss_load_ratio") == {
        "rack=a1,feed=A": pytest.approx(4 * SHELF_W / 132_000),
        "rack=a1,feed=B": pytest.approx(4 * SHELF_W / 132_000),
    }
    assert set(readings.values("rack_survives_feed_loss").values()) == {1.0}
    # 48 A a shelf: 192 of 250 A are within the breakers, and 138 kW are more than two shelves of 66 kW deliver.
    survives = loaded(amperes=48).values("rack_survives_feed_loss")
    assert {name for name, each in survives.items() if each == 0.0} == {
        f"rack=a1,feed={feed},phase=L{at}" for feed in "AB" for at in (1, 2, 3)
    }


def test_shelves_at_exactly_their_rating_carry_the_rack() -> None:
    """At 40 A the rack takes as much as two shelves of 57.6 kW deliver."""
    for rating, survives in (("57600", 1.0), ("57599", 0.0)):
        found = loaded(ai_hall(("66 kW", f"{rating} W"))).values("rack_survives_feed_loss")
        assert {found[f"rack=a1,feed=A,phase=L{at}"] for at in (1, 2, 3)} == {survives}


def test_a_busway_is_judged_by_its_bars_where_they_carry_less_than_its_breaker() -> None:
    load = loaded(amperes=60).values("panel_feed_loss_load_ratio")
    # Without B all eight shelves hang on bus-a: 480 A on bars of 500 A behind a breaker of 630 A; bus-b has the breaker alone.
    assert load["feed=B,panel=bus-a,phase=L1"] == pytest.approx(480 / 500)
    assert load["feed=A,panel=bus-b,phase=L1"] == pytest.approx(480 / 630)
    assert loaded(amperes=60).values("site_survives_feed_loss") == {"feed=A": 0.0, "feed=B": 0.0}  # a1's shelves


def test_meters_of_a_busway_without_power_count_as_nothing_and_not_as_unknown() -> None:
    site = ai_hall(
        ("{id: ups-a, from: [A], rated_power_w: 400 kW, room: plant}", "{id: ups-a, from: [A], rated_power_w: 400 kW}")
    )
    readings = loaded(site)
    readings.figures()
    for now in (110.0, 120.0, 130.0, 140.0):
        readings.take("ups-a", {"ups_output_source": "none"}, now, device_class="ups")
        for meter, feed in TAPS.items():
            if feed == "b":
                metered(readings, meter, 80.0, 80.0, 80.0, now=now)
            else:
                readings.take(meter, {}, now, device_class="meter", up=False)
        readings.figures(now + 0.5)
    assert readings.values("rack_power_watts", 141.0) == {"rack=a1": 4 * SHELF_W, "rack=a2": 4 * SHELF_W}


def test_a_shelf_whose_meter_speaks_as_a_rack_pdu_is_judged_as_the_shelf_alone() -> None:
    readings = Readings(ai_hall())
    values = {"pdu_phase_current_amperes": 40.0, "pdu_phase_rated_current_amperes": 125.0}
    readings.take("tap-a1-a1", {f"{name}{{inlet=1,phase=L1}}": each for name, each in values.items()})
    judged = readings.values("pdu_phase_thermal_load_ratio")
    assert judged["rack=a1,feed=A,device=shelf-a1-a1,phase=L1"] is not None
    assert [name for name in judged if "tap-a1-a1" in name] == []
