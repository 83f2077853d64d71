"""What people and Prometheus read over HTTP: /metrics, the status page, health checks and the ledger. Read-only."""

from collector.web.exposition import METRICS_PART, render
from collector.web.page import Moment, render_page
from collector.web.server import WEB_PARTS, View, WebServer

__all__ = [
    "METRICS_PART",
    "WEB_PARTS",
    "Moment",
    "View",
    "WebServer",
    "render",
    "render_page",
]
