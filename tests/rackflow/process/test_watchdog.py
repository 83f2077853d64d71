"""A process that stands still ends by itself, and tells its service manager that it lives while it does."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rackflow.process.notify import ServiceManager
from rackflow.process.stopping import EXIT_HUNG
from rackflow.process.watchdog import BEAT_S, StillTimer, Watchdog
from tests.jumping import JumpingLoop, jump
from tests.servers.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
SILENT = ServiceManager()

PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from rackflow.process import watchdog
from rackflow.process.notify import started_by

async def main():
    loop = asyncio.get_running_loop()
    still = []
    dog = watchdog.Watchdog(lambda: "".join(still), started_by(), Path(sys.argv[1]), 2.0, hard_limit_s=HARD)
    dog.start()
    print("running", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    ACTION
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@contextmanager
def program(
    action: str, health: Path, hard_limit_s: float = 60.0, notify: str = "", stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """A process that begins to do this when it is sent a line."""
    text = PROGRAM.replace("HARD", str(hard_limit_s)).replace("ACTION", action)
    process = subprocess.Popen(
        [sys.executable, "-c", text, str(health)],
        cwd=ROOT,
        env=os.environ | {"NOTIFY_SOCKET": notify},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate("go\n", timeout=60)
    return process.returncode, errors


def test_a_count_stands_still_since_its_last_change_or_since_it_was_expected_to_go_up() -> None:
    timer = StillTimer()
    steps = [
        (5, 100.0, True),
        (5, 107.0, True),
        (6, 110.0, True),
        (6, 115.0, False),
        (6, 118.0, True),
        (7, 119.0, True),
    ]
    assert [timer.update(count, now_s, expected=expected) for count, now_s, expected in steps] == [0, 7, 0, 0, 3, 0]
    assert timer.update(7, 129.0, expected=True) == 10


def test_a_faulty_check_does_not_end_the_watchdog_and_each_standstill_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = iter(["", "fault", "no poll", "no poll", "nothing sent", "", "nothing sent"])
    asked: list[str] = []

    def standstill() -> str:
        asked.append(next(words, ""))
        if asked[-1] == "fault":
            raise ZeroDivisionError
        return asked[-1]

    async def beat() -> None:
        watchdog = Watchdog(standstill, SILENT, end=lambda _: None)
        watchdog.start()
        while len(asked) < 8:
            await jump(BEAT_S)
        watchdog.stop()

    loop = JumpingLoop()
    loop.set_exception_handler(lambda *_: None)
    try:
        loop.run_until_complete(asyncio.wait_for(beat(), 100 * BEAT_S))
    finally:
        loop.close()
    logged = [each.getMessage().rpartition(": ")[2] for each in caplog.records]
    assert logged == ["no poll", "nothing sent", "nothing sent"]


def test_a_blocked_loop_is_shown_and_ends_the_process(tmp_path: Path) -> None:
    with program("time.sleep(3600)", tmp_path / "alive") as process:
        status, errors = ended(process)
    assert status == EXIT_HUNG
    assert "nothing has moved for 2 s (the event loop is blocked), ending the process" in errors
    assert 'File "<string>", line 14 in main' in errors
    assert "task Task-1:" in errors


def test_a_hang_that_holds_the_interpreters_lock_ends_the_process_too(tmp_path: Path) -> None:
    with program("10 ** 10 ** 10", tmp_path / "alive", hard_limit_s=3.0) as process:
        status, errors = ended(process)
    assert status == 1, "faulthandler's own"
    assert "Timeout (0:00:03)!" in errors
    assert 'File "<string>", line 14 in main' in errors


def test_a_process_that_works_is_left_alone_for_longer_than_the_hard_limit(tmp_path: Path) -> None:
    with program("await asyncio.sleep(7); sys.exit(3)", tmp_path / "alive", hard_limit_s=4.9) as process:
        assert ended(process)[0] == 3


def test_a_process_that_was_told_to_stop_may_take_longer_than_the_limits(tmp_path: Path) -> None:
    """Its stop has limits of its own. The loop still turns for a while."""
    stop = f"dog.stop(); await asyncio.sleep({1.5 * BEAT_S}); time.sleep(4); sys.exit(3)"
    with program(stop, tmp_path / "alive", hard_limit_s=2.0) as process:
        assert ended(process)[0] == 3


def test_a_process_that_its_service_manager_aborts_shows_where_it_was(tmp_path: Path) -> None:
    with program("pass", tmp_path / "alive") as process:
        process.send_signal(signal.SIGABRT)
        _, errors = process.communicate(timeout=60)
    assert "Fatal Python error: Aborted" in errors
    assert 'File "<string>", line 17 in <module>' in errors


def test_data_that_stands_still_ends_a_process_whose_loop_turns(tmp_path: Path) -> None:
    with program('still.append("no poll of any device has ended")', tmp_path / "alive") as process:
        status, errors = ended(process)
    assert status == EXIT_HUNG
    assert "(no poll of any device has ended), ending the process" in errors


def test_a_process_whose_log_nobody_reads_ends_all_the_same(tmp_path: Path) -> None:
    """Its stderr is a full pipe, as when the reader of the log hangs."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    with program("time.sleep(3600)", tmp_path / "alive", stderr=writer) as process:
        assert ended(process)[0] == EXIT_HUNG
    os.close(reader)
    os.close(writer)


def test_a_process_that_was_stopped_and_goes_on_is_left_alone(tmp_path: Path) -> None:
    health = tmp_path / "alive"
    with program("pass", health) as process:
        wait_until(health.exists, "the health file")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        stopped_at = time.monotonic()
        wait_until(lambda: time.monotonic() - stopped_at > 4 * BEAT_S, "twice its limit has passed")
        process.send_signal(signal.SIGCONT)
        before = health.stat().st_mtime
        wait_until(lambda: health.stat().st_mtime > before + 2 * BEAT_S, "it beats again")
        assert process.poll() is None


async def test_the_health_file_is_there_while_the_process_works(tmp_path: Path) -> None:
    health = tmp_path / "alive"
    watchdog = Watchdog(lambda: "", SILENT, health)
    watchdog.start()
    await asyncio.to_thread(wait_until, health.exists, "the health file")
    watchdog.stop()
    assert not health.exists()


async def test_the_health_file_is_not_touched_while_data_stands_still(tmp_path: Path) -> None:
    """A container's health check looks at its age."""
    health, over = tmp_path / "alive", threading.Event()
    watchdog = Watchdog(lambda: "no poll", SILENT, health, 2 * BEAT_S, end=lambda _: over.set())
    watchdog.start()
    assert await asyncio.to_thread(over.wait, 30)
    assert not health.exists()
    watchdog.stop()


async def test_a_health_file_that_cannot_be_written_is_tried_again_at_the_next_beat(tmp_path: Path) -> None:
    health = tmp_path / "missing" / "alive"
    beats = itertools.count()
    tried_twice = asyncio.Event()

    def standstill() -> str:
        if next(beats) == 3:  # the beats before it have been seen by the thread that writes, but for the last one
            tried_twice.set()
        return ""

    ends: list[int] = []
    watchdog = Watchdog(standstill, SILENT, health, end=ends.append)
    watchdog.start()
    await tried_twice.wait()
    health.parent.mkdir()
    await asyncio.to_thread(wait_until, health.exists, "the health file")
    watchdog.stop()
    assert ends == []


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
async def test_the_service_manager_is_notified_of_everything_by_the_documented_protocol(
    tmp_path: Path, *, abstract: bool
) -> None:
    address = f"@rackflow-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address.replace("@", "\0"))
        manager = ServiceManager.of({"NOTIFY_SOCKET": address})
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        for tell in (manager.ready, manager.reloading, manager.alive, manager.stopping):
            tell()
        said = [server.recv(1000).decode() for _ in range(4)]
    assert [each.partition("\n")[0] for each in said] == ["READY=1", "RELOADING=1", "WATCHDOG=1", "STOPPING=1"]
    # To systemd a reload of another unit or clock would be one that has not begun.
    assert (
        before_us
        <= int(said[1].partition("\nMONOTONIC_USEC=")[2])
        <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    )


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1"])
async def test_without_a_listening_service_manager_nothing_happens(address: str) -> None:
    ServiceManager(address).ready()


async def test_a_service_manager_that_does_not_read_delays_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        manager = ServiceManager(str(tmp_path / "notify"))
        for _ in range(10_000):
            manager.alive()
        assert server.recv(1000) == b"WATCHDOG=1"


async def test_the_service_manager_hears_nothing_while_data_stands_still(tmp_path: Path) -> None:
    words = itertools.chain(["no poll", "no poll", ""], itertools.repeat("no poll"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(10)
        watchdog = Watchdog(lambda: next(words), ServiceManager(str(tmp_path / "notify")))
        watchdog.start()
        assert await asyncio.to_thread(server.recv, 1000) == b"WATCHDOG=1"
        await asyncio.sleep(2.5 * BEAT_S)  # two beats that must not be told
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.recv(1000)
        watchdog.stop()
