"""What a plan says of each series of a device: where its value is read, and what the raw number or text there means."""

from collections.abc import Mapping
from dataclasses import dataclass

from rackflow.catalogue import Metric

# Upper end of a range without a limit: later products and sums of such values still stay finite.
MAX_VALUE = 1e300


@dataclass(frozen=True, slots=True)
class Decoder:
    """One source of a value and the meaning of its raw number: `(raw + shift) * numerator / denominator + offset`.

    Numerator and denominator are stored separately so that scales are exact: 202 tenths of a percent are 202 / 1000 = 0.202,
    while 202 * 0.001 is 0.20200000000000001.
    """

    ref: str
    numerator: int = 1
    denominator: int = 1
    offset: float = 0.0
    shift: int = 0
    sentinels: frozenset[float] = frozenset()
    """Raw numbers that stand for "no reading"; compared before shift and scale."""
    sentinel_ranges: tuple[tuple[float, float], ...] = ()
    """The same as ranges, both ends included."""
    states: Mapping[int, str] | None = None
    """The state of each code, of a metric that has states."""
    numbers: Mapping[int, float] | None = None
    """The value of each code, of a metric that has numbers."""
    bits: tuple[int, ...] = ()
    """Bits that form the number, the lowest first; empty for the whole number."""
    inverted: bool = False
    """A single bit counts the other way round: 0 is on."""
    text: str | None = None
    """How a text is read: `number` (the number at its start), `quantity` (a number with its unit) or `flags` (0s and 1s)."""
    words: Mapping[str, str | float] | None = None
    """The meaning of whole texts, in small letters; `*` stands for any text."""
    expect: tuple[tuple[float, float], ...] = ()
    """Ranges of the value, one of which it must be in; none if there is no limit but the metric's."""
    absolute: bool = False
    """The sign is dropped, because it does not mean a negative value: a power factor's may mark leading, lagging or export."""
    high: str = ""
    """Reference of the register with the high 16 bits of the number, where it stands apart from the low ones."""
    lacks_scale: bool = False
    """True if the cell for the decimals or the scale holds no usable value: then every value of this source is rejected."""
    counts_parts: bool = False
    """The profile expects a whole number of tenths or smaller parts, so a decimal point or a float means that the unit is another one."""
    parts: tuple[tuple[int, "Decoder"], ...] = ()
    """Numbers that are added (1) or taken away (-1)."""
    cases: tuple["CaseCheck", ...] = ()
    """Instead of a number: the first of these that holds gives the value."""

    @property
    def refs(self) -> list[str]:
        """Everything that it is read from; without one of them there is no value."""
        refs = [case.ref for case in self.cases if case.ref] or [self.ref]
        return [*refs, *([self.high] if self.high else []), *(ref for _, part in self.parts for ref in part.refs)]

    @property
    def is_number(self) -> bool:
        """Whether the value is a number from the device, not the meaning of a code, bit or word."""
        return not (self.states or self.numbers or self.bits or self.cases)

    def is_sentinel(self, number: float) -> bool:
        """Whether a raw number stands for "no reading"."""
        return number in self.sentinels or any(low <= number <= high for low, high in self.sentinel_ranges)

    def drops_sign(self, value: float, metric: Metric) -> bool:
        """Whether a value's sign is dropped: it only tells the polarity of a DC plant (-48 V), or leading from lagging."""
        return self.absolute or 0 < -value <= metric.magnitude


@dataclass(frozen=True, slots=True)
class CaseCheck:
    """One case: what the reading is while the cell holds one of `allowed` or a number in `between`. Without a cell it always holds."""

    ref: str
    bits: tuple[int, ...]
    allowed: frozenset[int]
    between: tuple[tuple[float, float], ...]
    result: str | float
    sentinels: frozenset[float] = frozenset()
    """Of bits: the words that stand for "no reading"."""


@dataclass(frozen=True, slots=True)
class GateCheck:
    """A cell on which a value depends. The value is used while the cell holds one of `allowed`.

    If it holds one of `missing`, there is nothing to measure (no sensor is plugged in) and the value is left out. If it holds
    anything else, the value is rejected as `gated`.
    """

    ref: str
    allowed: frozenset[int | str]
    """As `code_of` gives them."""
    missing: frozenset[int | str]
    optional: bool = False
    bits: tuple[int, ...] = ()
    """Bits that form the code, the lowest first; empty for the whole cell."""
    sentinels: frozenset[float] = frozenset()
    """Of bits: the words that stand for "no reading"."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One series of one device: its key, its metric, and the sources of its value, best first. Made by `slot_of`."""

    key: str
    metric: Metric
    decoders: tuple[Decoder, ...]
    gate: GateCheck | None
    is_plain: bool
    """The first source is an integer times a scale within one range, so it may take the short path of `normalise_answers`."""
    low: float
    """Least value of the short path."""
    high: float
    """Largest value of the short path."""
    states: Mapping[int, str] | None = None
    """The state of each code, if the first source is an integer that means nothing else: another short path."""


def slot_of(key: str, metric: Metric, decoders: tuple[Decoder, ...], gate: GateCheck | None = None) -> Slot:
    """A slot. The values that the short path of `normalise_answers` needs are worked out here, once for all polls."""
    first = decoders[0]
    coded = first.states or first.numbers or first.words or first.bits or first.shift or first.cases
    composed = first.text or first.absolute or first.high or first.lacks_scale or first.parts or first.sentinel_ranges
    is_plain = not (coded or composed or gate) and len(metric.ranges) == 1
    low, high = metric.ranges[0] if metric.ranges else (0.0, 0.0)
    if first.expect:
        # The short path knows one interval: the widest. What lies outside (0 V of a dead line) takes the long path.
        widest = max(first.expect, key=lambda each: each[1] - each[0])
        low, high = max(low, widest[0]), min(high, widest[1])
    is_plain_state = metric.type == "state" and not (gate or composed or first.words or first.bits or first.cases)
    states = first.states if is_plain_state and not any(map(first.is_sentinel, first.states or ())) else None
    return Slot(
        key=key,
        metric=metric,
        decoders=decoders,
        gate=gate,
        is_plain=is_plain,
        low=low,
        high=min(high, MAX_VALUE),
        states=states,
    )
