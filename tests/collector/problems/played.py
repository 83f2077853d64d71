"""Plays an example through the collector's evaluation, and writes it as a unit test for promtool."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from collector.problems.conditions import Evaluator, Subject
from collector.problems.shares import Shares
from collector.problems.table import load_table
from collector.problems.tracker import Key, TrackedProblem, Tracker
from rackflow.catalogue import catalogue
from rackflow.series import parse_series_key
from tests.collector.problems.things import Cycle, Example, Then, Thing, Value

STEP_S = 15
CHANGE_STEP = 20
"""When what changes does so."""
STEPS = CHANGE_STEP + 65 * 60 // STEP_S
"""65 minutes after the change: longer than any problem must hold before it is reported."""
FEW_STEPS = 4 * CHANGE_STEP
"""A quarter of an hour after the change: longer than most problems must hold, and a tenth of promtool's time."""


def value_at(value: Value, step: int) -> float | str:
    """What a series says at a step."""
    if isinstance(value, Cycle):
        return value.values[step % len(value.values)]
    if isinstance(value, Then):
        return value.before if step < CHANGE_STEP else value.after
    return value


def base_of(thing: Thing, site: str, number: int) -> dict[str, str]:
    """Labels that every series of a thing has."""
    own = {"device": {"device": f"d{number}"}, "agent": {"agent": "g"}}.get(thing.kind, {})
    return {"site": site, **own, **thing.labels}


def series_of(thing: Thing) -> Iterator[tuple[str, dict[str, str], Value]]:
    """Every series of a thing, with what the collector says about each device."""
    for key, value in thing.series.items():
        name, labels = parse_series_key(f"dcim_{key}")
        yield name, dict(labels), value
    if thing.kind == "device":
        yield "dcim_device_observed", {"agent": thing.agent}, 0.0 if thing.is_up is None else 1.0
        if thing.is_up is not None:
            is_up = thing.is_up if isinstance(thing.is_up, Cycle) else float(thing.is_up)
            yield "dcim_device_up", {"agent": thing.agent}, is_up
        yield "dcim_device_info", {"agent": thing.agent, "device_class": thing.device_class}, 1.0


def steps_of(example: Example) -> int:
    """As many as the slowest of all problems needs that its units can have, reported or not."""
    table = load_table()
    evaluator = Evaluator(table)
    asked = list(example.problems)
    for number, thing in enumerate(example.things):
        subject = Subject(base_of(thing, "s", number))
        for name, labels, value in series_of(thing):
            subject.add(name, labels, value_at(value, STEPS))
        asked += [problem.name for problem, conditions in evaluator.decidable_by(subject) if conditions]
    longest_s = max((max(table.problems[name].hold_s, table.problems[name].within_s) for name in asked), default=0.0)
    assert longest_s < (STEPS - CHANGE_STEP) * STEP_S
    return FEW_STEPS if longest_s < (FEW_STEPS - CHANGE_STEP) * STEP_S else STEPS


def play(example: Example, site: str = "s", steps: int = STEPS) -> list[TrackedProblem]:
    """What the collector tells at the end."""
    table = load_table()
    evaluator, tracker = Evaluator(table), Tracker(table)
    shares = Shares(table, evaluator)
    for step in range(steps + 1):
        now = float(step * STEP_S)
        for number, thing in enumerate(example.things):
            is_device = thing.kind == "device"
            is_up = value_at(thing.is_up, step) == 1.0 if isinstance(thing.is_up, Cycle) else thing.is_up
            is_silent = is_device and is_up is not True
            subject = Subject(base_of(thing, site, number), is_silent=is_silent, agent=thing.agent if is_device else "")
            for name, labels, value in series_of(thing):
                subject.add(name, labels, value_at(value, step))
            evaluator.count_changes(subject, now)
            if thing.kind == "device":
                shares.note(("device", str(number)), subject)
            found = {
                (problem.name, labels): value
                for problem, conditions in evaluator.decidable_by(subject)
                for labels, (value, *_) in evaluator.findings(problem, subject, now, conditions).items()
            }
            tracker.update((thing.kind, str(number)), found, now, is_silent=partial(_same, subject.is_silent))
        for name, groups in shares.found(partial(tracker.standing, now=now), now).items():
            tracker.update(
                ("share", name),
                {(name, group): each.value for group, each in groups.items()},
                now,
                is_silent=lambda each: shares.is_open(*each),
            )
        tracker.tick(now, now)
    return tracker.active()


def _same(silent: bool, _: Key) -> bool:  # noqa: FBT001 - bound by `partial`
    return silent


def names(reported: list[TrackedProblem]) -> Counter[str]:
    """Problems by name."""
    return Counter(each.problem.name for each in reported)


def promtool_series(example: Example, site: str, steps: int = STEPS) -> Iterator[dict[str, str]]:
    """`input_series` of a unit test; a state is one series per state, as on /metrics. After the steps nobody says anything."""
    for number, thing in enumerate(example.things):
        base = base_of(thing, site, number)
        for name, labels, value in series_of(thing):
            for state in catalogue()[name].states or ("",):
                more = {"state": state} if state else {}
                text = ",".join(f'{label}="{each}"' for label, each in {**base, **labels, **more}.items())
                yield {"series": f"{name}{{{text}}}", "values": _values(value, state, steps)}


def _values(value: Value, state: str, steps: int) -> str:
    def number(step: int) -> str:
        now = value_at(value, step)
        return f"{float(now == state) if isinstance(now, str) else now:.17g}"

    if isinstance(value, Cycle):
        return " ".join(number(step) for step in range(steps + 1)) + " stale"
    return f"{number(0)}x{CHANGE_STEP - 1} {number(CHANGE_STEP)}x{steps - CHANGE_STEP} stale"


def promtool_expected(reported: list[TrackedProblem], site: str, steps: int = STEPS) -> dict[str, object]:
    """A `promql_expr_test`: Prometheus reports exactly what the collector reported, with the same labels."""
    samples = []
    for each in reported:
        text = ",".join(f'{label}="{value}"' for label, value in each.alert_labels().items())
        samples.append({"labels": f'ALERTS{{alertstate="firing",{text}}}', "value": 1})
    return {
        "expr": f'ALERTS{{alertstate="firing",site="{site}"}}',
        "eval_time": f"{steps * STEP_S}s",
        "exp_samples": samples,
    }
