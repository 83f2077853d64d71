"""How much of what the broker sends is in memory at once, whatever its size; and that all of it comes in the end."""

import asyncio
import time
from pathlib import Path

import pytest

from collector.receive import Delivery, Filters, Subscriber
from collector.receive.inbox import LONGEST_PAUSE_S
from collector.receive.subscribe import OWN_LOG_EVERY_S, OwnLog
from rackflow.process.broker import Broker
from tests.collector.running import config_for, publisher, running, until
from tests.servers.mosquitto import Mosquitto

ROOM_BYTES = 1_000_000
MESSAGES, SIZE = 60, 100_000


async def ended(task: asyncio.Task[None]) -> None:
    """On Python 3.11 a library may swallow a cancellation that meets an answer, so it is repeated."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.5)


async def test_the_socket_stands_still_while_there_is_no_room_and_every_message_comes(mosquitto: Mosquitto) -> None:
    dropped: list[str] = []
    broker = Broker(port=mosquitto.port, timeout_s=5, keepalive_s=5)
    subscriber = Subscriber(
        broker,
        "room",
        Filters(None, shared=False),
        1000,
        on_edge=lambda _: None,
        on_event=dropped.append,
        room_bytes=ROOM_BYTES,
    )
    task = asyncio.create_task(subscriber.run(), name="subscriber")
    try:
        await until(lambda: subscriber.fault is None, "subscribed")
        async with publisher(mosquitto.port) as client:
            for number in range(MESSAGES):
                await client.publish(f"rackflow/v1/s/a/batch/d{number}", b"x" * SIZE, qos=1)
        seen: list[Delivery] = []
        most_bytes = 0
        while len(seen) < MESSAGES:
            async with asyncio.timeout(30):
                seen.append(await subscriber.take())
            most_bytes = max(most_bytes, subscriber.waiting_bytes)
            subscriber.acknowledge(seen[-1])
        assert [each.topic.rpartition("/")[2] for each in seen] == [f"d{number}" for number in range(MESSAGES)]
        assert ROOM_BYTES / 2 < most_bytes < ROOM_BYTES + 2 * SIZE
        assert (subscriber.waiting_bytes, dropped) == (0, [])
    finally:
        await ended(task)


async def test_what_came_before_a_break_is_not_acknowledged_after_it(mosquitto: Mosquitto) -> None:
    """Under its identifier the broker has sent something since that is not durable yet."""
    subscriber = Subscriber(
        Broker(port=mosquitto.port, timeout_s=5, keepalive_s=5),
        "breaks",
        Filters(None, shared=False),
        1000,
        on_edge=lambda _: None,
        on_event=lambda _: None,
    )
    came: list[Delivery] = []
    for attempt in range(3):
        task = asyncio.create_task(subscriber.run(), name="subscriber")
        try:
            await until(lambda: subscriber.connection > 0, "subscribed")
            if not attempt:
                async with publisher(mosquitto.port) as client:
                    await client.publish("rackflow/v1/s/a/batch/d", b"x", qos=1)
            async with asyncio.timeout(20):
                came.append(await subscriber.take())
            if attempt:
                subscriber.acknowledge(came[0])
        finally:
            await ended(task)
    assert [each.topic for each in came] == ["rackflow/v1/s/a/batch/d"] * 3
    assert len({each.connection for each in came}) == 3


async def test_a_full_window_counts_as_this_collectors_slowness_until_half_of_it_is_free(
    mosquitto: Mosquitto,
) -> None:
    """Ten messages of a byte: the broker sends nothing more, and agents that go on speaking would count as silent."""
    events: list[str] = []
    edges: list[bool] = []
    broker = Broker(port=mosquitto.port, timeout_s=5, keepalive_s=5)
    subscriber = Subscriber(
        broker, "window", Filters(None, shared=False), 10, on_edge=edges.append, on_event=events.append
    )
    task = asyncio.create_task(subscriber.run(), name="subscriber")
    try:
        await until(lambda: subscriber.fault is None, "subscribed")
        began_s = time.monotonic()
        async with publisher(mosquitto.port) as client:
            for number in range(30):
                await client.publish(f"rackflow/v1/s/a/batch/d{number}", b"x", qos=1)
        await until(lambda: subscriber.waiting == 10, "the window is full")
        assert events == [] or time.monotonic() - began_s > LONGEST_PAUSE_S
        await until(lambda: events == ["full"], "reported")
        seen: list[str] = []
        while len(seen) < 30:
            async with asyncio.timeout(30):
                delivery = await subscriber.take()
            seen.append(delivery.topic.rpartition("/")[2])
            subscriber.acknowledge(delivery)
        assert seen == [f"d{number}" for number in range(30)]
        assert (edges, subscriber.fault) == ([True], None)
    finally:
        await ended(task)


async def test_while_the_store_is_away_what_finds_no_room_stays_at_the_broker_and_comes_again(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """The socket is read again after some seconds, for pings have to be answered; what comes then is not taken."""
    dropped: list[str] = []
    edges: list[bool] = []
    broker = Broker(port=mosquitto.port, timeout_s=5, keepalive_s=5)
    subscriber = Subscriber(
        broker,
        "shed",
        Filters(None, shared=False),
        1000,
        on_edge=edges.append,
        on_event=dropped.append,
        room_bytes=ROOM_BYTES,
    )
    task = asyncio.create_task(subscriber.run(), name="subscriber")
    try:
        await until(lambda: subscriber.fault is None, "subscribed")
        async with publisher(mosquitto.port) as client:
            for number in range(MESSAGES):
                await client.publish(f"rackflow/v1/s/a/batch/d{number}", b"x" * SIZE, qos=1)
        await until(lambda: "shed" in dropped, "read again")
        assert subscriber.waiting_bytes < 2 * ROOM_BYTES
        seen: dict[str, int] = {}
        while len(seen) < MESSAGES:
            async with asyncio.timeout(30):
                delivery = await subscriber.take()
            seen[delivery.topic] = seen.get(delivery.topic, 0) + 1
            subscriber.acknowledge(delivery)
        assert set(dropped) == {"full", "shed", "overload"}
        # The connection that it renewed for this was never reported as a lost broker.
        assert (edges, subscriber.fault) == ([True], None)
        assert "collector too slow reason=overload" in caplog.text
        assert "not connected" not in caplog.text
    finally:
        await ended(task)


def hanging_up(broker: Mosquitto) -> None:
    """Hold the loop, as a computation would, until the broker has given up on its client (CLOSE_WAIT, include/net/tcp_states.h)."""
    given_up = time.monotonic() + 30
    remote = f":{broker.port:04X} 08"
    while remote not in Path("/proc/net/tcp").read_text(encoding="ascii"):
        assert time.monotonic() < given_up, "the broker keeps its client"
        time.sleep(0.05)


def impatient(broker: Mosquitto) -> Broker:
    """A second between signs of life, which no configuration may ask for: the broker hangs up after two."""
    return Broker(port=broker.port, timeout_s=5).model_copy(update={"keepalive_s": 1})


async def test_a_collector_that_stood_still_says_so_and_blames_no_broker_and_no_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Mosquitto(tmp_path / "broker").serving() as mosquitto:
        edges: list[bool] = []
        events: list[str] = []
        broker = impatient(mosquitto)
        subscriber = Subscriber(
            broker, "held", Filters(None, shared=False), 1000, on_edge=edges.append, on_event=events.append
        )
        task = asyncio.create_task(subscriber.run(), name="subscriber")
        try:
            await until(lambda: subscriber.fault is None, "subscribed")
            # A busy machine may have kept this process from running for as long before.
            before, told = subscriber.connection, len(events)
            hanging_up(mosquitto)
            await until(
                lambda: subscriber.connection - before == len(events) - told > 0, "connected again, and told so once"
            )
            assert (edges, set(events), subscriber.fault) == ([True], {"standstill"}, None)
            assert "this collector stood still" in caplog.text
            assert "broker not connected" not in caplog.text
        finally:
            await ended(task)


async def test_devices_that_a_collector_which_stood_still_heard_nothing_of_are_unknown_because_of_it(
    tmp_path: Path,
) -> None:
    """`dcim_collector_behind` keeps alerts about silent agents from beginning."""
    with Mosquitto(tmp_path / "broker").serving() as mosquitto:
        config = config_for(mosquitto.port, tmp_path)
        async with running(config.model_copy(update={"broker": impatient(mosquitto)})) as one:
            await one.ready()
            assert await one.sample("dcim_collector_behind") == "0.0"
            hanging_up(mosquitto)
            await one.reaches("dcim_collector_behind", lambda behind: behind == 1.0)


async def test_a_broker_that_died_while_the_collector_stood_still_is_away_all_the_same(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker").serving() as mosquitto:
        edges: list[bool] = []
        broker = impatient(mosquitto)
        subscriber = Subscriber(
            broker, "both", Filters(None, shared=False), 1000, on_edge=edges.append, on_event=lambda _: None
        )
        task = asyncio.create_task(subscriber.run(), name="subscriber")
        try:
            await until(lambda: subscriber.fault is None, "subscribed")
            mosquitto.kill()
            held_until = time.monotonic() + 2.0  # longer than any signs of life may be apart
            while time.monotonic() < held_until:
                pass
            await until(lambda: subscriber.fault is not None, "the broker is away")
            assert edges[:2] == [True, False]
            assert "refused" in str(subscriber.fault).lower()
        finally:
            await ended(task)


def test_own_slowness_is_logged_once_a_minute_with_how_often_it_was_met(caplog: pytest.LogCaptureFixture) -> None:
    log = OwnLog()
    for second in range(10):
        log.note("overload", float(second))
    log.note("standstill", OWN_LOG_EVERY_S)
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == [
        f"collector too slow reason={each}" for each in ("overload times=1", "overload times=9", "standstill times=1")
    ]
