"""The harness itself: what leaps is the clock alone."""

import time

from tests.truth.harness import truth_site
from tests.truth.leap import run_leaping

RACK = "dcim_rack_power_watts{rack=a01,room=room-1,row=a,site=edge}"


def test_a_silent_device_is_missed_and_comes_back() -> None:
    async def play() -> None:
        async with truth_site("edge") as site:
            await site.run(30)
            derived, true = site.known()[RACK].value, site.truth()["dcim_rack_power_watts{rack=a01}"]
            assert derived is not None
            assert abs(derived / true - 1) < 0.02
            fault = await site.begin("timeout", "pdu-a01-a")
            await site.run(60)
            assert site.known()[RACK].value is None
            assert {each.device: each.error for each in site.latest.devices() if not each.up} == {
                "pdu-a01-a": "timeout"
            }
            await site.end(fault)
            await site.run(70)
            assert site.known()[RACK].value is not None

    started = time.perf_counter()
    run_leaping(play())
    assert time.perf_counter() - started < 160 / 2  # of the world's seconds; it takes a few
