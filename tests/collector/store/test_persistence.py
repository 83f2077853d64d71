"""Points into the store: what an engine refuses is found and buried, and nothing else is; what fails is tried again."""

import asyncio
import base64
import gzip
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.counters import Counters, Histogram
from collector.flow.prepared import PreparedMessage
from collector.ledger.epochs import Entry, EpochKey, Statement
from collector.receive.dead_letters import DeadLetters
from collector.store import FileStore, Store
from collector.store import persistence as writing
from collector.store.persistence import Persistence
from rackflow import StoreError
from rackflow.documents import Account
from tests.collector.running import until
from tests.collector.store_contents import dead_letters

LATER = StoreError("busy", retryable=True, retry_after_s=0.01)
SOON = StoreError("away", retryable=True)


class Engine:
    """A store of its own kind: refuses lines that contain `bad`, and fails first as often as it is told.

    `of_size` restricts the failures to writes of so many points. `refuses_all` says whether the write of this number, counted from
    1, is refused whatever it holds. What real engines answer is in test_store_influx.py.
    """

    def __init__(
        self,
        failures: Sequence[StoreError] = (),
        of_size: int | None = None,
        refuses_all: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.failures = list(failures)
        self.of_size = of_size
        self.refuses_all = refuses_all
        self.writes: list[int] = []
        self.stored: list[str] = []
        self.probes: list[str] = []

    async def write(self, lines: Sequence[str]) -> None:
        self.writes.append(len(lines))
        if self.failures and self.of_size in {None, len(lines)}:
            raise self.failures.pop(0)
        if self.refuses_all(len(self.writes)):
            raise StoreError("Client sent an HTTP request to an HTTPS server.", retryable=False)
        if any("bad" in line for line in lines):
            raise StoreError("a field of another type", retryable=False)
        is_probe = lines[0].startswith("dcim_collector store_probe") or lines[0] in self.stored
        (self.probes if is_probe else self.stored).extend(lines)

    async def close(self) -> None:
        """Nothing to let go of."""


@asynccontextmanager
async def persistence(folder: Path, store: Store) -> AsyncIterator[tuple[Persistence, Counters]]:
    counters, letters = Counters(), DeadLetters(folder / "dead.jsonl", 1 << 20)
    try:
        yield Persistence(store, letters, counters, (0.001, 0.001)), counters
    finally:
        letters.close()


def lines(count: int, bad: Sequence[int] = ()) -> list[str]:
    return [f"m{',x=bad' if at in bad else ''} f={at}.0 {1000 + at}" for at in range(count)]


@pytest.mark.parametrize("bad", [[0], [6], [3], [0, 6], [2, 3, 4], list(range(7)), []])
async def test_all_are_stored_in_their_order_but_those_that_are_refused(tmp_path: Path, bad: list[int]) -> None:
    engine, refused = Engine(), set[str]()
    every = lines(7, bad)
    async with persistence(tmp_path, engine) as (one, counters):
        assert await one.store(every, refused) == "stored"
    assert engine.stored == [line for at, line in enumerate(every) if at not in bad]
    assert refused == {every[at] for at in bad}
    assert counters.points_stored == 7 - len(bad)
    failures = counters.write_failures
    assert (failures["refused"], failures["retryable"], failures["dead_letter"]) == (len(bad), 0, 0)
    letters = dead_letters(tmp_path)
    assert [letter["reason"] for letter in letters] == ["store"] * len(bad)
    assert [letter["time"] for letter in letters] == [1000 + at for at in bad]
    assert [base64.b64decode(letter["payload"]).decode() for letter in letters] == [every[at] for at in bad]
    assert {letter["error"] for letter in letters} <= {"a field of another type"}
    assert one.fault is None


async def test_a_point_that_cannot_even_be_buried_is_counted_and_stops_nothing() -> None:
    counters, letters, refused = Counters(), DeadLetters(Path("/dev/full"), 1 << 20), set[str]()
    every = lines(3, [1])
    assert await Persistence(Engine(), letters, counters).store(every, refused) == "stored"
    assert (refused, counters.points_stored) == ({every[1]}, 2)
    assert (counters.write_failures["refused"], counters.write_failures["dead_letter"]) == (1, 1)
    letters.close()


async def test_one_refused_among_a_thousand_costs_few_writes(tmp_path: Path) -> None:
    engine = Engine()
    async with persistence(tmp_path, engine) as (one, _):
        await one.store(lines(1024, [700]), set())
    # The whole, and two halves ten times; the point once more, and five times its neighbour.
    assert len(engine.writes) == 21 + 1 + 5


async def test_a_store_that_refuses_everything_buries_nothing_and_gets_all_once_it_works(tmp_path: Path) -> None:
    broken, engine = asyncio.Event(), Engine(refuses_all=lambda _: broken.is_set())
    async with persistence(tmp_path, engine) as (one, counters):
        assert await one.store(lines(5), set()) == "stored"
        broken.set()
        refused, every = set[str](), lines(1000)[5:]
        storing = asyncio.create_task(one.store(every, refused), name="storing")
        await until(lambda: counters.write_failures["retryable"] > 3, "it was tried several times")
        assert "HTTPS server" in (one.fault or "")
        assert "check store.url (http or https, port, path), org, bucket and token" in (one.fault or "")
        assert max(engine.writes[1:], default=0) == 995, "it is not halved"
        assert set(engine.writes[1:]) == {995, 1}
        broken.clear()
        assert await storing == "stored"
        assert (one.fault, refused, counters.write_failures["refused"]) == (None, set(), 0)
    assert engine.stored == lines(1000)
    assert dead_letters(tmp_path) == []


async def test_a_store_that_refuses_everything_is_given_up_like_one_that_is_away(tmp_path: Path) -> None:
    """Before the pause, so that messages go to the disk meanwhile."""
    engine, refused = Engine(refuses_all=lambda _: True), set[str]()
    letters, counters = DeadLetters(tmp_path / "dead.jsonl", 1 << 20), Counters()
    one = Persistence(engine, letters, counters, (3600.0, 3600.0))
    async with asyncio.timeout(30):
        assert await one.store(lines(3), refused, give_up_after_s=0.0) == "unavailable"
        one.stopping.set()
        assert await one.store(lines(3), refused) == "stopped"
    assert (engine.writes, refused) == ([3, 1, 3, 1], set())
    letters.close()


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_a_store_that_begins_to_refuse_everything_while_a_point_is_judged_is_given_up(
    tmp_path: Path, *, is_stopped: bool
) -> None:
    engine, refused = Engine(refuses_all=lambda number: number != 2), set[str]()
    letters, counters = DeadLetters(tmp_path / "dead.jsonl", 1 << 20), Counters()
    one = Persistence(engine, letters, counters, (3600.0, 3600.0))
    if is_stopped:
        one.stopping.set()
    async with asyncio.timeout(30):
        outcome = await one.store(lines(1), refused, give_up_after_s=0.0)
    assert outcome == ("stopped" if is_stopped else "unavailable")
    assert (engine.writes, refused) == ([1, 1, 1], set())
    letters.close()


async def test_bad_points_of_the_first_write_are_given_up_because_a_test_point_is_accepted(
    tmp_path: Path,
) -> None:
    engine, refused = Engine(), set[str]()
    async with persistence(tmp_path, engine) as (one, _):
        assert await one.store(lines(2, [0, 1]), refused) == "stored"
    assert refused == set(lines(2, [0, 1]))
    assert {probe.rpartition(" ")[0] for probe in engine.probes} == {"dcim_collector store_probe=1.0"}
    # Of now: an engine refuses what is older than its retention, and would seem to refuse everything.
    now_ms = time.time() * 1000
    assert all(now_ms - 60_000 < int(probe.rpartition(" ")[2]) <= now_ms for probe in engine.probes)


async def test_a_neighbour_that_was_accepted_before_is_asked_rather_than_a_test_point(tmp_path: Path) -> None:
    engine = Engine()
    async with persistence(tmp_path, engine) as (one, _):
        await one.store(lines(1), set())
        await one.store(["m,x=bad f=1.0 9"], set())
    assert set(engine.probes) == set(lines(1))


@pytest.mark.parametrize("broken_from", range(1, 12))
@pytest.mark.parametrize("writes", [1, 3, 8])
async def test_a_store_that_breaks_at_any_moment_buries_no_sound_point(
    tmp_path: Path, broken_from: int, writes: int
) -> None:
    """While one bad point is looked for, the store refuses everything for some writes."""
    engine = Engine(refuses_all=lambda number: broken_from <= number < broken_from + writes)
    refused, every = set[str](), lines(6, [4])
    async with persistence(tmp_path, engine) as (one, _):
        assert await one.store(every, refused) == "stored"
    assert refused == {every[4]}
    assert sorted({*engine.stored}) == sorted([*every[:4], every[5]])


@pytest.mark.parametrize("parity", [0, 1])
async def test_a_balancer_with_one_broken_engine_of_two_gets_no_point_buried(tmp_path: Path, parity: int) -> None:
    """Every second write is refused; a point alone is stored at last, by the other engine."""
    engine, refused = Engine(refuses_all=lambda number: number % 2 == parity), set[str]()
    async with persistence(tmp_path, engine) as (one, _):
        storing = asyncio.create_task(one.store(lines(1), refused, 1.0), name="storing")
        assert await storing in {"stored", "unavailable"}
    assert (refused, dead_letters(tmp_path)) == (set(), [])


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_a_store_that_goes_while_a_point_is_judged_buries_nothing_although_it_is_back_at_once(
    tmp_path: Path, *, is_stopped: bool
) -> None:
    """The point was refused once. Nobody knows whether it would be again, so it waits with its message."""
    refused = set[str]()

    class Leaving(Engine):
        async def write(self, lines: Sequence[str]) -> None:
            if len(self.writes) == 3:
                self.writes.append(len(lines))
                if is_stopped:
                    one.stopping.set()
                raise StoreError("away", retryable=True, retry_after_s=3600)
            await super().write(lines)

    engine = Leaving(refuses_all=lambda number: number == 1)
    async with persistence(tmp_path, engine) as (one, _):
        assert await one.store(lines(1), refused, 60.0) == ("stopped" if is_stopped else "unavailable")
    assert (refused, dead_letters(tmp_path), engine.writes) == (set(), [], [1] * 4)


async def test_a_disk_that_refuses_everything_gets_no_point_buried(tmp_path: Path) -> None:
    """A folder is in the place of the day's file; once it is gone, the points are stored."""
    days = iter([0.0])
    store = FileStore(tmp_path / "points", lambda: next(days, 86_400.0), lambda _: None)
    obstacle = tmp_path / "points" / "points-1970-01-02.lp.gz"
    obstacle.mkdir()
    async with persistence(tmp_path, store) as (one, counters):
        refused = set[str]()
        storing = asyncio.create_task(one.store(lines(3), refused), name="storing")
        await until(lambda: counters.write_failures["retryable"] > 3, "it was tried several times")
        assert "Is a directory" in (one.fault or "")
        obstacle.rmdir()
        assert await storing == "stored"
        assert (refused, one.fault, counters.points_stored) == (set(), None, 3)
    await store.close()
    assert gzip.decompress(obstacle.read_bytes()).decode().count("\n") == 3
    assert dead_letters(tmp_path) == []


async def test_no_points_are_stored_without_a_write(tmp_path: Path) -> None:
    engine = Engine()
    async with persistence(tmp_path, engine) as (one, _):
        assert await one.store([], set()) == "stored"
    assert engine.writes == []


async def test_a_failed_write_is_repeated_until_it_works_and_failure_and_recovery_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine([LATER, LATER, LATER])
    with caplog.at_level(logging.WARNING):
        async with persistence(tmp_path, engine) as (one, counters):
            assert await one.store(lines(3), set()) == "stored"
            assert one.fault is None
            assert await one.store(lines(1), set()) == "stored"
    assert (counters.write_failures["retryable"], counters.points_stored) == (3, 4)
    assert [record.getMessage() for record in caplog.records] == [
        "store unavailable, retrying; messages wait on disk or at the broker: error=busy",
        "store available again",
    ]


async def test_while_it_fails_the_reason_is_reported(tmp_path: Path) -> None:
    engine = Engine([StoreError("disk full", retryable=True, retry_after_s=3600)])
    async with persistence(tmp_path, engine) as (one, _):
        storing = asyncio.create_task(one.store(lines(1), set()), name="storing")
        await until(lambda: one.fault is not None, "it fails")
        assert one.fault == "disk full"
        one.stopping.set()
        assert await storing == "stored"  # tried once more at once
        assert one.fault is None


async def test_who_is_stopped_tries_once_and_gives_up(tmp_path: Path) -> None:
    engine = Engine([SOON, SOON])
    async with persistence(tmp_path, engine) as (one, counters):
        one.stopping.set()
        assert await one.store(lines(3), set()) == "stopped"
    assert engine.writes == [3]
    assert (counters.points_stored, one.fault) == (0, "away")


@pytest.mark.parametrize(("retry_after_s", "outcome", "writes"), [(0.01, "stored", 2), (5.0, "unavailable", 1)])
async def test_a_write_is_given_up_before_a_pause_that_is_longer_than_its_time(
    tmp_path: Path, retry_after_s: float, outcome: str, writes: int
) -> None:
    engine = Engine([StoreError("busy", retryable=True, retry_after_s=retry_after_s)])
    async with persistence(tmp_path, engine) as (one, _):
        assert await one.store(lines(2), set(), give_up_after_s=2.0) == outcome
    assert len(engine.writes) == writes


async def test_what_the_engine_asks_for_is_waited_for(tmp_path: Path) -> None:
    engine = Engine([StoreError("busy", retryable=True, retry_after_s=0.2)])
    began = time.monotonic()
    async with persistence(tmp_path, engine) as (one, _):
        await one.store(lines(1), set())
    assert time.monotonic() - began >= 0.2 * 0.9


async def test_part_of_a_refused_write_that_fails_meanwhile_is_tried_again(tmp_path: Path) -> None:
    engine, refused = Engine([LATER], of_size=2), set[str]()
    every = lines(4, [1])
    async with persistence(tmp_path, engine) as (one, counters):
        assert await one.store(every, refused) == "stored"
    assert engine.stored == [every[0], *every[2:]]
    assert engine.writes[:6] == [4, 1, 2, 2, 1, 1]
    assert (refused, counters.write_failures["retryable"]) == ({every[1]}, 1)


async def test_waiting_ends_with_the_event_or_with_the_time() -> None:
    event = asyncio.Event()
    async with asyncio.timeout(30):
        await writing.wait(event, 0.01)
        event.set()
        await writing.wait(event, 3600)


def test_a_message_is_dead_if_every_point_of_it_was_refused() -> None:
    entry = Entry(EpochKey("cas1", "gw-3", "E"), 1, 5, 6)
    taken = PreparedMessage(["a", "b"], entry)
    assert taken.final_ledger_item(set()) is entry
    assert taken.final_ledger_item({"a", "c"}) is entry
    assert taken.final_ledger_item({"a", "b", "c"}) == Entry(entry.key, 1, 5, 6, "store")
    assert PreparedMessage([], entry).final_ledger_item({"a"}) is entry
    statement = Statement(entry.key, Account(kind="disk"), 1)
    assert PreparedMessage(["a"], statement).final_ledger_item({"a"}) is statement
    assert PreparedMessage(["a"]).final_ledger_item({"a"}) is None


def test_an_observation_on_a_bound_belongs_to_it_and_what_is_beyond_all_is_counted_too() -> None:
    histogram = Histogram((0.5, 1.0))
    for value in (0.25, 0.5, 0.75, 1.0, 1.5):
        histogram.observe(value)
    assert histogram.buckets() == [("0.5", 2.0), ("1.0", 4.0), ("+Inf", 5.0)]
    assert histogram.total == 4.0


def test_counters_that_start_at_nothing_are_there_from_the_start() -> None:
    counters = Counters()
    assert counters.write_failures == {"retryable": 0, "refused": 0, "torn": 0, "dead_letter": 0, "derived": 0}
    assert counters.failures["stale"] == 0
    assert "stale" in counters.failures
    assert set(counters.failures.values()) == {0}
    assert not counters.mqtt_connected


async def test_a_point_that_became_too_old_for_the_store_is_no_proof_against_it(tmp_path: Path) -> None:
    """A new point is tried in its place; otherwise nothing would be stored any more."""

    class Forgetful(Engine):
        async def write(self, lines: Sequence[str]) -> None:
            if len(lines) == 1 and lines[0] in self.stored:
                raise StoreError("point beyond retention policy", retryable=False)
            await super().write(lines)

    engine, refused = Forgetful(), set[str]()
    async with persistence(tmp_path, engine) as (one, _):
        assert await one.store(lines(3), refused) == "stored"
        later = lines(6, [4])[3:]
        assert await one.store(later, refused, 2.0) == "stored"
    assert refused == {later[1]}
    assert engine.stored == [*lines(4), later[2]]


async def test_the_pause_before_a_store_is_tried_again_is_random_below_a_doubling_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return 0.0

    monkeypatch.setattr(random, "uniform", draw)
    letters = DeadLetters(tmp_path / "dead.jsonl", 1 << 20)
    one = Persistence(Engine([SOON] * 9), letters, Counters(), (0.5, 30.0))
    assert await one.store(lines(1), set()) == "stored"
    assert drawn == [(0, ceiling) for ceiling in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)]
    letters.close()


async def test_after_a_write_that_worked_the_pauses_start_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a refused point is looked for: the store is away for three writes, and again for two later ones."""
    highest: list[float] = []

    def draw(_: float, high: float) -> float:
        highest.append(high)
        return 0.0

    class Flaky(Engine):
        async def write(self, lines: Sequence[str]) -> None:
            if len(self.writes) + 1 in {1, 2, 3, 6, 7}:
                self.writes.append(len(lines))
                raise SOON
            await super().write(lines)

    monkeypatch.setattr(random, "uniform", draw)
    refused, letters = set[str](), DeadLetters(tmp_path / "dead.jsonl", 1 << 20)
    every = lines(4, [1])
    assert await Persistence(Flaky(), letters, Counters(), (0.5, 30.0)).store(every, refused) == "stored"
    letters.close()
    assert (highest, refused) == ([0.5, 1.0, 2.0, 0.5, 1.0], {every[1]})


async def test_after_a_pause_only_what_is_suspected_is_written_again(tmp_path: Path) -> None:
    """The store refuses its neighbour, too, just when the one bad point is judged."""
    engine, refused = Engine(refuses_all=lambda number: number == 9), set[str]()
    every = lines(6, [4])
    async with persistence(tmp_path, engine) as (one, counters):
        assert await one.store(every, refused) == "stored"
        assert counters.write_failures["retryable"] == 1
    assert (engine.writes.count(6), max(engine.writes[9:]), refused) == (1, 1, {every[4]})
