"""Recognises an SNMP device over the wire, in few requests however many families there are."""

from collections.abc import Iterable, Sequence

from agent.profile import (
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_UPTIME,
    Match,
    Profile,
    RawValue,
    matches,
    oid_parts,
    probe_oids,
    probe_roots,
    probe_rounds,
    subtree_key,
)
from agent.snmp import SnmpClient
from rackflow.errors import DeviceProtocolError

OidParts = tuple[int, ...]
"""An OID, as numbers."""
PROBES_PER_REQUEST = 19
"""Probes asked at a time, and behind them an object that every agent has: its answer vouches for what is not there."""


async def recognise_device(client: SnmpClient, profiles: Iterable[Profile]) -> tuple[list[Match], dict[str, RawValue]]:
    """The families that fit, best first, and what the device answered. Raises DeviceError.

    Families that its sysObjectID names are tried first; the others only where none of those answers.
    """
    witnesses = [SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME]
    answers: dict[str, RawValue] = await client.get(witnesses)
    found: list[Match] = []
    looked: set[OidParts] = set()
    for candidates in probe_rounds(profiles, answers):
        places = [root for root in probe_roots(candidates) if root not in looked]
        looked.update(places)
        present, unknown = await _present(client, places)
        subtrees = dict.fromkeys(subtree for profile in candidates for subtree in profile.recognise.subtrees)
        answers |= {subtree_key(subtree): 1 for subtree in subtrees if oid_parts(subtree) in present}
        wanted = [oid for oid in probe_oids(candidates) if oid_parts(oid)[:-1] in present | unknown]
        await _ask(client, [oid for oid in wanted if oid not in answers], answers)
        found = matches(candidates, answers)
        if found:
            break
    return found, answers


async def _present(client: SnmpClient, places: Sequence[OidParts]) -> tuple[set[OidParts], set[OidParts]]:
    """Those places that hold anything, and those that may. The instance behind one tells that all before it are empty."""
    present: set[OidParts] = set()
    at = 0
    while at < len(places):
        try:
            following = await client.get_next(".".join(map(str, places[at])))
        except DeviceProtocolError:
            return present, set(places[at:])
        if following is None:
            break
        position = oid_parts(following[0])
        if position <= places[at]:  # its tree is in no order: what it has must be asked for
            return present, set(places[at:])
        while at < len(places) and places[at] <= position:
            if position[: len(places[at])] == places[at]:
                present.add(places[at])
            at += 1
    return present, set()


async def _ask(client: SnmpClient, wanted: Sequence[str], answers: dict[str, RawValue]) -> None:
    witness = [oid for oid in (SYS_UPTIME, SYS_OBJECT_ID) if oid in answers][:1]
    for at in range(0, len(wanted), PROBES_PER_REQUEST):
        answers |= await client.get([*wanted[at : at + PROBES_PER_REQUEST], *witness])
