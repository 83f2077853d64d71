"""An `Ingest` with all that it depends on, for tests of a message's way to its points; and one document of each kind to pass to it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from collector.budgets import AgentBudget, Budgets
from collector.counters import Counters
from collector.flow.ingest import Ingest, IngestSettings, Senders
from collector.flow.prepared import PreparedMessage
from collector.latest import Latest
from collector.receive.clones import Clones
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.receive.muting import Muting
from collector.receive.owners import Owners
from collector.receive.usage import Usage
from rackflow import Batch, DeviceDocument, Event, Status, encode
from tests.collector.documents import PUMP, batch, document, event, status
from tests.collector.polls import WALL_S, wall_ms
from tests.collector.running import topic_of
from tests.collector.store_contents import DeadLetter, dead_letters

BATCH = batch(time_ms=wall_ms(0.0), seq=7)
EVENT = msgspec.structs.replace(event(PUMP, "running", "failed"), time=wall_ms(0.0), seq=8)
DOCUMENT = msgspec.structs.replace(document(), time=wall_ms(0.0))
STATUS = status("cdu-07")
KINDS: dict[str, Batch | Event | DeviceDocument | Status] = {
    "batch": BATCH,
    "event": EVENT,
    "device": DOCUMENT,
    "status": STATUS,
}
BUDGETS = Budgets(AgentBudget(devices=100, series=2000, bytes=1 << 20), agents=10, sites=3)
PREFIX = "rackflow/v1/cas1/gw-3"


def delivery(
    topic: str, payload: bytes, after_s: float, *, packet_id: int, redelivered: bool = False, is_copy: bool = False
) -> Delivery:
    """A message that arrives `after_s` after the start; `packet_id` is 0 with QoS 0, as the second connection has it."""
    return Delivery(
        topic=topic,
        payload=payload,
        size_bytes=len(payload),
        qos=1 if packet_id else 0,
        mid=packet_id,
        connection=1,
        mono_s=1000.0 + after_s,
        wall_s=WALL_S + after_s,
        redelivered=redelivered,
        is_copy=is_copy,
    )


class IngestRig:
    """An `Ingest` with all that it depends on. It keeps what it hands over: late batches, and what is forgotten."""

    def __init__(
        self,
        folder: Path,
        sites: frozenset[str] | None = None,
        budgets: Budgets = BUDGETS,
        assigned: Mapping[tuple[str, str], str] | None = None,
        series_limit: int = 1000,
        *,
        is_shown: bool = True,
    ) -> None:
        self.folder = folder
        self.latest, self.counters = Latest(series_limit), Counters()
        self.owners, self.usage = Owners(budgets, assigned), Usage(budgets)
        self.letters = DeadLetters(folder / "dead.jsonl", 1 << 20)
        self.late: list[tuple[str, Batch]] = []
        self.clones, self.muting = Clones(), Muting()
        settings = IngestSettings("influxdb", sites, 400, is_shown)
        self.forgotten: list[tuple[str, str, str]] = []
        self.ingest = Ingest(
            self.latest,
            self.letters,
            self.counters,
            Senders(self.owners, self.usage, self.clones, self.muting),
            settings,
            on_late_batch=lambda site, late, _: self.late.append((site, late)),
            on_forgotten=lambda *gone: self.forgotten.append(gone),
        )

    def process(self, topic: str, payload: bytes, *, after_s: float = 0.0, again: bool = False) -> PreparedMessage:
        """A message over the session, `after_s` seconds after the start; `again` if the broker sends it a second time."""
        return self.ingest.process(delivery(topic, payload, after_s, packet_id=1, redelivered=again))

    def show(self, one: Batch | Event | DeviceDocument | Status, *, after_s: float = 0.0) -> None:
        """A copy of a message of site cas1, over the second connection."""
        self.ingest.show(delivery(topic_of(one, "cas1"), encode(one), after_s, packet_id=0, is_copy=True))

    def process_document(
        self, one: Batch | Event | DeviceDocument | Status, site: str = "cas1", after_s: float = 0.0
    ) -> PreparedMessage:
        """A document of an agent of that site, over the session."""
        return self.process(topic_of(one, site), encode(one), after_s=after_s)

    def failures(self) -> dict[str, int]:
        """Counted failures by reason, without those that are 0."""
        return {reason: count for reason, count in self.counters.failures.items() if count}

    def dead(self) -> list[DeadLetter]:
        """What is in the dead-letter file."""
        return dead_letters(self.folder)
