"""What the broker and collectors have acknowledged, and what follows from it, for both kinds of outbox. No I/O but the log.

The broker confirms a message (PUBACK); later, a collector reports it as durable. From these two follow which messages are deleted
(`stored_reports`), which are sent again (`awaiting`), and how fast the backlog leaves (`pacing`).
"""

from collections.abc import Callable, Iterable, Sequence

from rackflow.documents import Stored
from rackflow.outbox.awaiting import Awaiting
from rackflow.outbox.epochs import EpochBase, durable_keys
from rackflow.outbox.pacing import BacklogPace
from rackflow.outbox.rangeset import Range
from rackflow.outbox.stored_reports import StoredReports


class Acknowledgements:
    """The acknowledgements of one outbox. Its keys are the outbox's.

    Args:
        backlog_per_s: the most messages of the backlog that leave per second.
        confirmed_s: how long a confirmed message is kept while no collector has ever reported.
        require: collectors that must all have stored a message before it is deleted; if empty, one of any name is enough.
        clock: monotonic seconds.
    """

    def __init__(
        self, backlog_per_s: float, confirmed_s: float, require: Sequence[str], clock: Callable[[], float]
    ) -> None:
        self.awaiting = Awaiting(confirmed_s)
        self.republished = 0
        """Count of messages that were sent again, because a later one is durable."""
        self._pace = BacklogPace(backlog_per_s)
        self._reports = StoredReports(require)
        self._clock = clock
        if self.reports_required:
            self._begin_with_reports()

    @property
    def reports_required(self) -> bool:
        """Whether only a collector's report deletes messages: one has reported before, or some are required by the configuration."""
        return self._reports.are_required

    @property
    def collectors(self) -> list[tuple[str, str]]:
        """The collectors that have reported, each with the name of its ledger."""
        return self._reports.collectors

    @property
    def backlog_per_s(self) -> float:
        """How many messages of the backlog may be sent per second now."""
        return self._pace.per_s(self._clock())

    def restore(self, collectors: Iterable[tuple[str, str]]) -> None:
        """Add collectors that reported before a restart, one at least."""
        self._reports.restore(collectors)
        self._begin_with_reports()

    def connection_broke(self) -> None:
        """The connection broke: the next one begins with a backlog, slowly if collectors report."""
        self._pace.begin(self._clock(), has_reports=self.reports_required)

    def confirmed(self, key: int) -> list[Range]:
        """The broker has confirmed a message. Returns the keys that were kept long enough; none while reports are required."""
        now_s = self._clock()
        self.awaiting.confirm(key, now_s)
        self._pace.confirmed(key, now_s)
        return self.awaiting.expired(now_s)

    def stored(self, report: Stored, bases: Sequence[EpochBase], handed_out: int) -> list[Range]:
        """A collector has reported. Returns the keys that are durable now; they must be deleted before `missing` is called.

        `handed_out` is the highest key that was handed out: keys above it are not believed.
        """
        keys = durable_keys(report, bases, handed_out)
        durable = self._reports.update(report.collector, report.ledger, keys)
        self._pace.stored(max((last for _, last in keys), default=0), self._clock())
        if self.reports_required:
            self.awaiting.require_reports()
        return durable

    def missing(self, handed_out: int) -> list[Range]:
        """After a report: the keys to send again, because a later message is durable. `handed_out` as in `stored`."""
        lost = self.awaiting.missing(self._reports.highest, handed_out, self._clock())
        self.republished += sum(last - first + 1 for first, last in lost)
        return lost

    def withdrawn(self, collector: str) -> None:
        """A collector has withdrawn its report. After the last one, messages and backlog go on as if there had never been a report."""
        self._reports.withdraw(collector)
        if not self.reports_required:
            self.awaiting.collectors_gone(self._clock())
            self._pace.collectors_gone()

    def trim(self, below: int) -> None:
        """Forget reports about keys below this one: their messages are gone."""
        self._reports.trim(below)

    def _begin_with_reports(self) -> None:
        self.awaiting.require_reports()
        self._pace.begin(self._clock(), has_reports=True)
