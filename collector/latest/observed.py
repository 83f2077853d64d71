"""Decides which devices are observed: what counts as an agent's present word about a device, and if there is none, why.

Unknown is not down. A device is down only when an agent that is there says so; when nobody can see it, it may be running as it did
before. Alarms about devices nobody can see are false at the worst moment (a broken link, a restart), and bury the one true cause.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from collector.latest.state import SHELF_LIFE_FLOOR_S, AgentState, DeviceState, shelf_life_s

Cause = Literal["broker", "agent_offline", "starting", "collector", "agent_silent", "device_silent"]
"""Why a device is not observed.

`broker`: the collector has no connection to the broker. `agent_offline`: its agent said so, or its will did. `starting`: collector or
agent has just connected, and the first poll of the device is still to come. `collector`: messages come faster than the collector handles
them, so that nobody knows who is silent. `agent_silent`: its agent counts as online, but has said
nothing for too long: it hangs, or the broker lost its will. `device_silent`: its agent goes on with other devices, but not this one.
"""
CAUSES: tuple[Cause, ...] = get_args(Cause)
DeviceKey = tuple[str, str]
"""Site and device."""
AgentKey = tuple[str, str]
"""Site and agent."""


@dataclass(slots=True)
class Connection:
    """The collector's connection to the broker; times are monotonic. Always there unless `Latest.note_disconnected` says otherwise."""

    is_open: bool = True
    since: float = -math.inf
    lost_at: float = -math.inf
    """When it was last known to be away: what was received before says nothing about now."""
    behind_at: float = -math.inf
    """When the collector was last known not to keep up with what comes."""

    def is_behind(self, now: float, life_s: float = SHELF_LIFE_FLOOR_S) -> bool:
        """Whether it was so within the last `life_s`: who was not heard for that time may have spoken."""
        return now < self.behind_at + life_s


@dataclass(frozen=True, slots=True)
class Observations:
    """What is observed at one moment."""

    causes: Mapping[DeviceKey, Cause] = field(default_factory=dict)
    """Why a device is not observed; a device that is observed has no entry."""
    agents_up: Mapping[AgentKey, bool] = field(default_factory=dict)
    """Whether an agent is online and speaks; no entry while nobody can tell."""
    counts: Mapping[AgentKey, Counter[Cause]] = field(default_factory=dict)
    """Unobserved devices of each agent by cause."""

    def reason(self, device: DeviceState) -> str:
        """Why a device is not observed, in words that name who is to blame; empty if it is observed."""
        cause = self.causes.get((device.site, device.device))
        return words_of(cause, device.agent) if cause is not None else ""


def words_of(cause: Cause, agent: str) -> str:
    """A cause in words for the page and for unknown figures."""
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
    """Whether the last poll of a device is its agent's present word.

    After a break the agent must have spoken first, about anything. What waited in a queue meanwhile, or overtook the agent's will, was
    received before and does not count. Then what it said of the device before counts again, if it is still fresh: a device that is
    down is asked only once a minute, and would be unknown for that long after every short break.
    """
    return agent is not None and _is_present(agent, connection) and device.heard and now < device.fresh_until()


def _is_present(agent: AgentState, connection: Connection) -> bool:
    """Whether an agent's words count: see `is_observed`."""
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
    """Everything about one moment in one pass, because whether an agent is silent depends on all of its devices, which are its group."""
    unheard: list[DeviceState] = []
    excused: dict[DeviceKey, Cause] = {}
    speaking: set[AgentKey] = set()
    # Of 2,000 devices there are a few agents, and this is asked for each scrape and each look for problems.
    present = {key for key, agent in agents.items() if _is_present(agent, connection)}
    for by, devices in groups.items():
        unsure = _unsure(devices, now) if by in present else devices
        if len(unsure) < len(devices):
            speaking.add(by)
        for device in unsure:
            life_s = device.life if device.life is not None else device.life_s()
            if by in present and device.heard and now < device.received_at + life_s:
                speaking.add(by)
                continue
            unheard.append(device)
            if (why := _excuse(device, agents.get(by), connection, now, life_s)) is not None:
                excused[device.site, device.device] = why
                speaking.add(by)  # not known to be silent yet
    silent = {key for key, agent in agents.items() if _is_silent(agent, connection, now, is_polling=key in speaking)}

    def cause_of(device: DeviceState) -> Cause:
        by = device.site, device.agent
        if not connection.is_open:
            return "broker"
        if is_offline(agents.get(by)):
            return "agent_offline"
        if (excuse := excused.get((device.site, device.device))) is not None:
            return excuse
        return "agent_silent" if by in silent or by not in agents else "device_silent"

    causes = {(device.site, device.device): cause_of(device) for device in unheard}
    counts = _counts(agents, unheard, causes)
    agents_up = {
        key: not is_offline(agent) and key not in silent
        for key, agent in agents.items()
        # Of an agent without a status only its silence about a device, or a live message, is worth telling.
        if agent.status is not None or agent.heard_at > connection.lost_at or counts[key]["agent_silent"]
    }
    return Observations(causes, agents_up if connection.is_open else {}, counts)


def _unsure(devices: Sequence[DeviceState], now: float) -> Sequence[DeviceState]:
    """Devices that may not be heard. Nearly always none, and each of 5,000 is looked at every second."""
    return [each for each in devices if not each.heard or now >= each.received_at + (each.life or 0.0)]


def _counts(
    agents: Iterable[AgentKey], unheard: Iterable[DeviceState], causes: Mapping[DeviceKey, Cause]
) -> dict[AgentKey, Counter[Cause]]:
    counts: dict[AgentKey, Counter[Cause]] = {key: Counter() for key in agents}
    for device in unheard:
        counts.setdefault((device.site, device.agent), Counter())[causes[device.site, device.device]] += 1
    return counts


def _excuse(
    device: DeviceState, agent: AgentState | None, connection: Connection, now: float, life_s: float
) -> Cause | None:
    """Why a device that is not heard may be as it was, and nobody is to blame for its silence yet."""
    since = max(connection.since, agent.since if agent is not None else -math.inf)
    if (not device.heard or device.received_at < since) and now < since + life_s:
        return "starting"
    return "collector" if connection.is_behind(now, life_s) else None


def _is_silent(agent: AgentState, connection: Connection, now: float, *, is_polling: bool) -> bool:
    """Whether an agent has said nothing live for too long.

    An agent that reports about itself does so at a steady rate, so that this rate decides. Of any other, its devices do: it may poll
    nothing but slow ones.
    """
    heard_at = max(agent.heard_at, agent.since, connection.since, connection.behind_at)
    if agent.own_interval_s is not None:
        return now >= heard_at + shelf_life_s(agent.own_interval_s)
    return not is_polling and now >= heard_at + SHELF_LIFE_FLOOR_S
