"""Recognises an SNMP device over the wire in 2 to 12 requests, however many families there are.

Asking for every family's probe objects took more than 50 requests. Instead, one GETNEXT is sent at the OID where a family's
objects would be: everything between it and the answered OID is empty, which rules out many families at once.
"""

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
"""An OID as numbers, so that OIDs compare in the order of a walk."""
# With one known object added at the end, a request has 20 objects, the default limit. The device is known to have that last object:
# if it is in the answer, the answer was not cut short, and missing probes are absent.
PROBES_PER_REQUEST = 19


async def recognise_device(client: SnmpClient, profiles: Iterable[Profile]) -> tuple[list[Match], dict[str, RawValue]]:
    """The families that fit, best first, and the device's answers. Raises DeviceError.

    Families whose sysObjectID fits are tried first, and the others only if none of them fits; this usually saves the second round.
    """
    system_objects = [SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME]
    answers: dict[str, RawValue] = await client.get(system_objects)
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
    """The places that hold an object, and the places of which nobody knows yet. `places` is sorted.

    All places between the OID of a GETNEXT and the OID that it returns are empty.
    """
    present: set[OidParts] = set()
    at = 0
    while at < len(places):
        try:
            following = await client.get_next(".".join(map(str, places[at])))
        except DeviceProtocolError:
            # The device cannot do GETNEXT here: the objects of the remaining places must be requested by name.
            return present, set(places[at:])
        if following is None:
            break
        position = oid_parts(following[0])
        if position <= places[at]:
            # The device's tree is out of order, so an answer says nothing about the places before it.
            return present, set(places[at:])
        while at < len(places) and places[at] <= position:
            if position[: len(places[at])] == places[at]:
                present.add(places[at])
            at += 1
    return present, set()


async def _ask(client: SnmpClient, wanted: Sequence[str], answers: dict[str, RawValue]) -> None:
    known = [oid for oid in (SYS_UPTIME, SYS_OBJECT_ID) if oid in answers][:1]
    for at in range(0, len(wanted), PROBES_PER_REQUEST):
        answers |= await client.get([*wanted[at : at + PROBES_PER_REQUEST], *known])
