"""Measures the ledger in the collector: CPU and wall time to look up and enter messages, with one commit per group."""

import asyncio
import random
import time
from pathlib import Path

from collector.ledger import Entry, EpochKey, LedgerFile

# Enough that one commit's cost does not show in the sum.
MESSAGES = 10_000
# Messages in one commit. A chosen value: more in one commit make each message cheaper.
GROUP = 100
# An arbitrary moment in 2026.
START_MS = 1_795_468_800_000


def run(folder: Path) -> list[str]:
    """The lines of the result: in order, shuffled, and all of it once more."""
    numbers = list(range(1, MESSAGES + 1))
    shuffled = numbers.copy()
    random.Random(1).shuffle(shuffled)  # noqa: S311 - repeatable, not secret
    lines = [f"ledger, {MESSAGES} messages of one agent, {GROUP} to a commit: CPU and wall seconds"]
    for name, known, measured in (
        ("in order", [], numbers),
        ("shuffled", [], shuffled),
        ("came again", numbers, numbers),
    ):
        path = folder / f"ledger-{name.replace(' ', '-')}.db"
        lines.append(f"  {name:<12} {asyncio.run(_measured(path, known, measured))}")
    return lines


async def _measured(path: Path, known: list[int], numbers: list[int]) -> str:
    """CPU and wall seconds to look up and enter messages, in a ledger that has the known ones already."""
    ledger = LedgerFile(path, 400, lambda: START_MS / 1000)
    try:
        await _enter(ledger, known)
        cpu, began = time.process_time(), time.perf_counter()
        await _enter(ledger, numbers)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    finally:
        ledger.close()
    return f"{cpu:.3f} s   {wall:.3f} s"


async def _enter(ledger: LedgerFile, numbers: list[int]) -> None:
    key = EpochKey("site", "agent", "epoch")
    for at in range(0, len(numbers), GROUP):
        entries = [Entry(key, seq, START_MS + seq, START_MS + seq) for seq in numbers[at : at + GROUP]]
        await ledger.are_new(entries)
        await ledger.record(entries)
