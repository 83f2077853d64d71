"""`make pictures`: a site is simulated, scraped by a real Prometheus for some minutes, and each of its dashboards is drawn."""

import argparse
import asyncio
import base64
import json
import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.pictures.convert import board
from tests.incidents.chain import chain
from tests.servers.captures import REPOSITORY
from tests.servers.chromium import Browser, Page

DASHBOARDS = REPOSITORY / "grafana" / "dashboards"
IMAGES = REPOSITORY / "docs" / "images" / "boards"
# Those of a site's stores have the same panels from other sources.
LEFT_OUT = "dcim-history-"
# Width of a picture, in pixels, and its largest size, so that the repository and the page of the documentation stay small.
WIDTH = 1600
MOST_BYTES = 150_000
PATIENCE_S = 120.0
"""For a picture, on a machine that may be busy."""
DRAWN_S = 12.0
"""Until every chart has its data and has ended its motion."""
PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title><link rel="stylesheet" href="out.css"><body><div id="root"></div>
<script>window.BOARD = {board}; window.PROMETHEUS = {prometheus}; window.PAST = "{past}";</script><script src="out.js"></script>"""


def draw(browser: Browser, bundle: Path, grafana: Path, prometheus: str, past: str) -> tuple[bytes, list[str]]:
    """The picture of one dashboard, and what the page complained of."""
    data = json.loads(grafana.read_text(encoding="utf-8"))
    page = bundle / f"{grafana.stem}.html"
    text = PAGE.format(title=data["title"], board=json.dumps(board(data)), prometheus=json.dumps(prometheus), past=past)
    page.write_text(text, encoding="utf-8")
    with browser.page(page.as_uri(), (WIDTH, 1200), is_dark=True) as shown:
        shown.wait("document.querySelectorAll('[data-testid=panel], header').length > 0", "panels")
        browser.listen(3.0)
        # Panels out of sight ask for nothing: the window becomes as high as the page.
        height = min(int(shown.ask("document.documentElement.scrollHeight")), 2400)
        shown.resize(WIDTH, height)
        browser.listen(DRAWN_S)
        return small_picture(shown), [each[:200] for each in shown.seen.errors]


def small_picture(shown: Page) -> bytes:
    """The window as WebP, in the best quality of at most MOST_BYTES."""
    picture = b""
    for quality in (70, 50, 35, 20):
        how = {"format": "webp", "quality": quality}
        answer = shown.browser.command("Page.captureScreenshot", shown.session, how, PATIENCE_S)
        picture = base64.b64decode(answer["data"])
        if len(picture) <= MOST_BYTES:
            break
    return picture


async def run(site: str, seconds: float, bundle: Path, wanted: list[str]) -> None:
    """Simulate, wait, draw."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        async with chain(site, Path(name), merged=True) as one:
            print(f"{site} is up; pictures in {seconds:.0f} s", file=sys.stderr, flush=True)
            await asyncio.sleep(seconds)
            with Browser(Path(name)).running() as browser:
                for file in sorted(DASHBOARDS.glob("*.json")):
                    if file.stem.startswith(LEFT_OUT) or (wanted and file.stem not in wanted):
                        continue
                    past = f"{max(2, round(seconds / 60))}m"
                    picture, errors = await asyncio.to_thread(draw, browser, bundle, file, one.prometheus.url, past)
                    (IMAGES / f"{file.stem}.webp").write_bytes(picture)
                    print(f"{file.stem}: {len(picture)} bytes; {len(errors)} errors {errors[:2]}", flush=True)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(prog="make pictures ARGS=", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder with out.js and out.css")
    parser.add_argument("boards", nargs="*", help="names as in grafana/dashboards; all when left out")
    parser.add_argument("--site", default="demo")
    parser.add_argument("--for", dest="seconds", type=float, default=600.0, help="seconds of data")
    arguments = parser.parse_args()
    # It writes the bytes of each answer that came too late.
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    asyncio.run(run(arguments.site, arguments.seconds, arguments.bundle, arguments.boards))


if __name__ == "__main__":
    main()
