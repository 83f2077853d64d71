"""Ratings of the site file that the devices themselves contradict, as `doctor` tells: mostly a slip of a unit, kW written as W.

Figures such as "would the other feed carry it" rest on these ratings, so one that is a thousandth of the truth makes a sound site look
lost. A problem is no place for it: a device that is overloaded and a rating that is wrong look alike while nothing is ten times beyond.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.config import AgentConfig
from agent.poll import DevicePoller
from agent.readings import Identified
from rackflow.catalogue import catalogue
from rackflow.plural import count_of, first_of
from rackflow.process.config import named_file
from rackflow.series import parse_series_key

if TYPE_CHECKING:
    from rackflow.site import Site

# A load is never ten times the rating, and nobody derates by ten; factors of 1000 (kW) and 10 (a digit) are slips. Chosen value.
FACTOR: Final = 10.0
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class _Rating:
    """A rating of the site file, and the metrics by which a device contradicts it."""

    key: str
    unit: str
    own: str | None
    """The device's own rating."""
    loads: tuple[str, ...]
    """Its load, the first of these that it sends."""
    sums: bool = False
    """Whether the series of a load add up (phases of a power); otherwise the largest counts."""
    loop: str | None = None


_UPS: Final = _Rating(
    "ups.rated_power_w",
    "W",
    "dcim_ups_rated_power_watts",
    ("dcim_ups_output_total_power_watts", "dcim_ups_output_power_watts"),
    sums=True,
)
_CDU: Final = _Rating("cdus.rated_cooling_w", "W", None, ("dcim_cdu_heat_removed_watts",), loop="secondary")
_PDU: Final = _Rating("pdus.breaker_a", "A", None, ("dcim_pdu_phase_current_amperes",))


def site_of(path: Path, config: AgentConfig) -> "Site | None":
    """The site file that a configuration at `path` names. Raises ConfigError."""
    if config.site_file is None:
        return None
    # Its models take 0.03 s of CPU, and most agents have no site file.
    from rackflow.site import load_site  # noqa: PLC0415

    return load_site(named_file(path, "site_file", config.site_file))


def stated_rating(site: "Site", device: str) -> "tuple[_Rating, float] | None":
    """What the site file says of a device's rating; None if it says nothing that the device could contradict."""
    if device in site.ups:
        return _UPS, site.ups[device].rated_power_w
    if device in site.cdus:
        return _CDU, site.cdus[device].rated_cooling_w
    if device in site.pdus and site.pdus[device].read_from == device:
        return _PDU, site.pdus[device].breaker_a
    return None


async def contradicted_rating(poller: DevicePoller, found: Identified, site: "Site", device: str, now: float) -> str:
    """How the device contradicts its rating in the site file, in words; empty if it does not. Raises DeviceError."""
    stated = stated_rating(site, device)
    if stated is None:
        return ""
    rating, value = stated
    metrics = [*([rating.own] if rating.own else []), *rating.loads]
    values: dict[str, float] = {}
    for poll_class in {catalogue()[each].poll for each in metrics}:
        if poll_class in found.poll_classes:
            values |= (await poller.poll(poll_class, now)).values
    return contradiction(rating, value, values)


def contradiction(rating: _Rating, stated: float, values: Mapping[str, float]) -> str:
    """The contradiction of a rating by these readings, in words; empty if there is none."""
    about = f"{rating.key} is {stated:,.0f} {rating.unit}"
    own = _of(rating.own, values, None) if rating.own else []
    if own and own[0] > 0 and not 1 / FACTOR <= stated / own[0] <= FACTOR:
        return f"{about} in the site file, the device says {own[0]:,.0f} {rating.unit}"
    found = next((each for metric in rating.loads if (each := _of(metric, values, rating.loop))), [])
    load = sum(found) if rating.sums else max(found, default=0.0)
    if load > stated * FACTOR:
        return f"{about} in the site file, and it carries {load:,.0f} {rating.unit}"
    return ""


def _of(metric: str | None, values: Mapping[str, float], loop: str | None) -> list[float]:
    found = []
    for key, value in values.items():
        name, labels = parse_series_key(key)
        if name == metric and (loop is None or labels.get("loop") == loop):
            found.append(value)
    return found


def not_in_site(site: "Site", devices: list[str]) -> str:
    """The polled devices that the site file does not have, in words; empty if there are none."""
    missing = [each for each in devices if each not in site.devices]
    if not missing:
        return ""
    verb, it = ("is", "it has") if len(missing) == 1 else ("are", "they have")
    return (
        f"{count_of(len(missing), 'device')} {verb} not in the site file: {first_of(missing, SHOWN)};"
        f" {it} no place on the page and no part in any figure: add a line for each"
    )
