"""Server-sent events: each document that some page shows is made once a second, and only its changes are sent.

No client has a queue: each gets the difference to the version that it has (`collector/api/live.py`). A client that does not read is
dropped, and its browser connects again after the `retry` time. Streams end when the web configuration changes, so that
withdrawing a password ends the streams opened with it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from collector.api import Api, BadRequest, Live, NotThere, Part, PartName, check_query, parts_of
from collector.web.api import refusal
from collector.web.sending import pieces_of
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import in_turns

EVENTS_PART = "events"
"""Name of the bulkhead of what is streamed."""
# How often changes are sent: as often as devices of the safety class are polled.
EVERY_S = 1.0
# After making a document, it is not made again for this many times as long. So each takes at most a fifth of the time: the whole floor of
# 5,000 devices on a slow machine is sent less often.
_PAUSE_FACTOR = 4.0
# The time that all documents of one second may take together. The rest waits for the next second. Documents of single devices come last, so
# that a client that shows the largest devices of a site cannot delay the problems of all others.
_ROUND_S = 0.4
# A comment keeps proxies (60 s and more) and the server's own limit (30 s) from ending a stream in which nothing changes.
HEARTBEAT_S = 10.0
# How long a client may take to read a part of an event (64 kB). Browsers read at once; a laptop that was closed never does. This is not the
# limit for a whole event: the floor of a campus has 1 MB, and a phone on a slow link would be dropped each time before it has all of it.
SLOW_S = 10.0
# Each has a connection of the server's 256; a control room has a dozen screens.
MAX_STREAMS = 64
# What browsers wait before they connect again; collectors are back within seconds of a restart.
RETRY_MS = 2000
# How often the power of a site is sampled for its PUE, also while no page is open.
SAMPLE_S = 5.0
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would hold events back in its buffer.
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One open stream: the host that it goes to, what it shows, and its connection."""

    peer: str
    parts: Sequence[Part]
    transport: asyncio.Transport | None


class Events:
    """The streams of one server.

    At the limit the oldest stream of the host that has most of them gives way to a host that has fewer. Otherwise a script that opens
    streams and forgets them would keep every screen of a control room grey.
    """

    def __init__(self, api: Api, failures: Failures) -> None:
        self._api = api
        self._failures = failures
        self._live = Live()
        self._tick = asyncio.Event()
        """Set, and replaced, when documents were made: streams wait for it."""
        self._wanted = asyncio.Event()
        """Set by a new stream, whose documents may not be made yet."""
        self._generation = 0
        """Raised by `end_all`: streams of an earlier generation end."""
        self._open: dict[Stream, None] = {}
        """Streams that are open, the oldest first."""
        self.dropped = 0
        """Streams that were ended because their client did not read."""
        self.evicted = 0
        """Streams that were ended to make room for another host's."""
        self.refused = 0
        """Streams for which there was no room."""

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._open)

    async def run(self) -> None:
        """Make the documents that are shown, until cancelled."""
        sampled_at = 0.0
        while True:
            self._failures.progress(EVENTS_PART, SAMPLE_S + 30.0)
            began = time.monotonic()
            self._wanted.clear()
            await self._make(self._live.due(began))
            if began - sampled_at >= SAMPLE_S:
                sampled_at = began
                sampling = self._api.sample_steps(began, time.time())
                await in_turns(self._failures.attempt_steps(EVENTS_PART, sampling, otherwise=None))
            until = began + (EVERY_S if self._live.is_watched else SAMPLE_S)
            await self._wait(max(until, time.monotonic() + EVERY_S / 4))

    async def _wait(self, until: float) -> None:
        """Wait, and meanwhile make the parts of new streams, so that a page is not empty for its first second."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await self._wanted.wait()
            except TimeoutError:
                return
            self._wanted.clear()
            now = time.monotonic()
            await self._make([part for part in self._live.due(now) if not part.version])
            until = min(until, now + EVERY_S)

    async def _make(self, parts: list[Part]) -> None:
        began = time.monotonic()
        for part in parts:
            now = time.monotonic()
            if now - began > _ROUND_S:
                break
            steps = self._api.part_steps(part.name, now, time.time())
            document = await in_turns(self._failures.attempt_steps(EVENTS_PART, steps, otherwise=None))
            if document is not None:
                await in_turns(self._failures.attempt_steps(EVENTS_PART, part.update_steps(document), otherwise=False))
            done = time.monotonic()
            # A little early, because rounds are never exactly a second apart.
            part.due_at = max(now + EVERY_S / 2, done + _PAUSE_FACTOR * (done - now))
        self._next_tick()

    def _next_tick(self) -> None:
        tick, self._tick = self._tick, asyncio.Event()
        tick.set()

    def end_all(self) -> None:
        """End every stream."""
        self._generation += 1
        self._next_tick()

    async def stream(self, request: web.Request, extend: Callable[[], None]) -> web.StreamResponse:
        """One stream, until its client goes. `extend` puts off the time at which the server ends the connection."""
        try:
            check_query(request.query, "site", "show")
            site = self._api.site_named(request.query.get("site", ""))
            names = parts_of(request.query, site)
        except BadRequest as error:
            return refusal(400, str(error))
        except NotThere as error:
            return refusal(404, str(error))
        stream = self._admit(names, request.remote or "", request.transport)
        if stream is None:
            self.refused += 1
            return refusal(503, "too many streams are open; try again later", {"Retry-After": "10"})
        response = web.StreamResponse(headers=_HEADERS)
        # When the server ends a stream, the connection is closed, too: nothing else is asked on it.
        response.force_close()
        try:
            self._wanted.set()
            await response.prepare(request)
            if request.method != "HEAD":
                await self._send(request, response, stream.parts, extend, has_site=bool(site))
        except TimeoutError:
            self.dropped += 1
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._leave(stream)
        return response

    def _admit(self, names: Sequence[PartName], peer: str, transport: asyncio.Transport | None) -> Stream | None:
        """A new stream; None if there is no room for it."""
        while True:
            parts = self._live.join(names) if len(self._open) < MAX_STREAMS else None
            if parts is not None:
                stream = Stream(peer, parts, transport)
                self._open[stream] = None
                return stream
            if not self._make_room(peer):
                return None

    def _make_room(self, peer: str) -> bool:
        """End the oldest stream of the host that has most. Returns False if no host has at least two more than this one."""
        shares = Counter(each.peer for each in self._open)
        victim = max(self._open, key=lambda each: shares[each.peer], default=None)  # the first, and so the oldest
        if victim is None or shares[victim.peer] <= shares[peer] + 1:
            return False
        self.evicted += 1
        self._leave(victim)
        if victim.transport is not None:
            victim.transport.abort()
        return True

    def _leave(self, stream: Stream) -> None:
        if stream in self._open:
            del self._open[stream]
            self._live.leave(stream.parts, time.monotonic())

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        parts: Sequence[Part],
        extend: Callable[[], None],
        *,
        has_site: bool,
    ) -> None:
        """Send what is new. Without a site, because none was heard of yet, only until there is one: the client asks again, and gets it."""
        generation = self._generation
        sent = {part.name: 0 for part in parts}
        await response.write(f"retry: {RETRY_MS}\n\n".encode())
        written_at = time.monotonic()
        while (
            generation == self._generation and not _is_gone(request.transport) and (has_site or not self._api.sites())
        ):
            tick = self._tick
            for part in parts:
                version = part.version
                if data := part.since(sent[part.name]):
                    await _write(response, data, extend)
                    sent[part.name], written_at = version, time.monotonic()
            if time.monotonic() - written_at >= HEARTBEAT_S:
                await _write(response, b": \n\n", extend)
                written_at = time.monotonic()
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await tick.wait()
            except TimeoutError:
                continue


async def _write(response: web.StreamResponse, data: bytes, extend: Callable[[], None]) -> None:
    for piece in pieces_of(data):
        async with asyncio.timeout(SLOW_S):
            await response.write(piece)
        extend()


def _is_gone(transport: Any) -> bool:  # noqa: ANN401 - asyncio's transports have no common type in aiohttp's annotations
    return transport is None or transport.is_closing()
