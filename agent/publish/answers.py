"""What follows from the broker's answer to each message that was sent.

A confirmation (PUBACK) frees the message's place in the window; only the report of a collector deletes the message from the outbox
(`report_reader.py`). If the broker refuses a message, or confirms it with "no matching subscribers" (it has discarded the message), the
messages of that topic are held back, and no others (`refusals.py`). Two kinds of messages are given up, counted, and listed as dropped in
the agent's account: those too large to split, and those refused while other messages of their topic are accepted.
"""

import asyncio
import contextlib
import logging
import time
from functools import partial

import msgspec

from agent.publish.connection import Connection, Sent
from agent.publish.limit import SizeLimit
from agent.publish.refusals import NO_SUBSCRIBERS, PACKET_TOO_LARGE, REASON_NAMES, Refusals, kind_of
from agent.publish.retained import Retained
from agent.self_metrics import Counters
from agent.split import split_batch
from rackflow.documents import Batch, decode, encode
from rackflow.errors import ContractError
from rackflow.outbox import Outbox
from rackflow.process.mqtt5.reasons import FAILURE

log = logging.getLogger(__name__)
# How many refused topics are named in the log, per minute. A metric counts all of them.
NAMED_PER_MINUTE = 10
MINUTE_S = 60.0


class BrokerAnswers:
    """Applies each answer of the broker to the outbox, the retained documents and the counters, and keeps what was learnt from them.

    `epoch` is that of this run: a batch of an earlier run that must be split gets numbers of this one.
    """

    def __init__(self, agent: str, epoch: str, outbox: Outbox, retained: Retained, counters: Counters) -> None:
        self.refusals = Refusals()
        self.refusal_came = asyncio.Event()
        """Set at each refusal."""
        self.limit = SizeLimit()
        self._agent = agent
        self._epoch = epoch
        self._outbox = outbox
        self._retained = retained
        self._counters = counters
        self._named_at: list[float] = []
        """When refused topics were named in the log, during the last minute (monotonic)."""
        self._broken_at_topic = ""
        """The topic of the oldest message in flight when the last connection ended."""
        self._accepted, self._accepted_at_s = 0, time.monotonic()
        """How many batches the broker has accepted; and when it last accepted one, or none was waiting (monotonic)."""

    def confirmed(self, sent: Sent) -> None:
        """The broker has accepted a message."""
        self.limit.accepted(sent.size)
        if isinstance(sent.key, int):
            self._outbox.confirmed(sent.key)
            if kind_of(sent.topic) == "batch":
                self._accepted, self._accepted_at_s = self._accepted + 1, time.monotonic()
        else:
            self._retained.confirmed(sent.key, sent.payload)
        released = self.refusals.note_accepted(sent.topic, sent.key, time.monotonic())
        for topic in released:
            self._outbox.resume(topic, "all")
            self._retained.resend(topic)
        if released:
            log.info("agent=%s topic=%s accepted again, with %d like it", self._agent, sent.topic, len(released) - 1)
            self._count_refused()

    def refused(self, sent: Sent, code: int, text: str) -> None:
        """The broker has refused a message, with this reason code of MQTT and the words for it."""
        now_s, key = time.monotonic(), sent.key
        if code == PACKET_TOO_LARGE:
            self.limit.refused(sent.size, now_s)
            if isinstance(key, int):
                self.replace_by_parts(key, sent.topic, sent.payload)
            else:
                self.note_too_large(sent.topic, sent.size, "not published")
            return
        self._counters.publish_failures["unheard" if code == NO_SUBSCRIBERS else "refused"] += 1
        verdict = self.refusals.note_refused(sent.topic, key, code, text, now_s)
        if isinstance(key, int):
            if verdict == "message":
                log.error(
                    "agent=%s topic=%s message=%d dropped, the broker refuses it (%s) and accepts others of its topic",
                    *(self._agent, sent.topic, key, text),
                )
                self._outbox.done(key, "refused")
            else:
                self._outbox.hold(key)
        if verdict == "new":
            self._name_refused(sent.topic, code, text, now_s)
            self._count_refused()
        self.refusal_came.set()

    def refused_by_ending(self, client: Connection) -> tuple[Sent, int, str] | None:
        """The message because of which the broker may have ended the connection, as arguments of `refused`. Called once per connection.

        Otherwise the next connection would send it first again. Brokers confirm in order, so it is the oldest message in flight. Some
        brokers answer a forbidden topic with DISCONNECT, others just hang up. If in truth the network broke, a topic is only blamed if
        that happened twice at the same topic, and then it loses no more than one pause, because its probe is accepted.
        """
        inflight, code = list(client.inflight.values()), client.ended_by
        if not inflight:
            return None
        broken_at_topic, self._broken_at_topic = self._broken_at_topic, inflight[0].topic
        if code == PACKET_TOO_LARGE:
            return max(inflight, key=lambda sent: sent.size), code, "Packet too large"
        if code in REASON_NAMES or client.is_unreadable or inflight[0].topic == broken_at_topic:
            return inflight[0], code or FAILURE, "the connection ended"
        return None

    def replace_by_parts(self, key: int, topic: str, payload: bytes) -> None:
        """Handle a message that is larger than the broker's limit, which was not known when the message was numbered.

        A batch is split, and its parts are put into the outbox with new numbers. The old number never arrives and is reported as dropped
        with the reason `split`. A message that cannot be split is lost, with the reason `too_large`.
        """
        parts: list[Batch] = []
        if kind_of(topic) == "batch":
            # The batch may be of an earlier epoch, but new numbers belong to the present one.
            with contextlib.suppress(ContractError):
                batch = msgspec.structs.replace(decode(payload, Batch), epoch=self._epoch)
                parts = split_batch(batch, self.limit.bytes)
        if len(parts) <= 1:
            self.note_too_large(topic, len(payload), "dropped")
            self._outbox.done(key, "too_large")
            return
        for part in parts:
            self._outbox.put(topic, partial(_numbered, part), part.time)
        self._outbox.done(key, "split")

    def note_too_large(self, topic: str, size: int, outcome: str) -> None:
        """Count and log a payload of `size` bytes that exceeds the limit. `outcome` says in words what becomes of it."""
        self._counters.publish_failures["size"] += 1
        log.error(
            "agent=%s topic=%s bytes=%d %s, the broker accepts at most %d bytes; raise its packet limit",
            *(self._agent, topic, size, outcome, self.limit.bytes),
        )

    def forget(self) -> None:
        """Another broker or account is used: what was learnt about the former one says nothing about it."""
        self.limit = SizeLimit()
        for topic in self.refusals.clear():
            self._outbox.resume(topic, "all")
        self._count_refused()

    def progress(self) -> tuple[int, float]:
        """How many batches the broker has accepted, and for how many seconds it has accepted none although messages waited."""
        stats, now_s = self._outbox.stats(), time.monotonic()
        # A topic without subscribers does not count as stuck: this account may publish, and any other would get the same answer.
        is_unheard = any(each.code == NO_SUBSCRIBERS for each in self.refusals.refused_topics().values())
        if stats.messages == stats.awaiting or is_unheard:
            self._accepted_at_s = now_s
        return self._accepted, now_s - self._accepted_at_s

    def _name_refused(self, topic: str, code: int, text: str, now_s: float) -> None:
        """Log a topic that is refused. Thousands may be refused at once, for example while no collector subscribes."""
        kind, refused = kind_of(topic), self.refusals.refused_topics()
        if code == NO_SUBSCRIBERS:
            if sum(each.code == code and kind_of(name) == kind for name, each in refused.items()) == 1:
                log.warning(
                    "agent=%s no collector subscribes to %s messages such as topic=%s; they are kept and sent again",
                    *(self._agent, kind, topic),
                )
            return
        self._named_at = [at_s for at_s in self._named_at if now_s - at_s < MINUTE_S]
        if len(self._named_at) < NAMED_PER_MINUTE:
            self._named_at.append(now_s)
            log.warning(
                "agent=%s topic=%s refused by the broker (%s), one of %d; its messages are held and tried again, others go on;"
                " allow this client to publish to it",
                *(self._agent, topic, text, len(refused)),
            )

    def _count_refused(self) -> None:
        self._counters.topics_refused = self.refusals.count_by_reason()


def _numbered(part: Batch, seq: int) -> bytes:
    return encode(msgspec.structs.replace(part, seq=seq))
