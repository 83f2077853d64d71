"""What a running agent tells devices of its SNMPv3 engine, which they must know to send informs."""

import asyncio
import socket

from agent.snmp.usm import discovery_request, read_message
from agent.traps import TrapReceiver
from tests.agent.test_traps import devices_at
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually


async def test_a_device_that_is_about_to_send_an_inform_of_snmpv3_is_told_the_agents_engine(
    mosquitto: Mosquitto,
) -> None:
    told: list[str] = []
    receiver = TrapReceiver(devices_at(mosquitto, ups_1="127.0.0.1"), lambda device, *_: told.append(device))
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.connect(("127.0.0.1", receiver.port or 0))
        device.settimeout(0)
        device.send(discovery_request(77, 5))
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(device, 2048), 30)
    await receiver.stop(5)
    header = read_message(answer)
    assert (header.msg_id, header.engine[:5].hex(), header.level) == (77, "80007ed905", 0)
    assert header.boots > 150_000_000  # seconds since 2020
    assert told == []


async def test_a_clock_that_is_set_later_begins_the_engine_again(mosquitto: Mosquitto) -> None:
    """A gateway without a clock of its own starts in 1970: devices that know its engine of yesterday would refuse lower boots for good."""
    unix_s = 0.0
    config = devices_at(mosquitto, ups_1="127.0.0.1")
    receiver = TrapReceiver(config, lambda *_: None, wall=lambda: unix_s)
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.connect(("127.0.0.1", receiver.port or 0))
        device.settimeout(0)

        async def boots() -> int:
            device.send(discovery_request(77, 5))
            answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(device, 2048), 30)
            return read_message(answer).boots

        assert await boots() == 1
        unix_s = 1.8e9
        receiver.set_config(config)
        async with asyncio.timeout(30):
            while await boots() == 1:
                pass
        known = await boots()
        assert known > 150_000_000
        # A clock that is set by a little, as each day, is no reason.
        unix_s += 30.0
        receiver.set_config(config)
        assert {await boots() for _ in range(20)} == {known}
    await receiver.stop(5)
