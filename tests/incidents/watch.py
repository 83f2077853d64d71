"""Watches which problems are reported during an incident, and when: by the agent over MQTT, and by both Alertmanagers."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiomqtt

from collector.problems.conditions import Evaluator, Labels, Subject, labels_of
from collector.problems.shares import Shares
from collector.problems.table import Problem, load_table
from rackflow.documents import Batch, decode
from rackflow.series import parse_series_key
from tests.incidents.chain import Chain
from tests.servers.alertmanager import Alertmanager
from tests.servers.web import request

# How often Alertmanagers are asked. Their own times are used, so this does not limit the accuracy.
LOOK_S = 0.5
# How often this process looks whether it stood still; a standstill of some tenths of a second matters (`MAX_STILL_S`).
STILL_LOOK_S = 0.05
SHIPPED_WAIT_S = {"critical": 2 * LOOK_S, "warning": 30.0, "info": 30.0}
"""How long an alert must be neither inhibited nor silenced before somebody is notified: `group_wait` of the shipped routes."""
NOT_PROBLEMS = {"DcimWatchdog"}
Key = tuple[str, Labels]


@dataclass(slots=True)
class Seen:
    """One alert at one Alertmanager. Times are wall times, s."""

    name: str
    labels: Mapping[str, str]
    severity: str
    since_s: float
    received_s: float
    """When Alertmanager first received it."""
    uninhibited_since_s: float | None = None
    """Since when it is neither inhibited nor silenced; None while it is."""
    notified_s: float | None = None
    """When somebody was notified by the shipped routes."""
    lasts: bool = True
    """Whether Alertmanager still has it."""


class Alerts:
    """The alerts of one Alertmanager over time."""

    def __init__(self, manager: Alertmanager) -> None:
        self._manager = manager
        self.seen: dict[Key, Seen] = {}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                answer = await asyncio.to_thread(request, f"{self._manager.url}/api/v2/alerts")
                self._take(answer.json(), time.time())  # type: ignore[arg-type]
            except OSError:
                pass  # the next look finds it
            await asyncio.sleep(LOOK_S)

    def _take(self, alerts: Sequence[Mapping[str, Any]], now: float) -> None:
        for each in self.seen.values():
            each.lasts = False
        for alert in alerts:
            labels = {name: value for name, value in alert["labels"].items() if name != "alertname"}
            name = alert["labels"]["alertname"]
            if name in NOT_PROBLEMS:
                continue
            key = name, labels_of(labels)
            seen = self.seen.get(key)
            if seen is None:
                received_s = min(now, _seconds(alert["updatedAt"]))
                seen = self.seen[key] = Seen(name, labels, labels["severity"], _seconds(alert["startsAt"]), received_s)
            seen.lasts = True
            is_free = alert["status"]["state"] == "active"
            seen.uninhibited_since_s = (seen.uninhibited_since_s or now) if is_free else None
            if seen.uninhibited_since_s is not None and now - seen.uninhibited_since_s >= SHIPPED_WAIT_S[seen.severity]:
                seen.notified_s = seen.notified_s or now

    def forget(self) -> None:
        """Start over: what still lasts is not counted again."""
        self.seen = {key: each for key, each in self.seen.items() if each.lasts}

    def lasting(self) -> list[Seen]:
        """The alerts that Alertmanager has now."""
        return [each for each in self.seen.values() if each.lasts]

    def notified(self) -> list[Seen]:
        """The alerts of which somebody was notified."""
        return [each for each in self.seen.values() if each.notified_s is not None]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Standstill:
    """How long this process stood still. The devices are simulated in it: one that answers late is one that does not answer."""

    def __init__(self) -> None:
        self.worst_s = 0.0

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(STILL_LOOK_S)
            self.worst_s = max(self.worst_s, time.monotonic() - before - STILL_LOOK_S)

    def take(self) -> float:
        """The longest standstill since this was last asked, seconds."""
        worst_s, self.worst_s = self.worst_s, 0.0
        return worst_s


class Batches:
    """The agent's batches about each device, and since when a problem's condition holds in them."""

    def __init__(self, chain: Chain) -> None:
        self._port = chain.broker.port
        self._table = load_table()
        self._evaluator = Evaluator(self._table)
        self._shares = Shares(self._table, self._evaluator)
        self._subjects: dict[str, Subject] = {}
        self.began_s: dict[Key, float] = {}
        """Problems by labels, and when the message came that first showed them; for a share, that of the last device it takes."""

    async def watch(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self._port, protocol=aiomqtt.ProtocolVersion.V5) as client:
                    await client.subscribe("rackflow/v1/+/+/batch/+")
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            self._take(str(message.topic).split("/")[2], decode(message.payload, Batch), time.time())
            except aiomqtt.MqttError:
                await asyncio.sleep(LOOK_S)  # the broker is part of an incident

    def _take(self, site: str, batch: Batch, now: float) -> None:
        subject = self._subjects.setdefault(batch.device, Subject({}))
        subject.base = {**batch.labels, "site": site, "device": batch.device}
        fresh: dict[str, list[tuple[Mapping[str, str], float | str]]] = {}
        values: dict[str, float | str] = {**batch.values, **batch.states}
        for key, value in values.items():
            name, labels = parse_series_key(key)
            if name in self._evaluator.metrics:
                fresh.setdefault(name, []).append((dict(labels), value))
        subject.series.update(fresh)
        subject.series["dcim_device_up"] = [({}, float(batch.up))]
        subject.series["dcim_device_observed"] = [({}, 1.0)]
        subject.series["dcim_device_info"] = [({"device_class": batch.device_class}, 1.0)]
        if not batch.up:
            self._drop_readings(subject)
        for problem, _ in self._evaluator.decidable_by(subject):
            held = {(problem.name, labels) for labels in self._evaluator.evaluate(problem, subject, now)}
            self._note(problem, held, now, batch.device)
        self._shares.note(("device", site, batch.device), subject)
        for name, groups in self._shares.found().items():
            self._note(self._table.problems[name], {(name, group) for group in groups}, now, "")

    def _note(self, problem: Problem, held: set[Key], now: float, device: str) -> None:
        for key in held:
            self.began_s.setdefault(key, now)
        for key in [key for key in self.began_s if key[0] == problem.name and key not in held]:
            if not device or dict(key[1]).get("device") == device:
                del self.began_s[key]

    @staticmethod
    def _drop_readings(subject: Subject) -> None:
        for name in [name for name in subject.series if not name.startswith("dcim_device_")]:
            del subject.series[name]


async def eventually_true(check: Callable[[], bool], within_s: float) -> bool:
    """Look until it is true or the time is over."""
    until = time.monotonic() + within_s
    while not check():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_S / 2)
    return True
