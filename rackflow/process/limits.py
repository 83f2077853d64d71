"""Raises the limit of open files of this process."""

import contextlib
import resource
from typing import Final

# An SNMPv3 device takes three (agent/snmp/relay.py), each name that is being looked up one. Enough for 20,000 devices; a limit without
# bound would make whoever closes all possible descriptors slow.
OPEN_FILES: Final = 65_536


def raise_open_files() -> int:
    """Raise the soft limit of open files as far as the hard limit allows, to OPEN_FILES at most. Returns the limit.

    Login shells and systemd start programs with 1,024 for the sake of those that call select(2), which Rackflow does not: its loops use
    epoll. Beyond the limit every new connection fails, whosever it is.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    with contextlib.suppress(OSError, ValueError):  # not allowed after all: it goes on with what there is
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
