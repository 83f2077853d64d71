"""Recognising over the wire: in go a client and the profiles, out come the families that fit; few requests for known names."""

from collections.abc import Iterable, Sequence

from agent.family import Profile
from agent.normalise import RawValue
from agent.recognise import (
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_UPTIME,
    Match,
    matches,
    probe_oids,
    rounds,
    subtree_answer,
    subtrees_to_try,
)
from agent.seams import SnmpClient

PORTION = 12
"""Probes asked at a time. Most are absent, so each portion carries objects that every agent has: they vouch for the answer."""


async def recognise_device(client: SnmpClient, profiles: Iterable[Profile]) -> tuple[list[Match], dict[str, RawValue]]:
    """The families that fit, best first, and what the device answered. Raises DeviceError.

    Families that its sysObjectID names are tried first; the others only where none of those answers.
    """
    witnesses = [SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME]
    answers: dict[str, RawValue] = await client.get(witnesses)
    found: list[Match] = []
    for candidates in rounds(profiles, answers):
        await _probe(client, candidates, answers)
        found = matches(candidates, answers)
        if found:
            break
    return found, answers


async def _probe(client: SnmpClient, candidates: Sequence[Profile], answers: dict[str, RawValue]) -> None:
    wanted = [oid for oid in probe_oids(candidates) if oid not in answers]
    witness = [oid for oid in (SYS_UPTIME, SYS_OBJECT_ID) if oid in answers][:1]
    for at in range(0, len(wanted), PORTION):
        answers |= await client.get([*witness, *wanted[at : at + PORTION]])
    for subtree in subtrees_to_try(candidates, answers):
        if await client.walk(subtree, limit=1):
            answers[subtree_answer(subtree)] = 1
