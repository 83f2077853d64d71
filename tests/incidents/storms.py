"""Storms: faults of many devices at once, or of Rackflow itself, and how many messages people get because of them.

One Alertmanager gets alerts from the collector and from Prometheus, with the shipped routes. Each beginning and each end of a problem
that has no cause is a real change: there may be one message for each, and one more.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.world.faults import Fault
from tests.incidents.chain import Chain, all_observed
from tests.servers.waiting import eventually

# Longer than Alertmanager's interval of critical groups with what Prometheus repeats, so that a repeat would show.
AFTER_S = 150.0
# Alertmanager notifies of an end when both the collector and Prometheus have ended the alert, with the next message of the alert's group.
# A rule goes on for up to five minutes, and messages of a group are as far apart. A later message would be counted for the next storm.
ENDS_S = 900.0


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm. `play` returns once it is over; `most` is how many problems people may be notified of."""

    title: str
    play: Callable[[Chain], Awaitable[None]]
    names: frozenset[str]
    """Problems that people may be notified of."""
    most: int
    after_s: float = AFTER_S
    goes_on: bool = False
    """Whether the next storm begins while the problems of this one are active."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages people were sent, and what about."""

    storm: Storm
    changes: int
    """Beginnings and ends that the collector's webhook was notified of."""
    hook: int
    """Messages to the collector's webhook."""
    notified: int
    """Messages of Alertmanager."""
    begun: Counter[str]
    repeated: tuple[str, ...]
    """What Alertmanager notified of twice without an end in between."""

    @property
    def is_right(self) -> bool:
        """Whether nobody got more than one message and one for each real change, and only of what really happened."""
        return (
            self.hook <= 1 + self.changes
            and self.notified <= 1 + self.changes
            and not self.repeated
            and set(self.begun) <= self.storm.names
            and self.begun.total() <= self.storm.most
        )

    def line(self) -> str:
        """A line of the table."""
        reported = ", ".join(f"{count} `{name}`" for name, count in sorted(self.begun.items())) or "nothing"
        mark = "yes" if self.is_right else f"**no** {'; '.join(self.repeated)}"
        return f"| {self.storm.title} | {reported} | {self.changes} | {self.hook} | {self.notified} | {mark} |"


HEADER = "| storm | reported | real changes | messages to the webhook | notifications of Alertmanager | right |\n|---|---|---|---|---|---|"


async def play(chain: Chain, storm: Storm) -> Counted:
    """Play one and count."""
    began = time.time()
    await storm.play(chain)
    await asyncio.sleep(storm.after_s)
    if not storm.goes_on:
        await eventually(lambda: not firing(chain.notified(began)), "Alertmanager has notified of every end", ENDS_S)
    changes = [each for document in chain.webhook_documents(began) for each in document["problems"]]
    begun = Counter(str(each["name"]) for each in changes if each["status"] == "active")
    notified = chain.notified(began)
    return Counted(
        storm, len(changes), len(chain.webhook_documents(began)), len(notified), begun, tuple(repeated(notified))
    )


def firing(notified: Sequence[dict[str, Any]]) -> set[str]:
    """Fingerprints of alerts that the last message about each calls firing."""
    last = {each["fingerprint"]: each["status"] for message in notified for each in message["alerts"]}
    return {name for name, status in last.items() if status == "firing"}


def repeated(notified: Sequence[dict[str, Any]]) -> list[str]:
    """Messages of a group that say nothing new: the same alerts in the same states as in its message before."""
    before: dict[str, set[tuple[str, str]]] = {}
    found = []
    for message in notified:
        group = f"{message['receiver']} {message['groupKey']}"
        now = {(each["fingerprint"], each["status"]) for each in message["alerts"]}
        ended = {(name, status) for name, status in before.get(group, set()) if status == "resolved"}
        if group in before and now <= before[group] | ended:
            found.append(f"{message['groupLabels'].get('alertname')} {message['groupLabels']} again")
        before[group] = now | ended
    return found


async def mains_of_both_feeds(chain: Chain) -> None:
    """Both feeds are dark for 50 s; the generators do not start."""
    for feed in chain.simulation.world.network.feeds:
        await chain.simulation.begin(Fault(fault="feed_loss", target=feed, for_s=50.0))
    await asyncio.sleep(60.0)


async def agent_restart(chain: Chain) -> None:
    """Killed and started again."""
    await asyncio.to_thread(chain.agent.kill)
    await asyncio.sleep(2.0)
    chain.agent.start()
    await all_observed(chain)


async def agent_death(chain: Chain) -> None:
    """Dead for half a minute."""
    await asyncio.to_thread(chain.agent.kill)
    await asyncio.sleep(30.0)
    chain.agent.start()
    await all_observed(chain)


async def collector_restart(chain: Chain) -> None:
    """Killed and started again."""
    await asyncio.to_thread(chain.collector.kill)
    chain.collector.start()
    await all_observed(chain)


async def broker_restart(chain: Chain) -> None:
    """Killed and started again."""
    await asyncio.to_thread(chain.broker.kill)
    await asyncio.sleep(2.0)
    await asyncio.to_thread(chain.broker.start)
    await all_observed(chain)


async def broker_death(chain: Chain) -> None:
    """Dead for half a minute."""
    await asyncio.to_thread(chain.broker.kill)
    await asyncio.sleep(30.0)
    await asyncio.to_thread(chain.broker.start)
    await all_observed(chain)


async def leaks(chain: Chain) -> None:
    """Every loop leaks: each CDU has detectors of its own, and each row a rope."""
    for loop in chain.simulation.world.loops:
        await chain.simulation.begin(Fault(fault="leak", target=loop, for_s=60.0))
    await asyncio.sleep(70.0)


STORMS: Sequence[Storm] = (
    Storm("both feeds dark for 50 s", mains_of_both_feeds, frozenset({"DcimMainsLost", "DcimFeedLost"}), 2),
    Storm("agent killed and started again", agent_restart, frozenset(), 0, 60.0),
    Storm("agent dead for 30 s", agent_death, frozenset({"DcimAgentDown"}), 1),
    Storm("broker killed and started again", broker_restart, frozenset(), 0, 60.0),
    Storm("broker dead for 30 s", broker_death, frozenset({"DcimBrokerDown"}), 1),
    Storm("collector killed and started again", collector_restart, frozenset(), 0, 60.0),
    Storm("every loop leaks", leaks, frozenset({"DcimLeakDetected"}), 60, goes_on=True),
    Storm("collector killed and started again while leaks are reported", collector_restart, frozenset(), 0),
)
