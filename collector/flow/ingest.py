"""Turns one received message into points and a ledger entry, and updates the latest values.

/metrics shows a reading before it is durable: the reading is true now, whether or not a database works.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from collector.counters import Counters
from collector.flow.prepared import PreparedMessage
from collector.latest import Latest
from collector.ledger import Entry, EpochKey, Retirement, Statement
from collector.readings import SeriesKeys, resolve
from collector.receive import (
    Clones,
    DeadLetters,
    Delivery,
    Document,
    Polled,
    PolledDevice,
    ReceiptTimes,
    is_plausible,
    open_message,
    salvage_number,
)
from collector.store import Dialect, base_tags, batch_lines, event_lines, original_time_line
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Which messages are accepted, and how. `sites` is None for all sites; a time older than `oldest_days` counts as wrong."""

    dialect: Dialect
    sites: frozenset[str] | None
    oldest_days: int


class Ingest:
    """Checks deliveries and prepares them for the writer. No I/O, except the dead-letter file."""

    def __init__(
        self,
        latest: Latest,
        dead_letters: DeadLetters,
        tally: Counters,
        clones: Clones,
        settings: IngestSettings,
        on_late_batch: Callable[[str, Batch], None] | None = None,
        on_forgotten: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._on_forgotten = on_forgotten
        self._on_late_batch = on_late_batch
        self._clones = clones
        self._settings = settings
        self._receipt_times = ReceiptTimes()
        self._latest = latest
        self._dead_letters = dead_letters
        self._tally = tally
        self._keys = SeriesKeys()
        # Writing the tags takes 8 µs, the rest of a batch of one reading 4 µs, and a device's tags seldom change.
        self._tags = lru_cache(maxsize=10_000)(_tags)

    def process(self, delivery: Delivery) -> PreparedMessage:
        """What must be durable before the delivery may be acknowledged; no points if it breaks the contract."""
        tally = self._tally
        tally.messages_received += 1
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            tally.failures[error.reason] += 1
            self._write_dead_letter(delivery, error)
            return PreparedMessage(note=_dead_entry(delivery, error.reason))
        if self._settings.sites is not None and topic.site not in self._settings.sites:
            # A subscription that the broker remembers from an earlier configuration.
            tally.failures["site"] += 1
            return PreparedMessage()
        match document:
            case Batch():
                self._update_latest(topic, document, delivery)
            case Event():
                pass
            case DeviceDocument():
                self._latest.apply_document(topic.site, document)
            case Status():
                self._latest.apply_status(document, delivery.mono_s)
                # A status that the broker sends a second time does not mean a second process.
                if not delivery.redelivered:
                    self._clones.update(document, delivery.mono_s)
            case None:
                return self._forget(topic, delivery)
        return self._prepare(topic, document, delivery, self._receipt_times)

    def _forget(self, topic: Topic, delivery: Delivery) -> PreparedMessage:
        """Forget a device or an agent: its retained document was cleared, by its agent or by `rackflow-collector forget`.

        The one place where something is taken off the books for good. What else remembers names by agent or device must be told here.
        """
        if topic.kind == "device":
            was_known = self._latest.remove_device(topic.site, topic.agent, topic.device)
        else:
            was_known = self._latest.remove_agent(topic.site, topic.agent)
            self._clones.forget(topic.site, topic.agent)
        if was_known:
            log.info("forgotten site=%s agent=%s device=%s", topic.site, topic.agent, topic.device or "all of its")
        if self._on_forgotten is not None:
            self._on_forgotten(topic.site, topic.agent, topic.device)
        gone = Retirement(topic.site, topic.agent, delivery.wall_ms) if topic.kind == "status" else None
        return PreparedMessage(note=gone)

    def reprocess(self, delivery: Delivery) -> PreparedMessage:
        """Prepare a delivery that waited on disk. It was applied to latest values, clones and counters when it was received."""
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            self._write_dead_letter(delivery, error)
            return PreparedMessage(note=_dead_entry(delivery, error.reason))
        return self._prepare(topic, document, delivery, None)

    def _prepare(
        self, topic: Topic, document: Document | None, delivery: Delivery, receipt_times: ReceiptTimes | None
    ) -> PreparedMessage:
        """Make points and entry of a checked document.

        With `receipt_times` None an impossible time was replaced earlier: the delivery's receipt time is the substitute.
        """
        wall_ms = delivery.wall_ms
        if isinstance(document, Status) and document.account is not None:
            key = EpochKey(topic.site, document.agent, document.epoch)
            return PreparedMessage(note=Statement(key, document.account, wall_ms))
        if not isinstance(document, Batch | Event):
            return PreparedMessage()
        time_ms, substitute_ms = document.time, None
        if not is_plausible(time_ms, wall_ms, self._settings.oldest_days):
            device = topic.site, topic.agent, topic.device
            time_ms = substitute_ms = receipt_times.next(device, wall_ms) if receipt_times else wall_ms
        tags = self._tags(topic.site, topic.agent, topic.device, tuple(document.labels.items()))
        timed = document if substitute_ms is None else msgspec.structs.replace(document, time=time_ms)
        if isinstance(timed, Event):
            lines = event_lines(timed, tags, self._keys)
        else:
            lines = batch_lines(timed, tags, resolve(timed, self._keys), self._settings.dialect)
        if substitute_ms is not None:
            self._tally.failures["time"] += 1
            lines.append(original_time_line(tags, document.time, time_ms))
        entry = Entry(EpochKey(topic.site, document.agent, document.epoch), document.seq, time_ms, wall_ms)
        poll = _polled(topic, timed) if isinstance(timed, Batch) and timed.counts_as_poll else None
        return PreparedMessage(lines, entry, substitute_ms, poll)

    def _update_latest(self, topic: Topic, batch: Batch, delivery: Delivery) -> None:
        tally = self._tally
        readings = resolve(batch, self._keys)
        if readings.skipped:
            tally.failures.update(readings.skipped)
            log.debug("readings skipped device=%s reasons=%s", batch.device, dict(readings.skipped))
        tally.latency.observe(max(0.0, delivery.wall_s - batch.time / 1000))
        verdict = self._latest.apply_batch(topic.site, batch, readings, delivery.mono_s, delivery.wall_s)
        if verdict == "stale":
            tally.failures["stale"] += 1
            if self._on_late_batch is not None:
                self._on_late_batch(topic.site, batch)

    def _write_dead_letter(self, delivery: Delivery, error: ContractError) -> None:
        log.debug("dead letter topic=%s error=%s", delivery.topic[:200], error)
        kept = self._dead_letters.write(
            delivery.wall_ms, delivery.topic, error.reason, str(error), delivery.payload, delivery.size_bytes
        )
        if not kept:
            self._tally.write_failures["dead_letter"] += 1


def _dead_entry(delivery: Delivery, reason: str) -> Entry | None:
    number = salvage_number(delivery)
    if number is None:
        return None
    key = EpochKey(number.site, number.agent, number.epoch)
    return Entry(key, number.seq, delivery.wall_ms, delivery.wall_ms, reason)


def _polled(topic: Topic, batch: Batch) -> Polled:
    who = PolledDevice(topic.site, batch.agent, batch.device)
    return Polled(who, batch.device_class, batch.poll, batch.interval_s, batch.time / 1000, batch.up)


def _tags(site: str, agent: str, device: str, labels: tuple[tuple[str, str], ...]) -> str:
    return base_tags(site, agent, device, dict(labels))
