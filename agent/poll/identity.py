"""Reads the identity of a device when it is opened (vendor, model, serial number, firmware), and sums up what was found (`identified`).

These texts are shown on pages and terminals, so control characters are removed and long texts are cut.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from agent.config import Device
from agent.modbus import decode, words_of
from agent.profile import IdentitySource, Plan, Profile, RawValue, plain_text
from agent.readings import Identified, Identity
from agent.snmp import SnmpClient
from rackflow.errors import DeviceProtocolError
from rackflow.register_tables import RegisterTable

NAMES: Final = ("vendor", "model", "serial", "firmware")
Ask = Callable[[RegisterTable, int, int], Awaitable[list[int]]]
"""Reads registers of one unit: table, address on the wire, and how many."""


async def identify_snmp(client: SnmpClient, profile: Profile) -> Identity:
    """Read the identity of an SNMP device, in one request. Raises DeviceError."""
    oids = identity_oids(profile)
    return identity_from(profile, await client.get(oids) if oids else {})


def identity_oids(profile: Profile) -> list[str]:
    """The objects that hold the device's vendor, model, serial number and firmware."""
    return [source.oid for name in NAMES for source in getattr(profile.identity, name) if source.oid]


def identity_from(profile: Profile, answers: Mapping[str, RawValue]) -> Identity:
    """The identity in these answers."""
    return Identity(**{name: first_text(getattr(profile.identity, name), answers) for name in NAMES})


async def identify_modbus(ask: Ask, profile: Profile) -> Identity:
    """Read the identity of a Modbus unit; what it refuses is left empty. Raises DeviceError."""
    return Identity(**{name: await unit_text(ask, profile, getattr(profile.identity, name)) for name in NAMES})


async def unit_text(ask: Ask, profile: Profile, sources: Iterable[IdentitySource]) -> str:
    """The text of the first source that gives one. Registers that the unit refuses count as empty; other failures raise DeviceError."""
    for source in sources:
        if text := source.text or await _register_text(ask, profile, source):
            return text
    return ""


async def _register_text(ask: Ask, profile: Profile, source: IdentitySource) -> str:
    address = source.register_ or 0
    try:
        registers = await ask(source.table or profile.modbus.table, address, words_of(source.type, source.words))
    except DeviceProtocolError:
        return ""
    return printable(decode(registers, source.type, profile.modbus.order))


def first_text(sources: Sequence[IdentitySource], answers: Mapping[str, RawValue]) -> str:
    """The text of the first source that gives one; of a source with `after`, the word that follows this marker."""
    for source in sources:
        text = source.text or printable(answers.get(source.oid or ""))
        if source.after:
            text = next(iter(text.partition(source.after)[2].split()), "")
        if text:
            return text
    return ""


def printable(value: RawValue) -> str:
    """The printable characters of a value, at most 255 (the length of SNMP's DisplayString); empty if there are none."""
    return "".join(character for character in plain_text(value) if character.isprintable()).strip()[:255]


def coolant_of(device: Device, profile: Profile) -> dict[str, str]:
    """Fluid per loop, from the profile. The configuration overrides it, because its author knows which fluid was filled in."""
    fluids: dict[str, str] = {str(loop): fluid for loop, fluid in profile.coolant.items()}
    return fluids | {loop: coolant.fluid for loop, coolant in device.coolant.items()}


def identified(device: Device, profile: Profile, identity: Identity, plan: Plan) -> Identified:
    """The result of opening a device."""
    coolant = coolant_of(device, profile)
    return Identified(
        profile=profile.profile,
        device_class=profile.class_,
        identity=identity,
        poll_classes=plan.classes.keys(),
        coolant=coolant,
        nothing_there=plan.nothing_there,
        evidence=profile.evidence,
        content=profile.content_hash,
    )
