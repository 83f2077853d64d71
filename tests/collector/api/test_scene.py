"""What is looked up for all documents of one moment: figures by their place, readings that are current, and marks of what is wrong."""

from datetime import UTC, datetime

from collector.api.scene import FigureIndex
from collector.derive import Figure
from collector.derive.engine import NO_SLOT, output_of
from collector.problems import Window
from collector.problems.tracker import Acknowledgement
from rackflow.process.slices import run_through
from tests.collector.api.shown import Shown
from tests.collector.derive.hall import WALL_S

PDU = "dcim_pdu_input_power_watts"


def figure(name: str, value: float | None, **labels: str) -> Figure:
    return Figure(output_of(f"dcim_{name}", [*labels.items()], NO_SLOT), value, 1.0, 1.0, ())


def indexed(*figures: Figure) -> FigureIndex:
    return run_through(FigureIndex.index_steps(figures))


def test_of_several_figures_of_a_place_none_is_its_value() -> None:
    """Which of them is meant cannot be known; a label says it."""
    index = indexed(
        figure("loop_ride_through_seconds", 90.0, loop="tcs", failure="pumps"),
        figure("loop_ride_through_seconds", 400.0, loop="tcs", failure="primary_flow"),
        figure("loop_heat_watts", 30_000.0, loop="tcs"),
    )
    assert index.value("dcim_loop_ride_through_seconds", "tcs") is None
    assert index.value("dcim_loop_ride_through_seconds", "tcs", "failure", "primary_flow") == 400.0
    assert index.value("dcim_loop_heat_watts", "tcs") == 30_000.0


def test_the_highest_and_the_lowest_of_a_place_are_told_apart_however_often_they_are_asked_for() -> None:
    index = indexed(
        *(figure("pdu_phase_headroom_amperes", each, device="pdu-1", phase=f"L{each:.0f}") for each in (3.0, 9.0))
    )
    for _ in range(2):
        assert index.extreme("dcim_pdu_phase_headroom_amperes", "pdu-1", highest=True) == 9.0
        assert index.extreme("dcim_pdu_phase_headroom_amperes", "pdu-1", highest=False) == 3.0


def test_what_a_loss_loads_to_just_its_limit_is_not_to_blame() -> None:
    def blamed(load: float) -> int:
        return len(indexed(figure("ups_feed_loss_load_ratio", load, group="ups-b", feed="A")).failing("A"))

    assert [blamed(load) for load in (0.99, 1.0, 1.01)] == [0, 0, 1]


def test_the_load_of_a_rack_with_several_supplies_on_one_phase_is_that_of_none_of_them() -> None:
    two = [
        figure("rack_feed_loss_load_ratio", load, rack="a1", feed="A", phase="L1", pdu=pdu)
        for load, pdu in ((0.4, "x"), (1.2, "y"))
    ]
    assert indexed(*two).load_on_loss("a1", "A", "L1") is None
    assert indexed(two[1]).load_on_loss("a1", "A", "L1") == 1.2


def test_a_reading_is_over_at_the_moment_at_which_it_expires() -> None:
    """Polled every ten seconds, it is current for thirty."""
    shown = Shown()
    shown.readings.take("pdu-a1-a", {f"{PDU}{{inlet=1}}": 300.0}, 100.0)
    for now, known in ((129.0, [300.0]), (130.0, [])):
        scene = shown.scene(now)
        scene.observations.causes.pop(("t1", "pdu-a1-a"), None)  # type: ignore[attr-defined]  # only its readings are asked about
        assert scene.known_numbers("pdu-a1-a", PDU) == known
        assert [each for each in scene.numbers("pdu-a1-a", PDU) if each is not None] == known


def test_a_sum_of_phases_is_unknown_while_one_of_them_is_and_another_metric_takes_its_place() -> None:
    phases = {f"dcim_pdu_phase_power_watts{{inlet=1,phase=L{at}}}": 100.0 * at for at in (1, 2, 3)}
    shown = Shown()
    shown.readings.take("pdu-a2-a1", {key: each for key, each in phases.items() if "L3" not in key}, interval_s=60.0)
    shown.readings.take("pdu-a2-a1", {key: each for key, each in phases.items() if "L3" in key}, interval_s=10.0)
    metrics = ("dcim_pdu_phase_power_watts", PDU)
    assert [shown.scene(now).sum_of("pdu-a2-a1", *metrics) for now in (101.0, 131.0)] == [600.0, None]
    shown.readings.take("pdu-a2-a1", {f"{PDU}{{inlet=1}}": 650.0}, 132.0)
    assert shown.scene(133.0).sum_of("pdu-a2-a1", *metrics) == 650.0


def test_what_begins_beside_a_problem_is_marked_only_if_it_is_worse() -> None:
    shown = Shown()
    place = {"device": "pdu-a1-a", "rack": "a1"}
    shown.problem("DcimBreakerTripped", now=102.0, device="pdu-a1-a", rack="a1")
    shown.begins("DcimPhaseDead", 0.0, now=102.0, phase="L2", **place)
    assert shown.get("floor", 103.0)["racks"]["a1"]["beginning"] is None, "both are critical"
    mild = Shown()
    mild.problem("DcimPduPhaseLoadHigh", 0.9, now=102.0, phase="L2", device="pdu-a1-a", rack="a1")
    mild.begins("DcimPhaseDead", 0.0, now=102.0, phase="L2", **place)
    beginning = mild.get("floor", 103.0)["racks"]["a1"]["beginning"]
    assert beginning["severity"] == "critical"


def test_a_problem_under_maintenance_that_somebody_has_acknowledged_is_marked_as_under_maintenance() -> None:
    """Nobody is notified of it: that says more than that somebody has seen it."""
    shown = Shown()
    until = datetime.fromtimestamp(WALL_S + 9000.0, UTC)
    work = Window.model_validate({"id": "W-1", "until": until, "match": {"rack": "a1"}, "why": "breakers"})
    shown.tracker.window_of = lambda *_: work
    shown.tracker.acknowledgement_of = lambda *_: Acknowledgement("ann", "", WALL_S + 9000.0)
    shown.problem("DcimBreakerTripped", now=102.0, rack="a1", device="pdu-a1-a")
    assert shown.get("floor", 103.0)["racks"]["a1"]["problem"]["care"] == "maintenance"
