"""What examples of problems are made of: devices, agents, figures and a collector, each with what they say.

Values are in the catalogue's units; a state is its text. `Then` has a value of before and one that follows an hour later.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Then(NamedTuple):
    """A series that changes once, half-way through the example."""

    before: float | str
    after: float | str


class Cycle(NamedTuple):
    """A series that says one value after the other, again and again: the load of a training job."""

    values: tuple[float | str, ...]


Value = float | str | Then | Cycle
Series = dict[str, Value]
"""Values by series key without the class: `ups_output_source`, `pdu_phase_current_amperes{inlet=1,phase=L1}`."""


@dataclass(frozen=True)
class Thing:
    """One device, or an agent, a site's figures or the collector itself if `kind` says so."""

    series: Series
    kind: str = "device"
    device_class: str = "ups"
    is_up: bool | Cycle | None = True
    labels: dict[str, str] = field(default_factory=dict)
    agent: str = "g"
    """Who polls it, if it is a device."""


@dataclass(frozen=True)
class Example:
    """What is the case, and the names of all problems that are reported then."""

    things: list[Thing]
    problems: tuple[str, ...] = ()


def device(device_class: str = "ups", *, up: bool | None = True, feed: str = "A", **series: Value) -> Thing:
    """A device with series that have no labels."""
    return Thing(dict(series), device_class=device_class, is_up=up, labels={"feed": feed})


def coming_and_going(device_class: str = "pdu", *, times: int = 0, **place: str) -> Thing:
    """A device that answers every other time; only so often, if `times` says how often."""
    once = (1.0, 0.0)
    return Thing(
        {}, device_class=device_class, is_up=Cycle(once * times + (1.0,) * 1000 if times else once), labels=place
    )


def one(key: str, value: Value, device_class: str = "ups") -> Thing:
    """A device with one series."""
    return Thing({key: value}, device_class=device_class, labels={"feed": "A"})


def of(device_class: str, series: Series) -> Thing:
    """A device with several series."""
    return Thing(series, device_class=device_class, labels={"feed": "A"})


def in_room(series: Series) -> Thing:
    """A CDU of a room."""
    return Thing(series, device_class="cdu", labels={"room": "r"})


def figure(key: str, value: Value) -> Thing:
    """A derived figure."""
    return Thing({key: value}, kind="figures")


def agent(key: str, value: Value) -> Thing:
    """Something that is said by or about an agent."""
    return Thing({key: value}, kind="agent")


PHASE = "{inlet=1,phase=L1}"
PRESENT = "device_series{state=present}"
OF_SAFETY = "device_series{state=safety}"
OVERLOADED = "device_alarm_active{alarm=output_overload,severity=critical}"
FLOW = "cdu_flow_cubic_meters_per_second{loop=secondary}"
SETPOINT = "cdu_flow_setpoint_cubic_meters_per_second{loop=secondary}"
SUPPLY = "cdu_supply_temperature_celsius{loop=secondary}"
SUPPLY_SETPOINT = "cdu_supply_temperature_setpoint_celsius{loop=secondary}"
WATER = "cdu_supply_temperature_celsius{loop=primary}"


def phase(current: Value, rated: float = 32.0) -> Thing:
    """A phase of a rack PDU with its rating."""
    return of("pdu", {f"pdu_phase_current_amperes{PHASE}": current, f"pdu_phase_rated_current_amperes{PHASE}": rated})


def feeds(dark: int, lit: int, feed: str = "A", agent: str = "g", **place: str) -> list[Thing]:
    """PDUs of one feed that are dark, and those that answer. `place` are labels of all of them: `room`, `row`."""
    return [
        Thing({}, device_class="pdu", is_up=is_up, labels={"feed": feed, **place}, agent=agent)
        for is_up, count in ((False, dark), (True, lit))
        for _ in range(count)
    ]


NOMINAL = "device_nominal_voltage_volts"


def loads(kind: str, labels: str, **ratios: float) -> list[Thing]:
    """What a phase's breaker feels, as figures."""
    own = ",".join(sorted([labels, "phase=L1"]))
    return [Thing({f"{kind}_{name}_load_ratio{{{own}}}": each for name, each in ratios.items()}, kind="figures")]


def inlet(celsius: float) -> Thing:
    """The air before a rack."""
    return figure("rack_air_temperature_celsius{device=p,position=inlet,rack=k1,sensor=1}", celsius)
