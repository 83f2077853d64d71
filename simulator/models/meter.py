"""A three-phase energy meter and its registers, in the layout of Schneider's iEM3000 series."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from simulator.models.registers import MappedRegisters, text, words

METER_UNIT: Final = 1  # the meter's factory setting
# Slightly unequal phases, as in a real row of racks: equal ones would hide a mapping that mixes them up.
_PHASE_SHARE: Final = (0.35, 0.33, 0.32)
_JOULES_PER_WH: Final = 3600.0


@dataclass(slots=True)
class MeterModel:
    """The meter of a row of racks. Its power swings by a tenth around `mean_kw`. The same seed and steps give the same values."""

    seed: int = 0
    mean_kw: float = 96.0
    power_factor: float = 0.96
    time_s: float = 0.0
    # A meter that has run for years. Far from zero, so that a wrong word order or type gives an absurd value.
    energy_wh: float = 184_000_000.0
    exported_wh: float = 0.0

    def advance(self, dt_s: float) -> None:
        """Let time pass. The energy is integrated by the trapezoid rule, so that it agrees with the power that is read."""
        before = self.total_kw
        self.time_s += dt_s
        self.energy_wh += (before + self.total_kw) / 2 * 1000 * dt_s / _JOULES_PER_WH

    @property
    def total_kw(self) -> float:
        """Power of all phases, kW."""
        slow = math.sin(2 * math.pi * self.time_s / 1800 + self.seed)
        fast = math.sin(2 * math.pi * self.time_s / 47 + 2 * self.seed)
        return self.mean_kw * (1 + 0.08 * slow + 0.02 * fast)

    @property
    def phase_kw(self) -> tuple[float, ...]:
        """Power of L1, L2 and L3, kW."""
        return tuple(self.total_kw * share for share in _PHASE_SHARE)

    @property
    def phase_v(self) -> tuple[float, ...]:
        """Voltages to neutral, V."""
        return tuple(
            231.0 + 1.2 * math.sin(2 * math.pi * self.time_s / (300 + 40 * phase) + phase) for phase in range(3)
        )

    @property
    def phase_a(self) -> tuple[float, ...]:
        """Currents, from power, voltage and power factor, A."""
        return tuple(
            1000 * kw / (volts * self.power_factor) for kw, volts in zip(self.phase_kw, self.phase_v, strict=True)
        )

    @property
    def frequency_hz(self) -> float:
        """Frequency of the grid, Hz."""
        return 50.0 + 0.02 * math.sin(2 * math.pi * self.time_s / 113)


class MeterState(Protocol):
    """The state that the registers show."""

    power_factor: float

    @property
    def energy_wh(self) -> float: ...
    @property
    def exported_wh(self) -> float: ...
    @property
    def total_kw(self) -> float: ...
    @property
    def phase_kw(self) -> tuple[float, ...]: ...
    @property
    def phase_v(self) -> tuple[float, ...]: ...
    @property
    def phase_a(self) -> tuple[float, ...]: ...
    @property
    def frequency_hz(self) -> float: ...


def meter_registers(
    model: MeterState, serial: int = 240_100_001, state: Callable[[], object] | None = None
) -> MappedRegisters:
    """The meter's holding registers, computed for each request, or when `state` has changed (see `MappedRegisters`).

    Addresses on the wire are the documented register numbers less 1; reserved ones read as 0.
    """
    identity = {30: "Row feed", 50: "iEM3255", 70: "Schneider Electric"}
    fixed = {register - 1 + at: word for register, name in identity.items() for at, word in enumerate(text(name, 20))}
    fixed |= dict(enumerate(words("I", serial), 129))

    def snapshot() -> dict[int, int]:
        measured = {**_phases(model), **_totals(model)}
        found = {
            register - 1 + at: word for register, value in measured.items() for at, word in enumerate(words("f", value))
        }
        for register, energy in {3204: model.energy_wh, 3208: model.exported_wh}.items():
            found |= dict(enumerate(words("q", int(energy)), register - 1))
        return fixed | found

    return MappedRegisters(snapshot, zeros=True, state=state)


def _phases(model: MeterState) -> dict[int, float]:
    volts = model.phase_v
    # Law of cosines for phases 120 degrees apart.
    between = [math.sqrt(a * a + b * b + a * b) for a, b in zip(volts, (*volts[1:], volts[0]), strict=True)]
    found: dict[int, float] = {}
    for index in range(3):
        found[3000 + 2 * index] = model.phase_a[index]
        found[3020 + 2 * index] = between[index]
        found[3028 + 2 * index] = volts[index]
        found[3054 + 2 * index] = model.phase_kw[index]
    return found


def _totals(model: MeterState) -> dict[int, float]:
    apparent = model.total_kw / model.power_factor
    return {
        3010: sum(model.phase_a) / 3,
        3026: math.sqrt(3) * sum(model.phase_v) / 3,
        3036: sum(model.phase_v) / 3,
        3060: model.total_kw,
        3068: math.sqrt(apparent**2 - model.total_kw**2),
        3076: apparent,
        3084: model.power_factor,
        3110: model.frequency_hz,
    }
