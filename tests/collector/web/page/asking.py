"""Asks single modules of the page in Chromium: a page that has them by name, with data as the API gives it."""

from collections.abc import Callable
from typing import Any

from tests.collector.web.page.hall import Hall
from tests.servers.web import request

MODULES = (
    "agents",
    "answers",
    "api",
    "details",
    "device",
    "dom",
    "floor",
    "format",
    "head",
    "links",
    "marks",
    "merge",
    "problems",
    "problems_fr",
    "stream",
    "total",
    "words",
)
NOW = "const now = Date.parse('2026-11-26T12:00:00Z');"
# A page with what a test puts into it: `site` and `problems` as the API gives them.
PAGE = (
    NOW
    + """
  const devices = { known: 26, answering: 26, down: 0, unobserved: 0, never_heard: 0, never_heard_ids: [], oldest_age_seconds: 1 };
  const make = (more = {}) => ({ now, words: new words.Words(more.language ?? 'en'),
    format: new format.Format(more.language ?? 'en', 'UTC'),
    short: (labels) => labels ?? {}, timesLeft: new Map(), stream: { link: { state: 'live' } }, history: null,
    route: { view: 'floor', id: '', parameters: new URLSearchParams() },
    floor: { rows: [], feeds: {}, ups_groups: {}, cdus: {}, racks: {} },
    ...more,
    site: { site: 's', rooms: [], unobserved: [], maintenance: [], problems: { complete: true }, ...more.site,
      devices: { ...devices, ...more.site?.devices } },
    problems: { complete: true, causes: [], problems: {}, beginning: {}, more: 0, ...more.problems } });
  const problem = (more = {}) => ({ id: 'p', name: 'DcimPhaseDead', status: 'active', severity: 'critical', summary: 'A phase is dead.',
    description: 'Phase L2 is dead. Check the breaker.', labels: { rack: 'a1', device: 'pdu-1', phase: 'L2' },
    since: now - 5000, value: 0, runbook: '', ...more });
  const shown = (described) => { const place = document.createElement('div'); dom.show(place, [described]); return place; };
"""
)
Ask = Callable[[str], Any]


def files_of(hall: Hall) -> str:
    """Where the page's files are, by the page itself."""
    return request(hall.url).text.partition('src="')[2].partition("app.js")[0]


def column(ask: Ask, problems: str, more: str = "") -> str:
    """What the column of problems says of one problem."""
    return str(ask(f"return shown(problems.problemColumn(make({{ problems: {problems} {more} }}))).textContent"))
