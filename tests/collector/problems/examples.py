"""An incident and a near miss for each problem: what its devices, agents and figures say, and who of them is in trouble.

Each example is a site of its own.
"""

from tests.collector.problems.things import (
    FLOW,
    NOMINAL,
    OF_SAFETY,
    OVERLOADED,
    PHASE,
    PRESENT,
    SETPOINT,
    SUPPLY,
    SUPPLY_SETPOINT,
    WATER,
    Cycle,
    Example,
    Then,
    Thing,
    agent,
    device,
    feeds,
    figure,
    in_room,
    inlet,
    loads,
    of,
    one,
    phase,
)

INCIDENTS: dict[str, Example] = {
    # Both feeds look lost; what the devices have in common is the network to their agent, so that no feed counts as lost.
    "DcimAgentSeesNothing": Example(
        [device("pdu", up=False, feed=feed) for feed in "AAAAABBBBB"],
        ("DcimAgentSeesNothing", *("DcimDeviceUnreachable",) * 10),
    ),
    "DcimFeedLost": Example(feeds(3, 2), ("DcimFeedLost", *("DcimDeviceUnreachable",) * 3)),
    "DcimRoomFeedLost": Example(
        [*feeds(4, 0, room="hall-1"), *feeds(0, 5, room="hall-2")],
        ("DcimRoomFeedLost", "DcimRowFeedLost", *("DcimDeviceUnreachable",) * 4),
    ),
    # A quarter of the hall is dark: by its feeds and by its room that is little.
    "DcimRowFeedLost": Example(
        [
            *feeds(4, 0, room="hall-1", row="a"),
            *feeds(0, 4, feed="B", room="hall-1", row="a"),
            *(each for feed in "AB" for each in feeds(0, 12, feed=feed, room="hall-1", row="b")),
        ],
        ("DcimRowFeedLost", *("DcimDeviceUnreachable",) * 4),
    ),
    "DcimMainsLost": Example(
        [device(ups_output_source="battery"), device(ups_output_source="battery"), device(ups_output_source="normal")],
        ("DcimMainsLost", "DcimUpsOnBattery", "DcimUpsOnBattery"),
    ),
    "DcimMainsLostProlonged": Example(
        [
            device(ups_on_battery_seconds=130.0),
            device(ups_on_battery_seconds=121.0),
            device(ups_on_battery_seconds=0.0),
        ],
        ("DcimMainsLostProlonged", "DcimUpsOnBatteryProlonged", "DcimUpsOnBatteryProlonged"),
    ),
    "DcimUpsOnBattery": Example([device(ups_output_source="battery")], ("DcimUpsOnBattery",)),
    "DcimUpsOnBatteryProlonged": Example([device(ups_on_battery_seconds=121.0)], ("DcimUpsOnBatteryProlonged",)),
    "DcimUpsBatteryLow": Example([device(ups_battery_state="depleted")], ("DcimUpsBatteryLow",)),
    "DcimUpsOnBypass": Example([device(ups_output_source="bypass")], ("DcimUpsOnBypass",)),
    "DcimUpsOutputOff": Example([device(ups_output_source="none")], ("DcimUpsOutputOff",)),
    "DcimUpsOverload": Example([one("ups_output_load_ratio{phase=L2}", 1.1)], ("DcimUpsOverload", "DcimUpsLoadHigh")),
    "DcimUpsLoadHigh": Example([device(ups_output_total_load_ratio=0.85)], ("DcimUpsLoadHigh",)),
    "DcimUpsBatteryReplace": Example([device(ups_battery_health_ratio=0.7)], ("DcimUpsBatteryReplace",)),
    "DcimUpsBatteryTemperatureHigh": Example(
        [one("ups_battery_temperature_celsius{string=1}", 31.0)], ("DcimUpsBatteryTemperatureHigh",)
    ),
    "DcimUpsTestFailed": Example([device(ups_test_result="failed")], ("DcimUpsTestFailed",)),
    "DcimPduPhaseOverload": Example(
        loads("pdu_phase", "device=p", thermal=0.96, demand=0.85), ("DcimPduPhaseOverload", "DcimPduPhaseLoadHigh")
    ),
    "DcimPduPhaseLoadHigh": Example(loads("pdu_phase", "device=p", level=0.81), ("DcimPduPhaseLoadHigh",)),
    "DcimPanelOverload": Example(
        loads("panel_phase", "panel=m", level=0.96), ("DcimPanelOverload", "DcimPanelLoadHigh")
    ),
    "DcimPanelLoadHigh": Example(loads("ats_source", "source=a", demand=0.81), ("DcimPanelLoadHigh",)),
    "DcimPduPhaseUnbalance": Example(
        [of("pdu", {"pdu_current_unbalance_ratio{inlet=1}": 0.26, f"pdu_phase_current_amperes{PHASE}": 9.0})],
        ("DcimPduPhaseUnbalance",),
    ),
    "DcimVoltageOutOfRange": Example(
        [
            of("pdu", {"pdu_phase_voltage_volts{phase=L1}": Then(230.0, 206.0), NOMINAL: 230.0}),
            of("ups", {"ups_output_voltage_volts{phase=L1}": 133.0, "ups_rated_output_voltage_volts": 120.0}),
            of("ups", {"ups_output_voltage_volts{phase=L1}": 254.0, NOMINAL: 230.0}),
        ],
        ("DcimVoltageOutOfRange",) * 3,
    ),
    "DcimUpsInputUnstable": Example([figure("ups_input_faults_in_hour{device=u}", 4.0)], ("DcimUpsInputUnstable",)),
    "DcimBreakerOpen": Example(
        [one("circuit_breaker_state{circuit=7,panel=p1}", Then("closed", "open"), "panel")], ("DcimBreakerOpen",)
    ),
    "DcimAtsNotOnPreferred": Example(
        [device("ats", ats_selected_source="b", ats_preferred_source="a", ats_redundant=1.0)],
        ("DcimAtsNotOnPreferred",),
    ),
    "DcimBreakerTripped": Example(
        [one("circuit_breaker_state{circuit=7,panel=p1}", "tripped", "panel")], ("DcimBreakerTripped",)
    ),
    "DcimPhaseDead": Example(
        [one("pdu_phase_voltage_volts{inlet=1,phase=L2}", Then(230.0, 3.0), "pdu")], ("DcimPhaseDead",)
    ),
    "DcimMeterDark": Example(
        [of("meter", {f"meter_voltage_volts{{phase=L{each}}}": Then(230.0, 0.0) for each in (1, 2, 3)})],
        ("DcimMeterDark",),
    ),
    "DcimAtsRedundancyLost": Example([device("ats", ats_redundant=0.0)], ("DcimAtsRedundancyLost",)),
    "DcimLeakDetected": Example([one("leak_detected{sensor=2,zone=north}", 1.0, "leak")], ("DcimLeakDetected",)),
    "DcimLeakSensorFault": Example([one("rack_leak_sensor_fault{detector=d}", 1.0, "rack")], ("DcimLeakSensorFault",)),
    "DcimCduAllPumpsStopped": Example(
        [of("cdu", {"cdu_pump_state{pump=1}": "stopped", "cdu_pump_state{pump=2}": "stopped"})],
        ("DcimCduAllPumpsStopped",),
    ),
    "DcimCduFlowLow": Example([of("cdu", {FLOW: 0.0075, SETPOINT: 0.01})], ("DcimCduFlowLow",)),
    "DcimCduFlowPerHeatLow": Example(
        [one("cdu_flow_per_heat_cubic_meters_per_joule{loop=secondary}", 0.9 / 6e7, "cdu")], ("DcimCduFlowPerHeatLow",)
    ),
    "DcimFacilityCoolingShort": Example(
        [
            in_room({SUPPLY: 36.0, SUPPLY_SETPOINT: 32.0}),
            in_room({WATER: 33.0, SUPPLY_SETPOINT: 32.0}),
            in_room({SUPPLY: 32.0}),
        ],
        ("DcimFacilityCoolingShort", "DcimCduSupplyTemperatureHigh", "DcimFacilityWaterWarm"),
    ),
    "DcimFacilityWaterWarm": Example([of("cdu", {WATER: 38.0, SUPPLY_SETPOINT: 32.0})], ("DcimFacilityWaterWarm",)),
    "DcimCduSupplyTemperatureHigh": Example(
        [of("cdu", {SUPPLY: 35.5, SUPPLY_SETPOINT: 32.0})], ("DcimCduSupplyTemperatureHigh",)
    ),
    "DcimCduSupplyTemperatureCritical": Example([of("cdu", {SUPPLY: 45.5})], ("DcimCduSupplyTemperatureCritical",)),
    "DcimCduSupplyAboveLimit": Example(
        [of("cdu", {SUPPLY: 38.5, "cdu_supply_temperature_limit_celsius{loop=secondary}": 38.0})],
        ("DcimCduSupplyAboveLimit",),
    ),
    "DcimCduReservoirLow": Example(
        [
            one("cdu_reservoir_level_state{reservoir=1}", "low", "cdu"),
            one("cdu_reservoir_level_ratio{reservoir=1}", 0.29, "cdu"),
        ],
        ("DcimCduReservoirLow",) * 2,
    ),
    "DcimRoomDewPointHigh": Example([one("env_dew_point_celsius{sensor=1}", 15.1, "env")], ("DcimRoomDewPointHigh",)),
    "DcimCduFlowShareLow": Example([figure("cdu_flow_share_ratio{device=c}", 0.4)], ("DcimCduFlowShareLow",)),
    "DcimCduApproachHigh": Example([figure("cdu_loaded_approach_celsius{device=c}", 8.1)], ("DcimCduApproachHigh",)),
    "DcimCduExchangerFouled": Example(
        [figure("cdu_exchanger_fouling_ratio{device=c}", 1.6)], ("DcimCduExchangerFouled",)
    ),
    "DcimCduValveStuck": Example([figure("cdu_valve_stuck{device=c,valve=v}", 1.0)], ("DcimCduValveStuck",)),
    "DcimCduPressureFalling": Example(
        [figure("cdu_return_pressure_change_pascals{device=c,loop=secondary}", -20_001.0)], ("DcimCduPressureFalling",)
    ),
    "DcimCduReservoirFalling": Example(
        [figure("cdu_reservoir_empty_seconds{device=c,reservoir=1}", 200_000.0)], ("DcimCduReservoirFalling",)
    ),
    "DcimLoopRideThroughShort": Example(
        [figure("loop_ride_through_margin_seconds{failure=pumps,loop=l}", -1.0)], ("DcimLoopRideThroughShort",)
    ),
    "DcimRackInletHot": Example([inlet(32.5)], ("DcimRackInletHot", "DcimRackInletWarm")),
    "DcimRackInletWarm": Example([inlet(27.5)], ("DcimRackInletWarm",)),
    "DcimCduPumpFailed": Example(
        [of("cdu", {"cdu_pump_state{pump=1}": "failed", "cdu_pump_state{pump=2}": "running"})], ("DcimCduPumpFailed",)
    ),
    "DcimCduHeatMismatch": Example([device("cdu", cdu_heat_imbalance_ratio=-0.3)], ("DcimCduHeatMismatch",)),
    "DcimCrahFault": Example([one("crah_unit_state{unit=1}", "fault", "crah")], ("DcimCrahFault",)),
    "DcimSmoke": Example([one("env_contact_active{kind=smoke,sensor=1}", 1.0, "env")], ("DcimSmoke",)),
    "DcimCduAlarmCritical": Example(
        [one("device_alarm_active{alarm=pump,severity=critical}", 1.0, "cdu")], ("DcimCduAlarmCritical",)
    ),
    "DcimPowerAlarmCritical": Example([one(OVERLOADED, 1.0)], ("DcimPowerAlarmCritical",)),
    "DcimDeviceAlarmCritical": Example(
        [one("device_alarm_active{alarm=fan,severity=critical}", 1.0)], ("DcimDeviceAlarmCritical",)
    ),
    "DcimDeviceAlarm": Example([one("device_alarm_active{alarm=fan,severity=warning}", 1.0)], ("DcimDeviceAlarm",)),
    "DcimDeviceAlarmsUnnamed": Example([device(device_alarms=2.0)], ("DcimDeviceAlarmsUnnamed",)),
    "DcimStateNotNormal": Example(
        [of("pdu", {"pdu_load_state{inlet=1,phase=L1,scope=phase}": "overload", "device_state": "failed"})],
        ("DcimStateNotNormal", "DcimStateNotNormal"),
    ),
    "DcimReadingBeyondLimit": Example(
        [
            of(
                "env",
                {
                    "env_temperature_celsius{position=front_top,sensor=1}": 28.5,
                    "env_temperature_celsius{position=front_top,sensor=2}": 26.5,
                    "env_temperature_high_threshold_celsius{sensor=1}": 27.0,
                    "env_temperature_high_threshold_celsius{sensor=2}": 27.0,
                },
            )
        ],
        ("DcimReadingBeyondLimit",),
    ),
    "DcimFeedLossNotSurvived": Example([figure("site_survives_feed_loss{feed=A}", 0.0)], ("DcimFeedLossNotSurvived",)),
    "DcimUpsRedundancyLost": Example(
        [figure("ups_redundancy_margin_watts{feed=A,group=g}", Then(0.0, -1.0))], ("DcimUpsRedundancyLost",)
    ),
    "DcimUpsRuntimeMarginShort": Example(
        [figure("ups_runtime_margin_seconds{device=u}", 59.0)], ("DcimUpsRuntimeMarginShort",)
    ),
    "DcimRackOverDesign": Example([figure("rack_power_utilisation_ratio{rack=k1}", 1.01)], ("DcimRackOverDesign",)),
    "DcimCduDewPointMarginLow": Example(
        [figure("cdu_dew_point_margin_celsius{device=c}", 1.9)], ("DcimCduDewPointMarginLow",)
    ),
    "DcimCduPumpRedundancyLost": Example(
        [figure("cdu_pumps_spare{device=c}", Then(1.0, 0.0))], ("DcimCduPumpRedundancyLost",)
    ),
    "DcimLoopRedundancyLost": Example([figure("loop_cdus_spare{loop=l}", Then(1.0, 0.0))], ("DcimLoopRedundancyLost",)),
    "DcimCduFilterClogged": Example(
        [figure("cdu_filter_clogging_ratio{device=c,filter=f}", 2.1)], ("DcimCduFilterClogged",)
    ),
    "DcimReadingSuspect": Example(
        [figure("device_reading_suspect{device=c,reading=x,reason=frozen}", 1.0)], ("DcimReadingSuspect",)
    ),
    "DcimDeviceUnreachable": Example([device("meter", up=False)], ("DcimDeviceUnreachable",)),
    "DcimDeviceGivesLess": Example([one(PRESENT, Then(20.0, 18.0), "meter")], ("DcimDeviceGivesLess",)),
    "DcimCoolingBlind": Example([device("cdu", up=False)], ("DcimCoolingBlind", "DcimDeviceUnreachable")),
    "DcimAgentDown": Example([agent("agent_up", 0.0)], ("DcimAgentDown",)),
    "DcimDevicesNotObserved": Example(
        [
            device("meter", up=None),
            Thing({"agent_up": 1.0, "agent_unobserved_devices{reason=device_silent}": 1.0}, kind="agent"),
        ],
        ("DcimDevicesNotObserved",),
    ),
    "DcimDevicesNeverHeard": Example([agent("collector_devices_never_heard", 3.0)], ("DcimDevicesNeverHeard",)),
    "DcimMessagesMissing": Example([agent("collector_ledger_missing_messages", 1.0)], ("DcimMessagesMissing",)),
    "DcimCollectorBehind": Example([Thing({"collector_behind": 1.0}, kind="collector")], ("DcimCollectorBehind",)),
    "DcimStoreFailing": Example(
        [Thing({"collector_store_available{store=influxdb}": 0.0}, kind="collector")], ("DcimStoreFailing",)
    ),
    "DcimCollectorDiskFailing": Example(
        [Thing({"collector_ledger_durable": 0.0, "collector_spool_durable": 1.0}, kind="collector")],
        ("DcimCollectorDiskFailing",),
    ),
    "DcimAgentCloned": Example([agent("collector_agent_clones", 1.0)], ("DcimAgentCloned",)),
    "DcimSiteFilesDiffer": Example([agent("collector_agent_site_file_differs", 1.0)], ("DcimSiteFilesDiffer",)),
    "DcimAgentOverBudget": Example([agent("collector_agent_over_budget", 1.0)], ("DcimAgentOverBudget",)),
    "DcimDeviceContested": Example([agent("device_contested", 1.0)], ("DcimDeviceContested",)),
    "DcimAddressConflict": Example([device(device_address_conflict=1.0)], ("DcimAddressConflict",)),
    "DcimClockSkew": Example([agent("agent_clock_offset_seconds", -2.1)], ("DcimClockSkew",)),
    "DcimAgentNoStandby": Example([agent("agent_pair_standbys", 0.0)], ("DcimAgentNoStandby",)),
    "DcimAgentReloadFailed": Example([agent("agent_config_last_reload_successful", 0.0)], ("DcimAgentReloadFailed",)),
    "DcimAgentSpoolNotDurable": Example([agent("agent_spool_durable", 0.0)], ("DcimAgentSpoolNotDurable",)),
    "DcimAgentTopicsRefused": Example(
        [agent("agent_topics_refused{reason=not_authorized}", 1.0)], ("DcimAgentTopicsRefused",)
    ),
}

DIPS: dict[str, Example] = {
    "a UPS that is overloaded between the dips of a training job": Example(
        [one("ups_output_load_ratio{phase=L1}", Cycle((1.05, 1.05, 1.05, 0.5)))], ("DcimUpsOverload", "DcimUpsLoadHigh")
    ),
    "two dips in a row": Example(
        [one("ups_output_load_ratio{phase=L1}", Cycle((0.95, 0.95, 0.2, 0.2, 0.95, 0.95)))], ("DcimUpsLoadHigh",)
    ),
}

# Causes that are there together, and groups within groups.
TOGETHER: dict[str, Example] = {
    "a CDU's flow meter gives no reading any more": Example(
        [of("cdu", {PRESENT: Then(60.0, 59.0), OF_SAFETY: Then(12.0, 11.0)})], ("DcimDeviceGivesLess",)
    ),
    "a CDU gives less of all and of what safety needs": Example(
        [of("cdu", {PRESENT: Then(60.0, 50.0), OF_SAFETY: Then(12.0, 2.0)})], ("DcimDeviceGivesLess",)
    ),
    "a collector without an outbox whose disk refuses the files that it stores into": Example(
        [Thing({"collector_store_available{store=file}": 0.0, "collector_ledger_durable": 1.0}, kind="collector")],
        ("DcimCollectorDiskFailing",),
    ),
    "a collector whose outbox takes what the files that it stores into refuse": Example(
        [Thing({"collector_store_available{store=file}": 0.0, "collector_spool_durable": 1.0}, kind="collector")],
        ("DcimStoreFailing",),
    ),
    "an agent sees nothing, and another one sees its half of a feed dark": Example(
        [
            *(each for feed in "AB" for each in feeds(5, 0, feed=feed, agent="h", room="hall-2")),
            *feeds(4, 1, room="hall-1"),
            *feeds(0, 5, feed="B", room="hall-1"),
        ],
        (
            "DcimAgentSeesNothing",
            "DcimFeedLost",
            *("DcimRoomFeedLost", "DcimRowFeedLost", "DcimRoomSilent", "DcimRowSilent"),
            *("DcimDeviceUnreachable",) * 14,
        ),
    ),
    "what stands in no row of a room is dark, and its rows are not": Example(
        [*feeds(5, 0, room="hall-1"), *feeds(0, 8, room="hall-1", row="a"), *feeds(0, 8, room="hall-1", row="b")],
        ("DcimRowFeedLost", *("DcimDeviceUnreachable",) * 5),
    ),
    "a room and its only row": Example(
        [*feeds(4, 0, room="hall-1", row="a"), *feeds(0, 5, room="hall-2", row="b")],
        ("DcimRoomFeedLost", "DcimRowFeedLost", *("DcimDeviceUnreachable",) * 4),
    ),
}

# Values at the threshold or beside it, and what must not be mistaken for an incident. Nothing at all may be reported.
NEAR_MISSES: dict[str, Example] = {
    "a feed of which half is dark may have lost a network switch": Example(
        feeds(2, 2), ("DcimDeviceUnreachable", "DcimDeviceUnreachable")
    ),
    "a meter whose third tap was never connected": Example(
        [of("meter", {"meter_voltage_volts{phase=L1}": 230.0, "meter_voltage_volts{phase=L3}": 0.0})]
    ),
    "every device of the site file was heard of": Example([agent("collector_devices_never_heard", 0.0)]),
    "an agent with the collector's site file": Example([agent("collector_agent_site_file_differs", 0.0)]),
    "two devices had one address until an hour ago": Example([device(device_address_conflict=0.0)]),
    "a broker that takes every topic": Example([agent("agent_topics_refused{reason=quota}", 0.0)]),
    "of ten devices one answers, so the network to them works": Example(
        [*(device("pdu", up=False, feed=feed) for feed in "CDEFGHIJK"), device("pdu")], ("DcimDeviceUnreachable",) * 9
    ),
    "three devices are too few to speak of a feed": Example(feeds(3, 0), ("DcimDeviceUnreachable",) * 3),
    "a UPS at its limits": Example(
        [
            of(
                "ups",
                {
                    "ups_output_source": "eco",
                    "ups_on_battery_seconds": 120.0,
                    "ups_output_load_ratio{phase=L1}": 0.8,
                    "ups_output_total_load_ratio": 1.2,  # the phases, which it reports as well, are not overloaded
                    "ups_battery_state": "normal",
                    "ups_battery_health_ratio": 0.8,
                    "ups_battery_bad_packs": 0.0,
                    "ups_battery_temperature_celsius{string=1}": 30.0,
                    "ups_test_result": "aborted",
                    "ups_input_voltage_volts{phase=L1}": 50.0,
                    "device_alarms": 0.0,
                    "device_state": "unknown",
                },
            )
        ]
    ),
    "bypass during maintenance": Example([device(ups_output_source="bypass", device_maintenance_mode=1.0)]),
    "a phase that was never connected has no voltage": Example(
        [one("pdu_phase_voltage_volts{inlet=1,phase=L2}", 0.0, "pdu")]
    ),
    "a phase at 80 percent of its breaker, one with a breaker as warm as 95 percent make it, and a panel of both": Example(
        [
            *loads("pdu_phase", "device=p", thermal=0.95, demand=0.8, level=0.8),
            *loads("panel_phase", "panel=m", thermal=0.95, demand=0.8, level=0.8),
        ]
    ),
    "a current at its rating is judged by the breaker's figures alone": Example([phase(31.0)]),
    "phases that differ while they carry little": Example(
        [of("pdu", {"pdu_current_unbalance_ratio{inlet=1}": 0.9, f"pdu_phase_current_amperes{PHASE}": 8.0})]
    ),
    "voltages at 10 percent, and one that was never there": Example(
        [
            of("pdu", {"pdu_phase_voltage_volts{phase=L1}": 207.0, NOMINAL: 230.0}),
            of("pdu", {"pdu_phase_voltage_volts{phase=L1}": 253.0, NOMINAL: 230.0}),
            of("pdu", {"pdu_phase_voltage_volts{phase=L1}": 0.0, NOMINAL: 230.0}),
            of(
                "ups",
                {"ups_output_voltage_volts{phase=L1}": 120.0, "ups_rated_output_voltage_volts": 120.0, NOMINAL: 230.0},
            ),
        ]
    ),
    "three input faults within an hour": Example([figure("ups_input_faults_in_hour{device=u}", 3.0)]),
    "a switch on the source that it prefers, and one that prefers none": Example(
        [
            device("ats", ats_selected_source="b", ats_preferred_source="b"),
            device("ats", ats_selected_source="b", ats_preferred_source="none"),
        ]
    ),
    "a supply at its limit, a level at 30 percent, and a float that says ok": Example(
        [
            of("cdu", {SUPPLY: 38.0, "cdu_supply_temperature_limit_celsius{loop=secondary}": 38.0}),
            one("cdu_reservoir_level_ratio{reservoir=1}", 0.3, "cdu"),
            of("cdu", {"cdu_reservoir_level_ratio{reservoir=1}": 0.1, "cdu_reservoir_level_state{reservoir=1}": "ok"}),
        ]
    ),
    "air and coolant at their limits": Example(
        [
            one("env_dew_point_celsius{sensor=1}", 15.0, "env"),
            inlet(27.0),
            figure("rack_air_temperature_celsius{device=q,position=outlet,rack=k1,sensor=1}", 45.0),
            figure("cdu_flow_share_ratio{device=c}", 0.5),
            figure("cdu_loaded_approach_celsius{device=c}", 8.0),
            figure("cdu_exchanger_fouling_ratio{device=c}", 1.5),
            figure("cdu_valve_stuck{device=c,valve=v}", 0.0),
            figure("cdu_return_pressure_change_pascals{device=c,loop=secondary}", -20_000.0),
            figure("cdu_reservoir_empty_seconds{device=c,reservoir=1}", 259_200.0),
            figure("loop_ride_through_margin_seconds{failure=pumps,loop=l}", 0.0),
        ]
    ),
    "a breaker that was opened by hand": Example([one("circuit_breaker_state{circuit=7,panel=p1}", "open", "panel")]),
    "a transfer switch with both sources": Example(
        [of("ats", {"ats_redundant": 1.0, "ats_source_usable{source=a}": 1.0, "ats_selected_source": "b"})]
    ),
    "a device of twenty series gives one less": Example([one(PRESENT, Then(20.0, 19.0), "meter")]),
    "a CDU gives what it did, and more": Example([of("cdu", {PRESENT: 60.0, OF_SAFETY: Then(11.0, 12.0)})]),
    "a device gives more, and was planned to give more than ever came": Example(
        [of("meter", {PRESENT: Then(18.0, 20.0), "device_series{state=planned}": Then(40.0, 30.0)})]
    ),
    "dry and whole leak sensors": Example(
        [of("leak", {"leak_detected{sensor=1,zone=n}": 0.0, "leak_sensor_fault{sensor=1,zone=n}": 0.0})]
    ),
    "a pump whose state is unknown may be running": Example(
        [of("cdu", {"cdu_pump_state{pump=1}": "stopped", "cdu_pump_state{pump=2}": "unknown"})]
    ),
    "a CDU at its limits": Example(
        [
            of(
                "cdu",
                {
                    "cdu_pump_state{pump=1}": "running",
                    FLOW: 0.008,
                    SETPOINT: 0.01,
                    SUPPLY: 35.0,
                    SUPPLY_SETPOINT: 32.0,
                    WATER: 32.0,
                    "cdu_heat_imbalance_ratio": 0.25,
                    "cdu_reservoir_level_state{reservoir=1}": "high",
                },
            )
        ]
    ),
    **{
        f"a set point that is not in force, because the unit controls by {mode}": Example(
            [
                of(
                    "cdu",
                    {FLOW: 0.004, SETPOINT: 0.01, "cdu_control_mode": mode, "cdu_pump_state{pump=1}": "running"},
                )
            ]
        )
        for mode in ("temperature", "differential_pressure", "dew_point", "manual", "standby", "off")
    },
    "an open door is no smoke": Example([one("env_contact_active{kind=door,sensor=1}", 1.0, "env")]),
    "an alarm that is over": Example([one("device_alarm_active{alarm=fan,severity=critical}", 0.0)]),
    "a temperature at the limit of its sensor, and one without a limit": Example(
        [
            of(
                "env",
                {
                    "env_temperature_celsius{position=front_top,sensor=1}": 27.0,
                    "env_temperature_celsius{position=front_top,sensor=2}": 40.0,
                    "env_temperature_high_threshold_celsius{sensor=1}": 27.0,
                },
            )
        ]
    ),
    "figures at their limits": Example(
        [
            figure("site_survives_feed_loss{feed=A}", 1.0),
            figure("ups_redundancy_margin_watts{feed=A,group=g}", 0.0),
            figure("ups_runtime_margin_seconds{device=u}", 60.0),
            figure("rack_power_utilisation_ratio{rack=k1}", 1.0),
            figure("cdu_dew_point_margin_celsius{device=c}", 2.0),
            figure("cdu_filter_clogging_ratio{device=c,filter=f}", 2.0),
        ]
    ),
    "a UPS without a parallel one has no margin to lose": Example(
        [figure("ups_redundancy_margin_watts{feed=A,group=ups-a}", -14_745.0)]
    ),
    "no spare, ever": Example([figure("cdu_pumps_spare{device=c}", 0.0), figure("loop_cdus_spare{loop=l}", 0.0)]),
    "a collector that kept up again before 15 s were over": Example(
        [Thing({"collector_behind": Cycle((1.0, 0.0, 0.0, 0.0, 0.0, 0.0))}, kind="collector")]
    ),
    "an agent at its limits": Example(
        [
            Thing(
                {
                    "agent_up": 1.0,
                    "agent_clock_offset_seconds": 2.0,
                    "agent_config_last_reload_successful": 1.0,
                    "agent_spool_bytes": 50.0,
                    "agent_spool_limit_bytes": 100.0,
                    "agent_spool_durable": 1.0,
                    "collector_ledger_missing_messages": 0.0,
                    "collector_agent_clones": 0.0,
                    "collector_agent_over_budget": 0.0,
                    "collector_agent_site_file_differs": 0.0,
                },
                kind="agent",
            )
        ]
    ),
    "a UPS loaded above 80 percent a sixth of the time": Example(
        [one("ups_output_load_ratio{phase=L1}", Cycle((0.9, *(0.3,) * 5)))]
    ),
}
