"""The section `problems` of the collector's configuration.

Attribute docstrings and defaults are shown in the reference of the configuration; after a change, generate it again.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from rackflow.process.config import StrictModel, Url
from rackflow.process.paths import FilePath, OwnFile


def _base(url: str) -> str:
    if re.search(r"/api(/v[0-9].*)?/?$", url):
        raise ValueError("ends with the path of the API, which is added to it; write the address without /api/…")
    return url


class WebhookConfig(StrictModel):
    """Where problems are posted as JSON, each once when it begins and once when it ends; consequences of another one are left out."""

    url: Url
    """Address to post to."""
    severity: Literal["critical", "warning", "info"] = "warning"
    """The least severe problem that is posted."""


class ProblemsConfig(StrictModel):
    """Whom the collector tells of problems, besides the page and /api/v1/problems."""

    alertmanagers: Annotated[list[Annotated[Url, AfterValidator(_base)]], Field(max_length=8)] = []
    """Base addresses of Alertmanagers, as `http://127.0.0.1:9093`. Each gets every problem, and merges it with that of Prometheus."""
    webhooks: Annotated[list[WebhookConfig], Field(max_length=8)] = []
    """Where problems are posted as JSON."""
    limits: FilePath | None = None
    """File of this site's own limits, instead of the constants of the table of problems; see the how-to on alerts."""
    maintenance: FilePath | None = None
    """File of maintenance windows, read again whenever it changes; how-to/maintenance.md has its form."""
    runbook_base: str = ""
    """What is put before the path of a runbook section: the address where you publish the pages, with its slash at the end."""
    state: OwnFile | None = None
    """File of the present problems, which survives a restart; beside `dead_letter` when left out."""
