"""What is produced while a collector works off the broker's queue of its absence is received at once, beside the session."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from collector.assemble import live_broker
from collector.config import LiveAccount
from collector.receive import Filters, Subscriber
from collector.receive.live import BEHIND_S, GIVE_UP_S, REMEMBERED, Lag, LiveConnection
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from tests.collector.documents import batch, now_ms
from tests.collector.running import config_for, publish, publisher, running, until
from tests.collector.store_contents import points
from tests.servers.mosquitto import Mosquitto, refusing_subscriptions

WET = 'dcim_leak_detected{site="cas1",room="dh1",row="b",rack="b07",device="leak-1"}'
WAITING = 200
TOPIC = "rackflow/v1/cas1/gw-3/batch/cdu-1"


def has_live_connection() -> bool:
    return any(task.get_name() == "collector-live" for task in asyncio.all_tasks())


@contextlib.asynccontextmanager
async def beside(running_one: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """It runs inside the block, and has ended after it."""
    task = asyncio.create_task(running_one, name="subscriber")
    try:
        yield
    finally:
        # On Python 3.11 a library may swallow a cancellation that meets an answer, so it is repeated.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.5)


@pytest.fixture(params=["no accounts", "an account is one client"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The port of a broker, and what the collector's configuration has for it. The second takes the account as client id, as ours does."""
    if request.param == "no accounts":
        with Mosquitto(tmp_path / "mosquitto").serving() as one:
            yield one.port, {}
        return
    words = {"collector-under-test": "one", "live": "two", "agents": "three"}
    with Mosquitto(tmp_path / "mosquitto", passwords=words, extra=["use_username_as_clientid true"]).serving() as one:
        own = {"port": one.port, "username": "collector-under-test", "password": "one"}
        yield one.port, {"broker": own, "live_account": {"username": "live", "password": "two"}}


async def test_a_leak_of_this_moment_is_shown_before_what_waited_at_the_broker_and_all_is_stored_once(
    broker: tuple[int, dict[str, object]], tmp_path: Path
) -> None:
    """It takes 20 messages of the session, and as many again every 0.4 s, when these are stored; the leak is behind 200."""
    port, more = broker
    store = {"kind": "file", "path": str(tmp_path / "points"), "flush_s": 0.4}
    config = config_for(port, tmp_path, store, queue_limit=20, **more)
    account = {"username": "agents", "password": "three"} if more else {}
    async with running(config) as first:
        await first.subscribed()
    async with publisher(port, **account) as client:
        began_ms = now_ms() - 2 * WAITING
        waiting = (batch("cdu-1", seq=number, time_ms=began_ms + number) for number in range(1, WAITING + 1))
        await publish(client, *waiting)
        async with running(config) as second:
            seq = WAITING
            async with asyncio.timeout(20):
                # What comes before the second connection has subscribed waits in the session.
                while await second.sample(WET) != "1.0":
                    seq += 1
                    await publish(client, batch("leak-1", seq=seq, values={"dcim_leak_detected": 1.0}, states={}))
            assert second.collector.stats().points_stored < WAITING
            assert has_live_connection()
            # A batch gives its reading, and whether the device is up.
            await until(lambda: second.collector.stats().points_stored == 2 * seq, "all that waited", timeout_s=30.0)
            # The session brings the next message as soon as the second connection.
            await publish(client, batch("leak-1", seq=seq + 1, values={"dcim_leak_detected": 0.0}, states={}))
            await until(lambda: not has_live_connection(), "no second connection")
            await second.reaches(WET, lambda value: value == 0)
            assert second.collector.stats().failures == {}, "the second connection has not ended the first"
    with contextlib.closing(sqlite3.connect(config.ledger_path)) as ledger:
        assert ledger.execute("SELECT sum(duplicates) FROM epoch").fetchone() == (0,), "its copies are only shown"
    lines = points(tmp_path)
    assert len(lines) == len(set(lines)) == 2 * (seq + 1)


@pytest.mark.parametrize("what", ["password", "subscription"])
async def test_a_second_connection_that_the_broker_refuses_ends_with_one_line_that_says_why(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The session goes on without it; what is produced now then comes behind what waited."""
    has_password = what == "password"
    refusing = (
        Mosquitto(tmp_path / "mosquitto", passwords={"live": "right"})
        if has_password
        else Mosquitto(tmp_path / "mosquitto", extra=refusing_subscriptions(tmp_path))
    )
    with refusing.serving() as one:
        account = {"username": "live", "password": SecretStr("wrong")} if has_password else {}
        broker = Broker(port=one.port, timeout_s=5).model_copy(update=account)
        live = LiveConnection(broker, "collector-1", ["rackflow/v1/+/+/batch/+"], lambda _: None)
        async with asyncio.timeout(20):
            await live.run("127.0.0.1", 1 << 20)
    (line,) = [each for each in caplog.records if each.name == "collector.receive.live"]
    assert line.levelname == "WARNING"
    found = line.getMessage()
    assert found.startswith(
        "no live connection, what is produced now comes behind what waited client=collector-1-live reason="
    )
    assert f"Not authorized; check {'live_account' if has_password else 'broker.username'}" in found


async def test_copies_take_no_more_memory_than_there_is_room_for_and_come_before_what_waits(
    mosquitto: Mosquitto,
) -> None:
    """The session has brought the 20 messages that it may bring at once; of six megabytes that are produced meanwhile a part is shown."""
    room_bytes, size = 1_000_000, 100_000
    broker = Broker(port=mosquitto.port, timeout_s=5, keepalive_s=5)

    def subscriber() -> Subscriber:
        return Subscriber(
            broker,
            "room",
            Filters(None, shared=False),
            20,
            on_edge=lambda _: None,
            on_event=lambda _: None,
            room_bytes=room_bytes,
            live_broker=broker,
        )

    first, second = subscriber(), subscriber()
    async with beside(first.run()):
        await until(lambda: first.connection > 0, "a session")
    async with publisher(mosquitto.port) as client:
        for number in range(30):
            await client.publish(f"rackflow/v1/s/a/batch/old-{number}", b"o", qos=1)
        async with beside(second.run()):
            await until(lambda: second.waiting == 20, "what the session may bring")
            sent = 0
            async with asyncio.timeout(20):
                # What is published before the second connection has subscribed waits in the session alone.
                while second.waiting == 20:
                    await client.publish(f"rackflow/v1/s/a/batch/new-{sent}", b"n", qos=1)
                    sent += 1
            for number in range(60):
                await client.publish(f"rackflow/v1/s/a/batch/large-{number}", b"n" * size, qos=1)
            await until(lambda: second.waiting_bytes > room_bytes, "more than there is room for")
            assert second.waiting_bytes <= room_bytes + MAX_PAYLOAD_BYTES
            copies = second.waiting - 20
            taken = [await second.take() for _ in range(second.waiting)]
    assert copies > 0
    assert [each.is_copy for each in taken] == [True] * copies + [False] * 20


async def test_without_a_session_that_goes_on_there_is_no_second_connection(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.subscribed()
        await publish(client, batch())
        await until(lambda: one.collector.stats().messages_received == 1, "received")
        assert not has_live_connection()


def test_a_broker_with_accounts_needs_one_for_the_second_connection() -> None:
    """Otherwise it may take both for one client, and end the session's connection."""
    folder = Path()
    with_account = {"port": 1883, "username": "one", "password": "secret"}
    by_certificate = {"port": 1883, "tls": True, "cert_file": "one.crt", "key_file": "one.key"}
    for own in (with_account, by_certificate):
        config = config_for(1883, folder, broker=own)
        assert live_broker(config) is None
        found = live_broker(
            config.model_copy(update={"live_account": LiveAccount(username="live", password=SecretStr("two"))})
        )
        assert found is not None
        assert (found.username, found.cert_file, found.tls) == ("live", None, config.broker.tls)
    config = config_for(1883, folder)
    assert live_broker(config) is config.broker


def test_what_is_received_at_once_are_the_batches_of_its_sites_and_nothing_of_a_shared_subscription() -> None:
    assert Filters(None, shared=False).live() == ["rackflow/v1/+/+/batch/+"]
    assert Filters(["cas1", "cas2"], shared=False).live() == [
        "rackflow/v1/cas1/+/batch/+",
        "rackflow/v1/cas2/+/batch/+",
    ]
    assert Filters(None, shared=True).live() == []


@pytest.mark.parametrize(("lag_s", "over"), [(0.0, True), (BEHIND_S, True), (BEHIND_S + 0.1, False)])
def test_the_session_is_not_behind_any_more_once_it_brings_a_message_soon_after_the_second_connection(
    lag_s: float,
    over: bool,  # noqa: FBT001 - a case
) -> None:
    lag = Lag()
    assert not lag.note_live(TOPIC, b"one", 10.0)
    assert not lag.note_session(TOPIC, b"another", 10.0)
    assert not lag.note_session(TOPIC + "0", b"one", 10.0), "of another device"
    assert lag.note_session(TOPIC, b"one", 10.0 + lag_s) is over
    # The next message decides.
    assert not lag.note_live(TOPIC, b"two", 20.0)
    assert lag.note_session(TOPIC, b"two", 20.5)


def test_the_session_is_not_behind_any_more_when_it_has_brought_a_message_before_the_second_connection() -> None:
    lag = Lag()
    for number in range(REMEMBERED + 1):
        assert not lag.note_session(TOPIC, b"%d" % number, 10.0)
    assert not lag.note_live(TOPIC, b"0", 10.0), "too long ago to tell"
    assert lag.note_live(TOPIC, b"1", 10.0)


def test_a_message_that_the_session_never_brings_is_given_up() -> None:
    lag = Lag()
    assert not lag.note_live(TOPIC, b"dropped by the broker", 0.0)
    assert not lag.note_live(TOPIC, b"two", GIVE_UP_S)
    assert not lag.note_session(TOPIC, b"two", GIVE_UP_S)
    assert not lag.note_live(TOPIC, b"three", GIVE_UP_S + 0.1)
    assert lag.note_session(TOPIC, b"three", GIVE_UP_S + 0.2)
