"""Whether a device is still the one that was opened: by its vendor, model and serial number, and by sysObjectID."""

import pytest

from agent.poll.fingerprint import fingerprint_from
from agent.poll.identity import unit_text
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
