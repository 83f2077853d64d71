"""Recognises a Modbus unit by registers that identify its family."""

from collections.abc import Iterable

from agent.modbus import PymodbusClient, decode
from agent.profile import PROBE_SCORE, Match, Profile, RegisterProbe
from rackflow.errors import DeviceProtocolError, DeviceTimeout

GATEWAY_EXCEPTIONS = (10, 11)
"""Exceptions of a gateway behind which there is no such unit."""


async def recognise_unit(client: PymodbusClient, unit: int, profiles: Iterable[Profile]) -> tuple[Match | None, str]:
    """The family, None where none fits, and the unit's description, empty where it has none. Raises DeviceError.

    A unit that refuses everything else is still there; one behind which a gateway finds nobody is not.
    """
    description = await _description(client, unit)
    found: list[Match] = []
    for profile in profiles:
        probes = profile.recognise.registers
        reasons = [reason for probe in probes if (reason := await _fits(client, unit, profile, probe))]
        if probes and len(reasons) == len(probes):
            found.append(Match(profile, PROBE_SCORE + profile.recognise.priority, tuple(reasons)))
    return max(found, key=lambda match: match.score, default=None), description


async def _description(client: PymodbusClient, unit: int) -> str:
    try:
        return await client.describe(unit)
    except DeviceTimeout:
        # Some leave a function that they do not know unanswered: a register shows whether anybody is there.
        await _present(client, unit)
    except DeviceProtocolError as refusal:
        if not refusal.code or refusal.code in GATEWAY_EXCEPTIONS:
            raise
    return ""


async def _present(client: PymodbusClient, unit: int) -> None:
    try:
        await client.read(unit, "holding", 0, 1)
    except DeviceProtocolError as refusal:
        if not refusal.code or refusal.code in GATEWAY_EXCEPTIONS:
            raise


async def _fits(client: PymodbusClient, unit: int, profile: Profile, probe: RegisterProbe) -> str:
    """Why it fits; empty where it does not."""
    table = probe.table or profile.modbus.table
    try:
        registers = await client.read(unit, table, probe.register_, probe.words)
    except DeviceProtocolError as refusal:
        if not refusal.code:
            raise
        return ""
    place = f"{table} {probe.register_}"
    if probe.in_:
        return f"{place} holds {registers[0]}" if registers[0] in probe.in_ else ""
    text = str(decode(registers, "ascii", profile.modbus.order)).casefold()
    return next((f"{place} says {word!r}" for word in probe.contains if word.casefold() in text), "")
