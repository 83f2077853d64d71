"""The Modbus seam against pymodbus's own servers and against a server that misbehaves on purpose."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
from pymodbus import FramerType

from agent.modbus.client import RTU_QUIET_S, ModbusLink
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable
from tests.agent.faulty_peers import FaultyModbus, Reply
from tests.agent.modbus.modbus_peers import (
    MODBUS_FAULTS,
    TIMEOUT_S,
    answer,
    connected,
    fails,
    good_server,
    rtu_answer,
    target_of,
)
from tests.jumping import JUMP_S, LONG_TIMEOUT_S, after, jump
from tests.servers.ports import free_port
from tests.servers.waiting import eventually


@pytest.mark.parametrize("transport", ["tcp", "rtu-over-tcp"])
async def test_four_tables_and_two_units_of_a_real_server_are_read_and_its_refusal_is_told(
    transport: Literal["tcp", "rtu-over-tcp"],
) -> None:
    """Four tables, two units behind one connection, the server's own refusal, and on."""
    async with (
        good_server(FramerType.SOCKET if transport == "tcp" else FramerType.RTU) as port,
        connected(target_of(port, transport)) as client,
    ):
        assert await client.read(1, "holding", 2, 3) == [102, 103, 104]
        assert await client.read(2, "input", 0, 2) == [2000, 2001]
        assert await client.read(1, "coil", 0, 10) == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1]
        assert await client.read(1, "discrete", 1, 3) == [1, 1, 0]
        async with fails(DeviceProtocolError, "exception 2, illegal data address"):
            await client.read(1, "holding", 5000, 2)
        assert await client.read(2, "holding", 0, 1) == [200]


async def test_many_readers_take_turns() -> None:
    """One request at a time, and each gets its own answer."""
    async with good_server(FramerType.SOCKET) as port, connected(target_of(port)) as client:
        wanted = [(1 + number % 2, number % 10) for number in range(40)]
        answers = await asyncio.gather(*(client.read(unit, "holding", at, 1) for unit, at in wanted))
        assert answers == [[unit * 100 + at] for unit, at in wanted]


async def test_a_closed_port_and_an_unknown_name_are_unreachable() -> None:
    """Refused, and a name that does not exist."""
    async with connected(target_of(free_port())) as client:
        for _ in range(2):
            async with fails(DeviceUnreachable):
                await client.read(1, "holding", 0, 1)
    async with (
        connected(replace(target_of(502), host="no-such-host.invalid", timeout_s=3.0)) as client,
        fails(DeviceUnreachable, allowed_s=3.0),
    ):
        await client.read(1, "holding", 0, 1)


# What a device answers is whole, or nothing came of it that counts.
ANSWERS = {
    "exception",
    "unknown exception",
    "fewer registers",
    "more registers",
    "silence",
    "wrong transaction",
    "wrong unit",
}


@pytest.mark.parametrize("name", MODBUS_FAULTS)
async def test_each_fault_has_its_error_and_the_next_answer_is_read(name: str) -> None:
    """Each fault is the right error within the deadline, and the next good answer is taken."""
    fault, kind, text = MODBUS_FAULTS[name]
    async with FaultyModbus(fault).serving() as server, connected(target_of(server.port)) as client:
        async with fails(kind, text):
            await client.read(1, "holding", 0, 2)
        server.reply = lambda frame: [answer(frame, 7, 8)]
        assert await client.read(1, "holding", 0, 2) == [7, 8]
        assert server.connections == (1 if name in ANSWERS else 2), (
            "nobody knows what else would come behind what is no answer"
        )


@pytest.mark.parametrize(("values", "is_short"), [((1,), True), ((1, 2, 3), False)])
async def test_a_unit_that_gives_more_than_it_is_asked_for_is_not_asked_for_less(
    values: tuple[int, ...], *, is_short: bool
) -> None:
    faulty = FaultyModbus(lambda frame: [answer(frame, *values)])
    async with faulty.serving() as server, connected(target_of(server.port)) as client:
        with pytest.raises(DeviceProtocolError) as raised:
            await client.read(1, "holding", 0, 2)
    assert raised.value.is_short is is_short


@pytest.mark.parametrize("fault", [b"\x01\x03\x04\x00\x01\x00\x02\xff\xff", b"garbage", b"\x01\x03\x04\x00"])
async def test_a_faulty_rtu_answer_is_no_reading_and_the_next_one_comes_on_a_new_connection(fault: bytes) -> None:
    """A wrong checksum, garbage, half a frame: no answer, or no whole one, and the next good one is taken."""
    rtu = FaultyModbus(lambda _: [fault])
    async with rtu.serving() as server, connected(target_of(server.port, "rtu-over-tcp")) as client:
        with pytest.raises((DeviceTimeout, DeviceProtocolError)):
            await client.read(1, "holding", 0, 2)
        server.reply = lambda frame: [rtu_answer(frame, 7, 8)]
        assert await client.read(1, "holding", 0, 2) == [7, 8]
        assert server.connections == 2, "nobody knows what else would have come on the first one"


async def test_silence_of_one_unit_keeps_the_others_connection() -> None:
    """Unit 9 never answers; unit 1 goes on over the same connection."""
    async with FaultyModbus(lambda frame: [] if frame[6] == 9 else [answer(frame, frame[6])]).serving() as server:
        async with connected(target_of(server.port)) as client:
            for _ in range(4):
                async with fails(DeviceTimeout):
                    await client.read(9, "holding", 0, 1)
                assert await client.read(1, "holding", 0, 1) == [1]
        assert server.connections == 1


async def test_a_connection_that_only_swallows_is_made_anew() -> None:
    """A firewall that forgot the connection says nothing; after a few timeout_retries_left in a row the next one is fresh."""
    async with (
        FaultyModbus(lambda frame: [answer(frame, 5)] if server.connections > 1 else []).serving() as server,
        connected(target_of(server.port)) as client,
    ):
        for _ in range(3):
            async with fails(DeviceTimeout):
                await client.read(1, "holding", 0, 1)
        assert await client.read(1, "holding", 0, 1) == [5]


def numbered(make: Callable[..., bytes]) -> Reply:
    """The first answer comes late, just before the second; each carries its own number."""
    frames: list[bytes] = []

    def reply(frame: bytes) -> list[bytes | float | None]:
        frames.append(frame)
        return [] if len(frames) == 1 else [*(make(frame, at) for at, frame in enumerate(frames[-2:], len(frames) - 1))]

    return reply


async def test_late_answer_is_not_taken_for_the_next() -> None:
    """TCP: the transaction number tells them apart, on the same connection. So after a cancelled request."""
    async with FaultyModbus(numbered(answer)).serving() as server, connected(target_of(server.port)) as client:
        async with fails(DeviceTimeout):
            await client.read(1, "holding", 0, 1)
        assert await client.read(1, "holding", 0, 1) == [2]
        assert server.connections == 1
    async with FaultyModbus(numbered(answer)).serving() as server, connected(target_of(server.port)) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read(1, "holding", 0, 1), TIMEOUT_S / 3)
        assert await client.read(1, "holding", 0, 1) == [2]


async def test_late_answer_without_a_number_is_not_taken() -> None:
    """Some devices put 0 for every transaction; after a silence nobody knows which answer it is."""
    unnumbered = numbered(lambda frame, value: answer(frame, value, tid=0))
    async with FaultyModbus(unnumbered).serving() as server, connected(target_of(server.port)) as client:
        async with fails(DeviceTimeout):
            await client.read(1, "holding", 0, 1)
        async with fails(DeviceProtocolError, "unnumbered"):
            await client.read(1, "holding", 0, 1)
        server.reply = lambda frame: [answer(frame, 3, tid=0)]
        assert await client.read(1, "holding", 0, 1) == [3], "on a new connection nothing is late"
    async with (
        FaultyModbus(lambda frame: [answer(frame, 3, tid=0)]).serving() as server,
        connected(target_of(server.port)) as client,
    ):
        assert await client.read(1, "holding", 0, 1) == [3]


async def test_late_answer_over_rtu_is_not_taken() -> None:
    """RTU has no numbers: what comes late comes on a connection that is gone."""
    delays = iter([JUMP_S + 5, 10.0])

    def reply(frame: bytes) -> list[bytes | float | None]:
        return [next(delays), rtu_answer(frame, len(server.frames))]

    server = FaultyModbus(reply)
    async with server.serving():
        target = replace(target_of(server.port, "rtu-over-tcp"), timeout_s=LONG_TIMEOUT_S)
        async with connected(target) as client:
            async with fails(DeviceTimeout):
                await after(lambda: len(server.frames), client.read(1, "holding", 0, 1), jumps=1)
            second = asyncio.create_task(client.read(1, "holding", 0, 1))
            await eventually(lambda: len(server.frames) == 2, "the second request")
            await jump(6.0)  # the answer to the first one is sent
            await jump(6.0)
            assert await second == [2]
        assert server.connections == 2


async def test_a_cancelled_request_over_rtu_costs_the_connection_and_the_line_is_quiet_for_a_while() -> None:
    """Its answer may still come, and could not be told from the next one. The caller's deadline is often the shorter one."""
    at: list[float] = []

    def reply(frame: bytes) -> list[bytes | float | None]:
        at.append(asyncio.get_running_loop().time())
        return [rtu_answer(frame, 7)] if len(at) > 1 else []

    async with FaultyModbus(reply).serving() as server:
        async with connected(replace(target_of(server.port, "rtu-over-tcp"), timeout_s=LONG_TIMEOUT_S)) as client:
            asking = asyncio.create_task(client.read(1, "holding", 0, 1))
            await eventually(lambda: at, "the first request")
            asking.cancel()
            await asyncio.wait([asking])
            assert await client.read(1, "holding", 0, 1) == [7]
        assert server.connections == 2
    assert at[1] - at[0] >= RTU_QUIET_S


async def test_an_answer_of_the_same_function_that_is_no_identification_is_the_units_error() -> None:
    """Function 43 carries other things as well (V1.1b3, 6.19)."""
    other = b"\x2b\x0d\x00\x00\x00\x00\x00"
    async with (
        FaultyModbus(lambda frame: [frame[:4] + bytes([0, len(other) + 1]) + frame[6:7] + other]).serving() as server,
        connected(target_of(server.port)) as client,
        fails(DeviceProtocolError, "something else than an identification"),
    ):
        await client.describe(1)


@pytest.mark.parametrize("transport", ["tcp", "rtu-over-tcp"])
async def test_a_connection_that_is_refused_is_left_at_one_cancellation_whenever_it_comes(
    transport: Literal["tcp", "rtu-over-tcp"],
) -> None:
    """Pymodbus connects within `asyncio.wait_for`, which on Python 3.11 loses a cancellation that meets the refusal."""
    for step in range(40):
        async with connected(target_of(free_port(), transport)) as client:

            async def ask(client: ModbusLink = client) -> None:
                with contextlib.suppress(DeviceError):
                    await client.read(1, "holding", 0, 1)
                await asyncio.sleep(3600)

            task = asyncio.create_task(ask())
            for _ in range(step):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=60)
            assert task.cancelled(), f"at step {step}"
