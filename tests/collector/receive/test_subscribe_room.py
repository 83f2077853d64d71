"""How much of what the broker sends is in memory at once, whatever its size; and that all of it comes in the end."""

import asyncio

from collector.receive import Delivery, Filters, Subscriber
from rackflow.process.broker import Broker
from tests.collector.running import publisher, until
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
        broker, "room", Filters(None, shared=False), 1000, lambda _: None, dropped.append, ROOM_BYTES
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


async def test_while_the_store_is_away_what_finds_no_room_stays_at_the_broker_and_comes_again(
    mosquitto: Mosquitto,
) -> None:
    """The socket is read again after some seconds, for pings have to be answered; what comes then is not taken."""
    dropped: list[str] = []
    broker = Broker(port=mosquitto.port, timeout_s=5, keepalive_s=5)
    subscriber = Subscriber(
        broker, "shed", Filters(None, shared=False), 1000, lambda _: None, dropped.append, ROOM_BYTES
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
        assert set(dropped) == {"shed"}
    finally:
        await ended(task)
