"""When a running collector writes what is wrong: at once what has held for long, or began earlier than was known; and what hangs fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.problems import files as files_module
from collector.problems.conditions import ConditionMemory
from collector.problems.files import FILE_PART, ProblemFiles
from collector.problems.history import History
from collector.problems.saved import PRESENT_REFRESH_S, Present, read_present
from collector.problems.table import load_table
from rackflow.process.bulkhead import Failures
from tests.collector.problems.course import CDU, FLOW, LEAK, Course
from tests.servers.waiting import eventually


class Saving:
    """The files of a collector whose clock a test sets."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "problems.json"
        self.now, self.asked = 100.0, 0
        self.course = Course()
        self.failures = Failures(FILE_PART, clock=lambda: self.now)
        self.files = ProblemFiles(
            self.path,
            load_table(),
            tracker=self.course.tracker,
            memory=ConditionMemory(),
            history=History(),
            failures=self.failures,
            clock=self._clock,
            wall=lambda: 1000.0 + self.now,
        )

    def _clock(self) -> float:
        self.asked += 1
        return self.now

    @asynccontextmanager
    async def running(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        monkeypatch.setattr(files_module, "SAVE_EVERY_S", 0.01)
        saving = asyncio.create_task(self.files.run(), name="saving")
        try:
            yield
        finally:
            saving.cancel()
            await asyncio.wait([saving])

    async def written(self) -> Present:
        """What is on disk once it was looked at least twice whether something is to be written: each look asks for the time three times."""
        before = self.asked
        await eventually(lambda: self.asked > before + 12, "it was looked at again")
        return read_present(self.path)


@pytest.mark.parametrize(("held_s", "is_written"), [(14.9, False), (15.0, True)])
async def test_what_has_held_for_a_quarter_of_a_minute_is_written_before_it_is_reported(
    held_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_written: bool
) -> None:
    """Else a restart would delay it by that time; shorter ones come and go, and would have the file written as often."""
    assert held_s < PRESENT_REFRESH_S
    saving = Saving(tmp_path)
    saving.course.tracker.update(CDU, {("DcimCduSupplyTemperatureHigh", FLOW[1]): 1.0}, saving.now)
    async with saving.running(monkeypatch):
        assert [each.held_s for each in (await saving.written()).holding] == [0.0]
        saving.now += held_s
        assert [each.held_s for each in (await saving.written()).holding] == [held_s if is_written else 0.0]


async def test_that_a_problem_began_earlier_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late readings of an outage show it; after a restart nobody would send them again."""
    saving = Saving(tmp_path)
    assert saving.course.at(saving.now, LEAK) == {LEAK[0]}
    async with saving.running(monkeypatch):
        assert [each.since_s for each in (await saving.written()).problems] == [1100.0]
        saving.now += 1.0
        saving.course.tracker.note_earlier(LEAK, 500.0)
        assert [each.since_s for each in (await saving.written()).problems] == [500.0]


async def test_files_that_are_looked_at_no_more_are_a_failing_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk hangs: the page must say so before a restart shows what was lost."""
    saving = Saving(tmp_path)
    async with saving.running(monkeypatch):
        await saving.written()
        saving.now += 60.0
        await saving.written()
        assert not saving.failures.failing()[FILE_PART]
    saving.now += 60.0
    assert saving.failures.failing()[FILE_PART]


async def test_the_address_of_a_webhook_is_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may carry a password, and whoever makes backups reads the file."""
    saving, url = Saving(tmp_path), "https://ops:geheim@chat.example/hook/0123456789"
    saving.files.notified(url).add(LEAK)
    async with saving.running(monkeypatch):
        written = await saving.written()
    assert [*written.notified.values()] == [[(LEAK[0], [*LEAK[1]])]]
    assert not any(word in saving.path.read_text(encoding="utf-8") for word in ("geheim", "chat.example", "0123456789"))


async def test_a_disk_that_refuses_the_file_is_a_failing_part_until_it_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = Saving(tmp_path / "folder")
    saving.course.tracker.update(CDU, {FLOW: 1.0}, saving.now)
    async with saving.running(monkeypatch):
        await eventually(lambda: saving.failures.counts[FILE_PART, "FileNotFoundError"] >= 2, "counted")
        saving.path.parent.mkdir()
        await eventually(saving.path.exists, "written")
