"""Tells whether the SNMP device at an address is still the one that was opened: compares sysObjectID, sysDescr, sysName and identity.

A device that was silent and has the same fingerprint as before keeps its plan; planning costs dozens of requests.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.poll.identity import NAMES, first_text, identity_from, identity_oids, printable
from agent.profile import SYS_DESCR, SYS_NAME, SYS_OBJECT_ID, IdentitySource, Profile, RawValue
from agent.readings import Identity

_SYS_OBJECT_ID: Final = IdentitySource(oid=SYS_OBJECT_ID)
SYSTEM_OIDS: Final = (SYS_OBJECT_ID, SYS_DESCR, SYS_NAME)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The answers to `fingerprint_oids`. Equal fingerprints mean the same device, or one that cannot be distinguished from it."""

    identity: Identity
    identifiers: tuple[tuple[IdentitySource, str], ...]
    """sysObjectID, model and serial number, as far as the device has them: where each is read, and its text."""
    system: Mapping[str, RawValue]
    """Raw answers by object. A new firmware (sysDescr) or a new name may come with new rows, so a change means planning again."""
    answers: Mapping[str, RawValue] = field(compare=False)
    """All of them."""

    def is_of_same_device(self, other: "Fingerprint") -> bool:
        """Whether both can come from one device. Only identifiers in both are compared: another profile may read other objects."""
        known = dict(
            zip((source.oid for source, _ in other.identifiers), (text for _, text in other.identifiers), strict=True)
        )
        return all(known.get(source.oid, text) == text for source, text in self.identifiers)

    def has_same_firmware(self, other: "Fingerprint") -> bool:
        """Whether nothing shows another firmware: that of the identity, or sysDescr. What is missing on one side is not compared."""
        known = (
            (self.identity.firmware, other.identity.firmware),
            (self.system.get(SYS_DESCR), other.system.get(SYS_DESCR)),
        )
        return all(not mine or not theirs or mine == theirs for mine, theirs in known)

    def news(self, profile: Profile, answers: Mapping[str, RawValue]) -> str:
        """What later answers tell that this does not; empty if nothing. What they lack, as those of a busy card do, is as it was."""
        later = fingerprint_from(
            profile, {**self.answers, **{oid: each for oid, each in answers.items() if printable(each)}}
        )
        for name in NAMES:
            known, text = getattr(self.identity, name), getattr(later.identity, name)
            if text not in ("", known):
                return f"{name} was {known!r} and is {text!r}"
        return "" if self.has_same_firmware(later) else "has another sysDescr"

    def is_shown_by(self, raw: Mapping[str, RawValue]) -> bool:
        """Whether these answers have all identifiers of this device, so that they are its own."""
        return bool(self.identifiers) and all(first_text([source], raw) == text for source, text in self.identifiers)

    def contradiction(self, raw: Mapping[str, RawValue]) -> str:
        """Why these answers come from another device; empty if nothing shows it. Missing and empty objects are ignored."""
        for source, known in self.identifiers:
            # Most polls ask for none of them.
            text = first_text([source], raw) if source.oid in raw else ""
            if text and text != known:
                return f"{source.oid} was {known!r} and is {text!r}"
        return ""


def fingerprint_oids(profile: Profile) -> list[str]:
    """The objects to request for a fingerprint."""
    return list(dict.fromkeys([*identity_oids(profile), *SYSTEM_OIDS]))


def fingerprint_from(profile: Profile, answers: Mapping[str, RawValue]) -> Fingerprint:
    """The fingerprint in these answers."""
    watched = [_SYS_OBJECT_ID, *profile.identity.model, *profile.identity.serial]
    return Fingerprint(
        identity_from(profile, answers),
        tuple(_known_texts(watched, answers)),
        {oid: comparable(answers.get(oid)) for oid in SYSTEM_OIDS},
        {oid: answers[oid] for oid in fingerprint_oids(profile) if oid in answers},
    )


def comparable(value: RawValue) -> RawValue:
    """The value, or None for NaN, which differs from itself and so would count as a change each time it is read."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _known_texts(
    sources: Iterable[IdentitySource], answers: Mapping[str, RawValue]
) -> Iterable[tuple[IdentitySource, str]]:
    for each in sources:
        if each.oid and (text := first_text([each], answers)):
            yield each, text
