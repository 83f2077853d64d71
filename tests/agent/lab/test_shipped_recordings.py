"""The recordings that come with the project, read as their family: golden readings that need nothing from outside."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from tests.conformance.golden import BOOT

RECORDINGS = Path(__file__).resolve().parents[3] / "simulator" / "recordings"
PHASES = ("L1", "L2", "L3")


def replayed(name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["replay", str(RECORDINGS / f"{name}.snmprec"), "--output", "json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["profile"] == name
    assert document["bad"] == {}
    assert document["values"].pop(BOOT) > 0
    return document


@pytest.mark.parametrize("name", ["apc-ups", "rfc1628-ups", "apc-rpdu2"])
def test_a_person_sees_how_many_of_the_planned_series_are_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(RECORDINGS / f"{name}.snmprec")]) == 0
    found = re.search(r"^series +([0-9]+) planned, ([0-9]+) present", capsys.readouterr().out, re.MULTILINE)
    assert found is not None
    assert found[1] == found[2] != "0"


def test_an_apc_ups_gives_its_identity_and_readings_that_agree(capsys: pytest.CaptureFixture[str]) -> None:
    document = replayed("apc-ups", capsys)
    values = document["values"]
    assert document["identity"] == {
        "vendor": "APC",
        "model": "Smart-UPS SRT 5000",
        "serial": "SIM000000002",
        "firmware": "UPS 18.3 (ID1014)",
    }
    assert values["dcim_ups_battery_temperature_celsius"] == 26.4
    assert values["dcim_ups_output_voltage_volts{phase=L1}"] == 230.4
    assert values["dcim_ups_efficiency_ratio"] == 0.941
    assert values["dcim_ups_output_energy_joules_total"] == pytest.approx(18234.56 * 3.6e6)
    volt_amperes = (
        values["dcim_ups_output_voltage_volts{phase=L1}"] * values["dcim_ups_output_current_amperes{phase=L1}"]
    )
    assert values["dcim_ups_output_apparent_power_voltamperes{phase=L1}"] == pytest.approx(volt_amperes, rel=0.02)
    assert document["states"] == {
        "dcim_ups_output_source": "normal",
        "dcim_ups_battery_state": "normal",
        "dcim_ups_test_result": "passed",
    }


def test_a_ups_of_rfc_1628_gives_readings_that_agree_on_each_phase(capsys: pytest.CaptureFixture[str]) -> None:
    values = replayed("rfc1628-ups", capsys)["values"]
    assert values["dcim_ups_battery_runtime_seconds"] == 1260
    assert values["dcim_ups_battery_voltage_volts"] == 543.6
    assert values["dcim_ups_rated_power_watts"] == 18_000
    for phase in PHASES:
        volts = values[f"dcim_ups_output_voltage_volts{{phase={phase}}}"]
        amperes = values[f"dcim_ups_output_current_amperes{{phase={phase}}}"]
        watts = values[f"dcim_ups_output_power_watts{{phase={phase}}}"]
        assert 0.85 < watts / (volts * amperes) <= 1.0


def test_an_apc_rack_pdu_gives_phases_and_outlets_that_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    document = replayed("apc-rpdu2", capsys)
    values = document["values"]
    total = values["dcim_pdu_input_power_watts{inlet=1}"]
    by_phase = [values[f"dcim_pdu_phase_power_watts{{inlet=1,phase={phase}}}"] for phase in PHASES]
    by_outlet = [values[f"dcim_pdu_outlet_power_watts{{outlet=1.{outlet}}}"] for outlet in range(1, 25)]
    assert sum(by_phase) == pytest.approx(total, rel=0.01)
    assert sum(by_outlet) == pytest.approx(total, rel=0.05)
    assert values["dcim_env_temperature_celsius{sensor=1}"] == 23.6
    assert values["dcim_env_relative_humidity_ratio{sensor=1}"] == 0.43
    assert values["dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}"] == 32
    assert {values[f"dcim_pdu_outlet_on{{outlet=1.{outlet}}}"] for outlet in range(1, 25)} <= {0.0, 1.0}
