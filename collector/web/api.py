"""Serves the documents of the JSON API: parameters in, JSON with an entity tag out. What they say is made in `collector/api`.

Each document is made once for all who ask for it within a moment, one document at a time, and no faster than in half of the loop's
time: otherwise whoever asks for a different page of a list every time would keep messages from being stored.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

import msgspec
from aiohttp import web

from collector.api import (
    Api,
    ApiProblems,
    BadRequest,
    Document,
    Faulty,
    NotThere,
    Scene,
    Wanted,
    agents_document,
    check_query,
    check_room,
    check_text,
    device_list,
    floor_steps,
    page_of,
    problems_steps,
)
from collector.web.sending import send
from collector.web.shared import Rendered, Shared, encoded
from rackflow.process.bulkhead import in_own_thread
from rackflow.process.slices import in_slices

API_PART = "api"
"""Name of the bulkhead of the documents."""
API_HEADERS = {
    "Content-Type": "application/json",
    # A browser may keep a document, but must ask whether it is still the same.
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}
# Different requests whose documents are shared. A page asks for about six.
_MAX_SHARED = 32
# Smaller documents are not compressed: starting the thread costs more than the bytes.
_ZIPPED_FROM_BYTES = 4096
Query = Mapping[str, str]
Make = Callable[[Scene, Query], Generator[None, None, Document]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A document as bytes, and its entity tag."""

    body: Rendered
    tag: str


@dataclass(frozen=True, slots=True)
class Route:
    """One address below /api/v1/, its parameters besides `site`, and what makes its document."""

    path: str
    parameters: tuple[str, ...]
    make: Make


class ApiPages:
    """The documents, by address."""

    def __init__(self, api: Api, share_s: float) -> None:
        self._api = api
        self._share_s = share_s
        self._shared: OrderedDict[tuple[str, ...], Shared[Answer]] = OrderedDict()
        self._turn = asyncio.Lock()
        self._free_at = 0.0
        self.routes = (
            Route("site", (), self._site),
            Route("floor", ("room",), _floor),
            Route("problems", (), self._problems),
            Route("devices", ("limit", "cursor", "q", "agent", "rack", "room"), _devices),
            Route("agents", (), self._agents),
        )

    def add_to(self, app: web.Application) -> None:
        """Add every address to a server."""
        for route in self.routes:
            app.router.add_get(f"/api/v1/{route.path}", partial(self._answer, route))

    async def _answer(self, route: Route, request: web.Request) -> web.StreamResponse:
        try:
            query = {**request.query, **request.match_info}
            for name, text in request.match_info.items():
                check_text(name, text)
            check_query(request.query, "site", *route.parameters)
            site = self._api.site_named(query.get("site", ""))
            key = (route.path, site, *(each for pair in sorted(query.items()) for each in pair))
            answer = await self._shared_of(key, partial(self._made, route, site, query)).get()
        except BadRequest as error:
            return refusal(400, str(error))
        except NotThere as error:
            return refusal(404, str(error))
        headers = {**API_HEADERS, "ETag": answer.tag}
        if _matches(request.headers.get("If-None-Match", ""), answer.tag):
            return web.Response(status=304, headers={**headers, "Vary": "Accept-Encoding"})
        return await send(request, answer.body, headers)

    def _shared_of(self, key: tuple[str, ...], make: Callable[[], Awaitable[Answer]]) -> Shared[Answer]:
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = Shared(make, self._share_s)
        self._shared.move_to_end(key)
        while len(self._shared) > _MAX_SHARED:
            self._shared.popitem(last=False)
        return shared

    async def _made(self, route: Route, site: str, query: Query) -> Answer:
        async with self._turn:
            await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
            began = time.monotonic()
            scene = await in_slices(self._api.scene_steps(site, began, time.time()))
            document = await in_slices(route.make(scene, query))
            plain = msgspec.json.encode(document)
            spent_s = time.monotonic() - began
            self._free_at = began + 2 * spent_s
        if len(plain) >= _ZIPPED_FROM_BYTES:
            body = await in_own_thread(partial(encoded, plain), "render")
        else:
            body = Rendered(plain, b"")
        return Answer(body, _tag(document, plain))

    def _site(self, scene: Scene, _: Query) -> Generator[None, None, Document]:
        return self._api.site_steps(scene)

    def _problems(self, scene: Scene, query: Query) -> Generator[None, None, Document]:
        sources = self._api.sources
        found = yield from problems_steps(scene, sources.table, sources.runbook_base, everywhere="site" not in query)
        return ApiProblems(schema=1, time=round(scene.wall_s * 1000), is_complete=scene.is_complete, problems=found)

    def _agents(self, scene: Scene, _: Query) -> Generator[None, None, Document]:
        yield
        return agents_document(scene, self._api.sources.around())


def _floor(scene: Scene, query: Query) -> Generator[None, None, Document]:
    return floor_steps(scene, check_room(scene, query.get("room", "")))


def _devices(scene: Scene, query: Query) -> Generator[None, None, Document]:
    wanted = Wanted(query.get("q", ""), query.get("agent", ""), query.get("rack", ""), query.get("room", ""))
    return device_list(scene, wanted, page_of(query))


def refusal(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says why there is no document."""
    body = msgspec.json.encode(Faulty(error=why))
    return web.Response(status=status, body=body, headers={**API_HEADERS, **(headers or {})})


def _tag(document: Document, plain: bytes) -> str:
    """A weak entity tag: of a document that says when it was made, the rest decides."""
    if hasattr(document, "time"):
        plain = msgspec.json.encode(msgspec.structs.replace(document, time=type(document.time)()))
    return f'W/"{blake2b(plain, digest_size=12).hexdigest()}"'


def _matches(header: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, 13.1.2: weak comparison)."""
    named = {each.strip().removeprefix("W/") for each in header.split(",")}
    return tag.removeprefix("W/") in named or "*" in named
