"""Power figures of UPSs, panels and feeds: redundancy, autonomy, and what happens when a feed is lost.

When a feed is lost, UPSs and panels of the other feeds take over the load that the racks drew from it. UPSs are judged in watts, because
their rating is in watts, and panels in amperes by phase, because their breakers are. A site survives if every rack, UPS group and panel
does.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial

from collector.derive.engine import Compute, Planner, Result, Unknown, Value, ratio
from collector.derive.power.battery import Battery
from collector.derive.power.racks import RackPower, takeovers_by_phase
from collector.derive.power.redundancy import firm, group_name
from collector.derive.power.switches import SwitchedLoad
from rackflow.site import Battery as SiteBattery
from rackflow.site import FeedPath, Site
from rackflow.site.section import PHASES

_RUNTIME = "dcim_ups_battery_runtime_seconds"
Paths = Mapping[tuple[str, str], FeedPath]
"""The way from the feed to the rack, by rack and feed."""


def plan_feeds(
    planner: Planner, site: Site, racks: Mapping[str, RackPower], batteries: Mapping[str, SiteBattery]
) -> dict[str, int]:
    """Plan the figures of the power path above the racks; return the slot of each UPS's output power, W. `batteries` is by UPS."""
    power = {ups: ups_power(planner, ups) for ups in site.ups}
    for ups in site.ups.values():
        _autonomy(planner, site, ups.id, power[ups.id], batteries.get(ups.id))
    paths = {(rack, feed): site.path(rack, feed) for rack, slots in racks.items() for feed in slots.current}
    groups = list(ups_groups(site))
    for group in groups:
        _margin(planner, site, group, power)
    for lost in site.feeds:
        checks = [*_groups_on_loss(planner, site, lost, groups=groups, power=power, racks=racks, paths=paths)]
        checks += _panels_on_loss(planner, site, lost, racks, paths)
        _site_on_loss(planner, lost, racks, checks)
    return power


def ups_power(planner: Planner, ups: str) -> int:
    """Slot of what a UPS delivers, W: its own total, or the sum of its phases if the total is absent or not trusted."""
    metrics = ("dcim_ups_output_total_power_watts", "dcim_ups_output_power_watts")
    ways = [planner.sum_of(ups, metric) for metric in metrics if planner.has(ups, metric)]
    return planner.first(*ways) if ways else planner.reading(ups, metrics[0])


def ups_groups(site: Site) -> Iterator[tuple[str, ...]]:
    """Groups of parallel UPSs, which a panel lists together as its supply. A single UPS is a group of one."""
    left = dict.fromkeys(site.ups)
    for panel in site.panels.values():
        together = tuple(each for each in panel.fed_by if each in left)
        if len(together) > 1:
            for each in together:
                del left[each]
            yield together
    yield from ((ups,) for ups in left)


def switched_loads(racks: Mapping[str, RackPower]) -> list[SwitchedLoad]:
    """The loads behind the site's transfer switches, each once: several racks may name the same switch."""
    return list({load.switch.id: load for slots in racks.values() for load in slots.switched}.values())


def _autonomy(planner: Planner, site: Site, ups: str, power: int, site_battery: SiteBattery | None) -> None:
    """Publish how long a UPS lasts on battery: by the model, and how much longer that is than its generator needs to start."""
    stated = planner.reading(ups, _RUNTIME)
    charge = planner.reading(ups, "dcim_ups_battery_charge_ratio")
    if site_battery is None:
        missing = f"site file: {ups} has no battery with runtimes"
        model = planner.step((), lambda: 0.0, missing_config=missing)
        shortest = stated
    else:
        _installed(planner, ups, site_battery.installed)
        battery = Battery(site_battery.runtimes, site_battery.health, site_battery.peukert)
        health = planner.each(ups, "dcim_ups_battery_health_ratio")[:1]
        spent = planner.each(ups, "dcim_ups_on_battery_seconds")[:1]
        model = planner.step(
            (power, charge, *health, *spent), _runtime(battery, with_health=bool(health), with_spent=bool(spent))
        )
        # The shorter of both, because either may be the wrong one. The runtime that the UPS states was up to 93 % too long in simulated
        # discharges, and the model does not notice a battery that is worse than configured.
        # Many families state none: then the model is all there is.
        shortest = planner.step((stated, model), min) if planner.has(ups, _RUNTIME) else model
        optimism = planner.step((stated, model), _optimism)
        planner.publish_of("dcim_ups_runtime_optimism_ratio", ups, optimism)
    planner.publish_of("dcim_ups_modelled_runtime_seconds", ups, model)
    start_s = site.feeds[feed].backup_start_s if (feed := site.feed_of(ups)) else None
    if start_s is not None:
        source = planner.each(ups, "dcim_ups_output_source")[:1]
        margin = planner.step((shortest, *source), partial(_beyond_start, start_s=start_s))
        planner.publish_of("dcim_ups_runtime_margin_seconds", ups, margin)


def _beyond_start(left_s: float, source: Value = "normal", *, start_s: float) -> Result:
    if source == "bypass":
        # On bypass no UPS says whether the inverter would take over, so any number of seconds would be a guess.
        return Unknown("the UPS is on bypass: it does not say whether its battery would take over")
    return left_s - start_s


def _installed(planner: Planner, ups: str, day: date | None) -> None:
    """Publish the date of the battery from the site file, unless the UPS states it itself."""
    metric = "dcim_ups_battery_installed_timestamp_seconds"
    if day is not None and not planner.has(ups, metric):
        since_s = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        planner.publish_of(metric, ups, planner.step((), lambda: since_s))


def _runtime(battery: Battery, *, with_health: bool, with_spent: bool) -> Compute:
    """A function that takes load, charge and, where the UPS measures them, health and the seconds spent on battery."""

    def seconds(load_w: float, charge: float, *more: float) -> Value:
        return battery.runtime_s(load_w, charge, more[0] if with_health else None, more[-1] if with_spent else 0.0)

    return seconds


def _optimism(stated_s: float, model_s: float) -> Result:
    return stated_s / model_s - 1 if model_s >= 1 else Unknown("the modelled runtime is zero")


def _margin(planner: Planner, site: Site, group: tuple[str, ...], power: Mapping[str, int]) -> None:
    """Publish the margin of parallel UPSs without the largest of them (N+1): any may fail, so the worst case counts.

    A group of one has no N+1: its other feed is its redundancy, and without its only unit nothing would be left to have a margin.
    """
    if len(group) == 1:
        return
    rated = [site.ups[ups].rated_power_w for ups in group]
    firm_w = firm(rated, 1)
    margin = planner.step([power[ups] for ups in group], lambda *now, firm=firm_w: firm - sum(now))
    feed = site.feed_of(group[0])
    planner.publish(
        "dcim_ups_redundancy_margin_watts",
        margin,
        *((("feed", feed),) if feed else ()),
        ("group", group_name(group)),
    )


def _groups_on_loss(
    planner: Planner,
    site: Site,
    lost: str,
    *,
    groups: Sequence[tuple[str, ...]],
    power: Mapping[str, int],
    racks: Mapping[str, RackPower],
    paths: Paths,
) -> Iterator[int]:
    """Publish (P_group + power that racks and transfer switches take from the lost feed) / sum of ratings; yield each slot.

    A rack counts for a group only if the group is above it on the feed that stays: racks on other UPSs do not load this one.
    """
    for group in groups:
        feed = site.feed_of(group[0])
        if feed is None or feed == lost:
            continue
        members = set(group)
        inherited = [
            slots.power[lost]
            for rack, slots in racks.items()
            if lost in slots.power and feed in slots.power and members & set(paths[rack, feed].ups)
        ]
        rated_w = sum(site.ups[ups].rated_power_w for ups in group)
        inherited += [
            load.moved(planner, lost)
            for load in switched_loads(racks)
            if (left := load.other(lost)) and members & set(site.above(load.switch.inputs[left].fed_by))
        ]
        needs = [*(power[ups] for ups in group), *inherited]
        load = planner.step(needs, lambda *watts, of=rated_w: ratio(sum(watts), of))
        planner.publish("dcim_ups_feed_loss_load_ratio", load, ("feed", lost), ("group", group_name(group)))
        yield load


def _panels_on_loss(
    planner: Planner, site: Site, lost: str, racks: Mapping[str, RackPower], paths: Paths
) -> Iterator[int]:
    """Publish the share of a panel's continuous limit, per phase, with what its racks inherit; yield each slot.

    (Currents of the racks below on this feed + their currents on the lost feed) / (k * breaker).
    """
    carried = _switched_below(planner, site, lost, racks)
    for (rack, feed), path in paths.items():
        if feed == lost:
            continue
        slots = racks[rack]
        inherited = [
            (each.phase, slots.current[lost][each.lost_phase])
            for takeovers in (takeovers_by_phase(slots, lost, [feed]) if lost in slots.current else {}).values()
            for each in takeovers
        ]
        for panel in path.panels:
            for phase, current in (*slots.current[feed].items(), *inherited):
                carried.setdefault((panel, phase), []).append(current)
    for panel in dict.fromkeys(panel for panel, _ in carried):
        breaker_a = site.panels[panel].breaker_a
        if breaker_a is None:  # a panel without a main breaker has no limit of its own
            continue
        limit_a = site.electrical.continuous_load_factor * breaker_a
        for phase in PHASES:
            if needs := carried.get((panel, phase)):
                load = planner.step(needs, lambda *amperes, of=limit_a: ratio(sum(amperes), of))
                planner.publish(
                    "dcim_panel_feed_loss_load_ratio", load, ("feed", lost), ("panel", panel), ("phase", phase)
                )
                yield load


def _switched_below(
    planner: Planner, site: Site, lost: str, racks: Mapping[str, RackPower]
) -> dict[tuple[str, str], list[int]]:
    """Slots of the currents of transfer switches, by panel above them and phase, while a feed is lost.

    A switch with an input on the lost feed takes all of its load from the other source, whichever was selected before. A switch between two
    feeds that stay keeps its selected source.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for load in switched_loads(racks):
        left = load.other(lost)
        for source, each in load.switch.inputs.items():
            if left in {None, source}:
                panels = [node for node in site.above(each.fed_by) if node in site.panels]
                for phase, current in load.phases(source):
                    slot = current if source == left else load.taken(planner, current, source)
                    for panel in panels:
                        found.setdefault((panel, phase), []).append(slot)
    return found


def _site_on_loss(planner: Planner, lost: str, racks: Mapping[str, RackPower], checks: Sequence[int]) -> None:
    """Publish whether everything stays up when a feed is lost, and how many racks do not. `checks` are slots of load shares.

    One rack, UPS or panel that certainly goes down makes the result 0, even if others are unknown: an operator must see it before the last
    PDU answers. The number of racks is unknown unless all racks are known, because a lower count would read as good news. Two other figures
    bound it: how many racks certainly go down, and for how many it is not known.
    """
    verdicts = [
        planner.step((), _all_of(len(slots.survives[lost])), optional=slots.survives[lost], min_share=0.0)
        for slots in racks.values()
        if lost in slots.survives
    ]
    carried = [planner.step((load,), lambda share: float(share <= 1.0)) for load in checks]
    everything = [*verdicts, *carried]
    if everything:
        survives = planner.step((), _all_of(len(everything)), optional=everything, min_share=0.0)
        planner.publish("dcim_site_survives_feed_loss", survives, ("feed", lost))
    if verdicts:
        racks_lost = planner.step((), lambda values: float(values.count(0.0)), optional=verdicts, min_share=1.0)
        planner.publish("dcim_site_racks_lost_on_feed_loss", racks_lost, ("feed", lost))
        # One input is always known, so that the bounds are, too, when not a single rack is.
        known = [*verdicts, planner.step((), lambda: 1.0)]
        at_least = planner.step((), lambda values: float(values.count(0.0)), optional=known, min_share=0.0)
        planner.publish("dcim_site_racks_lost_on_feed_loss_at_least", at_least, ("feed", lost))
        every = len(known)
        unknown = planner.step((), lambda values, of=every: float(of - len(values)), optional=known, min_share=0.0)
        planner.publish("dcim_site_racks_unknown_on_feed_loss", unknown, ("feed", lost))


def _all_of(count: int) -> Compute:
    """A function that returns 0 if any known verdict is 0, 1 if all `count` are known and 1, and otherwise unknown."""

    def verdict(known: list[float]) -> Result:
        if 0.0 in known:
            return 0.0
        return 1.0 if len(known) == count else Unknown("not everything is known")

    return verdict
