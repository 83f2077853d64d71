"""More of what no recording shows: tables of rarer models, generations and accessories, as their MIBs say."""

import pytest

from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, APC, GUDE = "dcim_device_alarm_active", "1.3.6.1.4.1.318.1.1", "1.3.6.1.4.1.28507"
SENTRY4, TRIPPLITE = "1.3.6.1.4.1.1718.4.1", "1.3.6.1.4.1.850.1.1.3"
MGE = "1.3.6.1.4.1.705.1"
GEIST3, GEIST4, VERTIV = "1.3.6.1.4.1.21239.2", "1.3.6.1.4.1.21239.5.1", "1.3.6.1.4.1.21239.5.2"

CASES = {
    "an SC200 in a discharge after its mains failed, whose share of load is not available": MibDevice(
        "eaton-sc200",
        "1.3.6.1.4.1.1918.2.13.10",
        {
            "40.10.0": 32_767,
            "50.20.0": 255,
            "50.30.0": 93,
            "100.30.0": 24,
            "100.40.0": -17,
            "100.44.0": 92,
            "100.45.0": 101,
            **{f"110.5.{summary}.0": int(summary == 20) for summary in (10, 20, 30)},
            **{f"110.10.1.40.{alarm}": 0 for alarm in (4, 8, 10, 11, 12, 13, 23, 51)},
            "110.10.1.40.9": 2,
            **{f"100.50.70.1.20.{string}": state for string, state in ((1, 0), (2, 2), (3, 4))},
        },
        {
            "dcim_ups_output_total_power_watts": 930.0,
            "dcim_ups_battery_temperature_celsius": 24.0,
            "dcim_ups_battery_current_amperes": -17.0,
            "dcim_ups_battery_health_ratio": 0.92,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float(name in {"major", "ac_failure"})
                for severity, names in {
                    "critical": ("critical", "major", "ac_failure", "overload", "load_fuse", "battery_fuse"),
                    "warning": ("minor", "rectifier_failure", "ac_partial_failure", "battery_test_failed"),
                }.items()
                for name in names
            },
            f"{ALARM}{{alarm=battery_temperature_high,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=load_disconnected,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=battery_string.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=battery_string.2,severity=critical}}": 1.0,
        },
        {"dcim_ups_battery_charge_state": "discharging"},
        {
            "dcim_ups_output_total_load_ratio": "sentinel",
            "dcim_ups_input_voltage_volts{phase=L1}": "sentinel",
        },
    ),
    "an HPE UPS with the humidity beside it": MibDevice(
        "hpe-ups",
        "1.3.6.1.4.1.232.165.3",
        {"2.4.0": 97, "6.1.0": 24, "6.4.0": 41},
        {
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_env_temperature_celsius{sensor=ambient}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=ambient}": 0.41,
            "dcim_env_dew_point_celsius{sensor=ambient}": 9.931191,  # Magnus, of the two above
        },
    ),
    "an MGE card with a sensor but without a table of sensors": MibDevice(
        "eaton-mge",
        MGE,
        {"5.2.0": 97, "8.1.0": 231, "8.2.0": 415},
        {
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_env_temperature_celsius{sensor=environ}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=environ}": 0.415,
            "dcim_env_dew_point_celsius{sensor=environ}": 9.303521,  # Magnus, of the two above
        },
    ),
    "an MGE card with a table of sensors, whose first input is closed": MibDevice(
        "eaton-mge",
        MGE,
        {
            "5.2.0": 97,
            "8.1.0": 231,
            "8.2.0": 415,
            **{f"8.7.1.{column}.1": value for column, value in ((2, 2), (3, 231), (6, 415), (9, 1), (10, 2))},
        },
        {
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_env_temperature_celsius{sensor=1}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1}": 9.303521,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.2}": 0.0,
        },
    ),
    "a Tripp Lite transfer switch that has lost source A, with an EnviroSense's contacts": MibDevice(
        profile="tripplite-ats",
        root=TRIPPLITE,
        answers={
            "4.2.1.1.1.1": 2,
            "4.2.1.1.6.1": 31,
            "4.2.1.1.12.1": 2,
            **{f"4.3.1.1.1.{column}.1": value for column, value in ((12, 2), (13, 1), (14, 7))},
            **{f"3.3.3.1.5.1.{contact}": state for contact, state in ((1, 1), (2, 2))},
        },
        values={
            "dcim_ats_source_usable{source=a}": 0.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_ats_redundant": 0.0,
            "dcim_ats_transfers_total": 7.0,
            "dcim_ats_temperature_celsius{sensor=case}": 31.0,
            f"{ALARM}{{alarm=general_fault,severity=critical}}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.2}": 0.0,
        },
        states={"dcim_ats_selected_source": "b"},
    ),
    "a PRO2 whose second cord has no power": MibDevice(
        profile="servertech-sentry4",
        root=SENTRY4,
        answers={
            "2.3.1.1.1": 17,
            **{f"3.3.1.{column}.1.{cord}": value for cord, value in ((1, 0), (2, 11)) for column in (2,)},
            "3.3.1.3.1.1": 460,
            **{f"5.3.1.4.1.1.{phase}": status for phase, status in ((1, 0), (2, 15), (3, 6))},
        },
        values={
            "dcim_pdu_input_power_watts{inlet=1.1}": 460.0,
            f"{ALARM}{{alarm=cord.1.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=cord.1.2,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=phase_voltage.1.1.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=phase_voltage.1.1.2,severity=warning}}": 1.0,
        },
        states={"dcim_device_state": "degraded"},
        bad={f"{ALARM}{{alarm=phase_voltage.1.1.3,severity=warning}}": "sentinel"},
    ),
    "an APC transfer switch with two banks, one of whose supplies has failed": MibDevice(
        profile="apc-ats",
        root=APC,
        answers={
            **{f"8.5.1.{column}.0": 2 for column in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 16)},
            "8.5.1.9.0": 1,
            **{
                f"8.5.4.5.1.{column}.{row}": value
                for row, amperes, voltamperes in ((1, 88, 1_892), (2, 51, 1_096), (3, 37, 796))
                for column, value in ((3, row), (4, amperes), (6, 215), (9, voltamperes), (15, voltamperes))
            },
        },
        values={
            "dcim_ats_redundant": 1.0,
            "dcim_ats_overload": 0.0,
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_pdu_bank_current_amperes{bank=1}": 5.1,
            "dcim_pdu_bank_voltage_volts{bank=1}": 215.0,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=1}": 1_096.0,
            "dcim_pdu_bank_current_amperes{bank=2}": 3.7,
            "dcim_pdu_bank_voltage_volts{bank=2}": 215.0,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=2}": 796.0,
            f"{ALARM}{{alarm=ats-communication-lost,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=ats-hardware,severity=critical}}": 0.0,
            **{
                f"{ALARM}{{alarm=supply-{supply},severity=warning}}": float(supply == "minus-12v")
                for supply in ("5v", "24v", "24v-b", "plus-12v", "minus-12v")
            },
        },
        states={"dcim_ats_selected_source": "b", "dcim_device_state": "ok"},
    ),
    "a Gude EPC 8031 whose overvoltage protection is worn, with a probe": MibDevice(
        "gude-epc",
        GUDE,
        {
            "81.1.3.1.2.1.3.1": 1,
            "81.1.5.2.1.2.1": 0,
            **{f"81.1.6.1.1.{column}.1": value for column, value in ((2, 231), (3, 410), (5, 1_013), (6, 92))},
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            f"{ALARM}{{alarm=overvoltage_protection,severity=critical}}": 1.0,
            "dcim_env_temperature_celsius{sensor=1}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=1}": 9.2,
            "dcim_env_atmospheric_pressure_pascals{sensor=1}": 101_300.0,
        },
    ),
    "a Watchdog of firmware 3 with power monitors, a fan controller and a battery plant": MibDevice(
        "geist-watchdog-v3",
        GEIST3,
        {
            **{f"3.1.{column}.1": value for column, value in ((3, b"Feed"), (4, 1), (6, 231), (10, 52), (11, 1_130))},
            **{f"11.1.{column}.1": value for column, value in ((3, b"Row"), (4, 1), (33, 2_120))},
            **{f"11.1.{column}.1": value for column, value in ((5, 812), (6, 229), (10, 93), (11, 2_120))},
            **{f"11.1.{column}.1": 0 for column in (14, 15, 19, 20, 23, 24, 28, 29)},  # two phases without a wire
            **{f"11.1.{column}.2": value for column, value in ((3, b"Gone"), (4, 0), (33, 0))},
            **{f"13.1.{column}.1": value for column, value in ((3, b"Fans"), (4, 1), (8, 31))},
            **{f"26.1.{column}.1": value for column, value in ((3, b"Relays"), (4, 1), (5, 24))},
            **{f"22.1.{column}.1": value for column, value in ((3, b"Plant"), (4, 1), (5, -54))},
        },
        {
            "dcim_env_voltage_volts{sensor=Feed}": 231.0,
            "dcim_env_current_amperes{sensor=Feed}": 5.2,
            "dcim_env_power_watts{sensor=Feed}": 1_130.0,
            "dcim_env_power_watts{sensor=Row}": 2_120.0,
            "dcim_env_voltage_volts{sensor=Row.A}": 229.0,
            "dcim_env_current_amperes{sensor=Row.A}": 9.3,
            "dcim_env_power_watts{sensor=Row.A}": 2_120.0,
            "dcim_env_temperature_celsius{sensor=Fans}": 31.0,
            "dcim_env_temperature_celsius{sensor=Relays}": 24.0,
            "dcim_env_voltage_volts{sensor=Plant}": -54.0,
        },
    ),
    "a Watchdog of firmware 4 with a remote power manager": MibDevice(
        "geist-watchdog",
        GEIST4,
        {
            **{f"10.1.{column}.1": value for column, value in ((3, b"RPM"), (4, 1), (6, 121), (10, 35), (11, 402))},
            "1.7.0": 1,
        },
        {
            "dcim_env_voltage_volts{sensor=RPM}": 121.0,
            "dcim_env_current_amperes{sensor=RPM}": 3.5,
            "dcim_env_power_watts{sensor=RPM}": 402.0,
        },
    ),
    "a Watchdog of firmware 4 with a wet leak cable and a broken one": MibDevice(
        "geist-watchdog",
        GEIST4,
        {
            f"11.1.{column}.{row}": value
            for row, mode, word in ((1, 4, b"Wet"), (2, 5, b"Fault"), (3, 3, b"Dry"), (4, 1, b"Closed"))
            for column, value in ((4, 1), (5, 1), (6, word), (7, mode), (8, b""))
        },
        {
            "dcim_leak_detected{sensor=a2d.1}": 1.0,
            "dcim_leak_sensor_fault{sensor=a2d.2}": 1.0,
            "dcim_leak_detected{sensor=a2d.3}": 0.0,
            "dcim_env_contact_active{kind=door,sensor=a2d.4}": 0.0,
        },
    ),
    "a PDU of Vertiv with analogue sensors: their words count, 0 and 1 do not": MibDevice(
        profile="vertiv-pdu",
        root=VERTIV,
        answers={
            **{
                f"11.1.{column}.{row}": value
                for row, mode, word, unit in (
                    (1, 1, b"Open", b""),
                    (2, 3, b"Dry", b""),
                    (3, 4, b"Leak", b""),
                    (4, 8, b"53.4", b"V"),
                    (5, 6, b"?", b""),
                    (6, 10, b"High", b""),
                    (7, 5, b"OK", b""),
                )
                for column, value in ((4, 1), (5, 1), (6, word), (7, mode), (8, unit))
            },
        },
        values={
            "dcim_env_contact_active{kind=door,sensor=a2d.1}": 1.0,
            "dcim_leak_detected{sensor=a2d.2}": 0.0,
            "dcim_leak_detected{sensor=a2d.3}": 1.0,
            "dcim_env_voltage_volts{sensor=a2d.4}": 53.4,
            "dcim_leak_sensor_fault{sensor=a2d.7}": 0.0,
        },
        states={},
        bad={"dcim_env_contact_active{kind=smoke,sensor=a2d.5}": "decode"},
    ),
    # An alarm's name stands in a table without the component; the second bus of two is told apart by its index.
    "a CXC controller on batteries: mains failed (major), runtime low (minor), a bus in alarm (critical)": MibDevice(
        "alpha-cxc",
        "1.3.6.1.4.1.7309.5",
        {
            "3.1.6.0": 0,
            "3.1.12.0": 47_610,
            "3.1.13.0": -81_250,
            "3.1.30.0": 62_500,
            "3.1.31.0": 1_250,
            "3.1.32.0": 94_000,
            "2.8.2.1.2.2.20015": b"DC System 48V : AC Input Fail",
            "2.8.2.1.2.2.20020": b"DC System 48V : Battery Runtime Low",
            "2.8.2.1.2.15.150001": b"CAN Bus : Bus State Alarm",
            "2.9.2.1.1.2.20015.1": 3,
            "2.9.2.1.1.2.20020.1": 2,
            "2.9.2.1.1.15.150001.1": 0,
            "2.9.2.1.1.15.150001.2": 4,
        },
        {
            "dcim_ups_input_voltage_volts{phase=L1}": 0.0,
            "dcim_ups_battery_voltage_volts": 47.61,
            "dcim_ups_battery_current_amperes": -81.25,
            "dcim_ups_battery_charge_ratio": 0.625,
            "dcim_ups_battery_runtime_seconds": 4_500.0,
            "dcim_ups_battery_health_ratio": 0.94,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float(severity == active)
                for name, active in (
                    ("DC_System_48V_:_AC_Input_Fail", "critical"),
                    ("DC_System_48V_:_Battery_Runtime_Low", "warning"),
                    ("CAN_Bus_:_Bus_State_Alarm", ""),
                    ("CAN_Bus_:_Bus_State_Alarm.15.150001.2", "critical"),
                )
                for severity in ("warning", "critical")
            },
        },
    ),
    # Phase C of the bypass and of the output is not wired.
    "an ITA2 on bypass with a critical alarm": MibDevice(
        "vertiv-ita2",
        "1.3.6.1.4.1.13400.2.54.2",
        {
            "1.1.0": 2,
            "1.2.0": 3,
            **{f"3.{column}.0": cell for column, cell in ((1, 2_308), (2, 2_311), (3, 0))},
            **{f"3.{column}.0": cell for column, cell in ((11, 152), (12, 148), (13, 0), (17, 93), (18, 91), (19, 0))},
            **{f"4.{column}.0": cell for column, cell in ((1, 2_305), (2, 2_312), (3, 0), (4, 4_999))},
            "5.9.0": 236,
        },
        {
            "dcim_ups_output_voltage_volts{phase=L1}": 230.8,
            "dcim_ups_output_voltage_volts{phase=L2}": 231.1,
            "dcim_ups_output_apparent_power_voltamperes{phase=L1}": 1_520.0,
            "dcim_ups_output_apparent_power_voltamperes{phase=L2}": 1_480.0,
            "dcim_ups_output_power_factor_ratio{phase=L1}": 0.93,
            "dcim_ups_output_power_factor_ratio{phase=L2}": 0.91,
            "dcim_ups_bypass_voltage_volts{phase=L1}": 230.5,
            "dcim_ups_bypass_voltage_volts{phase=L2}": 231.2,
            "dcim_ups_bypass_frequency_hertz{phase=L1}": 49.99,
            "dcim_env_temperature_celsius{sensor=battery}": 23.6,
        },
        {"dcim_device_state": "failed", "dcim_ups_output_source": "bypass"},
    ),
    # A chiller answers the digital objects of its own hardware, here of one circuit.
    "a Rittal chiller whose second pump has tripped and whose water gets too warm, its tank probe broken": MibDevice(
        "rittal-chiller",
        "1.3.6.1.4.1.9839.2.1",
        {
            "2.137.0": 241,
            **{
                f"1.{number}.0": int(number in {29, 107, 157, 168})
                for number in (1, 3, 8, 10, 28, 29, 106, 107, 157, 168)
            },
        },
        {
            "dcim_cdu_supply_temperature_celsius{loop=secondary}": 24.1,
            **{
                f"{ALARM}{{alarm={name},severity=critical}}": float(
                    name in {"pump_overload.2", "water_temperature_high"}
                )
                for name in (
                    "high_pressure_switch.1",
                    "low_pressure_switch.1",
                    "flow_switch",
                    "pump_overload.1",
                    "pump_overload.2",
                    "water_temperature_high",
                )
            },
            f"{ALARM}{{alarm=water_static_pressure,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=tank_probe,severity=warning}}": 1.0,
        },
        {"dcim_cdu_pump_state{pump=1}": "standby", "dcim_cdu_pump_state{pump=2}": "running"},
    ),
    # The second phase is above its warning, the third below its alarm; a current without limits has the status n.a.
    "a Rittal PDU whose phases are in and out of their limits": MibDevice(
        "rittal-pdu",
        "1.3.6.1.4.1.2606.7.4.2.2.1",
        {
            **{
                f"{column}.{device}.{number}": cell
                for device, number, name, status in (
                    (2, 42, b"Phase L1.Current.Status", 4),
                    (2, 85, b"Phase L2.Current.Status", 6),
                    (2, 128, b"Phase L3.Current.Status", 7),
                    (3, 42, b"Phase L1.Current.Status", 8),
                    (4, 42, b"Phase L1.Current.Status", 1),
                )
                for column, cell in ((3, name), (11, status), (14, 2))
            },
        },
        states={
            "dcim_pdu_load_state{inlet=2,phase=L1,scope=phase}": "normal",
            "dcim_pdu_load_state{inlet=2,phase=L2,scope=phase}": "near_overload",
            "dcim_pdu_load_state{inlet=2,phase=L3,scope=phase}": "low_critical",
            "dcim_pdu_load_state{inlet=3,phase=L1,scope=phase}": "overload",
        },
        bad={"dcim_pdu_load_state{inlet=4,phase=L1,scope=phase}": "sentinel"},
    ),
    # Contacts 1 and 2 are both closed: one is normal like that. The third is not in use, the fourth has no event state.
    "the contacts and a blown fuse of a SiteBoss 571": MibDevice(
        "asentria-siteboss571",
        "1.3.6.1.4.1.3052.14.1",
        {
            **{
                f"1.1.1.{column}.200.2.{point}": cell
                for point, name, event, closed in (
                    (1, b"Door", 2, 1),
                    (2, b"Leak", 1, 1),
                    (3, b"unnamed", 2, 0),
                    (4, b"Fire", 0, 0),
                )
                for column, cell in ((4, name), (5, event), (6, closed), (7, (b"Open", b"Closed")[closed]))
            },
            **{f"5.4.1.1.{column}.3.1": cell for column, cell in ((5, 4_120), (13, 53_900), (20, 222))},
            **{f"5.4.1.1.23.3.{output}": cell for output, cell in ((1, 3_605), (2, 0))},
            **{f"5.4.1.1.31.3.{output}": cell for output, cell in ((1, b"OK"), (2, b"BLOWN"))},
        },
        {
            "dcim_env_contact_active{kind=dry_contact,sensor=200.1.Door}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=200.2.Leak}": 1.0,
            "dcim_env_voltage_volts{sensor=module.3.1}": 53.9,
            "dcim_env_current_amperes{sensor=module.3.1}": 4.12,
            "dcim_env_power_watts{sensor=module.3.1}": 222.0,
            "dcim_env_current_amperes{sensor=output.3.1}": 3.605,
            "dcim_env_current_amperes{sensor=output.3.2}": 0.0,
            f"{ALARM}{{alarm=fuse.3.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=fuse.3.2,severity=critical}}": 1.0,
        },
        bad={"dcim_env_contact_active{kind=dry_contact,sensor=200.4.Fire}": "sentinel"},
    ),
    # Both branches of the InRow's alarms tell no severity.
    "what is wrong with an InRow RC, in its own words": MibDevice(
        "apc-inrow",
        f"{APC}.13",
        {
            "3.1.1.0": 2,
            **{f"3.1.2.1.3.{row}": text for row, text in ((1, b"Cooling Failure"), (2, b"Air Filter Clogged"))},
            "3.2.2.2.2.0": 93,
        },
        {
            "dcim_device_alarms": 2.0,
            f"{ALARM}{{alarm=Cooling_Failure,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=Air_Filter_Clogged,severity=warning}}": 1.0,
            "dcim_crah_cooling_output_watts": 9_300.0,
        },
    ),
    "what is wrong with an InRow RD, in its own words": MibDevice(
        "apc-inrow",
        f"{APC}.13",
        {"4.3.1.0": 1, "4.3.2.1.3.1": b"High Head Pressure", "4.5.2.1.2.0": 71},
        {
            "dcim_device_alarms": 1.0,
            f"{ALARM}{{alarm=High_Head_Pressure,severity=warning}}": 1.0,
            "dcim_crah_cooling_output_watts": 7_100.0,
        },
    ),
    "what is wrong with a NetworkAIR FM, and how much it matters": MibDevice(
        "apc-airfm",
        f"{APC}.13.1",
        {
            "6.3.0": 2,
            **{f"6.4.1.2.{row}": severity for row, severity in ((1, 3), (2, 2))},
            **{f"6.4.1.7.{row}": text for row, text in ((1, b"Water Detected"), (2, b"Filter Maintenance"))},
            "5.2.2.1.2.1": 182,
        },
        {
            "dcim_device_alarms": 2.0,
            f"{ALARM}{{alarm=Water_Detected,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=Filter_Maintenance,severity=warning}}": 1.0,
            "dcim_crah_supply_air_temperature_celsius{unit=1}": 18.2,
        },
    ),
    "a one-phase PDU of Panduit, which has rows of phases and probes that are not there": MibDevice(
        "panduit-pdu",
        "1.3.6.1.4.1.19536.10.1",
        {
            **{f"2.2.1.3.1.{row}": volts for row, volts in ((1, 2_418), (2, 0), (3, 0))},
            **{f"2.2.1.4.1.{row}": status for row, status in ((1, 5), (2, 0), (3, 0))},
            **{f"2.2.1.{column}.1.{row}": int(row == 1) for column in (2, 9, 12) for row in (1, 2, 3)},
            **{f"2.2.1.11.1.{row}": amperes for row, amperes in ((1, 612), (2, 0), (3, 0))},
            "4.1.1.1.1": 1,
            **{f"4.2.1.{column}.1.1": cell for column, cell in ((3, 2), (4, 312), (5, 4))},
            **{f"4.2.1.{column}.1.2": cell for column, cell in ((3, 1), (4, 0), (5, 0))},
        },
        {
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 241.8,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 6.12,
            f"{ALARM}{{alarm=phase_voltage.1.1,severity=warning}}": 1.0,
            "dcim_env_temperature_celsius{sensor=1.1}": 31.2,
            f"{ALARM}{{alarm=sensor-temperature.1.1,severity=warning}}": 1.0,
        },
        {"dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "normal"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_rarer_model_is_read_as_the_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
