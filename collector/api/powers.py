"""The power of a site and of its IT equipment at one moment, and what follows from the two: PUE and emissions. No I/O.

With a site file both are figures (`collector/derive/energy/own_power.py`), so that the page shows what boards and alerts do. `overview.py`
shows the totals, `totals.py` lists their inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from collector.api.documents import Pue, PueUnknown
from collector.api.floor import pdu_power
from collector.api.numbers import rounded
from collector.api.scene import Scene, total
from collector.derive import Figure, air_units_fed_by, cdus_fed_by, it_ways
from rackflow.site import Meter, Site, facility_meters, without_overlap

# The PUE estimate is a mean, because facility and IT meters are polled at different moments and a load step would show as a spike.
PUE_WINDOW_S = 900.0
PUE_STEP_S = 5.0
# With samples over less time than this, the ratio is that of the latest readings, and the document says so (`window_seconds` 0).
PUE_LEAST_S = 60.0
# A meter's power is the sum of the series of the first of these that is complete.
METERED = ("dcim_meter_power_watts", "dcim_meter_phase_power_watts")


FACILITY, IT = "dcim_site_facility_watts", "dcim_site_it_watts"


@dataclass(frozen=True, slots=True)
class SitePowers:
    """Power of a site and of its IT equipment, W, each with what it is the sum of."""

    facility_w: float | None
    """None if one of its meters is not known, if there are none, or without a site file."""
    facility_meters: Sequence[Meter]
    """Those of the facility first, then those of PV and generators behind them, which supply the rest of what the site uses."""
    it_w: float | None
    it_from: Literal["meters", "racks", "pdus"]
    """Meters of IT; racks where there are none, or while the power of one is not known; without a site file all rack PDUs."""
    it_meters: Sequence[Meter]
    cdus_without: Sequence[str] = ()
    air_units_without: Sequence[str] = ()
    """CDUs and air units that PDUs of the racks feed. Their power is taken off that of the racks; most air units do not measure theirs."""


def site_powers(scene: Scene) -> SitePowers:
    """The powers now."""
    file = scene.layout.file
    if file is None:
        it_w = total([pdu_power(scene, pdu) for rack in scene.layout.racks.values() for pdu in rack.every_pdu])
        return SitePowers(facility_w=None, facility_meters=(), it_w=it_w, it_from="pdus", it_meters=())
    facility, it = facility_meters(file), without_overlap(file, file.meters_of("it"))
    behind = [each for each in file.meters.values() if each.behind in {meter.id for meter in facility}]
    it_from = _it_from(file, scene.figures.of(IT, ""))
    return SitePowers(
        facility_w=scene.figures.value(FACILITY, ""),
        facility_meters=(*facility, *behind),
        it_w=scene.figures.value(IT, ""),
        it_from=it_from,
        it_meters=it,
        cdus_without=() if it_from == "meters" else cdus_fed_by(file, file.racks),
        air_units_without=() if it_from == "meters" else air_units_fed_by(file, file.racks),
    )


def _it_from(file: Site, figures: Sequence[Figure]) -> Literal["meters", "racks"]:
    """The way that the figure took. Only it knows: a meter that answers may not be trusted, and the last cycle was some seconds ago."""
    match it_ways(file):
        case ():
            return "racks"
        case (only,):
            # Its figure may be that of one meter, which has a choice of its own: between its total and its phases.
            return only
        case ways:
            return ways[figures[0].way if figures else 0]


@dataclass(slots=True)
class PowerMeans:
    """Facility and IT power of the last quarter of an hour, for the estimate of PUE."""

    samples: list[tuple[float, float, float]] = field(default_factory=list)
    latest: tuple[float, float, float] | None = None
    """The latest powers; samples are up to PUE_STEP_S old."""
    is_on_battery: bool = False
    """Whether the facility takes less than its IT equipment now: batteries carry the rest, and no estimate of before is that of now."""

    def add(self, facility_w: float | None, it_w: float | None, now: float) -> None:
        """Take a sample, at most every few seconds."""
        self.samples = [each for each in self.samples if now - each[0] <= PUE_WINDOW_S]
        # Less facility than IT power means that batteries carry a part of the load. The ratio then says nothing about efficiency.
        self.is_on_battery = facility_w is not None and it_w is not None and facility_w < it_w
        if facility_w is None or it_w is None or facility_w < it_w:
            return
        self.latest = now, facility_w, it_w
        if self.samples and now - self.samples[-1][0] < PUE_STEP_S:
            return
        self.samples.append((now, facility_w, it_w))

    def pue(self, now: float) -> Pue | None:
        """The estimate, at first of the latest readings alone; None without one of the last minute, on battery, or without IT power."""
        if self.is_on_battery or not self.samples or now - self.samples[-1][0] > PUE_LEAST_S:
            return None
        span_s = self.samples[-1][0] - self.samples[0][0]
        taken = self.samples if span_s >= PUE_LEAST_S else [self.latest or self.samples[-1]]
        it_w = sum(each[2] for each in taken)
        if it_w <= 0:
            return None
        value = rounded(sum(each[1] for each in taken) / it_w)
        window_s = round(span_s, -1) if len(taken) > 1 else 0.0
        return Pue(value=value, window_seconds=window_s) if value is not None else None

    def why_unknown(self, facility_w: float | None, it_w: float | None) -> PueUnknown:
        """Why there is no estimate, if `pue` gives none."""
        if facility_w is None:
            return "no_facility"
        if it_w is None:
            return "no_it"
        return "below_it" if self.is_on_battery else "no_load" if it_w <= 0 else "starting"


def carbon_intensity(scene: Scene) -> Figure | None:
    """The carbon intensity of the grid that emissions are computed with: the first known, live ones first; else one that is unknown."""
    found = scene.figures.all("dcim_grid_carbon_intensity_grams_per_kilowatt_hour")
    return next((each for each in found if each.value is not None), found[0] if found else None)


def grams_per_hour(facility_w: float | None, intensity: Figure | None) -> float | None:
    """Grams of CO2e per hour at present power."""
    grams_per_kwh = intensity.value if intensity is not None else None
    return rounded(facility_w / 1000 * grams_per_kwh) if grams_per_kwh is not None and facility_w is not None else None
