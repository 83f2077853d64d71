"""What waits until it is acknowledged, over several connections: a loop whose clock a test turns stands in for hours."""

import asyncio

from collector.receive.filters import Filters
from collector.receive.inbox import IDENTIFIERS, LONGEST_PAUSE_S, Inbox
from collector.receive.subscribe import RENEWAL_S, Subscriber, _Ended
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from tests.collector.ingest_rig import BATCH, delivery
from tests.collector.running import topic_of

TOPIC = topic_of(BATCH, "cas1")


class TurnedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock runs ahead as far as a test says."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


async def pass_s(seconds: float) -> None:
    """What is due within these seconds is run, in so many turns as that takes at most."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurnedLoop)
    loop.ahead_s += seconds
    for _ in range(3):
        await asyncio.sleep(0)


def test_each_connection_has_the_whole_window_of_the_broker() -> None:
    """What earlier ones left unacknowledged comes again, and counts once: otherwise no device would ever be called silent any more."""

    async def course() -> tuple[list[str], list[str]]:
        events: list[str] = []
        inbox = Inbox(4, 1_000_000, events.append)
        for _ in range(5):
            inbox.begin(session_continues=True)
            for packet_id in (1, 2, 3):
                inbox.add(delivery(TOPIC, b"x", 0.0, packet_id=packet_id))
            await pass_s(4.0)
            inbox.end()
        before = [*events]
        inbox.begin(session_continues=True)
        for packet_id in (1, 2, 3, 4):
            inbox.add(delivery(TOPIC, b"x", 0.0, packet_id=packet_id))
        await pass_s(4.0)
        inbox.end()
        return before, events

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == ([], ["full"])


class Reading:
    """A connection that counts what is done with it."""

    def __init__(self) -> None:
        self.paused = self.resumed = self.dropped = 0

    def pause(self) -> None:
        self.paused += 1

    def resume(self) -> None:
        """It is read again."""
        self.resumed += 1

    def drop(self) -> None:
        self.dropped += 1


def test_what_was_left_at_the_broker_on_an_earlier_connection_costs_the_next_one_nothing() -> None:
    """The broker ended that connection before there was room, and sends everything again on the next one."""

    async def course() -> tuple[int, int]:
        inbox, before, now = Inbox(100, 2, lambda _: None), Reading(), Reading()
        inbox.begin(session_continues=True)
        inbox.steer(before)
        for packet_id in (1, 2):
            inbox.add(delivery(TOPIC, b"xxx", 0.0, packet_id=packet_id))
        await pass_s(LONGEST_PAUSE_S + 1.0)
        inbox.add(delivery(TOPIC, b"xxx", 0.0, packet_id=3))
        inbox.end()
        inbox.begin(session_continues=True)
        inbox.steer(now)
        inbox.add(delivery(TOPIC, b"xxx", 0.0, packet_id=1))
        inbox.free(await inbox.take())
        inbox.end()
        return before.paused, now.dropped

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == (1, 0)


def test_a_socket_is_read_again_once_half_of_the_room_is_free() -> None:
    """Read again with each message that leaves, it would be paused and resumed once per message."""

    async def course() -> tuple[int, list[int]]:
        one = delivery(TOPIC, b"xxx", 0.0, packet_id=1)
        inbox, socket = Inbox(100, 10 * one.cost_bytes, lambda _: None), Reading()
        inbox.begin(session_continues=True)
        inbox.steer(socket)
        for _ in range(11):
            inbox.add(one)
        resumed = []
        for _ in range(7):
            inbox.free(await inbox.take())
            resumed.append(socket.resumed)
        inbox.end()
        return socket.paused, resumed

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        paused, resumed = runner.run(course())
    assert paused == 1
    assert resumed == [0, 0, 0, 0, 0, 1, 1]


def test_of_several_connections_that_end_for_want_of_room_only_the_time_since_the_first_counts() -> None:
    """A timer that nobody stops would call a broker away, and its devices unknown, while everything works again."""

    async def course() -> tuple[list[bool], str | None]:
        edges: list[bool] = []
        broker, filters = Broker(port=1), Filters(None, shared=False)
        subscriber = Subscriber(broker, "c", filters, 10, on_edge=edges.append, on_event=lambda _: None)

        async def ends_for_want_of_room() -> object:
            return _Ended("no room", own="overload")

        subscriber._receive_until_end = ends_for_want_of_room  # type: ignore[method-assign, assignment]  # noqa: SLF001
        for _ in range(2):
            await subscriber._connect_once()  # noqa: SLF001 - without the random pause
        subscriber._end_renewal()  # noqa: SLF001 - as after SUBACK
        await pass_s(RENEWAL_S + 1.0)
        return edges, subscriber.fault

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        edges, fault = runner.run(course())
    assert edges == []
    assert fault is None or "not connected again" not in fault


def test_a_message_of_the_second_connection_gives_its_bytes_back_when_it_is_taken() -> None:
    """Nobody acknowledges it."""

    async def course() -> list[int]:
        inbox = Inbox(4, 1_000_000, lambda _: None)
        inbox.begin(session_continues=False)
        inbox.add_copy(delivery(TOPIC, b"x" * 1000, 0.0, packet_id=0, is_copy=True))
        waiting = [inbox.waiting_bytes]
        await inbox.take()
        return [*waiting, inbox.waiting_bytes]

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        before, after = runner.run(course())
    assert before >= 1000
    assert after == 0


def test_of_what_waits_the_broker_sends_again_what_its_session_has_and_nothing_else() -> None:
    """On a new connection: with QoS 1 it would be handled twice, with QoS 0 or without the session it would be lost."""

    async def course(*, session_continues: bool) -> tuple[list[int], int, int]:
        inbox = Inbox(10, 1_000_000, lambda _: None)
        inbox.begin(session_continues=False)
        for packet_id in (1, 0, 2):
            inbox.add(delivery(TOPIC, b"xxx", 0.0, packet_id=packet_id))
        before = inbox.waiting_bytes
        inbox.begin(session_continues=session_continues)
        left = inbox.waiting_bytes
        return [(await inbox.take()).mid for _ in range(inbox.waiting)], before, left

    assert asyncio.run(course(session_continues=False))[0] == [1, 0, 2]
    kept, before, left = asyncio.run(course(session_continues=True))
    assert kept == [0]
    assert left * 3 == before


def test_with_nothing_waiting_a_message_is_taken_however_large_it_is() -> None:
    """Otherwise it would be left at the broker again and again."""

    async def course() -> tuple[int, list[str]]:
        events: list[str] = []
        inbox = Inbox(10, 1000, events.append)
        inbox.begin(session_continues=True)
        for packet_id in (1, 2):
            inbox.add(delivery(TOPIC, b"x" * (MAX_PAYLOAD_BYTES + 1001), 0.0, packet_id=packet_id))
        inbox.end()
        return inbox.waiting, events

    assert asyncio.run(course()) == (1, ["shed"])


def test_a_full_window_is_reported_again_until_half_of_it_is_free() -> None:
    async def course() -> list[int]:
        events: list[str] = []
        found = []
        inbox = Inbox(4, 1_000_000, events.append)
        inbox.begin(session_continues=True)
        for packet_id in (1, 2, 3, 4):
            inbox.add(delivery(TOPIC, b"x", 0.0, packet_id=packet_id))
        for _ in range(4):
            await pass_s(LONGEST_PAUSE_S + 0.1)
            found.append(len(events))
            inbox.free_window()
        inbox.end()
        return found

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == [1, 2, 2, 2]


def test_messages_that_nobody_acknowledges_hold_no_place_in_the_brokers_window() -> None:
    """With QoS 0. Counted once, they would never be free again, and no device would ever be called silent."""

    async def course() -> list[str]:
        events: list[str] = []
        inbox = Inbox(4, 1_000_000, events.append)
        inbox.begin(session_continues=True)
        for _ in range(4):
            inbox.add(delivery(TOPIC, b"x", 0.0, packet_id=0))
        await pass_s(LONGEST_PAUSE_S + 0.1)
        inbox.end()
        return events

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == []


def test_of_more_messages_than_there_are_identifiers_the_newest_is_left_out_and_counted() -> None:
    """An error instead would end the connection, and lose what else it brought."""

    async def course() -> tuple[int, list[str]]:
        events: list[str] = []
        inbox = Inbox(4, 1 << 40, events.append)
        inbox.begin(session_continues=True)
        small = delivery(TOPIC, b"", 0.0, packet_id=0)
        for _ in range(4 + IDENTIFIERS + 2):
            inbox.add(small)
        inbox.end()
        return inbox.waiting, events

    assert asyncio.run(course()) == (4 + IDENTIFIERS, ["overflow", "overflow"])


def test_copies_are_taken_in_the_order_in_which_they_came_and_before_what_waits() -> None:
    async def course() -> tuple[int, list[bytes]]:
        inbox = Inbox(4, 1_000_000, lambda _: None)
        inbox.begin(session_continues=True)
        inbox.add(delivery(TOPIC, b"waits", 0.0, packet_id=1))
        for payload in (b"one", b"two"):
            inbox.add_copy(delivery(TOPIC, payload, 0.0, packet_id=0, is_copy=True))
        return inbox.waiting, [(await inbox.take()).payload for _ in range(3)]

    assert asyncio.run(course()) == (3, [b"one", b"two", b"waits"])


def test_a_connection_that_has_left_messages_at_the_broker_ends_only_once_half_of_the_room_is_free() -> None:
    """It brings them again all at once: with less room they would be left there again, at once and for as long as the store is slow."""

    async def course() -> list[int]:
        inbox, source = Inbox(100, 1000, lambda _: None), Reading()
        inbox.begin(session_continues=True)
        inbox.steer(source)
        for packet_id in (1, 2, 3):
            inbox.add(delivery(TOPIC, b"x" * 600, 0.0, packet_id=packet_id))
        await pass_s(LONGEST_PAUSE_S + 1.0)
        inbox.add(delivery(TOPIC, b"x" * 600, 0.0, packet_id=4))
        dropped = []
        for _ in range(3):
            inbox.free(await inbox.take())
            dropped.append(source.dropped)
        inbox.end()
        return dropped

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == [0, 0, 1]


def test_after_a_pause_in_which_nothing_came_the_next_message_is_taken() -> None:
    async def course() -> tuple[list[str], int]:
        events: list[str] = []
        inbox, source = Inbox(100, 1000, events.append), Reading()
        inbox.begin(session_continues=True)
        inbox.steer(source)
        for packet_id in (1, 2):
            inbox.add(delivery(TOPIC, b"x" * 600, 0.0, packet_id=packet_id))
        await pass_s(LONGEST_PAUSE_S + 1.0)
        for _ in range(2):
            inbox.free(await inbox.take())
        inbox.add(delivery(TOPIC, b"x", 0.0, packet_id=3))
        inbox.end()
        return events, inbox.waiting

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == (["full"], 1)


def test_timers_of_a_full_inbox_end_with_their_cause_and_begin_again_with_the_next_one() -> None:
    """One that runs on would say for ever that agents may have sent something, and leave messages at the broker without need."""

    async def course() -> tuple[list[str], list[str], list[str], int]:
        events: list[str] = []
        inbox, first, second = Inbox(2, 100_000, events.append), Reading(), Reading()

        def fill(size: int) -> None:
            for packet_id in (1, 2):
                inbox.add(delivery(TOPIC, b"x" * size, 0.0, packet_id=packet_id))

        async def handle() -> None:
            for _ in range(2):
                async with asyncio.timeout(10.0):
                    inbox.free(await inbox.take())
                inbox.free_window()

        inbox.begin(session_continues=True)
        inbox.steer(first)
        fill(60_000)
        await handle()
        await pass_s(LONGEST_PAUSE_S + 1.0)
        handled = [*events]
        fill(1)
        await pass_s(LONGEST_PAUSE_S + 0.1)
        again = [*events]
        await handle()
        fill(60_000)
        inbox.end()
        await pass_s(LONGEST_PAUSE_S + 0.1)
        ended = [*events]
        inbox.begin(session_continues=True)
        inbox.steer(second)
        fill(60_000)
        inbox.end()
        return handled, again, ended, second.paused

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(course()) == ([], ["full"], ["full"], 1)
