"""Lets SIGHUP wait while a service starts.

Until a program has a handler for it, SIGHUP ends the program, and systemd takes that for a clean end: a unit with `Restart=on-failure` is
not started again (systemd.service(5)). People and logrotate send it to an agent that may be reading a large configuration at this moment.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hang_up_waits() -> Iterator[None]:
    """Within this block SIGHUP waits until `let_hang_up_come`. For the main thread.

    The mask of signals is that of before at the end: programs that are started later would inherit another one. A SIGHUP that came during
    a start that failed is dropped: it would end the program without the exit status that says why.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.sigtimedwait({signal.SIGHUP}, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_hang_up_come() -> None:
    """There is a handler for SIGHUP now. One that came meanwhile is handled, too."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
