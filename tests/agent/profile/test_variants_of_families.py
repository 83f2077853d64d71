"""Variants of a device of every SNMP family, made up from its profile: other firmware writes numbers as text, and has other sentinels.

For every number that a family reads: what stands for "no reading" is never a value, and a number is the same however it is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from agent.profile import RawValue, Slot, normalise_answers, plan_device
from agent.profile.normalising.cells import ENDS_OF_16_BITS, LARGE_ENDS
from tests.agent.made_up_devices import healthy_device
from tests.agent.shipped import shipped_profiles
from tests.agent.varied_devices import usual_device


@dataclass(frozen=True)
class Number:
    """A number of a family: where it stands, a good raw one, and its value."""

    family: str
    slot: Slot
    cells: dict[str, RawValue]
    raw: RawValue
    value: float

    def read(self, raw: RawValue) -> float | None:
        """The value with this in all of its cells."""
        cells = dict.fromkeys((decoder.ref for decoder in self.slot.decoders), raw)
        return normalise_answers([self.slot], self.cells | cells).values.get(self.slot.key)

    @property
    def is_signed(self) -> bool:
        """Whether -1 may be a reading: a little of what has a sign."""
        name, unit = self.slot.metric.name, self.slot.metric.unit
        return unit in ("watts", "vars", "degrees") or name.endswith(
            ("battery_current_amperes", "differential_pressure_pascals")
        )

    def __str__(self) -> str:
        return f"{self.family} {self.slot.key}"


def numbers_of(family: str) -> Iterator[Number]:
    """One for each kind of number; rows of a table are the same."""
    profile = SHIPPED[family].loaded()
    cells, _ = healthy_device(profile, ROWS)
    plan = plan_device(profile, {table.name: ROWS for table in profile.tables}, cells, None)
    seen: set[tuple[object, ...]] = set()
    for slot in (slot for part in plan.classes.values() for slot in part.slots):
        first = slot.decoders[0]
        kind = (
            slot.metric.name,
            *((each.numerator, each.denominator, each.ref.rsplit(".", 4)[0]) for each in slot.decoders),
        )
        if kind in seen or not all(each.is_number and not each.words and not each.parts for each in slot.decoders):
            continue
        seen.add(kind)
        values = normalise_answers([slot], cells).values
        yield Number(family, slot, cells, cells.get(first.ref), values.get(slot.key, float("nan")))


# An index of each length that tables have.
ROWS = ("1", "1.1", "1.1.1", "1.1.1.1")
SHIPPED = shipped_profiles()
SNMP = [name for name, profile in SHIPPED.items() if profile.protocol == "snmp"]


@pytest.fixture(scope="module")
def numbers() -> list[Number]:
    found = [number for family in SNMP for number in numbers_of(family)]
    assert len(found) > 1500
    return found


@pytest.mark.parametrize(
    "word",
    [
        b"",
        b" ",
        b"-",
        b"--",
        b"---",
        b"N/A",
        b"n/a",
        b"NA",
        b"NULL",
        b"No Sensor",
        b"not available",
        b"unknown",
        b"OFF",
        b"nan",
        None,
    ],
)
def test_a_text_in_place_of_a_number_is_no_value(numbers: list[Number], word: RawValue) -> None:
    assert [str(each) for each in numbers if each.read(word) is not None] == []


@pytest.mark.parametrize("number", sorted(LARGE_ENDS))
def test_an_end_of_32_or_64_bits_is_no_value(numbers: list[Number], number: float) -> None:
    is_whole = number == int(number)
    for raw in (int(number), str(int(number)).encode()) if is_whole else (str(number).encode(),):
        assert [str(each) for each in numbers if each.read(raw) is not None] == []


@pytest.mark.parametrize("number", sorted(ENDS_OF_16_BITS - {6553.5, 655.35, 3276.7, 327.67, -3276.8, -327.68}))
def test_an_end_of_16_bits_is_no_value_of_what_is_measured(numbers: list[Number], number: float) -> None:
    gauges = [each for each in numbers if each.slot.metric.type != "counter"]
    assert [str(each) for each in gauges if each.read(int(number)) is not None] == []


def test_minus_one_is_only_a_value_of_what_has_a_sign(numbers: list[Number]) -> None:
    assert [str(each) for each in numbers if not each.is_signed and each.read(-1) is not None] == []


@pytest.mark.parametrize("text", ["{}", " {} ", "+{}", "{}.0", "{}\0"])
def test_a_whole_number_that_is_written_as_text_is_the_same_number_or_none(numbers: list[Number], text: str) -> None:
    """2301 tenths of a volt are 230.1 V, as an integer and as text."""
    whole = [each for each in numbers if isinstance(each.raw, int) and each.value == each.value]
    if "." in text:
        whole = [each for each in whole if not each.slot.decoders[0].counts_parts]
    assert len(whole) > (100 if "." in text else 600)
    other = [each for each in whole if each.read(text.format(each.raw).encode()) not in (each.value, None)]
    assert list(map(str, other)) == []


@pytest.mark.parametrize("written", [b"16.4", b"16,4", b"16.0", b"23.00", 16.4, 23.0])
def test_a_decimal_point_or_a_float_where_tenths_are_counted_is_no_value(
    numbers: list[Number], written: bytes | float
) -> None:
    """A device that writes "16.4" for 164 tenths of an ampere has not 1.64 A, and 1.6 A when it writes "16.0".

    Nor with a float (Opaque) in place of the MIB's INTEGER: 784 of 1,792 kinds of numbers count parts.
    """
    counting = [each for each in numbers if each.slot.decoders[0].counts_parts]
    assert len(counting) > 400
    wrong = []
    for each in counting:
        value = each.read(written)
        # Another source of the family may read whole units, or texts.
        if value is not None and all(decoder.counts_parts for decoder in each.slot.decoders):
            wrong.append(str(each))
    assert wrong == []


@pytest.mark.parametrize(("unit", "text", "value"), [("celsius", b"23.4 C", 23.4), ("volts", b"231 V", 231.0)])
def test_a_text_that_says_its_unit_is_read_in_that_unit(
    numbers: list[Number], unit: str, text: bytes, value: float
) -> None:
    """Nothing hangs on the scale of the profile then; a window of the metric holds as before."""
    of_unit = [each for each in numbers if each.slot.metric.unit == unit and each.slot.decoders[0].text is None]
    read = [each.read(text) for each in of_unit]
    assert len(of_unit) > 100
    assert set(read) <= {value, None}
    assert read.count(value) > 0.7 * len(read)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        (b"75.2 F", "celsius", 24.0),
        (b"297.15 K", "celsius", 24.0),
        (b"5000 mA", "amperes", 5.0),
        (b"230000 mV", "volts", 230.0),
        (b"21 %", "celsius", None),
        (b"98 V", "amperes", None),
    ],
)
def test_a_number_at_the_start_of_a_text_has_the_unit_behind_it(
    numbers: list[Number], text: bytes, unit: str, value: float | None
) -> None:
    """The families say which unit the text has, and somebody can choose another one at the device."""
    led = [each for each in numbers if each.slot.metric.unit == unit and each.slot.decoders[0].text == "number"]
    found = {each.read(text) for each in led}
    assert len(led) > 1
    assert {None if each is None else round(each, 9) for each in found} == {value}


def test_a_float_of_volts_is_that_many_volts_or_no_value_whatever_the_family_counts(numbers: list[Number]) -> None:
    """Also where it counts millivolts."""
    volts = [each for each in numbers if each.slot.metric.unit == "volts"]
    assert len(volts) > 200
    assert {each.read(230.1) for each in volts} <= {230.1, None}


def test_a_code_that_the_mib_does_not_know_is_no_state_and_no_number() -> None:
    """Codes that are unknown: 0 of a TruthValue that is sent as 0 and 1, one of a later firmware, a fraction, a text."""
    tried, told = 0, []
    for family in SNMP:
        device = usual_device(family)
        for slot in (slot for part in device.planned().classes.values() for slot in part.slots):
            (first, *others) = slot.decoders
            codes = first.states or first.numbers
            if not codes or others or first.bits or first.words:
                continue
            gate = {slot.gate.ref: next(iter(slot.gate.allowed))} if slot.gate else {}
            for odd in (0, max(codes) + 1, 99, -1, 1.5, b"unknown", b""):
                if odd in codes:
                    continue
                tried += 1
                found = normalise_answers([slot], {**device.cells, **gate, first.ref: odd})
                if found.values or found.states:
                    told.append((family, slot.key, odd))
    assert told == []
    assert tried > 3000
