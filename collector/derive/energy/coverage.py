"""How far the counters behind the energy figures can be believed: how often each one jumped, and which share of the time it counted."""

from collections.abc import Iterator

from collector.derive.energy.accounting import Accounts
from collector.derive.energy.hourly import HOUR_S, WINDOWS_H, HourlyTotals
from collector.derive.engine import NO_SLOT, Figure, Label, output_of, plausible_figure

_WINDOWS = ("hour", "day")


def counter_figures(accounts: Accounts, totals: HourlyTotals) -> Iterator[Figure]:
    """How often each counter has jumped so far, and which counters show a value now that they cannot have reached by counting."""
    for quantity, labels in _counters(accounts).items():
        kind = quantity.partition(":")[0]
        jumps = output_of("dcim_meter_counter_jumps_total", (*labels, ("quantity", kind)), NO_SLOT)
        yield plausible_figure(jumps, float(totals.jumps.get(quantity, 0)), 0.0, 1.0)
        if totals.is_away(quantity):
            words = (("reading", f"{kind}_counter"), ("reason", "jump"))
            yield Figure(output_of("dcim_device_reading_suspect", (*labels, *words), NO_SLOT), 1.0, 0.0, 1.0)


def coverage(accounts: Accounts, totals: HourlyTotals, hour: int) -> Iterator[Figure]:
    """Share of the time before this hour in which each counter was counted, and not lost in a gap or a jump."""
    for quantity, labels in _counters(accounts).items():
        for window in _WINDOWS:
            hours = range(hour - WINDOWS_H[window], hour)
            entries = [totals.hours[each] for each in hours if each in totals.hours]
            covered_s = sum(entry.covered_s.get(quantity, 0.0) for entry in entries)
            about = (*labels, ("quantity", quantity.partition(":")[0]), ("window", window))
            share = min(1.0, covered_s / (HOUR_S * len(hours)))
            yield plausible_figure(output_of("dcim_meter_counted_ratio", about, NO_SLOT), share, 0.0, 1.0)


def _counters(accounts: Accounts) -> dict[str, tuple[Label, ...]]:
    """Labels by quantity. A meter of two contracts, or in two loops, has one figure."""
    found: dict[str, tuple[Label, ...]] = {}
    reported: set[tuple[str, str]] = set()
    for stream in accounts.streams:
        place = (stream.quantity.partition(":")[0], stream.meter)
        if stream.is_counter and place not in reported:
            reported.add(place)
            found[stream.quantity] = stream.labels
    return found
