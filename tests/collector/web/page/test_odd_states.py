"""What is rare, in Debian's Chromium: nothing heard yet, no site file, one device, odd names, two sites, a wrong clock, a large zoom."""

from collections.abc import Iterator

import pytest

from tests.collector.web.page.asking import files_of
from tests.collector.web.page.hall import EVIL, CollectorProcess, Device, Hall, PlayedAgent
from tests.collector.web.page.scripts import CUT_TEXTS, POOR_CONTRAST, SHOWN_KIND, SMALL_TARGETS, TOO_WIDE
from tests.collector.web.page.test_in_chromium import WELL
from tests.servers.chromium import Browser
from tests.servers.waiting import wait_until
from tests.servers.web import answers

# Labels are names of at most 64 plain characters. Free text is what a device says of itself: the other direction of writing, a sign of
# several characters, markup, and no place to break.
ODD_RACK = "x" * 64
ODD_MODEL = f"\u0642\u0627\u0639\u0629 \U0001f9ca {EVIL} {'y' * 80}"
HOUR_S = 3600.0
CLOCK = "Date.parse(document.querySelector('.clock').dateTime)"
ARRIVED = "document.querySelector('.rack') !== null"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, played: Hall) -> Iterator[CollectorProcess]:
    """A collector without a site file, of sites that nobody speaks of yet."""
    folder = tmp_path_factory.mktemp("fresh")
    collector = CollectorProcess(folder, played.broker_port, None, client_id="fresh", sites=["odd", "odd-2"])
    collector.start(lambda: answers(f"{collector.url}/healthz"))
    yield collector
    collector.stop()


def known(collector: CollectorProcess, site: str) -> None:
    """Wait until it has heard of the site: a page that asks before is told that there is none, and asks again."""
    wait_until(lambda: answers(f"{collector.url}/api/v1/site?site={site}"), f"a message of {site}")


def one_device(site: str, rack: str) -> dict[str, Device]:
    """A rack PDU and nothing else."""
    labels = {"site": site, "room": "r", "rack": rack, "feed": "A"}
    return {"pdu-1": Device("pdu", labels, {"dcim_pdu_input_power_watts{inlet=1}": 2000.0}, model=ODD_MODEL)}


def test_a_collector_that_has_heard_nothing_says_so_and_the_first_odd_device_is_text(
    fresh: CollectorProcess, browser: Browser, played: Hall
) -> None:
    """In this order: nothing, then one device without a site file, then a second site."""
    with browser.page(f"{fresh.url}/", (390, 844)) as page:
        page.wait("document.querySelector('#problems')?.innerText.includes('No message about any device')", "the page")
        assert page.ask(SHOWN_KIND) == "unknown"
        assert page.ask("document.querySelectorAll('.verdict.ok, td.yes, .state.up').length") == 0
        with PlayedAgent(played.broker_port, "odd", one_device("odd", ODD_RACK)).playing():
            known(fresh, "odd")
            page.open(f"{fresh.url}/?site=odd")
            page.wait(ARRIVED, "the one rack")
            assert page.ask(TOO_WIDE) == 0
            # Without a site file nobody knows what else there should be: the answers are not known, and no PUE is made up.
            assert "facility power not known" in page.text(".totals")
            page.open(f"{fresh.url}/?site=odd&device=pdu-1")
            page.wait("document.querySelector('.facts')?.innerText.includes('onerror')", "the model")
            assert (page.ask("document.querySelectorAll('img').length"), page.ask(TOO_WIDE)) == (0, 0)
            with PlayedAgent(played.broker_port, "odd-2", one_device("odd-2", "k1")).playing():
                known(fresh, "odd-2")
                page.open(f"{fresh.url}/?site=odd-2")
                page.wait("document.querySelector('[data-rack=k1]') !== null", "the other site's rack")
                page.wait("document.querySelectorAll('#choose-site option').length === 2", "a choice of sites")
                assert page.text("h1").startswith("odd-2")
        assert page.seen.errors == []


# Elements of the wall that stick out of the column that cuts them off.
CUT_THROUGH = """[['.problems', '.card:not(.beyond)'], ['.answers', 'tr:not(.spared)']].flatMap(([column, each]) => {
  const bottom = document.querySelector(column).getBoundingClientRect().bottom + 1;
  return [...document.querySelectorAll(`${column} ${each}`)]
    .filter((e) => e.getBoundingClientRect().bottom > bottom).map((e) => e.innerText); })"""
SEEN = "getComputedStyle(document.querySelector('.cards .card:nth-child({}) .text')).display !== 'none'"


def five_problems(hall: Hall) -> None:
    """As many as a wall has no room for."""
    hall.agent.change("pdu-a2-a", dcim_pdu_breaker_tripped=1.0)
    hall.agent.change("pdu-b4-b", dcim_pdu_breaker_tripped=1.0)
    hall.agent.change("smoke-b2", dcim_env_contact_active=1.0)
    hall.agent.change("cdu-1", dcim_cdu_supply_temperature_celsius=47.5)
    hall.agent.change("ups-b", dcim_ups_test_result="failed")
    hall.agent.say()


def test_on_the_wall_many_problems_are_shortened_from_the_end_before_any_is_left_out(
    hall: Hall, browser: Browser
) -> None:
    five_problems(hall)
    with browser.page(f"{hall.url}?wall", (1280, 720)) as page:
        page.wait("document.querySelectorAll('.cards .card').length === 5", "five problems")
        page.wait("document.getAnimations().every(each => each.playState !== 'running')", "at rest")
        assert page.ask("document.querySelectorAll('.card.compact').length") >= 1
        # Sentences are cut to two lines before a card loses them.
        # The worst is whole; of the last there is what and how long, and no sentence.
        assert (page.ask(SEEN.format(1)), page.ask(SEEN.format(5))) == (True, False)
        assert page.ask(CUT_THROUGH) == []
        # The longer words of French, in the dark, on the same screen.
        page.open(f"{hall.url}?wall&lang=fr&theme=dark")
        page.wait("document.querySelectorAll('.cards .card').length === 5", "five problems in French")
        page.wait("document.getAnimations().every(each => each.playState !== 'running')", "at rest")
        assert page.text("#problems-title").startswith("PROBL\u00c8MES")
        assert (page.ask(CUT_THROUGH), page.ask(POOR_CONTRAST)) == ([], [])
        assert page.ask("[...document.querySelectorAll('.row h3')].every(e => e.scrollWidth <= e.clientWidth + 1)")
        assert page.ask("document.documentElement.scrollHeight <= innerHeight + 1")


def test_on_the_wall_what_is_just_seen_and_has_no_room_is_not_counted_as_a_problem(
    hall: Hall, browser: Browser
) -> None:
    five_problems(hall)
    # Told as problems after two minutes only.
    silent = ("pdu-a1-a", "pdu-a3-b", "pdu-b1-a", "pdu-b2-b", "pdu-b3-a", "rope-b4")
    for device in silent:
        hall.agent.change(device, error="timeout")
    hall.agent.say()
    with browser.page(f"{hall.url}?wall", (1280, 720)) as page:
        page.wait("document.querySelectorAll('.cards .card').length === 5", "five problems")
        page.wait(f"document.querySelectorAll('.begun .card').length === {len(silent)}", "all that is just seen")
        page.wait("document.querySelector('.begun .card.beyond') !== null", "no room for all of it")
        begun, problems = page.ask(
            "['.begun', '.cards'].map((e) => document.querySelectorAll(`${e} .card.beyond`).length)"
        )
        words = [f"and {problems} more problem" + "s" * (problems > 1)] if problems else []
        assert page.text(".cut") == ", ".join([*words, f"and {begun} more just seen"])
        # A heading with nothing below it would say that something is there.
        assert page.ask("document.querySelector('.begun').checkVisibility()") is (begun < len(silent))


def test_devices_out_of_sight_with_a_problem_are_read_as_well_as_others(hall: Hall, browser: Browser) -> None:
    five_problems(hall)
    with browser.page(hall.url) as page:
        page.wait("document.querySelector('.cdu[data-problem=critical]') !== null", "the CDU's problem")
        hall.agent.die()
        try:
            page.wait(
                "document.querySelector('.cdu[data-problem=critical][data-observed=false]') !== null", "out of sight"
            )
            assert page.ask(POOR_CONTRAST) == []
        finally:
            hall.agent.live_again()


def test_a_site_that_the_collector_does_not_know_is_named_with_a_way_to_one_that_it_knows(
    hall: Hall, browser: Browser
) -> None:
    with browser.page(f"{hall.url}?site=csa1&lang=fr") as page:
        page.wait("document.querySelector('.lost') !== null", "something is wrong")
        assert "Le collecteur ne connaît aucun site csa1." in page.text(".lost")
        assert page.ask(SHOWN_KIND) == "unknown"
        page.open(f"{hall.url}?site=csa1")
        page.wait("document.querySelector('.lost') !== null", "something is wrong")
        assert "The collector knows no site csa1." in page.text(".lost")
        assert "No connection" not in page.text("body")
        # By script: the middle of a link that goes on in the next line may be beside it.
        page.ask("document.querySelector('.lost a').click()")
        page.wait(WELL, "the site that there is")


def test_a_browser_whose_clock_is_hours_off_shows_the_collectors_time(hall: Hall, browser: Browser) -> None:
    with browser.page("about:blank") as page:
        wrong = "const real = Date.now; Date.now = () => real() + 5 * 3600e3;"
        page.command("Page.addScriptToEvaluateOnNewDocument", source=wrong)
        page.open(hall.url)
        page.wait(WELL, "all is well")
        off_s = page.ask(
            f"fetch('api/v1/site').then((a) => a.json()).then((s) => Math.abs(Date.parse(s.time) - {CLOCK}) / 1000)"
        )
        assert off_s < HOUR_S  # of the five that its clock is off
        hall.agent.change("smoke-b2", dcim_env_contact_active=1.0)
        hall.agent.say()
        page.wait("document.querySelector('.card time') !== null", "the problem")
        age_s = page.ask(f"({CLOCK} - Date.parse(document.querySelector('.card time').dateTime)) / 1000")
        assert -HOUR_S < age_s < HOUR_S


def test_at_200_percent_and_with_less_motion_nothing_is_cut_or_moves(hall: Hall, browser: Browser) -> None:
    """A window of 1440 x 900 at 200 % has 720 x 450 CSS pixels (WCAG 2.2, 1.4.4)."""
    with browser.page("about:blank", (720, 450)) as page:
        page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        page.open(hall.url)
        page.wait(WELL, "all is well")
        assert (page.ask(TOO_WIDE), page.ask(CUT_TEXTS), page.ask(SMALL_TARGETS)) == (0, [], [])
        hall.agent.change("smoke-b2", dcim_env_contact_active=1.0)
        hall.agent.say()
        page.wait("document.querySelector('.card') !== null", "the problem")
        assert page.ask("document.getAnimations().length") == 0


def test_an_hour_that_comes_twice_is_shown_with_its_zone(hall: Hall, browser: Browser) -> None:
    """Paris, 25 October 2026: 02:30 is first two hours ahead of UTC, then one. Morocco changes for Ramadan, on 14 February 2027."""
    script = """import('./BASEformat.js').then(({ Format }) => { const f = new Format('en', 'Europe/Paris');
      const now = Date.parse('2026-10-25T12:00Z'), m = new Format('fr', 'Africa/Casablanca');
      return [f.when(Date.parse('2026-10-25T00:30Z'), now), f.when(Date.parse('2026-10-25T01:30Z'), now),
        f.clock(now), m.clock(Date.parse('2026-11-26T12:00Z'))]; })"""
    with browser.page(hall.url) as page:
        first, second, clock, morocco = page.ask(script.replace("BASE", files_of(hall)))
        assert (first, second) == ("02:30:00 GMT+2", "02:30:00")
        assert clock.endswith(("CET", "GMT+1"))
        assert "13:00:00" in morocco or "12:00:00" in morocco
        assert any(zone in morocco for zone in ("UTC", "GMT", "+01", "WET"))
