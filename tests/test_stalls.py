"""What stops the processes that run tests, with `--stalls`."""

import subprocess
import sys
from pathlib import Path

from tests.servers.waiting import wait_until
from tests.stalls import CHILD

STOPPED = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], "0.2", "0.8", "seed"], stdin=subprocess.PIPE)
before = now = time.monotonic()
while now - before < 0.5:
    time.sleep(0.01)
    before, now = now, time.monotonic()
child.communicate()
print(child.returncode)
"""
KILLED = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], "0.2", "0.8", "seed"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_stands_still_for_half_a_second_and_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, CHILD], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_what_stops_a_process_ends_with_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, CHILD], capture_output=True, text=True, check=False, timeout=60
    )
    status = Path("/proc", done.stdout.strip(), "stat")
    wait_until(lambda: not status.exists() or ") Z " in status.read_text(), "it has ended")
