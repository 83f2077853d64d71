"""A number with its noun, for messages to people."""


def count_of(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless it is one: `1 device`, `3,076 devices`, `2 more entries`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch')) else 's'}"
