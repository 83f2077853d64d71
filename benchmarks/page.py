"""Measures what a page costs the collector: CPU of the documents of a second, and the longest turn of the loop.

And what it costs a browser: bytes, time to the floor, height and work of the page in Chromium, over a hall and a campus.
"""

import asyncio
import gc
import re
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.deriving import RACKS_PER_ROW, WALL_S, batches, site_text
from collector.api import Api, Live, PartName, Sources, Surroundings
from collector.config import HttpConfig
from collector.derive import Explanation, Figure, Inputs, LatestFigures, Settings, SiteFigures
from collector.latest import Latest
from collector.problems import load_table
from collector.readings import SeriesKeys, resolve
from collector.web import Moment, Part, Shell, View, WebServer, render_page
from rackflow import Batch
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import SLICE_S
from rackflow.site import Site, parse_site
from tests.servers.chromium import Browser, Page

SHOWN = ("site", "floor", "problems", "agents")
# Racks of a hall of a campus.
RACKS_PER_ROOM = 128
# How long a page is watched after its floor is there.
WATCHED_S = 10.0


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


class Bench:
    """A site whose readings change every second."""

    def __init__(self, devices: int) -> None:
        self.site: Site = parse_site(in_rooms(site_text(devices * 10 // 23)), "bench.yaml")
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


def in_rooms(text: str) -> str:
    """The rows of a site in halls of some hundred racks, as on a campus."""
    per_room = RACKS_PER_ROOM // RACKS_PER_ROW
    rows = [int(row) for row in re.findall(r"id: r(\d+), room: hall", text)]
    rooms = ", ".join(f"{{id: hall-{room}}}" for room in range(rows[-1] // per_room + 1))
    text = text.replace("rooms: [{id: hall}]", f"rooms: [{rooms}]")
    return re.sub(r"id: r(\d+), room: hall", lambda row: f"id: r{row[1]}, room: hall-{int(row[1]) // per_room}", text)


def _fields(batch: Batch) -> dict[str, Any]:
    return {name: getattr(batch, name) for name in batch.__struct_fields__}


def run(devices: int, rounds: int, shown: Sequence[str] = SHOWN) -> list[str]:
    """CPU of what one page shows, each second, and what of it is sent."""
    bench = Bench(devices)
    live = Live()
    parts = live.join([PartName(bench.site.id, kind) for kind in shown]) or []
    bench.second(0)
    gc.disable()  # a collection of garbage takes as long as this process is large, and belongs to no turn
    costs, turns, sizes = [], [], []
    first = 0
    for at in range(rounds + 1):
        bench.second(at)
        spent = longest = 0.0
        size = 0
        for part in parts:
            document, cpu_s, turn_s = _turns(bench.part_steps(part.name, at + 0.5))
            before = part.version
            _, update_s, update_turn_s = _turns(part.updating(document))
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
    total = len(bench.site.pdus) + len(bench.site.ups) + len(bench.site.cdus)
    return [
        f"a page with site, floor, problems and agents, {total} devices, {len(bench.site.racks)} racks, {rounds} seconds:",
        f"  {sorted(costs)[middle] * 1000:.1f} ms CPU each second for all who look, median; longest turn {max(turns) * 1000:.1f} ms",
        f"  {first / 1000:.0f} kB at first, then {sum(sizes) / len(sizes) / 1000:.1f} kB each second, uncompressed",
    ]


def run_sizes(rounds: int) -> list[str]:
    """A hall, and a campus."""
    own = [line for devices in (192, 5000) for line in run(devices, rounds)]
    return own + [line for devices in (192, 5000) for line in run_in_chromium(devices)]


@contextmanager
def served(bench: Bench) -> Iterator[str]:
    """The address of the bench's page, served by a loop of its own: the browser's commands block this thread."""
    started, over = threading.Event(), threading.Event()
    address: list[str] = []

    async def serve() -> None:
        async def home(shell: Shell) -> str:
            return render_page(bench.latest, Moment(time.monotonic(), time.time()), {}, shell)

        async def nothing() -> Sequence[Part]:
            return ()

        view = View(nothing, nothing, home, lambda _: False, dict, lambda: b"{}", bench.api)
        server = WebServer(view, "127.0.0.1", 0, HttpConfig(), Failures())
        address.append(await server.start())
        started.set()
        at = 0
        while not over.is_set():
            # Figures are derived once: how long a cycle of them takes is another measurement.
            bench.second(at, time.monotonic(), time.time(), derives=False)
            if at % 3 == 0:
                bench.board.put(bench.site.id, bench.found, time.monotonic())
            at += 1
            await asyncio.sleep(1.0)
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="served")
    thread.start()
    try:
        if not started.wait(120.0):
            raise TimeoutError("the page is not served")
        yield address[0]
    finally:
        over.set()
        thread.join(30.0)


def run_in_chromium(devices: int) -> list[str]:
    """What a browser gets and does: at a desk, on a wall and on a phone."""
    bench = Bench(devices)
    now = time.monotonic()
    for at in range(5):
        bench.second(at, now, time.time(), derives=False)
    bench.found = bench.engine.cycle(bench.latest, now, time.time())
    bench.board.put(bench.site.id, bench.found, now)
    known = len(bench.site.pdus) + len(bench.site.ups) + len(bench.site.cdus)
    lines = [f"the page in Chromium, {known} devices, {len(bench.site.racks)} racks in {len(bench.site.rooms)} rooms:"]
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)).running() as browser, served(bench) as url:
        for view, size in (("/", (1440, 900)), ("/?wall", (1920, 1080)), ("/", (390, 844))):
            with browser.page("about:blank", size) as page:
                lines.append(_watched(page, f"{url}{view}", f"{view} at {size[0]} x {size[1]}"))
    return lines


def _watched(page: Page, url: str, name: str) -> str:
    began = time.monotonic()
    page.open(url)
    page.wait("document.querySelectorAll('.rack[data-observed=true]').length > 0", "the floor", 60.0)
    floor_s, first = time.monotonic() - began, page.seen.encoded_bytes
    page.command("Performance.enable")
    page.browser.listen(2.0)
    before, busy_s = page.seen.encoded_bytes, _busy_s(page)
    page.browser.listen(WATCHED_S)
    grown, worked_s = page.seen.encoded_bytes - before, _busy_s(page) - busy_s
    racks, height = page.ask(
        "[document.querySelectorAll('.rack').length, document.documentElement.scrollHeight / innerHeight]"
    )
    return (
        f"  {name}: floor after {floor_s:.1f} s, {first / 1000:.0f} kB till then, then {grown / WATCHED_S / 1000:.1f} kB/s; {racks} racks,"
        f" {height:.1f} screens high, browser busy {worked_s / WATCHED_S:.1%}; {len(page.seen.errors)} errors"
    )


def _busy_s(page: Page) -> float:
    metrics = page.command("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))
