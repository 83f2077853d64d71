"""How a running simulation keeps up with real time."""

import pytest

from simulator.site.simulation import in_whole_steps


@pytest.mark.parametrize(
    ("due_s", "computed_s"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (1.2, 1.0), (15.0, 15.0), (15.3, 15.0)]
)
def test_a_tick_computes_whole_steps_or_a_part_of_one(due_s: float, computed_s: float) -> None:
    assert in_whole_steps(due_s) == computed_s
