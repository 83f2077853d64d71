"""Numbers that a register of the meter scales (`scale_by`): ratios of transformers and decimal points. Read by the real poller."""

import pytest

from agent.poll.planned_cells import REOPEN_MIN_S
from rackflow.errors import DeviceError, ProfileError
from tests.agent.poll.faulty_units import BUSY, Unit, unit_bench
from tests.agent.profile.register_devices import modbus, read
from tests.agent.profile.test_register_features import floats

POWER = "dcim_meter_power_watts{role=other}"
AMPERES = "dcim_meter_current_amperes{phase=L1,role=other}"
ROLE = "role: {device: role, default: other}"
HEAD = "modbus: {max_gap: 8}\n"


def power(scale_by: str, more: str = "type: int16, unit: watt") -> str:
    return (
        f"  - {{metric: dcim_meter_power_watts, poll: fast, labels: {{{ROLE}}}, register: 10, {more},"
        f" scale_by: {scale_by}}}\n"
    )


@pytest.mark.parametrize(
    ("scale_by", "registers", "expected"),
    [
        ("[{register: 6, as: factor}]", {6: 40}, 48_000),
        ("{register: 6, as: factor}", {6: 40}, 48_000),
        ("[{register: 6, as: factor}, {register: 7, as: factor}]", {6: 40, 7: 10}, 480_000),
        ("[{register: 6, as: factor}, {register: 7, as: divisor}]", {6: 200, 7: 5}, 48_000),
        ("[{register: 6, type: int16, as: exponent}]", {6: 0xFFFF}, 120),
        ("[{register: 6, as: exponent}]", {6: 2}, 120_000),
        ("[{register: 6, bit: [8, 9, 10, 11, 12, 13, 14, 15], as: exponent}], scale: 1e-4", {6: 0x0503}, 12_000),
        ("[{register: 6, as: decimals}]", {6: 1}, 120),
        ("[{register: 6, type: float32, order: little-swapped, as: factor}]", floats(6, 0.1), 120),
    ],
)
async def test_a_register_says_what_the_number_is_multiplied_by(
    scale_by: str, registers: dict[int, int], expected: float
) -> None:
    readings = await read(power(scale_by), holding={10: 1200, **registers})
    assert readings.values == {POWER: expected}


@pytest.mark.parametrize(
    ("scale_by", "held"),
    [
        ("[{register: 6, as: factor}]", 0),
        ("[{register: 6, type: int16, as: factor}]", 0xFFFF),
        ("[{register: 6, as: divisor}]", 0),
        ("[{register: 6, as: exponent}]", 0xFFFF),
        ("[{register: 6, type: int16, as: exponent}]", 0x8000),
        ("[{register: 6, type: int16, as: decimals}]", 0xFFFF),
    ],
)
async def test_a_register_that_holds_no_scale_rejects_its_readings(scale_by: str, held: int) -> None:
    readings = await read(power(scale_by), holding={10: 1200, 6: held})
    assert (readings.values, readings.bad) == ({}, {POWER: "decode"})


async def test_a_number_whose_scale_the_meter_does_not_have_is_not_guessed() -> None:
    other = f"  - {{metric: dcim_meter_frequency_hertz, labels: {{{ROLE}}}, register: 12, unit: hertz}}\n"
    readings = await read(power("[{register: 60, as: factor}]") + other, holding={10: 1200, 12: 50})
    assert list(readings.values) == ["dcim_meter_frequency_hertz{role=other}"]


async def test_a_fallback_stands_in_where_the_meter_has_no_scale_register() -> None:
    point = power("[{register: 60, as: exponent}], fallback: [{register: 11, type: int16, unit: watt}]")
    assert (await read(point, holding={10: 1200, 11: 77})).values == {POWER: 77}


async def test_a_scale_beside_its_numbers_costs_no_request_and_one_elsewhere_is_read_behind_them() -> None:
    beside = modbus(power("[{register: 6, as: factor}]"), HEAD)
    async with unit_bench(beside, Unit({6: 40, 7: 0, 8: 0, 9: 0, 10: 5})) as bench:
        await bench.poller.open()
        bench.unit.asked.clear()
        assert (await bench.polled()).values == {POWER: 200}
        assert bench.unit.asked == [(6, 5)]
    apart = modbus(power("[{register: 3, as: factor}]"), HEAD.replace("8", "2"))
    async with unit_bench(apart, Unit({3: 40, 10: 5})) as bench:
        await bench.poller.open()
        bench.unit.asked.clear()
        assert (await bench.polled()).values == {POWER: 200}
        assert bench.unit.asked == [(10, 1), (3, 1)]


async def test_a_unit_is_read_behind_readings_that_are_in_one_request_with_a_scale() -> None:
    """Or a reading in the new unit would be taken for one in the old unit."""
    points = power("[{register: 6, as: factor}]") + (
        "  - {metric: dcim_ups_temperature_celsius, poll: fast, register: 12, type: int16,"
        " unit_by: {register: 100, map: {0: celsius, 1: fahrenheit}}}\n"
    )
    async with unit_bench(modbus(points, HEAD), Unit({**dict.fromkeys(range(6, 13), 5), 100: 0})) as bench:
        await bench.poller.open()
        bench.unit.asked.clear()
        await bench.polled()
        assert bench.unit.asked == [(6, 7), (100, 1)]


async def test_a_ratio_that_is_set_anew_rejects_readings_until_it_is_planned_anew() -> None:
    points = power("[{register: 6, as: factor}]") + (
        f"  - {{metric: dcim_meter_current_amperes, poll: fast, labels: {{{ROLE}, phase: L1}}, register: 12, unit: ampere}}\n"
    )
    async with unit_bench(modbus(points, HEAD), Unit({6: 40, 10: 5, 12: 3})) as bench:
        await bench.poller.open()
        assert (await bench.polled()).values == {POWER: 200, AMPERES: 3}
        bench.unit.registers[6] = 60
        changed = await bench.polled(after_s=REOPEN_MIN_S)
        assert (changed.values, changed.bad) == ({AMPERES: 3}, {POWER: "replanning"})
        assert changed.reopen == "register 6 has changed, which the plan depends on"
        await bench.poller.open()
        assert (await bench.polled()).values == {POWER: 300, AMPERES: 3}


async def test_a_meter_that_is_replaced_is_read_with_its_own_ratio_from_the_first_poll_on() -> None:
    async with unit_bench(
        modbus(power("[{register: 3, as: factor}]"), "modbus: {max_gap: 0}\n"), Unit({3: 40, 10: 5})
    ) as bench:
        await bench.poller.open()
        assert (await bench.polled()).values == {POWER: 200}
        bench.unit.silent = True
        with pytest.raises(DeviceError):
            await bench.polled()
        bench.unit.silent = False
        bench.unit.registers[3] = 20
        after = await bench.polled(after_s=REOPEN_MIN_S)
        assert (after.values, after.bad) == ({}, {POWER: "replanning"})
        await bench.poller.open()
        assert (await bench.polled()).values == {POWER: 100}


async def test_a_busy_scale_register_is_not_taken_for_one_that_is_not_there() -> None:
    unit = Unit({6: 40, 10: 5}, refused={6: BUSY})
    async with unit_bench(modbus(power("[{register: 6, as: factor}]"), HEAD), unit, retries=0) as bench:
        with pytest.raises(DeviceError, match="needs these registers"):
            await bench.poller.open()
        bench.unit.refused.clear()
        await bench.poller.open()
        assert (await bench.polled()).values == {POWER: 200}


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (power("[{as: factor}]"), r"scale_by\[0\]: needs a register"),
        (power("[{register: 6}]"), r"scale_by\[0\].as: is required"),
        (power("[{register: 6, as: ratio}]"), r"scale_by\[0\].as: .*'factor'.*'decimals'"),
        (power("[{register: 70000, as: factor}]"), "is not a wire address"),
        (power("[{register: 6, type: float32, bit: 1, as: factor}]"), "scale_by 1: bit: a float32 has no bits"),
        (power("[{register: 6, step: 2, as: factor}]"), "step and bit_step belong to a point with repeat"),
        (power("[{register: 6, as: factor}]", "numbers: {0: 1}"), "scale_by: has no effect with numbers"),
    ],
)
def test_what_is_wrong_with_a_scale_is_said(points: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        modbus(points)
