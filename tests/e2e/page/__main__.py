"""`make page`: faults of a simulated site, each read from the page in Chromium; or the pictures of the documentation.

Every fault goes the whole way: simulated device, agent, broker, collector, browser. The table says what the page showed, and when: under
*Just seen* with its words and its place, as soon as a reading shows it; and as a problem once it has held for the seconds of its row
(docs/reference/problems.md). Of the demo each must be seen within 3 s after the command has returned; elsewhere the polling interval of its
readings, and the patience with a silent device, come before. As a problem it must be on the page within 3 s of being reported.
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from collector.problems import load_table
from tests.e2e.page.incidents import FAULTS, Fault
from tests.e2e.page.site import REPOSITORY, SimulatedSite, demo_site, simulated_site, start_agent
from tests.servers.chromium import Browser, Page

FLOOR = (
    "document.querySelectorAll('.rack').length > 0 && document.querySelector('.rack[data-observed=false]') === null"
    " && document.querySelector('.rack .value').innerText.includes('kW')"
)
ANSWERED = "[...document.querySelectorAll('.answers td')].filter(e => e.classList.contains('unknown')).length < 3"
IMAGES = REPOSITORY / "docs/images"
# A device counts as unreachable after two minutes, the longest of these.
PATIENCE_S = 200.0
# How soon a problem is on the page once it is reported; and how soon a fault of the demo is seen.
PROMISED_S = 3.0


def main() -> int:
    """Play the faults, or take the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make page ARGS=…", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["faults", "pictures"], default="faults")
    parser.add_argument("--site", choices=FAULTS, default="demo", help="the demo, a hall of 16 racks, or one of 32")
    parser.add_argument("--only", default="", help="kinds of faults, separated by commas")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rackflow-page-") as name, ExitStack() as outer:
        folder = Path(name)
        is_demo = arguments.site == "demo" and arguments.what == "faults"
        made = (
            demo_site(folder)
            if is_demo
            else simulated_site(folder, "hall" if arguments.what == "pictures" else arguments.site)
        )
        site, stack = outer.enter_context(made)
        browser = outer.enter_context(Browser(folder / "chromium").running())
        if arguments.what == "pictures":
            return pictures(site, browser)
        return faults(
            site,
            stack,
            browser,
            [
                each
                for each in FAULTS[arguments.site]
                if not arguments.only or each.order[0] in arguments.only.split(",")
            ],
        )


def faults(site: SimulatedSite, stack: ExitStack, browser: Browser, wanted: list[Fault]) -> int:
    """Each fault, then an agent that is killed."""
    failed = 0
    print(
        "| fault | the problem on the page | the command took s | seen s later | reported after s | of which it must hold s"
        " | on the page s later |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    with browser.page(site.url, (1440, 900)) as page:
        page.wait(f"{FLOOR} && {ANSWERED}", "the floor", PATIENCE_S)
        for fault in wanted:
            failed += not play(site, page, fault)
        if site.agent is not None:
            failed += not agent_killed(site, stack, page)
        failed += len(page.seen.errors)
        for text in page.seen.errors:
            print(f"console: {text}")
    return 1 if failed else 0


def play(site: SimulatedSite, page: Page, fault: Fault) -> bool:
    """Whether one fault was shown in time, in the right place, with the right words."""
    hold_s = load_table().problems[fault.problem].hold_s
    order, card = " ".join(fault.order), f".card[data-problem={fault.problem}]"
    at_once = _first_sight(fault)
    page.wait(f"!({at_once}) && document.querySelector('{card}') === null", f"all well before {order}", PATIENCE_S)
    ordered_s = time.time()
    number = site.fault(*fault.order)
    # The fault begins before its command returns; the command itself starts an interpreter, for a second or two on a busy machine.
    began_s = time.time()
    try:
        page.wait(at_once, f"{order} seen", PATIENCE_S)
        seen_s = time.time() - began_s
        page.wait(seen(fault), fault.problem, PATIENCE_S)
        late_s = time.time() - began_s
        title = page.text(f"{card} h3").splitlines()[0]
        reported_s = page.ask(f"Date.parse(document.querySelector('{card} time').dateTime)") / 1000 - began_s
    except TimeoutError as error:
        print(f"| {order} | NOT SEEN: {error}"[:600])
        return False
    finally:
        site.clear(number)
    print(
        f"| {order} | {title} | {began_s - ordered_s:.1f} | {seen_s:.1f} | {reported_s:.1f} | {hold_s:g} | {late_s - reported_s:.1f} |",
        flush=True,
    )
    return bool(late_s - reported_s <= PROMISED_S and (site.agent is not None or seen_s <= PROMISED_S))


def _first_sight(fault: Fault) -> str:
    """JavaScript expression: whether the fault is shown with the words of its title, as just seen or as a problem."""
    names = json.dumps([fault.problem, *fault.sooner])
    cards = (
        f"[...document.querySelectorAll('.card')].some(e => {names}.includes(e.dataset.begins ?? e.dataset.problem))"
    )
    place = f"document.querySelector({json.dumps(fault.at_once)}) !== null" if fault.at_once else "true"
    return f"{cards} && {place}"


def seen(fault: Fault) -> str:
    """JavaScript expression: whether the card has its words, and the place its mark."""
    card = f".card[data-problem={fault.problem}]"
    words = json.dumps(fault.words)
    return (
        f"[...document.querySelectorAll({json.dumps(card)})].some(e => {words}.every(word => e.innerText.includes(word)))"
        f" && document.querySelector({json.dumps(fault.marked)}) !== null"
    )


def agent_killed(site: SimulatedSite, stack: ExitStack, page: Page) -> bool:
    """Whether every rack turns grey with the cause, and comes back with the agent."""
    began = time.monotonic()
    assert site.agent is not None
    site.agent.kill()
    page.wait("document.querySelector('.rack[data-observed=true]') === null", "grey", PATIENCE_S)
    late_s = time.monotonic() - began
    is_shown = "is offline" in page.text(".problems")
    print(f"| agent killed | {is_shown and 'grey, with its cause'} | | {late_s:.1f} | | | |")
    site.agent = start_agent(site.folder, stack)
    page.wait(FLOOR, "the agent again", PATIENCE_S)
    return is_shown


def pictures(site: SimulatedSite, browser: Browser) -> int:
    """docs/images: the wall in an incident, the floor at a desk, and a phone."""
    with browser.page(site.url, (1440, 900)) as page:
        page.wait(f"{FLOOR} && {ANSWERED}", "the floor", PATIENCE_S)
        site.fault("pump_failure", "dh1-b-cdu-2", "--pump", "2")
        page.wait("document.querySelector('.card[data-problem=DcimCduPumpFailed]') !== null", "the pump", PATIENCE_S)
        site.fault("feed_loss", "A")
        page.wait("document.querySelector('.card[data-problem=DcimMainsLost] .left') !== null", "the feed", PATIENCE_S)
        page.wait(
            "document.querySelector('[data-answer=\"battery:A\"] td').innerText.includes('min')", "answers", PATIENCE_S
        )
        take(page, "page")
    for name, view, size in (("wall", "?wall", (1920, 1080)), ("phone", "", (390, 1400))):
        with browser.page(f"{site.url}{view}", size) as page:
            page.wait(f"{FLOOR} && document.querySelector('.card.critical') !== null", name, PATIENCE_S)
            take(page, name)
    return 0


def take(page: Page, name: str) -> None:
    """One picture, when nothing moves any more."""
    page.wait("document.getAnimations().every(each => each.playState !== 'running')", "at rest")
    page.wait("document.querySelector('.lanes') !== null", "the history")
    # WebP: half the size of a PNG, and every browser and code forge shows it.
    file = IMAGES / f"{name}.webp"
    file.write_bytes(page.picture("webp"))
    print(f"{file.relative_to(REPOSITORY)} {file.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
