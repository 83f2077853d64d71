"""Families of one maker under the names of others: answers written down from published maps; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, DRY, Published

# A one-phase PDU with the controller of Panduit G5, which has rows of phases, groups and probes that are not there
_PHASE = {
    2: (1, 0, 0),
    3: (2_418, 0, 0),
    4: (4, 0, 0),
    9: (1, 0, 0),
    10: (2_400, 2_400, 2_400),
    11: (612, 0, 0),
    12: (1, 0, 0),
    15: (2_100, 0, 0),
    17: (25, 0, 0),
    19: (1_480, 0, 0),
    20: (1_421, 0, 0),
    21: (30_500, 0, 0),
    23: (96, 0, 0),
    24: (413, 0, 0),
}
_ANSWERS: dict[str, SnmpValue] = {
    "1.2.1.7.1": b"EMSV0001",
    **{f"2.1.1.{column}.1": cell for column, cell in ((2, 499), (4, 1_480), (5, 1_421), (6, 30), (8, 30_500))},
    **{f"2.1.1.{column}.1": cell for column, cell in ((9, 96), (10, 413), (11, 612))},
    **{f"2.2.1.{column}.1.{row}": cell for column, cells in _PHASE.items() for row, cell in enumerate(cells, 1)},
    **{f"3.1.1.{column}.1.1": cell for column, cell in ((3, 2), (5, 2_418), (11, 2_000), (12, 612), (13, 4))},
    **{f"3.1.1.{column}.1.1": cell for column, cell in ((16, 600), (20, 1_421), (21, 30_500), (26, 2))},
    **{f"3.1.1.{column}.1.2": 0 for column in (3, 5, 11, 12, 13, 16, 20, 21, 26)},
    **{f"5.1.1.{column}.1.1": cell for column, cell in ((3, 1), (4, 1_000), (5, 125), (12, 302), (13, 290))},
    **{f"5.1.1.{column}.1.1": cell for column, cell in ((14, 4_200), (16, 96))},
    "5.2.1.1.1.1": 2,
    "5.2.1.1.1.2": 1,
    "4.1.1.1.1": 1,
    **{f"4.2.1.{column}.1.1": cell for column, cell in ((3, 2), (4, 312), (5, 4))},
    **{f"4.3.1.{column}.1.1": cell for column, cell in ((3, 2), (4, 41), (5, 1))},
    **{f"4.{table}.1.{column}.1.2": cell for table in (2, 3) for column, cell in ((3, 1), (4, 0), (5, 0))},
    **{f"4.{table}.1.3.1.1": 2 for table in (4, 5, 6, 7)},
    **{f"4.{table}.1.4.1.1": code for table, code in ((4, 1), (5, 1), (6, 2), (7, 1))},
}
_VALUES = {
    "dcim_pdu_input_frequency_hertz{inlet=1}": 49.9,
    "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1_480.0,
    "dcim_pdu_input_power_watts{inlet=1}": 1_421.0,
    "dcim_pdu_input_energy_joules_total{inlet=1}": 30 * 3_600_000.0,
    "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.96,
    "dcim_pdu_input_reactive_power_vars{inlet=1}": 413.0,
    "dcim_pdu_input_current_amperes{inlet=1}": 6.12,
    "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 241.8,
    "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 24.0,
    "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}": 21.0,
    "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 6.12,
    "dcim_pdu_phase_load_ratio{inlet=1,phase=L1}": 0.25,
    "dcim_pdu_phase_apparent_power_voltamperes{inlet=1,phase=L1}": 1_480.0,
    "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 1_421.0,
    "dcim_pdu_phase_energy_joules_total{inlet=1,phase=L1}": 30_500 * 3_600.0,
    "dcim_pdu_phase_power_factor_ratio{inlet=1,phase=L1}": 0.96,
    "dcim_pdu_phase_reactive_power_vars{inlet=1,phase=L1}": 413.0,
    f"{ALARM}{{alarm=phase_voltage.1.1,severity=warning}}": 1.0,
    "dcim_pdu_bank_voltage_volts{bank=1.1}": 241.8,
    "dcim_pdu_bank_rated_current_amperes{bank=1.1}": 20.0,
    "dcim_pdu_bank_current_amperes{bank=1.1}": 6.12,
    "dcim_pdu_bank_warning_current_amperes{bank=1.1}": 6.0,
    "dcim_pdu_bank_power_watts{bank=1.1}": 1_421.0,
    "dcim_pdu_bank_energy_joules_total{bank=1.1}": 30_500 * 3_600.0,
    "dcim_pdu_breaker_tripped{bank=1.1}": 0.0,
    "dcim_pdu_outlet_rated_current_amperes{outlet=1.1}": 10.0,
    "dcim_pdu_outlet_current_amperes{outlet=1.1}": 1.25,
    "dcim_pdu_outlet_apparent_power_voltamperes{outlet=1.1}": 302.0,
    "dcim_pdu_outlet_power_watts{outlet=1.1}": 290.0,
    "dcim_pdu_outlet_energy_joules_total{outlet=1.1}": 4_200 * 3_600.0,
    "dcim_pdu_outlet_power_factor_ratio{outlet=1.1}": 0.96,
    "dcim_pdu_outlet_on{outlet=1.1}": 1.0,
    "dcim_pdu_outlet_on{outlet=1.2}": 0.0,
    "dcim_env_temperature_celsius{sensor=1.1}": 31.2,
    "dcim_env_relative_humidity_ratio{sensor=1.1}": 0.41,
    "dcim_env_dew_point_celsius{sensor=1.1}": 16.383577,  # Magnus, of the two above
    f"{ALARM}{{alarm=sensor-temperature.1.1,severity=warning}}": 1.0,
    f"{ALARM}{{alarm=sensor-humidity.1.1,severity=warning}}": 0.0,
    "dcim_env_contact_active{kind=door,sensor=1.1}": 1.0,
    f"{DRY},sensor=1.1}}": 0.0,
    "dcim_leak_detected{sensor=spot.1.1}": 1.0,
    "dcim_leak_detected{sensor=rope.1.1}": 0.0,
}


def _controller(root: str, status: int) -> Published:
    """The controller of Panduit G5 in another maker's branch, with this state."""
    states = {
        "dcim_device_state": {2: "ok", 4: "failed"}[status],
        "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "normal",
        "dcim_pdu_load_state{bank=1.1,scope=bank}": "near_overload",
    }
    return Published(root, _ANSWERS | {"1.2.1.9.1": status}, _VALUES, states)


# A card of Voltronic Power: lines count from 0, and powers are tenths of watts where there is one line.
_TABLES: dict[str, tuple[int, ...]] = {
    "4.5.1.2": (500, 500, 500),
    "4.5.1.3": (2_312, 2_305, 2_298),
    "4.5.1.4": (0, 0, 0),
    "4.5.1.6": (0, 0, 0),
    "5.7.1.2": (2_300, 2_301, 2_299),
    "5.7.1.3": (19, 24, 31),
    "5.7.1.4": (4_370, 4, 4),
    "5.7.1.5": (4_020, 3, 3),
    "5.7.1.7": (43, 40, 39),
    "6.3.1.2": (2_311, 2_304, 2_297),
    "6.3.1.3": (0, 0, 0),
    "6.3.1.4": (0, 0, 0),
}
_COLUMNS = (
    ("input_frequency_hertz", "4.5.1.2", 10),
    ("input_voltage_volts", "4.5.1.3", 10),
    ("output_voltage_volts", "5.7.1.2", 10),
    ("output_current_amperes", "5.7.1.3", 10),
    ("output_load_ratio", "5.7.1.7", 100),
    ("bypass_voltage_volts", "6.3.1.2", 10),
    ("bypass_current_amperes", "6.3.1.3", 10),
)
_SCALARS: dict[str, SnmpValue] = {
    "1.1": b"",
    "1.3": b"VFI 1000",
    "2.1": 2_300,
    "2.2": 2_300,
    "2.5": 10_000,
    "2.6": 9_000,
    "3.1": 7,
    "3.2": -1,
    "3.3": 52,
    "3.4": 97,
    "3.5": 409,
    "3.6": 0,
    "3.13": 284,
    "4.1": 3,
    "5.1": 10,
    "5.2": 500,
    "6.1": 499,
    "7.2": 6,
}
_PROBE = {1: 241, 2: 40, 4: 0, 5: 1, 6: 0, 7: 0}
_SINGLE = {
    "dcim_ups_rated_apparent_power_voltamperes": 1_000.0,
    "dcim_ups_rated_power_watts": 900.0,
    "dcim_ups_output_apparent_power_voltamperes{phase=L1}": 437.0,
    "dcim_ups_output_power_watts{phase=L1}": 402.0,
    "dcim_ups_bypass_power_watts{phase=L1}": 0.0,
    "dcim_env_temperature_celsius{sensor=emd}": 24.1,
    "dcim_env_relative_humidity_ratio{sensor=emd}": 0.4,
    "dcim_env_dew_point_celsius{sensor=emd}": 9.652098,  # Magnus, of the two above
    **{f"{DRY},sensor=emd.{contact}}}": float(contact == 2) for contact in (1, 2, 3, 4)},
}
_SAID = {
    "dcim_ups_on_battery_seconds": 0.0,
    "dcim_ups_battery_runtime_seconds": 52 * 60.0,
    "dcim_ups_battery_charge_ratio": 0.97,
    "dcim_ups_battery_voltage_volts": 40.9,
    "dcim_ups_battery_temperature_celsius": 28.4,
    "dcim_ups_battery_replace_required": 1.0,
    "dcim_ups_input_faults_total": 3.0,
    "dcim_ups_output_frequency_hertz": 50.0,
    "dcim_ups_bypass_frequency_hertz{phase=L1}": 49.9,
    "dcim_ups_rated_input_voltage_volts": 230.0,
    "dcim_ups_rated_output_voltage_volts": 230.0,
    f"{ALARM}{{alarm=ups_fault,severity=critical}}": 0.0,
}
_STATES = {
    "dcim_ups_output_source": "eco",
    "dcim_ups_battery_state": "fault",
    "dcim_ups_test_result": "never",
}


def _voltronic(root: str, lines: int) -> Published:
    """A card with its branch at this root, at a UPS of so many lines; with one it has a probe."""
    beside = f"{root.removeprefix('1.3.6.1.')}."
    phases = tuple(range(lines))
    answers: dict[str, SnmpValue] = {
        **{f"{beside}{scalar}.0": cell for scalar, cell in _SCALARS.items()},
        **{f"{beside}{column}.{row}": cells[row] for column, cells in _TABLES.items() for row in phases},
        f"{beside}5.6.0": lines,
        **{f"{beside}13.{place}.0": cell if lines == 1 else 0 for place, cell in _PROBE.items()},
        "2.1.33.1.2.2.0": 0,
        "2.1.33.1.3.2.0": lines,
        "2.1.33.1.4.3.0": lines,
        **{f"2.1.33.1.4.4.1.2.{row + 1}": 230 for row in phases},
        **{f"2.1.33.1.4.4.1.4.{row + 1}": 400 + row for row in phases},
    }
    several = {
        **{f"dcim_ups_output_power_watts{{phase=L{row + 1}}}": 400.0 + row for row in phases},
        "dcim_ups_output_current_unbalance_ratio": 0.256757,  # the farthest from the mean of the three, by the mean
    }
    measured = {
        f"dcim_ups_{metric}{{phase=L{row + 1}}}": _TABLES[column][row] / divisor
        for metric, column, divisor in _COLUMNS
        for row in phases
    }
    values = _SAID | measured | (_SINGLE if lines == 1 else several)
    return Published("1.3.6.1", answers, values, _STATES)


OEM = {
    "voltronic-ups": _voltronic("1.3.6.1.4.1.43943.1.1", 1),
    "voltronic-company": _voltronic("1.3.6.1.4.1.21111.1.1", 3),
    "eaton-nlogic": _controller("1.3.6.1.4.1.534.7.1", 4),
    "enlogic-edge": _controller("1.3.6.1.4.1.38446.4.1", 2),
    # A probe with humidity and a contact in use, one of temperature alone that is too cold, and a place without a probe.
    "eaton-rackmonitor": Published(
        "1.3.6.1.4.1.534.6.7.1.1",
        {
            "1.3.0": b"Rack Monitor v2.01 (SN 1)",
            "3.1.0": 3,
            **{
                f"3.2.1.{column}.{row}": cell
                for row, cells in {
                    1: (3, 264, 6, 260, 5, 2, 3),
                    2: (4, 51, 4, -1, 1, 4, 1),
                    3: (2, -1, 1, -1, 1, 1, 1),
                }.items()
                for column, cell in enumerate(cells, 2)
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": 26.4,
            "dcim_env_temperature_celsius{sensor=2}": 5.1,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.26,
            "dcim_env_dew_point_celsius{sensor=1}": 5.342062,  # Magnus, of the two above
            f"{ALARM}{{alarm=temperature.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=temperature.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=temperature.2,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=temperature.2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=humidity.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=humidity.1,severity=warning}}": 0.0,
            f"{DRY},sensor=1.2}}": 1.0,
            f"{DRY},sensor=2.1}}": 0.0,
        },
    ),
    # As Observium's reader shows the rectifiers' inputs, with one rectifier that has failed.
    "alpha-cordex": Published(
        "1.3.6.1.4.1.7309.4.1",
        {
            **{f"1.{scalar}.0": cell for scalar, cell in enumerate((5_402, 5_401, 31, 958, 0, 1), 1)},
            "2.8.0": b"CXC 48V",
            "2.9.0": b"A-7713",
            "2.11.0": b"2.40",
            **{
                f"6.3.2.1.{column}.{row}": cell
                for row, (cell_of, name) in enumerate(
                    (
                        (989, b"Total Rectifier Current"),
                        (5_400, b"Avg DC Voltage"),
                        (24_300, b"Avg AC Voltage"),
                        (2, b"# Acquired Rectifiers"),
                        (2, b"# Sourcing Rectifiers"),
                        (1, b"# Failed Rectifiers"),
                        (0, b"Minor Alarm Rectifiers"),
                        (0, b"Comms Lost Rectifiers"),
                        (0, b"AC Failed Rectifiers"),
                        (0, b"Fan Failed Rectifiers"),
                        (0, b"Power Saving Rectifiers"),
                    ),
                    1,
                )
                for column, cell in ((2, b"Rectifier input%d" % row), (3, cell_of), (4, name))
            },
        },
        {
            "dcim_ups_battery_voltage_volts": 54.02,
            "dcim_ups_input_voltage_volts{phase=L1}": 243.0,
            f"{ALARM}{{alarm=major,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=minor,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=__Failed_Rectifiers,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=Minor_Alarm_Rectifiers,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=Comms_Lost_Rectifiers,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=AC_Failed_Rectifiers,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=Fan_Failed_Rectifiers,severity=warning}}": 0.0,
        },
    ),
    # On its inverter, with a fan that has failed.
    "alpha-fxm": Published(
        "1.3.6.1.4.1.7309.6.1",
        {
            "1.2.0": b"0170130-001",
            **{f"2.{scalar}.0": cell for scalar, cell in enumerate((2, 3, 512, -41, 94, 27), 1)},
            "3.2.1.2.1": 60,
            "3.2.1.3.1": 0,
            "4.1.0": 7,
            "4.2.0": 600,
            **{f"4.4.1.{column}.1": cell for column, cell in enumerate((1_201, 42, 504, 479, 95, 25), 2)},
            "5.1.0": 2,
            **{f"5.2.1.2.{row}": name for row, name in ((1, b"LINE FAIL"), (2, b"FAN"), (3, b"OVERLOAD"))},
            **{f"5.2.1.3.{row}": state for row, state in ((1, 1), (2, 1), (3, 0))},
        },
        {
            "dcim_ups_on_battery_seconds": 180.0,
            "dcim_ups_battery_voltage_volts": 51.2,
            "dcim_ups_battery_current_amperes": -4.1,
            "dcim_ups_battery_charge_ratio": 0.94,
            "dcim_ups_battery_temperature_celsius": 27.0,
            "dcim_ups_input_frequency_hertz{phase=L1}": 60.0,
            "dcim_ups_input_voltage_volts{phase=L1}": 0.0,
            "dcim_ups_output_frequency_hertz": 60.0,
            "dcim_ups_output_voltage_volts{phase=L1}": 120.1,
            "dcim_ups_output_current_amperes{phase=L1}": 4.2,
            "dcim_ups_output_apparent_power_voltamperes{phase=L1}": 504.0,
            "dcim_ups_output_power_watts{phase=L1}": 479.0,
            "dcim_ups_output_power_factor_ratio{phase=L1}": 0.95,
            "dcim_ups_output_load_ratio{phase=L1}": 0.25,
            "dcim_device_alarms": 2.0,
            f"{ALARM}{{alarm=LINE_FAIL,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=FAN,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=OVERLOAD,severity=warning}}": 0.0,
        },
        {"dcim_ups_output_source": "battery", "dcim_ups_battery_state": "normal"},
    ),
}
