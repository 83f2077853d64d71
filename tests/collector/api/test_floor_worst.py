"""The floor where devices of one place disagree: of each figure the worst is shown, and what one device says hides no other one."""

import pytest

from collector.problems import Acknowledgement
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import hall

SECOND_INLET = (
    "position: inlet}",
    'position: inlet}\n  - {id: a1-top, device: pdu-a1-b, sensor: "1", rack: a1, position: inlet}',
)
VOLTS = {f"pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": 231.0 for at in (1, 2, 3)}
AMPERES = "pdu_phase_current_amperes{inlet=1,phase=L2}"
SUPPLY = "cdu_supply_temperature_celsius{loop=secondary}"


def test_a_feed_of_a_rack_is_as_loaded_as_its_fullest_phase() -> None:
    """30 of 100 A that a breaker of 125 A may carry for hours, beside 15 of 50.4 A on the feed's other PDU, and 15 A on other phases."""
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a2-a1", {AMPERES: 30.0}, 101.0)
    shown.derive(102.0)
    a2 = shown.get("floor", 102.0)["racks"]["a2"]
    assert a2["feeds"]["A"]["load_ratio"] == 0.3
    shares = {
        share
        for name, share in shown.readings.values("rack_feed_loss_load_ratio", 103.0).items()
        if name.startswith("rack=a2,feed=B")
    }
    assert len(shares) > 1
    assert a2["values"]["loss_ratio"]["B"] == pytest.approx(max(share or 0.0 for share in shares), rel=1e-3)


def test_the_warmest_air_before_a_rack_is_shown_and_none_from_behind_it() -> None:
    """By the sensors of the site file, or else by what devices call their inlet."""
    shown = Shown(hall(SECOND_INLET))
    powered(shown)
    shown.readings.take("pdu-a1-b", {"env_temperature_celsius{position=inlet,sensor=1}": 27.5}, 101.0)
    assert shown.get("floor", 102.0)["racks"]["a1"]["values"]["inlet_celsius"] == 27.5
    shown.readings.take("pdu-a1-a", {"env_temperature_celsius{position=inlet,sensor=1}": 29.0}, 103.0)
    assert shown.get("floor", 104.0)["racks"]["a1"]["values"]["inlet_celsius"] == 29.0
    # The site file names one sensor of the device; another one hangs behind the rack.
    shown.readings.take("pdu-a1-a", {"env_temperature_celsius{position=outlet,sensor=2}": 41.0}, 105.0)
    assert shown.get("floor", 106.0)["racks"]["a1"]["values"]["inlet_celsius"] == 29.0
    unnamed = Shown(hall(('  - {id: a1-front, device: pdu-a1-a, sensor: "1", rack: a1, position: inlet}\n', "")))
    powered(unnamed)
    unnamed.readings.take("pdu-a1-b", {"env_temperature_celsius{position=outlet,sensor=1}": 41.0}, 101.0)
    assert unnamed.get("floor", 102.0)["racks"]["a1"]["values"]["inlet_celsius"] == 23.25


def test_a_rack_is_judged_by_its_warmest_cdu_and_an_unobserved_one_hides_no_other() -> None:
    """Supply is the highest, the distance to condensation the lowest."""
    shown = Shown()
    powered(shown)
    shown.readings.take("cdu-1", {SUPPLY: 34.5}, 101.0, device_class="cdu")
    shown.derive(102.0)
    values = shown.get("floor", 102.0)["racks"]["a2"]["values"]
    assert (values["supply_celsius"], values["dew_point_margin_kelvin"]) == (34.5, 19.8)
    alone = Shown()
    alone.readings.take("cdu-1", {SUPPLY: 34.5}, 100.0, device_class="cdu")
    assert alone.get("floor")["racks"]["a2"]["values"]["supply_celsius"] == 34.5


def test_a_rack_says_how_many_of_its_devices_nobody_sees_and_how_old_the_oldest_reading_is() -> None:
    """Three of its four PDUs were heard, one of them 25 s before the others."""
    shown = Shown()
    shown.readings.take("pdu-a2-a1", VOLTS, 75.0)
    for pdu in ("pdu-a2-a2", "pdu-a2-b1"):
        shown.readings.take(pdu, VOLTS, 100.0)
    a2 = shown.get("floor", 100.0)["racks"]["a2"]
    assert (a2["observed"], a2["unseen"], a2["values"]["age_seconds"]) == (True, 1, 30.0)


def test_a_feed_is_on_where_one_of_its_pdus_is_and_a_pdu_where_one_of_its_phases_is() -> None:
    """Half of the nominal voltage is the limit: 120 of 230 V is a bad supply, 110 V is none."""
    shown = Shown()
    powered(shown)
    dead = dict.fromkeys(VOLTS, 0.0)
    shown.readings.take("pdu-a2-a1", dead, 101.0)
    assert shown.get("floor", 102.0)["racks"]["a2"]["feeds"]["A"]["state"] == "on"
    shown.readings.take("pdu-a2-a2", {**dead, "pdu_phase_voltage_volts{inlet=1,phase=L3}": 120.0}, 103.0)
    assert shown.get("floor", 104.0)["racks"]["a2"]["feeds"]["A"]["state"] == "on"
    shown.readings.take("pdu-a2-a2", {**dead, "pdu_phase_voltage_volts{inlet=1,phase=L3}": 110.0}, 105.0)
    assert shown.get("floor", 106.0)["racks"]["a2"]["feeds"]["A"]["state"] == "off"


def test_a_feed_lasts_as_long_as_the_weakest_of_its_own_batteries() -> None:
    """The UPS of the other feed has less left, and the data sheet of its battery promises less than it claims."""
    sheet = "room: plant, battery: {runtimes: {200000: 60, 20000: 400}}}"
    shown = Shown(hall(("rated_power_w: 200000, room: plant}", f"rated_power_w: 200000, {sheet}")))
    powered(shown)
    shown.readings.take("ups-a2", {"ups_battery_runtime_seconds": 600.0}, 101.0, device_class="ups")
    shown.derive(102.0)
    floor = shown.get("floor", 102.0)
    assert floor["ups_groups"]["ups-a1+ups-a2"]["seconds_left"] == 600.0
    assert floor["feeds"]["A"]["seconds_left"] == 600.0
    assert 0.0 < floor["ups_groups"]["ups-b"]["seconds_left"] < 400.0
    assert floor["feeds"]["B"]["seconds_left"] == floor["ups_groups"]["ups-b"]["seconds_left"]


def test_the_load_of_parallel_upss_is_their_mean_and_of_one_that_states_phases_its_fullest() -> None:
    """12 and 36 kW of 2 x 100 kW; and a UPS without powers, with 30 and 50 % on two phases."""
    shown = Shown()
    powered(shown)
    shown.readings.take("ups-a2", {"ups_output_total_power_watts": 36_000.0}, 101.0, device_class="ups")
    assert shown.get("floor", 102.0)["ups_groups"]["ups-a1+ups-a2"]["load_ratio"] == 0.24
    phases = Shown()
    ratios: dict[str, float | str] = {
        f"ups_output_load_ratio{{phase=L{at}}}": share for at, share in ((1, 0.3), (2, 0.5))
    }
    phases.readings.take("ups-b", ratios, 100.0, device_class="ups")
    assert phases.get("floor")["ups_groups"]["ups-b"]["load_ratio"] == 0.5


def test_a_group_of_upss_carries_the_worst_problem_of_its_members_and_of_itself() -> None:
    shown = Shown()
    powered(shown)
    shown.problem("DcimUpsBatteryReplace", device="ups-a1", feed="A")
    assert shown.get("floor", 102.0)["ups_groups"]["ups-a1+ups-a2"]["problem"]["severity"] == "warning"
    shown.problem("DcimUpsBatteryLow", device="ups-a2", feed="A")
    assert shown.get("floor", 103.0)["ups_groups"]["ups-a1+ups-a2"]["problem"]["severity"] == "critical"
    alone = Shown()
    powered(alone)
    alone.problem("DcimUpsRedundancyLost", group="ups-a1+ups-a2", feed="A")
    assert alone.get("floor", 102.0)["ups_groups"]["ups-a1+ups-a2"]["problem"]["id"].startswith("DcimUpsRedundancyLost")


def test_of_two_problems_of_a_group_of_upss_the_one_that_nobody_cares_for_is_marked() -> None:
    """As of a rack; the other one is that of its first UPS."""
    shown = Shown()
    powered(shown)
    shown.tracker.acknowledgement_of = lambda key, _: (
        Acknowledgement("ann", "battery ordered", 2e9) if key[0] == "DcimUpsBatteryLow" else None
    )
    shown.problem("DcimUpsBatteryLow", now=102.0, device="ups-a1", feed="A")
    shown.problem("DcimUpsOverload", now=102.0, device="ups-a2", feed="A")
    mark = shown.get("floor", 103.0)["ups_groups"]["ups-a1+ups-a2"]["problem"]
    assert (mark["id"].partition("-")[0], mark["care"]) == ("DcimUpsOverload", None)


def test_a_loop_says_for_each_failure_how_long_it_lasts() -> None:
    """Stopped pumps leave another time than facility water that stops."""
    shown = Shown()
    powered(shown)
    times = shown.readings.values("loop_ride_through_seconds", 102.0)
    shown.derive(103.0)
    found = shown.get("floor", 103.0)["loops"]["tcs"]["ride_through"]
    assert found["pumps"] is not None
    assert found["pumps"] == pytest.approx(times["loop=tcs,failure=pumps"], rel=0.01)


def test_a_room_has_its_own_cdus_only() -> None:
    shown = Shown(hall(("from: [row-a], row: a}", "from: [row-a], room: plant}")))
    powered(shown)
    assert list(shown.get("floor", room="hall")["cdus"]) == ["cdu-1"]
    assert list(shown.get("floor", room="plant")["cdus"]) == ["cdu-2"]


def test_what_a_cause_explains_is_not_marked_as_worse_than_the_card_it_leads_to() -> None:
    """The card of a UPS on battery was a warning, and its UPS was marked as critical, for the dead phases at its input."""
    shown = Shown()
    shown.problem("DcimPhaseDead", device="ups-b", phase="L1")
    assert ups_mark(shown, 101.0) == ("critical", "DcimPhaseDead")
    shown.problem("DcimUpsOnBattery", device="ups-b", feed="B", now=102.0)
    shown.problem("DcimPhaseDead", device="ups-b", phase="L1", now=103.0)
    assert ups_mark(shown, 104.0) == ("warning", "DcimUpsOnBattery")


def ups_mark(shown: Shown, now: float) -> tuple[str, str]:
    """The severity of the mark of ups-b on the floor, and the name of the problem that it leads to."""
    mark = shown.get("floor", now)["ups_groups"]["ups-b"]["problem"]
    return mark["severity"], mark["id"].partition("-")[0]
