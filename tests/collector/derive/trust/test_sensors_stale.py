"""Sensors that fell silent: what they said last holds for three polls, and neither figures nor suspicion rest on it any longer."""

from tests.collector.derive.hall import Readings, hall

HEAT = "cdu_heat_removed_watts{loop=secondary}"
ONE_CDU = ("  - {id: cdu-2, primary: fws, secondary: tcs, rated_cooling_w: 200000, from: [row-a], row: a}\n", "")
STALE = ("cdu-1 cdu_heat_removed_watts{loop=secondary}: stale",)


def heat(readings: Readings, now: float) -> tuple[float | None, tuple[str, ...]]:
    figure = readings.figures(now)["loop_heat_watts{loop=tcs}"]
    return figure.value, figure.missing


def test_a_stale_sensor_makes_its_figure_unknown_and_a_new_reading_makes_it_known() -> None:
    readings = Readings(hall(ONE_CDU))
    assert heat(readings, 99.0) == (None, ("cdu-1 cdu_heat_removed_watts{loop=secondary}: not received",))
    readings.take("cdu-1", {HEAT: 40_000.0}, 100.0, device_class="cdu")
    life_s = readings.latest.readings_of("t1", "cdu-1")[f"dcim_{HEAT}"].life_s
    assert life_s == 30.0
    assert heat(readings, 100.0 + life_s - 0.1) == (40_000.0, ())
    silent = "cdu-1 cdu_heat_removed_watts{loop=secondary}: agent gw is silent"
    assert heat(readings, 100.0 + life_s) == (None, (silent,))
    readings.take("cdu-1", {HEAT: 41_000.0}, 140.0, device_class="cdu")
    assert heat(readings, 140.5) == (41_000.0, ())


def test_a_figure_tells_the_age_of_its_oldest_reading() -> None:
    readings = Readings(hall())
    readings.take("cdu-1", {HEAT: 40_000.0}, 100.0, device_class="cdu")
    readings.take("cdu-2", {HEAT: 30_000.0}, 107.0, device_class="cdu")
    figure = readings.figures(110.0)["loop_heat_watts{loop=tcs}"]
    assert (figure.value, figure.oldest_s) == (70_000.0, 10.0)


def test_the_age_of_a_figure_counts_readings_that_it_may_do_without() -> None:
    """A margin of condensation is as old as the dew point in it."""
    readings = Readings(hall(ONE_CDU))
    readings.take("cdu-1", {"cdu_dew_point_celsius": 12.0}, 100.0, device_class="cdu")
    readings.take("cdu-1", {"cdu_supply_temperature_celsius{loop=secondary}": 20.0}, 107.0, device_class="cdu")
    (margin,) = [each for name, each in readings.figures(110.0).items() if name.startswith("cdu_dew_point_margin")]
    assert (margin.value, margin.oldest_s) == (8.0, 10.0)


def test_only_the_silent_sensor_is_stale() -> None:
    """Its device goes on with another one: nobody is told a reason of the wrong kind."""
    readings = Readings(hall(ONE_CDU))
    other = "cdu_supply_temperature_celsius{loop=secondary}"
    readings.take("cdu-1", {HEAT: 40_000.0, other: 30.0}, 100.0, device_class="cdu")
    for at in range(110, 1100, 10):
        readings.take("cdu-1", {other: 30.0 + at / 1000}, float(at), device_class="cdu")
        assert not any("suspect" in name for name in readings.figures(float(at)))
        assert heat(readings, float(at)) == ((40_000.0, ()) if at < 130 else (None, STALE))
    assert heat(readings, 1095.0) == (None, STALE)
