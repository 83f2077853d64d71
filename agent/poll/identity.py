"""Words that a device says of itself: vendor, model, serial number, firmware."""

from collections.abc import Mapping, Sequence

from agent.profile import IdentitySource, RawValue


def first_text(sources: Sequence[IdentitySource], answers: Mapping[str, RawValue]) -> str:
    """The first source that says anything; a marker's word is the one behind it."""
    for source in sources:
        text = source.text or printable(answers.get(source.oid or ""))
        if source.after:
            text = next(iter(text.partition(source.after)[2].split()), "")
        if text:
            return text
    return ""


def printable(value: RawValue) -> str:
    """Text without what no terminal and no page can show, at most 255 characters; empty where there is none."""
    if value is None:
        return ""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(character for character in text if character.isprintable()).strip()[:255]
