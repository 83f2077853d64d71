"""Clock faults: the wall clock of one process jumps away and back while its monotonic clock goes on."""

import random
import time
from pathlib import Path

import pytest

from tests.e2e.chaos.site import RECOVERY_S, ChaosSite
from tests.servers.program import Program
from tests.servers.waiting import wait_until

HOUR_S = 3600
NOT_SET_S, BEYOND_S = 600, 2_180_000_000
"""Seconds since 1970: ten minutes after it, and in 2039."""
# How long a clock stays wrong, how long the broker is away meanwhile, and how far the offset that is shown may be from the true one:
# polling, delays and whole seconds of libfaketime.
WRONG_S = 3.0
AWAY_S = 2.0
OFFSET_S = 5.0
STORED_ANYWAY = 'dcim_collector_message_failures_total{reason="time"}'


class Clock:
    """The wall clock of one process, changed by libfaketime. Its monotonic clock stays the kernel's."""

    def __init__(self, site: ChaosSite, process: Program) -> None:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            pytest.fail(
                "libfaketime is not installed: apt-get install libfaketime (scripts/setup does it)", pytrace=False
            )
        self._file = site.folder / "clock"
        self.set(0)
        process.stop()
        process.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        process.start()
        site.wait_for_polls()

    def set(self, offset_s: float) -> None:
        """Set how far it is ahead of the true time, from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+.0f}\n", encoding="utf-8")
        new.replace(self._file)


def live(site: ChaosSite) -> None:
    """Run with the wrong clock for a while. /metrics must keep moving, and some polls arrive late."""
    moves_on(site)
    site.broker.stop()
    time.sleep(AWAY_S)
    site.broker.start()
    site.wait_for_polls()


def moves_on(site: ChaosSite) -> None:
    """Wait until new readings are shown, whatever time they carry."""
    shown = site.newest_shown()
    wait_until(lambda: site.newest_shown() > shown, "what is shown moves on", RECOVERY_S)
    time.sleep(WRONG_S)


def agent_clock(site: ChaosSite, times: int, _: random.Random) -> None:
    """The agent's clock: an hour behind, an hour ahead, 1970 and 2039, each time followed by the true time."""
    clock = Clock(site, site.agent)
    for _cycle in range(times):
        now_s = time.time()
        for offset_s in (-HOUR_S, HOUR_S, NOT_SET_S - now_s, BEYOND_S - now_s):
            impossible = site.metric(STORED_ANYWAY)
            clock.set(offset_s)
            if offset_s > 0:
                # The offset is that of the least delayed message in a window, so a clock that falls behind shows only once older
                # messages have left the window.
                wait_until(lambda: offset(site, offset_s), f"an offset of {offset_s:.0f} s is shown", RECOVERY_S)  # noqa: B023 - asked at once
            live(site)
            if offset_s != -HOUR_S:
                assert site.metric(STORED_ANYWAY) > impossible, "a time that cannot be was believed"
            clock.set(0)
            moves_on(site)


def offset(site: ChaosSite, expected_s: float) -> bool:
    return abs(site.metric("dcim_agent_clock_offset_seconds") - expected_s) < OFFSET_S


def collector_clock(site: ChaosSite, times: int, _: random.Random) -> None:
    """The collector's clock: an hour behind, an hour ahead and 1970, each time followed by the true time."""
    clock = Clock(site, site.collector)
    for _cycle in range(times):
        for offset_s in (-HOUR_S, HOUR_S, NOT_SET_S - time.time()):
            clock.set(offset_s)
            live(site)
            clock.set(0)
            moves_on(site)
