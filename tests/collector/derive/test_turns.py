"""A site of 5,000 devices is derived, rendered, swept and shown without holding the event loop, while devices come, go and flap."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.deriving import WALL_S, batches, site_text
from benchmarks.page import SHOWN, api_over
from collector.api import Live, PartName
from collector.api.api import SCENE_S
from collector.derive import Deriver, LatestFigures, Settings
from collector.latest import Latest
from collector.readings import SeriesKeys, resolve
from collector.web.exposition import render_steps
from rackflow import Batch
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import in_slices
from rackflow.site import parse_site
from tests.servers.waiting import eventually
from tests.turns import CALLS_OF_50_MS, Turns

RACKS = 2173


async def test_no_turn_of_the_loop_takes_50_ms_with_5_000_devices_that_come_go_and_flap() -> None:
    site = parse_site(site_text(RACKS), "site.yaml")
    latest, keys, failures = Latest(10_000_000), SeriesKeys(10_000_000), Failures()
    figures = LatestFigures(60.0)
    deriver = Deriver(latest, figures, site, Settings(), interval_s=1.0, saved_records={}, failures=failures)
    api, live = (
        api_over(site, latest, figures),
        Live(),
    )  # reads the table of problems, which a collector does when it starts
    devices = list(batches(site, WALL_S))
    now = asyncio.get_running_loop().time
    points = list[str]()

    def receive(batch: Batch) -> None:
        latest.apply_batch(site.id, batch, resolve(batch, keys), now(), batch.time / 1000)

    def store(make: Callable[[], Sequence[str]]) -> None:
        points[:] = make() or points

    for batch in devices[100:]:
        receive(batch)
    async with Turns().counted() as turns:
        deriving = asyncio.ensure_future(deriver.run(store, "collector"))
        await eventually(lambda: len(points) > 10_000, "the first figures", 120)
        # A hundred devices come, fifty go, and five hundred flap: the site is planned again.
        for batch in devices[:100]:
            receive(batch)
        for batch in devices[100:150]:
            latest.remove_device(site.id, batch.agent, batch.device)
        for again in range(1, 4):
            for batch in devices[200:700]:
                later = {"seq": batch.seq + 10_000 * again, "time": batch.time + again * 1000}
                receive(msgspec.structs.replace(batch, up=False, error="timeout", values={}, states={}, **later))
                await asyncio.sleep(0)
        points.clear()
        await eventually(lambda: len(points) > 10_000, "further figures", 120)
        page, series = await in_slices(render_steps(latest, now(), figures, failures))
        await asyncio.sleep(0)  # a scrape and the sweep are tasks of their own, and the page is another
        await in_slices(latest.expire_steps(now()))
        await asyncio.sleep(0)
        parts = live.join([PartName(site.id, kind) for kind in SHOWN]) or []
        for _ in range(2):
            for part in parts:
                await in_slices(part.update_steps(await in_slices(api.part_steps(part.name, now(), WALL_S))))
                assert part.since(0)
            await asyncio.sleep(SCENE_S)
        deriving.cancel()
        await asyncio.wait([deriving])
    assert not failures.counts
    assert len(parts[1].document["racks"]) == RACKS
    assert sum(text.count("\n") for _, text in page) > series > 50_000
    assert max(turns.calls) < CALLS_OF_50_MS, sorted(turns.calls)[-5:]
