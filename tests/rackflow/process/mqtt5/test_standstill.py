"""When the end of a connection is none that this process caused by standing still: a collector tells by that whose fault it is."""

import asyncio

import pytest

from rackflow.process.mqtt5.client import BrokerError
from tests.jumping import JumpingLoop
from tests.rackflow.process.mqtt5.test_hostile_client import client_of, connected, on_jumping_loop
from tests.servers.scripted_broker import ScriptedBroker
from tests.servers.waiting import eventually


def test_a_broker_that_hangs_up_while_this_machine_has_just_started_is_no_standstill() -> None:
    """Its monotonic clock begins near 0, and nothing was ever sent too late."""

    async def be_left() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        loop.ahead_s = -loop.time()
        async with connected() as (server, client, _):
            server.hang_up()
            await client.lost()
            assert not client.has_stood_still

    on_jumping_loop(be_left())


async def test_a_broker_that_hangs_up_instead_of_answering_is_no_standstill() -> None:
    """As one that is starting: nothing was agreed yet that could be too late."""
    async with ScriptedBroker(b"").serving() as server:
        client = client_of(server)

        async def open_it() -> None:
            async with client:
                raise AssertionError("it was never accepted")

        opening = asyncio.ensure_future(open_it())
        await eventually(lambda: server.connections, "it asks to be accepted")
        server.hang_up()
        with pytest.raises(BrokerError):
            await opening
        assert not client.has_stood_still
