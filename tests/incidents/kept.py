"""What was played, wave by wave, in a file: a run that broke off goes on where it was, and parts of one run may be hours apart."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.incidents.play import Result
from tests.incidents.report import Latencies, lines, measured, safety_latencies_s, sum_of, worse


class Wave(msgspec.Struct, frozen=True):
    """One wave of one site, played."""

    site: str
    number: int
    lines: list[str]
    latencies: Latencies
    faults: int
    right: int
    worst_safety_s: float
    false: list[str]
    still_s: float
    """The longest time for which the simulated devices stood still meanwhile."""

    @classmethod
    def of(cls, site: str, number: int, results: Sequence[Result], false: Sequence[str], still_s: float) -> "Wave":
        """From what was played."""
        right = sum(each.is_right for each in results)
        worst_s = max(safety_latencies_s(results), default=0.0)
        return cls(
            site, number, lines(site, results), measured(results), len(results), right, worst_s, list(false), still_s
        )

    @property
    def is_right(self) -> bool:
        """Whether everything expected was reported, and nothing else."""
        return self.right == self.faults and not self.false


class Kept:
    """The waves that were played so far."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        is_there = path is not None and path.exists()
        self.waves = msgspec.json.decode(path.read_bytes(), type=list[Wave]) if path is not None and is_there else []

    def has(self, site: str, number: int) -> bool:
        """Whether a wave was played and all of it was right."""
        return any((each.site, each.number) == (site, number) and each.is_right for each in self.waves)

    def add(self, wave: Wave) -> None:
        """Take a wave in the place of an earlier try."""
        others = [each for each in self.waves if (each.site, each.number) != (wave.site, wave.number)]
        self.waves = sorted([*others, wave], key=lambda each: (each.site, each.number))
        if self._path is not None:
            self._path.write_bytes(msgspec.json.format(msgspec.json.encode(self.waves), indent=1))

    def latencies(self) -> Latencies:
        """The worst of each problem over all waves."""
        found: Latencies = {}
        for wave in self.waves:
            for name, (pushed, pulled) in wave.latencies.items():
                before = found.get(name, (None, None))
                found[name] = worse(before[0], pushed), worse(before[1], pulled)
        return found

    def last_line(self, false: Sequence[str]) -> str:
        """The sum of all waves. `false` counts what was reported outside of them."""
        faults, right = sum(each.faults for each in self.waves), sum(each.right for each in self.waves)
        worst_s = max((each.worst_safety_s for each in self.waves), default=0.0)
        return sum_of(faults, right, worst_s, len(false) + sum(len(each.false) for each in self.waves))
