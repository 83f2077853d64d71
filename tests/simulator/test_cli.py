"""`rackflow-sim serve` as a process of its own: what it prints, how it stops, and what it says when it cannot serve."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rackflow.recording.snmprec import read_snmprec
from simulator.cli import main
from simulator.live import RECORDINGS
from tests.servers.captures import REPOSITORY
from tests.simulator.modbus.test_modbus_server import mbpoll
from tests.simulator.snmp.netsnmp import USER, V2C, V3, records

UPS, PDU = RECORDINGS / "apc-ups.snmprec", RECORDINGS / "apc-rpdu2.snmprec"
COMMAND = (sys.executable, "-m", "simulator", "serve")


@contextmanager
def running(*arguments: str, lines: int) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdout is not None
    try:
        yield process, [process.stdout.readline().rstrip() for _ in range(lines)]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


async def test_recordings_and_models_are_served_from_one_process() -> None:
    with running(
        "--port", "0", str(UPS), f"{PDU}=0", "--user", USER, "--frozen", "--cdu", "0", "--meter", "0", lines=4
    ) as (process, said):
        ups, pdu, cdu, meter = said
        assert re.fullmatch(rf"snmp 127\.0\.0\.1:\d+ {re.escape(str(UPS))} \(84 objects\)", ups)
        assert cdu.endswith("unit 12 (coolant distribution unit)")
        assert await records("snmpwalk", *V2C, ups.split()[1], ".1.3") == list(read_snmprec(UPS))
        assert await records("snmpbulkwalk", *V3, pdu.split()[1], ".1.3") == list(read_snmprec(PDU))
        flow = await mbpoll(_port(cdu), 12, 0x9000)
        assert isinstance(flow, dict)
        assert flow[0x9000] == pytest.approx(1500, abs=20)
        assert isinstance(await mbpoll(_port(meter), 1, 0x0BB7, 2), dict)
        assert process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_on_request(number: signal.Signals) -> None:
    with running("--port", "0", str(UPS), "--cdu", "0", "--vary", lines=2) as (process, said):
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert "9 of them vary" in said[0]
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_port_in_use_is_one_line_and_status_1() -> None:
    for kind, arguments in ((socket.SOCK_DGRAM, [str(UPS), "--port"]), (socket.SOCK_STREAM, ["--cdu"])):
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            done = subprocess.run(
                [*COMMAND, *arguments, str(port)],
                capture_output=True,
                text=True,
                check=False,
                cwd=REPOSITORY,
                timeout=30,
            )
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(
            rf"rackflow-sim: cannot serve .* on 127\.0\.0\.1:{port} \(\w+\): Address already in use; "
            r"end the program that has it, or choose another port \((FILE=PORT or --port|--cdu PORT)\)\n",
            done.stderr,
        )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to serve; name a recording, or give --cdu or --meter"),
        (["missing.snmprec"], "missing.snmprec: no such file"),
        (["{bad}=0"], "{bad}:1: 'eight' is not a decimal number"),
        ([f"{UPS}=70000"], f"{UPS}=70000: port 70000 is above 65535"),
        ([str(UPS), "--user", "ops:sha9:authauthauth"], "user ops: unknown authentication 'sha9'"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_status_78(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.snmprec"
    bad.write_bytes(b"1.3.6.1|2|eight\n1.3.6.2|2|nine\n")
    assert main(["serve", *(argument.format(bad=bad) for argument in arguments)]) == 78
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"rackflow-sim: {complaint.format(bad=bad)}")
    assert printed.err.count("\n") == 1


def _port(line: str) -> int:
    return int(line.split()[1].rpartition(":")[2])
