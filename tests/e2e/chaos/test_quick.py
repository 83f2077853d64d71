"""The quick scenarios of `make chaos`, and all hostile devices at once, as tests."""

from pathlib import Path

import pytest

from tests.e2e.chaos.hostile import HOSTILE, play_hostile
from tests.e2e.chaos.scenarios import SCENARIOS, Scenario, play


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.quick], ids=lambda each: each.name)
def test_every_message_is_stored_once(scenario: Scenario, tmp_path: Path) -> None:
    row = play(scenario, scenario.quick, tmp_path, seed=1)
    assert row.produced == row.stored > 0
    assert (row.duplicated, row.missing, row.heard_not_stored, row.impossible_times) == (0, 0, 0, 0)
    assert row.heard > 0


def test_hostile_devices_harm_no_healthy_one(tmp_path: Path) -> None:
    row = play_hostile(HOSTILE[-1], 6, tmp_path)
    assert row.unharmed, row
