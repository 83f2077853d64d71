"""Measures the page as a user has it: Chromium, a collector as a process of its own, a broker, and made-up batches of every device.

No device is simulated: batches are made up from the site file, so that a campus of 5,000 devices fits on two cores. CPU of the collector
is read with and without browsers in alternating rounds, because receiving costs far more than a browser does.
"""

import itertools
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.deriving import batches
from benchmarks.page import campus_text
from benchmarks.processes import cpu_seconds, process, resident_bytes
from rackflow import Batch, Status, encode
from rackflow.site import parse_site
from tests.collector.running import topic_of
from tests.servers.chromium import Browser, Page
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_thread import leave
from tests.servers.ports import free_port
from tests.servers.waiting import wait_until
from tests.servers.web import answers, request

# How often each device is polled. 5,000 devices are 250 messages a second, which leaves room for a browser on two cores.
POLL_S = 20.0
# Half of a poll of all devices: long enough that one browser's cost shows, short enough for alternating rounds.
ROUND_S = 10.0
# How long each view is watched once its floor is there.
WATCHED_S = 8.0
# How often the collector's CPU is measured without, with one, and with MORE_PAGES more browsers, in turn.
ROUNDS = 2
MORE_PAGES = 3
VIEWS = (("/", (1440, 900)), ("/?wall", (3840, 2160)), ("/", (390, 844)))
# Counts what an eye notices: tasks of more than 50 ms, and frames that came later than the one after the next.
OBSERVE = """globalThis.seen = { long: [], late: 0, frames: 0 };
new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((each) => each.duration)))
  .observe({ type: 'longtask', buffered: true });
let before = 0;
const frame = (now) => {
  if (before) { seen.frames += 1; seen.late += now - before > 34; }
  before = now;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);"""


def run(folder: Path, devices: int) -> Iterator[str]:
    """What a site of so many devices costs a browser, and what a browser costs its collector."""
    text = campus_text(devices)
    site = parse_site(text, "bench.yaml")
    known = len(site.pdus) + len(site.ups) + len(site.cdus)
    folder = folder / f"browser-{devices}"
    yield (
        f"the page of {known} devices in {len(site.rooms)} rooms, each polled every {POLL_S:g} s ({known / POLL_S:.0f} messages a second):"
    )
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        url, pid = stack.enter_context(collector_of(folder, broker.port, text))
        stack.enter_context(fed(broker.port, text))
        browser = stack.enter_context(Browser(folder / "chromium").running())
        wait_until(lambda: observed(url) >= known, "every device heard of", 180.0)
        for view, size in VIEWS:
            with _opened(browser, f"{url}{view}", size) as (page, opened):
                yield f"  {view} at {size[0]} x {size[1]}: {_watched(page, opened)}"
        yield _collector_cpu(browser, url, pid)


@contextmanager
def collector_of(folder: Path, broker_port: int, site: str) -> Iterator[tuple[str, int]]:
    """Address and process id of a collector."""
    port = free_port()
    (folder / "site.yaml").write_text(site, encoding="utf-8")
    config = {
        "broker": {"port": broker_port},
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
        "listen": f"127.0.0.1:{port}",
        "site_file": str(folder / "site.yaml"),
        "series_limit": 1_000_000,
    }
    (folder / "collector.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "collector", "run", str(folder / "collector.yaml")]
    with process(command, folder / "collector.log") as running:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/readyz"), "the collector", 60.0)
        yield url, running.pid


@contextmanager
def fed(port: int, site: str) -> Iterator[None]:
    """Batches of all devices, from a process of its own: this one is held by the browser's commands."""
    spawning = multiprocessing.get_context("spawn")
    over = spawning.Event()
    feeder = spawning.Process(target=_feed, args=(port, site, over), name="feeder")
    feeder.start()
    try:
        yield
    finally:
        over.set()
        feeder.join(30.0)


def _feed(port: int, text: str, over: Event) -> None:
    site = parse_site(text, "bench.yaml")
    made = list(batches(site, time.time()))
    started, epoch = time.time(), f"epoch-{time.time_ns()}"
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        status = Status(
            agent="gw",
            site=site.id,
            status="online",
            version="1",
            epoch=epoch,
            started=int(started * 1000),
            devices=[each.device for each in made],
        )
        client.publish(topic_of(status, site.id), encode(status), qos=1, retain=True)
        for seq in itertools.count(1):
            batch = _now(made[seq % len(made)], epoch, seq)
            client.publish(topic_of(batch, site.id), encode(batch), qos=1).wait_for_publish(30.0)
            # When it is late it goes on at once; the figures say how many devices answered at the end.
            if over.wait(max(0.0, started + seq / len(made) * POLL_S - time.time())):
                return
    finally:
        leave(client)


def _now(batch: Batch, epoch: str, seq: int) -> Batch:
    """A poll of now, whose values have moved."""
    moved = {key: value * (1 + seq % 7 / 500) for key, value in batch.values.items()}
    given = {name: getattr(batch, name) for name in batch.__struct_fields__}
    return Batch(
        **{**given, "epoch": epoch, "seq": seq, "time": int(time.time() * 1000), "values": moved, "interval_s": POLL_S}
    )


def observed(url: str) -> int:
    """How many devices the collector shows as answering."""
    try:
        site: Any = request(f"{url}/api/v1/site").json()
    except OSError:  # a collector that has all devices to take in at once may not answer in time; it is asked again
        return 0
    return int(site["devices"]["answering"])


@contextmanager
def _opened(browser: Browser, url: str, size: tuple[int, int]) -> Iterator[tuple[Page, float]]:
    """A page whose floor is there, and how many seconds that took."""
    with browser.page("about:blank", size) as page:
        page.command("Page.addScriptToEvaluateOnNewDocument", source=OBSERVE)
        page.command("Performance.enable")
        began = time.monotonic()
        page.open(url)
        page.wait("document.querySelectorAll('.rack[data-observed=true]').length > 0", "the floor", 60.0)
        yield page, time.monotonic() - began


def _watched(page: Page, floor_s: float) -> str:
    first = page.seen.encoded_bytes
    page.browser.listen(2.0)
    at_first = page.ask("JSON.parse(JSON.stringify(seen))")
    before, busy_s = page.seen.encoded_bytes, _busy_s(page)
    page.browser.listen(WATCHED_S)
    grown, worked_s = page.seen.encoded_bytes - before, _busy_s(page) - busy_s
    seen, racks, height = page.ask(
        "[seen, document.querySelectorAll('.rack').length, document.documentElement.scrollHeight / innerHeight]"
    )
    tasks = seen["long"][len(at_first["long"]) :]
    return (
        f"floor after {floor_s:.1f} s, {first / 1000:.0f} kB till then (longest task {max(at_first['long'], default=0):.0f} ms),"
        f" then {grown / WATCHED_S / 1000:.1f} kB/s; {racks} racks, {height:.1f} screens high; in {WATCHED_S:g} s {len(tasks)} tasks"
        f" above 50 ms, longest {max(tasks, default=0):.0f} ms, {seen['late'] - at_first['late']} of"
        f" {seen['frames'] - at_first['frames']} frames late; browser busy {worked_s / WATCHED_S:.1%}; {len(page.seen.errors)} errors"
    )


def _busy_s(page: Page) -> float:
    metrics = page.command("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def _collector_cpu(browser: Browser, url: str, pid: int) -> str:
    """What one browser adds, and what each further one does; medians of alternating rounds."""
    without, with_one, with_more = [], [], []
    for _ in range(ROUNDS):
        without.append(_share(browser, pid))
        with ExitStack() as pages:
            pages.enter_context(_opened(browser, f"{url}/", (1440, 900)))
            with_one.append(_share(browser, pid))
            for _ in range(MORE_PAGES):
                pages.enter_context(_opened(browser, f"{url}/", (1440, 900)))
            with_more.append(_share(browser, pid))
    none, one, more = median(without), median(with_one), median(with_more)
    each = (more - one) / MORE_PAGES
    said = f"{none:.1%} of a core without a browser, {one - none:+.1%} with one, {each:+.1%} for each further one"
    left = f"{resident_bytes(pid) / 1e6:.0f} MB; {observed(url)} devices answering at the end"
    return f"  the collector: {said}, medians of {ROUNDS} rounds in turn; {left}"


def _share(browser: Browser, pid: int) -> float:
    before, began = cpu_seconds(pid), time.monotonic()
    browser.listen(ROUND_S)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)
