"""The site of tests/rackflow/site/ai_hall.yaml and readings of it: two racks on busways, metered in their tap-off boxes."""

from pathlib import Path

from rackflow.site import Site, parse_site
from tests.collector.derive.hall import Readings, site_text

AI_HALL = Path(__file__).parents[2] / "rackflow" / "site" / "ai_hall.yaml"
TAPS = {f"tap-{rack}-{feed}{at}": feed for rack in ("a1", "a2") for feed in ("a", "b") for at in (1, 2)}


def ai_hall(*replaced: tuple[str, str]) -> Site:
    """The site, with parts of its text replaced."""
    return parse_site(site_text(AI_HALL, *replaced), "ai_hall.yaml")


def metered(readings: Readings, meter: str, *amperes: float, now: float = 100.0, volts: float = 240.0) -> None:
    """A poll of a meter in a tap-off box, at 240 V and a power factor of 1."""
    values: dict[str, float | str] = {
        "meter_power_watts{role=other}": sum(amperes) * 240,
        **{f"meter_current_amperes{{phase=L{at},role=other}}": each for at, each in enumerate(amperes, 1)},
        **{f"meter_voltage_volts{{phase=L{at},role=other}}": volts for at, _ in enumerate(amperes, 1)},
    }
    readings.take(meter, values, now, device_class="meter")


def loaded(site: Site | None = None, amperes: float = 40.0) -> Readings:
    """Each of the eight shelves takes `amperes` on each phase: at 40 A that are 28.8 kW each, 115.2 kW a rack."""
    readings = Readings(site or ai_hall())
    for meter in TAPS:
        metered(readings, meter, amperes, amperes, amperes)
    return readings
