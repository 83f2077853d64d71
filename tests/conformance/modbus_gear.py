"""Modbus maps of cooling units, rack power units and meters, served to the agent; see modbus_maps."""

from tests.conformance.modbus_maps import PHASES, Served

METER = "role=other"
_RPU2_RACKS = {0: "pump_rack", 4: "fan_rack_1", 8: "fan_rack_2"}


def _aalc() -> Served:
    one = Served(unit=12, checked=36_865)
    loop = "{loop=secondary}"
    one.gauge(36_864, "H", 1523, f"cdu_flow_cubic_meters_per_second{loop}", 152.3 / 60_000)
    one.gauge(36_865, "h", 254, f"cdu_supply_temperature_celsius{loop}", 25.4)
    one.gauge(36_866, "h", 341, f"cdu_return_temperature_celsius{loop}", 34.1)
    one.gauge(36_867, "h", 1820, f"cdu_supply_pressure_pascals{loop}", 182_000)
    one.gauge(36_868, "h", -35, f"cdu_return_pressure_pascals{loop}", -3500)
    one.gauge(36_869, "H", 8123, "cdu_power_watts", 812.3)
    one.gauge(36_872, "h", -12, "cdu_ambient_temperature_celsius", -1.2)
    one.gauge(36_873, "H", 67, "cdu_pump_speed_ratio{pump=all}", 0.67)
    for pump, state in ((1, "running"), (2, "standby"), (3, "failed")):
        one.gauge(36_873 + pump, "H", 3000 + pump, f"cdu_pump_speed_rpm{{pump={pump}}}", 3000 + pump)
        one.put(36_881 + pump, "H", {"running": 2, "standby": 1, "failed": 4}[state])
        one.states[f"dcim_cdu_pump_state{{pump={pump}}}"] = state
        seconds = 9_000_000 + pump
        one.gauge(36_910 + 2 * pump, "I", seconds, f"cdu_pump_running_seconds_total{{pump={pump}}}", seconds)
    one.gauge(36_879, "H", 5100, "cdu_fan_speed_rpm{fan=rpu-1}", 5100)
    one.gauge(36_880, "H", 5200, "cdu_fan_speed_rpm{fan=rpu-2}", 5200)
    one.gauge(37_120, "H", 55, "cdu_fan_speed_ratio{fan=hex}", 0.55)
    one.gauge(37_134, "h", 382, "cdu_air_temperature_celsius{position=outlet}", 38.2)
    one.gauge(37_136, "h", 191, "cdu_air_temperature_celsius{position=inlet}", 19.1)
    one.gauge(37_138, "h", 339, "cdu_water_temperature_celsius{position=hex-inlet}", 33.9)
    sensors = {0: "return_temperature", 1: "supply_temperature", 2: "return_pressure", 3: "supply_pressure"}
    alarms = {bit: f"{name}_sensor" for bit, name in sensors.items()} | {4: "flow_meter", 9: "water_inlet_sensor"}
    one.alarms(37_376, alarms | {10: "air_inlet_sensor", 15: "bladder_level_sensor"}, "warning")
    states = {0: "reservoir_level", 1: "supply_temperature", 2: "return_temperature", 3: "air_inlet_temperature"}
    states |= {4: "supply_pressure", 5: "hex_inlet_temperature", 6: "pump", 7: "loop_blocked", 8: "emergency_button"}
    states |= {9: "not_ready", 10: "y_filter"}
    one.alarms(37_377, states, "critical")
    one.states["dcim_cdu_reservoir_level_state{reservoir=main}"] = "low"
    leaks = [f"it-chassis-{number}" for number in range(4)]
    leaks += ["internal", "external", "external-option-1", "external-option-2", "rack-pan", "rack-floor"]
    leaks += ["rack-pan-relay", "rack-floor-relay", "rack-pan-error-bit", "rack-floor-error-bit"]
    for detector in leaks:
        wet = detector in ("rack-pan", "rack-floor-error-bit")
        one.values[f"dcim_cdu_leak_detected{{detector={detector}}}"] = float(wet)
    for detector in ("rack-pan", "rack-floor"):
        one.values[f"dcim_cdu_leak_sensor_fault{{detector={detector}}}"] = float(detector == "rack-floor")
    one.put(37_378, "H", 1 << 8 | 1 << 13)
    one.gauge(37_888, "H", 1500, f"cdu_flow_setpoint_cubic_meters_per_second{loop}", 0.0025)
    one.gauge(37_889, "h", 250, f"cdu_supply_temperature_setpoint_celsius{loop}", 25.0)
    one.put(36_881, "H", 0x86A0)
    one.gauge(41_012, "H", 1, f"cdu_reported_heat_removed_watts{loop}", 10_000.0)
    one.gauge(37_140, "h", 123, "cdu_filter_differential_pressure_pascals{filter=y}", 12_300)
    one.gauge(40_992, "h", 951, "cdu_filter_pressure_pascals{filter=rack,position=inlet}", 95_100)
    one.gauge(40_993, "h", -12, "cdu_filter_pressure_pascals{filter=rack,position=outlet}", -1_200)
    return one


def _aalc_l05t() -> Served:
    """The same unit with the firmware that has its air sensors and targets elsewhere."""
    one = _aalc()
    one.gauge(37_134, "h", 191, "cdu_air_temperature_celsius{position=inlet}", 19.1)
    one.gauge(37_136, "h", 382, "cdu_air_temperature_celsius{position=outlet}", 38.2)
    one.gauge(37_888, "H", 150, "cdu_flow_setpoint_cubic_meters_per_second{loop=secondary}", 0.0025)
    one.gauge(37_889, "H", 25, "cdu_supply_temperature_setpoint_celsius{loop=secondary}", 25.0)
    for alarm, raised in (("water_inlet_sensor", 10), ("air_inlet_sensor", 9)):
        bits = one.registers[37_376]
        one.values[f"dcim_device_alarm_active{{alarm={alarm},severity=warning}}"] = float(bits >> raised & 1)
    return one


def _belimo() -> Served:
    one = Served(checked=8)
    one.gauge(4, "H", 4225, "rack_valve_position_ratio", 0.4225)
    one.gauge(8, "H", 123, "rack_liquid_flow_cubic_meters_per_second", 12.3 * 0.003785411784 / 60)
    one.gauge(0x13, "h", 1812, "rack_liquid_supply_temperature_celsius", 18.12)
    one.gauge(0x15, "h", 2934, "rack_liquid_return_temperature_celsius", 29.34)
    return one


def _danfoss() -> Served:
    one = Served(checked=0x81C2)
    one.gauge(0x81C2, "f", 19.5, "rack_liquid_supply_temperature_celsius", 19.5)
    return one


def _raritan() -> Served:
    one = Served(checked=12_296)
    inlet = "{inlet=1}"
    for address, value, key in (
        (12_296, 230.5, f"input_voltage_volts{inlet}"),
        (12_298, 12.25, f"input_current_amperes{inlet}"),
        (12_306, 2711.0, f"input_power_watts{inlet}"),
        (12_308, 2823.5, f"input_apparent_power_voltamperes{inlet}"),
        (12_310, 0.9375, f"input_power_factor_ratio{inlet}"),
        (12_322, 49.96875, f"input_frequency_hertz{inlet}"),
        (12_324, -787.5, f"input_reactive_power_vars{inlet}"),
        (32_786, 240.5, "outlet_power_watts{outlet=1}"),
        (32_788, 258.25, "outlet_apparent_power_voltamperes{outlet=1}"),
        (32_790, 0.90625, "outlet_power_factor_ratio{outlet=1}"),
        (32_802, 50.03125, "outlet_frequency_hertz{outlet=1}"),
        (16_394, 7.5, "bank_current_amperes{bank=1}"),
        (32_776, 229.75, "outlet_voltage_volts{outlet=1}"),
        (32_778, 1.125, "outlet_current_amperes{outlet=1}"),
    ):
        one.gauge(address, "f", value, f"pdu_{key}", value)
    return one


def _orv3_psu() -> Served:
    one = Served(unit=200, checked=0x58)
    one.gauge(0x45, "h", 3232, "pdu_temperature_celsius{sensor=inlet}", 25.25)
    one.gauge(0x46, "h", -192, "pdu_temperature_celsius{sensor=outlet}", -1.5)
    one.gauge(0x54, "H", 60, "pdu_input_frequency_hertz{inlet=1}", 60)
    one.gauge(0x56, "H", 496, "pdu_input_power_factor_ratio{inlet=1}", 0.96875)
    one.gauge(0x57, "H", 19_684, "pdu_input_power_watts{inlet=1}", 2460.5)
    one.gauge(0x58, "H", 17_744, "pdu_input_voltage_volts{inlet=1}", 277.25)
    one.gauge(0x59, "H", 9472, "pdu_input_current_amperes{inlet=1}", 9.25)
    one.alarms(0x3C, {8: "pfc_converter", 9: "dcdc_converter", 10: "over_temperature", 11: "fan"}, "critical")
    return one


def _orv2_psu() -> Served:
    one = Served(unit=160, checked=0x80)
    one.gauge(0x80, "h", 13_328, "ups_input_voltage_volts{phase=L1}", 208.25)
    one.gauge(0x82, "h", 6400, "ups_input_current_amperes{phase=L1}", 6.25)
    one.gauge(0x94, "h", 10_004, "ups_input_power_watts{phase=L1}", 1250.5)
    one.gauge(0x125, "H", 50, "ups_input_frequency_hertz{phase=L1}", 50)
    one.gauge(0x126, "H", 480, "ups_input_power_factor_ratio{phase=L1}", 0.9375)
    one.gauge(0x96, "h", 9362, "ups_output_total_power_watts", 1170.25)
    one.gauge(0xA0, "h", 5216, "ups_temperature_celsius", 40.75)
    one.gauge(0x84, "h", 26_752, "ups_battery_voltage_volts{string=1}", 52.25)
    one.gauge(0x7E, "%H", 87, "ups_battery_charge_ratio", 0.87)
    alarms = {0: "main_converter", 1: "aux_54v_converter", 2: "battery_charger", 3: "current_feed"}
    alarms |= {4: "over_temperature", 5: "fan", 6: "battery", 9: "psu_not_responding", 11: "power_fail"}
    one.alarms(0x68, alarms, "critical")
    one.alarms(0x68, {10: "redundancy_lost"}, "warning")
    return one


def _orv3_bbu(unit: int, charge_at: int) -> Served:
    one = Served(unit=unit, checked=charge_at)
    one.gauge(charge_at, "H", 91, "ups_battery_charge_ratio", 0.91)
    one.gauge(0x8E, "H", 98, "ups_battery_health_ratio{string=1}", 0.98)
    one.put(0x6B, "H", 1)
    one.states["dcim_ups_battery_charge_state"] = "charging"
    one.gauge(0x9E, "H", 1, "ups_battery_replace_required", 1)
    alarms = {0: "charge_fet", 1: "charge_fuse", 2: "discharge_fuse", 3: "analogue_front_end", 4: "controller"}
    alarms |= {5: "cell_balancing", 6: "fan", 8: "pack_overvoltage", 9: "cell_overvoltage", 10: "pack_undervoltage"}
    alarms |= {11: "cell_undervoltage", 12: "pack_overcurrent", 13: "temperature", 15: "discharge_not_allowed"}
    one.alarms(0x68, alarms, "critical")
    one.alarms(0x68, {7: "end_of_life", 14: "charge_not_allowed"}, "warning")
    words = {8: "remaining_time", 9: "remaining_capacity", 11: "terminate_discharge", 12: "over_temperature"}
    one.alarms(0x6C, words, "warning")
    return one


def _orv3_hpr_bbu() -> Served:
    one = _orv3_bbu(unit=48, charge_at=0x5E)
    one.gauge(0xEB, "H", 3042, "ups_battery_temperature_celsius{string=1}", 31.05)
    return one


def _orv3_hpr_cbu() -> Served:
    one = Served(unit=54, checked=0x5E)
    one.gauge(0x5E, "H", 91, "ups_battery_charge_ratio", 0.91)
    one.gauge(0x8E, "H", 98, "ups_battery_health_ratio{string=1}", 0.98)
    one.gauge(0xEB, "H", 3042, "ups_battery_temperature_celsius{string=1}", 31.05)
    one.put(0x6B, "H", 2)
    one.states["dcim_ups_battery_charge_state"] = "discharging"
    one.gauge(0x9E, "H", 1, "ups_battery_replace_required", 1)
    alarms = {3: "thermistor", 4: "thermal_throttling", 5: "cell_balancing", 6: "fan", 8: "pack_overvoltage"}
    alarms |= {9: "cell_overvoltage", 10: "pack_undervoltage", 11: "cell_undervoltage", 12: "pack_overcurrent"}
    one.alarms(0x68, alarms | {13: "temperature", 15: "discharge_not_allowed"}, "critical")
    one.alarms(0x68, {7: "end_of_life", 14: "charge_not_allowed"}, "warning")
    one.alarms(0x6C, {9: "remaining_capacity", 11: "terminate_discharge", 12: "over_temperature"}, "warning")
    return one


def _orv3_power_tether() -> Served:
    one = Served(unit=8, checked=0x58)
    one.gauge(0x45, "h", 3232, "pdu_temperature_celsius{sensor=inlet}", 25.25)
    one.gauge(0x46, "h", -192, "pdu_temperature_celsius{sensor=outlet}", -1.5)
    one.gauge(0x57, "H", 19_684, "pdu_input_power_watts{inlet=1}", 2460.5)
    one.gauge(0x58, "H", 51_456, "pdu_input_voltage_volts{inlet=1}", 50.25)
    one.gauge(0x59, "H", 3136, "pdu_input_current_amperes{inlet=1}", 49.0)
    alarms = {0: "remote_sense", 8: "input_current_trace", 9: "dcdc_converter", 10: "over_temperature", 11: "fan"}
    one.alarms(0x3C, alarms, "critical")
    return one


def _orv3_pmm() -> Served:
    one = Served(unit=16, checked=88)
    one.alarms(88, {number: f"module_{number + 1}" for number in range(6)}, "warning")
    alarms = {0: "missing_modules", 1: "shelf_eeprom", 4: "module_communication", 6: "serial_link", 12: "share_cable"}
    one.alarms(89, alarms, "critical")
    return one


def _orv3_miniups() -> Served:
    one = Served(unit=11, checked=4609)
    for index, phase in enumerate(PHASES):
        first, label = 4609 + 8 * index, f"{{phase={phase}}}"
        one.gauge(first, "H", 2310 + index, f"ups_input_voltage_volts{label}", 231.0 + index / 10)
        one.gauge(first + 2, "H", 105 + index, f"ups_input_current_amperes{label}", 10.5 + index / 10)
        one.gauge(first + 4, "H", 230 + index, f"ups_input_power_watts{label}", 2300 + 10 * index)
        one.gauge(first + 7, "H", 950 + index, f"ups_input_power_factor_ratio{label}", 0.95 + index / 1000)
    one.gauge(4608, "H", 499, "ups_input_frequency_hertz{phase=L1}", 49.9)
    one.gauge(5120, "H", 501, "ups_output_frequency_hertz", 50.1)
    one.gauge(5121, "H", 2302, "ups_output_voltage_volts{phase=L1}", 230.2)
    one.gauge(5123, "H", 298, "ups_output_current_amperes{phase=L1}", 29.8)
    one.gauge(5125, "H", 660, "ups_output_total_power_watts", 6600)
    one.gauge(5127, "H", 686, "ups_output_total_apparent_power_voltamperes", 6860)
    one.gauge(5128, "H", 962, "ups_output_power_factor_ratio{phase=L1}", 0.962)
    one.gauge(4118, "H", 1500, "ups_rated_apparent_power_voltamperes", 15_000)
    one.gauge(4119, "H", 1450, "ups_rated_power_watts", 14_500)
    one.gauge(12_305, "H", 54_250, "ups_battery_voltage_volts{string=1}", 54.25)
    one.gauge(12_310, "H", 97, "ups_battery_charge_ratio", 0.97)
    alarms = {2: "output_1_overload", 3: "output_2_overload", 4: "battery_communication", 5: "inverter_communication"}
    one.alarms(4225, alarms, "critical")
    return one


def _orv3_rpu2() -> Served:
    one = Served(unit=13, checked=37_549)
    one.gauge(36_864, "H", 65, "cdu_pump_speed_ratio{pump=all}", 0.65)
    for pump in (1, 2, 3):
        one.gauge(36_864 + pump, "H", 4200 + pump, f"cdu_pump_speed_rpm{{pump={pump}}}", 4200 + pump)
        one.gauge(36_873 + pump, "H", 310 + pump, f"cdu_pump_power_watts{{pump={pump}}}", 310 + pump)
    one.gauge(36_897, "H", 54, "cdu_fan_speed_ratio{fan=all}", 0.54)
    for number in range(16):
        rack, fan = divmod(number, 8)
        one.gauge(
            36_898 + number, "H", 6000 + number, f"cdu_fan_speed_rpm{{fan=rack-{rack + 1}.{fan + 1}}}", 6000 + number
        )
    one.gauge(37_537, "H", 455, "cdu_valve_position_ratio{valve=fan-rack-1}", 0.455)
    one.gauge(37_538, "H", 1000, "cdu_valve_position_ratio{valve=fan-rack-2}", 1.0)
    temperatures = {37_549: "pump-rack-inlet", 37_550: "pump-rack-outlet", 37_578: "fan-rack-1-inlet"}
    temperatures |= {37_579: "fan-rack-1-outlet", 37_599: "fan-rack-2-inlet", 37_600: "fan-rack-2-outlet"}
    for at, position in temperatures.items():
        tenths = at - 37_200
        one.gauge(at, "H", tenths, f"cdu_water_temperature_celsius{{position={position}}}", tenths / 10)
    one.gauge(37_546, "H", 83, "cdu_coolant_ph{loop=secondary}", 8.3)
    one.alarms(240, {bit: f"{rack}_loop_blocked" for bit, rack in _RPU2_RACKS.items()}, "critical")
    one.alarms(240, {bit + 1: f"{rack}_filter" for bit, rack in _RPU2_RACKS.items()}, "warning")
    one.gauge(241, "H", 1, "device_alarm_active{alarm=emergency_button,severity=critical}", 1)
    one.gauge(242, "H", 1, "device_alarm_active{alarm=not_ready,severity=critical}", 0)
    leaks = {0: "pump-rack-1", 1: "pump-rack-2", 3: "fan-rack-1.1", 4: "fan-rack-1.2", 5: "fan-rack-1.3"}
    leaks |= {8: "fan-rack-2.1", 9: "fan-rack-2.2", 10: "fan-rack-2.3"}
    leaks |= {12 + number: f"it-chassis-{number}" for number in range(4)}
    one.put(37_519, "H", 1 << 4 | 1 << 13)
    for bit, detector in leaks.items():
        one.values[f"dcim_cdu_leak_detected{{detector={detector}}}"] = float(bit in (4, 13))
    return one


def _in_rack_cdu() -> Served:
    one = Served(checked=0)
    one.inputs = {2: 1, 3: 0, 0: 0, 1: 1, 26: 0, 16: 0, 17: 0, 32: 1, 33: 0, 34: 1, 14: 1, 15: 0}
    one.values |= {"dcim_cdu_leak_detected{detector=1}": 1.0, "dcim_cdu_leak_sensor_fault{detector=1}": 0.0}
    alarms = {
        "pump_1_inverter": 0,
        "pump_2_inverter": 1,
        "pump_3_inverter": 0,
        "fans_1_overload": 0,
        "fans_2_overload": 1,
    }
    alarms |= {"pump_1_overload": 0, "pump_2_overload": 0, "pump_3_overload": 1}
    for alarm, raised in alarms.items():
        one.values[f"dcim_device_alarm_active{{alarm={alarm},severity=critical}}"] = float(raised)
    for supply in (1, 2):
        one.values[f"dcim_device_alarm_active{{alarm=supply_24v_{supply},severity=warning}}"] = float(supply == 2)
    one.gauge(0, "h", 251, "cdu_water_temperature_celsius{position=coolant-supply}", 25.1)
    one.gauge(2, "h", 338, "cdu_water_temperature_celsius{position=coolant-return}", 33.8)
    one.gauge(5024, "~f", 25.0, "cdu_ambient_temperature_celsius", 25.0)
    one.gauge(5026, "~f", 41.5, "cdu_ambient_relative_humidity_ratio", 0.415)
    one.gauge(5030, "~f", 8.25, "cdu_coolant_ph{loop=secondary}", 8.25)
    one.gauge(5036, "~f", 4.75, "cdu_power_watts", 4750.0)
    one.gauge(5038, "~f", 8.5, "cdu_current_amperes", 8.5)
    one.coils = {8692: 0}
    pressures = {
        "supply": (5010, 250.0),
        "supply_spare": (5012, 251.0),
        "return": (5014, 120.0),
        "return_spare": (5016, 121.0),
    }
    for name, (address, kilopascal) in pressures.items():
        end, _, spare = name.partition("_")
        key = f"cdu_{end}_pressure_pascals{{loop=secondary{',sensor=spare' if spare else ''}}}"
        one.gauge(address, "~f", kilopascal, key, kilopascal * 1000)
    one.gauge(5018, "~f", 245.0, "cdu_filter_pressure_pascals{filter=main,position=inlet}", 245_000.0)
    one.gauge(5020, "~f", 230.5, "cdu_filter_pressure_pascals{filter=main,position=outlet}", 230_500.0)
    one.values["dcim_cdu_filter_differential_pressure_pascals{filter=main}"] = 14_500.0
    one.gauge(5022, "~f", 150.0, "cdu_flow_cubic_meters_per_second{loop=secondary}", 0.0025)
    one.gauge(5028, "~f", 11.5, "cdu_dew_point_celsius", 11.5)
    one.gauge(5032, "~f", 400.0, "cdu_coolant_conductivity_siemens_per_meter{loop=secondary}", 0.04)
    one.gauge(5034, "~f", 1.5, "cdu_coolant_turbidity_ntu{loop=secondary}", 1.5)
    one.states |= {f"dcim_cdu_pump_state{{pump={pump}}}": "failed" if pump == 2 else "running" for pump in (1, 2, 3)}
    for pump in (1, 2, 3):
        one.gauge(5038 + 2 * pump, "~f", 50.0 + pump, f"cdu_pump_speed_ratio{{pump={pump}}}", 0.5 + pump / 100)
        minutes = 100_000 + pump
        one.gauge(266 + 4 * pump, "~I", minutes, f"cdu_pump_running_seconds_total{{pump={pump}}}", 60 * minutes)
    for fan in range(1, 9):
        one.gauge(5046 + 2 * fan, "~f", 60.0 + fan, f"cdu_fan_speed_ratio{{fan={fan}}}", 0.6 + fan / 100)
    return one


def _sdm630() -> Served:
    one = Served(table="input", checked=0)
    phase = f"{{phase=%,{METER}}}"
    one.phases(0, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{phase}")
    one.phases(6, "f", (10.5, 11.25, 9.75), f"meter_current_amperes{phase}")
    one.phases(12, "f", (2300.0, -150.5, 2100.25), f"meter_phase_power_watts{phase}")
    one.phases(18, "f", (2420.0, 2601.0, 2240.0), f"meter_phase_apparent_power_voltamperes{phase}")
    one.phases(24, "f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{phase}")
    for index, (factor, name) in enumerate(zip((0.9375, -0.96875, 0.875), PHASES, strict=True)):
        key = f"meter_phase_power_factor_ratio{phase.replace('%', name)}"
        one.gauge(30 + 2 * index, "f", factor, key, abs(factor))
    one.gauge(52, "f", 4249.75, f"meter_power_watts{{{METER}}}", 4249.75)
    one.gauge(70, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    one.gauge(72, "f", 12_345.5, f"meter_energy_joules_total{{direction=import,{METER}}}", 44_443_800_000)
    one.gauge(74, "f", 17.25, f"meter_energy_joules_total{{direction=export,{METER}}}", 62_100_000)
    one.gauge(56, "f", 7261.5, f"meter_apparent_power_voltamperes{{{METER}}}", 7261.5)
    one.gauge(60, "f", -600.25, f"meter_reactive_power_vars{{{METER}}}", -600.25)
    one.gauge(62, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(
            200 + 2 * index, "f", 400.5 + index, f"meter_line_voltage_volts{{line={name},{METER}}}", 400.5 + index
        )
    one.gauge(224, "f", 1.25, f"meter_neutral_current_amperes{{{METER}}}", 1.25)
    one.phases(234, "f", (2.5, 2.75, 2.25), f"meter_voltage_thd_ratio{phase}", 0.01)
    one.phases(240, "f", (12.5, 11.75, 13.25), f"meter_current_thd_ratio{phase}", 0.01)
    for at, direction in ((346, "import"), (352, "export")):
        each = f"meter_phase_energy_joules_total{{direction={direction},phase=%,{METER}}}"
        one.phases(at, "f", (4115.5, 4120.25, 4109.75), each, 3_600_000)
    one.settings = {10: 0x4040, 11: 0}  # 3: four wires
    return one


def _pac2200() -> Served:
    one = Served(table="input", checked=65)
    phase = f"{{phase=%,{METER}}}"
    one.phases(1, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{phase}")
    one.phases(13, "f", (101.5, 99.25, 98.75), f"meter_current_amperes{phase}")
    one.phases(25, "f", (22_000.0, 21_500.5, -300.25), f"meter_phase_power_watts{phase}")
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(7 + 2 * index, "f", 400.5 + index, f"meter_line_voltage_volts{{line={name},{METER}}}", 400.5 + index)
    one.phases(19, "f", (23_400.0, 22_950.5, 22_700.25), f"meter_phase_apparent_power_voltamperes{phase}")
    one.gauge(65, "f", 43_200.25, f"meter_power_watts{{{METER}}}", 43_200.25)
    one.gauge(63, "f", 45_000.5, f"meter_apparent_power_voltamperes{{{METER}}}", 45_000.5)
    one.gauge(67, "f", -3000.25, f"meter_reactive_power_vars{{{METER}}}", -3000.25)
    one.gauge(69, "f", -0.953125, f"meter_power_factor_ratio{{{METER}}}", 0.953125)
    one.phases(37, "f", (0.9375, 0.96875, 0.875), f"meter_phase_power_factor_ratio{phase}")
    one.gauge(55, "f", 50.03125, f"meter_frequency_hertz{{{METER}}}", 50.03125)
    one.phases(31, "f", (700.5, -600.25, 500.0), f"meter_phase_reactive_power_vars{phase}")
    exported = f"meter_energy_joules_total{{direction=export,{METER}}}"
    one.gauge(809, "d", 1234.5, exported, 4_444_200)
    one.put(813, "d", 0.0)
    energy = f"meter_energy_joules_total{{direction=import,{METER}}}"
    one.gauge(801, "d", 9_876_543_210.5, energy, (9_876_543_210.5 + 1000) * 3600)
    one.put(805, "d", 1000.0)  # the second tariff
    order_number = Served()
    order_number.put(64001, "H", 42)
    for index, pair in enumerate(("7K", "M2", "20", "0-", "2E", "A3", "0-", "1J", "A1")):
        order_number.put(64002 + index, "H", int.from_bytes(pair.encode()))
    one.settings = dict.fromkeys(range(64001, 64028), 0) | order_number.registers
    return one


def _iem3000() -> Served:
    one = Served(checked=3059)
    phase, line = f"{{phase=%,{METER}}}", "{line=%s,role=other}"
    one.phases(2999, "f", (100.5, 101.25, 99.75), f"meter_current_amperes{phase}")
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        one.gauge(3019 + 2 * index, "f", 400.5 + index, f"meter_line_voltage_volts{line % name}", 400.5 + index)
    one.phases(3027, "f", (230.5, 231.25, 229.75), f"meter_voltage_volts{phase}")
    one.phases(3053, "f", (22.5, 23.25, 21.75), f"meter_phase_power_watts{phase}", 1000)
    one.gauge(3059, "f", 67.5, f"meter_power_watts{{{METER}}}", 67_500)
    one.gauge(3067, "f", -12.25, f"meter_reactive_power_vars{{{METER}}}", -12_250)
    one.gauge(3075, "f", 68.75, f"meter_apparent_power_voltamperes{{{METER}}}", 68_750)
    # Beyond 1, the magnitude is what is left to 2: the fourth quadrant.
    one.gauge(3083, "f", 1.0625, f"meter_power_factor_ratio{{{METER}}}", 0.9375)
    one.gauge(3109, "f", 49.96875, f"meter_frequency_hertz{{{METER}}}", 49.96875)
    one.gauge(3203, "q", 6_000_000_123, f"meter_energy_joules_total{{direction=import,{METER}}}", 21_600_000_442_800)
    one.gauge(3207, "q", 4567, f"meter_energy_joules_total{{direction=export,{METER}}}", 16_441_200)
    return one


def gear_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "aalc-rpu": _aalc(),
        "aalc-rpu-l05t": _aalc_l05t(),
        "belimo-energy-valve": _belimo(),
        "danfoss-valve": _danfoss(),
        "raritan-xerus-modbus": _raritan(),
        "orv3-psu": _orv3_psu(),
        "orv2-psu": _orv2_psu(),
        "orv3-bbu": _orv3_bbu(unit=64, charge_at=0x7E),
        "orv3-hpr-bbu": _orv3_hpr_bbu(),
        "orv3-hpr-cbu": _orv3_hpr_cbu(),
        "orv3-power-tether": _orv3_power_tether(),
        "orv3-pmm": _orv3_pmm(),
        "orv3-miniups": _orv3_miniups(),
        "orv3-rpu2": _orv3_rpu2(),
        "in-rack-cdu-150kw": _in_rack_cdu(),
        "eastron-sdm630": _sdm630(),
        "siemens-pac2200": _pac2200(),
        "schneider-iem3000": _iem3000(),
        "abb-b2x": _abb(),
    }


def _abb() -> Served:
    one = Served(checked=0x5B2C)
    one.put(0x8900, "I", 240_100_003)
    for at, words in ((0x8908, "B1.5.0"), (0x8960, "B23 112-100")):
        padded = words.encode().ljust(16 if at == 0x8908 else 12, b"\0")
        for index in range(len(padded) // 2):
            one.put(at + index, "H", int.from_bytes(padded[2 * index : 2 * index + 2]))
    phase = f"{{phase=%,{METER}}}"
    one.gauge(0x5000, "Q", 123_456_789, f"meter_energy_joules_total{{direction=import,{METER}}}", 4_444_444_404_000)
    one.gauge(0x5004, "Q", 250, f"meter_energy_joules_total{{direction=export,{METER}}}", 9_000_000)
    each = f"meter_phase_energy_joules_total{{direction=import,phase=%,{METER}}}"
    one.phases(0x5460, "Q", (41_000_000, 42_000_000, 40_000_000), each, 36_000)
    one.phases(0x546C, "Q", (110, 120, 130), each.replace("import", "export"), 36_000)
    one.gauge(0x5B3A, "h", -950, f"meter_power_factor_ratio{{{METER}}}", 0.95)
    one.phases(0x5B3B, "h", (940, 960, 970), f"meter_phase_power_factor_ratio{phase}", 0.001)
    one.phases(0x5B00, "I", (2305, 2312, 2298), f"meter_voltage_volts{phase}", 0.1)
    one.phases(0x5B0C, "I", (135, 91, 80), f"meter_current_amperes{phase}", 0.01)
    one.gauge(0x5B14, "i", -67_550, f"meter_power_watts{{{METER}}}", -675.5)
    one.phases(0x5B16, "i", (-30_000, -20_050, -17_500), f"meter_phase_power_watts{phase}", 0.01)
    one.gauge(0x5B2C, "H", 4998, f"meter_frequency_hertz{{{METER}}}", 49.98)
    for index, name in enumerate(("L1-L2", "L2-L3", "L3-L1")):
        volts = 4005 + index
        one.gauge(0x5B06 + 2 * index, "I", volts, f"meter_line_voltage_volts{{line={name},{METER}}}", volts / 10)
    one.gauge(0x5B12, "I", 130, f"meter_neutral_current_amperes{{{METER}}}", 1.3)
    one.gauge(0x5B1C, "i", -20_050, f"meter_reactive_power_vars{{{METER}}}", -200.5)
    one.phases(0x5B1E, "i", (-7000, -6500, -6550), f"meter_phase_reactive_power_vars{phase}", 0.01)
    one.gauge(0x5B24, "i", 70_460, f"meter_apparent_power_voltamperes{{{METER}}}", 704.6)
    one.phases(0x5B26, "i", (31_000, 21_060, 18_400), f"meter_phase_apparent_power_voltamperes{phase}", 0.01)
    return one
