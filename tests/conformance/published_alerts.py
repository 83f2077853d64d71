"""Room Alerts, cooling units, a PDU and a manager of batteries without a recording: answers from their MIBs; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, DRY, Published

AVTECH = "1.3.6.1.4.1.20916.1"
CELSIUS, HUMIDITY, DEW = (
    "dcim_env_temperature_celsius",
    "dcim_env_relative_humidity_ratio",
    "dcim_env_dew_point_celsius",
)


def _socket(number: int, *values: int) -> dict[str, SnmpValue]:
    """What a digital socket of a Room Alert says."""
    return {f"2.{number}.{place}.0": value for place, value in enumerate(values, 1)}


def _switches(closed: int, count: int, dot: str = "") -> dict[str, float]:
    """The readings of switches, one of which is closed."""
    return {f"{DRY},sensor=switch{dot}{number}}}": float(number == closed) for number in range(1, count + 1)}


def flexible(unit: int, code: int | str, label: bytes, value: bytes, measure: bytes) -> dict[str, SnmpValue]:
    """A row of lgpFlexibleBasicTable."""
    return {f"{column}.1.2.{unit}.{code}": cell for column, cell in ((10, label), (20, value), (30, measure))}


ALERTS = {
    "avtech-roomalert3e": Published(
        f"{AVTECH}.9.1",
        {"1.1.1.0": 2345, "1.2.1.0": 22, "1.2.3.0": 4150, "2.1.0": 1},
        {
            f"{CELSIUS}{{sensor=internal}}": 23.45,
            f"{CELSIUS}{{sensor=external1}}": 22.0,
            f"{HUMIDITY}{{sensor=external1}}": 0.415,
            f"{DEW}{{sensor=external1}}": 8.314367,  # Magnus, of the two above
            **_switches(1, 1),
        },
    ),
    "avtech-roomalert3s": Published(
        f"{AVTECH}.13.1",
        {"1.1.2.0": 2345, **_socket(1, 2510, 7718, 3820, 7650, 2480, 986, 4975), "3.1.0": 0},
        {
            f"{CELSIUS}{{sensor=internal}}": 23.45,
            f"{CELSIUS}{{sensor=external1}}": 25.1,
            f"{HUMIDITY}{{sensor=external1}}": 0.382,
            f"{DEW}{{sensor=external1}}": 9.856957,
            **_switches(0, 1),
        },
    ),
    "avtech-roomalert11e": Published(
        f"{AVTECH}.3.1",
        {
            # A probe of temperature, one of humidity, and a box of switches, the fourth and fifth of which are closed.
            **{f"2.{place}.0": value for place, value in ((1, 22), (2, 71), (3, 0), (4, 0), (5, 0))},
            **{f"3.{place}.0": value for place, value in ((1, 25), (2, 77), (3, 38), (4, 77), (5, 25))},
            **{f"4.{place}.0": value for place, value in ((1, 24), (2, 0), (3, 0), (4, 1), (5, 1))},
            **{f"1.{port}.0": int(port == 3) for port in range(1, 9)},
        },
        {
            f"{CELSIUS}{{sensor=external1}}": 22.0,
            f"{CELSIUS}{{sensor=external2}}": 25.0,
            f"{HUMIDITY}{{sensor=external2}}": 0.38,
            f"{DEW}{{sensor=external2}}": 9.689655,
            **_switches(3, 8),
        },
    ),
    "avtech-tempager": Published(
        f"{AVTECH}.2.1",
        {**{f"1.{place}.0": value for place, value in ((1, 2245), (2, 21), (3, 0), (4, 4))}, "2.1.0": 0, "2.2.0": 1},
        {
            f"{CELSIUS}{{sensor=internal}}": 22.45,
            f"{CELSIUS}{{sensor=external1}}": 21.0,
            **_switches(2, 2),
        },
        bad={f"{CELSIUS}{{sensor=external2}}": "sentinel", f"{CELSIUS}{{sensor=external3}}": "range"},
    ),
    "avtech-roomalert32e": Published(
        f"{AVTECH}.8.1",
        {
            "1.1.2.0": 2345,
            "1.2.1.0": 4150,
            "1.3.1.0": 0,
            # Probes of humidity, of temperature, of whether there is power, and of 12.3 A, 2829 W and 230 V; an empty socket.
            **_socket(1, 2510, 7718, 3820, 7650, 2480),
            **_socket(2, 1_870, 6_566, 0, 0, 0),
            **_socket(3, 3_105, 8_789, 1),
            **_socket(4, 1230, 2829, 2300, 0, 0),
            **_socket(5, 0, 0, 0, 0, 0),
            "4.1.1.0": 1,
            "4.1.4.1.2.0": 2_120,
            "4.2.1.0": 0,
            "4.2.4.1.2.0": 2_060,
            **{f"3.{port}.0": int(port == 16) for port in range(1, 17)},
        },
        {
            f"{CELSIUS}{{sensor=internal}}": 23.45,
            f"{HUMIDITY}{{sensor=internal}}": 0.415,
            f"{DEW}{{sensor=internal}}": 9.618163,
            f"{ALARM}{{alarm=on_battery,severity=warning}}": 1.0,
            f"{CELSIUS}{{sensor=external1}}": 25.1,
            f"{HUMIDITY}{{sensor=external1}}": 0.382,
            f"{DEW}{{sensor=external1}}": 9.856957,
            f"{CELSIUS}{{sensor=external2}}": 18.7,
            f"{CELSIUS}{{sensor=external3}}": 31.05,
            f"{CELSIUS}{{sensor=wish1}}": 21.2,
            **_switches(16, 16, "."),
        },
        bad={f"{CELSIUS}{{sensor=external4}}": "gated", f"{CELSIUS}{{sensor=external5}}": "sentinel"},
    ),
    "avtech-roomalert26w": Published(
        f"{AVTECH}.4.1",
        {
            "1.1.2.0": 2345,
            "1.2.1.0": 4150,
            "1.3.1.0": 0,
            "1.4.1.0": 1,
            "1.4.2.0": 0,
            **_socket(1, 2510, 7718, 3820, 7650, 2480),
            **_socket(2, 1_870, 6_566, 0, 0),
            **_socket(3, 1230, 2829, 2300, 0),
            "3.1.0": 1,
            "3.2.0": 0,
        },
        {
            f"{CELSIUS}{{sensor=internal}}": 23.45,
            f"{HUMIDITY}{{sensor=internal}}": 0.415,
            f"{DEW}{{sensor=internal}}": 9.618163,
            f"{ALARM}{{alarm=on_battery,severity=warning}}": 0.0,  # here 0 is the mains
            "dcim_leak_detected{sensor=internal}": 1.0,
            "dcim_leak_sensor_fault{sensor=internal}": 0.0,
            f"{CELSIUS}{{sensor=external1}}": 25.1,
            f"{HUMIDITY}{{sensor=external1}}": 0.382,
            f"{DEW}{{sensor=external1}}": 9.856957,
            f"{CELSIUS}{{sensor=external2}}": 18.7,
            **_switches(1, 2, "."),
        },
        bad={f"{CELSIUS}{{sensor=external3}}": "gated"},
    ),
    "liebert-flexible": Published(
        "1.3.6.1.4.1.476.1.42.3.9.20.1",
        {
            **flexible(1, 5002, b"Supply Air Temperature", b"66.2", b"deg F"),
            **flexible(2, 5002, b"Supply Air Temperature", b"19.0", b"deg C"),
            **flexible(2, 4291, b"Return Air Temperature", b"28.5", b"deg C"),
            **flexible(1, 5028, b"Return Humidity", b"41", b"% RH"),
            **flexible(1, 5027, b"Supply Humidity", b"Unavailable", b"% RH"),
            **flexible(1, 5077, b"Fan Speed", b"72", b"%"),
            **flexible(1, 5078, b"Cooling Capacity (Primary)", b"35", b"%"),
            **flexible(1, 5303, b"Free Cooling Valve Open Position", b"12", b"%"),
            **flexible(1, 4123, b"System Status", b"Normal with Warning", b""),
            **flexible(1, 4706, b"Unit Operating State", b"standby", b""),
            **flexible(1, 5519, b"Free Cooling Utilization", b"61", b"%"),
            **flexible(1, 5079, b"Dehumidifier Utilization", b"0", b"%"),
            **flexible(1, 5081, b"Humidifier Utilization", b"4", b"%"),
            **flexible(1, 5029, b"Humidity Set Point", b"45.0", b"% RH"),
            **flexible(1, 5004, b"Return Dew Point", b"50.0", b"deg F"),
            **flexible(2, 5517, b"Condenser Inlet Water Temperature", b"24.5", b"deg C"),
            **flexible(1, 5518, b"Condenser Outlet Water Temperature", b"86.0", b"deg F"),
            **flexible(1, "5264.1", b"Compressor State", b"on", b""),
            **flexible(1, "5264.2", b"Compressor State", b"off", b""),
            **flexible(1, "5266.1", b"Compressor Head Pressure", b"17.4", b"bar"),
            **flexible(1, "5266.2", b"Compressor Head Pressure", b"101.5", b"psi"),
            **flexible(1, "5276.1", b"Condenser Fan Speed", b"38", b"%"),
            **flexible(1, "5276.2", b"Condenser Normal Mode Max Fan Speed", b"80", b"%"),
        },
        {
            "dcim_crah_supply_air_temperature_celsius": 19.0,
            "dcim_crah_return_air_temperature_celsius": 28.5,
            "dcim_crah_return_air_relative_humidity_ratio": 0.41,
            "dcim_crah_fan_speed_ratio{fan=all}": 0.72,
            "dcim_crah_cooling_demand_ratio": 0.35,
            "dcim_crah_valve_position_ratio{valve=free-cooling}": 0.12,
            "dcim_crah_free_cooling_demand_ratio": 0.61,
            "dcim_crah_dehumidification_demand_ratio": 0.0,
            "dcim_crah_humidification_demand_ratio": 0.04,
            "dcim_crah_relative_humidity_setpoint_ratio": 0.45,
            "dcim_env_dew_point_celsius{sensor=return}": 10.0,
            "dcim_crah_water_supply_temperature_celsius{circuit=condenser}": 24.5,
            "dcim_crah_water_return_temperature_celsius{circuit=condenser}": 30.0,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_compressor_on{compressor=2}": 0.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=compressor-1}": 1_740_000.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=compressor-2}": 699_817.9,
            "dcim_crah_fan_speed_ratio{fan=condenser-1}": 0.38,
        },
        {"dcim_device_state": "degraded", "dcim_crah_unit_state": "standby"},
        {"dcim_crah_supply_air_relative_humidity_ratio": "decode"},
    ),
    "powershield-b1001": Published(
        "1.3.6.1.4.1.35154.1001",
        {
            # Two strings of 32 batteries; the second one has no probe, and one of its batteries no module.
            "3.1.1.5.1": 4_352,
            "3.1.1.5.2": 4_339,
            "3.1.1.6.1": 236,
            "3.1.1.6.2": 0,
            "3.1.1.7.1": 12,
            "4.1.1.2.1": 1,
            "4.1.1.2.33": 2,
            "4.1.1.2.34": 2,
            "4.1.1.3.1": 13_604,
            "4.1.1.3.33": 13_555,
            "4.1.1.3.34": 0,
            "4.1.1.4.1": 241,
            "4.1.1.4.33": 65_535,
            "4.1.1.4.34": 0,
            "4.1.1.5.1": 2_870,
        },
        {
            "dcim_ups_battery_voltage_volts{string=1}": 435.2,
            "dcim_ups_battery_voltage_volts{string=2}": 433.9,
            "dcim_ups_battery_temperature_celsius{string=1}": 23.6,
            "dcim_env_voltage_volts{sensor=monoblock.1.1}": 13.604,
            "dcim_env_voltage_volts{sensor=monoblock.2.33}": 13.555,
            f"{CELSIUS}{{sensor=monoblock.1.1}}": 24.1,
        },
        {},
        {
            "dcim_ups_battery_temperature_celsius{string=2}": "sentinel",
            "dcim_env_voltage_volts{sensor=monoblock.2.34}": "sentinel",
            f"{CELSIUS}{{sensor=monoblock.2.33}}": "sentinel",
            f"{CELSIUS}{{sensor=monoblock.2.34}}": "sentinel",
        },
    ),
    "generex-bacs": Published(
        "1.3.6.1.2.1.33",
        {
            "1.1.2.0": b"CS141",
            "1.2.1.0": 2,
            "1.2.4.0": 100,
            "1.4.1.0": 3,
            **{f"5.2.5.1.{column}.1": cell for column, cell in ((1, 1), (2, 1352), (3, 243), (5, 612), (6, 0))},
            **{f"5.2.7.1.{column}.1": cell for column, cell in ((1, 1), (2, 0), (3, 43_270), (4, 1352))},
        },
        {
            "dcim_env_voltage_volts{sensor=module.1}": 13.52,
            "dcim_env_temperature_celsius{sensor=module.1}": 24.3,
            "dcim_ups_battery_voltage_volts{string=1}": 432.7,
            "dcim_ups_battery_charge_ratio": 1.0,
        },
        {"dcim_ups_battery_state": "normal", "dcim_ups_output_source": "normal"},
    ),
    "apc-inroom": Published(
        "1.3.6.1.4.1.318.1.1.13.5",
        {
            "1.3.0": b"C7000",
            "2.1.0": 1,
            **{
                f"3.{tail}.0": value
                for tail, value in (
                    ("2.1", 3),
                    ("3.11", 2),
                    ("3.14", 2),
                    ("4.5", 8_760),
                    ("4.11.1", 221),
                    ("4.32.1", 98),
                    ("4.33.1", 242),
                    ("4.34.1", 181),
                    ("4.35", 415),
                    ("4.37.1", -35),
                    ("5.4", 1),
                    ("5.10", 2),
                    ("6.3.1", 452),
                    ("6.4", 168),
                    ("6.19", 0),
                    ("7.4", 2),
                    ("8.4", 1),
                    ("15.15", 47),
                    ("32.33", 72),
                    ("33.33", 71),
                    ("34.33", 0),
                    ("43.1", 1),
                    ("43.6", 1),
                    ("43.19", 2),
                    ("43.73", 1),
                    ("43.74", 2),
                    ("43.91", 1),
                )
            },
        },
        {
            "dcim_device_alarms": 1.0,
            f"{ALARM}{{alarm=sensor-1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=pump-1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=pump-2,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=filter-3-clogged,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=common-alarm,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=fan-1,severity=critical}}": 0.0,
            "dcim_leak_detected{sensor=unit}": 0.0,
            "dcim_crah_running_seconds_total": 31_536_000.0,
            "dcim_crah_air_temperature_celsius{sensor=controlled}": 22.1,
            "dcim_crah_air_temperature_celsius{sensor=outside}": -3.5,
            "dcim_crah_water_supply_temperature_celsius{circuit=primary}": 9.8,
            "dcim_crah_return_air_temperature_celsius": 24.2,
            "dcim_crah_supply_air_temperature_celsius": 18.1,
            "dcim_crah_return_air_relative_humidity_ratio": 0.415,
            "dcim_crah_refrigerant_temperature_celsius{sensor=condensation-1}": 45.2,
            "dcim_crah_refrigerant_pressure_pascals{sensor=condensation-1}": 1_680_000.0,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_valve_position_ratio{valve=ge_cw_1}": 0.47,
            "dcim_crah_fan_speed_ratio{fan=1}": 0.72,
            "dcim_crah_fan_speed_ratio{fan=2}": 0.71,
        },
        {"dcim_crah_unit_state": "running"},
    ),
    "apc-inrow-oa": Published(
        "1.3.6.1.4.1.318.1.1.13.6",
        {
            "3.1.0": 2,
            **{f"3.2.1.3.{row}": text for row, text in ((1, b"Pump 1 Failure"), (2, b"Leak Detected"), (3, b"-1"))},
            **{f"4.2.1.{column}.2": value for column, value in ((2, b"-1"), (4, 1), (12, -1))},
            **{
                f"4.2.1.{column}.1": value
                for column, value in (
                    (2, b"1"),
                    (4, 3),
                    (10, 412),
                    (12, 71),
                    (14, 128),
                    (18, 95),
                    (24, 131),
                    (28, 452),
                    (35, 63),
                    (40, 1),
                )
            },
            **{
                f"5.2.1.{column}.{row}": value
                for row in (1, 2)
                for column, value in (
                    (3, 2),
                    (4, 3 - row),
                    (6, 224),
                    (8, 351),
                    (12, 164),
                    (18, 441),
                    (19, 55),
                    (20, 480),
                )
            },
        },
        {
            "dcim_device_alarms": 2.0,
            "dcim_device_alarm_active{alarm=Pump_1_Failure,severity=warning}": 1.0,
            "dcim_device_alarm_active{alarm=Leak_Detected,severity=warning}": 1.0,
            "dcim_crah_cooling_output_watts{unit=rdu.1}": 41_200.0,
            "dcim_crah_water_supply_temperature_celsius{unit=rdu.1}": 7.1,
            "dcim_crah_water_return_temperature_celsius{unit=rdu.1}": 12.8,
            "dcim_crah_refrigerant_temperature_celsius{sensor=condenser-outlet,unit=rdu.1}": 13.1,
            "dcim_crah_refrigerant_pressure_pascals{sensor=condenser-outlet,unit=rdu.1}": 452_000.0,
            "dcim_crah_valve_position_ratio{unit=rdu.1,valve=chilled-water}": 0.63,
            f"{DEW}{{sensor=rdu.1}}": 9.5,
            f"{DRY},sensor=rdu.1}}": 0.0,
            "dcim_crah_air_temperature_celsius{sensor=rack-inlet,unit=cm.1}": 22.4,
            "dcim_crah_return_air_temperature_celsius{unit=cm.1}": 35.1,
            "dcim_crah_refrigerant_temperature_celsius{sensor=vapor,unit=cm.1}": 16.4,
            "dcim_crah_refrigerant_pressure_pascals{sensor=vapor-outlet,unit=cm.1}": 441_000.0,
            "dcim_crah_valve_position_ratio{unit=cm.1,valve=expansion}": 0.55,
            "dcim_crah_valve_position_ratio{unit=cm.1,valve=evaporator-pressure}": 0.48,
        },
        {"dcim_crah_unit_state{unit=rdu.1}": "running", "dcim_crah_unit_state{unit=cm.1}": "running"},
    ),
    "apc-modular-pdu": Published(
        "1.3.6.1.4.1.318.1.1",
        {
            "23.1.1.0": b"PDPM138H-5U",
            **{f"23.3.{place}.0": code for place, code in ((1, 2), (2, 3), (3, 2))},
            **{f"22.4.{tail}.0": value for tail, value in (("1.4", 500), ("2.1", 200), ("3.1", 412), ("3.2", 98_765))},
            **{
                f"22.{tail}": value
                for tail, value in (
                    ("4.1.15.1.3.2", 2_304),
                    ("4.1.15.1.4.2", 3_991),
                    ("4.2.11.1.3.2", 612),
                    ("4.2.11.1.4.2", 306),
                    ("4.3.5.1.2.2", 139),
                    ("4.3.5.1.3.2", 33_000),
                    ("2.4.1.4.1.1", 32),
                    ("2.4.1.7.1.1", 1),
                    ("2.4.1.9.1.1", 0),
                    ("2.4.1.11.1.1", 0),
                    ("2.4.1.4.2.1", 0),
                    ("2.4.1.9.2.1", 0),
                    ("3.2.1.4.1", 125),
                    ("3.2.1.5.1", 2),
                    ("3.2.1.17.1", 201),
                    ("3.2.1.18.1", 5_000),
                    ("3.4.1.4.1.3", 291),
                )
            },
        },
        {
            f"{ALARM}{{alarm=fan,severity=warning}}": 1.0,
            "dcim_pdu_input_frequency_hertz": 50.0,
            "dcim_pdu_input_rated_current_amperes": 200.0,
            "dcim_pdu_input_power_watts": 41_200.0,
            "dcim_pdu_input_energy_joules_total": 35_555_400_000.0,
            "dcim_pdu_phase_voltage_volts{phase=L2}": 230.4,
            "dcim_pdu_line_voltage_volts{line=L2-L3}": 399.1,
            "dcim_pdu_phase_current_amperes{phase=L2}": 61.2,
            "dcim_pdu_phase_load_ratio{phase=L2}": 0.306,
            "dcim_pdu_phase_power_watts{phase=L2}": 13_900.0,
            "dcim_pdu_phase_energy_joules_total{phase=L2}": 11_880_000_000.0,
            "dcim_circuit_current_amperes{circuit=1.1,panel=modules,phase=L1}": 0.0,
            "dcim_circuit_rated_current_amperes{circuit=1.1,panel=modules}": 32.0,
            "dcim_circuit_power_watts{circuit=1.1,panel=modules}": 0.0,
            "dcim_circuit_rated_current_amperes{circuit=1,panel=subfeeds}": 125.0,
            "dcim_circuit_power_watts{circuit=1,panel=subfeeds}": 20_100.0,
            "dcim_circuit_energy_joules_total{circuit=1,panel=subfeeds}": 1_800_000_000.0,
            "dcim_circuit_current_amperes{circuit=1,panel=subfeeds,phase=L3}": 29.1,
        },
        {
            "dcim_device_state": "degraded",
            "dcim_circuit_breaker_state{circuit=1.1,panel=modules}": "open",
            "dcim_circuit_breaker_state{circuit=1,panel=subfeeds}": "closed",
        },
    ),
    "tripplite-cooling": Published(
        "1.3.6.1.4.1.850.1.1",
        {
            "1.2.1.4.1": b"TRIPP LITE",
            "1.2.1.5.1": b"SRCOOL33K",
            **{
                f"3.5.3.{entry}.{column}.1": cell
                for entry, cells in (
                    ("6.1", {1: 4, 2: 74, 3: 1, 4: 1, 5: 1}),
                    ("1.2.1", {1: 263, 2: 158, 3: 281, 4: 264, 5: -12, 6: 91, 8: 402}),
                    ("2.2.1", {1: 1_160}),
                    ("2.1.1", {1: 8, 2: 27}),
                    ("3.1", {1: 213}),
                    ("4.1", {1: 5, 2: 3, 3: 52}),
                    ("5.1", {1: 412, 2: 9, 3: 640, 4: 430}),
                )
                for column, cell in cells.items()
            },
            "3.3.3.1.1.1.2": 241,
            "3.3.3.3.1.5.2.1": 2,
        },
        {
            f"{ALARM}{{alarm=water_full,severity=warning}}": 1.0,
            "dcim_crah_cooling_output_watts": 7_400.0,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_air_temperature_celsius{sensor=ambient}": 26.3,
            "dcim_crah_supply_air_temperature_celsius": 15.8,
            "dcim_crah_return_air_temperature_celsius": 28.1,
            "dcim_crah_air_temperature_celsius{sensor=condenser-inlet}": 26.4,
            "dcim_crah_refrigerant_temperature_celsius{sensor=evaporator}": -1.2,
            "dcim_crah_refrigerant_temperature_celsius{sensor=suction}": 9.1,
            "dcim_crah_air_temperature_celsius{sensor=condenser-outlet}": 40.2,
            "dcim_crah_refrigerant_pressure_pascals{sensor=suction}": 799_791.846007488,
            "dcim_crah_refrigerant_pressure_pascals{sensor=discharge}": 2_700_000.0,
            "dcim_crah_current_amperes{phase=L1}": 21.3,
            "dcim_crah_compressor_running_seconds_total{compressor=1}": 35_596_800.0,
            "dcim_crah_fan_running_seconds_total{fan=evaporator}": 37_152_000.0,
            "dcim_env_temperature_celsius{sensor=2}": 24.1,
            f"{DRY},sensor=2.1}}": 0.0,
        },
        {"dcim_crah_unit_state": "running", "dcim_device_state": "degraded"},
    ),
}
"""By family."""
