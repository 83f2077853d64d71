"""Modbus maps of transfer switches and switched outlets, served to the agent; see modbus_maps."""

from tests.conformance.modbus_maps import Served


def _sources(one: Served, selected: str, *, a: int, b: int) -> None:
    one.states["dcim_ats_selected_source"] = selected
    one.values["dcim_ats_source_usable{source=a}"] = float(a)
    one.values["dcim_ats_source_usable{source=b}"] = float(b)
    one.values["dcim_ats_redundant"] = float(a and b)


def _ats022() -> Served:
    """On the emergency line, since a phase of the normal line is missing."""
    one = Served(checked=2007)
    one.put(2000, "H", 4)
    one.put(2001, "H", 0)
    one.put(2002, "H", 2)
    one.put(2003, "H", 1)  # open
    one.put(2004, "H", 2)  # closed
    one.put(2006, "H", 1)  # the generator runs
    _sources(one, "b", a=0, b=1)
    one.values["dcim_device_alarm_active{alarm=transfer_failed,severity=critical}"] = 0.0
    critical = {0: "open_1_failure", 1: "open_2_failure", 2: "open_3_failure", 3: "close_1_failure"}
    critical |= {4: "close_2_failure", 5: "close_3_failure", 10: "breaker_1_tripped", 11: "breaker_2_tripped"}
    one.alarms(2007, critical | {12: "generator"}, "critical")
    one.alarms(2007, {8: "logic_disabled", 9: "external_alarm"}, "warning")
    return one


def _atys() -> Served:
    one = Served(checked=20_482)
    one.registers |= dict(enumerate(map(ord, "SOCO"), 50_000)) | {50_004: 300, 50_005: 1001}
    one.put(20_480, "H", 2)  # 230 and 400 V
    one.put(20_481, "H", 0x10)  # automatic
    one.put(20_482, "H", 2)
    one.put(20_483, "H", 0)  # start of a generator
    one.put(20_484, "H", 0)
    one.put(20_485, "H", 1)
    one.states["dcim_ats_preferred_source"] = "a"
    one.put(20_486, "H", 2)
    one.put(20_487, "H", 1)  # there, but not yet accepted
    _sources(one, "a", a=1, b=0)
    one.values["dcim_device_alarm_active{alarm=manual_mode,severity=warning}"] = 0.0
    one.values["dcim_device_alarm_active{alarm=transfer_inhibited,severity=critical}"] = 0.0
    return one


def _sentron(alarms: int, critical: dict[int, str], warning: dict[int, str]) -> Served:
    """On source 1, with both sources good."""
    one = Served(table="input", checked=8307)
    one.put(8307, "H", 1 << 13 | 0b111111)
    one.put(8308, "H", 0b1001)
    one.put(8565, "H", 1 << 13 | 0b111111)
    one.put(8566, "H", 0)
    _sources(one, "a", a=1, b=1)
    one.alarms(alarms, critical, "critical", "I")
    one.alarms(alarms, warning, "warning", "I")
    return one


_BREAKERS = {2: "source_1_breaker_timeout", 3: "source_2_breaker_timeout", 4: "source_1_phase_sequence"}
_BREAKERS |= {5: "source_2_phase_sequence", 6: "load_not_powered"}


def _atc6300() -> Served:
    critical = _BREAKERS | {8: "emergency", 9: "source_1_breaker_tripped", 10: "source_2_breaker_tripped"}
    critical |= {11: "generator_1_unavailable", 12: "generator_2_unavailable"}
    warning = {0: "battery_low", 1: "battery_high", 7: "battery_charger", 13: "maintenance_hours_1"}
    warning |= {14: "maintenance_hours_2", 15: "maintenance_operations_1", 16: "maintenance_operations_2"}
    warning |= {17: "auxiliary_supply"} | {18 + at: f"user_alarm_{at + 1}" for at in range(4)}
    return _sentron(0x3F, critical, warning)


def _atc6500() -> Served:
    critical = _BREAKERS | {7: "emergency", 8: "source_1_breaker_tripped", 9: "source_2_breaker_tripped"}
    critical |= {10: "breaker_1_withdrawn", 11: "breaker_2_withdrawn", 12: "generator_1_unavailable"}
    critical |= {13: "generator_2_unavailable", 19: "tie_breaker_timeout", 20: "tie_breaker_tripped"}
    warning = {0: "battery_low", 1: "battery_high", 14: "maintenance_hours_1", 15: "maintenance_hours_2"}
    warning |= {16: "maintenance_operations_1", 17: "maintenance_operations_2", 18: "auxiliary_supply"}
    warning |= {22 + at: f"user_alarm_{at + 1}" for at in range(8)}
    one = _sentron(0x99, critical | {21: "tie_breaker_withdrawn"}, warning)
    one.alarms(8315, {0: "mode_off", 1: "mode_manual"}, "warning")
    one.alarms(8315, {4: "fault"}, "critical")
    return one


def _netio() -> Served:
    """A PowerPDU with eight outlets, of which two are metered."""
    one = Served(table="input", checked=1)
    one.settings = {0: 1, 1: 8, 2: 2}
    one.gauge(0, "H", 4998, "pdu_input_frequency_hertz", 49.98)
    one.gauge(1, "H", 2305, "pdu_phase_voltage_volts{phase=L1}", 230.5)
    one.gauge(2, "H", 970, "pdu_phase_power_factor_ratio{phase=L1}", 0.97)
    one.put(3, "H", 9125)  # current and power, once more
    one.put(4, "H", 2040)
    one.gauge(100, "H", 9125, "pdu_phase_current_amperes{phase=L1}", 9.125)
    one.gauge(200, "H", 2040, "pdu_input_power_watts", 2040)
    one.gauge(300, "I", 1_234_567, "pdu_input_energy_joules_total", 1_234_567 * 3600)
    one.coils = {100 + outlet: outlet % 2 for outlet in range(1, 9)}
    one.values |= {f"dcim_pdu_outlet_on{{outlet={outlet}}}": float(outlet % 2) for outlet in range(1, 9)}
    for outlet in (1, 2):
        one.gauge(
            100 + outlet, "H", 4500 + outlet, f"pdu_outlet_current_amperes{{outlet={outlet}}}", 4.5 + outlet / 1000
        )
        one.gauge(200 + outlet, "H", 1000 + outlet, f"pdu_outlet_power_watts{{outlet={outlet}}}", 1000 + outlet)
        key = f"pdu_outlet_energy_joules_total{{outlet={outlet}}}"
        one.gauge(300 + 2 * outlet, "I", 600_000 + outlet, key, (600_000 + outlet) * 3600)
    return one


def switch_maps() -> dict[str, Served]:
    """By profile."""
    return {
        "abb-ats022": _ats022(),
        "socomec-atys": _atys(),
        "siemens-atc6300": _atc6300(),
        "siemens-atc6500": _atc6500(),
        "netio-modbus": _netio(),
    }
