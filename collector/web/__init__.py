"""What people and programs read over HTTP: /metrics, the page, /healthz, /readyz, /ledger, and /api/v1/ with its streams. Read-only.

* Serving: `server` has the addresses and the barrier, `connections` and `access` who may connect and read (`web_config` reads that from a
  file), `shared` makes each page once for all readers, `sending` writes it in parts.
* `/metrics`: `exposition`; its safety class: `kept_page`. `/readyz`: `readiness`.
* The API: `api` serves the documents of `collector/api`, `events` the streams.
* The page: `assets` serves its script and style. `page` is what it shows without script, with `problems_page`, `figures_page`, `verdict`
  (its first line), `alarms` (those of devices, in words) and `humanise` (units).
"""

from collector.web.exposition import METRICS_PART, PagePart, labels_text, render, render_steps
from collector.web.kept_page import KeptPage
from collector.web.page import Findings, Moment, Shell, page_steps
from collector.web.readiness import STARTING, faults_of, readiness
from collector.web.server import WEB_PARTS, View, WebServer
from collector.web.web_config import Access, load_access

__all__ = [
    "METRICS_PART",
    "STARTING",
    "WEB_PARTS",
    "Access",
    "Findings",
    "KeptPage",
    "Moment",
    "PagePart",
    "Shell",
    "View",
    "WebServer",
    "faults_of",
    "labels_text",
    "load_access",
    "page_steps",
    "readiness",
    "render",
    "render_steps",
]
