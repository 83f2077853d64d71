"""Energy accounting of a site: PUE, carbon, water and reuse over windows of complete hours.

No energy may be counted twice or as the wrong kind. `rackflow/site/metering.py` handles meters below meters, and meters of the whole site
beside meters of its feeds; `plan_accounts` CDUs and air units on rack PDUs. After that, everything is a sum, and `balance.py` says what
of it was generated on site. `statement.py` makes the figures of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Literal

from collector.derive.energy.balance import Balance, balance_of, is_source
from collector.derive.energy.bounds import ENERGY_RESOLUTION_J, WATER_RESOLUTION_M3, rated_w, rated_water_m3_per_s
from collector.derive.energy.carbon import Factors, location_based_g, market_based_g
from collector.derive.energy.counters import Bound
from collector.derive.energy.hourly import HOUR_S, WINDOWS_H, Hour, HourlyTotals
from collector.derive.engine import NO_SLOT, PART, Figure, Label, Planner, Values, output_of, plausible_figure
from collector.derive.power import RackPower, metered_w
from rackflow.process.bulkhead import Failures
from rackflow.site import Meter, Site, facility_meters, without_overlap

CDU_POWER, AIR_UNIT_POWER = "dcim_cdu_power_watts", "dcim_crah_power_watts"
_COUNTER, _POWER = "dcim_meter_energy_joules_total", "dcim_meter_power_watts"
_PHASE_POWER = "dcim_meter_phase_power_watts"
_WATER, _HEAT = "dcim_meter_water_cubic_meters_total", "dcim_meter_thermal_energy_joules_total"
ItWay = Literal["meters", "racks"]
COUNTER_METRICS = frozenset({_COUNTER, _WATER, _HEAT})
"""Metrics of the counters that are accounted for."""
KEPT_A_DAY = ("racks:", "pumps:")
"""Prefixes of loops' quantities. They are kept for a day only: with hundreds of loops, a year of them would be most of the file."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A slot that is accounted for as a quantity: a counter in J or m3, or a power in W that is integrated."""

    quantity: str
    slot: int
    is_counter: bool
    meter: str = ""
    labels: tuple[Label, ...] = ()
    """Base labels of the meter, for figures about its counter."""
    power: int = NO_SLOT
    """Slot of the power that is measured beside the counter, W."""
    rated: float = inf
    """Most that the counter can rise in a second; see `Bound`."""
    resolution: float = 0.0

    def bound(self, values: Values) -> Bound:
        """What the counter's rise is checked against now."""
        power_w = values.number(self.power) if self.power != NO_SLOT else None
        return Bound(power_w, self.rated, self.resolution)


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the energy accounting of a site counts."""

    site: str
    streams: tuple[Stream, ...]
    category: str
    """Where IT energy is metered, ISO/IEC 30134-2: 1 UPS output, 2 PDU output, 3 IT equipment."""
    loops: tuple[str, ...]
    contracts: tuple[str, ...]
    """Quantities of the contracts that have a meter."""
    profile_w: tuple[float, ...]
    """Contracted power without a meter by hour of the day in UTC, 24 values; empty if there is none."""
    zone: str
    quantities: frozenset[str] = field(default_factory=frozenset)


def plan_accounts(planner: Planner, site: Site, racks: Mapping[str, RackPower], meters: Sequence[str]) -> Accounts:
    """Decide which slots are accounted for as what. Without meters of the role `it`, the rack PDUs are IT: category 2."""
    it_meters = without_overlap(site, site.meters_of("it"))
    facility = facility_meters(site)
    roles = {"facility": facility, "it": it_meters, "cooling": without_overlap(site, site.meters_of("cooling"))}
    streams = [_metered(planner, site, each, f"{role}:{each.id}") for role, found in roles.items() for each in found]
    if not it_meters:
        streams.append(Stream("it:racks", _it_of_racks(planner, site, racks, racks), is_counter=False))
    cdus_of_loop = {
        loop.id: cdus
        for loop in site.loops.values()
        if loop.kind == "secondary"
        and loop.racks
        and (cdus := [cdu.id for cdu in site.cdus.values() if cdu.secondary == loop.id])
    }
    for loop, cdus in cdus_of_loop.items():
        rack_power = _it_of_racks(planner, site, racks, site.loops[loop].racks)
        pump_power = planner.total(planner.reading(cdu, CDU_POWER) for cdu in cdus)
        streams.append(Stream(f"racks:{loop}", rack_power, is_counter=False))
        streams.append(Stream(f"pumps:{loop}", pump_power, is_counter=False))
    streams += _generation_behind(planner, site, facility)
    streams += _water_and_reuse(planner, site, meters)
    metered = [contract for contract in site.contracts.values() if contract.meter]
    streams += [
        _generated(planner, site, site.meters[str(contract.meter)], f"contract:{contract.id}") for contract in metered
    ]
    profiles = [contract.hourly_w for contract in site.contracts.values() if contract.hourly_w is not None]
    # If IT meters have different categories, the site has the lowest of them.
    return Accounts(
        site=site.id,
        streams=tuple(streams),
        category=str(min((meter.category or 1 for meter in it_meters), default=2)),
        loops=tuple(cdus_of_loop),
        contracts=tuple(f"contract:{contract.id}" for contract in metered),
        profile_w=tuple(sum(each[hour] for each in profiles) for hour in range(24)) if profiles else (),
        zone=site.grid.zone if site.grid else "",
        quantities=frozenset(stream.quantity for stream in streams),
    )


def _generation_behind(planner: Planner, site: Site, facility: Sequence[Meter]) -> Iterator[Stream]:
    """Streams of the generation behind facility meters, and of the energy exported through those meters."""
    counted = {meter.id: meter for meter in facility}
    inside = [each for each in site.meters.values() if each.behind in counted]
    for meter in inside:
        yield _generated(planner, site, meter, f"{meter.role}:{meter.id}")
    for name in dict.fromkeys(str(each.behind) for each in inside):
        exported = planner.each(name, _COUNTER, direction="export")
        if exported:
            yield _counted(planner, site, counted[name], f"export:{name}", exported)
        else:
            yield Stream(f"export:{name}", _positive(planner, metered_w(planner, name), sign=-1), is_counter=False)


def _generated(planner: Planner, site: Site, meter: Meter, quantity: str) -> Stream:
    """The energy that a meter of PV, of a generator or of a contract counts.

    Depending on how the meter was wired, generated energy is in its import or its export register: the larger of the two is taken.
    """
    slots = planner.each(meter.id, _COUNTER)
    if not slots:
        generated_w = planner.step((metered_w(planner, meter.id),), abs)
        return Stream(quantity, generated_w, is_counter=False)
    return _counted(planner, site, meter, quantity, [slots[0] if len(slots) == 1 else planner.step(slots, max)])


def mains_power(planner: Planner, site: Site) -> int | None:
    """Slot of the power that the site takes from the mains, less what it exports; None if no meter covers the whole site."""
    facility = facility_meters(site)
    return planner.total(metered_w(planner, meter.id) for meter in facility) if facility else None


def site_power(planner: Planner, site: Site) -> int | None:
    """Slot of the power that the site uses, including what is generated behind its meters; None if no meter covers the whole site."""
    facility = facility_meters(site)
    if not facility:
        return None
    counted = {meter.id for meter in facility}
    imported = [metered_w(planner, meter.id) for meter in facility]
    generated = [metered_w(planner, each.id) for each in site.meters.values() if each.behind in counted]
    return planner.total([*imported, *(planner.step((each,), abs) for each in generated)])


def _positive(planner: Planner, power: int, sign: int) -> int:
    return planner.step((power,), lambda watts: max(sign * watts, 0.0))


def it_ways(site: Site) -> tuple[ItWay, ...]:
    """The ways to know a site's IT power, the preferred one first. Of several, the index is the `way` of the figure of `it_power`."""
    return (*(("meters",) if site.meters_of("it") else ()), *(("racks",) if site.racks else ()))


def it_power(planner: Planner, site: Site, racks: Mapping[str, RackPower]) -> int | None:
    """Slot of the power of the IT equipment: that of its meters, or of the racks, without meters or while one is not known.

    None if there is neither.
    """

    def of(way: ItWay) -> int:
        if way == "racks":
            return _it_of_racks(planner, site, racks, site.racks)
        return planner.total(metered_w(planner, each.id) for each in without_overlap(site, site.meters_of("it")))

    ways = it_ways(site)
    return planner.first(*(of(way) for way in ways)) if ways else None


def _it_of_racks(planner: Planner, site: Site, racks: Mapping[str, RackPower], of: Iterable[str]) -> int:
    """Slot of the power of these racks, W, without the CDUs and air units that their PDUs feed: pumps and fans are cooling, not IT.

    Most air units do not measure what they take. Such a unit stays in: the fans of a rear door are a percent of its rack, and without it
    the IT power of the site would be unknown for ever.
    """
    names = [*of]
    pumps = [planner.reading(cdu, CDU_POWER) for cdu in cdus_fed_by(site, names)]
    fans = [
        planner.sum_of(unit, AIR_UNIT_POWER)
        for unit in air_units_fed_by(site, names)
        if planner.each(unit, AIR_UNIT_POWER)
    ]
    power = planner.total(racks[rack].total for rack in names)
    return planner.step((power, *pumps, *fans), lambda whole, *cooling: whole - sum(cooling))


def cdus_fed_by(site: Site, racks: Iterable[str]) -> list[str]:
    """The CDUs that PDUs of these racks feed."""
    pdus = {pdu.id for rack in racks for pdu in site.pdus_of(rack)}
    return [cdu.id for cdu in site.cdus.values() if not pdus.isdisjoint(cdu.fed_by)]


def air_units_fed_by(site: Site, racks: Iterable[str]) -> list[str]:
    """The air units that PDUs of these racks feed: rear doors and units in the row."""
    pdus = {pdu.id for rack in racks for pdu in site.pdus_of(rack)}
    return [unit.id for unit in site.air_units.values() if not pdus.isdisjoint(unit.fed_by)]


def _water_and_reuse(planner: Planner, site: Site, meters: Sequence[str]) -> Iterator[Stream]:
    water, heat = (rated_water_m3_per_s(site), WATER_RESOLUTION_M3), (rated_w(site), ENERGY_RESOLUTION_J)
    for meter in meters:
        for quantity, metric, role, (rated, resolution) in (
            ("water", _WATER, "makeup", water),
            ("reuse", _HEAT, "heat_reuse", heat),
        ):
            for slot in planner.each(meter, metric, role=role):
                labels = planner.labels_of(meter)
                yield Stream(
                    f"{quantity}:{meter}",
                    slot,
                    is_counter=True,
                    meter=meter,
                    labels=labels,
                    rated=rated,
                    resolution=resolution,
                )


def _metered(planner: Planner, site: Site, meter: Meter, quantity: str) -> Stream:
    """The meter's energy counter, or its power if it has none. Exported energy is a quantity of its own: it was not used here."""
    exported = planner.each(meter.id, _COUNTER, direction="export")
    imported = [slot for slot in planner.each(meter.id, _COUNTER) if slot not in exported]
    if imported:
        return _counted(planner, site, meter, quantity, imported)
    power = metered_w(planner, meter.id)
    # With generation behind the meter, its export is a stream of its own (`_generation_behind`), so only the import counts here.
    may_export = any(each.behind == meter.id for each in site.meters.values())
    return Stream(quantity, _positive(planner, power, sign=1) if may_export else power, is_counter=False)


def _counted(planner: Planner, site: Site, meter: Meter, quantity: str, slots: Sequence[int]) -> Stream:
    # Many meters state no power beside the counter: then the ratings bound its steps. `abs`, because exported power is negative.
    beside = [planner.sum_of(meter.id, each) for each in (_POWER, _PHASE_POWER) if planner.has(meter.id, each)]
    return Stream(
        quantity,
        planner.total(slots),
        is_counter=True,
        meter=meter.id,
        labels=planner.labels_of(meter.id),
        power=planner.step((planner.first(*beside),), abs) if beside else NO_SLOT,
        rated=rated_w(site, meter.measures),
        resolution=ENERGY_RESOLUTION_J,
    )


def observe(accounts: Accounts, totals: HourlyTotals, values: Values, wall_s: float, failures: Failures) -> None:
    """Add one cycle to the totals."""
    for stream in accounts.streams:
        taking = partial(totals.integrate, stream.quantity, values.number(stream.slot), wall_s)
        if stream.is_counter:
            taking = partial(totals.count, stream.quantity, values.number(stream.slot), wall_s, stream.bound(values))
        failures.attempt(PART, taking, otherwise=None)


@dataclass(frozen=True, slots=True)
class HourEnergy:
    """Energy of one hour, J."""

    balance: Balance
    green: float
    """Covered by renewable contracts."""
    it_used: float


def hour_energy(
    entry: Hour, hour: int, facility: Sequence[str], it_meters: Sequence[str], accounts: Accounts
) -> HourEnergy:
    """What was metered in an hour, whose `entry` has all of the facility, IT and the contracts. `hour` is numbered since 1970."""
    green = sum(entry.amount[each] for each in accounts.contracts)
    if accounts.profile_w:
        green += accounts.profile_w[hour % 24] * HOUR_S
    balance = balance_of(facility, entry.amount.__getitem__)
    return HourEnergy(balance, green, sum(entry.amount[each] for each in it_meters))


class Emissions:
    """Grams of CO2e emitted since counting began.

    A counter must never go back, so each complete hour is added once, with the data known when it ends. Data that arrives later changes
    the report, not this counter.
    """

    def __init__(self, location_g: float = 0.0, market_g: float = 0.0, until_hour: int = 0) -> None:
        self.location_g, self.market_g, self.until_hour = location_g, market_g, until_hour

    def advance(self, accounts: Accounts, totals: HourlyTotals, factors: Factors, now_hour: int) -> None:
        """Add the hours that are complete by now."""
        facility = sorted(filter(is_source, accounts.quantities))
        needs = [*facility, *accounts.contracts]
        # After a clock that was ahead is set back, `until_hour` lies in the future, and no hour would be added until then. The present hour
        # may have been added already, hence the one.
        self.until_hour = min(self.until_hour, now_hour + 1)
        for hour in range(max(self.until_hour, now_hour - WINDOWS_H["year"]), now_hour):
            entry, factor = totals.hours.get(hour), factors.at(hour)
            if facility and entry is not None and factor is not None and all(entry.has(each) for each in needs):
                found = hour_energy(entry, hour, facility, (), accounts)
                self.location_g += location_based_g(found.balance.grid, factor)
                self.market_g += market_based_g(found.balance.grid, found.green, factor, factors.residual)
        self.until_hour = max(self.until_hour, now_hour)

    def figures(self, accounts: Accounts) -> Iterator[Figure]:
        """Both totals, g."""
        for method, grams in (("location", self.location_g), ("market", self.market_g)):
            labels = (("site", accounts.site), ("scope_method", method))
            yield plausible_figure(output_of("dcim_carbon_emissions_grams_total", labels, NO_SLOT), grams, 0.0, 1.0)


def intensity(accounts: Accounts, factors: Factors, hour: int) -> Iterator[Figure]:
    """The grid's factor of the present hour, with its source and whether it is an estimate; and of when the latest one is."""
    latest = factors.latest_hour(hour)
    if latest is not None and accounts.zone:
        whose = (("site", accounts.site), ("zone", accounts.zone), ("source", factors.hourly[latest].source))
        output = output_of("dcim_grid_data_timestamp_seconds", whose, NO_SLOT)
        yield plausible_figure(output, float(latest * HOUR_S), 0.0, 1.0)
    factor = factors.at(hour)
    if factor is not None and accounts.zone:
        quality = "estimated" if factor.estimated else "measured"
        labels = (("zone", accounts.zone), ("basis", factor.basis), ("source", factor.source), ("quality", quality))
        output = output_of(
            "dcim_grid_carbon_intensity_grams_per_kilowatt_hour", (("site", accounts.site), *labels), NO_SLOT
        )
        yield plausible_figure(output, factor.grams_per_kwh, 0.0, 1.0)
