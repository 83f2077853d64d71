"""Brokers that lose what they confirmed: by a queue limit, a stranger, a kill, a disk; and a collector's machine that is lost.

None of these is an accident of software: the defaults of a broker do it. A second subscriber listens, so that the broker confirms
messages for which the collector's session is gone.
"""

import random
import shutil
import time

from tests.e2e.chaos.site import UNDISTURBED_S, ChaosSite
from tests.servers.mqtt_thread import take_session

SMALL_QUEUE = ("max_queued_messages 1000",)
"""Mosquitto's default; the other scenarios have a larger one."""
RARE_COPIES = ("autosave_interval 1800",)
"""Mosquitto's default: its copy on disk is half an hour old."""


def queue_too_small(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """The collector is away for so long that its queue at the broker overflows."""
    site.collector.kill()
    time.sleep(seconds)
    site.collector.start()
    site.wait_for_polls()


def session_deleted(site: ChaosSite, times: int, chance: random.Random) -> None:
    """While the collector is away, another client takes its name and asks for a clean session."""
    for _ in range(times):
        site.collector.kill()
        time.sleep(chance.uniform(*UNDISTURBED_S))
        take_session(site.collector_port, site.collector_id)
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.collector.start()
        site.wait_for_polls()


def broker_killed_with_old_copy(site: ChaosSite, times: int, chance: random.Random) -> None:
    """Every other time the collector is away, so that the broker has many messages that nobody else has."""
    for at in range(times):
        if at % 2 == 0:
            site.collector.kill()
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.broker.kill()
        site.broker.start()
        if at % 2 == 0:
            site.collector.start()
        site.wait_for_polls()


def brokers_disk_wiped(site: ChaosSite, times: int, chance: random.Random) -> None:
    """The broker comes back without sessions, queues and retained documents, while the collector is away."""
    for _ in range(times):
        site.collector.kill()
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.broker.replace()
        site.collector.start()
        site.wait_for_polls()


def broker_replaced(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """In the middle of a long outage of the collector the broker is replaced by an empty one."""
    site.collector.kill()
    time.sleep(seconds / 2)
    site.broker.replace()
    time.sleep(seconds / 2)
    site.collector.start()
    site.wait_for_polls()


def collectors_machine_lost(site: ChaosSite, times: int, chance: random.Random) -> None:
    """The collector gets a new machine: no ledger, no outbox, and nobody there while it was set up. The database is another machine."""
    for _ in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.collector.kill()
        for file in (
            *site.folder.glob("ledger-*"),
            *site.folder.glob("collector-outbox*"),
            *site.folder.glob("books-*"),
        ):
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink()
        take_session(site.collector_port, site.collector_id)
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.collector.start()
        site.wait_for_polls()
