"""Modbus maps of power devices, served to the agent: register contents written down from published maps, and their meaning."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from rackflow.register_tables import RegisterTable

PHASES = ("L1", "L2", "L3")


@dataclass(slots=True)
class Served:
    """Registers of one device by wire address, and the series that a poll of them must give."""

    table: RegisterTable = "holding"
    unit: int = 1
    checked: int = 0
    """A register that mbpoll reads too."""
    registers: dict[int, int] = field(default_factory=dict)
    inputs: dict[int, int] = field(default_factory=dict)
    """Discrete inputs."""
    coils: dict[int, int] = field(default_factory=dict)
    settings: dict[int, int] = field(default_factory=dict)
    """Holding registers of a device whose readings are input registers."""
    alone: dict[int, int] = field(default_factory=dict)
    """What a register holds that is read without its neighbours, where that differs."""
    values: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def put(self, address: int, layout: str, raw: float) -> None:
        """One number in `struct`'s notation, high word first; `~` puts the low word first, `%` swaps the bytes."""
        packed = struct.pack(f">{layout.lstrip('~%')}", raw)
        words = list(struct.unpack(f"{'<' if layout[0] == '%' else '>'}{len(packed) // 2}H", packed))
        self.registers |= dict(enumerate(reversed(words) if layout[0] == "~" else words, address))

    def gauge(self, address: int, layout: str, raw: float, key: str, value: float) -> None:
        """A number on the wire, and its series without `dcim_` with the value in base units."""
        self.put(address, layout, raw)
        self.values[f"dcim_{key}"] = value

    def phases(self, address: int, layout: str, raws: tuple[float, ...], metric: str, scale: float = 1.0) -> None:
        """Neighbouring numbers of L1 to L3, `scale` base units a step; in `metric` a % stands for the phase."""
        step = struct.calcsize(f">{layout.lstrip('~%')}") // 2
        for index, (phase, raw) in enumerate(zip(PHASES, raws, strict=True)):
            self.gauge(address + index * step, layout, raw, metric.replace("%", phase), raw * scale)

    def alarms(self, address: int, names: Mapping[int, str], severity: str, layout: str = "H") -> None:
        """A register of alarm bits, of which every second one is set, starting with the lowest."""
        raised = sorted(names)[::2]
        at = address + (1 if layout == "I" and max(names) < 16 else 0)
        wide = layout == "I" and at == address
        if layout == "I":
            self.registers.setdefault(address, 0)
            self.registers.setdefault(address + 1, 0)
        for bit in raised:
            place = (address + (bit < 16), bit % 16) if wide else (at, bit)
            self.registers[place[0]] = self.registers.get(place[0], 0) | 1 << place[1]
        self.registers.setdefault(at, 0)
        for bit, name in names.items():
            self.values[f"dcim_device_alarm_active{{alarm={name},severity={severity}}}"] = float(bit in raised)

    def inputs_as_alarms(self, names: Mapping[int, str], severity: str) -> None:
        """Discrete inputs that are alarms while they are 1; which ones are, `inputs` says."""
        for at, name in names.items():
            key = f"dcim_device_alarm_active{{alarm={name},severity={severity}}}"
            self.values[key] = float(self.inputs.get(at, 0))


def _apc() -> Served:
    one = Served(checked=142)
    one.put(0, "I", 1 << 1)
    one.put(150, "H", 1 << 5)
    one.states["dcim_ups_output_source"] = "booster"
    one.alarms(0, {5: "general_fault", 21: "output_overload"}, "critical", "I")
    one.alarms(0, {6: "input_not_acceptable"}, "warning", "I")
    one.alarms(18, {1: "shutdown_imminent"}, "critical")
    one.alarms(
        20,
        {
            0: "power_overload",
            1: "output_short_circuit",
            2: "output_overvoltage",
            3: "transformer_dc_imbalance",
            4: "over_temperature",
            5: "backfeed_relay",
            6: "avr_relay",
            7: "pfc_input_relay",
            8: "output_relay",
            9: "bypass_relay",
            10: "fan",
            11: "pfc",
            12: "dc_bus",
            13: "inverter",
            14: "overcurrent",
        },
        "critical",
        "I",
    )
    battery = {0: "disconnected", 1: "overvoltage", 3: "over_temperature", 4: "charger", 5: "temperature_sensor"}
    battery |= {6: "bus_soft_start", 8: "general_error", 9: "communication"}
    one.alarms(19, {3: "logic_power_supply", 4: "internal_communication", 7: "emergency_power_off"}, "critical")
    one.alarms(19, {0: "site_wiring", 1: "memory", 2: "analog_digital_converter", 8: "firmware_mismatch"}, "warning")
    one.alarms(22, {7: "battery_over_temperature"}, "warning")
    one.put(23, "H", 1 << 8 | 1 << 3)
    one.states["dcim_ups_test_result"] = "failed"
    one.put(25, "H", 1 << 4)
    one.values["dcim_device_alarm_active{alarm=battery_life_exceeded,severity=warning}"] = 1.0
    one.alarms(22, {bit: f"battery_{name}" for bit, name in battery.items()}, "critical")
    # A temperature whose sensor is broken would be withheld.
    one.registers[22] &= ~(1 << 5)
    one.values["dcim_device_alarm_active{alarm=battery_temperature_sensor,severity=critical}"] = 0.0
    one.gauge(595, "H", 9000, "ups_battery_installed_timestamp_seconds", (10_957 + 9000) * 86_400)
    one.registers[22] |= 1 << 2
    one.values["dcim_ups_battery_replace_required"] = 1.0
    _apc_measurements(one)
    return one


def _apc_measurements(one: Served) -> None:
    """Binary fixed point: the raw number is the value times a power of two."""
    one.gauge(128, "I", 73_800, "ups_battery_runtime_seconds", 73_800)
    one.gauge(130, "H", 51_200, "ups_battery_charge_ratio", 1.0)
    one.gauge(131, "h", 1744, "ups_battery_voltage_volts{string=1}", 54.5)
    one.gauge(132, "h", 1728, "ups_battery_voltage_volts{string=negative}", 54.0)
    one.gauge(148, "H", 14_720, "ups_bypass_voltage_volts{phase=L1}", 230.0)
    one.gauge(149, "H", 6400, "ups_bypass_frequency_hertz{phase=L1}", 50.0)
    one.gauge(135, "h", -64, "ups_battery_temperature_celsius{string=1}", -0.5)
    one.gauge(138, "H", 6400, "ups_output_total_load_ratio", 0.25)
    one.gauge(140, "H", 56, "ups_output_current_amperes{phase=L1}", 1.75)
    one.gauge(142, "H", 14_736, "ups_output_voltage_volts{phase=L1}", 230.25)
    one.gauge(144, "H", 6400, "ups_output_frequency_hertz", 50.0)
    one.gauge(145, "I", 1_234_567, "ups_output_energy_joules_total", 4_444_441_200)
    one.gauge(151, "H", 14_400, "ups_input_voltage_volts{phase=L1}", 225.0)
    one.gauge(154, "h", 12_416, "ups_efficiency_ratio", 0.97)
    one.gauge(588, "H", 1500, "ups_rated_apparent_power_voltamperes", 1500)
    one.gauge(589, "H", 1350, "ups_rated_power_watts", 1350)


def _huawei() -> Served:
    one = Served(checked=11_000)
    for address, raw, key, value in (
        (11_000, 2305, "input_voltage_volts{phase=L1}", 230.5),
        (11_003, 499, "input_frequency_hertz{phase=L1}", 49.9),
        (11_004, 2298, "bypass_voltage_volts{phase=L1}", 229.8),
        (11_007, 501, "bypass_frequency_hertz{phase=L1}", 50.1),
        (11_008, 2201, "output_voltage_volts{phase=L1}", 220.1),
        (11_011, 63, "output_current_amperes{phase=L1}", 6.3),
        (11_014, 500, "output_frequency_hertz", 50.0),
        (11_015, 12, "output_power_watts{phase=L1}", 1200),
        (11_018, 14, "output_apparent_power_voltamperes{phase=L1}", 1400),
        (11_021, 467, "output_load_ratio{phase=L1}", 0.467),
        (11_027, 284, "temperature_celsius", 28.4),
        (12_000, 818, "battery_voltage_volts{string=1}", 81.8),
        (12_003, 97, "battery_charge_ratio", 0.97),
        (12_007, 6, "battery_packs", 6),
        (19_009, 30, "rated_apparent_power_voltamperes", 3000),
    ):
        one.gauge(address, "H", raw, f"ups_{key}", value)
    one.gauge(12_004, "I", 70_000, "ups_battery_runtime_seconds", 70_000)
    for address, raw, key, state in (
        (11_024, 3, "output_source", "battery"),
        (11_043, 1 << 6, "battery_state", "low"),
        (12_002, 5, "battery_charge_state", "discharging"),
    ):
        one.put(address, "H", raw)
        one.states[f"dcim_ups_{key}"] = state
    _huawei_alarms(one)
    return one


def _huawei_alarms(one: Served) -> None:
    one.alarms(41_180, {3: "over_temperature"}, "critical")
    one.alarms(41_185, {1: "bypass_voltage", 2: "bypass_frequency"}, "warning")
    one.alarms(41_187, {3: "battery_overvoltage"}, "warning")
    one.alarms(41_188, {3: "battery_undervoltage"}, "warning")
    one.registers[41_188] |= 1 << 1
    one.values["dcim_ups_battery_replace_required"] = 1.0
    one.alarms(41_194, {4: "battery_disconnected"}, "critical")
    one.alarms(41_197, {3: "output_overload_110", 5: "output_overload_105"}, "critical")
    one.alarms(41_198, {0: "startup_timeout"}, "critical")
    one.alarms(41_203, {14: "rectifier_bus_low", 15: "rectifier_bus_high"}, "critical")
    inside = {1: "rectifier_bus_very_low", 5: "eeprom", 6: "inverter_output", 7: "inverter_undervoltage"}
    one.alarms(
        41_204, inside | {10: "bus_imbalance", 11: "internal_over_temperature", 13: "charger"}, severity="critical"
    )
    one.alarms(41_206, {4: "charger_output", 13: "overload_shutdown", 14: "bypass_overload_shutdown"}, "critical")


def _socomec() -> Served:
    one = Served(checked=0x1069)
    one.gauge(0x1001, "H", 1200, "ups_rated_apparent_power_voltamperes", 120_000)
    one.put(0x1020, "H", 1 << 14 | 1 << 3 | 1 << 1)
    one.put(0x1021, "H", 1 << 11 | 1 << 1)
    one.states |= {"dcim_ups_output_source": "normal", "dcim_ups_battery_state": "normal"}
    one.states["dcim_ups_battery_charge_state"] = "charging"
    one.values["dcim_device_alarm_active{alarm=battery_test_failed,severity=warning}"] = 1.0
    failures = {0: "general", 1: "battery_failure", 2: "overload", 4: "control_failure", 7: "over_temperature"}
    one.alarms(0x1040, failures | {10: "battery_charger"}, "critical")
    tolerances = {5: "rectifier_input_tolerance", 6: "bypass_input_tolerance", 8: "maintenance_bypass_closed"}
    one.alarms(0x1040, tolerances, "warning")
    stops = {2: "inverter_stopped_overload", 5: "synchronisation", 6: "rectifier_input", 15: "imminent_stop"}
    one.alarms(0x1041, stops, "critical")
    preventive = {7: "rectifier_preventive", 9: "inverter_preventive", 13: "bypass_preventive"}
    preventive |= {1: "conditions_of_use", 3: "microprocessor_control", 10: "charger_general"}
    one.alarms(0x1041, preventive, "warning")
    one.alarms(0x1042, {12: "servicing", 15: "battery_room"}, "warning")
    one.alarms(0x1043, {0: "maintenance_bypass"}, "warning")
    critical = {1: "battery_discharged", 4: "rectifier_critical", 6: "inverter_critical", 10: "emergency_stop"}
    one.alarms(0x1043, critical | {11: "battery_circuit_open", 14: "bypass_critical"}, "critical")
    one.phases(0x1060, "H", (41, 38, 44), "ups_output_load_ratio{phase=%}", 0.01)
    one.gauge(0x1063, "H", 41, "ups_output_total_load_ratio", 0.41)
    one.gauge(0x1064, "H", 88, "ups_battery_charge_ratio", 0.88)
    one.phases(0x1066, "H", (229, 231, 230), "ups_bypass_voltage_volts{phase=%}")
    one.phases(0x1069, "H", (230, 232, 228), "ups_output_voltage_volts{phase=%}")
    one.phases(0x106F, "H", (71, 66, 77), "ups_output_current_amperes{phase=%}")
    one.gauge(0x1072, "H", 499, "ups_bypass_frequency_hertz{phase=L1}", 49.9)
    one.gauge(0x1073, "H", 500, "ups_output_frequency_hertz", 50.0)
    one.gauge(0x1074, "H", 4362, "ups_battery_voltage_volts{string=1}", 436.2)
    one.gauge(0x1076, "h", 24, "env_temperature_celsius{sensor=ambient}", 24)
    one.gauge(0x1077, "H", 42, "ups_battery_runtime_seconds", 2520)
    return one


def _tripplite() -> Served:
    one = Served(table="input", checked=0x0432)
    for address, raw, key, value in (
        (0x0401, 120, "ups_rated_input_voltage_volts", 120),
        (0x0403, 120, "ups_rated_output_voltage_volts", 120),
        (0x040F, 240, "ups_battery_rated_voltage_volts", 240),
        (0x0421, 75, "ups_on_battery_seconds", 75),
        (0x0422, 18, "ups_battery_runtime_seconds", 1080),
        (0x0423, 93, "ups_battery_charge_ratio", 0.93),
        (0x0424, 1362, "ups_battery_voltage_volts{string=1}", 136.2),
        (0x0426, 27, "ups_battery_temperature_celsius{string=1}", 27),
        (0x0429, 1358, "ups_battery_voltage_volts{string=negative}", 135.8),
        (0x042B, 28, "ups_battery_temperature_celsius{string=negative}", 28),
        (0x0431, 600, "ups_input_frequency_hertz{phase=L1}", 60.0),
        (0x0432, 1203, "ups_input_voltage_volts{phase=L1}", 120.3),
        (0x0433, 84, "ups_input_current_amperes{phase=L1}", 8.4),
        (0x0434, 98, "ups_input_power_watts{phase=L1}", 980),
        (0x0443, 599, "ups_output_frequency_hertz", 59.9),
        (0x0445, 1198, "ups_output_voltage_volts{phase=L1}", 119.8),
        (0x0446, 77, "ups_output_current_amperes{phase=L1}", 7.7),
        (0x0447, 90, "ups_output_power_watts{phase=L1}", 900),
        (0x0448, 45, "ups_output_load_ratio{phase=L1}", 0.45),
        (0x0469, 23, "env_temperature_celsius{sensor=ambient}", 23),
        (0x046A, 51, "env_relative_humidity_ratio{sensor=ambient}", 0.51),
        (0x0405, 600, "ups_rated_apparent_power_voltamperes", 6_000),
        (0x0406, 540, "ups_rated_power_watts", 5_400),
        (0x0449, 1197, "ups_output_voltage_volts{phase=L2}", 119.7),
        (0x044A, 61, "ups_output_current_amperes{phase=L2}", 6.1),
        (0x044B, 70, "ups_output_power_watts{phase=L2}", 700),
        (0x044C, 35, "ups_output_load_ratio{phase=L2}", 0.35),
        (0x0456, 601, "ups_bypass_frequency_hertz{phase=L1}", 60.1),
        (0x0458, 1211, "ups_bypass_voltage_volts{phase=L1}", 121.1),
    ):
        one.gauge(address, "H", raw, key, value)
    # One line in, two out; on battery, which is low and weak.
    for address, raw in ((0x0430, 1), (0x0444, 2), (0x0442, 1), (0x041E, 1), (0x041F, 1), (0x0420, 3), (0x0467, 1)):
        one.put(address, "H", raw)
    one.states |= {
        "dcim_ups_output_source": "battery",
        "dcim_ups_battery_state": "low",
        "dcim_ups_battery_charge_state": "discharging",
        "dcim_ups_test_result": "passed",
    }
    one.inputs |= {0x0100: 0, 0x0101: 1, 0x0102: 0, 0x0109: 1, 0x0112: 0, 0x0114: 1, 0x012C: 0}
    one.inputs_as_alarms(
        {0x0100: "over_temperature", 0x0102: "output_bad", 0x0103: "output_overload", 0x0105: "output_off"}
        | {0x0106: "ups_shutdown", 0x0107: "charger", 0x010A: "fuse", 0x010B: "general_fault"}
        | {0x010D: "shutdown_pending", 0x010E: "shutdown_imminent", 0x0111: "inverter"}
        | {0x0112: "emergency_power_off", 0x0114: "battery_ground_fault", 0x012A: "bypass_switch_overload"}
        | {0x012B: "bypass_switch_over_temperature", 0x012C: "bypass_switch_fault"},
        "critical",
    )
    one.inputs_as_alarms(
        {0x0101: "input_bad", 0x0104: "bypass_bad", 0x0109: "fan", 0x010C: "awaiting_power"}
        | {0x0128: "bypass_voltage_or_frequency", 0x0129: "bypass_phase_sequence"},
        "warning",
    )
    return one


def _riello() -> Served:
    one = Served(checked=25)
    # Output powered, on battery, which is low; the bypass is bad, the mains are absent, the UPS is overloaded.
    one.put(0, "H", 1 << 15 | 1 << 13 | 1 << 12 | 1 << 7)
    one.put(1, "H", 1 << 14)
    one.put(2, "H", 0)
    one.put(3, "H", 0)
    one.states |= {
        "dcim_ups_output_source": "battery",
        "dcim_ups_battery_state": "low",
        "dcim_ups_battery_charge_state": "discharging",
    }
    one.values |= {
        f"dcim_device_alarm_active{{alarm={name},severity={severity}}}": active
        for name, severity, active in (
            ("shutdown_active", "warning", 0.0),
            ("bypass_bad", "warning", 1.0),
            ("ups_locked", "critical", 0.0),
            ("over_temperature", "critical", 0.0),
            ("output_overload", "critical", 1.0),
            ("ups_failure", "critical", 0.0),
            ("input_absent", "warning", 1.0),
            ("communication_lost", "critical", 0.0),
        )
    }
    one.phases(11, "H", (228, 229, 231), "ups_input_voltage_volts{phase=%}")
    one.gauge(17, "H", 501, "ups_input_frequency_hertz{phase=L1}", 50.1)
    one.phases(21, "H", (227, 232, 233), "ups_bypass_voltage_volts{phase=%}")
    one.gauge(24, "H", 498, "ups_bypass_frequency_hertz{phase=L1}", 49.8)
    one.phases(25, "H", (230, 234, 235), "ups_output_voltage_volts{phase=%}")
    one.phases(37, "H", (31, 32, 34), "ups_output_load_ratio{phase=%}", 0.01)
    one.gauge(43, "H", 500, "ups_output_frequency_hertz", 50.0)
    one.gauge(47, "H", 5461, "ups_battery_voltage_volts{string=1}", 546.1)
    one.gauge(51, "H", 99, "ups_battery_charge_ratio", 0.99)
    one.gauge(53, "H", 27, "ups_battery_runtime_seconds", 1620)
    one.gauge(61, "h", -5, "ups_temperature_celsius", -5)
    one.gauge(79, "H", 800, "ups_rated_apparent_power_voltamperes", 80_000)
    one.gauge(80, "H", 720, "ups_rated_power_watts", 72_000)
    return one


def _generex() -> Served:
    one = Served(checked=97)
    one.phases(97, "H", (230, 231, 232), "ups_output_voltage_volts{phase=%}")
    one.phases(100, "H", (31, 32, 34), "ups_output_load_ratio{phase=%}", 0.01)
    one.gauge(103, "H", 98, "ups_battery_charge_ratio", 0.98)
    one.phases(104, "h", (228, 229, 227), "ups_input_voltage_volts{phase=%}")
    one.gauge(107, "h", 27, "ups_temperature_celsius", 27)
    one.gauge(108, "h", 35, "ups_battery_runtime_seconds", 2100)
    one.put(109, "H", 12)
    one.states["dcim_ups_output_source"] = "battery"
    one.gauge(110, "h", 273, "ups_battery_voltage_volts{string=1}", 273)
    for register, (phase, raw, hertz) in enumerate((("L1", 50, 50), ("L2", 499, 49.9), ("L3", 500, 50)), 111):
        one.gauge(register, "H", raw, f"ups_input_frequency_hertz{{phase={phase}}}", hertz)  # whole, or in tenths
    one.gauge(114, "H", 7, "ups_input_faults_total", 7)
    critical = ("battery_bad", "low_battery", "depleted_battery", "output_bad", "output_overload")
    alarms = ("battery_bad", "on_battery", "low_battery", "depleted_battery", "temperature_bad", "input_bad")
    for register, name in enumerate((*alarms, "output_bad", "output_overload", "on_bypass", "bypass_bad"), 115):
        severity = "critical" if name in critical else "warning"
        active = name in ("on_battery", "input_bad")
        one.gauge(register, "H", active, f"device_alarm_active{{alarm={name},severity={severity}}}", float(active))
    return one


def ups_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "apc-smart-ups-modbus": _apc(),
        "huawei-ups2000-modbus": _huawei(),
        "socomec-jbus": _socomec(),
        "tripplite-modbus": _tripplite(),
        "riello-multicom-modbus": _riello(),
        "generex-modbus": _generex(),
    }
