"""`rackflow-sim run` as a process of its own: devices answer, orders are obeyed, a scenario runs in accelerated time."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config_file import load_agent_config
from agent.lab.read import read_device
from agent.poll.factory import PollerFactory
from rackflow.site import parse_site
from simulator.cli import main
from simulator.site.control import ask
from tests.agent.shipped import shipped_profiles
from tests.servers.captures import REPOSITORY
from tests.servers.waiting import eventually

COMMAND = (sys.executable, "-m", "simulator")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


@contextmanager
def simulating(folder: Path, *arguments: str, site: str = "edge") -> Iterator[subprocess.Popen[str]]:
    """A simulation of a shipped site, with its socket and an agent's configuration in `folder`."""
    more = ("--socket", str(folder / "sim.sock"), "--agent-config", str(folder / "agent.yaml"), *arguments)
    process = subprocess.Popen(
        [*COMMAND, "run", site, *more], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env=ENVIRONMENT
    )
    assert process.stdout is not None
    try:
        while "control socket" not in process.stdout.readline():
            assert process.poll() is None
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def order(folder: Path, name: str, *arguments: str) -> Any:  # noqa: ANN401 - what the order yields
    done = subprocess.run(
        [*COMMAND, name, "--socket", str(folder / "sim.sock"), *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=ENVIRONMENT,
    )
    return json.loads(done.stdout) if done.stdout else None


async def test_faults_by_order_are_read_by_the_agent(tmp_path: Path) -> None:
    with simulating(tmp_path) as process:
        assert stat.S_IMODE((tmp_path / "sim.sock").stat().st_mode) == 0o600
        config = load_agent_config(tmp_path / "agent.yaml")
        assert config.labels.given() == {"site": "edge"}
        (ups,) = (device for device in config.devices if device.id == "ups-a")
        assert config.labels_of(ups) == {"site": "edge", "room": "room-1", "feed": "A"}
        factory = PollerFactory(shipped_profiles())

        async def source() -> str:
            _, readings, _ = await read_device(factory, config, ups, time.time())
            return readings.states["dcim_ups_output_source"]

        assert await source() == "normal"
        number = order(tmp_path, "fault", "mains_loss", "A")
        assert [(each["fault"], each["number"]) for each in order(tmp_path, "faults")] == [("mains_loss", number)]
        await eventually(lambda: order(tmp_path, "status")["time_s"] > 5, "time passes")
        assert await source() == "battery"
        shown = order(tmp_path, "readings", "ups-a")
        assert shown["dcim_ups_output_source"] == "battery"
        assert order(tmp_path, "truth")["dcim_ups_battery_charge_ratio{device=ups-a}"] < 1
        what_if = order(tmp_path, "truth", "--what-if")
        assert what_if["dcim_site_racks_dark_on_feed_loss{feed=B}"] == 0  # A lives on its battery still
        order(tmp_path, "clear", str(number))
        assert order(tmp_path, "faults") == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert not (tmp_path / "sim.sock").exists()


async def test_a_scenario_begins_and_ends_its_faults_in_the_worlds_own_time(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    # Three and a half seconds of the wall clock: whoever asks must get a turn while it lasts.
    fault = {"fault": "breaker_trip", "target": "pdu-a01-a", "at_s": 100, "for_s": 700}
    scenario.write_text(yaml.safe_dump({"faults": [fault]}))
    with simulating(tmp_path, "--speed", "200", "--scenario", str(scenario)):
        # Not through a process for each question, which takes longer to start than the breaker stays open.
        def status() -> Any:  # noqa: ANN401 - what the order yields
            return asyncio.run(ask(tmp_path / "sim.sock", {"order": "status"}))

        def answers() -> bool:
            return bool(status()["devices"]["pdu-a01-a"]["answers"])

        await eventually(lambda: not answers(), "the breaker trips and its PDU is silent", 60)
        assert order(tmp_path, "status")["time_s"] > 99
        await eventually(answers, "it is mended", 60)
        assert order(tmp_path, "status")["time_s"] > 799


def test_a_campus_of_any_size_runs(tmp_path: Path) -> None:
    with simulating(tmp_path, "--racks", "3", site="campus"):
        devices = order(tmp_path, "status")["devices"]
        assert len([name for name in devices if name.startswith("pdu-")]) == 12
        assert len(parse_site((tmp_path / "campus-site.yaml").read_text(encoding="utf-8"), "written").racks) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "campus", "--racks", "0"], "a campus has at least one rack"),
        (["run", "no-such.yaml"], "no-such.yaml: no such file"),
        (["run", "edge", "--scenario", "no-such.yaml"], "no-such.yaml: no such file"),
        (["fault", "mains_loss", "A", "--socket", "no-such.sock"], "go to the folder in which it was started"),
        (["fault", "pump_failure", "cdu-1", "--pump", "1"], f"{Path.cwd()}/rackflow-sim.sock: no simulation answers"),
        (["site", "campus", "--racks", "0"], "a campus has at least one rack"),
        (["run", "edge", "--port", "65530"], "--port: 65530 is too high for 33 devices; begin at 65503 or lower"),
        (["run", "edge", "--first-address", "255.255.255.250"], "behind 255.255.255.250 there are too few addresses"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert expected in line


def test_a_configuration_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.yaml").mkdir()
    socket = str(tmp_path / "sim.sock")
    assert main(["run", "edge", "--socket", socket, "--agent-config", str(tmp_path / "agent.yaml")]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--agent-config: {tmp_path}/agent.yaml: cannot be written: Is a directory" in line


def test_a_refused_order_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with simulating(tmp_path):
        socket = str(tmp_path / "sim.sock")
        for arguments, expected in (
            (["fault", "mains_los", "A"], "unknown fault 'mains_los'; did you mean 'mains_loss'?"),
            (["fault", "mains_loss", "C"], "unknown feed 'C'; known are A, B"),
            (["clear", "7"], "there is no fault 7"),
            (["readings", "pdu-x"], "the site has no device 'pdu-x'"),
        ):
            assert main([*arguments, "--socket", socket]) == 78
            assert expected in capsys.readouterr().err
        assert main(["run", "edge", "--socket", socket]) == 78
        assert "another simulation listens there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "racks"), [(["edge"], 10), (["ai-hall"], 32), (["busway-hall"], 8), (["campus", "--racks", "70"], 70)]
)
def test_site_files_are_printed(arguments: list[str], racks: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", *arguments]) == 0
    assert len(parse_site(capsys.readouterr().out, "printed").racks) == racks
