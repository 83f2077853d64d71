"""Kills the broker before confirmed messages are on its disk, or the collector between its store and its ledger."""

import random
import sqlite3
import time
from contextlib import closing

from tests.e2e.chaos.site import UNDISTURBED_S, ChaosSite
from tests.servers.waiting import wait_until

AUTOSAVE = ("autosave_interval 5",)
"""Mosquitto's disk copy is then at most five seconds old; with the configuration in deploy/ it is at most a minute."""
# How long the broker collects messages before it is killed.
HELD_S = (2.0, 6.0)


def broker_killed(site: ChaosSite, times: int, chance: random.Random) -> None:
    """Kill the broker. Every other time the collector is down, so that the broker holds confirmed messages not yet on its disk."""
    for at in range(times):
        if at % 2 == 0:
            site.collector.stop()
        time.sleep(chance.uniform(*HELD_S))
        site.broker.kill()
        site.broker.start()
        if at % 2 == 0:
            site.collector.start()
        site.wait_for_polls()


def collector_killed_between(site: ChaosSite, times: int, chance: random.Random) -> None:
    """Lock the ledger from outside, and kill the collector after it stored points but before it could enter them.

    It logs that the ledger was not written only after the points are in the database.
    """
    (ledger,) = site.folder.glob("ledger-*.db")
    for _ in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        with closing(sqlite3.connect(ledger, isolation_level=None, timeout=30)) as db:
            db.execute("BEGIN IMMEDIATE")
            wait_until(lambda: site.collector.logged("not written"), "points are stored but not in the ledger", 30)
            site.collector.kill()
        site.collector.start()
        site.wait_for_polls()
