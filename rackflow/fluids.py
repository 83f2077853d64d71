"""Density and heat capacity of coolants by temperature: water, and 25 % propylene glycol (PG25).

Polynomials instead of CoolProp at run time: the agent computes heat in every poll of a CDU, and CoolProp is a compiled
dependency of many megabytes for two fluids.
"""

from dataclasses import dataclass

# The fits below were made for 10 to 65 degC, where cooling loops run. They are smooth enough to be used a little beyond that. Water
# freezes at 0 degC, and no data centre loop reaches 90 degC, so a reading outside these limits is wrong.
VALID_CELSIUS = (0.0, 90.0)
"""No heat is computed for temperatures outside this range."""


@dataclass(frozen=True, slots=True)
class Fluid:
    """Polynomials in degC, lowest order first: density in kg/m3 and specific heat capacity in J/(kg K)."""

    density: tuple[float, ...]
    heat_capacity: tuple[float, ...]

    def volumetric_heat_capacity(self, celsius: float) -> float:
        """Density times specific heat capacity at that temperature, in J/(m3 K)."""
        return _polynomial(self.density, celsius) * _polynomial(self.heat_capacity, celsius)


def volumetric_heat_capacity(fluid_name: str, celsius: float) -> float | None:
    """Volumetric heat capacity in J/(m3 K); None for an unknown fluid or a temperature outside VALID_CELSIUS."""
    fluid = FLUIDS.get(fluid_name)
    if fluid is None or not VALID_CELSIUS[0] <= celsius <= VALID_CELSIUS[1]:
        return None
    return fluid.volumetric_heat_capacity(celsius)


def density(fluid_name: str, celsius: float) -> float | None:
    """Density in kg/m3; None for an unknown fluid or a temperature outside VALID_CELSIUS."""
    fluid = FLUIDS.get(fluid_name)
    if fluid is None or not VALID_CELSIUS[0] <= celsius <= VALID_CELSIUS[1]:
        return None
    return _polynomial(fluid.density, celsius)


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


# Fitted over 10-65 degC to CoolProp 8.0: water, and INCOMP::MPG[0.25] (by mass, after Melinder 2010). Largest errors of the fit:
# water 0.24 kg/m3 and 2.6 J/(kg K), both at 10 degC; PG25 0.09 kg/m3 and 0.7 J/(kg K). All are below 0.1 %, far less than the
# 5 % of a usual flow meter, so higher orders would add nothing.
FLUIDS: dict[str, Fluid] = {
    "water": Fluid((1000.88, -0.0537769, -0.00398978), (4203.57, -1.25677, 0.0156705)),
    "pg25": Fluid((1026.28, -0.297392, -0.00278753), (3872.86, 2.38495)),
}
"""Fluids by the name that device documents and site files use."""
