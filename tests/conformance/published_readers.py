"""Monitors of direct current and of rooms, and PDUs, without a recording: answers as a MIB or other pollers read them."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, Published

_TPDIN = (b"13.5", b"0.0", b"48.2", b"5.1", b"2.4", b"0.0", b"0.3", b"1.0", b"21.5", b"34.0")
# By kind of input (temperature, humidity, digital): name, hundredths or state, and alarm of each port.
_INTERSEPTOR_PRO: dict[int, tuple[tuple[bytes | int, ...], ...]] = {
    1: ((b"Aisle", 2_345, 3), (b"Temperature2", 32_768, 1)),
    2: ((b"Aisle", 4_166, 6), (b"Humidity2", 32_768, 1)),
    3: ((b"Water Sensor-R", 1, 2), (b"Smoke", 2, 1), (b"Door", 1, 2), (b"Alarm4-1", 2, 1)),
}

# ioAlarmLow, ioAlarmHigh, ioName, ioType, ioPointEnb, ioAlarmEnb, ioValue, ioStatus and ioRange, by input
SENSAPHONE: dict[int, tuple[SnmpValue, ...]] = {
    1: (b"50.0", b"86.0", b"Hot aisle", 3, 2, 2, b"77.0", 1, 1),
    2: (b"10.0", b"30.0", b"Cold aisle", 6, 2, 1, b"21.5", 1, 1),
    3: (b"20", b"60", b"Room", 11, 2, 2, b"41.5", 1, 1),
    4: (b"0", b"100", b"Rope", 9, 2, 2, b"1", 3, 3),
    5: (b"0", b"100", b"Tray", 9, 2, 1, b"0", 1, 1),
    6: (b"0", b"100", b"Door", 2, 2, 2, b"0", 1, 1),
    7: (b"0", b"100", b"Loose", 4, 2, 2, b"-40.0", 2, 3),
    8: (b"0", b"100", b"Spare", 4, 1, 2, b"22.0", 1, 1),
    9: (b"0", b"100", b"Hall", 10, 2, 2, b"1", 2, 1),
    10: (b"0", b"100", b"Power", 14, 2, 2, b"0", 2, 1),
}

READERS = {
    # On the line, with a self-test that failed and a load of 62.5 %.
    "alpha-dsm33x": Published(
        "1.3.6.1",
        {
            "2.1.1.1.0": b"<<HW_REV: V3.1; SW_REV: 5.10.02; MODEL: DSM33X>>",
            **{
                f"4.1.926.1.2.1.2.1.5.13.1.{number}": value
                for number, value in (
                    (1, 12_050),
                    (2, 6_001),
                    (3, 8_920),
                    (4, 717),
                    (5, 6_250),
                    (7, 63_950),
                    (8, 4_110),
                    (9, 25),
                    (10, -350),
                    (18, 590),
                    (19, 71_000),
                    (22, 3_125),
                    (23, 4_050),
                )
            },
            **{f"4.1.926.1.4.1.1.2.{number}.0": state for number, state in enumerate((1, 2, 2, 1, 1), 1)},
        },
        {
            "dcim_ups_input_voltage_volts{phase=L1}": 120.5,
            "dcim_ups_input_frequency_hertz{phase=L1}": 60.01,
            "dcim_ups_output_voltage_volts{phase=L1}": 89.2,
            "dcim_ups_output_current_amperes{phase=L1}": 7.17,
            "dcim_ups_output_total_load_ratio": 0.625,
            "dcim_ups_output_total_power_watts": 639.5,
            "dcim_ups_battery_voltage_volts": 41.1,
            "dcim_ups_battery_temperature_celsius": -3.5,
            "dcim_ups_input_current_amperes{phase=L1}": 5.9,
            "dcim_ups_input_total_power_watts": 710.0,
            "dcim_ups_temperature_celsius": 40.5,
            "dcim_env_temperature_celsius{sensor=controller}": 31.25,
            f"{ALARM}{{alarm=major,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=minor,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=battery_test_failed,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=battery_temperature_probe,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=input_lost,severity=warning}}": 0.0,
        },
    ),
    "fs-net-pdu": Published(
        "1.3.6.1.4.1.30966.10.3",
        {
            "1.1.0": b"PDU-A",
            **{f"2.{at}.0": value for at, value in enumerate((231, 0, 0, 37, 0, 0, 4_321), 1)},
            "2.56.0": 842,
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 842.0,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 3.7,
        },
    ),
    # The mains are there and feed the load; the set rests, blocked, and its controller has an alarm.
    "himoinsa-genset": Published(
        "1.3.6.1.4.1.41809.1",
        {
            "46.0": 1 << 1 | 1 << 5 | 1 << 7,
            **{f"55.1.{at}.0": value for at, value in enumerate((499, 401, 402, 403, 231, 232, 233), 2)},
            **{f"55.1.{at}.0": 0 for at in range(9, 16)},
            **{f"55.1.{at}.0": value for at, value in enumerate((87, 91, 79), 16)},
            "55.1.28.0": 1 << 6 | 1 << 4,
        },
        {
            f"{ALARM}{{alarm=genset,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=genset_blocked,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=genset_manual,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=transfer_switch,severity=critical}}": 0.0,
            "dcim_ats_source_frequency_hertz{source=a}": 49.9,
            **{
                f"dcim_ats_source_voltage_volts{{phase=L{line},source={source}}}": volts
                for source, lines in (("a", (231.0, 232.0, 233.0)), ("b", (0.0, 0.0, 0.0)))
                for line, volts in enumerate(lines, 1)
            },
            **{
                f"dcim_ats_source_line_voltage_volts{{line={line},source={source}}}": volts
                for source, lines in (("a", (401.0, 402.0, 403.0)), ("b", (0.0, 0.0, 0.0)))
                for line, volts in zip(("L1-L2", "L2-L3", "L3-L1"), lines, strict=True)
            },
            **{
                f"dcim_ats_output_current_amperes{{phase=L{line}}}": amperes
                for line, amperes in enumerate((87.0, 91.0, 79.0), 1)
            },
        },
        {"dcim_ats_selected_source": "a"},
        {"dcim_ats_source_frequency_hertz{source=b}": "sentinel"},
    ),
    "tycon-tpdin3": Published(
        "1.3.6.1.4.1.45621.3",
        {
            "1.1.0": b"TPDIN-Monitor-WEB3",
            **{f"3.{at}.0": text for at, text in enumerate(_TPDIN, 5)},
            "3.15.0": 135,
            # The charge controller: model, battery, its temperature and the inner one, load, panel.
            **{
                f"10.{at}.0": text
                for at, text in enumerate(
                    (b"TP-SC48", b"54.1", b"6.2", b"23.0", b"31.0", b"54.0", b"1.8", b"92.3", b"3.9"), 1
                )
            },
        },
        {
            **{f"dcim_env_voltage_volts{{sensor=v{at}}}": volts for at, volts in enumerate((13.5, 0.0, 48.2, 5.1), 1)},
            **{
                f"dcim_env_current_amperes{{sensor=i{at}}}": amperes
                for at, amperes in enumerate((2.4, 0.0, 0.3, 1.0), 1)
            },
            "dcim_env_temperature_celsius{sensor=external}": 21.5,
            "dcim_env_temperature_celsius{sensor=internal}": 34.0,
            "dcim_env_temperature_celsius{sensor=battery}": 23.0,
            "dcim_env_voltage_volts{sensor=battery}": 54.1,
            "dcim_env_voltage_volts{sensor=load}": 54.0,
            "dcim_env_voltage_volts{sensor=pv}": 92.3,
            "dcim_env_current_amperes{sensor=battery}": 6.2,
            "dcim_env_current_amperes{sensor=load}": 1.8,
            "dcim_env_current_amperes{sensor=pv}": 3.9,
        },
    ),
    # Two sensors; the second is above its range in Fahrenheit and has no humidity.
    "papouch-papago": Published(
        "1.3.6.1.4.1.18248.31",
        {
            f"1.2.1.1.{column}.{channel}": cell
            for channel, cells in enumerate(
                ((1, 0, 224, 0), (2, 0, 385, 3), (3, 0, 76, 0), (1, 2, 0, 1), (0, 4, 0, 0), (0, 4, 0, 0)), 1
            )
            for column, cell in enumerate(cells, 1)
        },
        {
            "dcim_env_temperature_celsius{sensor=a}": 22.4,
            "dcim_env_relative_humidity_ratio{sensor=a}": 0.385,
            "dcim_env_dew_point_celsius{sensor=a}": 7.6,
        },
        bad={"dcim_env_temperature_celsius{sensor=b}": "gated"},
    ),
    # An input is disabled, a port has no probe: 32768 and an alarm that is unknown.
    "jacarta-interseptor-pro": Published(
        "1.3.6.1.4.1.19011.1.3.2.1",
        {
            "2.16.0": 1,
            **{
                f"3.1.{kind}.1.{column}.{port}": cell
                for kind, rows in _INTERSEPTOR_PRO.items()
                for port, cells in enumerate(rows, 1)
                for column, cell in enumerate(cells, 2)
            },
            **{f"3.2.4.1.3.{port}": state for port, state in enumerate((2, 3, 2, 1), 1)},
        },
        {
            "dcim_env_temperature_celsius{sensor=1.Aisle}": 23.45,
            "dcim_env_relative_humidity_ratio{sensor=1.Aisle}": 0.4166,
            "dcim_env_dew_point_celsius{sensor=1.Aisle}": 9.675554,  # Magnus, of the two above
            "dcim_leak_detected{sensor=input.1.Water_Sensor-R}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=input.2.Smoke}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=input.3.Door}": 1.0,
        },
    ),
    # The probe at the top of the outlet is broken: its number is none.
    "rittal-lcp-dx": Published(
        "1.3.6.1.4.1.9839.2606.2.1",
        {
            **{f"1.{bit}.0": value for bit, value in ((12, 0), (23, 1), (36, 1), (38, 1), (39, 0), (47, 0))},
            **{
                f"2.{analog}.0": value
                for analog, value in (
                    (2, 850),
                    (3, 218),
                    (9, 712),
                    (11, 214),
                    (13, 83),
                    (14, 421),
                    (21, 342),
                    (22, 219),
                )
            },
            **{f"3.{at}.0": value for at, value in ((2, 2), (13, 1), (28, 64), (29, 2_150))},
        },
        {
            f"{ALARM}{{alarm=drive_offline,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=general,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=oil_return,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=probe_output_top,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=probe_output_mid,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=probe_discharge_pressure,severity=warning}}": 0.0,
            "dcim_crah_air_temperature_celsius{sensor=output_mid}": 21.8,
            "dcim_crah_return_air_temperature_celsius": 34.2,
            "dcim_crah_supply_air_temperature_celsius": 21.9,
            "dcim_crah_refrigerant_temperature_celsius{sensor=discharge}": 71.2,
            "dcim_crah_refrigerant_temperature_celsius{sensor=evaporation}": 8.3,
            "dcim_crah_refrigerant_temperature_celsius{sensor=condensation}": 42.1,
            "dcim_crah_refrigerant_pressure_pascals{sensor=discharge}": 2_140_000.0,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_fan_speed_ratio{fan=1}": 0.64,
            "dcim_crah_fan_speed_rpm{fan=1}": 2_150.0,
        },
        {"dcim_crah_unit_state": "running"},
        {"dcim_crah_air_temperature_celsius{sensor=output_top}": "gated"},
    ),
    "sensaphone-web600": Published(
        "1.3.6.1.4.1.8338.1.1.4.1",
        {
            "7.37.0": b"Web600",
            "7.31.0": b"1.4.2",
            **{
                f"1.1.1.{column}.{row}": value
                for row, values in SENSAPHONE.items()
                for column, value in zip((11, 12, 15, 18, 21, 22, 48, 50, 51), values, strict=True)
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=1.Hot_aisle}": 25.0,
            "dcim_env_temperature_low_threshold_celsius{sensor=1.Hot_aisle}": 10.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=1.Hot_aisle}": 30.0,
            "dcim_env_temperature_celsius{sensor=2.Cold_aisle}": 21.5,
            "dcim_env_relative_humidity_ratio{sensor=3.Room}": 0.415,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=3.Room}": 0.2,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=3.Room}": 0.6,
            "dcim_leak_detected{sensor=4.Rope}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=6.Door}": 0.0,
            "dcim_env_temperature_low_threshold_celsius{sensor=7.Loose}": 0.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=7.Loose}": 100.0,
            "dcim_env_contact_active{kind=tamper,sensor=9.Hall}": 1.0,
            **{
                f"dcim_device_alarm_active{{alarm=input.{name},severity=warning}}": active
                for name, active in (("1.Hot_aisle", 0.0), ("3.Room", 0.0), ("7.Loose", 1.0), ("10.Power", 1.0))
            },
        },
        bad={"dcim_env_temperature_celsius{sensor=7.Loose}": "gated"},
    ),
}
