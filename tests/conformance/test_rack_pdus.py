"""Rack PDUs and environment monitors in states, generations and with accessories that no recording shows, as their MIBs say."""

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, CONTACT = "dcim_device_alarm_active", "dcim_env_contact_active"
DOMINION, XERUS, SENTRY4 = "1.3.6.1.4.1.13742.4", "1.3.6.1.4.1.13742.6", "1.3.6.1.4.1.1718.4.1"
HPE, MPX = "1.3.6.1.4.1.232.165", "1.3.6.1.4.1.476.1.42.3.8"
# Sensor, measurement and lgpPduAuxMeasType
MPX_SENSORS = [(1, 1, 1), (1, 3, 1), (11, 1, 2), (2, 1, 3), (2, 2, 3), (3, 1, 4), (3, 2, 4), (3, 3, 4), (4, 1, 5)]
MPX_SENSORS += [(sensor, 1, 6) for sensor in (5, 6, 7, 8)]


def row_of(*cells: SnmpValue) -> tuple[SnmpValue, ...]:
    """Cells of a row, of several types."""
    return cells


CASES = {
    # inletCurrent and inletVoltage are 0 on an inlet of three phases.
    "a Dominion PX of three phases with a tripped breaker and probes": MibDevice(
        "raritan-px",
        DOMINION,
        {
            "1.1.32.0": b"Yes",
            "1.1.33.0": b"Yes",
            **{f"1.20.2.1.{column}.1": cell for column, cell in ((3, 4), (7, 0), (8, 0), (9, 5_210), (15, b"7%"))},
            **{f"1.21.2.1.3.1.{pole}": amperes for pole, amperes in ((1, 7_000), (2, 7_500), (3, 8_000))},
            **{
                f"1.5.2.1.{column}.{breaker}": cell
                for breaker, cells in ((1, (0, 20_000, 8_300, 16_000)), (2, (1, 20_000, 0, 16_000)))
                for column, cell in zip((3, 4, 5, 7), cells, strict=True)
            },
            **{f"1.2.2.1.{column}.1": cell for column, cell in ((3, 1), (4, 1_250), (30, 10_000), (31, 123_456))},
            # externalSensorType, externalBinarySensorSubtype, externalSensorState
            **{
                f"3.3.1.{column}.{sensor}": cell
                for sensor, cells in {1: (14, 17, 11), 2: (14, 20, 4), 3: (18, 31, 4), 4: (17, 31, 4)}.items()
                for column, cell in zip((2, 9, 40), cells, strict=True)
            },
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 5_210.0,
            "dcim_pdu_input_unbalance_ratio{inlet=1}": 0.07,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 7.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L2}": 7.5,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L3}": 8.0,
            "dcim_pdu_current_unbalance_ratio{inlet=1}": 0.5 / 7.5,
            "dcim_pdu_breaker_tripped{bank=1}": 0.0,
            "dcim_pdu_breaker_tripped{bank=2}": 1.0,
            "dcim_pdu_bank_current_amperes{bank=1}": 8.3,
            "dcim_pdu_bank_current_amperes{bank=2}": 0.0,
            **{f"dcim_pdu_bank_rated_current_amperes{{bank={bank}}}": 20.0 for bank in (1, 2)},
            **{f"dcim_pdu_bank_warning_current_amperes{{bank={bank}}}": 16.0 for bank in (1, 2)},
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.25,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1}": 10.0,
            "dcim_pdu_outlet_energy_joules_total{outlet=1}": 123_456 * 3_600.0,
            "dcim_leak_detected{sensor=1}": 1.0,
            f"{CONTACT}{{kind=dry_contact,sensor=2}}": 0.0,
            f"{CONTACT}{{kind=smoke,sensor=3}}": 0.0,
            "dcim_leak_detected{sensor=4}": 0.0,
        },
    ),
    "a Dominion PX of firmware 1.2, without tables of inlets and of sensors": MibDevice(
        "raritan-px",
        DOMINION,
        {
            "1.3.1.3.0": 1_750,
            "1.3.1.4.0": 1_880,
            "1.3.1.5.0": 412,
            "1.4.2.1.3.1": 8_200,
            "2.2.1.3.1": 231,
            "2.4.1.3.1": 44,
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 1_750.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1_880.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 8.2,
            "dcim_pdu_temperature_celsius{sensor=cpu}": 41.2,
            "dcim_env_temperature_celsius{sensor=1}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=humidity.1}": 0.44,
        },
    ),
    # The water and smoke sensors of the DPX and DX series are of the type onOff; externalOnOffSensorSubtype says what they detect.
    "a PX3 with water and smoke on on/off sensors, and the limit of a phase": MibDevice(
        "raritan-pdu2",
        XERUS,
        {
            **{
                cell: value
                for sensor, (subtype, state) in enumerate(((17, 11), (18, 4), (20, 4), (45, 11), (31, 7)), 1)
                for cell, value in (
                    (f"3.6.3.1.2.1.{sensor}", 14),
                    (f"3.6.3.1.10.1.{sensor}", subtype),
                    (f"5.5.3.1.3.1.{sensor}", state),
                )
            },
            "3.3.6.1.7.1.1.1.1": 3,
            "3.3.6.1.24.1.1.1.1": 25_600,
            "5.2.4.1.4.1.1.1.1": 12_345,
        },
        {
            "dcim_leak_detected{sensor=1.1}": 1.0,
            f"{CONTACT}{{kind=smoke,sensor=1.2}}": 0.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.3}}": 0.0,
            f"{CONTACT}{{kind=tamper,sensor=1.4}}": 1.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.5}}": 1.0,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L1}": 12.345,
            "dcim_pdu_phase_warning_current_amperes{inlet=1.1,phase=L1}": 25.6,
        },
    ),
    "a PX3TS on its second inlet: the first is out of limits, a switch and a fan have failed": MibDevice(
        "raritan-pdu2",
        XERUS,
        {
            "5.2.3.1.3.1.1.32": 28,
            "5.2.3.1.3.1.2.32": 4,
            "5.2.3.1.3.1.1.22": 26,
            **{f"5.7.3.1.3.1.1.{kind}": state for kind, state in ((34, 12), (37, 26), (41, 19), (48, 22))},
        },
        {
            f"{ALARM}{{alarm=power_quality.1.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=power_quality.1.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=power_quality.1.2,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=power_quality.1.2,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=surge_protector.1.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=switch_overheat.1.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=switch_fan.1.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=switch.1.1,severity=critical}}": 1.0,
        },
        {"dcim_ats_selected_source": "b"},
    ),
    "a PRO2 with the limits of a line and of a branch": MibDevice(
        "servertech-sentry4",
        SENTRY4,
        {
            "4.2.1.4.1.1.1": b"AA:L1",
            "4.3.1.3.1.1.1": 1_210,
            "4.3.1.5.1.1.1": 756,
            "4.4.1.4.1.1.1": 128,
            "7.2.1.4.1.1.1": b"AA:BR1",
            "7.3.1.3.1.1.1": 830,
            "7.4.1.4.1.1.1": 160,
        },
        {
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L1}": 12.1,
            "dcim_pdu_phase_load_ratio{inlet=1.1,phase=L1}": 0.756,
            "dcim_pdu_phase_warning_current_amperes{inlet=1.1,phase=L1}": 12.8,
            "dcim_pdu_bank_current_amperes{bank=AA:BR1}": 8.3,
            "dcim_pdu_bank_warning_current_amperes{bank=AA:BR1}": 16.0,
        },
    ),
    "a NetShelter Advanced with the limits of a phase and of its breakers, and a row that is no breaker": MibDevice(
        "apc-cpdu",
        "1.3.6.1.4.1.318.1.1.32",
        {
            "3.2.1.7.1.1": 4_500,
            "3.4.1.5.1.1": 620,
            **{
                f"4.{column}.1.{row}": cell
                for row, cells in ((1, row_of(b"B1", 5, 231, 20, 1_600)), (2, row_of(b"NA", 6, 0, 0, 0)))
                for column, cell in zip(("4.1.3", "4.1.4", "4.1.5", "3.1.4", "2.1.8"), cells, strict=True)
            },
        },
        {
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 6.2,
            "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}": 45.0,
            "dcim_pdu_bank_current_amperes{bank=1}": 2.31,
            "dcim_pdu_bank_rated_current_amperes{bank=1}": 20.0,
            "dcim_pdu_bank_warning_current_amperes{bank=1}": 16.0,
            "dcim_pdu_breaker_tripped{bank=1}": 0.0,
        },
        {"dcim_pdu_load_state{bank=1,scope=bank}": "normal"},
    ),
    "a sensorProbe+ with a wet water rope, one that is broken, one that is offline, and a motion detector": MibDevice(
        "akcp-sensorprobe-plus",
        "1.3.6.1.4.1.3854.3.5.1.1",
        {
            f"{column}.0.0.{port}": cell
            for port, cells in enumerate(
                (
                    row_of(b"Rope", 24, 4, 1),
                    row_of(b"Rope", 24, 7, 1),
                    row_of(b"Rope", 24, 2, 2),
                    row_of(b"Door", 9, 2, 1),
                ),
                1,
            )
            for column, cell in zip((2, 3, 6, 8), cells, strict=True)
        },
        {
            "dcim_leak_detected{sensor=0.0.1.Rope}": 1.0,
            "dcim_leak_sensor_fault{sensor=0.0.1.Rope}": 0.0,
            "dcim_leak_sensor_fault{sensor=0.0.2.Rope}": 1.0,
            f"{CONTACT}{{kind=tamper,sensor=0.0.4.Door}}": 0.0,
        },
        bad={"dcim_leak_detected{sensor=0.0.2.Rope}": "sentinel"},
    ),
    "a Tripp Lite PDU behind PowerAlert 12 with a transfer switch on its second source": MibDevice(
        "tripplite-poweralert12",
        "1.3.6.1.4.1.850.100.1",
        {
            "3.5.0": 2,
            "3.6.0": 1,
            "3.7.0": 7,
            **{
                f"4.7.1.{column}.{circuit}": cell
                for circuit, cells in ((1, (62, 2_081, 1_240, 96)), (2, (0, 2_080, 0, 0)))
                for column, cell in zip((3, 4, 5, 6), cells, strict=True)
            },
        },
        {
            "dcim_ats_source_usable{source=a}": 0.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_ats_redundant": 0.0,
            "dcim_ats_transfers_total": 7.0,
            "dcim_pdu_bank_current_amperes{bank=1}": 6.2,
            "dcim_pdu_bank_current_amperes{bank=2}": 0.0,
            "dcim_pdu_bank_voltage_volts{bank=1}": 208.1,
            "dcim_pdu_bank_voltage_volts{bank=2}": 208.0,
            "dcim_pdu_bank_power_watts{bank=1}": 1_240.0,
            "dcim_pdu_bank_power_watts{bank=2}": 0.0,
            "dcim_pdu_bank_power_factor_ratio{bank=1}": 0.96,
            "dcim_pdu_bank_power_factor_ratio{bank=2}": 0.0,
        },
        {"dcim_ats_selected_source": "b"},
    ),
    "a securityProbe with a wet water rope, one that is broken, and doors": MibDevice(
        "akcp-securityprobe",
        "1.3.6.1.4.1.3854.2.3",
        {
            f"{table}.1.{column}.0.{port}": cell
            for table, port, cells in (
                (21, 0, row_of(b"Floor", 4, 1)),
                (21, 1, row_of(b"Tray", 7, 1)),
                (10, 2, row_of(b"Front", 2, 1)),
                (10, 3, row_of(b"Rear", 4, 1)),
                (10, 4, row_of(b"Spare", 4, 2)),
            )
            for column, cell in zip((2, 6, 8), cells, strict=True)
        },
        {
            "dcim_leak_detected{sensor=rope.0.0.Floor}": 1.0,
            "dcim_leak_sensor_fault{sensor=rope.0.0.Floor}": 0.0,
            "dcim_leak_sensor_fault{sensor=rope.0.1.Tray}": 1.0,
            f"{CONTACT}{{kind=door,sensor=0.2.Front}}": 0.0,
            f"{CONTACT}{{kind=door,sensor=0.3.Rear}}": 1.0,
        },
        bad={"dcim_leak_detected{sensor=rope.0.1.Tray}": "sentinel"},
    ),
    # The state of a current's sensor is told against the thresholds that its owner has set.
    "a PX3 whose second phase and a breaker carry too much": MibDevice(
        "raritan-pdu2",
        XERUS,
        {
            "3.3.4.1.7.1.1.1": 1,
            "5.2.3.1.3.1.1.1": 5,
            "5.2.3.1.4.1.1.1": 151,
            **{f"3.3.6.1.7.1.1.{pole}.1": 1 for pole in (1, 2)},
            **{f"5.2.4.1.3.1.1.{pole}.1": state for pole, state in ((1, 4), (2, 5))},
            **{f"5.2.4.1.4.1.1.{pole}.1": amperes for pole, amperes in ((1, 98), (2, 151))},
            **{f"3.4.4.1.7.1.{breaker}.1": 1 for breaker in (1, 2, 3)},
            **{f"5.3.3.1.3.1.{breaker}.1": state for breaker, state in ((1, 6), (2, 3), (3, 2))},
            **{f"5.3.3.1.4.1.{breaker}.1": amperes for breaker, amperes in ((1, 158), (2, 9), (3, 1))},
        },
        {
            "dcim_pdu_input_current_amperes{inlet=1.1}": 15.1,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L1}": 9.8,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L2}": 15.1,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 15.8,
            "dcim_pdu_bank_current_amperes{bank=1.2}": 0.9,
            "dcim_pdu_bank_current_amperes{bank=1.3}": 0.1,
        },
        {
            "dcim_pdu_load_state{inlet=1.1,scope=device}": "near_overload",
            "dcim_pdu_load_state{inlet=1.1,phase=L1,scope=phase}": "normal",
            "dcim_pdu_load_state{inlet=1.1,phase=L2,scope=phase}": "near_overload",
            "dcim_pdu_load_state{bank=1.1,scope=bank}": "overload",
            "dcim_pdu_load_state{bank=1.2,scope=bank}": "low",
            "dcim_pdu_load_state{bank=1.3,scope=bank}": "low_critical",
        },
    ),
    # Only the first probe is plugged in; the third is bad. A group of outlets without a breaker has none to trip.
    "an HPE G2 of 208 V between phases, in Fahrenheit, with an open breaker": MibDevice(
        "hpe-pdu3",
        HPE,
        {
            "11.2.1.1.5.1": 3_120,
            "11.2.1.1.6.1": 8_211,
            "11.2.1.1.9.1": 97,
            **{f"11.2.2.1.{column}.1.1": cell for column, cell in ((1, 1), (2, 5), (3, 2_081), (9, 3), (10, 2_400))},
            **{f"11.2.2.1.{column}.1.1": cell for column, cell in ((11, 1_530), (12, 4), (15, 1_500), (19, 1_840))},
            **{f"11.2.2.1.{column}.1.1": cell for column, cell in ((20, 1_790), (21, 4_104), (23, 97))},
            **{
                f"11.3.1.1.{column}.1.{group}": cell
                for group, cells in ((1, (2, 2_000, 0, 2, 1_600, 0, 3)), (2, (5, 2_000, 1_530, 1, 1_600, 3_120, 1)))
                for column, cell in zip((3, 11, 12, 13, 16, 20, 26), cells, strict=True)
            },
            "11.4.1.1.1.1": 2,
            **{f"11.4.2.1.3.1.{probe}": status for probe, status in ((1, 2), (2, 1), (3, 3))},
            **{f"11.4.2.1.4.1.{probe}": tenths for probe, tenths in ((1, 752), (2, 0), (3, 0))},
            "11.4.3.1.3.1.2": 2,
            "11.4.3.1.4.1.2": 413,
            **{f"11.4.4.1.4.1.{contact}": state for contact, state in ((1, 1), (2, 2))},
            "11.5.2.1.1.1.1": 2,
            "11.5.1.1.5.1.1": 820,
            "11.5.1.1.14.1.1": 77,
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 3_120.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 8_211 * 3.6e6,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.97,
            "dcim_pdu_line_voltage_volts{inlet=1,line=L1-L2}": 208.1,
            "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 24.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 15.3,
            "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}": 15.0,
            "dcim_pdu_phase_apparent_power_voltamperes{inlet=1,phase=L1}": 1_840.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 1_790.0,
            "dcim_pdu_phase_energy_joules_total{inlet=1,phase=L1}": 4_104 * 3.6e6,
            "dcim_pdu_phase_power_factor_ratio{inlet=1,phase=L1}": 0.97,
            "dcim_pdu_bank_rated_current_amperes{bank=1.1}": 20.0,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 0.0,
            "dcim_pdu_bank_warning_current_amperes{bank=1.1}": 16.0,
            "dcim_pdu_bank_power_watts{bank=1.1}": 0.0,
            "dcim_pdu_breaker_tripped{bank=1.1}": 1.0,
            "dcim_pdu_bank_rated_current_amperes{bank=1.2}": 20.0,
            "dcim_pdu_bank_current_amperes{bank=1.2}": 15.3,
            "dcim_pdu_bank_warning_current_amperes{bank=1.2}": 16.0,
            "dcim_pdu_bank_power_watts{bank=1.2}": 3_120.0,
            "dcim_pdu_outlet_on{outlet=1.1}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.1}": 8.2,
            "dcim_pdu_outlet_energy_joules_total{outlet=1.1}": 77 * 3.6e6,
            "dcim_env_temperature_celsius{sensor=1.1}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=1.2}": 0.413,
            f"{CONTACT}{{kind=dry_contact,sensor=1.1}}": 0.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.2}}": 1.0,
        },
        {
            "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "near_overload",
            "dcim_pdu_load_state{bank=1.1,scope=bank}": "low",
            "dcim_pdu_load_state{bank=1.2,scope=bank}": "normal",
        },
        {"dcim_env_temperature_celsius{sensor=1.3}": "gated"},
    ),
    "an HP PDU of the first networked generation, a group of which carries too much": MibDevice(
        "hpe-pdu2",
        HPE,
        {
            "7.1.2.1.8.0": 3,
            "7.2.1.1.5.0": 4_100,
            **{f"7.2.2.1.{column}.0.1": cell for column, cell in ((9, 3), (11, 17_900), (12, 4), (15, 17_500))},
            **{f"7.3.1.1.{column}.0.1": cell for column, cell in ((12, 17_900), (13, 5), (16, 12_800))},
        },
        {
            "dcim_pdu_input_power_watts{inlet=0}": 4_100.0,
            "dcim_pdu_phase_current_amperes{inlet=0,phase=L1}": 17.9,
            "dcim_pdu_phase_warning_current_amperes{inlet=0,phase=L1}": 17.5,
            "dcim_pdu_bank_current_amperes{bank=0.1}": 17.9,
            "dcim_pdu_bank_warning_current_amperes{bank=0.1}": 12.8,
        },
        {
            "dcim_device_state": "degraded",
            "dcim_pdu_load_state{inlet=0,phase=L1,scope=phase}": "near_overload",
            "dcim_pdu_load_state{bank=0.1,scope=bank}": "overload",
        },
    ),
    "a Liebert MPX with one of each sensor; a contact is to be closed, a cable is broken": MibDevice(
        "liebert-pdu",
        MPX,
        {
            "20.1.25.1": 1,
            **{f"60.15.1.10.1.{sensor}.{row}": kind for sensor, row, kind in MPX_SENSORS},
            **{f"60.15.1.70.1.1.{row}": tenths for row, tenths in ((1, 231), (3, 274))},
            "60.15.1.95.1.11.1": 412,
            **{f"60.15.1.120.1.2.{row}": state for row, state in ((1, 1), (2, 2))},
            **{f"60.15.1.130.1.3.{row}": state for row, state in ((1, 1), (2, 1), (3, 2))},
            **{f"60.15.1.135.1.3.{row}": alarm for row, alarm in ((1, 1), (2, 2), (3, 0))},
            "60.15.1.140.1.4.1": -123,
            **{f"60.15.1.165.1.{sensor}.1": state for sensor, state in ((5, 2), (6, 4), (7, 1), (8, 3))},
            # Firmware that has the new table may fill the old one, too.
            "60.10.1.75.1.1": 229,
        },
        {
            **{
                f"{ALARM}{{alarm={alarm},severity={severity}}}": 0.0
                for alarm, severity in (
                    ("warning", "warning"),
                    ("alarm", "critical"),
                    ("abnormal_operation", "critical"),
                )
            },
            "dcim_env_temperature_celsius{sensor=1.1}": 23.1,
            "dcim_env_temperature_celsius{sensor=1.1.3}": 27.4,
            "dcim_env_relative_humidity_ratio{sensor=1.11}": 0.412,
            f"{CONTACT}{{kind=door,sensor=1.2.1}}": 1.0,
            f"{CONTACT}{{kind=door,sensor=1.2.2}}": 0.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.3.1}}": 1.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.3.2}}": 0.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.3.3}}": 1.0,
            "dcim_env_differential_pressure_pascals{sensor=1.4.1}": -12.3,
            "dcim_leak_detected{sensor=1.5.1}": 1.0,
            "dcim_leak_detected{sensor=1.7.1}": 0.0,
            **{f"dcim_leak_sensor_fault{{sensor=1.{sensor}.1}}": float(sensor == 6) for sensor in (5, 6, 7, 8)},
        },
        bad={f"dcim_leak_detected{{sensor=1.{sensor}.1}}": "sentinel" for sensor in (6, 8)},
    ),
    "an outlet of an HP iPDU's extension bar": MibDevice(
        "hpe-mpdu",
        HPE,
        {
            "5.1.2.1.38.1": 940,
            **{f"5.4.1.1.{column}.1.2.3": cell for column, cell in ((2, b"on"), (6, 204), (7, 455), (20, 88_123))},
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 940.0,
            "dcim_pdu_outlet_on{outlet=1.2.3}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.2.3}": 2.04,
            "dcim_pdu_outlet_power_watts{outlet=1.2.3}": 455.0,
            "dcim_pdu_outlet_energy_joules_total{outlet=1.2.3}": 88_123 * 3_600.0,
        },
    ),
    "a Liebert MPX with earlier firmware": MibDevice(
        "liebert-pdu",
        MPX,
        {"30.20.1.65.1.1": 2_310, "60.10.1.75.1.1": 229, "60.10.1.75.1.2": 244, "60.10.1.100.1.3": 398},
        {
            "dcim_pdu_input_power_watts{inlet=1.1}": 2_310.0,
            "dcim_env_temperature_celsius{sensor=1.1}": 22.9,
            "dcim_env_temperature_celsius{sensor=1.2}": 24.4,
            "dcim_env_relative_humidity_ratio{sensor=1.3}": 0.398,
        },
    ),
    "a Quido with two inputs": MibDevice(
        "papouch-quido",
        "1.3.6.1.4.1.18248.16",
        {"1.1.0": 231, "2.1.1.1.1": 1, "2.1.1.1.2": 0},
        {
            "dcim_env_temperature_celsius{sensor=1}": 23.1,
            f"{CONTACT}{{kind=dry_contact,sensor=input.1}}": 1.0,
            f"{CONTACT}{{kind=dry_contact,sensor=input.2}}": 0.0,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_rack_pdu_is_read_as_the_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])


UPS = "1.3.6.1.2.1.33.1"
POWERALERT: dict[str, SnmpValue] = {
    f"{UPS}.3.3.1.3.1": 121,
    f"{UPS}.4.4.1.2.1": 120,
    f"{UPS}.4.4.1.5.1": 25,
    "1.3.6.1.4.1.850.101.2.1.1.3.1": 0,
    "1.3.6.1.4.1.850.101.2.1.1.3.2": 1,
}


@pytest.mark.parametrize(
    ("firmware", "into", "out"),
    [(b"12.04.0052", 4, 3), (b"12.06.0067", 4, 3), (b"12.06.0068", 40, 30), (b"12.06.0069", 40, 30)],
)
async def test_poweralert_before_12_06_0068_counts_currents_in_whole_amperes(
    firmware: bytes, into: int, out: int
) -> None:
    answers = POWERALERT | {f"{UPS}.1.4.0": firmware, f"{UPS}.3.3.1.4.1": into, f"{UPS}.4.4.1.3.1": out}
    records = [Record(oid, "", value) for oid, value in answers.items()]
    _, readings = await replay_snmp(records, shipped_profiles(), "tripplite-poweralert12", 1_790_000_000.0)
    currents = {key: value for key, value in readings.values.items() if "current_amperes" in key}
    assert currents == pytest.approx(
        {"dcim_ups_input_current_amperes{phase=L1}": 4.0, "dcim_ups_output_current_amperes{phase=L1}": 3.0}
    )
    contacts = {key: value for key, value in readings.values.items() if key.startswith(CONTACT)}
    assert contacts == {
        f"{CONTACT}{{kind=dry_contact,sensor=envirosense.1}}": 0.0,
        f"{CONTACT}{{kind=dry_contact,sensor=envirosense.2}}": 1.0,
    }
