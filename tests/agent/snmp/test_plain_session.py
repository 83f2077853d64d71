"""One session over one socket: its reader stays between GETs, and is gone when the session is."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop
from gufo.snmp import SnmpVersion
from gufo.snmp.aio import SnmpSession

from agent.snmp.plain import PlainSession
from tests.agent.faulty_peers import FaultyAgent, Request
from tests.agent.snmp.snmp_clients import TREE, table
from tests.servers.waiting import eventually

ONE, TWO = f"{TREE}.1.1", f"{TREE}.1.2"


def session_to(port: int) -> tuple[PlainSession, int]:
    """A session, and the descriptor of its socket."""
    library = SnmpSession(
        "127.0.0.1",
        port,
        community="public",
        version=SnmpVersion.v2c,
        timeout=None,  # type: ignore[arg-type]  # as in agent/snmp/gufo.py
    )
    sock = library._sock  # noqa: SLF001 - as in agent/snmp/gufo.py
    return PlainSession(library, sock), sock.get_fd()


@asynccontextmanager
async def a_session() -> AsyncIterator[tuple[FaultyAgent, PlainSession, int]]:
    async with FaultyAgent(table(30)).serving() as agent:
        session, descriptor = session_to(agent.port)
        yield agent, session, descriptor
        session.close()


def has_reader(descriptor: int) -> bool:
    """Whether the loop has a reader for it; takes it away."""
    return asyncio.get_running_loop().remove_reader(descriptor)


async def test_the_reader_stays_between_gets_and_makes_way_for_walks() -> None:
    async with a_session() as (_, session, descriptor):
        assert await session.get_many([ONE]) == {ONE: 1}
        assert await session.get_many([ONE, TWO]) == {ONE: 1, TWO: 2}
        assert [row async for row in session.getnext(TREE)][:2] == [(ONE, 1), (TWO, 2)]
        assert await session.get(TWO) == 2
        assert len([row async for row in session.getbulk(f"{TREE}.1", 10)]) == 30
        assert await session.get_many([TWO]) == {TWO: 2}
        assert has_reader(descriptor)


async def test_what_nobody_waits_for_is_taken_out_of_the_socket() -> None:
    """Each answer comes twice, and garbage behind it. Left there, the loop would call the reader for ever."""
    async with a_session() as (agent, session, descriptor):

        def twice(request: Request) -> list[bytes]:
            return [*agent.good(request), *agent.good(request), b"garbage"]

        agent.behaviour = twice
        assert await session.get_many([ONE]) == {ONE: 1}
        theirs = socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_DGRAM)
        with theirs:

            def is_empty() -> bool:
                try:
                    theirs.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return True
                return False

            await eventually(is_empty, "nothing is left")
        agent.behaviour = None
        assert await session.get_many([TWO]) == {TWO: 2}


async def test_an_answer_to_an_earlier_request_is_passed_over() -> None:
    async with a_session() as (agent, session, _):
        kept: list[bytes] = []

        def keep(request: Request) -> list[bytes]:
            kept.extend(agent.good(request))
            return []

        agent.behaviour = keep
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.get_many([ONE])
        agent.behaviour = lambda request: [*kept, *agent.good(request)]
        assert await session.get_many([TWO]) == {TWO: 2}


async def test_a_refused_datagram_is_an_error_of_the_request() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    session, _ = session_to(port)
    with pytest.raises(OSError, match="refused"):
        await session.get_many([ONE])
    session.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_refused_datagram_does_not_cost_the_answer_to_a_later_request(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """After an error, libuv stops watching a socket."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        session, descriptor = session_to(port)
        with pytest.raises(OSError, match="refused"):
            await session.get_many([ONE])
        async with a_session() as (agent, _, _):
            with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_DGRAM) as theirs:
                theirs.connect(("127.0.0.1", agent.port))
            async with asyncio.timeout(10):
                assert await session.get_many([ONE]) == {ONE: 1}
        session.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("how", ["closed", "forgotten"])
async def test_the_reader_goes_with_the_session(how: str) -> None:
    """The descriptor is free then, and the reader would be one of whatever is opened next."""
    async with FaultyAgent(table(3)).serving() as agent:
        session, descriptor = session_to(agent.port)
        assert await session.get_many([ONE]) == {ONE: 1}
        if how == "closed":
            session.close()
            session.close()
        else:
            del session
            gc.collect()
        assert not has_reader(descriptor)
