"""System calls of a process in the order of time, as `strace` sees them.

Data that a process reports as durable is on disk only if a sync of that file has returned before the report. A test cannot
pull the plug, but the order of the system calls shows it.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.servers.captures import REPOSITORY
from tests.servers.process import find_program
from tests.servers.waiting import wait_until

WRITES = frozenset({"write", "writev", "pwrite64"})
SYNCS = frozenset({"fsync", "fdatasync"})
TRACED = ",".join(sorted({*WRITES, *SYNCS, "sendto", "sendmsg"}))
_BEGUN = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\(\d+<(?P<path>[^>]*)>(?P<rest>.*)")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>")


@dataclass(slots=True)
class Call:
    """One system call; `begun` and `ended` are positions in the trace, `ended` is None where it never returned."""

    name: str
    path: str
    text: str
    begun: int
    ended: int | None


def tracing(trace: Path, command: Sequence[str]) -> list[str]:
    """The command under strace. `-D` makes the traced program the child that was started, so that signals reach it."""
    strace = find_program("strace", "strace")
    return [strace, "-D", "-f", "-y", "-s", "64", "-e", f"trace={TRACED}", "-o", str(trace), *command]


def traced(folder: Path, program: str, argument: Path) -> list[Call]:
    """What a Python program with one argument did, from its beginning to its end."""
    trace = folder / "trace"
    command = tracing(trace, [sys.executable, "-c", program, str(argument)])
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=30)
    wait_until(lambda: "+++ exited with 0 +++" in trace.read_text().splitlines()[-1], "the trace is complete")
    return calls(trace)


def calls(trace: Path) -> list[Call]:
    """What is in a trace so far. A call that another thread interrupts takes two lines."""
    found: list[Call] = []
    open_by_pid: dict[str, Call] = {}
    for at, line in enumerate(trace.read_text(encoding="utf-8", errors="replace").splitlines()):
        if match := _RESUMED.match(line):
            if (call := open_by_pid.pop(match["pid"], None)) is not None:
                call.ended = at
        elif match := _BEGUN.match(line):
            is_whole = not line.endswith("<unfinished ...>")
            call = Call(match["name"], match["path"], match["rest"], at, at if is_whole else None)
            found.append(call)
            if not is_whole:
                open_by_pid[match["pid"]] = call
    return found


def said(found: Iterable[Call], text: str) -> Call:
    """The first write or send whose content begins with a text."""
    return next(call for call in found if f'"{text}' in call.text)


def writes(found: Iterable[Call], ending: str, after: Call, before: Call) -> list[Call]:
    """Writes between two calls to files whose path ends with `ending`."""
    return [
        call
        for call in found
        if call.name in WRITES and call.path.endswith(ending) and after.begun < call.begun < before.begun
    ]


def synced(found: Iterable[Call], path: str, after: Call, before: Call) -> bool:
    """Whether a sync of a file began after one call had ended, and had ended before another began."""
    return any(
        call.name in SYNCS
        and call.path == path
        and after.ended is not None
        and after.ended < call.begun
        and call.ended is not None
        and call.ended < before.begun
        for call in found
    )


def on_disk(found: Sequence[Call], ending: str, after: Call, before: Call) -> bool:
    """Whether something was written to such a file between two calls, and all of that was synced before the second."""
    made = writes(found, ending, after, before)
    return bool(made) and all(synced(found, call.path, call, before) for call in made)
