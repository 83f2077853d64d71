"""The scenarios: each disturbs a running site a number of times. The site's account of messages is judged afterwards."""

import json
import os
import random
import resource
import signal
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rackflow.outbox.disk import GROUP_S
from tests.e2e.chaos.clock import agent_clock, collector_clock
from tests.e2e.chaos.deaths import AUTOSAVE, broker_killed, collector_killed_between
from tests.e2e.chaos.disks import agent_on_full_disk, collector_on_full_disk
from tests.e2e.chaos.losses import (
    RARE_COPIES,
    SMALL_QUEUE,
    broker_killed_with_old_copy,
    broker_replaced,
    brokers_disk_wiped,
    collectors_machine_lost,
    queue_too_small,
    session_deleted,
)
from tests.e2e.chaos.network import agent_half_open, collector_half_open, lossy, reset
from tests.e2e.chaos.site import DEVICES, INTERVAL_S, JUST_POLLED, UNDISTURBED_S, ChaosSite
from tests.servers.program import Program
from tests.servers.waiting import wait_until

# Longer than the broker's clients wait for an answer, so that they give up their connections.
FROZEN_S = 12.0
CLONE = "outbox-of-the-clone.db"
# Right after it recognised its devices an agent still reads their identity; later every packet is a poll.
STARTED_S = 0.5
"""Seconds after an agent knows all its devices, from which on it sends nothing but polls."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. `disturb` gets the site, the number of times or seconds, and seeded randomness.

    `full` and `quick` are that number for each kind of run; `broker` are lines for mosquitto's configuration.
    """

    name: str
    disturb: Callable[[ChaosSite, int, random.Random], None]
    full: int
    quick: int = 0
    persistence: bool = True
    listens: bool | None = None
    """Whether a second client subscribes; None means only if the broker is persistent."""
    broker: tuple[str, ...] = ()
    loses_ledger: bool = False
    """Whether the collector's ledger is lost on the way: then only the second client knows what there was."""


@dataclass(frozen=True, slots=True)
class Row:
    """The account of one scenario's messages.

    `came_again` arrived more than once but were stored once; `heard` is what a second subscriber received. A message that has a
    number but is unknown to the ledger counts as missing. `impossible_times` are rows with impossible times. `lost` are, for each kill of
    the agent, the polls that the device answered but that never got a number.
    """

    name: str
    produced: int
    stored: int
    duplicated: int
    came_again: int
    dropped: int
    missing: int
    heard: int
    heard_not_stored: int
    impossible_times: int
    lost: tuple[int, ...]
    seconds: float


def nothing(_: ChaosSite, times: int, chance: random.Random) -> None:
    for _at in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))


def kill_agent(site: ChaosSite, times: int, chance: random.Random) -> None:
    """Kill the agent. The device's packet count at each kill shows afterwards which polls were lost."""
    for _ in range(times):
        wait_until(lambda: site.agent.logged(" profile=") == DEVICES, "the agent knows its devices", 30)
        time.sleep(STARTED_S)
        only_polls_from = site.snmpd.packets()
        time.sleep(chance.uniform(*UNDISTURBED_S) - STARTED_S)
        site.agent.kill()
        site.before_kills.append((only_polls_from + 1, site.snmpd.packets()))
        site.agent.start()
    time.sleep(UNDISTURBED_S[1])


def kill_collector(site: ChaosSite, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.collector.kill()
        site.collector.start()
    time.sleep(UNDISTURBED_S[1])


def restart_broker(site: ChaosSite, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.broker.restart()


def database_away(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.database.stop()
    time.sleep(seconds)
    site.database.start()


def database_refuses(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.proxy.mode = "refuse"
    time.sleep(seconds)
    site.proxy.mode = "pass"


def database_slow(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.proxy.mode = "slow"
    time.sleep(seconds)
    site.proxy.mode = "pass"


def database_refuses_some(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """The database refuses one point in a thousand for good; these must be in the dead-letter file, and all others stored."""
    site.proxy.mode = "refuse some"
    time.sleep(seconds)
    assert site.proxy.refused_lines, "too short: nothing was refused"
    entries = [json.loads(line) for line in site.dead_letters.read_text(encoding="utf-8").splitlines()]
    assert entries, "what was refused is not in the dead-letter file"


def collector_killed_without_database(site: ChaosSite, times: int, chance: random.Random) -> None:
    site.proxy.mode = "refuse"
    kill_collector(site, times, chance)
    site.proxy.mode = "pass"


def broker_away(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.broker.stop()
    time.sleep(seconds)
    site.broker.start()


def broker_frozen(site: ChaosSite, times: int, chance: random.Random) -> None:
    """The broker is stopped (SIGSTOP): connections stay open, but nothing is answered."""
    for _ in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        os.kill(site.broker.pid, signal.SIGSTOP)
        time.sleep(FROZEN_S)
        os.kill(site.broker.pid, signal.SIGCONT)


def agent_disk_full(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """No file of the agent can grow (RLIMIT_FSIZE), and the broker is down for half of the time."""
    limit_files(site.agent.pid, 4096)
    site.broker.stop()
    time.sleep(seconds / 2)
    site.broker.start()
    time.sleep(seconds / 2)
    limit_files(site.agent.pid, resource.RLIM_INFINITY)
    time.sleep(UNDISTURBED_S[1])


def collector_disk_full(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """Neither the database nor the disk accepts anything, so the broker must keep the messages."""
    limit_files(site.collector.pid, 4096)
    site.proxy.mode = "refuse"
    time.sleep(seconds)
    site.proxy.mode = "pass"
    limit_files(site.collector.pid, resource.RLIM_INFINITY)
    time.sleep(UNDISTURBED_S[1])


def limit_files(pid: int, size_bytes: int) -> None:
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def outbox_torn(site: ChaosSite, times: int, chance: random.Random) -> None:
    """The agent is killed with messages in its outbox, and one or two of its files are cut at a random place."""
    for _ in range(times):
        site.broker.stop()
        time.sleep(chance.uniform(*UNDISTURBED_S))
        site.agent.kill()
        files = sorted((site.folder / "outbox.db.segments").glob("*.seg"))
        for file in chance.sample(files, min(len(files), chance.randint(1, 2))):
            os.truncate(file, int(file.stat().st_size * chance.random()))
        site.broker.start()
        site.agent.start()
        time.sleep(UNDISTURBED_S[1])


def republish_shuffled(site: ChaosSite, times: int, chance: random.Random) -> None:
    """Everything received so far is published again in random order."""
    for _ in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        messages = list(site.witness.messages)
        chance.shuffle(messages)
        site.witness.republish(messages)


def cloned(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """The same agent runs twice, as if it had been started on a second host."""
    text = site.agent.config.read_text(encoding="utf-8").replace("outbox.db", CLONE)
    file = site.agent.config.with_name("clone.yaml")
    file.write_text(text, encoding="utf-8")
    clone = Program("agent", file)
    clone.start()
    time.sleep(seconds)
    assert site.metric("dcim_collector_agent_clones") == 1, "the clone was not noticed"
    site.agent.stop()
    wait_until(lambda: site.waiting(site.folder / CLONE) < JUST_POLLED, "the clone has delivered what it held", 60)
    clone.stop()
    site.agent.start()


SCENARIOS = (
    Scenario("undisturbed", nothing, 3),
    Scenario("agent killed", kill_agent, 20, 2),
    Scenario("collector killed", kill_collector, 20, 1),
    Scenario("collector killed between the database and its ledger", collector_killed_between, 10),
    Scenario("broker restarted, persistent", restart_broker, 10),
    Scenario("broker restarted, in memory", restart_broker, 10, persistence=False),
    Scenario("broker away, seconds (an hour at default rates)", broker_away, 144),
    Scenario("broker killed, its disk copy seconds old", broker_killed, 6, broker=AUTOSAVE),
    Scenario("broker killed, in memory, others listen", broker_killed, 6, persistence=False, listens=True),
    Scenario("broker's queue of 1,000 overflows, seconds", queue_too_small, 150, broker=SMALL_QUEUE),
    Scenario(
        "broker without persistence, collector away, seconds", queue_too_small, 60, persistence=False, listens=True
    ),
    Scenario("session deleted by another client", session_deleted, 5, 1),
    Scenario("broker killed, its disk copy half an hour old", broker_killed_with_old_copy, 6, broker=RARE_COPIES),
    Scenario("broker's disk wiped", brokers_disk_wiped, 3),
    Scenario("broker replaced by an empty one while the collector is away, seconds", broker_replaced, 600),
    Scenario("collector's machine lost, with ledger and outbox", collectors_machine_lost, 3, loses_ledger=True),
    Scenario("broker frozen", broker_frozen, 3),
    Scenario("agent's connection half open", agent_half_open, 6),
    Scenario("collector's connection half open", collector_half_open, 6),
    Scenario("connections reset on one side", reset, 8),
    Scenario("one packet in ten lost, seconds", lossy, 30),
    Scenario("database away, seconds", database_away, 600),
    Scenario("database says 503, seconds", database_refuses, 30, 4),
    Scenario("database answers too late, seconds", database_slow, 30),
    Scenario("database refuses one point in 1000, seconds", database_refuses_some, 30),
    Scenario("collector killed while the database says 503", collector_killed_without_database, 10),
    Scenario("agent's disk full, seconds", agent_disk_full, 20),
    Scenario("collector's disk full and no database, seconds", collector_disk_full, 20),
    Scenario("agent's outbox on a full file system, seconds", agent_on_full_disk, 20),
    Scenario("collector's files on a full file system and no database, seconds", collector_on_full_disk, 20),
    Scenario("outbox torn", outbox_torn, 10),
    Scenario("everything said again, shuffled", republish_shuffled, 3),
    Scenario("agent cloned, seconds", cloned, 30),
    Scenario("agent's clock an hour off, in 1970 and in 2039", agent_clock, 1),
    Scenario("collector's clock an hour off and in 1970", collector_clock, 1),
)


def kill_cost(rows: Iterable[Row]) -> str:
    """A sentence on the polls that kills of the agent lost: answered by the device, but not yet numbered."""
    lost = [each for row in rows for each in row.lost]
    if not lost:
        return ""
    most = round(DEVICES / INTERVAL_S * GROUP_S) + DEVICES
    return (
        f"each kill -9 of the agent lost {statistics.mean(lost):.1f} polls on average (at most {max(lost)}), which had no number yet; "
        f"expected are at most {most}: those of {GROUP_S:g} s, and one in progress per device"
    )


def play(scenario: Scenario, times: int, folder: Path, seed: int) -> Row:
    """Run one scenario on a new site, and return its account."""
    began = time.monotonic()
    site = ChaosSite(folder, persistence=scenario.persistence, listens=scenario.listens, broker=scenario.broker)
    try:
        site.start()
        scenario.disturb(site, times, random.Random(seed))  # noqa: S311 - repeatable, not secret
        site.drain()
        account, seen = site.account(), site.witnessed()
    finally:
        site.close()
    return Row(
        name=f"{scenario.name} ({times})",
        produced=account.produced,
        stored=account.stored,
        duplicated=seen.repeated,
        came_again=account.duplicates,
        dropped=account.dropped,
        missing=account.missing + (0 if scenario.loses_ledger else max(0, site.numbered() - account.produced)),
        heard=seen.heard,
        heard_not_stored=seen.heard_not_stored,
        impossible_times=seen.impossible_times,
        lost=seen.lost,
        seconds=time.monotonic() - began,
    )
