"""Files survive what disks and power cuts do, and other tools can import them."""

import asyncio
import gzip
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.receive.dead_letters import DeadLetters
from collector.store.file import FileStore, sound_length
from rackflow import ConfigError, StoreError
from tests.servers.captures import REPOSITORY
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import eventually
from tests.servers.web import request

DAY_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
FILE = "points-2026-11-23.lp.gz"


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = DAY_S

    def __call__(self) -> float:
        return self.now_s


def lines(file: Path) -> list[str]:
    """What a reader of the file gets."""
    return gzip.decompress(file.read_bytes()).decode().splitlines()


def names_and_modes(folder: Path) -> dict[str, int]:
    """The files of a folder and their permissions."""
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


def open_files() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_one_file_per_utc_day_and_a_member_per_write(tmp_path: Path) -> None:
    """Times become nanoseconds; the day changes at midnight UTC."""
    clock = Clock()
    store = FileStore(tmp_path, clock, lambda _: None)
    await store.write(["m f=1.0 1795468800123", "m f=2.0 1795468800124"])
    await store.write(["m f=3.0 1795468800125"])
    clock.now_s += 86_400
    await store.write(["m f=4.0 1795468800126"])
    await store.close()
    assert lines(tmp_path / FILE) == [f"m f={n}.0 179546880012{n + 2}000000" for n in (1, 2, 3)]
    assert lines(tmp_path / "points-2026-11-24.lp.gz") == ["m f=4.0 1795468800126000000"]


async def test_writes_that_overlap_are_one_behind_the_other(tmp_path: Path) -> None:
    """New messages are stored while those of an outage still come from disk: each write may be acknowledged, so each must be there."""
    store = FileStore(tmp_path, Clock(), lambda _: None)
    written = [[f"m,of={write} f={at}.0 {at}" for at in range(500)] for write in range(20)]
    await asyncio.gather(*(store.write(each) for each in written))
    await store.close()
    assert sorted(lines(tmp_path / FILE)) == sorted(f"{line}000000" for each in written for line in each)


async def test_a_file_ends_with_its_utc_day_to_the_second(tmp_path: Path) -> None:
    """A file of a day that is over does not change any more: it may be imported and removed."""
    clock = Clock()
    clock.now_s = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC).timestamp()
    store = FileStore(tmp_path, clock, lambda _: None)
    await store.write(["m f=1.0 1"])
    clock.now_s += 1.0
    await store.write(["m f=2.0 2"])
    await store.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000"]
    assert lines(tmp_path / "points-2026-11-24.lp.gz") == ["m f=2.0 2000000"]


@given(cut=st.integers(min_value=0, max_value=10_000))
@settings(deadline=None)
def test_sound_length_is_the_last_complete_member(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Wherever a file is cut, what remains is the whole writes before."""
    members = [gzip.compress(f"m f={n}.0 {n}\n".encode() * (n * 50 + 1)) for n in range(5)]
    whole = b"".join(members)
    at = cut % (len(whole) + 1)
    file = tmp_path_factory.mktemp("cut") / "points.lp.gz"
    file.write_bytes(whole[:at])
    ends = [sum(map(len, members[: n + 1])) for n in range(len(members))]
    assert sound_length(file) == max([0, *(end for end in ends if end <= at)])


async def test_an_unfinished_write_is_cut_off_also_after_midnight(tmp_path: Path) -> None:
    """`gzip` and `influx write` end with an error at half a member."""
    torn: list[int] = []
    clock = Clock()
    store = FileStore(tmp_path, clock, torn.append)
    await store.write(["m f=1.0 1"])
    await store.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(gzip.compress(b"m f=2.0 2\n")[:-3])
    clock.now_s += 86_400
    store = FileStore(tmp_path, clock, torn.append)
    await store.write(["m f=3.0 3"])
    await store.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000"]
    assert lines(tmp_path / "points-2026-11-24.lp.gz") == ["m f=3.0 3000000"]
    assert torn == [len(gzip.compress(b"m f=2.0 2\n")) - 3]


async def test_a_former_day_that_may_not_be_written_keeps_no_collector_from_starting(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()  # refused to root, too
    clock = Clock()
    clock.now_s += 86_400
    store = FileStore(tmp_path, clock, lambda _: None)
    await store.write(["m f=3.0 3"])
    await store.close()
    assert lines(tmp_path / "points-2026-11-24.lp.gz") == ["m f=3.0 3000000"]


async def test_torn_tail_is_cut_and_counted(tmp_path: Path) -> None:
    """After a power cut in mid-write the earlier writes are whole and the next one can be read."""
    torn: list[int] = []
    store = FileStore(tmp_path, Clock(), torn.append)
    await store.write(["m f=1.0 1"])
    await store.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(gzip.compress(b"m f=2.0 2000000\n")[:-5])
    store = FileStore(tmp_path, Clock(), torn.append)
    await store.write(["m f=3.0 3"])
    await store.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000", "m f=3.0 3000000"]
    assert len(torn) == 1


async def test_an_unfinished_write_is_gone_also_where_it_was_longer_than_the_next_one(tmp_path: Path) -> None:
    """Whoever reads the file on the day after must not find half a write at its end."""
    store = FileStore(tmp_path, Clock(), lambda _: None)
    await store.write(["m f=1.0 1"])
    await store.close()
    torn: list[int] = []
    with (tmp_path / FILE).open("ab") as file:
        file.write(gzip.compress("".join(f"m f={each}.0 {each}\n" for each in range(5000)).encode())[:-5])
    store = FileStore(tmp_path, Clock(), torn.append)
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000"]
    await store.write(["m f=3.0 3"])
    await store.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000", "m f=3.0 3000000"]
    assert torn[0] > 5000


async def test_a_restart_keeps_all_of_a_file_of_several_megabytes(tmp_path: Path) -> None:
    """It is read in pieces, and whole writes end and begin within them; all of them were confirmed."""
    store = FileStore(tmp_path, Clock(), lambda _: None)
    for at in range(8):
        await store.write([f'm t="{os.urandom(400_000).hex()}" {at}'])
    await store.close()
    whole = (tmp_path / FILE).read_bytes()
    assert len(whole) > 3 << 20
    torn: list[int] = []
    store = FileStore(tmp_path, Clock(), torn.append)
    await store.write(["m f=1.0 1"])
    await store.close()
    assert torn == []
    assert (tmp_path / FILE).read_bytes()[: len(whole)] == whole
    assert lines(tmp_path / FILE)[-1] == "m f=1.0 1000000"


async def test_damage_in_the_middle_of_a_file_costs_the_write_that_it_is_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them were confirmed, and none comes again. Behind them is an unfinished one, as after a power cut."""
    ends: list[int] = []
    for at in range(4):
        store = FileStore(tmp_path, Clock(), lambda _: None)
        await store.write([f"m f={each}.0 {each}" for each in range(at * 1000, at * 1000 + 1000)])
        await store.close()
        ends.append((tmp_path / FILE).stat().st_size)
    damaged = bytearray((tmp_path / FILE).read_bytes() + gzip.compress(b"m f=9.0 9\n", mtime=0)[:-4])
    damaged[ends[0] + 500] ^= 0x55
    for count in (1, 2):
        (tmp_path / FILE).write_bytes(damaged)
        torn: list[int] = []
        store = FileStore(tmp_path, Clock(), torn.append)
        await store.write(["m f=1.0 1"])
        await store.close()
        kept = [f"m f={each}.0 {each}000000" for each in (*range(1000), *range(2000, 4000))]
        assert lines(tmp_path / FILE) == [*kept, "m f=1.0 1000000"]
        assert torn == [len(damaged) - ends[3] + ends[1] - ends[0]]
        assert names_and_modes(tmp_path).keys() == {FILE, *(f"{FILE}.damaged", f"{FILE}.damaged-2")[:count]}
    assert {(tmp_path / f"{FILE}.{name}").read_bytes() for name in ("damaged", "damaged-2")} == {bytes(damaged)}
    assert f"kept={FILE}.damaged-2" in caplog.text


async def test_of_a_file_that_is_damaged_at_its_beginning_or_all_over_the_rest_is_kept(tmp_path: Path) -> None:
    store = FileStore(tmp_path, Clock(), lambda _: None)
    await store.write(["m f=1.0 1"])
    first = (tmp_path / FILE).stat().st_size
    await store.write(["m f=2.0 2"])
    await store.close()
    second = (tmp_path / FILE).read_bytes()[first:]
    (tmp_path / FILE).write_bytes(bytes(5000) + second)
    await FileStore(tmp_path, Clock(), lambda _: None).close()
    assert lines(tmp_path / FILE) == ["m f=2.0 2000000"]
    # As after a power cut with a file system that has noted the length and not the data.
    (tmp_path / FILE).write_bytes(second + bytes(5000))
    await FileStore(tmp_path, Clock(), lambda _: None).close()
    assert (tmp_path / FILE).read_bytes() == second
    assert len(names_and_modes(tmp_path)) == 2


async def test_the_day_is_that_of_utc_wherever_the_collector_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        await FileStore(tmp_path, Clock(), lambda _: None).close()
        assert names_and_modes(tmp_path).keys() == {FILE}
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_file_is_of_its_owner_and_group_and_that_of_the_day_before_is_closed(tmp_path: Path) -> None:
    clock, before = Clock(), os.umask(0)
    try:
        store = FileStore(tmp_path, clock, lambda _: None)
        await store.write(["m f=1.0 1"])
        files = open_files()
        for _ in range(5):
            clock.now_s += 86_400
            await store.write(["m f=2.0 2"])
        assert open_files() == files
        await store.close()
    finally:
        os.umask(before)
    assert list(names_and_modes(tmp_path).values()) == [0o640] * 6


async def test_two_collectors_cannot_write_to_one_folder(tmp_path: Path) -> None:
    """Each writes at an offset of its own: what one of them has acknowledged, the other one would overwrite."""
    store = FileStore(tmp_path, Clock(), lambda _: None)
    await store.write(["m f=1.0 1"])
    after_midnight = Clock()
    after_midnight.now_s += 86_400
    for clock in (Clock(), after_midnight):
        with pytest.raises(
            ConfigError, match=rf"store\.path: .*{FILE} is in use by another process; .*give each its own"
        ):
            FileStore(tmp_path, clock, lambda _: None)
    await store.write(["m f=2.0 2"])
    await store.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000", "m f=2.0 2000000"]
    store = FileStore(tmp_path, Clock(), lambda _: None)
    await store.write(["m f=3.0 3"])
    await store.close()
    assert lines(tmp_path / FILE)[2:] == ["m f=3.0 3000000"]


async def test_a_write_while_another_collector_has_the_file_fails_and_is_tried_again(tmp_path: Path) -> None:
    """Its folder was emptied by hand, so that another collector could start in it."""
    first = FileStore(tmp_path, Clock(), lambda _: None)
    (tmp_path / FILE).unlink()
    second = FileStore(tmp_path, Clock(), lambda _: None)
    with pytest.raises(StoreError, match="is in use by another process") as raised:
        await first.write(["m f=1.0 1"])
    assert raised.value.retryable
    await second.close()
    await first.write(["m f=1.0 1"])
    await first.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000"]


@pytest.mark.parametrize("is_moved", [True, False])
async def test_what_follows_a_file_that_was_moved_away_goes_into_a_new_one(tmp_path: Path, *, is_moved: bool) -> None:
    """Whoever moves today's file away to import it must not lose what is acknowledged after that."""
    (tmp_path / "points").mkdir()
    store = FileStore(tmp_path / "points", Clock(), lambda _: None)
    await store.write(["m f=1.0 1"])
    file = tmp_path / "points" / FILE
    if is_moved:
        file.rename(tmp_path / "imported.lp.gz")
    else:
        file.unlink()
    for at in (2, 3):
        await store.write([f"m f={at}.0 {at}"])
    await store.close()
    assert lines(file) == ["m f=2.0 2000000", "m f=3.0 3000000"]
    if is_moved:
        assert lines(tmp_path / "imported.lp.gz") == ["m f=1.0 1000000"]


@contextmanager
def disk_of(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


async def test_full_disk_is_retryable_and_leaves_the_file_whole(tmp_path: Path) -> None:
    """A write that only went half-way is taken back; when there is room again the file goes on."""
    store = FileStore(tmp_path, Clock(), lambda _: None)
    await store.write(["m f=1.0 1"])
    size = (tmp_path / FILE).stat().st_size
    with disk_of(size + 20), pytest.raises(StoreError) as raised:
        await store.write([f"m f={n}.0 {n}" for n in range(1000)])
    assert raised.value.retryable
    assert (tmp_path / FILE).stat().st_size == size
    await store.write(["m f=2.0 2"])
    await store.close()
    assert lines(tmp_path / FILE) == ["m f=1.0 1000000", "m f=2.0 2000000"]


def test_kill_9_in_mid_write_loses_no_confirmed_point(tmp_path: Path) -> None:
    """Whatever `write` returned for is there afterwards."""
    program = f"""
import asyncio, sys, time
from pathlib import Path
from collector.store.file import FileStore
async def go():
    store = FileStore(Path({str(tmp_path)!r}), time.time, lambda _: None)
    n = 0
    while True:
        await store.write([f"m f={{n}}.0 {{n}}"])
        print(n, flush=True)
        n += 1
asyncio.run(go())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=REPOSITORY)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    process.kill()
    confirmed = 20 + len(process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()
    [file] = tmp_path.glob("*.lp.gz")
    sound = gzip.decompress(file.read_bytes()[: sound_length(file)]).splitlines()
    assert len(sound) >= confirmed


async def test_a_file_is_imported_as_it_is(tmp_path: Path, victoria_metrics: VictoriaMetrics) -> None:
    """What `influx write --compression gzip` sends: the file's bytes, nanoseconds, Content-Encoding gzip."""
    store = FileStore(tmp_path, Clock(), lambda _: None)
    await store.write(["dcim_cdu,device=c supply_temperature_celsius=32.125 1795468800123"])
    await store.write(["dcim_cdu,device=c supply_temperature_celsius=32.25 1795468801123"])
    await store.close()
    headers = {"Content-Encoding": "gzip"}
    address = f"{victoria_metrics.url}/api/v2/write"
    answer = request(address, {"precision": "ns"}, body=(tmp_path / FILE).read_bytes(), headers=headers)
    assert answer.status == 204
    found = await eventually(lambda: victoria_metrics.export('{device="c"}'), "the series")
    assert found[0].points == {1795468800123: 32.125, 1795468801123: 32.25}


def test_dead_letters_are_bounded_and_survive_a_full_disk(tmp_path: Path) -> None:
    """Two files of half the limit each at most; a refused write is said, not raised."""
    path = tmp_path / "dead.jsonl"
    letters = DeadLetters(path, 100_000)
    for n in range(100):
        assert letters.write(n, "topic", reason="schema", error="error", payload=b"x" * 5000, size_bytes=5000)
    sizes = [path.stat().st_size, path.with_name("dead.jsonl.1").stat().st_size]
    assert max(sizes) <= 50_000
    assert '"time": 99' in path.read_text(encoding="utf-8")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dead.jsonl", "dead.jsonl.1"]
    with disk_of(sizes[0] + 5):
        assert not letters.write(1, "topic", reason="schema", error="error", payload=b"", size_bytes=0)
    letters.close()
