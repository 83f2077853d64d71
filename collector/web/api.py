"""Serves the documents of the JSON API: parameters in, JSON with an entity tag out. What they say is made in `collector/api`.

Each document is made once for all who ask for it within a moment, one document at a time, and no faster than in half of the loop's
time. Otherwise a client that asks for a different page of a list each time could delay the storing of messages.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

import msgspec
from aiohttp import web

from collector.api import (
    ROUTES,
    Ambiguous,
    Api,
    BadRequest,
    Document,
    Faulty,
    NotThere,
    Route,
    TargetGroup,
    check_query,
    openapi_document,
)
from collector.web.sending import send
from collector.web.shared import Rendered, Shared, encoded
from rackflow.process.bulkhead import in_own_thread
from rackflow.process.slices import in_turns

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
# Most sites named in the label of a Prometheus target. A chosen value: nobody reads more.
_MAX_SITES_TOLD = 100
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A document as bytes, and its entity tag."""

    body: Rendered
    tag: str


class ApiPages:
    """The documents, by address."""

    def __init__(self, api: Api, share_s: float) -> None:
        self._api = api
        self._share_s = share_s
        self._shared: OrderedDict[tuple[str, ...], Shared[Answer]] = OrderedDict()
        self._turn = asyncio.Lock()
        """Held while a document is made: one at a time."""
        self._free_at = 0.0
        """When the next one may be made (monotonic): making documents takes half of the time at most, however many are asked for."""
        self._openapi: Answer | None = None

    def add_to(self, app: web.Application) -> None:
        """Add every address to a server."""
        for route in ROUTES:
            app.router.add_get(f"/api/v1/{route.path}", partial(self._answer, route))
        app.router.add_get("/api/v1/openapi.json", self._openapi_document)
        # Where Prometheus' own documentation of http_sd_configs has it, and beside the rest.
        for path in ("/sd", "/api/v1/sd"):
            app.router.add_get(path, self._targets)

    async def _answer(self, route: Route, request: web.Request) -> web.StreamResponse:
        try:
            known = request.query if route.takes_labels else (each.name for each in route.parameters)
            check_query(request.query, "site", *known)
            check_query(request.match_info, *request.match_info)
            query = {**request.query, **request.match_info}
            site = self._api.site_named(query.get("site", ""))
            key = (route.path, site, *(each for pair in sorted(query.items()) for each in pair))
            answer = await self._shared_of(key, partial(self._made, route, site, query)).get()
        except BadRequest as error:
            return refusal(400, str(error))
        except NotThere as error:
            return refusal(404, str(error))
        except Ambiguous as error:
            return refusal(409, str(error))
        return await _sent(request, answer)

    def _shared_of(self, key: tuple[str, ...], make: Callable[[], Awaitable[Answer]]) -> Shared[Answer]:
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = Shared(make, self._share_s)
        self._shared.move_to_end(key)
        while len(self._shared) > _MAX_SHARED:
            self._shared.popitem(last=False)
        return shared

    async def _made(self, route: Route, site: str, query: Query) -> Answer:
        """Make one document from the present scene of a site."""
        async with self._turn:
            await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
            began = time.monotonic()
            scene = await in_turns(self._api.scene_steps(site, began, time.time()))
            document = await in_turns(route.make(self._api, scene, query))
            plain = msgspec.json.encode(document)
            spent_s = time.monotonic() - began
            self._free_at = began + 2 * spent_s
        if len(plain) >= _ZIPPED_FROM_BYTES:
            body = await in_own_thread(partial(encoded, plain), "render")
        else:
            body = Rendered(plain, b"")
        return Answer(body, _tag(document, plain))

    async def _openapi_document(self, request: web.Request) -> web.StreamResponse:
        """The OpenAPI document."""
        if self._openapi is None:
            plain = msgspec.json.encode(openapi_document())
            self._openapi = Answer(await in_own_thread(partial(encoded, plain), "render"), _tag_of(plain))
        return await _sent(request, self._openapi)

    async def _targets(self, request: web.Request) -> web.StreamResponse:
        """This collector as a target of Prometheus' HTTP service discovery, under the name by which it was asked."""
        group = TargetGroup(
            targets=[request.host],
            labels={
                "__scheme__": request.scheme,
                "__metrics_path__": "/metrics",
                "__meta_rackflow_sites": ",".join(self._api.sites()[:_MAX_SITES_TOLD]),
            },
        )
        plain = msgspec.json.encode([group])
        return await _sent(request, Answer(Rendered(plain, b""), _tag_of(plain)))


async def _sent(request: web.Request, answer: Answer) -> web.StreamResponse:
    headers = {**API_HEADERS, "ETag": answer.tag}
    if _matches(request.headers.get("If-None-Match", ""), answer.tag):
        return web.Response(status=304, headers={**headers, "Vary": "Accept-Encoding"})
    return await send(request, answer.body, headers)


def refusal(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says why there is no document."""
    body = msgspec.json.encode(Faulty(error=why))
    return web.Response(status=status, body=body, headers={**API_HEADERS, **(headers or {})})


def _tag(document: Document, plain: bytes) -> str:
    """A weak entity tag. The time at which a document was made is left out of it."""
    made_at = getattr(document, "time", None)
    if made_at is not None:
        plain = msgspec.json.encode(msgspec.structs.replace(document, time=type(made_at)()))
    return _tag_of(plain)


def _tag_of(plain: bytes) -> str:
    return f'W/"{blake2b(plain, digest_size=12).hexdigest()}"'


def _matches(header: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, 13.1.2: weak comparison)."""
    named = {each.strip().removeprefix("W/") for each in header.split(",")}
    return tag.removeprefix("W/") in named or "*" in named
