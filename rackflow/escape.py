"""Escaping of free text for everything that shows it: terminals and logs, pages, line protocol, Prometheus text 0.0.4.

Names and serial numbers come from devices, and messages from anybody with an account at the broker. A missed escape would let one device
break the line, or the page, that carries the readings of all others, or let a text pass for something else on the screen of who reads it:
by control characters (ESC moves the cursor and hides lines), by line breaks, or by marks that turn the direction of writing.
"""

import re
from functools import lru_cache

_NOT_TAG = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
# Half of a surrogate pair, which UTF-8 cannot express: a single one would make the whole page of metrics fail.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_TAG_SPECIAL = re.compile(r"([,= ])")
# Greedy up to the last @ before the path, because a password may have one.
_CREDENTIALS = re.compile(r"([a-z][a-z0-9+.-]{0,20}://)[^/?#\s'\"<>]*@", re.IGNORECASE)
_QUERY = re.compile(r"(https?://[^?\s'\"<>]*)\?[^\s'\"<>]*", re.IGNORECASE)
_ONE_BYTE, _TWO_BYTES = 0x100, 0x10000


# The same few thousand names are escaped for every figure. The bound keeps hostile, ever new names from filling memory: 3 MB.
@lru_cache(maxsize=10_000)
def escape_tag(text: str) -> str:
    """Escape a tag value for line protocol.

    A backslash before a separator is ambiguous to InfluxDB, so backslashes become `_`; control characters do as well.
    Source: InfluxDB v2 reference, line protocol, special characters.
    """
    return _TAG_SPECIAL.sub(r"\\\1", _NOT_TAG.sub("_", text))


def escape_string(text: str) -> str:
    """Escape a string field, without its quotes. Line breaks become spaces, so that a point stays on one line."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
    return _SURROGATE.sub("_", text)


def escape_label(text: str) -> str:
    """Escape a Prometheus label value, without its quotes. Source: Prometheus exposition formats, text 0.0.4."""
    return _SURROGATE.sub("_", text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


def escape_unprintable(text: str) -> str:
    r"""Replace every character that is not printable by its escape, as `\x1b` or `\u202e`.

    Not printable are control and format characters (bidirectional marks, zero width), line breaks of any kind, unpaired surrogates and
    unassigned code points: Unicode's categories "other" and "separator", without the plain space.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def escape_unprintable_json(text: str) -> str:
    r"""The same for a JSON document, which stays the same document: `\u202e` is its own escape. Line breaks stay."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _json_escaped(each) for each in text)


def escape_html(text: str) -> str:
    """Escape text for a page, in elements and in quoted attributes."""
    # Imported here: its table of entities takes 0.2 MB, and an agent shows no pages.
    import html  # noqa: PLC0415

    return html.escape(escape_unprintable(text))


def redact_urls(text: str) -> str:
    """Remove user names, passwords and queries from all addresses in a text: errors of HTTP libraries name the address."""
    return _CREDENTIALS.sub(r"\1***@", _QUERY.sub(r"\1?***", text)) if "://" in text else text


def _escaped(character: str) -> str:
    number = ord(character)
    if number < _ONE_BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < _TWO_BYTES else f"\\U{number:08x}"


def _json_escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
