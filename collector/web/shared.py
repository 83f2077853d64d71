"""Renders a page once for all of its readers, so that their number does not hold up the event loop."""

import asyncio
import gzip
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from rackflow.process.bulkhead import in_own_thread

T = TypeVar("T")
# After rendering, a page rests for this many times as long: rendering takes at most a fifth of the time, however many readers ask.
PAUSE_FACTOR = 4.0
# Every rendered page is compressed. For 100,000 series, level 1 takes half of the time of level 4, for an eighth more bytes.
_GZIP_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as bytes, plain and compressed; empty if it is not to be compressed, None if it was not asked for yet."""

    plain: bytes
    zipped: bytes | None
    compressing: "Shared[bytes] | None" = None

    async def compressed(self) -> bytes:
        """The compressed page. It is compressed once, in a thread, and only when somebody asks: half of a scrape's CPU otherwise."""
        if self.zipped is not None:
            return self.zipped
        return await self.compressing.get() if self.compressing is not None else b""


@dataclass(slots=True)
class Piece:
    """A part of a long page as bytes, and as a gzip member once somebody asked for it."""

    plain: bytes
    zipped: bytes = b""

    def compressed(self) -> bytes:
        """The gzip member. Members may follow each other (RFC 1952, 2.2), and together are the whole page."""
        if not self.zipped:
            self.zipped = gzip.compress(self.plain, _GZIP_LEVEL, mtime=0)
        return self.zipped


@dataclass(frozen=True, slots=True)
class Pieces:
    """A long page in pieces, which are never joined: that of a campus has 30 MB, and each copy of it would hold the loop for 20 ms."""

    plain: Sequence[bytes]
    _zipped: "Shared[Sequence[bytes]]"

    async def compressed(self) -> Sequence[bytes]:
        """The compressed pieces. They are compressed once, in a thread, and only when somebody asks."""
        return await self._zipped.get()


class PieceKeeper:
    """Keeps the pieces of a page until the next one, so that unchanged pieces are not compressed again."""

    def __init__(self) -> None:
        self._kept: dict[str, Piece] = {}

    async def take(self, parts: Iterable[tuple[str, str]]) -> Pieces:
        """The next page, of texts with names by which they are found again. Call it once at a time."""
        pieces = await in_own_thread(partial(self._take, parts), "render")

        def members() -> Sequence[bytes]:
            return [each.compressed() for each in pieces]

        return Pieces([each.plain for each in pieces], Shared(lambda: in_own_thread(members, "render"), math.inf))

    def _take(self, parts: Iterable[tuple[str, str]]) -> list[Piece]:
        known, self._kept = self._kept, {}
        for name, text in parts:
            # A lone surrogate in a device's text must not take the page away.
            plain = text.encode(errors="replace")
            piece = known.get(name)
            self._kept[name] = piece if piece is not None and piece.plain == plain else Piece(plain)
        return list(self._kept.values())


async def rendered(text: str) -> Rendered:
    """Encode in a thread, and compress once somebody asks for it."""
    # A lone surrogate in a device's text must not take the page away.
    plain = await in_own_thread(partial(text.encode, errors="replace"), "render")
    compress = partial(gzip.compress, plain, _GZIP_LEVEL, mtime=0)
    return Rendered(plain, None, Shared(lambda: in_own_thread(compress, "render"), math.inf))


def encoded(plain: bytes) -> Rendered:
    """A body with its compressed form. It takes milliseconds, so call it in a thread."""
    return Rendered(plain, gzip.compress(plain, _GZIP_LEVEL, mtime=0))


class Shared(Generic[T]):
    """Makes something at most once in `for_s` seconds, and never twice at a time; who asks meanwhile gets the same.

    With `for_s` 0 it is made for each request that does not meet one being made.
    """

    def __init__(
        self, make: Callable[[], Awaitable[T]], for_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._for_s = for_s
        self._clock = clock
        self._task: asyncio.Task[T] | None = None
        self._fresh_until = 0.0

    async def get(self) -> T:
        """The result; raises what making it raised."""
        task = self._task
        if task is None or (task.done() and self._clock() >= self._fresh_until):
            task = self._task = asyncio.create_task(self._made(), name="render")
        # `shield`: if this reader goes away, the page must still be rendered for the others.
        return await asyncio.shield(task)

    async def _made(self) -> T:
        began = self._clock()
        try:
            return await self._make()
        finally:
            if self._for_s:
                now = self._clock()
                self._fresh_until = max(began + self._for_s, now + PAUSE_FACTOR * (now - began))
