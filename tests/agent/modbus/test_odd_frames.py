"""Units that answer oddly but unmistakably: noise on the line, another unit's number, a connection closed behind each answer."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from agent.modbus.client import ModbusLinks
from agent.modbus.pymodbus_wire import stray_octets
from rackflow.errors import DeviceProtocolError, DeviceTimeout, DeviceUnreachable
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.modbus.modbus_peers import answer, connected, fails, rtu_answer, target_of
from tests.jumping import JUMP_S, LONG_TIMEOUT_S, after, jump
from tests.servers.waiting import eventually

NOISE = [
    b"\0",
    b"\xff\xff",
    b"\x01",
    b"\x01\x03",
    b"\x01\x03\x02",
    b"\x05\x03\x04\x00",
    b"\x01\x83\x02\x00\x00",
    bytes(range(40)),
]


@pytest.mark.parametrize("before", NOISE)
@pytest.mark.parametrize("behind", [b"", b"\0", b"\x01\x03\x02"])
async def test_noise_around_a_frame_is_skipped(before: bytes, behind: bytes) -> None:
    async with (
        FaultyModbus(lambda frame: [before + rtu_answer(frame, 7, 8) + behind]).serving() as server,
        connected(target_of(server.port, "rtu-over-tcp")) as client,
    ):
        for _ in range(2):
            assert await client.read(1, "holding", 0, 2) == [7, 8]


async def test_an_exception_behind_noise_is_the_exception() -> None:
    refusal = b"\x01\x83\x02"
    refusal += FramerRTU.compute_CRC(refusal).to_bytes(2, "big")
    async with (
        FaultyModbus(lambda _: [b"\x00\x00" + refusal]).serving() as server,
        connected(target_of(server.port, "rtu-over-tcp")) as client,
        fails(DeviceProtocolError, "exception 2"),
    ):
        await client.read(1, "holding", 0, 2)


async def test_a_frame_of_another_unit_on_a_serial_line_is_no_answer() -> None:
    async with (
        FaultyModbus(lambda frame: [rtu_answer(b"\x02" + frame[1:], 7, 8)]).serving() as server,
        connected(target_of(server.port, "rtu-over-tcp")) as client,
        fails(DeviceTimeout, r"an answer of unit 2, not 1 .*`accept_answers: \[other_unit\]`"),
    ):
        await client.read(1, "holding", 0, 2)


@pytest.mark.parametrize("noise", [b"", b"\0\xff"])
async def test_a_frame_of_another_unit_is_taken_where_the_device_always_answers_so(noise: bytes) -> None:
    async with (
        FaultyModbus(lambda frame: [noise + rtu_answer(b"\x02" + frame[1:], 7, 8)]).serving() as server,
        connected(target_of(server.port, "rtu-over-tcp", accepts="other_unit")) as client,
    ):
        for _ in range(2):
            assert await client.read(1, "holding", 0, 2) == [7, 8]


@given(st.binary(max_size=300), st.integers(0, 255))
def test_stray_octets_are_counted_in_whatever_comes(data: bytes, unit: int) -> None:
    assert 0 <= stray_octets(data, unit) <= len(data)


@given(st.binary(max_size=30).filter(lambda noise: 1 not in noise), st.lists(st.integers(0, 65535), max_size=20))
def test_the_frame_is_found_behind_any_noise(noise: bytes, values: list[int]) -> None:
    assert stray_octets(noise + rtu_answer(b"\x01\x03", *values), 1) == len(noise)


@pytest.mark.parametrize("unit", [0, 1, 255])
async def test_an_answer_under_another_units_number_is_taken_while_its_transaction_fits(unit: int) -> None:
    async with (
        FaultyModbus(lambda frame: [answer(frame, 7, 8, unit=unit)]).serving() as server,
        connected(target_of(server.port)) as client,
    ):
        for _ in range(2):
            assert await client.read(12, "holding", 0, 2) == [7, 8]


async def test_what_a_gateway_sends_of_another_polled_unit_is_not_taken() -> None:
    """Unit 3 was late on its serial line, and the gateway answers the request to unit 4 with it."""
    links = ModbusLinks()
    async with FaultyModbus(lambda frame: [answer(frame, frame[6])]).serving() as server:
        third, fourth = (links.acquire(target_of(server.port)) for _ in range(2))
        assert (await third.read(3, "holding", 0, 1), await fourth.read(4, "holding", 0, 1)) == ([3], [4])
        server.reply = lambda frame: [answer(frame, 3, unit=3), answer(frame, 4, unit=4)]
        assert await fourth.read(4, "holding", 0, 1) == [4]
        server.reply = lambda frame: [answer(frame, 3, unit=3)]
        async with fails(DeviceTimeout, r"an answer of unit 3, not 4 .*`accept_answers: \[other_unit\]`"):
            await fourth.read(4, "holding", 0, 1)
        odd = links.acquire(target_of(server.port, accepts="other_unit"))
        assert await odd.read(4, "holding", 0, 1) == [3]
        for each in (third, fourth, odd):
            await each.close()


async def test_an_answer_to_an_earlier_request_is_not_accepted_and_is_reported() -> None:
    async with (
        FaultyModbus(lambda frame: [answer(frame, 7, 8, tid=999)]).serving() as server,
        connected(target_of(server.port)) as client,
        fails(DeviceTimeout, r"transaction number 999, not 1 .*`accept_answers: \[other_transaction\]`"),
    ):
        await client.read(1, "holding", 0, 2)


@pytest.mark.parametrize("tid", [1, 999, 65535])
async def test_any_transaction_number_is_taken_where_the_device_always_answers_so(tid: int) -> None:
    async with (
        FaultyModbus(lambda frame: [answer(frame, 7, 8, tid=tid, unit=255)]).serving() as server,
        connected(target_of(server.port, accepts="other_transaction")) as client,
    ):
        for _ in range(3):
            assert await client.read(1, "holding", 0, 2) == [7, 8]
        assert server.connections == 1


async def test_where_any_number_is_taken_a_late_answer_is_not() -> None:
    """The first one is late, and would be the answer to the second request."""
    delays = iter([JUMP_S + 5, 10.0])
    server = FaultyModbus(lambda frame: [next(delays), answer(frame, 7, len(server.frames), tid=9)])
    async with server.serving():
        target = replace(target_of(server.port, accepts="other_transaction"), timeout_s=LONG_TIMEOUT_S)
        async with connected(target) as client:
            async with fails(DeviceTimeout):
                await after(lambda: len(server.frames), client.read(1, "holding", 0, 2), jumps=1)
            second = asyncio.create_task(client.read(1, "holding", 4, 2))
            await eventually(lambda: len(server.frames) == 2, "the second request")
            await jump(6.0)  # the answer to the first one is sent
            await jump(6.0)
            assert await second == [7, 2]
        assert server.connections == 2


async def test_an_unnumbered_answer_of_another_unit_is_reported_and_accepted_only_where_configured() -> None:
    async with FaultyModbus(lambda frame: [answer(frame, 7, 8, tid=0, unit=9)]).serving() as server:
        async with (
            connected(target_of(server.port)) as client,
            fails(DeviceTimeout, "of unit 9, not 1, without a transaction number"),
        ):
            await client.read(1, "holding", 0, 2)
        async with connected(target_of(server.port, accepts="other_unit")) as client:
            assert await client.read(1, "holding", 0, 2) == [7, 8]


@pytest.mark.parametrize("is_strict_first", [True, False])
async def test_of_devices_on_one_link_only_the_one_that_is_set_so_takes_any_number(*, is_strict_first: bool) -> None:
    """Whichever of the two is the first on the link, whose settings are those of the line."""
    async with FaultyModbus(lambda frame: [answer(frame, 7, 8, tid=9)]).serving() as server:
        links = ModbusLinks()
        targets = [target_of(server.port), target_of(server.port, accepts="other_transaction")]
        shares = [links.acquire(each) for each in (targets if is_strict_first else targets[::-1])]
        strict, lenient = shares if is_strict_first else shares[::-1]
        assert await lenient.read(1, "holding", 0, 2) == [7, 8]
        async with fails(DeviceTimeout):
            await strict.read(1, "holding", 0, 2)
        for each in (strict, lenient):
            await each.close()


async def test_a_unit_that_closes_the_connection_behind_each_answer_is_read() -> None:
    async with FaultyModbus(lambda frame: [answer(frame, 7, 8), None]).serving() as server:
        async with connected(target_of(server.port)) as client:
            for _ in range(20):
                assert await client.read(1, "holding", 0, 2) == [7, 8]
        assert server.connections == 20


async def test_a_connection_that_closes_while_a_request_is_under_way_is_made_anew_once() -> None:
    async with FaultyModbus(
        lambda frame: [answer(frame, 7, 8)] if len(server.frames) != 2 else [None]
    ).serving() as server:
        async with connected(target_of(server.port)) as client:
            for _ in range(2):
                assert await client.read(1, "holding", 0, 2) == [7, 8]
        assert (server.connections, len(server.frames)) == (2, 3)


async def test_a_unit_that_only_hangs_up_is_unreachable_after_two_requests() -> None:
    async with FaultyModbus(
        lambda frame: [answer(frame, 7, 8)] if len(server.frames) == 1 else [None]
    ).serving() as server:
        async with connected(target_of(server.port)) as client:
            await client.read(1, "holding", 0, 2)
            async with fails(DeviceUnreachable, "closed the connection"):
                await client.read(1, "holding", 0, 2)
        assert len(server.frames) == 3
