"""A PDU that is silent with its feed is dead; a rack's sum never adds what was before a step to what is after it."""

import pytest

from tests.collector.derive.hall import Readings, hall

UPSS = ("ups-a1", "ups-a2", "ups-b")
PDUS_A = ("pdu-a1-a", "pdu-a2-a1", "pdu-a2-a2")
RACK_W = 22 * 230


def poll(readings: Readings, now: float, *, b_amperes: float = 12.0, a: bool = True, source: str = "normal") -> None:
    """One poll of everything; without `a`, the PDUs of feed A do not answer and its UPSs say `source`."""
    for pdu in PDUS_A:
        if a:
            readings.currents(pdu, *([10.0] if pdu == "pdu-a1-a" else [30.0, 40.0, 20.0]), now=now)
        else:
            readings.take(pdu, {}, now, up=False)
    readings.currents("pdu-a1-b", b_amperes, now=now)
    for pdu in ("pdu-a2-b1", "pdu-a2-b2"):
        readings.currents(pdu, 20.0, 20.0, 20.0, now=now)
    for ups in UPSS:
        state = source if ups.startswith("ups-a") and not a else "normal"
        values: dict[str, float | str] = {"ups_output_total_power_watts": 30_000.0, "ups_output_source": state}
        readings.take(ups, values, now, device_class="ups")


def lost(*, source: str) -> Readings:
    """Feed A has been lost for two polls, and its UPSs say this."""
    readings = Readings()
    poll(readings, 100.0)
    readings.figures(101.0)
    for now in (110.0, 120.0, 130.0):
        poll(readings, now, b_amperes=22.0, a=False, source=source)
        readings.figures(now + 1.0)
    return readings


def test_a_pdu_that_is_silent_with_its_feed_carries_nothing_and_takes_nothing_over() -> None:
    readings = lost(source="none")
    assert readings.values("rack_power_watts", 131.5)["rack=a1"] == RACK_W
    survives = readings.values("rack_survives_feed_loss", 131.5)
    assert survives["rack=a1,feed=A,phase=L2"] == 1.0  # it is lost, and the rack is up
    assert survives["rack=a1,feed=B,phase=L2"] == 0.0  # nothing is left to take over
    assert readings.values("site_racks_lost_on_feed_loss", 131.5) == {"feed=A": 0.0, "feed=B": 2.0}


def test_a_pdu_that_is_silent_under_a_ups_that_supplies_has_lost_its_network() -> None:
    readings = lost(source="battery")
    figure = readings.figures(131.5)["rack_power_watts{rack=a1}"]
    assert (figure.value, figure.missing) == (None, ("pdu-a1-a pdu_input_power_watts{inlet=1}: does not answer",))


def test_without_any_ups_all_pdus_of_a_feed_must_be_silent() -> None:
    bare = hall(
        (
            "  - {id: main-a, from: [ups-a1, ups-a2], breaker_a: 630, room: plant}",
            "  - {id: main-a, from: [A], breaker_a: 630, room: plant}",
        ),
        ("  - {id: ups-a1, from: [A]", "  - {id: ups-a1, from: [B]"),
        ("  - {id: ups-a2, from: [A]", "  - {id: ups-a2, from: [B]"),
    )
    readings = Readings(bare)
    for now in (100.0, 110.0, 120.0):
        poll(readings, now, a=now < 105.0)
    assert readings.values("rack_power_watts", 121.0)["rack=a1"] == 12 * 230
    readings.currents("pdu-a2-a1", 30.0, 40.0, 20.0, now=122.0)
    readings.take("pdu-a1-a", {}, 122.0, up=False)
    assert readings.values("rack_power_watts", 123.0)["rack=a1"] is None


def test_one_silent_pdu_is_bounded_instead_of_blanking_the_site() -> None:
    readings = Readings()
    poll(readings, 100.0)
    readings.currents("pdu-a2-b1", 100.0, 100.0, 100.0)  # more than the other feed can take
    readings.currents("pdu-a2-b2", 100.0, 100.0, 100.0)
    for now in (105.0, 110.0):
        readings.take("pdu-a1-b", {}, now, up=False)
    now = 111.0
    assert readings.values("site_racks_lost_on_feed_loss", now) == {"feed=A": None, "feed=B": None}
    assert readings.values("site_racks_lost_on_feed_loss_at_least", now) == {"feed=A": 1.0, "feed=B": 1.0}
    assert readings.values("site_racks_unknown_on_feed_loss", now) == {"feed=A": 1.0, "feed=B": 1.0}
    assert readings.values("site_survives_feed_loss", now) == {"feed=A": 0.0, "feed=B": 0.0}


def test_unknown_racks_do_not_count_as_certainly_lost() -> None:
    readings = Readings()
    assert readings.values("site_racks_lost_on_feed_loss_at_least") == {"feed=A": 0.0, "feed=B": 0.0}
    assert readings.values("site_racks_unknown_on_feed_loss") == {"feed=A": 2.0, "feed=B": 2.0}


def test_a_doubled_reading_is_not_added_to_that_of_before_the_loss() -> None:
    """Feed A is lost at 101 s: B is read as doubled at 105 s, A's last reading is of 100 s, and its poll has not failed yet."""
    readings = Readings()
    poll(readings, 100.0)
    assert readings.values("rack_power_watts", 100.5)["rack=a1"] == RACK_W
    readings.currents("pdu-a1-b", 22.0, now=105.0)
    assert readings.values("rack_power_watts", 106.0)["rack=a1"] == RACK_W  # not 32 A
    readings.take("pdu-a1-a", {}, 110.0, up=False)
    assert readings.values("rack_power_watts", 111.0)["rack=a1"] == RACK_W
    readings.take("pdu-a1-a", {}, 114.0, up=False)
    assert readings.values("rack_power_watts", 115.0)["rack=a1"] is None  # one PDU alone may have lost its network


def test_a_step_of_both_feeds_counts_once_both_were_read_after_it() -> None:
    readings = Readings()
    poll(readings, 100.0)
    readings.figures(100.5)
    readings.currents("pdu-a1-b", 24.0, now=105.0)
    assert readings.values("rack_power_watts", 106.0)["rack=a1"] == RACK_W
    readings.currents("pdu-a1-a", 20.0, now=110.0)
    assert readings.values("rack_power_watts", 111.0)["rack=a1"] == 44 * 230


def test_a_load_that_steps_at_each_poll_is_still_summed_up() -> None:
    readings = Readings()
    poll(readings, 100.0)
    readings.figures(100.5)
    sums = set()
    for turn in range(12):
        readings.currents("pdu-a1-b", 24.0 if turn % 2 else 12.0, now=105.0 + 10 * turn)
        readings.figures(106.0 + 10 * turn)
        readings.currents("pdu-a1-a", 20.0 if turn % 2 else 10.0, now=110.0 + 10 * turn)
        sums.add(readings.values("rack_power_watts", 111.0 + 10 * turn)["rack=a1"])
    assert sums == {22 * 230, 44 * 230}


@pytest.mark.parametrize("amperes", [13.0, 15.9])
def test_a_change_of_less_than_a_quarter_is_no_step(amperes: float) -> None:
    readings = Readings()
    poll(readings, 100.0)
    readings.figures(100.5)
    readings.currents("pdu-a1-b", amperes, now=105.0)
    assert readings.values("rack_power_watts", 106.0)["rack=a1"] == pytest.approx((10 + amperes) * 230)


def test_a_ups_that_has_taken_over_is_not_added_to_what_it_inherits() -> None:
    """ups-b doubles at 105 s, while the PDUs of A still say what they carried at 100 s."""
    readings = Readings()
    poll(readings, 100.0)
    name = "feed=A,group=ups-b"
    before = readings.values("ups_feed_loss_load_ratio", 100.5)[name]
    readings.take("ups-b", {"ups_output_total_power_watts": 60_000.0}, 105.0, device_class="ups")
    assert readings.values("ups_feed_loss_load_ratio", 106.0)[name] == before


def test_losses_of_a_ups_are_those_read_even_while_its_output_is_kept_back() -> None:
    """It loses 600 W for one half of the time and 1,200 W for the other."""
    readings = Readings()
    losses: dict[str, float | None] = {}
    for now in range(100, 1000, 5):
        poll(readings, float(now))
        watts = 60_000.0 if now % 20 < 10 else 30_000.0
        taken = {"ups_output_total_power_watts": watts, "ups_input_total_power_watts": 1.02 * watts}
        readings.take("ups-b", {**taken, "ups_output_source": "normal"}, now + 0.5, device_class="ups")
        losses = readings.values("ups_losses_watts", now + 1.0)
    assert losses["feed=B,device=ups-b"] == pytest.approx(900.0, rel=0.01)


def test_a_pdu_that_answers_although_its_feed_is_lost_carries_what_it_says() -> None:
    """It is plugged into the other feed, and the site file does not know."""
    readings = Readings()
    poll(readings, 100.0)
    readings.figures(101.0)
    for now in (110.0, 120.0, 130.0):
        poll(readings, now, b_amperes=22.0, a=False, source="none")
        readings.currents("pdu-a2-a1", 30.0, 40.0, 20.0, now=now)
        readings.figures(now + 1.0)
    assert readings.values("rack_power_watts", 131.5) == {"rack=a1": RACK_W, "rack=a2": (90 + 0 + 60 + 60) * 230}


def test_a_pdu_that_is_back_is_not_added_to_what_its_neighbour_carried_meanwhile() -> None:
    readings = lost(source="none")
    readings.currents("pdu-a1-a", 10.0, now=140.0)
    assert readings.values("rack_power_watts", 141.0)["rack=a1"] == RACK_W  # not 32 A
    readings.currents("pdu-a1-b", 12.5, now=145.0)
    assert readings.values("rack_power_watts", 146.0)["rack=a1"] == 22.5 * 230


def test_a_load_that_falls_is_summed_up_at_once() -> None:
    readings = Readings()
    poll(readings, 100.0)
    readings.figures(100.5)
    readings.currents("pdu-a1-b", 6.0, now=105.0)
    assert readings.values("rack_power_watts", 106.0)["rack=a1"] == 16 * 230
