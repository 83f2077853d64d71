"""Random cases of ride-through: compares the predictions at the moment of a failure with what then happens.

Drawn at random are the load and its last step, age and history of the batteries, volume of coolant, and temperature of facility
water. The site is polled normally until something fails. What the collector predicts then is compared with the simulator's future.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from rackflow.site import Site
from simulator.site.data_sheet import data_sheet
from simulator.site.simulation import Simulation
from simulator.world.what_if import FAILURES, ride_through_s, ups_holdup_s
from simulator.world.world import World
from tests.truth.harness import truth_site
from tests.truth.leap import run_leaping

WARM_S: Final = 600.0
LONGEST_S: Final = 7200.0
POLLED_ONCE_S: Final = 12.0
"""Seconds after a load step until every reading that matters is newer: ten, plus a simulation step and a poll."""
Kind = Literal["battery", "claim", "pumps", "primary_flow", "heat_rejection"]


@dataclass(frozen=True, slots=True)
class About:
    """One kind of case. `longest` is by which share a prediction may be too long; `ours` says whether the collector makes it."""

    words: str
    longest: float | None
    ours: bool = True


KINDS: Final[Mapping[Kind, About]] = {
    "battery": About("UPS drops its load", 0.05),
    "claim": About("the same, by the UPS's own runtime", None, ours=False),
    "pumps": About("chips at 75 degC, pumps stopped", 0.15),
    "primary_flow": About("supply at 45 degC, no facility water", 0.15),
    "heat_rejection": About("supply at 45 degC, heat rejection lost", 0.15),
}


@dataclass(frozen=True, slots=True)
class SteppedLoad:
    """A load that is constant until a moment, and has another constant value from then on."""

    before_w: float
    after_w: float
    at_s: float

    def watts(self, time_s: float) -> float:
        """See `simulator.world.load.Load`."""
        return self.after_w if time_s >= self.at_s else self.before_w


@dataclass(frozen=True, slots=True)
class Case:
    """One failure. `predicted_s` is None if the collector's prediction was unknown."""

    seed: int
    kind: Kind
    predicted_s: float | None
    actual_s: float
    unseen: bool
    """Whether the load stepped so shortly before the failure that not everything was polled afterwards."""

    @property
    def error(self) -> float:
        """Relative error; above 0 the prediction was too long."""
        return self.predicted_s / self.actual_s - 1 if self.predicted_s is not None else -1.0


def play(seed: int) -> list[Case]:
    """Both batteries of one site and two kinds of lost cooling; in addition the runtime that each UPS reports itself."""
    return run_leaping(_play(seed, random.Random(f"ride-through/{seed}")))  # noqa: S311 - the same cases for the same seed


async def _play(seed: int, chance: random.Random) -> list[Case]:
    data = site_data(chance)
    ages = {f"ups-{at}": round(chance.uniform(0.6, 1.0), 2) for at in "ab"}
    polled_s = chance.uniform(30.0, 45.0)
    prepared = _Prepared(chance, ages, WARM_S + polled_s)
    async with truth_site(
        data, seed=seed, warm_s=0.0, derive=lambda site: _tested(site, ages), prepare=prepared
    ) as found:
        await found.run(polled_s)
        found.cycle()
        world, shown = found.simulation.world, {key: each.value for key, each in found.known().items()}
        cases, unseen = [], prepared.stepped_s > found.now_s - POLLED_ONCE_S
        for ups in ages:
            actual_s = ups_holdup_s(world, ups, LONGEST_S)
            said = found.readings(ups).get("dcim_ups_battery_runtime_seconds")
            ours = _of(shown, "ups_modelled_runtime_seconds", f"device={ups}")
            cases.append(Case(seed, "battery", ours, actual_s, unseen))
            cases.append(Case(seed, "claim", said if isinstance(said, float) else None, actual_s, unseen))
        for failure in sorted(chance.sample(FAILURES, 2)):
            predicted = _of(shown, "loop_ride_through_seconds", f"failure={failure}")
            cases.append(Case(seed, failure, predicted, ride_through_s(world, "tcs", failure, LONGEST_S), unseen))
    return cases


def _tested(site: Site, ages: Mapping[str, float]) -> dict[str, Any]:
    """The data sheets, and the result of a discharge test for each battery."""
    found = data_sheet(site)
    for ups, health in ages.items():
        found["batteries"][ups]["health"] = health
    return found


def _of(shown: Mapping[str, float | None], metric: str, label: str) -> float | None:
    (value,) = (each for key, each in shown.items() if key.startswith(f"dcim_{metric}{{") and label in key)
    return value


class _Prepared:
    """Brings a simulation to the state in which the agent starts to poll."""

    def __init__(self, chance: random.Random, ages: Mapping[str, float], fails_at_s: float) -> None:
        self._chance = chance
        self._ages = ages
        self.stepped_s = fails_at_s - chance.uniform(0.0, 120.0)

    def __call__(self, simulation: Simulation) -> None:
        """Draws loads, ages, temperature of facility water, and perhaps an earlier outage."""
        world, chance = simulation.world, self._chance
        levels = chance.uniform(0.3, 0.9), chance.uniform(0.3, 0.9)
        for rack in world.loads:
            own, design_w = chance.uniform(0.9, 1.1), world.site.racks[rack].design_power_w
            world.loads[rack] = SteppedLoad(levels[0] * own * design_w, levels[1] * own * design_w, self.stepped_s)
        for ups, health in self._ages.items():
            world.network.ups[ups].battery.health = health
        world.primaries["fws"].warm_k = chance.uniform(-6.0, 6.0)
        world.advance(60.0)
        if chance.random() < 0.5:
            _outage(world, chance)
        world.advance(WARM_S - world.time_s)


def _outage(world: World, chance: random.Random) -> None:
    """A feed was lost some minutes ago for a while, so that its battery is still charging."""
    feed = world.network.feeds[chance.choice(["A", "B"])]
    ups = next(each for each in world.network.ups.values() if world.site.feed_of(each.id) == feed.id)
    feed.lost = True
    world.advance(min(240.0, chance.uniform(0.05, 0.6) * ups_holdup_s(world, ups.id, LONGEST_S)))
    feed.lost = False


def site_data(chance: random.Random) -> dict[str, Any]:
    """A row of liquid-cooled racks on two feeds, as data of a site file."""
    watts = [chance.randrange(40_000, 132_000, 1000) for _ in range(chance.randint(2, 4))]
    racks = {f"r{at}": each for at, each in enumerate(watts, 1)}
    share, row = round(chance.uniform(0.7, 0.9), 2), {"row": "a"}
    ups_w = round(sum(watts) * chance.uniform(0.8, 1.5), -3)
    return _cooling(chance, racks, share) | {
        "site": "case",
        "electrical": {"continuous_load_factor": 0.8, "volts": 240, "frequency_hertz": 60},
        "rooms": [{"id": "hall"}],
        "rows": [{"id": "a", "room": "hall"}],
        "racks": [{"id": rack, **row, "design_power_w": each, "liquid_share": share} for rack, each in racks.items()],
        "feeds": [{"id": "A", "backup_start_s": 20}, {"id": "B"}],
        "ups": [{"id": f"ups-{at}", "from": [at.upper()], "rated_power_w": ups_w, "room": "hall"} for at in "ab"],
        "panels": [{"id": f"bus-{at}", "from": [f"ups-{at}"], **row} for at in "ab"],
        "pdus": [
            {"id": f"{rack}-{at}", "rack": rack, "from": f"bus-{at}", "breaker_a": 400} for rack in racks for at in "ab"
        ],
    }


def _cooling(chance: random.Random, racks: Mapping[str, int], share: float) -> dict[str, Any]:
    """Loops, CDUs with one to spare, and a unit for the air."""
    total, required = sum(racks.values()), chance.randint(1, 2)
    unit: dict[str, Any] = {"primary": "fws", "secondary": "tcs", "from": ["bus-a", "bus-b"], "row": "a"}
    unit["rated_cooling_w"] = round(total * share * chance.uniform(1.05, 1.3) / required)
    facility = {"kind": "primary", "coolant": "water", "volume_m3": round(total / 1e6 * chance.uniform(1.0, 4.0), 3)}
    through: dict[str, Any] = {
        "kind": "secondary",
        "coolant": chance.choice(["pg25", "water"]),
        "cdus_required": required,
    }
    through |= {"volume_m3": round(total / 1e6 * chance.uniform(0.25, 0.8), 3), "racks": [*racks]}
    return {
        "loops": [{"id": "fws", **facility}, {"id": "tcs", **through}],
        "cdus": [{"id": f"cdu-{at}", **unit} for at in range(1, required + 2)],
        "air_units": [{"id": "crah", "rated_cooling_w": round(total * 0.4), "from": ["A", "B"], "room": "hall"}],
    }
