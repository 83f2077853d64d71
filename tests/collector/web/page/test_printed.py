"""Paper, judged by the PDF that Chromium makes: everything is there, nothing is cut through, black on white from every screen."""

from dataclasses import dataclass
from typing import Any

from tests.collector.web.page.hall import RACKS, Hall
from tests.collector.web.page.test_odd_states import five_problems
from tests.servers.chromium import Browser, Page
from tests.servers.pdf import PrintedPage, printed_pages, without_blanks

A4 = {"paperWidth": 8.27, "paperHeight": 11.69}
# So low that the cards do not fit on one page.
SLIP = {"paperWidth": 8.27, "paperHeight": 4.0}
# What must be on paper: each card, each answer, and what happened, which a screen hides behind an arrow.
CARDS = "[...document.querySelectorAll('.cards .card')].map(e => e.textContent)"
EVENTS = "[...document.querySelectorAll('.day tbody tr')].map(e => e.textContent)"
ANSWERS = "[...document.querySelectorAll('.answers th')].map(e => e.textContent)"
TEXTS = f"[{CARDS}, [...{ANSWERS}, ...{EVENTS}]]"


@dataclass(frozen=True)
class Printed:
    """What the page says, and two prints of it."""

    cards: list[str]
    others: list[str]
    pages: list[PrintedPage]
    slips: list[PrintedPage]


def printed(page: Page) -> Printed:
    """Prints while nothing changes: a card that comes to have a consequence meanwhile says something else on paper."""
    page.wait("document.querySelectorAll('.cards .card').length === 5", "five problems")
    page.wait("document.querySelectorAll('.day tbody tr').length >= 5", "the history")
    for _ in range(10):
        before: list[Any] = page.ask(TEXTS)
        pages, slips = printed_pages(page.pdf(**A4)), printed_pages(page.pdf(**SLIP))
        if page.ask(TEXTS) == before:
            return Printed(before[0], before[1], pages, slips)
    raise AssertionError("the page never stayed the same for two prints")


def test_a_printed_floor_has_everything_on_few_pages_with_no_card_cut_and_no_colour(
    hall: Hall, browser: Browser
) -> None:
    five_problems(hall)
    for view, size in (("", (1440, 900)), ("?wall&theme=dark&lang=fr", (1920, 1080)), ("?theme=dark", (390, 844))):
        with browser.page(f"{hall.url}{view}", size) as page:
            found = printed(page)
            assert 1 <= len(found.pages) <= 3, view  # two, and a third where much was only just seen
            whole = "".join(each.text for each in found.pages)
            for text in (*found.others, *RACKS, "cas1"):
                assert without_blanks(text) in whole, (view, text)
            for sheet in (found.pages, found.slips):
                for text in found.cards:
                    holding = [each for each in sheet if holds(each.text, text)]
                    assert len(holding) == 1, (view, text, [each.text for each in sheet])
            # Greys are those of lines, of the day's bars and of texts in second place; and no text is white.
            assert all(max(fill) - min(fill) < 0.01 for each in found.pages for fill in each.fills), view
            assert all(max(colour) <= 0.21 for each in found.pages for colour in each.inks), view
            assert page.seen.errors == []


def holds(printed: str, card: str) -> bool:
    """Whether a page has the whole card. Its pieces are drawn in another order than they stand in the document."""
    pieces = [without_blanks(each) for each in card.replace("\u2192", ".").replace("\u00b7", ".").split(".")]
    return all(piece in printed for piece in pieces if piece)
