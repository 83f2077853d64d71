"""The campus: that its readings agree with each other, and that neither its agents nor its neighbour site are mixed up."""

import pytest

from tests.collector.derive.campus import CURRENTS, FACILITY_W, PUMPS_W, PV_W, UPS_W, campus_readings, two_sites


def test_ups_deliver_what_racks_and_pumps_take_and_the_facility_meters_count_it_all() -> None:
    racks_w = sum(sum(amperes) for amperes in CURRENTS.values()) * 230
    on_panels_w = PUMPS_W["cdu-1"] + PUMPS_W["cdu-3"] + PUMPS_W["cdu-4"]
    assert sum(given for _, given in UPS_W.values()) == racks_w + on_panels_w
    assert sum(FACILITY_W.values()) == sum(taken for taken, _ in UPS_W.values()) + 25_000 + 10_000
    assert [hour for hour, watts in enumerate(PV_W) if watts > sum(FACILITY_W.values())] == [10, 11, 12, 13, 14]


def test_every_figure_that_needs_no_history_is_known_from_one_poll_of_everything() -> None:
    figures = campus_readings().figures()
    unknown = {name.partition("{")[0] for name, figure in figures.items() if figure.value is None}
    histories = {name for name in unknown if name.startswith(("site_", "loop_interim", "rack_stranded", "ups_losses"))}
    minutes = {name for name in unknown if name.endswith(("_demand_load_ratio", "_level_load_ratio"))}
    minutes |= {"loop_heat_capture_ratio", "loop_air_heat_watts"}
    # ups-a2 has no battery in the site file, and campus CDUs measure no flow
    assert unknown - histories - minutes == {"ups_modelled_runtime_seconds", "cdu_flow_share_ratio"}
    assert {name for name in histories if name.startswith("site_")}.isdisjoint(
        {"site_survives_feed_loss", "site_racks_lost_on_feed_loss"}
    )
    assert figures["site_survives_feed_loss{feed=A}"].value == 1.0


def test_what_an_agent_an_hour_behind_polls_counts_like_the_rest() -> None:
    power = campus_readings().values("rack_power_watts")
    assert power["rack=s1"] == pytest.approx(81 * 230)  # gw-south
    assert power["rack=n2"] == pytest.approx(120 * 230)  # gw-north


def test_two_sites_at_one_collector_do_not_see_each_others_devices() -> None:
    small, campus = two_sites()
    losses = "ups_feed_loss_load_ratio"
    assert set(small.values(losses)) == {"feed=A,group=ups-b", "feed=B,group=ups-a1+ups-a2"}
    assert set(campus.values(losses)) > {"feed=A,group=ups-c", "feed=C,group=ups-b"}
    assert small.values(losses)["feed=A,group=ups-b"] != campus.values(losses)["feed=A,group=ups-b"]
    assert campus.values("loop_heat_watts")["loop=tcs-1"] == 21_280
    assert small.values("loop_heat_watts") == {"loop=tcs": None}  # its second CDU has said nothing
    alone = {name: figure.value for name, figure in campus_readings().figures().items()}
    assert {name: figure.value for name, figure in campus.figures().items()} == alone
