"""Limits that the site file states for devices that state none themselves, as series of the device.

They are figures, so that rules of Prometheus can compare with them; the collector's own evaluation takes them from here, because a
limit must be there with the first reading, and not after the first cycle.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collector.derive.engine import Label, Planner
from collector.derive.liquid import Thermal
from rackflow.site import Site

SUPPLY_LIMIT = "dcim_cdu_supply_temperature_limit_celsius"
NOMINAL_VOLTAGE = "dcim_device_nominal_voltage_volts"


@dataclass(frozen=True, slots=True)
class SiteLimit:
    """One limit of one device."""

    metric: str
    labels: tuple[Label, ...]
    value: float
    source: str
    """Who states it, in words: the site file or, if that does not, the constant."""


def site_limits(site: Site, thermal: Thermal) -> Mapping[str, tuple[SiteLimit, ...]]:
    """All limits by device."""
    found: dict[str, list[SiteLimit]] = {}
    for device, limit in _limits(site, thermal):
        found.setdefault(device, []).append(limit)
    return {device: tuple(limits) for device, limits in found.items()}


def plan_limits(planner: Planner, site: Site, thermal: Thermal) -> None:
    """Publish all limits as figures."""
    for device, limits in site_limits(site, thermal).items():
        for each in limits:
            slot = planner.step((), lambda value=each.value: value)
            planner.publish_of(each.metric, device, slot, *each.labels)


def _limits(site: Site, thermal: Thermal) -> Iterator[tuple[str, SiteLimit]]:
    for cdu in site.cdus.values():
        loop = site.loops[cdu.secondary]
        is_stated = loop.max_supply_celsius is not None
        source = (
            "configuration" if thermal.supply_limit_celsius is not None else "site file" if is_stated else "constant"
        )
        yield (
            cdu.id,
            SiteLimit(SUPPLY_LIMIT, (("loop", "secondary"),), thermal.supply_limit_of(loop), source),
        )
    for device in (*(pdu.read_from for pdu in site.pdus.values()), *site.ups):
        yield device, SiteLimit(NOMINAL_VOLTAGE, (), site.electrical.volts, "site file")
