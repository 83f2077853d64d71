"""Cases from MIBs that no recording shows: other models, older firmware, states in which no recorded device was."""

import pytest

from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM = "dcim_device_alarm_active"
SENTRY3, SENTRY4 = "1.3.6.1.4.1.1718.3.2", "1.3.6.1.4.1.1718.4.1"
SMU, NETBOTZ5, WATCHDOG = "1.3.6.1.4.1.2011.6.164.1", "1.3.6.1.4.1.52674.500.4", "1.3.6.1.4.1.21239.2"
VERTIV, APC = "1.3.6.1.4.1.21239.5.2", "1.3.6.1.4.1.318.1.1"
XERUS = "1.3.6.1.4.1.13742.6"
CORD = {"3.3.1.3.1.1": 460, "3.3.1.4.1.1": 16}
FIRST_GENERATION = {
    "12.1.7.0": 16,
    "12.1.16.0": 1_380,
    "12.1.17.0": 980,  # a setting
    "12.1.18.0": 1_408,
    **{f"12.2.3.1.1.{column}.1": value for column, value in ((2, 61), (3, 1), (4, 1))},
    **{f"12.3.5.1.1.{column}.1": value for column, value in ((4, 1), (7, 12))},
}
FIRST_GENERATION_READ = {
    "dcim_pdu_input_rated_current_amperes": 16.0,
    "dcim_pdu_input_power_watts": 1_380.0,
    "dcim_pdu_input_apparent_power_voltamperes": 1_408.0,
    "dcim_pdu_phase_current_amperes{phase=L1}": 6.1,
    "dcim_pdu_outlet_on{outlet=1}": 1.0,
}

CASES = {
    "two chained CyberPower PDUs of three phases with their limits": MibDevice(
        profile="cyberpower-pdu",
        root="1.3.6.1.4.1.3808.1.1.6",
        answers={
            **{
                f"3.4.1.{column}.{unit}": value
                for unit, values in ((1, (61, 1_380, 2_740)), (2, (0, 0, 0)))
                for column, value in zip((5, 18, 19), values, strict=True)
            },
            "3.3.1.13.1": 11_000,
            "3.3.1.13.2": 0,
            **{
                f"4.2.1.{column}.{row}": value
                for row, values in {1: (1, 1, 26, 30), 2: (1, 3, 26, 32), 3: (2, 1, 0, 16)}.items()
                for column, value in zip((2, 3, 6, 7), values, strict=True)
            },
            **{
                f"5.2.1.{column}.{row}": value
                for row, values in {1: (1, 2, 13), 2: (2, 1, 12)}.items()
                for column, value in zip((2, 3, 6), values, strict=True)
            },
        },
        values={
            "dcim_pdu_input_current_amperes{inlet=1}": 6.1,
            "dcim_pdu_input_current_amperes{inlet=2}": 0.0,
            "dcim_pdu_input_power_watts{inlet=1}": 1_380.0,
            "dcim_pdu_input_power_watts{inlet=2}": 0.0,
            "dcim_pdu_input_peak_power_watts{inlet=1}": 2_740.0,
            "dcim_pdu_input_peak_power_watts{inlet=2}": 0.0,
            "dcim_pdu_input_rated_power_watts{inlet=1}": 11_000.0,
            "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}": 26.0,
            "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 30.0,
            "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L3}": 26.0,
            "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L3}": 32.0,
            "dcim_pdu_phase_rated_current_amperes{inlet=2,phase=L1}": 16.0,
            "dcim_pdu_bank_warning_current_amperes{bank=2}": 13.0,
            "dcim_pdu_bank_warning_current_amperes{bank=2.1}": 12.0,
        },
        bad={
            "dcim_pdu_input_rated_power_watts{inlet=2}": "sentinel",
            "dcim_pdu_phase_warning_current_amperes{inlet=2,phase=L1}": "sentinel",
        },
    ),
    "a Sentry of firmware 6: branches, contacts, degrees without a scale": MibDevice(
        profile="servertech-sentry3",
        root=SENTRY3,
        answers={
            "1.1.2.1": b"A",
            "1.1.4.1": 3,
            "1.1.15.1": 50,
            **{
                f"2.1.{column}.1.1": value
                for column, value in ((2, b"AA"), (5, 9), (6, 4), (7, 1_210), (11, 2_301), (20, 756))
            },
            **{
                f"7.1.{column}.1.1.{branch}": value
                for branch, status, load, amperes in ((1, 1, 0, 830), (2, 9, 1, -1))
                for column, value in ((2, b"AA%d" % branch), (5, status), (6, load), (7, amperes), (8, 16), (9, 20))
            },
            **{f"6.1.{column}.1.1": value for column, value in ((2, b"A1C1"), (4, 1))},
            **{f"5.1.{column}.1.1": value for column, value in ((2, b"A1"), (4, 0), (6, 225), (10, 41))},
        },
        values={
            "dcim_pdu_input_frequency_hertz{inlet=A}": 50.0,
            f"{ALARM}{{alarm=fan.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=over_temperature.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=out_of_balance.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=memory.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-lost.A1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=communication_lost.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=infeed_fuse.AA,severity=critical}}": 1.0,
            "dcim_pdu_input_current_amperes{inlet=AA}": 12.1,
            "dcim_pdu_input_voltage_volts{inlet=AA}": 230.1,
            "dcim_pdu_input_load_ratio{inlet=AA}": 0.756,
            "dcim_pdu_bank_current_amperes{bank=AA1}": 8.3,
            "dcim_pdu_bank_rated_current_amperes{bank=AA1}": 20.0,
            "dcim_pdu_bank_rated_current_amperes{bank=AA2}": 20.0,
            "dcim_pdu_bank_warning_current_amperes{bank=AA1}": 16.0,
            "dcim_pdu_bank_warning_current_amperes{bank=AA2}": 16.0,
            "dcim_pdu_breaker_tripped{bank=AA1}": 0.0,
            "dcim_pdu_breaker_tripped{bank=AA2}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=A1C1}": 1.0,
            "dcim_env_temperature_celsius{sensor=A1}": 22.5,
            "dcim_env_relative_humidity_ratio{sensor=A1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=A1}": 8.584637,  # Magnus, of the two above
        },
        states={
            "dcim_pdu_load_state{inlet=AA,scope=device}": "near_overload",
            "dcim_pdu_load_state{bank=AA1,scope=bank}": "normal",
        },
        bad={
            "dcim_pdu_bank_current_amperes{bank=AA2}": "sentinel",
            "dcim_pdu_load_state{bank=AA2,scope=bank}": "sentinel",
        },
    ),
    "a single-phase PRO2, whose phase is L1-R and whose probes include a fan": MibDevice(
        profile="servertech-sentry4",
        root=SENTRY4,
        answers={
            **CORD,
            **{f"4.3.1.{column}.1.1.1": value for column, value in ((3, 212), (4, 17), (5, 885))},
            "4.2.1.4.1.1.1": b"AA:L1",
            "5.2.1.4.1.1.1": b"AA:L1-R",
            **{f"5.3.1.{column}.1.1.1": value for column, value in ((3, 2_304), (6, 212), (8, 460), (10, 94))},
            "14.2.1.2.1.1": b"F1",
            "14.3.1.1.1.1": 4_200,
            "14.3.1.2.1.1": 0,
            "12.2.1.2.1.1": b"C1",
            "12.3.1.1.1.1": 18,
        },
        values={
            "dcim_pdu_input_power_watts{inlet=1.1}": 460.0,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L1}": 2.12,
            "dcim_pdu_phase_load_ratio{inlet=1.1,phase=L1}": 0.885,
            "dcim_pdu_phase_voltage_volts{inlet=1.1,phase=L1}": 230.4,
            "dcim_pdu_phase_power_watts{inlet=1.1,phase=L1}": 460.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1.1,phase=L1}": 0.94,
            "dcim_env_fan_speed_rpm{sensor=F1}": 4_200.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=C1}": 1.0,
            "dcim_device_alarm_active{alarm=sensor-fan.F1,severity=warning}": 0.0,
            "dcim_device_alarm_active{alarm=sensor-contact_lost.C1,severity=warning}": 0.0,
        },
        states={
            "dcim_pdu_load_state{inlet=1.1,scope=device}": "near_overload",
            "dcim_pdu_load_state{inlet=1.1,phase=L1,scope=phase}": "overload",
        },
    ),
    "a PRO2 that names no lines: their index does": MibDevice(
        profile="servertech-sentry4",
        root=SENTRY4,
        answers=CORD | {f"4.3.1.3.1.1.{line}": 200 + line for line in (1, 2, 3, 4)},
        values={
            "dcim_pdu_input_power_watts{inlet=1.1}": 460.0,
            **{f"dcim_pdu_phase_current_amperes{{inlet=1.1,phase=L{line}}}": 2 + line / 100 for line in (1, 2, 3)},
            "dcim_pdu_neutral_current_amperes{inlet=1.1}": 2.04,
            "dcim_pdu_current_unbalance_ratio{inlet=1.1}": 0.01 / 2.02,
        },
        states={"dcim_pdu_load_state{inlet=1.1,scope=device}": "near_overload"},
    ),
    "an SMU on its batteries, with one probe of two": MibDevice(
        profile="huawei-smu",
        root=SMU,
        answers={
            "4.2.3.0": 3,
            "4.2.2.0": 95,
            "4.2.10.0": 71,
            "6.1.5.0": 1_790,
            **{f"5.2.1.1.{column}.1": value for column, value in ((4, 0), (5, 2_290), (6, 4_010), (7, 31), (99, 2))},
            **{f"4.4.2.1.{column}.1": value for column, value in ((6, 253), (99, 1))},
            **{f"4.4.2.1.{column}.2": value for column, value in ((6, -99_999), (99, 3))},
            "3.2.2.1.99.1": 2,
            "3.2.2.1.99.2": 5,
            "8.2.1.1.3.1": b"Room",
            "8.2.1.1.4.1": 24,
            "8.2.1.1.99.1": 1,
            "8.2.1.1.3.2": b"Rack",
            "8.2.1.1.4.2": -1_024,
            "8.2.1.1.99.2": 4,
            "8.2.2.1.3.1": b"Room",
            "8.2.2.1.4.1": 255,
            "8.2.3.1.3.1": b"Door",
            "8.2.3.1.99.1": 2,
        },
        values={
            "dcim_ups_battery_charge_ratio": 0.71,
            "dcim_ups_battery_runtime_seconds": 5_700.0,
            "dcim_ups_output_total_power_watts": 1_790.0,
            "dcim_ups_input_voltage_volts{phase=L1}": 0.0,
            "dcim_ups_input_voltage_volts{phase=L2}": 229.0,
            "dcim_ups_input_current_amperes{phase=L1}": 3.1,
            "dcim_ups_battery_temperature_celsius{string=1}": 25.3,
            "dcim_env_temperature_celsius{sensor=Room}": 24.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=Door}": 1.0,
            f"{ALARM}{{alarm=input_lost,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=input_tolerance,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=battery_string.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=battery_string.2,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=rectifier.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=rectifier.2,severity=critical}}": 0.0,
        },
        states={"dcim_ups_battery_charge_state": "discharging", "dcim_ups_output_source": "battery"},
        bad={
            "dcim_ups_input_voltage_volts{phase=L3}": "range",  # 401 V are between two lines
            "dcim_env_relative_humidity_ratio{sensor=Room}": "sentinel",
            "dcim_ups_battery_temperature_celsius{string=2}": "sentinel",
        },
    ),
    "a NetBotz whose sensor is too hot": MibDevice(
        "apc-netbotz5",
        NETBOTZ5,
        {"1.1.1.3.2": 3, "1.1.1.7.2": b"41.5", "2.12.1.2.9": 1, "2.13.1.2.4": 0, "1.5.1.7.3": b"9.0"},
        {
            "dcim_env_temperature_celsius{sensor=2}": 41.5,
            "dcim_device_alarm_active{alarm=temperature.2,severity=critical}": 1.0,
            "dcim_device_alarm_active{alarm=temperature.2,severity=warning}": 0.0,
            "dcim_env_contact_active{kind=smoke,sensor=9}": 1.0,
            "dcim_leak_detected{sensor=4}": 0.0,
            "dcim_env_air_speed_meters_per_second{sensor=3}": 0.15,
        },
    ),
    **{
        f"a Watchdog of firmware 3 in {name}": MibDevice(
            "geist-watchdog-v3",
            WATCHDOG,
            {"2.1.3.1": b"Room", "2.1.4.1": 1, "2.1.5.1": sent, "2.1.7.1": 41, **precision},
            {
                "dcim_env_temperature_celsius{sensor=Room}": read,
                "dcim_env_relative_humidity_ratio{sensor=Room}": 0.41,
                "dcim_env_dew_point_celsius{sensor=Room}": dew_point,  # Magnus, of the two above
            },
        )
        for name, precision, sent, read, dew_point in (
            ("whole degrees", {"1.9.0": 0}, 23, 23.0, 9.033577),
            ("tenths", {"1.9.0": 1}, 234, 23.4, 9.392665),
            ("what it does not say", {}, 23, 23.0, 9.033577),
        )
    },
    "a PDU of Vertiv between lines": MibDevice(
        "vertiv-pdu",
        VERTIV,
        {
            "1.13.0": 2,
            **{f"3.1.1.{column}.1": value for column, value in ((5, 1), (6, 1), (9, 3_300))},
            **{
                f"3.2.1.{column}.{row}": value + row
                for row in (1, 2, 3)
                for column, value in ((4, 2_080), (8, 500), (12, 1_100))
            },
            **{f"3.4.1.4.{line}": 910 for line in (1, 2, 3)},
        },
        {
            "dcim_device_alarms": 2.0,
            "dcim_pdu_input_power_watts{inlet=1}": 3_300.0,
            **{f"dcim_pdu_phase_current_amperes{{inlet=1,phase=L{line}}}": 9.1 for line in (1, 2, 3)},
            **{
                f"dcim_pdu_line_{what}{{inlet=1,line={line}}}": first + step * row
                for row, line in enumerate(("L1-L2", "L2-L3", "L3-L1"), 1)
                for what, first, step in (("voltage_volts", 208, 0.1), ("current_amperes", 5, 0.01))
            },
            "dcim_pdu_current_unbalance_ratio{inlet=1}": 0.0,
        },
    ),
    "an AP7900 without a column of banks, whose outlets are not monitored": MibDevice(
        profile="apc-rpdu",
        root=APC,
        answers=FIRST_GENERATION,
        values=FIRST_GENERATION_READ,
        states={"dcim_pdu_load_state{phase=L1,scope=phase}": "normal"},
    ),
    "an AP7900 whose outlets are monitored": MibDevice(
        profile="apc-rpdu",
        root=APC,
        answers=FIRST_GENERATION | {"12.3.1.5.0": 8},
        values=FIRST_GENERATION_READ | {"dcim_pdu_outlet_current_amperes{outlet=1}": 1.2},
        states={"dcim_pdu_load_state{phase=L1,scope=phase}": "normal"},
    ),
    "an AP7900B, which has its power in the older branch only": MibDevice(
        profile="apc-rpdu2",
        root=APC,
        answers={
            "12.1.16.0": 1_380,
            "12.1.17.0": 980,
            "12.1.18.0": 1_408,
            **{f"26.4.3.1.{column}.1": -1 for column in (5, 16, 17)},
            **{
                f"12.2.3.1.1.{column}.{row}": value
                for row, *of in ((1, 61, 1, 0), (2, 43, 2, 1))
                for column, value in zip((2, 3, 5), of, strict=True)
            },
        },
        values={
            "dcim_pdu_input_power_watts{inlet=1}": 1_380.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1_408.0,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 4.3,
        },
        states={"dcim_pdu_load_state{bank=1.1,scope=bank}": "low"},
        bad={"dcim_pdu_input_power_factor_ratio{inlet=1}": "sentinel"},
    ),
    "an InRow RP with chilled water": MibDevice(
        profile="apc-inrow",
        root=f"{APC}.13.3.3.2",
        answers={
            **{
                f"2.2.{at}.0": value
                for at, value in ((1, 5), (3, 241), (5, 182), (7, 351), (14, 153), (15, 20), (17, 0))
            },
            **{
                f"2.2.{at}.0": value
                for at, value in ((30, -2), (32, 45), (36, 63), (38, 118), (40, 71), (42, 128), (43, 2))
            },
            **{f"2.3.{at}.0": value for at, value in ((4, 1_200), (6, 1_201), (8, 1_202), (10, 1_500))},
        },
        values={
            "dcim_crah_air_temperature_celsius{sensor=rack-inlet}": 24.1,
            "dcim_crah_supply_air_temperature_celsius": 18.2,
            "dcim_crah_return_air_temperature_celsius": 35.1,
            "dcim_crah_cooling_output_watts": 15_300.0,
            "dcim_crah_humidification_demand_ratio": 0.2,
            "dcim_crah_dehumidification_demand_ratio": 0.0,
            "dcim_crah_air_differential_pressure_pascals{sensor=containment}": -2.0,
            "dcim_crah_filter_differential_pressure_pascals": 45.0,
            "dcim_crah_valve_position_ratio": 0.63,
            "dcim_crah_water_flow_cubic_meters_per_second": 0.00118,
            "dcim_crah_water_supply_temperature_celsius": 7.1,
            "dcim_crah_water_return_temperature_celsius": 12.8,
            "dcim_leak_detected{sensor=unit}": 1.0,
            **{f"dcim_crah_fan_running_seconds_total{{fan={fan}}}": (1_199 + fan) * 3_600.0 for fan in (1, 2, 3)},
            "dcim_crah_running_seconds_total": 1_500 * 3_600.0,
        },
        states={"dcim_crah_unit_state": "standby"},
    ),
    "an InRow SC": MibDevice(
        profile="apc-inrow",
        root=f"{APC}.13.3.4.1",
        answers={
            **{
                f"2.{at}.0": value
                for at, value in ((1, 2), (2, 68), (3, 70), (4, 1_000), (7, 230), (9, 171), (11, 330))
            },
            **{f"2.{at}.0": value for at, value in ((13, 94), (21, 610), (23, 2_050), (24, 803), (29, 421), (31, 350))},
            "2.32.0": 2,
            "2.33.0": 1,
            "3.2.0": 40,
            "3.11.0": 35,
            "6.7.0": 170,
        },
        values={
            "dcim_crah_cooling_output_watts": 6_800.0,
            "dcim_crah_cooling_demand_watts": 7_000.0,
            "dcim_crah_air_flow_cubic_meters_per_second": 0.4719474432,
            "dcim_crah_air_temperature_celsius{sensor=rack-inlet}": 23.0,
            "dcim_crah_air_temperature_celsius{sensor=condenser-outlet}": 42.1,
            "dcim_crah_air_temperature_celsius{sensor=condenser-inlet}": 35.0,
            "dcim_crah_supply_air_temperature_celsius": 17.1,
            "dcim_crah_supply_air_temperature_setpoint_celsius": 17.0,
            "dcim_crah_return_air_temperature_celsius": 33.0,
            "dcim_crah_refrigerant_temperature_celsius{sensor=suction}": 9.4,
            "dcim_crah_refrigerant_pressure_pascals{sensor=suction}": 610_000.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=discharge}": 2_050_000.0,
            "dcim_crah_fan_speed_ratio": 0.803,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_compressor_running_seconds_total{compressor=1}": 126_000.0,
            "dcim_crah_fan_running_seconds_total{fan=1}": 144_000.0,
            "dcim_leak_detected{sensor=unit}": 0.0,
        },
        states={"dcim_crah_unit_state": "running"},
    ),
    "a BCM2: its controller is unit 0, its power meters have circuits": MibDevice(
        profile="raritan-pdu2",
        root=XERUS,
        answers={
            "5.2.3.1.4.3.1.5": 7_310,
            "3.3.4.1.7.3.1.5": 0,
            **{
                f"5.8.3.1.{column}.3.12.{kind}": value
                for kind, value in ((5, 1_790), (7, 96), (8, 44_000))
                for column in (4, 6)
            },
            **{f"3.11.4.1.7.3.12.{kind}": digits for kind, digits in ((5, 0), (7, 2), (8, 0))},
            **{f"5.8.3.1.{column}.3.14.5": value for column, value in ((2, 2), (4, 0), (6, 0))},
            "3.11.4.1.7.3.14.5": 0,
            # A circuit between two phases, of which the second pole hangs on L3; its neutral is no phase.
            **{
                f"5.8.4.1.4.3.12.{pole}.{kind}": value
                for pole, kind, value in ((1, 1, 781), (2, 1, 779), (3, 1, 2), (1, 25, 2301))
            },
            **{
                f"3.11.6.1.7.3.12.{pole}.{kind}": digits
                for pole, kind, digits in ((1, 1, 2), (2, 1, 2), (3, 1, 2), (1, 25, 1))
            },
            **{f"3.11.3.1.4.3.12.{pole}": phase for pole, phase in ((1, 1), (2, 3), (3, 4))},
            "3.11.2.1.5.3.12": 16,
            "3.11.2.1.5.3.14": 0,
        },
        values={
            "dcim_pdu_input_power_watts{inlet=3.1}": 7_310.0,
            "dcim_circuit_power_watts{circuit=12,panel=3}": 1_790.0,
            "dcim_circuit_power_factor_ratio{circuit=12,panel=3}": 0.96,
            "dcim_circuit_energy_joules_total{circuit=12,panel=3}": 44_000 * 3_600.0,
            "dcim_circuit_current_amperes{circuit=12,panel=3,phase=L1}": 7.81,
            "dcim_circuit_current_amperes{circuit=12,panel=3,phase=L3}": 7.79,
            "dcim_circuit_voltage_volts{circuit=12,panel=3,phase=L1}": 230.1,
            "dcim_circuit_rated_current_amperes{circuit=12,panel=3}": 16.0,
        },
        states={},
        bad={"dcim_circuit_rated_current_amperes{circuit=14,panel=3}": "sentinel"},
    ),
    "a single-phase PDU of Socomec that is overloaded": MibDevice(
        "socomec-pdu",
        "1.3.6.1.4.1.4555.2.30",
        {
            **{f"2.{at}.0": value for at, value in ((1, 500), (2, 2_301), (3, 158), (4, 0), (5, 0), (6, 0), (7, 0))},
            **{f"3.{at}.0": int(at in {3, 15}) for at in range(1, 16)},
            **{f"4.{at}.0": value for at, value in ((1, 243), (2, 41), (11, 1), (12, 0), (13, 0), (14, 0))},
            **{f"4.{at}.0": int(at == 15) for at in range(15, 20)},
        },
        {
            "dcim_pdu_input_frequency_hertz{inlet=1}": 50.0,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 230.1,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 15.8,
            f"{ALARM}{{alarm=communication_lost,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=load_l1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=load_l1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=load_l1_l2,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=load_l1_l2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=ambient_temperature,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=ambient_temperature,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=ambient_humidity,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=ambient_humidity,severity=warning}}": 0.0,
            **{
                f"{ALARM}{{alarm=voltage_l{line},severity={severity}}}": 0.0
                for line in (1, 2, 3)
                for severity in ("critical", "warning")
            },
            "dcim_env_temperature_celsius{sensor=envir}": 24.3,
            "dcim_env_relative_humidity_ratio{sensor=envir}": 0.41,
            "dcim_env_dew_point_celsius{sensor=envir}": 10.200406,  # Magnus, of the two above
            **{f"dcim_env_contact_active{{kind=dry_contact,sensor=envir.{at}}}": float(at == 1) for at in (1, 2, 3, 4)},
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_no_recording_shows_is_read_as_the_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
