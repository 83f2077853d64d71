"""The command `ledger`: the account of every message, from ledger files or from running collectors."""

import base64
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from collector.ledger.account import EpochAccount, Missing, account_of, merge
from collector.ledger.epochs import Chunk, EpochKey, EpochRecord
from collector.ledger.tables import LATEST_MS, LedgerSnapshot, decode_snapshot, read_snapshot
from rackflow import ConfigError, RackflowError
from rackflow.escape import escape_unprintable, redact_urls
from rackflow.plural import count_of
from rackflow.process.http_client import REDIRECTS, NoRedirect, redirected
from rackflow.process.secret import read_secret

# Longest time for fetching a ledger over HTTP, seconds. One of 50,000 epochs has some tens of megabytes. Chosen.
FETCH_S = 30.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_REMEDIES = {
    401: "give an account of its section `web` as http://NAME:env:PASSWORD@HOST:9420/ledger",
    403: "give an account that may read its ledger",
    404: "the address ends in /ledger",
}
HEADS = ("agent", "epoch", "produced", "stored", "duplicate", "dropped", "in flight", "missing")


def read_any(where: str) -> LedgerSnapshot:
    """The ledger in a file, or at the URL of a running collector, with NAME:PASSWORD@ if it needs them. Raises RackflowError.

    `env:NAME` or `file:PATH` in place of the password says where it is: whoever may list processes can read a command line.
    """
    if not where.startswith(("http://", "https://")):
        return read_snapshot(Path(where))
    parts = urlsplit(where)
    url = urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], *parts[2:])
    )  # named in errors, so without the password
    asked = urllib.request.Request(url)  # noqa: S310 - http or https, as just checked
    if parts.username is not None:
        password = read_secret(unquote(parts.password or ""))
        pair = f"{unquote(parts.username)}:{password}".encode()
        asked.add_header("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    try:
        with _direct().open(asked, timeout=FETCH_S) as answer:
            return decode_snapshot(answer.read())
    except (OSError, HTTPException) as error:
        remedy = "see whether a collector listens there, and that its address is right"
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
            moved = {code: redirected(error.headers.get("Location")) for code in REDIRECTS}
            remedy = (_REMEDIES | moved).get(error.code, remedy)
        raise RackflowError(redact_urls(f"{url}: {error}; {remedy}")) from error


def _direct() -> urllib.request.OpenerDirector:
    """Without the proxy of `http_proxy`: it need not reach a collector inside, and the request has a password."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def since_ms(text: str, now_ms: int) -> int:
    """A moment in ms since 1970, from `2h` (two hours ago) or an ISO 8601 date and time, UTC unless it has an offset.

    Raises ConfigError if it is neither.
    """
    if text[-1:] in UNITS and text[:-1].isdecimal():
        return now_ms - int(text[:-1]) * UNITS[text[-1]] * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--since: {text!r} is neither a time span like 2h nor a time like 2026-01-31T12:00; correct it"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def accounts(pages: Iterable[LedgerSnapshot], since: int = 0) -> list[EpochAccount]:
    """The account of every epoch of which something was received since `since` (ms), over all pages.

    Missing ranges that ended before `since` are left out; a range whose end has no known time is kept. A ledger given
    twice (its file, and the URL of the collector that writes it) counts once.
    """
    found = dict[EpochKey, tuple[EpochRecord, Sequence[Chunk]]]()
    seen: set[str] = set()
    for page in pages:
        if page.ledger in seen:
            continue
        seen.add(page.ledger)
        for record, chunks in page.epochs:
            found[record.key] = merge(found[record.key], (record, chunks)) if record.key in found else (record, chunks)
    settled = [account_of(record, chunks) for record, chunks in found.values() if record.seen_ms >= since]
    return sorted((_since(sums, since) for sums in settled), key=lambda sums: sums.key)


def _since(sums: EpochAccount, since: int) -> EpochAccount:
    left = [run for run in sums.missing if not run.to_ms or run.to_ms >= since]
    return replace(sums, missing=left, missing_messages=sum(run.last - run.first + 1 for run in left))


def as_data(found: Sequence[EpochAccount]) -> dict[str, Any]:
    """The accounts as data of JSON: an object with a list of epochs."""
    epochs: list[dict[str, Any]] = [
        {
            "site": sums.key.site,
            "agent": sums.key.agent,
            "epoch": sums.key.epoch,
            "known_from": sums.known_from,
            "produced": sums.produced,
            "stored": sums.stored,
            "duplicates": sums.duplicates,
            "in_flight": sums.in_flight,
            "dropped": dict(sorted(sums.dropped.items())),
            "missing": sums.missing_messages,
            "missing_ranges": [
                {"first": run.first, "last": run.last, "from": _iso(run.from_ms), "to": _iso(run.to_ms)}
                for run in sums.missing
            ],
        }
        for sums in found
    ]
    return {"epochs": epochs}


def as_table(found: Sequence[EpochAccount]) -> str:
    """The accounts as text: a line per epoch, what was dropped and each missing range below it, and the total at the end."""
    # Before the columns are measured: agents choose the names of their epochs.
    rows = [tuple(map(escape_unprintable, _row(sums))) for sums in found]
    widths = [max(len(row[at]) for row in (HEADS, *rows)) for at in range(len(HEADS))]
    lines = [_aligned(HEADS, widths)]
    for row, sums in zip(rows, found, strict=True):
        lines.append(_aligned(row, widths))
        lines += [f"    dropped {count}: {why}" for why, count in sorted(sums.dropped.items())]
        lines += [_missing(run) for run in sums.missing]
    missing = sum(sums.missing_messages for sums in found)
    produced = sum(sums.produced for sums in found)
    agents = len({(sums.key.site, sums.key.agent) for sums in found})
    # "complete" needs at least one message: a collector that receives nothing must not look like one that stored everything.
    verdict = f"{missing} missing without a reason" if missing else "complete" if found else "nothing to account for"
    return "\n".join([*lines, f"{count_of(produced, 'message')} of {count_of(agents, 'agent')}: {verdict}"])


def _row(sums: EpochAccount) -> tuple[str, ...]:
    numbers = sums.produced, sums.stored, sums.duplicates, sums.dropped.total(), sums.in_flight, sums.missing_messages
    return f"{sums.key.site}/{sums.key.agent}", sums.key.epoch, *map(str, numbers)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _missing(run: Missing) -> str:
    return f"    missing {run.first}-{run.last}, from {_iso(run.from_ms) or '?'} to {_iso(run.to_ms) or '?'}"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if 0 < ms <= LATEST_MS else ""
