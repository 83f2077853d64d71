"""One delivery: in go topic and payload, out come lines for the store; latest readings and tally take their part."""

import logging
from functools import lru_cache

import msgspec

from collector.clocks import stored_ms
from collector.clones import Clones
from collector.config import Dialect
from collector.deadletter import DeadLetters
from collector.delivery import Delivery, Taken
from collector.latest import Latest
from collector.ledger import Entry, Key, Statement
from collector.lines import base_tags, batch_lines, event_lines, original_time_line
from collector.messages import Known, numbered_anyway, open_message
from collector.readings import SeriesKeys, resolve
from collector.tally import Tally
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic

log = logging.getLogger(__name__)


class Ingest:
    """Takes deliveries apart. `sites` is None for all of them."""

    def __init__(
        self,
        latest: Latest,
        dead_letters: DeadLetters,
        tally: Tally,
        dialect: Dialect,
        sites: frozenset[str] | None,
        clones: Clones,
    ) -> None:
        self._clones = clones
        self._latest = latest
        self._dead_letters = dead_letters
        self._tally = tally
        self._dialect = dialect
        self._sites = sites
        self._keys = SeriesKeys()
        self._tags = lru_cache(maxsize=10_000)(_tags)

    def take(self, delivery: Delivery) -> Taken:
        """What is to be stored before the delivery may be acknowledged; nothing for what breaks the contract."""
        tally = self._tally
        tally.messages_received += 1
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            tally.failures[error.reason] += 1
            self._bury(delivery, error)
            return Taken(note=numbered_anyway(delivery, error.reason))
        if self._sites is not None and topic.site not in self._sites:
            # A subscription that the broker remembers from an earlier configuration.
            tally.failures["site"] += 1
            return Taken()
        match document:
            case Batch():
                self._show(topic, document, delivery)
            case Event():
                pass
            case DeviceDocument():
                self._latest.apply_document(topic.site, document)
            case Status():
                self._latest.apply_status(document)
                self._clones.hear(document, delivery.mono_s)
            case None if topic.kind == "device":
                self._latest.remove_device(topic.site, topic.agent, topic.device)
            case None:
                self._latest.remove_agent(topic.site, topic.agent)
        return self._taken(topic, document, delivery)

    def again(self, delivery: Delivery) -> Taken:
        """A delivery that was taken before and kept on disk since; nothing but the store hears of it."""
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            self._bury(delivery, error)
            return Taken(note=numbered_anyway(delivery, error.reason))
        return self._taken(topic, document, delivery)

    def _taken(self, topic: Topic, document: Known | None, delivery: Delivery) -> Taken:
        wall_ms = int(delivery.wall_s * 1000)
        if isinstance(document, Status) and document.account is not None:
            key = Key(topic.site, document.agent, document.epoch)
            return Taken(note=Statement(key, document.account, wall_ms))
        if not isinstance(document, Batch | Event):
            return Taken()
        time_ms = stored_ms(document.time, wall_ms)
        tags = self._tags(topic.site, topic.agent, topic.device, tuple(document.labels.items()))
        placed = document if time_ms == document.time else msgspec.structs.replace(document, time=time_ms)
        if isinstance(placed, Event):
            lines = event_lines(placed, tags, self._keys)
        else:
            lines = batch_lines(placed, tags, resolve(placed, self._keys), self._dialect)
        if placed is not document:
            self._tally.failures["time"] += 1
            lines.append(original_time_line(tags, document.time, time_ms))
        return Taken(lines, Entry(Key(topic.site, document.agent, document.epoch), document.seq, time_ms, wall_ms))

    def _show(self, topic: Topic, batch: Batch, delivery: Delivery) -> None:
        tally = self._tally
        readings = resolve(batch, self._keys)
        if readings.skipped:
            tally.failures.update(readings.skipped)
            log.debug("readings skipped device=%s reasons=%s", batch.device, dict(readings.skipped))
        tally.latency.observe(max(0.0, delivery.wall_s - batch.time / 1000))
        verdict = self._latest.apply_batch(topic.site, batch, readings, delivery.mono_s, delivery.wall_s)
        if verdict == "stale":
            tally.failures["stale"] += 1

    def _bury(self, delivery: Delivery, error: ContractError) -> None:
        log.debug("dead letter topic=%s error=%s", delivery.topic[:200], error)
        time_ms = int(delivery.wall_s * 1000)
        kept = self._dead_letters.write(
            time_ms, delivery.topic, error.reason, str(error), delivery.payload, delivery.size_bytes
        )
        if not kept:
            self._tally.write_failures["dead_letter"] += 1


def _tags(site: str, agent: str, device: str, labels: tuple[tuple[str, str], ...]) -> str:
    return base_tags(site, agent, device, dict(labels))
