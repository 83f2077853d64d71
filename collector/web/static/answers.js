// Does it survive? How long have we got? Can I trust it?

import { h } from "./dom.js";
import { figureLink, linkTo } from "./links.js";
import { blamedText } from "./marks.js";

// Questions asked for each loop or group. If all have the same answer, they become one line; otherwise the good ones do.
const OF_EACH = new Set(["cdu_loss", "pump_loss", "ups_loss"]);

/** The column of answers. */
export function answersColumn({ site, words, format, short }) {
  const answers = site?.answers && shortened(site.answers, short);
  return h("aside", { class: "answers", "aria-label": words.say("answers.label") },
    table("survives", answers && gathered(answers.survives, words).map((each) => row(each, words, survival(each, words, format), survivalKind(each), reasons(each, words, format))), words),
    table("time_left", answers && shortest(answers.time_left).map((each) => row(each, words, each.seconds == null ? words.say("answer.unknown") : format.left(each.seconds), timeKind(each))), words),
    table("trust", answers?.trust.map((each) => row({ ...each, what: { key: each.id } }, words, trust(each, words, format), trustKind(each))), words));
}

/** The answers with names shortened as everywhere on the page. */
function shortened(answers, short) {
  const each = (list) => list.map((answer) => ({ ...answer, what: placed(short(answer.what)) }));
  const name = (device) => short({ device }).device;
  const named = (answer) => ({ ...answer, missing: answer.missing && name(answer.missing), blamed: answer.blamed?.map((each) => ({ ...each, name: name(each.name) })) });
  return { ...answers, survives: each(answers.survives).map(named), time_left: each(answers.time_left) };
}

/** The most specific name of the place: the device rather than its loop. */
function placed(what) {
  const place = what.device ?? what.loop ?? what.group;
  return place ? { ...what, place } : what;
}

/** The answers that differ from the others, and one line for those that are good. */
function gathered(survives, words) {
  const lines = [];
  for (const answer of survives) {
    const { key } = answer.what;
    const alike = survives.filter((other) => other.what.key === key);
    if (!OF_EACH.has(key) || alike.length === 1) lines.push(answer);
    else if (alike.every((other) => other.state === answer.state && other.missing === answer.missing && isGood(other) === isGood(answer))) {
      if (alike[0] === answer) lines.push({ ...answer, id: key, what: { key }, figure: null, detail: {} });
    } else if (!isGood(answer)) lines.push(answer);
    else if (alike.find(isGood) === answer) {
      lines.push({ ...answer, id: `${key} elsewhere`, what: { key, place: words.say("what.elsewhere") }, figure: null, detail: {} });
    }
  }
  return lines;
}

function isGood({ state, detail }) {
  return state === "yes" && !detail?.leaking;
}

// Up to this many lines of one kind are shown for each room; with more, only the room that lasts shortest.
const OF_A_KIND = 3;

function shortest(timeLeft) {
  const seconds = (answer) => answer.seconds ?? -1; // not known is before the shortest
  return timeLeft.filter((answer) => {
    const alike = timeLeft.filter((other) => other.what.key === answer.what.key);
    return alike.length <= OF_A_KIND || alike.reduce((least, other) => (seconds(other) < seconds(least) ? other : least)) === answer;
  });
}

function table(name, rows, words) {
  return h("section", { "aria-labelledby": `answers-${name}`, class: name },
    h("h2", { id: `answers-${name}` }, words.say(`answers.${name}`)),
    rows?.length ? h("table", { role: "table" }, h("tbody", { role: "rowgroup" }, rows)) : h("p", { class: "dim" }, rows ? words.say("answers.none") : "…"));
}

/** What the loss takes down or overloads: its first three, to be read where the pointer rests. The figure's page has all of them. */
function reasons({ blamed = [], blamed_total: total }, words, format) {
  const lines = blamed.map((each) => blamedText(each, each.name, words, format));
  if (total > blamed.length) lines.push(words.say("problems.and_more", { n: format.number(total - blamed.length) }));
  return lines.join("; ") || null;
}

function row(answer, words, text, kind, title = null) {
  const { key, ...parameters } = answer.what;
  const name = words.say(`what.${key}`, parameters);
  const link = linkOf(answer);
  // Lines are laid out one by one, so that a long answer narrows no other's name. Browsers then need to be told that it is a table.
  return h("tr", { key: answer.id, "data-answer": answer.id, role: "row" },
    h("th", { scope: "row", role: "rowheader" }, link ? h("a", { href: link, title }, name) : name), h("td", { class: kind || null, role: "cell", title }, text));
}

/** Where an answer is explained: its figure, its device, or the list that it counts. */
function linkOf({ figure, device, what: { key } }) {
  if (figure) return figureLink(figure);
  if (device) return linkTo({ device });
  if (key === "devices_answering" || key === "readings_current") return linkTo({ devices: "" });
  return key === "messages_missing" ? linkTo({ agents: "" }) : null;
}

// A generator that should carry by now is the one time here that has run out.
function timeKind({ seconds, what }) {
  return seconds == null ? "unknown" : what.key === "generator_overdue" ? "no" : "";
}

// A load that batteries carry goes on for minutes only, and a CDU that leaks may be stopped, so that "yes" is not shown as good.
function survivalKind({ state, detail }) {
  return state === "battery" || (state === "yes" && (detail?.seconds != null || detail?.leaking)) ? "bad" : state;
}

function survival({ state, detail, missing, blamed = [], blamed_total: total }, words, format) {
  const answer = words.say(`answer.${state}`);
  if (state === "unknown" && missing) return words.say("answer.missing", { answer, device: missing });
  if (state === "yes" && detail?.seconds != null) return words.say("answer.for", { answer, time: format.left(detail.seconds) });
  if (state === "yes" && detail?.leaking) return words.say("answer.leaking", { answer, n: detail.leaking });
  if (state === "no" && total === 1) return words.say("answer.missing", { answer, device: blamed[0].name });
  if (state === "no" && detail?.racks_lost) return words.say("answer.racks", { answer, n: detail.racks_lost });
  if (detail?.load_ratio != null && (state === "yes" || state === "no")) return words.say("answer.ratio", { answer, ratio: format.percent(detail.load_ratio, 0) });
  return answer;
}

// Devices that do not answer are unknown, and not just a few less. A number of how many it is of is no judgement.
function trustKind({ id, state, of }) {
  if (state === "unknown" || (id === "devices_answering" && state === "partial")) return "unknown";
  if (state === "bad") return "bad";
  return of == null ? "yes" : "";
}

function trust({ value, of, state }, words, format) {
  if (state === "unknown" || value == null) return words.say("answer.unknown");
  return of == null ? format.number(value) : words.say("total.of", { some: format.number(value), all: format.number(of) });
}
