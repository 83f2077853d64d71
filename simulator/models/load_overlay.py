"""Makes recordings of UPSs and rack PDUs vary: loads, runtimes and energies move together around the recorded values.

All values of one device follow a single load factor, so that powers, currents and energies stay consistent with each other.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rackflow.recording import Record

# upsMIB of RFC 1628, and upsBasic and rPDU2 of PowerNet-MIB.
_RFC_UPS = "1.3.6.1.2.1.33.1"
_APC_UPS = "1.3.6.1.4.1.318.1.1.1"
_APC_PDU = "1.3.6.1.4.1.318.1.1.26"
_JOULES_PER_KWH: Final = 3.6e6

LOADS: Final = (
    *(f"{_RFC_UPS}.{column}" for column in ("3.3.1.4", "3.3.1.5", "4.4.1.3", "4.4.1.4", "4.4.1.5")),
    *(f"{_APC_UPS}.{column}" for column in ("4.2.3", "4.2.4", "4.2.8", "4.2.9", "4.3.3", "4.3.4")),
    *(
        f"{_APC_PDU}.{column}"
        for column in ("4.3.1.5", "4.3.1.16", "6.3.1.5", "6.3.1.7", "6.3.1.8", "8.3.1.5", "9.4.3.1.6", "9.4.3.1.7")
    ),
)
"""Columns that follow the load: currents, powers, percentages."""

RUNTIMES: Final = (f"{_RFC_UPS}.2.3", f"{_APC_UPS}.2.2.3")
"""Columns that shrink as the load grows."""

TEMPERATURES: Final = (f"{_APC_UPS}.2.3.2", f"{_APC_PDU}.10.2.2.1.8")
"""Columns in 0.1 degC that drift by a few tenths."""

ENERGIES: Final[Mapping[str, tuple[str, float, float]]] = {
    f"{_APC_UPS}.4.3.6": (f"{_APC_UPS}.4.2.8", 1.0, 0.01),
    f"{_APC_PDU}.4.3.1.9": (f"{_APC_PDU}.4.3.1.5", 10.0, 0.1),
    f"{_APC_PDU}.9.4.3.1.11": (f"{_APC_PDU}.9.4.3.1.7", 1.0, 0.1),
}
"""Counters: the power column of the same index, its unit in watts, and the counter's own in kilowatt-hours."""

UNKNOWN: Final = frozenset({2**15 - 1, 2**16 - 1, 2**31 - 1, 2**32 - 1})
"""What devices send for "no value": the largest numbers of 16 and 32 bits, with and without sign. Such values do not move."""


@dataclass(frozen=True, slots=True)
class LoadFactor:
    """The load over time, over the recorded one: a slow and a quick wave around 1.

    The amplitudes are chosen so that a graph visibly moves within a minute while no recorded load leaves its plausible range.
    """

    seed: int = 0
    slow: float = 0.12
    quick: float = 0.03
    slow_s: float = 900.0
    quick_s: float = 31.0

    def at(self, time_s: float) -> float:
        """Load factor at a time."""
        return 1 + self.slow * math.sin(self._slow_angle(time_s)) + self.quick * math.sin(self._quick_angle(time_s))

    def integral(self, time_s: float) -> float:
        """Integral of the load factor from 0 to a time, s.

        In closed form, so that a counter's value depends on the time alone and not on how often it is read.
        """
        slow = (
            self.slow
            * self.slow_s
            / (2 * math.pi)
            * (math.cos(self._slow_angle(0)) - math.cos(self._slow_angle(time_s)))
        )
        quick = (
            self.quick
            * self.quick_s
            / (2 * math.pi)
            * (math.cos(self._quick_angle(0)) - math.cos(self._quick_angle(time_s)))
        )
        return time_s + slow + quick

    def _slow_angle(self, time_s: float) -> float:
        return 2 * math.pi * time_s / self.slow_s + self.seed

    def _quick_angle(self, time_s: float) -> float:
        return 2 * math.pi * time_s / self.quick_s + 2 * self.seed


def overlay(records: Iterable[Record], load_factor: LoadFactor) -> dict[str, Callable[[float], int]]:
    """For each OID that follows the load, its value by elapsed seconds. All other OIDs are left out."""
    numbers = {record.oid: record.value for record in records if isinstance(record.value, int)}
    found: dict[str, Callable[[float], int]] = {}
    for oid, value in numbers.items():
        column, index = _split(oid, (*LOADS, *RUNTIMES, *TEMPERATURES, *ENERGIES))
        # Zero stays zero: an outlet that is off must not draw current because its PDU's load moves.
        if value <= 0 or value in UNKNOWN or column is None:
            continue
        if column in ENERGIES:
            # The counter follows the same row's power, so that the energy counted agrees with the power read.
            power, watts, kwh = ENERGIES[column]
            rate = numbers.get(power + index, 0) * watts / (kwh * _JOULES_PER_KWH)
            found[oid] = _counter(value, rate, load_factor)
        elif column in LOADS:
            found[oid] = _following(value, load_factor)
        elif column in RUNTIMES:
            found[oid] = _shrinking(value, load_factor)
        else:
            found[oid] = _drifting(value, load_factor)
    return found


def _split(oid: str, columns: Iterable[str]) -> tuple[str | None, str]:
    for column in columns:
        if oid.startswith(column + "."):
            return column, oid.removeprefix(column)
    return None, ""


def _following(value: int, load_factor: LoadFactor) -> Callable[[float], int]:
    return lambda time_s: round(value * load_factor.at(time_s))


def _shrinking(value: int, load_factor: LoadFactor) -> Callable[[float], int]:
    return lambda time_s: round(value / load_factor.at(time_s))


def _drifting(value: int, load_factor: LoadFactor) -> Callable[[float], int]:
    # 20 tenths of a degree for a doubled load: with the default swing of 15 % a few tenths, as in a real inlet.
    return lambda time_s: value + round(20 * (load_factor.at(time_s) - 1))


def _counter(value: int, rate: float, load_factor: LoadFactor) -> Callable[[float], int]:
    """A 32-bit counter, which wraps."""
    return lambda time_s: (value + int(rate * load_factor.integral(time_s))) % 2**32
