"""The totals of a site, one at a time with the readings that they are computed from. Pure.

Without a site file they are no figures of the catalogue, and PUE is a mean of minutes. `powers.py` has them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, assert_never

from collector.api.detail import FigureInput, TotalDocument
from collector.api.powers import (
    FACILITY,
    IT,
    METERED,
    PowerMeans,
    SitePowers,
    carbon_intensity,
    grams_per_hour,
    site_powers,
)
from collector.api.scene import Scene
from collector.derive import Figure
from rackflow import series_key

TotalName = Literal["facility", "it", "pue", "carbon"]
TOTALS: tuple[TotalName, ...] = ("facility", "it", "pue", "carbon")
_PDUS = ("dcim_pdu_input_power_watts", "dcim_pdu_phase_power_watts")
_CDU, _AIR_UNIT = ("dcim_cdu_power_watts",), ("dcim_crah_power_watts",)
# Inputs that are listed, as of a figure: IT power may come from thousands of racks.
_MAX_INPUTS = 200


Distrusted = Mapping[tuple[str, str], str]
"""Series that figures do not use, by device and key, with the reason."""


def total_document(scene: Scene, means: PowerMeans, name: TotalName, distrusted: Distrusted) -> TotalDocument:
    """One of the totals. Inputs that are missing come first, then meters of the facility before those of IT."""
    powers = site_powers(scene)
    inputs: list[FigureInput] = []
    if name in {"facility", "pue", "carbon"}:
        inputs += _facility(scene, powers, distrusted)
    if name in {"it", "pue"}:
        inputs += _it(scene, powers, distrusted)
    intensity = carbon_intensity(scene) if name == "carbon" else None
    if intensity is not None:
        inputs.append(_figure(intensity))
    pue = means.pue(scene.now)
    value, unit = {
        "facility": (powers.facility_w, "watts"),
        "it": (powers.it_w, "watts"),
        "pue": (pue.value if pue is not None else None, ""),
        "carbon": (grams_per_hour(powers.facility_w, intensity), "grams_per_hour"),
    }[name]
    inputs.sort(key=lambda each: each.value is not None)
    return TotalDocument(
        id=name,
        unit=unit,
        value=value,
        window_seconds=pue.window_seconds if pue is not None and name == "pue" else None,
        unknown=means.why_unknown(powers.facility_w, powers.it_w) if pue is None and name == "pue" else None,
        facility_power_watts=powers.facility_w,
        it_power_watts=powers.it_w,
        it_from=powers.it_from,
        inputs=inputs[:_MAX_INPUTS],
        inputs_total=len(inputs),
    )


def _facility(scene: Scene, powers: SitePowers, distrusted: Distrusted) -> Iterator[FigureInput]:
    found = [each for meter in powers.facility_meters for each in _readings(scene, meter.id, METERED, distrusted)]
    return _with_reason(scene, FACILITY, found)


def _it(scene: Scene, powers: SitePowers, distrusted: Distrusted) -> Iterator[FigureInput]:
    return _with_reason(scene, IT, [*_of_it(scene, powers, distrusted)])


def _with_reason(scene: Scene, metric: str, inputs: Sequence[FigureInput]) -> Iterator[FigureInput]:
    """These inputs of a figure, and the figure itself if it is unknown although they are there: a meter may not be trusted."""
    yield from inputs
    if all(each.value is not None for each in inputs):
        yield from (_figure(each) for each in scene.figures.of(metric, "") if each.value is None)


def _of_it(scene: Scene, powers: SitePowers, distrusted: Distrusted) -> Iterator[FigureInput]:
    match powers.it_from:
        case "meters":
            for meter in powers.it_meters:
                yield from _readings(scene, meter.id, METERED, distrusted)
        case "racks":
            for rack in scene.layout.racks:
                for figure in scene.figures.of("dcim_rack_power_watts", rack):
                    yield _figure(figure)
            yield from _cooling_of_racks(scene, powers, distrusted)
        case "pdus":
            for place in scene.layout.racks.values():
                for pdu in place.every_pdu:
                    yield from _readings(scene, pdu, _PDUS, {})
        case never:
            assert_never(never)


def _cooling_of_racks(scene: Scene, powers: SitePowers, distrusted: Distrusted) -> Iterator[FigureInput]:
    """What is taken off the racks' power. An air unit that does not measure what it takes is left in."""
    for cdu in powers.cdus_without:
        yield from _readings(scene, cdu, _CDU, distrusted)
    for unit in powers.air_units_without:
        if any(metric in scene.layout.series.get(unit, {}) for metric in _AIR_UNIT):
            yield from _readings(scene, unit, _AIR_UNIT, distrusted)


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


def _readings(scene: Scene, device: str, metrics: Sequence[str], distrusted: Distrusted) -> Iterator[FigureInput]:
    """The series that a device's power is the sum of: of the first metric that is complete, as in `Scene.sum_of`, and trusted."""
    own = scene.layout.series.get(device, {})
    there = [metric for metric in metrics if own.get(metric)]
    used = (
        each
        for each in there
        if scene.sum_of(device, each) is not None and all((device, key) not in distrusted for key, _ in own[each])
    )
    metric = next(used, there[0] if there else metrics[0])
    latest = scene.latest.readings_of(scene.site, device)
    # Both are in the order of the layout.
    for (key, _), (labels, known) in zip(own.get(metric, ()), scene.readings(device, metric), strict=True):
        suspect = distrusted.get((device, key))
        value = known if suspect is None else None
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
            reason=None if value is not None else f"suspect, {suspect}" if suspect is not None else _why(scene, device),
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
