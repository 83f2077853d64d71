"""SNMP families without a recording are read as their published MIBs say."""

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance import published_mibs
from tests.conformance.mib_device import assert_read_as_expected
from tests.conformance.published_alerts import ALERTS
from tests.conformance.published_coolers import COOLERS
from tests.conformance.published_gateways import GATEWAYS
from tests.conformance.published_gude import PUBLISHED_GUDE
from tests.conformance.published_liebert import LIEBERTS
from tests.conformance.published_meters import METERS
from tests.conformance.published_monitors import MONITORS
from tests.conformance.published_more_monitors import MORE_MONITORS
from tests.conformance.published_more_pdus import MORE_PDUS
from tests.conformance.published_nut import NUT
from tests.conformance.published_oem import OEM
from tests.conformance.published_pdus import PDUS
from tests.conformance.published_plugins import PLUGINS
from tests.conformance.published_rarer import RARER
from tests.conformance.published_readers import READERS
from tests.conformance.published_sensors import SENSORS
from tests.conformance.published_supplies import SUPPLIES
from tests.conformance.published_switches import SWITCHES
from tests.conformance.published_ups import UPS

MIBS = (
    published_mibs.MIBS
    | LIEBERTS
    | PDUS
    | SUPPLIES
    | SWITCHES
    | MONITORS
    | MORE_MONITORS
    | MORE_PDUS
    | METERS
    | ALERTS
    | SENSORS
    | COOLERS
    | NUT
    | UPS
    | READERS
    | OEM
    | PLUGINS
    | RARER
    | PUBLISHED_GUDE
    | GATEWAYS
)


def test_each_family_that_claims_a_published_mib_is_read_by_it() -> None:
    claimed = {
        name
        for name, profile in shipped_profiles().items()
        if profile.protocol == "snmp" and profile.evidence == "published map"
    }
    assert claimed == MIBS.keys()


@pytest.mark.parametrize("name", MIBS)
async def test_a_published_mib_is_read_in_base_units(name: str) -> None:
    await assert_read_as_expected(MIBS[name].device(name), asked="auto")


@pytest.mark.parametrize("delta", ["1.2.1.16.1", "3.4.1.6.1.4"])
async def test_lines_of_a_delta_unit_are_no_phases(delta: str) -> None:
    one = PDUS["enlogic-pdu"]
    answers = {**one.answers, "1.2.1.16.1": 3, delta: 2}
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in answers.items()]
    _, readings = await replay_snmp(records, shipped_profiles(), "enlogic-pdu2", 1_790_000_000.0)
    phases = {key.split("{")[0] for key in readings.values if key.startswith("dcim_pdu_phase")}
    assert phases == {"dcim_pdu_phase_current_amperes"}


async def test_the_unbalance_that_a_raritan_inlet_reports_is_a_share_of_its_mean_current() -> None:
    inlet = "1.3.6.1.4.1.13742.6.5.2.3.1.4.1.1"
    records = [
        Record(f"{inlet}.5", "", 4321),
        Record(f"{inlet}.3", "", 125),
        Record("1.3.6.1.4.1.13742.6.3.3.4.1.7.1.1.5", "", 0),
        Record("1.3.6.1.4.1.13742.6.3.3.4.1.7.1.1.3", "", 1),
    ]
    identified, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert identified.profile == "raritan-pdu2"
    assert readings.values["dcim_pdu_input_unbalance_ratio{inlet=1.1}"] == pytest.approx(0.125)


CYBERPOWER: dict[str, SnmpValue] = {
    "5.2.1.2.0": 1,  # atsStatusSelectedSource
    "3.2.3.1.1.4.1": 1,  # a row of the phase, one of a bank
    "3.2.3.1.1.4.2": 1,
    "3.2.3.1.1.5.1": 0,
    "3.2.3.1.1.5.2": 1,
    "3.2.3.1.1.2.1": 42,
    "3.2.3.1.1.2.2": 42,
    "3.2.3.1.1.6.1": 2304,
    "3.2.3.1.1.7.1": 950,
    "3.3.5.1.1.4.1": 1,
    "4.2.6.0": 231,
    "4.3.1.0": 41,
    "4.4.2.1.2.1": b"Door",
    "4.4.2.1.3.1": 2,
}


@pytest.mark.parametrize(("in_its_own_branch", "amperes"), [({}, 4.2), ({"5.5.2.2.1.3.1": 57}, 5.7)])
async def test_a_cyberpower_transfer_switch_is_read_in_the_pdu_branch_where_its_own_has_no_load(
    in_its_own_branch: dict[str, int], amperes: float
) -> None:
    answers = CYBERPOWER | in_its_own_branch
    records = [Record(f"1.3.6.1.4.1.3808.1.1.{tail}", "", value) for tail, value in answers.items()]
    identified, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert identified.profile == "cyberpower-ats"
    assert readings.values["dcim_ats_output_current_amperes{phase=L1}"] == pytest.approx(amperes)
    from_the_branch = {"dcim_ats_output_voltage_volts{phase=L1}": 230.4, "dcim_ats_output_power_watts{phase=L1}": 950.0}
    for key, value in from_the_branch.items():
        assert readings.values.get(key) == (None if in_its_own_branch else pytest.approx(value))
    assert readings.values["dcim_pdu_outlet_on{outlet=1}"] == 1.0
    assert readings.values["dcim_env_temperature_celsius{sensor=envir}"] == pytest.approx(23.1)
    assert readings.values["dcim_env_relative_humidity_ratio{sensor=envir}"] == pytest.approx(0.41)
    assert readings.values["dcim_env_contact_active{kind=dry_contact,sensor=1.Door}"] == 1.0


async def test_a_cyberpower_transfer_switch_of_the_earlier_branch_tells_its_sources_and_its_faults() -> None:
    answers = CYBERPOWER | {
        "5.2.1.1.0": 2,  # atsStatusCommStatus: established
        "5.2.1.4.0": 1,
        **{f"5.2.1.{relay}.0": int(relay == 7) + 1 for relay in (5, 6, 7)},
        **{f"5.2.1.10.1.{supply}.{source}": 1 for supply in (3, 4, 5) for source in (1, 2)},
        "5.2.1.10.1.4.2": 2,
        **{f"5.2.2.2.1.{column}.{source}": 1 for column in (7, 8) for source in (1, 2)},
        "5.2.2.2.1.8.1": 3,  # underFrequency
        "5.5.2.2.1.2.1": 1,
        "5.5.2.2.1.3.1": 57,
        "5.5.2.2.1.4.1": 3,
    }
    records = [Record(f"1.3.6.1.4.1.3808.1.1.{tail}", "", value) for tail, value in answers.items()]
    _, readings = await replay_snmp(records, shipped_profiles(), "cyberpower-ats", 1_790_000_000.0)
    assert {key: value for key, value in readings.values.items() if key.startswith("dcim_ats_source_usable")} == {
        "dcim_ats_source_usable{source=a}": 0.0,
        "dcim_ats_source_usable{source=b}": 1.0,
    }
    raised = {key for key, value in readings.values.items() if key.startswith("dcim_device_alarm_active") and value}
    assert raised == {
        "dcim_device_alarm_active{alarm=output_relay,severity=critical}",
        "dcim_device_alarm_active{alarm=supply-5v.b,severity=warning}",
    }
    assert sum(key.startswith("dcim_device_alarm_active") for key in readings.values) == 11
    assert readings.states["dcim_pdu_load_state{phase=L1,scope=phase}"] == "near_overload"


@pytest.mark.parametrize(("unit", "degrees"), [("\N{DEGREE SIGN}C".encode(), 75.2), (b"\xb0F", 24.0)])
async def test_a_transmitter_of_comet_is_read_in_the_unit_it_is_set_to(unit: bytes, degrees: float) -> None:
    one = "1.3.6.1.4.1.22626.1.2"
    answers: dict[str, SnmpValue] = {"1.9.0": unit, "2.2.0": b"12960001", "3.1.0": 752, "3.2.0": 415}
    records = [Record(f"{one}.{tail}", "", value) for tail, value in answers.items()]
    identified, readings = await replay_snmp(records, shipped_profiles(), "auto", 1_790_000_000.0)
    assert identified.profile == "comet-web-sensor"
    assert readings.values["dcim_env_temperature_celsius{sensor=internal}"] == pytest.approx(degrees)
    assert readings.values["dcim_env_relative_humidity_ratio{sensor=internal}"] == pytest.approx(0.415)
