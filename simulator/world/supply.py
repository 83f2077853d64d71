"""Parts of the power path: feeds with generators, panels and rack PDUs."""

import math
from dataclasses import dataclass, field
from typing import Final

from rackflow.site import Feed as FeedSection
from rackflow.site import Pdu as PduSection
from simulator.world.breaker import Breaker

PDU_OWN_W: Final = 9.0
"""What the controller and the relays of a rack PDU take."""
CABLE_DROP: Final = 0.006
"""Of the nominal voltage, lost at the breaker's rating between panel and rack PDU."""
PANEL_LOSS: Final = 0.0015
"""Of what passes through a panel."""
SAG: Final = 0.007
"""By how much the mains wander around the nominal voltage."""


def three_zeros() -> list[float]:
    """Nothing on any phase."""
    return [0.0, 0.0, 0.0]


@dataclass(slots=True)
class Feed:
    """A supply from outside, with the generator behind it where there is one."""

    section: FeedSection
    nominal_volts: float
    seed: int
    mains: bool = True
    lost: bool = False
    """Mains and generator: the line itself is open."""
    phases_lost: set[int] = field(default_factory=set)
    volts: list[float] = field(default_factory=three_zeros)
    power_w: list[float] = field(default_factory=three_zeros)
    energy_j: float = 0.0
    without_mains_s: float = 0.0

    @property
    def id(self) -> str:
        """Its name."""
        return self.section.id

    def advance(self, time_s: float, dt_s: float) -> list[float]:
        """Its voltages now."""
        self.without_mains_s = 0.0 if self.mains else self.without_mains_s + dt_s
        start = self.section.backup_start_s
        generator = not self.mains and start is not None and self.without_mains_s > start
        if self.lost or not (self.mains or generator):
            self.volts = three_zeros()
        else:
            self.volts = [0.0 if phase in self.phases_lost else self._volts(phase, time_s) for phase in range(3)]
        return self.volts

    def carry(self, power_w: list[float], dt_s: float) -> None:
        """Deliver for a step."""
        self.power_w = power_w
        self.energy_j += sum(power_w) * dt_s

    def _volts(self, phase: int, time_s: float) -> float:
        angle = 2 * math.pi * time_s / (300 + 40 * phase) + phase + self.seed
        return self.nominal_volts * (1 + SAG * math.sin(angle))


@dataclass(slots=True)
class Panel:
    """A panel or busway: volts of the best of its sources."""

    id: str
    breaker: Breaker | None
    phases_lost: set[int] = field(default_factory=set)
    volts: list[float] = field(default_factory=three_zeros)
    power_w: list[float] = field(default_factory=three_zeros)
    loss_w: float = 0.0

    def supply(self, sources: list[list[float]]) -> list[float]:
        """Its voltages, from those of its sources."""
        open_ = self.breaker is not None and self.breaker.tripped
        best = [max(phase) for phase in zip(*sources, strict=True)]
        self.volts = three_zeros() if open_ else [0.0 if i in self.phases_lost else best[i] for i in range(3)]
        return self.volts

    def carry(self, power_w: list[float], dt_s: float) -> list[float]:
        """Deliver for a step; returns what it takes."""
        self.power_w = power_w
        taken = [each * (1 + PANEL_LOSS) for each in power_w]
        self.loss_w = sum(taken) - sum(power_w)
        if self.breaker:
            volts = max(*self.volts, 1.0)
            self.breaker.advance(max(taken) / volts / 0.97, dt_s)
        return taken


@dataclass(slots=True)
class Pdu:
    """A rack PDU with the breaker before it. Its lists are in the order of its own poles; `phases` are the supply's."""

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

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.section.breaker_a)
        self.phases = [int(name[1]) - 1 for name in self.section.phases]
        self.source_volts = [0.0] * len(self.phases)
        self.volts, self.amperes, self.power_w = ([0.0] * len(self.phases) for _ in range(3))
        self.power_factor = [1.0] * len(self.phases)

    @property
    def id(self) -> str:
        """Its name."""
        return self.section.id

    def supply(self, volts: list[float]) -> None:
        """The voltages before its breaker."""
        self.source_volts = [
            0.0 if self.breaker.tripped or phase in self.phases_lost else volts[phase] for phase in self.phases
        ]

    @property
    def live(self) -> list[bool]:
        """Which poles have voltage."""
        return [volts > 0 for volts in self.source_volts]

    def carry(self, power_w: list[float], dt_s: float) -> list[float]:
        """Deliver so much on each pole; returns what the source has to give on each of its three phases."""
        own = PDU_OWN_W / max(1, sum(self.live))
        self.power_w = [each + own if live else 0.0 for each, live in zip(power_w, self.live, strict=True)]
        ohms = CABLE_DROP * self.nominal_volts / self.section.breaker_a
        taken = three_zeros()
        self.cable_loss_w = 0.0
        for pole, (power, source) in enumerate(zip(self.power_w, self.source_volts, strict=True)):
            factor = _power_factor(power / (self.nominal_volts * self.section.breaker_a))
            volts = (source + math.sqrt(max(0.0, source * source - 4 * ohms * power / factor))) / 2
            amperes = power / (volts * factor) if volts > 0 else 0.0
            self.volts[pole], self.amperes[pole], self.power_factor[pole] = volts, amperes, factor
            self.cable_loss_w += ohms * amperes * amperes
            taken[self.phases[pole]] += power + ohms * amperes * amperes
        self.energy_j += sum(self.power_w) * dt_s
        self.breaker.advance(max(self.amperes), dt_s)
        return taken

    @property
    def apparent_va(self) -> list[float]:
        """Volts times amperes of each pole."""
        return [volts * amperes for volts, amperes in zip(self.volts, self.amperes, strict=True)]


def _power_factor(load: float) -> float:
    """Of power supplies with correction: near 1 under load, worse when idle."""
    return 0.99 - 0.09 * max(0.0, 1 - 3 * load) ** 2
