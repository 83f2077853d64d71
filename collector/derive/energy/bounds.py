"""The most that can pass through a meter by the site's ratings. Bounds steps of counters without a power measured beside them."""

from collections.abc import Sequence

from rackflow.site import Site

# A rating bounds a step, not a load: breakers carry more for a while, a site file may leave racks out, and cooling, offices and losses come
# on top of racks. Steps that must be refused (a register read in the wrong order, another meter) are larger by thousands.
_RATING_MARGIN = 5.0
# W through one meter where the site file rates nothing: more than any campus of data centres takes.
_UNRATED_W = 1e9
# m3 of water evaporated and blown down per J of heat: 1.5 L/kWh evaporate (2.4 MJ/kg), and about as much is blown down.
_WATER_M3_PER_J = 0.003 / 3.6e6
# m3/s of a DN 25 tap, which fills a basin.
_MIN_WATER_M3_PER_S = 0.005
ENERGY_RESOLUTION_J = 3.6e6
"""Smallest step of a counter until one was seen: many count whole kWh."""
# The same for a water meter: many count whole cubic metres.
WATER_RESOLUTION_M3 = 1.0


def rated_w(site: Site, measures: Sequence[str] = ()) -> float:
    """Highest power, W, through a meter that measures these nodes, or the whole site if `measures` is empty."""
    powers = [_node_w(site, node) for node in measures]
    known = [power for power in powers if power is not None]
    whole = sum(rack.design_power_w for rack in site.racks.values())
    power_w = sum(known) if known and len(known) == len(powers) else whole
    return _RATING_MARGIN * power_w if power_w else _UNRATED_W


def rated_water_m3_per_s(site: Site) -> float:
    """Highest flow through a water meter: what evaporates for the site's heat, or what a tap gives if that is more."""
    return max(_MIN_WATER_M3_PER_S, rated_w(site) * _WATER_M3_PER_J)


def _node_w(site: Site, node: str) -> float | None:
    """Rating of a rack, UPS, PDU, panel or transfer switch, W; None if the site file states none."""
    volts = site.electrical.volts
    if node in site.racks:
        return site.racks[node].design_power_w
    if node in site.ups:
        return site.ups[node].rated_power_w
    if node in site.pdus:
        return volts * site.pdus[node].breaker_a * len(site.pdus[node].phases)
    if node in site.transfer_switches:
        return volts * max(len(each.phases) * each.breaker_a for each in site.transfer_switches[node].inputs.values())
    breaker_a = site.panels[node].breaker_a if node in site.panels else None
    return 3 * volts * breaker_a if breaker_a else None
