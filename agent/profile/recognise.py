"""Picks the profile that fits a device's answers, with its score and the reasons."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.profile.normalise import RawValue
from agent.profile.schema import Profile

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"

PROBE_SCORE = 40
PREFIX_SCORE = 10
WORD_SCORE = 8
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


def probe_rounds(profiles: Iterable[Profile], answers: Mapping[str, RawValue]) -> list[list[Profile]]:
    """Whom to probe for first: families that sysObjectID names, then all others, those for want of better (priority < 0) included."""
    candidates = [profile for profile in profiles if profile.protocol == "snmp"]
    named = [profile for profile in candidates if _prefixes(profile, answers) and profile.recognise.priority >= 0]
    others = [profile for profile in candidates if profile not in named]
    return [each for each in (named, others) if each]


def subtree_key(subtree: str) -> str:
    """The key under which `matches` finds whether a subtree holds anything."""
    return f"{subtree}.*"


def probe_roots(profiles: Iterable[Profile]) -> list[tuple[int, ...]]:
    """Where recognition looks, in the order of a walk: subtrees, and what the instances that it asks for stand below."""
    found: set[tuple[int, ...]] = set()
    for profile in profiles:
        rules = profile.recognise
        if profile.protocol == "snmp":
            found |= {oid_parts(oid)[:-1] for oid in (*rules.probes, *rules.refuse)} | set(
                map(oid_parts, rules.subtrees)
            )
    return sorted(found)


def oid_parts(oid: str) -> tuple[int, ...]:
    """An OID as numbers."""
    return tuple(map(int, oid.split(".")))


def matches(profiles: Iterable[Profile], answers: Mapping[str, RawValue]) -> list[Match]:
    """Profiles that fit, best first. What a family says must answer decides; a sysObjectID alone is not trusted."""
    found = [match for profile in profiles if profile.protocol == "snmp" and (match := _match(profile, answers))]
    return sorted(found, key=lambda match: (-match.score, match.profile.profile))


def families_named_by_identity(profiles: Iterable[Profile], answers: Mapping[str, RawValue]) -> list[Profile]:
    """Families that the device's name points to although none of their objects answers; the likeliest first.

    Good for a message to a person: a card whose UPS is off, or a view that hides the vendor's tree, looks like this.
    """
    found = []
    for profile in profiles:
        prefixes = _prefixes(profile, answers) if profile.protocol == "snmp" else []
        if prefixes:
            said = bool(_words(profile, answers)) - bool(profile.recognise.sysdescr)
            score = max(map(len, prefixes)) + 100 * said + profile.recognise.priority
            found.append((-score, profile.profile, profile))
    return [profile for _, _, profile in sorted(found, key=lambda each: each[:2])]


def _words(profile: Profile, answers: Mapping[str, RawValue]) -> list[str]:
    descr = answers.get(SYS_DESCR)
    text = descr.decode("utf-8", "replace").casefold() if isinstance(descr, bytes) else ""
    return [word for word in profile.recognise.sysdescr if word.casefold() in text]


def _prefixes(profile: Profile, answers: Mapping[str, RawValue]) -> list[str]:
    object_id = answers.get(SYS_OBJECT_ID)
    if not isinstance(object_id, str):
        return []
    return [prefix for prefix in profile.recognise.sysobjectid if f"{object_id}.".startswith(f"{prefix}.")]


def _match(profile: Profile, answers: Mapping[str, RawValue]) -> Match | None:
    rules = profile.recognise
    if any(answers.get(oid) is not None for oid in rules.refuse):
        return None
    score, reasons = rules.priority, []
    answered = [oid for oid in rules.probes if answers.get(oid) is not None]
    answered += [subtree for subtree in rules.subtrees if subtree_key(subtree) in answers]
    if answered:
        score += PROBE_SCORE
        reasons.append(f"answers {answered[0]}")
    prefixes = _prefixes(profile, answers)
    if prefixes:
        longest = max(prefixes, key=len)
        score += PREFIX_SCORE + longest.count(".")
        reasons.append(f"sysObjectID below {longest}")
    words = _words(profile, answers)
    if words:
        score += WORD_SCORE
        reasons.append(f"sysDescr says {words[0]!r}")
    if rules.probes or rules.subtrees:
        return Match(profile, score, tuple(reasons)) if answered else None
    return Match(profile, score, tuple(reasons)) if prefixes and words else None
