"""Formulas of power and cooling, and the properties of coolants, at their values, signs and exact limits."""

import pytest

from rackflow.fluids import known_fluid, volumetric_heat_capacity
from rackflow.physics import dew_point_celsius, effectiveness_ratio, heat_imbalance_ratio, unbalance_ratio


@pytest.mark.parametrize(
    ("fluid", "celsius", "density", "heat_capacity"),
    [
        # PropsSI of CoolProp 8.0.0 at 101325 Pa: Water, and INCOMP::MPG[0.25].
        ("water", 10, 999.70, 4195.2),
        ("water", 20, 998.21, 4184.1),
        ("water", 30, 995.65, 4179.8),
        ("water", 40, 992.22, 4179.4),
        ("water", 60, 983.20, 4185.0),
        ("pg25", 10, 1022.94, 3896.3),
        ("pg25", 20, 1019.28, 3920.5),
        ("pg25", 30, 1014.90, 3944.6),
        ("pg25", 40, 1009.91, 3968.6),
        ("pg25", 60, 998.40, 4015.7),
    ],
)
def test_density_and_heat_capacity_of_each_coolant(
    fluid: str, celsius: float, density: float, heat_capacity: float
) -> None:
    fit = known_fluid(fluid)
    found = [
        sum(each * celsius**power for power, each in enumerate(fitted)) for fitted in (fit.density, fit.heat_capacity)
    ]
    # The largest errors that the fits promise, and half a unit of the last place above.
    assert found[0] == pytest.approx(density, abs=0.25)
    assert found[1] == pytest.approx(heat_capacity, abs=2.7)
    assert fit.volumetric_heat_capacity(celsius) == pytest.approx(found[0] * found[1], rel=1e-9)


@pytest.mark.parametrize(
    ("fluid", "celsius", "known"),
    [
        ("water", 0.0, True),
        ("water", -0.01, False),
        ("water", 90.0, True),
        ("water", 90.01, False),
        ("pg25", 0.0, True),
        ("pg25", -5.0, False),
        ("brine", 20.0, False),
        ("", 20.0, False),
    ],
)
def test_heat_capacity_is_known_of_known_fluids_within_the_span_of_the_fit(
    fluid: str,
    celsius: float,
    known: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert (volumetric_heat_capacity(fluid, celsius) is not None) is known


def test_glycol_carries_less_heat_than_water() -> None:
    water, glycol = (volumetric_heat_capacity(fluid, 30.0) for fluid in ("water", "pg25"))
    assert water is not None
    assert glycol is not None
    assert glycol / water == pytest.approx(0.962, abs=2e-3)


@pytest.mark.parametrize(
    ("celsius", "humidity", "dew_point"),
    [
        # Table of the German Weather Service's psychrometric constants (Sonntag 1990), to 0.05 K.
        (20.0, 0.5, 9.26),
        (25.0, 0.5, 13.86),
        (0.0, 1.0, 0.0),
        (60.0, 1.0, 60.0),
        (-45.0, 1.0, -45.0),
        (40.0, 0.1, 2.6),
        (60.01, 0.5, None),
        (-45.01, 0.5, None),
        (20.0, 0.0, None),
        (20.0, -0.1, None),
        (20.0, 1.001, None),
    ],
)
def test_dew_points(celsius: float, humidity: float, dew_point: float | None) -> None:
    found = dew_point_celsius(celsius, humidity)
    assert found == (None if dew_point is None else pytest.approx(dew_point, abs=0.05))


@pytest.mark.parametrize(
    ("back", "supply", "cold", "ratio"),
    [
        (42.0, 32.0, 28.0, 10 / 14),
        (30.0, 20.0, 20.0, 1.0),
        (30.0, 30.0, 20.0, 0.0),
        (21.0, 20.5, 20.0, 0.5),
        (20.9, 20.5, 20.0, None),
        (20.0, 20.0, 25.0, None),
    ],
)
def test_effectiveness_needs_a_kelvin_between_the_loops(
    back: float, supply: float, cold: float, ratio: float | None
) -> None:
    assert effectiveness_ratio(back, supply, cold) == (None if ratio is None else pytest.approx(ratio))


@pytest.mark.parametrize(
    ("primary_w", "secondary_w", "ratio"),
    [
        (110_000.0, 100_000.0, 0.1),
        (90_000.0, 100_000.0, -0.1),
        (0.0, 500.0, -1.0),
        (600.0, 500.0, 0.2),
        (600.0, 499.9, None),
        (600.0, -1000.0, None),
    ],
)
def test_imbalance_of_heat_has_its_sign_from_500_watts_on(
    primary_w: float, secondary_w: float, ratio: float | None
) -> None:
    assert heat_imbalance_ratio(primary_w, secondary_w) == (None if ratio is None else pytest.approx(ratio))


@pytest.mark.parametrize(
    ("currents", "ratio"),
    [
        ((10.0, 10.0, 10.0), 0.0),
        ((10.0, 12.0, 8.0), 0.2),
        ((4.0, 10.0, 10.0), 0.5),
        ((12.0, 9.0, 9.0), 0.2),
        ((0.5, 0.5, 0.5), 0.0),
        ((1.5, 0.0, 0.0), 2.0),
        ((0.49, 0.5, 0.5), None),
        ((0.0, 0.0, 0.0), None),
    ],
)
def test_unbalance_is_the_largest_deviation_either_way_from_half_an_ampere_on(
    currents: tuple[float, float, float], ratio: float | None
) -> None:
    assert unbalance_ratio(currents) == (None if ratio is None else pytest.approx(ratio))
