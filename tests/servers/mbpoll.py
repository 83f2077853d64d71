"""Runs mbpoll, an independent Modbus master, for tests."""

import subprocess

from tests.servers.process import find_program

WAIT_S = 10
"""Seconds (mbpoll takes up to 10) for which it waits for a server in the test's own process, which a busy machine may keep."""


def mbpoll(port: int, unit: int, address: int, *kind: str) -> str:
    """The holding register at this wire address, or what `-t KIND` says, as mbpoll prints it."""
    options = [
        "-m",
        "tcp",
        "-p",
        str(port),
        "-a",
        str(unit),
        "-0",
        "-r",
        str(address),
        "-c",
        "1",
        "-1",
        "-q",
        "-o",
        str(WAIT_S),
    ]
    if kind:
        options += ["-t", *kind]
    done = subprocess.run(
        [find_program("mbpoll", "mbpoll"), *options, "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("["))
    return line.split(":")[1].split()[0]
