"""What a SunSpec unit measures is shown at the same addresses, wherever its models are and however they are scaled."""

import math
import struct

import pytest

from agent.modbus.sunspec import COMMON, MEASURED, SunspecClient
from rackflow.errors import DeviceProtocolError, DeviceTimeout
from tests.agent.memory_peers import MemoryModbus
from tests.conformance.modbus_sunspec import COUNTERS_203, METER_203, chain, common, model

UNIT = 12
A, LN, LL, HZ, W, VA, EXPORTED, IMPORTED = 0, 3, 6, 9, 10, 14, 22, 26


def unit_with(*models: list[int], base: int = 40_000) -> MemoryModbus:
    return MemoryModbus(dict(enumerate(chain(*models), base)))


async def measured(client: SunspecClient) -> list[float]:
    words = await client.read(UNIT, "holding", MEASURED, 120)
    return list(struct.unpack(">30d", struct.pack(">120H", *words)))


@pytest.mark.parametrize("base", [40_000, 0, 50_000])
@pytest.mark.parametrize("length", [65, 66])
async def test_models_are_found_at_each_base_behind_others(base: int, length: int) -> None:
    unit = unit_with(common(length), model(64_001, 7, {}), model(203, 105, METER_203, COUNTERS_203), base=base)
    client = SunspecClient(unit)
    found = await measured(client)
    assert found[A : A + 3] == [32.1, 33.5, 34.4]
    assert found[HZ] == 49.98
    assert found[W] == -22_060
    assert found[IMPORTED] == 1_234_567_890
    text = await client.read(UNIT, "holding", COMMON, 64)
    assert struct.pack(">64H", *text).startswith(b"Example\0")
    serial = await client.read(UNIT, "holding", COMMON + 48, 16)
    assert struct.pack(">16H", *serial).rstrip(b"\0") == b"1234567"


async def test_what_is_known_is_not_searched_for_again() -> None:
    unit = unit_with(common(), model(203, 105, METER_203, COUNTERS_203))
    client = SunspecClient(unit)
    first = await measured(client)
    unit.requests.clear()
    assert await measured(client) == first
    assert unit.requests == [(40_070, 55)]


async def test_a_unit_whose_models_have_moved_is_searched_again() -> None:
    meter = model(203, 105, METER_203, COUNTERS_203)
    unit = unit_with(common(), meter)
    client = SunspecClient(unit)
    first = await measured(client)
    unit.registers = unit_with(common(65), model(11, 13, {}), meter).registers
    assert await measured(client) == first
    unit.registers = unit_with(common(), meter, base=0).registers
    text = await client.read(UNIT, "holding", COMMON, 16)
    assert struct.pack(">16H", *text).startswith(b"Example\0")
    assert await measured(client) == first


async def test_what_is_not_implemented_is_not_a_number() -> None:
    words = METER_203 | {1: -0x8000, 13: -0x8000, 15: 11, 38: 0, 44: 0}
    found = await measured(SunspecClient(unit_with(common(), model(203, 105, words, COUNTERS_203))))
    none = [A, *range(LN, LN + 3), *range(LL, LL + 3), HZ, EXPORTED + 1, IMPORTED]
    assert [at for at, value in enumerate(found) if math.isnan(value)] == none


@pytest.mark.parametrize(
    ("number", "missing"),
    [(201, {"A": 2, "LN": 2, "LL": 3}), (202, {"A": 1, "LN": 1, "LL": 2}), (204, {"A": 0, "LN": 3, "LL": 0})],
)
async def test_a_line_that_the_wiring_does_not_have_is_not_a_number(number: int, missing: dict[str, int]) -> None:
    found = await measured(SunspecClient(unit_with(common(), model(number, 105, METER_203, COUNTERS_203))))
    for name, first in (("A", A), ("LN", LN), ("LL", LL)):
        assert sum(map(math.isnan, found[first : first + 3])) == missing[name]


async def test_a_float_meter_and_inverters_have_the_same_places() -> None:
    floats = {2: 1.5, 10: 230.5, 18: 400.25, 24: 50.0, 26: -690.5, 34: 700.0, 58: 12.0, 66: 34_000.0}
    meter = await measured(SunspecClient(unit_with(common(), model(213, 124, floats, layout="f"))))
    assert [meter[at] for at in (A, LN, LL, HZ, W, VA)] == [1.5, 230.5, 400.25, 50.0, -690.5, 700.0]
    assert (meter[EXPORTED], meter[IMPORTED]) == (12.0, 34_000.0)
    floats = {2: 1.5, 14: 230.5, 8: 400.25, 22: 50.0, 20: 690.5, 24: 700.0, 30: 34_000.0}
    inverter = await measured(SunspecClient(unit_with(common(), model(113, 60, floats, layout="f"))))
    assert [inverter[at] for at in (A, LN, LL, HZ, W, VA)] == [1.5, 230.5, 400.25, 50.0, 690.5, 700.0]
    assert math.isnan(inverter[EXPORTED])
    assert inverter[IMPORTED] == 34_000.0
    words = {1: 150, 4: -2, 8: 2305, 5: 4002, 11: -1, 14: 5000, 15: -2, 12: 69, 13: 1, 16: 70, 17: 1}
    words |= {22: 3_400_000, 24: -2, 2: -1}
    scaled = await measured(SunspecClient(unit_with(common(), model(103, 50, words, {22}))))
    assert [scaled[at] for at in (A, LN, LL, HZ, W, VA)] == [1.5, 230.5, 400.2, 50.0, 690, 700]
    assert math.isnan(scaled[A + 1])
    assert scaled[IMPORTED] == 34_000.0


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ((common(), model(802, 62, {})), "none of its SunSpec models"),
        ((common(), model(203, 20, {})), "none of its SunSpec models"),
    ],
)
async def test_a_unit_that_measures_nothing_is_refused(models: tuple[list[int], ...], text: str) -> None:
    with pytest.raises(DeviceProtocolError, match=text) as caught:
        await measured(SunspecClient(unit_with(*models)))
    assert caught.value.code == 2


async def test_a_unit_without_sunspec_is_refused_and_one_that_is_silent_is_not_searched_further() -> None:
    other = MemoryModbus({40_000: 1, 40_001: 2})
    with pytest.raises(DeviceProtocolError, match="no SunSpec models at 40000, 0, 50000"):
        await measured(SunspecClient(other))
    other.silent = True
    other.requests.clear()
    with pytest.raises(DeviceTimeout):
        await measured(SunspecClient(other))
    assert other.requests == [(40_000, 2)]


async def test_chains_that_lead_in_circles_or_beyond_the_last_register_end() -> None:
    endless = MemoryModbus(dict.fromkeys(range(65_536), 0))
    endless.registers |= {40_000: 0x5375, 40_001: 0x6E53}
    with pytest.raises(DeviceProtocolError, match="none of its SunSpec models"):
        await measured(SunspecClient(endless))
    assert len(endless.requests) < 110
    with pytest.raises(DeviceProtocolError, match="none of its SunSpec models"):
        await measured(SunspecClient(unit_with([1, 0xFFF0])))


async def test_other_registers_are_the_units_own() -> None:
    unit = unit_with(common(), model(203, 105, METER_203, COUNTERS_203))
    client = SunspecClient(unit)
    assert await client.read(UNIT, "holding", 40_000, 2) == [0x5375, 0x6E53]
    with pytest.raises(DeviceProtocolError):
        await client.read(UNIT, "input", MEASURED, 4)
    assert unit.requests == [(40_000, 2), (MEASURED, 4)]
    with pytest.raises(DeviceProtocolError, match="nothing is shown there"):
        await client.read(UNIT, "holding", COMMON + 60, 16)
    await client.close()
