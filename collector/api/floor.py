"""The floor: what stands where, and how it is. Pure."""

from collections.abc import Generator
from typing import Literal

from collector.api.documents import (
    CduState,
    FeedState,
    FloorDocument,
    LoopState,
    RackFeed,
    RackState,
    RackValues,
    RowLayout,
    UpsGroupState,
)
from collector.api.layout import CduPlace, RackPlace
from collector.api.numbers import coarse_age, rounded
from collector.api.scene import Scene, max_known, mean, min_known, total, urgency
from collector.derive import MIN_VOLTAGE_SHARE, group_name
from rackflow.site import Loop

# Without a site file nobody says what the nominal voltage is; no supply of equipment has less than 100 V.
_LOW_VOLTS = 50.0
# How long states are reused, s. Readings expire 30 s after their receipt at the earliest, so a state is out of date by 5 s at most.
_KEPT_S = 5.0
FAILURES = ("pumps", "primary_flow", "heat_rejection")
FeedWord = Literal["on", "off", "unknown"]
PumpWord = Literal["on", "standby", "off", "fault", "unknown"]
_PUMPS: dict[str, PumpWord] = {"running": "on", "standby": "standby", "stopped": "off", "failed": "fault"}


class RackStates:
    """The states of a site's racks as last computed, so that only racks with new readings are computed again.

    A rack costs 60 µs and looking whether it changed 5 µs; most devices are polled every five seconds, and a floor is made every second.
    """

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._states: dict[str, tuple[tuple[object, ...], RackState]] = {}

    def begin(self, scene: Scene) -> None:
        """Forget all states if the figures have changed, or if they are too old: readings expire without a message."""
        made_for = scene.figures, scene.layout, scene.lost_feeds, scene.now // _KEPT_S
        if made_for != self._made_for:
            self._made_for, self._states = made_for, {}

    def of(self, scene: Scene, rack: RackPlace) -> RackState:
        """The state of a rack."""
        site, causes = scene.site, scene.observations.causes
        heard: list[object] = [scene.rack_marks.get(rack.id), scene.beginning_at("rack", rack.id)]
        for name in scene.layout.sources[rack.id]:
            device = scene.latest.device(site, name)
            heard += (device.received_at if device is not None else None, causes.get((site, name)))
        signature = tuple(heard)
        before = self._states.get(rack.id)
        if before is not None and before[0] == signature:
            return before[1]
        state = _rack(scene, rack)
        self._states[rack.id] = signature, state
        return state


def floor_steps(
    scene: Scene, room: str | None, states: RackStates | None = None
) -> Generator[None, None, FloorDocument]:
    """The floor of one room or of all. Yields after each rack."""
    layout = scene.layout
    states = states if states is not None else RackStates()
    states.begin(scene)
    yield
    racks: dict[str, RackState] = {}
    for rack in layout.racks.values():
        if room is None or rack.room == room:
            racks[rack.id] = states.of(scene, rack)
            yield
    cdus: dict[str, CduState] = {}
    for cdu in layout.cdus.values():
        if room is None or cdu.room == room:
            cdus[cdu.id] = _cdu(scene, cdu)
            yield
    # UPSs stand in a room of their own, and what they feed is elsewhere: they are shown with every room.
    groups = {}
    for members in layout.ups_groups:
        group = _group(scene, members)
        groups[group.id] = group
        yield
    feeds = {}
    for feed in _feeds(scene):
        feeds[feed] = _feed(scene, feed)
        yield
    loops = {}
    for loop in layout.file.loops.values() if layout.file is not None else ():
        loops[loop.id] = _loop(scene, loop)
        yield
    rows = [
        RowLayout(id=row.id, room=row.room, racks=[*row.racks], cdus=[*row.cdus])
        for row in layout.rows
        if room is None or row.room == room
    ]
    return FloorDocument(
        site=scene.site,
        room=room,
        rows=rows,
        racks=racks,
        cdus=cdus,
        ups_groups=groups,
        feeds=feeds,
        loops=loops,
    )


def _feeds(scene: Scene) -> list[str]:
    named = scene.layout.file.feeds if scene.layout.file is not None else ()
    labelled = {feed for rack in scene.layout.racks.values() for feed in rack.pdus}
    return [*named, *sorted(labelled - set(named))]


def _rack(scene: Scene, rack: RackPlace) -> RackState:
    reasons = [scene.unobserved(name) for name in rack.devices]
    is_observed = any(reason is None for reason in reasons)
    figures = scene.figures
    ages = [scene.age_s(name) for name, reason in zip(rack.devices, reasons, strict=True) if reason is None]
    power = figures.value("dcim_rack_power_watts", rack.id)
    if scene.layout.file is None or rack.design_power_w is None:
        power = total([pdu_power(scene, pdu) for pdu in rack.every_pdu])
    values = RackValues(
        power_watts=rounded(power),
        power_ratio=rounded(figures.value("dcim_rack_power_utilisation_ratio", rack.id)),
        loss_ratio={
            feed: rounded(
                figures.extreme("dcim_rack_feed_loss_load_ratio", rack.id, highest=True, label="feed", wanted=feed)
            )
            for feed in rack.pdus
        },
        inlet_celsius=rounded(_inlet(scene, rack)),
        supply_celsius=rounded(max_known([_supply(scene, cdu) for cdu in rack.cdus if scene.unobserved(cdu) is None])),
        dew_point_margin_kelvin=rounded(
            min_known([figures.value("dcim_cdu_dew_point_margin_celsius", cdu) for cdu in rack.cdus])
        ),
        age_seconds=coarse_age(max_known(ages)),
    )
    return RackState(
        id=rack.id,
        room=rack.room,
        row=rack.row,
        observed=is_observed,
        unobserved=None if is_observed else next((reason for reason in reasons if reason is not None), None),
        problem=scene.rack_marks.get(rack.id),
        feeds={feed: _rack_feed(scene, feed, pdus) for feed, pdus in rack.pdus.items()},
        values=values,
        devices=[*rack.devices],
        unseen=sum(reason is not None for reason in reasons),
        beginning=scene.beginning_at("rack", rack.id),
    )


def pdu_power(scene: Scene, pdu: str) -> float | None:
    """W of a PDU: its own total, or the sum of its phases."""
    return scene.sum_of(pdu, "dcim_pdu_input_power_watts", "dcim_pdu_phase_power_watts")


def _inlet(scene: Scene, rack: RackPlace) -> float | None:
    """The warmest air in front of a rack: by the site file's sensors, otherwise by those that the rack's devices call `inlet`."""
    found: list[float | None] = []
    if rack.inlets:
        for device, sensor in rack.inlets:
            wanted = {"sensor": sensor} if sensor is not None else {}
            found += scene.numbers(device, "dcim_env_temperature_celsius", **wanted)
    else:
        for device in rack.devices:
            found += scene.numbers(device, "dcim_env_temperature_celsius", position="inlet")
    known = [value for value in found if value is not None]
    return max(known) if known else None


def _supply(scene: Scene, cdu: str) -> float | None:
    return scene.number(cdu, "dcim_cdu_supply_temperature_celsius", loop="secondary")


def _rack_feed(scene: Scene, feed: str, pdus: tuple[str, ...]) -> RackFeed:
    states = {_pdu_state(scene, feed, pdu) for pdu in pdus}
    state: FeedWord = "on" if "on" in states else "off" if states == {"off"} else "unknown"
    loads = [_pdu_load(scene, pdu) for pdu in pdus]
    return RackFeed(state=state, load_ratio=rounded(max_known(loads)))


def _pdu_state(scene: Scene, feed: str, pdu: str) -> FeedWord:
    """Whether a PDU has power. One that is down together with most of its feed is off; if it is down alone, it may be its network."""
    device = scene.device(pdu)
    if device is None or scene.unobserved(pdu) is not None:
        return "unknown"
    if device.up is not True:
        return "off" if feed in scene.lost_feeds else "unknown"
    file = scene.layout.file
    volts = scene.known_numbers(pdu, "dcim_pdu_phase_voltage_volts")
    if not volts and file is not None and pdu not in file.pdus:
        volts = scene.known_numbers(pdu, "dcim_meter_voltage_volts")
    least = file.electrical.volts * MIN_VOLTAGE_SHARE if file is not None else _LOW_VOLTS
    if volts:
        return "on" if max(volts) >= least else "off"
    return "on"  # it is supplied by the feed that it measures, and answers


def _pdu_load(scene: Scene, pdu: str) -> float | None:
    """Load of the worst phase as a share of its continuous limit, from the headroom that is left of it."""
    file = scene.layout.file
    # A power shelf is read from the meter in its tap-off box, and its figures bear its own name.
    described = file.supply_read_from(pdu) if file is not None else None
    if file is None or described is None:
        return None
    left_a = scene.figures.extreme("dcim_pdu_phase_headroom_amperes", described.id, highest=False)
    if left_a is None:
        return None
    return 1 - left_a / (file.electrical.continuous_load_factor * described.breaker_a)


def _cdu(scene: Scene, cdu: CduPlace) -> CduState:
    reason = scene.unobserved(cdu.id)
    pumps: dict[str, PumpWord] = {}
    for labels, state in scene.readings(cdu.id, "dcim_cdu_pump_state"):
        pumps[labels.get("pump", "")] = _PUMPS.get(str(state), "unknown")
    return CduState(
        id=cdu.id,
        room=cdu.room,
        row=cdu.row,
        loop=cdu.loop,
        flow_cubic_meters_per_second=rounded(
            scene.number(cdu.id, "dcim_cdu_flow_cubic_meters_per_second", loop="secondary")
        ),
        supply_celsius=rounded(_supply(scene, cdu.id)),
        return_celsius=rounded(scene.number(cdu.id, "dcim_cdu_return_temperature_celsius", loop="secondary")),
        heat_watts=rounded(scene.number(cdu.id, "dcim_cdu_heat_removed_watts", loop="secondary")),
        pumps=dict(sorted(pumps.items())),
        problem=scene.device_marks.get(cdu.id),
        observed=reason is None,
        unobserved=reason,
        beginning=scene.beginning_at("device", cdu.id),
    )


def _group(scene: Scene, members: tuple[str, ...]) -> UpsGroupState:
    layout = scene.layout
    name = group_name(members)
    place = layout.places.get(members[0], {})
    seen = [ups for ups in members if scene.unobserved(ups) is None]
    sources = [state for ups in seen for _, state in scene.readings(ups, "dcim_ups_output_source")]
    known = [state for state in sources if state is not None]
    marks = [mark for ups in (*members, name) if (mark := scene.device_marks.get(ups)) is not None]
    return UpsGroupState(
        id=name,
        feed=place.get("feed", ""),
        room=place.get("room", ""),
        members=[*members],
        seconds_left=rounded(seconds_left(scene, members), 3),
        load_ratio=rounded(mean([_ups_load(scene, ups) for ups in seen])),
        # One UPS on battery is enough for true; false needs the state of all of them.
        on_battery=True if "battery" in known else False if known and len(known) == len(members) else None,
        observed=bool(seen),
        unseen=len(members) - len(seen),
        problem=min(marks, key=urgency, default=None),
        beginning=next((mark for ups in (*members, name) if (mark := scene.beginning_at("device", ups))), None),
    )


def _ups_load(scene: Scene, ups: str) -> float | None:
    file = scene.layout.file
    described = file.ups.get(ups) if file is not None else None
    watts = scene.sum_of(ups, "dcim_ups_output_total_power_watts", "dcim_ups_output_power_watts")
    if described is not None and watts is not None:
        return watts / described.rated_power_w
    own = [value for value in scene.numbers(ups, "dcim_ups_output_load_ratio") if value is not None]
    return max(own) if own else None


def seconds_left(scene: Scene, upss: tuple[str, ...]) -> float | None:
    """How long the weakest battery lasts, s. For each UPS the shorter of its own claim and the runtime modelled from its data sheet."""
    found: list[float | None] = []
    for ups in upss:
        modelled = scene.figures.value("dcim_ups_modelled_runtime_seconds", ups)
        claimed = scene.number(ups, "dcim_ups_battery_runtime_seconds")
        both = [value for value in (modelled, claimed) if value is not None]
        found.append(min(both) if both else None)
    return min_known(found)


def _feed(scene: Scene, feed: str) -> FeedState:
    file = scene.layout.file
    places = scene.layout.places
    upss = tuple(ups for ups in scene.layout.upss if places[ups].get("feed") == feed)
    # A feed's state can only be inferred from what it supplies; one dark rack proves nothing. The first PDU that is on is proof enough:
    # to look at all 4,000 of a campus was a fifth of what its floor costs each second.
    pdus = (pdu for rack in scene.layout.racks.values() for pdu in rack.pdus.get(feed, ()))
    state: FeedWord = "unknown"
    if feed in scene.lost_feeds:
        state = "off"
    elif any(_pdu_state(scene, feed, pdu) == "on" for pdu in pdus):
        state = "on"
    return FeedState(
        id=feed,
        state=state,
        seconds_left=rounded(seconds_left(scene, upss), 3),
        backup_start_seconds=file.feeds[feed].backup_start_s if file is not None and feed in file.feeds else None,
    )


def _loop(scene: Scene, loop: Loop) -> LoopState:
    figures = scene.figures
    return LoopState(
        id=loop.id,
        kind=loop.kind,
        heat_watts=rounded(figures.value("dcim_loop_heat_watts", loop.id)),
        cdus_spare=figures.value("dcim_loop_cdus_spare", loop.id),
        ride_through={
            failure: rounded(figures.value("dcim_loop_ride_through_seconds", loop.id, "failure", failure), 3)
            for failure in FAILURES
        },
    )
