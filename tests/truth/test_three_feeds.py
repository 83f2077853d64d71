"""The campus of three feeds, unequal UPSs and two primaries, simulated and polled: what is derived beside what is true."""

from typing import Any

import pytest
import yaml

from tests.collector.derive.campus import CAMPUS
from tests.collector.derive.hall import site_text
from tests.truth.compare import Comparison, Row
from tests.truth.leap import run_leaping
from tests.truth.moments import moments

SAFE_AT_MOST = 0.5
"""Of a rack on three feeds each of the two that are left is taken to inherit all; in truth they share it."""


def simulated() -> dict[str, Any]:
    """The site as the simulator can run it, with so little facility water that it is warm within what truth looks ahead.

    Its air units reject their heat elsewhere: those of the simulator do not say how much they take.
    """
    text = site_text(
        CAMPUS,
        ('device: box-1, sensor: "1"', 'device: box-1, sensor: "1.n1-front"'),
        ('device: box-1, sensor: "2"', 'device: box-1, sensor: "2.n2-front"'),
        ('device: box-2, sensor: "1"', 'device: box-2, sensor: "1.s1-front"'),
        ("volume_m3: 6}", "volume_m3: 0.05}"),
        ("volume_m3: 3}", "volume_m3: 0.05}"),
        ("rated_cooling_w: 60000, primary: fws-1,", "rated_cooling_w: 60000,"),
        (
            "rated_cooling_w: 40000, primary: fws-2, from: [mech-b], room",
            "rated_cooling_w: 40000, from: [mech-b], room",
        ),
        ("volume_m3: 0.3, racks: [s1]", "volume_m3: 0.1, racks: [s1]"),
        ("volume_m3: 0.4, racks: [s2]", "volume_m3: 0.2, racks: [s2]"),
    )
    return dict(yaml.safe_load(text))


def safe(row: Row) -> bool:
    """Hardly too low, and not far too high."""
    return all(-0.02 <= error.share <= SAFE_AT_MOST for error in row.at_once)


@pytest.mark.timeout(300)
def test_a_site_of_three_feeds_and_two_primaries_is_derived_as_it_is() -> None:
    rows = run_leaping(_compared()).rows
    for metric in (
        "rack_power_watts",
        "pdu_phase_headroom_amperes",
        "ups_redundancy_margin_watts",
        "rack_survives_feed_loss",
        "site_survives_feed_loss",
        "site_racks_lost_on_feed_loss",
        "cdu_pumps_spare",
        "loop_cdus_spare",
    ):
        assert rows[metric].at_once, metric
        assert not rows[metric].beyond, rows[metric].worst
    for metric, series in (
        ("rack_feed_loss_load_ratio", 37),
        ("panel_feed_loss_load_ratio", 24),
        ("ups_feed_loss_load_ratio", 6),
    ):
        assert len({error.series for error in rows[metric].at_once}) == series
        assert safe(rows[metric]), rows[metric].worst
    lasting = [error for error in rows["loop_ride_through_seconds"].at_once if error.true < LOOKED_AHEAD_S]
    assert {error.series.partition("failure=")[2].partition(",")[0] for error in lasting} >= {"pumps", "heat_rejection"}
    assert all(-0.7 <= error.share <= 0.1 for error in lasting), lasting


LOOKED_AHEAD_S = 900.0


async def _compared() -> Comparison:
    return await moments(simulated(), 1, 10.0, both_sides=True)
