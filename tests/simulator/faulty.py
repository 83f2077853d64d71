"""A simulated world in steady state, and its faults."""

from functools import cache

import pytest

from rackflow.site import load_site
from simulator.world import World
from simulator.world.faults import Fault, Faults
from simulator.world.instruments import Instruments
from tests.simulator.wire.test_fleet import SITES


@cache
def settled(name: str) -> World:
    """Only to be copied."""
    world = World(load_site(SITES / f"{name}.yaml"), seed=1)
    world.advance(240)
    return world


class Site:
    """One shipped site after a few minutes."""

    def __init__(self, name: str) -> None:
        self.world = settled(name).copy()
        self.instruments = Instruments(self.world)
        self.faults = Faults(self.world, self.instruments)

    def begin(self, fault: str, target: str, **more: object) -> Fault:
        made = Fault.model_validate({"fault": fault, "target": target, **more})
        self.faults.begin(made)
        return made

    def shown(self, device: str, series: str) -> float:
        value = self.instruments.read(device)[series]
        assert isinstance(value, float)
        return value

    def mode(self, ups: str) -> str:
        return self.world.network.ups[ups].mode

    def all_served(self) -> bool:
        """Whether every rack gets what it asks for."""
        return all(rack.supplied_w == pytest.approx(rack.demand_w) for rack in self.world.network.racks.values())

    def balanced(self) -> bool:
        """Whether energy is kept, whatever has failed."""
        energy = self.world.energy
        return energy.rejected_j + self.world.stored_j == pytest.approx(energy.taken_j, rel=1e-6)
