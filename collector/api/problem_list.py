"""Problems with what a page needs to show them: their limit, how much time is left, and which racks are concerned. Pure."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from collector.api.documents import Document, What
from collector.api.floor import seconds_left
from collector.api.numbers import rounded
from collector.api.scene import Scene
from collector.latest import DeviceState
from collector.problems import Condition, Limit, Problem, ProblemReport, Table, TrackedProblem, describe, in_order
from rackflow.catalogue import catalogue

# Causes that a stream carries. Somebody at a screen reads the first dozen; GET has all of them.
MAX_CAUSES = 200
# Racks that are named; more are counted. A row has some twenty.
MAX_RACKS = 100
# Conditions shown that are not reported yet. When one of them ends or is reported, the next ones move up.
MAX_BEGINNING = 20
_SLICE = 50
_STOPPED = "DcimCduAllPumpsStopped"
_STOP = {"pumps": "pumps_stop", "primary_flow": "primary_flow_stops"}
# Problems that shorten the time until a loop's racks are without cooling; only these are shown with that time. Beside another problem,
# such as a leak, readers would take it for the time that is left because of that problem.
_OF_LOOP = frozenset(
    {
        _STOPPED,
        "DcimCduFlowLow",
        "DcimFacilityWaterWarm",
        "DcimCduPumpFailed",
        "DcimCduPumpRedundancyLost",
        "DcimLoopRedundancyLost",
        "DcimLoopRideThroughShort",
        "DcimCoolingBlind",
    }
)
# Problems of one UPS that are shown with its battery's runtime, and whether the battery is in use then.
_OF_BATTERY = {
    "DcimUpsOnBattery": True,
    "DcimUpsOnBatteryProlonged": True,
    "DcimUpsBatteryLow": False,
    "DcimUpsOverload": False,
    "DcimUpsRuntimeMarginShort": False,
    "DcimUpsBatteryReplace": False,
    "DcimUpsTestFailed": False,
}


class Concerns(Document, frozen=True):
    """Racks that depend on what has the problem; `more` are not named."""

    racks: list[str]
    more: int


class ProblemTime(Document, frozen=True):
    """How long it can go on: `what` says until what. `running`: it runs down now; otherwise it begins when something else fails, too.

    `seconds` is null where time runs down and nobody can tell how much is left.
    """

    what: What
    seconds: float | None
    running: bool = False


class ApiProblem(ProblemReport, frozen=True, kw_only=True, omit_defaults=True):
    """One problem with its limit, the time that is left, the racks concerned, and its device.

    `holds` is false while its condition is absent, but not yet for long enough to end the problem.
    `whereabouts` is where its sensor is, as `description` says it too.
    `value`, `peak` and `limit` are in the unit that people read: `times` the base unit `unit`, as 60,000 L/min for a cubic metre a second.
    """

    unit: str = ""
    times: float = 1.0
    holds: bool = True
    whereabouts: str = ""
    time_left: ProblemTime | None = None
    concerns: Concerns | None = None
    device: str | None = None


class ApiProblems(Document, frozen=True):
    """The answer of /api/v1/problems: what is wrong now, the most severe and latest first. `time` is ms UTC.

    `is_complete` is false until the collector has looked at every device once after its start.
    """

    schema: Literal[1]
    time: int
    is_complete: bool
    problems: list[ApiProblem]


class Beginning(ApiProblem, frozen=True, kw_only=True, omit_defaults=True):
    """A condition that holds since `since`, and becomes a problem at `due` if it lasts until then. Both are ms UTC."""

    due: int


class CausesDocument(Document, frozen=True):
    """The part `problems` of /api/v1/events: causes only, worst first; `more` are left out."""

    complete: bool
    causes: list[str]
    more: int
    problems: dict[str, ApiProblem]
    beginning: dict[str, Beginning]
    """Conditions that hold, but not yet for long enough to be reported: the worst MAX_BEGINNING. They are sent to nobody."""


def problems_steps(
    scene: Scene, table: Table, runbook_base: str, *, everywhere: bool
) -> Generator[None, None, list[ApiProblem]]:
    """Every problem of the site, or of all sites, consequences included. Yields after each slice."""
    found = [each for each in in_order(scene.problems) if everywhere or scene.is_here(each.labels)]
    counts = _consequences(scene)
    reports: list[ApiProblem] = []
    for count, tracked in enumerate(found, 1):
        if count % _SLICE == 0:
            yield
        reports.append(_problem(scene, table, tracked, counts[tracked.key], runbook_base))
    return reports


def causes_steps(scene: Scene, table: Table, runbook_base: str) -> Generator[None, None, CausesDocument]:
    """The causes that a page shows. Yields after each slice."""
    causes = [each for each in in_order(scene.problems) if each.cause is None and scene.is_here(each.labels)]
    yield
    counts = _consequences(scene)
    shown: dict[str, ApiProblem] = {}
    for count, tracked in enumerate(causes[:MAX_CAUSES], 1):
        if count % _SLICE == 0:
            yield
        problem = _problem(scene, table, tracked, counts[tracked.key], runbook_base)
        shown[problem.id] = problem
    yield
    beginning: dict[str, Beginning] = {}
    here = [each for each in scene.beginning if scene.is_here(each.labels)]
    for tracked in sorted(here, key=_urgency)[:MAX_BEGINNING]:
        begun = _beginning(scene, table, tracked, runbook_base)
        beginning[begun.id] = begun
    return CausesDocument(
        complete=scene.is_complete,
        causes=[*shown],
        more=max(0, len(causes) - MAX_CAUSES),
        problems=shown,
        beginning=beginning,
    )


def _urgency(tracked: TrackedProblem) -> tuple[bool, float]:
    return tracked.problem.severity != "critical", -tracked.began_to_hold_s


def _beginning(scene: Scene, table: Table, tracked: TrackedProblem, runbook_base: str) -> Beginning:
    problem = _problem(scene, table, tracked, 0, runbook_base)
    given = {name: getattr(problem, name) for name in ApiProblem.__struct_fields__}
    given |= {"status": "active", "since": round(tracked.began_to_hold_s * 1000), "ended": None, "holds": True}
    # Not from its beginning on: the time in which the collector was stopped does not count as holding.
    left_s = max(0.0, tracked.problem.hold_s - tracked.held_s(scene.now))
    return Beginning(**given, due=round((scene.wall_s + left_s) * 1000))


def _consequences(scene: Scene) -> Counter[tuple[str, tuple[tuple[str, str], ...]]]:
    return Counter(each.cause for each in scene.problems if each.cause is not None)


def _problem(scene: Scene, table: Table, tracked: TrackedProblem, consequences: int, runbook_base: str) -> ApiProblem:
    report = describe(tracked, consequences, runbook_base)
    labels = dict(tracked.labels)
    given = {name: getattr(report, name) for name in ProblemReport.__struct_fields__}
    if not scene.is_here(tracked.labels):  # another site may have devices of the same names
        return ApiProblem(**given, device=labels.get("device"))
    device = scene.device(labels["device"]) if "device" in labels else None
    racks = _racks(scene, tracked, labels)
    measure = _measure(tracked, table, labels, device)
    return ApiProblem(
        # The limit that the evaluation used; one that was restored after a restart has none yet.
        **(given if given.get("limit") is not None else {**given, "limit": measure.limit}),
        unit=measure.unit,
        times=measure.times,
        holds=not tracked.is_fading,
        whereabouts=tracked.whereabouts.strip().removeprefix("Sensor: ").removesuffix("."),
        time_left=None if tracked.is_fading else _time_left(scene, tracked.problem, labels),
        concerns=Concerns(racks=racks[:MAX_RACKS], more=max(0, len(racks) - MAX_RACKS)),
        device=labels.get("device"),
    )


@dataclass(frozen=True, slots=True)
class _Measure:
    """In which unit a problem's value is, and what it is compared with."""

    unit: str = ""
    times: float = 1.0
    limit: float | None = None


def _measure(tracked: TrackedProblem, table: Table, labels: dict[str, str], device: DeviceState | None) -> _Measure:
    """The measure of the condition that holds: a problem may have several, for many metrics, or for a high and a low limit."""
    problem = tracked.problem
    if problem.share is not None:
        return _Measure("ratio", 1.0, problem.share.above)
    found: list[_Measure] = []
    for condition in problem.when:
        if condition.states or (problem.has_reading and _read(condition, table) != f"dcim_{labels.get('reading', '')}"):
            continue
        for bound, sign in ((condition.above, 1), (condition.below, -1)):
            limit = _stated(bound, table, labels, device) if isinstance(bound, Limit) else bound
            measure = _Measure(_unit(condition, table), condition.times, limit)
            if limit is not None and (tracked.value - limit) * sign > 0:
                return measure
            found.append(measure)
    # While the problem is active, its value may be back within the limit, or the limit may have expired.
    return max(found, key=lambda each: each.limit is not None, default=_Measure())


def _read(condition: Condition, table: Table) -> str:
    return table.records[condition.record].metric if condition.record else condition.metric


def _unit(condition: Condition, table: Table) -> str:
    record = table.records.get(condition.record)
    if condition.per or (record is not None and record.per):
        return "ratio"
    if record is not None and (record.count or record.changes_within_s):
        return ""
    return catalogue()[_read(condition, table)].unit


def _stated(bound: Limit, table: Table, labels: dict[str, str], device: DeviceState | None) -> float | None:
    metric = table.records[bound.record].metric if bound.record else bound.metric
    for latest in device.series.values() if device is not None else ():
        if latest.series.metric.name != metric or isinstance(latest.value, str):
            continue
        own = dict(latest.series.labels)
        is_its = all(own.get(name) in texts for name, texts in bound.where.items())
        if is_its and all(labels.get(name, text) == text for name, text in own.items() if name not in bound.where):
            return latest.value * bound.times + bound.plus
    return None


def _racks(scene: Scene, tracked: TrackedProblem, labels: dict[str, str]) -> list[str]:
    layout, file = scene.layout, scene.layout.file
    if tracked.affected:
        return [*tracked.affected]
    if "rack" in labels:
        return [labels["rack"]]
    device = labels.get("device", "")
    loop = layout.cdus[device].loop if device in layout.cdus else labels.get("loop", "")
    if loop in layout.racks_of_loop:
        return [*layout.racks_of_loop[loop]]
    if file is not None and (device in file.ups or device in file.panels or device in file.transfer_switches):
        return [*dict.fromkeys(file.pdus[each].rack for each in sorted(file.downstream(device)) if each in file.pdus)]
    if device == "" and "feed" in labels:
        return [rack.id for rack in layout.racks.values() if labels["feed"] in rack.pdus]
    return []


def _time_left(scene: Scene, problem: Problem, labels: dict[str, str]) -> ProblemTime | None:
    layout, device, feed = scene.layout, labels.get("device", ""), labels.get("feed", "")
    if problem.name == "DcimFeedLost":
        others = [ups for ups in layout.upss if layout.places[ups].get("feed") not in {feed, None}]
        return _battery(scene, others, {"key": "battery_of_others", "feed": feed})
    if problem.name == "DcimMainsLost":
        on_feed = [ups for ups in layout.upss if layout.places[ups].get("feed") == feed]
        return _battery(scene, on_feed, {"key": "battery", "feed": feed}, running=True)
    if problem.name in _OF_BATTERY and device in layout.upss:
        return _battery(scene, [device], {"key": "battery", "device": device}, running=_OF_BATTERY[problem.name])
    return _loop_left(scene, problem, labels) if problem.name in _OF_LOOP else None


def _loop_left(scene: Scene, problem: Problem, labels: dict[str, str]) -> ProblemTime | None:
    layout, device = scene.layout, labels.get("device", "")
    loop = layout.cdus[device].loop if device in layout.cdus else labels.get("loop", "")
    if loop not in layout.racks_of_loop:
        return None
    failure = "primary_flow" if problem.name == "DcimFacilityWaterWarm" else "pumps"
    seconds = rounded(scene.figures.value("dcim_loop_ride_through_seconds", loop, "failure", failure), 3)
    if seconds is None:
        is_running = problem.name == _STOPPED and not _is_carried(scene, device, loop)
        return (
            ProblemTime(what={"key": _STOP[failure], "loop": loop}, seconds=None, running=True) if is_running else None
        )
    if problem.name != _STOPPED:
        return ProblemTime(what={"key": _STOP[failure], "loop": loop}, seconds=seconds)
    if _is_carried(scene, device, loop):
        return ProblemTime(what={"key": "other_pumps_stop", "loop": loop}, seconds=seconds)
    # The time runs from when the pumps stopped, which is before the problem was reported.
    return ProblemTime(
        what={"key": _STOP[failure], "loop": loop}, seconds=max(0.0, seconds - problem.hold_s), running=True
    )


def _is_carried(scene: Scene, device: str, loop: str) -> bool:
    """Whether another CDU moves the coolant of the loop. One that is not observed may have stopped as well."""
    others = [cdu.id for cdu in scene.layout.cdus.values() if cdu.loop == loop and cdu.id != device]
    flows = [scene.number(each, "dcim_cdu_flow_cubic_meters_per_second", loop="secondary") for each in others]
    return any(flow is not None and flow > 0 for flow in flows)


def _battery(scene: Scene, upss: Sequence[str], what: What, *, running: bool = False) -> ProblemTime | None:
    seconds = rounded(seconds_left(scene, tuple(upss)), 3) if upss else None
    is_shown = seconds is not None or (running and bool(upss))
    return ProblemTime(what=what, seconds=seconds, running=running) if is_shown else None
