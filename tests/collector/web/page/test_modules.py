"""The page's modules, each asked alone in Chromium: what they say of data as the API gives it, without a collector behind.

An operator reads these words at night: what is not known is never green, a time runs down, and a text stays a text.
"""

import json

import pytest

from tests.collector.web.page.asking import Ask, column
from tests.collector.web.page.hall import EVIL


def verdict(ask: Ask, **more: object) -> tuple[str, str]:
    """The class and the text of the line that says how all of it is."""
    classes, text = ask(
        f"const v = shown(head.verdict(make({json.dumps(more)}))).firstChild; return [v.className, v.textContent]"
    )
    return classes.removeprefix("verdict "), text


def test_green_is_for_a_site_of_which_everything_is_observed_and_nothing_has_begun(ask: Ask) -> None:
    assert verdict(ask) == ("ok", "✓ No problem. All 26 devices are observed.")
    never = {"never_heard": 2, "never_heard_ids": ["crac-1", "crac-2"]}
    causes = [{"cause": "never_heard", "agent": "", "devices": 2}]
    kind, text = verdict(ask, site={"devices": never, "unobserved": causes})
    assert kind == "unknown"
    assert "2 of 28 devices" in text
    assert "2 devices never heard of, though in the site file: crac-1, crac-2" in text
    assert text.endswith("Which are they?")
    kind, text = verdict(ask, site={"devices": {"unobserved": 3}})
    assert (kind, "3 of 26 devices" in text) == ("unknown", True)
    assert verdict(ask, site={"devices": {"down": 1}})[0] == "unknown"
    assert verdict(ask, site={"devices": {"known": 0}}) == ("unknown", "? No message about any device has arrived yet.")
    assert verdict(ask, problems={"complete": False})[0] == "unknown"
    begun = {"x": {"severity": "warning"}}
    assert verdict(ask, problems={"beginning": begun}) == (
        "unknown",
        "? No problem yet, but something has begun; see below.",
    )
    racks = {"racks": {"a1": {"observed": True}, "a2": {"observed": False}}}
    assert verdict(ask, floor=racks) == ("unknown", "? No problem is known, but 1 rack is not observed.")


def test_totals_count_devices_that_were_never_heard_of(ask: Ask) -> None:
    """And they lead to those."""
    site = {
        "totals": {"facility_power_watts": None, "it_power_watts": 5000, "pue": None, "carbon_grams_per_hour": None},
        "devices": {"never_heard": 2},
        "agents": {"known": 1, "up": 1},
        "ledger": {"missing": 0, "complete": True},
        "answers": {"survives": []},
        "sites": ["s"],
    }
    script = f"""const place = shown(head.head({{ ...make({json.dumps({"site": site})}), settings: {{}} }}));
      const all = [...place.querySelectorAll('.totals li')], last = all.at(-1);
      return [all.map(e => [e.className, e.querySelector('b').textContent]), last.querySelector('a').getAttribute('href')];"""
    totals, link = ask(script)
    assert totals[0] == ["unknown", "?"]
    assert totals[1] == ["", "5.0\u00a0kW"]
    assert totals[-1] == ["unknown", "26 of 28"]
    assert link == "?devices&state=unknown"


HEAD = """const place = shown(head.head({ ...make({ language: '%s', ...%s }), settings: {} }));
  return [...place.querySelectorAll('.totals a')].map(e => [e.textContent, e.getAttribute('href'), e.title]);"""


def heads(ask: Ask, totals: dict[str, object], language: str = "en", survives: str = "yes") -> list[list[str]]:
    """Text, address and title of each total, without no-break spaces."""
    nothing = {"facility_power_watts": None, "it_power_watts": None, "pue": None, "carbon_grams_per_hour": None}
    site = {
        "totals": nothing | totals,
        "agents": {"known": 1, "up": 1},
        "ledger": {"missing": 0, "complete": True},
        "answers": {"survives": [{"state": survives}]},
        "devices": {"oldest_age_seconds": 10},
        "sites": ["s"],
    }
    found = ask(HEAD % (language, json.dumps({"site": site})))
    return [[each.replace("\u00a0", " ") for each in total] for total in found]


def test_each_total_leads_to_what_its_own_number_is_made_of_and_says_in_words_what_it_means(ask: Ask) -> None:
    known = {
        "facility_power_watts": 52_000,
        "it_power_watts": 46_600,
        "pue": {"value": 1.116, "window_seconds": 240, "estimate": True},
        "carbon_grams_per_hour": {"location": 32_200},
    }
    facility, it, pue, carbon, devices = heads(ask, known)
    assert [each[1] for each in (facility, it, pue, carbon)] == [
        "?total=facility",
        "?total=it",
        "?total=pue",
        "?total=carbon",
    ]
    assert pue[0] == "1.12 PUE, last 4 min, estimate"
    assert carbon[0] == "32.2 kg/h CO₂, location-based"
    assert "the average of the grid where the site is" in carbon[2]
    assert devices[0] == "26 of 26 devices answer, at most 10 s ago"
    assert "is no longer counted: it is not observed" in devices[2]
    french = heads(ask, known, "fr")
    assert french[3][0] == "32,2 kg/h CO₂, méthode géographique"
    assert "la moyenne du réseau" in french[3][2]
    assert french[4][0] == "26 sur 26 équipements répondent, il y a 10 s au plus"
    assert french[4][2]


def test_a_pue_that_is_not_known_says_why(ask: Ask) -> None:
    below = {"facility_power_watts": 3_330_000, "it_power_watts": 3_540_000, "pue_unknown": "below_it"}
    assert heads(ask, below)[2][0] == "? PUE: not known, facility below IT"
    assert "the load changed between two readings" in heads(ask, below)[2][2]
    assert heads(ask, below, survives="battery")[2][0] == "? PUE: not known on battery"
    assert heads(ask, below, "fr")[2][0] == "? PUE : inconnu, site sous l'informatique"
    found = {reason: heads(ask, {"pue_unknown": reason})[2][0] for reason in ("no_facility", "no_it", "no_load")}
    assert found == {
        "no_facility": "? PUE: facility power not known",
        "no_it": "? PUE: IT power not known",
        "no_load": "? PUE: no IT load",
    }
    assert heads(ask, {"pue_unknown": "starting"})[2][0] == "? PUE: not known yet"


def total_text(ask: Ask, document: dict[str, object], language: str = "en") -> str:
    """The view of a total, without no-break spaces."""
    script = f"""const place = shown(dom.h('div', null, total.totalView({{ ...make({{ language: '{language}' }}),
      route: {{ view: 'total', id: '{document["id"]}' }}, fetched: {{ document: {json.dumps(document)} }} }})));
      return [place.textContent, [...place.querySelectorAll('a')].map(e => e.getAttribute('href'))];"""
    text, links = ask(script)
    return str(text).replace("\u00a0", " ") + " " + " ".join(links)


def test_the_view_of_a_total_begins_with_its_number_and_has_the_readings_behind_it(ask: Ask) -> None:
    meter: dict[str, object] = {
        "device": "meter-main",
        "series": "dcim_meter_power_watts{role=facility}",
        "unit": "watts",
    }
    meter |= {"metric": "dcim_meter_power_watts", "labels": {"role": "facility"}, "value": 52_000, "age_seconds": 2.4}
    pue: dict[str, object] = {
        "id": "pue",
        "unit": "",
        "value": 1.116,
        "window_seconds": 240,
        "unknown": None,
        "it_from": "meters",
    }
    pue |= {"facility_power_watts": 52_000, "it_power_watts": 46_600, "inputs": [meter], "inputs_total": 1}
    text = total_text(ask, pue)
    assert text.startswith(
        "← Back to the floorPUE, estimate1.12Mean facility power over mean IT power, both of the last 4 min."
    )
    assert "Facility power52 kWIT power47 kW" in text
    assert "power watts role facilitymeter-main52 kW2 s" in text
    assert "?device=meter-main" in text
    assert "figure=dcim_site_interim_pue_ratio" in text
    rack: dict[str, object] = {
        "device": "",
        "series": "dcim_rack_power_watts{rack=a1}",
        "metric": "dcim_rack_power_watts",
        "unit": "watts",
    }
    rack |= {"labels": {"rack": "a1"}, "value": None, "age_seconds": None, "reason": "pdu-a1-a: stale"}
    it = pue | {"id": "it", "unit": "watts", "value": None, "it_from": "racks", "inputs": [rack], "inputs_total": 300}
    text = total_text(ask, it)
    assert "? not known" in text
    assert "The first 1: those that are missing, then the oldest." in text
    assert "label.rack=a1&figure=dcim_rack_power_watts" in text
    below = pue | {"value": None, "window_seconds": None, "unknown": "below_it"}
    assert "batteries give the rest, or the load changed between two readings" in total_text(ask, below)
    assert "la charge a changé entre deux mesures" in total_text(ask, below, "fr")


def test_an_agents_devices_are_those_that_answer_and_those_not_observed_are_named_too(ask: Ask) -> None:
    def devices(language: str = "en", **more: object) -> str:
        agent = {"id": "gw-1", "state": "up", "devices": 205, "answering": 204, "unobserved": {}, **more}
        page = f"{{ ...make({{ language: '{language}' }}), agents: {json.dumps({'items': {'gw-1': agent}})} }}"
        cells = f"shown(dom.h('div', null, agents.agentsView({page}))).querySelectorAll('td')"
        return str(ask(f"return {cells}[7].textContent")).replace("\u00a0", " ")

    assert devices() == "204 of 205 answer"
    assert devices("fr") == "204 sur 205 répondent"
    assert devices(answering=200, unobserved={"device_silent": 3}) == "200 of 205 answer, 3 not observed"
    assert devices("fr", answering=200, unobserved={"starting": 3}) == "200 sur 205 répondent, non observés : 3"


def test_right_after_a_start_no_number_of_agents_is_made_up(ask: Ask) -> None:
    nothing = {"facility_power_watts": None, "it_power_watts": None, "pue": None, "carbon_grams_per_hour": None}
    site = {
        "totals": nothing,
        "agents": {"known": 0, "up": None},
        "ledger": {"missing": None, "complete": None},
        "answers": {"survives": []},
        "sites": ["s"],
    }
    for language, said in (("en", "no agent heard yet"), ("fr", "aucun agent ne s'est manifesté")):
        text = ask(
            f"""const place = shown(head.head({{ ...make({{...{json.dumps({"site": site})}, language: "{language}"}}), settings: {{}} }}));
          return place.textContent;"""
        )
        assert said in text
        assert "? of 0" not in text


def test_the_time_since_an_agents_last_message_counts_on_and_its_old_lag_is_hidden(ask: Ask) -> None:
    agent = {
        "id": "gw-1",
        "state": "up",
        "devices": 3,
        "unobserved": {},
        "last_message": "2026-11-26T11:59:58Z",
        "lag_seconds": 0.25,
    }
    lost = {**agent, "state": "unknown", "unobserved": {"starting": 1, "broker": 2}}

    def row(agent: dict[str, object], later_s: int) -> list[str]:
        more = f"{{ ...make(), now: now + {later_s * 1000}, agents: {json.dumps({'items': {'gw-1': agent}})} }}"
        cells = f"shown(dom.h('div', null, agents.agentsView({more}))).querySelectorAll('td')"
        return list(ask(f"return [...{cells}].map((cell) => cell.textContent)"))

    assert row(agent, 0)[1:4] == ["✓ up", "2\u00a0s ago", "250\u00a0ms"]
    assert row(agent, 40)[2] == "42\u00a0s ago"
    state, heard, lag = row(lost, 60)[1:4]
    assert state == "? not observed the collector has no connection to the broker"
    assert (heard, lag) == ("62\u00a0s ago", "?")


def test_problems_in_maintenance_or_acknowledged_are_marked_on_floor_and_legend(ask: Ask) -> None:
    floor_of = """return ((care) => { const problem = { severity: 'critical', id: 'p', care };
      const place = shown(floor.floorSection(make({ quantity: 'power', choose: () => null, room: '', floor: {
        rows: [{ room: 'dh1', id: 'a', racks: ['a1'], cdus: ['c'] }], feeds: {}, ups_groups: {}, loops: {},
        racks: { a1: { id: 'a1', row: 'a', room: 'dh1', observed: true, unobserved: null, problem, beginning: null, unseen: 0, feeds: {},
          devices: [], values: { power_watts: 5000, power_ratio: 0.5, loss_ratio: {} } } },
        cdus: { c: { id: 'c', row: 'a', room: 'dh1', observed: true, problem, flow_cubic_meters_per_second: 0.01, pumps: {} } } } })));
      return [place.querySelector('.rack .mark').textContent, place.querySelector('.rack .sr').textContent,
        [...place.querySelectorAll('.cdu [role=img]')].map((each) => [each.textContent, each.getAttribute('aria-label')]),
        place.querySelector('.legend').textContent]; })(%s)"""
    for care, sign, words in (("acknowledged", "\u270e", "acknowledged"), ("maintenance", "\u2692", "in maintenance")):
        mark, said, of_cdu, legend = ask(floor_of % f"'{care}'")
        assert mark == f"\u25b2{sign}"
        assert words in said
        assert [sign, words] in of_cdu
        assert f"{sign} {words}" in legend
    mark, said, of_cdu, legend = ask(floor_of % "null")
    assert mark == "\u25b2"
    assert "acknowledged" not in said + legend
    assert "maintenance" not in said + legend
    assert len(of_cdu) == 1


def test_a_cdu_whose_pumps_are_not_known_is_no_spare_at_rest(ask: Ask) -> None:
    tile = """return ((pumps) => shown(floor.floorSection(make({ quantity: 'power', choose: () => null, room: '', floor: {
      rows: [{ room: 'dh1', id: 'a', racks: [], cdus: ['c'] }], feeds: {}, ups_groups: {}, racks: {},
      cdus: { c: { id: 'c', row: 'a', room: 'dh1', observed: true, flow_cubic_meters_per_second: 0, pumps } } } })))
      .querySelector('.cdu').textContent)(%s)"""
    assert "at rest" in ask(tile % "{ 1: 'standby' }")
    assert "no flow" in ask(tile % "{}")


def test_time_left_is_never_rounded_up(ask: Ask) -> None:
    assert ask(
        "const f = new format.Format('en'); return [119.9, 120, 179.9, 7199, 7200, -3].map((s) => f.left(s))"
    ) == [
        "119\u00a0s",
        "2\u00a0min",
        "2\u00a0min",
        "119\u00a0min",
        "2\u00a0h",
        "0\u00a0s",
    ]


@pytest.mark.parametrize(
    ("value", "unit", "english", "french"),
    [
        (0.0053, "cubic_meters_per_second", "318\u00a0L/min", "318\u00a0L/min"),
        (31.84, "celsius", "31.8\u00a0°C", "31,8\u00a0°C"),
        (-0.04, "celsius", "0.0\u00a0°C", "0,0\u00a0°C"),
        (1_234_000, "watts", "1.23\u00a0MW", "1,23\u00a0MW"),
        (0.0456, "ratio", "4.6\u00a0%", "4,6\u00a0%"),
        (7_200, "seconds", "2\u00a0h", "2\u00a0h"),
        (86_400 * 3, "seconds", "3\u00a0d", "3\u00a0j"),
        (250_000, "pascals", "250\u00a0kPa", "250\u00a0kPa"),
        (3.6e6, "joules", "1\u00a0kWh", "1\u00a0kWh"),
        (None, "watts", "?", "?"),
        ("standby", "", "standby", "en réserve"),
    ],
)
def test_values_have_the_units_of_operators(
    ask: Ask, value: float | str | None, unit: str, english: str, french: str
) -> None:
    script = f"return ['en', 'fr'].map((l) => new format.Format(l).quantity({json.dumps(value)}, '{unit}'))"
    assert ask(script) == [english, french]


def test_french_is_french_to_the_last_sentence(ask: Ask) -> None:
    """The collector's own sentences are English; the page has its own."""
    text = column(ask, "{ causes: ['p'], problems: { p: problem() } }", ", language: 'fr'")
    assert text.startswith("Problèmes · 1▲ Baie a1, pdu-1\u00a0: phase L2")
    assert "Check the breaker" not in text
    plural = "return [0, 1, 2].map((n) => new words.Words('fr').say('devices.count', { n }))"
    assert ask(plural) == ["0 équipement", "1 équipement", "2 équipements"]


def test_no_line_ends_between_a_number_and_its_unit_in_any_sentence(ask: Ask) -> None:
    """Of the page's own tables and of the collector's descriptions."""
    own = "problem({ name: 'Other', description: 'Supply at 47.5 °C for 20 s, 3 sensors.', value: 47.5 })"
    assert ask(f"return new words.Words('en').problemText({own}, new format.Format('en', 'UTC'))") == (
        "Supply at 47.5\u00a0°C for 20\u00a0s, 3 sensors."
    )
    texts = ask(
        """const found = [], spaces = /[0-9] (°C|L[/]min|kW|W|V|K|Pa|s|min)(?![a-zà-ÿ0-9'])/;
      for (const name of Object.keys(problems_fr.descriptions)) {
        found.push(new words.Words('fr').problemText(problem({ name }), new format.Format('fr', 'UTC')));
      }
      return [found.length, found.filter((text) => spaces.test(text))];"""
    )
    assert texts[0] > 100
    assert texts[1] == []


def test_a_text_is_never_markup_and_a_runbook_never_a_script(ask: Ask) -> None:
    found = f"problem({{ labels: {{ rack: {json.dumps(EVIL)}, device: 'd', phase: 'L1' }}, runbook: 'javascript:alert(1)' }})"
    script = f"""const place = shown(problems.problemColumn(make({{ problems: {{ causes: ['p'], problems: {{ p: {found} }} }} }})));
      return [place.querySelectorAll('img').length, place.textContent.includes('onerror'),
        [...place.querySelectorAll('a')].map(e => e.protocol), links.outerLink('https://runbooks.example/x')];"""
    images, is_text, protocols, outer = ask(script)
    assert (images, is_text, outer) == (0, True, "https://runbooks.example/x")
    assert "javascript:" not in protocols


def test_only_what_changed_is_made_again(ask: Ask) -> None:
    """A floor of a thousand racks is shown each second; of one that stays the same nothing is touched."""
    script = """let made = 0; const place = document.createElement('div');
      const a = { x: 1 }, b = { x: 2 };
      const row = (key, use) => dom.memo(key, [use], () => { made += 1; return dom.h('p', null, String(use.x)); });
      dom.show(place, [row('a', a), row('b', b)]);
      const [first, second] = place.children, before = made; let changes = 0;
      const watch = new MutationObserver((all) => { changes += all.length; });
      watch.observe(place, { subtree: true, childList: true, characterData: true, attributes: true });
      dom.show(place, [row('a', a), row('b', { x: 3 })]);
      changes += watch.takeRecords().length;
      return [made - before, changes, place.children[0] === first, place.children[1] === second, place.textContent];"""
    assert ask(script) == [1, 1, True, True, "13"]


def test_a_patch_without_its_document_is_refused(ask: Ask) -> None:
    """Merged into nothing it would show a part of a floor as if it were all of it."""
    script = """const s = new stream.Stream('about:blank#', () => {}); s._parts = ['site'];
      const event = (data, begun) => { try { s._event({ name: 'site', data: JSON.stringify(data) }, begun);
        return s.documents.site; } catch (e) { return e.message; } };
      const begun = new Set();
      return [event({ patch: { a: 1 } }, new Set()), event({ whole: { a: 1, b: 2 } }, begun), event({ patch: { a: 3 } }, begun)];"""
    refused, whole, patched = ask(script)
    assert "a patch of site without the document" in refused
    assert (whole, patched) == ({"a": 1, "b": 2}, {"a": 3, "b": 2})


def test_no_problem_is_counted_as_none_before_every_device_was_looked_at(ask: Ask) -> None:
    """After a restart, problems of before may go on: 0 would be read as well, and a number that is there is said."""
    script = """return [{}, { problems: { complete: false } }, { site: { problems: { complete: false } } },
      { site: { devices: { known: 0 } } }, { problems: { complete: false, causes: ['p'], problems: { p: problem() } } }]
      .map((more) => shown(problems.problemColumn(make(more))).querySelector('#problems-title').textContent);"""
    assert ask(script) == [
        "Problems \u00b7 0",
        "Problems \u00b7 ?",
        "Problems \u00b7 ?",
        "Problems \u00b7 ?",
        "Problems \u00b7 1",
    ]


def test_a_lost_connection_is_tried_again_after_growing_pauses_with_jitter(ask: Ask) -> None:
    """Of a hundred screens none asks at the same moment as another, and none waits for longer than 15 s."""
    script = """const fetch_ = globalThis.fetch, timer = globalThis.setTimeout; const pauses = [];
      globalThis.fetch = () => Promise.reject(new TypeError('refused'));
      globalThis.setTimeout = (call, ms) => { if (ms > 20_000) return 0; pauses.push(ms); return timer(call, 0); };
      const s = new stream.Stream('http://nowhere.example/', () => {});
      s.follow(['site'], '');
      while (pauses.length < 9) await new Promise((done) => timer(done, 5));
      const { state, cause } = s.link;
      s._run.abort(); globalThis.fetch = fetch_; globalThis.setTimeout = timer;
      return [pauses.slice(0, 9), state, cause.key];"""
    pauses, state, cause = ask(script)
    longest = [min(15_000, 500 * 2**attempt) for attempt in range(9)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True)), pauses
    assert len({pause / most for pause, most in zip(pauses, longest, strict=True)}) > 5
    assert (state, cause) == ("lost", "unreachable")


def test_a_connection_that_says_nothing_for_25_s_is_ended(ask: Ask) -> None:
    """A firewall that forgot it lets the browser wait for ever; the collector speaks every 10 s."""
    script = """const fetch_ = globalThis.fetch, timer = globalThis.setTimeout; let longest = 0;
      globalThis.fetch = (_, { signal }) => Promise.resolve(new Response(new ReadableStream({
        start: (c) => signal.addEventListener('abort', () => c.error(signal.reason)) })));
      globalThis.setTimeout = (call, ms) => { longest = Math.max(longest, ms); return timer(call, ms > 20_000 ? 20 : ms); };
      const s = new stream.Stream('http://nowhere.example/', () => {});
      const answer = await s._connection(new AbortController().signal);
      globalThis.fetch = fetch_; globalThis.setTimeout = timer;
      return [answer.key, longest];"""
    assert ask(script) == ["silent", 25_000]


READING = "{ metric: 'dcim_cdu_flow', labels: {}, unit: 'watts', value: %s, last: %s, quality: '%s', age_seconds: %s, reason: %s }"


def test_an_old_reading_is_in_brackets_with_its_age_and_why(ask: Ask) -> None:
    """The last value of a sensor that is silent must not be read as the present one."""
    series = {
        "good": READING % (5000, "null", "good", 2, "null"),
        "old": READING % ("null", 4000, "stale", 95, "null"),
        "bad": READING % ("null", "null", "bad", "null", "'out of range'"),
    }
    device = (
        "{ id: 'd', class: 'cdu', state: 'up', series: {" + ", ".join(f"{k}: {v}" for k, v in series.items()) + "} }"
    )
    script = f"""const page = {{ ...make(), device: {device}, fetched: null, sparks: null, route: {{ id: 'd' }} }};
      const place = document.createElement('div'); dom.show(place, device.deviceView(page));
      return Object.fromEntries([...place.querySelectorAll('tbody tr')].map((row) => [row.dataset.series,
        [row.className, ...[...row.children].slice(1, 4).map((e) => e.textContent)]]));"""
    rows = ask(script)
    assert rows["good"] == ["good", "5\u00a0kW", "good", "2\u00a0s"]
    assert rows["old"] == ["stale", "(4\u00a0kW)", "? stale", "95\u00a0s"]
    assert rows["bad"] == ["bad", "?", "? bad out of range", "\u2013"]


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ("recorded device", "tested with a recording of a real device"),
        ("unverified", "not verified: compare with the device's own display"),
        ("another word", "another word"),
        ("", None),
    ],
)
def test_a_device_says_what_its_profile_rests_on(ask: Ask, found: str, shown: str | None) -> None:
    device = (
        "{ id: 'd', class: 'cdu', state: 'up', series: {}, profile: { name: 'p', protocol: 'snmp', evidence: '%s' } }"
    )
    script = f"""const page = {{ ...make(), device: {device % found}, fetched: null, sparks: null, route: {{ id: 'd' }} }};
      const place = document.createElement('div'); dom.show(place, device.deviceView(page));
      const facts = [...place.querySelectorAll('dt')].map((each) => [each.textContent, each.nextElementSibling.textContent]);
      return Object.fromEntries(facts);"""
    facts = ask(script)
    assert (facts["Profile"], facts.get("Evidence")) == ("p", shown)


RACK = """const rack = (more) => ({ id: 'a1', row: 'a', room: 'r', observed: true, unobserved: null,
    problem: null, beginning: null, unseen: 0,
    feeds: { A: { state: 'on', load_ratio: 0.4 } }, devices: [],
    values: { power_watts: 5000, power_ratio: 0.5, loss_ratio: {} }, ...more });
  const tile = (more) => { const floorOf = { rows: [{ id: 'a', room: 'r', racks: ['a1'], cdus: [] }],
      racks: { a1: rack(more) }, cdus: {}, feeds: {}, ups_groups: {}, loops: {} };
    const place = shown(floor.floorSection({ ...make({ floor: floorOf }), quantity: 'power', room: '' }));
    const e = place.querySelector('.rack'); return [e.querySelector('.mark')?.textContent ?? '', e.querySelector('.value').textContent,
      e.querySelector('.sr').textContent]; };"""


def test_a_rack_shows_by_sign_and_words_what_is_reported_beginning_and_not_observed(ask: Ask) -> None:
    found = ask(
        RACK
        + """return [tile({}), tile({ problem: { severity: 'critical', id: 'p' } }), tile({ beginning: { severity: 'critical', id: 'p' } }),
        tile({ problem: { severity: 'warning', id: 'p' }, beginning: { severity: 'critical', id: 'q' } }), tile({ unseen: 1 }),
        tile({ observed: false, unseen: 2, unobserved: { cause: 'never_heard', agent: '' } }),
        tile({ values: { power_watts: null, loss_ratio: {} } })];"""
    )
    assert [mark for mark, _, _ in found] == ["", "▲", "△", "◆△", "?", "", ""]
    assert found[2][2].endswith("just seen, no problem yet")
    assert found[4][2].endswith("1 of its devices not seen")
    assert found[5][1] == "not seen"
    assert "nothing has ever been heard of it" in found[5][2]
    assert found[6][1] == "?"


def test_the_page_of_a_rack_shows_what_is_just_seen_there_and_why_air_and_margin_are_unknown(ask: Ask) -> None:
    script = (
        RACK
        + """const known = { supply_celsius: 32, inlet_celsius: 24, dew_point_margin_kelvin: 6, loss_ratio: {} };
      const view = (values, beginning) => shown((details.rackView({
        ...make({ problems: { beginning }, floor: { racks: { a1: rack({ values }) } } }), route: { id: 'a1' } }))).textContent;
      const due = { q: problem({ id: 'q', severity: 'warning', due: now + 60_000 }) };
      return [view(known, {}), view({ supply_celsius: 32, loss_ratio: {} }, due)];"""
    )
    calm, begun = ask(script)
    assert "Problems\u2013" in calm
    assert "(`sensors`)" not in calm
    assert "humidity" not in calm
    assert "\u25c7" in begun
    assert "becomes a problem at 12:01:00" in begun
    assert "(`sensors`)" in begun
    assert "humidity" in begun


def test_a_floor_that_is_still_asked_for_is_none_that_has_nothing(ask: Ask) -> None:
    script = """const drawn = (it) => shown(floor.floorSection({ ...make({ floor: it }), quantity: 'power', room: '' }));
      const dim = (it) => [...drawn(it).querySelectorAll('p.dim')].map((e) => e.textContent);
      return [...dim(), ...dim({ rows: [], racks: {}, cdus: {}, feeds: {}, ups_groups: {} })];"""
    assert ask(script) == ["…", "No rack is known. Racks come from the site file, or from the label `rack` of devices."]
