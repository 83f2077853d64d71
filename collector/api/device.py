"""One device: what it is, how it is read, all of its readings, and where it hangs. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping

from collector.api.detail import (
    DeviceDocument,
    Identity,
    PollError,
    ProfileInUse,
    Quality,
    ReadingState,
    SeriesCount,
    Surroundings,
)
from collector.api.documents import Place
from collector.api.listing import state_of
from collector.api.numbers import coarse_age, iso_ms, rounded
from collector.api.requests import NotThere
from collector.api.scene import Scene
from collector.latest import DeviceState, LatestValue
from collector.problems import problem_id
from rackflow import ContractError, catalogue, parse_series_key
from rackflow import DeviceDocument as Described

# Readings on one page: more than any rack PDU has (a 48-outlet PDU has 700).
MAX_SERIES = 2000
# Chosen: nobody reads more neighbours or problems of one device, and each costs a lookup per viewer of the device.
MAX_NEIGHBOURS = 50
MAX_PROBLEMS = 50
Spark = list[tuple[float, float | None]]
SparkOf = Callable[[str], Spark]


def device_document(
    scene: Scene, name: str, distrusted: Mapping[tuple[str, str], str], spark_of: SparkOf | None
) -> DeviceDocument:
    """The document of a device. Without `spark_of` it is for a stream: no sparklines, and ages rounded to steps. Raises NotThere."""
    place = scene.layout.places.get(name)
    if place is None:
        raise NotThere("no such device")
    device = scene.device(name)
    document = device.document if device is not None else None
    series: dict[str, ReadingState] = {}
    more = 0
    for key, reading in readings(scene, name, distrusted, spark_of, is_exact=spark_of is not None):
        if len(series) < MAX_SERIES:
            series[key] = reading
        else:
            more += 1
    return DeviceDocument(
        id=name,
        device_class=device.device_class if device is not None else "unknown",
        site=scene.site,
        place=Place(**{label: place.get(label, "") for label in ("room", "row", "rack", "feed")}),
        agent=device.agent if device is not None else "",
        state=state_of(scene, name),
        unobserved=scene.unobserved(name),
        since=iso_ms(device.since_ms) if device is not None and device.since_ms else None,
        error=device.error if device is not None else None,
        last_success=iso_ms(device.last_success_ms) if device is not None and device.last_success_ms else None,
        poll_seconds=rounded(device.poll_duration_s, 2) if device is not None else None,
        age_seconds=coarse_age(scene.age_s(name)),
        problem=scene.device_marks.get(name),
        identity=_identity(document) if document is not None else None,
        profile=_profile(document) if document is not None else None,
        coolant={loop: each.fluid for loop, each in document.coolant.items()} if document is not None else {},
        planned=_planned(device, scene.now) if device is not None else None,
        rejected=device.rejected if device is not None else 0,
        topology=_topology(scene, name),
        problems=[*_problems(scene, name)],
        errors=[PollError(time=iso_ms(at_ms), what=what) for at_ms, what in reversed(device.errors)] if device else [],
        series=series,
        more=more,
    )


def _identity(document: Described) -> Identity:
    return Identity(vendor=document.vendor, model=document.model, serial=document.serial, firmware=document.firmware)


def _profile(document: Described) -> ProfileInUse:
    intervals = {str(poll): seconds for poll, seconds in document.intervals.items()}
    return ProfileInUse(
        name=document.profile, evidence=document.evidence, protocol=document.protocol, intervals=intervals
    )


def readings(
    scene: Scene,
    name: str,
    distrusted: Mapping[tuple[str, str], str],
    spark_of: SparkOf | None = None,
    *,
    is_exact: bool = True,
) -> Iterator[tuple[str, ReadingState]]:
    """Every reading of a device by series key in natural order, rejected ones included. Ages are exact, or rounded to steps for streams."""
    device = scene.device(name)
    if device is None:
        return
    unobserved = scene.unobserved(name)
    bad = {key: reason for found in device.bad.values() for key, reason in found.items()}
    for key in sorted({*device.series, *bad}, key=natural):
        latest = device.series.get(key)
        spark = spark_of(key) if spark_of is not None else []
        if latest is None:
            yield key, _rejected(key, bad[key])
            continue
        is_current = scene.now < latest.expires_at
        quality, reason = _quality(
            unobserved.cause if unobserved is not None else None,
            None if is_current else bad.get(key),
            distrusted.get((name, key)),
            is_current=is_current,
        )
        metric = latest.series.metric
        yield (
            key,
            ReadingState(
                metric=metric.name,
                labels=dict(latest.series.labels),
                unit=metric.unit,
                value=latest.value if quality in {"good", "suspect"} else None,
                last=latest.value,
                age_seconds=_age_s(scene, latest) if is_exact else coarse_age(_age_s(scene, latest)),
                quality=quality,
                reason=reason,
                spark=spark,
            ),
        )


def _quality(
    unobserved: str | None, bad: str | None, suspect: str | None, *, is_current: bool
) -> tuple[Quality, str | None]:
    if unobserved is not None:
        return "unobserved", unobserved
    if bad is not None:
        return "bad", bad
    if not is_current:
        return "stale", "no longer received"
    if suspect is not None:
        return "suspect", suspect
    return "good", None


def _rejected(key: str, reason: str) -> ReadingState:
    """A reading that never came with a usable value."""
    metric, labels, unit = series_parts(key)
    return ReadingState(
        metric=metric,
        labels=labels,
        unit=unit,
        value=None,
        last=None,
        age_seconds=None,
        quality="bad",
        reason=reason,
    )


def series_parts(key: str) -> tuple[str, dict[str, str], str]:
    """Metric, labels and unit of a series. A key that breaks the contract is its own metric, and an unknown metric has no unit."""
    try:
        name, labels = parse_series_key(key)
    except ContractError:
        name, labels = key, {}
    metric = catalogue().get(name)
    return name, labels, metric.unit if metric is not None else ""


def natural(key: str) -> list[str]:
    """Sort key of a series that puts outlet 2 before outlet 10."""
    return [part.zfill(8) for part in re.split(r"(\d+)", key)]


def _age_s(scene: Scene, latest: LatestValue) -> float:
    return round(max(0.0, scene.now - latest.expires_at + latest.life_s))


def _planned(device: DeviceState, now: float) -> SeriesCount | None:
    found: dict[str, float] = {}
    left_out: dict[str, float] = {}
    for latest in device.series.values():
        if (
            latest.series.metric.name != "dcim_device_series"
            or not isinstance(latest.value, float)
            or now >= latest.expires_at
        ):
            continue
        labels = dict(latest.series.labels)
        if labels.get("state") == "left_out":
            left_out[labels.get("reason", "")] = latest.value
        else:
            found[labels.get("state", "")] = latest.value
    if not found and not left_out:
        return None
    return SeriesCount(planned=found.get("planned"), present=found.get("present"), left_out=left_out)


def _topology(scene: Scene, name: str) -> Surroundings:
    layout, file = scene.layout, scene.layout.file
    place = layout.places[name]
    rack = layout.racks.get(place.get("rack", ""))
    loop = layout.cdus[name].loop if name in layout.cdus else ""
    cdus = [cdu.id for cdu in layout.cdus.values() if loop and cdu.loop == loop]
    near = dict.fromkeys([*(rack.devices if rack is not None else ()), *cdus, *(rack.cdus if rack is not None else ())])
    near.pop(name, None)
    return Surroundings(
        sources=[*file.sources(name)] if file is not None else [],
        feeds=[*file.fed_from(name)][:MAX_NEIGHBOURS] if file is not None else [],
        loop=loop or None,
        neighbours=[*near][:MAX_NEIGHBOURS],
    )


def _problems(scene: Scene, name: str) -> Iterator[str]:
    count = 0
    for tracked in scene.problems:
        if dict(tracked.labels).get("device") == name and scene.is_here(tracked.labels) and count < MAX_PROBLEMS:
            count += 1
            yield problem_id(*tracked.key)
