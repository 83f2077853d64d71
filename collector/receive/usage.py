"""Keeps each agent within its budget of series and bytes. No I/O; times are arguments, monotonic seconds.

A series counts until an hour after its last reading. Otherwise one agent could use new label values all day, and each of them costs memory
in Prometheus for hours and in the store for ever. A refused series is neither shown nor stored. Series that came first keep their place.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field, replace

from collector.budgets import DEVICE_SERIES, AgentBudget, AgentKey, Budgets
from collector.readings import Readings, Rows, series_bytes
from rackflow import DeviceDocument

log = logging.getLogger(__name__)
# How long a series counts towards its agent's budget after its last reading, and how long an agent is shown as beyond its budget.
KEPT_S = 3600.0
# Looking for series that were silent for an hour takes 1 ms for 10,000; once a minute is often enough for an hour.
PURGE_S = 60.0
# How long an agent counts as beyond its budget after its last refusal. A refused series comes again with each poll, those of class
# `inventory` once an hour: the alert ends with the refusals of all but these. Chosen.
BEYOND_S = 900.0
# Agents whose refused series are counted by name; there are seldom more than a few at their limit.
MAX_COUNTED_AGENTS = 1_000


def document_bytes(document: DeviceDocument) -> int:
    """Roughly the memory of a device document, in bytes. Its texts are on /metrics as well, of which there are several copies at a time."""
    texts = (document.vendor, document.model, document.serial, document.firmware, document.profile)
    size = sum(map(len, texts))
    size += sum(100 + len(label) + len(value) for label, value in document.labels.items())
    for loop, coolant in document.coolant.items():
        size += 250 + len(loop) + len(coolant.fluid) + len(coolant.additive) + len(coolant.concentration)
    return 1500 + 6 * size


@dataclass(slots=True)
class _Known:
    """One series: when it was last heard, and what it costs."""

    heard_s: float
    series: int
    bytes: int


@dataclass(slots=True)
class AgentUsage:
    """The series and bytes that one agent takes up at present."""

    series: int = 0
    bytes: int = 0
    known: dict[int, _Known] = field(default_factory=dict)
    """By the hash of device and series key: the text itself would take most of the memory that is to be saved."""
    documents: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Series and bytes of each device's description: there is one series for each loop's coolant."""
    purged_s: float = 0.0
    rows: dict[str, Rows[_Known]] = field(default_factory=dict)
    """By device, the series of a batch that was admitted as a whole, so that the same set is recognised at once when it comes again."""

    def purge(self, now: float) -> None:
        """Forget series that were not heard for an hour."""
        if now - self.purged_s < PURGE_S:
            return
        self.purged_s = now
        self.rows.clear()
        for key in [key for key, each in self.known.items() if now - each.heard_s > KEPT_S]:
            gone = self.known.pop(key)
            self.series -= gone.series
            self.bytes -= gone.bytes


class Usage:
    """Series and bytes of all agents. Ask only for agents that are admitted (see owners.py): there is a record for each."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._agents: dict[AgentKey, AgentUsage] = {}
        self.refused = Counter[AgentKey]()
        """Series and descriptions that were refused, by agent."""
        self._beyond: dict[AgentKey, float] = {}
        """When something of an agent was refused last."""

    def of(self, agent_key: AgentKey) -> AgentUsage:
        """What an agent takes up."""
        use = self._agents.get(agent_key)
        if use is None:
            use = self._agents[agent_key] = AgentUsage()
        return use

    def admit_readings(
        self,
        agent_key: AgentKey,
        device: str,
        devices: int,
        readings: Readings,
        now: float,
        *,
        is_counted: bool = True,
    ) -> Readings:
        """The readings whose series are within the agent's budget; the others are counted as `series`, if `is_counted`.

        `devices` is how many devices the agent has: they cost series, too.
        """
        use, layout = self.of(agent_key), readings.layout
        rows = use.rows.get(device)
        row = rows.get(layout) if rows is not None else None
        if row is not None:
            for each in row:
                each.heard_s = now
            return readings
        budget = self._budgets.of(agent_key)
        room = budget.series - DEVICE_SERIES * devices
        known, row = use.known, []
        refused: set[str] = set()
        for series in (*layout.number_series, *layout.state_series):
            name = device, series.key
            found = known.get(hash(name))
            if found is None:
                found = self._add(use, budget, name, room=room, series=len(series.metric.states) or 1, now=now)
            if found is None:
                refused.add(series.key)
            else:
                found.heard_s = now
                row.append(found)
        if not refused:
            use.rows.setdefault(device, Rows())[layout] = row
            return readings
        if is_counted:
            self._count(agent_key, len(refused), device, now)
        skipped = readings.skipped.copy()
        skipped["series"] += len(refused)
        return replace(readings.without(refused), skipped=skipped)

    def _add(
        self, use: AgentUsage, budget: AgentBudget, name: tuple[str, str], *, room: int, series: int, now: float
    ) -> _Known | None:
        """Count a new series of an agent against its budget; None if it is beyond. `room` is how many series the agent may have in all."""
        size_bytes = series_bytes(name[1])
        if use.series + series > room or use.bytes + size_bytes > budget.bytes:
            use.purge(now)
            if use.series + series > room or use.bytes + size_bytes > budget.bytes:
                return None
        known = use.known[hash(name)] = _Known(now, series, size_bytes)
        use.series += series
        use.bytes += size_bytes
        return known

    def admit_document(self, agent_key: AgentKey, document: DeviceDocument, devices: int, now: float) -> bool:
        """Whether a description is within the agent's budget. It takes the place of the device's earlier one."""
        use, budget = self.of(agent_key), self._budgets.of(agent_key)
        room = budget.series - DEVICE_SERIES * devices
        had_series, had_bytes = use.documents.get(document.device, (0, 0))
        series, size_bytes = len(document.coolant), document_bytes(document)

        def fits() -> bool:
            has_room = series <= had_series or use.series - had_series + series <= room
            return has_room and use.bytes - had_bytes + size_bytes <= budget.bytes

        if not fits():
            use.purge(now)
            if not fits():
                self._count(agent_key, 1, document.device, now)
                return False
        use.documents[document.device] = series, size_bytes
        use.series += series - had_series
        use.bytes += size_bytes - had_bytes
        return True

    def drop_document(self, agent_key: AgentKey, device: str) -> None:
        """A device was removed."""
        use = self.of(agent_key)
        series, size_bytes = use.documents.pop(device, (0, 0))
        use.series -= series
        use.bytes -= size_bytes

    def beyond(self, now: float) -> dict[AgentKey, bool]:
        """The agents that had something refused within the last hour, each with whether that was within the last quarter of an hour."""
        for gone in [agent_key for agent_key, at in self._beyond.items() if now - at > KEPT_S]:
            del self._beyond[gone]
        return {agent_key: now - at < BEYOND_S for agent_key, at in self._beyond.items()}

    def _count(self, agent_key: AgentKey, refused: int, device: str, now: float) -> None:
        if agent_key not in self.refused and len(self.refused) >= MAX_COUNTED_AGENTS:
            return
        self.refused[agent_key] += refused
        if now - self._beyond.get(agent_key, -BEYOND_S) >= BEYOND_S:
            budget = self._budgets.of(agent_key)
            log.error(
                "site=%s agent=%s is beyond its budget of %d series and %d bytes: what is new of device=%s and others is neither shown nor "
                "stored. Raise budgets.series and budgets.bytes, or look for a device that invents labels",
                *(*agent_key, budget.series, budget.bytes, device),
            )
        self._beyond[agent_key] = now
