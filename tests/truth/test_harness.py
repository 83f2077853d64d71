"""The harness itself: what leaps is the clock alone."""

import time

from tests.truth.harness import truth_site
from tests.truth.leap import run_leaping

RACK = "dcim_rack_power_watts{rack=a01,room=room-1,row=a,site=edge}"


def test_a_silent_device_is_missed_and_comes_back() -> None:
    async def play() -> None:
        async with truth_site("edge") as site:
            await site.run(23)
            true = []
            for _ in range(
                8
            ):  # longer than the interval between two polls: what is known is of the last one, while the load rises
                true.append(site.truth()["dcim_rack_power_watts{rack=a01}"])
                await site.run(1)
            derived = site.known()[RACK].value
            assert derived is not None
            assert min(true) * 0.99 < derived < max(true) * 1.01
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
