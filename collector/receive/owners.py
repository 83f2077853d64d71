"""Decides which agent may publish about a device, and which agents are admitted at all. No I/O: `OwnersFile` keeps the result on disk.

A device belongs to one agent: the one that the configuration or the site file names, or else the first that published about it.
Messages of other agents about the device are refused: a stolen account, or a copied configuration, must not overwrite the readings of a
leak sensor that another agent polls. Ownership passes to another agent only if

* the configuration or the site file names another agent,
* the owner gives the device up: it clears the device's retained document, goes online without the device among its
  `devices`, or its own retained status is cleared (`forget`), or
* the owner and the device have both been silent for 31 days.

An owner that is offline keeps its devices; otherwise an attacker would only have to wait for an outage. Ownership is on disk, so an agent
that publishes while the collector is down gains nothing if its message is read first.

Readings that the former owner made before it gave a device up are still stored (an outbox may hold them for days). They are not shown, and
do not count as a claim.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from collector.budgets import AgentKey, Budgets
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic
from rackflow.plural import count_of

log = logging.getLogger(__name__)
# A device that was given up counts for another day in the budget of its former owner. Otherwise one agent could use millions of names one
# after the other, and each leaves something behind in records and figures.
RELEASED_MS = 86_400_000
# How long messages about a device may still arrive after it was given up, because they were in an outbox or at the broker.
LAST_WORDS_MS = 30_000
# After a month of silence an agent and its devices are forgotten, as poll counts do (see poll_counts.py).
SILENT_MS = 31 * 86_400_000
# How often the time of the last message is written to disk. Precise enough for a limit of a month, and rare enough to cost few writes.
HEARD_MS = 6 * 3_600_000
# How long a device is shown as contested after another agent's last refused message. Longer than the usual slowest poll interval, so that
# the alert does not end between two polls.
CONTESTED_S = 900.0
# Most contested devices that are shown, in all and of one contesting agent. Beyond that, messages are only refused and counted.
MAX_CONTESTS = 1_000
MAX_CONTESTS_OF_AGENT = 100

DeviceKey = tuple[str, str]
"""Site and device."""
Admission = Literal["known", "claimed", "history"]
"""`known`: the agent owns the device, or speaks about itself. `claimed`: the device belongs to it from now on. `history`: a former owner's
old readings, which are stored and not shown."""


@dataclass(slots=True)
class Owned:
    """The owner of a device. `agent` is empty while the device has no owner. The agent `former` gave the device up at `until_ms`."""

    agent: str
    heard_ms: int
    """About when its owner last published about it; at most HEARD_MS too early."""
    former: str = ""
    until_ms: int = 0


@dataclass(slots=True)
class Contest:
    """Another agent's claim to a device. Times are monotonic seconds."""

    owner: str
    agent: str
    last_s: float
    document: DeviceDocument | None = None
    """The latest description that was refused; it is used if the agent comes to own the device, because it may not come again."""


class Row(NamedTuple):
    """A device as it is kept on disk."""

    site: str
    device: str
    agent: str
    heard_ms: int
    former: str
    until_ms: int


class Owners:
    """Owners of all devices, and the agents that are admitted. Times in ms are the collector's wall clock."""

    def __init__(self, budgets: Budgets, assigned: Mapping[DeviceKey, str] | None = None) -> None:
        """`assigned` are the owners that the configuration or the site file names."""
        self._budgets = budgets
        self._assigned = dict(assigned or {})
        self._named = {(site, agent) for (site, _), agent in self._assigned.items()} | set(budgets.own)
        self._devices: dict[DeviceKey, Owned] = {}
        self._agents: dict[AgentKey, int] = {}
        self._of_agent: dict[AgentKey, set[DeviceKey]] = {}
        """Devices of each agent, those that it gave up lately included."""
        self._contests: dict[DeviceKey, Contest] = {}
        self._dirty: set[DeviceKey] = set()
        self._dirty_agents: set[AgentKey] = set()
        self._warned: set[str] = set()

    # Admission

    def admit(
        self, topic: Topic, document: Batch | Event | DeviceDocument | Status, wall_ms: int, now: float
    ) -> Admission:
        """Whether the sender may say this. Raises ContractError with reason `sites`, `agents`, `devices` or `owner`."""
        agent_key = topic.site, topic.agent
        self.admit_agent(agent_key, wall_ms)
        if isinstance(document, Status):
            if document.status == "online":
                self._apply_devices(agent_key, frozenset(document.devices), wall_ms)
            return "known"
        if topic.device == topic.agent and not isinstance(document, DeviceDocument):
            return "known"  # the agent about itself
        key = topic.site, topic.device
        owned = self._devices.get(key)
        if owned is not None and owned.agent == topic.agent:
            if wall_ms - owned.heard_ms > HEARD_MS:
                owned.heard_ms = wall_ms
                self._dirty.add(key)
            return "known"
        if self._is_history(owned, topic.agent, document, wall_ms):
            return "history"
        owner = self._assigned.get(key, owned.agent if owned is not None else "")
        if owner and owner != topic.agent:
            self._contest(key, owner, document, now)
            raise ContractError(
                "owner", f"device {topic.device} at {topic.site} belongs to agent {owner}, not to {topic.agent}"
            )
        self._claim(key, topic.agent, wall_ms)
        return "claimed"

    def admit_agent(self, agent_key: AgentKey, wall_ms: int) -> None:
        """Check that messages of this agent are accepted at all. Raises ContractError with the reason `sites` or `agents`."""
        heard_ms = self._agents.get(agent_key)
        if heard_ms is None and agent_key not in self._named:
            self._check_room(*agent_key)
        if heard_ms is None or wall_ms - heard_ms > HEARD_MS:
            self._agents[agent_key] = wall_ms
            self._dirty_agents.add(agent_key)

    def _check_room(self, site: str, agent: str) -> None:
        """Check that there is room for another agent that the configuration does not name, and for its site."""
        others = [each for each in self._agents if each not in self._named]
        sites = {each for each, _ in others}
        if site not in sites and len(sites) >= self._budgets.sites:
            known = f"{count_of(self._budgets.sites, 'site')} known already"
            self._warn("sites", f"{known}; {site} is refused", "sites")
            raise ContractError("sites", f"{known}, {site} is one too many")
        if len(others) >= self._budgets.agents:
            known = f"{count_of(self._budgets.agents, 'agent')} known already"
            self._warn("agents", f"{known}; {agent} is refused", "budgets.agents")
            raise ContractError("agents", f"{known}, {agent} is one too many")

    def _warn(self, what: str, text: str, key: str) -> None:
        """Log once for each `what` that its limit is reached; `key` is the configuration's key that raises it."""
        if what not in self._warned:
            self._warned.add(what)
            log.error(
                "%s at this collector. Look for accounts that publish under invented names, or raise `%s`", text, key
            )

    def _is_history(self, owned: Owned | None, agent: str, document: object, wall_ms: int) -> bool:
        """Whether a message contains what a former owner read before it gave the device up.

        Within LAST_WORDS_MS of giving it up, all of the former owner's messages count as history, whatever their time: its last ones may
        arrive after the status that gave the device up, and must not claim it again.
        """
        if owned is None or owned.former != agent or not isinstance(document, Batch | Event):
            return False
        return document.time <= owned.until_ms or (not owned.agent and wall_ms - owned.until_ms < LAST_WORDS_MS)

    def _claim(self, key: DeviceKey, agent: str, wall_ms: int) -> None:
        """Make an agent the owner of a device, within its budget. Raises ContractError with reason `devices`."""
        agent_key = key[0], agent
        owned = self._devices.get(key)
        budget = self._budgets.of(agent_key).devices
        counted = self._of_agent.get(agent_key, set())
        if key not in counted and len(counted) >= budget and self._assigned.get(key) != agent:
            raise ContractError(
                "devices", f"agent {agent} at {key[0]} has {count_of(budget, 'device')}, {key[1]} is one too many"
            )
        if owned is None:
            owned = self._devices[key] = Owned("", wall_ms)
        former = "" if owned.former == agent else owned.former
        self._change(key, owned, agent, former, owned.until_ms if former else 0)
        owned.heard_ms = wall_ms

    def _change(self, key: DeviceKey, owned: Owned, agent: str, former: str, until_ms: int) -> None:
        """Change whose a device is, and in whose budget it counts."""
        for each in {owned.agent, owned.former} - {""}:
            counted = self._of_agent[key[0], each]
            counted.discard(key)
            if not counted:
                del self._of_agent[key[0], each]
        owned.agent, owned.former, owned.until_ms = agent, former, until_ms
        for each in {agent, former} - {""}:
            self._of_agent.setdefault((key[0], each), set()).add(key)
        self._dirty.add(key)

    # Giving up

    def release(self, site: str, agent: str, device: str, wall_ms: int) -> None:
        """Take a device from its owner; nothing happens if it is another agent's."""
        key = site, device
        owned = self._devices.get(key)
        if owned is None or owned.agent != agent:
            return
        self._change(key, owned, "", agent, wall_ms)

    def release_agent(self, site: str, agent: str, wall_ms: int) -> None:
        """Take all devices from an agent that was removed. Its place among the agents is free a day later, as with devices."""
        for device in self.devices_of(site, agent):
            self.release(site, agent, device, wall_ms)
        if (site, agent) in self._agents:
            self._agents[site, agent] = wall_ms - SILENT_MS + RELEASED_MS
            self._dirty_agents.add((site, agent))

    def knows(self, site: str, agent: str) -> bool:
        """Whether an agent is admitted."""
        return (site, agent) in self._agents

    def count(self, site: str, agent: str) -> int:
        """How many devices count in an agent's budget."""
        return len(self._of_agent.get((site, agent), ()))

    def devices_of(self, site: str, agent: str) -> list[str]:
        """The devices that an agent owns."""
        counted = self._of_agent.get((site, agent), set())
        return sorted(key[1] for key in counted if self._devices[key].agent == agent)

    def _apply_devices(self, agent_key: AgentKey, named: frozenset[str], wall_ms: int) -> None:
        """An agent went online with these devices: it gives up others that it owned, and takes back those that it gave up lately."""
        site, agent = agent_key
        for key in list(self._of_agent.get(agent_key, ())):
            owned = self._devices[key]
            if owned.agent == agent and key[1] not in named:
                self.release(site, agent, key[1], wall_ms)
            elif not owned.agent and owned.former == agent and key[1] in named:
                self._claim(key, agent, wall_ms)

    # Contests

    def _contest(self, key: DeviceKey, owner: str, document: Batch | Event | DeviceDocument, now: float) -> None:
        """Note that another agent than the owner has published about a device; logged when it begins."""
        described = document if isinstance(document, DeviceDocument) else None
        contest = self._contests.get(key)
        if contest is None or contest.agent != document.agent:
            self._drop_contests(now)
            of_agent = sum(each.agent == document.agent for each in self._contests.values())
            if of_agent >= MAX_CONTESTS_OF_AGENT or len(self._contests) >= MAX_CONTESTS:
                return
            log.warning(
                "device=%s site=%s belongs to agent %s, and agent %s publishes about it as well: refused. Take the device from"
                " one of them, or name its owner in `owners`",
                *(key[1], key[0], owner, document.agent),
            )
            contest = self._contests[key] = Contest(owner, document.agent, now)
        contest.last_s = now
        contest.document = described or contest.document

    def take_description(self, site: str, agent: str, device: str) -> DeviceDocument | None:
        """The description that was refused while another agent had the device. Ask when the agent has come to own it."""
        contest = self._contests.get((site, device))
        if contest is None or contest.agent != agent:
            return None
        del self._contests[site, device]
        return contest.document

    def _drop_contests(self, now: float) -> None:
        for key in [key for key, each in self._contests.items() if now - each.last_s >= CONTESTED_S]:
            del self._contests[key]

    def contests(self, now: float) -> dict[DeviceKey, Contest]:
        """Devices that another agent spoke about within the last quarter of an hour."""
        self._drop_contests(now)
        return dict(self._contests)

    # On disk

    def restore(self, rows: Iterable[Row], agents: Iterable[tuple[str, str, int]], wall_ms: int) -> None:
        """Take what was kept on disk. A device that is now assigned to another agent passes to that agent."""
        for site, agent, heard_ms in agents:
            self._agents[site, agent] = heard_ms
        for row in rows:
            key = row.site, row.device
            owned = self._devices[key] = Owned("", row.heard_ms)
            self._change(key, owned, row.agent, row.former, row.until_ms)
            self._dirty.discard(key)
            assigned = self._assigned.get(key, row.agent)
            if assigned != row.agent:
                self._change(key, owned, assigned, row.agent or row.former, wall_ms)
                owned.heard_ms = wall_ms

    def seed(self, polled: Iterable[tuple[str, str, str]], wall_ms: int) -> None:
        """Take site, agent and device of polls counted before there was a file of owners, unless the device is known."""
        for site, agent, device in polled:
            if device != agent and (site, device) not in self._devices:
                self._agents.setdefault((site, agent), wall_ms)
                self._dirty_agents.add((site, agent))
                self._claim((site, device), self._assigned.get((site, device), agent), wall_ms)

    def sweep(self, wall_ms: int) -> None:
        """Forget devices given up a day ago, and agents and devices that were silent for a month."""
        for key, owned in list(self._devices.items()):
            if owned.former and wall_ms - owned.until_ms > RELEASED_MS:
                self._change(key, owned, owned.agent, "", 0)
            is_gone = not owned.agent and not owned.former
            agent_ms = self._agents.get((key[0], owned.agent), 0)
            if is_gone or wall_ms - max(owned.heard_ms, agent_ms) > SILENT_MS:
                self._change(key, owned, "", "", 0)
                del self._devices[key]
        for agent_key in [each for each, heard_ms in self._agents.items() if wall_ms - heard_ms > SILENT_MS]:
            del self._agents[agent_key]
            self._dirty_agents.add(agent_key)

    def changes(self) -> tuple[list[Row | DeviceKey], list[tuple[str, str, int | None]]]:
        """What changed since the last call: devices (a key alone for one to delete) and agents (None for one to delete)."""
        rows: list[Row | DeviceKey] = []
        for key in self._dirty:
            owned = self._devices.get(key)
            rows.append(key if owned is None else Row(*key, owned.agent, owned.heard_ms, owned.former, owned.until_ms))
        agents = [(*agent_key, self._agents.get(agent_key)) for agent_key in self._dirty_agents]
        self._dirty, self._dirty_agents = set(), set()
        return rows, agents

    def put_back(self, rows: Iterable[Row | DeviceKey], agents: Iterable[tuple[str, str, int | None]]) -> None:
        """Write changes with the next ones, because the disk refused them."""
        self._dirty |= {(row[0], row[1]) for row in rows}
        self._dirty_agents |= {(site, agent) for site, agent, _ in agents}
