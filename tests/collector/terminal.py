"""Commands of the collector on a pseudo terminal."""

import os
import pty
import re
from contextlib import redirect_stderr

from collector.cli import main

_CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def on_a_terminal(*words: str) -> str:
    """What a command that succeeds shows on stderr, which is a terminal, without its control sequences."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as terminal:
        with redirect_stderr(terminal):
            assert main(words) == 0
        terminal.flush()
        shown = os.read(master, 65536).decode()
    os.close(master)
    return _CONTROL.sub("", shown)


def last_count(shown: str, bar: str) -> tuple[str, str, str]:
    """What was done, of what total, and the time left, when a bar was drawn last: `("57.5", "57.5 kB", "0:00:00")`."""
    found = re.findall(rf"\b{bar} +[━╸╺ ]+ +([\d.]+)/([\d.]+(?: \w?B| bytes)?) +(\d:\d\d:\d\d)", shown)
    assert found, shown
    done, total, left = found[-1]
    return done, total, left
