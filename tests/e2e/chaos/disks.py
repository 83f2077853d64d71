"""Fills a real file system: a process keeps its files on a small tmpfs for some seconds."""

import contextlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.chaos.site import ChaosSite
from tests.servers.process import find_program
from tests.servers.waiting import wait_until

SIZE = "16m"
# How long a process works on after its disk has room again.
SETTLE_S = 3.0


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a tmpfs of `SIZE`; needs root. Whatever writes to it must have ended before it is unmounted."""
    folder.mkdir()
    mount, umount = find_program("mount", "mount"), find_program("umount", "mount")
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True, timeout=10)
    try:
        yield folder
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True, timeout=10)


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill the file system until no byte is free."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


def agent_on_full_disk(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """The disk with the agent's outbox is full, and the broker is down for half of the time."""
    site.agent.stop()
    disk = site.disks.enter_context(small_disk(site.folder / "small"))
    move(site.folder, "outbox.db", disk)
    site.outbox = disk / "outbox.db"
    rewrite(site.agent.config, site.folder / "outbox.db", site.outbox)
    site.agent.start()
    site.wait_for_polls()
    with filled(disk):
        site.broker.stop()
        time.sleep(seconds / 2)
        site.broker.start()
        wait_until(lambda: not site.metric("dcim_agent_spool_durable"), "the agent says that its disk refuses", 30)
        time.sleep(seconds / 2)
    wait_until(lambda: site.metric("dcim_agent_spool_durable"), "the agent says that its disk takes again", 30)
    time.sleep(SETTLE_S)


def collector_on_full_disk(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """The disk with the collector's outbox, ledger and dead letters is full, and the database accepts nothing."""
    site.collector.stop()
    disk = site.disks.enter_context(small_disk(site.folder / "small"))
    for pattern in ("collector-outbox.db", "ledger-", "dead.jsonl"):
        move(site.folder, pattern, disk)
    for name in ("collector-outbox.db", "dead.jsonl"):
        rewrite(site.collector_file, site.folder / name, disk / name)
    site.dead_letters = disk / "dead.jsonl"
    site.collector.start()
    site.wait_for_polls()
    with filled(disk):
        site.proxy.mode = "refuse"
        time.sleep(seconds)
        # Room that was reserved for messages takes some of them after the disk is full.
        wait_until(
            lambda: not site.metric("dcim_collector_spool_durable"), "the collector says that its disk refuses", 60
        )
        site.proxy.mode = "pass"
        time.sleep(SETTLE_S)
    time.sleep(SETTLE_S)


def move(folder: Path, beginning: str, to: Path) -> None:
    """Files and folders whose names begin with this."""
    for file in folder.glob(f"{beginning}*"):
        shutil.move(file, to / file.name)


def rewrite(config: Path, old: Path, new: Path) -> None:
    """Change a path in a configuration."""
    text = config.read_text(encoding="utf-8")
    assert str(old) in text
    config.write_text(text.replace(str(old), str(new)), encoding="utf-8")
