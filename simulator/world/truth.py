"""The figures that the collector should derive, computed from the world's own state without rounding or delay.

Tests compare these figures with the collector's. Formulas that the collector also uses come from `rackflow.physics`, but every
input is the true value. Keys are series keys with the labels that tell the series apart. Consequences of failures are in
`simulator.world.what_if`.
"""

from collections.abc import Iterator, Sequence

from rackflow.physics import effectiveness_ratio, heat_imbalance_ratio, unbalance_ratio
from rackflow.series import series_key
from rackflow.site import Site
from simulator.world.air import moisture_c
from simulator.world.cdu import PUMPS, Cdu
from simulator.world.instruments import LINES, label_of
from simulator.world.loop import SecondaryLoop
from simulator.world.metering import meter_w
from simulator.world.world import World


def truth(world: World) -> dict[str, float]:
    """The true figures at this moment, in base units, by series key."""
    found: dict[str, float] = {}
    for rack, supply in world.network.racks.items():
        watts = sum(sum(pdu.power_w) for pdu, _ in supply.pdus)
        add_figure(found, "rack_power_watts", watts, rack=rack)
        add_figure(found, "rack_power_utilisation_ratio", watts / world.site.racks[rack].design_power_w, rack=rack)
    _put_power(found, world)
    for loop in world.loops.values():
        for cdu in loop.cdus:
            _put_cdu(found, world, loop, cdu)
        _put_loop(found, world, loop)
    for sensor in world.site.sensors.values():
        if sensor.measures == "air" and sensor.device:
            dew = moisture_c(world.time_s)
            add_figure(found, "env_dew_point_celsius", dew, device=sensor.device, sensor=label_of(sensor))
    energy = world.energy
    add_figure(found, "site_energy_taken_joules", energy.taken_j)
    add_figure(found, "site_energy_rejected_joules", energy.rejected_j)
    add_figure(found, "site_energy_stored_joules", world.stored_j)
    add_figure(found, "site_equipment_energy_joules", energy.equipment_j)
    return found


def add_figure(found: dict[str, float], metric: str, value: float | None, **labels: str) -> None:
    """Add a figure, unless its value is None (not defined at this moment)."""
    if value is not None:
        found[series_key(f"dcim_{metric}", labels)] = value


def parallel_ups(site: Site) -> Iterator[tuple[str, ...]]:
    """Groups of UPSs that feed one panel together. A UPS that feeds its panels alone is a group of its own."""
    together = [tuple(each for each in panel.fed_by if each in site.ups) for panel in site.panels.values()]
    groups = [group for group in together if len(group) > 1]
    yield from groups
    yield from ((ups,) for ups in site.ups if not any(ups in group for group in groups))


def name_of(group: Sequence[str]) -> str:
    """Value of the label `group`. Must be the same as the collector's, because series are compared by their labels."""
    name = "+".join(group)
    return name if len(name) <= 64 else f"{group[0][:52]}+{len(group) - 1}-more"  # noqa: PLR2004 - longest label value


def _put_power(found: dict[str, float], world: World) -> None:
    network, factor = world.network, world.site.electrical.continuous_load_factor
    for name, ups in network.ups.items():
        add_figure(found, "ups_losses_watts", sum(ups.input_w) - sum(ups.output_w), device=name)
        true_s, claimed_s = ups.battery.runtime_s(ups.battery_draw_w), ups.battery.claimed_runtime_s(ups.battery_draw_w)
        add_figure(found, "ups_modelled_runtime_seconds", true_s, device=name)
        # Below a second of true runtime the ratio of claimed to true runtime is meaningless.
        add_figure(found, "ups_runtime_optimism_ratio", claimed_s / true_s - 1 if true_s >= 1 else None, device=name)
        feed = world.site.feed_of(name)
        start_s = world.site.feeds[feed].backup_start_s if feed else None
        add_figure(found, "ups_runtime_margin_seconds", None if start_s is None else true_s - start_s, device=name)
        add_figure(found, "ups_battery_charge_ratio", ups.battery.charge, device=name)
        add_figure(found, "ups_output_current_unbalance_ratio", _unbalance(ups.output_w, ups.output_volts), device=name)
    for group in parallel_ups(world.site):
        rated = [network.ups[each].rated_w for each in group]
        given = sum(sum(network.ups[each].output_w) for each in group)
        add_figure(found, "ups_redundancy_margin_watts", sum(rated) - max(rated) - given, group=name_of(group))
    for name, pdu in network.pdus.items():
        for phase, amperes in zip(pdu.phases, pdu.amperes, strict=True):
            left = factor * pdu.section.breaker_a - amperes
            add_figure(found, "pdu_phase_headroom_amperes", left, device=name, phase=LINES[phase])
        if len(pdu.phases) == len(LINES):
            add_figure(found, "pdu_current_unbalance_ratio", unbalance_ratio(pdu.amperes), device=name)
    # Meters have no voltage of their own in the world; the first feed's is close enough for an unbalance of currents.
    volts = next(iter(network.feeds.values())).volts
    for name in world.site.meters:
        add_figure(found, "meter_current_unbalance_ratio", _unbalance(meter_w(world, name), volts), device=name)


def _unbalance(power_w: Sequence[float], volts: Sequence[float]) -> float | None:
    return unbalance_ratio([watts / each if each else 0.0 for watts, each in zip(power_w, volts, strict=True)])


def _put_cdu(found: dict[str, float], world: World, loop: SecondaryLoop, cdu: Cdu) -> None:
    name = cdu.section.id
    heat = secondary_heat_w(loop, cdu)
    add_figure(found, "cdu_heat_removed_watts", heat, device=name, loop="secondary")
    add_figure(found, "cdu_cooling_load_ratio", heat / cdu.section.rated_cooling_w, device=name)
    add_figure(found, "cdu_dew_point_margin_celsius", cdu.supply_c - moisture_c(world.time_s), device=name)
    secondary_k = loop.return_c - cdu.supply_c
    add_figure(found, "cdu_delta_temperature_celsius", secondary_k, device=name, loop="secondary")
    # Both ratios have no value without heat; the collector leaves them out as well.
    if heat > 0:
        add_figure(found, "cdu_flow_per_heat_cubic_meters_per_joule", cdu.flow / heat, device=name, loop="secondary")
        add_figure(found, "cdu_coefficient_of_performance_ratio", heat / cdu.power_w, device=name)
    add_figure(found, "cdu_pumps_spare", len(PUMPS) - len(cdu.failed_pumps) - cdu.pumps_required, device=name)
    if not cdu.section.primaries:
        return
    primary = world.primaries[cdu.primary]
    add_figure(found, "cdu_heat_removed_watts", cdu.heat_w, device=name, loop="primary")
    add_figure(found, "cdu_approach_celsius", cdu.supply_c - primary.supply_c, device=name)
    add_figure(
        found,
        "cdu_effectiveness_ratio",
        effectiveness_ratio(loop.return_c, cdu.supply_c, primary.supply_c),
        device=name,
    )
    add_figure(found, "cdu_heat_imbalance_ratio", heat_imbalance_ratio(cdu.heat_w, heat), device=name)


def secondary_heat_w(loop: SecondaryLoop, cdu: Cdu) -> float:
    """Heat that the coolant carries to a CDU, from flow and temperatures as the collector computes it, W.

    It differs from the heat given to the primary side by the heat stored in the CDU's coolant and by the pumps' work.
    """
    return cdu.flow * loop.capacity((cdu.supply_c + loop.return_c) / 2) * (loop.return_c - cdu.supply_c)


def _put_loop(found: dict[str, float], world: World, loop: SecondaryLoop) -> None:
    name = loop.section.id
    heat = sum(secondary_heat_w(loop, cdu) for cdu in loop.cdus)
    power = sum(sum(sum(pdu.power_w) for pdu, _ in world.network.racks[rack].pdus) for rack in loop.plates)
    add_figure(found, "loop_heat_watts", heat, loop=name)
    # What the racks give now. The CDUs' heat is that of some minutes ago, and coolant and plates hold the difference.
    racks = world.network.racks
    liquid = sum(racks[rack].supplied_w * world.site.racks[rack].liquid_share for rack in loop.plates)
    add_figure(found, "loop_air_heat_watts", power - liquid, loop=name)
    rated = [cdu.section.rated_cooling_w for cdu in loop.cdus]
    add_figure(found, "loop_redundancy_margin_watts", sum(rated) - max(rated) - heat, loop=name)
    healthy = [cdu for cdu in loop.cdus if len(cdu.failed_pumps) < len(PUMPS)]
    add_figure(found, "loop_cdus_spare", len(healthy) - loop.section.cdus_required, loop=name)
    if all(cdu.section.primaries for cdu in loop.cdus):
        given = sum(cdu.heat_w for cdu in loop.cdus)
        add_figure(found, "loop_heat_imbalance_ratio", heat_imbalance_ratio(given, heat), loop=name)
    if power > 0:
        add_figure(found, "loop_heat_capture_ratio", liquid / power, loop=name)
