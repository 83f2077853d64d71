"""Processes that die at the worst moment: in go a site and how often, the broker or the collector is killed there."""

import random
import sqlite3
import time
from contextlib import closing

from tests.e2e.chaos.site import ChaosSite
from tests.servers.waiting import wait_until

AUTOSAVE = ("autosave_interval 5",)
"""Mosquitto's disk copy is up to five seconds old; ours in deploy/ is up to a minute."""
HELD_S = (2.0, 6.0)
LIFE_S = (2.0, 3.5)
SAID_AGAIN_S = 60.0


def broker_killed(site: ChaosSite, times: int, chance: random.Random) -> None:
    """With every other kill the collector is away, and the broker holds what it has confirmed and not written."""
    for at in range(times):
        if at % 2 == 0:
            site.collector.stop()
        time.sleep(chance.uniform(*HELD_S))
        again = site.agent.said("republishing")
        site.broker.kill()
        site.broker.start()
        if at % 2 == 0:
            site.collector.start()
        wait_until(lambda: site.agent.said("republishing") > again, "the agent says it again", SAID_AGAIN_S)  # noqa: B023 - asked at once
        site.wait_for_polls()


def collector_killed_between(site: ChaosSite, times: int, chance: random.Random) -> None:
    """Its ledger is locked from outside. That it cannot note what it has stored it says once that is in the database."""
    (ledger,) = site.folder.glob("ledger-*.db")
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        with closing(sqlite3.connect(ledger, isolation_level=None, timeout=30)) as db:
            db.execute("BEGIN IMMEDIATE")
            wait_until(lambda: site.collector.said("not written"), "something is stored and not noted", 30)
            site.collector.kill()
        site.collector.start()
        site.wait_for_polls()
