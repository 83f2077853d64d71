"""Writes problems of the table as PromQL expressions, with the labels that the collector's own evaluation gives its problems.

Alertmanager can then merge both, and either survives the other. Two collectors may report the same device: `max without (instance,
job)`, or `min` where that is nearer to a problem, counts it once. `rule_files.py` puts the expressions into files.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.problems.causes import ANSWERS_S
from collector.problems.record_names import (
    name_of_dark_elsewhere,
    name_of_dark_of_one,
    name_of_going_dark,
    name_of_held,
    name_of_history,
    name_of_left_out,
    name_of_share,
    name_of_shown,
    name_of_waited_for,
)
from collector.problems.shares import DARKENING_MOST_S, DARKENING_PAST_S, DARKENING_S
from collector.problems.silent_devices import AGENT_STILL_SILENT, MISSING_AFTER, STILL_SILENT
from collector.problems.table import (
    LIMIT_LIFE_S,
    Condition,
    Limit,
    Problem,
    Record,
    Share,
    Table,
)
from rackflow import catalogue

# Shortest step of the subqueries that add up how long a condition held: the evaluation interval of the shipped prometheus.yml.
# Longer windows are looked at about thirty times, because each look costs as much as an evaluation of the rule.
STEP_S = 5
# That of the safety class, which is evaluated each second and has few devices.
SAFETY_STEP_S = 1
LOOKS = 36
# A week of one-second readings would be 600,000 samples a series in each evaluation, and Prometheus refuses more than 50 million. At
# this interval a week has 2,016.
HISTORY_INTERVAL_S = 300
# How many collectors Prometheus scraped at least within ten minutes: an instance that is replaced by one of another address, as by
# Kubernetes, is counted twice for a moment only.
_TARGETS = "history:up:collectors"
_TARGETS_RULE = 'min_over_time((count by (job) (up{job=~"dcim-collector(-safety|-member)?"}))[10m:15s])'
# Step in which the last value before a silence is looked for. It is only shown, and reading an hour of one-second samples would be slow.
LAST_STEP_S = 60
_OF_ALERT = "alertname, alertstate, severity, subsystem"


def alert_expression(problem: Problem, table: Table) -> str:
    """The expression of a problem's alert: the name of a record if `left_out_records` has one of it."""
    is_recorded = any(each.share and problem.name in each.share.except_in for each in table.problems.values())
    return _waiting(problem, name_of_share(problem.name) if is_recorded else _holding_text(problem, table), table)


def _waiting(problem: Problem, text: str, table: Table) -> str:
    """`text`, the expression of a problem, so that it begins only while the one that it waits for is not about to stand.

    One that is firing goes on. As `Shares.waits`.
    """
    other = table.problems.get(problem.waits_for)
    if other is None or other.share is None:
        return text
    waited_for = name_of_waited_for(other.name)
    if not problem.is_safety:
        # Each moment since the last evaluation counts, as in the collector.
        waited_for = f"last_over_time({waited_for}[{duration(STEP_S)}])"
    own = problem.share
    if own is not None and own.apart:
        # Of any of its agents that has silent devices in it.
        by = ", ".join(own.by)
        silent = f"max by (device, {by}, {own.apart}) (dcim_device_up{{{_present(own).removeprefix(', ')}}} == 0)"
        waited_for = f"(\n    {silent}\n    and on ({', '.join(other.share.by)})\n    {waited_for}\n  )"
        # The share is written once: for 5,000 devices the rules of rooms and rows took 3.1 and 2.8 s of CPU each 5 s with it twice.
        return f"{_in_brackets(text)}\nunless on ({by})\n  (\n  {waited_for}\n  unless on ({by})\n  {_firing(problem)}\n  )"
    beginning = f"{_in_brackets(text)}\nunless on ({', '.join(other.share.by)})\n  {waited_for}"
    return _any_of([beginning, f"{_in_brackets(text)}\nand ignoring ({_OF_ALERT})\n  {_firing(problem)}"])


def _holding_text(problem: Problem, table: Table) -> str:
    if problem.promql:
        return problem.promql.strip("\n")
    if problem.share is not None:
        return _share_text(problem, table)
    if _is_held_recorded(problem):
        held = name_of_held(problem.name)
        window = f"{duration(problem.within_s)}:{SAFETY_STEP_S}s"
        text = f"{held}\nand\n  {_counted(problem, held, window, SAFETY_STEP_S)}"
    else:
        text = _any_of([_alternative(problem, each, table.records) for each in problem.when])
    return (
        f"{_in_brackets(text)}\nor\n{_in_brackets(_last_before_silence(problem, table.records))}"
        if problem.silent_s
        else text
    )


def held_records(table: Table) -> Iterator[tuple[str, str]]:
    """Records of where the conditions of safety problems hold that count within a window: name and expression of each.

    Without them a subquery would evaluate the condition for each second of the window, every second: for 400 CDUs that took a fifth of a
    core of Prometheus.
    """
    for problem in table.problems.values():
        if _is_held_recorded(problem):
            texts = [
                _with_reading_label(problem, each, _condition_text(each, table.records), table.records)
                for each in problem.when
            ]
            yield name_of_held(problem.name), _any_of(list(dict.fromkeys(texts)))


def _is_held_recorded(problem: Problem) -> bool:
    """Whether what holds of a problem is recorded each second, to be counted within its window (`held_records`)."""
    return problem.is_safety and bool(problem.when) and not problem.promql and 0 < problem.within_s <= problem.keep_s


def record_expression(record: Record, records: Mapping[str, Record]) -> str:
    """The expression of a recorded value of the table."""
    selector = _selector(record.metric, {}, record.states)
    if record.changes_within_s:
        aside = ", ".join(["instance", "job", *(["state"] if record.states else [])])
        return f"max without ({aside}) (changes({selector}[{duration(record.changes_within_s)}]))"
    if record.count:
        away = ", ".join([*record.count, "state"])
        return f"sum without ({away}) (max without (instance, job) ({selector}))"
    if record.life_s:
        selector = f"last_over_time({selector}[{duration(record.life_s)}])"
    text = f"max without (instance, job) ({selector})"
    if record.per:
        text = _divided(text, record.metric, record.per)
    if record.positive:
        text = f"{text} > 0"
    for inner in record.unless:
        text = f"{text}\nunless on (site, device)\n{_indent(_nested_condition(inner, records))}"
    return text


def left_out_records(table: Table) -> Iterator[tuple[str, str]]:
    """Records of which devices do not count in the shares of other problems (`Share.except_in`): as `Shares.found`, `Tracker.standing`.

    Yields name and expression of each, in the order in which they must be evaluated.
    """
    waited_for = {each.waits_for for each in table.problems.values()}
    known: set[str] = set()
    for problem in table.problems.values():
        share = problem.share
        for name in share.except_in if share is not None else ():
            if share is None or name in known:
                continue
            known.add(name)
            other = table.problems[name]
            yield name_of_share(name), _share_text(other, table)
            groups = [name_of_share(name), _lately(other)]
            if name in waited_for:
                yield from _darkening_records(share, other)
                groups.append(name_of_going_dark(name))
            whose = _whose(other)
            yield (
                name_of_left_out(name),
                f"max by (device, {whose}) (dcim_device_up == 0)\nand on ({whose})\n{_in_brackets(_any_of(groups))}",
            )
        if share is not None and "unless_shown" in share.except_in.values():
            by = ", ".join(share.by)
            silent = f"dcim_device_up{{{_present(share).removeprefix(', ')}}} == 0"
            shown = f"{_in_brackets(_failing(share, table))}\nunless on (site, device)\n  dcim_device_up == 0"
            yield (
                name_of_shown(problem.name),
                f"max by (device, {by}) ({silent})\nand on ({by})\n{_in_brackets(shown)}",
            )


def _whose(problem: Problem) -> str:
    return ", ".join(problem.share.by) if problem.share is not None else ""


def _lately(problem: Problem) -> str:
    """Where a problem stands, or did until all of its devices have been asked again: as `Tracker.standing`."""
    return (
        f"last_over_time({name_of_share(problem.name)}[{duration(ANSWERS_S)}])\n"
        f"and on ({_whose(problem)})\n  {_firing(problem)}"
    )


def _darkening_records(share: Share, other: Problem) -> Iterator[tuple[str, str]]:
    """Records of the groups of `other` that go dark, which problems wait for: as `Shares.going_dark`. `share` names it in `except_in`."""
    own = other.share.by if other.share is not None else []
    whose, dark = _whose(other), name_of_dark_elsewhere(other.name)
    both = ", ".join(dict.fromkeys([*own, *share.by]))
    present = _named(dict.fromkeys([*own, *share.by]))
    silent = f"count by ({both}) (max by (device, {both}) (dcim_device_up{{{present}}} == 0))"
    feeds = f"count by ({whose}) (group by ({both}) (dcim_device_observed{{{present}}}))"
    yield dark, f"sum by ({whose}) ({silent})\n-\nmax by ({whose}) ({silent})"
    going_dark = name_of_going_dark(other.name)
    yield going_dark, _rising(dark, going_dark)
    of_one = name_of_dark_of_one(other.name)
    # By the word of all collectors, as a CDU that does not answer: nobody waits for what one of them has missed.
    silent = f"count by ({whose}) (max by (device, {whose}) (dcim_device_up{{{_named(own)}}}) == 0)"
    yield of_one, f"{silent} - 1\nunless on ({whose})\n  {feeds} > 1"
    waited_for = name_of_waited_for(other.name)
    yield waited_for, _any_of([going_dark, _rising(of_one, waited_for)])


def _named(labels: Iterable[str]) -> str:
    """Matchers of series that have all of these labels; each has a site."""
    return ", ".join(f'{label}!=""' for label in labels if label != "site")


def _rising(count: str, record: str) -> str:
    """Where a recorded count rose within DARKENING_S, and `record`, which this expression is of, has not said so for longer than it may."""
    past = f"max_over_time({count}[{duration(DARKENING_PAST_S)}] offset {duration(DARKENING_S)})"
    earlier = f"last_over_time({record}[{duration(DARKENING_PAST_S)}] offset {duration(DARKENING_MOST_S)})"
    return f"{count} > 0\nunless\n  {count} <= {past}\nunless\n  {earlier}"


def history_records(table: Table) -> dict[str, str]:
    """By name, the expressions of records that conditions look back on for days.

    They say whether a value was at least `after.at_least`, and keep `remembered` values. Raises ValueError if two conditions disagree.
    """
    found: dict[str, str] = {}
    for problem in table.problems.values():
        for each in problem.conditions():
            if each.after is not None:
                selector = _selector(each.metric, each.where, each.after.states)
                text = f"max without (instance, job) ({selector}) >= {each.after.at_least:.12g}"
                if found.setdefault(name_of_history(each, each.after), text) != text:
                    raise ValueError(f"{problem.name}: two conditions on {each.metric} look back in different ways")
    found[_TARGETS] = _TARGETS_RULE
    return found | {f"history:{metric}:last": f"max without (instance, job) ({metric})" for metric in table.remembered}


def _firing(problem: Problem) -> str:
    return f'ALERTS{{alertname="{problem.name}",alertstate="firing"}}'


def _last_before_silence(problem: Problem, records: Mapping[str, Record]) -> str:
    """The last value of a problem that was active when its device fell silent."""
    window = f"{duration(problem.silent_s)}:{duration(LAST_STEP_S)}"
    last = _any_of(
        list(
            dict.fromkeys(
                _with_reading_label(problem, each, _value_text(each, window), records) for each in problem.when
            )
        )
    )
    firing = f"{_in_brackets(last)}\nand ignoring ({_OF_ALERT})\n  {_firing(problem)}"
    if problem.outlasts_reading:
        # Without its reading, whether its device is silent or not. Of a silent device every reading is missing.
        seen = dict.fromkeys(_value_text(each, MISSING_AFTER) for each in problem.when)
        return f"{firing}\nunless\n{_in_brackets(_any_of(list(seen)))}"
    if _is_of_agents(problem):
        return f"{firing}\nand on (site, agent)\n{_in_brackets(AGENT_STILL_SILENT)}"
    return f"{firing}\nand on (site, device)\n  {STILL_SILENT}"


def _is_of_agents(problem: Problem) -> bool:
    """Whether a problem is about an agent, and about no device of it."""
    return all(each.metric and catalogue()[each.metric].measurement == "dcim_agent" for each in problem.when)


def duration(seconds: float) -> str:
    """A duration as Prometheus writes it: 90 s are `90s`, 600 s are `10m`."""
    whole = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def _alternative(problem: Problem, condition: Condition, records: Mapping[str, Record]) -> str:
    text = _held_within_window(problem, condition, records) if problem.within_s else _condition_text(condition, records)
    return _with_reading_label(problem, condition, text, records)


def _with_reading_label(problem: Problem, condition: Condition, text: str, records: Mapping[str, Record]) -> str:
    """The expression with a label `reading` that names the metric, for problems that several metrics can raise."""
    if problem.has_reading:
        name = (condition.metric or records[condition.record].metric).removeprefix("dcim_")
        return f'label_replace(\n{_indent(text)},\n  "reading", "{name}", "", ""\n)'
    return text


def _held_within_window(problem: Problem, condition: Condition, records: Mapping[str, Record]) -> str:
    """The value now, where the condition held for `hold_s` all in all within the window."""
    holding = _condition_text(condition, records)
    # Where its end comes `keep_s` after it last held in any case, it needs to hold now: what its window still has must not add to that.
    value = holding if problem.within_s <= problem.keep_s else _value_text(condition)
    step_s = SAFETY_STEP_S if problem.is_safety else max(STEP_S, round(problem.within_s / LOOKS))
    window = f"{duration(problem.within_s)}:{step_s}s"
    counted = _counted(problem, f"\n    (\n{_indent(holding, 6)}\n    )", window, step_s, end="\n  ")
    return f"{value}\nand\n  {counted}"


def _counted(problem: Problem, held: str, window: str, step_s: float, end: str = "") -> str:
    """Where what holds, in steps, has done so for `hold_s` within the window."""
    return f"count_over_time({held}[{window}]{end}) > {round(problem.hold_s / step_s)}"


def _condition_text(condition: Condition, records: Mapping[str, Record]) -> str:
    text = _value_text(condition) + _comparison(condition, records)
    if condition.fell is not None:
        selector = _selector(condition.metric, condition.where, condition.states)
        highest = f"max_over_time({selector}[{duration(condition.fell.within_s)}])"
        aside = ", ".join(["instance", "job", *condition.without])
        text = f"{text}\n< {condition.fell.below_share:.12g} * {condition.worst or 'min'} without ({aside}) ({highest})"
    if condition.after is not None:
        selector = _selector(condition.metric, condition.where, condition.after.states)
        # The recorded series, or the value itself until the first recording.
        lately = f"max without (instance, job) (max_over_time({selector}[{duration(1.2 * HISTORY_INTERVAL_S)}]))"
        before = f"max_over_time({name_of_history(condition, condition.after)}[{duration(condition.after.within_s)}])\n    or\n    {lately}"
        joined = " ignoring (state)" if condition.states else ""
        whose = f"max without ({', '.join(condition.without)}) " if condition.without else ""
        text = f"{text}\nand{joined}\n  {whose}(\n    {before}\n  ) >= {condition.after.at_least:.12g}"
    for inner in condition.unless:
        text = f"{text}\nunless on (site, device)\n{_indent(_nested_condition(inner, records))}"
    for inner in condition.also:
        text = f"{text}\nand on (site, device)\n{_indent(_nested_condition(inner, records))}"
    return text


def _nested_condition(condition: Condition, records: Mapping[str, Record]) -> str:
    text = _condition_text(condition, records)
    return _in_brackets(text) if condition.unless or condition.also or condition.after else text


def _comparison(condition: Condition, records: Mapping[str, Record]) -> str:
    if condition.equals is not None:
        return f" == {condition.equals:.12g}"
    for sign, bound in ((">", condition.above), ("<", condition.below)):
        if isinstance(bound, Limit):
            return f"\n{sign} on ({_matching_labels(condition, bound, records)}) group_left ()\n  {_limit_text(condition, bound, records)}"
        if bound is not None:
            return f" {sign} {bound:.12g}"
    return " == 1" if condition.states else ""


def _value_text(condition: Condition, last: str = "") -> str:
    times = f"{condition.times:.12g} * " if condition.times != 1 else ""
    if condition.record:
        recorded = _selector(condition.record, condition.where, ())
        return f"{times}last_over_time({recorded}[{last}])" if last else f"{times}{recorded}"
    worst = condition.worst or ("min" if condition.below is not None or condition.fell is not None else "max")
    selector = _selector(condition.metric, condition.where, condition.states, _excluded(condition))
    inner = f"last_over_time({selector}[{last}])" if last else selector
    text = f"{times}{worst} without ({', '.join(['instance', 'job', *condition.without])}) ({inner})"
    if condition.per:
        whose = "agent" if "agent" in catalogue()[condition.metric].labels else "device"
        text = _divided(text, condition.metric, condition.per, whose)
    return text


def _divided(text: str, metric: str, per: str, whose: str = "device") -> str:
    """The expression of a metric divided by the value of `per` with the same labels; `whose` labels its device or agent."""
    labels = ", ".join(["site", whose, *_shared(metric, per)])
    return f"{text}\n/ on ({labels}) group_left ()\n  (max by ({labels}) ({_latest(per)}) > 0)"


def _limit_text(condition: Condition, bound: Limit, records: Mapping[str, Record]) -> str:
    times = f"{bound.times:.12g} * " if bound.times != 1 else ""
    plus = f" + {bound.plus:.12g}" if bound.plus else ""
    # A recorded limit is narrowed as the value is, so that the rule reads only what it needs.
    where = bound.where or {label: values for label, values in condition.where.items() if bound.record}
    if bound.record:
        text = f"{times}{_selector(bound.record, where, ())}{plus}"
    else:
        selector = _selector(bound.metric, where, ())
        labels = _matching_labels(condition, bound, records)
        text = f"{times}max by ({labels}) (last_over_time({selector}[{duration(LIMIT_LIFE_S)}])){plus}"
    return text


def _matching_labels(condition: Condition, bound: Limit, records: Mapping[str, Record]) -> str:
    """The labels by which PromQL matches a value with its limit."""
    metric = condition.metric or records[condition.record].metric
    other = bound.metric or records[bound.record].metric
    return ", ".join(["site", "device", *(label for label in _shared(metric, other) if label not in bound.where)])


def _latest(metric: str) -> str:
    is_slow = catalogue()[metric].poll in ("inventory", "slow")
    return f"last_over_time({metric}[{duration(LIMIT_LIFE_S)}])" if is_slow else metric


def _share_now(problem: Problem, table: Table) -> str:
    """Where more than the share of a group's devices fulfils the condition now, or of a part of it (`apart`)."""
    share = problem.share
    if share is None:
        return ""
    whole = _share_of_groups(problem, share, table)
    if not share.apart:
        return whole
    part = _share_of_groups(problem, share, table, share.apart)
    return _any_of([whole, f"max by ({', '.join(share.by)}) {_in_brackets(part)}"])


def _share_of_groups(problem: Problem, share: Share, table: Table, *more: str) -> str:
    """Where more than the share of the devices of a group fulfils the condition now. `more` labels make the groups smaller."""
    by = ", ".join([*share.by, *more])
    counted = _failing(share, table, *more)
    devices = f"max by (device, {by}) ({_among(share)}{_comparison(share.among, table.records)})"
    if share.except_in:
        left_out = "".join(f"\nunless on (site, device)\n  {each}" for each in _left_out(problem.name, share))
        counted, devices = f"{_in_brackets(counted)}{left_out}", f"{devices}{left_out}"
    all_devices = f"count by ({by}) {_in_brackets(devices)}".replace("\n", "\n  ")
    text = (
        f"  count by ({by}) (\n{_indent(counted, 4)}\n  )\n/\n  ({all_devices} >= {share.least})\n> {share.above:.12g}"
    )
    if not share.beside:
        return text
    parts = f"count by ({by}, {share.beside}) ({_failing(share, table, share.beside)})"
    return f"{text}\nand on ({by})\n  sum by ({by}) ({parts}) - max by ({by}) ({parts}) >= {share.beside_least}"


def _left_out(name: str, share: Share) -> Iterator[str]:
    """What names the devices that a share leaves out."""
    for other, kind in share.except_in.items():
        left_out = name_of_left_out(other)
        yield left_out if kind == "always" else f"({left_out} unless on (site, device) {name_of_shown(name)})"


def _failing(share: Share, table: Table, *more: str) -> str:
    """The devices of all groups that fulfil the condition, with `more` of their labels. Each counts once, whatever it fulfils."""
    by, present = ", ".join([*share.by, *more]), _present(share)
    found = []
    for each in share.of:
        selector = _selector(each.metric or each.record, each.where, each.states, present)
        found.append(f"max by (device, {by}) ({selector}{_comparison(each, table.records)})")
    return _any_of(found)


def _among(share: Share) -> str:
    return _selector(share.among.metric, share.among.where, share.among.states, _present(share))


def _present(share: Share) -> str:
    """A series without the labels of the groups belongs to none of them, but for those that it may lack."""
    return "".join(f', {label}!=""' for label in share.by if label not in {"site", *share.may_lack})


def _share_text(problem: Problem, table: Table) -> str:
    share = problem.share
    if share is None or not problem.silent_s:
        return _share_now(problem, table)
    # An active problem goes on as long as it may hold: silent devices count as if they all fulfilled the condition.
    by, worst_case = ", ".join(share.by), _worst_case(share, table)
    if share.apart:
        worst_case = _any_of([worst_case, f"max by ({by}) {_in_brackets(_worst_case(share, table, share.apart))}"])
    kept = f"max by ({by}) ({_firing(problem)})\nand\n{_in_brackets(worst_case)}"
    return f"{_in_brackets(_share_now(problem, table))}\nor\n{_in_brackets(kept)}"


def _worst_case(share: Share, table: Table, *more: str) -> str:
    """Where more than the share would fulfil the condition if all silent devices did. `more` labels make the groups smaller."""
    by, failing = ", ".join([*share.by, *more]), _failing(share, table, *more)
    known = f"max by (device, {by}) (last_over_time({_among(share)}[5m:15s]))"
    perhaps_failing = f"{_in_brackets(failing)}\nor\n{known}\nand on (site, device)\n  {STILL_SILENT}"
    return f"count by ({by}) (\n{_indent(perhaps_failing)}\n)\n/\n(count by ({by}) ({known}) >= {share.least})\n> {share.above:.12g}"


def _shared(one: str, other: str) -> list[str]:
    """Labels that both metrics have besides those of the device."""
    both = set(catalogue()[other].labels)
    return [label for label in catalogue()[one].labels if label in both and label != "agent"]


def _selector(name: str, where: Mapping[str, Sequence[str]], states: Sequence[str], more: str = "") -> str:
    matchers = [_matcher(label, values) for label, values in where.items()]
    if states:
        matchers.append(_matcher("state", states))
    text = ",".join(matchers) + more
    return f"{name}{{{text.removeprefix(', ')}}}" if text else name


def _excluded(condition: Condition) -> str:
    return "".join(f', {label}!~"{"|".join(values)}"' for label, values in condition.where_not.items())


def _matcher(label: str, values: Sequence[str]) -> str:
    return f'{label}="{values[0]}"' if len(values) == 1 else f'{label}=~"{"|".join(values)}"'


def _any_of(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return "\nor\n".join(_in_brackets(part) for part in parts)


def _in_brackets(text: str) -> str:
    return f"(\n{_indent(text)}\n)" if "\n" in text else f"({text})"


def _indent(text: str, by: int = 2) -> str:
    return textwrap.indent(text, " " * by)
