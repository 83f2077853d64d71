"""How every command ends: an exit status and at most one line, also where an extra is not installed or nobody reads the output."""

import os
import select
import sys
from collections.abc import Callable

EXIT_FAILED = 1
READER_LEFT = 141
"""As shells tell it of a program that SIGPIPE ended."""
OWN = ("rackflow", "agent", "collector", "simulator")


def report_missing_extra(program: str, extra: str, error: ModuleNotFoundError) -> int:
    """The libraries of an extra are not installed. Raises the error again where the module is none of theirs."""
    missing = (error.name or "").partition(".")[0]
    if not missing or missing in OWN:
        raise error
    sys.stderr.write(f"{program}: {missing} is not installed; install rackflow with its extra: rackflow[{extra}]\n")
    return EXIT_FAILED


def handle_closed_output(command: Callable[[], int]) -> int:
    """The command's status, or 141 where whoever reads its output has had enough, as `head` has."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_left(sys.stdout.fileno()):
            raise  # it was another pipe
        # Python flushes once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    return status


def _reader_has_left(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))
