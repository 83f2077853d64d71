"""Backup generators: groups in parallel that carry feeds without mains, and what each of them delivers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rackflow.site import Site

# Start of a generator for which the site file says none; a chosen value: NFPA 110 type 10 is 10 s, and transfer takes some more.
DEFAULT_START_S: Final = 15.0
# Load over the rating of what runs at which the generators' breakers open: ISO 8528-1 allows 10 % more for an hour.
OVERLOAD_RATIO: Final = 1.1


@dataclass(slots=True)
class Generator:
    """One generator."""

    rated_w: float
    failed: bool = False
    """It does not start."""
    power_w: float = 0.0


@dataclass(slots=True)
class GeneratorGroup:
    """Generators in parallel."""

    members: Mapping[str, Generator]
    start_s: float
    tripped: bool = False
    """They were overloaded; nothing more comes from them until the mains are back."""
    load_w: float = 0.0

    def follow_mains(self, without_mains_s: float) -> bool:
        """Whether they carry a feed that has been without mains for so long; with the mains back, they can be started again."""
        if without_mains_s <= 0:
            self.tripped = False
            return False
        return not self.tripped and without_mains_s > self.start_s and self._able_w() > 0

    def carry(self, load_w: float) -> None:
        """Deliver a load for a step, shared by rating."""
        able_w, self.load_w = self._able_w(), load_w
        self.tripped = self.tripped or load_w > OVERLOAD_RATIO * able_w
        for each in self.members.values():
            each.power_w = load_w * each.rated_w / able_w if able_w and not each.failed and not self.tripped else 0.0

    def _able_w(self) -> float:
        return sum(each.rated_w for each in self.members.values() if not each.failed)


def groups_of(site: Site) -> dict[tuple[str, ...], GeneratorGroup]:
    """The groups of a site, by the feeds that they carry."""
    found = {}
    for members in site.generator_groups.values():
        starts = [each.start_s for each in members if each.start_s is not None]
        generators = {each.id: Generator(each.rated_power_w) for each in members}
        found[tuple(members[0].feeds)] = GeneratorGroup(generators, max(starts, default=DEFAULT_START_S))
    return found
