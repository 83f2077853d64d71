"""Parses the parameters of a request. An invalid one is refused with a text that says what is possible. No I/O."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from collector.api.listing import Page
from collector.api.live import PartName
from rackflow.errors import RackflowError

# Items of one page of an answer, and the most that a client may ask for. Chosen: several short answers hold the loop less than a long one.
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
# The longest name that anything here has is a series key (rackflow/documents.py).
MAX_TEXT = 512
# Parts of one stream. A page shows about five; each costs its viewers a document every second.
MAX_SHOWN = 12
# Control characters and line ends of Unicode: with one of them a name would end the line of an event or of the log.
NO_CONTROL = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PART = "[^=,\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+"
LABELS = f"^({_PART}={_PART}(,{_PART}={_PART})*)?$"
_LABELS = re.compile(LABELS)
PARTS = ("site", "floor", "problems", "agents", "device")
_WITH_NAME = frozenset({"floor", "device"})
Query = Mapping[str, str]


class BadRequest(RackflowError):
    """A parameter of the request is invalid; the text says what is possible."""


class Ambiguous(RackflowError):
    """The request fits several figures; the text says what tells them apart."""


class NotThere(RackflowError):
    """There is no such site, room, device or figure."""


def check_query(query: Query, *known: str) -> None:
    """Raise BadRequest for a parameter that does not exist: a mistyped filter must not look like an empty result."""
    for name, text in query.items():
        if name not in known:
            raise BadRequest(f"{name[:64]!r} is no parameter here; there are {', '.join(known) or 'none'}")
        check_text(name, text)


def check_text(name: str, text: str) -> None:
    """Raise BadRequest for a text that cannot be the name of anything: too long, or with control characters."""
    if len(text) > MAX_TEXT:
        raise BadRequest(f"{name} has {len(text)} characters; at most {MAX_TEXT} are possible")
    if _CONTROL.search(text):
        raise BadRequest(f"{name} has control characters; no name has any")


def page_of(query: Query) -> Page:
    """`limit` and `cursor`."""
    return Page(_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT), query.get("cursor", ""))


def labels_of(query: Query) -> frozenset[tuple[str, str]]:
    """`labels`: names and values of labels, as in `feed=A,rack=b07`; empty when left out."""
    text = query.get("labels", "")
    if _LABELS.fullmatch(text) is None:
        raise BadRequest(f"labels: {text[:40]!r} is not possible; write them as in feed=A,rack=b07")
    return frozenset((name, value) for name, _, value in (each.partition("=") for each in text.split(",") if each))


def one_of(query: Query, name: str, known: Sequence[str]) -> str:
    """A parameter that has few values; empty when left out."""
    text = query.get(name)
    if text is not None and text not in known:
        raise BadRequest(f"{name}: {text[:20]!r} is not possible; give one of {', '.join(known)}")
    return text or ""


def since_of(query: Query, default_s: float) -> float:
    """`since`, ISO 8601, as seconds since 1970."""
    text = query.get("since")
    if text is None:
        return default_s
    try:
        found = datetime.fromisoformat(text.upper())
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"since: {text[:40]!r} is no time; write it as in 2026-11-26T14:05:00Z") from error


def _number(query: Query, name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:6]) <= most or len(text) > len(str(most)):
        raise BadRequest(f"{name}: {text[:20]!r} is not possible; give a whole number from {least} to {most}")
    return int(text)


def parts_of(query: Query, site: str) -> list[PartName]:
    """The parts named by `show`: `site,floor:hall-1,problems,device:ups-1`."""
    text = query.get("show", "")
    names = [each for each in text.split(",") if each]
    if not names:
        raise BadRequest(f"show: name what to show, of {', '.join(PARTS)}, as in show=site,problems")
    if len(names) > MAX_SHOWN:
        raise BadRequest(f"show: {len(names)} parts; at most {MAX_SHOWN} are possible")
    found = []
    for each in names:
        kind, colon, of = each.partition(":")
        if kind not in PARTS or (colon and kind not in _WITH_NAME) or (kind == "device" and not of):
            raise BadRequest(f"show: {each[:64]!r} is no part; there are {', '.join(PARTS)}, floor:ROOM and device:ID")
        found.append(PartName(site, kind, of))
    return found
