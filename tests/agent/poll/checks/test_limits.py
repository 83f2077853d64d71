"""Limits that a device states for its own readings, in another scale or the wrong way round: none of them raises an alarm."""

import pytest

from agent.config import Device
from agent.poll import BOOT_METRIC, ModbusPoller, SnmpPoller
from agent.profile import RawValue, parse_profile
from agent.readings import Readings
from tests.agent.memory_peers import MemoryModbus, MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
HEAD = """
version: 1
profile: strip
class: {class_}
title: A device
source: a manual
evidence: unverified
"""
UPTIME = "1.3.6.1.2.1.1.3.0"
SERIAL = f"{ROOT}.8.0"


def snmp(class_: str, *points: str) -> str:
    """A family with one point at R.1.0, R.2.0, and so on."""
    lines = "".join(f"  - {{{point}, oid: {ROOT}.{at}.0}}\n" for at, point in enumerate(points, 1))
    return (
        f"{HEAD.format(class_=class_)}protocol: snmp\nrecognise: {{probes: [{ROOT}.9.0]}}\n"
        f"identity: {{serial: [{{oid: {SERIAL}}}]}}\npoints:\n{lines}"
    )


class Limited:
    """A device whose readings are polled as `normal`, its limits as `slow`, and its ratings as `inventory`."""

    def __init__(self, text: str, *cells: RawValue) -> None:
        self.cells: dict[str, RawValue] = {UPTIME: 100, f"{ROOT}.9.0": 1, SERIAL: b"1"}
        self.put(*cells)
        config = Device(id="d", host="h", credential="c", profile="strip", outlets=True)
        self._memory = MemorySnmp(self.cells)
        self._is_rating = any(each in text for each in ("ups_rated", "input_rated", "outlet_rated", "circuit_rated"))
        self.poller = SnmpPoller(config, {"strip": parse_profile(text, "strip.yaml")}, self._memory)

    def put(self, *cells: RawValue) -> None:
        self.cells |= {f"{ROOT}.{at}.0": cell for at, cell in enumerate(cells, 1)}

    async def limits(self) -> Readings:
        await self.poller.poll("normal", 0.0)
        return await self.poller.poll("inventory" if self._is_rating else "slow", 0.0)


def found(readings: Readings) -> list[float | str]:
    return [*(value for key, value in readings.values.items() if key != BOOT_METRIC), *readings.bad.values()]


async def opened(text: str, *cells: RawValue) -> Limited:
    device = Limited(text, *cells)
    await device.poller.open()
    return device


def env(kind: str, unit: str, scale: str) -> str:
    low, high = (
        f"metric: dcim_env_{kind.format(f'_{side}_threshold')}, labels: {{sensor: a}}, unit: {unit}, scale: {scale}"
        for side in ("low", "high")
    )
    return snmp(
        "env", f"metric: dcim_env_{kind.format('')}, labels: {{sensor: a}}, unit: {unit}, scale: 0.1", low, high
    )


TEMPERATURE, HUMIDITY = "temperature{}_celsius", "relative_humidity{}_ratio"


@pytest.mark.parametrize(
    ("kind", "unit", "scale", "low", "high", "expected"),
    [
        (TEMPERATURE, "celsius", "0.1", 180, 270, [18.0, 27.0]),
        (TEMPERATURE, "celsius", "0.1", 18, 27, ["range", "range"]),  # whole degrees where the profile has tenths
        (TEMPERATURE, "celsius", "1", 30, 270, ["range", "range"]),  # and the other way round
        (TEMPERATURE, "celsius", "1", 59, 81, ["range", "range"]),  # degrees Fahrenheit
        (TEMPERATURE, "celsius", "0.1", 270, 180, ["range", "range"]),
        (TEMPERATURE, "celsius", "0.1", 0, 0, [0.0, "sentinel"]),  # not set
        (TEMPERATURE, "celsius", "0.1", 180, 0, [18.0, "sentinel"]),
        (TEMPERATURE, "celsius", "0.1", 250, 250, ["range", "range"]),
        (TEMPERATURE, "celsius", "0.1", -50, 270, [-5.0, 27.0]),
        (HUMIDITY, "percent", "0.1", 400, 600, [0.4, 0.6]),
        (HUMIDITY, "percent", "0.1", 40, 60, ["range", "range"]),
        (HUMIDITY, "percent", "1", 5, 600, ["range", "range"]),
        (HUMIDITY, "percent", "0.1", 600, 400, ["range", "range"]),
        (HUMIDITY, "percent", "0.1", 500, 500, ["range", "range"]),
        (HUMIDITY, "percent", "0.1", 0, 1000, [0.0, 1.0]),
    ],
)
async def test_thresholds_of_a_sensor_that_cannot_be_are_rejected(
    kind: str, unit: str, scale: str, low: int, high: int, expected: list[float | str]
) -> None:
    device = await opened(env(kind, unit, scale), 240, low, high)
    assert found(await device.limits()) == pytest.approx(expected)


def phase(*limits: str) -> str:
    points = ["current_amperes, poll: normal", *(f"{each}_current_amperes" for each in limits)]
    return snmp(
        "pdu", *(f"metric: dcim_pdu_phase_{each}, labels: {{phase: L1}}, unit: ampere, scale: 0.1" for each in points)
    )


@pytest.mark.parametrize(
    ("amperes", "warning", "rated", "expected"),
    [
        (120, 128, 160, [12.8, 16.0]),
        (120, 12, 16, ["range", "range"]),  # whole amperes where the profile has tenths: 12 A of 1.6 A
        (200, 128, 160, [12.8, 16.0]),  # an overload
        (470, 160, 160, [16.0, 16.0]),  # three lines as one
        (480, 160, 160, [16.0, 16.0]),  # three lines that are full
        (481, 160, 160, ["range", "range"]),
        (120, 240, 160, [16.0, "range"]),  # a warning that comes too late leaves the rating
        (120, 1280, 160, [16.0, "range"]),
        (120, 1280, 16000, ["range", "range"]),  # 1,600 A for a phase
        (120, 0, 160, [16.0, "sentinel"]),
        (0, 128, 160, [12.8, 16.0]),
    ],
)
async def test_limits_of_a_phase_that_cannot_be_are_rejected(
    amperes: int, warning: int, rated: int, expected: list[float | str]
) -> None:
    device = await opened(phase("warning", "rated"), amperes, warning, rated)
    assert found(await device.limits()) == expected


LEVELS = {
    "phase": "phase: L1",
    "bank": "bank: a",
    "outlet": "outlet: '1'",
    "input": "",
}


@pytest.mark.parametrize(
    ("level", "amperes", "rated", "expected"),
    [
        *((level, 120, 160, [16.0]) for level in LEVELS),
        *((level, 120, 16, ["range"]) for level in LEVELS),
    ],
)
async def test_a_rated_current_is_judged_at_each_level(
    level: str, amperes: int, rated: int, expected: list[float | str]
) -> None:
    labels = f"labels: {{{LEVELS[level]}}}, " if LEVELS[level] else ""
    points = (
        f"metric: dcim_pdu_{level}_{each}current_amperes, {labels}unit: ampere, scale: 0.1" for each in ("", "rated_")
    )
    first, second = points
    device = await opened(snmp("pdu", f"{first}, poll: normal", second), amperes, rated)
    assert found(await device.limits()) == expected


async def test_a_warning_of_a_bank_that_comes_too_late_leaves_its_rating() -> None:
    points = (
        f"metric: dcim_pdu_bank_{each}_current_amperes, labels: {{bank: a}}, unit: ampere, scale: 0.1"
        for each in ("warning", "rated")
    )
    assert found(await (await opened(snmp("pdu", *points), 240, 160)).limits()) == [16.0, "range"]


async def test_a_rated_power_is_judged_by_the_power() -> None:
    points = ("power_watts, unit: watt, poll: normal", "rated_power_watts, unit: watt")
    device = await opened(snmp("pdu", *(f"metric: dcim_pdu_input_{each}" for each in points)), 3000, 730)
    assert found(await device.limits()) == ["range"]


async def test_a_circuit_is_judged_by_the_largest_of_its_phases() -> None:
    lines = [
        f"metric: dcim_circuit_current_amperes, labels: {{panel: p, circuit: c, phase: L{at}}}, unit: ampere, poll: normal"
        for at in (1, 2)
    ]
    rated = "metric: dcim_circuit_rated_current_amperes, labels: {panel: p, circuit: c}, unit: ampere"
    device = await opened(snmp("pdu", *lines, rated), 5, 60, 16)
    assert found(await device.limits()) == ["range"]


async def test_a_limit_that_a_reading_has_refuted_stays_rejected_until_it_changes() -> None:
    device = await opened(phase("rated"), 4, 16)
    assert found(await device.limits()) == [1.6]  # next to no load says nothing
    device.put(120)
    for _ in range(2):
        assert found(await device.limits()) == ["range"]
    device.put(4)
    assert found(await device.limits()) == ["range"]
    await device.poller.open()
    assert found(await device.limits()) == ["range"]
    device.put(4, 160)
    assert found(await device.limits()) == [16.0]
    device.put(4, 16)
    assert found(await device.limits()) == [1.6]


async def test_a_limit_that_is_changed_is_refuted_by_itself_alone() -> None:
    """Somebody corrects a threshold from one wrong number to another: each was refuted by one poll, and none by two."""
    device = await opened(phase("rated"), 4, 16)
    for rated in (16, 15):
        device.put(120, rated)
        assert found(await device.limits()) == ["range"]
    device.put(4)
    assert found(await device.limits()) == [1.5]


async def test_a_limit_that_one_poll_alone_has_refuted_comes_back() -> None:
    """Two transformers that are switched on draw ten times the rating while they are polled; the limit is needed afterwards."""
    device = await opened(phase("rated"), 120, 160)
    for amperes, expected in ((1600, "range"), (120, 16.0), (1600, "range"), (120, 16.0)):
        device.put(amperes)
        assert found(await device.limits()) == [expected]


async def test_a_rating_that_readings_of_two_hours_disprove_is_not_published_in_the_hours_between() -> None:
    """16 A are stated as 1.6 A, and the load is 4 to 6 A."""
    lines = ("current_amperes, labels: {inlet: a}, poll: normal", "rated_current_amperes, labels: {inlet: a}")
    text = snmp("pdu", *(f"metric: dcim_pdu_input_{each}, unit: ampere, scale: 0.1" for each in lines))
    device, hours = await opened(text, 60, 16), []
    for amperes in (60, 40, 60, 40, 40, 60, 40):
        device.put(amperes, 16)
        hours += found(await device.limits())
    assert hours == ["range", 1.6, *["range"] * 5]


async def test_a_limit_that_is_corrected_at_the_device_is_read_with_the_slow_poll() -> None:
    device = await opened(env(TEMPERATURE, "celsius", "0.1"), 300, 180, 270)
    assert found(await device.limits()) == [18.0, 27.0]
    device.put(300, 180, 320)
    assert found(await device.poller.poll("slow", 0.0)) == [18.0, 32.0]


async def test_a_limit_is_judged_by_what_was_read_while_planning() -> None:
    device = await opened(phase("rated"), 120, 16)
    assert found(await device.poller.poll("slow", 0.0)) == ["range"]


async def test_another_device_behind_the_address_is_judged_anew() -> None:
    device = await opened(phase("rated"), 120, 16)
    for _ in range(2):
        assert found(await device.limits()) == ["range"]
    device.cells[SERIAL] = b"2"
    device.put(4, 16)
    await device.poller.poll("slow", 0.0)
    await device.poller.open()
    assert found(await device.limits()) == [1.6]


async def test_a_limit_that_one_poll_of_each_of_two_devices_has_refuted_comes_back() -> None:
    device = await opened(phase("rated"), 120, 16)
    assert found(await device.limits()) == ["range"]
    device.cells[SERIAL] = b"2"
    await device.poller.poll("slow", 0.0)
    await device.poller.open()
    assert found(await device.limits()) == ["range"]
    device.put(4)
    assert found(await device.limits()) == [1.6]


@pytest.mark.parametrize(
    ("volts", "rated", "expected"),
    [
        ((231, 230, 229), 230, [230.0]),
        ((231, 230, 229), 400, ["range"]),  # line to line
        ((231, 230, 229), 120, ["range"]),
        ((231, 0, 0), 400, ["range"]),
        ((200, 230, 229), 200, [200.0]),
        ((160, 400, 160), 400, [400.0]),  # one phase that is right is enough
        ((0, 0, 0), 400, [400.0]),  # off
        ((40, 40, 40), 400, [400.0]),  # what is left on a dead line
        ((260, 230, 229), 208, [208.0]),
    ],
)
async def test_a_rated_voltage_that_is_of_another_kind_is_rejected(
    volts: tuple[int, ...], rated: int, expected: list[float | str]
) -> None:
    lines = [
        f"metric: dcim_ups_output_voltage_volts, labels: {{phase: L{each}}}, unit: volt, poll: normal"
        for each in (1, 2, 3)
    ]
    device = await opened(snmp("ups", *lines, "metric: dcim_ups_rated_output_voltage_volts, unit: volt"), *volts, rated)
    assert found(await device.limits()) == expected


@pytest.mark.parametrize(
    ("watts", "voltamperes", "expected"),
    [
        (2700, 3000, [2700.0, 3000.0]),
        (3000, 3000, [3000.0, 3000.0]),
        (3100, 3000, [3100.0, 3000.0]),  # each is rounded by itself
        (3200, 3000, ["range", "range"]),
        (27000, 3000, ["range", "range"]),
    ],
)
async def test_a_unit_that_is_rated_for_more_watts_than_voltamperes_is_rated_for_neither(
    watts: int, voltamperes: int, expected: list[float | str]
) -> None:
    points = ("power_watts, unit: watt", "apparent_power_voltamperes, unit: voltampere")
    device = await opened(snmp("ups", *(f"metric: dcim_ups_rated_{each}" for each in points)), watts, voltamperes)
    assert found(await device.poller.poll("inventory", 0.0)) == expected


@pytest.mark.parametrize(
    ("loads", "watts", "rated", "expected"),
    [
        ((30,), (900,), 3000, [3000.0]),
        ((30,), (900,), 5000, [5000.0]),  # percent of voltamperes
        ((30,), (900,), 1100, [1100.0]),
        ((30,), (900,), 8900, [8900.0]),
        ((30,), (900,), 9100, ["range"]),  # more than three times what load and power imply
        ((30,), (900,), 30_000, ["range"]),
        ((30,), (900,), 300, ["range"]),
        ((2,), (900,), 3000, [3000.0]),  # nearly idle
        ((30, 10, 20), (9000, 3000, 6000), 90_000, [90_000.0]),
        ((30, 10, 20), (9000, 3000, 6000), 9000, ["range"]),
        ((50,), (90,), 3000, [3000.0]),  # most of 90 W are the losses of the UPS itself
    ],
)
async def test_a_rating_that_is_not_that_of_load_and_power_is_rejected(
    loads: tuple[int, ...], watts: tuple[int, ...], rated: int, expected: list[float | str]
) -> None:
    names = ("load_ratio, unit: percent", "power_watts, unit: watt")
    lines = [
        f"metric: dcim_ups_output_{name}, labels: {{phase: L{at + 1}}}, poll: normal"
        for name in names
        for at in range(len(loads))
    ]
    device = await opened(snmp("ups", *lines, "metric: dcim_ups_rated_power_watts, unit: watt"), *loads, *watts, rated)
    assert found(await device.limits()) == expected


@pytest.mark.parametrize(
    ("runtime", "charge", "expected"),
    [
        (20, 100, ["range"]),  # 60 s in a cell of minutes
        (50, 100, [3600.0]),  # an old battery
        (20, 60, [3600.0]),  # on battery the runtime falls below any threshold
        (0, 100, [3600.0]),  # a UPS that does not tell its runtime
    ],
)
async def test_a_low_battery_that_a_full_one_would_be_is_none(
    runtime: int, charge: int, expected: list[float | str]
) -> None:
    points = (
        "battery_runtime_seconds, unit: minute, poll: normal",
        "battery_charge_ratio, unit: percent, poll: normal",
    )
    text = snmp(
        "ups", *(f"metric: dcim_ups_{each}" for each in (*points, "low_battery_threshold_seconds, unit: minute"))
    )
    device = await opened(text, runtime, charge, 60)
    assert found(await device.limits()) == expected
    device.put(runtime, charge, 2)
    assert found(await device.limits()) == [120.0]


async def test_a_limit_of_one_phase_is_not_judged_by_the_current_of_another() -> None:
    """6 A and 63 A are the ratings, and 40 A flow through the large one."""
    lines = [
        f"metric: dcim_pdu_phase_{what}current_amperes, labels: {{phase: L{at}}}, unit: ampere, scale: 0.1{poll}"
        for what, poll in (("", ", poll: normal"), ("rated_", ""))
        for at in (1, 2)
    ]
    device = await opened(snmp("pdu", *lines), 4, 400, 60, 630)
    assert found(await device.limits()) == [6.0, 63.0]


async def test_a_rated_voltage_is_not_judged_by_the_battery() -> None:
    """1,200 s are no volts: this UPS does not report its output voltage."""
    points = (
        "battery_runtime_seconds, unit: minute, poll: normal",
        "battery_charge_ratio, unit: percent, poll: normal",
        "rated_output_voltage_volts, unit: volt",
    )
    device = await opened(snmp("ups", *(f"metric: dcim_ups_{each}" for each in points)), 20, 100, 230)
    assert found(await device.limits()) == [230.0]


async def test_limits_of_a_modbus_unit_are_checked_too() -> None:
    points = ("output_voltage_volts, labels: {phase: L1}, poll: normal", "rated_output_voltage_volts")
    lines = "".join(
        f"  - {{metric: dcim_ups_{each}, unit: volt, register: {at}, type: uint16}}\n" for at, each in enumerate(points)
    )
    text = f"{HEAD.format(class_='ups')}protocol: modbus\npoints:\n{lines}"
    registers = {0: 230, 1: 400}
    config = Device(id="d", host="h", protocol="modbus", profile="strip", unit=12)
    unit = ModbusPoller(config, parse_profile(text, "strip.yaml"), MemoryModbus(registers))
    await unit.open()
    assert found(await unit.poll("inventory", 0.0)) == ["range"]
    registers[1] = 230
    assert found(await unit.poll("inventory", 0.0)) == [230.0]


async def test_another_modbus_unit_behind_the_address_is_judged_anew() -> None:
    """The limit of 1.6 A was refuted by the 12 A of the unit before; the new one has 0.4 A."""
    points = ("current_amperes, poll: normal", "rated_current_amperes")
    lines = "".join(
        f"  - {{metric: dcim_pdu_phase_{each}, labels: {{phase: L1}}, unit: ampere, scale: 0.1, register: {at}}}\n"
        for at, each in enumerate(points)
    )
    identity = "identity: {serial: [{register: 90, words: 1}]}\n"
    text = f"{HEAD.format(class_='pdu')}protocol: modbus\n{identity}points:\n{lines}"
    registers = {0: 120, 1: 16, 90: 0x5331}
    config = Device(id="d", host="h", protocol="modbus", profile="strip", unit=12)
    unit = ModbusPoller(config, parse_profile(text, "strip.yaml"), MemoryModbus(registers))
    for serial, amperes, expected in ((0x5331, 120, ["range"]), (0x5332, 4, [1.6])):
        registers |= {0: amperes, 90: serial}
        await unit.open()
        await unit.poll("normal", 0.0)
        await unit.poll("slow", 0.0)
        await unit.poll("normal", 0.0)
        assert found(await unit.poll("slow", 0.0)) == expected


@pytest.mark.parametrize(("polls", "then"), [(1, 16.0), (2, "range")])
async def test_a_rating_that_one_inrush_exceeds_as_the_agent_starts_is_back_an_hour_later(
    polls: int, then: float | str
) -> None:
    """Power comes back, and with it the agent. Nobody changes a rating, so it would have been gone for good."""
    lines = ("current_amperes, labels: {inlet: a}, poll: normal", "rated_current_amperes, labels: {inlet: a}")
    device = await opened(
        snmp("pdu", *(f"metric: dcim_pdu_input_{each}, unit: ampere, scale: 0.1" for each in lines)), 900, 160
    )
    for _ in range(polls):
        assert found(await device.limits()) == ["range"]
    device.put(120, 160)
    assert found(await device.limits()) == [then]
