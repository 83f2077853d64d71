"""What a search prints of each device: one line for people, one row for programs, entries and comments for a file."""

import csv
import io
import json

import pytest

from agent.config import AgentConfig, Device
from agent.lab.discover import Found
from agent.lab.found_output import as_csv, as_json, as_yaml, config_head, found_line, result_lines, row_of
from agent.lab.reconcile import Result, Search
from agent.profile import Match, load_profiles
from agent.readings import Identity
from rackflow.process.config import check_config
from rackflow.process.yaml import load_yaml_text

SNMP, MODBUS = Search("snmp", [], 161), Search("modbus", [], 502)
UPS = Found(
    "192.0.2.7",
    Match(load_profiles(lazy=True)["apc-ups"], 60, ("answers 1.3.6.1.4.1.318",)),
    "APC Web/SNMP Management Card",
    identity=Identity(vendor="APC", model="Smart-UPS 1500", serial="AS1", firmware="UPS 09.3"),
    name="ups-1",
    credential="public",
)
METER = Found("192.0.2.8", Match(load_profiles(lazy=True)["schneider-iem3000"], 40, ("holding 69",)), "", unit=0)
TOASTER = Found("192.0.2.9", None, "Toaster 3000", "does not say who it is: silent")


def entry(**more: object) -> Device:
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": {"host": "b"}, "devices": [{"id": "old", **more}]}
    credentials = {"credentials": {"public": {"community": "public"}}}
    return check_config(whole | credentials, AgentConfig, "test").devices[0]


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            UPS,
            "192.0.2.7        apc-ups              ups    APC Smart-UPS 1500, serial AS1, name ups-1  [score 60: answers 1.3.6.1.4.1.318]",
        ),
        (METER, "192.0.2.8 unit 0 schneider-iem3000    meter    [score 40: holding 69]"),
        (TOASTER, "192.0.2.9        (unknown)                   Toaster 3000  [does not say who it is: silent]"),
    ],
)
def test_a_device_is_a_line_with_where_it_is_what_and_why(found: Found, line: str) -> None:
    assert found_line(found) == line


def test_a_row_has_what_is_known_and_a_unit_0_is_one() -> None:
    known = {key: value for key, value in row_of(Result("new", "ups-1", UPS), SNMP).items() if value is not None}
    assert known == {
        "status": "new", "id": "ups-1", "protocol": "snmp", "host": "192.0.2.7", "port": 161, "credential": "public",
        "profile": "apc-ups", "class": "ups", "score": 60, "evidence": "answers 1.3.6.1.4.1.318", "vendor": "APC",
        "model": "Smart-UPS 1500", "serial": "AS1", "firmware": "UPS 09.3", "name": "ups-1",
        "description": "APC Web/SNMP Management Card",
    }  # fmt: skip
    assert json.loads(as_json([Result("new", "meter-1", METER)], MODBUS))[0]["unit"] == 0
    assert next(csv.DictReader(io.StringIO(as_csv([Result("new", "meter-1", METER)], MODBUS))))["unit"] == "0"


@pytest.mark.parametrize(
    ("search", "device", "unit"),
    [
        (SNMP, entry(host="192.0.2.1", credential="public", serial_number="AS9", profile="apc-ups"), None),
        (
            MODBUS,
            entry(host="192.0.2.1", protocol="modbus", profile="schneider-iem3000", unit=5, serial_number="AS9"),
            5,
        ),
    ],
)
def test_a_device_that_is_gone_is_shown_as_its_entry_has_it(search: Search, device: Device, unit: int | None) -> None:
    row = row_of(Result("gone", "old", device=device, note="does not answer at 192.0.2.1"), search)
    assert (row["host"], row["serial"], row["unit"], row["note"]) == (
        "192.0.2.1",
        "AS9",
        unit,
        "does not answer at 192.0.2.1",
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1"])
def test_a_text_of_a_device_is_no_formula_and_has_no_control_characters(text: str) -> None:
    found = Found("192.0.2.9", None, text + "\x1b[2J")
    cell = next(csv.DictReader(io.StringIO(as_csv([Result("unrecognised", "", found)], SNMP))))["description"]
    assert cell[0] not in "=+-@\t"
    assert "\x1b" not in cell
    assert text.strip() in cell


KNOWN = Result("known", "ups-2", UPS)
ILL = Result("known", "ups-3", UPS, note="does not say who it is: silent")
UNRECOGNISED = Result("unrecognised", "", TOASTER, note="no profile fits: Toaster 3000")


def test_of_what_is_known_only_those_are_named_that_have_something_wrong() -> None:
    assert result_lines([KNOWN, ILL, UNRECOGNISED]) == [
        "known: ups-3 at 192.0.2.7: does not say who it is: silent",
        "unrecognised: 192.0.2.9: no profile fits: Toaster 3000",
    ]


def test_only_new_devices_are_entries_and_all_else_is_a_comment() -> None:
    text = as_yaml(
        [Result("new", "ups-1", UPS), ILL, UNRECOGNISED],
        SNMP,
        config_head("gw-1", "t1", {"host": "b"}, "public", "env:C"),
    )
    made = load_yaml_text(text, "made")
    assert made["devices"] == [
        {"id": "ups-1", "host": "192.0.2.7", "credential": "public", "profile": "apc-ups", "serial_number": "AS1"}
    ]
    assert made["credentials"] == {"public": {"version": "2c", "community": "env:C"}}
    assert "# known: ups-3 at 192.0.2.7: does not say who it is: silent" in text
    assert "# unrecognised: 192.0.2.9: no profile fits: Toaster 3000" in text
    assert load_yaml_text(as_yaml([KNOWN], SNMP), "made") == {"devices": []}
    assert "credentials" not in "\n".join(config_head("gw-1", "t1", {"host": "b"}, "", ""))
