"""Incidents, and a large site behind a password, in Debian's Chromium.

The lost feed is last: it counts as lost for 30 s after it has come back, and who comes next waits for that.
"""

import base64
import json
from collections.abc import Iterator

import bcrypt
import pytest

from tests.collector.web.page.hall import RACKS, CollectorProcess, Hall, site_file
from tests.collector.web.page.scripts import CUT_TEXTS, POOR_CONTRAST, SHOWN_KIND, SMALL_LETTERS, SMALL_TARGETS
from tests.collector.web.page.test_in_chromium import COMPLETE, card
from tests.servers.chromium import Browser, Page
from tests.servers.waiting import wait_until
from tests.servers.web import answers, request


def test_stopped_pumps_say_how_long_there_is_and_the_problem_has_a_view_of_its_own(
    hall: Hall, browser: Browser
) -> None:
    with browser.page(hall.url) as page:
        page.wait(COMPLETE, "the floor")
        hall.agent.change("cdu-1", dcim_cdu_pump_state="stopped")
        hall.agent.say()
        assert "CDU cdu-1: no pump runs" in card(page, "DcimCduAllPumpsStopped")
        page.click(".card[data-problem=DcimCduAllPumpsStopped] h3 a")
        page.wait("document.querySelector('.panel .next')?.innerText.includes('restart a pump')", "what to do")
        assert "cas1 / dh1 / a" in page.text(".facts")
        assert page.ask("[...document.querySelectorAll('.facts a')].map(e => e.innerText)") == ["cdu-1", *RACKS]


PASSWORD = "a long enough password"
AUTHORIZATION = {"Authorization": f"Basic {base64.b64encode(f'operator:{PASSWORD}'.encode()).decode()}"}


def test_an_acknowledged_problem_is_marked_on_card_rack_and_history_and_stays_red(hall: Hall, browser: Browser) -> None:
    silence = hall.manager.silence(
        "alertname=DcimLeakDetected", "device=rope-b4", by="amina", comment="dry, <i>known</i>"
    )
    with browser.page(hall.url) as page:
        page.wait("document.querySelector('.verdict.ok') !== null", "all well")
        hall.agent.change("rope-b4", dcim_leak_detected=1.0)
        hall.agent.say()
        page.wait("document.querySelector('.card .acknowledged') !== null", "acknowledged")
        assert "Acknowledged by amina until" in page.text(".card.critical .acknowledged")
        assert "dry, <i>known</i>" in page.text(".card.critical")
        # The floor comes in a message of its own, which may be behind that of the problems.
        page.wait("document.querySelector('[data-rack=b4] .mark')?.textContent === '▲✎'", "the rack's sign")
        assert "acknowledged" in page.ask("document.querySelector('[data-rack=b4] .sr').textContent")
        assert page.text(".legend").count("✎ acknowledged") == 1
        assert page.ask(SHOWN_KIND) == "critical"
        page.wait("document.querySelector('.day td')?.textContent.includes('✎ amina')", "in the history")
        page.click(".card.critical h3 a")
        page.wait("document.querySelector('.panel .acknowledged') !== null", "the problem's own view")
        assert page.seen.errors == []
        page.open(f"{hall.url}?lang=fr")
        page.wait(
            "document.querySelector('.card .acknowledged')?.innerText.includes('Acquitté par amina jusqu')", "French"
        )
    hall.manager.expire(silence)


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory, played: Hall) -> Iterator[CollectorProcess]:
    """A site of a thousand racks of which nothing has been heard, and a hall of 120 more, behind a password."""
    folder = tmp_path_factory.mktemp("campus")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "web.yaml").write_text(json.dumps({"basic_auth_users": {"operator": hashed}}), encoding="utf-8")
    rooms = {f"dh{number}": [f"r{number}{row}" for row in range(10)] for number in range(5)}
    rooms["hall"] = [f"h{row}" for row in range(6)]
    racks = {row: [f"{row}-{number:02}" for number in range(20)] for rows in rooms.values() for row in rows}
    site = site_file([rack for row in racks.values() for rack in row])
    site["rooms"] = [{"id": room} for room in rooms]
    site["rows"] = [{"id": row, "room": room} for room, rows in rooms.items() for row in rows]
    for rack in site["racks"]:
        rack["row"] = rack["id"].partition("-")[0]
    for device in (*site["ups"], *site["cdus"]):
        device.pop("row", None)
        device["room"] = "dh0"
    site["site"] = "campus"
    collector = CollectorProcess(
        folder, played.broker_port, site, client_id="campus", http={"web_config": str(folder / "web.yaml")}
    )
    collector.start(lambda: answers(f"{collector.url}/healthz"))
    yield collector
    collector.stop()


def test_a_thousand_racks_are_shown_room_by_room_and_on_one_wall(campus: CollectorProcess, browser: Browser) -> None:
    with browser.page("about:blank", (3840, 2160)) as page:
        sign_in(page)
        page.open(f"{campus.url}/?wall")
        page.wait("document.querySelectorAll('.rack').length === 200", "a room")
        assert page.ask("document.querySelectorAll('.rooms a').length") == 6
        assert page.ask("document.documentElement.scrollHeight <= innerHeight + 1")
        assert (
            page.ask("Math.min(...[...document.querySelectorAll('.rack')].map(e => e.getBoundingClientRect().height))")
            >= 24
        )
        # Nothing has been heard of any of them: hatched, and nothing is green.
        assert page.ask("document.querySelectorAll('.rack[data-observed=false]').length") == 200
        assert page.ask(SHOWN_KIND) == "unknown"
        page.open(f"{campus.url}/?room=dh3&row=r37")
        page.wait("document.querySelectorAll('.rack').length === 20", "a row")
        assert page.ask("document.querySelector('.floor').dataset.density") == "large"
        assert page.seen.errors == []


def test_120_racks_are_one_screen_of_a_desk_with_no_value_cut(campus: CollectorProcess, browser: Browser) -> None:
    with browser.page("about:blank", (1440, 900)) as page:
        sign_in(page)
        page.open(f"{campus.url}/?room=hall")
        page.wait(
            "document.querySelectorAll('.rack').length === 120 && document.querySelector('.lanes') !== null", "it"
        )
        assert page.ask("document.documentElement.scrollHeight <= innerHeight")
        assert page.ask(CUT_TEXTS) == []
        assert page.ask(SMALL_TARGETS) == []
        assert page.ask(POOR_CONTRAST) == []
        # From any rack of the hall and back, without leaving the keyboard.
        page.ask("document.querySelectorAll('.rack')[25].focus()")
        page.press("Enter")
        page.wait("document.activeElement.id === 'main' && document.querySelector('.heading') !== null", "the rack")
        page.press("Tab")
        assert page.ask("document.activeElement.className") == "back"
        page.press("Enter")
        page.wait("document.activeElement.dataset.rack === 'h1-05'", "the same rack")
        assert page.seen.errors == []


def sign_in(page: Page) -> None:
    """Send the password with each request."""
    page.command("Network.setExtraHTTPHeaders", headers=AUTHORIZATION)


def test_a_wrong_password_shows_nothing(campus: CollectorProcess, browser: Browser) -> None:
    for path in ("/", "/?device=ups-a", "/plain", "/static/x/app.js", "/api/v1/site", "/api/v1/events?show=site"):
        assert answers(f"{campus.url}{path}", 401)
    with browser.page(f"http://operator:wrong@127.0.0.1:{campus.port}/") as page:
        assert "campus" not in page.text()
        assert page.ask("document.querySelector('#app')") is None
    # After a wrong password an address waits for a second before its next one is looked at.
    wait_until(lambda: request(campus.url, headers=AUTHORIZATION).status == 200, "the right password is let in")
    with browser.page(f"http://operator:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{campus.port}/") as page:
        page.wait("document.querySelector('h1')?.innerText.startsWith('campus')", "the page, opened as a kiosk does")
        assert page.seen.errors == []


# Tiles that are cut off where a row of racks has five CDUs, as rows of 200 kW racks do: the hall's one is shown five times for a moment.
CUT_CDUS = """(() => { const list = document.querySelector('.cdus'), one = list.firstElementChild;
  const more = [1, 2, 3, 4].map(() => list.appendChild(one.cloneNode(true)));
  const isCut = (e) => e.scrollWidth > e.clientWidth || !e.querySelector('.pumps').checkVisibility();
  const cut = [...list.querySelectorAll('.cdu')].filter(isCut);
  more.forEach((e) => e.remove());
  return cut.map((e) => e.innerText); })()"""


def test_a_lost_feed_is_one_problem_with_the_time_that_is_left(hall: Hall, browser: Browser) -> None:
    with browser.page(f"{hall.url}?wall", (3840, 2160)) as page:
        page.wait(COMPLETE, "the floor")
        hall.agent.change("ups-a", dcim_ups_input_voltage_volts=0.0, dcim_ups_output_source="none")
        for rack in RACKS:
            hall.agent.change(f"pdu-{rack}-a", error="timeout")
        hall.agent.say()
        text = card(page, "DcimFeedLost")
        assert "▲ Feed A lost" in text
        assert "If the other feed goes too, battery for 40\u00a0min" in text
        assert "→ Check the mains" in text
        page.wait("document.querySelectorAll('.feeds .off').length === 8", "feed A struck out at each rack")
        assert "✕ lost" in page.text("[data-feed=A]")
        # Its consequences are folded into it, the wall fits on the screen, and the first words are read from five metres.
        assert page.ask("document.querySelectorAll('.card.critical').length") == 1
        assert page.ask("document.documentElement.scrollHeight <= innerHeight + 1")
        assert (page.ask(SMALL_LETTERS), page.ask(CUT_CDUS)) == ([], [])
        assert page.ask("parseFloat(getComputedStyle(document.querySelector('.card h3')).fontSize)") >= 60
        # A time that does not run is not larger than its words, or it would be read as one that does.
        sizes = "['b', 'span'].map((e) => getComputedStyle(document.querySelector(`.left.conditional ${e}`)).fontSize)"
        assert len(set(page.ask(sizes))) == 1
        page.wait("document.querySelector('[data-answer=\"feed_loss:A\"] td').innerText === 'lost now'", "the answer")
