"""Which rack, UPS or panel is to blame when a site does not survive the loss of a feed."""

from typing import Any

import pytest

from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import hall

ONE_FEED = ("  - {id: pdu-a1-b, rack: a1, from: row-b, breaker_a: 32, phases: [L2]}\n", "")
SMALL_UPS = (
    "{id: ups-b, from: [B], rated_power_w: 200000, room: plant}",
    "{id: ups-b, from: [B], rated_power_w: 30000, room: plant}",
)
SMALL_PANEL = (
    "{id: row-b, from: [ups-b], breaker_a: 400, row: a}",
    "{id: row-b, from: [ups-b], breaker_a: 50, row: a}",
)
SMALL_PDUS = [
    (
        f"{{id: pdu-a2-b{at}, rack: a2, from: row-b, breaker_a: 125}}",
        f"{{id: pdu-a2-b{at}, rack: a2, from: row-b, breaker_a: 32}}",
    )
    for at in (1, 2)
]


def loss_of_a(shown: Shown, now: float = 101.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer about the loss of feed A, and its figure."""
    answers = shown.get("site", now)["answers"]["survives"]
    (answer,) = [each for each in answers if each["id"] == "feed_loss:A"]
    return answer, shown.get("figures/{metric}", now, metric="dcim_site_survives_feed_loss", feed="A")


def in_short(blamed: list[dict[str, Any]]) -> list[tuple[str, str, str, str | None, float | None]]:
    return [(each["kind"], each["place"], each["name"], each["phase"], each["load_ratio"]) for each in blamed]


def test_a_rack_that_only_the_lost_feed_supplies_is_named_and_not_a_pdu_that_is_silent() -> None:
    """A PDU of another rack does not answer: that is what is missing, and not why the site would not survive."""
    shown = Shown(hall(ONE_FEED))
    powered(shown)
    for now in (102.0, 106.0):
        shown.readings.take("pdu-a2-b1", {}, now, up=False)
    shown.derive(107.0)
    answer, figure = loss_of_a(shown, 107.0)
    assert answer["state"] == "no"
    assert figure["missing"][0].startswith("pdu-a2-b1 ")
    assert in_short(answer["blamed"]) == in_short(figure["blamed"]) == [("single_feed", "rack", "a1", None, None)]
    assert (answer["blamed_total"], figure["blamed_total"]) == (1, 1)
    named = answer["blamed"][0]["figure"]
    assert named["metric"] == "dcim_rack_survives_feed_loss"
    # Its own figure is one click away, and says the same.
    own = shown.get("figures/{metric}", 107.0, metric=named["metric"], **named["labels"])
    assert (own["value"], in_short(own["blamed"])) == (0.0, in_short(answer["blamed"]))
    assert shown.get("figures/{metric}", 107.0, metric="dcim_site_survives_feed_loss", feed="B")["blamed"] == []


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        # Its own 23 kW, and what both racks take from A.
        ([SMALL_UPS], [("overload", "ups", "ups-b", None, 1.54)]),
        # Two PDUs of rack a2 on each feed with 15 A, and on L2 rack a1 with 10 A: 80 A of 40.
        ([SMALL_PANEL], [("overload", "panel", "row-b", "L2", 2.0)]),
        # Racks without another feed come first, then the highest load.
        (
            [ONE_FEED, SMALL_UPS, SMALL_PANEL],
            [
                ("single_feed", "rack", "a1", None, None),
                ("overload", "panel", "row-b", "L1", 1.5),
                ("overload", "ups", "ups-b", None, 1.47),
            ],
        ),
    ],
)
def test_what_would_be_overloaded_is_named_with_its_load(
    replaced: list[tuple[str, str]], expected: list[tuple[str, str, str, str | None, float | None]]
) -> None:
    shown = Shown(hall(*replaced))
    powered(shown)
    answer, figure = loss_of_a(shown)
    assert answer["state"] == "no"
    assert in_short(figure["blamed"]) == in_short(answer["blamed"]) == expected


def test_a_rack_whose_breaker_would_be_overloaded_or_whose_other_supply_is_dead_is_named_once() -> None:
    """With its worst phase: 60 A of 51.2 A on each."""
    shown = Shown(hall(*SMALL_PDUS))
    powered(shown)
    assert in_short(loss_of_a(shown)[1]["blamed"]) == [("overload", "rack", "a2", "L1", 1.17)]
    shown = Shown()
    powered(shown)
    dead: dict[str, float | str] = {f"pdu_phase_current_amperes{{inlet=1,phase=L{at}}}": 15.0 for at in (1, 2, 3)}
    dead |= {f"pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": 0.0 for at in (1, 2, 3)}
    shown.readings.take("pdu-a2-b2", dead, 102.0)
    shown.derive(102.5)
    answer, _ = loss_of_a(shown, 103.0)
    assert (answer["state"], in_short(answer["blamed"])) == ("no", [("supply", "rack", "a2", None, None)])


def test_nobody_is_blamed_for_what_is_survived_or_not_known() -> None:
    shown = Shown()
    powered(shown)
    assert [loss_of_a(shown)[0][key] for key in ("state", "blamed", "blamed_total")] == ["yes", [], 0]
    assert loss_of_a(shown)[1]["blamed"] == []
