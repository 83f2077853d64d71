"""Recognises a Modbus unit by registers that identify its family.

Modbus has no equivalent of sysObjectID: Read Device Identification is optional and free text, so it is only
shown to people. A profile fits if all registers that it names fit.
"""

from collections.abc import Iterable

from agent.modbus import GATEWAY, ModbusLink, decode
from agent.profile import PROBE_SCORE, Match, Profile, RawValue, RegisterProbe, normalise_answers, plan_device
from rackflow.errors import DeviceNotConnected, DeviceProtocolError, DeviceTimeout, DeviceUnreachable

# Numbers up to this do not identify a family: states, counts and versions are small. Serial numbers, product codes and magic numbers are
# larger.
SMALL_NUMBER = 255


async def recognise_unit(client: ModbusLink, unit: int, profiles: Iterable[Profile]) -> tuple[Match | None, str]:
    """The best matching family or None, and the unit's own description or "". Raises DeviceError if there is no unit.

    A unit that refuses every request exists; a unit for which a gateway answers does not.
    """
    description = await _description(client, unit)
    found: list[Match] = []
    for profile in profiles:
        probes = profile.recognise.registers
        reasons = [reason for probe in probes if (reason := await _fits(client, unit, profile, probe))]
        if (
            probes
            and len(reasons) == len(probes)
            and (_is_telling(profile) or await _reads_well(client, unit, profile))
        ):
            found.append(Match(profile, PROBE_SCORE + profile.recognise.priority, tuple(reasons)))
    return max(found, key=lambda match: match.score, default=None), description


def _is_telling(profile: Profile) -> bool:
    """Whether the profile's probes identify the family. A single small number does not: any register of any device may hold it."""
    probes = profile.recognise.registers
    return len(probes) > 1 or any(probe.contains or min(probe.in_) > SMALL_NUMBER for probe in probes)


async def _reads_well(client: ModbusLink, unit: int, profile: Profile) -> bool:
    """Whether the unit has every register of the profile, most of them in use, and each with a value that is possible there."""
    plan = plan_device(profile.loaded(), {}, {}, None)
    raw: dict[str, RawValue] = {}
    for block in (block for part in plan.classes.values() for block in part.blocks):
        try:
            words = await client.read(unit, block.table, block.address, block.count)
        except DeviceProtocolError:
            return False
        for each in block.fields:
            raw[each.ref] = decode(words[each.offset : each.offset + each.words], each.kind, each.order)
    read = [normalise_answers(part.slots, raw) for part in plan.classes.values()]
    return not any(each.bad for each in read) and sum(map(bool, raw.values())) * 2 > len(raw)


async def _description(client: ModbusLink, unit: int) -> str:
    try:
        return await client.describe(unit)
    except DeviceNotConnected:
        raise
    except (DeviceTimeout, DeviceUnreachable):
        # Some devices do not answer a function code that they do not know, and some close the connection. Reading a register shows whether
        # anything is there.
        await _present(client, unit)
    except DeviceProtocolError as refusal:
        if not _is_of_the_unit(refusal):
            raise
    return ""


def _is_of_the_unit(refusal: DeviceProtocolError) -> bool:
    """Whether the unit itself refused. Without an exception code it was garbage; a gateway answers for units that are not there."""
    return bool(refusal.code) and refusal.code not in GATEWAY


async def _present(client: ModbusLink, unit: int) -> None:
    try:
        await client.read(unit, "holding", 0, 1)
    except DeviceProtocolError as refusal:
        if not _is_of_the_unit(refusal):
            raise


async def _fits(client: ModbusLink, unit: int, profile: Profile, probe: RegisterProbe) -> str:
    """The reason why the register fits, for people; empty if it does not."""
    table = probe.table or profile.modbus.table
    try:
        registers = await client.read(unit, table, probe.register_, probe.words)
    except DeviceUnreachable:
        return ""  # the unit was there a moment ago: some devices close the connection instead of refusing a register
    except DeviceProtocolError as refusal:
        if not refusal.code:
            raise
        return ""
    place = f"{table} {probe.register_}"
    if probe.in_:
        return f"{place} holds {registers[0]}" if registers[0] in probe.in_ else ""
    # A text may be part of a block with numbers that can only be read as a whole, such as Siemens' I&M data; NULs in the numbers would end
    # the text.
    text = str(decode([*map(_without_nul, registers)], "ascii", profile.modbus.order)).casefold()
    return next((f"{place} says {word!r}" for word in probe.contains if word.casefold() in text), "")


def _without_nul(register: int) -> int:
    """The register with blanks in place of NULs."""
    return (register & 0xFF00 or ord(" ") << 8) | (register & 0xFF or ord(" "))
