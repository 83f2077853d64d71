"""A battery: charge, voltage and how long it lasts, by the kinetic battery model of Manwell and McGowan (1993).

Energy is in two wells: an available one that the load draws from, and a bound one that refills it at a limited rate. A high
load empties the available well while energy is still bound, so the battery gives less at a high load and recovers at rest.
Peukert's law alone would not show the recovery, and is undefined for a changing load.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

# Fraction of the energy in the available well at rest, used if only one runtime is known. Together with the exchange rate
# it was chosen so that a battery of 7 minutes at full load behaves like a VRLA block: between 10 % and 100 % load its runtimes
# follow Peukert's law with an exponent of 1.13 to 1.17 (computed; data sheets of VRLA batteries have 1.1 to 1.3).
DEFAULT_AVAILABLE_FRACTION: Final = 0.6
EXCHANGE_RATE_PER_S: Final = 6e-4
# Search range if two runtimes are known. At exactly 0 or 1 one well has no energy and the model's equations divide by zero.
AVAILABLE_FRACTION_LIMITS: Final = (0.02, 0.98)
# Typical values, chosen; not from one product. Lead-acid cells return about 90 % of the energy put in, and a UPS's charger is
# commonly sized for a tenth of the rated load, which refills the default battery in about two hours.
CHARGE_EFFICIENCY: Final = 0.9
CHARGE_LIMIT: Final = 0.1
# Near full charge the charger holds the voltage and the current decays; half an hour is a chosen time constant.
ABSORPTION_S: Final = 1800.0
# Charging approaches full charge exponentially and never reaches it; above this charge the float voltage is shown.
FULL: Final = 0.9995
# At very small loads the equation for the runtime has no useful upper bound; nobody needs more than a day.
MAX_RUNTIME_S: Final = 86_400.0
# Terminal voltage over nominal: 2.25 V a cell on float charge, and 1.84 V to 2.1 V from empty to full without load (nominal
# 2 V), the usual range of VRLA cells. Charging or discharging with the rated power shifts it by 5 %: a chosen inner resistance.
FLOAT_VOLTAGE_RATIO: Final = 1.125
EMPTY_VOLTAGE_RATIO: Final = 0.92
VOLTAGE_RATIO_RANGE: Final = 0.13
RATED_POWER_VOLTAGE_SHIFT: Final = 0.05


@dataclass(slots=True)
class Battery:
    """One battery. `runtimes` maps load (W) to runtime (s) of the full, healthy battery.

    The model has two parameters, so it is fitted to the runtimes at the lowest and the highest of these loads and lies close to
    those between. Power is measured at the cells: it includes the losses of the inverter.
    """

    rated_w: float
    runtimes: Mapping[float, float]
    volts: float
    initial_health: float = 1.0
    """Health at the start, and again after a fault of the battery has ended."""
    health: float = field(init=False)
    """Fraction of the capacity that is left. The loss shows only under load, as with real cells."""
    available_fraction: float = field(init=False)
    """Fraction of the energy in the available well when the battery is at rest."""
    available_j: float = field(init=False)
    bound_j: float = field(init=False)
    capacity_j: float = field(init=False)
    loss_j: float = 0.0
    """Energy lost as heat by charging so far."""
    power_w: float = 0.0
    """Power of the cells; positive while charging."""

    def __post_init__(self) -> None:
        self.health = self.initial_health
        self.available_fraction, self.capacity_j = _fit_to_data_sheet(
            *min(self.runtimes.items()), *max(self.runtimes.items())
        )
        self._set_balanced(self.capacity_j)

    @property
    def stored_j(self) -> float:
        """Energy relative to the full battery, J; 0 or negative."""
        return self.available_j + self.bound_j - self.capacity_j

    @property
    def charge(self) -> float:
        """State of charge, 0-1, relative to the capacity when healthy."""
        return max(0.0, min(1.0, (self.available_j + self.bound_j) / self.capacity_j))

    @property
    def empty(self) -> bool:
        """Whether the battery can deliver no more energy: its available well has fallen to the level set by ageing."""
        return self.available_j <= self._aged_j * self.available_fraction

    @property
    def _aged_j(self) -> float:
        # Ageing raises the level at which the battery is empty instead of shrinking the wells: charge and voltage look healthy
        # until the battery is loaded, which makes a failing battery dangerous.
        return (1 - self.health) * self.capacity_j

    @property
    def terminal_volts(self) -> float:
        """Voltage at the terminals: rises with the energy in the available well and with the charging current, V."""
        head = max(0.0, self.available_j / (self.available_fraction * self.capacity_j))
        floating = self.charge >= FULL and self.power_w >= 0
        rest = FLOAT_VOLTAGE_RATIO if floating else EMPTY_VOLTAGE_RATIO + VOLTAGE_RATIO_RANGE * head
        return self.volts * (rest + RATED_POWER_VOLTAGE_SHIFT * max(-1.0, min(1.0, self.power_w / self.rated_w)))

    @property
    def current_a(self) -> float:
        """Current of the cells, A; positive while charging."""
        return self.power_w / self.terminal_volts

    def runtime_s(self, power_w: float) -> float:
        """Seconds for which the battery can deliver `power_w` from now on, at most a day."""
        return _runtime_s(
            self.available_fraction,
            self.available_j - self._aged_j * self.available_fraction,
            self.bound_j - self._aged_j * (1 - self.available_fraction),
            power_w,
        )

    def claimed_runtime_s(self, power_w: float) -> float:
        """Runtime as a UPS would state it, s: it knows the charge but assumes healthy cells."""
        return _runtime_s(self.available_fraction, self.available_j, self.bound_j, power_w)

    def discharge(self, power_w: float, dt_s: float) -> None:
        """Deliver `power_w` for a step."""
        self.power_w = -power_w
        self.available_j, self.bound_j = _wells_after(
            self.available_fraction, self.available_j, self.bound_j, power_w, dt_s
        )

    def recharge(self, dt_s: float) -> float:
        """Charge for a step; returns the power that the charger draws, W."""
        missing = self.capacity_j - self.available_j - self.bound_j
        room = self.available_fraction * self.capacity_j - self.available_j
        taken = max(0.0, min(CHARGE_LIMIT * self.rated_w * CHARGE_EFFICIENCY, missing / ABSORPTION_S, missing / dt_s))
        drawn = taken / CHARGE_EFFICIENCY
        self.available_j, self.bound_j = _wells_after(
            self.available_fraction, self.available_j, self.bound_j, -taken, dt_s
        )
        # A long step may put more into the available well than it holds, because the wells exchange only slowly. The sum is
        # right, so levelling them keeps the energy balance exact; only the split within the battery is approximated.
        if taken * dt_s > room > 0:
            self._balance_wells()
        self.power_w = taken
        self.loss_j += (drawn - taken) * dt_s
        return drawn

    def rest(self) -> None:
        """Neither charge nor discharge. The wells are left as they are: UPSs rest for seconds, but the wells need hours to level."""
        self.power_w = 0.0

    def _balance_wells(self) -> None:
        """Set the wells to their state after a long rest; their sum does not change."""
        self._set_balanced(self.available_j + self.bound_j)

    def _set_balanced(self, total_j: float) -> None:
        self.available_j, self.bound_j = self.available_fraction * total_j, (1 - self.available_fraction) * total_j


def _wells_after(
    available_fraction: float, available_j: float, bound_j: float, power_w: float, dt_s: float
) -> tuple[float, float]:
    """Both wells after a time at constant power, J.

    This is the model's closed form. The bound well is computed as the sum less the available well instead of by its own formula, so
    that the total falls by exactly the energy taken and the site's energy balance closes to rounding.
    """
    rate = EXCHANGE_RATE_PER_S / (available_fraction * (1 - available_fraction))
    total = available_j + bound_j
    decay = math.exp(-rate * dt_s)
    lag = rate * dt_s - 1 + decay
    first = (
        available_j * decay
        + (total * rate * available_fraction - power_w) * (1 - decay) / rate
        - power_w * available_fraction * lag / rate
    )
    return first, total - power_w * dt_s - first


def _runtime_s(available_fraction: float, available_j: float, bound_j: float, power_w: float) -> float:
    if power_w <= 0 or _wells_after(available_fraction, available_j, bound_j, power_w, MAX_RUNTIME_S)[0] > 0:
        return MAX_RUNTIME_S
    low, high = 0.0, MAX_RUNTIME_S
    for _ in range(40):  # halves a day to 0.1 microseconds
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if _wells_after(available_fraction, available_j, bound_j, power_w, middle)[0] > 0
            else (low, middle)
        )
    return low


@lru_cache(maxsize=256)
def _fit_to_data_sheet(low_w: float, low_s: float, high_w: float, high_s: float) -> tuple[float, float]:
    """Available fraction and capacity (J) of a battery that has the given runtimes at both loads.

    If no battery of this model has both runtimes, only the one at the high load is matched: it decides whether the site survives.
    Cached because a large hall has a dozen identical UPSs and each fit costs thousands of evaluations.
    """
    if low_w == high_w:
        return DEFAULT_AVAILABLE_FRACTION, _capacity_j(DEFAULT_AVAILABLE_FRACTION, high_w, high_s)
    low, high = AVAILABLE_FRACTION_LIMITS
    for _ in range(30):
        available_fraction = (low + high) / 2
        whole = _capacity_j(available_fraction, high_w, high_s)
        lasts = _runtime_s(available_fraction, available_fraction * whole, (1 - available_fraction) * whole, low_w)
        low, high = (low, available_fraction) if lasts < low_s else (available_fraction, high)
    return high, _capacity_j(high, high_w, high_s)


def _capacity_j(available_fraction: float, power_w: float, seconds: float) -> float:
    """Capacity of a battery that delivers `power_w` for `seconds`, J."""
    low, high = power_w * seconds, power_w * seconds / available_fraction
    for _ in range(60):
        middle = (low + high) / 2
        lasts = _runtime_s(available_fraction, available_fraction * middle, (1 - available_fraction) * middle, power_w)
        low, high = (middle, high) if lasts < seconds else (low, middle)
    return high
