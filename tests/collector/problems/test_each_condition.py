"""Each condition of a problem by itself: what just raises the problem, and what just does not."""

import pytest

from tests.collector.problems.played import names, play, steps_of
from tests.collector.problems.things import (
    FLOW,
    NOMINAL,
    PHASE,
    SETPOINT,
    SUPPLY_SETPOINT,
    WATER,
    Example,
    Series,
    Then,
    Thing,
    agent,
    figure,
    of,
)

VOLTS = f"pdu_phase_voltage_volts{PHASE}"
OUTPUT = "ups_output_voltage_volts{phase=L1}"
RATED_OUTPUT = "ups_rated_output_voltage_volts"
INPUT = "ups_input_voltage_volts{phase=L1}"
METER_L1, METER_L2 = ("meter_voltage_volts{phase=L1}", "meter_voltage_volts{phase=L2}")
LIMIT = "cdu_supply_temperature_limit_celsius{loop=secondary}"
SENSOR = "{sensor=1}"
LEVEL = "cdu_reservoir_level_ratio"
PUMP = "cdu_pump_state{pump=1}"
ALARM = "device_alarm_active{alarm=door,severity=info}"

Row = tuple[str, str, Series, Series]
"""Problem, class of the device, what raises it, what does not."""


def row(problem: str, device_class: str, raises: Series, does_not: Series) -> Row:
    return problem, device_class, raises, does_not


OF_DEVICES: list[Row] = [
    ("DcimUpsBatteryLow", "ups", {"ups_battery_state": "low"}, {"ups_battery_state": "ok"}),
    ("DcimUpsOverload", "ups", {"ups_output_total_load_ratio": 1.01}, {"ups_output_total_load_ratio": 1.0}),
    # The total of a UPS that tells each phase says nothing: its phases do.
    (
        "DcimUpsOverload",
        "ups",
        {"ups_output_total_load_ratio": 0.9, "ups_output_load_ratio{phase=L1}": 1.01},
        {"ups_output_total_load_ratio": 1.01, "ups_output_load_ratio{phase=L1}": 0.9},
    ),
    ("DcimUpsLoadHigh", "ups", {"ups_output_total_load_ratio": 0.81}, {"ups_output_total_load_ratio": 0.8}),
    ("DcimUpsBatteryReplace", "ups", {"ups_battery_replace_required": 1.0}, {"ups_battery_replace_required": 0.0}),
    ("DcimUpsBatteryReplace", "ups", {"ups_battery_bad_packs": 1.0}, {"ups_battery_bad_packs": 0.0}),
    ("DcimUpsBatteryReplace", "ups", {"ups_battery_state": "fault"}, {"ups_battery_state": "ok"}),
    ("DcimUpsTestFailed", "ups", {"ups_test_result": "warning"}, {"ups_test_result": "passed"}),
    ("DcimUpsInputUnstable", "ups", {"ups_input_faults_in_hour": 4.0}, {"ups_input_faults_in_hour": 3.0}),
    ("DcimUpsInputUnstable", "ups", {"ups_input_faults_in_hour": 3.5}, {"ups_input_faults_in_hour": 2.0}),
    # A small load is never balanced: 8 A on some phase are required.
    (
        "DcimPduPhaseUnbalance",
        "pdu",
        {"pdu_current_unbalance_ratio{inlet=1}": 0.26, f"pdu_phase_current_amperes{PHASE}": 8.1},
        {"pdu_current_unbalance_ratio{inlet=1}": 0.25, f"pdu_phase_current_amperes{PHASE}": 8.1},
    ),
    (
        "DcimPduPhaseUnbalance",
        "pdu",
        {"pdu_current_unbalance_ratio{inlet=1}": 0.26, f"pdu_phase_current_amperes{PHASE}": 8.1},
        {"pdu_current_unbalance_ratio{inlet=1}": 0.26, f"pdu_phase_current_amperes{PHASE}": 8.0},
    ),
    ("DcimVoltageOutOfRange", "pdu", {VOLTS: 254.0, NOMINAL: 230.0}, {VOLTS: 252.0, NOMINAL: 230.0}),
    ("DcimVoltageOutOfRange", "pdu", {VOLTS: Then(230, 206), NOMINAL: 230.0}, {VOLTS: Then(230, 208), NOMINAL: 230.0}),
    ("DcimVoltageOutOfRange", "ups", {OUTPUT: 254.0, RATED_OUTPUT: 230.0}, {OUTPUT: 252.0, RATED_OUTPUT: 230.0}),
    (
        "DcimVoltageOutOfRange",
        "ups",
        {OUTPUT: Then(230, 206), RATED_OUTPUT: 230.0},
        {OUTPUT: Then(230, 208), RATED_OUTPUT: 230.0},
    ),
    ("DcimVoltageOutOfRange", "ups", {OUTPUT: 254.0, NOMINAL: 230.0}, {OUTPUT: 252.0, NOMINAL: 230.0}),
    (
        "DcimVoltageOutOfRange",
        "ups",
        {OUTPUT: Then(230, 206), NOMINAL: 230.0},
        {OUTPUT: Then(230, 208), NOMINAL: 230.0},
    ),
    # What a UPS says its output is rated for comes before what the agent's configuration says.
    (
        "DcimVoltageOutOfRange",
        "ups",
        {OUTPUT: 240.0, NOMINAL: 240.0, RATED_OUTPUT: 208.0},
        {OUTPUT: 240.0, NOMINAL: 208.0, RATED_OUTPUT: 240.0},
    ),
    ("DcimPhaseDead", "pdu", {VOLTS: Then(230, 49)}, {VOLTS: Then(230, 50)}),
    ("DcimPhaseDead", "ups", {INPUT: Then(230, 49)}, {INPUT: Then(230, 50)}),
    ("DcimPhaseDead", "meter", {METER_L1: Then(230, 49), METER_L2: 81.0}, {METER_L1: Then(230, 49), METER_L2: 80.0}),
    ("DcimPhaseDead", "meter", {METER_L1: Then(230, 49), METER_L2: 230.0}, {METER_L1: Then(230, 50), METER_L2: 230.0}),
    ("DcimMeterDark", "meter", {METER_L1: Then(230, 49), METER_L2: 80.0}, {METER_L1: Then(230, 49), METER_L2: 81.0}),
    ("DcimMeterDark", "meter", {METER_L1: Then(230, 49)}, {METER_L1: Then(230, 50)}),
    ("DcimAtsRedundancyLost", "ats", {"ats_source_usable{source=b}": 0.0}, {"ats_source_usable{source=b}": 1.0}),
    ("DcimAtsRedundancyLost", "ats", {"ats_selected_source": "none"}, {"ats_selected_source": "b"}),
    (
        "DcimAtsNotOnPreferred",
        "ats",
        {"ats_selected_source": "a", "ats_preferred_source": "b"},
        {"ats_selected_source": "a", "ats_preferred_source": "none"},
    ),
    (
        "DcimAtsNotOnPreferred",
        "ats",
        {"ats_selected_source": "b", "ats_preferred_source": "a"},
        {"ats_selected_source": "b", "ats_preferred_source": "none"},
    ),
    ("DcimBreakerTripped", "pdu", {"pdu_breaker_tripped{breaker=1}": 1.0}, {"pdu_breaker_tripped{breaker=1}": 0.0}),
    *(
        row("DcimLeakDetected", kind, {f"{metric}": 1.0}, {f"{metric}": 0.0})
        for kind, metric in (("cdu", "cdu_leak_detected"), ("cdu", "rack_leak_detected"), ("leak", "leak_detected"))
    ),
    *(
        row("DcimLeakSensorFault", kind, {f"{metric}_sensor_fault": 1.0}, {f"{metric}_sensor_fault": 0.0})
        for kind, metric in (("cdu", "cdu_leak"), ("cdu", "rack_leak"), ("leak", "leak"))
    ),
    # Without a setpoint: less than 1 l/min while a pump runs.
    ("DcimCduFlowLow", "cdu", {FLOW: 0.99 / 60_000, PUMP: "running"}, {FLOW: 1.0 / 60_000, PUMP: "running"}),
    ("DcimCduFlowLow", "cdu", {FLOW: 0.99 / 60_000, PUMP: "running"}, {FLOW: 0.99 / 60_000, PUMP: "stopped"}),
    (
        "DcimCduFlowLow",
        "cdu",
        {FLOW: 0.5 / 60_000, SETPOINT: 0.7 / 60_000, PUMP: "running"},
        {FLOW: 0.6 / 60_000, SETPOINT: 0.7 / 60_000, PUMP: "running"},
    ),
    # A unit that is told its limit and no setpoint.
    ("DcimFacilityWaterWarm", "cdu", {WATER: 40.1, LIMIT: 40.0}, {WATER: 40.0, LIMIT: 40.0}),
    (
        "DcimFacilityWaterWarm",
        "cdu",
        {WATER: 41.0, SUPPLY_SETPOINT: 40.0, LIMIT: 45.0},
        {WATER: 41.0, SUPPLY_SETPOINT: 42.0, LIMIT: 40.0},
    ),
    ("DcimCduReservoirLow", "cdu", {"cdu_reservoir_level_state": "critical"}, {"cdu_reservoir_level_state": "ok"}),
    # What the unit says about its level comes before the share.
    *(
        row("DcimCduReservoirLow", "cdu", {LEVEL: 0.29}, {LEVEL: 0.29, "cdu_reservoir_level_state": state})
        for state in ("ok", "high")
    ),
    ("DcimDeviceAlarm", "crah", {ALARM: 1.0}, {ALARM: 0.0}),
    ("DcimDeviceAlarmsUnnamed", "crah", {"device_alarms": 1.0}, {"device_alarms": 0.0}),
    ("DcimDeviceAlarmsUnnamed", "crah", {"device_alarms": 1.0, ALARM: 0.0}, {"device_alarms": 1.0, ALARM: 1.0}),
    ("DcimStateNotNormal", "ups", {"device_state": "degraded"}, {"device_state": "ok"}),
    ("DcimStateNotNormal", "pdu", {f"pdu_load_state{PHASE}": "near_overload"}, {f"pdu_load_state{PHASE}": "normal"}),
    ("DcimStateNotNormal", "pdu", {f"pdu_load_state{PHASE}": "low_critical"}, {f"pdu_load_state{PHASE}": "normal"}),
    ("DcimStateNotNormal", "ats", {"ats_overload": 1.0}, {"ats_overload": 0.0}),
    *(
        row(
            "DcimReadingBeyondLimit",
            "pdu",
            {f"{metric}{labels}": 10.1 if is_high else 9.9, f"{limit}{labels}": 10.0},
            {f"{metric}{labels}": 10.0, f"{limit}{labels}": 10.0},
        )
        for metric, labels, limit, is_high in (
            ("env_temperature_celsius", SENSOR, "env_temperature_high_threshold_celsius", True),
            ("env_temperature_celsius", SENSOR, "env_temperature_low_threshold_celsius", False),
            ("env_relative_humidity_ratio", SENSOR, "env_relative_humidity_high_threshold_ratio", True),
            ("env_relative_humidity_ratio", SENSOR, "env_relative_humidity_low_threshold_ratio", False),
            ("pdu_phase_current_amperes", PHASE, "pdu_phase_warning_current_amperes", True),
            ("pdu_bank_current_amperes", "{bank=1}", "pdu_bank_warning_current_amperes", True),
            ("pdu_bank_current_amperes", "{bank=1}", "pdu_bank_rated_current_amperes", True),
            ("pdu_outlet_current_amperes", "{outlet=1}", "pdu_outlet_rated_current_amperes", True),
            ("pdu_input_current_amperes", "{inlet=1}", "pdu_input_rated_current_amperes", True),
            ("pdu_input_power_watts", "{inlet=1}", "pdu_input_rated_power_watts", True),
            ("circuit_current_amperes", "{circuit=1}", "circuit_rated_current_amperes", True),
        )
    ),
    # A UPS that charges again has little time left and needs none.
    (
        "DcimReadingBeyondLimit",
        "ups",
        {
            "ups_battery_runtime_seconds": 119.0,
            "ups_low_battery_threshold_seconds": 120.0,
            "ups_output_source": "battery",
        },
        {
            "ups_battery_runtime_seconds": 119.0,
            "ups_low_battery_threshold_seconds": 120.0,
            "ups_output_source": "normal",
        },
    ),
    # One whose battery is full has worn out: on battery it would be low at once.
    *(
        row(
            "DcimReadingBeyondLimit",
            "ups",
            {
                "ups_battery_runtime_seconds": 119.0,
                "ups_low_battery_threshold_seconds": 120.0,
                "ups_battery_charge_ratio": 0.96,
            },
            {
                "ups_battery_runtime_seconds": runtime_s,
                "ups_low_battery_threshold_seconds": 120.0,
                "ups_battery_charge_ratio": charge,
            },
        )
        for runtime_s, charge in ((119.0, 0.95), (0.0, 1.0), (120.0, 1.0))
    ),
]


@pytest.mark.parametrize(
    ("problem", "device_class", "raises", "does_not"),
    OF_DEVICES,
    ids=[f"{at} {problem}" for at, (problem, *_) in enumerate(OF_DEVICES)],
)
def test_a_device_just_has_a_problem_and_just_has_not(
    problem: str, device_class: str, raises: Series, does_not: Series
) -> None:
    assert is_raised(problem, of(device_class, raises))
    assert not is_raised(problem, of(device_class, does_not))


# Problem, figure, the value that raises it, the value that does not.
OF_FIGURES = [
    ("DcimPduPhaseOverload", "pdu_phase_level_load_ratio{device=p,phase=L1}", 0.951, 0.95),
    *(
        ("DcimPanelOverload", metric, 0.951, 0.95)
        for metric in (
            "panel_phase_thermal_load_ratio{panel=p,phase=L1}",
            "panel_phase_level_load_ratio{panel=p,phase=L1}",
            "ats_source_thermal_load_ratio{device=s,source=a}",
            "ats_source_level_load_ratio{device=s,source=a}",
        )
    ),
    *(
        ("DcimPanelLoadHigh", metric, 0.801, 0.8)
        for metric in (
            "panel_phase_demand_load_ratio{panel=p,phase=L1}",
            "panel_phase_level_load_ratio{panel=p,phase=L1}",
            "ats_source_demand_load_ratio{device=s,source=a}",
            "ats_source_level_load_ratio{device=s,source=a}",
        )
    ),
    ("DcimCduHeatMismatch", "cdu_heat_imbalance_ratio{device=c}", 0.26, 0.25),
    ("DcimCduHeatMismatch", "cdu_heat_imbalance_ratio{device=c}", -0.26, -0.25),
    ("DcimCduReservoirFalling", "cdu_reservoir_empty_seconds{device=c}", 259_199.0, 259_200.0),
    ("DcimGeneratorOverload", "generator_running_load_ratio{generator=g}", 1.01, 1.0),
    ("DcimGeneratorOnLoad", "generator_running_load_ratio{generator=g}", 0.021, 0.02),
    ("DcimGeneratorUnitMissing", "generator_units_missing{generator=g}", 0.1, 0.0),
    ("DcimLoopRideThroughShort", "loop_ride_through_margin_seconds{loop=l}", -0.1, 0.0),
    ("DcimFacilityPumpsShort", "loop_facility_pumps_spare{loop=l}", -0.1, 0.0),
    ("DcimAirGroupShort", "air_group_units_spare{group=a}", -0.1, 0.0),
    # Redundancy is lost only where it was.
    *(
        ("DcimUpsRedundancyLost", "ups_redundancy_margin_watts{feed=A,group=u}", raises, does_not)
        for raises, does_not in ((Then(0.0, -0.1), Then(9.0, 0.0)), (Then(0.0, -0.1), -0.1))
    ),
    ("DcimGeneratorRedundancyLost", "generator_redundancy_margin_watts{generator=g}", Then(0.0, -0.1), Then(9.0, 0.0)),
    ("DcimShelfRedundancyLost", "rack_shelf_redundancy_margin_watts{rack=r}", Then(0.0, -0.1), Then(9.0, 0.0)),
    ("DcimHeatRejectionRedundancyLost", "loop_heat_rejection_margin_watts{loop=l}", Then(0.0, -0.1), Then(9.0, 0.0)),
    ("DcimAirGroupCapacityShort", "air_group_redundancy_margin_watts{group=a}", Then(0.0, -0.1), Then(9.0, 0.0)),
    *(
        (problem, figure_key, Then(1.0, 0.9), Then(2.0, 1.0))
        for problem, figure_key in (
            ("DcimCduPumpRedundancyLost", "cdu_pumps_spare{device=c}"),
            ("DcimLoopRedundancyLost", "loop_cdus_spare{loop=l}"),
            ("DcimFacilityPumpRedundancyLost", "loop_facility_pumps_spare{loop=l}"),
            ("DcimAirGroupRedundancyLost", "air_group_units_spare{group=a}"),
        )
    ),
]


@pytest.mark.parametrize(("problem", "key", "raises", "does_not"), OF_FIGURES)
def test_a_figure_just_raises_a_problem_and_just_does_not(
    problem: str, key: str, raises: float | Then, does_not: float | Then
) -> None:
    assert is_raised(problem, figure(key, raises))
    assert not is_raised(problem, figure(key, does_not))


@pytest.mark.parametrize(
    ("problem", "key", "raises", "does_not"),
    [
        ("DcimClockSkew", "agent_clock_offset_seconds{agent=g}", 2.1, 2.0),
        ("DcimClockSkew", "agent_clock_offset_seconds{agent=g}", -2.1, -2.0),
        ("DcimMessagesMissing", "collector_ledger_missing_messages{agent=g}", 0.1, 0.0),
        ("DcimAgentTopicsRefused", "agent_topics_refused{agent=g}", 0.1, 0.0),
    ],
)
def test_an_agent_just_has_a_problem_and_just_has_not(problem: str, key: str, raises: float, does_not: float) -> None:
    assert is_raised(problem, agent(key, raises))
    assert not is_raised(problem, agent(key, does_not))


def is_raised(problem: str, thing: Thing) -> bool:
    example = Example([thing], (problem,))
    return problem in names(play(example, steps=steps_of(example)))
