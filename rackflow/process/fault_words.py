"""Says in plain words what is wrong with a value of a configuration, and what to write instead.

pydantic's own words name what it tried (`unable to parse string as an integer`), not what somebody at a keyboard does next.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_TIME = "is no time with its offset from UTC; write it like 2026-11-26T08:00:00+01:00"
_DATE = "is no date; write it like 2024-03-01"
_KEYS = "keys are expected; write them as `key: value`, one to a line"
_FIXED: Final[Mapping[str, str]] = {
    "date_parsing": _DATE,
    "date_type": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "timezone_aware": "has no offset from UTC; write it like 2026-11-26T08:00:00+01:00",
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_type": _TIME,
    "finite_number": "is no finite number; write one",
    "bool_parsing": "is neither true nor false; write one of them",
    "bool_type": "is neither true nor false; write one of them",
    "invalid_key": "is a key that YAML does not read as a text; put it in quotes",
}
# How like a choice a wrong value must be to be a slip for it (difflib's ratio): `influx` is one for influxdb (0.86), `utility` is none
# for facility (0.67).
LIKE = 0.75
# Classes of characters as patterns of names have them, with a number of characters behind: what is allowed can be told from these.
_CLASS = re.compile(r"\^\[([A-Za-z0-9_.:/+-]*)\]\{(\d+),(\d+)\}\$")
_WITH_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)")
# By the end of a key: the units that people write behind its number, and how much each is of the key's own.
_UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "_s": {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800},
    "bytes": {
        "b": 1,
        **{prefix + end: 1000**power for power, prefix in enumerate("kmgt", 1) for end in ("", "b")},
        **{prefix + "ib": 1024**power for power, prefix in enumerate("kmgt", 1)},
    },
    "_days": {"d": 1, "day": 1, "days": 1, "w": 7, "weeks": 7, "y": 365, "year": 365, "years": 365},
}


def kind_of(found: object) -> str:
    """What stands there where something of another shape is expected."""
    return "a list" if isinstance(found, list) else "a section" if isinstance(found, dict) else "a single value"


def plain_words(kind: str, key: str, found: object, context: Mapping[str, Any]) -> str | None:
    """What is wrong, and what to write instead; None if pydantic's words must do.

    Args:
        kind: pydantic's type of error.
        key: The last key of the path.
        found: The value.
        context: What pydantic knows of the rule, such as its limit.
    """
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _OF_RULE:
        return _OF_RULE[kind](context)
    if kind.startswith(("int_", "float_")):
        return _number(key, found, whole=kind.startswith("int_"))
    if kind in {"dict_type", "model_type"}:
        return f"is {kind_of(found)}, and {_KEYS}"
    return _text(found) if kind in {"string_type", "path_type"} else _choice(kind, found, context)


def _choice(kind: str, found: object, context: Mapping[str, Any]) -> str | None:
    if kind in {"literal_error", "enum"}:
        return f"must be {_expected(context)}{_nearest(found, _expected(context))}"
    return _pattern(str(context["pattern"])) if kind == "string_pattern_mismatch" else None


def _text(found: object) -> str:
    if isinstance(found, list | dict):
        return f"is {kind_of(found)}, and a single text is expected; write one"
    return f"is {'true or false' if isinstance(found, bool) else 'a number'} to YAML; a text needs quotes"


def _number(key: str, found: object, *, whole: bool) -> str:
    what = "a whole number" if whole else "a number"
    if isinstance(found, list | dict):
        return f"is {kind_of(found)}, and {what} is expected; write one"
    if (plain := _without_unit(key, found)) is not None:
        return f"is {what} with a unit, and the key has one; write {key}: {plain}"
    return f"must be {what}; write digits only, without a unit"


def _without_unit(key: str, found: object) -> str | None:
    """The number in the key's own unit, for a text such as `7d` or `1 GiB`."""
    parts = _WITH_UNIT.fullmatch(found.strip()) if isinstance(found, str) else None
    for end, units in _UNITS.items() if parts else ():
        if key.endswith(end) and parts and parts[2].lower() in units:
            return f"{float(f'{float(parts[1]) * units[parts[2].lower()]:.12g}'):.15g}"
    return None


def _expected(context: Mapping[str, Any]) -> str:
    # The default of a choice that may be left out is an empty text, which nobody has to write.
    return str(context["expected"]).replace("'', ", "")


def _nearest(found: object, expected: str) -> str:
    choices = {each.lower(): each for each in re.findall(r"'([^']+)'", expected)}
    close = difflib.get_close_matches(str(found).lower(), choices, n=1, cutoff=LIKE) if isinstance(found, str) else []
    close = close or [each for each in choices if isinstance(found, str) and found and each.startswith(found.lower())]
    return f"; did you mean {choices[close[0]]!r}?" if close and len(choices) > 1 else ""


def _too_few(context: Mapping[str, Any]) -> str:
    least, there = context["min_length"], context["actual_length"]
    return f"is empty; give at least {least}" if not there else f"has {there} entries; give at least {least}"


_OF_RULE: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than": lambda context: f"must be more than {context['gt']:.15g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:.15g}",
    "less_than": lambda context: f"must be less than {context['lt']:.15g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:.15g}",
    "too_short": _too_few,
    "too_long": lambda context: f"has too many entries; give at most {context['max_length']}",
    "string_too_short": lambda context: f"is too short; write at least {context['min_length']} characters",
    "string_too_long": lambda context: f"is too long; write at most {context['max_length']} characters",
}


def _pattern(pattern: str) -> str:
    found = _CLASS.fullmatch(pattern)
    if found is None:
        return f"does not have the form {pattern}; correct it"
    allowed, least, most = found.groups()
    letters = "letters" if "A-Z" in allowed else "lower-case letters"
    signs = " ".join(allowed.replace("A-Z", "").replace("a-z", "").replace("0-9", ""))
    return f"is a name of {least} to {most} {letters}, digits, and {signs} without blanks and accents; rename it"
