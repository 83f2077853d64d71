"""What opening a device finds out: vendor, model, serial number and firmware from its answers, and what it will be polled for.

These texts are shown on pages and terminals, so control characters are removed and long texts are cut.
"""

from collections.abc import Mapping, Sequence

from agent.config import Device
from agent.profile import IdentitySource, Plan, Profile, RawValue, plain_text
from agent.readings import Identified, Identity


def first_text(sources: Sequence[IdentitySource], answers: Mapping[str, RawValue]) -> str:
    """The text of the first source that has any. With `after`, the word that follows this marker in the text."""
    for source in sources:
        text = source.text or printable(answers.get(source.oid or ""))
        if source.after:
            text = next(iter(text.partition(source.after)[2].split()), "")
        if text:
            return text
    return ""


def printable(value: RawValue) -> str:
    """The printable characters of a value, at most 255 (the length of SNMP's DisplayString); empty if there are none."""
    return "".join(character for character in plain_text(value) if character.isprintable()).strip()[:255]


def coolant_of(device: Device, profile: Profile) -> dict[str, str]:
    """Fluid per loop, from the profile. The configuration overrides it, because its author knows which fluid was filled in."""
    fluids: dict[str, str] = {str(loop): fluid for loop, fluid in profile.coolant.items()}
    return fluids | {loop: coolant.fluid for loop, coolant in device.coolant.items()}


def identified(device: Device, profile: Profile, identity: Identity, plan: Plan) -> Identified:
    """The result of opening a device."""
    coolant = coolant_of(device, profile)
    return Identified(profile.profile, profile.class_, identity, frozenset(plan.classes), coolant)
