"""Decides which devices are observed, and which agents are silent: whether the last report on a device still counts, and if not, why.

Unknown is not down. A device is down only if a working agent says so. A device on which no agent reports may be running as before. If a
link breaks or an agent restarts, alarms about all its devices would be false, at the worst moment, and would hide the one true cause.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from collector.latest.shelf_life import SHELF_LIFE_FLOOR_S, shelf_life_s
from collector.latest.state import AgentState, DeviceState

Cause = Literal["broker", "agent_offline", "starting", "collector", "agent_silent", "device_silent"]
"""Why a device is not observed.

`broker`: the collector has no connection to the broker. `agent_offline`: the status of its agent, or the agent's will, says "offline".
`starting`: collector or agent has just connected, and the first poll of the device is still to come. `collector`: messages come faster
than the collector handles them, so it is unknown who is silent. `agent_silent`: the agent's status is "online", but it has sent nothing
for too long: it hangs, or the broker lost its will. `device_silent`: the agent reports on other devices, but not on this one.
"""
CAUSES: tuple[Cause, ...] = get_args(Cause)
DeviceKey = tuple[str, str]
"""Site and device."""
AgentKey = tuple[str, str]
"""Site and agent."""


@dataclass(slots=True)
class Connection:
    """The collector's connection to the broker. Times are monotonic. Counts as open until `Latest.note_disconnected` is called."""

    is_open: bool = True
    since: float = -math.inf
    lost_at: float = -math.inf
    """When the connection was last known to be broken. Messages received before that say nothing about the present."""
    behind_at: float = -math.inf
    """When messages last came faster than the collector handled them."""

    def is_behind(self, now: float, life_s: float = SHELF_LIFE_FLOOR_S) -> bool:
        """Whether messages came too fast within the last `life_s`: an agent that seems silent may have sent some that still wait."""
        return now < self.behind_at + life_s


@dataclass(frozen=True, slots=True)
class Observations:
    """What is observed at one moment."""

    causes: Mapping[DeviceKey, Cause]
    """Why a device is not observed; a device that is observed has no entry."""
    agents_up: Mapping[AgentKey, bool]
    """Whether an agent is online and sends messages; no entry while that is unknown."""
    counts: Mapping[AgentKey, Counter[Cause]]
    """Unobserved devices of each agent by cause."""

    def reason(self, device: DeviceState) -> str:
        """Why a device is not observed, in words that name the cause; empty if it is observed."""
        cause = self.causes.get((device.site, device.device))
        return words_of(cause, device.agent) if cause is not None else ""


def words_of(cause: Cause, agent: str) -> str:
    """A cause in words, for the page and for figures that are unknown because of it."""
    return {
        "broker": "no connection to the broker",
        "agent_offline": f"agent {agent} is offline",
        "collector": "the collector does not keep up with what comes",
        "starting": f"waiting for the first poll by agent {agent}",
        "agent_silent": f"agent {agent} is silent",
        "device_silent": f"agent {agent} says nothing about it",
    }[cause]


def is_offline(agent: AgentState | None) -> bool:
    """Whether the agent's own status, or its will, says that it is gone."""
    return agent is not None and agent.status is not None and agent.status.status == "offline"


def is_observed(device: DeviceState, agent: AgentState | None, connection: Connection, now: float) -> bool:
    """Whether the last poll of a device still counts as its agent's report.

    After a break, the agent must first send a live message about anything: messages from a queue, or ones that overtook the agent's will,
    do not count. Then its earlier report on the device counts again, if it is still fresh. (Requiring a new poll of each device was
    rejected: a device that is down is polled only once a minute, and would be unknown that long after every short break.)
    """
    return agent is not None and _is_present(agent, connection) and device.is_reported and now < device.fresh_until()


def _is_present(agent: AgentState, connection: Connection) -> bool:
    """Whether an agent's reports count: see `is_observed`."""
    return (
        connection.is_open
        and not is_offline(agent)
        and agent.heard_at > connection.lost_at
        and agent.heard_at >= agent.back_at
    )


def observe(
    groups: Mapping[AgentKey, Sequence[DeviceState]],
    agents: Mapping[AgentKey, AgentState],
    connection: Connection,
    now: float,
) -> Observations:
    """Which devices are not observed and why, and which agents are up. `groups` has the devices of each agent.

    First the devices that are not observed are found, then the agents that are silent, because an agent is silent only if all of its
    devices are. The causes come last, because a silent agent is the cause for its devices.
    """
    unobserved: list[DeviceState] = []
    explained: dict[DeviceKey, Cause] = {}
    # Agents that report on a device, or of which it is not known yet whether they do.
    reporting: set[AgentKey] = set()
    # Found once per agent, not per device, because this runs for each scrape and each evaluation of problems: 2,000 devices have few
    # agents.
    present = {key for key, agent in agents.items() if _is_present(agent, connection)}
    for agent_key, devices in groups.items():
        doubtful = _perhaps_silent(devices, now) if agent_key in present else devices
        if len(doubtful) < len(devices):
            reporting.add(agent_key)
        for device in doubtful:
            life_s = device.cached_life_s if device.cached_life_s is not None else device.life_s()
            if agent_key in present and device.is_reported and now < device.received_at + life_s:
                reporting.add(agent_key)
                continue
            unobserved.append(device)
            cause = _harmless_cause(device, agents.get(agent_key), connection, now, life_s)
            if cause is not None:
                explained[device.site, device.device] = cause
                reporting.add(agent_key)
    silent = {key for key, agent in agents.items() if _is_silent(agent, connection, now, is_polling=key in reporting)}

    def cause_of(device: DeviceState) -> Cause:
        agent_key = device.site, device.agent
        if not connection.is_open:
            return "broker"
        if is_offline(agents.get(agent_key)):
            return "agent_offline"
        if (cause := explained.get((device.site, device.device))) is not None:
            return cause
        return "agent_silent" if agent_key in silent else "device_silent"

    causes = {(device.site, device.device): cause_of(device) for device in unobserved}
    counts = _counts(agents, unobserved, causes)
    agents_up = {
        key: not is_offline(agent) and key not in silent
        for key, agent in agents.items()
        # An agent whose status has not arrived is listed only once it has sent a live message, or counts as silent.
        if agent.status is not None or agent.heard_at > connection.lost_at or counts[key]["agent_silent"]
    }
    return Observations(causes, agents_up if connection.is_open else {}, counts)


def _perhaps_silent(devices: Sequence[DeviceState], now: float) -> Sequence[DeviceState]:
    """Devices that may be silent, nearly always none. A separate pass, to be fast: it checks each of 5,000 devices every second."""
    return [each for each in devices if not each.is_reported or now >= each.received_at + (each.cached_life_s or 0.0)]


def _counts(
    agents: Iterable[AgentKey], unobserved: Iterable[DeviceState], causes: Mapping[DeviceKey, Cause]
) -> dict[AgentKey, Counter[Cause]]:
    counts: dict[AgentKey, Counter[Cause]] = {key: Counter() for key in agents}
    for device in unobserved:
        counts.setdefault((device.site, device.agent), Counter())[causes[device.site, device.device]] += 1
    return counts


def _harmless_cause(
    device: DeviceState, agent: AgentState | None, connection: Connection, now: float, life_s: float
) -> Cause | None:
    """A cause that explains why a device seems silent although device and agent may be well; None if there is no such cause."""
    since = max(connection.since, agent.since if agent is not None else -math.inf)
    if (not device.is_reported or device.received_at < since) and now < since + life_s:
        return "starting"
    return "collector" if connection.is_behind(now, life_s) else None


def _is_silent(agent: AgentState, connection: Connection, now: float, *, is_polling: bool) -> bool:
    """Whether an agent has sent no live message for too long.

    An agent that reports its own metrics does so at a steady rate, which then decides. For any other agent the intervals of its devices
    decide: all of them may be slow.
    """
    heard_at = max(agent.heard_at, agent.since, connection.since, connection.behind_at)
    if agent.own_interval_s is not None:
        return now >= heard_at + shelf_life_s(agent.own_interval_s)
    return not is_polling and now >= heard_at + SHELF_LIFE_FLOOR_S
