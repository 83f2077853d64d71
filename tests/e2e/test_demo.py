"""The demo as a stranger runs it: it fills every device with telemetry, ends by itself or on Ctrl-C, and leaves nothing behind."""

import gzip
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from simulator.demo.run import START_TIMEOUT_S
from tests.servers.ports import accepts, free_port
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
# For a whole command or a stop: ends a test that fails.
WAIT_S = 300.0
COMMAND = [sys.executable, "-c", "import sys; from simulator.demo.run import main; sys.exit(main())"]


def descendants(pid: int) -> set[int]:
    """Processes below one, read from /proc."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(") ")[2].split()[1])
    found: set[int] = set()
    while True:
        more = {child for child, parent in parents.items() if parent == pid or parent in found} - found
        if not more:
            return found
        found |= more


def kept_for(seconds: int, port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """The demo from its start to its end."""
    return subprocess.run(
        [*COMMAND, "--for", f"{seconds}s", "--port", str(port), "--keep", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S + seconds + 60,
        check=False,
    )


def test_it_ends_by_itself_with_telemetry_of_every_device(tmp_path: Path) -> None:
    port = free_port()
    seconds = 14  # the agent polls every device within 10 s, on a machine that has a CPU for it; elsewhere it gets more
    while True:
        folder = tmp_path / f"demo-{seconds}"
        done = kept_for(seconds, port, folder)
        assert done.returncode == 0, done.stderr
        if "telemetry from 26 of 26 devices" in done.stdout or seconds > 200:
            break
        seconds *= 4
    assert f"http://127.0.0.1:{port}/" in done.stdout
    summary = done.stdout.strip().splitlines()[-1]
    match = re.fullmatch(
        r"([\d,]+) polls, ([\d,]+) batches, ([\d,]+) points stored, ([\d,]+) series exposed, (\d+) errors; telemetry from 26 of 26 devices",
        summary,
    )
    assert match, summary
    polls, batches, points, series, errors = (int(number.replace(",", "")) for number in match.groups())
    assert polls > 20
    assert batches > 20
    assert points > 200
    assert series > 500
    assert errors == 0
    stored = gzip.decompress(b"".join(path.read_bytes() for path in (folder / "points").iterdir()))
    lines = stored.decode("utf-8")
    for measurement in ("dcim_ups", "dcim_pdu", "dcim_cdu", "dcim_meter", "dcim_env", "dcim_device"):
        assert f"{measurement}," in lines
    assert not accepts(port)


def arguments(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    child = subprocess.Popen(
        [*COMMAND, "--port", str(port)],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: len(descendants(child.pid)) >= 3, "broker, collector and agent")
        below = descendants(child.pid)
        child.send_signal(number)
        assert child.wait(timeout=WAIT_S) == 0
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), "every process is gone")
    finally:
        child.kill()
        output = child.communicate()[0].decode()
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []
    assert not accepts(port)


def test_a_demo_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    port = free_port()
    child = subprocess.Popen(
        [*COMMAND, "--port", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until(lambda: len(descendants(child.pid)) >= 3, "broker, collector and agent")
        below = descendants(child.pid)
        child.kill()
        assert child.wait(timeout=WAIT_S) == -signal.SIGKILL
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), "every process is gone")
    finally:
        child.kill()
        child.communicate()
    assert not accepts(port)


def order(*words: str) -> subprocess.CompletedProcess[str]:
    """The demo's command in another terminal."""
    return subprocess.run(
        [*COMMAND, *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=WAIT_S, check=False
    )


def test_a_visitor_breaks_a_pump_at_the_terminal_a_feed_from_another_and_the_agent_itself() -> None:
    port = free_port()
    terminal, ours = pty.openpty()
    child = subprocess.Popen(
        [*COMMAND, "--port", str(port)], cwd=REPOSITORY, stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    os.close(ours)

    def problems() -> set[str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/problems", timeout=60) as answer:
                return {f"{each['name']} {each['labels'].get('device', '')}" for each in json.load(answer)["problems"]}
        except OSError:
            return set()

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/site", timeout=60) as answer:
                return bool(json.load(answer)["devices"]["answering"] == 26)
        except (OSError, KeyError):
            return False

    try:
        wait_until(ready, "every device answers")
        # A word that means nothing costs a line and not the demo.
        os.write(terminal, b"nothing\n3\n")
        wait_until(lambda: "DcimCduPumpFailed cdu-1" in problems(), "the failed pump is a problem")
        assert order("fault", "feed", "--port", str(port)).stdout == "broken: feed A is lost, generator and all\n"
        wait_until(
            lambda: any(each.startswith(("DcimFeed", "DcimUps")) for each in problems()),
            "the lost feed is a problem",
        )
        assert order("mend", "--port", str(port)).stdout == "mended: pump; mended: feed\n"
        wait_until(
            lambda: "DcimCduPumpFailed cdu-1" not in problems(), "it is over a minute after the pump is mended", 90
        )
        # One of its processes is killed, by a person or by the kernel for want of memory.
        (agent,) = (pid for pid in descendants(child.pid) if "agent" in arguments(pid))
        os.kill(agent, signal.SIGKILL)
        child.wait(timeout=WAIT_S)
    finally:
        child.send_signal(signal.SIGINT)
        output = child.communicate(timeout=WAIT_S)[0].decode()
        os.close(terminal)
    assert child.returncode == 1, output
    assert "Traceback" not in output
    assert "rackflow-agent ended with status -9" in output
    assert "rackflow-demo: the agent or the collector ended by itself; its log is printed above" in output
    assert "broken: a pump of cdu-1 fails" in output
    assert "'nothing' is nothing that can break; known are mains, feed, pump" in output


def test_a_proxy_of_the_environment_is_not_asked_for_the_demos_own_page() -> None:
    """As of an office's network: it knows nothing of this machine's loopback, and the demo would wait for a minute and give up."""
    done = subprocess.run(
        [*COMMAND, "--for", "1s", "--port", str(free_port())],
        cwd=REPOSITORY,
        env=os.environ | {"http_proxy": f"http://127.0.0.1:{free_port()}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Rackflow demo, up after" in done.stdout, done.stderr


def test_ctrl_c_before_it_is_up_costs_one_line(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--port", str(free_port()), "--keep", str(tmp_path / "demo")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until((tmp_path / "demo" / "collector.log").exists, "the collector is started")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=WAIT_S)
    assert (process.returncode, output) == (0, "Stopped before it was up.\n")


def test_what_can_be_broken_is_listed_and_what_cannot_is_named() -> None:
    listed = order("fault").stdout
    assert "3  pump     a pump of cdu-1 fails" in listed
    wrong = order("fault", "roof")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("rackflow-demo: 'roof' is nothing that can break; known are mains, feed, pump")


def test_breaking_something_without_a_demo_says_how_to_start_one() -> None:
    port = free_port()
    done = order("fault", "pump", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == f"rackflow-demo: no demo runs with its page on port {port}; start one with rackflow-demo\n"


def test_a_port_in_use_costs_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], cwd=REPOSITORY, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"rackflow-demo: --port: {port}: Address already in use; end the program that has it, or choose another port with --port\n"
    )


def test_a_folder_that_cannot_be_made_costs_one_line(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    command = [*COMMAND, "--port", str(free_port()), "--keep", str(taken)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 1
    assert done.stderr == f"rackflow-demo: --keep: {taken} cannot be used (File exists); choose another folder\n"


def test_a_duration_that_is_none_is_a_usage_mistake() -> None:
    done = subprocess.run(
        [*COMMAND, "--for", "soon"], cwd=REPOSITORY, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 2
    assert "'soon' is not a duration" in done.stderr
