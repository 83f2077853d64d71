"""What holds of every derived figure, whatever arrives when."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.latest_state import shelf_life_s
from rackflow import catalogue
from tests.collector.derive.hall import Readings, hall

SITE = hall()
DEVICES = (
    "pdu-a1-a",
    "pdu-a1-b",
    "pdu-a2-a1",
    "pdu-a2-a2",
    "pdu-a2-b1",
    "pdu-a2-b2",
    "cdu-1",
    "cdu-2",
    "ups-a1",
    "ups-a2",
    "ups-b",
)
Poll = tuple[str, float, float]
"""Device, when it was polled, and a number that all its readings grow with."""

polls = st.lists(
    st.tuples(st.sampled_from(DEVICES), st.floats(100.0, 200.0).map(lambda at: round(at, 1)), st.floats(1.0, 60.0)),
    max_size=25,
    unique_by=lambda poll: poll[:2],
)


def take(readings: Readings, poll: Poll) -> None:
    device, now, size = poll
    if device.startswith("pdu"):
        readings.currents(device, *([size] if "a1-" in device else [size, size / 2, size / 3]), now=now)
    elif device.startswith("ups"):
        values = {"ups_output_total_power_watts": size * 1000, "ups_battery_runtime_seconds": 600.0}
        readings.take(device, values, now, device_class="ups")
    else:
        values = {f"cdu_heat_removed_watts{{loop={loop}}}": size * 1000 for loop in ("primary", "secondary")}
        more = {"cdu_supply_temperature_celsius{loop=secondary}": 20 + size / 4, "cdu_dew_point_celsius": 10.0}
        readings.take(device, values | more, now, device_class="cdu")


@settings(max_examples=60, deadline=None)
@given(polls, st.floats(200.0, 260.0))
def test_no_figure_rests_on_a_stale_reading(sent: Sequence[Poll], now: float) -> None:
    readings = Readings(SITE)
    for poll in sorted(sent, key=lambda each: each[1]):
        take(readings, poll)
    life_s = shelf_life_s(10.0)
    fresh = {device for device, at, _ in sent if now < at + life_s}
    for name, figure in readings.figures(now).items():
        assert figure.oldest_s <= life_s
        assert 0.0 <= figure.share <= 1.0
        assert (figure.value is None) <= bool(figure.missing), name
        if not fresh and not figure.output.metric.name.startswith(("dcim_grid", "dcim_carbon")):
            assert figure.value is None, name
    # the same with only what is fresh: the stale readings have changed nothing
    only = Readings(SITE)
    for poll in sorted(sent, key=lambda each: each[1]):
        if now < poll[1] + life_s:
            take(only, poll)
    assert {name: figure.value for name, figure in only.figures(now).items()} == {
        name: figure.value for name, figure in readings.figures(now).items()
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_order_of_arrival_changes_nothing(data: st.DataObject) -> None:
    sent = data.draw(
        st.lists(
            st.tuples(st.sampled_from(DEVICES), st.just(100.0), st.floats(1.0, 60.0)), unique_by=lambda poll: poll[0]
        )
    )
    shuffled = data.draw(st.permutations(sent))
    first, second = Readings(SITE), Readings(SITE)
    for poll in sent:
        take(first, poll)
    for poll in shuffled:
        take(second, poll)
    assert first.figures() == second.figures()


UNITS: dict[str, tuple[int, int, int, int, int]] = {
    # exponents of metre, kilogram, second, ampere, kelvin
    "watts": (2, 1, -3, 0, 0),
    "joules": (2, 1, -2, 0, 0),
    "cubic_meters_per_second": (3, 0, -1, 0, 0),
    "cubic_meters_per_joule": (1, -1, 2, 0, 0),
    "celsius": (0, 0, 0, 0, 1),
    "seconds": (0, 0, 1, 0, 0),
    "volts": (2, 1, -3, -1, 0),
    "amperes": (0, 0, 0, 1, 0),
    "ratio": (0, 0, 0, 0, 0),
}
VOLUMETRIC_HEAT_CAPACITY = (-1, 1, -2, 0, -1)
"""J/(m3 K)."""


def product(*factors: tuple[Sequence[int], int]) -> tuple[int, ...]:
    """Exponents of a product of powers."""
    return tuple(sum(unit[at] * power for unit, power in factors) for at in range(5))


def unit(metric: str) -> tuple[int, int, int, int, int]:
    return UNITS[catalogue()[f"dcim_{metric}"].unit]


def test_units_multiply_out() -> None:
    flow, rise = unit("cdu_flow_cubic_meters_per_second"), unit("cdu_delta_temperature_celsius")
    heat = unit("cdu_heat_removed_watts")
    assert product((flow, 1), (VOLUMETRIC_HEAT_CAPACITY, 1), (rise, 1)) == heat
    assert product((flow, 1), (heat, -1)) == unit("cdu_flow_per_heat_cubic_meters_per_joule")
    volume = product((flow, 1), (UNITS["seconds"], 1))
    ride = product((rise, 1), (volume, 1), (VOLUMETRIC_HEAT_CAPACITY, 1), (heat, -1))
    assert ride == unit("loop_ride_through_seconds")
    assert product((heat, 1), (unit("rack_power_watts"), -1)) == unit("loop_heat_capture_ratio")
    amperes = unit("pdu_phase_current_amperes")
    assert product((amperes, 1), (amperes, -1)) == unit("rack_feed_loss_load_ratio")
    assert product((amperes, 1), (UNITS["volts"], 1)) == unit("rack_stranded_power_watts")
    energy = product((heat, 1), (UNITS["seconds"], 1))
    assert energy == UNITS["joules"]
    assert product((energy, 1), (energy, -1)) == unit("site_interim_pue_ratio")
