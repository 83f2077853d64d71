"""Modbus units whose registers are not those of their profile: counted from another number, those of another unit, or nothing but 0."""

from dataclasses import replace

import pytest

from agent.config import Device
from agent.poll import ModbusPoller
from agent.poll.register_fit import ROUNDS
from agent.profile import parse_profile
from rackflow.catalogue import catalogue
from rackflow.errors import DeviceTimeout
from rackflow.register_tables import RegisterTable
from tests.agent.memory_peers import MemoryModbus
from tests.agent.varied_units import MAPS, SHIPPED, VariedUnit, numbers_of, poller_of, read, told

SHIFTED = ("apc-smart-ups-modbus", "riello-multicom-modbus", "generex-modbus", "aalc-rpu", "orv3-miniups")
SET_POINTS = (37_888, 37_889)
HUAWEI = "huawei-ups2000-modbus"
TEMPERATURES = (
    *("dcim_rdhx_water_supply", "dcim_rdhx_water_return", "dcim_rdhx_supply_temperature_setpoint"),
    "dcim_rdhx_air_temperature",
)


@pytest.mark.parametrize("shift", [1, -1])
@pytest.mark.parametrize("name", SHIFTED)
async def test_registers_counted_from_another_number_are_no_readings(name: str, shift: int) -> None:
    """34.1 degC of the return are those of the supply, and 0.31 of a load is the neighbour's: both could be."""
    found = await read(name, VariedUnit(MAPS[name], shift=shift))
    assert told(found) == {}
    lost = told(await read(name)).keys() - found.bad.keys()
    assert {key for key in lost if not catalogue()[key.partition("{")[0]].derived and "dew_point" not in key} == set()


async def test_a_gateway_that_answers_one_poll_with_another_units_registers_costs_that_poll() -> None:
    unit = VariedUnit(MAPS[HUAWEI])
    poller = poller_of(HUAWEI, unit)
    await poller.open()
    usual = await poller.poll("normal", 1e9)
    # Those of another family: the numbers that are there, and 0 between them.
    unit.served = replace(MAPS["generex-modbus"], registers=dict.fromkeys(MAPS[HUAWEI].registers, 3456))
    assert told(await poller.poll("normal", 1e9)) == {}
    unit.served = MAPS[HUAWEI]
    assert told(await poller.poll("normal", 1e9)) == told(usual)


async def test_one_impossible_quantity_costs_only_its_own_series() -> None:
    usual = await read(HUAWEI)
    place = next(each for each in numbers_of(SHIPPED[HUAWEI].loaded()) if each.words == 1 and each.address == 11_000)
    found = await read(HUAWEI, VariedUnit(MAPS[HUAWEI], {(place.table, place.address): 9_990}))
    assert set(found.bad.values()) == {"range"}
    assert len(found.bad) == 1
    assert told(found).items() == {key: value for key, value in told(usual).items() if key not in found.bad}.items()


async def test_settings_that_are_0_show_nothing() -> None:
    """Set points of 0, which nobody has set, are out of range."""
    name = "aalc-rpu"
    usual = await read(name)
    settings = [key for key in usual.values if "setpoint" in key]
    assert len(settings) == 2
    places = [each for each in numbers_of(SHIPPED[name].loaded()) if each.address in SET_POINTS]
    found = await read(name, VariedUnit(MAPS[name], {(each.table, each.address): 0 for each in places}))
    assert found.bad == dict.fromkeys(settings, "range")
    assert len(told(found)) == len(told(usual)) - 2


async def test_it_is_reported_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    poller = poller_of("generex-modbus", VariedUnit(MAPS["generex-modbus"], shift=1))
    await poller.open()
    for _ in range(3):
        await poller.poll("normal", 1e9)
    (message,) = [each.getMessage() for each in caplog.records if "quantities are impossible" in each.getMessage()]
    assert (
        "device=d its readings are rejected: 3 of 10 quantities are impossible (dcim_ups_battery_charge_ratio"
        in message
    )


@pytest.mark.parametrize("name", ["belimo-energy-valve", "orv3-bbu", "socomec-jbus", "orv3-rpu2"])
async def test_a_gateway_that_has_read_nothing_yet_gives_no_readings(name: str) -> None:
    """Its zeros would be coolant of 0 degC and no alarm."""
    served = MAPS[name]
    empty = VariedUnit(replace(served, registers=dict.fromkeys(served.registers, 0), inputs={}, coils={}))
    found = await read(name, empty)
    assert told(found) == {}
    assert len(found.bad) == found.about["dcim_device_series{state=planned}"]


async def test_temperatures_that_are_all_0_are_none_but_one_of_them_may_be() -> None:
    name = "liebert-dcd-door"
    usual = told(await read(name))
    places = [each for each in numbers_of(SHIPPED[name].loaded()) if each.kind == "float32"]
    zeros = {(each.table, each.address + at): 0 for each in places for at in range(2)}
    found = await read(name, VariedUnit(MAPS[name], zeros))
    assert {key for key in usual if key.startswith(TEMPERATURES)} == set(found.bad)
    assert set(found.bad.values()) == {"sentinel"}
    assert len(told(found)) == len(usual) - 5
    first = {(places[0].table, places[0].address + at): 0 for at in range(2)}
    cold = await read(name, VariedUnit(MAPS[name], first))
    assert cold.bad == {}
    assert sum(value == 0 for key, value in told(cold).items() if "celsius" in key) == 1


async def test_what_shares_a_request_of_zeros_with_a_temperature_is_none_either() -> None:
    """Flow of 0 beside coolant of 0 degC: the sensors' bus is down, and the rest of the unit is read on."""
    name = "aalc-rpu"
    poller = poller_of(name, VariedUnit(MAPS[name]))
    await poller.open()
    usual = await poller.poll("safety", 1e9)
    registers = MAPS[name].registers
    block = {at: 0 for at in registers if 36_864 <= at < 36_869}
    found = await read(name, VariedUnit(replace(MAPS[name], registers=registers | block)))
    flow = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"
    assert usual.values[flow] > 0
    assert found.bad[flow] == "sentinel"
    assert len(told(found)) > 40


SENSOR = """
version: 1
profile: sensor
class: env
protocol: modbus
title: A sensor with two readings and their limits
source: a manual
evidence: unverified
points:
  - {metric: dcim_env_temperature_celsius, register: 0, unit: celsius, scale: 0.1, labels: {sensor: a}, poll: normal}
  - {metric: dcim_env_relative_humidity_ratio, register: 1, unit: percent, labels: {sensor: a}, poll: normal}
  - {metric: dcim_env_temperature_high_threshold_celsius, register: 2, unit: celsius, labels: {sensor: a}, poll: normal}
  - {metric: dcim_env_relative_humidity_high_threshold_ratio, register: 3, unit: percent, labels: {sensor: a}, poll: normal}
"""
TEMPERATURE, HUMIDITY = "dcim_env_temperature_celsius{sensor=a}", "dcim_env_relative_humidity_ratio{sensor=a}"
HIGH_TEMPERATURE = "dcim_env_temperature_high_threshold_celsius{sensor=a}"
HIGH_HUMIDITY = "dcim_env_relative_humidity_high_threshold_ratio{sensor=a}"


HEAD = SENSOR.partition("points:\n")[0] + "points:\n"
LABEL = "labels: {sensor: a}"
WARMTH = f"  - {{metric: dcim_env_temperature_celsius, register: 0, unit: celsius, scale: 0.1, {LABEL}}}\n"
DAMPNESS = f"  - {{metric: dcim_env_relative_humidity_ratio, register: 1, unit: percent, {LABEL}}}\n"


def small_unit(text: str, *registers: int) -> tuple[ModbusPoller, MemoryModbus]:
    """A unit of this profile with these registers, counted from 0, and its poller."""
    device = Device(id="d", host="h", protocol="modbus", profile="sensor", unit=12)
    memory = MemoryModbus(dict(enumerate(registers)))
    return ModbusPoller(device, parse_profile(text, "sensor.yaml"), memory), memory


@pytest.mark.parametrize(
    ("registers", "values", "bad"),
    [
        ((245, 250, 30, 80), {TEMPERATURE: 24.5, HIGH_TEMPERATURE: 30.0, HIGH_HUMIDITY: 0.8}, {HUMIDITY: "range"}),
        (
            (245, 45, 0, 0),
            {TEMPERATURE: 24.5, HUMIDITY: 0.45},
            {HIGH_TEMPERATURE: "sentinel", HIGH_HUMIDITY: "sentinel"},
        ),
    ],
    ids=["a humidity of 250 %", "limits that nobody has set"],
)
async def test_a_unit_of_few_registers_is_not_foreign_for_one_that_is_impossible_or_for_limits_of_0(
    registers: tuple[int, ...], values: dict[str, float], bad: dict[str, str]
) -> None:
    poller, _ = small_unit(SENSOR, *registers)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    assert {key: found.values.get(key) for key in values} == values
    assert {key: why for key, why in found.bad.items() if "dew_point" not in key} == bad


@pytest.mark.parametrize(
    ("points", "registers", "temperatures"),
    [(WARMTH, (0,), 1), (WARMTH + DAMPNESS, (0, 45), 1), (WARMTH + DAMPNESS, (0, 45, 0, 215), 3)],
    ids=["of its only register", "of its only temperature", "while another class has a warm one"],
)
async def test_freezing_is_a_reading(points: str, registers: tuple[int, ...], temperatures: int) -> None:
    for at, (sensor, poll) in enumerate((("b", "normal"), ("c", "slow"))[: temperatures - 1], 2):
        points += WARMTH.replace("0, unit", f"{at}, unit").replace("sensor: a}", f"sensor: {sensor}}}, poll: {poll}")
    poller, _ = small_unit(HEAD + points, *registers)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    cold = {key: value for key, value in found.values.items() if key.startswith("dcim_env_temperature")}
    assert cold == {f"dcim_env_temperature_celsius{{sensor={name}}}": 0.0 for name in "ab"[: max(1, temperatures - 1)]}
    assert found.bad == {}


COOLER = """
  - {metric: dcim_cdu_supply_temperature_setpoint_celsius, register: 2, unit: celsius, labels: {loop: primary}, poll: normal}
  - metric: dcim_cdu_differential_pressure_setpoint_pascals
    register: 3
    unit: pascal
    expect: [100, 900]
    labels: {loop: primary}
    poll: normal
  - {metric: dcim_cdu_pump_state, register: 4, states: {1: running, 2: stopped}, labels: {pump: '1'}, poll: normal}
  - {metric: dcim_cdu_control_mode, register: 5, states: {1: flow, 2: standby}, poll: normal}
"""


async def test_set_points_that_nobody_has_set_and_codes_of_what_is_not_fitted_make_no_unit_foreign() -> None:
    """All four are 0, which none of them can be."""
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + COOLER, 245, 45, 0, 0, 0, 0)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    assert (found.values[TEMPERATURE], found.values[HUMIDITY]) == (24.5, 0.45)
    assert sorted(why for key, why in found.bad.items() if "dew_point" not in key) == [
        "range",
        "range",
        "state",
        "state",
    ]
    memory.registers |= {2: 900, 4: 77}
    assert (await poller.poll("normal", 1e9)).values == {}


@pytest.mark.parametrize(("second", "kept"), [(9990, True), (9890, False), (-9990 & 0xFFFF, False)])
async def test_broken_probes_with_the_same_number_at_the_end_of_the_scale_cost_only_themselves(
    second: int, *, kept: bool
) -> None:
    points = WARMTH.replace("sensor: a}", "sensor: b}").replace("0, unit", "2, unit")
    poller, _ = small_unit(HEAD + WARMTH + DAMPNESS + points, 9990, second, 250)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    warm = TEMPERATURE.replace("sensor=a", "sensor=b")
    assert (found.values.get(warm), found.bad.get(warm)) == ((25.0, None) if kept else (None, "decode"))
    assert (found.bad[TEMPERATURE], found.bad[HUMIDITY]) == ("range", "range")


SECOND = WARMTH.replace("sensor: a}", "sensor: b}").replace("0, unit", "2, unit")
WARM = TEMPERATURE.replace("sensor=a", "sensor=b")


async def test_probes_that_break_one_after_another_cost_only_themselves_whatever_their_numbers() -> None:
    """A broken wire and a short. Of two at once nobody knows whether the registers are those of another unit, unless it was seen before."""
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + SECOND, 245, 45, 250)
    await poller.open()
    for at, number in ((0, 8500), (1, 2000)):
        memory.registers[at] = number
        for _ in range(ROUNDS):
            assert (await poller.poll("normal", 1e9)).values.get(WARM) == 25.0
    await poller.open()
    found = await poller.poll("normal", 1e9)
    assert (found.values.get(WARM), found.bad[TEMPERATURE], found.bad[HUMIDITY]) == (25.0, "range", "range")
    # Both are repaired, and break at once.
    for registers, value in (({0: 245, 1: 45}, 25.0), ({0: 8500, 1: 2000}, None)):
        memory.registers |= registers
        assert (await poller.poll("normal", 1e9)).values.get(WARM) == value


POWERED = """
  - {metric: dcim_env_voltage_volts, register: 3, unit: volt, labels: {sensor: a}}
  - {metric: dcim_env_temperature_high_threshold_celsius, register: 4, unit: celsius, labels: {sensor: a}, poll: slow}
  - {metric: dcim_env_relative_humidity_high_threshold_ratio, register: 5, unit: percent, labels: {sensor: a}, poll: slow}
"""
VOLTS = "dcim_env_voltage_volts{sensor=a}"


@pytest.mark.parametrize("pauses", [0, 1], ids=["at once", "a poll apart"])
async def test_two_probes_that_break_together_cost_only_themselves_where_the_other_quantities_run_on(
    pauses: int,
) -> None:
    """They have one cable. The unit's voltage and its limits are what they were, so its registers are."""
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + POWERED, 245, 45, 0, 12, 35, 80)
    await poller.open()
    for at, number in ((0, 8500), (1, 2000)):
        memory.registers[at] = number
        for _ in range(pauses):
            await poller.poll("normal", 1e9)
    await poller.poll("normal", 1e9)
    limits = await poller.poll("slow", 1e9)
    found = await poller.poll("normal", 1e9)
    assert found.bad[TEMPERATURE] == found.bad[HUMIDITY] == "range"
    assert (found.values[VOLTS], limits.values[HIGH_TEMPERATURE], limits.values[HIGH_HUMIDITY]) == (12.0, 35.0, 0.8)
    memory.registers |= {0: 246, 1: 44}
    assert (await poller.poll("normal", 1e9)).values[TEMPERATURE] == 24.6


@pytest.mark.parametrize(
    "others", [{3: 35, 4: 80, 5: 7}, {3: 24, 4: 12, 5: 80}], ids=["one register off", "another unit"]
)
async def test_a_unit_whose_other_quantities_jump_too_is_another_one(others: dict[int, int]) -> None:
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + POWERED, 245, 45, 0, 12, 35, 80)
    await poller.open()
    memory.registers |= {0: 8500, 1: 2000, **others}
    for _ in range(2 * ROUNDS):
        await poller.poll("slow", 1e9)
        assert (await poller.poll("normal", 1e9)).values == {}


MAINS = """
  - {metric: dcim_meter_voltage_volts, register: 3, unit: volt, labels: {role: it, phase: L1}, poll: normal}
  - {metric: dcim_meter_frequency_hertz, register: 4, unit: hertz, scale: 0.1, labels: {role: it}, poll: normal}
  - {metric: dcim_meter_current_amperes, register: 5, unit: ampere, labels: {role: it, phase: L1}, poll: normal}
"""


async def test_another_model_on_the_same_mains_is_another_unit() -> None:
    """Its volts and hertz are in the same registers and are what they were. Its 5.2 A are in tenths."""
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + MAINS, 245, 45, 0, 230, 500, 12)
    await poller.open()
    memory.registers |= {0: 8500, 1: 2000, 3: 231, 4: 500, 5: 52}
    for _ in range(2 * ROUNDS):
        assert (await poller.poll("normal", 1e9)).values == {}


async def test_a_probe_is_broken_only_once_every_class_has_shown_that_it_is_the_only_one() -> None:
    """A gateway answers for another unit, and the first class that is polled then shows one impossible quantity."""
    text = HEAD + WARMTH + DAMPNESS.replace(LABEL, f"{LABEL}, poll: slow") + SECOND
    poller, memory = small_unit(text, 245, 45, 250)
    await poller.open()
    memory.registers |= {0: 8500, 1: 2000}
    for _ in range(2 * ROUNDS):
        await poller.poll("normal", 1e9)
    await poller.poll("slow", 1e9)
    assert (await poller.poll("normal", 1e9)).bad[WARM] == "decode"


async def test_a_number_that_does_not_stay_at_the_end_of_a_scale_is_none_of_a_broken_probe() -> None:
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + SECOND, 245, 45, 250)
    await poller.open()
    for number in range(8500, 8500 + 2 * ROUNDS):
        memory.registers[0] = number
        await poller.poll("normal", 1e9)
    memory.registers[1] = 2000
    assert (await poller.poll("normal", 1e9)).bad[WARM] == "decode"


class Hiccup(MemoryModbus):
    """Goes off at the moment when it is asked for its serial number, while `hiccups`."""

    hiccups = is_off = False

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        self.is_off = self.hiccups and (self.is_off or address == SERIAL)
        if self.is_off:
            raise DeviceTimeout("no answer", device="d", operation="read")
        return await super().read(unit, table, address, count)


SERIAL = 9
NAMED = HEAD.replace("points:", f"identity: {{serial: [{{register: {SERIAL}, type: uint16}}]}}\npoints:")


async def test_an_opening_that_fails_half_way_forgets_no_broken_probe() -> None:
    """The next one does not read again what is known, and the unit was rejected as a whole from then on."""
    device = Device(id="d", host="h", protocol="modbus", profile="sensor", unit=12)
    memory = Hiccup({0: 245, 1: 45, 2: 250, SERIAL: 4711})
    poller = ModbusPoller(device, parse_profile(NAMED + WARMTH + DAMPNESS + SECOND, "sensor.yaml"), memory)
    await poller.open()
    for at, number in ((0, 8500), (1, 2000)):
        memory.registers[at] = number
        for _ in range(ROUNDS):
            await poller.poll("normal", 1e9)
    memory.hiccups = True
    with pytest.raises(DeviceTimeout):
        await poller.open()
    memory.hiccups = False
    await poller.open()
    assert (await poller.poll("normal", 1e9)).values.get(WARM) == 25.0


async def test_another_unit_has_no_broken_probe_of_the_former_one() -> None:
    poller, memory = small_unit(NAMED + WARMTH + DAMPNESS + SECOND, 8500, 45, 250)
    for serial, kept in ((4711, True), (4712, False)):
        memory.registers[SERIAL] = serial
        await poller.open()
        for _ in range(ROUNDS if kept else 0):
            await poller.poll("normal", 1e9)
        found = await poller.poll("normal", 1e9)
        assert (found.bad.get(WARM) == "decode") is not kept
        memory.registers[1] = 2000


@pytest.mark.parametrize("numbers", [(9_990, 9_990), (9_990, 9_890)], ids=["the same number", "two numbers"])
async def test_two_impossible_quantities_of_many_cost_only_themselves(numbers: tuple[int, int]) -> None:
    usual = await read(HUAWEI)
    assert len({key.partition("{")[0] for key in told(usual)}) > 13
    places = [
        each for each in numbers_of(SHIPPED[HUAWEI].loaded()) if each.words == 1 and each.address in (11_000, 11_027)
    ]
    changed = {(each.table, each.address): number for each, number in zip(places, numbers, strict=True)}
    found = await read(HUAWEI, VariedUnit(MAPS[HUAWEI], changed))
    assert len(found.bad) == 2
    assert told(found).items() == {key: value for key, value in told(usual).items() if key not in found.bad}.items()


async def test_two_impossible_quantities_with_the_same_small_number_are_no_broken_probes() -> None:
    """200 may be in both by chance; the end of a scale is a large number."""
    points = (
        WARMTH.replace("scale: 0.1, ", "")
        + DAMPNESS
        + WARMTH.replace("sensor: a}", "sensor: b}").replace("0, u", "2, u")
    )
    poller, _ = small_unit(HEAD + points, 200, 200, 250)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    assert found.bad[TEMPERATURE.replace("sensor=a", "sensor=b")] == "decode"


async def test_a_gateway_that_loses_its_bus_gives_no_more_readings_of_a_unit_with_temperatures() -> None:
    """Its zeros would be a flow of 0, in a request that has no temperature."""
    metric = "dcim_cdu_flow_cubic_meters_per_second"
    flow = f"{metric}{{loop=primary}}"
    poller, memory = small_unit(
        f"{HEAD}{WARMTH}  - {{metric: {metric}, register: 1, unit: liter_per_second, labels: {{loop: primary}}, poll: fast}}\n",
        245,
        12,
    )
    await poller.open()
    assert (await poller.poll("fast", 1e9)).values[flow] == 0.012
    memory.registers |= {0: 0, 1: 0}
    await poller.poll("normal", 1e9)
    found = await poller.poll("fast", 1e9)
    assert (found.values, found.bad) == ({}, {flow: "sentinel"})


METER = """
  - {metric: dcim_meter_power_watts, register: 0, unit: watt, labels: {role: other}, poll: normal}
  - {metric: dcim_meter_voltage_volts, register: 1, type: float32, unit: volt, labels: {role: other, phase: L1}, poll: normal}
"""
POWER, VOLTAGE = "dcim_meter_power_watts{role=other}", "dcim_meter_voltage_volts{phase=L1,role=other}"


async def test_a_meter_without_voltage_has_0_unless_it_never_had_anything_else() -> None:
    poller, memory = small_unit(HEAD + METER, 0, 0, 0)
    await poller.open()
    assert (await poller.poll("normal", 1e9)).bad == {POWER: "sentinel", VOLTAGE: "sentinel"}
    # NaN is no 0: it has measured, but not this.
    memory.registers[1] = 0x7FC0
    found = await poller.poll("normal", 1e9)
    assert (found.values, found.bad) == ({POWER: 0.0}, {VOLTAGE: "null"})
    memory.registers |= {0: 250, 1: 0x4366}
    assert (await poller.poll("normal", 1e9)).values == {POWER: 250.0, VOLTAGE: 230.0}
    for _ in range(2):
        memory.registers |= {0: 0, 1: 0}
        assert (await poller.poll("normal", 1e9)).values == {POWER: 0.0, VOLTAGE: 0.0}


async def test_a_unit_is_judged_anew_by_the_registers_that_it_has_after_an_update() -> None:
    """The limits that were impossible are gone."""
    text = SENSOR.replace(
        "register: 2, unit: celsius, labels: {sensor: a}, poll: normal",
        f"register: 2, unit: celsius, {LABEL}, poll: slow",
    )
    text = text.replace(
        "register: 3, unit: percent, labels: {sensor: a}, poll: normal",
        f"register: 3, unit: percent, {LABEL}, poll: slow",
    )
    poller, memory = small_unit(text, 245, 45, 999, 250)
    await poller.open()
    assert (await poller.poll("normal", 1e9)).values == {}
    del memory.registers[2], memory.registers[3]
    await poller.open()
    assert (await poller.poll("normal", 1e9)).values[TEMPERATURE] == 24.5
