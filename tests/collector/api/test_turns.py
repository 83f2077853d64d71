"""A page of a site with 5,000 devices is made without holding the event loop."""

from benchmarks.page import SHOWN, Bench
from collector.api.live import Live, PartName
from rackflow.process.slices import in_slices
from tests.turns import Turns

# CPU of one turn. Its slices are 10 ms; the rest is for one step of a slice that has just begun.
MOST_S = 0.05


async def test_no_turn_of_the_loop_takes_50_ms_with_5_000_devices() -> None:
    """Everything changes between the two looks: readings, and all figures."""
    bench = Bench(5000)
    live = Live()
    parts = live.join([PartName(bench.site.id, kind) for kind in SHOWN]) or []
    sent, longest_s = 0, 0.0
    for at in (0, 5):
        bench.second(at)
        async with Turns().counted() as turns:
            for part in parts:
                before = part.version
                document = await in_slices(bench.part_steps(part.name, at + 0.5))
                await in_slices(part.updating(document))
                sent += len(part.since(before))
        longest_s = max(longest_s, *turns.cpu_s)
    assert len(parts[1].document["racks"]) == len(bench.site.racks) > 2000
    assert sent > 1_000_000
    assert longest_s < MOST_S
