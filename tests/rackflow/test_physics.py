"""Formulas of power and cooling, and the properties of coolants, at their values, signs and exact limits."""

import pytest

from rackflow.errors import ConfigError
from rackflow.fluids import density as density_of
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


# Density in kg/m3 and heat capacity in J/(kg K) at 10, 30 and 60 degC: PropsSI of CoolProp 8.0.0, INCOMP::MPG and INCOMP::MEG.
TABLES = {
    "pg10": ((1008.27, 4066.6), (1003.22, 4088.0), (989.81, 4130.3)),
    "pg15": ((1012.93, 4011.6), (1007.0, 4044.8), (992.74, 4099.0)),
    "pg20": ((1017.86, 3956.1), (1010.91, 3997.8), (995.59, 4061.2)),
    "pg30": ((1028.04, 3829.9), (1018.89, 3883.9), (1001.15, 3962.3)),
    "pg40": ((1037.62, 3674.3), (1026.4, 3738.9), (1006.31, 3833.9)),
    "pg45": ((1041.76, 3585.7), (1029.65, 3656.2), (1008.56, 3760.8)),
    "pg50": ((1045.26, 3491.7), (1032.41, 3568.6), (1010.46, 3683.5)),
    "pg60": ((1049.75, 3295.0), (1035.9, 3385.6), (1012.81, 3520.7)),
    "eg10": ((1012.52, 4040.5), (1007.84, 4053.1), (995.23, 4083.1)),
    "eg15": ((1019.64, 3962.4), (1014.17, 3987.0), (1000.74, 4029.5)),
    "eg20": ((1026.94, 3878.3), (1020.58, 3914.4), (1006.21, 3969.3)),
    "eg30": ((1041.81, 3688.5), (1033.7, 3747.2), (1017.46, 3828.7)),
    "eg40": ((1056.39, 3477.3), (1046.84, 3559.2), (1029.11, 3669.7)),
    "eg45": ((1063.34, 3368.2), (1053.22, 3461.8), (1034.89, 3587.1)),
    "eg50": ((1070.02, 3258.4), (1059.39, 3363.6), (1040.49, 3503.1)),
    "eg60": ((1082.75, 3033.7), (1071.08, 3159.5), (1050.76, 3323.0)),
}


@pytest.mark.parametrize("fluid", TABLES)
def test_every_glycol_in_every_share_is_that_of_the_tables(fluid: str) -> None:
    """15 and 45 % lie between two rows of ours, where the heat capacity by volume may be 0.14 % off."""
    is_between = fluid.endswith("5")
    for celsius, (density, heat_capacity) in zip((10.0, 30.0, 60.0), TABLES[fluid], strict=True):
        # The largest errors that the fits promise.
        assert density_of(fluid, celsius) == pytest.approx(density, abs=1.0 if is_between else 0.2)
        share = (
            1.4e-3
            if is_between
            else (9.4 if fluid == "eg60" else 6.0 if fluid.startswith("eg") else 3.7) / heat_capacity
        )
        found = volumetric_heat_capacity(fluid, celsius)
        assert found == pytest.approx(density * heat_capacity, rel=share + 2e-4)


@pytest.mark.parametrize("celsius", [-0.01, 90.01])
def test_outside_the_span_of_the_fit_no_density_is_known(celsius: float) -> None:
    assert density_of("eg40", celsius) is None
    assert density_of("brine", 20.0) is None
    assert density_of("water", 20.0) == pytest.approx(998.21, abs=0.25)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ethylene glycol 40 %", "write eg40"),
        ("MEG 30", "write eg30"),
        ("Propylene 25%", "write pg25"),
        ("pg", "write pg and its percentage by mass, 10 to 60, as in pg30"),
        ("eg70", "write eg and its percentage by mass"),
        ("eg9", "write eg and its percentage by mass"),
        ("glycol 30", "write pg (propylene glycol) or eg (ethylene glycol) and its percentage"),
        ("oil", "known are water, pg10 to pg60"),
    ],
)
def test_a_coolant_that_is_not_known_is_reported_with_what_to_write_instead(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        known_fluid(name)
    assert f"coolant {name!r} is not known; {hint}" in str(caught.value)


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
def test_a_dew_point_is_that_of_the_table_and_none_outside_of_the_formulas_range(
    celsius: float, humidity: float, dew_point: float | None
) -> None:
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
