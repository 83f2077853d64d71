"""The power network of a site: voltage and power at every part, and which parts have lost power.

Voltages go from the feeds down, loads from the racks up; each stage takes the power that it delivers plus its losses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from rackflow.site import Site
from rackflow.site import Ups as UpsSection
from simulator.world.battery import Battery
from simulator.world.breaker import Breaker
from simulator.world.generator import Generator, GeneratorGroup, groups_of
from simulator.world.supply import Feed, Panel, Pdu, three_zeros
from simulator.world.switch import Switch
from simulator.world.ups import Ups, battery_draw_w

# Chosen values, typical of the field.
# Runtime of a full battery at the UPS's rating if the site file has none: enough for a generator to start, with a margin.
DEFAULT_RUNTIME_S = 420.0
# Part of a rack's load that has one power cord and so is behind the transfer switch, in a rack that also has PDUs of its own.
SINGLE_CORDED_SHARE = 0.2
# Single-phase UPSs have strings of 16 blocks of 12 V, large three-phase ones of 40.
SMALL_UPS_W = 20_000.0
SMALL_BATTERY_V = 192.0
LARGE_BATTERY_V = 480.0
# How unevenly real racks load their supply: deviation of the three groups of power supplies from a third each, and of the two
# feeds from a half each. Power supplies never share exactly.
GROUP_SPREAD = 0.02
FEED_SPREAD = 0.03


@dataclass(slots=True)
class RackSupply:
    """How a rack's power supplies are connected to its PDUs: three groups, one for each pole, each with its part of the load."""

    shares: list[float]
    dual_corded: list[tuple[Pdu, float]]
    """PDUs that share the load, with their weights: equal between feeds, by rating within a feed."""
    single_corded: list[tuple[Pdu, float]] = field(default_factory=list)
    """PDUs behind transfer switches, with the part of the rack's load that each serves alone."""
    demand_w: float = 0.0
    supplied_w: float = 0.0

    @property
    def pdus(self) -> list[tuple[Pdu, float]]:
        """All PDUs of the rack."""
        return [*self.dual_corded, *self.single_corded]


@dataclass(slots=True)
class Consumer:
    """A cooling unit. It draws the same power from each phase, in equal parts from all of its sources that have voltage."""

    id: str
    sources: Sequence[str]
    power_w: float = 0.0
    live: bool = True
    energy_j: float = 0.0


@dataclass(slots=True)
class Network:
    """Every part of the power network, by id of the site file."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    groups: dict[tuple[str, ...], GeneratorGroup] = field(default_factory=dict)
    """Generators in parallel, by the feeds that they carry."""
    ups: dict[str, Ups] = field(default_factory=dict)
    panels: dict[str, Panel] = field(default_factory=dict)
    switches: dict[str, Switch] = field(default_factory=dict)
    pdus_behind: dict[str, list[Pdu]] = field(default_factory=dict)
    """PDUs by what feeds them: a feed, UPS, panel or transfer switch."""
    pdus: dict[str, Pdu] = field(default_factory=dict)
    racks: dict[str, RackSupply] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    sources: dict[str, Sequence[str]] = field(default_factory=dict)
    """Direct sources of each UPS and panel."""
    order: list[str] = field(default_factory=list)
    """UPSs and panels, each after everything that feeds it."""
    loads: dict[str, list[float]] = field(default_factory=dict)
    """Power taken from each node on each of the supply's phases in this step, W."""

    @property
    def generators(self) -> dict[str, Generator]:
        """The generators of the site file."""
        return {name: each for group in self.groups.values() for name, each in group.members.items()}

    def volts_of(self, node: str) -> list[float]:
        """Output voltages of a feed, UPS, panel, switch or PDU, by the supply's phases, V."""
        if node in self.ups:
            return self.ups[node].output_volts
        if node in self.switches:
            return self.switches[node].volts
        if node in self.pdus:
            volts = three_zeros()
            for phase, each in zip(self.pdus[node].phases, self.pdus[node].source_volts, strict=True):
                volts[phase] = each
            return volts
        return self.panels[node].volts if node in self.panels else self.feeds[node].volts

    def is_live(self, node: str) -> bool:
        """Whether each phase that a node has is live; a PDU may have one or two."""
        return all(self.pdus[node].live) if node in self.pdus else min(self.volts_of(node)) > 0

    def energise(self, time_s: float, dt_s: float) -> None:
        """Work out the voltages of this step, from the feeds down. Must run before `carry`: loads depend on what has voltage."""
        for feed in self.feeds.values():
            feed.advance(time_s, dt_s)
        for node in self.order:
            above = [self.volts_of(source) for source in self.sources[node]]
            if node in self.ups:
                # A UPS takes all phases from one source: the source whose weakest phase has the highest voltage.
                self.ups[node].supply(max(above, key=min), dt_s)
            else:
                self.panels[node].supply(above)
        for switch in self.switches.values():
            section = switch.section
            switch.supply({"a": self.volts_of(section.a.fed_by), "b": self.volts_of(section.b.fed_by)}, dt_s)
        for source, pdus in self.pdus_behind.items():
            volts = self.volts_of(source)
            for pdu in pdus:
                pdu.supply(volts)
        for consumer in self.consumers.values():
            consumer.live = any(map(self.is_live, consumer.sources))

    def carry(self, demand_w: Mapping[str, float], dt_s: float) -> None:
        """Work out the loads of this step, from the racks up.

        `demand_w` is the racks' demand; the consumers' `power_w` must be set. Each stage needs the complete load of the stage
        below, so the order is fixed: consumers and racks, PDUs, switches, UPSs and panels (from the racks towards the feeds).
        """
        self.loads = {node: three_zeros() for node in (*self.feeds, *self.order, *self.switches)}
        on_pdu = {name: [0.0] * len(pdu.phases) for name, pdu in self.pdus.items()}
        for consumer in self.consumers.values():
            self._consume(consumer, on_pdu, dt_s)
        for name, rack in self.racks.items():
            rack.demand_w = demand_w[name]
            self._share(rack, on_pdu)
        for name, pdu in self.pdus.items():
            self._add(pdu.section.fed_by, pdu.carry(on_pdu[name], dt_s))
        for name, switch in self.switches.items():
            taken = switch.carry(self.loads[name], self._amperes_behind(name), dt_s)
            self._add(switch.section.inputs[switch.selected].fed_by, taken)
        for node in reversed(self.order):
            part = self.ups[node] if node in self.ups else self.panels[node]
            self._divide(node, part.carry(self.loads[node], dt_s))
        for name, feed in self.feeds.items():
            feed.carry(self.loads[name], dt_s)
        for feeds, group in self.groups.items():
            carried = [self.feeds[name] for name in feeds]
            group.carry(sum(sum(feed.power_w) for feed in carried if feed.on_generator))

    def _amperes_behind(self, switch: str) -> list[float]:
        amperes = three_zeros()
        for pdu in self.pdus_behind.get(switch, ()):
            for phase, each in zip(pdu.phases, pdu.amperes, strict=True):
                amperes[phase] += each
        return amperes

    def _share(self, rack: RackSupply, on_pdu: Mapping[str, list[float]]) -> None:
        """Spread a rack's load over its PDUs.

        Within each group of power supplies, those with voltage carry the whole group. Equipment with one cord is on only while
        its PDU has voltage.
        """
        rack.supplied_w = 0.0
        corded_w = rack.demand_w * (1 - sum(part for _, part in rack.single_corded))
        for group, share in enumerate(rack.shares):
            live, whole = [], 0.0
            for pdu, weight in rack.dual_corded:
                pole = group % len(pdu.live)
                if pdu.live[pole]:
                    live.append((pdu.section.id, pole, weight))
                    whole += weight
            group_w = corded_w * share
            for name, pole, weight in live:
                on_pdu[name][pole] += group_w * weight / whole
            rack.supplied_w += group_w if live else 0.0
            for pdu, part in rack.single_corded:
                pole = group % len(pdu.live)
                if pdu.live[pole]:
                    on_pdu[pdu.section.id][pole] += rack.demand_w * share * part
                    rack.supplied_w += rack.demand_w * share * part

    def _consume(self, consumer: Consumer, on_pdu: Mapping[str, list[float]], dt_s: float) -> None:
        live = [source for source in consumer.sources if self.is_live(source)]
        consumer.energy_j += consumer.power_w * dt_s if live else 0.0
        for source in live:
            part = consumer.power_w / len(live)
            if source in on_pdu:
                for pole in range(len(on_pdu[source])):
                    on_pdu[source][pole] += part / len(on_pdu[source])
            else:
                self._add(source, [part / 3] * 3)

    def _divide(self, node: str, taken: list[float]) -> None:
        """Divide the power that a UPS or panel takes among its sources that have voltage; UPSs in parallel share by rating."""
        sources = [source for source in self.sources[node] if max(self.volts_of(source)) > 0]
        weights = [self.ups[source].rated_w if source in self.ups else 1.0 for source in sources]
        for source, weight in zip(sources, weights, strict=True):
            self._add(source, [each * weight / sum(weights) for each in taken])

    def _add(self, node: str, power_w: Sequence[float]) -> None:
        load, (one, two, three) = self.loads[node], power_w
        load[0] += one
        load[1] += two
        load[2] += three


def build_network(site: Site, seed: int) -> Network:
    """The power network of a site, with everything switched on. The same seed gives the same spread of loads."""
    volts = site.electrical.volts
    network = Network(order=_order(site))
    network.sources = {name: site.sources(name) for name in network.order}
    network.feeds = {each.id: Feed(each, volts, seed + at) for at, each in enumerate(site.feeds.values())}
    network.groups = groups_of(site)
    for feeds, group in network.groups.items():
        for feed in feeds:
            network.feeds[feed].generators = group
    network.ups = {each.id: new_ups(each, volts) for each in site.ups.values()}
    for panel in site.panels.values():
        network.panels[panel.id] = Panel(panel.id, Breaker(panel.breaker_a) if panel.breaker_a else None)
    network.switches = {each.id: Switch(each, volts) for each in site.transfer_switches.values()}
    network.pdus = {each.id: Pdu(each, volts) for each in site.pdus.values()}
    for pdu in network.pdus.values():
        network.pdus_behind.setdefault(pdu.section.fed_by, []).append(pdu)
    for rack in site.racks:
        network.racks[rack] = _rack_supply(site, network, rack, seed)
    # A cooling unit without `from` in the site file is assumed to have all feeds: a missing entry is no reason to let it fail.
    for unit in (*site.cdus, *site.air_units):
        network.consumers[unit] = Consumer(unit, site.sources(unit) or [*site.feeds])
    return network


def new_ups(section: UpsSection, volts: float) -> Ups:
    """A UPS in normal mode with a full battery."""
    return Ups(section.id, section.rated_power_w, volts, _battery(section))


def _battery(ups: UpsSection) -> Battery:
    rated_w = ups.rated_power_w
    volts = SMALL_BATTERY_V if rated_w <= SMALL_UPS_W else LARGE_BATTERY_V
    if ups.battery is None:
        return Battery(rated_w, {rated_w: DEFAULT_RUNTIME_S}, volts)
    # Data sheets give runtimes by load; the battery model counts power at the cells, so the inverter's losses are added.
    runtimes = {battery_draw_w(load_w, rated_w): seconds for load_w, seconds in ups.battery.runtimes.items()}
    return Battery(rated_w, runtimes, volts, ups.battery.health)


def _order(site: Site) -> list[str]:
    """UPSs and panels, each after everything that feeds it. The site file's checks guarantee that there is no cycle."""
    order: list[str] = []
    waiting = [*site.ups, *site.panels]
    while waiting:
        ready = [name for name in waiting if all(each in site.feeds or each in order for each in site.sources(name))]
        order += ready
        waiting = [name for name in waiting if name not in ready]
    return order


def _rack_supply(site: Site, network: Network, rack: str, seed: int) -> RackSupply:
    chance = Random(f"{seed}/{rack}")  # noqa: S311 - the same seed must give the same site
    shares = [1 / 3 + chance.uniform(-GROUP_SPREAD, GROUP_SPREAD) for _ in range(3)]
    weighted = []
    for feed in site.feeds_of(rack):
        pdus = site.pdus_of(rack, feed)
        whole = sum(pdu.breaker_a for pdu in pdus)
        tilt = 1 + chance.uniform(-FEED_SPREAD, FEED_SPREAD)
        weighted += [(network.pdus[pdu.id], tilt * pdu.breaker_a / whole) for pdu in pdus]
    pdus_behind = [network.pdus[pdu.id] for pdu in site.pdus_of(rack) if pdu.fed_by in network.switches]
    part = (SINGLE_CORDED_SHARE if weighted else 1.0) / max(1, len(pdus_behind))
    return RackSupply([share / sum(shares) for share in shares], weighted, [(pdu, part) for pdu in pdus_behind])
