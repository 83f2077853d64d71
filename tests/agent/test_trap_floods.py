"""More traps than are handled: at a bounded rate, and with a share for each sender."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from agent.snmp.traps.listener import MAX_PER_SECOND, MAX_PER_SENDER, TrapListener
from agent.traps import TrapReceiver
from tests.agent.test_traps import COLD_START, devices_at
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually


@contextlib.contextmanager
def senders(*numbers: int) -> Iterator[list[socket.socket]]:
    """Sockets at 127.0.0.N."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in numbers]
        for each, number in zip(found, numbers, strict=True):
            each.bind((f"127.0.0.{number}", 0))
        yield found


async def test_a_flood_is_read_at_a_bounded_rate_and_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """From as many senders as it takes for their shares to exceed the limit of all."""
    monkeypatch.setattr("agent.snmp.traps.listener.BUFFER_BYTES", 65_536)  # a flood of seconds, not of half a minute
    loop = asyncio.get_running_loop()
    read: list[tuple[float, bytes]] = []

    def received(datagram: bytes, _: str) -> bytes:
        read.append((loop.time(), datagram))
        return b""

    listener = TrapListener("127.0.0.1", 0, received)
    try:
        with senders(*range(2, 52)) as devices:
            async with asyncio.timeout(60):
                while len(read) <= 2 * MAX_PER_SECOND:
                    for each in devices:
                        each.sendto(b"flood", ("127.0.0.1", listener.port))
                    await asyncio.sleep(0.001)
            # Less than a second touches at most two of the seconds that are counted.
            assert read[2 * MAX_PER_SECOND][0] - read[0][0] >= 1
            # What fits into the socket's buffer is read in later seconds; what was sent while it was full is lost.
            await eventually(lambda: loop.time() - read[-1][0] > 1, "the buffer is empty")
            devices[0].sendto(b"after it", ("127.0.0.1", listener.port))
            await eventually(lambda: read[-1][1] == b"after it", "the next one")
    finally:
        listener.close()


async def test_a_sender_without_end_leaves_the_others_their_share_and_is_counted(mosquitto: Mosquitto) -> None:
    told: list[str] = []
    config = devices_at(mosquitto, noisy="127.0.0.2", quiet="127.0.0.3")
    receiver = TrapReceiver(config, lambda device, _, __: told.append(device))
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    to = ("127.0.0.1", receiver.port or 0)
    counted = "dcim_agent_traps_refused_total{reason=limit}"
    began = time.monotonic()
    with senders(2, 3) as (noisy, quiet):
        async with asyncio.timeout(60):
            while receiver.values()[counted] < 3 * MAX_PER_SECOND:
                for _ in range(40):
                    noisy.sendto(COLD_START, to)
                await asyncio.sleep(0.001)
        for _ in range(5):
            quiet.sendto(COLD_START, to)
        await eventually(lambda: told.count("quiet") == 5, "all of the other one's")
    assert told.count("noisy") <= MAX_PER_SENDER * (2 + time.monotonic() - began)
    await receiver.stop(5)


async def test_datagrams_of_strangers_cost_devices_none_of_theirs(mosquitto: Mosquitto) -> None:
    """More of them are read than of devices within one second."""
    loop = asyncio.get_running_loop()
    receiver = TrapReceiver(devices_at(mosquitto, quiet="127.0.0.3"), lambda _, __, ___: None)
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    refused = "dcim_agent_traps_refused_total{reason=sender}"
    with senders(2) as (stranger,):
        async with asyncio.timeout(60):
            seen = [(loop.time(), receiver.values()[refused])]
            # In two seconds that are counted, 1,000 would be read.
            while not any(
                seen[-1][1] - count > 2 * MAX_PER_SECOND and seen[-1][0] - at < 1 for at, count in seen[-100:]
            ):
                for _ in range(100):
                    stranger.sendto(b"flood", ("127.0.0.1", receiver.port or 0))
                await asyncio.sleep(0.01)
                seen.append((loop.time(), receiver.values()[refused]))
    await receiver.stop(5)
