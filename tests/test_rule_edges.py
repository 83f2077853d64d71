"""Every alert that `deploy/prometheus/rules/*.test.yml` leave out: a value at its limit alerts nobody, one just beyond it does, in time.

Each row is an alert, how long its condition must hold, and series with a value at the limit and one beyond it, as promtool writes
them: `0` is 0 all the time, `1x3 0` is four times 1 and then 0.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_rules import run_promtool

# Longer than the longest row, in steps.
STEPS = 70
Series = Mapping[str, tuple[str, str]]


class Edge(NamedTuple):
    alert: str
    hold_s: int
    """As in the table of problems; found true to one step before and after."""
    series: Series
    """Values at the limit and beyond it, by metric and labels."""
    starts: int = 0
    """In which step the condition begins to hold."""
    by_all: bool = False
    """Nothing alerts while one of two collectors says that all is well; otherwise the worse word counts."""


def both(value: str) -> tuple[str, str]:
    """The same at the limit and beyond it."""
    return value, value


SET_POINT = 'dcim_cdu_supply_temperature_setpoint_celsius{device="%s",loop="secondary"}'
SUPPLY = 'dcim_cdu_supply_temperature_celsius{device="%s",loop="%s",room="r"}'
CDUS = {f'dcim_device_info{{device="{each}",device_class="cdu",room="r"}}': both("1") for each in "abc"}
VOLTS = 'dcim_pdu_phase_voltage_volts{device="d",phase="L1"}'
NOMINAL: Series = {'dcim_device_nominal_voltage_volts{device="d"}': both("230")}
OUTPUT = 'dcim_ups_output_voltage_volts{device="d",phase="L1"}'
ALARM = 'dcim_device_alarm_active{device="d",alarm="%s",severity="%s"}'

# Step of 5 s.
SOON = (
    Edge("DcimPduPhaseLoadHigh", 60, {"dcim_pdu_phase_demand_load_ratio": ("0.8", "0.801")}),
    Edge("DcimPduPhaseLoadHigh", 60, {"dcim_pdu_phase_level_load_ratio": ("0.8", "0.801")}),
    Edge("DcimUpsOnBypass", 60, {'dcim_ups_output_source{device="d",state="bypass"}': ("0", "1")}),
    Edge("DcimVoltageOutOfRange", 60, {VOLTS: ("252.9", "253.1"), **NOMINAL}),
    Edge("DcimVoltageOutOfRange", 60, {VOLTS: ("207.1", "206.9"), **NOMINAL}),
    # A UPS's own rating counts, else the nominal voltage of the site file.
    Edge("DcimVoltageOutOfRange", 60, {OUTPUT: ("252.9", "253.1"), **NOMINAL}),
    Edge("DcimVoltageOutOfRange", 60, {OUTPUT: ("207.1", "206.9"), **NOMINAL}),
    Edge(
        "DcimVoltageOutOfRange",
        60,
        {OUTPUT: ("131", "133"), **NOMINAL, 'dcim_ups_rated_output_voltage_volts{device="d"}': both("120")},
    ),
    Edge("DcimPhaseDead", 15, {VOLTS: ("230x3 50", "230x3 49")}, 4),
    Edge("DcimMeterDark", 15, {'dcim_meter_voltage_volts{device="d",phase="L1"}': ("230x3 50", "230x3 49")}, 4),
    Edge("DcimAtsRedundancyLost", 60, {'dcim_ats_source_usable{device="d",source="a"}': ("1", "0")}, by_all=True),
    # Another switch of the site prefers the source that this one has not selected.
    Edge(
        "DcimAtsNotOnPreferred",
        60,
        {
            'dcim_ats_selected_source{device="d",state="b"}': both("1"),
            'dcim_ats_preferred_source{device="d",state="a"}': ("0", "1"),
            'dcim_ats_preferred_source{device="other",state="a"}': both("1"),
        },
    ),
    Edge(
        "DcimAtsNotOnPreferred",
        60,
        {
            'dcim_ats_selected_source{device="d",state="a"}': both("1"),
            'dcim_ats_preferred_source{device="d",state="b"}': ("0", "1"),
        },
    ),
    Edge("DcimLeakSensorFault", 60, {'dcim_leak_sensor_fault{device="d"}': ("0", "1")}),
    Edge(
        "DcimFacilityCoolingShort",
        20,
        {
            **CDUS,
            **{SET_POINT % each: both("30") for each in "ab"},
            **{SUPPLY % (each, "secondary"): ("33", "33.1") for each in "ab"},
        },
    ),
    # Half of the CDUs, which are four.
    Edge(
        "DcimFacilityCoolingShort",
        20,
        {
            **CDUS,
            'dcim_device_info{device="d",device_class="cdu",room="r"}': both("1"),
            **{SET_POINT % each: both("30") for each in "abc"},
            **{SUPPLY % (each, "primary"): both("31") for each in "ab"},
            SUPPLY % ("c", "primary"): ("30", "31"),
        },
    ),
    Edge("DcimFacilityWaterWarm", 30, {SUPPLY % ("d", "primary"): ("30", "30.1"), SET_POINT % "d": both("30")}),
    Edge(
        "DcimCduSupplyAboveLimit",
        10,
        {
            SUPPLY % ("d", "secondary"): ("40", "40.1"),
            'dcim_cdu_supply_temperature_limit_celsius{device="d",loop="secondary"}': both("40"),
        },
    ),
    Edge(
        "DcimCduFlowLow",
        15,
        {
            'dcim_cdu_flow_cubic_meters_per_second{device="d",loop="secondary"}': ("0.00801", "0.00799"),
            'dcim_cdu_flow_setpoint_cubic_meters_per_second{device="d",loop="secondary"}': both("0.01"),
            'dcim_cdu_pump_state{device="d",pump="1",state="running"}': both("1"),
        },
        by_all=True,
    ),
    Edge("DcimCduReservoirLow", 30, {'dcim_cdu_reservoir_level_ratio{device="d"}': ("0.3", "0.29")}),
    Edge("DcimCduPumpFailed", 15, {'dcim_cdu_pump_state{device="d",pump="1",state="failed"}': ("0", "1")}),
    Edge("DcimCrahFault", 30, {'dcim_crah_unit_state{device="d",state="fault"}': ("0", "1")}),
    Edge("DcimCduAlarmCritical", 45, {ALARM % ("pump", "critical"): ("0", "1")}),
    Edge("DcimPowerAlarmCritical", 45, {ALARM % ("mains", "critical"): ("0", "1")}),
    Edge("DcimDeviceAlarmCritical", 10, {ALARM % ("fan", "critical"): ("0", "1")}),
    Edge("DcimDeviceAlarm", 75, {ALARM % ("fan", "info"): ("0", "1")}),
    Edge("DcimDeviceAlarmsUnnamed", 75, {'dcim_device_alarms{device="d"}': ("0", "1")}),
    Edge("DcimStateNotNormal", 75, {'dcim_device_state{device="d",state="degraded"}': ("0", "1")}),
    # Two minutes within ten.
    Edge(
        "DcimReadingBeyondLimit",
        120,
        {
            'dcim_env_temperature_celsius{device="d",sensor="1"}': ("30", "30.1"),
            'dcim_env_temperature_high_threshold_celsius{device="d",sensor="1"}': both("30"),
        },
    ),
    Edge("DcimLeakBeyondRope", 60, {'dcim_leak_rope_position_ratio{device="d"}': ("1.05", "1.06")}),
    Edge("DcimGeneratorOnLoad", 30, {"dcim_generator_running_load_ratio": ("0.02", "0.021")}),
    Edge("DcimGeneratorUnitMissing", 60, {"dcim_generator_units_missing": ("0", "1")}),
    Edge("DcimIncomerLost", 10, {"dcim_incomer_live": ("1x3 1", "1x3 0")}, 4),
    Edge("DcimPvExported", 60, {'dcim_site_pv_self_consumption_ratio{window="day"}': ("0.8", "0.79")}),
    Edge("DcimPlantUnitFault", 10, {"dcim_plant_unit_fault": ("0", "1")}),
    Edge("DcimFacilityPumpRedundancyLost", 120, {"dcim_loop_facility_pumps_spare": ("1x3 1", "1x3 0")}, 4),
    Edge("DcimAirGroupRedundancyLost", 120, {"dcim_air_group_units_spare": ("1x3 1", "1x3 0")}, 4),
    Edge("DcimCollectorBehind", 15, {"dcim_collector_behind": ("0", "1")}),
    Edge("DcimCollectorPartFailing", 90, {'dcim_collector_part_failing{part="page"}': ("0", "1")}),
    # The agent starts, or its collector does; then neither is worth a message.
    *(
        Edge(
            "DcimDevicesNotObserved",
            120,
            {
                'dcim_device_observed{agent="g",device="d",instance="c"}': both("0"),
                f'dcim_agent_unobserved_devices{{agent="g",reason="{reason}"}}': ("1", "0"),
            },
            by_all=True,
        )
        for reason in ("starting", "collector")
    ),
    Edge(
        "DcimAgentOutboxFilling",
        60,
        {"dcim_agent_spool_bytes": ("50", "51"), "dcim_agent_spool_limit_bytes": both("100")},
    ),
    Edge(
        "DcimAgentOutboxAlmostFull",
        60,
        {"dcim_agent_spool_bytes": ("80", "81"), "dcim_agent_spool_limit_bytes": both("100")},
    ),
    # A limit of 0 is none.
    Edge(
        "DcimAgentOutboxAlmostFull",
        60,
        {"dcim_agent_spool_bytes": both("81"), "dcim_agent_spool_limit_bytes": ("0", "100")},
    ),
    Edge("DcimAgentTopicsRefused", 60, {"dcim_agent_topics_refused": ("0", "1")}),
    Edge("DcimAgentReloadFailed", 60, {"dcim_agent_config_last_reload_successful": ("1", "0")}, by_all=True),
    Edge("DcimAgentNoStandby", 120, {"dcim_agent_pair_standbys": ("1", "0")}, by_all=True),
)

# Three times and the beginning of the fourth: it goes by minutes.
GOES = "1 0 1 0 1 0 1", "1 0 1 0 1 0 1 0"
# Step of a minute.
LATER = (
    Edge("DcimDeviceFlapping", 0, {'dcim_device_up{device="d"}': GOES}, 7),
    Edge("DcimAgentFlapping", 0, {'dcim_agent_up{agent="g"}': GOES}, 7),
    Edge("DcimBrokerFlapping", 0, {'dcim_collector_mqtt_connected{broker="b"}': GOES}, 7),
    Edge("DcimAtsFlapping", 0, {'dcim_ats_selected_source{device="d",state="a"}': GOES}, 7),
    Edge("DcimUpsBatteryReplace", 900, {'dcim_ups_battery_health_ratio{device="d"}': ("0.8", "0.79")}),
    Edge("DcimUpsBatteryReplace", 900, {'dcim_ups_battery_bad_packs{device="d"}': ("0", "1")}),
    Edge("DcimUpsLoadHigh", 600, {'dcim_ups_output_load_ratio{device="d",phase="L1"}': ("0.8", "0.81")}),
    Edge("DcimUpsBatteryTemperatureHigh", 1800, {'dcim_ups_battery_temperature_celsius{device="d"}': ("30", "30.1")}),
    Edge("DcimUpsInputUnstable", 0, {'dcim_ups_input_faults_in_hour{device="d"}': ("3", "4")}),
    Edge(
        "DcimPduPhaseUnbalance",
        1800,
        {
            'dcim_pdu_current_unbalance_ratio{device="d"}': ("0.25", "0.26"),
            'dcim_pdu_phase_current_amperes{device="d",phase="L1"}': both("9"),
        },
    ),
    # With little current the phases may be as uneven as they like; and another PDU of the site has more.
    Edge(
        "DcimPduPhaseUnbalance",
        1800,
        {
            'dcim_pdu_current_unbalance_ratio{device="d"}': both("0.5"),
            'dcim_pdu_phase_current_amperes{device="d",phase="L1"}': ("8", "8.1"),
            'dcim_pdu_phase_current_amperes{device="other",phase="L1"}': both("20"),
        },
    ),
    Edge(
        "DcimBreakerOpen",
        300,
        {
            'dcim_circuit_breaker_state{device="d",state="closed"}': ("0x3 0", "1x3 0"),
            'dcim_circuit_breaker_state{device="d",state="open"}': both("0x3 1"),
        },
        4,
    ),
    Edge("DcimCduHeatMismatch", 3600, {'dcim_cdu_heat_imbalance_ratio{device="d"}': ("0.25", "0.26")}),
    Edge("DcimCduHeatMismatch", 3600, {'dcim_cdu_heat_imbalance_ratio{device="d"}': ("-0.25", "-0.26")}),
    Edge("DcimRoomDewPointHigh", 900, {'dcim_env_dew_point_celsius{device="d"}': ("15", "15.1")}),
    Edge("DcimCduApproachHigh", 600, {'dcim_cdu_loaded_approach_celsius{device="d"}': ("8", "8.1")}),
    Edge("DcimCduExchangerFouled", 3600, {'dcim_cdu_exchanger_fouling_ratio{device="d"}': ("1.5", "1.51")}),
    Edge("DcimCduPressureFalling", 0, {'dcim_cdu_return_pressure_change_pascals{device="d"}': ("-20000", "-20001")}),
    Edge("DcimCduReservoirFalling", 300, {'dcim_cdu_reservoir_empty_seconds{device="d"}': ("259200", "259199")}),
    Edge("DcimRackInletWarm", 600, {'dcim_rack_air_temperature_celsius{device="d",position="inlet"}': ("27", "27.1")}),
    Edge("DcimGeneratorRedundancyLost", 300, {"dcim_generator_redundancy_margin_watts": ("1x3 0", "1x3 -1")}, 4),
    Edge("DcimShelfRedundancyLost", 300, {"dcim_rack_shelf_redundancy_margin_watts": ("1x3 0", "1x3 -1")}, 4),
    Edge("DcimHeatRejectionRedundancyLost", 300, {"dcim_loop_heat_rejection_margin_watts": ("1x3 0", "1x3 -1")}, 4),
    Edge("DcimAirGroupCapacityShort", 600, {"dcim_air_group_redundancy_margin_watts": ("1x3 0", "1x3 -1")}, 4),
    Edge("DcimDeviceGivesLess", 900, {'dcim_device_series{device="d",state="present"}': ("100x3 95", "100x3 94")}, 4),
    Edge("DcimDeviceGivesLess", 900, {'dcim_device_series{device="d",state="safety"}': ("9x3 9", "9x3 8")}, 4),
    Edge("DcimClockSkew", 300, {"dcim_agent_clock_offset_seconds": ("2", "2.1")}),
    Edge("DcimClockSkew", 300, {"dcim_agent_clock_offset_seconds": ("-2", "-2.1")}),
    Edge("DcimAgentSpoolNotDurable", 300, {"dcim_agent_spool_durable": ("1", "0")}, by_all=True),
    Edge(
        "DcimSeriesLimitNear", 900, {"dcim_collector_series": ("80", "81"), "dcim_collector_series_limit": both("100")}
    ),
    # Counters by minute: 0.02, 0.05 and 0.1 a second over five minutes.
    Edge("DcimAgentPollsLate", 600, {"dcim_agent_poll_overruns_total": ("0+1.19", "0+1.21")}, 5),
    Edge("DcimSnmpAnswersRefused", 300, {"dcim_agent_snmp_refused_datagrams_total": ("0+2.99", "0+3.01")}, 5),
    Edge("DcimMessagesRefused", 600, {"dcim_collector_message_failures_total": ("0+5.99", "0+6.01")}, 5),
    Edge("DcimStoreFailing", 300, {'dcim_collector_store_available{store="influxdb"}': ("1", "0")}, by_all=True),
    # One that takes some writes and fails others.
    Edge(
        "DcimStoreFailing",
        300,
        {'dcim_collector_store_available{store="influxdb"}': ("1", "0 1 0 1 0 1 0 1 0 1 0 1 0")},
    ),
    Edge("DcimDevicesNeverHeard", 900, {"dcim_collector_devices_never_heard": ("0", "1")}, by_all=True),
    Edge("DcimCollectorCloned", 0, {"dcim_collector_mqtt_takeovers_total": ("0x3 1", "0x3 2")}, 4),
    # Within 14 days of the certificate's end; promtool begins at 1970.
    Edge("DcimCertificateExpires", 3600, {"dcim_certificate_expiry_timestamp_seconds": ("1300000", "1209600")}),
    # The oldest message of an outbox of 1,000 s is as old as the time of promtool.
    Edge(
        "DcimAgentOutboxFilling",
        60,
        {"dcim_agent_spool_oldest_timestamp_seconds": both("1"), "dcim_agent_spool_limit_seconds": ("100000", "1000")},
        9,
    ),
)


@pytest.mark.parametrize(("step_s", "edges"), [(5, SOON), (60, LATER)], ids=["soon", "later"])
def test_at_its_limit_nothing_alerts_and_beyond_it_each_alert_does_in_its_own_time(
    step_s: int, edges: tuple[Edge, ...], tmp_path: Path
) -> None:
    series, checks = [], []
    for number, edge in enumerate(edges):
        places = f"at-{number}", f"beyond-{number}"
        for name, values in edge.series.items():
            metric, _, labels = name.removesuffix("}").partition("{")
            own = f"{labels},site" if labels else "site"
            second = () if edge.by_all else ((places[1], values[0], ',instance="second"'),)
            for place, value, collector in (*((places[n], values[n], "") for n in (0, 1)), *second):
                series.append({"series": f'{metric}{{{own}="{place}"{collector}}}', "values": f"{value}x{STEPS}"})
        alerts = f'ALERTS{{alertname="{edge.alert}",alertstate="firing",site=~"{"|".join(places)}"}}'
        due_s = edge.starts * step_s + edge.hold_s
        firing = [{"labels": f'{{site="{places[1]}"}}', "value": 1}]
        # A rule may be evaluated before the record that it reads, so it may be one step late.
        for time_s, expected in ((due_s - step_s, []), (due_s + step_s, firing)):
            if time_s >= 0:
                checks.append(
                    {"expr": f"group by (site) ({alerts})", "eval_time": f"{time_s}s", "exp_samples": expected}
                )
    test = {"interval": f"{step_s}s", "input_series": series, "promql_expr_test": checks}
    found = run_promtool({"rule_files": ["dcim.rules.yml"], "evaluation_interval": f"{step_s}s"}, test, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
