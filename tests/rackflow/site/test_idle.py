"""What supplies nothing while racks hang directly on its feed is told; `check` and drafts ask with whatever stands in their files."""

from collections.abc import Sequence

import pytest

from rackflow.site import idle_supplies, idle_supplies_of
from tests.collector.derive.hall import hall

# A feed supplies a UPS, and that a panel; the first rack PDU hangs on the feed itself.
PATH: dict[str, Sequence[str]] = {"ups": ["A"], "panel": ["ups"], "pdu-1": ["A"]}


def test_the_last_of_a_path_that_supplies_nothing_is_told_with_its_feed() -> None:
    assert idle_supplies(PATH, ["ups", "panel"], ["pdu-1"]) == {"A": ["panel"]}
    assert idle_supplies(PATH | {"pdu-2": ["panel"]}, ["ups", "panel"], ["pdu-1", "pdu-2"]) == {}
    assert idle_supplies(PATH | {"pdu-1": ["B"]}, ["ups", "panel"], ["pdu-1"]) == {}, "no rack hangs on its feed"


def test_a_spare_panel_beside_one_that_supplies_racks_is_no_gap_in_the_path() -> None:
    """What the racks hang on is not a feed, so nothing was left out between."""
    sources: dict[str, Sequence[str]] = {"ups": ["A"], "panel": ["ups"], "spare": ["panel"], "pdu-1": ["panel"]}
    assert idle_supplies(sources, ["ups", "panel", "spare"], ["pdu-1"]) == {}


@pytest.mark.timeout(20)
def test_a_draft_whose_supplies_go_round_in_a_circle_is_looked_through_to_its_end() -> None:
    sources: dict[str, Sequence[str]] = {"a": ["b"], "b": ["a", "A"], "c": ["a"], "pdu-1": ["A"]}
    assert idle_supplies(sources, ["a", "b", "c"], ["pdu-1"]) == {"A": ["c"]}


def test_a_panel_of_cooling_alone_supplies_something() -> None:
    """A panel for CRAHs and pumps has no racks, as it should."""
    panel = ("  - {id: row-a, ", "  - {id: mech, from: [A], room: plant}\n  - {id: row-a, ")
    direct = ("rack: a1, from: row-a", "rack: a1, from: A")
    assert idle_supplies_of(hall(panel, direct)) == {"A": ["mech"]}
    pump = "facility_pumps: [{id: p1, loop: fws, from: [mech], room: plant}]\nmeters:"
    assert idle_supplies_of(hall(panel, direct, ("meters:", pump))) == {}
