"""Maps of CDUs, served to the agent: register contents written down from published maps, and their meaning."""

from tests.conformance.modbus_maps import Served


def _in_row() -> Served:
    """With the spare of the supply's temperature and three of five filters, and the inverter of pump 2 failed."""
    one = Served(checked=5034)
    one.coils = {8692: 0}
    one.inputs = {0: 1, 1: 0, 2: 0, 3: 1, 14: 1, 15: 0, 16: 0, 17: 1}
    one.values |= {"dcim_cdu_leak_detected{detector=1}": 0.0, "dcim_cdu_leak_sensor_fault{detector=1}": 1.0}
    raised = {"pump_1_inverter": 0, "pump_2_inverter": 1, "pump_1_overload": 0, "pump_2_overload": 1}
    for alarm, is_raised in raised.items():
        one.values[f"dcim_device_alarm_active{{alarm={alarm},severity=critical}}"] = float(is_raised)
    for supply in (1, 2):
        one.values[f"dcim_device_alarm_active{{alarm=supply_24v_{supply},severity=warning}}"] = float(supply == 2)
    one.states |= {"dcim_cdu_pump_state{pump=1}": "running", "dcim_cdu_pump_state{pump=2}": "failed"}
    for at in range(29):
        one.put(1400 + 4 * at, "~f", 1.0)
    for missing in (1424, 1432, 1452, 1456):
        one.put(missing, "~f", 0.0)
    for address, raw, key in (
        (5000, 25.25, "supply_temperature_celsius{loop=secondary}"),
        (5002, 25.5, "supply_temperature_celsius{loop=secondary,sensor=spare}"),
        (5004, 35.75, "return_temperature_celsius{loop=secondary}"),
        (5006, 18.5, "supply_temperature_celsius{loop=primary}"),
        (5008, 28.25, "return_temperature_celsius{loop=primary}"),
        (5038, 24.5, "ambient_temperature_celsius"),
        (5040, 11.25, "dew_point_celsius"),
        (5046, 8.5, "coolant_ph{loop=secondary}"),
        (5050, 1.5, "coolant_turbidity_ntu{loop=secondary}"),
        (5058, 21.5, "current_amperes"),
    ):
        one.gauge(address, "~f", raw, f"cdu_{key}", raw)
    for address, kilopascal, key in (
        (5010, 250.5, "supply_pressure_pascals{loop=secondary}"),
        (5014, 120.25, "return_pressure_pascals{loop=secondary}"),
        (5030, 310.0, "supply_pressure_pascals{loop=primary}"),
        (5032, 280.5, "return_pressure_pascals{loop=primary}"),
        (5016, 245.0, "filter_pressure_pascals{filter=all,position=inlet}"),
    ):
        one.gauge(address, "~f", kilopascal, f"cdu_{key}", kilopascal * 1000)
    for number, kilopascal in ((1, 230.5), (2, 228.0), (3, 231.25)):
        key = f"cdu_filter_pressure_pascals{{filter={number},position=outlet}}"
        one.gauge(5016 + 2 * number, "~f", kilopascal, key, kilopascal * 1000)
        difference = f"dcim_cdu_filter_differential_pressure_pascals{{filter={number}}}"
        one.values[difference] = (245.0 - kilopascal) * 1000
    for spare in (5012, 5024, 5026, 5028):
        one.put(spare, "~f", 0.0)
    one.gauge(5034, "~f", 62.5, "cdu_valve_position_ratio{valve=primary}", 0.625)
    one.gauge(5036, "~f", 41.5, "cdu_ambient_relative_humidity_ratio", 0.415)
    one.gauge(5042, "~f", 900.0, "cdu_flow_cubic_meters_per_second{loop=secondary}", 0.015)
    one.gauge(5044, "~f", 960.0, "cdu_flow_cubic_meters_per_second{loop=primary}", 0.016)
    one.gauge(5048, "~f", 400.0, "cdu_coolant_conductivity_siemens_per_meter{loop=secondary}", 0.04)
    one.gauge(5052, "~f", 11.75, "cdu_power_watts", 11_750.0)
    one.gauge(5054, "~f", 62.0, "cdu_pump_speed_ratio{pump=1}", 0.62)
    one.gauge(5056, "~f", 0.25, "cdu_pump_speed_ratio{pump=2}", 0.0025)
    one.gauge(5060, "~f", 652.5, "cdu_reported_heat_removed_watts{loop=primary}", 652_500.0)
    return one


def cdu_maps() -> dict[str, Served]:
    """By profile."""
    return {"in-row-cdu-l2l": _in_row()}
