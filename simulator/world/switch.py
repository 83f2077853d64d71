"""A transfer switch: which of two sources it takes, and when it changes over."""

from dataclasses import dataclass, field
from typing import Final, Literal

from rackflow.site import TransferSwitch as SwitchSection
from simulator.world.breaker import Breaker
from simulator.world.supply import phase_index, three_zeros

Source = Literal["a", "b"]
# Voltage over nominal below which a source counts as bad. Data sheets of rack transfer switches give windows from 8 to 20 %.
MIN_VOLTAGE_RATIO: Final = 0.85
# How long the preferred source must be good before the switch returns to it. The switch leaves a bad source at once, but returning
# can wait: the load must not follow a source that comes and goes. Chosen value.
RETURN_S: Final = 30.0


@dataclass(slots=True)
class Switch:
    """One switch. Lists are by the phases of its output. Its own losses are small and left out."""

    section: SwitchSection
    nominal_volts: float
    stuck: bool = False
    """By a fault: the switch stays on its source and reports nothing."""
    selected: Source = field(init=False)
    transfers: int = 0
    source_volts: dict[Source, list[float]] = field(init=False)
    breakers: dict[Source, Breaker] = field(init=False)
    volts: list[float] = field(default_factory=three_zeros)
    amperes: list[float] = field(default_factory=three_zeros)
    power_w: list[float] = field(default_factory=three_zeros)
    _good_s: float = RETURN_S

    def __post_init__(self) -> None:
        self.selected = self.section.preferred
        self.source_volts = {"a": three_zeros(), "b": three_zeros()}
        self.breakers = {"a": Breaker(self.section.a.breaker_a), "b": Breaker(self.section.b.breaker_a)}

    @property
    def phases(self) -> int:
        """Number of phases."""
        return len(self.section.a.phases)

    def usable(self, source: Source) -> bool:
        """Whether a source is good enough to carry the load."""
        return min(self.source_volts[source][: self.phases]) >= MIN_VOLTAGE_RATIO * self.nominal_volts

    def supply(self, source_volts: dict[Source, list[float]], dt_s: float) -> None:
        """Take the voltages in front of its breakers, by the supplies' phases, and choose the source for this step."""
        for source, volts in source_volts.items():
            own = three_zeros()
            if not self.breakers[source].tripped:
                for at, name in enumerate(self.section.inputs[source].phases):
                    own[at] = volts[phase_index(name)]
            self.source_volts[source] = own
        preferred = self.section.preferred
        self._good_s = self._good_s + dt_s if self.usable(preferred) else 0.0
        other: Source = "b" if self.selected == "a" else "a"
        leave = not self.usable(self.selected) or (self.selected != preferred and self._good_s > RETURN_S)
        if leave and self.usable(other) and not self.stuck:
            self.selected = other
            self.transfers += 1
        self.volts = self.source_volts[self.selected]

    def carry(self, power_w: list[float], amperes: list[float], dt_s: float) -> list[float]:
        """Deliver for a step; returns the power taken from the selected source, by the supply's phases, W."""
        self.power_w, self.amperes = power_w, amperes
        self.breakers[self.selected].advance(max(amperes), dt_s)
        taken = three_zeros()
        for at, name in enumerate(self.section.inputs[self.selected].phases):
            taken[phase_index(name)] = power_w[at]
        return taken
