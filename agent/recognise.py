"""Recognition: in go the answers to every profile's probes, out comes the best profile with its score and the reasons; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.normalise import RawValue
from agent.profile import Profile

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"

PROBE_SCORE = 40
PREFIX_SCORE = 10
"""A probe that answers counts more than a sysObjectID, which cards often get wrong."""


@dataclass(frozen=True, slots=True)
class Match:
    """How well one profile fits, and why."""

    profile: Profile
    score: int
    reasons: tuple[str, ...]


def probe_oids(profiles: Iterable[Profile]) -> list[str]:
    """Every instance that recognition asks for."""
    oids = {SYS_DESCR: None, SYS_OBJECT_ID: None}
    for profile in profiles:
        if profile.protocol == "snmp":
            oids |= dict.fromkeys([*profile.recognise.probes, *profile.recognise.refuse])
    return list(oids)


def matches(profiles: Iterable[Profile], answers: Mapping[str, RawValue]) -> list[Match]:
    """Profiles that fit, best first. With probes, one of them must answer; a sysObjectID alone is not trusted then."""
    found = [match for profile in profiles if profile.protocol == "snmp" and (match := _match(profile, answers))]
    return sorted(found, key=lambda match: (-match.score, match.profile.profile))


def _match(profile: Profile, answers: Mapping[str, RawValue]) -> Match | None:
    rules = profile.recognise
    if any(answers.get(oid) is not None for oid in rules.refuse):
        return None
    score, reasons = rules.priority, []
    answered = [oid for oid in rules.probes if answers.get(oid) is not None]
    if rules.probes and not answered:
        return None
    if answered:
        score += PROBE_SCORE
        reasons.append(f"answers {answered[0]}")
    object_id = answers.get(SYS_OBJECT_ID)
    if isinstance(object_id, str):
        prefixes = [prefix for prefix in rules.sysobjectid if f"{object_id}.".startswith(f"{prefix}.")]
        if prefixes:
            longest = max(prefixes, key=len)
            score += PREFIX_SCORE + longest.count(".")
            reasons.append(f"sysObjectID below {longest}")
    return Match(profile, score, tuple(reasons)) if reasons else None
