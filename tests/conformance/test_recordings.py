"""Recordings of real devices: recognised as their family, and read with the values that the raw numbers stand for."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from rackflow.catalogue import catalogue
from rackflow.errors import DeviceError
from rackflow.series import parse_series_key
from tests.conformance.golden import BOOT, GOLDEN
from tests.conformance.replayed import replayed


@pytest.mark.parametrize("name", GOLDEN)
def test_a_recording_is_read_as_what_it_is(name: str, captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = GOLDEN[name]
    assert main(["replay", str(captures / "snmp" / f"{name}.snmprec"), "--output", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["profile"] == golden.profile
    document["values"].pop(BOOT, None)
    assert document["values"] == pytest.approx(golden.values)
    assert document["states"] == golden.states
    assert document["bad"] == golden.bad


def test_identity_comes_from_the_management_card_where_the_table_is_missing(
    captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(captures / "snmp/pdu/apc_ap8959eu3.snmprec"), "--output", "json"]) == 0
    identity = json.loads(capsys.readouterr().out)["identity"]
    assert (identity["vendor"], identity["model"], identity["firmware"]) == ("APC", "AP8959EU3", "v6.4.0")


async def test_no_recording_yields_a_reading_outside_the_catalogue(captures: Path) -> None:
    """Whatever matches a profile gives plausible, finite readings with labels that the catalogue allows."""
    read = 0
    for path in sorted((captures / "snmp").glob("*/*.snmprec")):
        try:
            _, readings = await replayed(path)
        except DeviceError:
            continue
        read += 1
        for key, value in readings.values.items():
            metric, labels = parse_series_key(key)
            definition = catalogue()[metric]
            assert definition.plausible(value), f"{path.name}: {key} = {value}"
            assert set(labels) <= set(definition.labels), f"{path.name}: {key}"
    assert read >= 20
