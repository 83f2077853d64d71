"""The section `outbox`: which outbox it makes, with which limits, and what is refused."""

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from rackflow.outbox.config import DISK_LIMIT_BYTES, MEMORY_LIMIT_BYTES, OutboxSection, make_outbox
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.memory import MemoryOutbox


def test_without_a_limit_memory_has_64_mib_and_disk_one_gib(tmp_path: Path) -> None:
    memory = make_outbox(OutboxSection(mode="memory"), "E1")
    assert isinstance(memory, MemoryOutbox)
    assert memory.stats().limit_bytes == MEMORY_LIMIT_BYTES == 67_108_864
    disk = make_outbox(OutboxSection(mode="disk", path=tmp_path / "outbox.db"), "E1")
    assert isinstance(disk, DiskOutbox)
    assert disk.stats().limit_bytes == DISK_LIMIT_BYTES == 1_073_741_824


def test_a_limit_that_is_given_counts(tmp_path: Path) -> None:
    assert make_outbox(OutboxSection(mode="memory", limit_bytes=65536), "E1").stats().limit_bytes == 65536
    section = OutboxSection(mode="disk", path=tmp_path / "outbox.db", limit_bytes=65537)
    assert make_outbox(section, "E1").stats().limit_bytes == 65537


async def test_how_long_confirmed_messages_are_kept_reaches_the_outbox() -> None:
    """They are still there, where they are kept at all."""
    for section in (
        OutboxSection(mode="memory", keep_confirmed_s=0),
        OutboxSection(mode="memory", keep_confirmed_s=60),
    ):
        outbox = make_outbox(section, "E1")
        outbox.put("t", lambda _: b"x", 5)
        outbox.confirmed((await outbox.take()).key)
        assert len(outbox.stats().account.undelivered) == (section.keep_confirmed_s > 0)


async def test_collectors_that_are_required_reach_the_outbox(tmp_path: Path) -> None:
    """Then PUBACK frees nothing, even before one of them has spoken."""
    required = ["collector-a", "collector-b"]
    for section in (
        OutboxSection(mode="memory", keep_confirmed_s=0, require=required),
        OutboxSection(mode="disk", path=tmp_path / "outbox.db", keep_confirmed_s=0, require=required),
    ):
        assert make_outbox(section, "E1").stats().reports_required
    assert not make_outbox(OutboxSection(mode="memory"), "E1").stats().reports_required


async def test_a_disk_outbox_keeps_confirmed_messages_as_configured_and_others_seven_days(
    tmp_path: Path,
) -> None:
    assert OutboxSection(mode="disk", path=tmp_path / "outbox.db").max_age_s == 604_800
    for kept_s in (0, 60):
        section = OutboxSection(mode="disk", path=tmp_path / f"{kept_s}.db", keep_confirmed_s=kept_s, max_age_s=61)
        outbox = make_outbox(section, "E1")
        assert isinstance(outbox, DiskOutbox)
        await outbox.open()
        outbox.put("t", lambda _: b"x", 5)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(outbox.run())
            outbox.confirmed((await outbox.take()).key)
            assert len(outbox.stats().account.undelivered) == (kept_s > 0)
            writing.cancel()
        await outbox.close()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"mode": "disk"}, "needs `path`"),
        ({"mode": "memory", "path": "a.db"}, "path: only for mode disk"),
        ({"mode": "memory", "path": "a.db", "max_age_s": 60}, "max_age_s and path: only for mode disk"),
        ({"mode": "memory", "limit_bytes": 65535}, "greater than or equal to 65536"),
        ({"mode": "disk", "path": "a.db", "max_age_s": 59}, "greater than or equal to 60"),
        ({"mode": "memory", "backlog_per_s": 0}, "greater than 0"),
        ({"mode": "memory", "keep_confirmed_s": 3601}, "less than or equal to 3600"),
    ],
)
def test_what_makes_no_sense_is_refused(section: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        OutboxSection.model_validate(section)
