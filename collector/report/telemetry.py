"""Rows on availability of telemetry: polls by site, agent and device, and the account of messages.

Availability is answered polls divided by expected polls, not by received polls: a lost message must lower it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from collector.ledger import EpochAccount, born_ms
from collector.receive import add
from collector.report.energy import spans
from collector.report.period import Period
from collector.report.read import SiteMonth
from collector.report.rows import PeriodKind, Row
from rackflow.plural import count_of

OF_AGENT = "/*"
"""Appended to an agent's name; the place then stands for all devices of the agent."""
_PERIODS = ("month", "day")
Polls = dict[str, list[float]]
"""By place: polls expected, answered and unanswered, and hours in which any were expected."""


def steps_of(site_month: SiteMonth) -> int:
    """How often `telemetry_rows` calls `done`."""
    return 0 if site_month.is_shared else sum(len(hours) for _, hours in site_month.period.days())


def telemetry_rows(site_month: SiteMonth, done: Callable[[], None] = lambda: None) -> Iterator[Row]:
    """All telemetry rows of a site. `done` is called for each hour, which is most of a report's work."""
    if site_month.is_shared:
        why = "the subscription is shared: this collector receives only a part of the polls"
        month = site_month.period.iso(site_month.period.first), site_month.period.iso(site_month.period.end)
        yield Row("telemetry_available", site_month.site, "month", *month, None, "ratio", 0.0, why)
    else:
        days = {hours[0]: _polls(site_month, hours, done) for _, hours in site_month.period.days()}
        for kind, start, end, hours in spans(site_month.period):
            if kind in _PERIODS:
                sums = days[hours[0]] if kind == "day" else _total(days.values())
                yield from _rows(site_month, (kind, start, end), _by_place(site_month, sums), len(hours))
    yield from account_rows(site_month.site, site_month.accounts, site_month.period)


@dataclass(slots=True)
class _Sums:
    """Sums of a period."""

    devices: dict[int, list[float]] = field(default_factory=dict)
    """By number of a device, as in `Polls`."""
    hours: Counter[str] = field(default_factory=Counter)
    """Of the site and of each agent: hours in which any polls were expected."""


def _polls(site_month: SiteMonth, hours: Sequence[int], done: Callable[[], None]) -> _Sums:
    """Sums of some hours. Each hour is read once: 5,000 devices take 10 ms."""
    found = _Sums()
    site, devices = site_month.site, site_month.devices
    for hour in hours:
        agents = set[str]()
        for number, (expected, answered, unanswered) in site_month.polls.get(hour, {}).items():
            sums = found.devices.get(number)
            if sums is None:
                sums = found.devices[number] = [0.0, 0.0, 0.0, 0.0]
            sums[0] += expected
            sums[1] += answered
            sums[2] += unanswered
            if expected > 0:
                sums[3] += 1
                agents.add(devices[number].agent)
        # An hour counts once however many devices were expected in it.
        found.hours.update(f"{agent}{OF_AGENT}" for agent in agents)
        if agents:
            found.hours[site] += 1
        done()
    return found


def _total(days: Iterable[_Sums]) -> _Sums:
    found = _Sums()
    for day in days:
        found.hours.update(day.hours)
        for number, sums in day.devices.items():
            add(found.devices.setdefault(number, [0.0, 0.0, 0.0, 0.0]), sums)
    return found


def _by_place(site_month: SiteMonth, sums: _Sums) -> Polls:
    """The sums of each device, of each agent and of the site.

    More answers of a device than expected (two processes of a pair polled it while the network between them was broken) make up for
    no missing ones of another device.
    """
    found: Polls = {}
    for number, (expected, answered, unanswered, counted) in sums.devices.items():
        device = site_month.devices[number]
        found[device.place] = [expected, answered, unanswered, counted]
        for place in (site_month.site, f"{device.agent}{OF_AGENT}"):
            of_place = found.setdefault(place, [0.0, 0.0, 0.0, float(sums.hours[place])])
            add(of_place, [expected, min(answered, expected), unanswered])
    return found


def _rows(site_month: SiteMonth, span: tuple[PeriodKind, str, str], found: Polls, hours: int) -> Iterator[Row]:
    classes = {device.place: device.device_class for device in site_month.devices.values()}
    kind, start, end = span
    for place, (expected, answered, unanswered, counted) in sorted(found.items()):
        # A device that was not expected to answer in this period, for example because it was added later, has no availability.
        if not expected:
            continue
        coverage = counted / hours if hours else 0.0
        lost = _lost(site_month) if kind == "month" else ""
        rests = "; ".join(each for each in (classes.get(place, ""), lost) if each)
        share = min(1.0, answered / expected)
        row = partial(Row, place=place, period=kind, start=start, end=end, coverage=coverage, rests_on=rests)
        yield row(figure="telemetry_available", value=share, unit="ratio")
        if kind == "month":
            # There can be more answers than expected after an agent restarts, because it polls at once.
            missing = max(0.0, expected - answered)
            silent = min(unanswered, missing)
            for name, count in (
                ("polls_expected", expected),
                ("polls_answered", answered),
                ("polls_unanswered", silent),
                ("polls_not_received", missing - silent),
            ):
                yield row(figure=name, value=count, unit="polls")


def _lost(site_month: SiteMonth) -> str:
    """A note on counts that are too low because the collector was killed; empty if it was not."""
    if not site_month.killed:
        return ""
    times = ", ".join(_iso(int(saved_s * 1000)) for saved_s, _ in site_month.killed[:3])
    more = f" and {count_of(len(site_month.killed) - 3, 'more time')}" if len(site_month.killed) > 3 else ""  # noqa: PLR2004 - as above
    return f"at least: counts of half a minute are lost where the collector was killed, after {times}{more}"


def account_rows(site: str, accounts: Sequence[EpochAccount], period: Period) -> Iterator[Row]:
    """Rows that account for each agent's messages, by epoch, and one row per range of missing messages."""
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
        # Counts cover the whole epoch: the ledger keeps ranges of numbers, not the time of each message.
        for name, count in counts.items():
            # These three are always listed, because a reader could not tell "none" from "not counted" otherwise.
            if count or name in {"produced", "stored", "missing"}:
                place = f"{agent}/{epoch}"
                yield Row(
                    figure=f"messages_{name}",
                    place=place,
                    period="epoch",
                    start=start,
                    end=end,
                    value=float(count),
                    unit="messages",
                    coverage=None,
                    rests_on=rests,
                )
        for run in sums.missing:
            what = f"epoch {epoch}, messages {run.first} to {run.last}, of {period.name}"
            times = _iso(run.from_ms), _iso(run.to_ms)
            yield Row(
                "messages_missing_run", agent, "gap", *times, float(run.last - run.first + 1), "messages", None, what
            )


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else ""
