"""The rows of the incidents: every fault of the simulator is there at each site where it can happen, and can happen."""

import pytest

from collector.problems.table import load_table
from rackflow.site import parse_site
from simulator.site.cli import shipped_or_file
from simulator.site.simulation import Simulation
from simulator.world.faults import KINDS, SENSOR_FAULTS, WIRE_FAULTS, WORLD_FAULTS, Fault
from tests.incidents.play import shows
from tests.incidents.rows import SMALL_HALL
from tests.incidents.waves import WAVES
from tests.truth.faults import SITE

SITES = {**WAVES, str(SITE): SMALL_HALL}


def simulated(site: str) -> Simulation:
    found = Simulation(parse_site(shipped_or_file(site)[1], site), seed=1)
    found.world.advance(10.0)
    return found


@pytest.mark.parametrize("site", SITES)
def test_each_fault_can_happen_and_each_expected_problem_is_in_the_table(site: str) -> None:
    simulation = simulated(site)
    for row in (row for rows in SITES[site] for row in rows):
        simulation.plan([Fault.model_validate(dict(order)) for order in row.orders])
        for what in (row.shows, *(each.shows for each in row.expects)):
            assert not what or shows(simulation, what) is False, row.title
        for each in (*row.expects, *row.may):
            assert each.problem in load_table().problems


@pytest.mark.parametrize("site", WAVES)
def test_every_kind_of_fault_that_can_happen_at_a_site_is_played_there(site: str) -> None:
    world = simulated(site).world
    possible = {kind for kind, each in WORLD_FAULTS.items() if each.targets(world)} | SENSOR_FAULTS | WIRE_FAULTS
    played = {kind for rows in WAVES[site] for row in rows for kind in row.kinds}
    assert played == possible
    assert played <= KINDS
