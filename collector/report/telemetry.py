"""Availability of telemetry: polls and messages by site, agent, device and gap."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from collector.ledger import EpochAccount, born_ms
from collector.receive import add
from collector.report.energy import spans
from collector.report.period import Period
from collector.report.read import SiteMonth
from collector.report.tidy import PeriodKind, Row

OF_AGENT = "/*"
"""Behind an agent's name: all of its devices."""
_PERIODS = ("month", "day")
Polls = dict[str, list[float]]
"""By place: polls expected, answered and unanswered, and hours in which any were expected."""


def telemetry_rows(books: SiteMonth) -> Iterator[Row]:
    """All rows of a site."""
    if books.is_shared:
        why = "the subscription is shared: this collector sees only a part of the polls"
        month = books.period.iso(books.period.first), books.period.iso(books.period.end)
        yield Row("telemetry_available", books.site, "month", *month, None, "ratio", 0.0, why)
    else:
        places = _places(books)
        for kind, start, end, hours in spans(books.period):
            if kind in _PERIODS:
                found = _polls(books, hours, places)
                yield from _rows(books, (kind, start, end), found, len(hours))
    yield from account_rows(books.site, books.accounts, books.period)


def _places(books: SiteMonth) -> Mapping[int, tuple[str, ...]]:
    """Of each device the places that its polls count in."""
    return {number: (books.site, f"{device.agent}{OF_AGENT}", device.place) for number, device in books.devices.items()}


def _polls(books: SiteMonth, hours: Sequence[int], places: Mapping[int, tuple[str, ...]]) -> Polls:
    found: Polls = {}
    for hour in hours:
        seen = set[str]()
        for number, row in books.polls.get(hour, {}).items():
            for place in places[number]:
                add(found.setdefault(place, [0.0, 0.0, 0.0, 0.0]), row)
                if row[0] > 0:
                    seen.add(place)
        for place in seen:
            found[place][3] += 1
    return found


def _rows(books: SiteMonth, span: tuple[PeriodKind, str, str], found: Polls, hours: int) -> Iterator[Row]:
    classes = {device.place: device.device_class for device in books.devices.values()}
    kind, start, end = span
    for place, (expected, answered, unanswered, counted) in sorted(found.items()):
        if not expected:
            continue
        coverage = counted / hours if hours else 0.0
        lost = _lost(books) if kind == "month" else ""
        rests = "; ".join(each for each in (classes.get(place, ""), lost) if each)
        share = min(1.0, answered / expected)
        yield Row("telemetry_available", place, kind, start, end, share, "ratio", coverage, rests)
        if kind == "month":
            missing = max(0.0, expected - answered)
            silent = min(unanswered, missing)
            for name, count in (
                ("polls_expected", expected),
                ("polls_answered", answered),
                ("polls_unanswered", silent),
                ("polls_not_received", missing - silent),
            ):
                yield Row(name, place, kind, start, end, count, "polls", coverage, rests)


def _lost(books: SiteMonth) -> str:
    """What makes counts too low."""
    if not books.killed:
        return ""
    times = ", ".join(_iso(int(saved_s * 1000)) for saved_s, _ in books.killed[:3])
    more = f" and {len(books.killed) - 3} more times" if len(books.killed) > 3 else ""  # noqa: PLR2004 - as above
    return f"at least: counts of half a minute are lost where the collector was killed, after {times}{more}"


def account_rows(site: str, accounts: Sequence[EpochAccount], period: Period) -> Iterator[Row]:
    """What became of each agent's messages, by epoch, and of what is missing each run with its times."""
    for sums in accounts:
        agent, epoch = sums.key.agent, sums.key.epoch
        start, end = _iso(born_ms(epoch)), _iso(sums.seen_ms)
        counts = {
            "produced": sums.produced,
            "stored": sums.stored,
            "in_flight": sums.in_flight,
            "missing": sums.missing_messages,
            "came_again": sums.duplicates,
            **{f"dropped_{reason}": count for reason, count in sorted(sums.dropped.items())},
        }
        rests = f"site {site}, epoch {epoch}, from message {sums.known_from}"
        for name, count in counts.items():
            if count or name in {"produced", "stored", "missing"}:
                place = f"{agent}/{epoch}"
                yield Row(f"messages_{name}", place, "epoch", start, end, float(count), "messages", None, rests)
        for run in sums.missing:
            what = f"epoch {epoch}, messages {run.first} to {run.last}, of {period.name}"
            times = _iso(run.from_ms), _iso(run.to_ms)
            yield Row(
                "messages_missing_run", agent, "gap", *times, float(run.last - run.first + 1), "messages", None, what
            )


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else ""
