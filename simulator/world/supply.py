"""Parts of the power path: feeds with generators, panels and rack PDUs."""

import math
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from rackflow.site import Feed as FeedSection
from rackflow.site import Pdu as PduSection
from simulator.world.breaker import Breaker
from simulator.world.generator import GeneratorGroup

# Typical values, chosen; not from one product.
# Power of a rack PDU's own controller and relays.
PDU_OWN_W: Final = 9.0
# Voltage lost between panel and rack PDU at the breaker's rating, over nominal. Far below the 5 % that IEC 60364-5-52 (annex G)
# recommends as the limit for a whole installation: taps of a busway are a few metres long.
CABLE_DROP: Final = 0.006
# Loss in a panel's bars and contacts, over the power that passes through it.
PANEL_LOSS: Final = 0.0015
# Amplitude of the mains voltage's slow movement, over nominal. Well within the 10 % of EN 50160, but more than a PDU's
# resolution of 1 V, so that a voltage that stands still is recognisably stuck.
VOLTAGE_SWING: Final = 0.007
# Power factor at which a panel's current is estimated for its breaker: loads behind it are corrected power supplies.
PANEL_POWER_FACTOR: Final = 0.97
# Power factor of power supplies with active correction under load, and how much lower it is without load. 80 PLUS requires 0.95 or
# more for its upper grades; below a third of the load (the breaker's rating) the correction gets worse.
POWER_FACTOR: Final = 0.99
POWER_FACTOR_LOSS_AT_IDLE: Final = 0.09


def phase_index(name: str) -> int:
    """The place of a phase among the supply's three, by its name in the site file: 0 for L1."""
    return int(name[1]) - 1


def three_zeros() -> list[float]:
    """A new list with zero for each of the supply's three phases."""
    return [0.0, 0.0, 0.0]


@dataclass(slots=True)
class Feed:
    """A supply from outside: the mains, and a generator if the site file gives its start time."""

    section: FeedSection
    nominal_volts: float
    seed: int
    mains: bool = True
    lost: bool = False
    """By a fault: neither mains nor generator reaches the site."""
    phases_lost: set[int] = field(default_factory=set)
    volts: list[float] = field(default_factory=three_zeros)
    power_w: list[float] = field(default_factory=three_zeros)
    energy_j: float = 0.0
    without_mains_s: float = 0.0
    generators: GeneratorGroup | None = None
    """Those of the site file; without them, one that carries everything after `backup_start_s`, if the feed has that."""
    on_generator: bool = False

    @property
    def id(self) -> str:
        """Its name in the site file."""
        return self.section.id

    def advance(self, time_s: float, dt_s: float) -> list[float]:
        """Let a step pass; returns the voltages of its phases, V."""
        self.without_mains_s = 0.0 if self.mains else self.without_mains_s + dt_s
        start = self.section.backup_start_s
        if self.generators is not None:
            self.on_generator = self.generators.follow_mains(self.without_mains_s)
        else:
            self.on_generator = not self.mains and start is not None and self.without_mains_s > start
        if self.lost or not (self.mains or self.on_generator):
            self.volts = three_zeros()
        else:
            self.volts = [0.0 if phase in self.phases_lost else self._volts(phase, time_s) for phase in range(3)]
        return self.volts

    def carry(self, power_w: list[float], dt_s: float) -> None:
        """Deliver `power_w` on each phase for a step."""
        self.power_w = power_w
        self.energy_j += sum(power_w) * dt_s

    def _volts(self, phase: int, time_s: float) -> float:
        # Phases and feeds have periods and offsets of their own, so that two feeds never look like copies of each other.
        angle = 2 * math.pi * time_s / (300 + 40 * phase) + phase + self.seed
        return self.nominal_volts * (1 + VOLTAGE_SWING * math.sin(angle))


@dataclass(slots=True)
class Panel:
    """A panel or busway. Its voltage is that of the best of its sources, phase by phase."""

    id: str
    breaker: Breaker | None
    phases_lost: set[int] = field(default_factory=set)
    volts: list[float] = field(default_factory=three_zeros)
    power_w: list[float] = field(default_factory=three_zeros)
    loss_w: float = 0.0

    def supply(self, sources: list[list[float]]) -> list[float]:
        """Take the sources' voltages; returns its own, V."""
        open_ = self.breaker is not None and self.breaker.tripped
        best = [max(phase) for phase in zip(*sources, strict=True)]
        self.volts = three_zeros() if open_ else [0.0 if i in self.phases_lost else best[i] for i in range(3)]
        return self.volts

    def carry(self, power_w: list[float], dt_s: float) -> list[float]:
        """Deliver `power_w` on each phase for a step; returns the power that it takes from its sources, W."""
        self.power_w = power_w
        taken = [each * (1 + PANEL_LOSS) for each in power_w]
        self.loss_w = sum(taken) - sum(power_w)
        if self.breaker:
            volts = max(*self.volts, 1.0)  # a dead panel carries nothing; 1 V only avoids the division by zero
            self.breaker.advance(max(taken) / volts / PANEL_POWER_FACTOR, dt_s)
        return taken


@dataclass(slots=True)
class Pdu:
    """A rack PDU with the breaker in front of it.

    Lists are in the order of its own poles; `phases` holds the index of the supply's phase that each pole is connected to.
    """

    section: PduSection
    nominal_volts: float
    breaker: Breaker = field(init=False)
    phases: list[int] = field(init=False)
    phases_lost: set[int] = field(default_factory=set)
    source_volts: list[float] = field(default_factory=list)
    volts: list[float] = field(default_factory=list)
    amperes: list[float] = field(default_factory=list)
    power_w: list[float] = field(default_factory=list)
    power_factor: list[float] = field(default_factory=list)
    cable_loss_w: float = 0.0
    energy_j: float = 0.0
    live: list[bool] = field(default_factory=list)
    """Whether each pole has voltage."""
    _cable_ohms: float = field(init=False, repr=False)
    _rated_va: float = field(init=False, repr=False)
    """Of one pole."""

    def __post_init__(self) -> None:
        self._cable_ohms = CABLE_DROP * self.nominal_volts / self.section.breaker_a
        self._rated_va = self.nominal_volts * self.section.breaker_a
        self.breaker = Breaker(self.section.breaker_a)
        self.phases = [phase_index(name) for name in self.section.phases]
        self.source_volts = [0.0] * len(self.phases)
        self.volts, self.amperes, self.power_w = ([0.0] * len(self.phases) for _ in range(3))
        self.power_factor = [1.0] * len(self.phases)
        self.live = [False] * len(self.phases)

    @property
    def id(self) -> str:
        """Its name in the site file."""
        return self.section.id

    def supply(self, volts: list[float]) -> None:
        """Take the voltages in front of its breaker, by the supply's phases."""
        if self.breaker.tripped:
            self.source_volts = [0.0] * len(self.phases)
        elif self.phases_lost:
            self.source_volts = [0.0 if phase in self.phases_lost else volts[phase] for phase in self.phases]
        else:
            self.source_volts = [volts[phase] for phase in self.phases]
        self.live = [each > 0 for each in self.source_volts]

    def carry(self, power_w: list[float], dt_s: float) -> list[float]:
        """Deliver `power_w` on each pole for a step; returns the power taken from each of the source's three phases, W."""
        own = PDU_OWN_W / max(1, self.live.count(True))
        # Most of what a step of a large site costs: every line here runs thousands of times a second, so that names are local and
        # new lists are built once.
        ohms, rated_va, phases = self._cable_ohms, self._rated_va, self.phases
        delivered, at_poles, currents, factors = [], [], [], []
        taken = three_zeros()
        cable_loss_w = 0.0
        for source, asked_w, phase in zip(self.source_volts, power_w, phases, strict=True):
            power = asked_w + own if source > 0 else 0.0
            short = 1 - 3 * (power / rated_va)
            factor = POWER_FACTOR - POWER_FACTOR_LOSS_AT_IDLE * short * short if short > 0 else POWER_FACTOR
            # The voltage at the PDU solves volts * (source - volts) / ohms = power / factor; the larger root is the stable one.
            # If no root exists, the load is more than the cable can carry, and the voltage is kept at half.
            square = source * source - 4 * ohms * power / factor
            volts = (source + sqrt(square)) / 2 if square > 0 else source / 2
            amperes = power / (volts * factor) if volts > 0 else 0.0
            delivered.append(power)
            at_poles.append(volts)
            currents.append(amperes)
            factors.append(factor)
            lost_w = ohms * amperes * amperes
            cable_loss_w += lost_w
            taken[phase] += power + lost_w
        self.power_w, self.volts, self.amperes, self.power_factor = delivered, at_poles, currents, factors
        self.cable_loss_w = cable_loss_w
        self.energy_j += sum(delivered) * dt_s
        self.breaker.advance(max(currents), dt_s)
        return taken

    @property
    def apparent_va(self) -> list[float]:
        """Apparent power of each pole, VA."""
        return [volts * amperes for volts, amperes in zip(self.volts, self.amperes, strict=True)]
