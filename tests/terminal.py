"""Commands on a pseudo terminal."""

import os
import pty
import re
from collections.abc import Callable
from contextlib import redirect_stderr, suppress

from collector.cli import main

_CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def on_a_terminal(*words: str, program: Callable[[list[str]], int] = main, status: int = 0) -> str:
    """What a command shows on stderr, which is a terminal: one of the collector that succeeds, unless told otherwise."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as terminal, redirect_stderr(terminal):
        assert program(list(words)) == status
    return screen(master)


def screen(master: int) -> str:
    """All that was written to a pseudo terminal whose other end is closed, without control sequences. Closes this end, too."""
    shown = b""
    # What was written reaches this end a moment later: only its end (EIO) says that nothing is missing.
    with os.fdopen(master, "rb", buffering=0) as end, suppress(OSError):
        while octets := end.read(65536):
            shown += octets
    return _CONTROL.sub("", shown.decode())


def last_count(shown: str, bar: str) -> tuple[str, str, str]:
    """What was done, of what total, and the time left, when a bar was drawn last: `("57.5", "57.5 kB", "0:00:00")`."""
    found = re.findall(rf"\b{bar} +[━╸╺ ]+ +([\d.]+)/([\d.]+(?: \w?B| bytes)?) +(\d:\d\d:\d\d)", shown)
    assert found, shown
    done, total, left = found[-1]
    return done, total, left
