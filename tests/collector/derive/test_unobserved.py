"""What nobody observes is no input of a figure, even if its last readings have not expired."""

import pytest

from tests.collector.derive.hall import Readings, hall
from tests.collector.derive.liquid.test_cooling import cdu, cooled
from tests.collector.polls import hello

HEAT = "loop_heat_watts{loop=tcs}"


def heat(readings: Readings, now: float) -> tuple[float | None, tuple[str, ...]]:
    figure = readings.figures(now=now)[HEAT]
    return figure.value, figure.missing


def test_the_figures_of_an_agent_that_is_gone_are_unknown_and_name_it() -> None:
    """At once, and until it has polled again."""
    readings = Readings(hall())
    for device, watts in (("cdu-1", 40_000.0), ("cdu-2", 30_000.0)):
        readings.take(device, {"cdu_heat_removed_watts{loop=secondary}": watts}, 100.0, device_class="cdu")
    assert heat(readings, 101.0) == (70_000.0, ())
    readings.latest.apply_status(hello("gw", online=False, site=readings.site), 102.0)
    key = "cdu_heat_removed_watts{loop=secondary}: agent gw is offline"
    assert heat(readings, 102.0) == (None, (f"cdu-1 {key}", f"cdu-2 {key}"))
    readings.latest.apply_status(hello("gw", "cdu-1", "cdu-2", site=readings.site), 103.0)
    value, missing = heat(readings, 103.0)
    assert value is None
    assert all("waiting for the first poll by agent gw" in word for word in missing)
    for device, watts in (("cdu-1", 41_000.0), ("cdu-2", 30_000.0)):
        readings.take(device, {"cdu_heat_removed_watts{loop=secondary}": watts}, 104.0, device_class="cdu")
    assert heat(readings, 104.0) == (71_000.0, ())


def test_without_the_broker_no_figure_is_known_and_all_of_them_say_why() -> None:
    readings = cooled()
    assert readings.figures()["cdu_dew_point_margin_celsius{device=cdu-1}"].value is not None
    readings.latest.note_disconnected(100.5)
    figures = readings.figures(now=101.0)
    of_readings = [figure for figure in figures.values() if any(": " in word for word in figure.missing)]
    assert of_readings
    words = {word.partition(": ")[2] for figure in of_readings for word in figure.missing if ": " in word}
    assert "no connection to the broker" in words
    assert not words & {"stale", "does not answer"}
    assert figures["cdu_dew_point_margin_celsius{device=cdu-1}"].value is None


def test_a_device_that_only_its_agent_does_not_mention_is_named_alone() -> None:
    readings = Readings(hall())
    readings.take("cdu-1", cdu(60_000, 30.0, "running"), 100.0, device_class="cdu")
    readings.take("cdu-2", cdu(30_000, 30.0, "running"), 130.0, device_class="cdu")
    value, missing = heat(readings, 131.0)
    assert value is None
    assert [word.partition(": ")[2] for word in missing] == ["agent gw says nothing about it"]
    assert heat(readings, 129.0)[0] == pytest.approx(90_000)
