"""What people and Prometheus read over HTTP: /metrics, the status page, health checks and the ledger. Read-only."""

from collector.web.exposition import render
from collector.web.page import Moment, render_page
from collector.web.server import View, WebServer

__all__ = [
    "Moment",
    "View",
    "WebServer",
    "render",
    "render_page",
]
