"""The quick form of `make incidents`: three faults of the safety class over the real chain, found by both ways and nothing else."""

from pathlib import Path

import pytest

from tests.incidents.chain import chain
from tests.incidents.play import QUICK_AFTER_S, Player
from tests.incidents.report import last_line, table
from tests.incidents.rows import SMALL_HALL
from tests.truth.faults import SITE


@pytest.mark.timeout(200)  # half a minute of waiting, on a machine that may be busy
async def test_faults_of_the_safety_class_and_nothing_else_are_reported_by_both_sides(
    tmp_path: Path,
) -> None:
    async with chain(str(SITE), tmp_path) as one, Player(one) as player:
        results = await player.play(SMALL_HALL[0], quiet_s=0.0, after_s=QUICK_AFTER_S)
    assert player.false == [], "\n".join(player.false)
    lines = table(one.site, results)
    assert all(result.is_right for result in results), lines
    assert last_line(results, 0).startswith("4 faults, 4 right")
    # The order of stages; their latency is the machine's, and `make incidents` measures it.
    for each in (each for result in results for each in result.stages):
        assert each.shown_s is not None
        assert each.agent_s is not None, lines
        assert each.collector_s is not None
        assert each.pushed_s is not None
        assert each.agent_s <= each.collector_s + 1.0 <= each.pushed_s + 1.0, lines
