"""Reads a file of environment variables as systemd's `EnvironmentFile=` does (systemd.exec(5)). Pure.

A shell's rules are others: to systemd, quotes inside a value are a part of it, and a value in quotes may have several lines. A command that
read another password than the service would say that a good one is refused.
"""

import re
from collections.abc import Iterator
from typing import Final

from rackflow.errors import ConfigError

_BLANKS: Final = " \t"
# To systemd either of them ends a line.
_NEWLINES: Final = "\n\r"
_LINE: Final = re.compile(r"[^\n\r]*")
_COMMENTS: Final = "#;"
# What a backslash in double quotes protects; before anything else it stays.
_PROTECTED: Final = '"\\`$'


def variables_of(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Each variable with its value, in the file's order. Raises ConfigError as `where:line: what`, never with a value.

    systemd silently leaves out what is no NAME=VALUE, and takes a quotation mark that is not closed as one at the end of the file.
    Somebody who asks whether a configuration is right is told instead.
    """
    if text.startswith("\ufeff"):
        # To systemd it is a part of the first name, which it then leaves out.
        raise ConfigError(f"{where}:1: begins with a byte order mark, which systemd does not know; save it without one")
    at = 0
    while at < len(text):
        if text[at] in _BLANKS + _NEWLINES:
            at += 1
            continue
        written = found[0] if (found := _LINE.match(text, at)) else ""
        if text[at] in _COMMENTS:
            at += len(written)
            continue
        name, equals, _ = written.partition("=")
        line, began = text.count("\n", 0, at) + 1, at + len(name) + 1
        name = name.rstrip(_BLANKS)
        if not equals or not (name.isidentifier() and name.isascii()):
            raise ConfigError(f"{where}:{line}: is not NAME=VALUE")  # without the line, which may be a secret
        value, at = _value(text, began)
        if value is None:
            raise ConfigError(f"{where}:{line}: {name}: has a quotation mark that is not closed; close or remove it")
        if "\0" in value:
            raise ConfigError(f"{where}:{line}: {name}: has a NUL character, which no environment takes; remove it")
        yield name, value


def _value(text: str, at: int) -> tuple[str | None, int]:
    """The value that begins here, and where its last line ends; None if a quotation mark in it is not closed."""
    found: list[str] = []
    # How much of it is more than blanks at its end; whether a text without quotes has begun, in which quotes are ordinary characters.
    kept, has_begun, quote = 0, False, ""
    while at < len(text) and (quote or text[at] not in _NEWLINES):
        character, following = text[at], text[at + 1 : at + 2]
        at += 1
        if character == "\\" and quote != "'":
            at += 1
            is_protected = not quote or (following and following in _PROTECTED)
            is_joined = following == "\n" or (following == "\r" and not quote)
            found.append("" if is_joined else following if is_protected else character + following)
            has_begun = not quote
        elif character == quote:
            quote, has_begun = "", False
        elif not quote and not has_begun and character in "'\"":
            quote = character
        elif not quote and character in _BLANKS:
            found += character if has_begun else ()
            continue
        else:
            found.append(character)
            has_begun = not quote
        kept = len(found)
    return None if quote else "".join(found[:kept]), at
