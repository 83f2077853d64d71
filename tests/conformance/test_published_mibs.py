"""SNMP families that no recording is there of: what their published MIBs say a device answers, and what must come out of it."""

from dataclasses import dataclass, field

import pytest

from agent.profile import load_profiles
from agent.replay import replay
from agent.seams import SnmpValue
from rackflow.snmprec import Record
from tests.conformance.golden import BOOT

ATS, EPDU, AIR = "1.3.6.1.4.1.534.10.2", "1.3.6.1.4.1.534.6.6.6", "1.3.6.1.4.1.476.1.42.3.4"


@dataclass(frozen=True)
class Published:
    """Instances below `root` by the MIB's units and enumerations, and the readings that they stand for."""

    root: str
    answers: dict[str, SnmpValue]
    values: dict[str, float]
    states: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


ALARM, DRY = "dcim_device_alarm_active", "dcim_env_contact_active{kind=dry_contact"
MIBS = {
    "eaton-ats": Published(
        ATS,
        {
            "1.2.0": b"ATS 16 Netpack",
            "2.1.1.0": -1,
            "2.2.1.2.1": 2312,
            "2.2.1.2.2": 0,
            "2.2.1.3.1": 499,
            "2.2.1.3.2": 0,
            "2.3.1.0": 2310,
            "2.3.2.0": 53,
            "2.4.0": 4,
            "3.1.1.0": 2,
            "3.2.1.3.1": 3,
            "3.2.1.3.2": 1,
            "3.3.1.0": 1,
            "3.3.2.0": 2,
            "3.3.3.0": 2,
            "3.3.4.0": 1,
            "3.3.5.0": 1,
            "3.3.6.0": 1,
            "4.5.0": 2,
            "5.1.0": 24,
            "5.2.0": 41,
            "5.4.1.2.1": 1,
            "5.4.1.3.1": 4,
            "5.4.1.2.2": 4,
            "5.4.1.3.2": 1,
        },
        {
            "dcim_ats_source_voltage_volts{phase=L1,source=a}": 231.2,
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 0.0,
            "dcim_ats_source_frequency_hertz{source=a}": 49.9,
            "dcim_ats_source_frequency_hertz{source=b}": 0.0,
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            "dcim_ats_output_voltage_volts{phase=L1}": 231.0,
            "dcim_ats_output_current_amperes{phase=L1}": 5.3,
            "dcim_ats_phase_shift_degrees": 1.0,
            "dcim_ats_overload": 1.0,
            f"{ALARM}{{alarm=dephasing,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=internal_failure,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=output_not_powered,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=over_temperature,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=short_circuit,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=communication_lost,severity=warning}}": 0.0,
            "dcim_env_temperature_celsius{sensor=emp}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=emp}": 0.41,
            f"{DRY},sensor=emp.1}}": 1.0,
        },
        {"dcim_ats_selected_source": "a", "dcim_ats_preferred_source": "b"},
    ),
    "eaton-epdu-g1": Published(
        EPDU,
        {
            "1.1.1.0": b"01.05",
            "1.2.1.0": 2,
            "1.2.2.1.3.1": 1,
            "1.2.2.1.3.2": 0,
            "1.2.2.1.4.1": 1250,
            "1.2.2.1.4.2": 0,
            "1.2.2.1.6.1": 231000,
            "1.2.2.1.7.1": 274,
            "1.2.2.1.8.1": 289,
            "1.2.2.1.9.1": 95,
            "1.2.2.1.23.1": 10000,
            "1.3.1.1.0": 1250,
            "1.3.1.2.0": 231000,
            "1.3.1.3.0": 274,
            "1.3.1.4.0": 289,
            "1.3.1.5.0": 38,
            "1.3.1.20.0": 1,
            "1.3.1.21.0": -1,
            "1.3.1.40.0": 1250,
            "1.3.1.71.0": 16000,
            "2.2.1.3.1": 23,
            "2.4.1.3.1": 44,
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.25,
            "dcim_pdu_outlet_current_amperes{outlet=2}": 0.0,
            "dcim_pdu_outlet_voltage_volts{outlet=1}": 231.0,
            "dcim_pdu_outlet_power_watts{outlet=1}": 274.0,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=1}": 289.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1}": 0.95,
            "dcim_pdu_input_current_amperes{inlet=1}": 1.25,
            "dcim_pdu_input_voltage_volts{inlet=1}": 231.0,
            "dcim_pdu_input_power_watts{inlet=1}": 274.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 289.0,
            "dcim_pdu_temperature_celsius{sensor=cpu}": 38.0,
            "dcim_pdu_breaker_tripped{bank=0}": 1.0,
            "dcim_pdu_bank_current_amperes{bank=0}": 1.25,
            "dcim_env_temperature_celsius{sensor=1}": 23.0,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.44,
        },
        bad={"dcim_pdu_breaker_tripped{bank=1}": "sentinel"},
    ),
    "hpe-mpdu": Published(
        "1.3.6.1.4.1.232.165.5",
        {
            "1.2.1.3.1": b"AF523A",
            "1.2.1.38.1": 1630,
            "1.2.1.39.1": 1670,
            "1.2.1.40.1": 125,
            "2.1.1.3.1.2": 16,
            "2.1.1.5.1.2": 109,
            "2.1.1.6.1.2": 2095,
            "2.1.1.7.1.2": 175,
            "2.1.1.8.1.2": 367,
            "2.1.1.9.1.2": 360,
            "2.1.1.10.1.2": 98,
            "2.1.1.13.1.2": 81200,
            "2.1.1.7.1.3": -1,
            "4.1.1.2.1.2.5": b"on",
            "4.1.1.4.1.2.5": 10,
            "4.1.1.5.1.2.5": 2098,
            "4.1.1.6.1.2.5": 127,
            "4.1.1.7.1.2.5": 261,
            "4.1.1.8.1.2.5": 98,
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 1630.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1670.0,
            "dcim_pdu_input_load_ratio{inlet=1}": 0.125,
            "dcim_pdu_bank_rated_current_amperes{bank=1.2}": 16.0,
            "dcim_pdu_bank_load_ratio{bank=1.2}": 0.109,
            "dcim_pdu_bank_voltage_volts{bank=1.2}": 209.5,
            "dcim_pdu_bank_current_amperes{bank=1.2}": 1.75,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=1.2}": 367.0,
            "dcim_pdu_bank_power_watts{bank=1.2}": 360.0,
            "dcim_pdu_bank_power_factor_ratio{bank=1.2}": 0.98,
            "dcim_pdu_bank_energy_joules_total{bank=1.2}": 81200 * 3600.0,
            "dcim_pdu_outlet_on{outlet=1.2.5}": 1.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1.2.5}": 10.0,
            "dcim_pdu_outlet_voltage_volts{outlet=1.2.5}": 209.8,
            "dcim_pdu_outlet_current_amperes{outlet=1.2.5}": 1.27,
            "dcim_pdu_outlet_power_watts{outlet=1.2.5}": 261.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1.2.5}": 0.98,
        },
        bad={"dcim_pdu_bank_current_amperes{bank=1.3}": "sentinel"},
    ),
    "hpe-pdu2": Published(
        "1.3.6.1.4.1.232.165.7",
        {
            "1.2.1.3.1": b"AF535A",
            "2.1.1.2.1": 499,
            "2.1.1.4.1": 1530,
            "2.1.1.5.1": 1466,
            "2.1.1.6.1": 990_000,
            "2.1.1.8.1": 958,
            "2.1.1.9.1": -1,
            "2.2.1.2.1.1": 2,
            "2.2.1.3.1.1": 230_400,
            "2.2.1.2.1.2": 6,
            "2.2.1.3.1.2": 399_100,
            "2.2.1.9.1.1": 3,
            "2.2.1.10.1.1": 16_000,
            "2.2.1.11.1.1": 6640,
            "2.2.1.12.1.1": 4,
            "2.2.1.18.1.1": 42,
            "2.2.1.9.1.2": 2,
            "2.2.1.11.1.2": 310,
            "2.2.1.19.1.1": 3,
            "2.2.1.20.1.1": 1530,
            "2.2.1.21.1.1": 1466,
            "2.2.1.24.1.1": 958,
            "3.1.1.5.1.1": 230_400,
            "3.1.1.12.1.1": 6640,
            "3.1.1.19.1.1": 66,
            "3.1.1.27.1.1": 2,
            "4.1.1.1.1": 2,
            "4.2.1.3.1.1": 2,
            "4.2.1.4.1.1": 770,
            "4.3.1.3.1.1": 2,
            "4.3.1.4.1.1": 415,
            "4.4.1.3.1.1": 2,
            "4.4.1.4.1.1": 2,
            "4.4.1.4.1.2": 1,
            "5.1.1.4.1.7": 10_000,
            "5.1.1.5.1.7": 1250,
            "5.1.1.12.1.7": 12,
            "5.1.1.13.1.7": 288,
            "5.1.1.14.1.7": 276,
            "5.1.1.17.1.7": 958,
            "5.2.1.1.1.7": 2,
            "5.2.1.1.1.8": 4,
        },
        {
            "dcim_pdu_input_frequency_hertz{inlet=1}": 49.9,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1530.0,
            "dcim_pdu_input_power_watts{inlet=1}": 1466.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 990_000 * 3600.0,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.958,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 230.4,
            "dcim_pdu_line_voltage_volts{inlet=1,line=L2-L3}": 399.1,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 6.64,
            "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 16.0,
            "dcim_pdu_phase_load_ratio{inlet=1,phase=L1}": 0.42,
            "dcim_pdu_neutral_current_amperes{inlet=1}": 0.31,
            "dcim_pdu_phase_apparent_power_voltamperes{inlet=1,phase=L1}": 1530.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 1466.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1,phase=L1}": 0.958,
            "dcim_pdu_bank_voltage_volts{bank=1.1}": 230.4,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 6.64,
            "dcim_pdu_bank_load_ratio{bank=1.1}": 0.66,
            "dcim_pdu_breaker_tripped{bank=1.1}": 0.0,
            "dcim_env_temperature_celsius{sensor=1.1}": 25.0,
            "dcim_env_relative_humidity_ratio{sensor=1.1}": 0.415,
            f"{DRY},sensor=1.1}}": 1.0,
            f"{DRY},sensor=1.2}}": 0.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1.7}": 10.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.7}": 1.25,
            "dcim_pdu_outlet_load_ratio{outlet=1.7}": 0.12,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=1.7}": 288.0,
            "dcim_pdu_outlet_power_watts{outlet=1.7}": 276.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1.7}": 0.958,
            "dcim_pdu_outlet_on{outlet=1.7}": 1.0,
            "dcim_pdu_outlet_on{outlet=1.8}": 0.0,
        },
        {"dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "near_overload"},
        {"dcim_pdu_input_reactive_power_vars{inlet=1}": "sentinel"},
    ),
    "liebert-crah": Published(
        AIR,
        {
            "3.1.0": 1,
            "3.9.0": 62,
            "3.16.0": 80,
            "3.17.0": 35,
            "3.18.0": 0,
            "3.19.0": 12,
            "1.3.3.1.2.1": f"{AIR}.1.1.3",
            "1.3.3.1.3.1": 19,
            "1.3.3.1.50.1": 187,
            "1.3.3.1.6.1": 18,
            "1.3.3.1.2.2": f"{AIR}.1.1.2",
            "1.3.3.1.3.2": 31,
            "2.2.3.1.2.1": f"{AIR}.2.1.2",
            "2.2.3.1.3.1": 44,
            "2.2.3.1.6.1": 45,
            "4.32.1.2.1": f"{AIR}.7.1.1",
            "4.32.1.3.1": 1,
            "4.32.1.5.1": 5353,
        },
        {
            "dcim_crah_cooling_demand_ratio": 0.62,
            "dcim_crah_fan_speed_ratio{fan=all}": 0.8,
            "dcim_crah_free_cooling_demand_ratio": 0.35,
            "dcim_crah_dehumidification_demand_ratio": 0.0,
            "dcim_crah_humidification_demand_ratio": 0.12,
            "dcim_crah_supply_air_temperature_celsius": 18.7,
            "dcim_crah_supply_air_temperature_setpoint_celsius": 18.0,
            "dcim_crah_return_air_temperature_celsius": 31.0,
            "dcim_crah_return_air_relative_humidity_ratio": 0.44,
            "dcim_crah_relative_humidity_setpoint_ratio": 0.45,
            "dcim_crah_fan_running_seconds_total{fan=1}": 5353 * 3600.0,
        },
        {"dcim_crah_unit_state": "running"},
    ),
}


def test_each_family_that_claims_a_published_mib_is_read_by_it() -> None:
    claimed = {
        name
        for name, profile in load_profiles().items()
        if profile.protocol == "snmp" and profile.evidence == "published map"
    }
    assert claimed == MIBS.keys()


@pytest.mark.parametrize("name", MIBS)
async def test_a_published_mib_is_read_in_base_units(name: str) -> None:
    one = MIBS[name]
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in one.answers.items()]
    identified, readings = await replay(records, load_profiles(), "auto", 1_790_000_000.0)
    readings.values.pop(BOOT, None)
    assert identified.profile == name
    assert readings.values == pytest.approx(one.values)
    assert readings.states == one.states
    assert readings.bad == one.bad
