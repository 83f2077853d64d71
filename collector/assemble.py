"""Makes the parts of a collector from its configuration: store, records, owners, ingest, deriver; and stand-ins for parts left out.

`run.py` decides when each is made and closed. Most of what the configuration's `role` leaves out is decided here.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

from collector.config import CollectorConfig
from collector.counters import Counters
from collector.derive import PART as FIGURES_PART
from collector.derive import Deriver
from collector.flow import Ingest, IngestSettings, Senders, Spill, SpillMessages
from collector.parts import Parts
from collector.problems import LATE_PART, Monitor
from collector.readings import Readings
from collector.receive import DeadLetters, Delivery, Owners, OwnersFile, Polled
from collector.records import PART as RECORDS_PART
from collector.records import RecordKeeper, RecordsFile
from collector.store import FileStore, Store, open_influx
from rackflow import Batch, ConfigError, RackflowError
from rackflow.process.broker import Broker
from rackflow.process.bulkhead import Failures, in_own_thread
from rackflow.process.files import check_regular, remedy_of_writing
from rackflow.site import Site

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


def make_deriver(config: CollectorConfig, parts: Parts, records: RecordsFile | None) -> Deriver:
    """What computes the figures. It begins with the hours in `records`."""
    carbon = config.carbon
    return Deriver(
        parts.latest,
        parts.figures,
        parts.site,
        config.derive.settings(carbon.residual_grams_per_kwh if carbon is not None else None),
        interval_s=config.derive.interval_s,
        saved_records=records.sites if records is not None else {},
        failures=parts.failures,
    )


def make_ingest(
    config: CollectorConfig, parts: Parts, dead_letters: DeadLetters, keeper: RecordKeeper | None, deriver: Deriver
) -> Ingest:
    """What prepares messages for the writer. Calls into figures, problems and records cannot fail it."""
    forget = keeper.polls.forget if keeper is not None else forget_nothing
    return Ingest(
        parts.latest,
        dead_letters,
        parts.counters,
        Senders(parts.owners, parts.usage, parts.clones),
        ingest_settings(config),
        on_late_batch=late_batch_handler(parts.failures, deriver, parts.problems),
        on_forgotten=parts.failures.shield(RECORDS_PART, forget),
    )


def late_batch_handler(
    failures: Failures, deriver: Deriver, problems: Monitor
) -> Callable[[str, Batch, Readings], None]:
    """A function for batches that are too late to be shown: they still count for energy, and for problems during an outage."""
    update_figures = failures.shield(FIGURES_PART, deriver.update_late)
    offer_to_problems = failures.shield(LATE_PART, problems.late.offer)

    def take(site: str, batch: Batch, readings: Readings) -> None:
        update_figures(site, batch)
        offer_to_problems(site, batch, readings)

    return take


def chosen_sites(config: CollectorConfig) -> frozenset[str] | None:
    """The sites whose messages this collector takes; None for all."""
    return None if config.sites == "all" else frozenset(config.sites)


def ingest_settings(config: CollectorConfig) -> IngestSettings:
    """Which messages are accepted, and what becomes of them in this collector's role."""
    return IngestSettings(
        config.store.dialect,
        chosen_sites(config),
        config.oldest_days,
        is_shown=config.role != "store",
        is_stored=config.role != "watch",
    )


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
    """What the writer calls with messages that the store does not take; None keeps them at the broker.

    A watcher stores no readings, only figures. It drops what its store does not take, and so what it shows stays current.
    """
    if config.role == "watch":
        return _drop_messages
    return spill.add if spill is not None else None


def drain_check(spill: Spill | None) -> Callable[[], bool]:
    """What the writer calls to know whether the store is tried with messages from disk."""
    return spill.has_messages if spill is not None else lambda: False


async def _drop_messages(_: Sequence[Delivery]) -> bool:
    return True


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
    return open_influx(store.url, store.org, store.bucket, token, store.timeout_s)


async def open_records(config: CollectorConfig, failures: Failures) -> RecordsFile | None:
    """Open the hourly records. Without them (None) the collector runs on: figures start over, and nothing is recorded."""
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
