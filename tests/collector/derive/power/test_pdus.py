"""Rack PDUs that say less, or name their phases otherwise, and supplies of which one phase is dark."""

import pytest

from tests.collector.derive.campus import CURRENTS, campus, campus_readings
from tests.collector.derive.hall import Readings


def test_a_phase_without_voltage_takes_over_nothing_of_that_phase_alone() -> None:
    def survives(volts: float, phase: str) -> list[float | None]:
        readings = campus_readings()
        values = {f"pdu_phase_voltage_volts{{inlet=1,phase={each}}}": 230.0 for each in ("L1", "L2", "L3")}
        values[f"pdu_phase_voltage_volts{{inlet=1,phase={phase}}}"] = volts
        readings.take("pdu-n2-b", {**values})
        found = readings.values("rack_survives_feed_loss")
        return [found[f"rack=n2,feed=A,phase={each}"] for each in ("L1", "L2", "L3")]

    assert survives(115.0, "L2") == [1.0, 1.0, 1.0]  # half of nominal still is a supply
    assert survives(114.9, "L2") == [1.0, 0.0, 1.0]
    assert survives(0.0, "L3") == [1.0, 1.0, 0.0]


def test_of_two_feeds_that_are_left_both_must_be_live() -> None:
    readings = campus_readings()
    for pdu, volts in (("pdu-n1-b", 0.0), ("pdu-n1-c", 230.0)):
        readings.take(pdu, {"pdu_phase_voltage_volts{inlet=1,phase=L1}": volts})
    survives = readings.values("rack_survives_feed_loss")
    assert survives["rack=n1,feed=A,phase=L1"] == 0.0
    assert survives["rack=n1,feed=A,phase=L2"] == 1.0
    assert survives["rack=n1,feed=B,phase=L1"] == 1.0


def test_a_pdu_on_two_phases_counts_its_own_first_as_the_supplys_that_is_named_first() -> None:
    site = campus(
        (
            "{id: pdu-n2-a, rack: n2, from: row-a, breaker_a: 80}",
            "{id: pdu-n2-a, rack: n2, from: row-a, breaker_a: 80, phases: [L3, L1]}",
        ),
        (
            "{id: pdu-n2-b, rack: n2, from: row-b, breaker_a: 80}",
            "{id: pdu-n2-b, rack: n2, from: row-b, breaker_a: 80, phases: [L1, L3]}",
        ),
    )
    readings = Readings(site)
    readings.currents("pdu-n2-a", 20.0, 30.0)
    readings.currents("pdu-n2-b", 5.0, 7.0)
    headroom = readings.values("pdu_phase_headroom_amperes")
    assert headroom["rack=n2,feed=A,device=pdu-n2-a,phase=L3"] == 44.0
    assert headroom["rack=n2,feed=A,device=pdu-n2-a,phase=L1"] == 34.0
    load = readings.values("rack_feed_loss_load_ratio")
    assert load["rack=n2,feed=A,phase=L1"] == pytest.approx((30 + 5) / 64)
    assert load["rack=n2,feed=A,phase=L3"] == pytest.approx((20 + 7) / 64)


def test_a_pdu_on_one_phase_may_tell_its_inlets_current_alone() -> None:
    readings = Readings(campus())
    readings.take("pdu-n3-b", {"pdu_input_current_amperes{inlet=1}": 8.0, "pdu_input_power_watts{inlet=1}": 1_840.0})
    readings.currents("pdu-n3-c", 6.0)
    assert readings.values("rack_feed_loss_load_ratio")["rack=n3,feed=B,phase=L1"] == pytest.approx(14 / 25.6)
    assert readings.values("pdu_phase_headroom_amperes")["rack=n3,feed=B,device=pdu-n3-b,phase=L1"] == 25.6 - 8
    # what it says of the phase goes before
    readings.take("pdu-n3-b", {"pdu_phase_current_amperes{inlet=1,phase=L1}": 9.0}, 100.5)
    assert readings.values("rack_feed_loss_load_ratio", now=102.0)["rack=n3,feed=B,phase=L1"] == pytest.approx(
        15 / 25.6
    )


def test_a_pdu_on_three_phases_does_not_take_its_inlets_current_for_that_of_each() -> None:
    readings = Readings(campus())
    readings.take("pdu-n2-a", {"pdu_input_current_amperes{inlet=1}": 30.0})
    headroom = readings.values("pdu_phase_headroom_amperes")
    assert [headroom[f"rack=n2,feed=A,device=pdu-n2-a,phase=L{each}"] for each in (1, 2, 3)] == [None, None, None]


def test_a_phase_of_which_nothing_has_come_yet_is_unknown_and_not_left_out() -> None:
    readings = Readings(campus())
    readings.currents("pdu-n2-a", 20.0, 30.0)
    headroom = readings.values("pdu_phase_headroom_amperes")
    assert [headroom[f"rack=n2,feed=A,device=pdu-n2-a,phase=L{each}"] for each in (1, 2, 3)] == [44.0, 34.0, None]


def test_a_pdus_power_is_its_own_total_of_all_inlets_else_that_of_its_phases() -> None:
    readings = Readings(campus())
    readings.currents("pdu-n3-c", 6.0)
    readings.take("pdu-n3-b", {"pdu_phase_power_watts{inlet=1,phase=L1}": 1_700.0})
    assert readings.values("rack_power_watts")["rack=n3"] == 1_700 + 1_380
    readings.take(
        "pdu-n3-b", {"pdu_input_power_watts{inlet=1}": 1_000.0, "pdu_input_power_watts{inlet=2}": 750.0}, 100.5
    )
    assert readings.values("rack_power_watts", now=102.0)["rack=n3"] == 1_750 + 1_380


def test_utilisation_is_of_each_racks_own_design_power() -> None:
    used = campus_readings().values("rack_power_utilisation_ratio")
    design = {
        "n1": 30_000,
        "n2": 40_000,
        "n3": 5_000,
        "s1": 25_000,
        "s2": 30_000,
        "o1": 5_000,
        "o2": 8_000,
        "o3": 4_000,
    }
    watts = {rack: 230 * sum(sum(each) for pdu, each in CURRENTS.items() if f"-{rack}" in pdu) for rack in design}
    assert used == pytest.approx({f"rack={rack}": watts[rack] / design[rack] for rack in design})


def test_a_group_whose_name_is_too_long_for_a_label_is_named_by_its_first() -> None:
    long = "u" * 60
    site = campus(
        ("  - {id: ups-a2,", f"  - {{id: {long}, from: [A], rated_power_w: 9000}}\n  - {{id: ups-a2,"),
        ("from: [ups-a1, ups-a2]", f"from: [{long}, ups-a1, ups-a2]"),
    )
    names = Readings(site).values("ups_redundancy_margin_watts")
    assert f"feed=A,group={'u' * 52}+2-more" in names
    exact = campus(("id: ups-a2,", f"id: {'u' * 57},"), ("[ups-a1, ups-a2]", f"[ups-a1, {'u' * 57}]"))
    assert f"feed=A,group=ups-a1+{'u' * 57}" in Readings(exact).values("ups_redundancy_margin_watts")  # 64 characters


def test_a_feed_that_no_rack_hangs_from_loses_no_rack() -> None:
    idle = campus(("feeds: [", "feeds: [{id: D}, "))
    readings = campus_readings(idle)
    assert "feed=D" not in readings.values("site_racks_lost_on_feed_loss")
    assert readings.values("site_survives_feed_loss")["feed=D"] == 1.0
