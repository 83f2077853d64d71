"""Notices that this machine's clock was never set: without a battery it starts in 1970, or at the firmware's build date."""

import logging
import time
from datetime import UTC, datetime
from typing import Final

log = logging.getLogger(__name__)
EARLIEST_S: Final = 1_577_836_800
"""The beginning of 2020. No clock that was ever set is before it."""
REMEDY: Final = "set it, and enable chrony or systemd-timesyncd"


def is_unset(wall_s: float) -> bool:
    """Whether this time, in seconds since 1970, is that of a clock that was never set."""
    return wall_s < EARLIEST_S


def date_of(wall_s: float) -> str:
    """The date that the clock has, in UTC."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d")


def warn_of_unset_clock() -> None:
    """Log it if the clock was never set. The process goes on: time servers are often reached only after the start."""
    now_s = time.time()
    if is_unset(now_s):
        log.error("the clock says %s, so it was never set, and times are wrong until it is: %s", date_of(now_s), REMEDY)
