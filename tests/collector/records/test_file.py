"""The books' file: what is saved is there after kills, damage costs what is damaged, and a disk that refuses costs nothing."""

import random
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.derive.energy.carbon import Factor
from collector.derive.energy.hourly import Hour, Terms
from collector.derive.energy.records import Head, SiteRecords
from collector.receive.poll_counts import HOUR_S, PollCounts, Polled, PolledDevice
from collector.records.file import (
    DEVICE_MARGIN_H,
    KEPT_H,
    MAX_BODY_BYTES,
    RecordsFile,
    Snapshot,
    pack,
    pack_polls,
    unpack,
    unpack_polls,
)
from rackflow.process.steady import STEADY_S
from tests.collector.conftest import OpenRecords
from tests.collector.store.test_store_file import disk_of

FileAt: TypeAlias = Callable[[Path], RecordsFile]
NOW_S = 500_000 * 3600 + 60.0
PDU = PolledDevice("s", "gw", "pdu-1")
TERMS = Terms(
    quantities=("facility:m",),
    category="1",
    profile_j=43.2e6,
    factor=Factor(600.0, None, estimated=False, source="file", basis="direct"),
    residual=700.0,
)
HOUR = Hour({"facility:m": 1.5e8}, {"facility:m": 3599.5}, {"facility:m": 12.25}, TERMS)


def snapshot(hours: dict[int, Hour] | None = None, answered: int = 0) -> Snapshot:
    poll_counts = PollCounts()
    poll_counts.count(
        Polled(who=PDU, device_class="pdu", poll="fast", interval_s=5.0, time_s=NOW_S + at, up=True)
        for at in range(answered)
    )
    books = SiteRecords(Head(1.0, 2.0, 3, {"facility:m": (4.0, 5.0)}), hours or {})
    return Snapshot({"s": books}, poll_counts.take(), poll_counts.enrolled)


@pytest.fixture
def file_at(open_records: OpenRecords) -> FileAt:
    return lambda path: open_records(path, lambda: NOW_S)


class Clocks:
    """Of a process, seconds: the wall clock and the monotonic one."""

    def __init__(self) -> None:
        self.wall_s, self.now_s = NOW_S, 0.0

    def wait(self, seconds: float) -> None:
        self.wall_s += seconds
        self.now_s += seconds

    def opened(self, path: Path) -> RecordsFile:
        return RecordsFile(path, lambda: self.wall_s, lambda: self.now_s)


@contextmanager
def closed(file: RecordsFile) -> Iterator[RecordsFile]:
    """Closes it at the end of the block."""
    try:
        yield file
    finally:
        file.close(ended=True)


def file_rows(path: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.execute(f"SELECT * FROM {table}"))  # noqa: S608 - of this test


def devices_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [name for (name,) in db.execute("SELECT device FROM device ORDER BY device")]


def hours_in(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [hour for (hour,) in db.execute("SELECT hour FROM hour ORDER BY hour")]


def answered_in(path: Path) -> float:
    with closing(sqlite3.connect(path)) as db:
        bodies = db.execute("SELECT body FROM polls").fetchall()
    return sum(row[1] for (body,) in bodies for row in unpack_polls(body).values())


def test_what_was_saved_is_there_after_a_kill(tmp_path: Path, file_at: FileAt) -> None:
    path = tmp_path / "new" / "books.db"
    killed = file_at(path)
    killed.save(snapshot({500_000: HOUR}, answered=3))
    later = file_at(path)  # the first one was never closed
    assert later.sites == {"s": SiteRecords(Head(1.0, 2.0, 3, {"facility:m": (4.0, 5.0)}), {500_000: HOUR})}
    assert later.enrolled[PDU].intervals == {"fast": 5.0}
    later.save(snapshot(answered=2))
    assert answered_in(path) == 5
    assert file_at(path).sites["s"].hours == {500_000: HOUR}


def test_polls_of_each_site_are_saved_as_its_own(tmp_path: Path, file_at: FileAt) -> None:
    """Devices of two sites may have the same names, and are polled in the same hours."""
    path = tmp_path / "books.db"
    poll_counts = PollCounts()
    for site, answered in (("s", 3), ("t", 5)):
        poll_counts.count(
            Polled(PolledDevice(site, "gw", "pdu-1"), "pdu", "fast", 5.0, NOW_S + at, up=True) for at in range(answered)
        )
    file_at(path).save(Snapshot({}, poll_counts.take(), poll_counts.enrolled))
    with closing(sqlite3.connect(path)) as db:
        found = dict(db.execute("SELECT site, body FROM polls"))
    assert {site: [row[1] for row in unpack_polls(body).values()] for site, body in found.items()} == {
        "s": [3],
        "t": [5],
    }


def test_hours_are_kept_for_400_days(tmp_path: Path) -> None:
    path, clocks = tmp_path / "books.db", Clocks()
    oldest = 500_001 - 400 * 24
    with closed(clocks.opened(path)) as file:
        file.save(snapshot({oldest: HOUR, oldest - 1: HOUR, 500_000: HOUR}))
        clocks.wait(STEADY_S)
        file.save(snapshot())
    assert hours_in(path) == [oldest, 500_000]


def test_the_file_is_not_much_larger_than_what_is_in_it(tmp_path: Path) -> None:
    """Rows of more than 1 kB had a page each for the rest of it: 90 MB instead of 34 in 400 days of a large site."""
    path, rows = tmp_path / "books.db", random.Random(1)  # noqa: S311 - powers of a test
    hours = {
        500_000 + at: Hour({f"it:meter-{meter:02}": rows.random() for meter in range(80)}, {}, {}, TERMS)
        for at in range(300)
    }
    with closed(Clocks().opened(path)) as file:
        file.save(snapshot(hours))
    sizes = [len(body) for _, _, body in file_rows(path, "hour") if isinstance(body, bytes)]
    assert min(sizes) > 1002
    assert path.stat().st_size < 1.7 * sum(sizes)


def test_what_was_metered_is_kept_once_for_all_hours(tmp_path: Path, file_at: FileAt) -> None:
    """A year of a site with 40 meters took 82 MB."""
    path = tmp_path / "books.db"
    file_at(path).save(snapshot({500_000 + at: Hour({}, {}, {}, TERMS) for at in range(3)}))
    hours = file_at(path).sites["s"].hours.values()
    assert {each.terms.quantities for each in hours if each.terms is not None} == {TERMS.quantities}
    assert len({id(each.terms.quantities) for each in hours if each.terms is not None}) == 1


def test_a_device_that_was_replaced_is_kept_as_long_as_an_hour_refers_to_it(tmp_path: Path) -> None:
    path, clocks = tmp_path / "books.db", Clocks()

    def save(file: RecordsFile, *names: str) -> None:
        polls = PollCounts()
        for name in names:
            polls.count(
                [
                    Polled(
                        who=PolledDevice("s", "gw", name),
                        device_class="pdu",
                        poll="fast",
                        interval_s=5.0,
                        time_s=clocks.wall_s,
                        up=True,
                    )
                ]
            )
        file.save(Snapshot({}, polls.take(), polls.enrolled))

    with closed(clocks.opened(path)) as file:
        save(file, "old", "here")
        clocks.wait(STEADY_S)
        save(file, "here")
        assert devices_in(path) == ["here", "old"]
        clocks.wait((KEPT_H + DEVICE_MARGIN_H - 1) * HOUR_S)
        save(file, "here", "new")
        assert devices_in(path) == ["here", "new", "old"]
        clocks.wait(HOUR_S)
        save(file, "here")
        assert devices_in(path) == ["here", "new"]
        assert len(file_rows(path, "device_seen")) == 2


def test_a_device_has_the_class_that_it_was_polled_as_last(tmp_path: Path, file_at: FileAt) -> None:
    """A profile was corrected: the report names the device as what it is."""
    path = tmp_path / "records.db"
    with closed(file_at(path)) as file:
        for device_class in ("pdu", "ups"):
            poll_counts = PollCounts()
            poll_counts.count([Polled(PDU, device_class, "fast", 5.0, NOW_S, up=True)])
            file.save(Snapshot({}, poll_counts.take(), poll_counts.enrolled))
    with closing(sqlite3.connect(path)) as db:
        assert list(db.execute("SELECT device, class FROM device")) == [("pdu-1", "ups")]


def test_kills_are_kept_for_400_days(tmp_path: Path) -> None:
    """A report of last year names its kills as well."""
    path, clocks = tmp_path / "books.db", Clocks()
    began = clocks.wall_s
    clocks.opened(path)._db.close()  # noqa: SLF001 - killed: nothing was written at its end
    for days, is_there in ((399, True), (2, False)):
        clocks.wait(days * 86_400)
        with closed(clocks.opened(path)) as file:
            file.save(snapshot())
            clocks.wait(STEADY_S)
            file.save(snapshot())
        assert (began in [row[0] for row in file_rows(path, "life")]) is is_there


def test_a_report_knows_when_a_collector_that_was_killed_saved_last(tmp_path: Path) -> None:
    """What came after that is missing from the report, and nothing before it is."""
    path, clocks = tmp_path / "books.db", Clocks()
    file = clocks.opened(path)
    for _ in range(2):
        clocks.wait(60.0)
        file.save(snapshot())
    file._db.close()  # noqa: SLF001 - killed: nothing was written at its end
    assert file_rows(path, "life") == [(NOW_S, NOW_S + 120.0, 0)]


def test_devices_of_a_file_that_does_not_say_when_they_were_there_are_kept_for_400_days(tmp_path: Path) -> None:
    path, clocks = tmp_path / "books.db", Clocks()
    with closed(clocks.opened(path)) as file:
        file.save(snapshot(answered=1))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE device_seen")
    with closed(clocks.opened(path)) as file:
        for hours, is_there in ((0, True), (KEPT_H + DEVICE_MARGIN_H, True), (1, False)):
            clocks.wait(hours * HOUR_S)
            file.save(Snapshot({}, {}, {}))
            assert devices_in(path) == (["pdu-1"] if is_there else [])


def test_a_clock_that_is_two_years_ahead_deletes_nothing(tmp_path: Path) -> None:
    """What is deleted does not come back when the clock is right again."""
    path, clocks = tmp_path / "books.db", Clocks()
    with closed(clocks.opened(path)) as file:
        file.save(snapshot({500_000: HOUR}, answered=1))
        clocks.wait(STEADY_S)
        clocks.wall_s += 2 * 365 * 86_400
        file.save(snapshot())
        clocks.wait(STEADY_S - 1)
        file.save(snapshot())
        clocks.wall_s -= 2 * 365 * 86_400
        file.save(snapshot())
    assert hours_in(path) == [500_000]
    assert answered_in(path) == 1


def test_what_is_old_is_deleted_as_soon_as_the_clock_is_steady(tmp_path: Path) -> None:
    """Not only in the next hour, as if it had been deleted by the save before."""
    path, clocks = tmp_path / "books.db", Clocks()
    old = 500_000 - KEPT_H
    with closed(clocks.opened(path)) as file:
        file.save(snapshot({old: HOUR}))
        for seconds, left in ((STEADY_S - 1, [old]), (1, [])):
            clocks.wait(seconds)
            file.save(snapshot())
            assert hours_in(path) == left


@pytest.mark.parametrize("damage", [b"this is no database", b'{"sites":{}}'])
def test_a_file_that_makes_no_sense_is_set_aside(
    tmp_path: Path, file_at: FileAt, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "books.db"
    path.write_bytes(damage)
    file = file_at(path)
    assert file.sites == {}
    assert (tmp_path / "books.db.damaged").read_bytes() == damage
    assert "counting starts from zero" in caplog.text
    file.save(snapshot({500_000: HOUR}))
    file.close(ended=True)
    assert file_at(path).sites["s"].hours


def test_a_row_that_makes_no_sense_is_damage_too(tmp_path: Path, file_at: FileAt) -> None:
    path = tmp_path / "books.db"
    file = file_at(path)
    file.save(snapshot({500_000: HOUR}))
    file.close(ended=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE hour SET body = x'00'")
    assert file_at(path).sites == {}
    assert (tmp_path / "books.db.damaged").exists()


def test_a_disk_that_refuses_is_an_os_error_and_what_was_there_stays(tmp_path: Path, file_at: FileAt) -> None:
    path = tmp_path / "books.db"
    file = file_at(path)
    file.save(snapshot({500_000: HOUR}, answered=1))
    with closing(sqlite3.connect(path, timeout=0.1)) as other:
        other.execute("BEGIN EXCLUSIVE")
        file._db.execute("PRAGMA busy_timeout = 10")  # noqa: SLF001 - waiting five seconds proves nothing more
        with pytest.raises(OSError, match="locked"):
            file.save(snapshot(answered=1))
    file.save(snapshot(answered=1))
    assert answered_in(path) == 2
    with pytest.raises(OSError, match="unable to open"):
        file_at(tmp_path)  # a folder is no file


def test_a_damaged_file_that_cannot_be_set_aside_yet_is_set_aside_once_it_can(tmp_path: Path, file_at: FileAt) -> None:
    """Every save tries it, and the first that works tells that the file has nothing of before."""
    path, aside = tmp_path / "books.db", tmp_path / "books.db.damaged"
    file = file_at(path)
    assert not file.save(snapshot({500_000: HOUR}, answered=1))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(b"\xff" * path.stat().st_size)
    aside.mkdir()  # the disk takes no other file in its place
    for _ in range(2):
        with pytest.raises(OSError, match=r"books\.db\.damaged"):
            file.save(snapshot({500_001: HOUR}, answered=1))
    aside.rmdir()
    assert file.save(snapshot({500_001: HOUR}, answered=1)) is True
    assert file.save(snapshot({500_001: HOUR}, answered=1)) is False
    file.close(ended=True)
    assert list(file_at(path).sites["s"].hours) == [500_001]
    assert answered_in(path) == 2
    assert aside.is_file()


def test_a_damaged_file_stays_set_aside_while_the_disk_takes_no_new_one(tmp_path: Path, file_at: FileAt) -> None:
    """On a full disk files can be renamed, and a new one has no room: the next save must not set that one aside."""
    path, aside = tmp_path / "books.db", tmp_path / "books.db.damaged"
    file = file_at(path)
    file.save(snapshot({500_000: HOUR}))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage = b"\xff" * path.stat().st_size
    path.write_bytes(damage)
    with disk_of(100):
        for _ in range(2):
            with pytest.raises(OSError, match="I/O"):
                file.save(snapshot({500_001: HOUR}))
    assert file.save(snapshot({500_001: HOUR})) is True
    assert aside.read_bytes() == damage
    assert file.save(snapshot()) is False
    # Another damage, later, is set aside again.
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(b"\xfe" * path.stat().st_size)
    assert file.save(snapshot()) is True
    assert aside.read_bytes()[:1] == b"\xfe"


@given(
    st.dictionaries(
        st.integers(1, 100_000), st.lists(st.integers(0, 10**9).map(lambda n: n / 1000), min_size=3, max_size=3)
    )
)
def test_polls_are_packed_without_loss(rows: dict[int, list[float]]) -> None:
    assert unpack_polls(pack_polls(rows)) == rows


def test_an_hour_is_packed_without_loss() -> None:
    assert unpack(pack(HOUR)) == HOUR
    assert unpack(pack(Hour())) == Hour()


def test_a_row_that_is_cut_short_or_that_nobody_can_have_written_is_damage() -> None:
    """A disk that lost the end of a page; and a megabyte that unpacks to more than the memory of the machine."""
    whole = zlib.compress(b" " * 100)
    too_large = zlib.compress(b" " * (MAX_BODY_BYTES + 1))
    for body in (whole[:-5], too_large):
        with pytest.raises(sqlite3.DatabaseError, match="cut short, or larger"):
            unpack(body)
