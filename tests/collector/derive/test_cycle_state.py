"""Figures that need memory: heat beside the racks' power, what a UPS loses, stranded power, filters that clog."""

import pytest

from rackflow.site import Site
from tests.collector.derive.campus import campus
from tests.collector.derive.hall import WALL_S, Readings, hall

PDUS = ("pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2")
HEAT = "cdu_heat_removed_watts{loop=secondary}"


def suspects(
    heats: dict[str, float], power_w: float = 100_000.0, silent: str = "", site: Site | None = None
) -> set[str]:
    """Who is named after a quarter of an hour in which the CDUs showed these heats beside the power of their racks."""
    readings = Readings(site)
    for now in range(0, 901, 30):
        for pdu in PDUS:
            if pdu != silent:
                readings.take(pdu, {"pdu_input_power_watts{inlet=1}": power_w / 4}, float(now), interval_s=20)
        for cdu, watts in heats.items():
            readings.take(cdu, {HEAT: watts}, float(now), device_class="cdu", interval_s=20)
        readings.figures(float(now))
    figures = readings.figures(901.0)
    found = [dict(each.output.labels) for name, each in figures.items() if name.startswith("device_reading_suspect")]
    return {f"{each['device']} {each['reading']} {each['reason']}" for each in found}


@pytest.mark.parametrize(
    ("heats", "expected"),
    [
        ({"cdu-1": 45_000.0, "cdu-2": 45_000.0}, set()),
        ({"cdu-1": 95_000.0, "cdu-2": 5_000.0}, set()),
        ({"cdu-1": 120_000.0, "cdu-2": 0.0}, set()),
        # One that stands by takes up some heat from its surroundings: it has no part of the power, not even a negative one.
        ({"cdu-1": 100_000.0, "cdu-2": -5_000.0}, set()),
        # Together twice of what their racks take, each below it.
        ({"cdu-1": 100_000.0, "cdu-2": 99_000.0}, {"cdu-1", "cdu-2"}),
        ({"cdu-1": 140_000.0, "cdu-2": 0.0}, {"cdu-1"}),
        ({"cdu-1": 140_000.0}, {"cdu-1"}),
        ({"cdu-1": 120_000.0}, set()),
    ],
)
def test_of_several_cdus_each_is_held_against_its_part_of_the_power(
    heats: dict[str, float], expected: set[str]
) -> None:
    assert suspects(heats) == {f"{each} secondary_heat impossible" for each in expected}


def test_where_a_pdu_is_silent_the_racks_power_is_not_known_and_nobody_is_named() -> None:
    assert suspects({"cdu-1": 500_000.0}, silent="pdu-a2-b2") == set()


def test_where_a_rack_of_the_loop_is_silent_nobody_is_named() -> None:
    both = hall(
        ("racks: [a2]", "racks: [a1, a2]"), ("design_power_w: 8000}", "design_power_w: 8000, liquid_share: 0.5}")
    )
    assert suspects({"cdu-1": 140_000.0}, site=both) == set()


@pytest.mark.parametrize("silent", ["cdu-2", ""])
def test_the_power_of_a_silent_cdu_is_not_taken_for_that_of_its_neighbour(silent: str) -> None:
    """Beside twice the power its heat would look halved: a third ratio that blames the secondary side whatever has drifted."""
    readings = Readings()
    for now in range(0, 6_001, 30):
        for pdu in PDUS:
            readings.take(pdu, {"pdu_input_power_watts{inlet=1}": 25_000.0}, float(now), interval_s=20)
        for cdu in ("cdu-1", "cdu-2"):
            if cdu != silent or now < 3_900:
                # From 4,200 s on the primary meter of one shows more, while the secondary side is right.
                primary_w = 60_000.0 if cdu == "cdu-1" and now >= 4_200 else 45_000.0
                heats = {HEAT: 45_000.0, "cdu_heat_removed_watts{loop=primary}": primary_w}
                readings.take(cdu, heats, float(now), device_class="cdu", interval_s=20)
        readings.figures(float(now))
    figures = readings.figures(6_001.0)
    named = {name for name in figures if name.startswith("device_reading_suspect")}
    assert named == {"device_reading_suspect{device=cdu-1,reading=primary_heat,reason=drifting}"}


LOSS = "ups_losses_watts{feed=B,device=ups-b}"


def ups(readings: Readings, now: float, taken_w: float, given_w: float) -> tuple[float | None, tuple[str, ...]]:
    values = {"ups_input_total_power_watts": taken_w, "ups_output_total_power_watts": given_w}
    readings.take("ups-b", values, now, device_class="ups")
    figure = readings.figures(now)[LOSS]
    return figure.value, figure.missing


def test_what_a_ups_loses_is_a_mean_of_five_minutes_and_starts_over_where_it_takes_nothing() -> None:
    readings = Readings(hall())
    early = (None, ("less than ten minutes have been seen",))
    start = 600.0  # a multiple of 300 s
    assert ups(readings, start, 40_000.0, 38_000.0) == early
    assert ups(readings, start + 100, 40_000.0, 38_000.0) == early
    assert ups(readings, start + 300, 41_000.0, 38_000.0) == early
    assert ups(readings, start + 400, 40_000.0, 39_000.0) == early
    assert ups(readings, start + 600, 50_000.0, 38_000.0) == (2_000.0, ())
    assert ups(readings, start + 900, 50_000.0, 38_000.0) == (12_000.0, ())
    assert ups(readings, start + 1200, 50_000.0, 60_000.0) == (12_000.0, ())
    assert ups(readings, start + 1500, 50_000.0, 60_000.0) == (None, ("result -1e+04 is not plausible",))
    assert ups(readings, start + 1510, 0.0, 38_000.0) == (None, ("the UPS takes no power",))
    assert ups(readings, start + 1520, 40_000.0, 38_000.0) == early
    readings.take("ups-b", {"ups_output_total_power_watts": 38_000.0}, start + 1600, device_class="ups")
    figure = readings.figures(start + 1600)[LOSS]
    assert figure.missing == ("ups-b ups_input_total_power_watts: stale",)


@pytest.mark.parametrize("pace", [0.0, -3.0, 10_000.0])
def test_a_wall_clock_that_is_set_changes_nothing_of_what_is_learned(pace: float) -> None:
    readings = Readings(hall())
    values = {"ups_input_total_power_watts": 40_000.0, "ups_output_total_power_watts": 38_000.0}
    losses: list[float | None] = []
    for now in range(600, 1201, 100):
        readings.take("ups-b", values, float(now), device_class="ups")
        found = readings.engine.cycle(readings.latest, float(now), WALL_S + pace * now)
        losses += [each.value for each in found if each.output.metric.name == "dcim_ups_losses_watts"]
    assert losses == [None] * 6 + [2_000.0]


def test_stranded_power_is_what_the_weakest_feed_may_carry_for_hours_less_the_peak() -> None:
    """Campus: 0.8 * 230 V on the smallest breaker of n1's three feeds, or on the smaller input of a transfer switch."""
    weaker = (
        "id: pdu-n1-b, rack: n1, from: row-b, breaker_a: 63",
        "id: pdu-n1-b, rack: n1, from: row-b, breaker_a: 50",
    )
    readings = Readings(campus(weaker))
    amperes = {
        "pdu-n1-a": (10, 10, 10),
        "pdu-n1-b": (10, 10, 10),
        "pdu-n1-c": (10, 10, 10),
        "pdu-o1": (10,),
        "pdu-o2": (5, 6, 7),
        "pdu-o3": (8,),
    }
    for now in range(0, 86_401, 300):
        for pdu, shown in amperes.items():
            readings.take(pdu, {"pdu_input_power_watts{inlet=1}": sum(shown) * 230.0}, float(now))
        readings.engine.cycle(readings.latest, float(now), 1_795_000_200.0 + now)
    found = readings.values("rack_stranded_power_watts", 86_401.0)
    assert {rack: found[f"rack={rack}"] for rack in ("n1", "o1", "o2", "o3")} == pytest.approx(
        {
            "n1": 184 * 50 * 3 - 90 * 230,
            "o1": 184 * 20 - 10 * 230,
            "o2": 184 * 75 - 18 * 230,
            "o3": 184 * 16 - 8 * 230,
        }
    )
    assert found["rack=n2"] is None
    unknown = readings.figures(86_402.0)["rack_stranded_power_watts{rack=n2}"]
    assert (unknown.share, unknown.missing) == (0.0, ("less than a day has been seen",))


def test_a_clogged_filter_is_recognised_by_pressure_over_the_square_of_flow() -> None:
    readings = Readings(hall())
    flow = "cdu_flow_cubic_meters_per_second{loop=secondary}"
    drop = "cdu_filter_differential_pressure_pascals{filter=1}"
    running = "cdu_filter_running_seconds_total{filter=1}"
    ratio, left = (
        f"cdu_filter_{each}{{device=cdu-1,filter=1}}" for each in ("clogging_ratio", "time_to_limit_seconds")
    )
    start = 3600.0

    def take(hour: float, litres_s: float, pascals: float, **more: float) -> None:
        values: dict[str, float | str] = {flow: litres_s / 1000, drop: pascals, running: 1e6 + hour * 3600, **more}
        readings.take("cdu-1", values, start + hour * 3600, device_class="cdu")
        readings.figures(start + hour * 3600)

    take(0, 2.0, 10_000.0)
    figures = readings.figures(start + 1)
    assert figures[ratio].missing == ("less than an hour has been seen",)
    take(0.9, 2.0, 10_000.0)
    take(1, 1.0, 5_000.0)  # twice the resistance
    take(1.5, 0.09, 90_000.0)  # hardly any flow: it says nothing
    take(1.6, 1.0, 499.0)  # hardly any pressure: it is valved off
    take(1.9, 1.0, 5_000.0)
    take(2, 2.0, 40_000.0)
    assert readings.figures(start + 7201)[ratio].value == pytest.approx(2.0)
    take(2.9, 2.0, 40_000.0)
    take(3, 2.0, 10_000.0)
    figures = readings.figures(start + 3 * 3600 + 5)
    assert figures[ratio].value == pytest.approx(4.0)
    assert figures[ratio].oldest_s == 5.0
    assert figures[left].missing == ("less than a day has been seen",)
    assert "agent gw is silent" in readings.figures(start + 3 * 3600 + 31)[ratio].missing[0]
    take(3.5, 2.0, 10_000.0, **{running: 60.0})
    assert readings.figures(start + 3.5 * 3600 + 1)[ratio].missing == ("less than an hour has been seen",)
