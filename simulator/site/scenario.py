"""Scenario files: which faults begin and end when, in the simulated world's own time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rackflow.errors import ConfigError
from rackflow.process.config import StrictModel, check_config
from rackflow.process.yaml import load_yaml_text, read_text_file
from simulator.world.faults import Fault


class Scenario(StrictModel):
    """A scenario file. Times are simulated seconds from the start of the simulation."""

    faults: list[Fault]


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises ConfigError that names file, line, key and remedy."""
    text = read_text_file(path)
    data = load_yaml_text(text, str(path))
    if data is None:
        raise ConfigError(f"{path}: the file is empty; add a list of faults")
    return check_config(data, Scenario, str(path), text)


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault in progress: the number by which it is ended, and the time at which it ends by itself, if any."""

    number: int
    fault: Fault
    until_s: float | None


@dataclass(slots=True)
class Timeline:
    """Faults that are planned, and faults in progress."""

    planned: list[Fault] = field(default_factory=list)
    """Faults that have not begun, the earliest first."""
    active: dict[int, ActiveFault] = field(default_factory=dict)
    """Faults in progress, by number."""
    _last_number: int = 0

    def plan(self, faults: Iterable[Fault]) -> None:
        """Add planned faults."""
        # A stable sort: faults of the same moment begin in the order of the file.
        self.planned = sorted([*self.planned, *faults], key=lambda fault: fault.at_s)

    def begin(self, fault: Fault, now_s: float) -> ActiveFault:
        """Record a fault that begins now."""
        # Numbers are never used again, so that a late `clear` cannot end another fault.
        self._last_number += 1
        active = ActiveFault(self._last_number, fault, None if fault.for_s is None else now_s + fault.for_s)
        self.active[active.number] = active
        return active

    def take_due(self, now_s: float) -> tuple[list[Fault], list[ActiveFault]]:
        """Remove and return the faults that begin by now, and those that end by now."""
        beginning = [fault for fault in self.planned if fault.at_s <= now_s]
        self.planned = self.planned[len(beginning) :]
        ending = [active for active in self.active.values() if active.until_s is not None and active.until_s <= now_s]
        # Collected first: the dictionary must not change while it is walked.
        for active in ending:
            del self.active[active.number]
        return beginning, ending
