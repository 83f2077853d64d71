"""A v1 or v2c session of gufo_snmp whose socket keeps its reader between GETs.

gufo_snmp 0.13.0 adds a reader to the event loop for each answer and removes it afterwards, which under uvloop makes and closes a handle
of libuv each time, and calls `wait_for` besides. Here the reader stays. Walks are rare, and go through the library as it is.
"""

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from gufo.snmp.aio import SnmpSession

from agent.snmp.seam import SnmpValue


class GetSocket(Protocol):
    """The methods used of gufo_snmp's socket, whose class has no public name."""

    def get_fd(self) -> int: ...
    def send_get_many(self, oids: list[str]) -> None: ...
    def recv_get_many(self) -> dict[str, SnmpValue]: ...


class PlainSession:
    """One session. Requests must follow one another. Ends with `close`, or when nothing refers to it any more."""

    def __init__(self, session: SnmpSession, sock: GetSocket) -> None:
        self._session = session
        self._sock = sock
        self._descriptor = sock.get_fd()
        self._loop = asyncio.get_running_loop()
        self._is_attached = False
        self._answer: asyncio.Future[dict[str, SnmpValue]] | None = None
        self.on_late: Callable[[], None] | None = None
        """Called once, for an answer to an earlier request that comes while one is waited for."""

    def __del__(self) -> None:
        # The library closes the socket with its session. A reader left in the loop would then watch whatever file gets this descriptor.
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.close()

    def close(self) -> None:
        """Take the reader from the loop. May be called twice."""
        if self._is_attached:
            self._is_attached = False
            self._loop.remove_reader(self._descriptor)

    def library(self) -> SnmpSession:
        """The library's own session, which adds and removes readers itself."""
        self.close()
        return self._session

    async def get_many(self, oids: list[str]) -> dict[str, SnmpValue]:
        """See `SnmpSession.get_many`."""
        if not self._is_attached:
            # The loop refers to the reader, and must not keep a session that its owner has forgotten.
            self._loop.add_reader(self._descriptor, _read, weakref.ref(self))
            self._is_attached = True
        with contextlib.suppress(BlockingIOError):  # a full send buffer is a lost datagram, which UDP allows for
            self._sock.send_get_many(oids)
        self._answer = self._loop.create_future()
        answer = await self._answer
        # Not kept until the next request: the garbage collector would examine the answers of all devices.
        self._answer = None
        return answer

    async def get(self, oid: str) -> SnmpValue:
        """See `SnmpSession.get`."""
        return await self.library().get(oid)

    def getnext(self, oid: str) -> AsyncIterator[tuple[str, SnmpValue]]:
        """See `SnmpSession.getnext`."""
        return self.library().getnext(oid)

    def getbulk(self, oid: str, max_repetitions: int) -> AsyncIterator[tuple[str, SnmpValue]]:
        """See `SnmpSession.getbulk`."""
        return self.library().getbulk(oid, max_repetitions)

    def read(self) -> None:
        """Read one datagram: the answer that is waited for, or one that nobody waits for, such as a late answer."""
        answer = self._answer
        if answer is None or answer.done():
            # A datagram left in the socket would make the loop call again at once. Reading one byte removes the whole datagram.
            try:
                os.read(self._descriptor, 1)
            except BlockingIOError:
                pass
            except OSError:
                self.close()
            return
        try:
            found = self._sock.recv_get_many()
        except BlockingIOError:
            # An answer to an earlier request, which the library has passed over.
            on_late, self.on_late = self.on_late, None
            if on_late is not None:
                on_late()
        except BaseException as error:  # noqa: BLE001 - for whoever waits, panics too
            # libuv stops watching a socket that had an error, and uvloop does not say so. The next request adds the reader again.
            self.close()
            answer.set_exception(error)
        else:
            self.on_late = None
            answer.set_result(found)


def _read(session: weakref.ref[PlainSession]) -> None:
    if (found := session()) is not None:
        found.read()
