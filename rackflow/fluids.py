"""Density and heat capacity of coolants by temperature: water, and 25 % propylene glycol."""

from dataclasses import dataclass

VALID_CELSIUS = (0.0, 90.0)
"""The fits are made for 10-65 degC; outside this wider span no heat is computed."""


@dataclass(frozen=True, slots=True)
class Fluid:
    """Polynomials in degC, lowest order first: density in kg/m3, heat capacity in J/(kg K)."""

    density: tuple[float, ...]
    heat_capacity: tuple[float, ...]

    def volumetric_heat_capacity(self, celsius: float) -> float:
        """Density times heat capacity at that temperature, J/(m3 K)."""
        return _polynomial(self.density, celsius) * _polynomial(self.heat_capacity, celsius)


def volumetric_heat_capacity(fluid_name: str, celsius: float) -> float | None:
    """J/(m3 K) of a fluid by name; None for one that is not known, or outside the span of its fit."""
    fluid = FLUIDS.get(fluid_name)
    if fluid is None or not VALID_CELSIUS[0] <= celsius <= VALID_CELSIUS[1]:
        return None
    return fluid.volumetric_heat_capacity(celsius)


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


FLUIDS: dict[str, Fluid] = {
    "water": Fluid((1000.88, -0.0537769, -0.00398978), (4203.57, -1.25677, 0.0156705)),
    "pg25": Fluid((1026.28, -0.297392, -0.00278753), (3872.86, 2.38495)),
}
"""Fits over 10-65 degC to CoolProp 8.0 (water; INCOMP::MPG[0.25], mass fraction, after Melinder 2010).

Largest errors: water 0.24 kg/m3 and 2.6 J/(kg K), both at 10 degC, pg25 0.09 kg/m3 and 0.7 J/(kg K).
"""
