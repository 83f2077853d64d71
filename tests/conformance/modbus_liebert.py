"""Modbus maps of Liebert's cooling units and UPSs, served to the agent; see modbus_maps."""

from collections.abc import Mapping

from tests.conformance.modbus_maps import Served

LINES = ("L1-L2", "L2-L3", "L3-L1")


def _dcd() -> Served:
    one = Served(table="input", checked=146)
    one.gauge(130, "~f", 14.25, "rdhx_water_supply_temperature_celsius", 14.25)
    one.gauge(134, "~f", 21.5, "rdhx_water_return_temperature_celsius", 21.5)
    one.gauge(126, "~f", 18.75, "rdhx_supply_temperature_setpoint_celsius", 18.75)
    one.gauge(102, "~f", 33.25, "rdhx_air_temperature_celsius{position=inlet}", 33.25)
    one.gauge(82, "~f", 23.5, "rdhx_air_temperature_celsius{position=outlet}", 23.5)
    one.gauge(138, "~f", -2.25, "env_differential_pressure_pascals{sensor=cabinet}", -2.25)
    for fan in range(4):
        one.gauge(146 + 4 * fan, "h", 1200 + fan, f"rdhx_fan_speed_rpm{{fan={fan + 1}}}", 1200 + fan)
    one.gauge(162, "h", 63, "rdhx_valve_position_ratio", 0.63)
    return one


def _xdc() -> Served:
    one = Served(table="input", checked=386)
    one.gauge(386, "h", 132, "crah_refrigerant_temperature_celsius{sensor=supply,unit=1}", 13.2)
    one.put(388, "H", 2)
    one.states["dcim_crah_unit_state{unit=1}"] = "standby"
    one.gauge(389, "h", 227, "env_temperature_celsius{sensor=external-a}", 22.7)
    one.gauge(391, "H", 455, "env_relative_humidity_ratio{sensor=external-a}", 0.455)
    one.gauge(392, "h", 101, "env_dew_point_celsius{sensor=external-a}", 10.1)
    one.gauge(394, "h", 231, "env_temperature_celsius{sensor=external-b}", 23.1)
    one.gauge(396, "H", 462, "env_relative_humidity_ratio{sensor=external-b}", 0.462)
    one.gauge(397, "h", 109, "env_dew_point_celsius{sensor=external-b}", 10.9)
    one.gauge(415, "H", 1, "crah_compressor_on{compressor=1a,unit=1}", 1)
    one.gauge(416, "H", 0, "crah_compressor_on{compressor=1b,unit=1}", 0)
    one.gauge(411, "H", 2500, "crah_valve_position_ratio{unit=1,valve=hot-gas-1}", 0.25)
    one.gauge(412, "H", 7500, "crah_valve_position_ratio{unit=1,valve=hot-gas-2}", 0.75)
    one.put(421, "H", 8)
    one.states["dcim_device_state"] = "degraded"
    one.gauge(399, "h", 88, "env_dew_point_celsius{sensor=unit}", 8.8)
    one.inputs = {1: 1, 14: 1, 17: 1, 22: 1, 24: 1, 28: 1}
    one.values["dcim_leak_detected{sensor=under-floor}"] = 1.0
    critical = {0: "pump_1_loss_of_flow", 1: "pump_2_loss_of_flow", 5: "supply_refrigerant_hot"}
    critical |= {6: "supply_refrigerant_cold", 26: "loss_of_power", 27: "smoke"}
    critical |= {16 + at: f"head_pressure_{name}" for at, name in enumerate(("1a", "1b", "2a", "2b"))}
    critical |= {24: "suction_pressure_1", 25: "suction_pressure_2"}
    warning = {
        2: "fan",
        3: "condensation",
        7: "supply_refrigerant_sensor",
        14: "external_dew_point_high",
        15: "pump_short_cycle",
    }
    warning |= {20 + at: f"compressor_{name}_short_cycle" for at, name in enumerate(("1a", "1b", "2a", "2b"))}
    for severity, alarms in (("critical", critical), ("warning", warning | {29: "service_required"})):
        one.inputs_as_alarms(alarms, severity)
    return one


def _xdp() -> Served:
    """Water stands under the floor, and a pump is without flow."""
    one = Served(checked=0)
    critical = {0: "pump_1_loss_of_flow", 1: "pump_2_loss_of_flow", 5: "chilled_water_hot", 7: "supply_refrigerant_hot"}
    critical |= {8: "supply_refrigerant_cold", 17: "chilled_water_valve", 18: "loss_of_power", 21: "smoke"}
    warning = {2: "fan", 3: "condensation", 6: "chilled_water_sensor", 9: "supply_refrigerant_sensor"}
    warning |= {19: "pump_short_cycle", 22: "service_required", 261: "unit_communication"}
    warning |= {263: "master_unit_communication", 264: "remote_shutdown"}
    one.put(0, "H", 0)  # the map's registers are not read
    one.inputs = dict.fromkeys((*critical, *warning), 0) | dict.fromkeys((1, 6, 17, 20, 263), 1)
    one.values["dcim_leak_detected{sensor=under-floor}"] = 1.0
    for severity, alarms in (("critical", critical), ("warning", warning)):
        one.inputs_as_alarms(alarms, severity)
    return one


def _hpc() -> Served:
    one = Served(table="input", checked=490)
    one.gauge(490, "h", 178, "crah_water_supply_temperature_celsius{circuit=evaporator,unit=1}", 17.8)
    one.gauge(492, "h", 119, "crah_water_return_temperature_celsius{circuit=evaporator,unit=1}", 11.9)
    one.gauge(496, "h", -63, "crah_water_supply_temperature_celsius{circuit=condenser,unit=1}", -6.3)
    one.gauge(498, "h", 24, "crah_water_return_temperature_celsius{circuit=condenser,unit=1}", 2.4)
    one.put(483, "H", 1)
    one.states["dcim_crah_unit_state{unit=1}"] = "running"
    one.put(482, "H", 16)
    one.states["dcim_device_state"] = "failed"
    one.gauge(393, "H", 0, "crah_compressor_on{compressor=1,unit=1}", 0)
    one.gauge(401, "H", 1, "crah_compressor_on{compressor=2,unit=1}", 1)
    one.gauge(549, "H", 1, "crah_compressor_on{compressor=4,unit=1}", 1)
    for compressor, at, tenths in ((1, 395, 182), (2, 403, 0), (4, 551, 175)):
        pressure = f"crah_refrigerant_pressure_pascals{{sensor=compressor-{compressor},unit=1}}"
        one.gauge(at, "H", tenths, pressure, tenths * 10_000)
        hours = f"crah_compressor_running_seconds_total{{compressor={compressor},unit=1}}"
        one.gauge(at + 1, "H", 8000 + at, hours, (8000 + at) * 3600)
    one.gauge(409, "H", 65, "crah_fan_speed_ratio{fan=condenser-1,unit=1}", 0.65)
    one.gauge(413, "H", 0, "crah_fan_speed_ratio{fan=condenser-2,unit=1}", 0)
    one.gauge(502, "H", 80, "crah_free_cooling_demand_ratio{unit=1}", 0.8)
    one.gauge(505, "h", -42, "crah_air_temperature_celsius{sensor=ambient,unit=1}", -4.2)
    return one


def _aps() -> Served:
    one = Served(table="input", checked=463)
    one.gauge(436, "H", 21, "ups_battery_runtime_seconds", 1260)
    one.gauge(437, "H", 1441, "ups_battery_voltage_volts{string=1}", 144.1)
    one.gauge(439, "H", 96, "ups_battery_charge_ratio", 0.96)
    one.put(440, "H", 3)
    one.states["dcim_ups_battery_state"] = "low"
    one.gauge(442, "h", 253, "ups_battery_temperature_celsius{string=1}", 25.3)
    one.gauge(463, "H", 2082, "ups_output_voltage_volts{phase=L1}", 208.2)
    one.gauge(466, "H", 313, "ups_output_current_amperes{phase=L1}", 31.3)
    one.gauge(468, "H", 5998, "ups_output_frequency_hertz", 59.98)
    one.gauge(471, "H", 652, "ups_output_total_apparent_power_voltamperes", 6520)
    one.phases(395, "H", (2081, 2075, 2090), "ups_input_voltage_volts{phase=%}", 0.1)
    for index, line in enumerate(LINES):
        volts = 3601 + index
        one.gauge(398 + index, "H", volts, f"ups_input_line_voltage_volts{{line={line}}}", volts / 10)
    one.phases(401, "H", (121, 118, 125), "ups_input_current_amperes{phase=%}", 0.1)
    one.gauge(404, "H", 5997, "ups_input_frequency_hertz{phase=L1}", 59.97)
    one.phases(405, "H", (99, 98, 97), "ups_input_power_factor_ratio{phase=%}", 0.01)
    one.put(408, "H", 12)
    one.gauge(409, "H", 5, "ups_input_faults_total", 17)
    for index, (phase, tenths) in enumerate((("L1", 2083), ("L2", 2079))):
        one.gauge(420 + index, "H", tenths, f"ups_bypass_voltage_volts{{phase={phase}}}", tenths / 10)
    one.gauge(422, "H", 3605, "ups_bypass_line_voltage_volts{line=L1-L2}", 360.5)
    one.gauge(423, "H", 5996, "ups_bypass_frequency_hertz{phase=L1}", 59.96)
    one.put(441, "H", 2)
    one.states["dcim_ups_battery_charge_state"] = "discharging"
    one.gauge(449, "H", 4, "ups_low_battery_threshold_seconds", 240)
    one.gauge(464, "H", 2078, "ups_output_voltage_volts{phase=L2}", 207.8)
    one.gauge(465, "H", 3602, "ups_output_line_voltage_volts{line=L1-L2}", 360.2)
    one.gauge(467, "H", 298, "ups_output_current_amperes{phase=L2}", 29.8)
    for index, (phase, hundredths) in enumerate((("L1", 97), ("L2", 95))):
        one.gauge(469 + index, "H", hundredths, f"ups_output_power_factor_ratio{{phase={phase}}}", hundredths / 100)
    return one


def _apm() -> Served:
    one = Served(table="input", checked=407)
    for at, root, first in ((384, "ups_input", 398), (425, "ups_output", 401)):
        for index, line in enumerate(LINES):
            one.gauge(at + index, "H", first + index, f"{root}_line_voltage_volts{{line={line}}}", first + index)
    one.phases(387, "H", (61, 58, 60), "ups_input_current_amperes{phase=%}")
    one.gauge(390, "H", 499, "ups_input_frequency_hertz{phase=L1}", 49.9)
    one.phases(391, "H", (230, 229, 231), "ups_input_voltage_volts{phase=%}")
    one.phases(394, "H", (99, 98, 97), "ups_input_power_factor_ratio{phase=%}", 0.01)
    one.phases(400, "H", (228, 232, 227), "ups_bypass_voltage_volts{phase=%}")
    one.gauge(403, "H", 500, "ups_bypass_frequency_hertz{phase=L1}", 50.0)
    one.gauge(407, "H", 34, "ups_battery_runtime_seconds", 2040)
    one.gauge(408, "H", 436, "ups_battery_voltage_volts{string=1}", 436)
    one.gauge(409, "h", 24, "ups_battery_temperature_celsius{string=1}", 24)
    one.gauge(411, "h", 22, "ups_temperature_celsius", 22)
    one.phases(418, "H", (230, 231, 229), "ups_output_voltage_volts{phase=%}")
    one.phases(421, "H", (55, 49, 52), "ups_output_current_amperes{phase=%}")
    one.gauge(424, "H", 501, "ups_output_frequency_hertz", 50.1)
    one.phases(428, "H", (96, 95, 94), "ups_output_power_factor_ratio{phase=%}", 0.01)
    one.phases(431, "H", (41, 38, 40), "ups_output_load_ratio{phase=%}", 0.01)
    one.gauge(436, "H", 36, "ups_output_total_apparent_power_voltamperes", 36_000)
    one.gauge(437, "H", 34, "ups_output_total_power_watts", 34_000)
    for at, code in ((414, 3), (446, 5), (447, 8)):
        one.put(at, "H", code)
    one.states = {"dcim_ups_battery_state": "low", "dcim_ups_output_source": "battery", "dcim_device_state": "degraded"}
    one.inputs = {51: 1, 56: 1}
    severe = {50: "power_module", 54: "battery_low"}
    mild = {51: "battery_discharging", 52: "on_bypass", 53: "maintenance_bypass", 56: "redundancy_lost", 57: "fan"}
    for severity, alarms in (("critical", severe), ("warning", mild | {58: "parallel_over_capacity"})):
        one.inputs_as_alarms(alarms, severity)
    return one


def _gxt() -> Served:
    one = Served(table="input", checked=114)
    # Of a load that takes two registers, one is 0. Which one differs between the two loads here.
    one.registers |= {101: 0, 102: 2430, 103: 2180, 104: 0, 20: 0, 21: 3000}
    one.values["dcim_ups_output_total_apparent_power_voltamperes"] = 2430.0
    one.values["dcim_ups_output_total_power_watts"] = 2180.0
    one.values["dcim_ups_rated_apparent_power_voltamperes"] = 3000.0
    one.gauge(105, "H", 81, "ups_output_total_load_ratio", 0.81)
    one.gauge(106, "H", 499, "ups_input_frequency_hertz{phase=L1}", 49.9)
    one.gauge(107, "H", 500, "ups_output_frequency_hertz", 50.0)
    one.gauge(108, "H", 501, "ups_bypass_frequency_hertz{phase=L1}", 50.1)
    one.put(111, "H", 4)
    one.put(129, "H", 3)
    one.gauge(112, "H", 71, "ups_battery_voltage_volts{string=1}", 71)
    one.gauge(114, "H", 9, "ups_battery_runtime_seconds", 540)
    one.gauge(115, "H", 74, "ups_battery_charge_ratio", 0.74)
    one.gauge(118, "h", 26, "ups_temperature_celsius", 26)
    one.gauge(152, "H", 187, "ups_input_voltage_volts{phase=L1}", 187)
    one.gauge(163, "H", 11, "ups_output_current_amperes{phase=L1}", 11)
    one.gauge(26, "H", 230, "ups_rated_input_voltage_volts", 230)
    one.gauge(27, "H", 231, "ups_rated_output_voltage_volts", 231)
    one.gauge(33, "H", 72, "ups_battery_rated_voltage_volts", 72)
    one.gauge(52, "H", 2, "ups_low_battery_threshold_seconds", 120)
    one.registers |= {300: 4, 301: 3}
    one.values["dcim_ups_input_faults_total"] = 7.0
    one.states = {
        "dcim_ups_output_source": "battery",
        "dcim_ups_battery_charge_state": "discharging",
        "dcim_ups_test_result": "failed",
    }
    severe = {80: "battery_replace", 150: "output_off_pending", 151: "battery_low", 153: "output_overload"}
    severe |= {171: "battery_over_temperature", 217: "output_under_voltage", 218: "output_over_voltage"}
    mild = {170: "over_temperature", 185: "input_power", 186: "input_over_voltage", 187: "input_under_voltage"}
    mild |= {189: "input_frequency", 201: "bypass_unqualified"}
    # On battery, the load is on the inverter as well.
    one.inputs = dict.fromkeys((*severe, *mild, 73), 0) | dict.fromkeys((72, 127, 151, 185, 187, 218), 1)
    for severity, alarms in (("critical", severe), ("warning", mild)):
        one.inputs_as_alarms(alarms, severity)
    return one


def _icom_alarms(one: Served) -> None:
    """The status bits of units with iCOM."""
    severe = {33: "main_fan_overload", 34: "loss_of_airflow", 35: "external_loss_of_flow", 217: "fan_failure"}
    severe |= {208: "supply_air_over_temperature", 209: "supply_air_under_temperature", 228: "external_fire"}
    severe |= {229: "chilled_water_valve_1", 230: "chilled_water_valve_2"}
    severe |= {233: "partial_shutdown", 234: "unit_shutdown", 235: "high_power_shutdown"}
    faults = ("high_head_pressure", "low_suction_pressure", "overload", "pump_down")
    severe |= {36 + at: f"compressor_1_{fault}" for at, fault in enumerate(faults)}
    severe |= {499 + at: f"input_under_voltage_{at + 1}" for at in range(6)}
    severe |= {600 + at: f"compressor_{at + 1}_low_pressure_difference" for at in range(2)}
    severe |= {604: "power_source_a", 605: "power_source_b"}
    mild = {90: "unit_communication", 91: "master_unit_communication", 97: "call_service"}
    mild |= {107: "digital_scroll_1_sensor", 108: "digital_scroll_2_sensor", 210: "ambient_sensor"}
    mild |= {239: "compressor_1_low_pressure_sensor", 240: "compressor_2_low_pressure_sensor"}
    mild |= {241: "compressor_1_high_pressure_sensor", 242: "compressor_2_high_pressure_sensor"}
    mild |= {243: "compressor_capacity_reduced", 344: "dew_point_high", 345: "dew_point_low"}
    mild |= {346: "external_dew_point_high", 599: "return_humidity_sensor", 602: "airflow_sensor"}
    mild |= {603: "outside_air_damper", 606: "static_pressure_sensor"}
    mild |= {607 + at: f"water_temperature_{at + 1}_sensor" for at in range(2)}
    mild |= {609 + at: f"water_flow_{at + 1}_sensor" for at in range(2)}
    mild |= {211: "compressor_1_short_cycle", 212: "compressor_2_short_cycle", 214: "heaters_overheated"}
    mild |= {215: "humidifier_cylinder_worn", 216: "humidifier_under_current", 237: "maintenance_due"}
    set_bits = (34, 37, 209, 212, 227, 235, 241, 345, 503, 601, 605, 608)
    one.inputs = dict.fromkeys((*severe, *mild, 227), 0) | dict.fromkeys(set_bits, 1)
    # Water that the detector would find is another bit, which the table does not show.
    one.values["dcim_leak_sensor_fault{sensor=unit}"] = 1.0
    for severity, alarms in (("critical", severe), ("warning", mild)):
        one.inputs_as_alarms(alarms, severity)


def _icom() -> Served:
    one = Served(table="input", checked=564)
    one.put(99, "H", 2)
    one.put(101, "H", 16)
    one.states = {"dcim_crah_unit_state{unit=1}": "standby", "dcim_device_state": "failed"}
    for address, raw, sensor in ((564, 241, "cooling-control"), (565, 238, "fan-control"), (483, -56, "outside")):
        one.gauge(address, "h", raw, f"crah_air_temperature_celsius{{sensor={sensor},unit=1}}", raw / 10)
    for number in range(10):
        one.gauge(
            550 + number,
            "h",
            211 + number,
            f"crah_air_temperature_celsius{{sensor=remote-{number + 1},unit=1}}",
            21.1 + number / 10,
        )
    one.gauge(129, "H", 434, "crah_return_air_relative_humidity_ratio{unit=1}", 0.434)
    for number, raw in enumerate((412, 421, 433)):
        one.gauge(131 + number, "H", raw, f"env_relative_humidity_ratio{{sensor=external-{'abc'[number]}}}", raw / 1000)
    one.gauge(499, "h", 109, "env_dew_point_celsius{sensor=return}", 10.9)
    one.gauge(485, "h", 98, "env_dew_point_celsius{sensor=external-a}", 9.8)
    one.gauge(672, "h", -31, "env_differential_pressure_pascals{sensor=unit}", -3.1)
    one.gauge(563, "H", 64, "crah_cooling_demand_ratio{unit=1}", 0.64)
    one.gauge(284, "H", 15, "crah_valve_position_ratio{unit=1,valve=hot-water}", 0.15)
    one.gauge(268, "H", 1, "crah_compressor_on{compressor=1,unit=1}", 1)
    one.gauge(269, "H", 0, "crah_compressor_on{compressor=2,unit=1}", 0)
    one.gauge(140, "H", 9120, "crah_fan_running_seconds_total{fan=all,unit=1}", 9120 * 3600)
    one.gauge(141, "H", 4017, "crah_compressor_running_seconds_total{compressor=1,unit=1}", 4017 * 3600)
    one.gauge(142, "H", 3888, "crah_compressor_running_seconds_total{compressor=2,unit=1}", 3888 * 3600)
    for circuit in range(2):
        one.gauge(
            899 + circuit,
            "h",
            181 + circuit,
            f"crah_water_supply_temperature_celsius{{circuit={circuit + 1},unit=1}}",
            18.1 + circuit / 10,
        )
        one.gauge(
            903 + circuit,
            "h",
            234 + circuit,
            f"crah_water_return_temperature_celsius{{circuit={circuit + 1},unit=1}}",
            23.4 + circuit / 10,
        )
    # Of a number that takes two registers, one is 0. Which one differs between the two circuits here.
    one.registers |= {907: 0, 908: 2410, 909: 1872, 910: 0}
    for circuit, tenths in ((1, 2410), (2, 1872)):
        one.values[f"dcim_crah_water_flow_cubic_meters_per_second{{circuit={circuit},unit=1}}"] = tenths / 600_000
    one.registers |= {1000: 0, 1001: 873}
    one.values["dcim_crah_cooling_output_watts{unit=1}"] = 87_300.0
    _icom_alarms(one)
    return one


def _sts(alarms: tuple[tuple[int, str, Mapping[int, str]], ...]) -> Served:
    """A static transfer switch whose load is on source 2."""
    one = Served(checked=0)
    one.gauge(0, "H", 17, "ats_transfers_total", 17)
    one.put(1, "H", 1)
    one.put(2, "H", 2)
    one.states |= {"dcim_ats_preferred_source": "a", "dcim_ats_selected_source": "b"}
    for source, at, volts, amperes in (("a", 3, 12, 0), ("b", 10, 480, 301)):
        for index, line in enumerate(LINES):
            key = f"ats_source_line_voltage_volts{{line={line},source={source}}}"
            one.gauge(at + index, "H", volts + index, key, volts + index)
        key = f"ats_source_current_amperes{{phase=%,source={source}}}"
        one.phases(at + 3, "H", (amperes, amperes, amperes), key)
        one.gauge(at + 6, "H", 600, f"ats_source_frequency_hertz{{source={source}}}", 60.0)
    one.put(17, "H", 237)  # kW
    one.put(18, "H", 249)  # kVA
    for at, severity, names in alarms:
        one.alarms(at, names, severity)
    return one


def _sts1() -> Served:
    return _sts(
        (
            (
                288,
                "critical",
                {
                    0: "communication_lost",
                    1: "logic",
                    2: "over_temperature",
                    3: "power_supply_1",
                    5: "source_1_under_voltage",
                    7: "source_2_under_voltage",
                    8: "source_1_overload",
                    9: "switch_1_shorted",
                    10: "switch_2_shorted",
                },
            ),
            (288, "warning", {4: "source_1_over_voltage", 6: "source_2_over_voltage"}),
            (
                289,
                "critical",
                {
                    0: "switch_1_open",
                    1: "switch_2_open",
                    3: "source_2_overload",
                    4: "power_supply_2",
                    6: "transfer_inhibited",
                    9: "source_1_failure",
                    10: "source_2_failure",
                },
            ),
            (289, "warning", {2: "fan", 5: "frequency_deviation", 8: "out_of_synchronisation"}),
            (
                290,
                "critical",
                {
                    0: "retransfer_failed",
                    1: "output_overload",
                    2: "control_fuse_1",
                    3: "control_fuse_2",
                    4: "source_1_breaker_open",
                    5: "source_2_breaker_open",
                    6: "output_breaker_open",
                },
            ),
            (290, "warning", {7: "custom_1", 8: "custom_2", 9: "bypass_1_closed", 10: "bypass_2_closed"}),
            (291, "warning", {bit: f"custom_{bit + 3}" for bit in range(6)}),
        )
    )


def _sts2() -> Served:
    neutrals = {
        0: "neutral_switch_1_shorted",
        1: "neutral_switch_2_shorted",
        2: "neutral_switch_1_open",
        3: "neutral_switch_2_open",
    }
    limits = {13: "neutral_1_over_limit", 14: "neutral_2_over_limit", 15: "neutral_snubber"}
    return _sts(
        (
            (291, "critical", {13: "output_over_current", 14: "ground_over_current", 15: "neutral_over_current"}),
            (292, "warning", {bit: f"custom_{bit + 1}" for bit in range(8)}),
            (293, "warning", limits),
            (294, "critical", neutrals),
        )
    )


def _pmp() -> Served:
    one = Served(checked=16)
    for at in range(6):
        one.put(at, "H", 480)  # between lines
    one.phases(6, "H", (120, 121, 119), "circuit_voltage_volts{circuit=main,panel=1,phase=%}")
    one.phases(9, "H", (301, 296, 299), "circuit_current_amperes{circuit=main,panel=1,phase=%}")
    one.put(12, "H", 7)  # tenths of an ampere to ground
    one.gauge(15, "H", 105, "circuit_power_watts{circuit=main,panel=1}", 105_000)
    one.gauge(16, "H", 599, "circuit_frequency_hertz{circuit=main,panel=1}", 59.9)
    critical = {
        0: "communication_lost",
        1: "output_under_voltage",
        2: "output_over_voltage",
        3: "output_over_current",
        5: "ground_over_current",
        6: "transformer_over_temperature",
        7: "ground_fault",
        8: "ground_failure",
    }
    one.alarms(288, critical, "critical")
    one.alarms(288, {4: "frequency_deviation", 10: "security"}, "warning")
    one.registers[288] |= 1 << 9
    one.values["dcim_leak_detected{sensor=floor}"] = 1.0
    losses = {0: "phase_rotation_or_loss", 1: "datawave_over_temperature", 2: "emergency_power_off"}
    one.alarms(289, losses, "critical")
    one.alarms(289, {3: "on_bypass", 4: "local", 5: "custom_1", 6: "custom_2"}, "warning")
    return one


def _nxl() -> Served:
    """On battery."""
    one = Served(table="input", checked=390)
    one.put(389, "H", 3)
    one.put(390, "H", 5)
    one.states |= {"dcim_ups_battery_state": "low", "dcim_ups_output_source": "battery"}
    one.phases(328, "H", (41, 39, 43), "ups_output_load_ratio{phase=%}", 0.01)
    return one


def liebert_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "liebert-dcd-door": _dcd(),
        "liebert-xdc": _xdc(),
        "liebert-xdp-modbus": _xdp(),
        "liebert-hpc": _hpc(),
        "liebert-aps-modbus": _aps(),
        "liebert-apm-modbus": _apm(),
        "liebert-gxt-modbus": _gxt(),
        "liebert-icom-modbus": _icom(),
        "liebert-sts-modbus": _sts1(),
        "liebert-sts2-modbus": _sts2(),
        "liebert-pmp-modbus": _pmp(),
        "liebert-nxl-modbus": _nxl(),
    }
