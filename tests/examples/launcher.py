"""Starts the commands for the examples: a process that has loaded all of them once, and forks for each one that is run.

Loading a command takes half a second, and the documentation has more than a hundred examples. A fork is a process of its own with the
arguments, folder, environment and streams of whoever called it, and takes some milliseconds.

    python -m tests.examples.launcher SOCKET

serves; `SHIM` is the program that an example's shell finds under the command's name.
"""

import contextlib
import gc
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import agent.__main__
import agent.cli
import collector.__main__
import collector.cli
import rackflow.__main__
import simulator.__main__
from agent.profile import load_profiles
from rackflow.catalogue import catalogue
from rackflow.command import whole_parser

PROGRAMS: Final[Mapping[str, Callable[[], int]]] = {
    "rackflow": rackflow.__main__.main,
    "rackflow-agent": agent.__main__.main,
    "rackflow-collector": collector.__main__.main,
    "rackflow-sim": simulator.__main__.main,
    "rackflow-demo": simulator.__main__.demo,
}
MAX_REQUEST = 1 << 18
# Isolated and without site-packages it starts in ten milliseconds. The command's process dies of the signals that this one gets.
SHIM: Final = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect({socket!r})
    what = [os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), dict(os.environ)]
    socket.send_fds(s, [json.dumps(what).encode() + b"\\n"], [0, 1, 2])
    answers = s.makefile()
    child = int(answers.readline())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: os.kill(child, number))
    sys.exit(int(answers.readline() or 255))
"""


def main() -> None:
    """Serve until stdin ends, which is when the tests do."""
    whole_parser()  # loads every module of every command
    catalogue()
    load_profiles(lazy=True)
    # What is there now stays: a collection in a command would touch, and so copy, every page that it shares with this process.
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        commands = set[int]()
        while True:
            connection, _ = listener.accept()
            with connection:
                text, streams = _request(connection)
                if not text:
                    break
                if (command := os.fork()) == 0:
                    listener.close()
                    _run(connection, text, streams)
                commands.add(command)
                for stream in streams:
                    os.close(stream)
            _reap(commands)
    for command in commands:
        os.kill(command, signal.SIGKILL)  # of an example that failed
        os.waitpid(command, 0)


def _reap(commands: set[int]) -> None:
    """Take note of the commands that have ended, so that what they cost is counted for whoever waits for this process."""
    for command in list(commands):
        if os.waitpid(command, os.WNOHANG) != (0, 0):
            commands.discard(command)


def _request(connection: socket.socket) -> tuple[bytes, list[int]]:
    text, streams, _, _ = socket.recv_fds(connection, MAX_REQUEST, 3)
    while text and not text.endswith(b"\n"):
        text += connection.recv(MAX_REQUEST)
    return text, streams


def _run(connection: socket.socket, text: bytes, streams: list[int]) -> None:
    """Become the command. Does not return."""
    status = 255
    try:
        name, words, folder, environment = json.loads(text)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.setsid()  # a signal for its process group must not reach the launcher
        random.seed()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [name, *words]
        connection.sendall(f"{os.getpid()}\n".encode())
        status = PROGRAMS[name]()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.flush()
        connection.sendall(f"{status}\n".encode())
        os._exit(status & 255)


def write_shims(folder: Path, address: Path) -> None:
    """Put the programs into a folder for the PATH of a shell."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        shim = folder / name
        shim.write_text(SHIM.format(python=sys.executable, socket=str(address)), encoding="utf-8")
        shim.chmod(0o755)


if __name__ == "__main__":
    main()
