"""Modbus units whose registers are not those of their profile: counted from another number, those of another unit, or nothing but 0."""

from dataclasses import replace

import pytest

from agent.config import Device
from agent.poll import ModbusPoller
from agent.profile import parse_profile
from rackflow.catalogue import catalogue
from tests.agent.memory_peers import MemoryModbus
from tests.agent.varied_units import MAPS, SHIPPED, VariedUnit, numbers_of, poller_of, read, told

SHIFTED = ("apc-smart-ups-modbus", "riello-multicom-modbus", "generex-modbus", "aalc-rpu", "orv3-miniups")
SET_POINTS = (37_888, 37_889)
HUAWEI = "huawei-ups2000-modbus"
TEMPERATURES = ("dcim_rdhx_water_supply", "dcim_rdhx_water_return", "dcim_rdhx_supply_temperature_setpoint")


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
    assert len(told(found)) == len(usual) - 3
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
    device = Device(id="d", host="h", protocol="modbus", profile="sensor", unit=12)
    memory = MemoryModbus(dict(enumerate(registers)))
    poller = ModbusPoller(device, parse_profile(SENSOR, "sensor.yaml"), memory)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    assert {key: found.values.get(key) for key in values} == values
    assert {key: why for key, why in found.bad.items() if "dew_point" not in key} == bad
