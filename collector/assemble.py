"""Makes the parts of a collector that need its whole configuration: store, records, owners, API; and stand-ins for parts left out."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from collector.api import Api, Sources, Surroundings
from collector.config import CollectorConfig
from collector.counters import Counters
from collector.derive import PART as FIGURES_PART
from collector.derive import Deriver, Explanation, Inputs, LatestFigures
from collector.flow import IngestSettings, Spill, SpillMessages
from collector.latest import Latest
from collector.ledger import AgentAccount
from collector.problems import LATE_PART, Monitor, Unread, Window, load_table
from collector.readings import Readings
from collector.receive import Delivery, Owners, OwnersFile, Polled
from collector.records import PART as RECORDS_PART
from collector.records import RecordsFile
from collector.store import FileStore, InfluxStore, Store
from rackflow import Batch, ConfigError, RackflowError
from rackflow.process.broker import Broker
from rackflow.process.bulkhead import Failures, in_own_thread
from rackflow.process.files import check_regular, remedy_of_writing
from rackflow.site import Site
from rackflow.zones import zone_of

log = logging.getLogger(__name__)
# Opening the records reads 400 days, which takes a second at most. A disk that hangs must not keep the collector from starting.
OPEN_RECORDS_S = 5.0


def assigned_owners(config: CollectorConfig, site: Site | None) -> dict[tuple[str, str], str]:
    """The agent of each device that the site file or the configuration names. Raises ConfigError if the two disagree."""
    found = {(site.id, device): agent for device, agent in site.agents.items()} if site is not None else {}
    for name, devices in config.owners.items():
        for device, agent in devices.items():
            if found.setdefault((name, device), agent) != agent:
                raise ConfigError(
                    f"owners.{name}.{device}: is {agent!r} here and {found[name, device]!r} in {config.site_file};"
                    " correct one of them, or remove it here"
                )
    return found


def store_nothing(_: Callable[[], Sequence[str]]) -> None:
    """Used in place of the writer if derived figures are not to be stored (`derive: store`)."""


def count_nothing(_: Iterable[Polled]) -> None:
    """Used in place of the poll counts if the records cannot be opened."""


def forget_nothing(_: str, __: str, ___: str = "") -> None:
    """Used in place of forgetting the poll counts of devices that are gone, if the records cannot be opened."""


def late_batch_handler(
    failures: Failures, deriver: Deriver, problems: Monitor
) -> Callable[[str, Batch, Readings], None]:
    """A function for batches that are too late to be shown: they still count for energy, and for problems during an outage."""
    figures = failures.shield(FIGURES_PART, deriver.update_late)
    judged = failures.shield(LATE_PART, problems.late.offer)

    def take(site: str, batch: Batch, readings: Readings) -> None:
        figures(site, batch)
        judged(site, batch, readings)

    return take


def ingest_settings(config: CollectorConfig, sites: frozenset[str] | None) -> IngestSettings:
    """Which messages are accepted, and what becomes of them in this collector's role."""
    return IngestSettings(
        config.store.dialect,
        sites,
        config.oldest_days,
        is_shown=config.role != "store",
        is_stored=config.role != "watch",
    )


async def _keep_nothing(_: Sequence[Delivery]) -> bool:
    return True


def live_broker(config: CollectorConfig) -> Broker | None:
    """How the second connection is made while the session is behind; None if it would end that of the session.

    A broker that takes the name of an account or certificate as the client id, as `deploy/mosquitto` does, has both for one client.
    """
    broker, account = config.broker, config.live_account
    if account is not None:
        changed = {"username": account.username, "password": account.password, "cert_file": None, "key_file": None}
        return broker.model_copy(update=changed)
    return broker if broker.username is None and broker.cert_file is None else None


def spill_of(config: CollectorConfig, spill: Spill | None) -> SpillMessages | None:
    """Puts messages on disk while the store is unavailable. A watcher has none: it loses figures only, and what it shows stays current."""
    if config.role == "watch":
        return _keep_nothing
    return spill.add if spill else None


def make_api(
    *,
    latest: Latest,
    site: Callable[[], Site | None],
    figures: LatestFigures,
    problems: Monitor,
    deriver: Callable[[], Deriver | None],
    around: Callable[[], Surroundings],
    runbook_base: str,
) -> Api:
    """The API over all parts of a collector.

    `site`, `deriver` and `around` are functions, because the server answers its first request before the site file is read and the deriver
    is made. Until then figures have no explanation.
    """

    def explain(name: str, metric: str, labels: Mapping[str, str]) -> Generator[None, None, Explanation]:
        present = deriver()
        if present is None:
            return Explanation("readings", Inputs())
        return (yield from present.explain_steps(name, metric, labels))

    def distrusted(name: str) -> Mapping[tuple[str, str], str]:
        present = deriver()
        return present.distrusted(name) if present is not None else {}

    return Api(
        Sources(
            latest=latest,
            site=site,
            figures=figures.of,
            problems=problems.tracker.active,
            beginning=problems.tracker.beginning,
            are_problems_complete=lambda: problems.is_complete,
            around=around,
            table=load_table(),
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


def zone_name() -> str | None:
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


def open_store(config: CollectorConfig, counters: Counters | None = None) -> Store:
    """The store that the configuration names; what it counts goes into `counters`. Raises ConfigError."""
    store = config.store
    if store.path is not None:
        # Called if the last line of a file was cut off by a kill or power cut.
        def count_torn(_: int) -> None:
            if counters is not None:
                counters.write_failures["torn"] += 1

        return FileStore(store.path, time.time, count_torn)
    # The configuration has already checked this; the check is repeated for the type checker.
    if store.url is None or store.bucket is None:
        raise ConfigError("store: kind influxdb needs `url` and `bucket`; add them")
    token = store.token.get_secret_value() if store.token else ""
    return InfluxStore(store.url, store.org, store.bucket, token, store.timeout_s)


async def open_records(config: CollectorConfig, failures: Failures) -> RecordsFile | None:
    """Open the hourly records. Without them (None) the collector runs on: figures start anew, and nothing is recorded."""
    path = config.records_path
    check_regular(path, "derive: state")
    try:
        async with asyncio.timeout(OPEN_RECORDS_S):
            return await in_own_thread(lambda: RecordsFile(path), "records-open")
    except Exception as error:  # noqa: BLE001 - a barrier
        is_foreseen = isinstance(error, OSError | TimeoutError | ConfigError)
        (failures.count if is_foreseen else failures.note)(RECORDS_PART, error)
        # It stays so until the next start: records opened later would overwrite counters that this run began at zero.
        failures.progress(RECORDS_PART, 0.0)
        log.error(  # noqa: TRY400 - one line for a disk's fault, and the traceback of any other was logged
            "derive: state: %s cannot be used, no energy and no polls are recorded until the next start; repair it or choose"
            " another path: error=%s",
            *(path, str(error) or f"no answer within {OPEN_RECORDS_S:g} s"),
        )
        return None


def open_owners(config: CollectorConfig, owners: Owners) -> OwnersFile:
    """Open the file of owners. Raises RackflowError if it cannot be opened."""
    path = config.owners_path
    try:
        return OwnersFile(path, owners)
    except OSError as error:
        raise RackflowError(
            f"dead_letter: {path} beside it cannot be used: {error.strerror}; {remedy_of_writing(error, path)}"
        ) from error
