"""A battery: in go power and time, out come charge, voltage and how long it lasts; the kinetic battery model of Manwell and McGowan; pure.

Energy is in two wells: what is at hand, and what follows at a limited rate. High power empties the first before the second.
"""

import math
from dataclasses import dataclass, field
from typing import Final

AT_HAND: Final = 0.6
"""Part of the energy that is in the first well when the battery is at rest."""
RATE: Final = 6e-4
"""1/s: how fast the wells level out."""
CHARGE_EFFICIENCY: Final = 0.9
CHARGE_LIMIT: Final = 0.1
"""Charging power, of the rated load."""
ABSORPTION_S: Final = 1800.0
"""Time constant of the last part of charging."""
FULL: Final = 0.9995
LONGEST_S: Final = 86_400.0


@dataclass(slots=True)
class Battery:
    """`autonomy_s` is how long the full battery carries `rated_w`. Power is that of the cells, losses of the inverter included."""

    rated_w: float
    autonomy_s: float
    volts: float
    health: float = 1.0
    """Part of the capacity that is left; what it has lost shows under load only."""
    at_hand_j: float = field(init=False)
    bound_j: float = field(init=False)
    capacity_j: float = field(init=False)
    loss_j: float = 0.0
    """Heat of charging so far."""
    power_w: float = 0.0
    """Of the cells; charging is positive."""

    def __post_init__(self) -> None:
        low, high = self.rated_w * self.autonomy_s, 4 * self.rated_w * self.autonomy_s
        for _ in range(60):
            middle = (low + high) / 2
            lasts = _lasts_s(AT_HAND * middle, (1 - AT_HAND) * middle, self.rated_w)
            low, high = (middle, high) if lasts < self.autonomy_s else (low, middle)
        self.capacity_j = high
        self.at_hand_j, self.bound_j = AT_HAND * high, (1 - AT_HAND) * high

    @property
    def stored_j(self) -> float:
        """Energy beyond that of the full battery; never more than 0."""
        return self.at_hand_j + self.bound_j - self.capacity_j

    @property
    def charge(self) -> float:
        """0-1, of the capacity that it has when healthy."""
        return max(0.0, min(1.0, (self.at_hand_j + self.bound_j) / self.capacity_j))

    @property
    def empty(self) -> bool:
        """Nothing is at hand."""
        return self.at_hand_j <= self._lost_j * AT_HAND

    @property
    def _lost_j(self) -> float:
        return (1 - self.health) * self.capacity_j

    @property
    def terminal_volts(self) -> float:
        """Rises with what is at hand, falls with the current."""
        head = max(0.0, self.at_hand_j / (AT_HAND * self.capacity_j))
        rest = 1.125 if self.charge >= FULL and self.power_w >= 0 else 0.92 + 0.13 * head
        return self.volts * (rest + 0.05 * max(-1.0, min(1.0, self.power_w / self.rated_w)))

    @property
    def current_a(self) -> float:
        """Charging is positive."""
        return self.power_w / self.terminal_volts

    def lasts_s(self, power_w: float) -> float:
        """How long it can deliver that power from now on, at most a day."""
        return _lasts_s(self.at_hand_j - self._lost_j * AT_HAND, self.bound_j - self._lost_j * (1 - AT_HAND), power_w)

    def believed_s(self, power_w: float) -> float:
        """What a UPS thinks that it lasts: it knows the charge, and takes the cells for healthy."""
        return _lasts_s(self.at_hand_j, self.bound_j, power_w)

    def discharge(self, power_w: float, dt_s: float) -> None:
        """Deliver."""
        self.power_w = -power_w
        self.at_hand_j, self.bound_j = _after(self.at_hand_j, self.bound_j, power_w, dt_s)

    def recharge(self, dt_s: float) -> float:
        """Take what the charger gives; returns the power that it draws, W."""
        missing = self.capacity_j - self.at_hand_j - self.bound_j
        room = AT_HAND * self.capacity_j - self.at_hand_j
        taken = max(0.0, min(CHARGE_LIMIT * self.rated_w * CHARGE_EFFICIENCY, missing / ABSORPTION_S, missing / dt_s))
        drawn = taken / CHARGE_EFFICIENCY
        self.at_hand_j, self.bound_j = _after(self.at_hand_j, self.bound_j, -taken, dt_s)
        if taken * dt_s > room > 0:
            self._level()
        self.power_w = taken
        self.loss_j += (drawn - taken) * dt_s
        return drawn

    def rest(self) -> None:
        """Neither."""
        self.power_w = 0.0

    def _level(self) -> None:
        """The wells as they are after a long rest; their sum does not change."""
        total = self.at_hand_j + self.bound_j
        self.at_hand_j, self.bound_j = AT_HAND * total, (1 - AT_HAND) * total


def _after(at_hand_j: float, bound_j: float, power_w: float, dt_s: float) -> tuple[float, float]:
    """Both wells after a time of constant power: the model's closed form; their sum falls by exactly what was taken."""
    rate = RATE / (AT_HAND * (1 - AT_HAND))
    total = at_hand_j + bound_j
    decay = math.exp(-rate * dt_s)
    lag = rate * dt_s - 1 + decay
    first = at_hand_j * decay + (total * rate * AT_HAND - power_w) * (1 - decay) / rate - power_w * AT_HAND * lag / rate
    return first, total - power_w * dt_s - first


def _lasts_s(at_hand_j: float, bound_j: float, power_w: float) -> float:
    if power_w <= 0 or _after(at_hand_j, bound_j, power_w, LONGEST_S)[0] > 0:
        return LONGEST_S
    low, high = 0.0, LONGEST_S
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _after(at_hand_j, bound_j, power_w, middle)[0] > 0 else (low, middle)
    return low
