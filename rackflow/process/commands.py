"""How every command ends: with an exit status and at most one line on stderr.

This includes missing libraries of an extra, a reader of the output that has exited (`| head`), and a disk that does not take the output.
"""

import argparse
import errno
import gc
import importlib
import io
import os
import select
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from rackflow.escape import escape_unprintable, redact_urls
from rackflow.process.files import remedy_of_writing, unreadable

EXIT_OK = 0
EXIT_FAILED = 1
# As argparse ends.
EXIT_USAGE = 2
# EX_CONFIG of sysexits.h; the systemd units do not restart a process that exits with it: somebody must edit the file.
EXIT_CONFIG = 78
# 128 + 13: the exit status that a shell reports for a program ended by SIGPIPE. Python ignores the signal and raises
# BrokenPipeError instead.
READER_LEFT = 141
# 128 + 2: what a shell reports for a program ended by SIGINT.
INTERRUPTED = 130
# What every command may end with; docs/reference/commands.md is made from it. A command says itself what else its 1 means.
EXIT_STATUSES: Mapping[int, str] = MappingProxyType(
    {
        EXIT_OK: "done; a command that runs until it is stopped was stopped by SIGTERM or Ctrl-C",
        EXIT_FAILED: "failed; the last line on stderr says what, and what to do",
        EXIT_USAGE: "wrong usage: a command, option or value that does not exist",
        70: "`run` hung and ended itself: nothing moved for 10 s, or it had not stopped 10 s after SIGTERM; the log says where",
        EXIT_CONFIG: "wrong configuration, profile or site file, in a line with file, key and remedy; systemd does not start it again",
        INTERRUPTED: "ended by Ctrl-C before it was done",
        READER_LEFT: "the reader of the output has left, as `head` does",
    }
)
LAST_PORT = 65535
# Unix lets only root listen on ports below this one, unless the kernel is told otherwise.
FIRST_FREE_PORT = 1024
# New objects before Python looks for garbage while a command starts. Imports, profiles and a site file are up to half a million objects
# that stay; with Python's own 700 they are examined again and again, an eighth of the CPU until a collector runs.
START_GC_THRESHOLD = 100_000
EXITS, EXAMPLES = "exit status:", "examples:"
# Lines of a damaged file that are named one by one; a screen has some 25.
SHOWN_FAULTS = 20
# A missing module of our own is a broken installation, not a missing extra.
OWN = ("rackflow", "agent", "collector", "simulator")


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is: the module, and its function that adds the arguments to a parser.

    The module is imported when the command is used. All of them together take a second, which `--help` and `--version` need not pay.
    """

    module: str
    add: str
    help: str

    def add_arguments(self, command: argparse.ArgumentParser) -> None:
        """Import the module and add the arguments. Raises ModuleNotFoundError without a library of the extra."""
        add = getattr(importlib.import_module(self.module), self.add)
        cast("Callable[[argparse.ArgumentParser], None]", add)(command)


def report_missing_extra(program: str, extra: str, error: ModuleNotFoundError) -> int:
    """Say that an extra is not installed; returns the exit status. Raises `error` again if the module is one of our own."""
    missing = (error.name or "").partition(".")[0]
    if not missing or missing in OWN:
        raise error
    sys.stderr.write(f"{program}: {missing} is not installed; install rackflow with its extra: rackflow[{extra}]\n")
    return EXIT_FAILED


def add_commands(root: argparse.ArgumentParser, commands: Mapping[str, LazyCommand], only: str | None) -> None:
    """Add the commands to a program's parser; with `only`, no other command has its arguments, and none but its module is imported."""
    added = root.add_subparsers(required=True, metavar="COMMAND")
    for name, each in commands.items():
        command = added.add_parser(name, help=each.help)
        if only in {None, name}:
            each.add_arguments(command)


def show_examples(command: argparse.ArgumentParser, *examples: str, exits: Mapping[int, str] | None = None) -> None:
    """Put examples at the end of a command's --help, one a line; `%(prog)s` is the command.

    `exits` has the exit statuses that mean more for this command than EXIT_STATUSES says, each with its meaning.
    """
    lines = [EXITS, *(f"  {status}  {meaning}" for status, meaning in exits.items()), ""] if exits else []
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = "\n".join([*lines, EXAMPLES, *(f"  {example}" for example in examples)])


def port_number(text: str) -> int:
    """A port of an argument: 1 to 65535. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports are 1 to {LAST_PORT}")
    return int(text)


def explain_listen_error(error: OSError, port: int, choose: str) -> str:
    """Why the process cannot listen on an address, and the remedy. `choose` says how to choose another port."""
    # uvloop's error for UDP has no number; its cause does.
    if not error.errno and isinstance(error.__cause__, OSError):
        error = error.__cause__
    # getaddrinfo's errors have numbers below zero, for which strerror has no text.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    if error.errno == errno.EACCES and port < FIRST_FREE_PORT:
        return f"{reason}; only root may use ports below {FIRST_FREE_PORT}: {choose}, or use sudo"
    if error.errno == errno.EADDRINUSE:
        return f"{reason}; end the program that has it, or {choose}"
    if error.errno == errno.EADDRNOTAVAIL or not error.errno or error.errno < 0:
        return f"{reason}; correct the address: it must be one of this machine"
    return f"{reason}; {choose}"


def print_error(text: object, program: str = "") -> None:
    """Write an error to stderr, each of its lines safe to show on a terminal; before it the name of the program, if given."""
    lines = redact_urls(f"{program}: {text}" if program else str(text)).split("\n")
    sys.stderr.write("".join(f"{escape_unprintable(line)}\n" for line in lines))


def print_skipped_lines(faults: Sequence[str]) -> None:
    """Write to stderr which lines of a file were not read, the first ones each and the rest as a number."""
    for fault in faults[:SHOWN_FAULTS]:
        print_error(f"{fault}; the line is left out")
    if len(faults) > SHOWN_FAULTS:
        print_error(f"{len(faults) - SHOWN_FAULTS} more lines are left out")


def print_lines(text: str) -> None:
    """Write text that may quote a device to stdout, each of its lines safe to show on a terminal."""
    sys.stdout.write("".join(f"{escape_unprintable(line)}\n" for line in text.split("\n")))


def run_command(command: Callable[[], int]) -> int:
    """Run a command and return its exit status: 130 after Ctrl-C, 141 if the reader of its output has exited, as `head` does.

    What `command` imports belongs inside it, so that Ctrl-C is as quiet while libraries load. What runs until it is stopped bounds its
    pauses for garbage itself (`gc_pauses.py`).
    """
    _prepare_streams()
    # pydantic would search the metadata of all installed packages for plugins, which takes 10 ms of CPU and would give them every
    # configuration with its secrets. Nothing of this program is one.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    before = gc.get_threshold()
    gc.set_threshold(START_GC_THRESHOLD, *before[1:])
    try:
        try:
            status = command()
        except SystemExit as ended:
            # argparse ends `--help` so, whose reader may have left as well.
            status = ended.code if isinstance(ended.code, int) else EXIT_FAILED
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        if not _reader_has_left(sys.stdout.fileno()):
            raise  # a broken pipe to somebody else (a socket, a child) is a fault
        _drop_output()
        return READER_LEFT
    except OSError as error:
        if not _is_output_refused():
            if isinstance(error, PermissionError) and isinstance(error.filename, str | bytes):
                # Where no command expects it: without sudo, a file in a folder that is closed to this account.
                print_error(unreadable(Path(os.fsdecode(error.filename)), error))
                return EXIT_FAILED
            raise
        print_error(f"the output cannot be written: {error.strerror or error}; {remedy_of_writing(error)}")
        _drop_output()
        return EXIT_FAILED
    finally:
        gc.set_threshold(*before)
    return status


def _prepare_streams() -> None:
    """Open what was closed of stdin, stdout and stderr (`>&-`), and note of stdout whether it takes what is written.

    The next file that is opened would get the number of what is closed: an outbox would be written over with what a process says when
    it hangs.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It is the lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - its only form
    # Python has None for what was closed when it started.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above
    own = sys.__stdout__
    if own is not None and sys.stdout is own:
        own.flush()
        # With PYTHONUNBUFFERED, which containers set, Python passes over what a full disk does not take (a write of fewer bytes than were
        # given), and argparse over its error. So it has a buffer in any case, and each of its lines is still written at once.
        by_line = own.line_buffering or isinstance(own.buffer, io.RawIOBase)
        output = io.BufferedWriter(_Output(1, "w", closefd=False))
        # What the terminal's encoding lacks (`…` in Latin-1) is shown as an escape, as it is on stderr, and does not end the command.
        errors = "backslashreplace" if own.errors == "strict" else own.errors
        sys.stdout = io.TextIOWrapper(output, own.encoding, errors, line_buffering=by_line)


class _Output(io.FileIO):
    """The file behind stdout. Of an OSError alone nobody could tell whether it is this one that a full disk refuses."""

    is_refused = False

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever FileIO takes
        try:
            return super().write(data)
        except OSError:
            self.is_refused = True
            raise


def _is_output_refused() -> bool:
    """Whether stdout did not take what was written to it."""
    return getattr(getattr(getattr(sys.stdout, "buffer", None), "raw", None), "is_refused", False) is True


def _drop_output() -> None:
    # Python flushes stdout once more when it exits, and would print a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reader_has_left(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))
