"""What opening a device finds out: vendor, model, serial number and firmware from its answers, and what it will be polled for.

These texts are shown on pages and terminals, so control characters are removed and long texts are cut.
"""

from collections.abc import Mapping, Sequence

from agent.config import Device
from agent.modbus import ModbusClient, decode
from agent.profile import IdentitySource, Plan, Profile, RawValue, plain_text
from agent.readings import Identified, Identity
from agent.snmp import SnmpClient
from rackflow.errors import DeviceProtocolError


async def identify_snmp(client: SnmpClient, profile: Profile) -> Identity:
    """What the device says about itself, in one request. Raises DeviceError."""
    wanted = profile.identity
    sources = {name: getattr(wanted, name) for name in ("vendor", "model", "serial", "firmware")}
    oids = [source.oid for group in sources.values() for source in group if source.oid]
    answers = await client.get(oids) if oids else {}
    return Identity(**{name: first_text(group, answers) for name, group in sources.items()})


async def identify_modbus(client: ModbusClient, unit: int, profile: Profile) -> Identity:
    """What the unit says about itself; registers that it refuses are empty. Raises DeviceError."""
    found: dict[str, str] = {}
    for name in ("vendor", "model", "serial", "firmware"):
        for source in getattr(profile.identity, name):
            if found.get(name):
                break
            found[name] = source.text or await _register_text(client, unit, profile, source)
    return Identity(**found)


async def _register_text(client: ModbusClient, unit: int, profile: Profile, source: IdentitySource) -> str:
    address = source.register_ or 0
    try:
        registers = await client.read(unit, source.table or profile.modbus.table, address, source.words)
    except DeviceProtocolError:
        return ""
    return printable(decode(registers, source.type, profile.modbus.order))


def first_text(sources: Sequence[IdentitySource], answers: Mapping[str, RawValue]) -> str:
    """The text of the first source that has any. With `after`, the word that follows this marker in the text."""
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
    return Identified(profile.profile, profile.class_, identity, frozenset(plan.classes), coolant)
