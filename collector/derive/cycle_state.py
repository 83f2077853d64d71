"""What figures need to remember from one cycle to the next: suspect sensors, clogging, losses, highest power.

This state outlives plans: when a device comes or goes, what was learned about the others must not be lost. So state is kept by name, never
by slot, and `Watched` says for each plan which slots belong to which name.

A new figure that needs earlier cycles calls `Planner.remember` (`engine/stateful.py`) instead, which has less to write. Here is what that
cannot do: suspects are found before anything is computed, because no figure may use them, and a step is not told of cycles in which an
input is missing, in which losses start over and a rack's peak is still given.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from collector.derive.engine import (
    INTERNAL,
    NO_SLOT,
    PART,
    Figure,
    Output,
    Planner,
    Values,
    output_of,
    plausible_figure,
)
from collector.derive.liquid import FLOW, HEAT
from collector.derive.power import RackPower, rack_labels
from collector.derive.trends import Clogging, FiveMinuteMean, PeakPower
from collector.derive.trust import (
    AirSensor,
    CduWatch,
    Contradictions,
    MeteredSide,
    Numbers,
    plan_air,
    plan_meters,
)
from collector.latest import LatestValue
from rackflow.process.bulkhead import Failures
from rackflow.site import Site

# The total of a side of a UPS, and the powers of its lines, of which one is enough.
_UPS_INPUT_POWER = "dcim_ups_input_total_power_watts", "dcim_ups_input_power_watts"
_UPS_OUTPUT_POWER = "dcim_ups_output_total_power_watts", "dcim_ups_output_power_watts"
# m3/s below which a filter's resistance is not judged: 6 L/min, where the square of the flow is mostly the meter's error.
_MIN_FLOW_M3_PER_S = 1e-4
# Pa below which it is not judged, a chosen value: half a percent of a transmitter for one bar. A filter that is valved off, as one of a
# duplex pair, shows less, and would count as the cleanest ever; after an hour of 0 Pa there was nothing to compare with any more.
_MIN_DROP_PA = 500.0


@dataclass(frozen=True, slots=True)
class Filter:
    """Slots and outputs of one filter."""

    cdu: str
    name: str
    pressure_drop: int
    """Pa."""
    flow: int
    """m3/s through the secondary side, and so through the filter."""
    running: int | None
    """Running time, s; None if the unit does not count it."""
    clogging: Output
    time_to_limit: Output


@dataclass(frozen=True, slots=True)
class CooledRacks:
    """What a CDU's heat is compared with: the power of the racks of its loop."""

    cdus: tuple[str, ...] = ()
    """All CDUs of the loop, which cool these racks together; empty if the site file names no loop of the CDU."""
    power: tuple[int, ...] = ()
    """Slots of the power of each rack."""


@dataclass(frozen=True, slots=True)
class UpsLosses:
    """Slots of the input and output power of one UPS, and the output that publishes the difference."""

    input_power: int
    output_power: int
    output: Output


@dataclass(frozen=True, slots=True)
class ProvisionedRack:
    """The power provisioned for one rack."""

    power: int
    """Slot of its present power."""
    firm_w: float
    """What its weakest feed may carry for hours."""
    stranded: Output


@dataclass(frozen=True, slots=True)
class Watched:
    """What to watch in one plan of a site."""

    cdus: Mapping[str, CooledRacks]
    meters: Mapping[str, tuple[MeteredSide, ...]]
    rooms: Mapping[str, tuple[AirSensor, ...]]
    suspect_labels: Mapping[str, tuple[tuple[str, str], ...]]
    filters: tuple[Filter, ...]
    losses: Mapping[str, UpsLosses]
    racks: Mapping[str, ProvisionedRack]


def plan_watched(
    planner: Planner,
    site: Site | None,
    classes: Mapping[str, str],
    racks: Mapping[str, RackPower],
    *,
    with_racks: bool = True,
) -> Watched:
    """List what to watch in one plan. `classes` gives each device's class; `with_racks` is False if the racks could not be planned."""
    cdus, ups = (sorted(name for name, each in classes.items() if each == wanted) for wanted in ("cdu", "ups"))
    every = dict.fromkeys([*(site.cdus if site is not None else ()), *cdus])
    cooled = dict.fromkeys(every, CooledRacks())
    provisioned: dict[str, ProvisionedRack] = {}
    if site is not None:
        cooled |= _cooled(site, racks if with_racks else None)
        provisioned = dict(_provisioned(site, racks))
    meters = {name: found for name, each in sorted(classes.items()) if (found := plan_meters(planner, name, each))}
    rooms = plan_air(planner, site) if site is not None else {}
    filters = tuple(each for cdu in every for each in _filters(planner, cdu))
    losses = {name: losses_of for name in ups if (losses_of := _losses(planner, name)) is not None}
    labels = {name: planner.labels_of(name) for name in (*every, *meters, *_devices(rooms))}
    return Watched(
        cdus=cooled,
        meters=meters,
        rooms=rooms,
        suspect_labels=labels,
        filters=filters,
        losses=losses,
        racks=provisioned,
    )


def _cooled(site: Site, racks: Mapping[str, RackPower] | None) -> dict[str, CooledRacks]:
    """The racks that each CDU of a loop cools together with the others; without their power if `racks` is None."""
    found: dict[str, CooledRacks] = {}
    for loop in site.loops.values():
        members = tuple(cdu.id for cdu in site.cdus.values() if cdu.secondary == loop.id)
        power = tuple(racks[rack].total for rack in loop.racks) if racks is not None else ()
        found |= dict.fromkeys(members, CooledRacks(members, power))
    return found


def _devices(rooms: Mapping[str, Sequence[AirSensor]]) -> Iterator[str]:
    return (sensor.device for sensors in rooms.values() for sensor in sensors)


def _losses(planner: Planner, ups: str) -> UpsLosses | None:
    """What the losses of a UPS are computed from, if it measures both sides.

    `as_read`, because both come from one poll. With the usual delay until other devices were read as well, a rising output would count
    later than its input, and the mean loss of a load that steps would be too low.
    """
    sides = []
    for metrics in _UPS_INPUT_POWER, _UPS_OUTPUT_POWER:
        with planner.as_read():
            ways = [planner.sum_of(ups, metric) for metric in metrics if planner.has(ups, metric)]
        if not ways:
            return None
        sides.append(planner.first(*ways))
    return UpsLosses(sides[0], sides[1], output_of("dcim_ups_losses_watts", planner.labels_of(ups), NO_SLOT))


def _provisioned(site: Site, racks: Mapping[str, RackPower]) -> Iterator[tuple[str, ProvisionedRack]]:
    """The power provisioned for each rack: the continuous limit of its weakest feed, since each feed must carry the rack alone."""
    volts, factor = site.electrical.volts, site.electrical.continuous_load_factor
    for rack, slots in racks.items():
        direct_a = [sum(site.path(rack, feed).breaker_a.values()) for feed in slots.current]
        switched_a = [
            min(len(each.phases) * each.breaker_a for each in load.switch.inputs.values()) for load in slots.switched
        ]
        firm_w = factor * volts * (min(direct_a, default=0.0) + sum(switched_a))
        labels = (("site", site.id), *rack_labels(site, rack))
        stranded = output_of("dcim_rack_stranded_power_watts", labels, NO_SLOT)
        yield rack, ProvisionedRack(slots.total, firm_w, stranded)


def _filters(planner: Planner, cdu: str) -> Iterator[Filter]:
    running = planner.labelled(cdu, "dcim_cdu_filter_running_seconds_total", "filter")
    for name, drop in planner.labelled(cdu, "dcim_cdu_filter_differential_pressure_pascals", "filter").items():
        labels = (*planner.labels_of(cdu), ("filter", name))
        yield Filter(
            cdu=cdu,
            name=name,
            pressure_drop=drop,
            flow=planner.reading(cdu, FLOW, loop="secondary"),
            running=running.get(name),
            clogging=output_of("dcim_cdu_filter_clogging_ratio", labels, NO_SLOT),
            time_to_limit=output_of("dcim_cdu_filter_time_to_limit_seconds", labels, NO_SLOT),
        )


@dataclass(slots=True)
class CycleState:
    """The state of one site, kept over all of its plans."""

    watches: dict[str, CduWatch] = field(default_factory=dict)
    filters: dict[str, dict[str, Clogging]] = field(default_factory=dict)
    """By CDU and name of the filter."""
    peaks: dict[str, PeakPower] = field(default_factory=dict)
    losses: dict[str, FiveMinuteMean] = field(default_factory=dict)
    contradictions: Contradictions = field(default_factory=Contradictions)
    failures: Failures = field(default_factory=Failures)

    def update_steps(
        self, watched: Watched, latest_of: Callable[[str], Mapping[str, LatestValue]], before: Values | None, now: float
    ) -> Generator[None, None, dict[tuple[str, str], str]]:
        """Judge the readings of this cycle; return the series that no figure may use, by device and key, with the reason.

        `latest_of` gives the latest readings of a device by series key, none while it is not observed.
        `before` are the values of the previous cycle, from which the power of the racks is taken; None right after planning.
        Yields after each device.
        """
        readings = {cdu: latest_of(cdu) for cdu in watched.cdus}
        distrusted: dict[tuple[str, str], str] = {}

        def number(device: str, key: str) -> float | None:
            reading = (readings.get(device) or latest_of(device)).get(key)
            value = reading.value if reading is not None and now < reading.expires_at else None
            return value if isinstance(value, float) else None

        for cdu, racks in watched.cdus.items():
            yield
            watch = self.watches.setdefault(cdu, CduWatch())
            power_w = partial(_part_of_power, cdu, racks, before, number)
            is_certain = partial(_is_part_certain, cdu, racks, number)
            judge = partial(_judge, watch, readings[cdu], now, power_w, is_certain)
            # Readings that could not be judged are not used: a figure from a sensor that may be stuck would be a guess.
            unjudged: Mapping[str, str] = dict.fromkeys(readings[cdu], "internal: it could not be judged")
            suspects = self.failures.attempt(PART, judge, otherwise=unjudged)
            distrusted.update({(cdu, key): reason for key, reason in suspects.items()})

        def life_s(device: str, key: str) -> float:
            reading = latest_of(device).get(key)
            return reading.life_s if reading is not None else 0.0

        yield from self.contradictions.judge_steps(
            watched.meters, watched.rooms, number, life_s, now, failures=self.failures
        )
        distrusted.update(dict.fromkeys(self.contradictions.suspects, "impossible"))
        distrusted.update(dict.fromkeys(self.contradictions.unjudged, "internal: it could not be judged"))
        return distrusted

    def forget(self, device: str) -> None:
        """Drop what was learned of a device that is gone, or that was replaced."""
        self.watches.pop(device, None)
        self.losses.pop(device, None)
        self.filters.pop(device, None)

    def figures(self, watched: Watched, values: Values, now: float) -> Iterator[Figure]:
        """Figures made from this state: suspects, clogging, losses, stranded power."""
        named = {(cdu, *each) for cdu in watched.cdus for each in self.watches[cdu].named.items()}
        named |= {(device, reading, "impossible") for device, reading in self.contradictions.named}
        for device, reading, reason in sorted(named):
            labels = (*watched.suspect_labels[device], ("reading", reading), ("reason", reason))
            yield Figure(output_of("dcim_device_reading_suspect", labels, NO_SLOT), 1.0, 0.0, 1.0)
        for each in watched.filters:
            failed = [_failed(output) for output in (each.clogging, each.time_to_limit)]
            yield from self.failures.attempt(PART, partial(self._filter, each, values, now), otherwise=failed)
        for ups, losses in watched.losses.items():
            loss = partial(self._loss, ups, losses, values, now)
            yield self.failures.attempt(PART, loss, otherwise=_failed(losses.output))
        for rack, provisioned in watched.racks.items():
            stranded = partial(self._stranded, rack, provisioned, values, now)
            yield self.failures.attempt(PART, stranded, otherwise=_failed(provisioned.stranded))

    def _stranded(self, rack: str, provisioned: ProvisionedRack, values: Values, now: float) -> Figure:
        peak, output = self.peaks.setdefault(rack, PeakPower()), provisioned.stranded
        power_w = values.number(provisioned.power)
        if power_w is not None:
            peak.add(power_w, now)
        highest = peak.highest()
        if highest is None:
            return Figure(output, None, 0.0, peak.share(), ("less than a day has been seen",))
        return plausible_figure(output, provisioned.firm_w - highest, 0.0, peak.share())

    def _loss(self, ups: str, losses: UpsLosses, values: Values, now: float) -> Figure:
        sides, output = (losses.input_power, losses.output_power), losses.output
        input_w, output_w = (values.number(slot) for slot in sides)
        level = self.losses.setdefault(ups, FiveMinuteMean())
        if input_w is None or output_w is None or input_w <= 0:
            # Starts over after any gap: a mean across the gap would mix losses before and after a transfer to battery or bypass.
            self.losses[ups] = FiveMinuteMean()
            words = [word for slot in sides for word in values.coverage(slot)[1]] or ["the UPS takes no power"]
            return Figure(output, None, 0.0, 1.0, tuple(words))
        loss_w = level.add(input_w - output_w, now)
        if loss_w is None or not output.metric.plausible(loss_w):
            why = "less than ten minutes have been seen" if loss_w is None else f"result {loss_w:.4g} is not plausible"
            return Figure(output, None, 0.0, 1.0, (why,))
        return Figure(output, loss_w, max(values.age_s[slot] for slot in sides), 1.0)

    def _filter(self, each: Filter, values: Values, now: float) -> list[Figure]:
        clogging = self.filters.setdefault(each.cdu, {}).setdefault(each.name, Clogging())
        drop, flow = values.number(each.pressure_drop), values.number(each.flow)
        running = values.number(each.running) if each.running is not None else None
        if drop is not None and flow is not None and drop >= _MIN_DROP_PA and flow >= _MIN_FLOW_M3_PER_S:
            clogging.add(drop / (flow * flow), now, running)
        reasons = [reason for slot in (each.pressure_drop, each.flow) for reason in values.coverage(slot)[1]]
        found = []
        for output, value, span in (
            (each.clogging, clogging.ratio(), "an hour"),
            (each.time_to_limit, clogging.time_to_limit_s(), "a day"),
        ):
            if reasons or value is None:
                found.append(Figure(output, None, 0.0, 1.0, tuple(reasons) or (f"less than {span} has been seen",)))
            else:
                oldest_s = max(values.age_s[each.pressure_drop], values.age_s[each.flow])
                found.append(plausible_figure(output, value, oldest_s, 1.0))
        return found


def _failed(output: Output) -> Figure:
    return Figure(output, None, 0.0, 0.0, (INTERNAL,))


def _judge(
    watch: CduWatch,
    readings: Mapping[str, LatestValue],
    now: float,
    power_w: Callable[[], float | None],
    is_certain: Callable[[], bool],
) -> Mapping[str, str]:
    watch.update(readings, now, power_w(), is_certain=is_certain())
    return watch.suspects


def _part_of_power(cdu: str, racks: CooledRacks, before: Values | None, number: Numbers) -> float | None:
    """The part of the racks' power, W, that a CDU should remove; None if unknown.

    Several CDUs on a loop share the power in proportion to their heat, because it is not known which CDU cools which rack. A CDU on
    standby gets no share, and neither does one whose heat is not known; see `_is_part_certain`.
    """
    powers = [before.number(slot) for slot in racks.power] if before is not None else []
    known = [power for power in powers if power is not None]
    if not known or len(known) < len(racks.power):
        return None
    key = f"{HEAT}{{loop=secondary}}"
    heats = [number(member, key) or 0.0 for member in racks.cdus]
    own, whole = number(cdu, key) or 0.0, sum(heats)
    if len(racks.cdus) > 1 and (own <= 0 or whole <= 0):
        return None
    return sum(known) * (own / whole if len(racks.cdus) > 1 else 1.0)


def _is_part_certain(cdu: str, racks: CooledRacks, number: Numbers) -> bool:
    """Whether the part of the power is not only the most that the CDU can have: the heat of each other CDU of the loop is known."""
    key = f"{HEAT}{{loop=secondary}}"
    return all(each == cdu or number(each, key) is not None for each in racks.cdus)
