"""What a collector shows: the content of /metrics, of the page, of the JSON API, of /ledger and of /readyz.

`collector/web` serves it and knows none of the parts; this module collects from them what each page needs.
"""

import os
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from collector.api import Api, Sources, Surroundings, never_heard
from collector.certificates import Certificates
from collector.config import CollectorConfig
from collector.counters import CollectorStats
from collector.derive import Explanation, Inputs
from collector.ledger import AgentAccount, encode_snapshot, read_snapshot
from collector.parts import Parts
from collector.problems import Unread, Window
from collector.self_metrics import DeliveryFigures, SelfMetrics
from collector.web import (
    METRICS_PART,
    Findings,
    KeptPage,
    Moment,
    PagePart,
    Shell,
    View,
    faults_of,
    page_steps,
    render_steps,
)
from rackflow.process.slices import in_turns
from rackflow.site import Site
from rackflow.zones import zone_of


class CollectorView:
    """Every page of one collector. It may be asked before all parts are open, and while they end."""

    def __init__(self, config: CollectorConfig, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        self._host_zone = _zone_name()
        self._safety_page = KeptPage(parts.latest, parts.problems.safety_metrics, parts.figures)
        self._self_metrics = SelfMetrics(
            parts.counters,
            parts.latest,
            broker=f"{config.broker.host}:{config.broker.port}",
            store=config.store.kind,
        )
        self._certificates = Certificates(config, parts)
        self._api = _make_api(parts, self._surroundings, config.problems.runbook_base)

    def pages(self) -> View:
        """The content of each page, for the web server."""
        return View(
            metrics=self._metrics,
            safety=self._safety_metrics,
            page=self._page,
            knows=self._knows,
            faults=self._faults,
            ledger=self._ledger_page,
            api=self._api,
        )

    def stats(self) -> CollectorStats:
        """Counts at this moment, for programs that run a collector (the demo, benchmarks, tests)."""
        now = time.monotonic()
        counters, latest = self._parts.counters, self._parts.latest
        up = {f"{each.site}/{each.device}": latest.up(each, now) for each in latest.devices()}
        failures = {reason: count for reason, count in counters.failures.items() if count}
        failures |= {f"store_{reason}": count for reason, count in counters.write_failures.items() if count}
        return CollectorStats(
            messages_received=counters.messages_received,
            points_stored=counters.points_stored,
            points_waiting=counters.points_waiting,
            series_exposed=latest.size,
            devices_up=tuple(name for name, is_up in up.items() if is_up),
            devices_down=tuple(name for name, is_up in up.items() if is_up is False),
            devices_unknown=tuple(name for name, is_up in up.items() if is_up is None),
            failures=failures,
        )

    async def _metrics(self) -> list[PagePart]:
        parts = self._parts
        expiries = await self._certificates.lines()
        steps = render_steps(parts.latest, time.monotonic(), parts.figures, parts.failures, expiries)
        page, series = await in_turns(steps)
        own = partial(self._self_metrics.render, series, self._delivery_figures())
        return [*page, ("own", parts.failures.attempt(METRICS_PART, own, otherwise=""))]

    async def _safety_metrics(self) -> list[PagePart]:
        page = await in_turns(self._safety_page.steps(time.monotonic(), self._parts.failures))
        return [*page, ("own", self._self_metrics.render_connection())]

    def _delivery_figures(self) -> DeliveryFigures:
        parts, now = self._parts, time.monotonic()
        return DeliveryFigures(
            spool=parts.spill.stats() if parts.spill is not None else None,
            accounts=parts.ledger_watch.accounts() if parts.ledger_watch is not None else {},
            clones=parts.clones.states(now),
            failures=dict(parts.ledger.failures) if parts.ledger is not None else {},
            is_store_available=parts.persistence.fault is None if parts.persistence is not None else None,
            is_ledger_durable=parts.ledger.fault is None if parts.ledger is not None else None,
            part_failures=dict(parts.failures.counts),
            failing_parts=parts.failures.failing(),
            http_refused=parts.web.refused if parts.web is not None else {},
            loop=parts.loop_meter.recent(),
            is_whole=not self._config.shared,
            refused=parts.usage.refused,
            beyond=parts.usage.beyond(now),
            contested=parts.facts.contested(now),
            unheard=parts.facts.unheard(now),
            other_site_files=parts.facts.other_site_files(),
        )

    async def _page(self, shell: Shell) -> str:
        parts, moment = self._parts, Moment(time.monotonic(), time.time())
        findings = Findings(
            parts.figures.current(moment.mono_s),
            parts.facts.contested(moment.mono_s),
            parts.problems.reports(),
            never_heard(parts.site, parts.latest),
        )
        return await in_turns(
            page_steps(parts.latest, moment, self._faults(), shell=shell, findings=findings, failures=parts.failures)
        )

    def _knows(self, name: str) -> bool:
        site, _, device = name.partition("/")
        return bool(self._parts.latest.readings_of(site, device))

    def _faults(self) -> dict[str, str]:
        """Each part that does not work, with the reason; empty means ready."""
        parts = self._parts
        return faults_of({"broker": parts.subscriber, "store": parts.persistence, "ledger": parts.ledger})

    def _ledger_page(self) -> bytes:
        return encode_snapshot(read_snapshot(self._config.ledger_path))

    def _surroundings(self) -> Surroundings:
        parts = self._parts
        return surroundings(
            sites=self._api.sites(),
            accounts=parts.facts.whole_accounts() or None,
            clones=parts.clones.current(time.monotonic()),
            site=parts.site,
            host_zone=self._host_zone,
            windows=parts.maintenance.windows,
            unread=parts.problems.acknowledgements.unread(),
        )


def _make_api(parts: Parts, around: Callable[[], Surroundings], runbook_base: str) -> Api:
    """The API over all parts. Figures have no explanation until the deriver is made."""

    def explain(name: str, metric: str, labels: Mapping[str, str]) -> Generator[None, None, Explanation]:
        if parts.deriver is None:
            return Explanation("readings", Inputs())
        return (yield from parts.deriver.explain_steps(name, metric, labels))

    def distrusted(name: str) -> Mapping[tuple[str, str], str]:
        return parts.deriver.distrusted(name) if parts.deriver is not None else {}

    problems = parts.problems
    return Api(
        Sources(
            latest=parts.latest,
            site=lambda: parts.site,
            figures=parts.figures.of,
            problems=problems.tracker.active,
            beginning=problems.tracker.beginning,
            are_problems_complete=lambda: problems.is_complete,
            around=around,
            table=problems.table,
            ended=problems.history.since,
            explain=explain,
            distrusted=distrusted,
            runbook_base=runbook_base,
        )
    )


def surroundings(
    *,
    sites: Sequence[str],
    accounts: Mapping[tuple[str, str], AgentAccount] | None,
    clones: Iterable[tuple[str, str]],
    site: Site | None,
    host_zone: str | None,
    windows: Sequence[Window],
    unread: Sequence[Unread],
) -> Surroundings:
    """What the API shows besides readings and figures, at this moment. `host_zone` counts where the site file names no zone."""
    zone = site.timezone if site is not None else None
    offset = datetime.now(zone_of(zone)).utcoffset() if zone is not None else None
    return Surroundings(
        sites=sites,
        timezone=zone or host_zone,
        utc_offset_s=time.localtime().tm_gmtoff if offset is None else int(offset.total_seconds()),
        accounts=accounts,
        clones=frozenset(clones),
        windows=windows,
        unread=unread,
    )


def _zone_name() -> str | None:
    """The IANA name of this host's time zone, as far as it can be determined."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if named:
        return named if "/" in named and not named.startswith("/") else None
    try:
        target = str(Path("/etc/localtime").resolve())
    except (OSError, RuntimeError):  # a link to itself
        return None
    _, mark, name = target.partition("/zoneinfo/")
    return name if mark else None
