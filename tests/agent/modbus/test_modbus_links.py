"""Modbus links: pauses, sharing, hang-ups and serial lines."""

import asyncio
import contextlib
import os
import socket
import termios
import tty
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from agent.modbus.client import ModbusLinks
from agent.modbus.seam import ModbusTarget
from rackflow.errors import DeviceTimeout, DeviceUnreachable
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.modbus.modbus_peers import TIMEOUT_S, answer, connected, fails, rtu_answer, target_of
from tests.servers.waiting import eventually


async def test_requests_keep_the_configured_pause_also_after_a_failure() -> None:
    """The device is left alone for that long, after a failure too."""
    at: list[float] = []

    def reply(frame: bytes) -> list[bytes | float | None]:
        at.append(asyncio.get_running_loop().time())
        return [] if len(at) == 2 else [answer(frame, 1)]

    async with FaultyModbus(reply).serving() as server, connected(target_of(server.port, pause_s=0.1)) as client:
        await client.read(1, "holding", 0, 1)
        async with fails(DeviceTimeout):
            await client.read(1, "holding", 0, 1)
        await client.read(1, "holding", 0, 1)
    assert at[1] - at[0] >= 0.1
    # From the first request on: the server reads the second one a little after the client's clock for it has started.
    assert at[2] - at[0] >= 0.1 + TIMEOUT_S + 0.1


async def test_a_server_that_hangs_up_after_each_answer_is_read_over_new_connections() -> None:
    """A gateway that closes after each answer costs a connection each time, and no error."""
    async with FaultyModbus(lambda frame: [answer(frame, 4), None]).serving() as server:
        async with connected(target_of(server.port)) as client:
            for _ in range(3):
                assert await client.read(1, "holding", 0, 1) == [4]
                await eventually(lambda: server.open == 0, "the server has hung up")
        assert server.connections == 3


async def test_links_are_shared_and_closed_with_the_last_user() -> None:
    """Two units of one gateway share a connection; another port has its own."""
    links = ModbusLinks()
    async with FaultyModbus(lambda frame: [answer(frame, frame[6])]).serving() as server:
        one, two = (links.acquire(target_of(server.port)) for _ in range(2))
        answers: list[list[int]] = list(await asyncio.gather(*(link.read(9, "holding", 0, 1) for link in (one, two))))
        assert answers == [[9], [9]]
        assert server.connections == 1
        await one.close()
        await one.close()
        assert await two.read(2, "holding", 0, 1) == [2]
        assert server.connections == 1
        await two.close()
        await eventually(lambda: server.open == 0, "the connection is closed")
        again = links.acquire(target_of(server.port))
        assert await again.read(3, "holding", 0, 1) == [3]
        assert server.connections == 2
        await again.close()
        await eventually(lambda: server.open == 0, "the connection of those who came later is closed, too")


async def test_two_gateways_of_one_host_are_told_apart_by_their_ports() -> None:
    links = ModbusLinks()
    async with (
        FaultyModbus(lambda frame: [answer(frame, 1)]).serving() as one,
        FaultyModbus(lambda frame: [answer(frame, 2)]).serving() as two,
    ):
        shares = [links.acquire(target_of(server.port)) for server in (one, two)]
        assert [await share.read(9, "holding", 0, 1) for share in shares] == [[1], [2]]
        for share in shares:
            await share.close()


async def test_each_unit_of_a_gateway_has_its_own_timeout() -> None:
    """The first one's would fail every poll of a slower unit behind the same gateway."""
    links = ModbusLinks()

    def reply(frame: bytes) -> list[bytes | float | None]:
        return [3 * TIMEOUT_S, answer(frame, 7)] if frame[6] == 2 else []

    async with FaultyModbus(reply).serving() as server:
        quick = links.acquire(target_of(server.port))
        slow = links.acquire(replace(target_of(server.port), timeout_s=60.0))
        assert await slow.read(2, "holding", 0, 1) == [7]
        async with fails(DeviceTimeout, "no answer in 0.5 s"):
            await quick.read(1, "holding", 0, 1)
        for share in (quick, slow):
            await share.close()


async def test_a_gateway_is_left_alone_for_as_long_as_any_of_its_units_needs() -> None:
    at: list[float] = []

    def reply(frame: bytes) -> list[bytes | float | None]:
        at.append(asyncio.get_running_loop().time())
        return [answer(frame, 1)]

    links = ModbusLinks()
    async with FaultyModbus(reply).serving() as server:
        shares = [links.acquire(target_of(server.port, pause_s=pause_s)) for pause_s in (0.0, 0.2, 0.1)]
        for share in shares:
            await share.read(1, "holding", 0, 1)
        for share in shares:
            await share.close()
    # The client's clock for the pause starts when it has read the answer, so behind the server's.
    assert [later - earlier >= 0.2 for earlier, later in pairwise(at)] == [True, True]


async def test_a_late_answer_on_a_serial_line_is_discarded() -> None:
    """RTU over a pseudo-terminal: an answer, a silence, a late answer thrown away, and an answer again."""
    master, slave = os.openpty()
    tty.setraw(master)
    loop = asyncio.get_running_loop()
    frames: list[bytes] = []

    def on_request() -> None:
        frame = os.read(master, 256)
        frames.append(frame)
        if len(frames) == 2:
            loop.call_later(TIMEOUT_S + 0.05, os.write, master, rtu_answer(frame, 666))
        else:
            os.write(master, rtu_answer(frame, len(frames)))

    loop.add_reader(master, on_request)
    target = ModbusTarget("serial", serial=os.ttyname(slave), timeout_s=TIMEOUT_S, parity="N")
    try:
        async with connected(target) as client:
            assert await client.read(1, "holding", 0, 1) == [1]
            async with fails(DeviceTimeout):
                await client.read(1, "holding", 0, 1)
            assert await client.read(1, "holding", 0, 1) == [3]
        gone = replace(target, serial="/dev/no-such-line")
        async with connected(gone) as client, fails(DeviceUnreachable, "^/dev/no-such-line "):
            await client.read(1, "holding", 0, 1)
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def serial_line(value: int) -> Iterator[ModbusTarget]:
    """A pseudo-terminal; each unit behind it answers with this value."""
    master, slave = os.openpty()
    tty.setraw(master)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: os.write(master, rtu_answer(os.read(master, 256), value)))
    try:
        yield ModbusTarget("serial", serial=os.ttyname(slave), timeout_s=TIMEOUT_S, parity="N")
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


async def test_two_serial_lines_are_told_apart_and_units_of_one_line_share_it() -> None:
    """Over the wrong line another unit of the same number would answer, with readings that look right."""
    links = ModbusLinks()
    with serial_line(1) as one, serial_line(2) as two:
        shares = [links.acquire(target) for target in (one, two, one)]
        assert [await share.read(9, "holding", 0, 1) for share in shares] == [[1], [2], [1]]
        for share in shares[:2]:
            await share.close()
        assert await shares[2].read(9, "holding", 0, 1) == [1]
        await shares[2].close()


def settings_of(terminal: str) -> tuple[int, int, int]:
    """The flag of two stop bits, and the speeds in and out."""
    # Otherwise it would become the terminal of a test process that leads its session and has none, which ends with it.
    line = os.open(terminal, os.O_RDONLY | os.O_NOCTTY)
    try:
        _, _, control, _, speed_in, speed_out, _ = termios.tcgetattr(line)
    finally:
        os.close(line)
    return control & termios.CSTOPB, speed_in, speed_out


@pytest.mark.parametrize(("stopbits", "flag"), [(1, 0), (2, termios.CSTOPB)])
async def test_a_serial_line_has_the_speed_and_the_stop_bits_of_the_configuration(
    stopbits: Literal[1, 2], flag: int
) -> None:
    """A pseudo-terminal keeps both; parity it does not have."""
    with serial_line(1) as target:
        line = replace(target, baudrate=38_400, stopbits=stopbits)
        async with connected(line) as client:
            assert await client.read(9, "holding", 0, 1) == [1]
            found = settings_of(target.serial)
    assert found == (flag, termios.B38400, termios.B38400)


async def test_a_line_is_opened_anew_as_its_next_users_say_once_those_of_before_a_reload_are_gone() -> None:
    """They come before the former ones leave, because a reload that is refused changes nothing."""
    links = ModbusLinks()
    with serial_line(1) as target:
        former = [links.acquire(replace(target, baudrate=9_600)) for _ in range(2)]
        assert await former[0].read(9, "holding", 0, 1) == [1]
        after = links.acquire(replace(target, baudrate=38_400, stopbits=2))
        await former[0].close()
        assert await former[1].read(9, "holding", 0, 1) == [1]
        assert settings_of(target.serial) == (0, termios.B9600, termios.B9600)
        await former[1].close()
        assert await after.read(9, "holding", 0, 1) == [1]
        assert settings_of(target.serial) == (termios.CSTOPB, termios.B38400, termios.B38400)
        await after.close()


async def test_a_pause_ends_with_the_last_unit_that_needs_it() -> None:
    links = ModbusLinks()
    async with FaultyModbus(lambda frame: [answer(frame, 1)]).serving() as server:
        hasty, slow = (links.acquire(target_of(server.port, pause_s=pause_s)) for pause_s in (0.0, 600.0))
        await slow.close()
        async with asyncio.timeout(60):
            for _ in range(2):
                assert await hasty.read(1, "holding", 0, 1) == [1]
        await hasty.close()


async def test_a_number_that_no_unit_has_any_more_is_that_of_any_other_answer() -> None:
    """The unit always answers under number 5, and a reload corrects the number by which it is asked."""
    links = ModbusLinks()
    async with FaultyModbus(lambda frame: [answer(frame, 7, unit=5)]).serving() as server:
        former, after = (links.acquire(target_of(server.port)) for _ in range(2))
        assert await former.read(5, "holding", 0, 1) == [7]
        async with fails(DeviceTimeout):
            await after.read(1, "holding", 0, 1)
        await former.close()
        assert await after.read(1, "holding", 0, 1) == [7]
        await after.close()


def is_connecting_to(port: int) -> bool:
    """Whether a TCP connection to this port of this machine is being made, and nobody has taken it yet (SYN_SENT)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(line.split()[2] == f"0100007F:{port:04X}" and line.split()[3] == "02" for line in lines)


async def test_a_connection_that_is_being_made_while_the_last_former_user_leaves_is_made_anew() -> None:
    """A reload has the unit spoken to in RTU frames. A gateway that is slow to take connections does so after it."""
    links = ModbusLinks()
    server = FaultyModbus(lambda frame: [rtu_answer(frame, 5)])
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting.enter_context(socket.create_connection(("127.0.0.1", port)))  # nothing more is taken now
        former = links.acquire(target_of(port))
        after = links.acquire(replace(target_of(port, "rtu-over-tcp"), timeout_s=60.0))
        answered = asyncio.create_task(after.read(1, "holding", 0, 1))
        await eventually(lambda: is_connecting_to(port), "the new user waits for a connection")
        await former.close()
        async with await asyncio.start_server(server._serve, sock=listening):  # noqa: SLF001 - with a socket of its own
            assert await answered == [5]
            await after.close()
            # Since Python 3.12 a server that is closed waits for its connections.
            waiting.close()
