"""Density and heat capacity of coolants by temperature: water, propylene glycol and ethylene glycol in water.

A glycol is named by its kind and its percentage by mass: `pg25` is 25 % propylene glycol, `eg40` is 40 % ethylene glycol.
Polynomials instead of CoolProp at run time: the agent computes heat in every poll of a CDU, and CoolProp is a compiled
dependency of many megabytes for three fluids.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from rackflow.errors import ConfigError

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
    fluid = fluid_of(fluid_name)
    if fluid is None or not VALID_CELSIUS[0] <= celsius <= VALID_CELSIUS[1]:
        return None
    return fluid.volumetric_heat_capacity(celsius)


def density(fluid_name: str, celsius: float) -> float | None:
    """Density in kg/m3; None for an unknown fluid or a temperature outside VALID_CELSIUS."""
    fluid = fluid_of(fluid_name)
    if fluid is None or not VALID_CELSIUS[0] <= celsius <= VALID_CELSIUS[1]:
        return None
    return _polynomial(fluid.density, celsius)


# Asked for in every poll of a CDU; names come from checked configuration, and the bound keeps any others from filling memory.
@lru_cache(maxsize=128)
def fluid_of(name: str) -> Fluid | None:
    """The fluid of that name: `water`, or a glycol such as `pg25` or `eg40`; None for any other."""
    if name == "water":
        return WATER
    found = re.fullmatch(GLYCOL_PATTERN, name)
    if found is None:
        return None
    rows, percent = GLYCOLS[found[1]], int(found[2])
    # Linear between the rows: at most 0.14 % off CoolProp's heat capacity by volume at any whole percentage.
    below = max(each for each in rows if each <= percent)
    above = min(each for each in rows if each >= percent)
    share = (percent - below) / (above - below) if above > below else 0.0
    return Fluid(
        _between(rows[below].density, rows[above].density, share),
        _between(rows[below].heat_capacity, rows[above].heat_capacity, share),
    )


def known_fluid(name: str) -> Fluid:
    """The fluid of a name that was checked. Raises ConfigError if there is none."""
    found = fluid_of(name)
    if found is None:
        raise ConfigError(f"coolant {name!r} is not known; {fluid_hint(name)}")
    return found


def fluid_hint(name: object) -> str:
    """What to write instead of a name that is no fluid, for error messages."""
    text = str(name).lower()
    kinds = [kind for kind, words in _KINDS.items() if any(word in text for word in words)]
    percent = re.search(r"\d+", text)
    if kinds and percent and MIN_PERCENT <= int(percent[0]) <= MAX_PERCENT:
        return f"write {kinds[0]}{int(percent[0])}"
    if kinds:
        return f"write {kinds[0]} and its percentage by mass, {MIN_PERCENT} to {MAX_PERCENT}, as in {kinds[0]}30"
    if "glycol" in text:
        return "write pg (propylene glycol) or eg (ethylene glycol) and its percentage by mass, as in pg25"
    return "known are water, pg10 to pg60 (propylene glycol) and eg10 to eg60 (ethylene glycol), in percent by mass"


def _between(low: tuple[float, ...], high: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(a + (b - a) * share for a, b in zip(low, high, strict=True))


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


MIN_PERCENT, MAX_PERCENT = 10, 60
# Below 10 % a glycol neither protects nor inhibits; CoolProp's data end at 60 %, as do those of the fluids sold for cooling.
GLYCOL_PATTERN = r"(pg|eg)([1-5][0-9]|60)"
COOLANT_PATTERN = rf"^(water|{GLYCOL_PATTERN})$"
_KINDS = {"pg": ("pg", "propyl", "mpg"), "eg": ("eg", "ethyl", "meg")}

# Fitted over 10-65 degC to CoolProp 8.0: water, and INCOMP::MPG and INCOMP::MEG (by mass, after Melinder 2010). Largest errors of the
# fits: water 0.24 kg/m3 and 2.6 J/(kg K), both at 10 degC; propylene glycol 0.15 kg/m3 and 3.6 J/(kg K); ethylene glycol 0.08 kg/m3
# and 9.4 J/(kg K), at 60 %. All are below 0.32 %, far less than the 5 % of a usual flow meter, so higher orders would add nothing.
WATER = Fluid((1000.88, -0.0537769, -0.00398978), (4203.57, -1.25677, 0.0156705))
GLYCOLS: dict[str, dict[int, Fluid]] = {
    "pg": {
        10: Fluid((1009.94, -0.115708, -0.00366731), (4049.87, 1.31714)),
        20: Fluid((1020.62, -0.232861, -0.00307643), (3934.69, 2.10804)),
        25: Fluid((1026.28, -0.297392, -0.00278753), (3872.86, 2.38495)),
        30: Fluid((1032.04, -0.364406, -0.00251014), (3804.29, 2.64181)),
        40: Fluid((1042.79, -0.487512, -0.00201147), (3643.08, 3.18525)),
        50: Fluid((1051.37, -0.58468, -0.00162348), (3453.53, 3.83395)),
        60: Fluid((1056.42, -0.643741, -0.00138922), (3250.14, 4.51224)),
    },
    "eg": {
        10: Fluid((1013.85, -0.0914213, -0.00364961), (4027.78, 0.893619)),
        20: Fluid((1029.25, -0.194682, -0.00315665), (3859.73, 1.82612)),
        30: Fluid((1045.14, -0.302278, -0.00265131), (3662.84, 2.78394)),
        40: Fluid((1060.57, -0.392328, -0.00220275), (3443.32, 3.80852)),
        50: Fluid((1074.87, -0.460256, -0.00188017), (3215.99, 4.83874)),
        60: Fluid((1088.19, -0.518794, -0.00175274), (2984.82, 5.71098)),
    },
}
"""Rows by kind and percentage by mass; `fluid_of` has the percentages between."""
