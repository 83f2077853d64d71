"""The HTTP server: /metrics, /healthz, /readyz, /ledger and the status page. It answers GET only and has no accounts."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from collector.web.exposition import METRICS_PART
from rackflow import RackflowError
from rackflow.escape import escape_unprintable, redact_urls
from rackflow.process.bulkhead import Failures, in_own_thread

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PAGE_HEADERS = {
    # A second line of defence behind escaping: the page has no script, so the browser is told to run none.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    # A cached page must never be mistaken for the current one.
    "Cache-Control": "no-store",
}
# Responses take milliseconds; only a client that does not read takes longer. Chosen to use little of the 10 s in which the
# collector must stop (aiohttp's default is 60 s).
STOP_TIMEOUT_S = 1.0
WEB_PARTS = (METRICS_PART, "page", "ledger", "health")
"""Names of the bulkheads of the pages."""
PART_OF_PATH = {"/metrics": METRICS_PART, "/ledger": "ledger", "/healthz": "health", "/readyz": "health"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class View:
    """The content of each page. `faults` maps a part to what is wrong with it; empty means ready.

    `ledger` reads a file and blocks, so it runs in a thread. The others run in the event loop.
    """

    metrics: Callable[[], str]
    page: Callable[[str], str]
    faults: Callable[[], Mapping[str, str]]
    ledger: Callable[[], bytes]


def make_app(view: View, failures: Failures | None = None) -> web.Application:
    """The application with its routes. What raises in a page is noted in `failures`, and that page answers 500."""
    noted = failures if failures is not None else Failures(*WEB_PARTS)

    @web.middleware
    async def barrier(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - a barrier
            noted.note(PART_OF_PATH.get(request.path, "page"), error)
            return web.Response(status=500, text="this page failed, see the collector's log\n")

    async def metrics(_: web.Request) -> web.Response:
        response = web.Response(body=view.metrics().encode(), headers={"Content-Type": METRICS_TYPE})
        response.enable_compression()
        return response

    # Reports only that the process answers. /readyz reports a broker or store that is down: a restart would not help there.
    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        faults = view.faults()
        text = "; ".join(f"{what}: {fault}" for what, fault in faults.items())
        text = redact_urls(escape_unprintable(text.replace("\n", " ")))
        return web.Response(status=503, text=f"{text}\n") if faults else web.Response(text="ready\n")

    async def page(request: web.Request) -> web.Response:
        return web.Response(
            text=view.page(request.query.get("outlets", "")), content_type="text/html", headers=PAGE_HEADERS
        )

    async def ledger(_: web.Request) -> web.Response:
        # Reading a large ledger takes up to seconds, and the same loop acknowledges messages.
        try:
            body = await in_own_thread(view.ledger, "ledger-page")
        except RackflowError as error:
            return web.Response(status=503, text=f"{escape_unprintable(str(error))}\n")
        return web.Response(body=body, content_type="application/json")

    app = web.Application(middlewares=[barrier])
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/ledger", ledger)
    app.router.add_get("/", page)
    return app


class WebServer:
    """Serves a view on one address and port."""

    def __init__(self, view: View, host: str, port: int, failures: Failures | None = None) -> None:
        self._runner = web.AppRunner(make_app(view, failures), access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
        self._host = host
        self._port = port

    async def start(self) -> str:
        """Listen, and return the URL. Raises RackflowError if the address is in use or not one of this host."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"{self._host}:{self._port}"
            raise RackflowError(
                f"listen: {where} cannot be used: {error.strerror}; stop what uses it, or choose another address"
            ) from error
        port = self._runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()
