"""The command `rackflow-demo`: simulated devices, an embedded broker, and the real agent and collector, on loopback only.

Agent and collector are child processes, configured and started as at a site, so that the demo shows what a site would see. They
end with this process, however it ends.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import yaml

from rackflow.errors import ConfigError, RackflowError
from rackflow.process.commands import (
    EXIT_CONFIG,
    EXIT_FAILED,
    EXIT_USAGE,
    explain_listen_error,
    port_number,
    print_error,
    show_examples,
)
from rackflow.process.logs import configure_logging
from simulator.demo.broker import start_broker
from simulator.demo.die_with_parent import die_with_parent_command
from simulator.demo.keys import read_lines
from simulator.demo.site import MISHAPS, Breaker, agent_config, collector_config, find_mishap, start_site
from simulator.demo.summary import Page, fetch, summarise
from simulator.site import Simulation, ask, listen

PROGRAM = "rackflow-demo"
# A port on which people expect a web page. Chosen; `--port` names another one.
PORT = 8080
# How long the collector may take to become ready: two seconds on a laptop, more than a minute on a machine with ten processes for each CPU.
# Nobody waits so long for one that cannot start: that ends, which is noticed at once.
START_TIMEOUT_S = 300.0
# How long a child may take to stop in order before it is killed. The agent publishes what it still holds for up to 5 s and gives its
# tasks and connections some seconds more.
STOP_TIMEOUT_S = 12.0
# How much of a child's log is printed when it ends unexpectedly: the last lines with their traceback.
LOG_TAIL_CHARS = 2000


class DemoError(RackflowError):
    """The demo cannot go on. The text says why, and what to do."""


def main(argv: Sequence[str] | None = None, prog: str = PROGRAM) -> int:
    """Run the demo; returns the exit status."""
    arguments = parser(prog).parse_args(argv)
    configure_logging("warning")
    try:
        if arguments.command:
            return _send_order(arguments)
        try:
            return asyncio.run(_demo(arguments))
        except ExceptionGroup as group:
            # What ends the demo inside its task group comes in a group; by itself it is one line.
            if len(group.exceptions) == 1 and isinstance(fault := group.exceptions[0], RackflowError):
                raise fault from None
            raise
    except ConfigError as error:
        print_error(error, prog)
        return EXIT_CONFIG
    except RackflowError as error:
        print_error(error, prog)
        return EXIT_FAILED


def seconds(text: str) -> float:
    """Parse a duration such as `40`, `40s`, `2m` or `1h`; returns seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write it as in 40s or 2m")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[match[2]]


def parser(prog: str = PROGRAM) -> argparse.ArgumentParser:
    """The command line; the reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(
        prog=prog, description="Run simulated devices, an MQTT broker, an agent and a collector on loopback."
    )
    root.add_argument(
        "--for",
        dest="duration",
        type=seconds,
        metavar="40s",
        help="stop after this time (default: run until Ctrl-C)",
    )
    root.add_argument(
        "--port", type=port_number, default=PORT, help=f"port of the page and of /metrics (default {PORT})"
    )
    root.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep configurations, stored points and logs in this folder"
    )
    show_examples(
        root, "%(prog)s", "%(prog)s --for 40s --keep demo --port 8090", "%(prog)s fault pump", "%(prog)s mend"
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND")
    fault = commands.add_parser("fault", help="break something of a running demo, or mend it if it is broken")
    fault.add_argument("what", nargs="?", metavar="WHAT", help="what to break; without it, what can be broken")
    show_examples(fault, "%(prog)s", "%(prog)s pump")
    mend = commands.add_parser("mend", help="mend all that was broken")
    show_examples(mend, "%(prog)s")
    for command in (fault, mend):
        command.add_argument("--port", type=port_number, default=PORT, help=f"port of the demo's page (default {PORT})")
    return root


def _send_order(arguments: argparse.Namespace) -> int:
    """Break or mend something of a demo that runs in another terminal."""
    if arguments.command == "fault" and arguments.what is None:
        print(_menu())
        return 0
    order = {"order": "mend"}
    if arguments.command == "fault":
        try:
            order = {"order": "break", "what": find_mishap(arguments.what).name}
        except ConfigError as error:
            print_error(error, PROGRAM)
            return EXIT_USAGE
    try:
        print(asyncio.run(ask(_socket(arguments.port), order)))
    except ConfigError as error:
        if _socket(arguments.port).exists():
            raise
        raise DemoError(f"no demo runs with its page on port {arguments.port}; start one with {PROGRAM}") from error
    return 0


def _socket(port: int) -> Path:
    """Socket over which the demo with its page on this port takes orders to break something."""
    return Path(tempfile.gettempdir()) / f"rackflow-demo-{os.getuid()}-{port}.sock"


def _menu() -> str:
    width = max(len(each.name) for each in MISHAPS)
    return "\n".join(f"  {each.key}  {each.name:<{width}}  {each.what}" for each in MISHAPS)


async def _demo(arguments: argparse.Namespace) -> int:
    _check_port(arguments.port)
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="rackflow-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"--keep: {folder} cannot be used ({error.strerror}); choose another folder") from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    started = time.monotonic()
    try:
        async with AsyncExitStack() as stack:
            try:
                broker, broker_port = await asyncio.to_thread(start_broker, folder)
            except OSError as error:
                raise DemoError(
                    f"the demo's broker cannot be started: {error}; see whether {sys.executable} may be run"
                ) from error
            stack.callback(broker.stop)
            simulation = await start_site(stack, folder)
            breaker = Breaker(simulation)
            await listen(_socket(arguments.port), breaker.execute, stack)
            # The stack unwinds in reverse order: the tasks are cancelled first, then the group, which waits for them, is left.
            group = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(group.create_task(simulation.run(), name="simulation").cancel)
            page = Page("127.0.0.1", arguments.port)
            collector = await stack.enter_async_context(_collector(folder, broker_port, arguments.port))
            # The order matters: a broker keeps nothing for a subscriber that it does not know yet, so the collector must have
            # subscribed before the agent publishes its first batch.
            await _wait_until_ready(page, [collector], stop)
            if stop.is_set():
                print("Stopped before it was up.")
                return 0
            agent = await stack.enter_async_context(_agent(folder, broker_port, simulation))
            _print_addresses(page, simulation, folder if arguments.keep else None, time.monotonic() - started)
            if sys.stdin.isatty():
                print(
                    f"\nBreak something, and again to mend it: type its number or name, and Enter.\n{_menu()}\n",
                    flush=True,
                )
                stack.callback(group.create_task(_obey(breaker), name="keys").cancel)
            await _wait(stop, arguments.duration, [collector, agent])
            try:
                metrics = await fetch(page, "/metrics")
            except OSError as error:
                raise DemoError(f"{page.url}/metrics does not answer: {error}; start the demo again") from error
        summary = summarise(metrics, list(simulation.fleet.devices))
        print(summary.line)
        return 0 if summary.complete or (arguments.duration is None) else 1
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _check_port(port: int) -> None:
    """Fail now, in one line, instead of after START_TIMEOUT_S with the log of a collector that could not listen."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # The collector's own server sets this too: without it, TIME_WAIT connections of an earlier demo would block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = explain_listen_error(error, port, "choose another port with --port")
            raise DemoError(f"--port: {port}: {reason}") from error


@asynccontextmanager
async def _agent(folder: Path, broker_port: int, simulation: Simulation) -> AsyncIterator[asyncio.subprocess.Process]:
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(agent_config(broker_port, simulation, folder), sort_keys=False), encoding="utf-8")
    async with _child("agent", path, folder) as process:
        yield process


@asynccontextmanager
async def _collector(folder: Path, broker_port: int, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    path = folder / "collector.yaml"
    path.write_text(yaml.safe_dump(collector_config(broker_port, port, folder), sort_keys=False), encoding="utf-8")
    async with _child("collector", path, folder) as process:
        yield process


@asynccontextmanager
async def _child(package: str, config: Path, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m package run config` as a child that ends with this process.

    It has a session of its own, so that Ctrl-C reaches only this process, which then stops agent and collector in order.
    """
    with (folder / f"{package}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *die_with_parent_command(package, "run", str(config)),
            stdin=PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(STOP_TIMEOUT_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
            if process.returncode not in {0, -signal.SIGTERM}:
                print(
                    f"rackflow-{package} ended with status {process.returncode}; the end of its log:", file=sys.stderr
                )
                print((folder / f"{package}.log").read_text(errors="replace")[-LOG_TAIL_CHARS:], file=sys.stderr)


async def _wait_until_ready(page: Page, children: Sequence[asyncio.subprocess.Process], stop: asyncio.Event) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not stop.is_set():
        _check_children(children)
        try:
            await fetch(page, "/readyz")
        except OSError as error:
            if time.monotonic() > deadline:
                raise DemoError(
                    f"the collector was not ready on {page.url} after {START_TIMEOUT_S:g} s: {error}"
                ) from error
        else:
            return
        await _wait(stop, 0.1, children)


async def _wait(stop: asyncio.Event, duration_s: float | None, children: Sequence[asyncio.subprocess.Process]) -> None:
    """Wait until `stop`, or for `duration_s`. Raises DemoError as soon as a child has ended."""
    end = None if duration_s is None else time.monotonic() + duration_s
    while not stop.is_set() and (end is None or time.monotonic() < end):
        _check_children(children)
        left = 1.0 if end is None else min(1.0, max(0.0, end - time.monotonic()))
        try:
            async with asyncio.timeout(left):
                await stop.wait()
        except TimeoutError:
            continue


def _check_children(children: Sequence[asyncio.subprocess.Process]) -> None:
    if any(child.returncode is not None for child in children):
        raise DemoError("the agent or the collector ended by itself; its log is printed above, start the demo again")


async def _obey(breaker: Breaker) -> None:
    """Break and mend what is typed on the terminal, until it ends."""
    async for line in read_lines(sys.stdin):
        if line.strip():
            try:
                print(await breaker.toggle(line), flush=True)
            except ConfigError as error:
                print_error(error)


def _fault_command(port: int) -> str:
    """The command that breaks something of this demo from another terminal. `make demo` puts no program on PATH, hence its path."""
    started = Path(sys.argv[0])
    program = PROGRAM if started.name != PROGRAM or shutil.which(PROGRAM) else str(started)
    return f"{program} fault" if port == PORT else f"{program} fault --port {port}"


def _print_addresses(page: Page, simulation: Simulation, folder: Path | None, took_s: float) -> None:
    devices = simulation.fleet.devices.values()
    families = Counter(device.family for device in devices)
    print(
        f"Rackflow demo, up after {took_s:.1f} s: two rows of racks with {len(devices)} simulated devices, a day's load in ten minutes."
    )
    print(f"Devices       {', '.join(f'{count} {family}' for family, count in families.items())}")
    print(f"Page          {page.url}/    (for a wall: {page.url}/?wall)")
    print(f"Prometheus    {page.url}/metrics")
    if folder:
        print(f"Files         {folder} (configuration, stored points, logs)")
    print(
        f"Faults        {_fault_command(page.port)}    in another terminal: break a pump, a feed, a sensor, and watch the page"
    )
    print("Ctrl-C stops everything and leaves nothing behind.", flush=True)
