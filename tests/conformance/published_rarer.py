"""Generators, PDUs, coolers and monitors that are seldom met: answers written down from published maps; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, Published

_COMAP: dict[int, SnmpValue] = {
    **{8192 + line: 230 + line for line in range(3)},
    **dict.fromkeys((8195, 8196, 8197), 0),
    **{8198 + line: 41 + line for line in range(3)},
    8202: 27,
    **dict.fromkeys((8524, 8525, 8526), 9),
    8210: 501,
    8213: 138,
    9244: 8,
    9245: 2,
    9887: 1,
}
_SET = "role=generator"
# Two coolers' sensors: type, status, value
_COOLER = {
    1: (4, 4, 24),
    2: (8, 4, 0),
    3: (19, 4, 9),
    4: (20, 9, 16),
    5: (9, 4, 2_150),
    6: (12, 4, 71),
    7: (30, 4, 55),
    8: (21, 4, 640),
    9: (14, 1, 0),
}
RARER = {
    # The set carries the load in manual operation; the mains have failed, and had no voltage since the agent's start.
    "comap-snmp": Published(
        "1.3.6.1.4.1.28634.14",
        {f"2.{number}.0": cell for number, cell in _COMAP.items()},
        {
            **{f"dcim_meter_voltage_volts{{phase=L{line},{_SET}}}": 229.0 + line for line in (1, 2, 3)},
            **{f"dcim_meter_current_amperes{{phase=L{line},{_SET}}}": 40.0 + line for line in (1, 2, 3)},
            **{f"dcim_meter_phase_power_watts{{phase=L{line},{_SET}}}": 9_000.0 for line in (1, 2, 3)},
            f"dcim_meter_power_watts{{{_SET}}}": 27_000.0,
            f"dcim_meter_current_unbalance_ratio{{{_SET}}}": 1 / 42,
            f"dcim_meter_frequency_hertz{{{_SET}}}": 50.1,
            "dcim_env_voltage_volts{sensor=battery}": 13.8,
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": float(alarm in ("genset_manual", "on_generator"))
                for severity, alarms in {
                    "critical": ("genset_blocked", "genset_not_ready"),
                    "warning": ("genset_manual", "genset_emergency_manual", "mains", "on_generator"),
                }.items()
                for alarm in alarms
            },
        },
    ),
    # One port carries a load, one was switched off by its overcurrent, one is being restarted.
    "algcom-pdu": Published(
        "1.3.6.1.4.1.49136.200",
        {
            "1.1.0": b"PDU-08P-AC",
            "1.2.0": 221_450,
            "1.3.0": 2_310,
            "1.4.0": 498_000,
            **{f"3.{port}.0": label for port, label in ((1, b"Router"), (2, b"Radio"), (3, b"Camera"))},
            **{f"5.{port}.0": state for port, state in ((1, 1), (2, 0), (3, 3))},
            **{f"6.{port}.0": 221_450 if port == 1 else 0 for port in (1, 2, 3)},
            **{f"7.{port}.0": 2_310 if port == 1 else 0 for port in (1, 2, 3)},
            **{f"8.{port}.0": 498_000 if port == 1 else 0 for port in (1, 2, 3)},
            **{f"{column}.{port}.0": 0 for column in (9, 10, 11, 12, 13, 14) for port in (1, 2, 3)},
            **{f"16.{port}.0": int(port == 2) for port in (1, 2, 3)},
            **{f"15.{alarm}.0": 0 for alarm in (1, 2, 3)},
        },
        {
            "dcim_pdu_input_voltage_volts{inlet=1}": 221.45,
            "dcim_pdu_input_current_amperes{inlet=1}": 2.31,
            "dcim_pdu_input_power_watts{inlet=1}": 498.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_on{outlet=3}": 0.0,
            **{
                f"dcim_pdu_outlet_{what}{{outlet={port}}}": value if port == 1 else 0.0
                for what, value in (("voltage_volts", 221.45), ("current_amperes", 2.31), ("power_watts", 498.0))
                for port in (1, 2, 3)
            },
            **{
                f"{ALARM}{{alarm=bus_{alarm},severity={severity}}}": 0.0
                for alarm, severity in (
                    ("voltage_low", "warning"),
                    ("voltage_high", "warning"),
                    ("overcurrent", "critical"),
                )
            },
            **{
                f"{ALARM}{{alarm=port_{alarm}.{port},severity={severity}}}": float(
                    alarm == "off_by_overcurrent" and port == "2.Radio"
                )
                for severity, alarms in {
                    "warning": ("voltage_low", "voltage_high", "overcurrent"),
                    "critical": ("off_by_low_voltage", "off_by_high_voltage", "failed", "off_by_overcurrent"),
                }.items()
                for alarm in alarms
                for port in ("1.Router", "2.Radio", "3.Camera")
            },
        },
    ),
    "packetflux-sitemonitor": Published(
        "1.3.6.1.4.1.32050.3.2",
        {
            "1.1.3.0.1": b"Input",
            "1.1.4.0.1": 53_412_000,
            "2.1.3.2.1": b"Port 1",
            "2.1.4.2.1": 415_500,
            "3.1.3.0.1": b"Board",
            "3.1.4.0.1": -575,
        },
        {
            "dcim_env_voltage_volts{sensor=voltage.0.1.Input}": 53.412,
            "dcim_env_current_amperes{sensor=current.2.1.Port_1}": 0.4155,
            "dcim_env_temperature_celsius{sensor=temperature.0.1.Board}": -5.75,
        },
    ),
    # Its water returns too warm, a door is open.
    "hp-mcs": Published(
        "1.3.6.1.4.1.232.167",
        {
            "1.3.0": 3,
            "2.1.0": 2,
            "2.3.4.0": 1,
            "2.4.4.0": 1,
            "3.1.1.0": 1,
            **{
                f"2.4.5.2.1.{column}.{row}": cell
                for row, cells in _COOLER.items()
                for column, cell in zip((2, 4, 5), cells, strict=True)
            },
            **{f"2.4.7.2.1.2.{row}": text for row, text in ((1, b"Temperature In"), (2, b"Water Out"), (3, b"Free"))},
            **{f"2.4.7.2.1.3.{row}": status for row, status in ((1, 4), (2, 8), (3, 1))},
            **{f"2.3.5.2.1.{column}.1": cell for column, cell in ((2, 12), (4, 4), (5, 46))},
            "2.3.7.2.1.2.1": b"Humidity",
            "2.3.7.2.1.3.1": 4,
        },
        {
            f"{ALARM}{{alarm=controller,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=cooling_unit,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=internal_unit,severity=warning}}": 0.0,
            "dcim_crah_air_temperature_celsius{sensor=in,unit=1}": 24.0,
            "dcim_crah_water_supply_temperature_celsius{circuit=1,unit=1}": 9.0,
            "dcim_crah_water_return_temperature_celsius{circuit=1,unit=1}": 16.0,
            "dcim_crah_fan_speed_rpm{fan=1,unit=1}": 2_150.0,
            "dcim_crah_fan_speed_ratio{fan=all,unit=1}": 0.71,
            "dcim_crah_valve_position_ratio{unit=1,valve=1}": 0.55,
            f"{ALARM}{{alarm=unit.1.Temperature_In,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=unit.2.Water_Out,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=internal.1.Humidity,severity=warning}}": 0.0,
            "dcim_env_relative_humidity_ratio{sensor=internal.1}": 0.46,
        },
        {"dcim_device_state": "degraded"},
    ),
}
