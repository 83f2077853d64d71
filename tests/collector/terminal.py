"""Commands of the collector on a pseudo terminal."""

import os
import pty
import re
import subprocess
import sys

_CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def on_a_terminal(*words: str) -> tuple[str, str]:
    """What a command shows on a terminal without its control sequences, and what it writes to stdout, which is a pipe."""
    master, slave = pty.openpty()
    try:
        command = [sys.executable, "-m", "collector", *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, timeout=60, check=True)
        shown = os.read(master, 65536).decode()
    finally:
        os.close(slave)
        os.close(master)
    return _CONTROL.sub("", shown), done.stdout.decode()


def last_count(shown: str, bar: str) -> tuple[str, str, str]:
    """What was done, of what total, and the time left, when a bar was drawn last: `("57.5", "57.5 kB", "0:00:00")`."""
    found = re.findall(rf"\b{bar} +[━╸╺ ]+ +([\d.]+)/([\d.]+(?: \w?B| bytes)?) +(\d:\d\d:\d\d)", shown)
    assert found, shown
    done, total, left = found[-1]
    return done, total, left
