"""A site whose last device is gone: its plan takes no memory, and its energy goes on if it comes back."""

import pytest

from collector.derive.deriver import Deriver
from collector.derive.energy.hourly import Hour
from collector.derive.energy.records import Head, SiteRecords
from collector.derive.engine import output_of
from collector.derive.engine.graph import Figure
from collector.derive.latest_figures import LatestFigures
from collector.derive.site_plan import Settings
from collector.latest import Latest
from tests.collector.derive.hall import Readings, hall

KEPT = Hour({"facility:m": 7.0}, {"facility:m": 3600.0})


def test_the_plan_of_a_site_that_is_gone_is_dropped_and_its_energy_goes_on_when_it_is_back() -> None:
    """The site of another file, as before the site was given a new name: its hours are kept for the report."""
    latest = Latest(100_000)
    former = Readings(hall(("site: t1", "site: t0")), latest=latest, described=False)
    saved = {"t0": SiteRecords(Head(5.0, 6.0, 100), {99: KEPT})}
    deriver = Deriver(latest, LatestFigures(60.0), hall(), Settings(), interval_s=5.0, saved_records=saved)

    def derived() -> dict[str, tuple[float, dict[int, Hour]]]:
        deriver.finish()
        return {name: (each.head().location_g, each.totals.hours) for name, each in deriver.records().items()}

    former.currents("pdu-a1-a", 10.0)
    assert derived() == {"t0": (5.0, {99: KEPT}), "t1": (0.0, {})}
    assert saved == {}, "what is derived goes on by itself; the state of the start must not come back"
    latest.remove_device("t0", "gw", "pdu-a1-a")
    assert derived().keys() == {"t1"}
    former.currents("pdu-a1-a", 10.0, now=110.0)
    assert derived()["t0"] == (5.0, {99: KEPT})
    # What the disk refused is not dropped before it is saved.
    deriver.records()["t0"].give_back([99])
    latest.remove_device("t0", "gw", "pdu-a1-a")
    assert derived().keys() == {"t0", "t1"}
    assert deriver.records()["t0"].take_changed() == {99: KEPT}
    assert derived().keys() == {"t1"}


def test_a_site_without_a_file_gets_no_figure_of_the_file_of_another_one() -> None:
    """Its devices have the same names. And what is shown of it goes with its last device."""
    latest, board = Latest(100_000), LatestFigures(1e12)
    other = Readings(hall(("site: t1", "site: t0")), latest=latest)
    own = Readings(hall(), latest=latest)
    deriver = Deriver(latest, board, hall(), Settings(), interval_s=5.0, saved_records={})
    for each in (other, own):
        each.take("pdu-a1-a", {"pdu_phase_current_amperes{inlet=1,phase=L1}": 10.0})
    deriver.finish()
    shown = {site: {figure.output.metric.name for figure in figures} for site, figures in board.by_site(0.0).items()}
    assert "dcim_rack_power_watts" in shown["t1"]
    assert not [name for name in shown["t0"] if name.startswith(("dcim_rack_", "dcim_site_", "dcim_feed_"))]
    latest.remove_device("t0", "gw", "pdu-a1-a")
    deriver.finish()
    assert board.by_site(0.0).keys() == {"t1"}


@pytest.mark.parametrize("are_new", [True, False])
def test_the_texts_of_places_that_are_gone_do_not_pile_up(*, are_new: bool) -> None:
    """Devices with a new name every time, as from an agent whose ids contain a process number."""
    latest, kept = LatestFigures(60.0), 0
    for cycle in range(200):
        device = f"d-{cycle}" if are_new else "d"
        places = [(("site", "t1"), ("device", f"{device}-{number}")) for number in range(20)]
        figures = [Figure(output_of("dcim_pdu_phase_headroom_amperes", place, 0), None, 0.0, 0.0) for place in places]
        latest.put("t1", figures, float(cycle))
        latest.lines(figures, "c", 7)
        latest.keep(["t1"])
        kept = max(kept, len(latest._labels))  # noqa: SLF001 - what takes the memory
    assert kept <= 1100
