"""Accepts connections, and bounds their number and the time that each may take.

aiohttp has no limit on connections and none on the time that a request's head or a slow reader takes. So connections are accepted here
and handed to its protocol. At the limit a new connection replaces one that only waits for its client. So even if somebody
opens connections up to the limit and sends nothing, a scrape still gets one at once.
"""

import asyncio
import errno
import logging
import math
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import cast

from aiohttp.web_protocol import RequestHandler

from rackflow.process.bulkhead import Failures, Supervisor
from rackflow.process.files import RAISE_LIMIT

log = logging.getLogger(__name__)
# TLS handshake and head of the first request together. A client beside it needs milliseconds, one on a slow line seconds.
HEAD_S = 10.0
# From the head to the last byte of the response. A page of 200,000 series is 30 MB, which takes 3 s at 100 Mbit/s.
RESPONSE_S = 30.0
# A connection without a request. Longer than the usual interval of scrapes (15 to 60 s), so that Prometheus keeps its connection.
IDLE_S = 75.0
# Pause after the kernel had no more file descriptors. asyncio's own servers wait for a second, too.
_NO_FILES_PAUSE_S = 1.0
# Files that other parts open for a moment when connections have taken all there are, and connections that are left all the same. Chosen: a
# database takes three, and a few are open at a time.
_FILES_OF_OTHERS, _LEAST = 16, 8
# How long there are fewer connections after that, s; then twice as many are tried. What took the files may have been a backup of a minute.
# The pause doubles each time, to an hour at most: where the limit is too low for good, ledger and store are disturbed once an hour.
RAISE_S, _RAISE_MOST_S = 60.0, 3600.0
# A fault that lasts is logged this often.
_LOG_EVERY_S = 60.0
# Connections that the kernel keeps until they are accepted, which takes one turn of the loop. A chosen value, asyncio's own is 100.
_BACKLOG = 128


class Connection(asyncio.Protocol):
    """One connection. It forwards everything to aiohttp's protocol, and ends when its time is over."""

    def __init__(self, inner: RequestHandler, peer: str, on_lost: Callable[["Connection"], None]) -> None:
        self.inner = inner
        self.peer = peer
        self.task: asyncio.Task[None] | None = None
        self.is_busy = False
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._refuse: Callable[[], None] = lambda: None

    def limit(self, seconds: float, on_end: Callable[[], None]) -> None:
        """End the connection after so many seconds, unless `limit` is called again before; then also call `on_end`."""
        if self._timer is not None:
            self._timer.cancel()
        self._refuse = on_end
        self._timer = asyncio.get_running_loop().call_later(seconds, self._too_long)

    def end(self) -> None:
        """End the connection now, whatever is still to be sent."""
        if self._transport is not None:
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()

    def end_after_response(self) -> None:
        """End the connection once the response that is being made, and what waits for its client, is sent."""
        if self._transport is None:
            self.end()
        elif self.is_busy:
            self.inner.close()  # aiohttp's protocol takes no further request
        else:
            self._transport.close()

    def close_unserved(self, accepted: socket.socket) -> None:
        """Close the socket if no transport has taken it. A task that is cancelled before its first step never does."""
        if self._transport is None:
            accepted.close()

    def _too_long(self) -> None:
        self._refuse()
        self.end()

    def forget(self) -> None:
        """Stop the timer. Called once, when the connection is gone."""
        if self._timer is not None:
            self._timer.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio once connected, after the TLS handshake if there is one."""
        # Not asked for its class: uvloop's transports are none of asyncio's, and a connection without one could not be ended.
        self._transport = cast("asyncio.Transport", transport)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self.inner.data_received(data)

    def eof_received(self) -> None:
        """Called by asyncio; the transport then closes itself."""
        self.inner.eof_received()

    def pause_writing(self) -> None:
        """Called by asyncio while the client reads too slowly."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Called by asyncio."""
        self.inner.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called by asyncio."""
        self._on_lost(self)
        self.inner.connection_lost(exc)


class Connections:
    """All connections of one server, at most `limit`. `context` is the present TLS context; None for plain HTTP."""

    def __init__(self, make_protocol: Callable[[], RequestHandler], limit: int, failures: Failures, part: str) -> None:
        self.context: ssl.SSLContext | None = None
        self.refused: Counter[str] = Counter({"busy": 0, "evicted": 0, "timeout": 0, "tls": 0})
        """Connections that were refused or ended, by reason."""
        self._make_protocol = make_protocol
        self._limit, self._configured_limit = limit, limit
        self._raise_at_s, self._raise_pause_s = math.inf, RAISE_S
        """When the limit is raised again after files had run short (monotonic), and the pause before the next time."""
        self._open: dict[asyncio.BaseProtocol, Connection] = {}
        self._listeners: list[socket.socket] = []
        self._accepting = Supervisor(failures)
        self._failures = failures
        self._part = part
        self._logged_s = -math.inf

    def listen(self, host: str, port: int) -> int:
        """Listen on every address of `host`; returns the port. Raises OSError."""
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            self._listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
            listener.settimeout(0)
        own: int = self._listeners[0].getsockname()[1]
        return own

    def accept(self) -> None:
        """Begin to accept connections."""
        for listener in self._listeners:
            self._accepting.start(self._part, partial(self._accept, listener))

    async def stop(self) -> None:
        """Accept no more. Connections that are open stay, `end_all` ends them."""
        await self._accepting.stop(1.0)
        for listener in self._listeners:
            listener.close()

    def renew(self) -> None:
        """Have every client connect again, under the present `context`; responses that are being made are finished.

        Who may connect is decided at the handshake. A client that asks again within `IDLE_S` keeps its connection for ever, also one whose
        authority is no longer accepted, or one without TLS.
        """
        for connection in list(self._open.values()):
            connection.end_after_response()

    def end_all(self) -> None:
        """End every connection."""
        for connection in list(self._open.values()):
            connection.end()

    def begin(self, protocol: asyncio.BaseProtocol | None) -> None:
        """The head of a request has arrived."""
        if protocol is not None and (connection := self._open.get(protocol)) is not None:
            connection.is_busy = True
            connection.limit(RESPONSE_S, self._count_timeout)

    def done(self, protocol: asyncio.BaseProtocol | None) -> None:
        """The response is written, and the next request may come."""
        if protocol is not None and (connection := self._open.get(protocol)) is not None:
            connection.is_busy = False
            connection.limit(IDLE_S, lambda: None)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listener)
            except ConnectionError:  # gone before it was accepted
                continue
            except OSError as error:
                self._give_up_some(error)
                await asyncio.sleep(_NO_FILES_PAUSE_S)
                continue
            self._take(accepted, str(address[0]))
            if len(self._open) >= self._limit:
                # Those that were ended close in the next turns of the loop, and keep their files until then.
                await asyncio.sleep(0)

    def _take(self, accepted: socket.socket, peer: str) -> None:
        if self._limit < self._configured_limit and time.monotonic() >= self._raise_at_s:
            self._limit = min(2 * self._limit, self._configured_limit)
            self._raise_at_s = time.monotonic() + self._raise_pause_s
            log.info("at most %d connections again", self._limit)
        if len(self._open) >= self._limit and not self._make_room(peer):
            self.refused["busy"] += 1
            accepted.close()
            return
        accepted.settimeout(0)
        connection = Connection(self._make_protocol(), peer, self._forget)
        self._open[connection.inner] = connection
        connection.limit(HEAD_S, self._count_timeout)
        connection.task = asyncio.create_task(self._serve(accepted, connection), name="http-connection")
        connection.task.add_done_callback(lambda _: connection.close_unserved(accepted))

    async def _serve(self, accepted: socket.socket, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        timeout_s = HEAD_S if self.context is not None else None
        try:
            await loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self.context, ssl_handshake_timeout=timeout_s
            )
        except asyncio.CancelledError:
            self._forget(connection)
            raise
        except (OSError, ssl.SSLError):  # a refused certificate, garbage, a handshake that takes too long
            self.refused["tls"] += 1
            self._forget(connection)
        except Exception as error:  # noqa: BLE001 - a barrier
            self._failures.note(self._part, error)
            self._forget(connection)

    def _give_up_some(self, error: OSError) -> None:
        """No connection can be accepted. If the process may open no more files, have fewer for a while: ledger and store need some, too."""
        is_short = error.errno == errno.EMFILE
        if is_short:
            self._raise_at_s = time.monotonic() + self._raise_pause_s
        if is_short and (fewer := max(_LEAST, len(self._open) - _FILES_OF_OTHERS)) < self._limit:
            self._limit = fewer
            self._raise_pause_s = min(2 * self._raise_pause_s, _RAISE_MOST_S)
            log.warning("too many open files, so there are at most %d connections for a while; %s", fewer, RAISE_LIMIT)
        elif (now := time.monotonic()) >= self._logged_s + _LOG_EVERY_S:
            self._logged_s = now
            log.warning("no connection can be accepted error=%s%s", error, f"; {RAISE_LIMIT}" if is_short else "")
        while len(self._open) > self._limit and self._make_room(""):
            pass

    def _make_room(self, peer: str) -> bool:
        """End the oldest connection that waits for its client, of the host that has most of them.

        If all of them are being answered, one of the host that has most is ended for a host that has fewer. Otherwise a client that reads
        slowly could occupy all connections.
        """
        waiting = [each for each in self._open.values() if not each.is_busy]
        candidates = waiting or list(self._open.values())
        share = Counter(each.peer for each in candidates)
        victim = max(candidates, key=lambda each: share[each.peer])  # the first, and so the oldest, of the largest
        if not waiting and share[victim.peer] <= share[peer] + 1:
            return False
        self.refused["evicted"] += 1
        self._forget(victim)
        victim.end()
        return True

    def _forget(self, connection: Connection) -> None:
        if self._open.pop(connection.inner, None) is not None:
            connection.forget()

    def _count_timeout(self) -> None:
        self.refused["timeout"] += 1
