"""The table of problems: conditions, severities, words and causes. Read from problems.yaml and checked.

Two readers depend on it and must agree: the collector's own evaluation (`conditions.py`) and the rules for Prometheus, which
`promql.py` generates. A condition can therefore only say what both can decide. What Prometheus alone knows (its own scrapes, two
collectors that disagree) is written as `promql` beside it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from collector.problems.causes import OBSERVED, with_causes
from collector.problems.sentence import Sentence, parse_sentence
from rackflow import ContractError, catalogue
from rackflow.catalogue import BASE_LABELS, Metric
from rackflow.process.yaml import load_yaml_text

Severity = Literal["critical", "warning", "info"]
SEVERITY_RANK: Mapping[Severity, int] = {"critical": 0, "warning": 1, "info": 2}
"""The worst first."""
Subsystem = Literal["power", "cooling", "environment", "telemetry"]
# Ratings and set points are polled once an hour at most. Three hours bridge a collector that has just started, and one missed poll.
LIMIT_LIFE_S = 3 * 3600.0
# Sources of a limit, as reports name them. `collector.derive.site_limits` names two more: `site file` and `configuration`.
DEVICE = "device"
LIMITS_FILE = "limits file"
CONSTANT = "constant"
# How long a problem stays active while its device cannot be observed: an agent's death must not send the person on call "resolved".
# A chosen value: after an hour, the person on call has looked.
SILENT_S = 3600.0
# How long a problem stays active after it last held, unless its row gives another time. A value oscillating around its limit would
# otherwise begin a problem with every other poll, and each beginning pages somebody: the flow of a hunting control loop crosses its limit
# every few seconds, polls are up to 10 s apart, and a machine in a restart loop runs for half a minute each time. A chosen value.
KEEP_S = 60.0


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit that a device or the site file states: `times` * value + `plus`, of the same device and the same labels."""

    metric: str = ""
    record: str = ""
    where: dict[str, list[str]] = {}
    """Labels of the limit's series that may differ from those of the value: one loop's set point may limit another loop."""
    times: float = 1.0
    plus: float = 0.0


class EarlierValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value must have reached `at_least` within the last `within_s`, so that only something that was present can be lost.

    A state must have been one of `states` instead.
    """

    within_s: float
    at_least: float = 1.0
    states: list[str] = []


class Fall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value has fallen below a share (0..1) of its maximum within the last `within_s`."""

    below_share: float
    within_s: float


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holds for each series of a metric (or record) that passes the comparison; without one, for each series that is there."""

    metric: str = ""
    record: str = ""
    where: dict[str, list[str]] = {}
    where_not: dict[str, list[str]] = {}
    """Labels that the series must not have these values of."""
    states: list[str] = []
    """Of a state: those in which the condition holds."""
    per: str = ""
    """A metric that the value is divided by before it is compared: a current per rating is a share."""
    times: float = 1.0
    """Factor that converts the value to the unit shown to people; `above`, `below` and the texts are in that unit."""
    above: float | Limit | None = None
    below: float | Limit | None = None
    equals: float | None = None
    after: EarlierValue | None = None
    fell: Fall | None = None
    without: list[str] = []
    """Labels that are dropped: series that differ only in these are one problem."""
    worst: Literal["max", "min", ""] = ""
    """Which of two collectors' values counts; the default is the one nearer to a problem."""
    limit_source: str = ""
    """Source of the limit if it is neither a device nor a constant: `limits file`, or that of a series that contains its limit."""
    cause: list[str] = []
    """Of `dcim_device_observed`, for the collector alone: why a device is not observed (`collector.latest`)."""
    unless: list["Condition"] = []
    """None of these may hold for the same device."""
    also: list["Condition"] = []
    """Each of these must hold for the same device."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named value that several rows use; Prometheus records it under this name."""

    metric: str
    states: list[str] = []
    per: str = ""
    """A metric that the value is divided by."""
    count: list[str] = []
    """Labels that are dropped by counting: the value is the number of series, per device, that are in one of `states`."""
    positive: bool = False
    """Whether values that are not above 0 are left out."""
    life_s: float = 0.0
    """How long Prometheus takes the last value after a series has gone; 0 for as long as usual."""
    changes_within_s: float = 0.0
    """If not 0, the value is how often the metric has changed within that time, or to or from one of its states. Unknown is no change."""
    unless: list[Condition] = []
    """Where one of these holds for the device, there is no value."""
    why: str = ""
    """A comment for the generated rule."""


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holds where more than `above` of the devices that have `by` labels, and at least `least` of them, fulfil the condition.

    One row then stands for a common cause: the feed, and not each device below it.
    """

    of: list[Condition]
    among: Condition
    by: list[str]
    above: float
    least: int
    apart: str = ""
    """A label outside of `by`, as `agent`: it holds where it does for a whole group, or for one of the group's parts by this label."""
    may_lack: list[str] = []
    """Labels of `by` that a device need not have: those without one are a group of their own."""
    beside: str = ""
    beside_least: int = 0
    """At least so many of the devices that fulfil it must be outside of the largest of their groups by the label `beside`.

    A row whose devices of only one feed fell silent has lost that feed; of a row where others did as well, the network comes first.
    """
    except_in: dict[str, Literal["always", "unless_shown"]] = {}
    """Other problems with a share: while one stands for an agent, a room or a row, its devices that do not answer count nowhere.

    Nor do an agent's while they fall silent in several feeds at once (`Shares._darkening`): it may be about to stand. With `unless_shown`
    they count if a device of the same group that answers fulfils the condition: a UPS on battery shows that the feed is lost, not unseen.

    A cause would not do where groups overlap: half of a feed's devices may be those of an agent that sees nothing, and the other half dark.
    """


class Cause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The labels `by` in which a problem and its cause must agree, and values that labels of the problem must have.

    `where: {alarm: [pump]}`: this cause explains a device's own alarm only if it is about a pump. An empty value: it has no such label.
    """

    by: list[str]
    where: dict[str, list[str]] = {}


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """One problem as problems.yaml has it; see `Problem`, which is made of it with defaults filled in and texts parsed."""

    group: str
    summary: str
    description: str
    severity: Severity
    subsystem: Subsystem
    when: list[Condition] = []
    share: Share | None = None
    promql: str = ""
    hold_s: float = 0.0
    within_s: float = 0.0
    keep_s: float = KEEP_S
    silent_s: float | None = None
    outlasts_reading: bool = False
    safety: bool = False
    causes: dict[str, list[str] | Cause] = {}
    waits_for: str = ""
    reading: bool = False
    why: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    records: dict[str, Record]
    normal_states: dict[str, list[str]]
    problems: dict[str, _Row]
    remembered: list[str] = []


class Problem(msgspec.Struct, frozen=True):
    """One row. It is active once `when` has held for `hold_s`: in total within the last `within_s`, or without a break if that is 0.

    It ends `keep_s` after it last held, and not before it has held for less than `hold_s` within its window. A window no longer than
    `keep_s` therefore delays no end: it is for what comes and goes, and would never hold for `hold_s` without a break. While its device is
    silent, it is taken to hold for `silent_s` more. `causes` maps another problem to the labels in which both must agree: then this one is
    its consequence.

    With `outlasts_reading` it is taken to hold for as long, too, while its reading is missing although its device answers: a detector may
    be destroyed by what it detects, and a figure is unknown once a device that it needs is silent.
    """

    name: str
    group: str
    summary: str
    words: Sentence
    severity: Severity
    subsystem: Subsystem
    when: tuple[Condition, ...]
    share: Share | None
    promql: str
    hold_s: float
    within_s: float
    keep_s: float
    silent_s: float
    outlasts_reading: bool
    is_safety: bool
    causes: Mapping[str, tuple[str, ...]]
    has_reading: bool
    """Its problems have a label `reading`, the name of the metric: the row stands for many metrics."""
    why: str
    waits_for: str = ""
    """One of `causes` or `except_in` that needs longer to be recognised: while it may be about to stand for the agent of this problem, or
    one of its agents (`Shares.going_dark`), this problem does not begin, and its hold starts over."""
    linger_s: float = 0.0
    """How long after its end it still explains its consequences, s, because they end later than their cause."""
    cause_where: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    """By cause, the values of labels that this problem must have to be explained by it."""
    cause_may_lack: Mapping[str, tuple[str, ...]] = {}
    """By cause, the labels of `causes` that both may lack: a device that stands in no row is explained by what is dark in no row."""

    @property
    def may_lack(self) -> Sequence[str]:
        """Labels that its devices need not have."""
        return self.share.may_lack if self.share is not None else ()

    def admits(self, cause: str, labels: Mapping[str, str]) -> bool:
        """Whether this problem with these labels is one that a cause explains (`cause_where`)."""
        return all(labels.get(label, "") in values for label, values in self.cause_where.get(cause, {}).items())

    @property
    def runbook(self) -> str:
        """Path of the problem's section in the runbook, which says what to do."""
        return f"deploy/RUNBOOK.md#{self.name.lower()}"

    def conditions(self) -> Iterator[Condition]:
        """Every condition of the row, with those inside others."""
        tops = [*self.when, *((*self.share.of, self.share.among) if self.share else ())]
        for top in tops:
            yield from walk(top)


class Table(msgspec.Struct, frozen=True):
    """All rows by name, and the named values they use. `normal_states` are those of no row.

    Of `remembered` metrics Prometheus keeps what they were before a gap.
    """

    records: Mapping[str, Record]
    problems: Mapping[str, Problem]
    normal_states: Mapping[str, frozenset[str]]
    remembered: Sequence[str] = ()

    @property
    def longest_memory_s(self) -> float:
        """How far back any condition looks (`after`, `fell`)."""
        conditions = [each for row in self.problems.values() for each in row.when]
        asked = [past.within_s for each in conditions for past in (each.after, each.fell) if past is not None]
        return max(asked, default=0.0)

    def metrics(self) -> frozenset[str]:
        """Every metric that some row asks about."""
        return self._metrics_of(self.problems.values())

    def safety_metrics(self) -> frozenset[str]:
        """Every metric that the safety class asks about, with those that show whether a device is observed."""
        return self._metrics_of(each for each in self.problems.values() if each.is_safety) | OBSERVED

    def safety_records(self) -> frozenset[str]:
        """The named values that the safety class uses."""
        conditions = (one for each in self.problems.values() if each.is_safety for one in each.conditions())
        sources = (source for each in conditions for source in (each, each.above, each.below))
        return frozenset(source.record for source in sources if isinstance(source, Condition | Limit)) - {""}

    def _metrics_of(self, problems: Iterable[Problem]) -> frozenset[str]:
        conditions = (each for problem in problems for each in problem.conditions())
        return frozenset(name for each in conditions for name in metrics_of(each, self.records))


def walk(condition: Condition) -> Iterator[Condition]:
    """The condition and all those inside it."""
    yield condition
    for inner in (*condition.unless, *condition.also):
        yield from walk(inner)


def metrics_of(condition: Condition, records: Mapping[str, Record]) -> set[str]:
    """The metrics that a condition reads, not those of its inner conditions."""
    names = {condition.metric, condition.per}
    for source in (condition, condition.above, condition.below):
        if isinstance(source, Condition | Limit):
            names.add(source.metric)
            if source.record:
                record = records[source.record]
                names |= {record.metric, record.per}
                for inner in record.unless:
                    names |= metrics_of(inner, records)
    return names - {""}


def parse_table(text: str, where: str = "problems.yaml") -> Table:
    """The table from the text of its file. Raises ContractError, which names the row and what is wrong with it."""
    try:
        data = msgspec.convert(load_yaml_text(text, where), _File)
    except msgspec.ValidationError as error:
        raise ContractError("problems", f"{where}: {error}") from error
    normal = {name: frozenset(states) for name, states in data.normal_states.items()}
    try:
        for name, record in data.records.items():
            _check_record(name, record, data.records)
        problems = {name: _problem(name, row) for name, row in data.problems.items()}
        for problem in problems.values():
            _check_problem(problem, problems, data.records)
        problems = with_causes(problems)
        for name in (*normal, *data.remembered):
            _metric(name)
    except ValueError as error:
        raise ContractError("problems", f"{where}: {error}") from error
    return Table(data.records, problems, normal, data.remembered)


@cache
def load_table() -> Table:
    """The table that is shipped, read once per process."""
    return parse_table(files("collector.problems").joinpath("problems.yaml").read_text(encoding="utf-8"))


def _problem(name: str, row: _Row) -> Problem:
    try:
        words = parse_sentence(row.description)
    except ValueError as error:
        raise ValueError(f"{name}: description: {error}") from error
    silent_s = row.silent_s if row.silent_s is not None else _silent_s(row)
    causes = {cause: each if isinstance(each, Cause) else Cause(each) for cause, each in row.causes.items()}
    return Problem(
        name=name,
        group=row.group,
        summary=row.summary,
        words=words,
        severity=row.severity,
        subsystem=row.subsystem,
        when=tuple(row.when),
        share=row.share,
        promql=row.promql,
        hold_s=row.hold_s,
        within_s=row.within_s,
        keep_s=row.keep_s,
        silent_s=silent_s,
        outlasts_reading=row.outlasts_reading,
        is_safety=row.safety,
        causes={cause: tuple(each.by) for cause, each in causes.items()},
        cause_where={
            cause: {label: tuple(values) for label, values in each.where.items()} for cause, each in causes.items()
        },
        waits_for=row.waits_for,
        has_reading=row.reading,
        why=row.why,
    )


def _silent_s(row: _Row) -> float:
    """The default of `silent_s`. 0 for telemetry problems, which the collector can always observe itself, and for severity `info`."""
    return SILENT_S if (row.when or row.share) and row.subsystem != "telemetry" and row.severity != "info" else 0.0


def _check_problem(problem: Problem, problems: Mapping[str, Problem], records: Mapping[str, Record]) -> None:
    name = problem.name
    if not name.startswith("Dcim"):
        raise ValueError(f"{name}: the name of a problem begins with Dcim")
    if not (problem.when or problem.share or problem.promql):
        raise ValueError(f"{name}: has no condition; write `when`, `share` or `promql`")
    _check_share(problem, problems)
    of_readings = [each for each in problem.when if each.metric and not each.states]
    if problem.outlasts_reading and not (problem.silent_s and of_readings and len(of_readings) == len(problem.when)):
        raise ValueError(f"{name}: outlasts_reading: is for numbers of `when`, without `states`, and with a `silent_s`")
    if not problem.summary.endswith("."):
        raise ValueError(f"{name}: summary: is a sentence and ends in a full stop")
    if problem.within_s and problem.within_s <= problem.hold_s:
        raise ValueError(f"{name}: within_s: must be longer than hold_s ({problem.hold_s:g})")
    _check_waits_for(problem, problems)
    if unknown := problem.causes.keys() - problems.keys():
        raise ValueError(f"{name}: causes: {sorted(unknown)}: no such problem")
    labels = {*BASE_LABELS, *(problem.share.by if problem.share else ())}
    labels |= {"reading"} if problem.has_reading else set()
    for condition in problem.conditions():
        try:
            labels |= _check_condition(condition, records)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    if not problem.promql and (unknown := set(problem.words.labels) - labels):
        raise ValueError(f"{name}: description: {sorted(unknown)}: no condition has such a label")


def _check_waits_for(problem: Problem, problems: Mapping[str, Problem]) -> None:
    if not problem.waits_for:
        return
    is_named = any(each.share and problem.waits_for in each.share.except_in for each in problems.values())
    own = {*problem.causes, *(problem.share.except_in if problem.share else ())}
    if not is_named or problem.waits_for not in own:
        raise ValueError(f"{problem.name}: waits_for: {problem.waits_for}: is not one of its causes, or left out")


def _check_share(problem: Problem, problems: Mapping[str, Problem]) -> None:
    if problem.when and problem.share:
        raise ValueError(f"{problem.name}: `when` and `share` exclude each other")
    if problem.share is None:
        return
    if bool(problem.share.beside) != bool(problem.share.beside_least) or (problem.share.beside and problem.share.apart):
        raise ValueError(f"{problem.name}: beside: stands with `beside_least` and without `apart`")
    for name in problem.share.except_in:
        other = problems.get(name)
        if other is None or other.share is None or other.share.except_in:
            raise ValueError(f"{problem.name}: except_in: {name}: no such problem with a share of its own")


def _check_condition(condition: Condition, records: Mapping[str, Record]) -> set[str]:
    """Return the labels that a condition's series have. Raises ValueError if the catalogue cannot answer the condition."""
    record = _source(condition, records)
    metric = _metric(record.metric if record else condition.metric)
    if condition.states and (unknown := set(condition.states) - set(metric.states)):
        raise ValueError(
            f"{metric.name}: states: {sorted(unknown)}: no such state; there are {', '.join(metric.states)}"
        )
    if metric.states and not (condition.states or record):
        raise ValueError(f"{metric.name}: is a state; name the `states` in which the condition holds")
    if condition.after is not None:
        if bool(condition.states) != bool(condition.after.states):
            raise ValueError(f"{metric.name}: after: a state has `states`, a number `at_least`")
        if unknown := set(condition.after.states) - set(metric.states):
            raise ValueError(f"{metric.name}: after: {sorted(unknown)}: no such state")
    if unknown := {*condition.where, *condition.where_not} - {*metric.labels, *BASE_LABELS}:
        raise ValueError(f"{metric.name}: where: {sorted(unknown)}: no such label")
    for label, values in condition.where.items():
        allowed = metric.label_values.get(label)
        if allowed and (unknown := set(values) - set(allowed)):
            raise ValueError(f"{metric.name}: where: {label}: {sorted(unknown)}: not among {', '.join(allowed)}")
    _check_comparison(condition, metric, records)
    state = {"state"} if condition.states else set()
    return {*metric.labels, *state} - set(condition.without)


def _check_comparison(condition: Condition, metric: Metric, records: Mapping[str, Record]) -> None:
    comparisons = (condition.above, condition.below, condition.equals, condition.fell)
    if len([each for each in comparisons if each is not None]) > 1:
        raise ValueError(f"{metric.name}: one of `above`, `below`, `equals` and `fell` is enough")
    if condition.fell and (condition.after or condition.per or condition.record):
        raise ValueError(f"{metric.name}: `fell` stands with a metric alone, without `after` and `per`")
    for limit in (condition.above, condition.below):
        if isinstance(limit, Limit):
            source = _source(limit, records)
            bound = _metric(source.metric if source else limit.metric)
            if metric.unit != bound.unit:
                raise ValueError(f"{metric.name}: is in {metric.unit}, and its limit {bound.name} in {bound.unit}")
    if condition.per and _metric(condition.per).unit != metric.unit:
        raise ValueError(f"{metric.name}: per: {condition.per} has another unit")
    if condition.cause and metric.name != "dcim_device_observed":
        raise ValueError(f"{metric.name}: cause: only dcim_device_observed has one")


def _check_record(name: str, record: Record, records: Mapping[str, Record]) -> None:
    if ":" not in name:
        raise ValueError(f"records: {name}: the name of a recorded value has colons (level:metric:operation)")
    metric = _metric(record.metric)
    if unknown := set(record.states) - set(metric.states):
        raise ValueError(f"{metric.name}: states: {sorted(unknown)}: no such state")
    if record.per:
        _metric(record.per)
    if record.changes_within_s and (record.count or record.per or len(record.states) != bool(metric.states)):
        raise ValueError(f"records: {name}: changes_within_s: is of a number, or of one of `states`")
    for inner in record.unless:
        _check_condition(inner, records)


def _source(source: Condition | Limit, records: Mapping[str, Record]) -> Record | None:
    if bool(source.metric) == bool(source.record):
        raise ValueError(f"{source.metric or 'a condition'}: needs a `metric` or a `record`, and only one of them")
    if source.record and source.record not in records:
        raise ValueError(f"record: {source.record}: no such record")
    return records[source.record] if source.record else None


def _metric(name: str) -> Metric:
    found = catalogue().get(name)
    if found is None:
        raise ValueError(f"{name}: no such metric in the catalogue")
    return found
