"""Faults that are quick to show: what must move does so in time, and nothing else does. All of them: `make truth ARGS=faults`."""

import pytest

from simulator.world.faults import KINDS
from tests.truth.faults import Move, Player, Row
from tests.truth.faults_report import ROWS, beyond, lines
from tests.truth.faults_rows import order

QUICK = [row for row in ROWS if row.quick]


@pytest.fixture(scope="module")
def player() -> Player:
    return Player()


@pytest.mark.parametrize("row", QUICK, ids=[row.title for row in QUICK])
def test_a_fault_changes_what_it_must_and_nothing_else(player: Player, row: Row) -> None:
    assert beyond([player.play(row)]) == []


def test_a_value_that_does_not_move_and_one_that_moves_beside_it_are_reported(player: Player) -> None:
    row = Row(
        "a trip that is said to do nothing but harm to its neighbour",
        (order("breaker_trip", "pdu-a1-a"),),
        (Move("rack_power_watts{rack=a2}", "unknown", 30.0),),
        stays=("rack_power_watts{rack=a2}",),
    )
    played = player.play(row)
    (line,) = beyond([played])
    assert "rack_power_watts{rack=a2} unknown not within 30 s (never)" in line
    assert "nothing was compared for rack_power_watts{rack=a2}" in line
    assert {"device_up{device=pdu-a1-a}", "rack_power_watts{rack=a1}"} <= played.strayed.keys()
    assert "| no: " in list(lines([played]))[-1]


def test_every_fault_of_the_simulator_has_a_row() -> None:
    shown = {each["fault"] for row in ROWS for each in row.orders}
    # The hall that they are played in has no transfer switch, and names no generators and no plant.
    assert KINDS - shown == {
        *("exchanger_fouled", "air_unit_failure", "switch_stuck"),
        *("generator_failure", "plant_failure"),
    }
