"""Monitors and generic agents without a recording: answers written down from RFCs and published MIBs; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, DRY, Published

# entPhySensorType, Scale, Precision, Value and OperStatus; entPhysicalDescr and Name
SENSORS: dict[int, tuple[int, int, int, int, int, bytes, bytes]] = {
    11: (8, 9, 1, 235, 1, b"Temperature sensor", b"Inlet"),
    12: (8, 8, 0, 41_250, 1, b"Temperature sensor", b"Exhaust"),
    13: (9, 9, 0, 43, 1, b"Humidity sensor", b""),
    14: (3, 8, 0, 231_400, 1, b"Mains", b"Line 1"),
    15: (4, 9, 2, -5_460, 1, b"Battery plant", b""),
    16: (5, 8, 0, 3_250, 1, b"Line 1 current", b"Line 1"),
    17: (6, 10, 2, 75, 1, b"Line 1 power", b"Line 1"),
    18: (6, 8, 0, 12_500, 1, b"Port power", b"Port 7"),
    19: (7, 8, 0, 49_980, 1, b"Mains frequency", b""),
    20: (10, 9, 0, 5_400, 1, b"Fan", b"Fan 1"),
    21: (8, 9, 0, 1_000_000_000, 1, b"Broken sensor", b"Overflow"),
    22: (8, 9, 0, 0, 2, b"Unplugged sensor", b"Unplugged"),
    23: (12, 9, 0, 1, 1, b"Truth", b"Truth"),
    24: (6, 11, 0, 3, 1, b"Megawatts", b"Megawatts"),
}
NUT = "1.3.6.1.4.1.8072.1.3.2.4.1.2.7.117.112.115.45.110.117.116"
CPS = "1.3.6.1.4.1.3808.1.1"
NETBOTZ = "1.3.6.1.4.1.5528.100.4"
# externalSensorType, Units and DecimalDigits; measurementsExternalSensorState and Value
EMX: dict[int, tuple[int, int, int, int, int]] = {
    1: (10, 7, 1, 4, 234),
    2: (10, 14, 1, 5, 950),
    3: (11, 9, 0, 4, 41),
    4: (12, 10, 1, 4, 12),
    5: (13, 11, 1, 3, -25),
    6: (10, 7, 1, -1, 0),
    7: (17, -1, 0, 11, 0),
    8: (43, -1, 0, 1, 0),
    9: (20, -1, 0, 4, 0),
    10: (14, -1, 0, 11, 0),
    11: (14, -1, 0, 4, 0),
}
# externalOnOffSensorSubtype: a water and a smoke sensor
EMX_SUBTYPES = {10: 17, 11: 18}
RDU_ALARMS = {84: "input_abnormal", 85: "over_temperature", 86: "battery_low", 92: "inverter_overload"} | {
    95: "output_disabled",
    96: "bypass_abnormal",
}

# ctlUnitElementType, Name, State and Value, by ctlUnitElementId
VUTLAN: dict[int, tuple[bytes, bytes, bytes, bytes]] = {
    201001: (b"temperature", b"Onboard Temperature", b"normal", b"24.40"),
    201002: (b"temperature", b"Aisle", b"not connected", b"0.00"),
    201003: (b"temperature", b"Roof", b"low alarm", b"-3.50"),
    201004: (b"temperature", b"Odd", b"broken", b"21.00"),
    202001: (b"humidity", b"Aisle", b"High warning", b"72.1"),
    203001: (b"voltage", b"Supply", b"normal", b"12.1"),
    101001: (b"dry", b"Dry-1", b"alarm", b"1"),
    102001: (b"door", b"Door", b"normal", b"1"),
    103001: (b"water", b"Rope", b"alarm", b"1"),
    103002: (b"water", b"Spot", b"not connected", b"0"),
    104001: (b"smoke", b"Ceiling", b"normal", b"0"),
}


def _enviromux(number: int) -> Published:
    """ENVIROMUX-2D and -16D: types, values, units and statuses of the same tables in two branches."""
    internal: dict[int, tuple[SnmpValue, ...]] = {1: (1, b"Unit", 312, 0, 1), 2: (2, b"Unit", 38, 0, 1)}
    external: dict[int, tuple[SnmpValue, ...]] = {
        1: (1, b"Aisle", 752, 1, 1),
        2: (2, b"Aisle", 44, 0, 2),
        3: (9, b"Rope", 1, 0, 3),
        4: (45, b"Cable", 0, 0, 6),
        5: (10, b"Ceiling", 0, 0, 1),
        6: (14, b"Front", 1, 0, 4),
        7: (12, b"Hall", 0, 0, 1),
        8: (1, b"Loose", 215, 0, 6),
    }
    places = {3: (2, 3, 6, 7, 9), 4: (2, 3, 7, 8, 10), 5: (2, 3, 7, 8, 10)}
    rows: dict[int, dict[int, tuple[SnmpValue, ...]]] = {3: internal, 4: {1: (24, b"Aisle", 104, 0, 1)}, 5: external}
    return Published(
        f"1.3.6.1.4.1.3699.1.1.{number}.1",
        {
            "1.9.0": b"ENVIROMUX",
            **{
                f"{group}.1.1.{column}.{row}": value
                for group, table in rows.items()
                for row, values in table.items()
                for column, value in zip(places[group], values, strict=True)
            },
            "6.1.1.3.2": b"Generator",
            "6.1.1.8.2": 3,
        },
        {
            "dcim_env_temperature_celsius{sensor=internal.1.Unit}": 31.2,
            "dcim_env_relative_humidity_ratio{sensor=internal.2.Unit}": 0.38,
            "dcim_env_temperature_celsius{sensor=external.1.Aisle}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=external.2.Aisle}": 0.44,
            "dcim_env_dew_point_celsius{sensor=external.1.Aisle}": 10.4,
            "dcim_leak_detected{sensor=external.3.Rope}": 1.0,
            "dcim_leak_sensor_fault{sensor=external.3.Rope}": 0.0,
            "dcim_leak_sensor_fault{sensor=external.4.Cable}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=external.5.Ceiling}": 0.0,
            "dcim_env_contact_active{kind=door,sensor=external.6.Front}": 1.0,
            "dcim_env_contact_active{kind=tamper,sensor=external.7.Hall}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=input.2.Generator}": 1.0,
        },
    )


# Of securityProbe's sensor tables: port, and description (2), degrees or percent (4), unit (5), state (6) and online (8)
AKCP: tuple[tuple[int, int, dict[int, SnmpValue]], ...] = (
    (2, 0, {2: b"Inlet", 4: 24, 5: b"C", 6: 2, 8: 1}),
    (2, 1, {2: b"Outlet", 4: 86, 5: b"F", 6: 3, 8: 1}),
    (2, 2, {2: b"Spare", 4: 21, 5: b"C", 6: 0, 8: 2}),
    (3, 0, {2: b"Inlet", 4: 41, 6: 2, 8: 1}),
    (4, 3, {2: b"Generator", 6: 4, 8: 1}),
    (4, 4, {2: b"Fan relay", 6: 9, 8: 1}),
    (9, 5, {2: b"Floor", 6: 4, 8: 1}),
    (9, 6, {2: b"Tray", 6: 7, 8: 1}),
    (14, 7, {2: b"Ceiling", 6: 2, 8: 1}),
)

HIGH = ("temperature.0.1.Outlet", "warning")
MONITORS = {
    "akcp-securityprobe": Published(
        "1.3.6.1.4.1.3854.2.3",
        {f"{table}.1.{column}.0.{port}": value for table, port, cells in AKCP for column, value in cells.items()},
        {
            "dcim_env_temperature_celsius{sensor=0.0.Inlet}": 24.0,
            "dcim_env_temperature_celsius{sensor=0.1.Outlet}": 30.0,
            "dcim_env_relative_humidity_ratio{sensor=0.0.Inlet}": 0.41,
            "dcim_env_dew_point_celsius{sensor=0.0.Inlet}": 9.931191,  # Magnus, of the two above
            f"{DRY},sensor=0.3.Generator}}": 1.0,
            "dcim_leak_detected{sensor=0.5.Floor}": 1.0,
            "dcim_leak_sensor_fault{sensor=0.5.Floor}": 0.0,
            "dcim_leak_sensor_fault{sensor=0.6.Tray}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=0.7.Ceiling}": 0.0,
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": float((alarm, severity) == HIGH)
                for alarm in ("temperature.0.0.Inlet", "temperature.0.1.Outlet", "humidity.0.0.Inlet")
                for severity in ("critical", "warning")
            },
        },
        bad={f"{DRY},sensor=0.4.Fan_relay}}": "sentinel", "dcim_leak_detected{sensor=0.6.Tray}": "sentinel"},
    ),
    "nti-enviromux-2d": _enviromux(9),
    "nti-enviromux-16d": _enviromux(11),
    # Set to Fahrenheit; its second group has no probes.
    "sensatronics-em1": Published(
        "1.3.6.1.4.1.16174.1.1.3",
        {
            "2.3.1.0": b"F",
            **{
                f"3.{group}.{column}.0": value
                for group, *row in ((1, b"75.2", b"41.5", b"0.0"), (2, b"-999.9", b"-999.9", b"-999.9"))
                for column, value in zip((3, 6, 9), row, strict=True)
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1}": 10.112514,  # Magnus, of the two above
        },
        bad={
            "dcim_env_temperature_celsius{sensor=2}": "sentinel",
            "dcim_env_relative_humidity_ratio{sensor=2}": "sentinel",
        },
    ),
    "vutlan": Published(
        "1.3.6.1.4.1.39052.1.3.1",
        {
            f"{column}.{row}": element[place]
            for row, element in VUTLAN.items()
            for place, column in enumerate((6, 7, 8, 9))
        },
        {
            "dcim_env_temperature_celsius{sensor=201001.Onboard_Temperature}": 24.4,
            "dcim_env_temperature_celsius{sensor=201003.Roof}": -3.5,
            "dcim_env_relative_humidity_ratio{sensor=202001.Aisle}": 0.721,
            "dcim_env_contact_active{kind=dry_contact,sensor=101001.Dry-1}": 1.0,
            "dcim_env_contact_active{kind=door,sensor=102001.Door}": 0.0,
            "dcim_env_contact_active{kind=smoke,sensor=104001.Ceiling}": 0.0,
            "dcim_leak_detected{sensor=103001.Rope}": 1.0,
            "dcim_leak_sensor_fault{sensor=103001.Rope}": 0.0,
            "dcim_leak_sensor_fault{sensor=103002.Spot}": 1.0,
            **{
                f"{ALARM}{{alarm=sensor.{name},severity={severity}}}": float(grade == severity)
                for name, grade in (
                    ("201001.Onboard_Temperature", ""),
                    ("201003.Roof", "critical"),
                    ("202001.Aisle", "warning"),
                    ("203001.Supply", ""),
                )
                for severity in ("critical", "warning")
            },
        },
        bad={
            "dcim_env_temperature_celsius{sensor=201004.Odd}": "gated",
            f"{ALARM}{{alarm=sensor.201004.Odd,severity=critical}}": "gated",
            f"{ALARM}{{alarm=sensor.201004.Odd,severity=warning}}": "gated",
        },
    ),
    "raritan-emd": Published(
        "1.3.6.1.4.1.13742.8",
        {
            f"{column}.{row}": sensor[place]
            for row, sensor in EMX.items()
            for place, column in enumerate(("1.2.1.1.2", "1.2.1.1.11", "1.2.1.1.12", "2.1.1.1.2", "2.1.1.1.3"))
        }
        | {f"1.2.1.1.10.{row}": EMX_SUBTYPES.get(row, 31) for row in EMX},
        {
            "dcim_env_temperature_celsius{sensor=1}": 23.4,
            "dcim_env_temperature_celsius{sensor=2}": 35.0,
            "dcim_env_relative_humidity_ratio{sensor=3}": 0.41,
            "dcim_env_air_speed_meters_per_second{sensor=4}": 1.2,
            "dcim_env_differential_pressure_pascals{sensor=5}": -2.5,
            f"{ALARM}{{alarm=sensor-temperature.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-temperature.2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=sensor-humidity.3,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-air_flow.4,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-pressure.5,severity=warning}}": 1.0,
            "dcim_leak_detected{sensor=7}": 1.0,
            "dcim_env_contact_active{kind=door,sensor=8}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=9}": 0.0,
            "dcim_leak_detected{sensor=10}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=11}": 0.0,
        },
    ),
    "entity-sensor": Published(
        "1.3.6.1.2.1",
        {
            **{
                f"99.1.1.1.{column}.{row}": sensor[column - 1]
                for row, sensor in SENSORS.items()
                for column in (1, 2, 3, 4, 5)
            },
            **{f"47.1.1.1.1.2.{row}": sensor[5] for row, sensor in SENSORS.items()},
            **{f"47.1.1.1.1.7.{row}": sensor[6] for row, sensor in SENSORS.items()},
        },
        {
            "dcim_env_temperature_celsius{sensor=Inlet}": 23.5,
            "dcim_env_temperature_celsius{sensor=Exhaust}": 41.25,
            "dcim_env_relative_humidity_ratio{sensor=Humidity_sensor}": 0.43,
            "dcim_env_voltage_volts{sensor=Line_1}": 231.4,
            "dcim_env_voltage_volts{sensor=Battery_plant}": -54.6,
            "dcim_env_current_amperes{sensor=Line_1}": 3.25,
            "dcim_env_power_watts{sensor=Line_1}": 750.0,
            "dcim_env_power_watts{sensor=Port_7}": 12.5,
            "dcim_env_frequency_hertz{sensor=Mains_frequency}": 49.98,
            "dcim_env_fan_speed_rpm{sensor=Fan_1}": 5400.0,
        },
        bad={
            "dcim_env_temperature_celsius{sensor=Overflow}": "sentinel",
            "dcim_env_temperature_celsius{sensor=Unplugged}": "gated",
        },
    ),
    "nut-extend": Published(
        NUT,
        {
            "1": b"97",
            "2": b"120",
            "3": b"1860",
            "4": b"27.3",
            "5": b"24",
            "6": b"Unknown",
            "7": b"229.5",
            "8": b"31",
            "9": b"OB DISCHRG LB",
        },
        {
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_ups_battery_runtime_seconds": 1860.0,
            "dcim_ups_battery_voltage_volts": 27.3,
            "dcim_ups_battery_rated_voltage_volts": 24.0,
            "dcim_ups_input_voltage_volts{phase=L1}": 229.5,
            "dcim_ups_output_total_load_ratio": 0.31,
            "dcim_ups_battery_replace_required": 0.0,
        },
        {"dcim_ups_output_source": "battery", "dcim_ups_battery_state": "low"},
    ),
    "cyberpower-sensors": Published(
        CPS,
        {
            "4.2.6.0": 0,  # no sensor of the first kind
            "4.3.1.0": 0,
            "8.2.2.0": 2,  # Fahrenheit
            "8.2.3.1.3.1": 7_520,
            "8.2.3.1.3.2": 6_800,
            "8.2.3.1.4.1": 95,
            "8.2.3.1.5.1": 5_000,
            "8.3.2.1.4.1": 80,
            "8.3.2.1.5.1": 20,  # limits
            "8.3.2.1.3.1": 4_150,
            "8.3.2.1.3.2": 39,
            "8.4.2.1.4.1": b"Door",
            "8.4.2.1.5.1": 2,
            "8.4.2.1.4.2": b"Smoke",
            "8.4.2.1.5.2": 1,
        },
        {
            "dcim_env_temperature_celsius{sensor=envir2.1}": 24.0,
            "dcim_env_temperature_celsius{sensor=envir2.2}": 20.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=envir2.1}": 35.0,
            "dcim_env_temperature_low_threshold_celsius{sensor=envir2.1}": 10.0,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=envir2.1}": 0.8,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=envir2.1}": 0.2,
            "dcim_env_relative_humidity_ratio{sensor=envir2.1}": 0.415,
            "dcim_env_relative_humidity_ratio{sensor=envir2.2}": 0.39,
            "dcim_env_dew_point_celsius{sensor=envir2.1}": 10.112514,  # Magnus
            "dcim_env_dew_point_celsius{sensor=envir2.2}": 5.614227,
            f"{DRY},sensor=envir2.1.Door}}": 1.0,
            f"{DRY},sensor=envir2.2.Smoke}}": 0.0,
        },
        bad={
            "dcim_env_temperature_celsius{sensor=envir}": "sentinel",
            "dcim_env_relative_humidity_ratio{sensor=envir}": "sentinel",
        },
    ),
    "kentix-multisensor": Published(
        "1.3.6.1.4.1.37954.3.1",
        {
            "1.1.0": 234,
            "1.4.0": 1,
            "2.1.0": 415,
            "2.4.0": 0,
            "3.1.0": 95,
            "3.3.0": 0,
            "4.1.0": -3,
            "4.3.0": 0,
            "5.1.0": 12,
            "5.3.0": 0,
            "6.1.0": 1,
            "6.2.0": b"Door",
            "7.1.0": 0,
            "12.1.0": 4321,  # a strip: the MIB has no units
        },
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.4,
            "dcim_env_relative_humidity_ratio{sensor=internal}": 0.415,
            "dcim_env_dew_point_celsius{sensor=internal}": 9.5,
            f"{DRY},sensor=input-1}}": 1.0,
            f"{DRY},sensor=input-2}}": 0.0,
            f"{ALARM}{{alarm=temperature,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=humidity,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=dew_point,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=carbon_monoxide,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=motion,severity=warning}}": 0.0,
        },
    ),
    "comet-web-sensor": Published(
        "1.3.6.1.4.1.22626.1.5.2",
        {
            **{f"{channel}.1.0": f"Channel {channel}".encode() for channel in (1, 2, 3, 4)},
            **{f"{channel}.3.0": value for channel, value in ((1, 235), (2, 752), (3, 415), (4, -11_000))},
            "1.9.0": "\N{DEGREE SIGN}C".encode(),
            "2.9.0": "\N{DEGREE SIGN}F".encode("latin-1"),
            "3.9.0": b"%RH",
            "4.9.0": "\N{DEGREE SIGN}C".encode("latin-1"),
        },
        {
            "dcim_env_temperature_celsius{sensor=channel-1}": 23.5,
            "dcim_env_temperature_celsius{sensor=channel-2}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=channel-3}": 0.415,
        },
        bad={"dcim_env_temperature_celsius{sensor=channel-4}": "range"},
    ),
    "vertiv-rdu": Published(
        "1.3.6.1.4.1.13400.3",
        {
            **{f"5.541.1.1.{column}.2": value for column, value in ((2, 231), (3, 352), (4, 0), (5, 1), (6, 1))},
            **{f"5.541.1.1.{column}.2": value for column, value in ((9, 0), (10, 1), (19, 0), (20, 0))},
            **{
                f"4.491.1.1.{column}.1": value
                for column, value in (
                    (2, 2312),
                    (3, 0),
                    (5, 2301),
                    (8, 123),
                    (11, 500),
                    (12, 1),
                    (19, 4998),  # hundredths, as the UPS itself sends them
                    (32, 1),
                    (39, 27),
                    (42, 28),
                    (45, 312),
                    (59, 1925),
                    (60, 0),
                    (61, 152),
                    (62, 0),
                    (65, 425),
                    (66, 253),
                    (68, 981),
                    (70, 995),
                    (72, 12_345),
                    (75, 2),
                    (77, 3),
                    *((column, int(column == 84)) for column in RDU_ALARMS),
                )
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=2.front}": 23.1,
            "dcim_env_contact_active{kind=door,sensor=2.front}": 0.0,
            "dcim_env_contact_active{kind=door,sensor=2.rear}": 1.0,
            "dcim_leak_detected{sensor=2.water}": 1.0,
            "dcim_leak_sensor_fault{sensor=2.water}": 0.0,
            "dcim_ups_input_voltage_volts{phase=L1}": 231.2,
            "dcim_ups_input_frequency_hertz{phase=L1}": 49.98,
            "dcim_ups_output_voltage_volts{phase=L1}": 230.1,
            "dcim_ups_output_current_amperes{phase=L1}": 12.3,
            "dcim_ups_output_frequency_hertz": 50.0,
            "dcim_ups_output_power_watts{phase=L1}": 2700.0,
            "dcim_ups_output_apparent_power_voltamperes{phase=L1}": 2800.0,
            "dcim_ups_output_load_ratio{phase=L1}": 0.312,
            "dcim_ups_battery_voltage_volts{string=positive}": 192.5,
            "dcim_ups_battery_current_amperes{string=positive}": -15.2,
            "dcim_ups_battery_runtime_seconds": 2550.0,
            "dcim_ups_battery_temperature_celsius": 25.3,
            "dcim_ups_battery_charge_ratio": 0.981,
            "dcim_ups_battery_health_ratio": 0.995,
            "dcim_ups_output_energy_joules_total": 1234.5 * 3.6e6,
            **{
                f"{ALARM}{{alarm=ups_{name},severity={'warning' if column in (84, 86, 96) else 'critical'}}}": float(
                    column == 84
                )
                for column, name in RDU_ALARMS.items()
            },
        },
        {"dcim_ups_output_source": "battery", "dcim_ups_battery_charge_state": "discharging"},
        # The rear probe does not answer its controller; nothing is plugged in outside.
        {
            "dcim_env_temperature_celsius{sensor=2.rear}": "gated",
            "dcim_env_temperature_celsius{sensor=2.outside}": "sentinel",
            "dcim_env_relative_humidity_ratio{sensor=2.outside}": "sentinel",
        },
    ),
    # The index is the sensor's ID, a text; too hot a sensor (error 3) is read, an unplugged one sends no text.
    "apc-netbotz": Published(
        NETBOTZ,
        {
            **{
                f"{table}.1.{column}.{'.'.join(map(str, (len(sensor), *sensor)))}": value
                for table, sensor, error, text in (
                    ("1.1", b"b1_TEMP", 3, b"41.5"),
                    ("1.1", b"b2_TEMP", 0, b""),
                    ("1.2", b"b1_HUMI", 0, b"38.4"),
                    ("1.3", b"b1_DEWP", 0, b"24.1"),
                    ("1.5", b"b1_AFLW", 0, b"9.0"),
                    ("1.6", b"b1_AMPS", 0, b"6.2"),
                )
                for column, value in ((1, sensor), (3, error), (7, text))
            },
            **{
                f"{table}.1.{column}.{'.'.join(map(str, (len(sensor), *sensor)))}": value
                for table, sensor, state in (
                    ("2.1", b"b1_DRY", 1),
                    ("2.1", b"b2_DRY", -1),
                    ("2.2", b"b1_DOOR", 0),
                    ("2.2", b"b2_DOOR", 1),
                )
                for column, value in ((1, sensor), (2, state))
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=b1_TEMP}": 41.5,
            "dcim_env_relative_humidity_ratio{sensor=b1_HUMI}": 0.384,
            "dcim_env_dew_point_celsius{sensor=b1_DEWP}": 24.1,
            "dcim_env_air_speed_meters_per_second{sensor=b1_AFLW}": 0.15,  # 9 metres a minute
            "dcim_env_current_amperes{sensor=b1_AMPS}": 6.2,
            f"{DRY},sensor=b1_DRY}}": 1.0,
            "dcim_env_contact_active{kind=door,sensor=b1_DOOR}": 1.0,
            "dcim_env_contact_active{kind=door,sensor=b2_DOOR}": 0.0,
            **{
                f"{ALARM}{{alarm={sensor},severity={severity}}}": float((sensor, severity) == ("b1_TEMP", "critical"))
                for sensor in ("b1_TEMP", "b2_TEMP", "b1_HUMI", "b1_DEWP", "b1_AFLW", "b1_AMPS")
                for severity in ("critical", "warning")
            },
        },
        bad={"dcim_env_temperature_celsius{sensor=b2_TEMP}": "decode", f"{DRY},sensor=b2_DRY}}": "sentinel"},
    ),
}
