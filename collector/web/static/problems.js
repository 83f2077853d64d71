// What is wrong, worst first: the cause, how long there is, where, since when, what to do.

import { h, memo } from "./dom.js";
import { instant } from "./format.js";
import { causeLine, verdict } from "./head.js";
import { linkTo, outerLink } from "./links.js";
import { BEGINS, CARE, look, RANK, shortName, SIGNS } from "./marks.js";

const HOUR_MS = 3_600_000;
const RACKS_SHOWN = 8;
const OTHERS_SHOWN = 12;
const CLEARED_SHOWN = 5;
const BEGUN_SHOWN = 6;
const WINDOWS_SHOWN = 5;

/** The column of problems, with those of the last hour that are over. */
export function problemColumn(page) {
  const { problems, words } = page;
  const causes = inOrder(problems);
  // The count 0 is shown only once the collector has looked at every device: before that, problems from before its restart may go on.
  const isKnown = page.site?.devices.known && page.site.problems.complete && problems?.complete;
  const total = causes.length + (problems?.more ?? 0) || (isKnown ? 0 : "?");
  return h("section", { class: "problems", "aria-labelledby": "problems-title", id: "problems" },
    h("h2", { id: "problems-title" }, words.say("problems.title"), problems ? ` · ${total}` : ""),
    verdict(page),
    h("div", { class: "cards" }, alike(causes).map(([problem, others]) => card(problem, others, page))),
    beginning(page),
    unseen(page),
    unread(page),
    windows(page),
    problems?.more ? h("p", { class: "dim" }, words.say("problems.more", { n: problems.more })) : null,
    h("p", { class: "cut", key: "cut", hidden: true }),
    cleared(page));
}

// Alarms that a device reports only in its own words come after problems of the table, which say more.
const UNNAMED = new Set(["DcimDeviceAlarmCritical", "DcimDeviceAlarm", "DcimDeviceAlarmsUnnamed", "DcimStateNotNormal"]);

/** Causes in order: see `priority`. */
function inOrder(problems) {
  const causes = (problems?.causes ?? []).map((id) => problems.problems[id]).filter(Boolean);
  return causes.map((problem) => [priority(problem), problem]).sort(([a], [b]) => compare(a, b)).map(([, problem]) => problem);
}

/** By severity, then those that hold at present, those that nobody takes care of, those with a name, those with most racks, the latest. */
function priority(problem) {
  const racks = (problem.concerns?.racks.length ?? 0) + (problem.concerns?.more ?? 0);
  return [RANK[problem.severity], problem.holds === false, isCaredFor(problem), UNNAMED.has(problem.name), -racks, -instant(problem.since)];
}

/** Compares two lists value by value; false comes before true. */
function compare(a, b) {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at] < b[at] ? -1 : 1;
}

function isCaredFor(problem) {
  return Boolean(problem.acknowledged ?? problem.maintenance);
}

// This many problems of one name and severity, or more, share a card: five UPSs on battery are one event.
const ALIKE = 3;

/** Each problem with the others that share its card. Acknowledged problems do not share a card with others. */
function alike(causes) {
  const groups = new Map();
  for (const problem of causes) {
    const key = `${problem.name} ${problem.severity} ${problem.status} ${JSON.stringify([problem.acknowledged, problem.maintenance?.id])}`;
    groups.set(key, [...(groups.get(key) ?? []), problem]);
  }
  return [...groups.values()].flatMap((group) => (group.length < ALIKE ? group.map((problem) => [problem, []]) : [[group[0], group.slice(1)]]));
}

function card(problem, others, page) {
  // The time left runs down; everything else is made again only when the problem changes.
  const seconds = secondsLeft(problem, page);
  const left = seconds === null ? null : Math.floor(seconds);
  const day = page.format.when(0, page.now);
  const isLate = isGeneratorLate(problem, page.site);
  return memo(`problem ${problem.id}`, [problem, others.map((each) => each.id).join(), left, isLate, day, page.words, page.format, page.floor?.rows], () => {
    const { words, format, now } = page;
    const kind = look(problem);
    const since = instant(problem.since);
    return h("article", { class: `card ${kind}${problem.maintenance ? " maintained" : ""}${problem.acknowledged ? " known" : ""}`, "data-problem": problem.name, "data-id": problem.id },
      h("h3", null,
        h("a", { href: linkTo({ problem: problem.id }) },
          h("span", { class: "sign", role: "img", "aria-label": words.say(`severity.${kind}`) }, SIGNS[kind]), " ", words.problemTitle(problem, page.short), others.length ? ` ${words.say("problems.and_more", { n: others.length })}` : null),
        " ", h("time", { datetime: new Date(since).toISOString() }, words.say("problems.since", { time: format.when(since, now) }))),
      problem.maintenance ? maintained(problem.maintenance, page) : null,
      problem.acknowledged ? acknowledged(problem.acknowledged, page) : null,
      left === null && !problem.time_left ? null : timeLeft(problem, left, page),
      problem.holds === false ? h("p", { class: "text fading" }, words.say("problems.fading")) : null,
      // The description of what is no longer detected would contradict the line above it.
      problem.holds === false ? sentences(problem, words, format, isLate).slice(1) : sentences(problem, words, format, isLate),
      problem.whereabouts ? h("p", { class: "text" }, words.say("problems.sensor", { place: problem.whereabouts })) : null,
      others.length ? alsoAt(problem, others, page) : null,
      problem.status === "uncertain" ? h("p", { class: "text" }, words.say("problems.uncertain")) : null,
      h("p", { class: "small" }, join(notes(problem, page))));
  });
}

/** The maintenance window of a problem: until when nobody is notified, why, its id and by whom. The problem itself goes on. */
export function maintained({ id, why: reason, by, until }, { words, format, now }) {
  return h("p", { class: "maintenance" }, CARE.maintenance, " ", words.say("problems.maintenance", { until: format.when(instant(until), now, { withSeconds: false }) }), ": ", reason, ` (${by ? `${id}, ${by}` : id})`);
}

/** Says that somebody has acknowledged the problem by a silence at Alertmanager. */
export function acknowledged({ by, until, comment }, { words, format, now }) {
  return h("p", { class: "acknowledged" }, CARE.acknowledged, " ", words.say("problems.acknowledged", { by: by || "?", until: format.when(instant(until), now, { withSeconds: false }) }), comment ? `: ${comment}` : "");
}

/** Conditions that hold, but not yet for long enough to be problems. They are shown but not counted, and the page is not green meanwhile. */
function beginning(page) {
  const begun = Object.values(page.problems?.beginning ?? {}).sort((a, b) => RANK[a.severity] - RANK[b.severity] || instant(b.since) - instant(a.since));
  if (!begun.length) return null;
  const { words } = page;
  return h("section", { class: "begun", "aria-labelledby": "begun-title", key: "begun" },
    h("h2", { id: "begun-title" }, words.say("problems.begun"), ` · ${begun.length}`),
    begun.slice(0, BEGUN_SHOWN).map((problem) => begins(problem, page)),
    begun.length > BEGUN_SHOWN ? h("p", { class: "dim" }, words.say("problems.more_begun", { n: begun.length - BEGUN_SHOWN })) : null);
}

function begins(problem, page) {
  const { words, format, now } = page;
  return memo(`begins ${problem.id}`, [problem, words, format, format.when(0, now), page.floor?.rows], () => h("article", { class: `card begins ${problem.severity}`, "data-begins": problem.name },
    h("h3", null,
      h("a", { href: linkTo({ problem: problem.id }) }, h("span", { class: "sign", role: "img", "aria-label": words.say("severity.begins") }, BEGINS[problem.severity]), " ", words.problemTitle(problem, page.short)),
      " ", h("time", { datetime: new Date(problem.since).toISOString() }, words.say("problems.since", { time: format.when(problem.since, now) }))),
    h("p", { class: "small" }, join([words.say("problems.due", { time: format.time(problem.due) }), ...notes(problem, page)]))));
}

// Problems whose description says to check that the generator has taken the load.
const ON_BATTERY = new Set(["DcimUpsOnBattery", "DcimMainsLost"]);

/** Whether the generator of a feed that is on battery should carry it by now. */
function isGeneratorLate({ name, labels, holds }, site) {
  const start = site?.answers?.time_left.find((each) => each.id === `generator_start:${labels?.feed}`);
  return holds !== false && ON_BATTERY.has(name) && start?.what.key === "generator_overdue";
}

/**
 * The description of a problem, with what to do after an arrow: in the table of problems that is the last sentence.
 * `isLate`: the generator that it says to look at should carry the feed by now.
 */
export function sentences(problem, words, format, isLate = false) {
  const all = words.problemText(problem, format).split(/(?<=[.!?]) (?=\p{Lu})/u);
  const last = all.length > 1 ? all.pop() : null;
  const next = nextStep(problem, words, isLate) ?? last;
  return [h("p", { class: "text" }, all.join(" ")), next ? h("p", { class: "next" }, "→ ", next) : null];
}

/** What to do where the state of the site answers an "if" of the description; null to keep its own words. */
function nextStep(problem, words, isLate) {
  if (isLate) return words.say("left.generator_overdue_next");
  return problem.time_left?.what.key === "other_pumps_stop" ? words.say("left.other_pumps_stop_next") : null;
}

/** The other problems of a card: how many, and their places with the number at each, as a device may have the same problem at two of its sensors. */
function alsoAt(problem, others, page) {
  const places = new Map();
  for (const each of others) {
    const place = subject(each, page);
    places.set(place, { id: places.get(place)?.id ?? each.id, n: (places.get(place)?.n ?? 0) + 1 });
  }
  const shown = [...places].slice(0, OTHERS_SHOWN);
  return h("p", { class: "others" }, page.words.say("problems.alike", { n: others.length }), " ",
    shown.flatMap(([name, { id, n }], index) => [index ? ", " : "", h("a", { key: id, href: linkTo({ problem: id }) }, name), n > 1 ? `\u00a0(${n})` : ""]),
    places.size > shown.length ? " …" : "");
}

/** The place of a problem, for a card that has its words already. */
function subject({ labels }, { short }) {
  const { device, rack, loop, group, agent, feed } = short(labels);
  return device ?? rack ?? loop ?? group ?? agent ?? feed ?? "…";
}

function notes(problem, page) {
  const { words, format } = page;
  const limit = problem.limit ?? null;
  return [
    // For problems of a share of devices, value and limit are left out: the description has the share, and its limit helps nobody.
    limit === null || !problem.unit || !(problem.labels.device ?? problem.labels.rack) ? null : words.say("problems.value", { value: measured(problem, problem.value, format), limit: measured(problem, limit, format) }),
    racks(problem, page),
    problem.consequences ? h("a", { href: linkTo({ problem: problem.id }) }, words.say("problems.folded", { n: problem.consequences })) : null,
    problem.runbook && outerLink(problem.runbook) ? runbook(problem, words) : null,
  ];
}

/** A value of a problem. The API gives it as its sentence does, in L/min and the like: `times` the base unit. */
export function measured({ unit, times }, value, format) {
  return unit && value != null ? format.quantity(value / (times ?? 1), unit) : null;
}

/** A link to the runbook, or where it is among the files of the installation. */
export function runbook(problem, words) {
  const address = problem.runbook && outerLink(problem.runbook);
  return address ? h("a", { href: address, rel: "noopener" }, words.say("problems.todo")) : problem.runbook ? h("span", null, `${words.say("problems.todo")}: ${problem.runbook}`) : null;
}

/** Parts with a dot between those that are there. */
export function join(parts) {
  return parts.filter((part) => part !== null && part !== undefined).flatMap((part, index) => (index ? [" · ", part] : [part]));
}

function racks(problem, page) {
  const { words } = page;
  const ids = problem.concerns?.racks ?? problem.racks ?? [];
  if (!ids.length) return null;
  const parts = runs(ids, page);
  const rest = (problem.concerns?.more ?? 0) + parts.slice(RACKS_SHOWN).reduce((sum, part) => sum + part.size, 0);
  const links = parts.slice(0, RACKS_SHOWN).flatMap((part, index) => [index ? ", " : "", h("a", { href: part.href }, part.text)]);
  const [before, after] = words.say("problems.racks", { list: "\0", n: ids.length }).split("\0");
  const [, more] = words.say("problems.more_racks", { list: "\0", n: rest }).split("\0");
  const isRows = parts.every((part) => part.isRow);
  return h("span", null, isRows ? "" : before, links, rest ? more : "", isRows ? "" : after);
}

/** Racks in few words: a whole row, a range of neighbours, or single ones. */
function runs(ids, { floor, short, words }) {
  const wanted = new Set(ids);
  const parts = [];
  for (const row of floor?.rows ?? []) {
    const inside = row.racks.filter((id) => wanted.has(id));
    for (const id of inside) wanted.delete(id);
    if (inside.length > 1 && inside.length === row.racks.length) {
      parts.push({ isRow: true, size: inside.length, text: words.say("floor.row", { name: shortName(row.id, row.room) }), href: linkTo({ room: row.room, row: row.id }) });
      continue;
    }
    let run = [];
    const end = () => {
      const name = (id) => short({ rack: id }).rack;
      const link = (id) => ({ size: 1, text: name(id), href: linkTo({ rack: id }) });
      if (run.length > 2) parts.push({ size: run.length, text: `${name(run[0])}–${name(run.at(-1))}`, href: linkTo({ room: row.room, row: row.id }) });
      else parts.push(...run.map(link));
      run = [];
    };
    row.racks.forEach((id) => (inside.includes(id) ? run.push(id) : end()));
    end();
  }
  return [...parts, ...[...wanted].map((id) => ({ size: 1, text: short({ rack: id }).rack, href: linkTo({ rack: id }) }))];
}

/** Below the list of problems: what is not observed and may have more. With an empty list, the verdict says it. */
function unseen(page) {
  const { site, problems, words, format } = page;
  if (!site || !problems?.causes.length) return null;
  const { devices } = site;
  const n = devices.unobserved + devices.never_heard;
  if (n <= 0) return null;
  return h("article", { class: "card uncertain", key: "unseen" },
    h("h3", null, h("a", { href: linkTo({ devices: "", state: "unknown" }) }, h("span", { class: "sign", "aria-hidden": "true" }, SIGNS.uncertain), " ", words.say("problems.unseen", { n: format.number(n), all: format.number(devices.known + devices.never_heard) }))),
    site.unobserved.map((each) => h("p", { class: "text", key: `${each.cause} ${each.agent}` }, causeLine(each, page))));
}

/** Alertmanagers that cannot be read, so that nobody knows which problems were acknowledged meanwhile. */
function unread({ site, problems, words, format, now }) {
  if (!problems?.causes.length) return null;
  return (site?.unread_alertmanagers ?? []).map((each) => h("p", { class: "small", key: `unread ${each.url}` }, SIGNS.uncertain, " ",
    words.say("problems.unread", { url: each.url, since: format.when(instant(each.since), now, { withSeconds: false }) })));
}

/** A place by its kind and name: a row or feed is called by one letter, which alone says nothing. */
function placeName(label, name, words) {
  if (label === "row") return words.say("floor.row", { name });
  if (label === "feed") return words.say("floor.feed", { feed: name });
  return label === "rack" ? words.say("problems.racks", { n: 1, list: name }) : name;
}

/** Maintenance in force. It is shown even while there is no problem: readers must know for what nobody will be notified. */
function windows({ site, words, format, now, short }) {
  return site?.maintenance?.length ? h("section", { class: "windows", key: "windows", "aria-label": words.say("windows.title") }, site.maintenance.slice(0, WINDOWS_SHOWN).map((each) => {
    const where = Object.entries(each.match).flatMap(([label, values]) => values.map((value) => placeName(label, short({ [label]: value })[label], words)));
    return h("p", { class: "window", key: each.id }, CARE.maintenance, " ", words.say("windows.until", { where: [...where, ...each.problems].join(", "), until: format.when(instant(each.until), now, { withSeconds: false }) }), ": ", each.why, ` (${each.by ? `${each.id}, ${each.by}` : each.id})`);
  }), site.maintenance.length > WINDOWS_SHOWN ? h("p", { class: "dim" }, words.say("floor.more", { n: site.maintenance.length - WINDOWS_SHOWN })) : null) : null;
}

// The UPS reports the remaining time of its battery again with each poll, and the page counts it down in between. The ride-through after
// pumps stopped is the figure of the moment before, so the page counts it down from when the problem was reported.
const RUNS_SINCE = new Set(["DcimCduAllPumpsStopped"]);

/** Seconds that are left, or null. `timesLeft` has when each problem's time was last received, by the problem's id. */
export function secondsLeft(problem, { now, timesLeft }) {
  const seconds = problem.time_left?.seconds ?? null;
  if (seconds === null || !problem.time_left.running) return seconds;
  const from = RUNS_SINCE.has(problem.name) ? instant(problem.since) : (timesLeft.get(problem.id)?.at ?? now);
  return Math.max(0, seconds - Math.max(0, now - from) / 1000);
}

/** The time left. If it begins only when something else fails, the text says so first: otherwise it would be read as running already. */
function timeLeft(problem, left, { words, format, short }) {
  const { running, what: { key, ...parameters } } = problem.time_left;
  if (left === null) return h("p", { class: "left conditional" }, h("span", null, SIGNS.uncertain, " ", words.say("left.unknown")));
  const time = h("b", null, format.left(left));
  const text = (name) => h("span", null, words.say(name, short(parameters)));
  return running ? h("p", { class: "left" }, time, " ", text(`left.${key}_running`)) : h("p", { class: "left conditional" }, text(`left.${key}`), " ", time);
}

/** Whether a problem ended only because its device is not observed any more, which is no good news. */
function isOutOfSight({ labels }, { floor, site }) {
  const rack = floor?.racks?.[labels.rack];
  return rack ? !rack.observed : Boolean(labels.device && site?.devices.unobserved);
}

function cleared(page) {
  const { history, problems, words, now } = page;
  const active = new Set(problems?.causes ?? []);
  const over = (history?.items ?? []).filter((item) => item.is_cause !== false && item.ended && !active.has(item.id) && now - instant(item.ended) < HOUR_MS);
  if (!over.length) return null;
  return h("section", { class: "cleared", "aria-labelledby": "cleared-title" },
    h("h2", { id: "cleared-title" }, words.say("problems.cleared"), ` · ${over.length}`),
    over.slice(0, CLEARED_SHOWN).map((item) => clearedCard(item, page)),
    over.length > CLEARED_SHOWN ? h("p", { class: "dim" }, words.say("floor.more", { n: over.length - CLEARED_SHOWN })) : null);
}

function clearedCard(item, page) {
  const { words, format, now, short } = page;
  const [since, ended] = [instant(item.since), instant(item.ended)];
  const isHidden = isOutOfSight(item, page);
  const title = words.problemTitle(item, short);
  const lasted = format.duration(Math.max(1, Math.round((ended - since) / 1000)));
  return h("article", { class: "card ended", key: `${item.id} ${item.since}` },
    h("h3", null, h("span", null, h("span", { class: "sign", "aria-hidden": "true" }, isHidden ? SIGNS.uncertain : SIGNS.ended), " ", isHidden ? title : words.say("problems.gone", { what: title })), " ",
      h("span", { class: "when" }, `${format.when(since, now, { withSeconds: false })}–${format.time(ended, { withSeconds: false })}`)),
    isHidden ? h("p", { class: "text" }, words.say("problems.out_of_sight")) : h("p", { class: "small" }, words.say("problems.lasted", { time: lasted })));
}

/** In the wall view, shorten the cards that have no room, then hide and count them. Called after the document has changed. */
export function fitCards(words) {
  const section = document.querySelector("[data-wall] .problems");
  if (!section) return;
  const cards = [...section.querySelectorAll(".card")].reverse();
  const cut = section.querySelector(".cut");
  for (const each of section.querySelectorAll(".beyond, .compact, .clamped")) each.classList.remove("beyond", "compact", "clamped");
  cut.hidden = true;
  // Conditions that are not reported yet are not counted here either.
  const hidden = { problems: 0, begun: 0 };
  const fits = () => section.scrollHeight <= section.clientHeight + 1;
  const hide = (card) => {
    card.classList.add("beyond");
    if (!card.classList.contains("ended")) hidden[card.classList.contains("begins") ? "begun" : "problems"] += 1;
    const heading = card.parentElement;
    if (heading.matches(".cleared, .begun") && !heading.querySelector(".card:not(.beyond)")) heading.classList.add("beyond");
    const counted = [["problems.more", hidden.problems], ["problems.more_begun", hidden.begun]].filter(([, n]) => n);
    cut.hidden = counted.length === 0;
    cut.textContent = counted.map(([key, n]) => words.say(key, { n })).join(", ");
  };
  // Shortened from the end: ended problems go first; then texts are cut to two lines; then the least problems keep only their title and
  // time left. The worst problem stays whole.
  for (const card of cards.filter((each) => each.classList.contains("ended"))) if (!fits()) hide(card);
  const present = cards.filter((each) => !each.classList.contains("ended"));
  for (const card of present) if (!fits()) card.classList.add("clamped");
  const others = present.slice(0, -1);
  for (const card of others) if (!fits()) card.classList.add("compact");
  for (const card of others) if (!fits()) hide(card);
  fitAnswers();
}

/** In the wall view, make the answers smaller where they have no room; then leave out good ones, from the end, so that none is cut through. */
function fitAnswers() {
  const column = document.querySelector("[data-wall] .answers");
  if (!column) return;
  const fits = () => column.scrollHeight <= column.clientHeight + 1;
  column.classList.remove("tight");
  const rows = [...column.querySelectorAll("tr")].reverse();
  for (const row of rows) row.classList.remove("spared");
  if (!fits()) column.classList.add("tight");
  for (const row of rows) if (!fits() && !row.querySelector(".no, .bad, .lost, .unknown")) row.classList.add("spared");
}
