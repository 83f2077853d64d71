"""The latest reading of every series, and which of them may be shown now.

Backfill never gets here: an old reading shown as current would raise or end alerts hours late. Two clocks are arguments: `now`
is monotonic seconds, for receipts and expiry, because a jump of the wall clock must not expire everything at once; `wall_s` is
seconds since 1970, compared with the times in messages.
"""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from collector.counters import POLL_BUCKETS_S, Histogram
from collector.latest.observed import Connection, Observations, is_observed, observe
from collector.latest.shelf_life import shelf_life_s
from collector.latest.state import (
    AgentState,
    DeviceState,
    LatestValue,
    Origin,
    Stamp,
    has_other_series,
    stated_by,
)
from collector.readings import Readings
from rackflow import Batch, DeviceDocument, Status
from rackflow.catalogue import BASE_LABELS

BatchOutcome = Literal["live", "stale", "duplicate", "refused"]
"""`live`: applied. `stale`: backfill, too old to be current. `duplicate`: was applied before. `refused`: beyond the limit of series."""
# Series on /metrics that every known device has: observed, up, info, last success, poll duration, rejected readings.
DEVICE_COST = 6
# Devices whose `first_expiry` is checked in one slice of work; each check takes 0.1 us.
GLANCES_PER_SLICE = 500
_LabelsAndClass = tuple[dict[str, str], str]


class Latest:
    """Devices and agents by site. Beyond `limit` series, new ones are refused and counted; known ones are still updated.

    The limit is in series on /metrics, because they cost memory here and in Prometheus: a state costs one series for each of
    its possible values. The budget of each agent is enforced before a message gets here (collector.receive).
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.refused = 0
        self.size = 0
        self.changes = 0
        """Grows whenever a device or series is added, a device is removed or replaced, or its labels or class change. Plans of derived
        figures and the layout of the floor are made again when it has changed."""
        self.dropped = 0
        """Grows whenever series have expired."""
        self.touched: set[tuple[str, str]] = set()
        """Devices with readings since `take_touched` was last called. Problems of other devices are evaluated only every few seconds."""
        self.urgent: set[tuple[str, str]] = set()
        """Those of `touched` with a poll or a reading of the safety class, or a poll that failed."""
        self._devices: dict[tuple[str, str], DeviceState] = {}
        self._groups: dict[tuple[str, str], list[DeviceState]] | None = None
        """The devices by agent; None after one was added or removed."""
        self._ordered: list[DeviceState] | None = None
        """The devices by site and name; None after one was added or removed. Sorting 2,000 takes a tenth of a page of the safety class."""
        self._agents: dict[tuple[str, str], AgentState] = {}
        self._connection = Connection()

    def note_connected(self, now: float) -> None:
        """Note that the connection to the broker is open, from `now` on (monotonic seconds)."""
        if not self._connection.is_open:
            self._connection.is_open, self._connection.since = True, now

    def note_disconnected(self, now: float) -> None:
        """Note that the connection to the broker is lost, or that an attempt to open one has failed.

        No device is observed meanwhile. Afterwards a device is observed again once its agent has sent something: it may have died.
        """
        self._connection.is_open, self._connection.lost_at = False, now

    def note_behind(self, now: float) -> None:
        """Note that messages wait for this collector or were left at the broker, so an agent that seems silent may have sent some."""
        self._connection.behind_at = now

    def is_behind(self, now: float) -> bool:
        """Whether this collector recently received messages later than they came."""
        return self._connection.is_behind(now)

    def devices(self) -> Iterator[DeviceState]:
        """All known devices, by site and name."""
        if self._ordered is None:
            self._ordered = [self._devices[key] for key in sorted(self._devices)]
        return iter(self._ordered)

    def agents(self) -> Iterator[AgentState]:
        """All known agents, by site and name."""
        return (self._agents[key] for key in sorted(self._agents))

    def device(self, site: str, name: str) -> DeviceState | None:
        """One device; None if it is not known."""
        return self._devices.get((site, name))

    def devices_of(self, site: str) -> Iterator[DeviceState]:
        """The known devices of one site."""
        return (device for device in self._devices.values() if device.site == site)

    def sites(self) -> list[str]:
        """The sites that have agents, sorted; each device has one (`apply_batch`, `apply_document`)."""
        return sorted({site for site, _ in self._agents})

    def readings_of(self, site: str, device: str) -> Mapping[str, LatestValue]:
        """Readings of one device by series key, expired ones too; empty if the device is not known."""
        found = self._devices.get((site, device))
        return found.series if found is not None else {}

    def agent_of(self, device: DeviceState) -> AgentState | None:
        """The agent that polls a device; None if no message of that agent has arrived."""
        return self._agents.get((device.site, device.agent))

    def observe(self, now: float, site: str = "") -> Observations:
        """Which devices are not observed and why, and which agents are there, at `now` (monotonic seconds), of one site or of all."""
        if not site:
            return observe(self._by_agent(), self._agents, self._connection, now)
        groups = {key: group for key, group in self._by_agent().items() if key[0] == site}
        agents = {key: agent for key, agent in self._agents.items() if key[0] == site}
        return observe(groups, agents, self._connection, now)

    def _by_agent(self) -> Mapping[tuple[str, str], Sequence[DeviceState]]:
        """The devices of each agent. A device that moves to another agent becomes a new object: see `_device`."""
        if self._groups is None:
            self._groups = {}
            for device in self._devices.values():
                self._groups.setdefault((device.site, device.agent), []).append(device)
        return self._groups

    def up(self, device: DeviceState, now: float) -> bool | None:
        """Whether a device answers its polls; None while it is not observed, which is neither up nor down."""
        return device.up if is_observed(device, self.agent_of(device), self._connection, now) else None

    def is_up(self, device: DeviceState, now: float) -> bool:
        """Whether a device is observed and answers its polls. False does not mean that it is down; see `up`."""
        return self.up(device, now) is True

    def apply_batch(self, site: str, batch: Batch, readings: Readings, now: float, wall_s: float) -> BatchOutcome:
        """Apply a batch, received at `now` (monotonic) and `wall_s` (since 1970)."""
        agent = self._agent(site, batch.agent)
        if agent is None:
            return "refused"
        delay_s = wall_s - batch.time / 1000
        agent.last_message_s = wall_s
        agent.clock.note(batch, delay_s, now)
        life_s = shelf_life_s(batch.interval_s)
        if agent.clock.lateness_s(delay_s) > life_s:
            return "stale"
        # A time ahead of the collector's clock is replaced by that clock's: later messages would seem older, and a page would say
        # "in 236 years".
        if batch.time > wall_s * 1000:
            batch = msgspec.structs.replace(batch, time=int(wall_s * 1000))
        if batch.device_class == "agent":
            agent.heard_at, agent.own_interval_s = max(agent.heard_at, now), batch.interval_s
            self._update_series(agent, agent, batch, readings, now)
            return "live"
        device = self._device(site, batch.device, batch.agent)
        if device is None:
            return "refused"
        before = _labels_and_class(device)
        if not device.note_poll(batch, agent, now):
            return "duplicate"
        self._note_relabelled(device, before)
        agent.heard_at = max(agent.heard_at, now)
        protocol = device.document.protocol if device.document else ""
        if batch.counts_as_poll:
            agent.poll_duration.setdefault(protocol, Histogram(POLL_BUCKETS_S)).observe(batch.duration_s)
        self._update_series(device, agent, batch, readings, now)
        if len(self.touched) < self.limit:
            self.touched.add((site, device.device))
            if batch.poll == "safety" or readings.layout.is_urgent or not batch.up:
                self.urgent.add((site, device.device))
        return "live"

    def take_touched(self, *, urgent: bool = False) -> set[tuple[str, str]]:
        """The devices that had readings since this was last called; with `urgent`, only those that cannot wait."""
        taken, self.urgent = self.urgent, set()
        if urgent:
            self.touched -= taken
            return taken
        taken, self.touched = self.touched, set()
        return taken

    def _update_series(
        self, owner: DeviceState | AgentState, agent: AgentState, batch: Batch, readings: Readings, now: float
    ) -> None:
        """Replace the values of `owner` by those of a batch, except for values of a later message that have not expired."""
        life_s = shelf_life_s(batch.interval_s)
        stamp = Stamp(Origin.of(batch), now + life_s, life_s)
        owner.first_expiry = min(owner.first_expiry, stamp.expires_at)
        row: Sequence[LatestValue | None] = owner.rows.get(readings.layout) or self._row(owner, readings, stamp)
        values: tuple[float | str, ...] = (*readings.numbers, *readings.state_texts)
        # The stamp of an earlier message, which may be replaced. Nearly always all values of a row came in one message and share its stamp,
        # so one comparison decides for all of them.
        outdated: Stamp | None = None
        for entry, value in zip(row, values, strict=True):
            if entry is None:
                continue
            before = entry.stamp
            # A series that is new with this message has its stamp already.
            if before is not outdated and before is not stamp:
                if now < before.expires_at and not agent.follows(stamp.origin, before.origin):
                    continue
                outdated = before
            entry.value, entry.stamp = value, stamp

    def _row(self, owner: DeviceState | AgentState, readings: Readings, stamp: Stamp) -> Sequence[LatestValue | None]:
        """The `LatestValue` of each series of a batch, made for new series; None for series beyond the limit."""
        found: list[LatestValue] = []
        refused: list[int] = []
        layout, known = readings.layout, owner.series
        for at, series in enumerate((*layout.number_series, *layout.state_series)):
            entry = known.get(series.key)
            if entry is None:
                cost = len(series.metric.states) or 1
                if self.size + cost > self.limit:
                    self.refused += 1
                    refused.append(at)
                    continue
                self.size += cost
                self.changes += 1
                entry = known[series.key] = LatestValue(series, "", stamp)
                owner.cache.clear()
            found.append(entry)
        if not refused:
            owner.rows[layout] = found
            return found
        row: list[LatestValue | None] = list(found)
        for at in refused:
            row.insert(at, None)
        return row

    def apply_document(self, site: str, document: DeviceDocument) -> bool:
        """Apply a device's identity. Returns False if it is beyond the limit."""
        # The agent first: if there is no room for the agent, its device must not take room either.
        device = self._device(site, document.device, document.agent) if self._agent(site, document.agent) else None
        if device is None:
            return False
        # An earlier document of the device is of the same agent: see `_device`.
        if device.document is None or document.time >= device.document.time:
            before = _labels_and_class(device)
            if device.stated is not None and has_other_series(device.stated, document):
                self._drop_former(device, document.time)
            device.stated = stated_by(device.stated, document)
            device.document, device.cached_life_s = document, None
            device.device_class = document.device_class
            device.labels = {label: document.labels[label] for label in BASE_LABELS if document.labels.get(label)}
            device.labels_as_sent = None
            self._note_relabelled(device, before)
        return True

    def _drop_former(self, device: DeviceState, since_ms: int) -> None:
        """Drop readings made before `since_ms`: they come from a unit that was replaced, or the device may not have their series any more.

        An agent publishes the document before it polls, so readings of the new unit are later, even if they arrive first.
        """
        self._remove(device, [key for key, entry in device.series.items() if entry.origin.time_ms < since_ms])
        self.changes += 1

    def _note_relabelled(self, device: DeviceState, before: _LabelsAndClass | None) -> None:
        """Count a change if the device's labels or class are not those of `before`: its place was corrected in the agent's file."""
        # `before` is None for a new device, which was counted already. Comparing is fast: the labels stay the same object while batches
        # repeat them.
        if before is not None and before != (device.labels, device.device_class):
            self.changes += 1

    def remove_device(self, site: str, agent: str, device: str) -> bool:
        """Forget a device, unless another agent polls it now: then it was moved, and its former agent is only cleaning up.

        Returns whether there was anything to forget.
        """
        found = self._devices.get((site, device))
        if found is None or found.agent != agent:
            return False
        self._remove(found, list(found.series))
        self.size -= DEVICE_COST
        self.changes += 1
        del self._devices[site, device]
        self._ordered = self._groups = None
        return True

    def apply_status(self, status: Status, now: float) -> bool:
        """Apply an agent's status received at `now` (monotonic). Devices that an online agent no longer names are forgotten.

        An agent that goes offline names no devices, but they still exist: they are not observed until it is back and has polled them.
        """
        agent = self._agent(status.site, status.agent)
        if agent is None:
            return False
        if status.status == "offline" and agent.status is not None and agent.status.epoch != status.epoch:
            return True  # the will of an earlier epoch, which the broker may send after the present epoch's `online`
        self._note_edge(agent, status, now)
        agent.status = status
        if status.status == "online":
            known = set(status.devices)
            for device in [each for each in self._devices.values() if each.site == status.site]:
                if device.agent == status.agent and device.device not in known:
                    self.remove_device(device.site, device.agent, device.device)
        return True

    def _note_edge(self, agent: AgentState, status: Status, now: float) -> None:
        """Note that an agent went, came back, or was restarted. Agents and brokers repeat statuses that say nothing new."""
        before = agent.status
        if before is None or (before.status, before.epoch) != (status.status, status.epoch):
            agent.since = now
            if before is not None and status.status == "online":
                agent.back_at = now
        if before is not None and before.epoch != status.epoch:
            # What the agent's earlier process reported counts no more; what the new one sent before this status does.
            for device in self._devices.values():
                if (device.site, device.agent) == (status.site, status.agent):
                    device.is_reported = (
                        device.is_reported and device.origin is not None and device.origin.epoch == status.epoch
                    )

    def remove_agent(self, site: str, agent: str) -> bool:
        """Forget a retired agent and its devices, because no other message will say that they are gone. Returns whether it was known."""
        for device in [each for each in self._devices.values() if (each.site, each.agent) == (site, agent)]:
            self.remove_device(site, agent, device.device)
        found = self._agents.pop((site, agent), None)
        if found is not None:
            self._remove(found, list(found.series))
        return found is not None

    def expire_steps(self, now: float) -> Generator[None, None, None]:
        """Drop every series that has expired. Devices stay, so that /metrics shows that they are silent. Yields after each slice."""
        # Lists, because devices and agents may come and go between two steps.
        owners: list[DeviceState | AgentState] = [*self._devices.values(), *self._agents.values()]
        for start in range(0, len(owners), GLANCES_PER_SLICE):
            for each in [one for one in owners[start : start + GLANCES_PER_SLICE] if now >= one.first_expiry]:
                self._drop_expired(each, now)
                yield
            yield

    def expire_device(self, device: DeviceState, now: float) -> None:
        """Drop the series of one device that have expired, and set `first_expiry` to when the next one will expire.

        Until the next call it is only a lower bound, because it is not moved when readings are renewed.
        """
        self._drop_expired(device, now)

    def _drop_expired(self, owner: DeviceState | AgentState, now: float) -> None:
        self._remove(owner, [key for key, entry in owner.series.items() if now >= entry.stamp.expires_at])

    def _remove(self, owner: DeviceState | AgentState, gone: Sequence[str]) -> None:
        """Remove these series, and what was cached of the set of series."""
        known = owner.series
        for key in gone:
            self.size -= len(known.pop(key).series.metric.states) or 1
        if gone:
            self.dropped += 1
            owner.rows.clear()
            owner.cache.clear()
        owner.first_expiry = min((entry.stamp.expires_at for entry in known.values()), default=math.inf)

    def _device(self, site: str, name: str, agent: str) -> DeviceState | None:
        device = self._devices.get((site, name))
        if device is not None and device.agent != agent:
            # Only messages of a device's owner get here (see collector.receive.owners), so the device has a new owner. Nothing of the
            # former agent stays, because its message numbers and its clock cannot be compared with the new agent's.
            self.remove_device(site, device.agent, name)
            device = None
        if device is None:
            if self.size + DEVICE_COST > self.limit:
                self.refused += 1
                return None
            self.size += DEVICE_COST
            self.changes += 1
            device = self._devices[site, name] = DeviceState(site, name, agent)
            self._ordered = self._groups = None
        return device

    def _agent(self, site: str, name: str) -> AgentState | None:
        agent = self._agents.get((site, name))
        if agent is None:
            if len(self._agents) >= self.limit:
                self.refused += 1
                return None
            agent = self._agents[site, name] = AgentState(site, name)
        return agent


def _labels_and_class(device: DeviceState) -> _LabelsAndClass | None:
    """Labels and class of a device; None if nothing was heard of it yet."""
    is_new = device.origin is None and device.document is None
    return None if is_new else (device.labels, device.device_class)
