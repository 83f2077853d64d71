"""Faults of measurement instead of the site: sensors, and the path between a device and its agent."""

from typing import Final

from tests.truth.faults import Move, Row
from tests.truth.faults_rows import (
    COOLING_STAYS,
    FAILED_S,
    LOOP_1,
    OTHER_LOOP,
    POLLED_S,
    POWER_STAYS,
    RACK_A1,
    RACKS,
    STALE_S,
    SUMS,
    order,
)

LASTING_S: Final = 75.0
"""Seconds until a contradiction is reported: a minute without interruption, a poll and a cycle."""
SETTLED_S, LASTS_S, INTERVAL_S = 4200.0, 4500.0, 20.0
"""More than an hour in which levels are learned, and as much in which the fault lasts."""
FLOW, SUPPLY, BACK = (
    f"dcim_cdu_{what}{{loop=secondary}}"
    for what in ("flow_cubic_meters_per_second", "supply_temperature_celsius", "return_temperature_celsius")
)
HEAT_1: Final = "loop_heat_watts{loop=tcs-1}"
MARGINS: Final = ("cdu_dew_point_margin*",)
_TWO_SIDES: Final = (*POWER_STAYS, *OTHER_LOOP)
_SITE: Final = ("site_survives_feed_loss*", "site_racks_lost*")


def suspect(device: str, reading: str, reason: str, within_s: float, place: str = "") -> Move:
    """The reading must be named as suspect."""
    return Move(f"device_reading_suspect{{device={device},{place}reading={reading},reason={reason}}}", "= 1", within_s)


SENSORS: Final = (
    Row(
        "return probe of cdu-1 stuck",
        (order("sensor_stuck", "cdu-1", point=BACK),),
        (),
        LOOP_1,
        _TWO_SIDES,
        note="not seen so soon: it is called frozen after an hour, and fifty times its longest rest, which was four minutes here",
        lasts_s=600.0,
    ),
    Row(
        "flow meter of cdu-1 drifts by 10 % an hour",
        (order("sensor_drift", "cdu-1", point=FLOW, value=-4.2e-8),),
        (suspect("cdu-1", "secondary_flow", "drifting", 3600.0), Move(HEAT_1, "unknown cdu-1", 3600.0)),
        LOOP_1,
        _TWO_SIDES,
        note="named by pump speed and rack power alike: the unit does not show its primary side",
        settled_s=SETTLED_S,
        lasts_s=LASTS_S,
        interval_s=INTERVAL_S,
    ),
    Row(
        "flow meter of cdu-1 noisy, 5 %",
        (order("sensor_noise", "cdu-1", point=FLOW),),
        (Move(HEAT_1, "> 1.03x", 120.0),),
        LOOP_1,
        _TWO_SIDES,
        note="not seen: figures carry the noise, and nothing names it",
        lasts_s=150.0,
    ),
    Row(
        "probes of cdu-1 swapped",
        (order("sensor_swapped", "cdu-1", point=SUPPLY, other=BACK),),
        (
            Move(HEAT_1, "unknown cdu-1", POLLED_S),
            Move("cdu_dew_point_margin_celsius{device=cdu-1}", "unknown cdu-1", POLLED_S),
            suspect("cdu-1", "secondary_temperature", "impossible", LASTING_S),
        ),
        LOOP_1,
        _TWO_SIDES,
        quick=True,
        lasts_s=90.0,
    ),
    Row(
        "flow meter of cdu-1 saturated: no reading",
        (order("sensor_saturated", "cdu-1", point=FLOW),),
        (Move(f"cdu-1 {FLOW.removeprefix('dcim_')}", "unknown", STALE_S), Move(HEAT_1, "unknown cdu-1", STALE_S)),
        LOOP_1,
        (*_TWO_SIDES, *MARGINS),
    ),
    Row(
        "humidity at rack a1 saturated at 100 %",
        (order("sensor_saturated", "pdu-a1-a", point="dcim_env_relative_humidity_ratio{sensor=1}", value=1.0),),
        (
            suspect("pdu-a1-a", "humidity_1", "impossible", 140.0, "feed=A,rack=a1,"),
            Move("cdu_dew_point_margin_celsius{device=cdu-1}", "> -0.5", 140.0, from_s=115.0),
        ),
        ("pdu-a1-a env_*", *MARGINS),
        (*POWER_STAYS, "loop_*", "*device=pdu-a1-a*"),
        lasts_s=180.0,
        note="for a minute the margin of all CDUs is 12 K too small",
    ),
    Row(
        "firmware of pdu-a1-a tells its probe in degF",
        (order("sensor_unit_changed", "pdu-a1-a", point="dcim_env_temperature_celsius{sensor=1}"),),
        (Move("pdu-a1-a device_series{state=present}", "< 1x", 60.0),),
        ("pdu-a1-a env_*", "pdu-a1-a device_series*"),
        (*POWER_STAYS, "loop_*", *MARGINS),
        lasts_s=90.0,
        quick=True,
        note="the agent rejects it: from one poll to the next it has become what it was, in Fahrenheit",
    ),
    Row(
        "firmware of cdu-1 tells its return in degF",
        (order("sensor_unit_changed", "cdu-1", point=BACK),),
        (Move(HEAT_1, "unknown cdu-1", STALE_S),),
        LOOP_1,
        (*_TWO_SIDES, *MARGINS),
        note="98 degC is beyond the catalogue's range: rejected, and unknown once the last good one is stale",
    ),
    Row(
        "firmware of cdu-1 tells ten times the flow",
        (order("sensor_unit_changed", "cdu-1", point=FLOW),),
        (suspect("cdu-1", "secondary_heat", "impossible", 150.0), Move(HEAT_1, "unknown cdu-1", 150.0)),
        LOOP_1,
        (*_TWO_SIDES, *MARGINS),
        settled_s=660.0,
        lasts_s=180.0,
        note="until then heat is ten times too high, and ride-through too short",
    ),
    Row(
        "firmware of pdu-a2-a tells ten times the power",
        (order("sensor_unit_changed", "pdu-a2-a", point="dcim_pdu_input_power_watts"),),
        (
            suspect("pdu-a2-a", "input_total_power", "impossible", LASTING_S, "feed=A,rack=a2,"),
            Move("rack_power_watts{rack=a2}", "< 1.02x", LASTING_S + 10, from_s=65.0),
        ),
        ("pdu-a2-a pdu_input_power_watts*", "rack_power*rack=a2*", "ups_feed_loss_load*", "site_it_watts"),
        ("rack_power_watts{rack=a1}", "rack_survives_feed_loss*", *COOLING_STAYS),
        lasts_s=90.0,
        quick=True,
        note="then the sum of its phases takes its place; until then the rack's power is five times too high",
    ),
    Row(
        "firmware of pdu-b1-b tells ten times the current of L1",
        (order("sensor_unit_changed", "pdu-b1-b", point="dcim_pdu_phase_current_amperes{phase=L1}"),),
        (
            suspect("pdu-b1-b", "input_current_L1", "impossible", LASTING_S, "feed=B,rack=b1,"),
            Move("rack_feed_loss_load_ratio{feed=A,phase=L1,rack=b1}", "unknown pdu-b1-b", LASTING_S),
        ),
        ("pdu-b1-b *", "*device=pdu-b1-b*", "rack_*phase=L1,rack=b1*", "panel_*phase=L1*", "site_*"),
        ("rack_power_watts*", "rack_survives_feed_loss{*phase=L2,rack=b1}", *COOLING_STAYS),
        lasts_s=90.0,
        note="until then site and rack wrongly fall with a feed",
    ),
)
NO_STEP_S: Final = 90.0
"""The racks' load stays constant during the fault, because a silent device shifts the polls of others slightly."""
WIRE: Final = (
    Row(
        "pdu-a1-a reboots, silent for 20 s",
        (order("reboot", "pdu-a1-a", for_s=20.0),),
        (
            Move("device_up{device=pdu-a1-a}", "= 0", POLLED_S),
            Move("rack_power_watts{rack=a1}", "unknown pdu-a1-a", FAILED_S),
            Move("device_up{device=pdu-a1-a}", "= 1", 60.0, from_s=25.0),
            Move("rack_power_watts{rack=a1}", "> 0.98x", 60.0, from_s=25.0),
        ),
        stays=(*RACKS, *COOLING_STAYS, "ups-a *", "pdu-a1-b *"),
        right_or_unknown=(*RACK_A1, *SUMS, *_SITE),
        may=("pdu-a1-a *unbalance*",),
        lasts_s=90.0,
        quick=True,
    ),
    Row(
        "cdu-2 reboots, silent for 20 s",
        (order("reboot", "cdu-2", for_s=20.0),),
        (
            Move("device_up{device=cdu-2}", "= 0", POLLED_S),
            Move("loop_heat_watts{loop=tcs-2}", "unknown cdu-2", POLLED_S),
            Move("device_up{device=cdu-2}", "= 1", 60.0, from_s=25.0),
            Move("loop_heat_watts{loop=tcs-2}", "> 0.8x", 60.0, from_s=25.0),
        ),
        ("cdu-2 *", "*device=cdu-2*", "*loop=tcs-2*", "loop_ride_through_seconds{failure=heat_rejection*"),
        (*POWER_STAYS, "cdu-3 *", "loop_heat_watts{loop=tcs-1}"),
        settled_s=NO_STEP_S,
        lasts_s=90.0,
    ),
    Row(
        "pdu-a1-b does not answer",
        (order("timeout", "pdu-a1-b"),),
        (
            Move("device_up{device=pdu-a1-b}", "= 0", POLLED_S),
            Move("rack_power_watts{rack=a1}", "unknown pdu-a1-b", FAILED_S),
            Move("site_survives_feed_loss{feed=A}", "unknown pdu-a1-b", FAILED_S),
        ),
        stays=(*RACKS, *COOLING_STAYS, "ups-a *", "pdu-a1-a *"),
        right_or_unknown=(*RACK_A1, *SUMS, *_SITE),
    ),
    Row(
        "pdu-a2-b answers after 1.5 s",
        (order("slow", "pdu-a2-b"),),
        (),
        stays=(*POWER_STAYS, *COOLING_STAYS, "pdu-a2-b *"),
        lasts_s=90.0,
        note="within its timeout of 2 s: nothing must move at all",
    ),
    Row(
        "pdu-a2-b answers after 6 s",
        (order("slow", "pdu-a2-b", value=6.0),),
        (
            Move("device_up{device=pdu-a2-b}", "= 0", POLLED_S),
            Move("rack_power_watts{rack=a2}", "unknown pdu-a2-b", FAILED_S),
        ),
        stays=(*RACKS, *COOLING_STAYS, "ups-a *", "pdu-a2-a *"),
        right_or_unknown=("pdu-a2-b *", "*device=pdu-a2-b*", "*rack=a2*", *SUMS, *_SITE),
        note="an answer that comes after its time belongs to no later question",
    ),
    Row(
        "pdu-a2-a lies about the ends of its tables, and is read again",
        (order("lying_table", "pdu-a2-a"), order("reboot", "pdu-a2-a")),
        (),
        stays=(*POWER_STAYS, *COOLING_STAYS, "pdu-a2-a *", "env-1 *"),
        lasts_s=90.0,
        quick=True,
        note="walks end where they go in circles: nothing must move at all",
    ),
    Row(
        "env-1 changes its address",
        (order("address_change", "env-1"),),
        (
            Move("device_up{device=env-1}", "= 0", POLLED_S),
            Move("env-1 env_temperature_celsius{sensor=1.air}", "unknown", STALE_S),
        ),
        stays=(*POWER_STAYS, *COOLING_STAYS, "leak-1 *"),
        right_or_unknown=("env-1 *",),
        note="until its new address is configured; that another device answers at the old one is not seen",
        settled_s=NO_STEP_S,
    ),
    Row(
        "cdu-2 changes its address",
        (order("address_change", "cdu-2"),),
        (
            Move("device_up{device=cdu-2}", "= 0", POLLED_S),
            Move("loop_heat_watts{loop=tcs-2}", "unknown cdu-2", POLLED_S),
            Move("cdu_pumps_spare{device=cdu-2}", "unknown cdu-2", POLLED_S),
        ),
        stays=(*POWER_STAYS, "cdu-3 *", "loop_heat_watts{loop=tcs-1}"),
        right_or_unknown=("cdu-2 *", "*device=cdu-2*", "*loop=tcs-2*", "loop_ride_through_seconds{failure=heat_*"),
        settled_s=NO_STEP_S,
    ),
)
