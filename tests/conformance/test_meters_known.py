"""Which family a meter over Modbus is taken for, and what it tells about itself."""

import struct
from dataclasses import replace
from functools import partial

import pytest

from agent.modbus import ModbusLink
from agent.poll import recognise_unit
from agent.poll.identity import identify_modbus
from agent.readings import Identity
from rackflow.recording import RegisterTable
from tests.agent.modbus.modbus_peers import target_of
from tests.agent.shipped import shipped_profiles
from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_maps import Served
from tests.conformance.served_modbus import MAPS, poll, serving

TABLES: tuple[RegisterTable, ...] = ("holding", "input")


def _words(text: str, words: int) -> tuple[int, ...]:
    return struct.unpack(f">{words}H", text.encode().ljust(2 * words, b"\0"))


async def _found(one: Served) -> tuple[str, Identity]:
    """The family that a meter is taken for, and what it then tells about itself."""
    profiles = [profile for profile in shipped_profiles().values() if profile.protocol == "modbus"]
    async with serving(one) as port:
        client = ModbusLink(target_of(port))
        match, _ = await recognise_unit(client, one.unit, profiles)
        asked = partial(client.read, one.unit)
        identity = await identify_modbus(asked, match.profile) if match else Identity()
        await client.close()
    return (match.profile.profile if match else ""), identity


@pytest.mark.parametrize(
    ("name", "at", "model"),
    [
        ("schneider-pm5000", 49, "PM3255"),
        ("schneider-pm5000", 49, "METSEPM2220"),
        ("siemens-pac2200", 64_002, "7KM3120-0BA01-1DA0"),
        ("siemens-pac2200", 64_002, "7KM3220-0BA01-1DA0"),
        ("abb-b2x", 0x8960, "A44 552-100"),
        ("hager-ecr", 0x1010, "ECR180D"),
    ],
)
async def test_a_meter_with_the_map_of_another_is_known_and_says_its_model(name: str, at: int, model: str) -> None:
    words = dict(enumerate(_words(model, 6 if name == "abb-b2x" else 10), at))
    one = MAPS[name]
    one = replace(one, registers=one.registers | words, settings=one.settings and one.settings | words)
    match, found = await _found(one)
    assert match == name
    assert found.model == model


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (332, "carlo-gavazzi-em300"),
        (340, "carlo-gavazzi-em300"),
        (0x6D0, "carlo-gavazzi-em300"),
        (0x6E3, "carlo-gavazzi-em300"),
        (1651, "carlo-gavazzi-em24"),
        (4, None),
        (400, None),
    ],
)
async def test_a_meter_of_carlo_gavazzi_is_known_by_its_identification_code(code: int, name: str | None) -> None:
    """EM330, EM340, EM530, EM540 and EM24 with Ethernet; another number is of no family."""
    registers = {11: code} | dict.fromkeys(range(4096, 4104), 0)
    taken = {(await _found(Served(table=table, registers=registers)))[0] for table in TABLES}
    assert taken - {""} == ({name} if name else set())


@pytest.mark.parametrize(
    ("name", "serial"),
    [
        ("carlo-gavazzi-em24", "KY1234567"),
        ("carlo-gavazzi-em24-rs485", "BP1234567"),
        ("carlo-gavazzi-em300", "KV0270130001B"),
        ("abb-b2x", "240100003"),
    ],
)
async def test_a_meter_tells_its_serial_number_as_it_is_printed(name: str, serial: str) -> None:
    """Those of Carlo Gavazzi send numbers with their low word first, texts from left to right."""
    match, found = await _found(MAPS[name])
    assert (match, found.serial) == (name, serial)


@pytest.mark.parametrize(("model", "moved"), [("Shark 200", 0), ("Shark 100", -400)])
async def test_energies_of_a_shark_stand_where_its_series_has_them(model: str, moved: int) -> None:
    """From 01500 of a Shark 200, from 01100 of a Shark 100; what a meter has no register for it reads as 0."""
    one = MAPS["eig-shark"]
    energies = {at: one.registers[at] for at in (*range(1499, 1503), 1505, 1506)}
    others = {at: word for at, word in one.registers.items() if at not in energies} | dict.fromkeys(energies, 0)
    registers = others | {at + moved: word for at, word in energies.items()}
    async with serving(one, registers | dict(enumerate(_words(model, 8)))) as port:
        readings = await poll(port, "eig-shark", one.unit)
    energy = "dcim_meter_energy_joules_total"
    assert {key: value for key, value in readings.values.items() if key.startswith(energy)} == {
        f"{energy}{{direction=import,{METER}}}": pytest.approx(1_234_567 * 360_000.0),
        f"{energy}{{direction=export,{METER}}}": pytest.approx(70_001 * 360_000.0),
    }


@pytest.mark.parametrize(
    ("valid", "status", "state"),
    [
        (0b101111, 0b101001, "closed"),
        (0b101111, 0b100000, "open"),
        (0b101111, 0b000010, "tripped"),
        (0b000111, 0b000101, "tripped"),
        (0b101111, 0x8001, "unknown"),
        (0, 0b000001, None),
    ],
)
async def test_a_breaker_tells_its_state_while_its_contacts_are_valid(
    valid: int, status: int, state: str | None
) -> None:
    one = MAPS["schneider-breaker"]
    async with serving(one, {31_999: valid, 32_000: status}) as port:
        readings = await poll(port, "schneider-breaker", one.unit)
    assert readings.states.get("dcim_circuit_breaker_state{circuit=main,panel=1}") == state
