"""Reads vendor, model, serial number and firmware from a device's answers.

These texts are shown on pages and terminals, so control characters are removed and long texts are cut.
"""

from collections.abc import Mapping, Sequence

from agent.profile import IdentitySource, RawValue, plain_text


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
