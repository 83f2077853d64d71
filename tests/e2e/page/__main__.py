"""`make page`: ten faults of a simulated site, each read from the page in Chromium; or the pictures of the documentation.

Every fault goes the whole way: simulated device, agent, broker, collector, browser. The table says which words appeared in which rack,
and how long after the fault; a problem must hold for some seconds before it is told (docs/reference/problems.md).
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from collector.problems import load_table
from tests.e2e.page.site import REPOSITORY, SimulatedSite, simulated_site, start_agent
from tests.servers.chromium import Browser, Page

FLOOR = (
    "document.querySelectorAll('.rack[data-observed=true]').length === 16"
    " && document.querySelector('.rack .value').innerText.includes('kW')"
)
ANSWERED = "[...document.querySelectorAll('.answers td')].filter(e => e.classList.contains('unknown')).length < 3"
IMAGES = REPOSITORY / "docs/images"
# A device counts as unreachable after two minutes, the longest of these.
PATIENCE_S = 200.0


@dataclass(frozen=True)
class Fault:
    """What breaks (`rackflow-sim fault` …), the problem that must be told, its words, and the element that must be marked."""

    order: tuple[str, ...]
    problem: str
    words: tuple[str, ...]
    marked: str


FAULTS = (
    Fault(
        ("breaker_trip", "pdu-dh1-a3-a1"), "DcimDeviceUnreachable", ("Rack a3", "does not answer"), "[data-rack=dh1-a3]"
    ),
    Fault(("leak", "dh1-b-tcs"), "DcimLeakDetected", ("leak", "Send someone now"), "[data-cdu], [data-rack]"),
    Fault(
        ("pump_failure", "dh1-a-cdu-2", "--pump", "2"),
        "DcimCduPumpFailed",
        ("a-cdu-2: pump 2 failed",),
        "[data-cdu=dh1-a-cdu-2]",
    ),
    Fault(
        ("all_pumps_failure", "dh1-b-cdu-1"),
        "DcimCduAllPumpsStopped",
        ("b-cdu-1: no pump runs", "row b"),
        "[data-cdu=dh1-b-cdu-1]",
    ),
    Fault(
        ("phase_loss", "pdu-dh1-a5-b1", "--phase", "L2"),
        "DcimPhaseDead",
        ("Rack a5", "phase L2 dead"),
        "[data-rack=dh1-a5]",
    ),
    Fault(("timeout", "dh1-a-cdu-1"), "DcimCoolingBlind", ("a-cdu-1 does not answer",), "[data-cdu=dh1-a-cdu-1]"),
    Fault(("ups_bypass", "dh1-ups-a1"), "DcimUpsOnBypass", ("ups-a1 on bypass",), ".card"),
    Fault(("timeout", "pdu-dh1-b2-b1"), "DcimDeviceUnreachable", ("Rack b2", "does not answer"), "[data-rack=dh1-b2]"),
    Fault(("mains_loss", "A"), "DcimMainsLost", ("Feed A: mains lost", "of battery left"), "[data-feed=A].battery"),
    Fault(("feed_loss", "B"), "DcimMainsLost", ("Feed B: mains lost", "of battery left"), "[data-feed=B].battery"),
)


def main() -> int:
    """Play the faults, or take the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make page ARGS=…", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["faults", "pictures"], default="faults")
    parser.add_argument("--only", default="", help="faults whose kind contains this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rackflow-page-") as name, ExitStack() as outer:
        site, stack = outer.enter_context(simulated_site(Path(name)))
        browser = outer.enter_context(Browser(Path(name) / "chromium").running())
        if arguments.what == "pictures":
            return pictures(site, browser)
        return faults(site, stack, browser, arguments.only)


def faults(site: SimulatedSite, stack: ExitStack, browser: Browser, only: str) -> int:
    """Each fault, then an agent that is killed."""
    holds = {problem.name: problem.hold_s for problem in load_table().problems.values()}
    failed = 0
    print("| fault | on the page | after s | of which it must hold |\n|---|---|---|---|", flush=True)
    with browser.page(site.url, (1440, 900)) as page:
        page.wait(f"{FLOOR} && {ANSWERED}", "the floor", PATIENCE_S)
        for fault in FAULTS:
            if only not in fault.order[0]:
                continue
            began = time.monotonic()
            number = site.fault(*fault.order)
            try:
                page.wait(seen(fault), fault.problem, PATIENCE_S)
                told = f"{page.text(f'.card[data-problem={fault.problem}] h3').splitlines()[0]}"
            except TimeoutError as error:
                failed += 1
                told = f"NOT SEEN: {error}"[:300]
            print(
                f"| {' '.join(fault.order)} | {told} | {time.monotonic() - began:.1f} | {holds[fault.problem]:g} |",
                flush=True,
            )
            site.clear(number)
        failed += not agent_killed(site, stack, page)
        failed += len(page.seen.errors)
        for text in page.seen.errors:
            print(f"console: {text}")
    return 1 if failed else 0


def seen(fault: Fault) -> str:
    """JavaScript that tells whether the card has its words, and the place its mark."""
    card = f".card[data-problem={fault.problem}]"
    marked = (
        fault.marked
        if "." in fault.marked
        else ", ".join(f"{each.strip()}[data-problem]" for each in fault.marked.split(","))
    )
    words = json.dumps(fault.words)
    return (
        f"[...document.querySelectorAll({json.dumps(card)})].some(e => {words}.every(word => e.innerText.includes(word)))"
        f" && document.querySelector({json.dumps(marked)}) !== null"
    )


def agent_killed(site: SimulatedSite, stack: ExitStack, page: Page) -> bool:
    """Whether every rack turns grey with the cause, and comes back with the agent."""
    began = time.monotonic()
    site.agent.kill()
    page.wait("document.querySelectorAll('.rack[data-observed=false]').length === 16", "grey", PATIENCE_S)
    told = page.text(".problems")
    print(
        f"| agent killed | {'agent sim-agent is offline' in told and 'grey, with its cause'} | {time.monotonic() - began:.1f} | 0 |"
    )
    site.agent = start_agent(site.folder, stack)
    page.wait(FLOOR, "the agent again", PATIENCE_S)
    return "agent sim-agent is offline" in told


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
