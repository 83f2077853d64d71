"""The page in Debian's Chromium, over a real collector and broker: what an operator sees, and when it can be trusted."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.collector.web.page.asking import files_of
from tests.collector.web.page.hall import EVIL, RACKS, Hall
from tests.collector.web.page.scripts import (
    CHOOSE_FRENCH,
    CUT_TEXTS,
    ENDED_OUT_OF_SIGHT,
    LISTEN,
    NARROW,
    POOR_CONTRAST,
    SHOWN_KIND,
    SMALL_TARGETS,
    TOO_WIDE,
)
from tests.servers.chromium import Browser, Page
from tests.servers.waiting import wait_until
from tests.servers.web import request

COMPLETE = "document.querySelectorAll('.rack .feeds .on').length === 16 && document.querySelector('.feeds').innerText.includes('%')"
WELL = f"{SHOWN_KIND} === 'ok' && {COMPLETE}"


def card(page: Page, problem: str) -> str:
    """The text of the card of a problem, once it is there."""
    selector = f".card[data-problem={problem}]"
    page.wait(f"document.querySelector({json.dumps(selector)}) !== null", problem)
    return page.text(selector)


def racks_with(page: Page, severity: str) -> list[str]:
    """Racks that the floor marks."""
    found: list[str] = page.ask(
        f"[...document.querySelectorAll('[data-rack][data-problem={severity}]')].map(e => e.dataset.rack)"
    )
    return found


def test_the_floor_says_what_metrics_say_asks_no_other_host_and_weighs_little(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        assert "No problem. All 21 devices are observed." in page.text(".problems")
        # After a lost feed is back, a rack's power is that of the other PDU until both were read: another test may have ended with that.
        both = ",".join(f"{4 + 0.5 * index:.1f}\u00a0kW" for index in range(len(RACKS)))
        texts = "[...document.querySelectorAll('.rack .value')].map(e => e.innerText).join()"
        page.wait(f"{texts} === '{both}'", "the power of both PDUs")
        shown = page.ask(
            "Object.fromEntries([...document.querySelectorAll('.rack')].map(e => [e.dataset.rack, e.querySelector('.value').innerText]))"
        )
        for rack in RACKS:
            watts = hall.collector.metric(
                f'dcim_rack_power_watts{{site="cas1",room="dh1",row="{rack[0]}",rack="{rack}"}}'
            )
            assert shown[rack] == f"{watts / 1000:.1f}\u00a0kW"
        page.wait("document.querySelector('.cdu').innerText.includes('L/min')", "what the CDU measures is shown")
        assert page.text(".cdu") == "cdu-1\n318\u00a0L/min\n31.8 → 40.9\u00a0°C\n●○"
        assert "ups-a 40\u00a0min · load 31\u00a0%" in page.text("[data-feed=A]")
        hosts = {urlsplit(url).netloc for url in page.seen.requests}
        assert hosts == {urlsplit(hall.url).netloc}
        assert page.seen.errors == []
        assert page.seen.encoded_bytes < 150_000


def test_each_fault_is_named_in_its_rack_with_words_and_what_to_do(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        page.ask(LISTEN)
        agent = hall.agent
        agent.change("pdu-a2-a", dcim_pdu_breaker_tripped=1.0)
        agent.change("pdu-b4-b", dcim_pdu_breaker_tripped=1.0)
        agent.change("smoke-b2", dcim_env_contact_active=1.0)
        agent.change("cdu-1", dcim_cdu_supply_temperature_celsius=47.5)
        agent.change("ups-b", dcim_ups_test_result="failed")
        agent.say()
        assert "breaker tripped, bank 1" in card(page, "DcimBreakerTripped")
        assert "Send someone now." in card(page, "DcimSmoke")
        assert "◆ UPS ups-b: self-test failed" in card(page, "DcimUpsTestFailed")
        hot = card(page, "DcimCduSupplyTemperatureCritical")
        assert "CDU cdu-1: supply too hot" in hot
        assert "47.5\u00a0°C, limit 45.0\u00a0°C" in hot
        assert "row a" in hot
        # What to do, and not the limit or whatever else is said behind it.
        assert page.text(".card[data-problem=DcimCduSupplyTemperatureCritical] .next").startswith(
            "→ Throttle its racks"
        )
        page.wait("document.querySelectorAll('[data-rack][data-problem=critical]').length === 3", "three racks")
        assert racks_with(page, "critical") == ["a2", "b2", "b4"]
        assert page.ask("document.querySelector('[data-cdu=cdu-1]').dataset.problem") == "critical"
        assert page.ask("document.title").startswith("▲ cas1")
        # Who does not see it hears of it, without being interrupted, and each mark is a sign as well as a colour.
        page.wait("globalThis.said.includes('New problem: Rack b2, smoke-b2: smoke')", "said")
        assert page.text("[data-rack=a2] .mark") == "▲"
        agent.all_well()
        page.wait(WELL, "all is well again")
        assert page.seen.errors == []


def test_a_beginning_problem_is_shown_before_it_is_reported_and_nothing_is_green_beside_it(
    hall: Hall, browser: Browser
) -> None:
    """A UPS on bypass is reported after a minute, because tests of a UPS take less."""
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        page.ask(LISTEN)
        hall.agent.change("ups-a", dcim_ups_output_source="bypass")
        hall.agent.say()
        page.wait("document.querySelector('.card[data-begins=DcimUpsOnBypass]') !== null", "it begins")
        assert "△ UPS ups-a on bypass" in page.text(".card.begins")
        assert "becomes a problem at" in page.text(".card.begins")
        # The floor comes in a message of its own, which may be behind that of the problems.
        page.wait("document.querySelector('[data-feed=A] .ups').dataset.begins === 'critical'", "the sign of its UPS")
        assert page.ask(SHOWN_KIND) == "unknown"
        assert page.text("#problems-title") == "PROBLEMS · 0"
        assert "something has begun" in page.text(".verdict.unknown")
        assert page.ask(POOR_CONTRAST) == []
        # Who listens hears of problems only: what comes and goes by itself would talk all day.
        assert page.ask("globalThis.said") == ""
        page.click(".card.begins h3 a")
        page.wait("document.querySelector('.panel .fading')?.innerText.includes('becomes a problem at')", "its view")
        page.ask("history.back()")
        hall.agent.all_well()
        page.wait(WELL, "gone again, and never a problem")
        assert "Just seen" not in page.text(".problems")


def test_devices_that_nobody_observes_are_one_click_from_the_count(hall: Hall, browser: Browser) -> None:
    with browser.page(f"{hall.url}?devices&state=down") as page:
        hall.agent.change("pdu-a1-a", error="timeout")
        hall.agent.say()
        page.wait("document.querySelectorAll('.devices tbody tr').length === 1", "one device", 15.0)
        assert "pdu-a1-a" in page.text(".devices tbody")
        assert page.text(".chips [aria-current=true]").endswith("down")
        page.ask("[...document.querySelectorAll('.chips a')].find(e => e.innerText.includes('not observed')).click()")
        page.wait("document.querySelector('main').innerText.includes('No device fits.')", "none")
        assert page.ask("location.search") == "?devices&state=unknown"


def test_a_search_ends_with_its_view_because_its_field_is_empty_then(hall: Hall, browser: Browser) -> None:
    count = "document.querySelectorAll('.devices tbody tr').length"
    with browser.page(f"{hall.url}?devices") as page:
        page.wait(f"{count} > 20", "all devices")
        page.ask(
            "(field => { field.value = 'ups-a'; field.dispatchEvent(new Event('input')); })(document.querySelector('#search'))"
        )
        page.wait(f"{count} === 1", "the one that is searched for")
        page.click(".chips a[href*='state=up']")
        page.wait("document.querySelector('.chips [aria-current=true]')?.innerText.endsWith('up')", "those that answer")
        assert page.ask("document.querySelector('#search').value") == "ups-a"
        page.wait(f"{count} === 1", "and still the one that is searched for")
        page.click(".devices tbody a")
        page.wait("document.querySelector('.facts') !== null", "the device")
        page.click(".nav a[href*='devices']")
        page.wait(f"document.querySelector('#search')?.value === '' && {count} > 20", "all devices again")


def test_a_list_longer_than_the_collector_gives_at_a_time_comes_in_pages(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        base = f"{hall.url}api/v1/"
        asked = f"import('./{files_of(hall)}api.js').then((m) => m.getList('{base}', 'devices', {{ limit: LIMIT }}, 4))"
        some, every = (page.ask(asked.replace("LIMIT", str(limit))) for limit in (9, 1000))
        names = [each["id"] for each in every["items"]]
        assert len(set(names)) == len(names) == every["total"] > 20
        assert every["next"] is None
        assert [each["id"] for each in some["items"]] == names[:9]
        assert some["next"] == names[8]


def test_a_click_on_a_total_shows_its_number_and_what_it_is_computed_from(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        page.click(".totals a[href*='total=it']")
        # Values change while the hall is played, and the view is fetched every few seconds.
        page.wait(
            "document.querySelector('.explain .left')?.innerText === document.querySelector('.totals a[href*=\"total=it\"] b').innerText",
            "the number that was clicked on",
        )
        assert "IT power is the sum of the racks" in page.text(".explain")
        assert page.ask("document.querySelectorAll('.explain tbody tr').length") == len(RACKS)
        page.click(".explain tbody a[href*='label.rack=a1']")
        page.wait("document.querySelector('.explain tbody a[href*=\"device=pdu-a1-a\"]') !== null", "the rack's PDUs")
        # The collector looks for it: the first figures of a large hall may have none of this rack.
        assert any("labels=" in url and "rack%3Da1" in url for url in page.seen.requests)
        page.open(f"{hall.url}?figure=dcim_rack_power_watts&label.rack=a1&label.source=grid, of 2026")
        page.wait("document.querySelector('main').innerText.includes('There is no such figure.')", "no such source")
        page.open(f"{hall.url}?total=pue")
        page.wait("document.querySelector('.explain .left.unknown') !== null", "PUE")
        assert "A meter of the facility does not say its power, or the site file has none." in page.text(".explain")
        assert page.seen.errors == []
        page.open(f"{hall.url}?total=water")
        page.wait("document.querySelector('main').innerText.includes('There is no such figure.')", "no such total")


def test_without_the_collector_all_is_grey_with_the_cause_and_it_recovers(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        page.ask("globalThis.sameDocument = true")
        hall.collector.stop()
        page.wait("document.documentElement.dataset.link === 'lost'", "lost")
        assert "Nothing below is current" in page.text(".lost")
        page.wait("document.querySelector('.lost')?.innerText.includes('does not answer')", "the cause")
        assert page.ask(SHOWN_KIND) == "unknown"
        assert page.ask("document.title").startswith("? ")
        assert page.ask("document.querySelector('.verdict.ok')") is None
        assert "grayscale(1)" in page.ask("getComputedStyle(document.querySelector('main')).filter")
        hall.collector.start()
        page.wait(WELL, "all is well again")
        assert page.ask("globalThis.sameDocument")
        assert page.ask("document.querySelector('.lost')") is None


def test_a_dead_agent_makes_its_racks_unknown_with_the_cause_and_never_green(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        hall.agent.die()
        page.wait("document.querySelectorAll('[data-observed=false][data-rack]').length === 8", "no rack is observed")
        assert page.text("[data-rack=a1] .value") == "not seen"
        page.wait(
            "document.querySelector('.problems').innerText.includes('agent gw-1 is offline')",
            "the problem of the agent",
        )
        assert page.text("[data-rack=a1] .sr").startswith("a1, not seen: agent gw-1 is offline")
        page.wait(f"{SHOWN_KIND} === 'unknown'", "and nothing says that all is well")
        assert page.ask("document.querySelector('.verdict.ok')") is None
        hall.agent.live_again()
        page.wait(WELL, "all is well again")


def test_markup_and_marks_of_direction_in_a_name_are_text(hall: Hall, browser: Browser) -> None:
    with browser.page(f"{hall.url}?device=ups-a") as page:
        hall.agent.change("ups-a", model=f"{EVIL}\u202egnp")
        hall.agent.say()
        page.wait("document.querySelector('.facts')?.innerText.includes('onerror')", "the model")
        assert f"{EVIL}\ufffdgnp" in page.text(".facts")
        assert page.ask("document.querySelectorAll('img').length") == 0
        assert page.ask("document.title") != "1"
        assert page.seen.errors == []


@pytest.mark.parametrize("width", [390, 1440, 3840])
def test_every_view_fits_its_screen_and_is_accessible_in_both_languages_and_themes(
    hall: Hall, browser: Browser, width: int
) -> None:
    hall.agent.change("pdu-a2-a", dcim_pdu_breaker_tripped=1.0)
    hall.agent.change("pdu-b3-b", error="timeout")
    hall.agent.say()
    is_dark, language = width == 1440, "fr-FR" if width == 390 else "en-GB"
    with browser.page(hall.url, (width, 900 if width < 3840 else 2160), is_dark=is_dark, language=language) as page:
        page.wait("document.querySelectorAll('.card').length > 0", "the floor")
        views = [
            "",
            "?rack=a2",
            "?device=pdu-a2-a",
            "?devices",
            "?agents",
            "?figure=dcim_rack_feed_loss_load_ratio&label.rack=a1",
            "?figure=dcim_site_survives_feed_loss&label.feed=A",
            "?total=it",
            "?total=pue",
        ]
        for view in views:
            # As a click does, without loading the page again.
            page.ask(f"(history.pushState(null, '', './{view}'), dispatchEvent(new PopStateEvent('popstate')))")
            page.wait("document.querySelector('main .rack, main .facts, main table') !== null", view)
            page.wait("document.getAnimations().every(each => each.playState !== 'running')", "at rest")
            assert page.ask(TOO_WIDE) == 0, view
            assert page.ask(CUT_TEXTS) == [], view
            assert page.ask(NARROW) == [], view
            assert page.ask(POOR_CONTRAST) == [], view
            assert page.ask(SMALL_TARGETS) == [], view
            assert unnamed(page.accessible()) == [], view
            assert page.ask("[document.documentElement.lang, document.querySelectorAll('h1, main').length]") == [
                language[:2],
                2,
            ]
        assert page.seen.errors == []


def unnamed(nodes: list[Any]) -> list[Any]:
    """What a screen reader would call nothing: controls, pictures and regions without a name."""
    needs = {"link", "button", "combobox", "searchbox", "img", "image", "region", "navigation", "textbox", "group"}
    return [node for node in nodes if node["role"] in needs and not node["name"].strip()]


def test_the_keyboard_reaches_everything_and_shows_where_it_is(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        page.press("Tab")
        assert page.ask("document.activeElement.className") == "skip"
        page.ask("document.querySelector('[data-rack=a1]').focus()")
        page.press("ArrowRight")
        page.press("ArrowDown")
        assert page.ask("document.activeElement.dataset.rack") == "b2"
        assert page.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.press("Enter")
        page.wait("document.querySelector('.heading')?.innerText.includes('Rack b2')", "the rack's view")
        # The stream goes on, and what has the focus keeps it while values change.
        page.ask("history.back()")
        page.wait(WELL, "the floor again")
        page.ask("document.querySelector('[data-rack=a1]').focus()")
        hall.agent.change("pdu-a1-a", dcim_pdu_input_power_watts=5000.0)
        hall.agent.say()
        page.wait("document.querySelector('[data-rack=a1] .value').innerText.startsWith('7.0')", "the new value")
        assert page.ask("document.activeElement.dataset.rack") == "a1"


def test_the_colours_are_chosen_and_french_is_remembered(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        page.wait(WELL, "all is well")
        page.ask("[...document.querySelectorAll('.chips button')].find(e => e.innerText === 'Liquid supply').click()")
        page.wait("document.querySelector('[data-rack=a1] .value').innerText === '31.8\u00a0°C'", "the supply")
        page.ask(CHOOSE_FRENCH)
        page.wait("document.querySelector('#problems-title').innerText.startsWith('PROBLÈMES')", "French")
        assert page.text("[data-rack=a1] .value") == "31,8\u00a0°C"
        page.wait(
            "document.querySelector('.problems').innerText.includes('Les 21 équipements sont observés.')", "no problem"
        )
        page.open(hall.url)
        page.wait("document.querySelector('#problems-title')?.innerText.startsWith('PROBLÈMES')", "French again")
        assert page.pdf().startswith(b"%PDF")


def test_without_script_problems_and_totals_are_there(hall: Hall, browser: Browser) -> None:
    hall.agent.change("smoke-b2", dcim_env_contact_active=1.0)
    hall.agent.say()
    found = "Smoke detector 1 of smoke-b2"
    wait_until(lambda: found in request(hall.url).text, "the problem")
    with browser.page(hall.url, javascript=False) as page:
        page.open(hall.url)
        text = page.text()
        assert "devices up" in text
        assert "1 problem" in page.text(".verdict")
        assert found in text
        page.open(f"{hall.url}plain")
        assert "input power 1 2 kW" in " ".join(page.text().split())


def test_with_script_the_plain_page_is_there_at_once_and_stays_until_it_is_reloaded(
    hall: Hall, browser: Browser
) -> None:
    with browser.page(f"{hall.url}plain") as page:
        shown = "getComputedStyle(document.querySelector('.static')).visibility"
        assert page.ask(shown) == "visible"
        assert page.ask("document.querySelector('.static').getAnimations().length") == 0
        assert page.ask("document.querySelectorAll('head > meta[http-equiv]').length") == 0


def test_what_ended_because_nobody_observes_it_any_more_is_not_called_over(hall: Hall, browser: Browser) -> None:
    with browser.page(hall.url) as page:
        seen, unseen = page.ask(ENDED_OUT_OF_SIGHT.replace("${BASE}", f"./{files_of(hall)}"))
        assert seen.startswith("✓ Over: Rack b1")
        assert "lasted 60\u00a0s" in seen
        assert unseen.startswith("? Rack b2")
        assert "nobody knows whether it is over" in unseen


def test_merging_follows_every_example_of_rfc_7386(hall: Hall, browser: Browser) -> None:
    """Appendix A, the examples whose target is an object or nothing; and names that JavaScript has a meaning for."""
    examples: list[tuple[Any, Any, Any]] = [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, "bar", "bar"),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({}, {"constructor": {"x": 1}}, {"constructor": {"x": 1}}),
    ]
    base = files_of(hall)
    with browser.page(hall.url) as page:
        merged = page.ask(
            f"import('./{base}merge.js').then(m => {json.dumps(examples)}.map(([a, b]) => m.merge(m.merge(undefined, a), b)))"
        )
        assert merged == [expected for _, _, expected in examples]
        # What does not change stays the same object, so that nothing is redrawn for it.
        assert page.ask(
            f"import('./{base}merge.js').then(({{ merge }}) => {{"
            " const a = merge(undefined, {x: {y: 1}, z: {}}); return merge(a, {z: {q: 1}}).x === a.x; })"
        )
        chunks = ["event: si", "te\r", "\ndata: {\r\ndata: }\r\n\r\n: ping\n\nda", "ta: 2\n\n"]
        read = page.ask(
            f"import('./{base}stream.js').then(m => {{ const r = new m.EventReader();"
            f" return {json.dumps(chunks)}.flatMap(c => r.read(c)); }})"
        )
        assert read == [{"name": "site", "data": "{\n}"}, {"name": "message", "data": "2"}]
