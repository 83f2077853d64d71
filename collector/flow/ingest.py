"""Turns one received message into points and a ledger entry, and updates the latest values.

/metrics shows a reading before it is durable: what a device measures now does not depend on a database.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from collector.counters import Counters
from collector.flow.prepared import PreparedMessage
from collector.latest import Latest
from collector.ledger import Entry, EpochKey, Retirement, Statement
from collector.readings import Readings, SeriesKeys, resolve, without_implausible
from collector.receive import (
    Clones,
    DeadLetters,
    Delivery,
    Document,
    LetterBudget,
    Muting,
    Owners,
    Polled,
    PolledDevice,
    ReceiptTimes,
    Usage,
    is_plausible,
    open_message,
    salvage_number,
    within_bounds,
)
from collector.store import Dialect, base_tags, batch_lines, event_lines, original_time_line
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic
from rackflow.catalogue import BASE_LABELS
from rackflow.topics import DOCTOR_DEVICE

log = logging.getLogger(__name__)
# Most devices whose tags are remembered, 1.7 kB each. At the limit all are forgotten and made again, which costs 8 µs a message.
MAX_DEVICES = 10_000
# Fixed cost of reading a message, as bytes of payload: a message of 1 kB takes about twice the time of an empty one.
MESSAGE_BYTES = 1000


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Which messages are accepted, and what is done with them. `sites` is None for all sites; a time older than `oldest_days` is wrong."""

    dialect: Dialect
    sites: frozenset[str] | None
    oldest_days: int
    is_shown: bool = True
    """Whether latest values are kept. A collector with only part of the messages must not: it would show devices as silent."""
    is_stored: bool = True
    """Whether readings and events become points. Otherwise another collector stores them."""


@dataclass(frozen=True, slots=True)
class Senders:
    """What is known of the senders of messages."""

    owners: Owners
    usage: Usage
    clones: Clones
    muting: Muting = field(default_factory=Muting)


@dataclass(slots=True)
class _Device:
    """What all points of a device have in common. Made once, and again when the device's labels or its agent's epoch change."""

    label_values: list[str | None]
    """What `tags` was made from: the value of each of `BASE_LABELS`. A message with other values needs new tags."""
    tags: str
    epoch: EpochKey
    polled: PolledDevice


class Ingest:
    """Checks deliveries and prepares them for the writer. No I/O, except the dead-letter file.

    There is one method for each way in which a message comes: `process` for the session, `show` for a copy from the second connection,
    `reprocess` for a message that waited on the collector's disk.
    """

    def __init__(
        self,
        latest: Latest,
        dead_letters: DeadLetters,
        counters: Counters,
        senders: Senders,
        settings: IngestSettings,
        *,
        on_late_batch: Callable[[str, Batch, Readings], None] | None = None,
        on_forgotten: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._on_forgotten = on_forgotten
        self._on_late_batch = on_late_batch
        self._clones = senders.clones
        self._settings = settings
        self._owners, self._usage, self._muting = senders.owners, senders.usage, senders.muting
        self._now = 0.0
        """When the message that is being handled was received (monotonic)."""
        self._letters = LetterBudget()
        self._receipt_times = ReceiptTimes()
        self._latest = latest
        self._dead_letters = dead_letters
        self._counters = counters
        self._keys = SeriesKeys()
        # Cached, because writing the tags takes 8 µs, twice as long as the rest of a batch of one reading, and they seldom change.
        # One entry per device, with the labels of the contract only: a message may contain any others.
        self._devices: dict[tuple[str, str, str], _Device] = {}

    def process(self, delivery: Delivery) -> PreparedMessage:
        """Check a message of the session and apply it to the latest values. Returns what must be durable before it is acknowledged.

        A message that breaks the contract goes to the dead-letter file, and nothing of it is stored.
        """
        counters = self._counters
        counters.messages_received += 1
        self._now = self._keys.now = delivery.mono_s
        sender = self._sender(delivery.topic)
        if self._muting.is_muted(sender, len(delivery.payload), self._now):
            counters.failures["muted"] += 1
            return PreparedMessage()
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
            if self._settings.sites is not None and topic.site not in self._settings.sites:
                # The session still has a subscription of an earlier configuration.
                counters.failures["site"] += 1
                return PreparedMessage()
            if document is None:
                # An empty message of `doctor` is a test, and about no device.
                return PreparedMessage() if topic.device == DOCTOR_DEVICE else self._forget(topic, delivery)
            wall_ms = delivery.wall_ms
            admission = self._owners.admit(topic, document, wall_ms, delivery.mono_s)
        except ContractError as error:
            counters.failures[error.reason] += 1
            self._muting.note_refused(sender, MESSAGE_BYTES + len(delivery.payload), self._now)
            self._write_dead_letter(delivery, error)
            return PreparedMessage(ledger_item=self._dead_letter_entry(delivery, error.reason))
        bounded = within_bounds(document, wall_ms)
        if bounded is not document and isinstance(document, Batch):
            counters.failures["interval"] += 1
        if admission == "claimed":
            self._use_refused_description(topic)
        return self._apply(topic, bounded, delivery, is_current=admission != "history")

    def show(self, delivery: Delivery) -> None:
        """Apply a copy of a batch, which the second connection received, to the latest values, and do nothing else with it.

        The session will bring the same message again. Only then is it stored and counted, or refused with a dead letter.
        """
        self._now = self._keys.now = delivery.mono_s
        if not self._settings.is_shown or self._muting.is_muted(self._sender(delivery.topic), 0, self._now):
            return
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
            if not isinstance(document, Batch):
                return
            admission = self._owners.admit(topic, document, delivery.wall_ms, delivery.mono_s)
        except ContractError:
            return
        if admission == "claimed":
            self._use_refused_description(topic)
        batch = within_bounds(document, delivery.wall_ms)
        if isinstance(batch, Batch) and admission != "history":
            readings = self._resolve(topic, batch, is_counted=False)
            self._latest.apply_batch(
                topic.site, without_implausible(batch, readings), readings, delivery.mono_s, delivery.wall_s
            )

    def _apply(self, topic: Topic, document: Document, delivery: Delivery, *, is_current: bool) -> PreparedMessage:
        """Update the latest values, unless the message is only history, and prepare what is stored."""
        readings: Readings | None = None
        match document:
            case Batch():
                readings = self._resolve(topic, document)
                if readings.skipped:
                    share = readings.skipped.total() / (len(document.values) + len(document.states))
                    sender = self._sender(delivery.topic)
                    self._muting.note_refused(sender, share * len(delivery.payload), self._now)
                document = without_implausible(document, readings)
                if not self._settings.is_shown:
                    pass
                elif is_current:
                    self._update_latest(topic, document, readings, delivery)
                else:
                    self._counters.failures["stale"] += 1
            case Event():
                pass
            case DeviceDocument():
                self._describe(topic, document)
            case Status() if not self._settings.is_shown:
                pass
            case Status():
                # Without the account: that goes to the ledger, and is too long to be kept here as well.
                self._latest.apply_status(msgspec.structs.replace(document, account=None), delivery.mono_s)
                # A status that the broker delivers twice is no sign of a second process.
                if not delivery.redelivered:
                    self._clones.update(document, delivery.mono_s)
        return self._prepare(topic, document, delivery, self._receipt_times, readings)

    def _resolve(self, topic: Topic, batch: Batch, *, is_counted: bool = True) -> Readings:
        """The usable readings of a batch that are within its agent's budget. The others are counted by reason.

        `is_counted` is False for a message that waited on disk: its readings were counted when it was received.
        """
        readings = resolve(batch, self._keys)
        devices = self._owners.count(topic.site, topic.agent)
        readings = self._usage.admit_readings(
            (topic.site, topic.agent), topic.device, devices, readings, self._now, is_counted=is_counted
        )
        if readings.skipped and is_counted:
            self._counters.failures.update(readings.skipped)
            log.debug("readings skipped device=%s reasons=%s", batch.device, dict(readings.skipped))
        return readings

    def _use_refused_description(self, topic: Topic) -> None:
        """Describe a device by what its new owner said of it earlier, which was refused while another agent owned the device.

        The new owner would publish it again only when it reconnects.
        """
        found = self._owners.take_description(topic.site, topic.agent, topic.device)
        if found is not None:
            self._describe(topic, found)

    def _describe(self, topic: Topic, document: DeviceDocument) -> None:
        """Keep a device's description, with the labels of the contract only: a document may contain any others."""
        if not self._settings.is_shown:
            return
        labels = {label: value for label, value in document.labels.items() if label in BASE_LABELS}
        kept = msgspec.structs.replace(document, labels=labels)
        devices = self._owners.count(topic.site, topic.agent)
        if self._usage.admit_document((topic.site, topic.agent), kept, devices, self._now):
            self._latest.apply_document(topic.site, kept)
        else:
            self._counters.failures["series"] += 1

    def _forget(self, topic: Topic, delivery: Delivery) -> PreparedMessage:
        """Forget a device or an agent: its retained document was cleared, by its agent or by `rackflow-collector forget`.

        This is the only place that forgets a device or an agent for good. Whatever remembers their names must be cleared from here.
        """
        if topic.kind == "device":
            self._owners.release(topic.site, topic.agent, topic.device, delivery.wall_ms)
            if self._owners.knows(topic.site, topic.agent):
                self._usage.drop_document((topic.site, topic.agent), topic.device)
            was_known = self._latest.remove_device(topic.site, topic.agent, topic.device)
        else:
            self._owners.release_agent(topic.site, topic.agent, delivery.wall_ms)
            was_known = self._latest.remove_agent(topic.site, topic.agent)
            self._clones.forget(topic.site, topic.agent)
        if was_known:
            log.info("forgotten site=%s agent=%s device=%s", topic.site, topic.agent, topic.device or "all of its")
        if self._on_forgotten is not None:
            self._on_forgotten(topic.site, topic.agent, topic.device)
        retirement = Retirement(topic.site, topic.agent, delivery.wall_ms) if topic.kind == "status" else None
        return PreparedMessage(ledger_item=retirement)

    def reprocess(self, delivery: Delivery) -> PreparedMessage:
        """Prepare a delivery that waited on disk. Latest values, clones and counters have had it since it was received."""
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            self._write_dead_letter(delivery, error)
            return PreparedMessage(ledger_item=self._dead_letter_entry(delivery, error.reason))
        if document is None:
            return PreparedMessage()
        document, readings = within_bounds(document, delivery.wall_ms), None
        if isinstance(document, Batch):
            readings = self._resolve(topic, document, is_counted=False)
            document = without_implausible(document, readings)
        return self._prepare(topic, document, delivery, None, readings)

    def _prepare(
        self,
        topic: Topic,
        document: Document,
        delivery: Delivery,
        receipt_times: ReceiptTimes | None,
        readings: Readings | None,
    ) -> PreparedMessage:
        """The points and the ledger item of a checked document.

        `receipt_times` gives the substitute for an impossible time. It is None for a message that waited on disk, whose substitute was
        chosen when it was received and kept as the delivery's time of receipt (see `Pending.to_keep_on_disk`).
        """
        wall_ms = delivery.wall_ms
        if isinstance(document, Status) and document.account is not None:
            key = EpochKey(topic.site, document.agent, document.epoch)
            return PreparedMessage(ledger_item=Statement(key, document.account, wall_ms))
        if not isinstance(document, Batch | Event):
            return PreparedMessage()
        time_ms, substitute_ms = document.time, None
        if not is_plausible(time_ms, wall_ms, self._settings.oldest_days):
            name = topic.site, topic.agent, topic.device
            time_ms = substitute_ms = receipt_times.next(name, wall_ms) if receipt_times else wall_ms
        device = self._device(topic, document.labels, document.epoch)
        tags = device.tags
        timed = document if substitute_ms is None else msgspec.structs.replace(document, time=time_ms)
        if not self._settings.is_stored:
            lines, substitute_ms = [], None
        elif isinstance(timed, Event):
            lines = event_lines(timed, tags, self._keys)
        else:
            lines = batch_lines(timed, tags, readings or self._resolve(topic, timed), self._settings.dialect)
        if substitute_ms is not None:
            lines.append(original_time_line(tags, document.time, time_ms))
            if receipt_times is not None:  # a message that waited on disk was counted when it was received
                self._counters.failures["time"] += 1
        entry = Entry(device.epoch, document.seq, time_ms, wall_ms)
        poll = _polled(device.polled, timed) if isinstance(timed, Batch) and timed.counts_as_poll else None
        return PreparedMessage(lines, entry, substitute_ms, poll)

    def _device(self, topic: Topic, labels: Mapping[str, str], epoch: str) -> "_Device":
        name = topic.site, topic.agent, topic.device
        label_values = [labels.get(label) for label in BASE_LABELS]
        known = self._devices.get(name)
        if known is not None and known.label_values == label_values:
            if known.epoch.epoch != epoch:
                known.epoch = EpochKey(topic.site, topic.agent, epoch)
            return known
        if len(self._devices) >= MAX_DEVICES:
            self._devices.clear()
        found = self._devices[name] = _Device(
            label_values,
            base_tags(topic.site, topic.agent, topic.device, labels),
            EpochKey(topic.site, topic.agent, epoch),
            PolledDevice(topic.site, topic.agent, topic.device),
        )
        return found

    def _update_latest(self, topic: Topic, batch: Batch, readings: Readings, delivery: Delivery) -> None:
        counters = self._counters
        counters.latency.observe(max(0.0, delivery.wall_s - batch.time / 1000))
        outcome = self._latest.apply_batch(topic.site, batch, readings, delivery.mono_s, delivery.wall_s)
        if outcome == "stale":
            counters.failures["stale"] += 1
            if self._on_late_batch is not None:
                self._on_late_batch(topic.site, batch, readings)

    def _write_dead_letter(self, delivery: Delivery, error: ContractError) -> None:
        log.debug("dead letter topic=%s error=%s", delivery.topic[:200], error)
        if not self._letters.take(self._sender(delivery.topic), len(delivery.payload), delivery.mono_s):
            self._counters.failures["unlogged"] += 1
            return
        kept = self._dead_letters.write(
            delivery.wall_ms,
            delivery.topic,
            reason=error.reason,
            error=str(error),
            payload=delivery.payload,
            size_bytes=delivery.size_bytes,
        )
        if not kept:
            self._counters.write_failures["dead_letter"] += 1

    def _sender(self, topic: str) -> str:
        """Site and agent of a topic. Empty for agents that are not admitted, so that invented names take no memory."""
        levels = topic.split("/", 4)[2:4]
        return "/".join(levels) if len(levels) == 2 and self._owners.knows(*levels) else ""  # noqa: PLR2004 - site and agent

    def _dead_letter_entry(self, delivery: Delivery, reason: str) -> Entry | None:
        """The refused message as a ledger entry; None if it has no number, or if there are too many agents to admit this one."""
        number = salvage_number(delivery)
        if number is None:
            return None
        try:
            self._owners.admit_agent((number.site, number.agent), delivery.wall_ms)
        except ContractError:
            return None
        key = EpochKey(number.site, number.agent, number.epoch)
        return Entry(key=key, seq=number.seq, time_ms=delivery.wall_ms, wall_ms=delivery.wall_ms, dead=reason)


def _polled(device: PolledDevice, batch: Batch) -> Polled:
    return Polled(
        who=device,
        device_class=batch.device_class,
        poll=batch.poll,
        interval_s=batch.interval_s,
        time_s=batch.time / 1000,
        up=batch.up,
    )
