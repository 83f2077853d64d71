"""Rack PDUs without a recording: answers written down from their published MIBs; see published_mibs."""

from dataclasses import replace

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, DRY, Published

_ENLOGIC = Published(
    "1.3.6.1.4.1.38446.1",
    {
        "2.4.1.3.1": 5,
        "2.4.1.4.1": 4321,
        "2.4.1.6.1": 5_000,
        "2.4.1.5.1": 4500,
        "2.4.1.9.1": 98_765,
        **{f"3.4.1.3.1.{phase}": 5 for phase in (1, 2, 3)},
        **{f"3.4.1.5.1.{phase}": 600 + phase for phase in (1, 2, 3)},
        **{f"3.4.1.6.1.{phase}": 228 + phase for phase in (1, 2, 3)},
        **{f"3.4.1.7.1.{phase}": 1360 + phase for phase in (1, 2, 3)},
        **{f"3.4.1.8.1.{phase}": 1390 + phase for phase in (1, 2, 3)},
        "4.4.1.4.1.1": 5,
        "4.4.1.5.1.1": 1234,
        "4.4.1.4.1.2": 6,
        "4.4.1.5.1.2": 0,
        # A row that is no breaker, by its count.
        **{f"4.4.1.2.1.{row}": count for row, count in ((1, 2), (2, 2), (3, 0))},
        "4.4.1.4.1.3": 6,
        "4.4.1.5.1.3": 0,
        "5.4.1.4.1.7": 1,
        "5.9.1.5.1.7": 125,
        "5.9.1.6.1.7": 276,
        "5.9.1.11.1.7": 42,
        **{f"6.2.1.6.1.{sensor}": kind for sensor, kind in ((1, 1), (2, 2), (3, 5), (4, 3), (5, 6))},
        **{f"6.2.1.7.1.{sensor}": unit for sensor, unit in ((1, 2), (2, 3), (3, 0), (4, 0), (5, 0))},
        **{f"6.4.1.4.1.{sensor}": 2 for sensor in (1, 2, 3, 4)},
        "6.4.1.4.1.5": 1,
        **{f"6.4.1.5.1.{sensor}": state for sensor, state in ((1, 2), (2, 2), (3, 1), (4, 2), (5, 0))},
        "6.4.1.6.1.1": 77,
        "6.4.1.8.1.1": 770,
        "6.4.1.6.1.2": 41,
    },
    {
        "dcim_pdu_input_power_watts{inlet=1}": 4321.0,
        "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 4500.0,
        "dcim_pdu_input_energy_joules_total{inlet=1}": 98_765 * 360_000.0,
        **{f"dcim_pdu_phase_current_amperes{{inlet=1,phase=L{phase}}}": 6.0 + phase / 100 for phase in (1, 2, 3)},
        **{f"dcim_pdu_phase_voltage_volts{{inlet=1,phase=L{phase}}}": 228.0 + phase for phase in (1, 2, 3)},
        **{f"dcim_pdu_phase_power_watts{{inlet=1,phase=L{phase}}}": 1360.0 + phase for phase in (1, 2, 3)},
        **{
            f"dcim_pdu_phase_apparent_power_voltamperes{{inlet=1,phase=L{phase}}}": 1390.0 + phase
            for phase in (1, 2, 3)
        },
        "dcim_pdu_current_unbalance_ratio{inlet=1}": 0.01 / 6.02,
        "dcim_pdu_bank_current_amperes{bank=1.1}": 12.34,
        "dcim_pdu_breaker_tripped{bank=1.1}": 0.0,
        "dcim_pdu_bank_current_amperes{bank=1.2}": 0.0,
        "dcim_pdu_breaker_tripped{bank=1.2}": 1.0,
        "dcim_pdu_outlet_on{outlet=1.7}": 1.0,
        "dcim_pdu_outlet_current_amperes{outlet=1.7}": 1.25,
        "dcim_pdu_outlet_power_watts{outlet=1.7}": 276.0,
        "dcim_pdu_outlet_energy_joules_total{outlet=1.7}": 42 * 360_000.0,
        f"{ALARM}{{alarm=sensor-temperature.1.1,severity=warning}}": 0.0,
        **{f"{ALARM}{{alarm=sensor-communication_lost.1.{sensor},severity=warning}}": 0.0 for sensor in (1, 2, 3, 4)},
        "dcim_pdu_input_peak_power_watts{inlet=1}": 5_000.0,
        f"{ALARM}{{alarm=sensor-humidity.1.2,severity=warning}}": 0.0,
        "dcim_env_temperature_celsius{sensor=1.1}": 25.0,
        "dcim_env_relative_humidity_ratio{sensor=1.2}": 0.41,
        "dcim_leak_detected{sensor=1.3}": 1.0,
        "dcim_env_contact_active{kind=door,sensor=1.4}": 0.0,
    },
    {
        "dcim_pdu_load_state{inlet=1,scope=device}": "normal",
        **{f"dcim_pdu_load_state{{inlet=1,phase=L{phase},scope=phase}}": "normal" for phase in (1, 2, 3)},
    },
)

# Columns of pmPowerMgmtPDUTable
AVOCENT_PDU = {8: 24, 44: 320, 45: 5, 50: 123, 60: 27_505, 65: 2, 70: 231, 80: 97, 105: 123_456}
# pmPowerMgmtSensorsTableType, Status, Value and Unit
AVOCENT_SENSORS: dict[int, tuple[SnmpValue, ...]] = {
    1: (2, 3, b"24.5", 3),
    2: (2, 3, b"77.0", 2),
    3: (3, 3, b"41", 4),
    4: (7, 2, b"N/A", 1),
    5: (5, 1, b"N/A", 1),
    6: (6, 4, b"N/A", 1),
    7: (1, 3, b"38.0", 3),
}

PDUS = {
    "avocent-pm": Published(
        "1.3.6.1.4.1.10418.17.2",
        {
            "1.2.0": b"PM3000/24/24",
            **{f"5.3.1.{column}.1.1": value for column, value in AVOCENT_PDU.items()},
            # The second in the chain measures nothing.
            **dict.fromkeys([f"5.3.1.{column}.1.2" for column in AVOCENT_PDU], 0),
            **{
                f"5.9.1.{column}.1.1.{phase}": value
                for phase, values in {
                    1: (1, 41, 9_120, 2, 231, 97),
                    2: (4, 0, 0, 1, 230, 0),
                    3: (2, 0, 0, 0, 0, 0),
                }.items()
                for column, value in zip((45, 50, 60, 65, 70, 80), values, strict=True)
            },
            "5.9.1.101.1.1.1": 120,
            "5.11.1.45.1.1.1": 3,
            "5.11.1.50.1.1.1": 0,
            "5.11.1.60.1.1.1": 0,
            "5.11.1.65.1.1.1": 2,
            "5.11.1.101.1.1.1": 160,
            "5.11.1.105.1.1.1": 45_000,
            **{
                f"5.5.1.{column}.1.1.{outlet}": value
                for outlet, values in {1: (2, 12, 2_650, 2), 2: (12, 0, 0, 2), 3: (9, 0, 0, 0)}.items()
                for column, value in zip((5, 50, 60, 65), values, strict=True)
            },
            **{
                f"5.13.1.{column}.1.1.{sensor}": value
                for sensor, values in AVOCENT_SENSORS.items()
                for column, value in zip((7, 8, 20, 45), values, strict=True)
            },
        },
        {
            "dcim_pdu_input_current_amperes{inlet=1.1}": 12.3,
            "dcim_pdu_input_power_watts{inlet=1.1}": 2_750.5,
            "dcim_pdu_input_voltage_volts{inlet=1.1}": 231.0,
            "dcim_pdu_input_power_factor_ratio{inlet=1.1}": 0.97,
            "dcim_pdu_input_rated_current_amperes{inlet=1.1}": 32.0,
            "dcim_pdu_input_energy_joules_total{inlet=1.1}": 123_456 * 3_600.0,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L1}": 4.1,
            "dcim_pdu_phase_power_watts{inlet=1.1,phase=L1}": 912.0,
            "dcim_pdu_phase_voltage_volts{inlet=1.1,phase=L1}": 231.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1.1,phase=L1}": 0.97,
            "dcim_pdu_phase_warning_current_amperes{inlet=1.1,phase=L1}": 12.0,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L2}": 0.0,
            "dcim_pdu_phase_power_watts{inlet=1.1,phase=L2}": 0.0,
            "dcim_pdu_phase_voltage_volts{inlet=1.1,phase=L2}": 230.0,
            "dcim_pdu_breaker_tripped{bank=1.1.1}": 1.0,
            "dcim_pdu_bank_current_amperes{bank=1.1.1}": 0.0,
            "dcim_pdu_bank_power_watts{bank=1.1.1}": 0.0,
            "dcim_pdu_bank_warning_current_amperes{bank=1.1.1}": 16.0,
            "dcim_pdu_bank_energy_joules_total{bank=1.1.1}": 162e6,
            "dcim_pdu_outlet_on{outlet=1.1.1}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.1.1}": 1.2,
            "dcim_pdu_outlet_power_watts{outlet=1.1.1}": 265.0,
            "dcim_pdu_outlet_on{outlet=1.1.2}": 0.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.1.2}": 0.0,
            "dcim_pdu_outlet_power_watts{outlet=1.1.2}": 0.0,
            "dcim_env_temperature_celsius{sensor=1.1.1}": 24.5,
            "dcim_env_temperature_celsius{sensor=1.1.2}": 25.0,
            "dcim_env_relative_humidity_ratio{sensor=1.1.3}": 0.41,
            "dcim_leak_detected{sensor=1.1.4}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=1.1.5}": 0.0,
            "dcim_pdu_temperature_celsius{sensor=1.1.7}": 38.0,
        },
        {
            "dcim_pdu_load_state{inlet=1.1,scope=device}": "near_overload",
            "dcim_pdu_load_state{inlet=1.1,phase=L1,scope=phase}": "normal",
            "dcim_pdu_load_state{inlet=1.1,phase=L2,scope=phase}": "overload",
        },
        bad=dict.fromkeys(
            (
                *(
                    f"dcim_pdu_input_{what}{{inlet=1.2}}"
                    for what in (
                        "current_amperes",
                        "power_watts",
                        "voltage_volts",
                        "power_factor_ratio",
                        "rated_current_amperes",
                        "energy_joules_total",
                    )
                ),
                *(
                    f"dcim_pdu_phase_{what}{{inlet=1.1,phase=L3}}"
                    for what in ("current_amperes", "power_watts", "voltage_volts", "power_factor_ratio")
                ),
                "dcim_pdu_phase_power_factor_ratio{inlet=1.1,phase=L2}",
                *(f"dcim_pdu_outlet_{what}{{outlet=1.1.3}}" for what in ("on", "current_amperes", "power_watts")),
                "dcim_pdu_load_state{inlet=1.2,scope=device}",
                "dcim_pdu_load_state{inlet=1.1,phase=L3,scope=phase}",
                "dcim_pdu_load_state{bank=1.1.1,scope=bank}",
                f"{DRY},sensor=1.1.6}}",
            ),
            "sentinel",
        ),
    ),
    "netio": Published(
        "1.3.6.1.4.1.47952.1",
        {
            "2.1.0": 231_400,
            "2.2.0": 49_980,
            "2.3.0": 3_250,
            "2.4.0": 930,
            "2.5.0": 699,
            "2.6.0": 45_000,
            **{
                f"1.1.{column}.{outlet}": value
                for outlet, values in {1: (1, 24, 13, 195, 530), 2: (0, 0, 7, 0, 0)}.items()
                for column, value in zip((3, 25, 26, 28, 29), values, strict=True)
            },
        },
        {
            "dcim_pdu_phase_voltage_volts{phase=L1}": 231.4,
            "dcim_pdu_input_frequency_hertz": 49.98,
            "dcim_pdu_phase_current_amperes{phase=L1}": 3.25,
            "dcim_pdu_phase_power_factor_ratio{phase=L1}": 0.93,
            "dcim_pdu_input_power_watts": 699.0,
            "dcim_pdu_input_energy_joules_total": 162e6,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_power_watts{outlet=1}": 24.0,
            "dcim_pdu_outlet_power_watts{outlet=2}": 0.0,
            "dcim_pdu_outlet_energy_joules_total{outlet=1}": 46_800.0,
            "dcim_pdu_outlet_energy_joules_total{outlet=2}": 25_200.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 0.195,
            "dcim_pdu_outlet_current_amperes{outlet=2}": 0.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1}": 0.53,
            "dcim_pdu_outlet_power_factor_ratio{outlet=2}": 0.0,
        },
    ),
    "riedo-updu": Published(
        "1.3.6.1.4.1.55108.1",
        {
            **{f"3.1.1.2.{at}": name for at, name in (("0.0", b"PDU"), ("0.1", b"L1"), ("1.0", b"A1"), ("1.1", b"A2"))},
            **{f"3.1.1.3.{at}": kind for at, kind in (("0.0", 0), ("0.1", 2), ("1.0", 6), ("1.1", 6))},
            **{f"3.1.1.15.{at}": quality for at, quality in (("0.0", 0), ("0.1", 0), ("1.0", 0), ("1.1", 2))},
            **{f"3.1.1.{column}.0.0": value for column, value in ((4, 123_456), (7, 4321), (8, -210), (9, 4500))},
            **{
                f"3.1.1.{column}.1.0": value
                for column, value in ((4, 1000), (7, 276), (9, 288), (10, 230_400), (11, 1250))
            },
            **{f"3.1.1.{column}.1.1": 0 for column in (4, 7, 9, 10, 11)},
            "4.1.1.2.1.1": b"A1",
            "4.1.1.2.1.2": b"A2",
            "4.1.1.4.1.1": 1,
            "4.1.1.4.1.2": 0,
            **{f"3.2.1.3.{port}": kind for port, kind in ((1, 2), (2, 1), (3, 0))},
            **{f"3.2.1.4.{port}": tenths for port, tenths in ((1, 250), (2, 187), (3, 0))},
            **{f"3.2.1.5.{port}": permille for port, permille in ((1, 415), (2, 0), (3, 0))},
        },
        {
            "dcim_pdu_input_energy_joules_total{inlet=1}": 123_456 * 3600.0,
            "dcim_pdu_input_power_watts{inlet=1}": 4321.0,
            "dcim_pdu_input_reactive_power_vars{inlet=1}": -210.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 4500.0,
            "dcim_pdu_outlet_energy_joules_total{outlet=A1}": 3_600_000.0,
            "dcim_pdu_outlet_power_watts{outlet=A1}": 276.0,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=A1}": 288.0,
            "dcim_pdu_outlet_voltage_volts{outlet=A1}": 230.4,
            "dcim_pdu_outlet_current_amperes{outlet=A1}": 1.25,
            "dcim_pdu_outlet_on{outlet=A1}": 1.0,
            "dcim_pdu_outlet_on{outlet=A2}": 0.0,
            "dcim_env_temperature_celsius{sensor=1}": 25.0,
            "dcim_env_temperature_celsius{sensor=2}": 18.7,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1}": 11.011062,  # Magnus, of the two above
        },
    ),
    "enlogic-pdu": _ENLOGIC,
    "enlogic-pdu2": replace(
        _ENLOGIC,
        answers={**_ENLOGIC.answers, "1.2.1.16.1": 3, "3.2.1.7.1.1": 1_600, "3.4.1.4.1.1": 4, "4.2.1.8.1.1": 1_280},
        values={
            **_ENLOGIC.values,
            "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}": 16.0,
            "dcim_pdu_bank_warning_current_amperes{bank=1.1}": 12.8,
            f"{ALARM}{{alarm=phase_voltage.1.1,severity=warning}}": 1.0,
        },
        states={**_ENLOGIC.states, "dcim_pdu_load_state{bank=1.1,scope=bank}": "normal"},
        bad={**_ENLOGIC.bad, "dcim_pdu_load_state{bank=1.2,scope=bank}": "sentinel"},
    ),
    "dataprobe-iboot-pdu": Published(
        "1.3.6.1.4.1.1418.6",
        {
            "1.4.0": b"iBoot-PDU8",
            "1.7.0": 1,
            **{
                f"6.{place}.0": value
                for place, value in ((1, 23_041), (2, 812), (3, 22_987), (4, 0), (5, 999), (6, 73))
            },
            **{f"5.1.7.{outlet}": state for outlet, state in ((1, 1), (2, 0))},
        },
        {
            "dcim_pdu_input_voltage_volts{inlet=1}": 230.41,
            "dcim_pdu_input_current_amperes{inlet=1}": 8.12,
            "dcim_pdu_input_voltage_volts{inlet=2}": 229.87,
            "dcim_pdu_input_current_amperes{inlet=2}": 0.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
        },
    ),
    "sinetica-hawk-i2": Published(
        "1.3.6.1.4.1.3711.24.1.1",
        {
            **{f"7.1.2.1.6.{unit}": state for unit, state in ((1, 1), (2, 2))},
            **{
                f"7.3.1.1.{column}.1": value
                for column, value in ((3, 231), (4, 85), (5, 98_765), (6, 20), (7, 19), (8, 97))
            },
            **{f"7.3.1.1.{column}.2": 0 for column in (3, 4, 5, 6, 7, 8)},
            **{f"7.2.3.1.5.1.{outlet}": state for outlet, state in ((1, 1), (2, 2), (3, 3))},
            **{f"1.3.1.1.6.{contact}": normal for contact, normal in ((4, 1), (5, 2), (6, 2))},
            **{f"1.3.1.1.7.{contact}": state for contact, state in ((4, 2), (5, 2), (6, 4))},
        },
        {
            "dcim_pdu_input_voltage_volts{inlet=1}": 231.0,
            "dcim_pdu_input_current_amperes{inlet=1}": 8.5,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 98_765 * 360_000.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 2000.0,
            "dcim_pdu_input_power_watts{inlet=1}": 1900.0,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.97,
            "dcim_pdu_outlet_on{outlet=1.1}": 1.0,
            "dcim_pdu_outlet_on{outlet=1.2}": 0.0,
            # Closed where open is normal, closed where that is normal, triggered.
            f"{DRY},sensor=4}}": 1.0,
            f"{DRY},sensor=5}}": 0.0,
            f"{DRY},sensor=6}}": 1.0,
        },
        {},
        {
            "dcim_pdu_outlet_on{outlet=1.3}": "sentinel",
            **{
                f"dcim_pdu_input_{what}{{inlet=2}}": "gated"
                for what in (
                    "voltage_volts",
                    "current_amperes",
                    "energy_joules_total",
                    "apparent_power_voltamperes",
                    "power_watts",
                    "power_factor_ratio",
                )
            },
        },
    ),
    # A three-phase cord, a delta one, one of two circuits with a group of outlets; the last row says that it is not there.
    "geist-pdu-v3": Published(
        "1.3.6.1.4.1.21239.2",
        {
            "1.1.0": b"RCM-O",
            **{f"25.1.{column}.1": value for column, value in ((4, 1), (29, 4_321), (30, 2_150))},
            **{
                f"25.1.{8 * phase + column}.1": value
                for phase, volts in ((0, 231), (1, 229))
                for column, value in ((5, 2_100 + phase), (6, volts), (8, 51), (10, 1_070), (11, 1_180), (12, 91))
            },
            **{f"25.1.{column}.1": 0 for column in (21, 22, 24, 26, 27, 28)},
            **{f"25.1.{column}.2": 0 for column in (4, 6, 29, 30)},
            **{f"6.1.{column}.2": value for column, value in ((4, 1), (9, 987), (10, 3_300))},
            **{f"6.1.{column}.2": amperes for column, amperes in ((6, 93), (7, 95), (8, 91))},
            **{f"6.1.{column}.2": volts for column, volts in ((12, 208), (18, 207), (24, 209))},
            **{
                f"34.1.{column}.3": value
                for first, amperes in ((5, 140), (13, 80), (21, 60))
                for column, value in ((first, 77), (first + 1, 230), (first + 3, amperes), (first + 5, amperes * 22))
            },
            "34.1.4.3": 2,
            **{f"15.1.{column}.1": value for column, value in ((4, 1), (5, 33), (13, 230), (6, 0), (14, 0))},
            **{f"16.1.{column}.7": value for column, value in ((3, 1), (6, 4), (14, 12), (15, 88))},
        },
        {
            "dcim_pdu_input_energy_joules_total{inlet=1}": 4_321 * 3.6e6,
            "dcim_pdu_input_power_watts{inlet=1}": 2_150.0,
            **{
                f"dcim_pdu_phase_{what}{{inlet=1,phase=L{phase}}}": value
                for phase, volts in ((1, 231.0), (2, 229.0))
                for what, value in (
                    ("voltage_volts", volts),
                    ("current_amperes", 5.1),
                    ("power_watts", 1_070.0),
                    ("apparent_power_voltamperes", 1_180.0),
                    ("power_factor_ratio", 0.91),
                    ("energy_joules_total", (2_099 + phase) * 3.6e6),
                )
            },
            "dcim_pdu_input_energy_joules_total{inlet=2}": 987 * 3.6e6,
            "dcim_pdu_input_power_watts{inlet=2}": 3_300.0,
            **{
                f"dcim_pdu_phase_current_amperes{{inlet=2,phase=L{phase}}}": amperes
                for phase, amperes in ((1, 9.3), (2, 9.5), (3, 9.1))
            },
            **{
                f"dcim_pdu_line_voltage_volts{{inlet=2,line={line}}}": volts
                for line, volts in (("L1-L2", 208.0), ("L2-L3", 207.0), ("L3-L1", 209.0))
            },
            **{
                f"dcim_pdu_{of}": value
                for circuit, amperes in (
                    ("input_{}{{inlet=3}}", 14.0),
                    ("bank_{}{{bank=3.A}}", 8.0),
                    ("bank_{}{{bank=3.B}}", 6.0),
                )
                for of, value in (
                    (circuit.format("energy_joules_total"), 77 * 3.6e6),
                    (circuit.format("voltage_volts"), 230.0),
                    (circuit.format("current_amperes"), amperes),
                    (circuit.format("power_watts"), amperes * 220),
                )
            },
            "dcim_pdu_current_unbalance_ratio{inlet=2}": 0.2 / 9.3,
            "dcim_pdu_bank_current_amperes{bank=A}": 3.3,
            "dcim_pdu_bank_voltage_volts{bank=A}": 230.0,
            "dcim_pdu_outlet_on{outlet=7}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=7}": 0.4,
            "dcim_pdu_outlet_energy_joules_total{outlet=7}": 12 * 3.6e6,
            "dcim_pdu_outlet_power_watts{outlet=7}": 88.0,
        },
    ),
    "ibm-pdu": Published(
        "1.3.6.1.4.1.2.6.223",
        {
            "7.6.0": b"46M4137",
            "0.1.1.7.0": 0,
            "8.4.7.0": 31,
            "8.3.2.1.4.1": 1_420,
            "8.3.2.1.4.3": 980,
            **{
                f"8.2.2.1.{column}.{outlet}": cell
                for outlet, cells in (
                    (1, {7: 98, 8: 231_400, 9: 1_250, 10: 20_000, 11: 16_000, 13: 1, 14: 1, 15: 283}),
                    (2, {7: 0, 8: 231_200, 9: 0, 10: 20_000, 11: 16_000, 13: 0, 14: 1, 15: 0}),
                )
                for column, cell in cells.items()
            },
            "9.2.1.8.1": 24,
            "9.2.1.9.1": 4_294_967_295,
        },
        {
            "dcim_pdu_temperature_celsius{sensor=internal}": 31.0,
            f"{ALARM}{{alarm=input-voltage,severity=warning}}": 0.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 1_420.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L3}": 980.0,
            "dcim_pdu_outlet_voltage_volts{outlet=1}": 231.4,
            "dcim_pdu_outlet_voltage_volts{outlet=2}": 231.2,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.25,
            "dcim_pdu_outlet_current_amperes{outlet=2}": 0.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1}": 20.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=2}": 20.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_power_watts{outlet=1}": 283.0,
            "dcim_pdu_outlet_power_watts{outlet=2}": 0.0,
            "dcim_env_temperature_celsius{sensor=external.1}": 24.0,
        },
        bad={"dcim_env_relative_humidity_ratio{sensor=external.1}": "sentinel"},
    ),
}
