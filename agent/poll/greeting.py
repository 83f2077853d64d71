"""What an SNMP device says of itself when it is opened. One that was silent and says the same is still what it was planned as."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.poll.identity import first_text, identity_from, identity_oids
from agent.profile import SYS_DESCR, SYS_NAME, SYS_OBJECT_ID, IdentitySource, Profile, RawValue
from agent.readings import Identity

TEXTS: Final = (SYS_OBJECT_ID, SYS_DESCR, SYS_NAME)


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answers to `greeting_oids`. Two that are equal come from the same device, or from one that cannot be told from it."""

    identity: Identity
    words: tuple[tuple[IdentitySource, str], ...]
    """What said who the device is: where it stands and what it said."""
    texts: Mapping[str, RawValue]
    """As it came, by object: a new firmware or a new name may come with new rows."""

    def is_of_same_device(self, other: "Greeting") -> bool:
        """Whether the same device can have said both: a firmware or a name may change, and another profile reads other words."""
        known = dict(zip((source.oid for source, _ in other.words), (word for _, word in other.words), strict=True))
        return all(known.get(source.oid, word) == word for source, word in self.words)

    def contradiction(self, raw: Mapping[str, RawValue]) -> str:
        """What in these answers says that this is another device, or nothing. An object that is missing or empty says nothing."""
        for source, known in self.words:
            # Most polls ask for none of them.
            text = first_text([source], raw) if source.oid in raw else ""
            if text and text != known:
                return f"{source.oid} was {known!r} and is {text!r}"
        return ""


def greeting_oids(profile: Profile) -> list[str]:
    """What to ask for a greeting."""
    return list(dict.fromkeys([*identity_oids(profile), *TEXTS]))


def greeting_from(profile: Profile, answers: Mapping[str, RawValue]) -> Greeting:
    """The greeting in these answers."""
    watched = [IdentitySource(oid=SYS_OBJECT_ID), *profile.identity.model, *profile.identity.serial]
    return Greeting(
        identity_from(profile, answers),
        tuple(_said(watched, answers)),
        {oid: comparable(answers.get(oid)) for oid in TEXTS},
    )


def comparable(value: RawValue) -> RawValue:
    """The value, or None for NaN: it differs from itself, so it would count as a change each time it is read."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _said(sources: Iterable[IdentitySource], answers: Mapping[str, RawValue]) -> Iterable[tuple[IdentitySource, str]]:
    for each in sources:
        if each.oid and (text := first_text([each], answers)):
            yield each, text
