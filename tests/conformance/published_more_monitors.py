"""Further environment monitors: answers written down from their published MIBs; see published_mibs."""

from tests.conformance.published_mibs import ALARM, DRY, Published

# Rows of commonSensorTable: port, name, type, state, whether it is online.
_PORTS = (
    (1, b"Rack", 3, 2, 1),
    (2, b"Spare", 8, 2, 2),
    (3, b"Pump", 8, 4, 1),
    (4, b"Rope", 24, 3, 1),
    (5, b"Mains", 14, 4, 1),
    (6, b"Ceiling", 21, 2, 1),
    (7, b"Row end", 23, 3, 1),
)

MORE_MONITORS = {
    # Tenths of degrees, a pump at fault, water at a rope, no voltage at a detector, and a sensor of a chain above its limit.
    "akcp-sensors-by-port": Published(
        "1.3.6.1.4.1.3854",
        {
            "1.1.2.0": 4,
            "1.1.8.0": b"SPX+",
            **{
                f"2.5.2.1.{column}.0.0.1.1": cell
                for column, cell in ((2, b"Rack"), (4, 24), (5, b"C"), (6, 2), (8, 1), (20, 243))
            },
            **{f"2.5.3.1.{column}.0.0.1.0": cell for column, cell in ((2, b"Rack"), (4, 41), (6, 4), (8, 1))},
            **{
                f"2.5.1.1.{column}.0.0.{port}.1": cell
                for port, name, kind, state, online in _PORTS
                for column, cell in ((2, name), (3, kind), (6, state), (8, online))
            },
            "2.5.1.1.4.0.0.7.1": 31,
            "2.5.1.1.5.0.0.7.1": b"C",
        },
        {
            "dcim_env_temperature_celsius{sensor=0.1.1.Rack}": 24.3,
            "dcim_env_temperature_celsius{sensor=0.7.1.Row_end}": 31.0,
            "dcim_env_relative_humidity_ratio{sensor=0.1.0.Rack}": 0.41,
            f"{DRY},sensor=0.3.1.Pump}}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=0.6.1.Ceiling}": 0.0,
            "dcim_leak_detected{sensor=0.4.1.Rope}": 1.0,
            "dcim_leak_sensor_fault{sensor=0.4.1.Rope}": 0.0,
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": float(severity == active)
                for alarm, active in (
                    ("temperature.0.1.1.Rack", ""),
                    ("humidity.0.1.0.Rack", "critical"),
                    ("ac_voltage.0.5.1.Mains", "critical"),
                    ("temperature.0.7.1.Row_end", "warning"),
                )
                for severity in ("critical", "warning")
            },
        },
        {"dcim_device_state": "failed"},
    ),
    # A temperature in degrees Fahrenheit below its minor limit, a channel that is off, a point without a name, and a battery monitor.
    "dps-netguardian": Published(
        "1.3.6.1.4.1.2682",
        {
            "1.2.1.2.0": b"NetGuardian 832A G5",
            **{
                oid: cell
                for row, is_enabled, name, reading, level in (
                    (1, 0, b"", b" 0.0000", 0),
                    (5, 1, b"DC Voltage A", b"-53.7922", 0),
                    (17, 1, b"Internal temperature", b" 78.1976", 1),
                    (18, 1, b"Humidity", b" 41.2", 4),
                )
                for oid, cell in (
                    (f"1.2.6.1.2.{row}", is_enabled),
                    (f"1.2.6.1.3.{row}", name),
                    (f"1.2.6.1.4.{row}", reading),
                    (f"1.2.6.1.5.{row}", level),
                )
            },
            **{
                f"1.2.5.1.{column}.99.1.{display}.{point}": cell
                for display, point, name, state in (
                    (1, 1, b"South door", b"Alarm"),
                    (1, 2, b"Generator", b"Clear"),
                    (1, 3, b"", b"Clear"),
                    (11, 1, b"MjO:", b"Alarm"),
                    (11, 2, b"Spare", b"-"),
                )
                for column, cell in ((5, name), (6, state))
            },
            **{
                f"2.1.1.{column}.1": cell
                for column, cell in ((2, 1), (4, b"54.21"), (6, b"25.5"), (7, b"24.0"), (9, b"98"))
            },
            "2.2.1.4.1.3": b"13.52",
            "2.2.1.5.1.3": b"26.1",
        },
        {
            "dcim_env_voltage_volts{sensor=5.DC_Voltage_A}": -53.7922,
            "dcim_env_temperature_celsius{sensor=17.Internal_temperature}": 25.665333,
            "dcim_env_relative_humidity_ratio{sensor=18.Humidity}": 0.412,
            **{
                f"{ALARM}{{alarm=channel.{channel},severity={severity}}}": float(severity == active)
                for channel, active in (
                    ("5.DC_Voltage_A", ""),
                    ("17.Internal_temperature", "warning"),
                    ("18.Humidity", "critical"),
                )
                for severity in ("critical", "warning")
            },
            f"{ALARM}{{alarm=99.1.1.1.South_door,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=99.1.1.2.Generator,severity=warning}}": 0.0,
            "dcim_ups_battery_voltage_volts{string=1}": 54.21,
            "dcim_ups_battery_health_ratio{string=1}": 0.98,
            "dcim_ups_battery_temperature_celsius{string=1.a}": 25.5,
            "dcim_ups_battery_temperature_celsius{string=1.b}": 24.0,
            "dcim_env_voltage_volts{sensor=battery.1.3}": 13.52,
            "dcim_env_temperature_celsius{sensor=battery.1.3}": 26.1,
        },
    ),
    # A string that has run down, one battery of two that is too warm, a discharge, and a current channel that is not in use.
    "cyberpower-battery-manager": Published(
        "1.3.6.1.4.1.3808.1.1",
        {
            "7.1.1.0": b"BM100",
            "7.5.1.0": 2,
            "7.7.3.0": 3,
            "7.20.2.0": 2,
            **{f"7.10.5.1.{column}.1": cell for column, cell in ((3, 4), (4, 4_712), (5, 2), (6, 31))},
            **{
                f"7.5.{table}.1.{column}.{row}": cell
                for table, row, cells in (
                    (5, 1, {3: 1, 6: 1, 7: 1_178, 9: 1}),
                    (5, 2, {3: 1, 6: 2, 7: 1_149, 9: 4}),
                    (7, 1, {3: 1, 6: 1, 7: 262}),
                    (7, 2, {3: 1, 6: 5, 7: 481}),
                    (9, 1, {3: 1, 6: 1}),
                    (9, 2, {3: 1, 6: 3}),
                )
                for column, cell in cells.items()
            },
            **{f"50.2.2.1.2.{row}": rating for row, rating in ((1, 100), (2, 0))},
            **{
                f"50.3.2.1.{column}.{row}": cell
                for row, cells in ((1, (6, -2_345, 1)), (2, (1, 0, 2)))
                for column, cell in zip((4, 6, 7), cells, strict=True)
            },
        },
        {
            "dcim_ups_battery_voltage_volts{string=1}": 47.12,
            "dcim_ups_battery_current_amperes{string=a}": -23.45,
            "dcim_env_voltage_volts{sensor=battery.1.1}": 11.78,
            "dcim_env_voltage_volts{sensor=battery.1.2}": 11.49,
            "dcim_env_temperature_celsius{sensor=battery.1.1}": 26.2,
            "dcim_env_temperature_celsius{sensor=battery.1.2}": 48.1,
            f"{ALARM}{{alarm=equalisation,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=low_voltage_shutdown,severity=critical}}": 1.0,
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": float(severity == active)
                for alarm, active in (
                    ("string_voltage.1", "critical"),
                    ("string_charge.1", "warning"),
                    ("voltage.1.1", ""),
                    ("voltage.1.2", "warning"),
                    ("charge.1.1", ""),
                    ("charge.1.2", "critical"),
                    ("temperature.1.1", ""),
                    ("temperature.1.2", "critical"),
                    ("resistance.1.1", ""),
                    ("resistance.1.2", "warning"),
                    ("current.1", "warning"),
                )
                for severity in ("critical", "warning")
            },
        },
    ),
}
