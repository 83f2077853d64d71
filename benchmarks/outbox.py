"""Measures how the outbox delays the event loop at 1,000 messages a second: on this disk, and on one whose fsync takes 0.3 s.

And how long it takes to delete the backlog of an hour in which the collector was away, once the collector has stored it; and what is
written to the disk at the rate of a small site.
"""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rackflow.documents import Stored
from rackflow.outbox import DiskOutbox, Limits

# Ten times what an agent of 500 devices sends, each message of the size of a rack PDU's poll.
RATE_PER_S = 1000
PAYLOAD = b"x" * 1500
# How often the loop is looked at; shorter than any hold that matters.
TICK_S = 0.001
# Messages under way before the publisher waits for confirmations, as in `agent/publish/connection.py`.
WINDOW = 32
# Messages between two reports of a collector, 1.5 s apart at this rate.
REPORT_EVERY = 1500
# fsync of the slow disk, 0.3 s: as of an SD card or an overloaded array.
DELAY_US = 300_000
# An hour of 500 devices at the default rates, and how many of its messages are put between two waits for the disk (15 MB).
BACKLOG = 360_000
FILLED_AT_ONCE = 10_000
# A small site: messages a second, each of the size of a poll of a rack PDU (kB of JSON whose figures change).
SITE_RATE_PER_S = 7
# In less than a minute, the space that is allocated ahead at the start outweighs the messages (2.0 bytes for each byte in 20 s, 1.9 in
# 60 s).
SITE_SECONDS = 60.0
SITE_VALUES = 44
REPOSITORY = Path(__file__).resolve().parents[1]


def run(folder: Path, seconds: float) -> list[str]:
    """The lines of the result. strace delays fsync to make a slow disk; without strace that part is skipped with a note."""
    lines = [f"outbox, {RATE_PER_S} messages a second, {seconds:g} s: longest time the event loop was held"]
    lines.append(f"  this disk             {_measured([], folder / 'plain.db', seconds)}")
    lines.append(f"  {asyncio.run(free(folder / 'backlog.db'))}")
    lines.append(f"  {asyncio.run(wear(folder / 'site.db', max(seconds, SITE_SECONDS)))}")
    if (strace := shutil.which("strace")) is None:
        return [*lines, "  a disk of 0.3 s       not measured: strace is not installed"]
    calls = "fsync,fdatasync"
    slow = [
        strace,
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={calls}",
        "-e",
        f"inject={calls}:delay_exit={DELAY_US}",
    ]
    return [*lines, f"  a disk of 0.3 s       {_measured(slow, folder / 'slow.db', seconds)}"]


def _measured(prefix: list[str], path: Path, seconds: float) -> str:
    command = [*prefix, sys.executable, "-m", "benchmarks.outbox", str(path), str(seconds)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=seconds + 60)
    return done.stdout.strip()


async def measure_delays(held_s: list[float]) -> None:
    """Record how late the event loop runs a task that asked to be woken, s."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(TICK_S)
        held_s.append(loop.time() - before - TICK_S)


async def drive(path: Path, seconds: float) -> str:
    """Put, take, confirm and delete messages while a ticker measures how late the event loop runs it."""
    outbox = DiskOutbox(path, "E", Limits(2**30, 3600, 90), 1e6)
    await outbox.open()
    loop = asyncio.get_running_loop()
    latest: list[float] = []
    delays: list[float] = []
    put_at: dict[int, float] = {}

    async def deliver() -> None:
        while True:
            message = await outbox.take()
            delays.append(loop.time() - put_at.pop(message.key))
            outbox.confirmed(message.key)
            if len(delays) % REPORT_EVERY == 0:
                outbox.stored(Stored(agent="a", collector="c", ledger="l", time=1, durable={"E": [(1, message.key)]}))
            if len(delays) % WINDOW == 0:
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work, name="outbox") for work in (outbox.run(), measure_delays(latest), deliver())]
        began = loop.time()
        while loop.time() - began < seconds:
            for _ in range(RATE_PER_S // 100):
                key = outbox.put("t", lambda _: PAYLOAD, int(time.time() * 1000))
                put_at[key] = loop.time()
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
    await outbox.close()
    held_ms = sorted(1000 * late for late in latest)
    return (
        f"{held_ms[-1]:5.1f} ms (99.9 % below {held_ms[int(len(held_ms) * 0.999)]:.1f} ms); "
        f"{len(delays)} delivered, at most {max(delays):.2f} s after they were put"
    )


async def free(path: Path) -> str:
    """Fill an outbox with an hour's messages, and have a collector say that it has stored them all."""
    outbox = DiskOutbox(path, "E", Limits(2**31, 36_000, 90), 1e6)
    await outbox.open()
    # From a collector's first report on, what the broker confirmed is kept until the collector reports it as durable.
    outbox.stored(Stored(agent="a", collector="c", ledger="l", time=1, durable={}))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(outbox.run(), name="outbox")
        handing = group.create_task(_confirm_all(outbox), name="confirm")
        for number in range(1, BACKLOG + 1):
            outbox.put("t", lambda _: PAYLOAD, int(time.time() * 1000))
            if number % FILLED_AT_ONCE == 0:
                await outbox.saved(number)
        await handing
        held_s: list[float] = []
        ticking = group.create_task(measure_delays(held_s), name="tick")
        began, cpu_s = time.monotonic(), time.process_time()
        outbox.stored(Stored(agent="a", collector="c", ledger="l", time=1, durable={"E": [(1, BACKLOG)]}))
        limit_bytes = outbox.stats().size_bytes // 100
        while outbox.stats().size_bytes > limit_bytes:  # noqa: ASYNC110 - the outbox tells nobody
            await asyncio.sleep(0.01)
        took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
        running.cancel()
        ticking.cancel()
    await outbox.close()
    return (
        f"{BACKLOG} messages deleted, once stored, within {took_s:.1f} s and {cpu_s:.2f} s of CPU;"
        f" the event loop was held for {1000 * max(held_s):.1f} ms at most"
    )


async def wear(path: Path, seconds: float) -> str:
    """Bytes written for each byte of payload at the rate of a small site, whose collector stores all of it every 2 s.

    As the kernel counts pages made dirty (proc(5), `write_bytes`): the file system's journal comes on top.
    """
    outbox = DiskOutbox(path, "E", Limits(2**30, 3600, 90), 1e6)
    await outbox.open()
    draw = random.Random(1)  # noqa: S311 - no secret
    put_bytes, written = 0, _written_bytes()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work, name="outbox") for work in (outbox.run(), _confirm_all(outbox))]
        for number in range(1, max(2, round(SITE_RATE_PER_S * seconds))):
            power_w = [round(900 * draw.random(), 1) for _ in range(SITE_VALUES)]
            values = {f"dcim_pdu_outlet_power_watts{{outlet={at}}}": each for at, each in enumerate(power_w)}
            payload = json.dumps(values).encode()
            put_bytes += len(payload)
            outbox.put("t", lambda _, payload=payload: payload, int(time.time() * 1000))  # type: ignore[misc]
            if number % (2 * SITE_RATE_PER_S) == 0:
                outbox.stored(Stored(agent="a", collector="c", ledger="l", time=1, durable={"E": [(1, number)]}))
            await asyncio.sleep(1 / SITE_RATE_PER_S)
        for task in tasks:
            task.cancel()
    share = (_written_bytes() - written) / put_bytes
    await outbox.close()
    return f"{SITE_RATE_PER_S} messages of {put_bytes / number / 1000:.1f} kB a second: {share:.2f} bytes written for each byte of payload"


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


async def _confirm_all(outbox: DiskOutbox) -> None:
    for number in range(BACKLOG):
        outbox.confirmed((await outbox.take()).key)
        if number % WINDOW == 0:
            await asyncio.sleep(0)


if __name__ == "__main__":
    print(asyncio.run(drive(Path(sys.argv[1]), float(sys.argv[2]))))
