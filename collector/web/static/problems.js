// What is wrong, worst first: the cause, how long there is, where, since when, what to do.

import { h, memo } from "./dom.js";
import { instant } from "./format.js";
import { linkTo, outerLink } from "./links.js";
import { look, SIGNS, why } from "./marks.js";

const HOUR_MS = 3_600_000;
const RACKS_SHOWN = 8;
const CLEARED_SHOWN = 5;

/** The column of problems, with those of the last hour that are over. */
export function problemColumn(page) {
  const { problems, words } = page;
  const causes = problems?.causes ?? [];
  const total = causes.length + (problems?.more ?? 0);
  return h("section", { class: "problems", "aria-labelledby": "problems-title", id: "problems" },
    h("h2", { id: "problems-title" }, words.say("problems.title"), problems ? ` · ${total}` : ""),
    problems ? null : h("p", { class: "dim" }, words.say("problems.loading")),
    h("div", { class: "cards" }, causes.map((id) => problems.problems[id]).filter(Boolean).map((problem) => card(problem, page))),
    unseen(page),
    problems?.more ? h("p", { class: "dim" }, words.say("problems.more", { n: problems.more })) : null,
    h("p", { class: "cut", key: "cut", hidden: true }),
    cleared(page));
}

function card(problem, page) {
  // The time left runs down; everything else is made anew only when the problem changes.
  const left = secondsLeft(problem, page);
  const day = page.format.when(0, page.now);
  return memo(`problem ${problem.id}`, [problem, left, day, page.words, page.format, page.floor?.racks], () => {
    const { words, format, now } = page;
    const kind = look(problem);
    const since = instant(problem.since);
    return h("article", { class: `card ${kind}`, "data-problem": problem.name, "data-id": problem.id },
      h("h3", null,
        h("a", { href: linkTo({ problem: problem.id }) },
          h("span", { class: "sign", role: "img", "aria-label": words.say(`severity.${kind}`) }, SIGNS[kind]), " ", words.problemTitle(problem)),
        " ", h("time", { datetime: new Date(since).toISOString() }, words.say("problems.since", { time: format.when(since, now) }))),
      left === null ? null : h("p", { class: "left" }, h("b", null, format.left(left)), " ", h("span", null, leftWords(problem.time_left, words))),
      sentences(words.problemText(problem, format)),
      problem.status === "uncertain" ? h("p", { class: "text" }, words.say("problems.uncertain")) : null,
      h("p", { class: "small" }, join(notes(problem, page))));
  });
}

/** What is known, and behind an arrow what to do: by the table of problems the last sentence. The racks it may name are shown as links. */
export function sentences(text) {
  const all = text.replace(/ Racks: [^.]*\.$/, "").split(/(?<=[.!?]) (?=\p{Lu})/u);
  const next = all.length > 1 ? all.pop() : null;
  return [h("p", { class: "text" }, all.join(" ")), next ? h("p", { class: "next" }, "→ ", next) : null];
}

function notes(problem, { words, format }) {
  const limit = problem.limit ?? null;
  const runbook = problem.runbook && outerLink(problem.runbook);
  return [
    limit === null ? null : words.say("problems.value", { value: format.quantity(problem.value, problem.unit), limit: format.quantity(limit, problem.unit) }),
    racks(problem, words),
    problem.acknowledged ? words.say("problems.acknowledged", { by: problem.acknowledged.by, until: clock(problem.acknowledged.until, format) }) : null,
    problem.maintenance ? words.say("problems.maintenance", { until: clock(problem.maintenance.until, format) }) : null,
    problem.consequences ? h("a", { href: linkTo({ problem: problem.id }) }, words.say("problems.folded", { n: problem.consequences })) : null,
    runbook ? h("a", { href: runbook, rel: "noopener" }, words.say("problems.todo")) : null,
  ];
}

function clock(time, format) {
  const ms = instant(time);
  return ms === null ? null : format.time(ms, { withSeconds: false });
}

/** Parts with a dot between those that are there. */
export function join(parts) {
  return parts.filter((part) => part !== null && part !== undefined).flatMap((part, index) => (index ? [" · ", part] : [part]));
}

function racks(problem, words) {
  const ids = problem.concerns?.racks ?? problem.racks ?? [];
  if (!ids.length) return null;
  const shown = ids.slice(0, RACKS_SHOWN);
  const rest = ids.length - shown.length + (problem.concerns?.more ?? 0);
  const links = shown.flatMap((id, index) => [index ? ", " : "", h("a", { href: linkTo({ rack: id }) }, id)]);
  const [before, after] = words.say("problems.racks", { list: "\0", n: ids.length }).split("\0");
  const [, more] = words.say("problems.more_racks", { list: "\0", n: rest }).split("\0");
  return h("span", null, before, links, rest ? more : "", after);
}

/** Beside problems that are known, those that nobody could see. Without any, the verdict says it. */
function unseen({ site, problems, words, format }) {
  if (!site || !problems?.causes.length) return null;
  const { devices } = site;
  const known = devices.planned ?? devices.known;
  const n = known - devices.answering - devices.down;
  if (n <= 0) return null;
  return h("article", { class: "card uncertain", key: "unseen" },
    h("h3", null, h("a", { href: linkTo({ devices: "" }) }, h("span", { class: "sign", "aria-hidden": "true" }, SIGNS.uncertain), " ", words.say("problems.unseen", { n: format.number(n), all: format.number(known) }))),
    site.unobserved.map((each) => h("p", { class: "text", key: `${each.cause} ${each.agent}` }, words.say("cause.line", { cause: why(each, words), n: each.devices }))));
}

/** Seconds that are left, running down between two messages where the time already runs. */
export function secondsLeft(problem, { now, receivedAt }) {
  const left = problem.time_left;
  if (!left || left.seconds === null || left.seconds === undefined) return null;
  return left.running ? Math.max(0, left.seconds - (now - receivedAt) / 1000) : left.seconds;
}

function leftWords(left, words) {
  const key = left.running && words.has(`left.${left.key}_running`) ? `left.${left.key}_running` : `left.${left.key}`;
  return words.say(key, left);
}

function cleared({ history, problems, words, format, now }) {
  const active = new Set(problems?.causes ?? []);
  const over = (history?.items ?? []).filter((item) => item.is_cause !== false && item.ended && !active.has(item.id) && now - instant(item.ended) < HOUR_MS);
  if (!over.length) return null;
  return h("section", { class: "cleared", "aria-labelledby": "cleared-title" },
    h("h2", { id: "cleared-title" }, words.say("problems.cleared"), ` · ${over.length}`),
    over.slice(0, CLEARED_SHOWN).map((item) => h("article", { class: "card ended", key: `${item.id} ${item.since}` },
      h("h3", null, h("span", null, h("span", { class: "sign", "aria-hidden": "true" }, SIGNS.ended), " ", words.problemTitle(item)), " ",
        h("span", { class: "when" }, `${format.when(instant(item.since), now, { withSeconds: false })}–${format.time(instant(item.ended), { withSeconds: false })}`)),
      h("p", { class: "small" }, words.say("problems.lasted", { time: format.duration((instant(item.ended) - instant(item.since)) / 1000) })))));
}

/** In the wall view, hide the cards that have no room and count them. Called after the document has changed. */
export function fitCards(words) {
  const section = document.querySelector("[data-wall] .problems");
  if (!section) return;
  const cards = [...section.querySelectorAll(".card")];
  const cut = section.querySelector(".cut");
  for (const each of section.querySelectorAll(".beyond")) each.classList.remove("beyond");
  cut.hidden = true;
  let hidden = 0;
  // From the end: what was cleared goes first, then the least of the problems.
  for (let index = cards.length - 1; index > 0 && section.scrollHeight > section.clientHeight + 1; index -= 1) {
    cards[index].classList.add("beyond");
    if (!cards[index].classList.contains("ended")) hidden += 1;
    const heading = cards[index].parentElement;
    if (heading.classList.contains("cleared") && !heading.querySelector(".card:not(.beyond)")) heading.classList.add("beyond");
    cut.hidden = hidden === 0;
    if (hidden) cut.textContent = words.say("problems.more", { n: hidden });
  }
}
