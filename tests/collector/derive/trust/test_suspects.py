"""Sensors that are named, and healthy ones that are not: hours of a simulated CDU with noise, daily load and control."""

import math
import random
from collections.abc import Callable, Iterator

import pytest

from collector.derive.trends import Clogging, PeakPower
from rackflow.fluids import volumetric_heat_capacity
from tests.collector.derive.hall import WALL_S, Readings, hall

HOUR_S = 3600.0
STEP_S = 20.0
ONE_CDU = (("  - {id: cdu-2, primary: fws, secondary: tcs, rated_cooling_w: 200000, from: [row-a], row: a}\n", ""),)
Sensors = dict[str, float | str]


def cdu_readings(now: float, noise: random.Random) -> Sensors:
    """What a healthy CDU shows: 60 to 100 kW over the day, pumps that follow, half a per cent of noise on every sensor."""

    def noisy(value: float, part: float = 0.005) -> float:
        return value * (1 + noise.gauss(0, part))

    heat_w = 80_000 + 20_000 * math.sin(2 * math.pi * now / 86_400) + noise.gauss(0, 1000)
    speed = 0.5 + 0.3 * (heat_w / 100_000)
    flow, primary_flow = 0.004 * speed, 0.005 * speed
    capacity = volumetric_heat_capacity("pg25", 35.0)
    water = volumetric_heat_capacity("water", 28.0)
    assert capacity is not None
    assert water is not None
    rise, primary_rise = heat_w / flow / capacity, heat_w * 0.98 / primary_flow / water
    values: Sensors = {"cdu_pump_state{pump=1}": "running", "cdu_pump_speed_ratio{pump=1}": noisy(speed, 0.002)}
    for loop, cold, delta, volume in (("secondary", 30.0, rise, flow), ("primary", 24.0, primary_rise, primary_flow)):
        values[f"cdu_supply_temperature_celsius{{loop={loop}}}"] = cold + noise.gauss(0, 0.05)
        values[f"cdu_return_temperature_celsius{{loop={loop}}}"] = cold + delta + noise.gauss(0, 0.05)
        values[f"cdu_flow_cubic_meters_per_second{{loop={loop}}}"] = noisy(volume)
    return values


def with_heat(values: Sensors) -> Sensors:
    """The agent's figures of what the sensors show."""
    for loop, fluid in (("secondary", "pg25"), ("primary", "water")):
        cold, warm, flow = (
            float(values[f"cdu_{name}{{loop={loop}}}"])
            for name in ("supply_temperature_celsius", "return_temperature_celsius", "flow_cubic_meters_per_second")
        )
        capacity = volumetric_heat_capacity(fluid, (cold + warm) / 2)
        assert capacity is not None
        values[f"cdu_delta_temperature_celsius{{loop={loop}}}"] = warm - cold
        values[f"cdu_heat_removed_watts{{loop={loop}}}"] = flow * capacity * (warm - cold)
    return values


def simulate(
    readings: Readings, hours: float, fault: Callable[[float, Sensors], None] = lambda _h, _v: None
) -> Iterator[tuple[float, set[tuple[str, str]]]]:
    """Hours passed and who is named, every twenty seconds; `fault` changes what the sensors show."""
    noise = random.Random(7)  # noqa: S311 - noise of sensors
    for step in range(int(hours * HOUR_S / STEP_S)):
        now = 100.0 + step * STEP_S
        values = cdu_readings(now, noise)
        fault((now - 100.0) / HOUR_S, values)
        readings.take("cdu-1", with_heat(values), now, device_class="cdu")
        figures = readings.engine.cycle(readings.latest, now, WALL_S + now)
        found = [
            dict(each.output.labels) for each in figures if each.output.metric.name == "dcim_device_reading_suspect"
        ]
        yield (now - 100.0) / HOUR_S, {(each["reading"], each["reason"]) for each in found}


def test_nobody_is_named_in_forty_eight_healthy_hours() -> None:
    assert [named for _, named in simulate(Readings(hall(*ONE_CDU)), 48.0) if named] == []


def test_a_flow_meter_that_drifts_is_named_before_it_is_off_by_ten_per_cent() -> None:
    readings = Readings(hall(*ONE_CDU))
    flow = "cdu_flow_cubic_meters_per_second{loop=secondary}"

    def drift(hour: float, values: Sensors) -> None:
        values[flow] = float(values[flow]) * (1 + 0.01 * max(0.0, hour - 2))

    first = next(((hour, named) for hour, named in simulate(readings, 12.0, drift) if named), None)
    assert first is not None
    hour, named = first
    assert named == {("secondary_flow", "drifting")}
    assert 0.01 * (hour - 2) < 0.10
    figure = readings.figures(now=100.0 + hour * HOUR_S + 1)["loop_heat_watts{loop=tcs}"]
    assert figure.value is None
    assert figure.missing == ("cdu-1 cdu_heat_removed_watts{loop=secondary}: suspect, drifting",)


def test_the_primary_meter_is_named_when_pumps_and_secondary_agree() -> None:
    flow = "cdu_flow_cubic_meters_per_second{loop=primary}"

    def drift(hour: float, values: Sensors) -> None:
        values[flow] = float(values[flow]) * (1 - 0.01 * max(0.0, hour - 2))

    named = next(found for _, found in simulate(Readings(hall(*ONE_CDU)), 12.0, drift) if found)
    assert named == {("primary_heat", "drifting")}


def test_a_sensor_that_stands_still_is_frozen_after_an_hour() -> None:
    supply = "cdu_supply_temperature_celsius{loop=secondary}"

    def freeze(hour: float, values: Sensors) -> None:
        if hour >= 1:
            values[supply] = 30.0

    hours = [
        hour
        for hour, named in simulate(Readings(hall(*ONE_CDU)), 2.2, freeze)
        if ("secondary_supply_temperature", "frozen") in named
    ]
    assert hours[0] == pytest.approx(2.0, abs=0.02)


def test_a_coarse_sensor_that_often_rests_is_not_frozen() -> None:
    supply = "cdu_supply_temperature_celsius{loop=secondary}"

    def coarse(hour: float, values: Sensors) -> None:
        values[supply] = (
            30.0 + int(hour * 12) % 2 if hour < 3 else 30.0
        )  # a change every five minutes, then an hour and a half of rest

    assert not any(
        named
        for _, named in simulate(Readings(hall(*ONE_CDU)), 4.5, coarse)
        if any(why == "frozen" for _, why in named)
    )


def test_flow_with_all_pumps_stopped_is_impossible_after_a_minute() -> None:
    def stopped(hour: float, values: Sensors) -> None:
        if hour >= 0.1:
            values["cdu_pump_state{pump=1}"] = "stopped"

    found = [(hour, named) for hour, named in simulate(Readings(hall(*ONE_CDU)), 0.2, stopped) if named]
    assert found[0][1] == {("secondary_flow", "impossible")}
    assert found[0][0] == pytest.approx(0.1 + 60 / HOUR_S, abs=0.01)


def test_coolant_that_returns_colder_is_impossible() -> None:
    back = "cdu_return_temperature_celsius{loop=secondary}"

    def swapped(hour: float, values: Sensors) -> None:
        values[back] = 20.0 if hour > 0.05 else values[back]

    found = [named for _, named in simulate(Readings(hall(*ONE_CDU)), 0.2, swapped) if named]
    assert ("secondary_temperature", "impossible") in found[0]


RACK = ("pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2")


def with_racks(
    readings: Readings, fault: Callable[[float, Sensors], None] = lambda _h, _v: None
) -> Callable[[float, Sensors], None]:
    """The CDU shows no primary side, and the rack PDUs what its racks take; the heat of 0.9 of it is in the liquid."""

    def shown(hour: float, values: Sensors) -> None:
        for name in ("supply_temperature_celsius", "return_temperature_celsius", "flow_cubic_meters_per_second"):
            values[f"cdu_{name}{{loop=primary}}"] = 0.0
        heat_w = float(with_heat(dict(values))["cdu_heat_removed_watts{loop=secondary}"])
        for pdu in RACK:
            readings.take(pdu, {"pdu_input_power_watts{inlet=1}": heat_w / 0.9 / 4}, 100.0 + hour * HOUR_S)
        fault(hour, values)

    return shown


def test_without_a_primary_side_the_flow_meter_is_named_by_pumps_and_racks() -> None:
    readings = Readings(hall(*ONE_CDU))
    flow = "cdu_flow_cubic_meters_per_second{loop=secondary}"

    def drift(hour: float, values: Sensors) -> None:
        values[flow] = float(values[flow]) * (1 - 0.03 * max(0.0, hour - 2))

    hour, named = next((hour, named) for hour, named in simulate(readings, 6.0, with_racks(readings, drift)) if named)
    assert named == {("secondary_flow", "drifting")}
    assert 0.03 * (hour - 2) < 0.10


def test_a_clogged_filter_is_no_drifting_meter() -> None:
    """Flow falls beside the pumps' speed, heat beside the racks' power does not."""
    readings = Readings(hall(*ONE_CDU))
    speed = "cdu_pump_speed_ratio{pump=1}"

    def clog(hour: float, values: Sensors) -> None:
        values[speed] = float(values[speed]) * (1 + 0.05 * max(0.0, hour - 2))

    assert not any(named for _, named in simulate(readings, 8.0, with_racks(readings, clog)))


def test_more_heat_than_the_racks_ever_took_is_impossible() -> None:
    readings = Readings(hall(*ONE_CDU))
    flow = "cdu_flow_cubic_meters_per_second{loop=secondary}"

    def tenfold(hour: float, values: Sensors) -> None:
        values[flow] = float(values[flow]) * (10.0 if hour > 0.5 else 1.0)

    hour, named = next((hour, named) for hour, named in simulate(readings, 1.0, with_racks(readings, tenfold)) if named)
    assert named == {("secondary_heat", "impossible")}
    assert hour == pytest.approx(0.5 + 120 / HOUR_S, abs=0.02)
    assert readings.figures(now=101.0 + hour * HOUR_S)["loop_heat_watts{loop=tcs}"].value is None


def test_heat_that_outlives_the_load_is_possible() -> None:
    """Racks stop, and for minutes the coolant goes on bringing what they had put into it."""
    readings = Readings(hall(*ONE_CDU))
    racks = with_racks(readings)

    def stop(hour: float, values: Sensors) -> None:
        racks(hour, values)
        if 0.5 < hour < 0.6:
            for pdu in RACK:
                readings.take(pdu, {"pdu_input_power_watts{inlet=1}": 500.0}, 100.0 + hour * HOUR_S)

    assert not any(named for _, named in simulate(readings, 1.0, stop))


def test_clogging_is_resistance_over_its_lowest_hour_and_the_trend_says_when_it_doubles() -> None:
    clogging = Clogging()
    # grows by 1 % of the clean resistance an hour
    for step in range(51 * 60):
        clogging.add(1e10 * (1 + 0.01 * (step // 60)), step * 60.0, float(step))
    assert clogging.ratio() == pytest.approx(1.49)
    assert clogging.time_to_limit_s() == pytest.approx(51 * HOUR_S, rel=1e-6)
    clogging.add(1e10, 51 * HOUR_S, 0.0)  # a new filter
    assert clogging.ratio() is None


def test_stranded_power_rests_on_the_highest_five_minutes_of_a_month() -> None:
    peak = PeakPower()
    for step in range(2 * 24 * 60):
        peak.add(9_000.0 if step in {700, 701, 702, 703, 704} else 5_000.0, step * 60.0)
    assert peak.highest() == pytest.approx(9_000.0)
    assert peak.share() == pytest.approx(2 / 30, rel=0.01)
