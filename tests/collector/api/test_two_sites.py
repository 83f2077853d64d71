"""One collector of two sites whose agents, feeds, racks and devices share their names: what happens at one is not shown at the other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from collector.ledger.watch import AgentAccount
from collector.problems.maintenance import Window
from rackflow.process.slices import run_through
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import WALL_S, Readings, hall
from tests.collector.polls import hello

HERE: dict[str, dict[str, str]] = {
    "site": {},
    "floor": {},
    "problems": {"site": "t1"},
    "problems/history": {"site": "t1"},
    "devices": {},
    "devices/{id}": {"id": "cdu-1"},
    "series": {},
    "figures": {},
    "agents": {},
    "ledger": {},
}
"""Every document about one site, with its parameters."""


def documents(shown: Shown, now: float) -> dict[str, Any]:
    found = {path: shown.get(path, now, **query) for path, query in HERE.items()}
    # All sites of the collector are named, so that somebody can change to another one.
    found["site"].pop("sites")
    return found | {"part": {**shown.part("problems", now)}}


def test_without_a_name_the_site_is_that_of_the_site_file_whichever_comes_first_by_name() -> None:
    shown = here()
    powered(Shown(hall(("site: t1", "site: a0")), latest=shown.readings.latest), 100.5)
    assert shown.api.sites() == ["t1", "a0"]
    assert [shown.api.site_named(name) for name in ("", "a0")] == ["t1", "a0"]


def elsewhere(shown: Shown) -> Readings:
    """The other site: the same hall, with the same names, at the same collector."""
    other = Shown(hall(("site: t1", "site: other")), latest=shown.readings.latest)
    powered(other, 100.5)
    return other.readings


def here() -> Shown:
    one = Shown()
    powered(one)
    one.readings.latest.apply_status(hello("gw", *one.site.devices, site="t1"), 100.0)
    one.around = replace(one.around, accounts={("t1", "gw"): AgentAccount(100, 90, 3, 5, 2)})
    return one


def with_problems(shown: Shown) -> None:
    shown.problem("DcimFeedLost", now=110.0, site="other", feed="A")
    shown.problem("DcimUpsOnBattery", now=110.0, site="other", device="ups-a1", feed="A")
    shown.problem("DcimLeakDetected", now=110.0, site="other", device="cdu-1", detector="tray")
    shown.problem("DcimPhaseDead", now=110.0, site="other", device="pdu-a1-a", rack="a1", phase="L1")
    shown.ended("DcimPhaseDead", 111.0, site="other", device="pdu-a1-a", rack="a1", phase="L1")
    shown.begins("DcimPhaseDead", now=112.0, site="other", device="pdu-a2-a1", rack="a2", phase="L2")
    shown.begins("DcimUpsOnBattery", now=112.0, site="other", device="ups-b", feed="B")


def with_devices(shown: Shown) -> None:
    readings = elsewhere(shown)
    latest = shown.readings.latest
    for agent in ("gw", "only-there"):
        latest.apply_status(with_fields(hello(agent, site="other", online=False), refused=["x"]), 101.0)
    readings.take("pdu-a1-a", {}, 102.0, up=False)
    readings.take("only-there", {"ups_output_source": "battery"}, 102.0, device_class="ups")
    accounts = {("other", "gw"): AgentAccount(7, 7), ("other", "only-there"): AgentAccount(9, 2, missing=7)}
    until = datetime.fromtimestamp(WALL_S + 1000, UTC)
    window = Window(id="w", until=until, match={"site": "other", "device": "cdu-1"}, why="there")
    shown.around = replace(
        shown.around,
        accounts={**(shown.around.accounts or {}), **accounts},
        clones=frozenset({("other", "gw")}),
        windows=[window],
    )


@pytest.mark.parametrize("happens", [with_problems, with_devices])
@pytest.mark.parametrize("now", [103.0, 125.0])
def test_what_is_at_one_site_leaves_no_trace_in_the_documents_of_another(
    happens: Callable[[Shown], None], now: float
) -> None:
    beside = here()
    happens(beside)
    assert documents(beside, now) == documents(here(), now)


def test_the_site_file_of_one_site_says_nothing_of_another() -> None:
    """A site without one is shown by its labels, although the collector has the file of its neighbour."""
    file = hall(("site: t1", "site: other"))
    shown = Shown()
    shown.readings.take("pdu-a1-a", {"pdu_input_power_watts{inlet=1}": 500.0}, 100.0)
    shown.site = file
    shown.around = replace(shown.around, sites=["other", "t1"])
    scene = run_through(shown.api.scene_steps("t1", 101.0, WALL_S + 101.0))
    assert scene.layout.file is None
