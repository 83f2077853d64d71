"""One delivery: in go topic and payload, out come lines for the store; latest readings and tally take their part."""

import logging
from functools import lru_cache

from collector.config import Dialect
from collector.deadletter import DeadLetters
from collector.delivery import Delivery
from collector.latest import Latest
from collector.lines import base_tags, batch_lines, event_lines
from collector.messages import open_message
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
    ) -> None:
        self._latest = latest
        self._dead_letters = dead_letters
        self._tally = tally
        self._dialect = dialect
        self._sites = sites
        self._keys = SeriesKeys()
        self._tags = lru_cache(maxsize=10_000)(_tags)

    def take(self, delivery: Delivery) -> list[str]:
        """Lines to store before the delivery may be acknowledged; none for what breaks the contract."""
        tally = self._tally
        tally.messages_received += 1
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            tally.failures[error.reason] += 1
            self._bury(delivery, error)
            return []
        if self._sites is not None and topic.site not in self._sites:
            # A subscription that the broker remembers from an earlier configuration.
            tally.failures["site"] += 1
            return []
        match document:
            case Batch():
                return self._batch(topic, document, delivery)
            case Event():
                tags = self._tags(topic.site, topic.agent, topic.device, tuple(document.labels.items()))
                return event_lines(document, tags, self._keys)
            case DeviceDocument():
                self._latest.apply_document(topic.site, document)
            case Status():
                self._latest.apply_status(document)
            case None if topic.kind == "device":
                self._latest.remove_device(topic.site, topic.agent, topic.device)
            case None:
                self._latest.remove_agent(topic.site, topic.agent)
        return []

    def lines_of(self, delivery: Delivery) -> list[str]:
        """Lines of a delivery that was taken before and kept on disk since; nothing but the store hears of it."""
        try:
            topic, document = open_message(delivery.topic, delivery.payload, delivery.size_bytes)
        except ContractError as error:
            self._bury(delivery, error)
            return []
        if not isinstance(document, Batch | Event):
            return []
        tags = self._tags(topic.site, topic.agent, topic.device, tuple(document.labels.items()))
        if isinstance(document, Event):
            return event_lines(document, tags, self._keys)
        return batch_lines(document, tags, resolve(document, self._keys), self._dialect)

    def _batch(self, topic: Topic, batch: Batch, delivery: Delivery) -> list[str]:
        tally = self._tally
        readings = resolve(batch, self._keys)
        if readings.skipped:
            tally.failures.update(readings.skipped)
            log.debug("readings skipped device=%s reasons=%s", batch.device, dict(readings.skipped))
        tally.latency.observe(max(0.0, delivery.wall_s - batch.time / 1000))
        verdict = self._latest.apply_batch(topic.site, batch, readings, delivery.mono_s, delivery.wall_s)
        if verdict == "stale":
            tally.failures["stale"] += 1
        tags = self._tags(topic.site, batch.agent, batch.device, tuple(batch.labels.items()))
        return batch_lines(batch, tags, readings, self._dialect)

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
