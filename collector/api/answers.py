"""Answers to an operator's three questions: does the site survive a failure, how much time is left, can the display be trusted? No I/O."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import Literal

from collector.api.blame import blamed
from collector.api.documents import Answers, DeviceCounts, FigureName, Survival, TimeLeft, Trust
from collector.api.floor import seconds_left
from collector.api.numbers import rounded
from collector.api.scene import Scene, min_known
from collector.derive import Figure, group_name
from rackflow.physics import LEAST_HEAT_W

# Most lines of one answer, the worst first: a campus has hundreds of loops.
MAX_LINES = 24
# What is named of the reasons why the loss of a feed is not survived; the figure's page has more.
_MAX_BLAMED = 3
_STILL = {"pumps": "pumps_stop", "primary_flow": "primary_flow_stops", "heat_rejection": "heat_rejection_stops"}
# Problems that begin when the mains of a feed are lost, before the generator carries it.
_ON_BATTERY = frozenset({"DcimUpsOnBattery", "DcimMainsLost"})
StateWord = Literal["yes", "no", "unknown"]
TrustWord = Literal["good", "partial", "bad", "unknown"]


def answers_steps(
    scene: Scene, counts: DeviceCounts, current: int, wanted: int, missing: int | None
) -> Generator[None, None, Answers]:
    """The answers. `current` of `wanted` readings are current; `missing` messages, None if not known. Yields between parts."""
    survives: list[Survival] = []
    for answered in (_feed_losses, _loop_losses, _pump_losses, _ups_losses):
        survives += answered(scene)
        yield
    time_left = _time_left(scene)
    yield
    return Answers(
        survives=survives[:MAX_LINES],
        time_left=time_left[:MAX_LINES],
        trust=[*_trust(scene, counts, current, wanted, missing)],
    )


def _name(figure: Figure) -> FigureName:
    return FigureName(metric=figure.output.metric.name, labels=dict(figure.output.labels))


def _missing_device(scene: Scene, figure: Figure) -> str | None:
    """The first device whose reading a figure lacks, if it is unknown for that reason."""
    named = (words.partition(" ")[0] for words in figure.missing) if figure.value is None else ()
    return next((device for device in named if scene.device(device) is not None), None)


def _by_label(figures: Sequence[Figure], label: str) -> Iterator[tuple[str, Figure]]:
    for figure in figures:
        if label in (labels := dict(figure.output.labels)):
            yield labels[label], figure


def _feed_losses(scene: Scene) -> Iterator[Survival]:
    batteries = _batteries_in_use(scene)
    feeds = {
        feed for feed, _ in _by_label(scene.figures.all("dcim_site_survives_feed_loss"), "feed")
    } - scene.lost_feeds
    for feed, figure in _by_label(scene.figures.all("dcim_site_survives_feed_loss"), "feed"):
        lost = scene.figures.value("dcim_site_racks_lost_on_feed_loss", feed)
        detail = {"racks_lost": lost}
        state: Literal["yes", "no", "lost", "battery", "unknown"] = _yes(figure.value, 1.0)
        if feed in scene.lost_feeds:
            state = "lost"
        elif feed in batteries:
            state = "battery"
        # If all other feeds are on battery, the racks last only as long as those batteries.
        if state == "yes" and batteries and not any(each not in batteries for each in feeds if each != feed):
            detail["seconds"] = min_known([*batteries.values()])
        reasons = blamed(scene.figures, scene.layout.file, {"feed": feed}) if state == "no" else []
        yield Survival(
            id=f"feed_loss:{feed}",
            what={"key": "feed_loss", "feed": feed},
            state=state,
            detail=detail,
            figure=_name(figure),
            missing=_missing_device(scene, figure),
            blamed=reasons[:_MAX_BLAMED],
            blamed_total=len(reasons),
        )


def _batteries_in_use(scene: Scene) -> dict[str, float | None]:
    """How long the batteries last of each feed one of whose UPSs is on battery, in seconds."""
    feeds: dict[str, list[str]] = {}
    for ups in scene.layout.upss:
        feeds.setdefault(scene.layout.places[ups].get("feed", ""), []).append(ups)
    return {
        feed: rounded(seconds_left(scene, tuple(upss)), 3)
        for feed, upss in feeds.items()
        if feed
        and any(state == "battery" for ups in upss for _, state in scene.readings(ups, "dcim_ups_output_source"))
    }


def _loop_losses(scene: Scene) -> list[Survival]:
    leaking = _leaking(scene)
    return _worst_first(
        Survival(
            id=f"cdu_loss:{loop}",
            what={"key": "cdu_loss", "loop": loop},
            state=_yes(figure.value, 1.0),
            detail={"cdus_spare": figure.value} | ({"leaking": count} if (count := leaking[loop]) else {}),
            figure=_name(figure),
            missing=_missing_device(scene, figure),
        )
        for loop, figure in _by_label(scene.figures.all("dcim_loop_cdus_spare"), "loop")
    )


def _leaking(scene: Scene) -> Counter[str]:
    """How many CDUs of each loop leak: they run, so that they are no loss yet, but may have to be stopped at any time."""
    wet = {
        dict(each.labels).get("device", "")
        for each in scene.problems
        if each.problem.name == "DcimLeakDetected" and scene.is_here(each.labels)
    }
    places = (scene.layout.cdus.get(device) for device in wet)
    return Counter(place.loop for place in places if place is not None and place.loop is not None)


def _pump_losses(scene: Scene) -> list[Survival]:
    """For each loop, the CDU with the fewest spare pumps. A line for each of hundreds of CDUs could not be read."""
    least: dict[str, tuple[float, str, Figure]] = {}
    for cdu, figure in _by_label(scene.figures.all("dcim_cdu_pumps_spare"), "device"):
        place = scene.layout.cdus.get(cdu)
        loop = (place.loop if place is not None else "") or cdu
        spare = (
            figure.value if figure.value is not None else 0.5
        )  # sorts unknown (0.5) between no spare pump (0) and one (1)
        if loop not in least or spare < least[loop][0]:
            least[loop] = spare, cdu, figure
    return _worst_first(
        Survival(
            id=f"pump_loss:{loop}",
            what={"key": "pump_loss", "loop": loop, "device": cdu},
            state="lost" if _has_failed(scene, cdu) else _yes(figure.value, 1.0),
            detail={"pumps_spare": figure.value},
            figure=_name(figure),
            missing=_missing_device(scene, figure),
        )
        for loop, (_, cdu, figure) in least.items()
    )


def _has_failed(scene: Scene, cdu: str) -> bool:
    """Whether all pumps of a CDU have failed already: the loss of one more is no question then."""
    states = [state for _, state in scene.readings(cdu, "dcim_cdu_pump_state")]
    return bool(states) and all(state == "failed" for state in states)


def _ups_losses(scene: Scene) -> list[Survival]:
    """The loss of one UPS of each parallel group. A feed with a single UPS is lost with it, and has a line of its own already."""
    alone = {group_name(group) for group in scene.layout.ups_groups if len(group) == 1}
    return _worst_first(
        Survival(
            id=f"ups_loss:{group}",
            what={"key": "ups_loss", "group": group, "feed": dict(figure.output.labels).get("feed", "")},
            state=_yes(figure.value, 0.0),
            detail={"margin_watts": rounded(figure.value)},
            figure=_name(figure),
            missing=_missing_device(scene, figure),
        )
        for group, figure in _by_label(scene.figures.all("dcim_ups_redundancy_margin_watts"), "group")
        if group not in alone
    )


_STATE_RANK = {"no": 0, "lost": 1, "battery": 1, "unknown": 2, "yes": 3}


def _worst_first(found: Iterator[Survival]) -> list[Survival]:
    return sorted(found, key=lambda each: (_STATE_RANK[each.state], each.id))[: MAX_LINES // 4]


def _yes(value: float | None, least: float) -> StateWord:
    return "unknown" if value is None else "yes" if value >= least else "no"


def _time_left(scene: Scene) -> list[TimeLeft]:
    file = scene.layout.file
    found: list[TimeLeft] = []
    lost_s = _mains_lost_s(scene)
    for feed in file.feeds.values() if file is not None else ():
        upss = tuple(ups for ups in file.ups if file.feed_of(ups) == feed.id) if file is not None else ()
        if upss:
            found.append(_battery(scene, feed.id, upss))
        if feed.backup_start_s is not None:
            found.append(_generator_start(feed.id, feed.backup_start_s, lost_s.get(feed.id)))
    return [*found, *_ride_through(scene)]


def _battery(scene: Scene, feed: str, upss: tuple[str, ...]) -> TimeLeft:
    """How long the weakest battery of a feed lasts, with the figure or else the UPS that says so; one that is not known is the weakest."""
    left = {ups: seconds_left(scene, (ups,)) for ups in upss}
    weakest = min(upss, key=lambda ups: -1.0 if (seconds := left[ups]) is None else seconds)
    modelled = scene.figures.of("dcim_ups_modelled_runtime_seconds", weakest)
    figure = next((_name(each) for each in modelled if each.value == left[weakest]), None)
    what = {"key": "battery", "feed": feed}
    seconds, device = rounded(left[weakest], 3), weakest if figure is None else ""
    return TimeLeft(id=f"battery:{feed}", what=what, seconds=seconds, figure=figure, device=device)


def _generator_start(feed: str, start_s: float, lost_s: float | None) -> TimeLeft:
    """When the generator carries a feed: after how long if the mains fail, or how long from now, or since when it should.

    `lost_s` says for how many seconds the mains have been lost; None if they are there.
    """
    key, seconds = "generator_start", start_s
    if lost_s is not None:
        left_s = start_s - lost_s
        key, seconds = ("generator_due" if left_s >= 0 else "generator_overdue"), float(round(abs(left_s)))
    return TimeLeft(id=f"generator_start:{feed}", what={"key": key, "feed": feed}, seconds=seconds, figure=None)


def _mains_lost_s(scene: Scene) -> dict[str, float]:
    """For how many seconds a UPS of each feed has been on battery, without the feeds on mains."""
    longest: dict[str, float] = {}
    for tracked in (*scene.problems, *scene.beginning):
        if tracked.problem.name not in _ON_BATTERY or not tracked.holds or not scene.is_here(tracked.labels):
            continue
        feed, lost_s = dict(tracked.labels).get("feed", ""), max(0.0, scene.wall_s - tracked.began_to_hold_s)
        longest[feed] = max(longest.get(feed, 0.0), lost_s)
    return longest


def _ride_through(scene: Scene) -> Iterator[TimeLeft]:
    """The loop that lasts shortest, by failure and room, and before it one of which that is not known: it may be shorter."""
    shortest: dict[tuple[str, str, bool], tuple[float, str, Figure]] = {}
    for loop, figure in _by_label(scene.figures.all("dcim_loop_ride_through_seconds"), "loop"):
        failure = dict(figure.output.labels)["failure"]
        racks = scene.layout.racks_of_loop.get(loop, ())
        room = scene.layout.racks[racks[0]].room if racks and racks[0] in scene.layout.racks else ""
        heat_w = scene.figures.value("dcim_loop_heat_watts", loop)
        is_idle = figure.value is None and heat_w is not None and heat_w < LEAST_HEAT_W
        # Without heat a loop has no such time, and lasts longer than any that has.
        seconds = figure.value if figure.value is not None else float("inf") if is_idle else -1.0
        place = failure, room, seconds >= 0
        if place not in shortest or seconds < shortest[place][0]:
            shortest[place] = seconds, loop, figure
    for (failure, room, is_known), (_, loop, figure) in sorted(shortest.items(), key=lambda item: item[1][0]):
        name = f"{failure}:{room}" if is_known else f"{failure}:{room}:unknown"
        what = {"key": _STILL.get(failure, failure), "loop": loop, "room": room}
        yield TimeLeft(id=name, what=what, seconds=rounded(figure.value, 3), figure=_name(figure))


def _trust(scene: Scene, counts: DeviceCounts, current: int, wanted: int, missing: int | None) -> Iterator[Trust]:
    whole: TrustWord = "unknown"
    if counts.known:
        whole = "bad" if counts.answering < counts.known else "partial" if counts.never_heard else "good"
    yield Trust(id="devices_answering", value=counts.answering, of=counts.known + counts.never_heard, state=whole)
    fresh: TrustWord = "unknown" if not wanted else "good" if current == wanted else "bad"
    yield Trust(id="readings_current", value=current, of=wanted, state=fresh)
    figures = len(scene.figures.source)
    known = scene.figures.known
    yield Trust(
        id="figures_known",
        value=known if figures else None,
        of=figures or None,
        state="unknown" if not figures else "good" if known == figures else "partial",
    )
    lost: TrustWord = "unknown" if missing is None else "good" if missing == 0 else "bad"
    yield Trust(id="messages_missing", value=missing, of=None, state=lost)
    suspects = [*scene.figures.all("dcim_device_reading_suspect")]
    judged: TrustWord = "unknown" if not figures else "bad" if suspects else "good"
    first = _name(suspects[0]) if suspects else None
    yield Trust(id="sensors_suspect", value=len(suspects) if figures else None, of=None, state=judged, figure=first)
