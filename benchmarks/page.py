"""Measures what a page costs the collector: CPU of the documents of a second, and the longest turn of the loop.

`browser.py` measures what it costs a browser.
"""

import gc
import re
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from benchmarks.deriving import RACKS_PER_ROW, WALL_S, batches, site_text
from collector.api import Api, Live, PartName, Sources, Surroundings
from collector.derive import Explanation, Figure, Inputs, LatestFigures, Settings, SiteFigures
from collector.latest import Latest
from collector.problems import load_table
from collector.readings import SeriesKeys, resolve
from rackflow import Batch
from rackflow.process.slices import SLICE_S
from rackflow.site import Site, parse_site

SHOWN = ("site", "floor", "problems", "agents")
# Racks in one room of a large site; a chosen value, as halls of a campus have.
RACKS_PER_ROOM = 128


def _turns(steps: Generator[None, None, Any]) -> tuple[Any, float, float]:
    """The result, CPU in all, and CPU of the longest turn when given up after each slice, as `in_slices` does."""
    longest = total = 0.0
    began = time.process_time()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            spent = time.process_time() - began
            return end.value, total + spent, max(longest, spent)
        spent = time.process_time() - began
        if spent >= SLICE_S:
            total, longest, began = total + spent, max(longest, spent), time.process_time()


def api_over(site: Site, latest: Latest, figures: LatestFigures) -> Api:
    """The API over readings and figures, without problems."""
    around = Surroundings([site.id], None, 0, {})

    def explain(_: str, __: str, ___: Mapping[str, str]) -> Generator[None, None, Explanation]:
        yield
        return Explanation("readings", Inputs())

    return Api(
        Sources(
            latest,
            site=lambda: site,
            figures=figures.of,
            problems=list,
            beginning=lambda _: (),
            are_problems_complete=lambda: True,
            around=lambda: around,
            table=load_table(),
            ended=lambda _, __: (),
            explain=explain,
            distrusted=lambda _: {},
        )
    )


class MeasuredSite:
    """A site whose readings change every second."""

    def __init__(self, devices: int) -> None:
        self.site: Site = parse_site(campus_text(devices), "bench.yaml")
        self.latest = Latest(10_000_000)
        self.keys = SeriesKeys(2**40, 2**40)
        self.engine, self.board = SiteFigures(self.site.id, self.site, Settings()), LatestFigures(5.0)
        self.api = api_over(self.site, self.latest, self.board)
        self.found: list[Figure] = []

    def second(self, at: int, now: float | None = None, wall_s: float | None = None, *, derives: bool = True) -> None:
        """New readings of a fifth of the devices, as each is polled every five seconds; and as often new figures of all."""
        now = now if now is not None else 100.0 + at
        wall_s = wall_s if wall_s is not None else WALL_S + at
        for number, batch in enumerate(batches(self.site, wall_s)):
            if at and number // 2 % 5 != at % 5:  # the two PDUs of a rack together
                continue
            moved = {key: value * (1 + at % 7 / 500) for key, value in batch.values.items()}
            changed = Batch(**{**_fields(batch), "values": moved, "seq": batch.seq + at * 100_000})
            self.latest.apply_batch(self.site.id, changed, resolve(changed, self.keys), now, wall_s)
        if derives and at % 5 == 0:
            self.board.put(self.site.id, self.engine.cycle(self.latest, now, wall_s), now)

    def part_steps(self, name: PartName, at: float) -> Generator[None, None, Mapping[str, Any]]:
        """A part of a page at a second."""
        return self.api.part_steps(name, 100.0 + at, WALL_S + at)


def campus_text(devices: int) -> str:
    """The site file of so many devices: two PDUs for each rack, and the UPSs and CDUs that go with them."""
    return in_rooms(site_text(devices * 10 // 23))


def in_rooms(text: str) -> str:
    """The same site with its rows spread over rooms of RACKS_PER_ROOM racks, as on a campus."""
    per_room = RACKS_PER_ROOM // RACKS_PER_ROW
    rows = [int(row) for row in re.findall(r"id: r(\d+), room: hall", text)]
    rooms = ", ".join(f"{{id: hall-{room}}}" for room in range(rows[-1] // per_room + 1))
    text = text.replace("rooms: [{id: hall}]", f"rooms: [{rooms}]")
    return re.sub(r"id: r(\d+), room: hall", lambda row: f"id: r{row[1]}, room: hall-{int(row[1]) // per_room}", text)


def _fields(batch: Batch) -> dict[str, Any]:
    return {name: getattr(batch, name) for name in batch.__struct_fields__}


def run(devices: int, rounds: int, shown: Sequence[str] = SHOWN) -> list[str]:
    """CPU of what one page shows, each second, and what of it is sent."""
    measured = MeasuredSite(devices)
    live = Live()
    parts = live.join([PartName(measured.site.id, kind) for kind in shown]) or []
    measured.second(0)
    gc.disable()  # a collection of garbage takes as long as this process is large, and belongs to no turn
    costs, turns, sizes = [], [], []
    first = 0
    for at in range(rounds + 1):
        measured.second(at)
        spent = longest = 0.0
        size = 0
        for part in parts:
            document, cpu_s, turn_s = _turns(measured.part_steps(part.name, at + 0.5))
            before = part.version
            _, update_s, update_turn_s = _turns(part.update_steps(document))
            began = time.process_time()
            size += len(part.since(before))
            send_s = time.process_time() - began
            spent, longest = spent + cpu_s + update_s + send_s, max(longest, turn_s, update_turn_s, send_s)
        if at == 0:
            first = size
            continue
        costs.append(spent)
        turns.append(longest)
        sizes.append(size)
    gc.enable()
    middle = rounds // 2
    total = len(measured.site.pdus) + len(measured.site.ups) + len(measured.site.cdus)
    return [
        f"a page with site, floor, problems and agents, {total} devices, {len(measured.site.racks)} racks, {rounds} seconds:",
        f"  {sorted(costs)[middle] * 1000:.1f} ms CPU each second for all who look, median; longest turn {max(turns) * 1000:.1f} ms",
        f"  {first / 1000:.0f} kB at first, then {sum(sizes) / len(sizes) / 1000:.1f} kB each second, uncompressed",
    ]


def run_sizes(rounds: int) -> list[str]:
    """A hall, and a campus."""
    return [line for devices in (192, 5000) for line in run(devices, rounds)]
