"""The retained `stored` documents, by which a collector reports to agents which messages are durable: over a real broker."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiomqtt
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.counters import Counters
from collector.forget import Target, forget
from collector.ledger import (
    Entry,
    EpochKey,
    LedgerFile,
    Range,
    Retirement,
    Statement,
    durable_ranges,
    read_durable,
)
from collector.ledger.epochs import CHUNK, Chunk
from collector.run import Collector
from collector.stored_publisher import StoredPublisher, select
from rackflow import Stored, decode
from rackflow.documents import Account, Numbers
from rackflow.process.broker import Broker
from tests.collector.documents import batch, now_ms, status
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto

KEY = EpochKey("cas1", "gw-3", "01JD5Z")
TOPIC = "rackflow/v1/cas1/gw-3/stored/collector-under-test"
WITHIN_S = 20.0


class Words:
    """What an agent gets of the `stored` topics."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.retained: list[bool] = []
        self.topics: set[str] = set()

    @property
    def last(self) -> Stored | None:
        """The last document; None if there is none, or it was taken back."""
        return decode(self.payloads[-1], Stored) if self.payloads and self.payloads[-1] else None

    async def says(self, durable: dict[str, list[Range]]) -> Stored:
        """Wait until exactly this is durable."""
        await until(lambda: self.last is not None and self.last.durable == durable, f"durable: {durable}", WITHIN_S)
        assert self.last is not None
        return self.last


def has_received(collector: Collector, messages: int) -> bool:
    return collector.stats().messages_received == messages


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Words]:
    words = Words()
    async with publisher(port) as client:
        await client.subscribe("rackflow/v1/cas1/gw-3/stored/+", qos=1)

        async def listen() -> None:
            # The test restarts brokers.
            with contextlib.suppress(aiomqtt.MqttError):
                async for message in client.messages:
                    words.topics.add(message.topic.value)
                    words.payloads.append(bytes(message.payload))
                    words.retained.append(message.retain)

        task = asyncio.create_task(listen(), name="words")
        yield words
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_collector_says_which_numbers_are_durable_and_which_gap_there_is(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with (
        running(config_for(mosquitto.port, tmp_path)) as one,
        publisher(mosquitto.port) as client,
        listening(mosquitto.port) as words,
    ):
        await one.ready()
        await publish(client, *(batch(seq=seq) for seq in (1, 2, 3, 7)))
        word = await words.says({"01JD5Z": [(1, 3), (7, 7)]})
        assert (word.agent, word.collector) == ("gw-3", "collector-under-test")
        await publish(client, *(batch(seq=seq) for seq in (4, 5, 6)))
        await words.says({"01JD5Z": [(1, 7)]})
        said = len(words.payloads)
        # A message that comes again changes nothing, and nothing is published.
        await publish(client, batch(seq=3), batch(seq=3))
        await one.reaches(
            'dcim_collector_ledger_duplicate_messages{agent="gw-3",site="cas1"}', lambda count: count == 2
        )
        await publish(client, batch(seq=8))
        await words.says({"01JD5Z": [(1, 8)]})
        assert len(words.payloads) == said + 1
    async with listening(mosquitto.port) as words:
        await words.says({"01JD5Z": [(1, 8)]})
        assert words.retained == [True]


async def test_a_message_that_breaks_the_contract_is_durable_as_a_dead_letter(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Otherwise its agent would send it for ever."""
    async with (
        running(config_for(mosquitto.port, tmp_path)) as one,
        publisher(mosquitto.port) as client,
        listening(mosquitto.port) as words,
    ):
        await one.ready()
        await publish(client, batch(seq=1))
        bad = json.dumps({"schema": 1, "agent": "gw-3", "epoch": "01JD5Z", "seq": 2, "device": 5}).encode()
        await client.publish("rackflow/v1/cas1/gw-3/batch/cdu-07", bad, qos=1)
        # Too large: what is kept of it has the number.
        large = b'{"schema":1,"agent":"gw-3","epoch":"01JD5Z","seq":3,"text":"' + b"x" * 600_000 + b'"}'
        await client.publish("rackflow/v1/cas1/gw-3/batch/cdu-07", large, qos=1)
        await words.says({"01JD5Z": [(1, 3)]})


async def test_a_watcher_that_stores_nothing_calls_nothing_durable(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Its agent would delete what the storing collector has not got yet."""
    watching = config_for(mosquitto.port, tmp_path / "watcher", client_id="watcher", role="watch")
    async with (
        running(watching) as watcher,
        running(config_for(mosquitto.port, tmp_path)) as one,
        publisher(mosquitto.port) as client,
        listening(mosquitto.port) as words,
    ):
        await watcher.ready()
        await one.ready()
        # Each report of the other takes a cycle, in which the watcher would have told as much.
        for seq in (1, 2, 3):
            await publish(client, batch(seq=seq))
            await until(partial(has_received, watcher.collector, seq), "the watcher has it")
            await words.says({"01JD5Z": [(1, seq)]})
        assert words.topics == {TOPIC}


async def test_after_the_loss_of_its_disk_a_collector_says_less_under_another_ledgers_name(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with publisher(mosquitto.port) as client, listening(mosquitto.port) as words:
        async with running(config_for(mosquitto.port, tmp_path / "a")) as one:
            await one.ready()
            await publish(client, *(batch(seq=seq) for seq in (1, 2, 3)))
            before = await words.says({"01JD5Z": [(1, 3)]})
        async with running(config_for(mosquitto.port, tmp_path / "b")) as one:
            await one.ready()
            await publish(client, batch(seq=4))
            assert (await words.says({"01JD5Z": [(4, 4)]})).ledger != before.ledger


async def test_stored_reports_are_published_again_to_a_broker_that_lost_everything(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """And the report to an agent that was retired is withdrawn."""
    async with running(config_for(mosquitto.port, tmp_path)) as one:
        async with publisher(mosquitto.port) as client, listening(mosquitto.port) as words:
            await one.ready()
            await publish(client, status(), batch(seq=1))
            await words.says({"01JD5Z": [(1, 1)]})
        mosquitto.restart()  # it keeps nothing
        async with listening(mosquitto.port) as words:
            await words.says({"01JD5Z": [(1, 1)]})
            target = Target.parse("cas1/gw-3")
            await forget(Broker(port=mosquitto.port), target, is_collectors=False, force=True)
            await until(lambda: words.payloads[-1] == b"", "taken back", WITHIN_S)
    async with listening(mosquitto.port) as words, publisher(mosquitto.port) as client:
        await client.publish(TOPIC, b"end", qos=1)
        await until(lambda: words.payloads == [b"end"], "nothing is retained", WITHIN_S)


async def test_what_a_collector_said_that_is_gone_is_cleared_with_its_agent(
    mosquitto: Mosquitto,
) -> None:
    async with publisher(mosquitto.port) as client, listening(mosquitto.port) as words:
        await client.publish(TOPIC, b"old", qos=1, retain=True)
        await forget(Broker(port=mosquitto.port), Target.parse("cas1/gw-3"), is_collectors=False)
        await until(lambda: words.payloads == [b"old", b""], "cleared", WITHIN_S)


async def test_a_broker_that_refuses_the_stored_report_loses_no_messages(tmp_path: Path) -> None:
    """As after an upgrade, with an access list from before."""
    (tmp_path / "acl").write_text("topic read rackflow/v1/#\npattern write rackflow/v1/+/+/batch/+\n", encoding="utf-8")
    broker = Mosquitto(tmp_path / "mosquitto", extra=[f"acl_file {tmp_path / 'acl'}"])
    with broker.serving():
        async with running(config_for(broker.port, tmp_path)) as one, publisher(broker.port) as client:
            await one.ready()
            await publish(client, batch(seq=1))
            await one.reaches("dcim_collector_stored_documents_refused_total", lambda count: count >= 1)
            await publish(client, batch(seq=2))
            await one.reaches(
                'dcim_collector_ledger_stored_messages{agent="gw-3",site="cas1"}', lambda count: count == 2
            )


class FakeLink:
    """A broker's side as the test wants it."""

    def __init__(self, largest_bytes: int = 2**28) -> None:
        self.connection = 1
        self.largest_bytes = largest_bytes
        self.sent: list[Stored] = []
        self.cleared = 0
        self.confirming: list[Callable[[int], None]] = []

    def publish_retained(self, topic: str, payload: bytes, confirmed: Callable[[int], None]) -> None:
        """See `Link`."""
        assert topic.startswith("rackflow/v1/cas1/gw-3/stored/")
        if payload:
            self.sent.append(decode(payload, Stored))
        else:
            self.cleared += 1
        self.confirming.append(confirmed)


@asynccontextmanager
async def teller(
    folder: Path, link: FakeLink, sites: frozenset[str] | None = None
) -> AsyncIterator[tuple[LedgerFile, StoredPublisher]]:
    ledger = LedgerFile(folder / "ledger.db", 400, lambda: 1_795_468_800.0)
    try:
        yield ledger, StoredPublisher(ledger, "c", link, Counters(), sites=sites)
    finally:
        ledger.close()


def entry(seq: int, epoch: str = "01JD5Z") -> Entry:
    return Entry(KEY._replace(epoch=epoch), seq, now_ms(), now_ms())


async def test_more_ranges_than_fit_are_reported_in_turns_and_never_more_than_is_durable(tmp_path: Path) -> None:
    link = FakeLink(largest_bytes=1024 + 37 * 20)  # 20 intervals
    async with teller(tmp_path, link) as (ledger, telling):
        numbers = range(1, 400, 2)  # as behind a shared subscription
        assert await ledger.record([entry(seq) for seq in numbers])
        told = set[int]()
        for step in range(30):
            await telling.publish_due(float(step))
            for confirmed in link.confirming:
                confirmed(0)
            link.confirming.clear()
        for word in link.sent:
            assert len(word.durable["01JD5Z"]) <= 20
            assert (399, 399) in word.durable["01JD5Z"]
            told |= {first for first, last in word.durable["01JD5Z"] if first == last}
        assert told == set(numbers)
        # Once everything was told, it is quiet until something changes.
        said = len(link.sent)
        await telling.publish_due(40.0)
        assert len(link.sent) == said


async def test_only_epochs_that_the_agent_may_still_hold_are_reported(tmp_path: Path) -> None:
    link = FakeLink()
    async with teller(tmp_path, link) as (ledger, telling):
        assert await ledger.record([entry(1, "01JA"), entry(1, "01JB"), entry(1, "01JC")])
        held = [Numbers(epoch="01JB", first=1, last=3), Numbers(epoch="01JC", first=1, last=1)]
        statement = Statement(KEY._replace(epoch="01JC"), Account(kind="disk", undelivered=held), now_ms())
        assert await ledger.record([statement])
        await telling.publish_due(0.0)
        assert link.sent[-1].durable == {"01JB": [(1, 1)], "01JC": [(1, 1)]}


async def test_while_a_document_is_unconfirmed_no_second_one_goes_out_and_a_break_asks_for_patience(
    tmp_path: Path,
) -> None:
    link = FakeLink()
    async with teller(tmp_path, link) as (ledger, telling):
        assert await ledger.record([entry(1)])
        await telling.publish_due(0.0)
        assert await ledger.record([entry(2)])
        await telling.publish_due(2.0)
        assert len(link.sent) == 1
        link.connection = 2  # the broker ended the connection, perhaps because of the document
        await telling.publish_due(4.0)
        assert len(link.sent) == 1
        await telling.publish_due(6.0)
        assert link.sent[-1].durable == {"01JD5Z": [(1, 2)]}


async def test_connections_that_break_at_a_document_double_the_pause_until_one_is_taken(tmp_path: Path) -> None:
    link = FakeLink()
    async with teller(tmp_path, link) as (ledger, telling):
        assert await ledger.record([entry(1)])
        began_s = time.monotonic()

        async def said_at(*moments_s: float) -> list[int]:
            """How many documents went out by each of these moments; before the first one the connection is another."""
            link.connection += 1
            said = []
            for moment_s in moments_s:
                await telling.publish_due(began_s + moment_s)
                said.append(len(link.sent))
            return said

        assert await said_at(0.0) == [1]
        assert await said_at(10.0, 10.9, 11.1) == [1, 1, 2]
        assert await said_at(20.0, 21.9, 22.1) == [2, 2, 3]
        link.confirming.pop()(0)
        assert await ledger.record([entry(2)])
        await telling.publish_due(began_s + 30.0)
        assert len(link.sent) == 4
        assert await said_at(40.0, 40.9, 41.1) == [4, 4, 5]


async def test_a_stored_report_that_was_refused_is_published_again_although_nothing_has_changed(tmp_path: Path) -> None:
    link = FakeLink()
    async with teller(tmp_path, link) as (ledger, telling):
        assert await ledger.record([entry(1)])
        await telling.publish_due(time.monotonic())
        link.confirming.pop()(0x87)
        await telling.publish_due(time.monotonic() + 0.1)
        assert len(link.sent) == 1
        await telling.publish_due(time.monotonic() + 2.0)
        assert [word.durable for word in link.sent] == [{"01JD5Z": [(1, 1)]}] * 2


async def test_agents_of_sites_that_this_collector_no_longer_reads_get_no_stored_reports(tmp_path: Path) -> None:
    """Another collector reads them by now, and its reports count."""
    link = FakeLink()
    async with teller(tmp_path, link, frozenset({"cas2"})) as (ledger, telling):
        assert await ledger.record([entry(1)])
        await telling.publish_due(0.0)
        assert link.sent == []


async def test_every_new_connection_gets_all_stored_reports_although_nothing_has_changed(tmp_path: Path) -> None:
    """The broker may be another one, or have lost what it retained."""
    link = FakeLink()
    async with teller(tmp_path, link) as (ledger, telling):
        assert await ledger.record([entry(1)])
        await telling.publish_due(0.0)
        link.confirming.pop()(0)
        await telling.publish_due(2.0)
        assert len(link.sent) == 1
        link.connection = 0
        await telling.publish_due(4.0)
        link.connection = 2
        await telling.publish_due(6.0)
        assert [word.durable for word in link.sent] == [{"01JD5Z": [(1, 1)]}] * 2


async def test_what_was_said_of_an_agent_is_taken_back_once_when_it_is_retired(tmp_path: Path) -> None:
    link = FakeLink()
    async with teller(tmp_path, link) as (ledger, telling):
        assert await ledger.record([entry(1)])
        await telling.publish_due(0.0)
        link.confirming.pop()(0)
        for step in (2.0, 4.0):
            assert await ledger.record([Retirement("cas1", "gw-3", 2 * now_ms())])
            await telling.publish_due(step)
            for confirmed in link.confirming:
                confirmed(0)
            link.confirming.clear()
        assert (len(link.sent), link.cleared) == (1, 1)


async def test_messages_that_are_not_on_disk_are_not_reported_as_stored(tmp_path: Path) -> None:
    async with teller(tmp_path, FakeLink()) as (ledger, _):
        assert await ledger.record([entry(1)])
        ledger.ledger.mark_stored(entry(2))  # in memory only
        assert read_durable(ledger.path, {KEY: 1})[1] == {KEY: [(1, 1)]}


async def test_of_an_epoch_with_very_many_chunks_both_ends_are_read(tmp_path: Path) -> None:
    async with teller(tmp_path, FakeLink()) as (ledger, _):
        assert await ledger.record([entry(at * CHUNK + 1) for at in range(8)])
        found = read_durable(ledger.path, {KEY: 2 * CHUNK + 1}, most_chunks=2)[1][KEY]
        assert [(first - 1) // CHUNK for first, _ in found] == [2, 3, 6, 7]


async def test_a_merged_chunk_that_begins_before_the_wanted_number_is_read(tmp_path: Path) -> None:
    async with teller(tmp_path, FakeLink()) as (ledger, _):
        assert await ledger.record([entry(seq) for seq in range(1, 3 * CHUNK + 1)])
        assert await ledger.record([entry(3 * CHUNK + 2)])
        assert read_durable(ledger.path, {KEY: 2 * CHUNK + 7})[1] == {
            KEY: [(1, 3 * CHUNK), (3 * CHUNK + 2, 3 * CHUNK + 2)]
        }


bits = st.integers(0, (1 << CHUNK) - 1)


@given(bits, bits, st.dictionaries(st.sampled_from(["schema", "store"]), bits))
def test_durable_are_stored_waiting_and_dead_numbers_and_no_others(
    stored: int, held: int, dead: dict[str, int]
) -> None:
    chunk = Chunk(number=3, first_ms=0, last_ms=0, stored=stored, waiting=held, dead=dead)
    claimed = {seq for first, last in durable_ranges([chunk]) for seq in range(first, last + 1)}
    known = [stored, held, *dead.values()]
    assert claimed == {3 * CHUNK + at + 1 for at in range(CHUNK) if any(each >> at & 1 for each in known)}


@given(st.integers(0, 60), st.integers(1, 20))
def test_turns_go_through_every_interval(count: int, most: int) -> None:
    intervals = [("e", (at, at)) for at in range(count)]
    seen, cursor = set[tuple[str, Range]](), 0
    for _ in range(count + 2):
        chosen, cursor = select(intervals, cursor, most)
        assert len(chosen) <= most
        seen |= set(chosen)
    assert seen == set(intervals)


def test_a_stored_report_is_small() -> None:
    word = Stored(
        agent="gw-3",
        collector="rackflow-collector",
        ledger="9f2c4e1ab07d6a55",
        time=1,
        durable={"0" * 26: [(1, 10**6)]},
    )
    assert len(msgspec.json.encode(word)) < 250
