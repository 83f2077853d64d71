"""Recordings of real devices: recognised as their family, and read with the values that the raw numbers stand for."""

import json
import time
from pathlib import Path

import pytest

from agent.cli import main
from agent.profile import load_profiles
from agent.replay import replay
from rackflow.catalogue import catalogue
from rackflow.errors import DeviceError
from rackflow.series import parse_series_key
from rackflow.snmprec import read_snmprec

L1 = "{phase=L1}"
GOLDEN: dict[str, tuple[str, dict[str, float], dict[str, str], dict[str, str]]] = {
    "ups/apc_smx750i": (
        "apc-ups",
        {
            "dcim_ups_battery_charge_ratio": 1.0,
            "dcim_ups_battery_runtime_seconds": 5709.0,
            "dcim_ups_battery_temperature_celsius": 31.0,
            "dcim_ups_battery_voltage_volts": 54.0,
            "dcim_ups_battery_replace_required": 0.0,
            f"dcim_ups_input_voltage_volts{L1}": 232.0,
            f"dcim_ups_input_frequency_hertz{L1}": 50.0,
            f"dcim_ups_output_voltage_volts{L1}": 232.0,
            "dcim_ups_output_frequency_hertz": 50.0,
            f"dcim_ups_output_load_ratio{L1}": 0.202,
            f"dcim_ups_output_current_amperes{L1}": 0.6,
        },
        {"dcim_ups_output_source": "normal"},
        {},
    ),
    "pdu/apc_ap8959eu3": (
        "apc-rpdu2",
        {
            "dcim_pdu_input_power_watts{inlet=1}": 270.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 300.0,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.82,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 1967.7 * 3.6e6,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 1.3,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 250.0,
        },
        {
            "dcim_pdu_load_state{inlet=1,scope=device}": "normal",
            "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "normal",
        },
        {},
    ),
    "ups/netvision-rfc": (
        "rfc1628-ups",
        {
            "dcim_ups_battery_charge_ratio": 1.0,
            "dcim_ups_battery_voltage_volts": 217.0,
            "dcim_ups_battery_temperature_celsius": 27.0,
            "dcim_ups_on_battery_seconds": 0.0,
            f"dcim_ups_input_voltage_volts{L1}": 234.0,
            f"dcim_ups_input_frequency_hertz{L1}": 49.9,
            f"dcim_ups_output_voltage_volts{L1}": 230.0,
            f"dcim_ups_output_current_amperes{L1}": 2.2,
            f"dcim_ups_output_power_watts{L1}": 200.0,
            f"dcim_ups_output_load_ratio{L1}": 0.07,
            "dcim_ups_output_frequency_hertz": 49.9,
            f"dcim_ups_bypass_voltage_volts{L1}": 234.0,
        },
        {"dcim_ups_battery_state": "normal", "dcim_ups_output_source": "normal"},
        {
            "dcim_ups_battery_runtime_seconds": "sentinel",
            "dcim_ups_battery_current_amperes": "sentinel",
            f"dcim_ups_input_current_amperes{L1}": "sentinel",
            f"dcim_ups_input_power_watts{L1}": "sentinel",
        },
    ),
}
BOOT = "dcim_device_boot_timestamp_seconds"


@pytest.mark.parametrize("name", GOLDEN)
def test_a_recording_is_read_as_what_it_is(name: str, captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile, values, states, bad = GOLDEN[name]
    assert main(["replay", str(captures / "snmp" / f"{name}.snmprec"), "--output", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["profile"] == profile
    document["values"].pop(BOOT, None)
    assert document["values"] == pytest.approx(values)
    assert document["states"] == states
    assert document["bad"] == bad


def test_identity_comes_from_the_management_card_where_the_table_is_missing(
    captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(captures / "snmp/pdu/apc_ap8959eu3.snmprec"), "--output", "json"]) == 0
    identity = json.loads(capsys.readouterr().out)["identity"]
    assert (identity["vendor"], identity["model"], identity["firmware"]) == ("APC", "AP8959EU3", "v6.4.0")


async def test_no_recording_yields_a_reading_outside_the_catalogue(captures: Path) -> None:
    """Whatever matches a profile gives plausible, finite readings with labels that the catalogue allows."""
    profiles = load_profiles()
    read = 0
    for path in sorted((captures / "snmp").glob("*/*.snmprec")):
        records = read_snmprec(path)
        try:
            _, readings = await replay(records, profiles, "auto", time.time())
        except DeviceError:
            continue
        read += 1
        for key, value in readings.values.items():
            metric, labels = parse_series_key(key)
            definition = catalogue()[metric]
            assert definition.plausible(value), f"{path.name}: {key} = {value}"
            assert set(labels) <= set(definition.labels), f"{path.name}: {key}"
    assert read >= 20
