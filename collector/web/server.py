"""The HTTP server: /metrics, /healthz, /readyz, /ledger, /api/v1/ and the status page. It answers GET only."""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from collector.api import Api
from collector.config import HttpConfig
from collector.web.access import Authentication, Hosts, Pace
from collector.web.api import API_PART, ApiPages
from collector.web.assets import PAGE_POLICY, Assets
from collector.web.connections import Connections
from collector.web.events import EVENTS_PART, Events
from collector.web.exposition import METRICS_PART, PagePart
from collector.web.page import Shell
from collector.web.readiness import readiness
from collector.web.sending import send
from collector.web.shared import PieceKeeper, Pieces, Rendered, Shared, rendered
from collector.web.web_config import Access, load_access
from rackflow import ConfigError, RackflowError
from rackflow.escape import escape_unprintable
from rackflow.process.bulkhead import Failures, Supervisor, in_own_thread
from rackflow.process.certificates import Certificate
from rackflow.process.commands import explain_listen_error

log = logging.getLogger(__name__)
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # A cached page must never be mistaken for the current one.
    "Cache-Control": "no-store",
}
# Responses take milliseconds; only a client that does not read takes longer. Chosen to use little of the 10 s in which the
# collector must stop (aiohttp's default is 60 s).
STOP_TIMEOUT_S = 1.0
# How often the web configuration and its certificates are checked for changes. A change counts once two checks find the same, so within 10
# s: tools that replace certificates expect a reload within seconds. A check takes four calls of the file system.
RELOAD_S = 5.0
# For how long one rendering of the safety class is shared. It is scraped every second, so `share_s`, a second, would be too long.
SAFETY_SHARE_S = 0.2
# Devices whose outlets are shown to somebody now.
_MAX_PAGES = 8
WEB_PARTS = (METRICS_PART, "page", "ledger", "health", "http", API_PART, EVENTS_PART)
"""Names of the bulkheads of the pages, and of the server itself."""
PART_OF_PATH = {
    "/metrics": METRICS_PART,
    "/ledger": "ledger",
    "/healthz": "health",
    "/readyz": "health",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class View:
    """The content of each page. `safety` is the part of `metrics` that is scraped every second.

    `faults` maps a part to what is wrong with it; empty means ready.

    `page` renders the page within a `Shell`; `knows` tells whether a device exists, so that the plain page can show its outlets. `ledger`
    reads a file and blocks, so it runs in a thread; the others run in the event loop, long ones in slices.
    """

    metrics: Callable[[], Awaitable[Sequence[PagePart]]]
    safety: Callable[[], Awaitable[Sequence[PagePart]]]
    page: Callable[[Shell], Awaitable[str]]
    knows: Callable[[str], bool]
    faults: Callable[[], Mapping[str, str]]
    ledger: Callable[[], bytes]
    api: Api


class Pages:
    """The pages, each rendered once for all of its readers."""

    def __init__(self, view: View, share_s: float) -> None:
        self._view = view
        self._share_s = share_s
        self._metrics = Shared(partial(_render_pieces, PieceKeeper(), view.metrics), share_s)
        self._safety = Shared(partial(_render_pieces, PieceKeeper(), view.safety), min(share_s, SAFETY_SHARE_S))
        self._ledger = Shared(lambda: in_own_thread(view.ledger, "ledger-page"), share_s)
        self.assets = Assets()
        self._static = f"static/{self.assets.version}/"
        home = Shell(self._static, self.assets.scripts, with_readings=False)
        self._home = Shared(partial(_render_text, partial(view.page, home)), share_s)
        self._plain: OrderedDict[str, Shared[Rendered]] = OrderedDict()

    def add_to(self, app: web.Application) -> None:
        """Add every address to a server."""
        app.router.add_get("/", self.home)
        app.router.add_get("/plain", self.plain)
        app.router.add_get("/static/{version}/{name}", self.assets.serve)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/healthz", self.healthy)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/ledger", self.ledger)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """/metrics, or with `?class=safety` the part of it that problems of the safety class ask about."""
        wanted = request.query.get("class")
        if wanted == "safety":
            return await send(request, await self._safety.get(), {"Content-Type": METRICS_TYPE})
        if wanted is not None:
            return web.Response(status=400, text="class: the only one is `safety`; leave it out for all metrics\n")
        return await send(request, await self._metrics.get(), {"Content-Type": METRICS_TYPE})

    # Reports only that the process answers. /readyz reports a broker or store that is down: a restart would not help there.
    async def healthy(self, _: web.Request) -> web.Response:
        """/healthz."""
        return web.Response(text="ok\n")

    async def ready(self, _: web.Request) -> web.Response:
        """/readyz."""
        what_is_wrong = readiness(self._view.faults())
        return web.Response(status=503, text=f"{what_is_wrong}\n") if what_is_wrong else web.Response(text="ready\n")

    async def home(self, request: web.Request) -> web.StreamResponse:
        """The page: a summary, and the script that takes its place. All of its views are at this one address."""
        return await send(request, await self._home.get(), PAGE_HEADERS)

    async def plain(self, request: web.Request) -> web.StreamResponse:
        """Every reading, without script."""
        wanted = request.query.get("outlets", "")
        wanted = wanted if self._view.knows(wanted) else ""  # else any invented name would get a cached page of its own
        page = self._plain.get(wanted)
        if page is None:
            shell = Shell(self._static, outlets_of=wanted)
            page = self._plain[wanted] = Shared(partial(_render_text, partial(self._view.page, shell)), self._share_s)
        self._plain.move_to_end(wanted)
        while len(self._plain) > _MAX_PAGES:
            self._plain.popitem(last=False)
        return await send(request, await page.get(), PAGE_HEADERS)

    async def ledger(self, request: web.Request) -> web.StreamResponse:
        """The ledger, for other collectors."""
        # Reading a large ledger takes up to seconds, and the same loop acknowledges messages.
        try:
            body = await self._ledger.get()
        except RackflowError as error:
            return web.Response(status=503, text=f"{escape_unprintable(str(error))}\n")
        return await send(request, Rendered(body, b""), {"Content-Type": "application/json"})


async def _render_text(make: Callable[[], Awaitable[str]]) -> Rendered:
    return await rendered(await make())


async def _render_pieces(keeper: PieceKeeper, make: Callable[[], Awaitable[Sequence[PagePart]]]) -> Pieces:
    return await keeper.take(await make())


def _part_of(path: str) -> str:
    return PART_OF_PATH.get(path, API_PART if path.startswith("/api/") else "page")


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """Logs for debugging only: aiohttp writes a traceback for every malformed request, and faults of pages are logged by the barrier."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Log, at the lowest level."""
        super().log(min(level, logging.DEBUG), msg, *args, **kwargs)


class WebServer:
    """Serves a view on one address and port, as the section `http` of the configuration says."""

    def __init__(self, view: View, host: str, port: int, config: HttpConfig, failures: Failures) -> None:
        self._host = host
        self._port = port
        self._config = config
        self._failures = failures
        self._pages = Pages(view, config.share_s)
        self._api_pages = ApiPages(view.api, config.share_s)
        self._events = Events(view.api, failures)
        self._access = Access()
        self._auth: Authentication | None = None
        self._hosts = Hosts(())
        self._pace = Pace()
        self._runner = web.AppRunner(
            self._make_app(),
            access_log=None,
            logger=_Quiet(log),
            shutdown_timeout=STOP_TIMEOUT_S,
            lingering_time=STOP_TIMEOUT_S,
        )
        self._connections: Connections | None = None
        self._tasks = Supervisor(failures)
        self._refused: Counter[str] = Counter({"host": 0, "password": 0, "body": 0, "rate": 0})

    @property
    def assets(self) -> Assets:
        """The files of the page."""
        return self._pages.assets

    @property
    def certificates(self) -> Sequence[Certificate]:
        """The certificates that the pages are served with; none without TLS."""
        return self._access.certificates

    @property
    def authorities(self) -> Sequence[Certificate]:
        """The authority whose end all clients with certificates share."""
        return self._access.authorities

    @property
    def refused(self) -> Mapping[str, int]:
        """Connections and requests that were refused or ended, by reason."""
        streams = self._events
        refused = Counter(
            {**self._refused, "slow": streams.dropped, "evicted": streams.evicted, "busy": streams.refused}
        )
        if self._connections is not None:
            refused.update(self._connections.refused)
        return refused

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return self._events.streams

    async def start(self) -> str:
        """Listen, and return the URL. Raises RackflowError if the address is in use or not one of this host, ConfigError for `http`."""
        self._use(load_access(self._config.web_config))
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RackflowError("listen: the server was not set up")
        connections = self._connections = Connections(server, self._config.connections_limit, self._failures, "http")
        connections.context = self._access.context
        try:
            port = connections.listen(self._host, self._port)
        except OSError as error:
            await self.stop()
            where = f"{self._host}:{self._port}"
            raise RackflowError(
                f"listen: {where} cannot be used: {explain_listen_error(error, self._port, 'choose another address')}"
            ) from error
        connections.accept()
        self._tasks.start("http", self._reload)
        self._tasks.start(EVENTS_PART, self._events.run)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' if self._access.context else ''}://{host}:{port}"

    async def stop(self) -> None:
        """Accept no more, finish what is being answered, and close."""
        self._events.end_all()
        await self._tasks.stop(STOP_TIMEOUT_S)
        if self._connections is not None:
            await self._connections.stop()
        await self._runner.cleanup()
        if self._connections is not None:
            self._connections.end_all()

    def _use(self, access: Access) -> None:
        config = self._config
        has_tls = access.context is not None or self._access.context is not None
        self._access = access
        is_asked = access.users or access.tokens
        self._auth = Authentication(dict(access.users), dict(access.tokens)) if is_asked else None
        # With TLS or a password, DNS rebinding fails at the handshake or with status 401, so any host name may be used.
        is_open = access.context is None and self._auth is None
        self._hosts = Hosts((self._host, *config.hosts) if is_open and config.hosts != "any" else None)
        if self._connections is not None:
            self._connections.context = access.context
            if has_tls:
                # Passwords and tokens are checked with each request, certificates of clients at the handshake only.
                self._connections.renew()
        # Open streams were admitted by the former configuration.
        self._events.end_all()

    async def _reload(self) -> None:
        """Load certificates, passwords and headers again when their files change. A faulty file changes nothing."""
        path = self._config.web_config
        reported: tuple[object, str] | None = None
        seen: tuple[object, ...] = ()
        while path is not None:
            await asyncio.sleep(RELOAD_S)
            changes = await in_own_thread(self._access.changes, "web-config")
            is_seen_twice = changes == seen
            seen = changes
            if not changes or not is_seen_twice:
                # The file may be half written, for example with TLS and not yet with the passwords. It counts once two checks find the
                # same.
                continue
            # After a fault it is tried again even if these files did not change: a certificate or a token is often written some seconds
            # after the file that names it.
            try:
                access = await in_own_thread(partial(load_access, path), "web-config")
            except ConfigError as error:
                fault = changes, str(error)
                if fault != reported:
                    self._failures.count("http", error)
                    log.error("web configuration not reloaded, the former one stays in use: %s", error)  # noqa: TRY400 - one line
                reported = fault
                continue
            if (access.context is None) != (self._access.context is None):
                log.warning("web configuration: TLS was switched on or off; open connections are ended")
            self._use(access)
            log.info("web configuration reloaded path=%s", path)

    def _make_app(self) -> web.Application:
        @web.middleware
        async def barrier(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self._connections is not None:
                self._connections.begin(request.protocol)
            try:
                return await self._checked(request, handler)
            except (web.HTTPException, ConnectionError):
                raise
            except Exception as error:  # noqa: BLE001 - a barrier
                self._failures.note(_part_of(request.path), error)
                return web.Response(status=500, text="this page failed, see the collector's log\n")
            finally:
                if self._connections is not None:
                    self._connections.done(request.protocol)

        async def set_headers(_: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(self._access.headers)

        app = web.Application(middlewares=[barrier])
        app.on_response_prepare.append(set_headers)
        self._pages.add_to(app)
        app.router.add_get("/api/v1/events", self._stream)
        self._api_pages.add_to(app)
        return app

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        def extend() -> None:
            if self._connections is not None:
                self._connections.begin(request.protocol)

        return await self._events.stream(request, extend)

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        delay_s = self._pace.delay_s(request.remote or "")
        if delay_s is None:
            self._refused["rate"] += 1
            refused = web.Response(status=429, text="too many requests\n", headers={"Retry-After": "1"})
            refused.force_close()
            return refused
        if delay_s:
            await asyncio.sleep(delay_s)
        if request.can_read_body:
            # No page accepts a body. The connection is closed, because reading the body to its end could take any time.
            self._refused["body"] += 1
            bodiless = web.Response(status=413, text="a request here has no body\n")
            bodiless.force_close()
            return bodiless
        if not self._hosts.allows(request.headers.get("Host")):
            self._refused["host"] += 1
            text = "this name is not one of the collector's; add it to http: hosts in its configuration\n"
            return web.Response(status=421, text=text)
        # /healthz shows only that the process answers, and health checks of containers have no password.
        if self._auth is not None and request.path != "/healthz":
            verdict = await self._auth.check(request.headers.get("Authorization"), request.remote or "")
            if verdict != "allowed":
                self._refused["password"] += 1
                if verdict == "later":
                    return web.Response(status=429, text="too many wrong passwords\n", headers={"Retry-After": "1"})
                refused = web.Response(status=401, text="a name and a password, or a token, are needed\n")
                for challenge in self._auth.challenges:
                    refused.headers.add("WWW-Authenticate", challenge)
                return refused
        return await handler(request)
