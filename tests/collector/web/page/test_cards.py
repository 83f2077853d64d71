"""The page's column of problems and its answers, asked alone in Chromium: what each card says, and what it must not say."""

import json
from collections.abc import Mapping

from tests.collector.web.page.asking import Ask, column


def test_a_beginning_problem_says_when_it_will_be_reported_and_is_not_counted(ask: Ask) -> None:
    text = column(ask, "{ beginning: { p: problem({ due: now + 10_000 }) } }")
    assert text.startswith("Problems · 0")
    assert "Just seen · 1" in text
    assert "△ Rack a1, pdu-1: phase L2 dead since 11:59:55" in text
    assert "becomes a problem at 12:00:10 if it goes on" in text


def test_a_problem_in_maintenance_is_counted_and_says_why_nobody_is_notified(ask: Ask) -> None:
    window = "maintenance: { id: 'W-1', until: now + 3_600_000, why: 'breaker test', by: 'Nadia' }"
    text = column(ask, f"{{ causes: ['p'], problems: {{ p: problem({{ {window} }}) }} }}")
    assert text.startswith("Problems · 1▲ Rack a1, pdu-1: phase L2 dead")
    assert "⚒ In maintenance until 13:00, nobody is notified: breaker test (W-1, Nadia)" in text
    window = (
        "{ id: 'W-2', until: '2026-11-26T13:00:00Z', match: { feed: ['A'] }, problems: [], why: 'UPS swap', by: '' }"
    )
    quiet = f"site: {{ maintenance: [{window}] }}"
    assert "⚒ Maintenance of feed A until 13:00, nobody is notified: UPS swap (W-2)" in column(ask, "{}", f", {quiet}")


def test_what_ended_in_the_last_hour_and_is_not_shown_is_counted(ask: Ask) -> None:
    times = "since: now - 90_000, ended: now - 30_000"
    six = ", ".join(f"problem({{ id: 'e{each}', {times}, labels: {{ device: 'pdu-{each}' }} }})" for each in range(6))
    text = column(ask, "{}", f", history: {{ items: [{six}] }}")
    assert "Cleared in the last hour · 6" in text
    assert ("pdu-4" in text, "pdu-5" in text, text.endswith("and 1 more")) == (True, False, True)


def test_an_acknowledged_problem_is_counted_names_its_author_and_is_listed_last(ask: Ask) -> None:
    silence = "acknowledged: { by: 'Amina', until: now + 3_600_000, comment: 'pump ordered, <b>Monday</b>' }"
    text = column(ask, f"{{ causes: ['p'], problems: {{ p: problem({{ {silence} }}) }} }}")
    assert text.startswith("Problems · 1▲ Rack a1, pdu-1: phase L2 dead")
    assert "✎ Acknowledged by Amina until 13:00: pump ordered, <b>Monday</b>" in text
    other = "q: problem({ id: 'q', since: now - 9000, labels: { rack: 'b2', device: 'pdu-2', phase: 'L1' } })"
    both = f"p: problem({{ {silence} }}), {other}"
    text = column(ask, f"{{ causes: ['p', 'q'], problems: {{ {both} }} }}")
    assert text.index("pdu-2") < text.index("pdu-1")
    # Three of one kind share a card, but not with what somebody has acknowledged.
    more = "r: problem({ id: 'r', labels: { device: 'pdu-3' } }), s: problem({ id: 's', labels: { device: 'pdu-4' } })"
    text = column(ask, f"{{ causes: ['p', 'q', 'r', 's'], problems: {{ {both}, {more} }} }}")
    assert "2 more of the same: pdu-4, pdu-2" in text
    assert text.count("Acknowledged by") == 1
    away = (
        "site: { unread_alertmanagers: [{ url: 'http://am:9093', since: '2026-11-26T11:40:00Z', error: 'refused' }] }"
    )
    text = column(ask, f"{{ causes: ['q'], problems: {{ {both} }} }}", f", {away}")
    assert "? http://am:9093 does not answer since 11:40: who has acknowledged may be out of date" in text


def test_a_time_that_runs_goes_down_to_zero_and_one_that_does_not_run_stays(ask: Ask) -> None:
    left = "{ seconds: 90, running: %s, what: { key: 'battery', device: 'ups-a' } }"
    script = """const at = (running, ms) => problems.secondsLeft(problem({ time_left: { seconds: 90, running, what: {} } }),
      { now: now + ms, timesLeft: new Map([['p', { seconds: 90, at: now }]]) });
      return [at(true, 0), at(true, 30_500), at(true, 500_000), at(false, 500_000)];"""
    assert ask(script) == [90, 59.5, 0, 90]
    named = "name: 'DcimUpsOnBattery', labels: { device: 'ups-a' }"
    text = column(
        ask,
        f"{{ causes: ['p'], problems: {{ p: problem({{ {named}, time_left: {left % 'true'} }}) }} }}",
    )
    assert "90\u00a0s of battery left" in text


def test_a_time_that_runs_down_and_that_nobody_knows_is_said_to_be_unknown(ask: Ask) -> None:
    """If nothing said so, an operator would assume that there is time."""
    left = "time_left: { seconds: null, running: true, what: { key: 'pumps_stop', loop: 'tcs' } }"
    assert "? Time left: not known" in column(ask, f"{{ causes: ['p'], problems: {{ p: problem({{ {left} }}) }} }}")


def test_a_problem_that_is_no_longer_detected_is_not_described_as_if_it_were(ask: Ask) -> None:
    text = column(ask, "{ causes: ['p'], problems: { p: problem({ holds: false }) } }")
    assert "No longer detected." in text
    assert "Phase L2 is dead." not in text
    assert "→ Check the breaker." in text


def test_a_card_of_many_says_so_in_its_title(ask: Ask) -> None:
    """Read as one leaking CDU when it was five detectors at two."""
    leaks = ", ".join(
        f"{name}: problem({{ id: '{name}', name: 'DcimLeakDetected', labels: {{ device: '{name}', detector: 'tray' }} }})"
        for name in ("p", "q", "r")
    )
    assert "leak, tray and 2 more since" in column(ask, f"{{ causes: ['p', 'q', 'r'], problems: {{ {leaks} }} }}")


def test_a_generator_that_is_late_is_named_in_the_problem_of_its_feed(ask: Ask) -> None:
    named = "name: 'DcimUpsOnBattery', labels: { device: 'ups-a', feed: 'A' }, holds: %s"
    for key, feed, holds, is_said in (
        ("generator_overdue", "A", "true", True),
        ("generator_overdue", "A", "false", False),
        ("generator_overdue", "B", "true", False),
        ("generator_due", "A", "true", False),
    ):
        left = f"{{ id: 'generator_start:{feed}', what: {{ key: '{key}', feed: '{feed}' }}, seconds: 27 }}"
        site = f", site: {{ answers: {{ survives: [], time_left: [{left}], trust: [] }} }}"
        text = column(ask, f"{{ causes: ['p'], problems: {{ p: problem({{ {named % holds} }}) }} }}", site)
        assert ("→ The generator is late: start it by hand." in text) is is_said


def test_a_loop_whose_cdus_leak_is_not_said_to_be_good(ask: Ask) -> None:
    """A CDU that leaks still runs, so that its loop has a spare one, until somebody has to stop it."""
    script = """const answer = (leaking) => ({ id: `cdu_loss:${leaking}`, what: { key: 'cdu_loss' }, state: 'yes', figure: null,
        detail: { cdus_spare: 1, ...(leaking ? { leaking } : {}) } });
      const site = (leaking) => ({ answers: { survives: leaking.map(answer), time_left: [], trust: [] } });
      const said = (...leaking) => [...shown(answers.answersColumn(make({ site: site(leaking) })))
        .querySelectorAll('.survives td')].map((each) => [each.className, each.textContent]);
      return [said(0), said(1), said(2), said(2, 0)];"""
    assert ask(script) == [
        [["yes", "yes"]],
        [["bad", "yes, but 1 leaks"]],
        [["bad", "yes, but 2 leak"]],
        [["bad", "yes, but 2 leak"], ["yes", "yes"]],
    ]


def test_racks_that_another_cdu_cools_are_not_to_be_shut_down(ask: Ask) -> None:
    stopped = "name: 'DcimCduAllPumpsStopped', labels: { device: 'cdu-1' }, description: 'Hot. Shut down its racks.'"
    left = "time_left: { seconds: 14, running: %s, what: { key: '%s', loop: 'tcs' } }"
    for running, key, step in (
        ("true", "pumps_stop", "→ Shut down its racks."),
        ("false", "other_pumps_stop", "→ Restart a pump. Until then stop no other CDU of its loop."),
    ):
        text = column(ask, f"{{ causes: ['p'], problems: {{ p: problem({{ {stopped}, {left % (running, key)} }}) }} }}")
        assert step in text
        assert ("Shut down" in text) is (running == "true")


def test_an_answer_that_is_unknown_names_a_device_that_is_missing(ask: Ask) -> None:
    script = """const answer = { id: 'feed_loss:A', what: { key: 'feed_loss', feed: 'A' }, state: 'unknown', detail: {}, figure: null };
      const short = (labels) => ({ ...labels, device: labels.device?.replace('cas1-', '') });
      const said = (missing) => shown(answers.answersColumn(make({ short,
        site: { answers: { survives: [{ ...answer, missing }], time_left: [], trust: [] } } }))).querySelector('.survives td').textContent;
      return [said(null), said('cas1-pdu-a2-a')];"""
    assert ask(script) == ["not known", "not known: pdu-a2-a"]


RACK = {"kind": "single_feed", "place": "rack", "name": "dh1-c4", "phase": None, "load_ratio": None}
UPS = {"kind": "overload", "place": "ups", "name": "ups-b", "phase": None, "load_ratio": 1.207}
PANEL = {"kind": "overload", "place": "panel", "name": "row-b", "phase": "L2", "load_ratio": 1.08}
FIGURE = {"metric": "dcim_rack_survives_feed_loss", "labels": {"rack": "dh1-c4", "feed": "A"}}


def blaming(*blamed: Mapping[str, object]) -> str:
    return json.dumps([{**each, "figure": FIGURE} for each in blamed])


def test_an_answer_no_names_who_is_to_blame_and_the_rest_where_the_pointer_rests(ask: Ask) -> None:
    script = """const answer = { id: 'feed_loss:A', what: { key: 'feed_loss', feed: 'A' }, state: 'no', detail: { racks_lost: %s },
        figure: { metric: 'dcim_site_survives_feed_loss', labels: { feed: 'A' } }, blamed: %s, blamed_total: %s };
      const short = (labels) => ({ ...labels, device: labels.device?.replace('dh1-', '') });
      const site = { answers: { survives: [answer], time_left: [], trust: [] } };
      const place = shown(answers.answersColumn(make({ short, language: '%s', site })));
      const said = place.querySelector('.survives td'), link = place.querySelector('.survives a');
      return [said.textContent, said.title, link.title].map((text) => text.replaceAll('\\u00a0', ' '));"""
    one = "rack c4: supplied by feed A only"
    assert ask(script % (1, blaming(RACK), 1, "en")) == ["no: c4", one, one]
    assert ask(script % (0, blaming(UPS), 1, "en"))[:2] == ["no: ups-b", "UPS ups-b: 121 % of its rating"]
    several = f"{one}; UPS ups-b: 121 % of its rating; panel row-b, phase L2: 108 % of what it may carry for hours; and 4 more"
    assert ask(script % (5, blaming(RACK, UPS, PANEL), 7, "en"))[:2] == ["no: 5 racks", several]
    assert ask(script % (1, blaming(RACK), 1, "fr"))[:2] == ["non : c4", "baie c4 : alimentée par la seule voie A"]


def test_the_page_of_a_figure_names_first_who_decides_it_and_says_how_many_inputs_it_shows(ask: Ask) -> None:
    """What is missing is no reason for an answer that is known."""
    document = """{ metric: 'dcim_site_survives_feed_loss', labels: { feed: 'A' }, unit: '', value: 0, help: 'Help.',
      formula: 'all', basis: 'readings', missing: ['pdu-hall-1-c2-a1: does not answer'], inputs: [], inputs_total: 911,
      blamed: %s, blamed_total: %s }"""
    script = """const place = shown(dom.h('div', null, details.figureView({ ...make({ language: 'en' }), route: { view: 'figure', id: 'x' },
        fetched: { document: %s } })));
      const texts = (selector) => [...place.querySelectorAll(selector)].map((e) => e.textContent);
      return [texts('h3'), texts('.blamed li'), place.querySelector('.blamed a')?.getAttribute('href') ?? '', place.textContent];"""
    titles, blamed, link, text = ask(script % (document % (blaming(RACK), 3)))
    assert titles[:2] == ["What decides it · 3", "Formula"]
    assert "What is missing, though the figure is known" in titles
    assert blamed == ["▲ rack dh1-c4: supplied by feed A only", "and 2 more"]
    assert link == "?label.rack=dh1-c4&label.feed=A&figure=dcim_rack_survives_feed_loss"
    assert "The first 0: those that are missing, then the oldest." in text
    titles, blamed, _, _ = ask(script % (document % ("[]", 0)).replace("value: 0", "value: null"))
    assert titles[:2] == ["Formula", "What is missing"]
    assert blamed == []
