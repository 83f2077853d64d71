"""Finds readings of one device that contradict each other by the laws of electricity.

Every reading stands for an interval: plus or minus half the step of its metric on this device (the largest power of ten, up to a
hundred, that divides all its values), widened by `RELATIVE`, because meters are no better and the values of a walk are read one
after another. Two readings agree if their intervals overlap, or if both are below `FLOOR`, where a meter measures nothing.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from rackflow.series import parse_series_key

RELATIVE = 0.04
FLOOR = 25.0
"""Limit in watts and volt-amperes."""
COARSEST = 2
"""Most zeros at the end of a number that count as its step: hundreds of watts."""
LEAST_FACTOR = 0.5
"""Power factor below which a load is implausible. Idle power supplies with input filters are below it; each is excused with a reason."""
ZERO_AMPERES = 0.5
"""Assumed step of a current if all currents of the device are 0, because nothing shows its step: many devices count whole amperes."""
LINE_RELATIVE = 0.03
"""Allowed difference between a line-to-line voltage and the square root of 3 times that to neutral; unbalanced feeds differ by as much."""
ENERGY_RELATIVE = 0.01
"""Of counters of one device: their steps, and what was counted while the walk went on."""
RATED_VOLTS = 0.2
"""Allowed difference between the mains voltage and its rating: EN 50160 allows 10 %, and a UPS may accept more."""
WATER_J_PER_M3_K = 4.17e6
HEAT_FACTOR = 1.3
"""Glycol carries up to 15 % less than water; the rest is for meters of flow and temperature."""
LOAD_ABSOLUTE = 0.03
"""Allowed difference between a load and power / rating, both as shares."""

LEVEL = re.compile(
    r"dcim_(?P<level>ups_output|ups_input|ups_bypass|pdu_bank|pdu_outlet|ats_output|ats_source|circuit|pdu|meter)_"
    r"(?:input_|phase_|total_)?"
    r"(?P<quantity>voltage_volts|line_voltage_volts|current_amperes|power_watts|apparent_power_voltamperes|reactive_power_vars"
    r"|power_factor_ratio|load_ratio)"
)
RATED = re.compile(r"dcim_(?P<level>ups|pdu_input)_rated_(?P<quantity>power_watts|apparent_power_voltamperes)")
VOLTS, LINE_VOLTS, AMPERES, WATTS = "voltage_volts", "line_voltage_volts", "current_amperes", "power_watts"
VA, VAR, FACTOR, LOAD = "apparent_power_voltamperes", "reactive_power_vars", "power_factor_ratio", "load_ratio"


@dataclass(frozen=True)
class Span:
    """The interval of true values that a reading may represent."""

    low: float
    high: float

    def __mul__(self, other: "Span") -> "Span":
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Span(min(ends), max(ends))

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def wider(self, relative: float) -> "Span":
        """The interval widened by a share on both sides."""
        return Span(self.low - abs(self.low) * relative, self.high + abs(self.high) * relative)

    def meets(self, other: "Span") -> bool:
        """Whether both intervals overlap."""
        return self.low <= other.high and other.low <= self.high


@dataclass
class Component:
    """One component (inlet, phase, bank, outlet, ...) and its readings."""

    name: str
    labels: dict[str, str]
    spans: dict[str, Span] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """Its place in the power path."""
        return self.name.partition(",")[0]

    def has(self, *quantities: str) -> bool:
        """Whether all of these are read."""
        return all(quantity in self.spans for quantity in quantities)


def _digits(value: float) -> int:
    """Decimal places of a value; negative where it ends in zeros."""
    number = Fraction(str(round(value, 9)))
    digits = len(f"{value:.9f}".rstrip("0").partition(".")[2])
    while -COARSEST < digits <= 0 and number % 10 == 0:
        number, digits = number / 10, digits - 1
    return digits


def _spans(values: Mapping[str, float]) -> dict[str, Span]:
    steps: dict[str, int] = {}
    for key, value in values.items():
        if value:
            metric = parse_series_key(key)[0]
            steps[metric] = max(steps.get(metric, -9), _digits(value))
    half = {metric: 0.5 * 10.0**-digits for metric, digits in steps.items()}
    spans = {}
    for key, value in values.items():
        metric = parse_series_key(key)[0]
        slack = half.get(metric, ZERO_AMPERES if metric.endswith(AMPERES) else 0.0)
        spans[key] = Span(value - slack, value + slack)
    return spans


def components(values: Mapping[str, float]) -> dict[str, Component]:
    """All components by their name: level and labels without the line."""
    found: dict[str, Component] = {}
    for key, span in _spans(values).items():
        metric, labels = parse_series_key(key)
        match = LEVEL.fullmatch(metric)
        if match is None:
            continue
        kept = {name: value for name, value in labels.items() if name != "line"}
        level = match["level"]
        name = level + "".join(f",{label}={kept[label]}" for label in sorted(kept))
        component = found.setdefault(name, Component(name, kept))
        quantity = match["quantity"]
        if quantity == LINE_VOLTS and quantity in component.spans:
            other = component.spans[quantity]
            component.spans[quantity] = Span(min(span.low, other.low), max(span.high, other.high))
        else:
            component.spans[quantity] = span
    return found


def _agree(ours: Span, other: Span) -> bool:
    small = max(abs(ours.high), abs(other.high)) < FLOOR
    return small or ours.wider(RELATIVE).meets(other.wider(RELATIVE))


def _alone(component: Component, phases: list[Component]) -> Iterator[str]:
    """Laws within one component; volts times amperes only where it is one phase."""
    spans = component.spans
    if component.has(VOLTS, AMPERES) and len(phases) < 2:
        product = spans[VOLTS] * spans[AMPERES]
        if VA in spans and not _agree(product, spans[VA]):
            yield "volts x amperes is not the apparent power"
        if component.has(WATTS, FACTOR) and not _agree(product * _unsigned(spans[FACTOR]), spans[WATTS]):
            yield "volts x amperes x power factor is not the power"
        if WATTS in spans and not _at_most(spans[WATTS], product):
            yield "more power than volts x amperes"
        if WATTS in spans and FACTOR not in spans and spans[WATTS].high < product.low * LEAST_FACTOR - FLOOR:
            yield "much less power than volts x amperes"
    if component.has(WATTS, VAR, VA) and not _agree(_square_root(spans[WATTS], spans[VAR]), spans[VA]):
        yield "power and reactive power do not make the apparent power"
    if component.has(WATTS, VA) and not _at_most(spans[WATTS], spans[VA]):
        yield "more power than apparent power"
    if component.has(WATTS, VA, FACTOR) and not _agree(spans[VA] * _unsigned(spans[FACTOR]), spans[WATTS]):
        yield "apparent power x power factor is not the power"


def _square_root(one: Span, other: Span) -> Span:
    """The square root of the sum of both squares: active and reactive power are at right angles."""
    ends = [(min(abs(each.low), abs(each.high)), max(abs(each.low), abs(each.high))) for each in (one, other)]
    low, high = (math.hypot(*side) for side in zip(*ends, strict=True))
    return Span(low, high)


def _unsigned(span: Span) -> Span:
    """A power factor without the sign that says leading or lagging."""
    return Span(-span.high, -span.low) if span.high < 0 else span


def _at_most(part: Span, whole: Span) -> bool:
    return part.low <= max(whole.high * (1 + RELATIVE), FLOOR)


def _carried(total: Component, phases: list[Component]) -> Iterator[str]:
    """Volts times amperes, summed over all phases, must agree with the power of the component."""
    if not phases or not all(phase.has(VOLTS, AMPERES) for phase in phases):
        return
    products = [phase.spans[VOLTS] * phase.spans[AMPERES] for phase in phases]
    carried = sum(products[1:], start=products[0])
    if WATTS in total.spans and not _at_most(total.spans[WATTS], carried):
        yield "more power than volts x amperes of the phases"
    if VA in total.spans and not _at_most(total.spans[VA], carried):
        yield "more apparent power than volts x amperes of the phases"
    if WATTS in total.spans and total.spans[WATTS].high < carried.low * LEAST_FACTOR - FLOOR:
        yield "much less power than volts x amperes of the phases"


def _phases(total: Component, phases: list[Component]) -> Iterator[str]:
    """Laws between a component and its phases."""
    for quantity, what in ((WATTS, "power"), (VA, "apparent power"), (VAR, "reactive power")):
        parts = [phase.spans[quantity] for phase in phases if quantity in phase.spans]
        if quantity not in total.spans or len(parts) != len(phases) or not parts:
            continue
        summed = sum(parts[1:], start=parts[0])
        # Apparent power of unbalanced phases adds up as vectors do, which is less.
        agree = _at_most(total.spans[quantity], summed) if quantity == VA else _agree(summed, total.spans[quantity])
        if not agree:
            yield f"the phases do not add up to the {what}"
    yield from _carried(total, phases)
    loads = [phase.spans[LOAD] for phase in phases if LOAD in phase.spans]
    if LOAD in total.spans and len(loads) == len(phases) > 1:
        highest = max(each.high for each in loads) + LOAD_ABSOLUTE
        if not sum(each.low for each in loads) / len(loads) - LOAD_ABSOLUTE <= total.spans[LOAD].high <= highest:
            yield "the load is not between the mean and the highest of its phases"
    volts = [phase.spans[VOLTS] for phase in phases if VOLTS in phase.spans and phase.spans[VOLTS].low > 1]
    if LINE_VOLTS in total.spans and volts and total.spans[LINE_VOLTS].low > 1:
        mean = Span(min(each.low for each in volts), max(each.high for each in volts)).wider(LINE_RELATIVE)
        if not (mean * Span(math.sqrt(3), math.sqrt(3))).meets(total.spans[LINE_VOLTS]):
            yield "the voltage between lines is not the root of three times that to neutral"


def _loads(values: Mapping[str, float], found: Mapping[str, Component]) -> Iterator[tuple[str, str]]:
    """A load as a share must agree with power / rating, for watts or volt-amperes, whichever is greater."""
    for key, rated in values.items():
        match = RATED.fullmatch(parse_series_key(key)[0])
        if match is None or not rated:
            continue
        level = "ups_output" if match["level"] == "ups" else "pdu"
        labels = parse_series_key(key)[1]
        for component in found.values():
            if component.level != level or not component.has(LOAD, match["quantity"]):
                continue
            if any(component.labels.get(name) != value for name, value in labels.items()):
                continue
            share = rated / len(_phases_of(component, found)) if "phase" in component.labels else rated
            least = (component.spans[match["quantity"]].low * (1 - RELATIVE)) / share - LOAD_ABSOLUTE
            if component.spans[LOAD].high < least:
                yield component.name, f"the load is less than {match['quantity']} over its rating"
            most = (component.spans[match["quantity"]].high * (1 + RELATIVE)) / share + LOAD_ABSOLUTE
            if match["quantity"] == VA and component.spans[LOAD].low > most:
                yield component.name, "the load is more than the apparent power over its rating"


def _outlets(found: Mapping[str, Component]) -> Iterator[tuple[str, str]]:
    """Outlets and banks together carry no more than the inlets."""
    inlets = [each for each in found.values() if each.level == "pdu" and "phase" not in each.labels]
    for level in ("pdu_outlet", "pdu_bank"):
        parts = [each for each in found.values() if each.level == level and WATTS in each.spans]
        if not parts or not inlets or not all(WATTS in inlet.spans for inlet in inlets):
            continue
        together = Span(0, 0)
        for part in parts:
            together += part.spans[WATTS]
        supplied = Span(0, 0)
        for inlet in inlets:
            supplied += inlet.spans[WATTS]
        if not _at_most(together, supplied):
            yield level, "together they take more power than the inlets give"


def _through(found: Mapping[str, Component]) -> Iterator[tuple[str, str]]:
    """A UPS takes at least what it delivers, so an input current of 0 while there is a load is not a reading."""
    given = [each.spans[WATTS].low for each in found.values() if each.level == "ups_output" and WATTS in each.spans]
    given += [
        (each.spans[VOLTS] * each.spans[AMPERES]).low
        for each in found.values()
        if each.level == "ups_output" and each.has(VOLTS, AMPERES)
    ]
    sides = {
        side: [each.spans[WATTS] for each in found.values() if each.level == side and WATTS in each.spans]
        for side in ("ups_input", "ups_output")
    }
    if all(sides.values()):
        taken_w, given_w = (sum(side[1:], start=side[0]) for side in sides.values())
        if not _at_most(given_w, taken_w):
            yield "ups_input", "less power than the output gives"
    for quantity in (AMPERES, WATTS):
        taken = [
            each.spans[quantity].low + each.spans[quantity].high
            for each in found.values()
            if each.level == "ups_input" and quantity in each.spans
        ]
        if taken and not any(taken) and max(given, default=0.0) > FLOOR:
            yield "ups_input", f"no {quantity.partition('_')[0]} beside a load"


def _rated(values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Voltages must be near their rating, and currents must be the share of their rating that the device reports."""
    for key, value in values.items():
        metric, labels = parse_series_key(key)
        for level in ("output", "input"):
            rated = values.get(f"dcim_ups_rated_{level}_voltage_volts")
            if (
                metric == f"dcim_ups_{level}_voltage_volts"
                and rated
                and value > 1
                and abs(value / rated - 1) > RATED_VOLTS
            ):
                yield f"ups_{level}", "a voltage far from the rated one"
        if metric == "dcim_pdu_phase_load_ratio":
            rated, amperes = (
                next((each for other, each in values.items() if parse_series_key(other) == (name, labels)), None)
                for name in ("dcim_pdu_phase_rated_current_amperes", "dcim_pdu_phase_current_amperes")
            )
            if rated and amperes is not None and abs(amperes / rated - value) > LOAD_ABSOLUTE:
                yield "pdu", "the load is not current over rating"


def _energies(values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """The energy of the phases must add up to the total, if all were counted from the same reset on."""
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for key, value in values.items():
        metric, labels = parse_series_key(key)
        if (match := re.fullmatch(r"dcim_(pdu|meter)_phase_energy_joules_total", metric)) is not None:
            kept = tuple(sorted((name, text) for name, text in labels.items() if name != "phase"))
            sums[match[1], kept] = sums.get((match[1], kept), 0.0) + value
    for key, value in values.items():
        metric, labels = parse_series_key(key)
        match = re.fullmatch(r"dcim_(?:(meter)|(pdu)_input)_energy_joules_total", metric)
        together = sums.get((match[1] or match[2], tuple(sorted(labels.items())))) if match else None
        if together is not None and abs(together - value) > ENERGY_RELATIVE * max(together, value):
            yield key, "the phases do not add up to the energy"


def _heat(values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """A reported heat must agree with the liquid's flow and rise in temperature."""
    for key, flow in values.items():
        metric, labels = parse_series_key(key)
        level, _, rest = metric.removeprefix("dcim_").partition("_")
        if rest not in {"flow_cubic_meters_per_second", "water_flow_cubic_meters_per_second"}:
            continue
        water = rest.partition("flow")[0]
        where = "".join(sorted(f"{{{name}={value}}}" for name, value in labels.items()))
        ends = [values.get(f"dcim_{level}_{water}{end}_temperature_celsius{where}") for end in ("supply", "return")]
        heat = next(
            (
                values[name]
                for name in (
                    f"dcim_{level}_reported_heat_removed_watts{where}",
                    f"dcim_{level}_cooling_output_watts",
                )
                if name in values
            ),
            None,
        )
        if heat is None or None in ends:
            continue
        supply, back = (float(each or 0.0) for each in ends)
        carried = WATER_J_PER_M3_K * flow * abs(back - supply)
        if max(heat, carried) > 1000 and not 1 / HEAT_FACTOR <= heat / max(carried, 1.0) <= HEAT_FACTOR:
            yield level, "the heat is not flow x rise of temperature"


def _phases_of(component: Component, found: Mapping[str, Component]) -> list[Component]:
    """The phases of a component; for a phase, those of the component that it belongs to."""
    kept = {**component.labels, "phase": ""}
    return [
        each
        for each in found.values()
        if each.level == component.level and "phase" in each.labels and {**each.labels, "phase": ""} == kept
    ]


def contradictions(values: Mapping[str, float]) -> dict[str, str]:
    """Contradictions: for each component and law, the readings concerned."""
    found = components(values)
    faults: list[tuple[str, str]] = [
        *_loads(values, found),
        *_outlets(found),
        *_through(found),
        *_rated(values),
        *_heat(values),
        *_energies(values),
    ]
    for component in found.values():
        if "phase" in component.labels:
            faults += [(component.name, law) for law in _alone(component, [])]
            continue
        phases = _phases_of(component, found)
        faults += [(component.name, law) for law in (*_alone(component, phases), *_phases(component, phases))]
    faults += [
        (key, "a counter below zero")
        for key, value in values.items()
        if "_total" in key and value < 0 and "joules" in key
    ]
    return {f"{name}: {law}": _figures(found.get(name)) for name, law in faults}


def _figures(component: Component | None) -> str:
    if component is None:
        return ""
    return ", ".join(f"{quantity} {(span.low + span.high) / 2:g}" for quantity, span in component.spans.items())
