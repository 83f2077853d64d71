"""Numbers with their nouns, and long lists, for messages to people."""

from collections.abc import Sequence


def count_of(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless it is one: `1 device`, `3,076 devices`, `2 more entries`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch')) else 's'}"


def first_of(names: Sequence[str], most: int) -> str:
    """The first `most` names, and how many more there are: `a, b and 3 more`. Empty without names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
