"""How every command ends: with an exit status and at most one line on stderr.

This includes missing libraries of an extra, and a reader of the output that has exited (`| head`).
"""

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence

from rackflow.escape import escape_unprintable, redact_urls

EXIT_FAILED = 1
# EX_CONFIG of sysexits.h; the systemd units do not restart a process that exits with it: somebody must edit the file.
EXIT_CONFIG = 78
# 128 + 13: the exit status that a shell reports for a program ended by SIGPIPE. Python ignores the signal and raises
# BrokenPipeError instead.
READER_LEFT = 141
# Lines of a damaged file that are named one by one; a screen has some 25.
SHOWN_FAULTS = 20
# A missing module of our own is a broken installation, not a missing extra.
OWN = ("rackflow", "agent", "collector", "simulator")


def report_missing_extra(program: str, extra: str, error: ModuleNotFoundError) -> int:
    """Say that an extra is not installed; returns the exit status. Raises `error` again if the module is one of our own."""
    missing = (error.name or "").partition(".")[0]
    if not missing or missing in OWN:
        raise error
    sys.stderr.write(f"{program}: {missing} is not installed; install rackflow with its extra: rackflow[{extra}]\n")
    return EXIT_FAILED


def show_examples(command: argparse.ArgumentParser, *examples: str) -> None:
    """Put examples at the end of a command's --help, one a line; `%(prog)s` is the command."""
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = "\n".join(["examples:", *(f"  {example}" for example in examples)])


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


def handle_closed_output(command: Callable[[], int]) -> int:
    """Run a command and return its exit status, or 141 if the reader of its output has exited, as `head` does."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_left(sys.stdout.fileno()):
            raise  # a broken pipe to somebody else (a socket, a child) is a fault
        # Python flushes stdout once more when it exits, and would print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    return status


def _reader_has_left(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))
