"""A large site answers within its steps, and true values are those of one moment."""

import asyncio

from rackflow.site import parse_site
from simulator.site.maker import campus, site_yaml
from simulator.site.simulation import Simulation
from simulator.world.world import STEP_S

RACKS = 192
STEPS = 3


async def test_requests_are_answered_within_a_step_and_true_values_are_of_whole_steps() -> None:
    text = site_yaml(campus(RACKS))
    site = parse_site(text, "campus")
    whole, sliced = Simulation(site, seed=3), Simulation(site, seed=3)
    expected = [await whole.execute({"order": "truth"})]
    for _ in range(STEPS):
        whole.world.advance(STEP_S)
        expected.append(await whole.execute({"order": "truth"}))

    turns = 0
    advancing = asyncio.ensure_future(sliced.advance(STEPS * STEP_S))
    while not advancing.done():
        turns += 1
        await asyncio.sleep(0)
        assert await sliced.execute({"order": "truth"}) in expected
    await advancing
    assert await sliced.execute({"order": "truth"}) == expected[-1]
    assert sliced.world.energy == whole.world.energy
    assert turns > STEPS
