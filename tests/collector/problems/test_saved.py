"""What outlives a restart: when the files are written, what is read from earlier ones, and what had begun to hold."""

import asyncio
import json
import os
import time
from pathlib import Path

import msgspec
import pytest

from collector.latest import Latest
from collector.problems import Monitor, load_table, remembered_file
from collector.problems.conditions import ConditionMemory
from collector.problems.files import ProblemFiles
from collector.problems.history import History, history_files
from collector.problems.saved import (
    BYTES_PER_S,
    MAX_BYTES,
    REMEMBERED_REFRESH_S,
    Holding,
    Present,
    Saved,
    StateFile,
    encode_remembered_steps,
    read_present,
    read_remembered,
)
from collector.problems.tracker import RESTORED_S, Tracker
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through
from tests.collector.problems.course import CDU, FLOW, Course, never
from tests.servers.strace import on_disk, said, synced, traced
from tests.servers.waiting import PATIENCE_S, eventually

Labels = tuple[tuple[str, str], ...]
LABELS: Labels = (("device", "pdu-1"), ("phase", "L1"), ("site", "t1"))
SEEN_S = 1_795_000_000.0


def monitor(path: Path) -> Monitor:
    """As after a start."""
    failures = Failures("problems", "problems_file")
    return Monitor(load_table(), Latest(100), lambda _: {}, lambda: (), failures, path=path)


async def test_a_file_is_written_when_something_came_or_went_and_seldom_when_only_times_moved(tmp_path: Path) -> None:
    """A thousand looks within ten minutes write it once more."""
    file = StateFile(tmp_path / "p.json", REMEMBERED_REFRESH_S)
    written: list[float] = []
    for step in range(1000):
        now = step * REMEMBERED_REFRESH_S / 999
        count = 1 if now < 100 else 2
        if file.is_due(count, now):
            await file.write(b"x", count, now)
            written.append(now)
    assert [round(each / 10) for each in written] == [0, 10]
    assert file.is_due(2, written[-1] + REMEMBERED_REFRESH_S)


async def test_a_large_file_that_changes_all_the_time_is_written_at_a_bounded_rate(tmp_path: Path) -> None:
    """A megabyte with something new in every second of a minute."""
    file, data = StateFile(tmp_path / "p.json", REMEMBERED_REFRESH_S), b"x" * 1_000_000
    written = 0
    for now in range(60):
        if file.is_due(now, now):
            await file.write(data, now, now)
            written += len(data)
    assert 0 < written <= 60 * BYTES_PER_S + len(data)


async def test_a_file_that_the_disk_refuses_is_still_due(tmp_path: Path) -> None:
    """Its folder is not there."""
    file = StateFile(tmp_path / "none" / "p.json", REMEMBERED_REFRESH_S)
    with pytest.raises(OSError, match="none"):
        await file.write(b"x", 1, 0.0)
    assert file.is_due(1, 1.0)


SAVING = """
import asyncio, os, sys
from pathlib import Path
from collector.problems.history import Ended, append_history
from collector.problems.saved import StateFile

async def main():
    folder = Path(sys.argv[1])
    os.write(1, b"saving")
    await StateFile(folder / "p.json", 60.0).write(b"problems", 1, 0.0)
    os.write(1, b"saved")
    append_history(folder / "h.jsonl", [Ended("DcimSmoke", [], 1.0, 2.0, 1.0, 1.0, True)])
    os.write(1, b"appended")

asyncio.run(main())
"""


def test_the_files_of_problems_are_on_disk_with_their_names(tmp_path: Path) -> None:
    """An empty file after a power cut would have everybody notified again of every problem."""
    found = traced(tmp_path, SAVING, tmp_path)
    saving, saved, appended = (said(found, text) for text in ("saving", "saved", "appended"))
    assert on_disk(found, "/.p.json.new", saving, saved)
    content = next(call for call in found if call.path.endswith("/.p.json.new") and call.name == "fsync")
    assert synced(found, str(tmp_path), content, saved), "the name, after the content"
    assert on_disk(found, "/h.jsonl", saved, appended)
    assert synced(found, str(tmp_path), saved, appended)
    assert [each.name for each in tmp_path.glob(".*")] == []


def test_what_is_remembered_is_read_as_it_was_written(tmp_path: Path) -> None:
    """More entries than one slice has."""
    seen: dict[tuple[str, Labels], float] = {
        ("DcimPhaseDead", (("device", f"pdu-{at}"),)): SEEN_S + at for at in range(1200)
    }
    highest: dict[tuple[str, Labels], list[tuple[float, float]]] = {
        ("DcimDeviceGivesLess", LABELS): [(40.0, SEEN_S), (38.0, SEEN_S + 1)]
    }
    path = remembered_file(tmp_path / "problems.json")
    assert read_remembered(path) is None
    path.write_bytes(run_through(encode_remembered_steps(seen, highest)))
    found = read_remembered(path)
    assert found is not None
    assert {(name, tuple(labels)): at_s for name, labels, at_s in found.seen} == seen
    assert {(name, tuple(labels)): peaks for name, labels, peaks in found.highest} == highest


@pytest.mark.parametrize("is_upgrade", [True, False])
async def test_a_restart_remembers_what_was_there_also_from_the_one_file_of_an_earlier_version(
    tmp_path: Path, *, is_upgrade: bool
) -> None:
    """The second file is the truth once it is there."""
    path = tmp_path / "problems.json"
    seen = ["DcimPhaseDead", LABELS, SEEN_S]
    path.write_text(json.dumps({"version": 1, "problems": [], "seen": [seen], "told": {}, "highest": []}))
    if not is_upgrade:
        key = "DcimPhaseDead", LABELS
        remembered_file(path).write_bytes(run_through(encode_remembered_steps({key: SEEN_S + 9}, {})))
    one = monitor(path)
    await one.files.load()
    assert one.remembered() == {("DcimPhaseDead", LABELS): SEEN_S + (0 if is_upgrade else 9)}


async def test_a_problem_that_this_version_does_not_know_costs_no_other(tmp_path: Path) -> None:
    """After an upgrade that renamed one: the others, who was notified, and what was about to be reported go on."""
    path = tmp_path / "problems.json"
    saved = [Saved(name, list(FLOW[1]), list(CDU), 1.0, 1.0, SEEN_S) for name in ("DcimOfAnotherVersion", FLOW[0])]
    url = "http://127.0.0.1:1/hook"
    before = monitor(path)
    before.files.notified(url).add(FLOW)
    digests = [*before.files._notified]  # noqa: SLF001 - as it is written
    reported = {digest: [(FLOW[0], list(FLOW[1]))] for digest in digests}
    holding = [Holding("DcimCduAllPumpsStopped", list(FLOW[1]), list(CDU), 4.0, SEEN_S)]
    path.write_bytes(msgspec.json.encode(Present(1, saved, reported, holding)))
    one = monitor(path)
    await one.files.load()
    assert [each.key for each in one.tracker.active()] == [FLOW]
    assert one.files.notified(url) == {FLOW}
    key = "DcimCduAllPumpsStopped", FLOW[1]
    one.tracker.update(CDU, {key: 1.0}, time.monotonic(), decides=never)
    (found,) = one.tracker.holding()
    assert (found.key, found.began_to_hold_s) == (key, SEEN_S)


async def test_what_were_groups_of_each_agent_before_an_upgrade_is_one_group_and_told_to_nobody_again(
    tmp_path: Path,
) -> None:
    """A row has lost a feed while the collector is upgraded, to a version in which its agents count together."""
    path, url, row = tmp_path / "problems.json", "http://127.0.0.1:1/hook", "DcimRowFeedLost"
    place = [("feed", "A"), ("room", "r"), ("row", "a"), ("site", "t1")]
    of_agents = [sorted([("agent", agent), *place]) for agent in "gh"]
    shares = ["share", row]
    saved = [Saved(row, labels, shares, 1.0, 1.0, SEEN_S + late) for late, labels in enumerate(of_agents)]
    before = monitor(path)
    before.files.notified(url)
    reported = {digest: [(row, labels) for labels in of_agents] for digest in before.files._notified}  # noqa: SLF001
    holding = [Holding("DcimRoomFeedLost", [each for each in of_agents[0] if each[0] != "row"], shares, 4.0, SEEN_S)]
    path.write_bytes(msgspec.json.encode(Present(1, saved, reported, holding)))
    one = monitor(path)
    await one.files.load()
    key = row, tuple(place)
    assert [(each.key, each.since_s) for each in one.tracker.active()] == [(key, SEEN_S)]
    assert one.files.notified(url) == {key}
    room = "DcimRoomFeedLost", tuple(each for each in place if each[0] != "row")
    one.tracker.update(("share", row), {room: 1.0}, time.monotonic(), decides=never)
    assert [(each.key, each.began_to_hold_s) for each in one.tracker.holding()] == [(room, SEEN_S)]


async def test_after_a_restart_it_is_known_how_much_a_device_once_gave(tmp_path: Path) -> None:
    """Otherwise a battery that gives less since the morning would be as good as new after an upgrade at noon."""
    path, key = tmp_path / "problems.json", ("DcimDeviceGivesLess", LABELS)
    peaks = [(40.0, SEEN_S), (30.0, SEEN_S + 60.0)]
    remembered_file(path).write_bytes(run_through(encode_remembered_steps({}, {key: peaks})))
    table, memory = load_table(), ConditionMemory()
    files = ProblemFiles(
        path,
        table,
        tracker=Tracker(table),
        memory=memory,
        history=History(),
        failures=Failures("problems_file"),
        clock=lambda: 100.0,
        wall=lambda: SEEN_S + 120.0,
    )
    await files.load()
    row = next(each for each in table.problems["DcimDeviceGivesLess"].when if each.fell is not None)
    assert row.fell is not None
    below = row.fell.below_share * 40.0
    assert memory.has_fallen(*key, below - 0.1, row, SEEN_S + 120.0)
    assert not memory.has_fallen(*key, below + 0.1, row, SEEN_S + 120.0)


@pytest.mark.parametrize("damaged", ["remembered", "history", "present"])
async def test_one_damaged_file_costs_what_is_in_it_and_nothing_else(
    damaged: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the present problems everybody would be notified of all of them again."""
    path = tmp_path / "problems.json"
    problem = Saved(FLOW[0], list(FLOW[1]), list(CDU), 1.0, 1.0, SEEN_S)
    path.write_bytes(msgspec.json.encode(Present(1, [problem])))
    key = "DcimPhaseDead", LABELS
    remembered_file(path).write_bytes(run_through(encode_remembered_steps({key: SEEN_S}, {})))
    files = {"present": path, "remembered": remembered_file(path), "history": history_files(path)[0]}
    if damaged == "history":
        files[damaged].mkdir()
    else:
        files[damaged].write_bytes(b"{" + b"\0" * 100)
    one = monitor(path)
    await one.files.load()
    assert one.remembered() == ({} if damaged == "remembered" else {key: SEEN_S})
    active = [tracked.problem.name for tracked in one.tracker.active()]
    assert active == ([] if damaged == "present" else [FLOW[0]])
    assert str(files[damaged]) in caplog.text


@pytest.mark.parametrize(
    ("taken_at", "first", "reported"),
    [(0.0, "holds", True), (0.0, "silent", True), (0.0, "over", False), (-RESTORED_S, "holds", False)],
    ids=["it holds at the first look", "its device is silent then", "it does not hold then", "it was long ago"],
)
def test_what_held_before_a_restart_goes_on_if_its_first_readings_show_that_it_holds(
    taken_at: float,
    first: str,
    reported: bool,  # noqa: FBT001 - a case
) -> None:
    held = load_table().problems[FLOW[0]].hold_s - 5.0
    assert held > 0
    course = Course()
    course.tracker.restore_holding(CDU, FLOW, held, 0.0, taken_at)
    course.at(1.0, *([FLOW] if first == "holds" else []), silent=first == "silent")
    assert course.at(2.0, FLOW) == set()
    assert course.at(5.5, FLOW) == set()
    assert (course.at(7.5, FLOW) != set()) == reported


def test_what_held_before_a_restart_goes_on_though_another_class_is_polled_first() -> None:
    """The first message of its device has temperatures only, which say nothing of its flow."""
    held = load_table().problems[FLOW[0]].hold_s - 5.0
    course = Course()
    course.tracker.restore_holding(CDU, FLOW, held, 0.0, 0.0)
    course.tracker.update(CDU, {}, 1.0, decides=never)
    assert course.at(2.0, FLOW) == course.at(6.5, FLOW) == set()
    assert course.at(7.0, FLOW) == {FLOW[0]}


def test_what_went_on_after_a_restart_and_ended_begins_again_the_next_time() -> None:
    warm = "DcimCduSupplyTemperatureHigh", FLOW[1]
    held = load_table().problems[warm[0]].hold_s - 5.0
    course = Course()
    course.tracker.restore_holding(CDU, warm, held, 0.0, 0.0)
    assert course.at(1.0, warm) == course.at(2.0) == course.at(3.0, warm) == course.at(8.5, warm) == set()


def test_what_counts_within_a_window_goes_on_after_a_restart() -> None:
    """Low flow that comes and goes: what it had held before is counted, and once."""
    table = load_table()
    held = table.problems[FLOW[0]].hold_s - 5.0
    assert table.problems[FLOW[0]].within_s
    course = Course()
    course.tracker.restore_holding(CDU, FLOW, held, 0.0, 0.0)
    assert course.at(1.0, FLOW) == course.at(2.0) == course.at(3.0, FLOW) == course.at(6.9, FLOW) == set()
    assert course.at(7.1, FLOW) == {FLOW[0]}


class Restarted:
    """What the files give to a collector that is started again, `away_s` later."""

    def __init__(self, path: Path) -> None:
        self.path, self.now = path, 100.0
        self.course, self.memory = Course(), ConditionMemory()

    async def restart(self, away_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its clock begins anew: a monotonic one is that of the host."""
        monkeypatch.setattr("collector.problems.files.SAVE_EVERY_S", 0.01)
        wall_s = SEEN_S + self.now
        saving = asyncio.create_task(self._files(wall_s).run(), name="saving")
        await eventually(self.path.exists, "the problems are written")
        saving.cancel()
        await asyncio.wait([saving])
        self.now, self.course, self.memory = 5.0, Course(), ConditionMemory()
        await self._files(wall_s + away_s).load()

    def _files(self, wall_s: float) -> ProblemFiles:
        return ProblemFiles(
            self.path,
            load_table(),
            tracker=self.course.tracker,
            memory=self.memory,
            history=History(),
            failures=Failures("problems_file"),
            clock=lambda: self.now,
            wall=lambda: wall_s,
        )


@pytest.mark.parametrize(("away_s", "is_reported"), [(5.0, True), (50.0, False)])
async def test_what_had_counted_within_a_window_counts_though_it_does_not_hold_when_the_collector_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away_s: float, *, is_reported: bool
) -> None:
    """Ten seconds of low flow, which is good when the collector stops; five more of them within the same minute, or not."""
    one = Restarted(tmp_path / "problems.json")
    for second in range(11):
        one.course.at(80.0 + second, FLOW)
    assert one.course.at(91.0) == set()
    await one.restart(away_s, monkeypatch)
    assert one.course.at(6.0) == set()
    for second in range(6):
        one.course.at(7.0 + second, FLOW)
    assert (one.course.reported() == {FLOW[0]}) == is_reported


async def test_a_problem_that_counts_within_a_window_does_not_end_with_the_first_dip_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load of 85 % for ten minutes of the last half hour, between dips."""
    high, one = ("DcimUpsLoadHigh", LABELS), Restarted(tmp_path / "problems.json")
    assert one.course.at(100.0 - 900.0, high) == set()
    assert one.course.at(100.0, high) == {high[0]}
    await one.restart(5.0, monkeypatch)
    assert one.course.at(6.0, high) == one.course.at(7.0) == one.course.at(7.0 + 300.0) == {high[0]}


async def test_what_has_come_and_gone_counts_on_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, one = "device:dcim_device_up_changes:count", Restarted(tmp_path / "problems.json")
    for second in range(6):
        one.memory.count_changes(record, LABELS, float(second % 2), 1800.0, SEEN_S + second)
    one.memory.count_changes(record, (("device", "steady"),), 1.0, 1800.0, SEEN_S)
    one.memory.count_changes("of:another_version:count", LABELS, 1.0, 1800.0, SEEN_S)
    one.memory.count_changes("of:another_version:count", LABELS, 0.0, 1800.0, SEEN_S)
    await one.restart(5.0, monkeypatch)
    assert one.memory.changes.keys() == {(record, LABELS)}
    assert one.memory.count_changes(record, LABELS, 0.0, 1800.0, SEEN_S + 60.0) == 6


def test_what_is_reported_is_not_kept_as_about_to_be_as_well() -> None:
    """After a restart it would be both: reported, and beginning again."""
    course, hold_s = Course(), load_table().problems[FLOW[0]].hold_s
    assert course.at(0.0, FLOW) == set()
    assert [each.key for each in course.tracker.holding()] == [FLOW]
    assert course.at(hold_s, FLOW) == {FLOW[0]}
    assert course.tracker.holding() == []


async def test_a_file_that_cannot_be_read_to_its_end_keeps_no_collector_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipe into which nobody writes stands for a file system that hangs."""
    path = tmp_path / "problems.json"
    os.mkfifo(path)
    monkeypatch.setattr("collector.problems.files.LOAD_S", 0.5)
    started = monitor(path)
    async with asyncio.timeout(PATIENCE_S):
        await started.files.load()
    os.close(os.open(path, os.O_RDWR))  # lets the thread go
    assert f"file={path} error=not read within 0.5 s" in caplog.text


async def test_at_its_first_start_a_collector_has_no_file_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await monitor(tmp_path / "problems.json").files.load()
    assert caplog.messages == []


def test_a_file_that_no_collector_can_have_written_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "problems.json"
    path.touch()
    os.truncate(path, MAX_BYTES + 1)  # without any content on the disk
    for read in (read_present, read_remembered):
        with pytest.raises(ValueError, match="larger than any that was written here"):
            read(path)
