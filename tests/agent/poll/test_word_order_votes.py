"""Which registers look like another word order: literal registers of two numbers, as a unit sends them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.modbus import Block, Field, NumberType
from agent.poll.word_order import LARGE, MAX_BLOCKS, WordOrders, large_from
from agent.profile import ClassPlan, Decoder, Plan, slot_of
from agent.readings import Readings
from rackflow.catalogue import catalogue
from tests.agent.varied_units import MAPS, VariedUnit, long_numbers, poller_of

POWER = "dcim_meter_power_watts"
VOLTAGE = "dcim_meter_voltage_volts"
CURRENT = "dcim_meter_current_amperes"
TEMPERATURE = "dcim_cdu_supply_temperature_celsius"
ENERGY = "dcim_meter_energy_joules_total"


class Unit:
    """A unit with some numbers of one type, which its profile reads in the order `big`; they are called `n0`, `n1` and so on."""

    def __init__(self, metric: str, kind: NumberType, words: int, decoder: Decoder, numbers: int = 2) -> None:
        self.refs = [f"n{number}" for number in range(numbers)]
        fields = [Field(ref, at * words, words, kind, "big") for at, ref in enumerate(self.refs)]
        self.block = Block("holding", 0, numbers * words, tuple(fields))
        own = {each: getattr(decoder, each) for each in ("numerator", "denominator", "offset", "shift")}
        marks = {each: getattr(decoder, each) for each in ("sentinels", "expect", "absolute")}
        slots = [
            slot_of(f"{metric}{{n={ref}}}", catalogue()[metric], (Decoder(ref, **own, **marks),)) for ref in self.refs
        ]
        self.plan = Plan({"normal": ClassPlan(tuple(slots), blocks=(self.block,))})
        self.orders = WordOrders("d")

    def in_doubt(self, *registers: int) -> bool:
        """Whether its numbers are hidden after this answer."""
        self.orders.note(self.block, registers)
        self.orders.begin(self.plan)
        raw: dict[str, int | float | bytes | str | None] = dict.fromkeys(self.refs, 1)
        self.orders.hide(raw)
        assert set(raw.values()) in ({1}, {None})
        return None in raw.values()


@pytest.mark.parametrize(
    "words",
    [(0x7FFF, 0xFFFF), (0x8000, 0x0000), (0x8000, 0x8000)],
    ids=["largest int32", "smallest int32", "both words 0x8000"],
)
def test_registers_that_stand_for_no_reading_do_not_vote(words: Sequence[int]) -> None:
    """Swapped, they would be -32,769 W, 32,768 W and 8,388,736 W."""
    assert not Unit(POWER, "int32", 2, Decoder("")).in_doubt(*words, *words)
    assert Unit(POWER, "int32", 2, Decoder("")).in_doubt(0x8001, 0, 0x8001, 0), (
        "no mark: 32,769 W with its words swapped"
    )


def test_a_bounded_number_of_answers_is_kept() -> None:
    """A unit whose blocks are split in other ways again and again must not fill the memory."""
    unit = Unit(POWER, "uint32", 2, Decoder(""))
    others = replace(unit.block, fields=(Field("other", 0, 2, "uint32", "big"),))
    unit.orders.note(unit.block, (0x0063, 0, 0x0063, 0))
    for address in range(1, MAX_BLOCKS + 1):
        unit.orders.note(replace(others, address=address), (0, 99, 0, 99))
    unit.orders.begin(unit.plan)
    raw: dict[str, int | float | bytes | str | None] = dict.fromkeys(unit.refs, 1)
    unit.orders.hide(raw)
    assert set(raw.values()) == {1}, "its answer is forgotten"


@pytest.mark.parametrize("first", [0x7F80, 0x7FC0, 0xFF80], ids=["infinity", "NaN", "minus infinity"])
def test_a_float_that_is_no_number_does_not_vote(first: int) -> None:
    """Swapped, 7FC0 4248 would be 50.1 W."""
    assert not Unit(POWER, "float32", 2, Decoder("")).in_doubt(first, 0x4248, first, 0x4248)


@pytest.mark.parametrize("first", [0x7FF0, 0x7FF8])
def test_a_float_of_64_bits_that_is_no_number_does_not_vote(first: int) -> None:
    words = (first, 0, 0, 0x4049)
    assert not Unit(POWER, "float64", 4, Decoder("")).in_doubt(*words, *words)


def test_a_sentinel_of_the_profile_does_not_vote() -> None:
    """0x00630000 is 99 with its words swapped."""
    words = (0x0063, 0x0000)
    unit = Unit(POWER, "uint32", 2, Decoder("", sentinels=frozenset({0x630000})))
    assert not unit.in_doubt(*words, *words)
    assert Unit(POWER, "uint32", 2, Decoder("")).in_doubt(*words, *words)


@pytest.mark.parametrize(
    ("metric", "decoder"),
    [
        (VOLTAGE, Decoder("", denominator=1000, expect=((180, 260),))),  # 197.508 V
        (TEMPERATURE, Decoder("", denominator=1000, offset=-177.5, expect=((19, 21),))),  # 20.008 degC
        (TEMPERATURE, Decoder("", denominator=1000, shift=-177_500, expect=((19, 21),))),  # 20.008 degC
        (POWER, Decoder("", numerator=5, denominator=100, expect=((9_000, 10_000),))),  # 9,875.4 W
        (POWER, Decoder("", expect=((0, 10), (190_000, 200_000)))),
        (CURRENT, Decoder("", denominator=100)),  # 1,975.08 A, and 86,507.55 A
    ],
    ids=[
        "denominator",
        "offset",
        "shift",
        "numerator",
        "two ranges",
        "range of the metric",
    ],
)
def test_the_scale_decides_in_which_order_a_number_is_plausible(metric: str, decoder: Decoder) -> None:
    """0x00030384 is 197,508. 0x00840003 is neither large nor round, so only the range of the value says that 0x00030084 is meant."""
    assert not Unit(metric, "uint32", 2, decoder).in_doubt(0x0003, 0x0384, 0x0003, 0x0384)
    assert Unit(metric, "uint32", 2, decoder).in_doubt(0x0084, 0x0003, 0x0084, 0x0003)


@pytest.mark.parametrize(
    ("number", "is_in_doubt"),
    [
        ((0x00FF, 0xFFFF), False),  # 16,777,215: below 2^24
        ((0x00FF, 0x0001), False),  # 16,711,681, and 65,791 with its words swapped
        ((0x0100, 0x0001), True),  # 16,777,217; 65,792 with its words swapped
        ((0x0001, 0x0000), True),  # a multiple of 65,536; 1 with its words swapped
        ((0x0001, 0x0002), False),
    ],
)
def test_large_and_round_numbers_vote_for_another_order(number: Sequence[int], *, is_in_doubt: bool) -> None:
    assert Unit(POWER, "uint32", 2, Decoder("")).in_doubt(*number, *number) == is_in_doubt


def test_a_number_is_not_odd_for_its_size_where_a_step_of_it_is_tiny() -> None:
    """235 V in steps of 0.01 V / 65536 is 0x5BE00040, which with its words swapped would be 0.64 V, of a dead phase."""
    assert not Unit(VOLTAGE, "uint32", 2, Decoder("", denominator=6_553_600)).in_doubt(0x5BE0, 0x0040, 0x5BE0, 0x0040)


def test_correct_counters_of_a_fine_meter_are_read_beyond_any_size() -> None:
    """20 MWh in steps of 36 J are 0x77359400; with the octets of each word swapped they would be 9 MWh."""
    counters = (0, 0, 0x7735, 0x9400, 0, 0, 0x7733, 0x9401)
    assert not Unit(ENERGY, "uint64", 4, Decoder("", numerator=36)).in_doubt(*counters)


@pytest.mark.parametrize(
    ("metric", "decoder", "large"),
    [
        (POWER, Decoder("", numerator=10), LARGE),
        (POWER, Decoder("", denominator=100), LARGE),
        (POWER, Decoder("", denominator=1000), LARGE * 10),
        (POWER, Decoder("", numerator=-1, denominator=1000), LARGE * 10),
        (CURRENT, Decoder("", denominator=10_000), LARGE),
        (ENERGY, Decoder("", numerator=3600), LARGE),
        (ENERGY, Decoder("", numerator=36), LARGE),
        (TEMPERATURE, Decoder("", denominator=1000), LARGE),
        ("dcim_meter_residual_current_amperes", Decoder("", denominator=1000), LARGE),
        ("dcim_meter_counter_jumps_total", Decoder("", denominator=1000), LARGE),
    ],
)
def test_the_size_that_is_odd_depends_on_the_scale(metric: str, decoder: Decoder, large: float) -> None:
    assert large_from(decoder, catalogue()[metric]) == pytest.approx(large)


async def test_the_numbers_of_all_families_but_the_finest_are_odd_from_the_same_size_on() -> None:
    finer = set()
    for name in MAPS:
        poller = poller_of(name, VariedUnit(MAPS[name]), lambda: 0.0)
        await poller.open()
        long = {each.ref for each in long_numbers(name)}
        for part in poller._plan.classes.values():  # noqa: SLF001
            for slot in part.slots:
                for each in slot.decoders:
                    if each.ref in long and large_from(each, slot.metric) != LARGE:
                        finer.add(name)
    assert finer == {"wirenboard-map3e", "wirenboard-map12e"}


def test_floats_below_a_millionth_vote_for_another_order_and_those_above_do_not() -> None:
    """4.8e-7 W and 0.00098 W; both are some 10 W with their words swapped."""
    assert Unit(POWER, "float32", 2, Decoder("")).in_doubt(0x3500, 0x4120, 0x3500, 0x4120)
    assert not Unit(POWER, "float32", 2, Decoder("")).in_doubt(0x3A80, 0x4120, 0x3A80, 0x4120)


def test_a_single_vote_among_several_numbers_is_chance_and_two_are_not() -> None:
    """The third number is usual in both orders."""
    odd, usual = (0x0001, 0x0000), (0x0001, 0x0002)
    assert not Unit(POWER, "uint32", 2, Decoder(""), 3).in_doubt(*odd, *usual, *usual)
    assert Unit(POWER, "uint32", 2, Decoder(""), 3).in_doubt(*odd, *odd, *usual)


def test_numbers_that_look_right_as_they_are_outweigh_odd_ones() -> None:
    """0x00001000 W is usual, and a multiple of 65,536 with its words swapped."""
    odd, right = (0x0001, 0x0000), (0x0000, 0x1000)
    assert not Unit(POWER, "uint32", 2, Decoder(""), 3).in_doubt(*odd, *odd, *right)


def test_of_two_answers_with_the_same_registers_the_newest_counts() -> None:
    unit = Unit(POWER, "uint32", 2, Decoder(""))
    assert unit.in_doubt(1, 0, 1, 0)
    assert not unit.in_doubt(0, 0x1000, 0, 0x1000)
    assert unit.in_doubt(1, 0, 1, 0)


def test_a_number_that_came_while_the_order_was_in_doubt_is_reported_as_undecoded() -> None:
    unit = Unit(POWER, "uint32", 2, Decoder(""))
    assert unit.in_doubt(1, 0, 1, 0)
    readings = Readings(bad={f"{POWER}{{n={ref}}}": "null" for ref in unit.refs})
    assert not unit.orders.reject(readings, dict.fromkeys(unit.refs)), (
        "nothing new: the poll need not be normalised again"
    )
    assert set(readings.bad.values()) == {"decode"}
    gated = Readings(bad={f"{POWER}{{n=n0}}": "gated"})
    assert not unit.orders.reject(gated, dict.fromkeys(unit.refs))
    assert set(gated.bad.values()) == {"gated"}


def test_a_sign_that_is_dropped_does_not_make_a_number_impossible() -> None:
    """-197,508 mV, of a DC plant whose polarity is the other one; 0x037B and 0xFFFC could be no voltage in the other order."""
    decoder = Decoder("", denominator=1000, expect=((180, 260),), absolute=True)
    right, swapped = (0xFFFC, 0xFC7C), (0xFC7C, 0xFFFC)
    assert not Unit(VOLTAGE, "int32", 2, decoder).in_doubt(*right, *right)
    assert Unit(VOLTAGE, "int32", 2, decoder).in_doubt(*swapped, *swapped)


def test_volts_that_no_live_line_has_are_impossible() -> None:
    """19.7 V, and 865 V with their words swapped."""
    decoder = Decoder("", denominator=10_000)
    assert Unit(VOLTAGE, "uint32", 2, decoder).in_doubt(0x0003, 0x0084, 0x0003, 0x0084)
    assert not Unit(VOLTAGE, "uint32", 2, decoder).in_doubt(0x0084, 0x0003, 0x0084, 0x0003)


@pytest.mark.parametrize(
    "kind", [Decoder("", states={1: "on"}), Decoder("", numbers={65_536: 1.0}), Decoder("", bits=(16,))]
)
def test_codes_and_bits_do_not_vote(kind: Decoder) -> None:
    """The bit 16 is set, which as a number would be 65,536."""
    unit = Unit(POWER, "uint32", 2, Decoder(""))
    slots = [slot_of(key, catalogue()[POWER], (replace(kind, ref=key),)) for key in unit.refs]
    unit.plan = Plan({"normal": ClassPlan(tuple(slots), blocks=(unit.block,))})
    assert not unit.in_doubt(1, 0, 1, 0)


def test_numbers_that_are_added_do_not_vote() -> None:
    """Hours and minutes: what range they are in follows from neither."""
    unit = Unit(POWER, "uint32", 2, Decoder(""))
    sums = [Decoder(first, parts=((1, Decoder(second)),)) for first, second in (("n0", "n1"), ("n1", "n0"))]
    slots = [slot_of(f"{POWER}{{n={each.ref}}}", catalogue()[POWER], (each,)) for each in sums]
    unit.plan = Plan({"normal": ClassPlan(tuple(slots), blocks=(unit.block,))})
    assert not unit.in_doubt(1, 0, 1, 0)


def test_numbers_of_all_answers_vote() -> None:
    """Two blocks with one odd number each. The order is in doubt, as if both came in one."""
    unit = Unit(POWER, "uint32", 2, Decoder(""))
    halves = [
        replace(unit.block, address=at * 2, count=2, fields=(replace(field, offset=0),))
        for at, field in enumerate(unit.block.fields)
    ]
    unit.plan = Plan({"normal": replace(unit.plan.classes["normal"], blocks=tuple(halves))})
    unit.orders.note(halves[0], (1, 0))
    unit.block = halves[1]
    assert unit.in_doubt(1, 0)
    # The first block is split after a refusal, and what it is read in then is newer.
    unit.orders.note(Block("holding", 0, 3, halves[0].fields), (0, 0x1000, 0))
    assert not unit.in_doubt(0, 0x1000)
    unit.orders.note(halves[0], (1, 0))
    assert unit.in_doubt(1, 0)


def test_the_text_of_a_unit_is_none_of_its_long_numbers() -> None:
    """Its only number is a float, which shows its order alone: 19.5 degC with swapped words are 4e-8 degC."""
    unit = Unit(TEMPERATURE, "float32", 2, Decoder(""), 1)
    text = Block("holding", 9, 4, (Field("name", 0, 4, "ascii", "big"),))
    unit.plan = Plan({"normal": replace(unit.plan.classes["normal"], blocks=(unit.block, text))})
    assert unit.in_doubt(0, 0x419C)


def test_one_odd_float_among_others_is_chance() -> None:
    usual = (0x4120, 0x4120)
    assert not Unit(POWER, "float32", 2, Decoder("")).in_doubt(*usual, 0x3500, 0x4120)
    assert not Unit(POWER, "float32", 2, Decoder("")).in_doubt(0x3500, 0x4120, *usual)


@pytest.mark.parametrize(
    ("metric", "words", "bad"), [(POWER, (1, 0), {}), (VOLTAGE, (50, 0x4366), {f"{VOLTAGE}{{n=n0}}": "range"})]
)
def test_an_order_that_changes_while_the_unit_is_polled_is_noticed_by_what_is_odd_or_impossible(
    metric: str, words: tuple[int, int], bad: dict[str, str]
) -> None:
    unit = Unit(metric, "uint32" if metric == POWER else "float32", 2, Decoder(""))
    right = (words[1], words[0])
    assert not unit.in_doubt(*right, *right)
    raw: dict[str, int | float | bytes | str | None] = dict.fromkeys(unit.refs, 65_536 if metric == POWER else 60.0)
    unit.orders.note(unit.block, (*words, *words))
    assert unit.orders.reject(Readings(bad=bad), raw)
    unit.orders.hide(raw)
    assert set(raw.values()) == {None}
