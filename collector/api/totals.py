"""The totals of a site, one at a time with the readings that they are computed from. Pure.

They are no figures of the catalogue: they are those of this moment, and PUE is a mean of minutes. `overview.py` computes them.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from collector.api.detail import FigureInput, TotalDocument
from collector.api.overview import PowerMeans, carbon_intensity, grams_per_hour, measured_by, powers
from collector.api.scene import Scene
from collector.derive import Figure
from rackflow import series_key

TotalName = Literal["facility", "it", "pue", "carbon"]
TOTALS: tuple[TotalName, ...] = ("facility", "it", "pue", "carbon")
_METERS = ("dcim_meter_power_watts", "dcim_meter_phase_power_watts")
_PDUS = ("dcim_pdu_input_power_watts", "dcim_pdu_phase_power_watts")
# Inputs that are listed, as of a figure: IT power may come from thousands of racks.
_MAX_INPUTS = 200


def total_document(scene: Scene, means: PowerMeans, name: TotalName) -> TotalDocument:
    """One of the totals. Inputs that are missing come first, then meters of the facility before those of IT."""
    facility_w, it_w = powers(scene)
    inputs: list[FigureInput] = []
    if name in {"facility", "pue", "carbon"}:
        inputs += _facility(scene)
    if name in {"it", "pue"}:
        inputs += _it(scene)
    intensity = carbon_intensity(scene) if name == "carbon" else None
    if intensity is not None:
        inputs.append(_figure(intensity))
    pue = means.pue(scene.now)
    value, unit = {
        "facility": (facility_w, "watts"),
        "it": (it_w, "watts"),
        "pue": (pue.value if pue is not None else None, ""),
        "carbon": (grams_per_hour(facility_w, intensity), "grams_per_hour"),
    }[name]
    inputs.sort(key=lambda each: each.value is not None)
    return TotalDocument(
        id=name,
        unit=unit,
        value=value,
        window_seconds=pue.window_seconds if pue is not None and name == "pue" else None,
        unknown=means.why_unknown(facility_w, it_w) if pue is None and name == "pue" else None,
        facility_power_watts=facility_w,
        it_power_watts=it_w,
        it_from=_it_from(scene),
        inputs=inputs[:_MAX_INPUTS],
        inputs_total=len(inputs),
    )


def _it_from(scene: Scene) -> Literal["meters", "racks", "pdus"]:
    if scene.layout.file is None:
        return "pdus"
    meters = measured_by(scene.layout.file).it
    # Racks take the place of meters also while a meter does not answer, so that it is its value that decides.
    known = meters and all(scene.sum_of(each.id, *_METERS) is not None for each in meters)
    return "meters" if known else "racks"


def _facility(scene: Scene) -> Iterator[FigureInput]:
    if scene.layout.file is None:
        return
    meters = measured_by(scene.layout.file)
    for meter in (*meters.facility, *(meters.behind if meters.facility else ())):
        yield from _readings(scene, meter.id, _METERS)


def _it(scene: Scene) -> Iterator[FigureInput]:
    taken = _it_from(scene)
    if taken == "racks":
        for rack in scene.layout.racks:
            for figure in scene.figures.of("dcim_rack_power_watts", rack):
                yield _figure(figure)
        return
    if taken == "meters" and scene.layout.file is not None:
        for meter in measured_by(scene.layout.file).it:
            yield from _readings(scene, meter.id, _METERS)
        return
    for place in scene.layout.racks.values():
        for pdus in place.pdus.values():
            for pdu in pdus:
                yield from _readings(scene, pdu, _PDUS)


def _figure(figure: Figure) -> FigureInput:
    metric, labels = figure.output.metric, dict(figure.output.labels)
    return FigureInput(
        device="",
        series=series_key(metric.name, labels),
        metric=metric.name,
        labels=labels,
        unit=metric.unit,
        value=figure.value,
        age_seconds=round(figure.oldest_s, 1) if figure.value is not None else None,
        reason=None if figure.value is not None else next(iter(figure.missing), "unknown"),
    )


def _readings(scene: Scene, device: str, metrics: Sequence[str]) -> Iterator[FigureInput]:
    """The series that a device's power is the sum of: of the first metric that is complete, as in `Scene.sum_of`."""
    own = scene.layout.series.get(device, {})
    there = [metric for metric in metrics if own.get(metric)]
    metric = next((each for each in there if scene.sum_of(device, each) is not None), there[0] if there else metrics[0])
    latest = scene.latest.readings_of(scene.site, device)
    # Both are in the order of the layout.
    for (key, _), (labels, value) in zip(own.get(metric, ()), scene.readings(device, metric), strict=True):
        each = latest.get(key)
        age_s = scene.now - each.expires_at + each.life_s if each is not None and value is not None else None
        yield FigureInput(
            device=device,
            series=key,
            metric=metric,
            labels=dict(labels),
            unit="watts",
            value=value,
            age_seconds=round(max(0.0, age_s), 1) if age_s is not None else None,
            reason=None if value is not None else _why(scene, device),
        )
    if not there:
        yield FigureInput(
            device=device,
            series=metric,
            metric=metric,
            labels={},
            unit="watts",
            value=None,
            age_seconds=None,
            reason=_why(scene, device),
        )


def _why(scene: Scene, device: str) -> str:
    state = scene.device(device)
    if state is None:
        return "nothing has ever been heard of it"
    if reason := scene.observations.reason(state):
        return reason
    return "does not answer" if state.up is False else "not reported"
