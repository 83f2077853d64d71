"""What is done to a site: in go a site that runs and a number of blows, out comes nothing; the site is judged afterwards."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.chaos.site import ChaosSite

LIFE_S = (2.0, 3.5)
"""How long the victim lives between two blows: long enough that it has started and works."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table. `harm` gets the site, how often, and seeded randomness."""

    name: str
    harm: Callable[[ChaosSite, int, random.Random], None]
    full: int
    quick: int = 0
    persistence: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the messages of one scenario; `unseen` are requests that snmpd saw beyond the polls stored."""

    name: str
    produced: int
    stored: int
    duplicated: int
    missing: int
    unseen: int
    seconds: float


def nothing(_: ChaosSite, times: int, chance: random.Random) -> None:
    for _at in range(times):
        time.sleep(chance.uniform(*LIFE_S))


def kill_agent(site: ChaosSite, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        site.agent.kill()
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


SCENARIOS = (
    Scenario("undisturbed", nothing, 3, 1),
    Scenario("agent killed", kill_agent, 20, 2),
    Scenario("collector killed", kill_collector, 20, 2),
    Scenario("broker restarted, persistent", restart_broker, 10),
    Scenario("broker restarted, in memory", restart_broker, 10, persistence=False),
    Scenario("database away, seconds", database_away, 60),
)


def play(scenario: Scenario, times: int, folder: Path, seed: int) -> Row:
    """Run one scenario from an empty site to its account."""
    began = time.monotonic()
    site = ChaosSite(folder, persistence=scenario.persistence)
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
        missing=account.missing,
        unseen=seen.packets - seen.polls,
        seconds=time.monotonic() - began,
    )
