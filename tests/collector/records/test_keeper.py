"""Saving the records: what the disk refuses is saved later, and a stop counts all and tells whether it is on disk."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from collector.derive import Deriver, LatestFigures, Settings, SiteRecords
from collector.derive.energy.records import Head
from collector.receive.poll_counts import ExpectedDevice, Polled, PolledDevice
from collector.records import keeper
from collector.records.file import RecordsFile
from collector.records.keeper import RecordKeeper
from rackflow.process.bulkhead import Failures
from tests.collector.conftest import OpenRecords
from tests.collector.derive.hall import Readings, hall
from tests.collector.documents import document
from tests.collector.polls import hello
from tests.collector.records.test_file import HOUR, answered_in
from tests.servers.waiting import eventually
from tests.turns import CALLS_OF_50_MS, Turns

SITE = hall().id
PDU = PolledDevice(SITE, "gw", "pdu-a1-a")


class Kept:
    """A collector's records with one hour of an earlier run, which has changed since it was saved last; of `others` as well."""

    def __init__(self, file: RecordsFile, *others: str) -> None:
        self.number = int(time.time() // 3600) - 1
        self.file, self.figures, self.failures = file, LatestFigures(60.0), Failures()
        readings = Readings()
        readings.currents("pdu-a1-a", 10.0, now=time.monotonic())
        self.latest = readings.latest
        for site in others:
            of_other = Readings(hall((f"site: {SITE}\n", f"site: {site}\n")), latest=self.latest)
            of_other.currents("pdu-a1-a", 10.0, now=time.monotonic())
        kept = {site: SiteRecords(Head(1.0, 2.0, 3, {}), {self.number: HOUR}) for site in (SITE, *others)}
        self.deriver = Deriver(
            readings.latest,
            self.figures,
            hall(),
            Settings(),
            interval_s=60.0,
            saved_records=kept,
            failures=self.failures,
        )
        self.keeper = RecordKeeper(file, readings.latest, self.deriver, self.failures)

    def change(self) -> None:
        """The hour changes, and a poll comes."""
        self.deriver.finish()
        for records in self.deriver.records().values():
            records.give_back([self.number])
        self.poll()

    def poll(self) -> None:
        """A poll comes."""
        self.keeper.polls.count(
            [Polled(who=PDU, device_class="pdu", poll="fast", interval_s=5.0, time_s=time.time(), up=True)]
        )


@contextmanager
def refusing(path: Path, file: RecordsFile, after_ms: int = 10) -> Iterator[None]:
    """The disk refuses all that is written in the block, each time after so long."""
    file._db.execute(f"PRAGMA busy_timeout = {after_ms}")  # noqa: SLF001 - waiting five seconds proves nothing more
    with closing(sqlite3.connect(path, timeout=5.0)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def save_threads() -> list[threading.Thread]:
    """Threads that write the records now."""
    return [each for each in threading.enumerate() if each.name == "records-save"]


def ended(path: Path) -> list[int]:
    """Of each life of the collector, whether it was closed with all saved."""
    with closing(sqlite3.connect(path)) as db:
        return [each for (each,) in db.execute("SELECT ended FROM life ORDER BY started_s")]


async def test_hours_and_polls_that_the_disk_refused_are_saved_with_the_next_ones(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    with refusing(path, kept.file):
        assert not await kept.keeper.save()
    assert kept.failures.failing()["records"]
    kept.keeper.polls.count(
        [Polled(who=PDU, device_class="pdu", poll="fast", interval_s=5.0, time_s=time.time(), up=True)]
    )
    assert await kept.keeper.save()
    assert answered_in(path) == 2
    later = open_records(path).sites[SITE]
    assert later.hours[kept.number] == HOUR
    assert later.head.location_g == 1.0


async def test_what_a_cancelled_save_could_not_write_is_saved_at_the_stop(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    """A stop cancels the save that runs; its thread goes on, and the disk may refuse it then."""
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    with refusing(path, kept.file, after_ms=1000):
        saving = asyncio.create_task(kept.keeper.save())
        (thread,) = await eventually(save_threads, "the save has begun")
        saving.cancel()
        await asyncio.wait({saving})
        closing_it = asyncio.create_task(kept.keeper.close())
        await eventually(lambda: not thread.is_alive(), "the disk has refused it")
    await closing_it
    assert answered_in(path) == 1
    assert open_records(path).sites[SITE].hours[kept.number] == HOUR
    assert ended(path)[0] == 1


async def test_hours_in_memory_are_written_again_after_the_file_was_damaged(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    """Otherwise the figures over a year, and the report, would lose them with the next restart."""
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    assert await kept.keeper.save()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE polls SET body = x'00'")
    kept.keeper.polls.count(
        [Polled(who=PDU, device_class="pdu", poll="fast", interval_s=5.0, time_s=time.time(), up=True)]
    )
    assert await kept.keeper.save()
    assert (tmp_path / "records.db.damaged").exists()
    assert await kept.keeper.save()
    assert open_records(path).sites[SITE].hours[kept.number] == HOUR


@pytest.mark.parametrize("is_damaged", [False, True], ids=["refused", "damaged"])
async def test_hours_of_every_site_are_written_again_after_the_disk_refused_them_or_lost_them(
    tmp_path: Path, open_records: OpenRecords, *, is_damaged: bool
) -> None:
    path, sites = tmp_path / "records.db", (SITE, "t2", "a0")
    kept = Kept(open_records(path), *sites[1:])
    kept.change()
    assert kept.deriver.records().keys() == {*sites}
    if is_damaged:
        assert await kept.keeper.save()
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE polls SET body = x'00'")
        kept.poll()
        assert await kept.keeper.save()
    else:
        with refusing(path, kept.file):
            assert not await kept.keeper.save()
    assert await kept.keeper.save()
    found = open_records(path).sites
    assert {site: found[site].hours.get(kept.number) for site in sites} == dict.fromkeys(sites, HOUR)


async def test_what_was_saved_is_not_saved_again(tmp_path: Path, open_records: OpenRecords) -> None:
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    assert await kept.keeper.save()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM hour")
    assert await kept.keeper.save()
    assert answered_in(path) == 1
    assert kept.number not in open_records(path).sites[SITE].hours


async def test_polls_are_expected_as_often_as_the_agent_says(tmp_path: Path, open_records: OpenRecords) -> None:
    """Otherwise the report would miss polls of a device whose interval was made longer."""
    kept = Kept(open_records(tmp_path / "records.db"))
    kept.change()
    described = msgspec.structs.replace(document(PDU.device), agent=PDU.agent, intervals={"fast": 30.0})
    assert kept.latest.apply_document(SITE, described)
    assert await kept.keeper.save()
    assert kept.keeper.polls.enrolled[PDU].intervals == {"fast": 30.0}


async def test_polls_are_expected_of_an_agent_that_is_offline_and_not_of_a_device_that_was_taken_out(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    """An agent that goes offline names no devices: their polls are missed, and the report must say so."""
    kept = Kept(open_records(tmp_path / "records.db"))
    kept.change()
    for status, is_expected in (
        (hello(PDU.agent, site=SITE, online=False), True),
        (hello(PDU.agent, PDU.device, site=SITE), True),
        (hello(PDU.agent, "another", site=SITE), False),
    ):
        kept.latest.apply_status(status, time.monotonic())
        assert await kept.keeper.save()
        assert (PDU in kept.keeper.polls.enrolled) == is_expected


async def test_a_disk_that_refuses_and_takes_the_records_again_is_logged_once_each(
    tmp_path: Path, open_records: OpenRecords, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    with refusing(path, kept.file):
        assert not await kept.keeper.save()
        assert not await kept.keeper.save()
    assert await kept.keeper.save()
    assert await kept.keeper.save()
    first, second = caplog.messages
    assert first.startswith("records not written, they are kept in memory and tried again every 30 s")
    assert second == f"records are written again path={path}"


async def test_a_stop_counts_what_came_since_the_last_cycle_and_says_that_all_is_saved(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    assert not kept.figures.by_site(time.monotonic())
    await kept.keeper.close()
    assert kept.figures.by_site(time.monotonic()).keys() == {SITE}
    assert ended(path) == [1]


async def test_a_stop_whose_disk_refuses_is_logged_in_one_line_that_blames_the_disk(
    tmp_path: Path, open_records: OpenRecords, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    with refusing(path, kept.file):
        await kept.keeper.close()
    first, second = caplog.messages
    assert first.startswith("records not written")
    assert second.startswith(f"records are not complete at the end, and the report says so path={path} error=[Errno ")
    assert not any(record.exc_info for record in caplog.records)


async def test_a_stop_whose_last_save_failed_does_not_say_that_all_is_saved(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    """The report names such a span as incomplete."""
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE polls")  # the save fails, and what closes the file does not
    await kept.keeper.close()
    assert ended(path) == [0]


async def test_a_save_after_a_week_without_a_collector_does_not_hold_the_loop(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    """5,000 devices are 840,000 hours that were expected and did not come."""
    kept = Kept(open_records(tmp_path / "records.db"))
    week_ago_s = time.time() - 7 * 86_400
    devices = [PolledDevice(SITE, f"gw-{number % 5}", f"pdu-{number}") for number in range(5000)]
    for who in devices:
        kept.keeper.polls.enrolled[who] = ExpectedDevice(
            device_class="pdu",
            since_s=week_ago_s,
            until_s=week_ago_s,
            heard_s=week_ago_s,
            intervals={"fast": 5.0},
            sure={"fast"},
        )
    async with Turns().counted() as turns:
        assert await kept.keeper.save()
    assert max(turns.calls) < CALLS_OF_50_MS / 2, sorted(turns.calls)[-5:]


async def test_however_many_devices_are_described_a_save_looks_at_a_bounded_number_at_a_time(
    tmp_path: Path, open_records: OpenRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rackflow.process.slices.SLICE_S", 0.0)  # each slice has a turn of its own
    longest = []
    for devices in (1_000, 4_000):
        kept = Kept(open_records(tmp_path / f"{devices}.db"))
        for number in range(devices):
            one = msgspec.structs.replace(document(f"pdu-{number}"), agent=PDU.agent, intervals={"fast": 30.0})
            assert kept.latest.apply_document(SITE, one)
        async with Turns().counted() as turns:
            assert await kept.keeper.save()
        longest.append(max(turns.calls))
    assert longest[1] < 2 * longest[0]


async def test_a_stop_does_not_wait_for_a_disk_that_hangs(
    tmp_path: Path, open_records: OpenRecords, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The collector has ten seconds for all of its parts."""
    monkeypatch.setattr(keeper, "CLOSE_S", 0.2)
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    with refusing(path, kept.file, after_ms=20_000):
        await kept.keeper.close()
        assert save_threads(), "the disk still hangs"
        assert f"path={path} error=not done within" in caplog.text
    await eventually(lambda: not save_threads(), "the disk has taken it after all")
    assert ended(path) == [0]


async def test_what_comes_and_goes_while_a_save_waits_for_its_disk_is_saved_with_the_next_one(
    tmp_path: Path, open_records: OpenRecords
) -> None:
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    kept.change()
    enrolled = kept.keeper.polls.enrolled
    with refusing(path, kept.file, after_ms=20_000):
        saving = asyncio.create_task(kept.keeper.save())
        await eventually(save_threads, "the save has begun")
        enrolled[PolledDevice(SITE, "gw", "pdu-new")] = enrolled.pop(PDU)
    assert await saving
    assert open_records(path).enrolled.keys() == {PDU}


async def test_records_are_saved_again_and_again(
    tmp_path: Path, open_records: OpenRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "SAVE_S", 0.01)
    path = tmp_path / "records.db"
    kept = Kept(open_records(path))
    saving = asyncio.create_task(kept.keeper.run())
    for polls in (1, 2):
        kept.change()
        await eventually(lambda expected=polls: answered_in(path) == expected, f"{polls} polls")  # type: ignore[misc]
    saving.cancel()
    await asyncio.wait([saving])
