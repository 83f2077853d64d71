"""Every fault of the simulator at the sites that are shipped, and the problems that must be reported for it: these, and nothing else.

Faults of one wave happen together, at places that do not touch each other. Fault kinds and targets are those of `rackflow-sim fault`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Order = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A problem by name and some of its labels. `within_s` counts from the fault; `shows` is when a device shows it, as in `Row`.

    A burst shows as a leak at once, and as too little flow only once the loop has run empty.
    """

    problem: str
    labels: Mapping[str, str]
    within_s: float = 60.0
    by: Literal["both", "prometheus"] = "both"
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. `expects` must be reported; `may` can be reported, too, depending on how long the wave lasts."""

    title: str
    orders: tuple[Order, ...]
    expects: tuple[Expected, ...] = ()
    may: tuple[Expected, ...] = ()
    shows: str = ""
    """When the device itself shows it: `DEVICE SERIES = VALUE` (or `<`, `>`), or `DEVICE silent`. Empty: at once."""
    note: str = ""

    @property
    def kinds(self) -> set[str]:
        """Kinds of faults that it has."""
        return {str(order["fault"]) for order in self.orders}


def at(problem: str, within_s: float = 60.0, *, shows: str = "", **labels: str) -> Expected:
    """Something that is expected."""
    return Expected(problem, labels, within_s, shows=shows)


def fault(kind: str, target: str, **more: Any) -> Order:  # noqa: ANN401 - as the order has it
    """One fault."""
    return {"fault": kind, "target": target, **more}


def dark(device: str) -> str:
    """What shows that a device does not answer any more."""
    return f"{device} silent"


TEMPERATURE: Final = "dcim_env_temperature_celsius{sensor=1}"
# Within which a device that does not answer, and a sensor that cannot be trusted, are reported: the time for which the problem must hold,
# and a margin.
UNREACHABLE_S: Final = 160.0
SUSPECT_S: Final = 480.0
HALL: Final = "hall-1"
# 80 % of its set point of 449 L/min.
LITTLE_FLOW: Final = f"{HALL}-a-cdu-1 dcim_cdu_flow_cubic_meters_per_second{{loop=secondary}} < 0.00599"


EDGE_SURVIVES = at("DcimFeedLossNotSurvived", site="edge")
EDGE_FIRST = [
    Row(
        "phase L2 of pdu-a01-a lost",
        (fault("phase_loss", "pdu-a01-a", phase="L2"),),
        (at("DcimPhaseDead", device="pdu-a01-a", phase="L2"),),
        (EDGE_SURVIVES,),
        "pdu-a01-a dcim_pdu_phase_voltage_volts{phase=L2} < 50",
    ),
    Row(
        "breaker of pdu-a02-b trips",
        (fault("breaker_trip", "pdu-a02-b"),),
        (at("DcimDeviceUnreachable", UNREACHABLE_S, device="pdu-a02-b"),),
        (EDGE_SURVIVES,),
        dark("pdu-a02-b"),
        "the PDU behind the breaker is dark, and the panel above has no meter: this looks the same as a dead network card",
    ),
    Row(
        "rack a03 takes eight times its load",
        (fault("overload", "a03", value=8.0),),
        (at("DcimPduPhaseOverload", 300.0, device="pdu-a03-a"),),
        (
            at("DcimReadingBeyondLimit", rack="a03"),
            at("DcimDeviceUnreachable", rack="a03"),
            at("DcimStateNotNormal", rack="a03"),
            EDGE_SURVIVES,
            at("DcimPduPhaseOverload", rack="a03"),
            at("DcimPduPhaseLoadHigh", rack="a03"),
            at("DcimRackOverDesign", rack="a03"),
        ),
        note="the PDU itself calls its load too high before its breaker is warm",
    ),
    Row(
        "ups-net-a on bypass",
        (fault("ups_bypass", "ups-net-a"),),
        (at("DcimUpsOnBypass", 100.0, device="ups-net-a"),),
        (EDGE_SURVIVES,),
        "ups-net-a dcim_ups_output_source = bypass",
    ),
    Row(
        "pdu-a05-b does not answer",
        (fault("timeout", "pdu-a05-b"),),
        (at("DcimDeviceUnreachable", UNREACHABLE_S, device="pdu-a05-b"),),
        (EDGE_SURVIVES,),
    ),
    Row(
        "pdu-a06-a answers after 1.5 s",
        (fault("slow", "pdu-a06-a"),),
        note="within its timeout: nothing may be reported",
    ),
    Row(
        "pdu-a07-a lies about the ends of its tables",
        (fault("lying_table", "pdu-a07-a"),),
        note="its tables are read all the same",
    ),
    Row(
        "pdu-a08-b reboots, silent for 20 s",
        (fault("reboot", "pdu-a08-b", for_s=20.0),),
        note="too short to be reported",
    ),
    Row(
        "firmware of pdu-a09-a reports its probe in degF",
        (fault("sensor_unit_changed", "pdu-a09-a", point=TEMPERATURE),),
        (at("DcimReadingSuspect", SUSPECT_S, device="pdu-a09-a"),),
        (at("DcimReadingBeyondLimit", device="pdu-a09-a"),),
    ),
    Row(
        "humidity of env-1 saturated",
        (fault("sensor_saturated", "env-1", point="dcim_env_relative_humidity_ratio{sensor=1.air}"),),
        note="the reading is missing, and what needs it is unknown",
    ),
    Row(
        "probe of pdu-a04-a stuck",
        (fault("sensor_stuck", "pdu-a04-a", point=TEMPERATURE),),
        note="named after an hour",
    ),
    Row(
        "probe of pdu-a10-a drifts by 0.05 K/s",
        (fault("sensor_drift", "pdu-a10-a", point=TEMPERATURE, value=0.05),),
        may=(
            at("DcimReadingSuspect", device="pdu-a10-a"),
            at("DcimReadingBeyondLimit", device="pdu-a10-a"),
            at("DcimRackInletHot", rack="a10"),
            at("DcimRackInletWarm", rack="a10"),
        ),
        note="a drift of minutes looks like warm air, until a limit of the device is passed",
    ),
    Row(
        "power of meter-main noisy, 5 %",
        (fault("sensor_noise", "meter-main", point="dcim_meter_power_watts"),),
        note="figures carry the noise",
    ),
    Row(
        "two phases of pdu-a04-b swapped",
        (
            fault(
                "sensor_swapped",
                "pdu-a04-b",
                point="dcim_pdu_phase_current_amperes{phase=L1}",
                other="dcim_pdu_phase_current_amperes{phase=L3}",
            ),
        ),
        note="both are within everything that is known of them",
    ),
    Row(
        "crac-1 fails",
        (fault("air_unit_failure", "crac-1"),),
        (at("DcimCrahFault", 60, device="crac-1"),),
        note="the other unit holds the room",
    ),
]
EDGE_MAINS = [
    Row(
        "mains of feed A lost; its generator starts after 25 s",
        (fault("mains_loss", "A"),),
        (at("DcimMainsLost", 30.0, feed="A"),),
        shows="ups-a dcim_ups_output_source = battery",
    ),
]
EDGE_SWITCH = [
    Row(
        "ats-a10 is stuck, then loses the source it is on",
        (fault("switch_stuck", "ats-a10"), fault("breaker_trip", "ats-a10.a")),
        (at("DcimAtsRedundancyLost", 120.0, device="ats-a10"),),
        (at("DcimDeviceUnreachable", device="pdu-a10-s"), EDGE_SURVIVES),
        "ats-a10 dcim_ats_source_usable{source=a} = 0",
    ),
]
EDGE_BATTERY = [
    Row(
        "battery of ups-b at 2 %, then feed B lost, generator and all",
        (fault("battery_failing", "ups-b", value=0.02), fault("feed_loss", "B")),
        (
            at("DcimMainsLost", 30.0, feed="B"),
            at("DcimFeedLost", 120.0, feed="B", shows=dark("pdu-a01-b")),
        ),
        (
            at("DcimUpsBatteryLow", device="ups-b"),
            at("DcimUpsOnBatteryProlonged", feed="B"),
            at("DcimMainsLostProlonged", feed="B"),
            at("DcimUpsRuntimeMarginShort", feed="B"),
            EDGE_SURVIVES,
        ),
        "ups-b dcim_ups_output_source = battery",
        "such a battery fails without a warning: the UPS calls it depleted for a second, and is dark then",
    ),
    Row(
        "env-1 changes its address",
        (fault("address_change", "env-1"),),
        (at("DcimDeviceUnreachable", UNREACHABLE_S, device="env-1"),),
    ),
]
EDGE: Final = [EDGE_FIRST, EDGE_MAINS, EDGE_SWITCH, EDGE_BATTERY]


HALL_SURVIVES = at("DcimFeedLossNotSurvived", site="ai-hall")


def spare(row: str) -> Expected:
    return at("DcimLoopRedundancyLost", loop=f"{HALL}-{row}-tcs")


HALL_FIRST = [
    Row(
        "all pumps of a-cdu-1 fail",
        (fault("all_pumps_failure", f"{HALL}-a-cdu-1"),),
        (at("DcimCduAllPumpsStopped", device=f"{HALL}-a-cdu-1"),),
        (spare("a"),),
        f"{HALL}-a-cdu-1 dcim_cdu_pump_state{{pump=1}} = failed",
    ),
    Row(
        "b-tcs leaks 0.5 L/min",
        (fault("leak", f"{HALL}-b-tcs"),),
        (at("DcimLeakDetected", device=f"{HALL}-b-leak"),),
        (at("DcimLeakDetected", row=f"{HALL}-b"), at("DcimCduReservoirLow", row=f"{HALL}-b")),
        f"{HALL}-b-leak dcim_leak_detected{{sensor=1.floor}} = 1",
    ),
    Row(
        "pump 1 of c-cdu-1 fails",
        (fault("pump_failure", f"{HALL}-c-cdu-1", pump=1),),
        (at("DcimCduPumpFailed", device=f"{HALL}-c-cdu-1", pump="1"),),
        (
            at("DcimCduPumpRedundancyLost", device=f"{HALL}-c-cdu-1"),
            at("DcimCduAlarmCritical", device=f"{HALL}-c-cdu-1", alarm="pump"),
            spare("c"),
        ),
        f"{HALL}-c-cdu-1 dcim_cdu_pump_state{{pump=1}} = failed",
    ),
    Row(
        "valve of d-cdu-1 stuck at a tenth",
        (fault("valve_stuck", f"{HALL}-d-cdu-1", value=0.1),),
        (at("DcimCduSupplyTemperatureHigh", 240.0, device=f"{HALL}-d-cdu-1"),),
        (spare("d"), at("DcimDeviceAlarmCritical", device=f"{HALL}-d-cdu-1", alarm="supply_temperature")),
        f"{HALL}-d-cdu-1 dcim_cdu_supply_temperature_celsius{{loop=secondary}} > 35",
    ),
    Row(
        "breaker of pdu c1-a1 trips",
        (fault("breaker_trip", f"pdu-{HALL}-c1-a1"),),
        (at("DcimDeviceUnreachable", UNREACHABLE_S, device=f"pdu-{HALL}-c1-a1"),),
        (HALL_SURVIVES,),
        dark(f"pdu-{HALL}-c1-a1"),
    ),
    Row(
        "phase L2 of pdu c2-a1 lost",
        (fault("phase_loss", f"pdu-{HALL}-c2-a1", phase="L2"),),
        (at("DcimPhaseDead", device=f"pdu-{HALL}-c2-a1", phase="L2"),),
        (HALL_SURVIVES,),
        f"pdu-{HALL}-c2-a1 dcim_pdu_phase_voltage_volts{{phase=L2}} < 50",
    ),
    Row(
        "pdu c3-b1 does not answer",
        (fault("timeout", f"pdu-{HALL}-c3-b1"),),
        (at("DcimDeviceUnreachable", UNREACHABLE_S, device=f"pdu-{HALL}-c3-b1"),),
        (HALL_SURVIVES,),
    ),
    Row(
        "a-cdu-2 does not answer",
        (fault("timeout", f"{HALL}-a-cdu-2"),),
        (at("DcimCoolingBlind", device=f"{HALL}-a-cdu-2"),),
        (spare("a"),),
    ),
    Row(
        "c-cdu-2 answers after 1.5 s",
        (fault("slow", f"{HALL}-c-cdu-2"),),
        (at("DcimCoolingBlind", device=f"{HALL}-c-cdu-2"),),
        (spare("c"),),
        note="later than its timeout of 1 s",
    ),
    Row("pdu c4-a1 answers after 1.5 s", (fault("slow", f"pdu-{HALL}-c4-a1"),), note="within its timeout"),
    Row("pdu c5-a1 lies about the ends of its tables", (fault("lying_table", f"pdu-{HALL}-c5-a1"),)),
    Row("pdu c6-b1 reboots, silent for 20 s", (fault("reboot", f"pdu-{HALL}-c6-b1", for_s=20.0),)),
    Row(
        "ups-a1 on bypass",
        (fault("ups_bypass", f"{HALL}-ups-a1"),),
        (at("DcimUpsOnBypass", 100.0, device=f"{HALL}-ups-a1"),),
        (HALL_SURVIVES, at("DcimUpsRedundancyLost", feed="A")),
        f"{HALL}-ups-a1 dcim_ups_output_source = bypass",
    ),
    Row(
        "firmware of pdu a3-a1 reports its probe in degF",
        (fault("sensor_unit_changed", f"pdu-{HALL}-a3-a1", point=TEMPERATURE),),
        (at("DcimReadingSuspect", SUSPECT_S, device=f"pdu-{HALL}-a3-a1"),),
        (at("DcimReadingBeyondLimit", device=f"pdu-{HALL}-a3-a1"),),
    ),
    Row(
        "flow meter of d-cdu-2 saturated: no reading",
        (fault("sensor_saturated", f"{HALL}-d-cdu-2", point="dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"),),
        (at("DcimDeviceAlarm", 150.0, device=f"{HALL}-d-cdu-2", alarm="flow_meter"),),
        note="the unit says itself that its meter is broken",
    ),
    Row(
        "return probe of a-cdu-3 stuck",
        (fault("sensor_stuck", f"{HALL}-a-cdu-3", point="dcim_cdu_return_temperature_celsius{loop=secondary}"),),
        note="named after an hour",
    ),
    Row(
        "supply probe of c-cdu-3 drifts by 0.05 K/s",
        (
            fault(
                "sensor_drift",
                f"{HALL}-c-cdu-3",
                point="dcim_cdu_supply_temperature_celsius{loop=secondary}",
                value=0.05,
            ),
        ),
        (at("DcimCduSupplyTemperatureHigh", 200.0, device=f"{HALL}-c-cdu-3"),),
        (
            at("DcimReadingSuspect", device=f"{HALL}-c-cdu-3"),
            at("DcimDeviceAlarmCritical", device=f"{HALL}-c-cdu-3", alarm="supply_temperature"),
            at("DcimCduSupplyTemperatureCritical", device=f"{HALL}-c-cdu-3"),
            spare("c"),
        ),
        f"{HALL}-c-cdu-3 dcim_cdu_supply_temperature_celsius{{loop=secondary}} > 35",
        "so fast, it looks like a loop that warms up",
    ),
    Row(
        "flow meter of d-cdu-4 noisy, 2 %",
        (
            fault(
                "sensor_noise",
                f"{HALL}-d-cdu-4",
                point="dcim_cdu_flow_cubic_meters_per_second{loop=secondary}",
                value=0.00015,
            ),
        ),
    ),
    Row(
        "probes of d-cdu-3 swapped",
        (
            fault(
                "sensor_swapped",
                f"{HALL}-d-cdu-3",
                point="dcim_cdu_supply_temperature_celsius{loop=secondary}",
                other="dcim_cdu_return_temperature_celsius{loop=secondary}",
            ),
        ),
        (at("DcimReadingSuspect", SUSPECT_S, device=f"{HALL}-d-cdu-3"),),
        (
            at("DcimCduSupplyTemperatureHigh", device=f"{HALL}-d-cdu-3"),
            at("DcimCduAlarmCritical", device=f"{HALL}-d-cdu-3", alarm="supply_temperature"),
            spare("d"),
        ),
    ),
]
HALL_SECOND = [
    Row(
        "mains of feed A lost; its generator starts after 20 s",
        (fault("mains_loss", "A"),),
        (at("DcimMainsLost", 30.0, feed="A"),),
        shows=f"{HALL}-ups-a1 dcim_ups_output_source = battery",
    ),
    Row(
        "filter of a-cdu-1 eight times as tight",
        (fault("filter_blocked", f"{HALL}-a-cdu-1"),),
        (at("DcimCduFlowLow", device=f"{HALL}-a-cdu-1"),),
        shows=LITTLE_FLOW,
        note="the other units of the loop make up for it, and the unit shows no pressure over the filter",
    ),
    Row(
        "exchanger of b-cdu-1 fouled",
        (fault("exchanger_fouled", f"{HALL}-b-cdu-1"),),
        note="its valve makes up for it, and the unit does not show its primary side",
    ),
    Row("8 % of air in c-tcs", (fault("air_in_loop", f"{HALL}-c-tcs"),), note="the pumps make up for it"),
    Row(
        "an air unit of the hall fails",
        (fault("air_unit_failure", f"{HALL}-crah-1"),),
        (at("DcimCrahFault", 60, device=f"{HALL}-crah-1"),),
        note="one is spare",
    ),
    Row(
        "rack d1 takes eight times its load",
        (fault("overload", f"{HALL}-d1", value=8.0),),
        (at("DcimPduPhaseOverload", 480.0, rack=f"{HALL}-d1"),),  # at 101 %, a breaker warms for six minutes
        (
            at("DcimPduPhaseLoadHigh", rack=f"{HALL}-d1"),
            at("DcimRackOverDesign", rack=f"{HALL}-d1"),
            at("DcimDeviceUnreachable", rack=f"{HALL}-d1"),
            at("DcimStateNotNormal", rack=f"{HALL}-d1"),
            at("DcimReadingBeyondLimit", rack=f"{HALL}-d1"),
            HALL_SURVIVES,
        ),
    ),
]
HALL_WARM = [
    Row(
        "facility water 10 K too warm",
        (fault("primary_warm", f"{HALL}-fws"),),
        (at("DcimCduSupplyTemperatureHigh", 400.0, device=f"{HALL}-a-cdu-1"),),
        (at("DcimCduSupplyTemperatureHigh", site="ai-hall"), at("DcimFacilityCoolingShort", site="ai-hall")),
        f"{HALL}-a-cdu-1 dcim_cdu_supply_temperature_celsius{{loop=secondary}} > 35",
    ),
]
# The burst is in another loop than the leak of the first wave, which stays active for ten minutes after its repair.
HALL_LAST = [
    Row(
        "battery of ups-a1 at 5 %, then feed A lost, generator and all",
        (fault("battery_failing", f"{HALL}-ups-a1", value=0.05), fault("feed_loss", "A")),
        (at("DcimMainsLost", 30.0, feed="A"),),
        (
            at("DcimUpsBatteryLow", device=f"{HALL}-ups-a1"),
            at("DcimDeviceUnreachable", device=f"{HALL}-ups-a1"),
            at("DcimUpsOnBattery", device=f"{HALL}-ups-a1"),
            at("DcimUpsOnBatteryProlonged", feed="A"),
            at("DcimMainsLostProlonged", feed="A"),
            at("DcimUpsRuntimeMarginShort", feed="A"),
            at("DcimUpsRedundancyLost", feed="A"),
            HALL_SURVIVES,
        ),
        f"{HALL}-ups-a1 dcim_ups_output_source = battery",
        "such a battery fails without a warning: the UPS calls it depleted for a second, and is dark then",
    ),
    Row(
        "a-tcs bursts, 200 L/min",
        (fault("burst", f"{HALL}-a-tcs"),),
        (
            at("DcimLeakDetected", device=f"{HALL}-a-leak"),
            at("DcimCduFlowLow", 90.0, device=f"{HALL}-a-cdu-1", shows=LITTLE_FLOW),
        ),
        (
            at("DcimLeakDetected", row=f"{HALL}-a"),
            at("DcimCduReservoirLow", row=f"{HALL}-a"),
            at("DcimCduFlowLow", row=f"{HALL}-a"),
            at("DcimCduAllPumpsStopped", row=f"{HALL}-a"),
            at("DcimCduSupplyTemperatureHigh", row=f"{HALL}-a"),
            at("DcimCduAlarmCritical", row=f"{HALL}-a", alarm="return_temperature"),
            spare("a"),
        ),
        f"{HALL}-a-leak dcim_leak_detected{{sensor=1.floor}} = 1",
    ),
    Row(
        "pdu d2-b1 changes its address",
        (fault("address_change", f"pdu-{HALL}-d2-b1"),),
        (at("DcimDeviceUnreachable", UNREACHABLE_S, device=f"pdu-{HALL}-d2-b1"),),
        (HALL_SURVIVES,),
    ),
]
AI_HALL: Final = [HALL_FIRST, HALL_SECOND, HALL_WARM, HALL_LAST]


def _of_small_hall() -> list[list[Row]]:
    """Problems that are reported within 20 s, at the small hall of the truth tests."""
    return [
        [
            Row(
                "mains of feed A lost",
                (fault("feed_loss", "A"),),
                (at("DcimUpsOnBattery", 45.0, device="ups-a"),),
                (),
                "ups-a dcim_ups_output_source = battery",
            ),
            Row(
                "all pumps of cdu-1 fail",
                (fault("all_pumps_failure", "cdu-1"),),
                (at("DcimCduAllPumpsStopped", 45.0, device="cdu-1"),),
                shows="cdu-1 dcim_cdu_pump_state{pump=1} = failed",
            ),
            Row(
                "tcs-2 bursts, 200 L/min",
                (fault("burst", "tcs-2"),),
                (at("DcimLeakDetected", 45.0, device="leak-1"),),
                tuple(map(at, ("DcimLeakDetected", "DcimCduReservoirLow", "DcimCduFlowLow", "DcimCduAllPumpsStopped"))),
                "leak-1 dcim_leak_detected{sensor=1.floor} = 1",
            ),
            Row("pdu-a1-b answers after 1.5 s", (fault("slow", "pdu-a1-b"),)),
        ]
    ]


SMALL_HALL: Final = _of_small_hall()  # the quick form
