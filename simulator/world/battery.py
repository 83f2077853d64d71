"""A battery: charge, voltage and how long it lasts, by the kinetic battery model of Manwell and McGowan (1993).

Energy is in two wells: what is at hand, and what follows at a limited rate. High power empties the first before the second,
which is why a battery gives less at a high load and recovers at rest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

DEFAULT_AVAILABLE_FRACTION: Final = 0.6
"""Part of the energy that is in the first well when the battery is at rest, where one runtime alone is known."""
AVAILABLE_FRACTION_LIMITS: Final = (0.02, 0.98)
"""Between these that part is sought where several runtimes are known."""
EXCHANGE_RATE_PER_S: Final = 6e-4
"""1/s: how fast the wells level out."""
CHARGE_EFFICIENCY: Final = 0.9
CHARGE_LIMIT: Final = 0.1
"""Charging power, of the rated load."""
ABSORPTION_S: Final = 1800.0
"""Time constant of the last part of charging."""
FULL: Final = 0.9995
MAX_RUNTIME_S: Final = 86_400.0


@dataclass(slots=True)
class Battery:
    """`runtimes` are seconds by watts of a full battery; it lasts as long at the lowest and the highest of these loads.

    Power is that of the cells, losses of the inverter included.
    """

    rated_w: float
    runtimes: Mapping[float, float]
    volts: float
    initial_health: float = 1.0
    """Its health while nothing else befalls it."""
    health: float = field(init=False)
    """Part of the capacity that is left; what it has lost shows under load only."""
    available_fraction: float = field(init=False)
    """Part of the energy that is in the first well when the battery is at rest."""
    available_j: float = field(init=False)
    bound_j: float = field(init=False)
    capacity_j: float = field(init=False)
    loss_j: float = 0.0
    """Heat of charging so far."""
    power_w: float = 0.0
    """Of the cells; charging is positive."""

    def __post_init__(self) -> None:
        self.health = self.initial_health
        self.available_fraction, self.capacity_j = _fit_to_data_sheet(
            *min(self.runtimes.items()), *max(self.runtimes.items())
        )
        self._set_balanced(self.capacity_j)

    @property
    def stored_j(self) -> float:
        """Energy beyond that of the full battery; never more than 0."""
        return self.available_j + self.bound_j - self.capacity_j

    @property
    def charge(self) -> float:
        """0-1, of the capacity that it has when initial_health."""
        return max(0.0, min(1.0, (self.available_j + self.bound_j) / self.capacity_j))

    @property
    def empty(self) -> bool:
        """Nothing is at hand."""
        return self.available_j <= self._aged_j * self.available_fraction

    @property
    def _aged_j(self) -> float:
        return (1 - self.health) * self.capacity_j

    @property
    def terminal_volts(self) -> float:
        """Rises with what is at hand, falls with the current."""
        head = max(0.0, self.available_j / (self.available_fraction * self.capacity_j))
        rest = 1.125 if self.charge >= FULL and self.power_w >= 0 else 0.92 + 0.13 * head
        return self.volts * (rest + 0.05 * max(-1.0, min(1.0, self.power_w / self.rated_w)))

    @property
    def current_a(self) -> float:
        """Charging is positive."""
        return self.power_w / self.terminal_volts

    def runtime_s(self, power_w: float) -> float:
        """How long it can deliver that power from now on, at most a day."""
        return _runtime_s(
            self.available_fraction,
            self.available_j - self._aged_j * self.available_fraction,
            self.bound_j - self._aged_j * (1 - self.available_fraction),
            power_w,
        )

    def claimed_runtime_s(self, power_w: float) -> float:
        """What a UPS thinks that it lasts: it knows the charge, and takes the cells for initial_health."""
        return _runtime_s(self.available_fraction, self.available_j, self.bound_j, power_w)

    def discharge(self, power_w: float, dt_s: float) -> None:
        """Deliver."""
        self.power_w = -power_w
        self.available_j, self.bound_j = _wells_after(
            self.available_fraction, self.available_j, self.bound_j, power_w, dt_s
        )

    def recharge(self, dt_s: float) -> float:
        """Take what the charger gives; returns the power that it draws, W."""
        missing = self.capacity_j - self.available_j - self.bound_j
        room = self.available_fraction * self.capacity_j - self.available_j
        taken = max(0.0, min(CHARGE_LIMIT * self.rated_w * CHARGE_EFFICIENCY, missing / ABSORPTION_S, missing / dt_s))
        drawn = taken / CHARGE_EFFICIENCY
        self.available_j, self.bound_j = _wells_after(
            self.available_fraction, self.available_j, self.bound_j, -taken, dt_s
        )
        if taken * dt_s > room > 0:
            self._balance_wells()
        self.power_w = taken
        self.loss_j += (drawn - taken) * dt_s
        return drawn

    def rest(self) -> None:
        """Neither."""
        self.power_w = 0.0

    def _balance_wells(self) -> None:
        """The wells as they are after a long rest; their sum does not change."""
        self._set_balanced(self.available_j + self.bound_j)

    def _set_balanced(self, total_j: float) -> None:
        self.available_j, self.bound_j = self.available_fraction * total_j, (1 - self.available_fraction) * total_j


def _wells_after(
    available_fraction: float, available_j: float, bound_j: float, power_w: float, dt_s: float
) -> tuple[float, float]:
    """Both wells after a time of constant power: the model's closed form; their sum falls by exactly what was taken."""
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
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if _wells_after(available_fraction, available_j, bound_j, power_w, middle)[0] > 0
            else (low, middle)
        )
    return low


@lru_cache(maxsize=256)
def _fit_to_data_sheet(low_w: float, low_s: float, high_w: float, high_s: float) -> tuple[float, float]:
    """With which both loads last as long. A sheet that no such battery has is met at the high load alone."""
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
    """Energy of a battery that gives that power for as long."""
    low, high = power_w * seconds, power_w * seconds / available_fraction
    for _ in range(60):
        middle = (low + high) / 2
        lasts = _runtime_s(available_fraction, available_fraction * middle, (1 - available_fraction) * middle, power_w)
        low, high = (middle, high) if lasts < seconds else (low, middle)
    return high
