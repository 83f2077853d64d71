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
_STS_FAULTS = {
    **dict.fromkeys(
        ("relay_open", "relay_short", "scr_open", "scr_short", "scr_over_temperature", "auxiliary_power"), "critical"
    ),
    **dict.fromkeys(("voltage_drop", "brownout", "frequency"), "warning"),
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
    # A PDU with a delta primary: its input is told between lines, its output to neutral. Panel 1 has a three-phase breaker and a single.
    "eaton-pdu": Published(
        "1.3.6.1.4.1.534.6.6.4.1",
        {
            "1.1.3.0": 3,
            "1.2.1.0": 600,
            "1.2.3.0": 61_200,
            "1.2.4.0": -97,
            "1.2.6.0": b"Vrms Line-Line",
            **{f"1.2.8.1.{column}.{phase}": cell for column, cell in ((2, 481), (3, 755)) for phase in (1, 2, 3)},
            "1.3.1.0": 418_023,
            "1.3.3.0": 59_800,
            "1.3.4.0": 98,
            "1.3.6.0": 4_160,
            "1.3.7.0": b"Vrms Line-Neutral",
            **{f"1.3.9.1.{column}.{phase}": cell for column, cell in ((2, 121), (3, 1_690)) for phase in (1, 2, 3)},
            "2.1.1.3.1": 2_250,
            **{f"2.2.1.{column}.1": cell for column, cell in ((1, 12_345), (5, 21_300), (6, 96))},
            **{f"2.3.1.3.1.{phase}": 600 + phase for phase in (1, 2, 3)},
            **{f"3.1.1.3.1.{breaker}": rated for breaker, rated in ((2, 300), (7, 200))},
            **{f"3.2.1.1.1.{breaker}": energy for breaker, energy in ((2, 4_001), (7, 75))},
            **{f"3.3.1.5.1.2.{phase}": 100 + phase for phase in (1, 2, 3)},
            "3.3.1.5.1.7.2": 34,
        },
        {
            "dcim_circuit_frequency_hertz{circuit=main,panel=input}": 60.0,
            "dcim_circuit_power_watts{circuit=main,panel=input}": 61_200.0,
            "dcim_circuit_power_factor_ratio{circuit=main,panel=input}": 0.97,
            "dcim_circuit_energy_joules_total{circuit=main,panel=output}": 418_023 * 3_600_000.0,
            "dcim_circuit_power_watts{circuit=main,panel=output}": 59_800.0,
            "dcim_circuit_power_factor_ratio{circuit=main,panel=output}": 0.98,
            "dcim_circuit_rated_current_amperes{circuit=main,panel=output}": 416.0,
            **{f"dcim_circuit_current_amperes{{circuit=main,panel=input,phase=L{line}}}": 75.5 for line in (1, 2, 3)},
            **{f"dcim_circuit_current_amperes{{circuit=main,panel=output,phase=L{line}}}": 169.0 for line in (1, 2, 3)},
            **{f"dcim_circuit_voltage_volts{{circuit=main,panel=output,phase=L{line}}}": 121.0 for line in (1, 2, 3)},
            "dcim_circuit_rated_current_amperes{circuit=main,panel=1}": 225.0,
            "dcim_circuit_energy_joules_total{circuit=main,panel=1}": 12_345 * 3_600_000.0,
            "dcim_circuit_power_watts{circuit=main,panel=1}": 21_300.0,
            "dcim_circuit_power_factor_ratio{circuit=main,panel=1}": 0.96,
            **{
                f"dcim_circuit_current_amperes{{circuit=main,panel=1,phase=L{line}}}": 60.0 + line / 10
                for line in (1, 2, 3)
            },
            "dcim_circuit_rated_current_amperes{circuit=2,panel=1}": 30.0,
            "dcim_circuit_rated_current_amperes{circuit=7,panel=1}": 20.0,
            "dcim_circuit_energy_joules_total{circuit=2,panel=1}": 4_001 * 3_600_000.0,
            "dcim_circuit_energy_joules_total{circuit=7,panel=1}": 75 * 3_600_000.0,
            **{
                f"dcim_circuit_current_amperes{{circuit=2,panel=1,phase=L{line}}}": 10.0 + line / 10
                for line in (1, 2, 3)
            },
            "dcim_circuit_current_amperes{circuit=7,panel=1,phase=L2}": 3.4,
        },
    ),
    "eaton-power-xpert": Published(
        "1.3.6.1.4.1.534.8.3.1",
        {
            "1.1.1.2.1": 3,
            **{
                f"2.1.1.{column}.1": cell
                for column, cell in ((2, 31), (4, 84_100), (5, 86_900), (6, 21_800), (7, 97), (8, 5_998))
            },
            **{
                f"2.2.1.{column}.1.{phase}": cell
                for column, cell in ((2, 480), (3, 277), (4, 1_046), (5, 28_030), (6, 28_970), (7, 7_260), (8, 97))
                for phase in (1, 2, 3)
            },
            "4.1.1.1.1": 912_004,
        },
        {
            "dcim_meter_neutral_current_amperes{role=other}": 3.1,
            "dcim_meter_power_watts{role=other}": 84_100.0,
            "dcim_meter_apparent_power_voltamperes{role=other}": 86_900.0,
            "dcim_meter_reactive_power_vars{role=other}": 21_800.0,
            "dcim_meter_power_factor_ratio{role=other}": 0.97,
            "dcim_meter_frequency_hertz{role=other}": 59.98,
            "dcim_meter_current_unbalance_ratio{role=other}": 0.0,
            "dcim_meter_energy_joules_total{direction=import,role=other}": 912_004 * 3_600_000.0,
            f"{ALARM}{{alarm=power_quality,severity=warning}}": 1.0,
            **{
                f"dcim_meter_{what}{{phase=L{line},role=other}}": value
                for what, value in (
                    ("voltage_volts", 277.0),
                    ("current_amperes", 104.6),
                    ("phase_power_watts", 28_030.0),
                    ("phase_apparent_power_voltamperes", 28_970.0),
                    ("phase_power_factor_ratio", 0.97),
                )
                for line in (1, 2, 3)
            },
        },
    ),
    "tripplite-srcool": Published(
        "1.3.6.1.4.1.850",
        {
            "103.1.1.1.0": b"SRCOOL12K",
            "103.1.1.2.0": b"TRIPP LITE",
            **{f"103.1.2.{column}.0": cell for column, cell in zip((1, 2, 3, 4), (402, 264, 91, -12), strict=True)},
            **{f"103.1.2.{column}.0": cell for column, cell in zip((5, 6, 10, 11), (8, 27, 43, 52), strict=True)},
            **{f"103.1.2.{column}.0": cell for column, cell in zip((14, 15, 16), (281, 95, 158), strict=True)},
            **{f"103.1.3.{column}.0": cell for column, cell in zip((2, 3, 4), (430, 412, 412), strict=True)},
            **{f"103.1.4.{column}.0": cell for column, cell in zip((1, 2, 5, 6, 7), (1, 240, 0, 231, 0), strict=True)},
            "101.1.1.1.0": 24,
            "101.1.1.5.0": 2,
            "101.1.2.1.0": 41,
            "101.1.2.4.0": 2,
            "101.2.1.1.3.1": 1,
        },
        {
            "dcim_crah_return_air_temperature_celsius": 28.1,
            "dcim_crah_supply_air_temperature_celsius": 15.8,
            "dcim_crah_return_air_temperature_setpoint_celsius": 24.0,
            "dcim_crah_air_temperature_celsius{sensor=condenser-outlet}": 40.2,
            "dcim_crah_air_temperature_celsius{sensor=condenser-inlet}": 26.4,
            "dcim_crah_air_temperature_celsius{sensor=remote}": 23.1,
            "dcim_crah_refrigerant_temperature_celsius{sensor=refrigerant}": 9.1,
            "dcim_crah_refrigerant_temperature_celsius{sensor=evaporator}": -1.2,
            "dcim_crah_refrigerant_temperature_celsius{sensor=suction}": 9.5,
            "dcim_crah_refrigerant_pressure_pascals{sensor=suction}": 800_000.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=discharge}": 2_700_000.0,
            "dcim_crah_valve_position_ratio{valve=expansion}": 0.43,
            "dcim_crah_current_amperes{phase=L1}": 5.2,
            "dcim_crah_fan_running_seconds_total{fan=evaporator}": 37_152_000.0,
            "dcim_crah_fan_running_seconds_total{fan=condenser}": 35_596_800.0,
            "dcim_crah_compressor_running_seconds_total{compressor=1}": 35_596_800.0,
            "dcim_env_temperature_celsius{sensor=envirosense}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=envirosense}": 0.41,
            "dcim_env_dew_point_celsius{sensor=envirosense}": 9.931191,
            "dcim_env_contact_active{kind=dry_contact,sensor=envirosense.1}": 1.0,
            f"{ALARM}{{alarm=temperature.envirosense,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=humidity.envirosense,severity=warning}}": 0.0,
        },
        {"dcim_crah_unit_state": "running"},
    ),
    "delta-sts": Published(
        "1.3.6.1.4.1.2254.2",
        {
            "80.1.3.1.0": 1,
            "80.2.1.0": b"STS30002SR",
            "80.3.1.1.2.1": 2_304,
            "80.3.1.1.2.2": 1_712,
            "80.3.1.1.3.1": 500,
            "80.3.1.1.3.2": 499,
            "80.3.2.1.0": 2_301,
            "80.3.2.2.0": 84,
            "80.3.3.0": 31,
            "80.3.6.0": 12,
            "80.3.7.0": 4,
            **{f"80.4.4.1.{column}.1": 2 for column in range(2, 12)},
            **{f"80.4.4.1.{column}.2": 1 if column in (9, 11) else 2 for column in range(2, 12)},
            **{f"80.4.6.{flag}.0": 2 for flag in (1, 2, 3)},
            "80.4.6.4.0": 1,
            "80.6.5.0": 1,
            "500.1.1.0": 24,
            "500.1.2.0": 41,
            **{f"500.1.{flag}.0": 1 if flag in (3, 8) else 2 for flag in range(3, 11)},
        },
        {
            "dcim_ats_source_voltage_volts{phase=L1,source=a}": 230.4,
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 171.2,
            "dcim_ats_source_frequency_hertz{source=a}": 50.0,
            "dcim_ats_source_frequency_hertz{source=b}": 49.9,
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            "dcim_ats_output_voltage_volts{phase=L1}": 230.1,
            "dcim_ats_output_current_amperes{phase=L1}": 8.4,
            "dcim_ats_overload": 0.0,
            "dcim_ats_temperature_celsius{sensor=internal}": 31.0,
            "dcim_ats_transfers_total": 12.0,
            **{
                f"{ALARM}{{alarm=source.{source}.{fault},severity={severity}}}": float(
                    (source, fault) == ("b", "brownout")
                )
                for source in "ab"
                for fault, severity in _STS_FAULTS.items()
            },
            f"{ALARM}{{alarm=switch_fault,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=output_not_powered,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=over_temperature,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=communication_lost,severity=warning}}": 0.0,
            "dcim_env_temperature_celsius{sensor=probe}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=probe}": 0.41,
            "dcim_env_dew_point_celsius{sensor=probe}": 9.931191,
            f"{ALARM}{{alarm=temperature_high.probe,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=temperature_high.probe,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=humidity_high.probe,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=humidity_high.probe,severity=critical}}": 0.0,
            **{
                f"dcim_env_contact_active{{kind=dry_contact,sensor=probe.{relay}}}": float(relay == 2)
                for relay in (1, 2, 3, 4)
            },
        },
        {"dcim_ats_selected_source": "a", "dcim_ats_preferred_source": "a"},
    ),
    # One phase with two breakers. The rows of the other phases stand at 0, and the second contact of the sensor is switched off.
    "powertek-simple-pdu": Published(
        "1.3.6.1.4.1.42610.1.4.2.1",
        {
            "1.1.1.1.0": b"v1.05",
            "1.1.1.2.0": b"Simple PDU",
            **{f"1.1.2.1.1.{column}.{phase}": 0 for column in range(2, 8) for phase in (2, 3)},
            **{
                f"1.1.2.1.1.{column}.1": cell
                for column, cell in zip(range(2, 9), (2_301, 21_440, 22_010, 412, 545, 957, 2), strict=True)
            },
            "1.1.2.3.0": 1,
            "1.1.2.4.0": 2,
            "1.1.2.5.0": 3,
            "2.1.1.1.1.3.1": 2_301,
            "2.1.1.1.1.4.1": 5_001,
            "2.1.1.1.1.5.1": 97,
            "2.1.3.1.0": 21_440,
            "2.1.3.2.0": 1,
            "2.1.3.3.0": 481_237,
            **{
                f"2.2.1.1.1.{column}.1": cell
                for column, cell in zip((3, 4, 6, 7, 9, 11), (1, 410, 2, 312, 2, 1), strict=True)
            },
            "2.2.2.1.1.8.1": 2,
            "2.2.2.1.1.9.1": 1,
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 2_144.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 4_812.37 * 3_600_000,
            "dcim_pdu_input_frequency_hertz{inlet=1}": 50.01,
            "dcim_pdu_residual_current_amperes{inlet=1,kind=ac}": 0.02,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 230.1,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 9.57,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 2_144.0,
            "dcim_pdu_phase_apparent_power_voltamperes{inlet=1,phase=L1}": 2_201.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1,phase=L1}": 0.97,
            "dcim_pdu_bank_current_amperes{bank=1.cb1}": 4.12,
            "dcim_pdu_bank_current_amperes{bank=1.cb2}": 5.45,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float((name, severity) in raised)
                for raised in [{("input.1", "warning"), ("residual_current", "critical"), ("temperature.1", "warning")}]
                for name in ("power", "load_balance", "residual_current", "input.1", "temperature.1", "humidity.1")
                for severity in ("warning", "critical")
            },
            "dcim_env_temperature_celsius{sensor=1}": 31.2,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=1}": 16.383577,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.1}": 1.0,
        },
    ),
    # A compressor and the filter are at fault, there is no probe outside, and water below the unit.
    "scs-ks": Published(
        "1.3.6.1.4.1.9839.1.2",
        {
            **{f"{place}.0": 0 for place in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12)},
            **{f"{place}.0": 1 for place in (3, 13, 14, 20)},
            **{f"{place}.0": cell for place, cell in ((15, 287), (16, 181), (17, -999), (18, 245), (19, 423), (21, 0))},
        },
        {
            "dcim_crah_return_air_temperature_celsius{unit=1}": 28.7,
            "dcim_crah_supply_air_temperature_celsius{unit=1}": 18.1,
            "dcim_crah_air_temperature_celsius{sensor=room,unit=1}": 24.5,
            "dcim_crah_air_relative_humidity_ratio{sensor=room,unit=1}": 0.423,
            "dcim_leak_detected{sensor=unit}": 1.0,
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": float(alarm in ("compressor", "filter"))
                for severity, alarms in {
                    "critical": ("evaporator_fan", "condenser_fan", "compressor", "exhaust_air_temperature_high"),
                    "warning": (
                        "heater",
                        "exhaust_air_sensor",
                        "supply_air_sensor",
                        "outside_air_sensor",
                        "room_temperature_sensor",
                        "room_humidity_sensor",
                        "exhaust_air_temperature_low",
                        "supply_air_temperature_low",
                        "filter",
                    ),
                }.items()
                for alarm in alarms
            },
        },
        {"dcim_crah_unit_state{unit=1}": "running"},
        {"dcim_crah_air_temperature_celsius{sensor=outside,unit=1}": "sentinel"},
    ),
}
