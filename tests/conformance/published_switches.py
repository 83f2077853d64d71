"""Transfer switches and distribution units without a recording: answers written down from their published MIBs; see published_mibs."""

from tests.conformance.published_mibs import ALARM, Published

_WARNINGS = (
    *(
        "auxiliary_supply_1",
        "auxiliary_supply_2",
        "synchronisation",
        "transfer_inhibited",
        "phase_sequence_a",
        "phase_sequence_b",
    ),
    *(
        "voltage_a",
        "voltage_b",
        "input_switch_off_a",
        "input_switch_off_b",
        "frequency_a",
        "frequency_b",
        "balance_a",
        "balance_b",
    ),
    *("maintenance_bypass_a", "maintenance_bypass_b"),
)
_FAULTS = (
    *("locked", "output_switch_off", "blackout_a", "blackout_b", "thyristor_a", "thyristor_b", "thyristor_output"),
    *("over_temperature", "general_fault", "breaker_tripped_a", "breaker_tripped_b"),
)

_STATYS_OUTPUT = (("current_amperes", 87.0), ("apparent_power_voltamperes", 20_000.0), ("power_watts", 18_000.0))

SWITCHES = {
    "asco-qem": Published(
        "1.3.6.1.4.1.7777.1.1",
        dict(
            zip(
                map("{}.0".format, range(1, 16)),
                (42, 6001, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4802, 4795, 4811, 0),
                strict=True,
            )
        ),
        {
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            "dcim_ats_source_frequency_hertz{source=a}": 60.01,
            **{
                f"dcim_ats_source_line_voltage_volts{{line={line},source=a}}": volts
                for line, volts in (("L1-L2", 480.2), ("L2-L3", 479.5), ("L3-L1", 481.1))
            },
        },
        {"dcim_ats_selected_source": "a"},
        {"dcim_ats_source_frequency_hertz{source=b}": "sentinel"},
    ),
    # A three-phase switch that has lost its first source.
    "riello-mts": Published(
        "1.3.6.1.4.1.5491.12",
        {
            "1.4.0": 4,
            **{
                f"2.{at}.0": value
                for at, value in ((1, 0), (2, 0), (3, 0), (4, 0), (5, 500), (6, 231), (7, 230), (8, 232))
            },
            **{
                f"2.{at}.0": value
                for at, value in ((9, -12), (10, 41), (11, 38), (12, 40), (13, 152), (14, 140), (15, 149))
            },
            "2.16.0": 34,
            **{f"2.{flag}.0": int(flag in {26, 27, 38, 40}) for flag in range(19, 57)},
        },
        {
            "dcim_ats_source_usable{source=a}": 0.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_ats_redundant": 0.0,
            "dcim_ats_overload": 0.0,
            **{f"dcim_ats_source_voltage_volts{{phase=L{line},source=a}}": 0.0 for line in (1, 2, 3)},
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 231.0,
            "dcim_ats_source_voltage_volts{phase=L2,source=b}": 230.0,
            "dcim_ats_source_voltage_volts{phase=L3,source=b}": 232.0,
            "dcim_ats_source_frequency_hertz{source=b}": 50.0,
            "dcim_ats_output_load_ratio{phase=L1}": 0.41,
            "dcim_ats_output_load_ratio{phase=L2}": 0.38,
            "dcim_ats_output_load_ratio{phase=L3}": 0.40,
            "dcim_ats_output_current_amperes{phase=L1}": 15.2,
            "dcim_ats_output_current_amperes{phase=L2}": 14.0,
            "dcim_ats_output_current_amperes{phase=L3}": 14.9,
            "dcim_ats_phase_shift_degrees": 12.0,
            "dcim_ats_temperature_celsius{sensor=internal}": 34.0,
            **{f"{ALARM}{{alarm={name},severity=warning}}": float(name == "voltage_a") for name in _WARNINGS},
            **{f"{ALARM}{{alarm={name},severity=critical}}": float(name == "blackout_a") for name in _FAULTS},
        },
        {"dcim_ats_selected_source": "b", "dcim_ats_preferred_source": "a"},
        {"dcim_ats_source_frequency_hertz{source=a}": "sentinel"},
    ),
    "riello-mdu": Published(
        "1.3.6.1.4.1.5491.11",
        {
            "1.7.0": 32,
            **{f"2.{at}.0": value for at, value in ((1, 499), (2, 229), (3, 87), (12, 31))},
            **{f"2.{flag}.0": int(flag == 11) for flag in range(5, 12)},
            **{
                f"2.4.1.{column}.{outlet}": value
                for outlet, *row in ((1, 52, 1, 1), (2, 35, 1, 3), (3, 0, 2, 6), (4, 0, 1, 4), (5, 162, 1, 5))
                for column, value in zip((2, 4, 5), row, strict=True)
            },
        },
        {
            "dcim_pdu_input_rated_current_amperes": 32.0,
            "dcim_pdu_input_frequency_hertz": 49.9,
            "dcim_pdu_input_voltage_volts": 229.0,
            "dcim_pdu_input_current_amperes": 8.7,
            "dcim_pdu_temperature_celsius{sensor=internal}": 31.0,
            **{
                f"{ALARM}{{alarm={name},severity=warning}}": float(name == "manual_bypass")
                for name in (
                    *("input_voltage_low", "input_voltage_high", "input_current_low"),
                    *("auxiliary_supply_1", "auxiliary_supply_2", "manual_bypass"),
                )
            },
            f"{ALARM}{{alarm=input_current_high,severity=critical}}": 0.0,
            **{
                f"{ALARM}{{alarm=outlet_overload.{outlet},severity={severity}}}": float(outlet == active)
                for outlet in (1, 2, 3, 4, 5)
                for severity, active in (("critical", 3), ("warning", 5))
            },
            **{f"dcim_pdu_outlet_on{{outlet={outlet}}}": float(outlet not in (3, 4)) for outlet in (1, 2, 3, 4, 5)},
            **{
                f"dcim_pdu_outlet_current_amperes{{outlet={outlet}}}": value
                for outlet, value in ((1, 5.2), (2, 3.5), (3, 0.0), (4, 0.0), (5, 16.2))
            },
        },
        {},
    ),
    "mge-sts": Published(
        "1.3.6.1.4.1.705.2",
        {
            "3.5.0": 2,
            "4.5.0": 1,
            "3.16.0": 500,
            "4.16.0": 499,
            **{f"{3 + source}.2.1.2.{line}": 3_990 + 20 * source + line for source in (0, 1) for line in (1, 2, 3)},
            **{f"{3 + source}.2.1.3.{phase}": 152 * source for source in (0, 1) for phase in (1, 2, 3)},
        },
        {
            "dcim_ats_source_frequency_hertz{source=a}": 50.0,
            "dcim_ats_source_frequency_hertz{source=b}": 49.9,
            **{
                f"dcim_ats_source_line_voltage_volts{{line={pair},source={source}}}": volts + line / 10
                for source, volts in (("a", 399.0), ("b", 401.0))
                for line, pair in ((1, "L1-L2"), (2, "L2-L3"), (3, "L3-L1"))
            },
            **{
                f"dcim_ats_source_current_amperes{{phase={phase},source={source}}}": amperes
                for source, amperes in (("a", 0.0), ("b", 15.2))
                for phase in ("L1", "L2", "L3")
            },
        },
        {"dcim_ats_selected_source": "b"},
    ),
    # Three lines, of which the voltages may be to neutral or between lines, fed by the second source.
    "socomec-sts": Published(
        "1.3.6.1.4.1.4555.1.1.10.1",
        {
            **{f"2.{at}.0": value for at, value in zip(range(1, 5), (4, 2, 487, 3), strict=True)},
            **{f"3.{at}.0": value for at, value in zip(range(1, 5), (2, 1, 500, 3), strict=True)},
            **{f"{source}.5.1.2.{line}": 400 for source in (2, 3) for line in (1, 2, 3)},
            "4.1.0": 4,
            **{f"5.{at}.0": value for at, value in zip(range(1, 6), (3, 3, 500, 41, 3), strict=True)},
            **{
                f"5.6.1.{column}.{line}": (400, 87, 20, 18)[column - 2] for column in (2, 3, 4, 5) for line in (1, 2, 3)
            },
            **{f"6.1.{alarm}.0": int(alarm in {2, 8}) for alarm in range(1, 10)},
        },
        {
            "dcim_ats_source_usable{source=a}": 0.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_ats_source_frequency_hertz{source=a}": 48.7,
            "dcim_ats_source_frequency_hertz{source=b}": 50.0,
            "dcim_ats_output_frequency_hertz": 50.0,
            f"{ALARM}{{alarm=sources_out_of_phase,severity=warning}}": 1.0,
            **{
                f"{ALARM}{{alarm={name},severity=critical}}": float(name == "transfer_impossible")
                for name in (
                    *("imminent_stop", "transfer_impossible", "transfer_locked", "overload"),
                    *("switch_1_fault", "switch_2_fault"),
                )
            },
            **{
                f"{ALARM}{{alarm={name},severity=warning}}": float(name == "general")
                for name in ("maintenance", "general", "custom_input")
            },
            **{
                f"dcim_ats_output_{metric}{{phase=L{line}}}": value
                for metric, value in _STATYS_OUTPUT
                for line in (1, 2, 3)
            },
        },
        {"dcim_ats_selected_source": "b", "dcim_ats_preferred_source": "a"},
    ),
    # A switch as PDU with two inputs, whose source B is too low and out of phase; see also test_published_mibs for the earlier branch.
    "cyberpower-ats": Published(
        "1.3.6.1.4.1.3808.1.1.6",
        {
            "3.4.1.5.1": 42,
            "3.4.1.9.1": 1_234,
            "3.4.1.18.1": 950,
            **{
                f"9.4.1.{column}.1": value
                for column, value in zip(
                    range(3, 17), (1, 500, 2304, 1867, 500, 498, 1, 3, 1, 1, 2, 1, 4, 1), strict=True
                )
            },
            "6.1.4.1.5.1": 1,
            "6.1.4.1.5.2": 2,
        },
        {
            "dcim_ats_redundant": 0.0,
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            "dcim_ats_source_voltage_volts{phase=L1,source=a}": 230.4,
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 186.7,
            "dcim_ats_source_frequency_hertz{source=a}": 50.0,
            "dcim_ats_source_frequency_hertz{source=b}": 49.8,
            "dcim_ats_output_current_amperes{phase=L1}": 4.2,
            "dcim_ats_output_power_watts{phase=L1}": 950.0,
            "dcim_ats_output_energy_joules_total": 1_234 * 360_000.0,
            f"{ALARM}{{alarm=sources_out_of_phase,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=power_supply_a,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=power_supply_b,severity=warning}}": 1.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
        },
        {"dcim_ats_selected_source": "a"},
    ),
}
