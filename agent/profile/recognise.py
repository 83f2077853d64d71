"""Picks the profile that fits an SNMP device's answers, with its score and the reasons.

The rules are `Recognise` in `schema/profile.py`. What is asked for is decided here, and asked in `agent/poll/probe_snmp.py`. A Modbus unit
is recognised by its registers, in `agent/poll/probe_modbus.py` alone.

The deciding evidence is an object that only this family has. A sysObjectID alone is never trusted: management cards are shared
between products and vendors, and many report the wrong one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.profile.normalising import RawValue, folded_text
from agent.profile.schema import Profile

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
SYS_NAME = "1.3.6.1.2.1.1.5.0"

# The sysObjectID of net-snmp, unless it is configured otherwise. It says that the agent is net-snmp on Linux, and nothing about the device.
NET_SNMP = "1.3.6.1.4.1.8072.3.2"

# Only the order matters. A probe that answers must outweigh a sysObjectID (10 plus the dots of its prefix, about 20) and a word of
# sysDescr together, because cards often get those wrong. A profile's `priority` (-50 to 50) can overrule it: that is how generic
# families such as UPS-MIB come last. Chosen values, tested with the recordings of all families.
PROBE_SCORE = 40
PREFIX_SCORE = 10
WORD_SCORE = 8


@dataclass(frozen=True, slots=True)
class Match:
    """A profile that fits, with its score and the reasons, for people."""

    profile: Profile
    score: int
    reasons: tuple[str, ...]


def probe_oids(profiles: Iterable[Profile]) -> list[str]:
    """Every instance that recognition may ask for."""
    oids = {SYS_DESCR: None, SYS_OBJECT_ID: None}
    for profile in profiles:
        if profile.protocol == "snmp":
            oids |= dict.fromkeys([*profile.recognise.probes, *profile.recognise.refuse])
    return list(oids)


def probe_rounds(profiles: Iterable[Profile], answers: Mapping[str, RawValue]) -> list[list[Profile]]:
    """The families to probe for, in rounds: first the families that the sysObjectID names, then all others.

    Generic families (priority < 0) wait for the second round even if named: the specific family must be tried along with them.
    """
    candidates = [profile for profile in profiles if profile.protocol == "snmp"]
    named = [profile for profile in candidates if _prefixes(profile, answers) and profile.recognise.priority >= 0]
    others = [profile for profile in candidates if profile not in named]
    return [each for each in (named, others) if each]


def subtree_key(subtree: str) -> str:
    """The key under which `matches` finds whether a subtree holds anything."""
    return f"{subtree}.*"


def probe_roots(profiles: Iterable[Profile]) -> list[tuple[int, ...]]:
    """The OIDs where recognition asks for what comes next, in walk order: the subtrees, and the parents of the probed instances."""
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
    """Profiles that fit, best first. Equal scores are sorted by name, so that the result never varies."""
    found = [match for profile in profiles if profile.protocol == "snmp" and (match := _match(profile, answers))]
    return sorted(found, key=lambda match: (-match.score, match.profile.profile))


def families_named_by_identity(profiles: Iterable[Profile], answers: Mapping[str, RawValue]) -> list[Profile]:
    """Families that the device's sysObjectID names although the device answers none of their objects; the likeliest first.

    For the error message: a card answers like this if its UPS is off, or if its SNMP view hides the vendor's tree.
    """
    found = []
    for profile in profiles:
        prefixes = _prefixes(profile, answers) if profile.protocol == "snmp" else []
        if prefixes:
            # A family whose words sysDescr lacks comes after all others: no prefix has 100 characters.
            is_contradicted = bool(profile.recognise.sysdescr) and not _words(profile, answers)
            demerit = 100 if is_contradicted else 0
            score = max(map(len, prefixes)) - demerit + profile.recognise.priority
            found.append((-score, profile.profile, profile))
    return [profile for _, _, profile in sorted(found, key=lambda each: each[:2])]


def _words(profile: Profile, answers: Mapping[str, RawValue]) -> list[str]:
    descr = answers.get(SYS_DESCR)
    text = folded_text(descr) if isinstance(descr, bytes) else ""
    return [word for word in profile.recognise.sysdescr if word.casefold() in text]


def _prefixes(profile: Profile, answers: Mapping[str, RawValue]) -> list[str]:
    object_id = answers.get(SYS_OBJECT_ID)
    if not isinstance(object_id, str) or f"{object_id}.".startswith(f"{NET_SNMP}."):
        return []
    # Compared with a dot at the end, so that 1.3.6.1.4.1.318 does not match 1.3.6.1.4.1.3180.
    return [prefix for prefix in profile.recognise.sysobjectid if f"{object_id}.".startswith(f"{prefix}.")]


def _match(profile: Profile, answers: Mapping[str, RawValue]) -> Match | None:
    rules = profile.recognise
    # Some families share their objects with another vendor's devices. `refuse` names an object that this family never has.
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
