"""Messages of a refused topic wait in the outbox: in their order, in nobody's way, and at nobody's cost."""

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rackflow.documents import Numbers, Stored
from rackflow.outbox import DiskOutbox, Limits, Outbox
from rackflow.outbox.held import HeldKeys
from rackflow.outbox.loading import folder_of
from rackflow.outbox.memory import MemoryOutbox
from tests.rackflow.outbox.test_outbox import Make, in_memory, make, on_disk, take  # noqa: F401 - `make` is a fixture
from tests.servers.waiting import eventually
from tests.turns import lines_run


def put(outbox: Outbox, *topics: str, size: int = 10) -> None:
    for topic in topics:
        outbox.put(topic, lambda seq: f"{seq}".encode().ljust(size), now_ms=5)


async def hold(outbox: Outbox, topic: str, count: int) -> list[int]:
    """Take `count` messages, hold those of the topic, confirm the others. Returns the keys held."""
    held = []
    async with asyncio.timeout(30):
        for _ in range(count):
            message = await outbox.take()
            if message.topic == topic:
                outbox.hold(message.key)
                held.append(message.key)
            else:
                outbox.done(message.key)
    return held


async def test_held_messages_come_out_again_in_order_and_others_pass_meanwhile(make: Make) -> None:  # noqa: F811
    async with make() as outbox:
        put(outbox, *"abababab")
        assert await hold(outbox, "b", 8) == [2, 4, 6, 8]
        stats = outbox.stats()
        assert (stats.messages, stats.held) == (4, 4)
        assert stats.account.undelivered[0].first == 2
        put(outbox, "a")
        assert await take(outbox, 1) == [9]
        outbox.resume("b", "oldest")
        assert await take(outbox, 1) == [2]
        outbox.hold(2)
        outbox.resume("b", "newest")
        assert await take(outbox, 1) == [8]
        outbox.done(8)
        outbox.resume("b", "all")
        assert await take(outbox, 3) == [2, 4, 6]
        for key in (2, 4, 6, 9):
            outbox.done(key)
        await eventually(lambda: outbox.stats().messages == 0, "nothing is left")
        assert outbox.stats().account.undelivered == []


async def test_a_break_of_the_connection_changes_nothing_for_held_messages(make: Make) -> None:  # noqa: F811
    async with make() as outbox:
        put(outbox, *"abab")
        await hold(outbox, "b", 4)
        put(outbox, "a", "b")
        assert await take(outbox, 2) == [5, 6]
        outbox.rewind()
        assert await take(outbox, 2) == [5, 6]
        outbox.resume("b", "all")
        assert await take(outbox, 2) == [2, 4]


async def test_a_break_after_they_were_resumed_hands_them_out_again_once(make: Make) -> None:  # noqa: F811
    async with make() as outbox:
        put(outbox, *"bbbb")
        await hold(outbox, "b", 4)
        outbox.resume("b", "all")
        assert await take(outbox, 2) == [1, 2]
        outbox.rewind()
        assert await take(outbox, 4) == [1, 2, 3, 4]
        outbox.done(1)
        put(outbox, "a")
        assert await take(outbox, 1) == [5]


async def test_a_break_before_resumed_messages_are_read_from_disk_loses_none_of_them(tmp_path: Path) -> None:
    async with on_disk(tmp_path / "o.db") as outbox:
        put(outbox, *"bbb")
        assert await outbox.saved(3)
        assert await hold(outbox, "b", 3) == [1, 2, 3]
        outbox.resume("b", "all")
        outbox.rewind()
        assert await take(outbox, 3) == [1, 2, 3]


async def test_messages_of_a_topic_that_are_resumed_one_after_the_other_come_in_order(tmp_path: Path) -> None:
    """A probe was accepted, and its answer came before the probe itself was read from disk again."""
    async with on_disk(tmp_path / "o.db") as outbox:
        put(outbox, *"bbb")
        assert await outbox.saved(3)
        assert await hold(outbox, "b", 3) == [1, 2, 3]
        outbox.resume("b", "oldest")
        outbox.resume("b", "all")
        assert await take(outbox, 3) == [1, 2, 3]


async def test_held_messages_survive_a_restart(tmp_path: Path) -> None:
    async with on_disk(tmp_path / "o.db") as outbox:
        put(outbox, *"ab" * 20)
        assert len(await hold(outbox, "b", 40)) == 20
    async with on_disk(tmp_path / "o.db", "E2") as outbox:
        async with asyncio.timeout(30):
            found = [await outbox.take() for _ in range(20)]
        assert [(each.topic, each.payload) for each in found] == [
            ("b", f"{n}".encode().ljust(10)) for n in range(2, 41, 2)
        ]


async def test_in_memory_held_messages_are_dropped_before_any_other_and_counted_as_refused() -> None:
    async with in_memory(limit=10_000) as outbox:
        put(outbox, *"ab" * 4, size=1000)
        assert await hold(outbox, "b", 8) == [2, 4, 6, 8]
        put(outbox, *"a" * 9, size=1000)
        stats = outbox.stats()
        assert {reason: count for reason, count in stats.dropped.items() if count} == {"refused": 3}
        assert stats.account.dropped == [Numbers(epoch="E1", first=n, last=n, reason="refused") for n in (2, 4, 6)]
        put(outbox, *"a" * 3, size=1000)
        assert outbox.stats().dropped == {"refused": 4, "full": 2}, "only when none is held any more"
        assert outbox.stats().held == 0


async def test_on_disk_held_messages_are_dropped_before_any_other_and_counted_as_refused(tmp_path: Path) -> None:
    """300 kB of a refused topic and 300 kB of others, where 550 kB fit."""
    async with on_disk(tmp_path / "o.db", limit=550_000) as outbox:
        put(outbox, *"b" * 300, size=1000)
        assert len(await hold(outbox, "b", 300)) == 300
        outbox.put("a", lambda _: b"", now_ms=5)
        await eventually(lambda: outbox.stats().size_bytes > 300_000, "on disk")
        put(outbox, *"a" * 300, size=1000)
        await eventually(lambda: outbox.stats().dropped.get("refused", 0) > 50, "room was made")
        stats = outbox.stats()
        assert stats.dropped["full"] == 0
        assert stats.held == 300 - stats.dropped["refused"]
        [lost] = stats.account.dropped
        assert (lost.reason, lost.first, lost.last) == ("refused", 1, stats.dropped["refused"])
        outbox.resume("b", "oldest")
        keys = set(await take(outbox, 302))
        assert keys >= set(range(302, 602)), "every message of the other topic is there"


async def test_while_the_disk_refuses_held_messages_are_dropped_first(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.write_text("", encoding="utf-8")  # a file where the outbox needs a folder
    outbox = DiskOutbox(folder / "o.db", "E1", on_disk_limits(), 1000, memory_bytes=5000)
    await outbox.open()
    put(outbox, *"ab", size=1000)
    assert await hold(outbox, "b", 2) == [2]
    put(outbox, *"aaaaaa", size=1000)
    assert {reason: count for reason, count in outbox.stats().dropped.items() if count} == {"refused": 1, "disk": 1}
    await outbox.close()


def on_disk_limits() -> Limits:
    return Limits(10_000_000, 3600)


async def test_a_report_costs_as_much_while_many_messages_of_a_topic_wait_to_be_read_again(tmp_path: Path) -> None:
    """They lie between messages of another topic, so each of them is a range of its own."""

    def cost(last: int) -> int:
        report = Stored(agent="a", collector="c", ledger="l", time=1, durable={"E1": [(1, last)]})
        return lines_run(lambda: outbox.stored(report))

    async with on_disk(tmp_path / "o.db", limit=100_000_000) as outbox:
        put(outbox, *"ab" * 2_000)
        await hold(outbox, "b", 4_000)
        while_held = cost(200)
        outbox.resume("b", "all")
        assert cost(400) < 5 * while_held
        assert outbox.stats().messages == 1_800


async def test_a_message_that_is_given_up_is_reported_with_its_reason_and_never_comes_again(make: Make) -> None:  # noqa: F811
    async with make() as outbox:
        put(outbox, *"abc")
        await take(outbox, 3)
        outbox.done(1)
        outbox.done(2, "too_large")
        outbox.hold(3)
        outbox.done(3, "refused")
        stats = outbox.stats()
        assert (stats.dropped["too_large"], stats.dropped["refused"], stats.held) == (1, 1, 0)
        assert stats.account.dropped == [
            Numbers(epoch="E1", first=2, last=2, reason="too_large"),
            Numbers(epoch="E1", first=3, last=3, reason="refused"),
        ]
        outbox.rewind()
        put(outbox, "a")
        assert await take(outbox, 1) == [4]
        await eventually(lambda: outbox.stats().messages == 1, "nothing else is left")


async def test_a_loss_is_still_reported_after_a_restart(tmp_path: Path) -> None:
    async with on_disk(tmp_path / "o.db") as outbox:
        put(outbox, "a")
        await take(outbox, 1)
        outbox.done(1, "too_large")
    async with on_disk(tmp_path / "o.db", "E2") as outbox:
        assert outbox.stats().account.dropped == [Numbers(epoch="E1", first=1, last=1, reason="too_large")]
        assert outbox.stats().messages == 0


async def test_held_backlog_does_not_use_up_the_rate_of_the_others() -> None:
    """At 2 a second, 200 messages of a refused topic would hold up the others for 100 s."""
    outbox = MemoryOutbox("E1", 10_000_000, backlog_per_s=2)
    put(outbox, *"b" * 200, "a")
    outbox.rewind()
    started = asyncio.get_running_loop().time()
    await hold(outbox, "b", 201)
    assert asyncio.get_running_loop().time() - started < 100 / 2


STEPS = st.sampled_from(["add", "oldest", "newest", "all", "one", "below"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-50, 50), STEPS)))
def test_held_keys_are_a_sorted_set_for_each_topic(steps: list[tuple[str, int, str]]) -> None:
    held, model = HeldKeys(), {topic: set[int]() for topic in "abc"}
    for topic, key, step in steps:
        mine = model[topic]
        if step == "add":
            if not any(key in keys for keys in model.values()):
                held.add(topic, key)
                mine.add(key)
        elif step == "one":
            held.remove_between(key, key)
            for keys in model.values():
                keys.discard(key)
        elif step == "below":
            held.remove_between(-50, key - 1)
            for keys in model.values():
                keys -= {each for each in keys if each < key}
        elif step == "all":
            assert held.take(topic, "all") == sorted(mine)
            mine.clear()
        else:
            assert step in ("oldest", "newest")
            expected = sorted(mine)[:1] if step == "oldest" else sorted(mine)[-1:]
            assert held.take(topic, "oldest" if step == "oldest" else "newest") == expected
            mine -= set(expected)
        every = sorted(each for keys in model.values() for each in keys)
        assert (len(held), list(held.oldest(1000))) == (len(every), every)
        assert (held.first, held.last) == ((every[0], every[-1]) if every else (None, None))
        assert held.has(topic, key) == (key in mine)
        assert held.from_key(key) == next((each for each in every if each >= key), None)


async def test_a_held_message_that_cannot_be_read_any_more_is_lost_and_waits_no_more(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with on_disk(path) as outbox:
        put(outbox, *"aaa", size=100)
        assert await outbox.saved(3)
        assert await hold(outbox, "a", 3) == [1, 2, 3]
        for file in folder_of(path).glob("*.seg"):
            data = file.read_bytes()
            file.write_bytes(data[:60].ljust(len(data), b"\xff"))
        outbox.resume("a", "all")
        await eventually(lambda: outbox.stats().dropped["torn"] == 3, "the damage is found")
        await eventually(lambda: outbox.stats().messages == 0, "none of them waits")
        assert outbox.stats().account.undelivered == []
