"""What a Modbus profile can say: gates, units and conditions by register or bit, sums, cases, repetitions. Read by the real poller."""

import struct

import pytest

from agent.modbus import WordOrder, decode
from agent.poll.planned_cells import REOPEN_MIN_S
from rackflow.errors import DeviceProtocolError
from tests.agent.poll.faulty_units import BUSY, FAILURE, Unit, unit_bench
from tests.agent.profile.register_devices import modbus, read

FLOW, LEAK = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}", "dcim_cdu_leak_detected{detector=1}"
FLOW_POINT = "  - metric: dcim_cdu_flow_cubic_meters_per_second\n    labels: {loop: secondary}\n    register: 10\n"


def floats(at: int, *numbers: float) -> dict[int, int]:
    """Registers with these numbers as float32, low word first."""
    found: dict[int, int] = {}
    for place, number in enumerate(numbers):
        high, low = struct.unpack(">HH", struct.pack(">f", number))
        found |= {at + 2 * place: low, at + 2 * place + 1: high}
    return found


@pytest.mark.parametrize(
    ("word", "values", "bad"),
    [(0b0000, {FLOW: 0.0005}, {}), (0b0100, {}, {FLOW: "gated"}), (0b1000, {}, {}), (0b1100, {}, {})],
)
async def test_a_bit_says_whether_a_sensor_can_be_believed(
    word: int, values: dict[str, float], bad: dict[str, str]
) -> None:
    broken = "    gate: {register: 20, bit: [2, 3], in: [0], missing: [2, 3]}\n"
    readings = await read(f"{FLOW_POINT}    unit: liter_per_minute\n{broken}", holding={10: 30, 20: word})
    assert readings.values == pytest.approx(values)
    assert readings.bad == bad


async def test_a_gate_that_the_unit_refuses_withholds_the_value_unless_it_is_optional() -> None:
    point = f"{FLOW_POINT}    unit: liter_per_minute\n    gate: {{register: 20, in: [0]}}\n"
    other = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11}\n"
    assert (await read(point + other, holding={10: 30, 11: 0})).values == {LEAK: 0}
    assert (
        FLOW
        in (await read(point.replace("in: [0]", "in: [0], optional: true") + other, holding={10: 30, 11: 0})).values
    )


SWITCHED = (
    f"{FLOW_POINT}    unit_by: {{register: 8, table: coil, map: {{0: liter_per_minute, 1: gallon_per_minute}}}}\n"
)


@pytest.mark.parametrize(("coil", "expected"), [(0, 60 / 60_000), (1, 60 * 0.003785411784 / 60)])
async def test_the_unit_is_that_of_a_switch(coil: int, expected: float) -> None:
    assert (await read(SWITCHED, holding={10: 60}, coil={8: coil})).values == {FLOW: pytest.approx(expected)}


async def test_a_unit_whose_switch_is_not_there_is_not_guessed() -> None:
    other = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11}\n"
    assert (await read(SWITCHED + other, holding={10: 60, 11: 1})).values == {LEAK: 1}


UNITS = "{0: liter_per_minute, 1: gallon_per_minute}"
BY_REGISTER = modbus(f"{FLOW_POINT}    poll: fast\n    unit_by: {{register: 30, map: {UNITS}}}\n")


async def test_a_switch_that_is_thrown_rejects_readings_until_the_unit_is_read_anew() -> None:
    async with unit_bench(BY_REGISTER, Unit({10: 60, 30: 0})) as bench:
        await bench.poller.open()
        assert (await bench.polled()).values == {FLOW: pytest.approx(0.001)}
        bench.unit.registers[30] = 1
        thrown = await bench.polled()
        assert (thrown.values, thrown.bad) == ({}, {FLOW: "replanning"})
        assert thrown.reopen == "register 30 has changed, which the plan depends on"
        assert bench.unit.asked[-1] == (30, 1), "the switch is read behind the reading"
        await bench.poller.open()
        assert (await bench.polled()).values == {FLOW: pytest.approx(60 * 0.003785411784 / 60)}
        bench.unit.registers[30] = 0
        soon = await bench.polled(after_s=1)
        assert (soon.bad, soon.reopen) == ({FLOW: "replanning"}, ""), "a switch that flickers costs no opening each"
        assert (await bench.polled(after_s=REOPEN_MIN_S)).reopen


async def test_a_unit_that_is_busy_with_its_switch_is_not_planned_without_it() -> None:
    other = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11, poll: fast}\n"
    profile = modbus(f"{other}{FLOW_POINT}    poll: fast\n    unit_by: {{register: 30, map: {UNITS}}}\n")
    async with unit_bench(profile, Unit({10: 60, 11: 0, 30: 0}, refused={30: BUSY}), retries=0) as bench:
        with pytest.raises(DeviceProtocolError):
            await bench.poller.open()
        bench.unit.refused.clear()
        await bench.poller.open()
        assert FLOW in (await bench.polled()).values


async def test_a_switch_that_fails_costs_its_readings_until_it_answers() -> None:
    points = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11, poll: fast}\n"
    profile = modbus(f"{points}{FLOW_POINT}    poll: fast\n    unit_by: {{register: 30, map: {UNITS}}}\n")
    async with unit_bench(profile, Unit({10: 60, 11: 0, 30: 0}, refused={30: FAILURE})) as bench:
        await bench.poller.open()
        assert (await bench.polled()).values == {LEAK: 0}
        bench.unit.refused.clear()
        assert (await bench.polled(after_s=60)).reopen == "registers that were absent answer"


@pytest.mark.parametrize(("model", "keys"), [(7, [FLOW]), (8, [])])
async def test_a_register_says_whether_there_is_such_a_point(model: int, keys: list[str]) -> None:
    point = f"{FLOW_POINT}    unit: liter_per_minute\n    when: {{register: 1, in: [7]}}\n"
    other = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11}\n"
    assert sorted((await read(point + other, holding={1: model, 10: 60, 11: 1})).values) == sorted([*keys, LEAK])


RUN = (
    "  - metric: dcim_cdu_pump_running_seconds_total\n    labels: {pump: '1'}\n    register: 270\n    type: uint32\n"
    "    unit: minute\n    plus: [{register: 272, type: uint32, unit: hour}]\n"
)
RUNNING = "dcim_cdu_pump_running_seconds_total{pump=1}"


async def test_hours_and_minutes_are_added() -> None:
    registers = {270: 0, 271: 59, 272: 0, 273: 1000}
    assert (await read(RUN, holding=registers)).values == {RUNNING: 1000 * 3600 + 59 * 60}


async def test_a_sum_without_one_of_its_numbers_is_no_sum() -> None:
    other = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11}\n"
    readings = await read(RUN + other, holding={270: 0, 271: 59, 11: 0})
    assert (readings.values, readings.bad) == ({LEAK: 0}, {})
    unread = RUN.replace("unit: hour", "unit: hour, absent: [1000]")
    assert (await read(unread, holding={270: 0, 271: 59, 272: 0, 273: 1000})).bad == {RUNNING: "sentinel"}


async def test_the_pressure_drop_of_a_filter_is_a_difference() -> None:
    point = (
        "  - metric: dcim_cdu_filter_differential_pressure_pascals\n    labels: {filter: main}\n    register: 1\n"
        "    unit: kilopascal\n    scale: 0.1\n    minus: [{register: 2, unit: bar, scale: 0.01}]\n"
    )
    drop = "dcim_cdu_filter_differential_pressure_pascals{filter=main}"
    assert (await read(point, holding={1: 2500, 2: 210})).values == {drop: 40_000.0}
    assert (await read(point, holding={1: 2000, 2: 210})).bad == {drop: "range"}


STATE = "dcim_cdu_pump_state{pump=1}"
CASES = (
    "  - metric: dcim_cdu_pump_state\n    labels: {pump: '1'}\n    poll: fast\n    cases:\n"
    "      - {register: 4, bit: 9, is: failed}\n      - {register: 6, between: [[1, 100]], is: running}\n"
    "      - {register: 5, bit: [0, 1], in: [2], is: standby}\n      - {is: stopped}\n"
)


@pytest.mark.parametrize(
    ("word", "code", "speed", "state"),
    [(512, 0, 50, "failed"), (0, 0, 50, "running"), (0, 2, 0, "standby"), (0, 3, 0, "stopped"), (1, 0, 0, "stopped")],
)
async def test_a_state_is_made_of_bits_and_values_in_this_order(word: int, code: int, speed: int, state: str) -> None:
    assert (await read(CASES, holding={4: word, 5: code, 6: speed})).states == {STATE: state}


async def test_nothing_is_concluded_while_an_earlier_case_cannot_be_decided() -> None:
    async with unit_bench(modbus(CASES), Unit({4: 0, 5: 0, 6: 50})) as bench:
        await bench.poller.open()
        assert (await bench.polled()).states == {STATE: "running"}
        for register in (4, 6):
            bench.unit.refused = {register: FAILURE}
            unknown = await bench.polled(after_s=30)
            assert (unknown.states, unknown.bad) == ({}, {STATE: "refused"}), "neither running nor stopped"
    readings = await read(CASES, "absent: [65535]\n", holding={4: 0, 5: 0, 6: 65535})
    assert (readings.states, readings.bad) == ({}, {STATE: "sentinel"})


async def test_a_state_is_the_number_that_several_bits_form() -> None:
    point = (
        "  - {metric: dcim_cdu_pump_state, labels: {pump: '1'}, register: 3, bit: [4, 6], "
        "states: {0: stopped, 1: standby, 2: running, 3: failed}}\n"
    )
    found = [
        (await read(point, holding={3: word})).states[STATE] for word in (0b0000000, 0b0110000, 0b1000000, 0b1010000)
    ]
    assert found == ["stopped", "standby", "running", "failed"]


async def test_flags_may_have_cases_too() -> None:
    point = (
        "  - metric: dcim_cdu_leak_detected\n    labels: {detector: '1'}\n    cases:\n"
        "      - {register: 1, bit: 8, is: 1}\n      - {register: 2, bit: 0, is: 1}\n      - {is: 0}\n"
    )
    found = [(await read(point, holding={1: one, 2: two})).values[LEAK] for one, two in ((0, 0), (256, 0), (0, 1))]
    assert found == [0, 1, 1]


@pytest.mark.parametrize("raw", [32760, 32767, 65535])
async def test_a_range_of_numbers_stands_for_no_reading(raw: int) -> None:
    point = f"{FLOW_POINT}    unit: liter_per_minute\n    absent: [65535, [32760, 32767]]\n"
    assert (await read(point, holding={10: raw})).bad == {FLOW: "sentinel"}
    assert (await read(point, holding={10: 100})).values == {FLOW: pytest.approx(100 / 60_000)}


async def test_eight_fans_are_one_point() -> None:
    point = (
        "  - {metric: dcim_cdu_fan_speed_ratio, repeat: {fan: 1-8}, register: 5048, step: 2, type: float32, "
        "order: little-swapped, unit: percent, gate: {register: 1700, bit: 12, bit_step: 1, in: [0]}}\n"
    )
    registers = floats(5048, *range(10, 90, 10)) | {1700: 1 << 15, 1701: 1}
    readings = await read(point, holding=registers)
    fan = "dcim_cdu_fan_speed_ratio{{fan={}}}".format
    assert readings.values == pytest.approx({fan(at): at / 10 for at in (1, 2, 3, 6, 7, 8)})
    assert readings.bad == {fan(4): "gated", fan(5): "gated"}, "the fourth bit is the last of its register"


async def test_fifty_nine_bits_are_one_point_and_a_name_may_be_left_out() -> None:
    names = [f"alarm_{at}" for at in range(59)]
    names[20] = '""'
    point = (
        f"  - {{metric: dcim_device_alarm_active, labels: {{severity: critical}}, repeat: {{alarm: [{', '.join(names)}]}}, "
        "register: 1708, bit: 0, bit_step: 1}\n"
    )
    readings = await read(point, holding={1708: 1, 1709: 0, 1710: 1 << 8, 1711: 1 << 10})
    assert len(readings.values) == 58
    assert {key for key, value in readings.values.items() if value} == {
        f"dcim_device_alarm_active{{alarm=alarm_{at},severity=critical}}" for at in (0, 40, 58)
    }


@pytest.mark.parametrize("order", ["big", "little", "big-swapped", "little-swapped"])
@pytest.mark.parametrize("number", [25.5, 0.5, 230.0, 1e-30])
def test_a_float_in_the_wrong_word_order_is_never_a_tiny_reading(order: WordOrder, number: float) -> None:
    registers = struct.unpack(">HH", struct.pack(">f", number))
    read_so = decode(registers, "float32", order)
    assert read_so is None or abs(float(read_so)) >= 2**-126
    assert decode((0, 0x41CC), "float32", "big") is None, "4e-41"
    assert decode((0, 0), "float32", order) == 0
    assert decode((0, 0, 0, 1), "float64", "big") is None


async def test_registers_of_a_base_keep_its_order_and_its_limits() -> None:
    from agent.profile import parse_profile  # noqa: PLC0415
    from tests.agent.profile.register_devices import HEAD, poller, recorded  # noqa: PLC0415

    point = "  - {metric: dcim_cdu_leak_detected, labels: {detector: '1'}, register: 11, type: uint32, bit: 0}\n"
    base = parse_profile(f"{HEAD}modbus: {{order: little-swapped, max_registers: 7}}\npoints:\n{point}", "feature.yaml")
    text = f"{HEAD.replace('profile: feature', 'profile: own')}extends: feature\npoints:\n"
    own = parse_profile(
        text + "  - {metric: dcim_cdu_power_watts, register: 20, unit: watt}\n", "own.yaml", {"feature": base}
    )
    assert own.modbus.max_registers == 7
    unit = poller(own, recorded(holding={11: 1, 12: 0, 20: 5}))
    await unit.open()
    assert (await unit.poll("safety", 0.0)).values == {LEAK: 1}
