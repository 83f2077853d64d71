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
from tests.e2e.chaos.network import agent_half_open, collector_half_open, lossy, reset
from tests.e2e.chaos.site import DEVICES, INTERVAL_S, JUST_POLLED, ChaosSite, Process
from tests.servers.waiting import wait_until

LIFE_S = (2.0, 3.5)
"""How long the victim lives between two blows: long enough that it has started and works."""
FROZEN_S = 12.0
CLONE = "outbox-of-the-clone.db"
STARTED_S = 0.5
"""From the moment when an agent knows all its devices until it asks them nothing but polls."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table. `harm` gets the site, how often, and seeded randomness; `broker` are lines for mosquitto."""

    name: str
    harm: Callable[[ChaosSite, int, random.Random], None]
    full: int
    quick: int = 0
    persistence: bool = True
    listens: bool | None = None
    """Whether a second client listens; None for where the broker is persistent."""
    broker: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one scenario's messages; `came_again` were not stored twice, `heard` is what a second listener heard.

    What has a number and is unknown to the ledger counts as missing. `astray` are rows at times that cannot be. `lost` are
    polls that died with each kill of the agent: the device counted them, and they never had a number.
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
    astray: int
    lost: tuple[int, ...]
    seconds: float


def nothing(_: ChaosSite, times: int, chance: random.Random) -> None:
    for _at in range(times):
        time.sleep(chance.uniform(*LIFE_S))


def kill_agent(site: ChaosSite, times: int, chance: random.Random) -> None:
    """What the device has counted by the time of each kill tells later which polls died with it."""
    for _ in range(times):
        wait_until(lambda: site.agent.said(" profile=") == DEVICES, "the agent knows its devices", 30)
        time.sleep(STARTED_S)
        only_polls_from = site.snmpd.packets()
        time.sleep(chance.uniform(*LIFE_S) - STARTED_S)
        site.agent.kill()
        site.before_kills.append((only_polls_from + 1, site.snmpd.packets()))
        site.agent.start()
    time.sleep(LIFE_S[1])


def kill_collector(site: ChaosSite, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        site.collector.kill()
        site.collector.start()
    time.sleep(LIFE_S[1])


def restart_broker(site: ChaosSite, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        site.broker.restart()


def database_away(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.database.stop()
    time.sleep(seconds)
    site.database.start()


def database_refuses(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.proxy.mood = "refuse"
    time.sleep(seconds)
    site.proxy.mood = "pass"


def database_slow(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.proxy.mood = "slow"
    time.sleep(seconds)
    site.proxy.mood = "pass"


def database_picky(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """One point in a thousand is refused, each time that it comes; the rest is stored, and the file has what is not."""
    site.proxy.mood = "picky"
    time.sleep(seconds)
    assert site.proxy.disliked, "too short: nothing was refused"
    entries = [json.loads(line) for line in site.dead_letters.read_text(encoding="utf-8").splitlines()]
    assert entries, "what was refused is not in the dead-letter file"


def collector_killed_without_database(site: ChaosSite, times: int, chance: random.Random) -> None:
    site.proxy.mood = "refuse"
    kill_collector(site, times, chance)
    site.proxy.mood = "pass"


def broker_away(site: ChaosSite, seconds: int, _: random.Random) -> None:
    site.broker.stop()
    time.sleep(seconds)
    site.broker.start()


def broker_frozen(site: ChaosSite, times: int, chance: random.Random) -> None:
    """A connection that is there and takes nothing, as behind a cut cable."""
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        os.kill(site.broker.pid, signal.SIGSTOP)
        time.sleep(FROZEN_S)
        os.kill(site.broker.pid, signal.SIGCONT)


def agent_disk_full(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """No file of the agent's may grow, and the broker is away for half of that time."""
    limit_files(site.agent.pid, 4096)
    site.broker.stop()
    time.sleep(seconds / 2)
    site.broker.start()
    time.sleep(seconds / 2)
    limit_files(site.agent.pid, resource.RLIM_INFINITY)
    time.sleep(LIFE_S[1])


def collector_disk_full(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """Neither the database nor the disk takes anything: the broker has to keep it."""
    limit_files(site.collector.pid, 4096)
    site.proxy.mood = "refuse"
    time.sleep(seconds)
    site.proxy.mood = "pass"
    limit_files(site.collector.pid, resource.RLIM_INFINITY)
    time.sleep(LIFE_S[1])


def limit_files(pid: int, size_bytes: int) -> None:
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def outbox_torn(site: ChaosSite, times: int, chance: random.Random) -> None:
    """The agent is killed with a full outbox, and its file or its log is cut at a random place."""
    for _ in range(times):
        site.broker.stop()
        time.sleep(chance.uniform(*LIFE_S))
        site.agent.kill()
        for suffix in chance.sample(["", "-wal"], chance.randint(1, 2)):
            file = site.folder / f"outbox.db{suffix}"
            if file.exists():
                os.truncate(file, int(file.stat().st_size * chance.random()))
        site.broker.start()
        site.agent.start()
        time.sleep(LIFE_S[1])


def said_again(site: ChaosSite, times: int, chance: random.Random) -> None:
    """All that was heard so far is published again, shuffled."""
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        messages = list(site.witness.messages)
        chance.shuffle(messages)
        site.witness.say_again(messages)


def cloned(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """The same agent is started a second time, on another host as it were."""
    text = site.agent.config.read_text(encoding="utf-8").replace("outbox.db", CLONE)
    file = site.agent.config.with_name("clone.yaml")
    file.write_text(text, encoding="utf-8")
    clone = Process("agent", file)
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
    Scenario("broker frozen", broker_frozen, 3),
    Scenario("agent's connection half open", agent_half_open, 6),
    Scenario("collector's connection half open", collector_half_open, 6),
    Scenario("connections reset on one side", reset, 8),
    Scenario("one packet in ten lost, seconds", lossy, 30),
    Scenario("database away, seconds", database_away, 600),
    Scenario("database says 503, seconds", database_refuses, 30, 4),
    Scenario("database answers too late, seconds", database_slow, 30),
    Scenario("database refuses one point in 1000, seconds", database_picky, 30),
    Scenario("collector killed while the database says 503", collector_killed_without_database, 10),
    Scenario("agent's disk full, seconds", agent_disk_full, 20),
    Scenario("collector's disk full and no database, seconds", collector_disk_full, 20),
    Scenario("agent's outbox on a full file system, seconds", agent_on_full_disk, 20),
    Scenario("collector's files on a full file system and no database, seconds", collector_on_full_disk, 20),
    Scenario("outbox torn", outbox_torn, 10),
    Scenario("everything said again, shuffled", said_again, 3),
    Scenario("agent cloned, seconds", cloned, 30),
    Scenario("agent's clock an hour off, in 1970 and in 2039", agent_clock, 1),
    Scenario("collector's clock an hour off and in 1970", collector_clock, 1),
)


def kill_cost(rows: Iterable[Row]) -> str:
    """What a kill of the agent cost: polls that the device had answered or was asked for and that got no number."""
    lost = [each for row in rows for each in row.lost]
    if not lost:
        return ""
    most = round(DEVICES / INTERVAL_S * GROUP_S) + DEVICES
    return (
        f"a kill -9 of the agent cost {statistics.mean(lost):.1f} polls that had no number yet, {max(lost)} at most; "
        f"{GROUP_S:g} s of polls and one under way for each device are {most}"
    )


def play(scenario: Scenario, times: int, folder: Path, seed: int) -> Row:
    """Run one scenario from an empty site to its account."""
    began = time.monotonic()
    site = ChaosSite(folder, persistence=scenario.persistence, listens=scenario.listens, broker=scenario.broker)
    try:
        site.start()
        scenario.harm(site, times, random.Random(seed))  # noqa: S311 - repeatable, not secret
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
        missing=account.missing + max(0, site.numbered() - account.produced),
        heard=seen.heard,
        heard_not_stored=seen.heard_not_stored,
        astray=seen.astray,
        lost=seen.lost,
        seconds=time.monotonic() - began,
    )
