"""What waits until it is acknowledged, over several connections: a loop whose clock a test turns stands in for hours."""

import asyncio

from collector.receive.inbox import Inbox
from tests.collector.inlet import BATCH, delivery
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
