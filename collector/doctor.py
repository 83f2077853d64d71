"""The command `doctor` of the collector: what of its configuration, host, broker and store is wrong, and what to do."""

import asyncio
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from collector.already_running import where_connected
from collector.assemble import open_store
from collector.certificates import Peers
from collector.config import CollectorConfig, load_collector_config
from collector.known_names import strange_accounts
from collector.problems import maintenance_notes
from collector.receive import SESSION_EXPIRY_S
from collector.store import read_back
from collector.web import Access, load_access
from rackflow import ConfigError, StoreError
from rackflow.outbox import folder_of
from rackflow.plural import count_of
from rackflow.process.certificates import Certificate
from rackflow.process.doctor import (
    Finding,
    check_broker,
    check_certificates,
    check_clock,
    check_descriptors,
    check_names,
    check_secrets,
    check_versions,
    present,
)
from rackflow.process.doctor_disks import check_disk, check_kept
from rackflow.process.mqtt import Session
from rackflow.process.progress import progress
from rackflow.process.resolve import Resolver
from rackflow.site import load_site
from rackflow.topics import subscription

# What the collector has open at its busiest beside the connections of its readers: files, the broker, the store.
DESCRIPTORS = 100
# Messages that the broker may send before they are acknowledged. A chosen value: the check reads status documents only and needs few.
RECEIVE_MAXIMUM = 10
# One point under a name of its own, the same each time; no dashboard or report knows it.
MEASUREMENT = "rackflow_doctor"


def examine(path: Path) -> list[Finding]:
    """All findings; after a configuration that is wrong there is nothing else to look at."""
    findings = [check_versions()]
    try:
        config = load_collector_config(path)
        site = load_site(config.site_file) if config.site_file is not None else None
        access = load_access(config.http.web_config)
    except ConfigError as error:
        remedy = "each line names file, key and remedy"
        return [*findings, *(Finding("configuration", "failed", line, remedy) for line in str(error).split("\n"))]
    about = (
        f"site file with {count_of(len(site.racks), 'rack')}" if site else "no site file, so no figures across devices"
    )
    findings.append(Finding("configuration", "ok", f"{path}: {about}"))
    findings += [
        Finding("maintenance", "warning", note, "correct problems.maintenance, or who works there wakes people")
        for note in maintenance_notes(config.problems.maintenance, site)
    ]
    findings += [
        Finding("accounts", "warning", line, "correct it, or it counts for nobody")
        for line in strange_accounts(config, site)
    ]
    findings.append(who_reads(config, access))
    findings += present(check_secrets(path), check_certificates(_certificates(config, access)), check_clock())
    findings.append(check_descriptors(DESCRIPTORS + config.http.connections_limit))
    for what, file in (("dead letters", config.dead_letter), ("ledger", config.ledger_path)):
        findings.append(check_disk(what, file))
    if config.outbox is None:
        remedy = "outbox: {path: …} keeps messages here; without it they wait at the broker, whose queues are short"
        findings.append(
            Finding("outbox", "warning", "none: while the store is away, messages wait at the broker", remedy)
        )
    else:
        folder = folder_of(config.outbox.path)
        findings.append(check_kept("outbox", config.outbox.path, folder, config.outbox.limit_bytes))
    return [*findings, *asyncio.run(_reach(config))]


def _certificates(config: CollectorConfig, access: Access) -> list[Certificate]:
    """All whose end would stop something, but the broker's own: connecting to it tells of that one."""
    of_files = [*config.broker.certificates(), *config.broker.authorities(), *access.certificates, *access.authorities]
    return [*of_files, *(each for shown in Peers(config).found().values() for each in shown)]


def who_reads(config: CollectorConfig, access: Access) -> Finding:
    """Who may read the pages, and whether others on the way may read along."""
    host, _ = config.address
    where = f"the pages on {host}"
    is_local = host in {"127.0.0.1", "::1", "localhost"}
    asks = access.users or access.tokens
    names = f"{_named(len(access.users))}, {count_of(len(access.tokens), 'token')}"
    is_verified = access.context is not None and access.context.verify_mode == ssl.CERT_REQUIRED
    remedy = "http: {web_config: …} names a file with tls_server_config, and basic_auth_users or bearer_auth_tokens"
    if not asks and not is_verified and not is_local:
        return Finding("pages", "warning", f"everybody who reaches it may read {where}", remedy)
    if access.context is None and asks and not is_local:
        return Finding("pages", "warning", f"{where}: without TLS, others on the way can read {names}", remedy)
    how = [
        *(["TLS"] if access.context else []),
        *(["clients with certificates"] if is_verified else []),
        *([names] if asks else []),
    ]
    return Finding("pages", "ok", f"{where}: {', '.join(how) or 'for this host only'}")


def _named(users: int) -> str:
    return "1 name with a password" if users == 1 else f"{users} names with passwords"


async def _reach(config: CollectorConfig) -> list[Finding]:
    hosts = [config.broker.host]
    if config.store.url is not None:
        hosts.append(urlsplit(config.store.url).hostname or "")
    # With an account the broker may take this connection for the collector's, so it has that one's session.
    session = Session(SESSION_EXPIRY_S, RECEIVE_MAXIMUM) if config.broker.username else None
    with progress("names, broker, store", 3) as done:
        findings = await check_names(hosts, Resolver())
        done()
        if url := await where_connected(config):
            findings.append(_connected(config, url))
        else:
            findings += await check_broker(config.broker, session=session, reads=subscription(kind="status"))
        done()
        findings.append(await _write(config))
        done()
    return findings


def _connected(config: CollectorConfig, url: str) -> Finding:
    account = f"{config.broker.host}:{config.broker.port}, account {config.broker.account()}"
    why = "a second connection could end that one, so none was tried"
    return Finding("broker", "ok", f"{account}: the running collector is connected ({url}/readyz); {why}")


async def _write(config: CollectorConfig) -> Finding:
    """Write one point, as the collector does, and read it back. Files are only looked at: a running collector writes them."""
    if config.store.path is not None:
        return check_disk("store", config.store.path, is_folder=True)
    store, time_ms = open_store(config), int(time.time() * 1000)
    try:
        await store.write([f"{MEASUREMENT} value=1 {time_ms}"])
    except StoreError as error:
        remedy = "check url, bucket, org and token in `store`, and that the token may write"
        if error.retryable:
            remedy = "check url in `store`, that the engine runs, and that no firewall drops packets on the way"
        return Finding("store", "failed", str(error), remedy)
    finally:
        await store.close()
    token = config.store.token.get_secret_value() if config.store.token else ""
    found, why = await read_back(config.store.url or "", config.store.bucket or "", token, MEASUREMENT, time_ms)
    written = f"{config.store.bucket}: a point was written ({MEASUREMENT})"
    match found:
        case "found":
            return Finding("store", "ok", f"{written} and read back")
        case "unknown":
            return Finding(
                "store", "ok", f"{written}, but not read back: {why}; an account that may only write is enough"
            )
        case _:
            remedy = "check that url is the engine's own, its retention, and that its disk is not full"
            return Finding("store", "warning", f"{written}, but the engine does not have it", remedy)
