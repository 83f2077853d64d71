"""Whether a device is still the one that was opened: by its vendor, model and serial number, and by sysObjectID."""

import math

import pytest

from agent.poll.fingerprint import fingerprint_from
from agent.poll.identity import first_text, unit_text
from agent.profile import SYS_DESCR, SYS_OBJECT_ID, IdentitySource, RawValue, parse_profile
from agent.readings import Identity
from rackflow.recording import RegisterTable

ROOT = "1.3.6.1.4.1.99999"
HEAD = """
version: 1
profile: known
class: pdu
title: A device
source: a manual
evidence: unverified
"""
SNMP = parse_profile(
    f"""{HEAD}
protocol: snmp
recognise: {{probes: [{ROOT}.1.3.0]}}
identity:
  vendor: [{{text: Acme}}]
  model: [{{oid: {ROOT}.1.1.0}}]
  serial: [{{oid: {ROOT}.1.2.0}}]
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.1.3.0, unit: watt}}
""",
    "known.yaml",
)
MODEL, SERIAL = f"{ROOT}.1.1.0", f"{ROOT}.1.2.0"


@pytest.mark.parametrize(
    ("other", "may_be"),
    [
        (Identity("Acme", "P1", "7", "1.0"), True),
        (Identity("Acme", "P1", "7", "2.0"), True),
        (Identity("Acme", "", "7", ""), True),
        (Identity(), True),
        (Identity("Acme", "P1", "8", "1.0"), False),
        (Identity("Acme", "P2", "7", "1.0"), False),
        (Identity("Other", "P1", "7", "1.0"), False),
        (Identity("", "", "8", ""), False),
    ],
)
def test_a_unit_may_have_new_firmware_or_hide_a_name_but_not_another_serial_number(
    other: Identity,
    may_be: bool,  # noqa: FBT001 - a case
) -> None:
    identity = Identity("Acme", "P1", "7", "1.0")
    assert identity.may_be(other) == other.may_be(identity) == may_be


@pytest.mark.parametrize(
    ("answers", "is_same"),
    [
        ({SYS_OBJECT_ID: ROOT, SYS_DESCR: b"new firmware", MODEL: b"P1", SERIAL: b"7"}, True),
        ({SYS_OBJECT_ID: ROOT, SERIAL: b"7"}, True),
        ({SYS_OBJECT_ID: ROOT}, True),
        ({SYS_OBJECT_ID: ROOT, MODEL: b"P1", SERIAL: b"8"}, False),
        ({SYS_OBJECT_ID: f"{ROOT}.2", MODEL: b"P1", SERIAL: b"7"}, False),
        ({SYS_OBJECT_ID: ROOT, MODEL: b"P2", SERIAL: b"7"}, False),
    ],
)
def test_one_identifier_that_differs_shows_another_device_and_one_that_is_missing_does_not(
    answers: dict[str, RawValue],
    is_same: bool,  # noqa: FBT001 - a case
) -> None:
    known = fingerprint_from(SNMP, {SYS_OBJECT_ID: ROOT, SYS_DESCR: b"firmware", MODEL: b"P1", SERIAL: b"7"})
    other = fingerprint_from(SNMP, answers)
    assert known.is_of_same_device(other) == other.is_of_same_device(known) == is_same
    assert (known.contradiction(answers) == "") == is_same


@pytest.mark.parametrize(
    ("text", "is_same"), [(b"firmware", True), (None, True), (b"", True), (b"other firmware", False)]
)
def test_a_card_that_does_not_tell_its_firmware_for_a_moment_has_the_one_that_it_had(
    text: RawValue,
    is_same: bool,  # noqa: FBT001 - a case
) -> None:
    known = fingerprint_from(SNMP, {SYS_OBJECT_ID: ROOT, SYS_DESCR: b"firmware"})
    later = fingerprint_from(SNMP, {SYS_OBJECT_ID: ROOT, SYS_DESCR: text})
    assert known.has_same_firmware(later) == later.has_same_firmware(known) == is_same


def test_an_object_that_is_no_number_is_the_same_each_time_that_it_is_read() -> None:
    """NaN differs from itself: a device with one would be planned anew after each silence."""
    assert fingerprint_from(SNMP, {SYS_DESCR: math.nan}) == fingerprint_from(SNMP, {SYS_DESCR: float("nan")})


def test_a_busy_card_that_leaves_a_name_empty_does_not_tell_another_one() -> None:
    """The second source of the model is for cards that do not have the first one."""
    model = SNMP.identity.model[0]
    sources = [model, model.model_copy(update={"oid": f"{ROOT}.1.4.0"})]
    profile = SNMP.model_copy(update={"identity": SNMP.identity.model_copy(update={"model": sources})})
    known = fingerprint_from(profile, {MODEL: b"P1", f"{ROOT}.1.4.0": b"a card"})
    assert known.news(profile, {MODEL: b"", f"{ROOT}.1.4.0": b"a card"}) == ""
    assert known.news(profile, {MODEL: b"P2"}) == "model was 'P1' and is 'P2'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"P1 SN: 4711 FW: 2", "4711"), (b"P1 SN:4711", "4711"), (b"P1 SN: ", ""), (b"P1 4711", "")],
)
def test_what_stands_behind_a_marker_is_one_word(text: bytes, expected: str) -> None:
    source = IdentitySource.model_validate({"oid": SERIAL, "after": "SN:"})
    assert first_text([source], {SERIAL: text}) == expected


async def test_a_serial_number_is_read_in_its_own_table_of_registers() -> None:
    profile = parse_profile(
        HEAD + "protocol: modbus\npoints:\n  - {metric: dcim_pdu_input_power_watts, register: 1, unit: watt}\n",
        "known.yaml",
    )

    async def ask(table: RegisterTable, address: int, count: int) -> list[int]:
        return [0x4130 + address if table == "input" else 0x4230] * count

    source = IdentitySource.model_validate({"register": 1, "words": 1, "table": "input"})
    assert await unit_text(ask, profile, [source]) == "A1"
    assert await unit_text(ask, profile, [source.model_copy(update={"table": None})]) == "B0"
