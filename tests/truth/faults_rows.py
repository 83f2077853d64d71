"""For each fault of the site: what must change, how soon, and what else may follow, from physics and the collector's promises.

Power and cooling; sensors and what is between a device and its agent are in `tests.truth.faults_measurement`.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.truth.faults import Move, Row

Order = Mapping[str, Any]
POLLED_S: Final = 12.0
"""A poll of 5 s, a cycle of 5 s, and the answer."""
FAILED_S: Final = 25.0
"""Two polls that fail, 5 s apart and each after 4 s of waiting, and a cycle."""
STALE_S: Final = 45.0
"""Two polls of 10 s, or the 30 s after which a reading expires; a cycle of 5 s, and the answer."""
RACK_A1: Final = ("pdu-a1-*", "*device=pdu-a1-*", "*rack=a1*")
RACK_B1: Final = ("pdu-b1-*", "*device=pdu-b1-*", "*rack=b1*")
SITE_POWER: Final = ("site_facility_watts", "site_it_watts", "site_mains_watts")
ABOVE: Final = ("ups-*", "*device=ups-*", "ups_*", "panel_*", "meter-*", *SITE_POWER)
"""Series of devices that carry or measure the racks' power, and the site's sums of it."""
SUMS: Final = ("panel_*", "ups_feed_loss_load_ratio*")
LOOP_1: Final = ("cdu-1 *", "*device=cdu-1*", "*loop=tcs-1*", "loop_ride_through_seconds{failure=heat_rejection,*")
"""The loops share facility water: how long that lasts is one answer for both."""
AIR: Final = ("* env_*", "cdu-? cdu_a*", "crah-? crah_*")
RACKS: Final = ("rack_power_watts{rack=a?}", "rack_survives_feed_loss*", "pdu_phase_headroom*")
POWER_STAYS: Final = ("rack_power_watts*", "rack_survives_feed_loss*", "site_survives_feed_loss*", "device_up*")
COOLING_STAYS: Final = ("loop_heat_watts*", "cdu_pumps_spare*", "cdu_dew_point_margin*")
OTHER_LOOP: Final = ("*loop=tcs-2*", "cdu-2 *", "cdu_pumps_spare{device=cdu-3}")


def order(fault: str, target: str, **more: object) -> Order:
    """A fault in the syntax of `rackflow-sim fault`."""
    return {"fault": fault, "target": target, **more}


POWER: Final = (
    Row(
        "mains loss of feed A; its generator starts after 25 s",
        (order("mains_loss", "A"),),
        (
            Move("ups-a ups_output_source", "= battery", POLLED_S),
            Move("ups-a ups_input_voltage_volts{phase=L1}", "= 0", POLLED_S),
            Move("meter-main meter_power_watts{role=facility}", "< 0.7x", POLLED_S),
            Move("ups-a ups_output_source", "= normal", 55.0, from_s=25.0),
        ),
        ("ups-a *", "*device=ups-a*", "meter-main *", *SITE_POWER),
        (*POWER_STAYS, *COOLING_STAYS, "ups-b *"),
        quick=True,
    ),
    Row(
        "battery of ups-b at 15 %, then mains loss of feed B",
        (order("battery_failing", "ups-b"), order("mains_loss", "B")),
        (
            Move("ups-b ups_output_source", "= battery", POLLED_S),
            Move("device_up{device=ups-b}", "= 0", 330.0),
            Move("pdu-b1-a pdu_input_power_watts{inlet=1}", "> 1.8x", 330.0),
            Move("site_survives_feed_loss{feed=A}", "= 0", 360.0),
        ),
        (*ABOVE, "pdu-*", "*device=pdu-*", "rack_*", "site_*", "loop_heat_capture*", "loop_air_heat*", "loop_ride*"),
        (*COOLING_STAYS, "cdu-1 *", "env-1 *"),
        lasts_s=420.0,
        note="before the load is on it, no reading tells: the UPS takes its cells for healthy, and so does the model; "
        "its PDUs are silent together with it, so they are dead, and nothing is left if feed A is lost as well",
    ),
    Row(
        "ups-a to bypass",
        (order("ups_bypass", "ups-a"),),
        (
            Move("ups-a ups_output_source", "= bypass", POLLED_S),
            Move("ups_runtime_margin_seconds{device=ups-a,feed=A}", "unknown", 30.0),
            Move("ups_losses_watts{device=ups-a,feed=A}", "< 0.6x", 620.0),
        ),
        ("ups-a *", "*device=ups-a*", "meter-main *", *SITE_POWER, "* pdu_*voltage*", "pdu-*-a pdu_*"),
        (*POWER_STAYS, *COOLING_STAYS, "ups-b *"),
        settled_s=660.0,
        lasts_s=660.0,
        note="losses are means of five minutes; what the battery lasts is still shown, but not counted on",
    ),
    Row(
        "loss of feed A, generator and all",
        (order("feed_loss", "A"),),
        (
            Move("ups-a ups_output_source", "= battery", POLLED_S),
            Move("ups-a ups_battery_charge_ratio", "< -0.015", 90.0),
            Move("ups_modelled_runtime_seconds{device=ups-a,feed=A}", "< 0.985x", 90.0),
        ),
        ("ups-a *", "*device=ups-a*", "meter-main *", *SITE_POWER),
        (*POWER_STAYS, *COOLING_STAYS, "ups-b *"),
        lasts_s=120.0,
    ),
    Row(
        "breaker of pdu-a1-a trips",
        (order("breaker_trip", "pdu-a1-a"),),
        (
            Move("pdu-a1-b pdu_phase_current_amperes{inlet=1.1,phase=L1}", "> 1.8x", POLLED_S),
            Move("device_up{device=pdu-a1-a}", "= 0", POLLED_S),
            Move("rack_power_watts{rack=a1}", "unknown pdu-a1-a", FAILED_S),
            Move("rack_survives_feed_loss{feed=B,phase=L1,rack=a1}", "unknown pdu-a1-a", FAILED_S),
            Move("site_survives_feed_loss{feed=B}", "unknown pdu-a1-a", FAILED_S),
        ),
        (*RACK_A1, *ABOVE, "site_*"),
        ("rack_power_watts{rack=b1}", "rack_survives_feed_loss{*rack=a2}", *COOLING_STAYS, "pdu-a2-a *"),
        quick=True,
    ),
    Row(
        "phase L2 of pdu-a1-a lost",
        (order("phase_loss", "pdu-a1-a", phase="L2"),),
        (
            Move("pdu-a1-a pdu_phase_voltage_volts{inlet=1,phase=L2}", "= 0", STALE_S),
            Move("pdu-a1-b pdu_phase_current_amperes{inlet=1.1,phase=L2}", "> 1.8x", POLLED_S),
            Move("rack_survives_feed_loss{feed=B,phase=L2,rack=a1}", "= 0", STALE_S),
            Move("site_survives_feed_loss{feed=B}", "= 0", STALE_S),
            Move("site_racks_lost_on_feed_loss{feed=B}", "= 1", STALE_S),
        ),
        ("pdu-a1-*", "pdu_phase_headroom*device=pdu-a1-*", *ABOVE),
        (
            "rack_power_watts{rack=a1}",
            "rack_survives_feed_loss{feed=A,phase=L2,rack=a1}",
            "rack_survives_feed_loss{feed=B,phase=L1,rack=a1}",
            "site_survives_feed_loss{feed=A}",
            *COOLING_STAYS,
        ),
        skew_s=POLLED_S,
        quick=True,
    ),
    Row(
        "rack b1 takes twice its load",
        (order("overload", "b1", value=2.0),),
        (
            Move("rack_power_watts{rack=b1}", "> 1.8x", 2 * POLLED_S),
            Move("pdu_phase_headroom_amperes{device=pdu-b1-a,feed=A,phase=L1,rack=b1}", "< -20", 2 * POLLED_S),
            Move("rack_survives_feed_loss{feed=A,phase=L1,rack=b1}", "= 0", 2 * POLLED_S),
            Move("site_survives_feed_loss{feed=A}", "= 0", 2 * POLLED_S),
            Move("loop_heat_watts{loop=tcs-1}", "> 1.5x", 90.0),
        ),
        (*RACK_B1, *ABOVE, "site_*", *LOOP_1, *AIR),
        (*RACKS, "*loop=tcs-2*", "cdu-2 *"),
        lasts_s=120.0,
    ),
)
COOLING: Final = (
    Row(
        "pump 1 of cdu-1 fails",
        (order("pump_failure", "cdu-1", pump=1),),
        (
            Move("cdu-1 cdu_pump_state{pump=1}", "= failed", POLLED_S),
            Move("cdu_pumps_spare{device=cdu-1}", "= 0", POLLED_S),
            Move("cdu-1 cdu_pump_state{pump=3}", "= running", 25.0),
        ),
        LOOP_1,
        (*POWER_STAYS, "cdu_pumps_spare{device=cdu-2}", "loop_cdus_spare*tcs-2*", *OTHER_LOOP),
        quick=True,
    ),
    Row(
        "all pumps of cdu-1 fail",
        (order("all_pumps_failure", "cdu-1"),),
        (
            Move("cdu_pumps_spare{device=cdu-1}", "= -2", POLLED_S),
            Move("loop_cdus_spare{loop=tcs-1}", "= -1", POLLED_S),
            Move("cdu-1 cdu_flow_cubic_meters_per_second{loop=secondary}", "< 0.05x", POLLED_S),
            Move("loop_heat_watts{loop=tcs-1}", "< 0.05x", POLLED_S),
            Move("rack_power_watts{rack=b1}", "< 0.8x", 60.0),
        ),
        (*LOOP_1, *RACK_B1, *ABOVE, *SUMS, *AIR),
        (*RACKS, "site_survives_feed_loss*", *OTHER_LOOP),
        lasts_s=90.0,
        quick=True,
        note="within 60 s the racks slow down for heat; ride-through is unknown then, because no heat arrives",
    ),
    Row(
        "filter of cdu-1 eight times as tight",
        (order("filter_blocked", "cdu-1"),),
        (
            Move("cdu-1 cdu_pump_speed_ratio{pump=all}", "> 1.05x", 30.0),
            Move("cdu_coefficient_of_performance_ratio{device=cdu-1}", "< 0.9x", 60.0),
        ),
        LOOP_1,
        (*POWER_STAYS, "cdu_pumps_spare*", *OTHER_LOOP),
        lasts_s=120.0,
        note="clogging itself is not seen: the map of this unit has no pressure over the filter",
    ),
    Row(
        "valve of cdu-1 stuck at a tenth",
        (order("valve_stuck", "cdu-1", value=0.1),),
        (
            Move("cdu-1 cdu_supply_temperature_celsius{loop=secondary}", "> 2", 60.0),
            Move("cdu_dew_point_margin_celsius{device=cdu-1}", "> 2", 60.0),
            Move("loop_ride_through_seconds{failure=primary_flow,loop=tcs-1}", "< 0.9x", 120.0),
        ),
        (*LOOP_1, *RACK_B1, *ABOVE, *SUMS, *AIR),
        (*RACKS, "cdu_pumps_spare*", *OTHER_LOOP),
        lasts_s=150.0,
    ),
    Row(
        "facility water 15 K too warm",
        (order("primary_warm", "fws", value=15.0),),
        (
            *(Move(f"cdu-{n} cdu_supply_temperature_celsius{{loop=secondary}}", "> 3", 360.0) for n in (1, 2, 3)),
            *(Move(f"loop_ride_through_seconds{{failure=primary_flow,loop=tcs-{n}}}", "< 0.8x", 360.0) for n in (1, 2)),
        ),
        ("cdu-* *", "*device=cdu-*", "*loop=*", "meter-main *", *SITE_POWER, *AIR),
        (*POWER_STAYS, "ups-a *"),
        lasts_s=420.0,
    ),
    Row(
        "tcs-1 leaks 0.5 L/min",
        (order("leak", "tcs-1"),),
        (
            Move("cdu-1 cdu_leak_detected{detector=internal}", "= 1", 36.0),
            Move("cdu-1 cdu_leak_detected{detector=rack-floor}", "= 1", 36.0),
            Move("leak-1 leak_detected{sensor=1.floor}", "= 1", 36.0),
            Move("cdu-1 cdu_return_pressure_pascals{loop=secondary}", "< -2000", 60.0),
        ),
        ("cdu-1 cdu_*pressure*",),
        (*POWER_STAYS, *COOLING_STAYS, "loop_*", "cdu-1 cdu_reservoir*"),
        quick=True,
        note="a rope is wet from 0.2 L on, 24 s; the reservoir is low after 13 minutes; no figure rests on leaks",
    ),
    Row(
        "tcs-1 bursts, 200 L/min",
        (order("burst", "tcs-1"),),
        (
            Move("leak-1 leak_detected{sensor=1.floor}", "= 1", POLLED_S),
            Move("cdu-1 cdu_reservoir_level_state{reservoir=main}", "= low", POLLED_S),
            Move("cdu-1 cdu_flow_cubic_meters_per_second{loop=secondary}", "< 0.1x", 40.0),
            Move("loop_heat_watts{loop=tcs-1}", "< 0.1x", 45.0),
            Move("rack_power_watts{rack=b1}", "< 0.8x", 90.0),
        ),
        (*LOOP_1, *RACK_B1, *ABOVE, *SUMS, *AIR),
        (*RACKS, *OTHER_LOOP),
        lasts_s=120.0,
    ),
    Row(
        "8 % of air in tcs-1",
        (order("air_in_loop", "tcs-1"),),
        (
            Move("cdu-1 cdu_flow_cubic_meters_per_second{loop=secondary}", "< 0.97x", POLLED_S),
            Move("cdu-1 cdu_pump_speed_ratio{pump=all}", "> 1.05x", 30.0),
        ),
        LOOP_1,
        (*POWER_STAYS, "cdu_pumps_spare*", *OTHER_LOOP),
        lasts_s=120.0,
        note="the pumps make up for it; that it is air and no filter, nothing tells",
    ),
)
