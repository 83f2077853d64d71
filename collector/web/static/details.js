// Views of one thing: a problem, a rack, a figure with its inputs.

import { h } from "./dom.js";
import { instant } from "./format.js";
import { figureLink, linkTo } from "./links.js";
import { BEGINS, blamedText, CARE, look, SIGNS, why } from "./marks.js";
import { acknowledged, join, maintained, measured, runbook, secondsLeft, sentences } from "./problems.js";

/** A definition list of the entries that have a value. */
export function facts(entries) {
  return h("dl", { class: "facts" }, entries.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [h("dt", { key: `dt ${name}` }, name), h("dd", { key: `dd ${name}` }, value)]));
}

/** Entries of an object in the order of their names, 2 before 10. */
export function byName(entries) {
  return Object.entries(entries ?? {}).sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
}

/** Links to devices; what supplies the first of them is a feed. */
export function deviceLinks(ids, feed = null) {
  return ids?.length ? h("ul", { class: "inline" }, ids.map((id) => h("li", { key: id }, id === feed ? id : h("a", { href: linkTo({ device: id }) }, id)))) : null;
}

/** What is shown in place of a missing document: that it is being loaded, or why it cannot be. */
export function absent(page, gone) {
  const { fetched, words } = page;
  if (!fetched?.error) return h("p", { class: "dim" }, words.say("app.loading"));
  const { status } = fetched.error;
  const key = status === 404 ? gone : words.has(`error.${status}`) ? `error.${status}` : "error.other";
  return h("p", { class: "dim", role: "status" }, words.say(key, { status }));
}

/** A view's heading with the way back. */
export function heading(words, ...title) {
  return h("div", { class: "heading" }, h("a", { href: linkTo({}), class: "back" }, "← ", words.say("nav.back")), h("h2", { class: "title" }, title));
}

export function problemView(page) {
  const { route, words, format, now, fetched } = page;
  const all = fetched?.document?.problems ?? [];
  const problem = page.problems?.problems[route.id] ?? page.problems?.beginning?.[route.id] ?? all.find((each) => each.id === route.id);
  if (!problem) return [heading(words, words.say("problems.title")), fetched?.document ? h("p", { class: "dim" }, words.say("problem.gone")) : absent(page, "problem.gone")];
  const kind = look(problem);
  const folded = all.filter((each) => each.cause?.id === problem.id);
  const left = secondsLeft(problem, page);
  return [
    heading(words, h("span", { class: `sign ${kind}`, role: "img", "aria-label": words.say(`severity.${kind}`) }, SIGNS[kind]), " ", words.problemTitle(problem)),
    h("section", { class: `panel card ${kind}` },
      problem.due ? h("p", { class: "fading" }, words.say("problems.due", { time: format.time(problem.due) })) : null,
      problem.maintenance ? maintained(problem.maintenance, page) : null,
      problem.acknowledged ? acknowledged(problem.acknowledged, page) : null,
      sentences(problem, words, format), h("p", null, runbook(problem, words)),
      facts([
        [words.say("problem.since"), `${format.when(instant(problem.since), now)} (${words.say("problem.for", { time: format.duration(Math.max(0, Math.round((now - instant(problem.since)) / 1000))) })})`],
        [words.say("answers.time_left"), left === null ? null : format.left(left)],
        [words.say("problem.value"), measured(problem, problem.value, format)],
        [words.say("problem.limit"), measured(problem, problem.limit, format)],
        [words.say("problem.peak"), measured(problem, problem.peak, format)],
        [words.say("problem.where"), place(problem.labels)],
        [words.say("problem.sensor"), problem.whereabouts],
        [words.say("table.device"), problem.labels.device && h("a", { href: linkTo({ device: problem.labels.device }) }, problem.labels.device)],
        [words.say("rack.title", { name: "" }).trim(), racksOf(problem)],
        [words.say("problem.cause"), problem.cause?.id ? h("a", { href: linkTo({ problem: problem.cause.id }) }, words.problemTitle(problem.cause)) : null],
      ])),
    folded.length ? h("section", { class: "panel" }, h("h3", null, words.say("problem.consequences"), ` · ${folded.length}`),
      h("ul", { class: "plain" }, folded.map((each) => h("li", { key: each.id }, SIGNS[look(each)], " ", h("a", { href: linkTo({ problem: each.id }) }, words.problemTitle(each)))))) : null,
  ];
}

function place(labels) {
  return [labels.site, labels.room, labels.row, labels.rack].filter(Boolean).join(" / ");
}

function racksOf(problem) {
  const ids = problem.concerns?.racks ?? problem.racks ?? [];
  return ids.length ? h("ul", { class: "inline" }, ids.map((id) => h("li", { key: id }, h("a", { href: linkTo({ rack: id }) }, id)))) : null;
}

export function rackView(page) {
  const { floor, route, words, format } = page;
  const rack = floor?.racks?.[route.id];
  if (!rack) return [heading(words, words.say("rack.title", { name: route.id })), h("p", { class: "dim" }, words.say(floor ? "rack.gone" : "app.loading"))];
  const { values } = rack;
  const isHere = (each) => each.labels.rack === rack.id || (each.concerns?.racks ?? []).includes(rack.id);
  const problems = Object.values(page.problems?.problems ?? {}).filter(isHere);
  const begun = Object.values(page.problems?.beginning ?? {}).filter(isHere);
  return [
    heading(words, words.say("rack.title", { name: rack.id })),
    h("div", { class: "panels" },
      h("section", { class: "panel", "data-observed": String(rack.observed) },
        h("p", null, [page.site?.site, rack.room, rack.row].filter(Boolean).join(" / ")),
        rack.observed ? null : h("p", null, SIGNS.uncertain, " ", words.say("floor.unseen"), ": ", why(rack.unobserved, words)),
        facts([
          [words.say("quantity.power"), h("a", { href: figureLink({ metric: "dcim_rack_power_utilisation_ratio", labels: { rack: rack.id } }) }, join([format.power(values.power_watts), values.power_ratio == null ? null : format.percent(values.power_ratio)]))],
          ...byName(values.loss_ratio).map(([feed, ratio]) => [words.say("quantity.loss", { feed }),
            h("a", { href: figureLink({ metric: "dcim_rack_feed_loss_load_ratio", labels: { rack: rack.id, feed } }) }, format.percent(ratio))]),
          [words.say("quantity.inlet"), format.quantity(values.inlet_celsius, "celsius")],
          [words.say("quantity.supply"), format.quantity(values.supply_celsius, "celsius")],
          [words.say("quantity.dew"), format.quantity(values.dew_point_margin_kelvin, "kelvin")],
          [words.say("quantity.age"), format.duration(values.age_seconds)],
        ]),
        values.inlet_celsius == null ? h("p", { class: "small dim" }, words.say("rack.no_inlet")) : null,
        values.dew_point_margin_kelvin == null && values.supply_celsius != null ? h("p", { class: "small dim" }, words.say("rack.no_dew")) : null),
      h("section", { class: "panel" }, h("h3", null, words.say("rack.feeds")),
        h("ul", { class: "plain" }, byName(rack.feeds).map(([feed, state]) => h("li", { key: feed },
          words.say("floor.feed", { feed }), ": ", words.say(`floor.feed.${state.state}`), state.load_ratio == null ? "" : `, ${format.percent(state.load_ratio)}`))),
        h("h3", null, words.say("rack.devices")), deviceLinks(rack.devices) ?? "–",
        h("h3", null, words.say("rack.problems")),
        problems.length || begun.length ? h("ul", { class: "plain" }, begun.map((each) => h("li", { key: each.id }, h("span", { class: "sign", role: "img", "aria-label": words.say("severity.begins") }, BEGINS[each.severity]), " ",
          h("a", { href: linkTo({ problem: each.id }) }, words.problemTitle(each)), ", ", words.say("problems.due", { time: format.time(each.due) }))), problems.map((each) => h("li", { key: each.id }, h("span", { class: `sign ${look(each)}` }, SIGNS[look(each)]), " ", h("a", { href: linkTo({ problem: each.id }) }, words.problemTitle(each)),
          each.maintenance ? ` ${CARE.maintenance}` : "", each.acknowledged ? ` ${CARE.acknowledged} ${each.acknowledged.by}` : ""))) : "–")),
  ];
}

export function figureView(page) {
  const { fetched, words, format, route } = page;
  const figure = fetched?.document;
  if (figure?.items) return choices(figure.items, page);
  if (!figure) return [heading(words, words.say("explain.title")), h("p", null, h("code", null, route.id)), absent(page, "explain.gone")];
  const known = figure.value !== null && figure.value !== undefined;
  return [
    heading(words, words.say("explain.title")),
    h("section", { class: "panel explain" },
      h("p", { class: `left ${known ? "" : "unknown"}` }, h("b", null, known ? figureText(figure, words, format) : `${SIGNS.uncertain} ${words.say("explain.unknown")}`)),
      h("p", null, figure.help),
      h("p", { class: "small" }, h("code", null, figure.metric), " ", labelText(figure.labels)),
      decisive(figure, page),
      h("h3", null, words.say("explain.formula")), h("p", null, h("code", null, figure.formula)),
      h("p", { class: "small" }, words.say(`explain.basis.${figure.basis}`)),
      // A figure that is known can lack inputs: a site that loses one rack does so whatever the PDU of another one would say.
      h("h3", null, words.say(known && figure.missing.length ? "explain.missing_though_known" : "explain.missing")),
      figure.missing.length ? h("ul", { class: "missing" }, figure.missing.map((each) => h("li", { key: each }, SIGNS.uncertain, " ", each))) : h("p", null, words.say("explain.nothing_missing")),
      figure.settings?.length ? facts(figure.settings.map(({ key, value }) => [key, String(value)])) : null,
      inputsOf(figure, page)),
  ];
}

/** What does not survive the loss of a feed, each with a way to its own figure. */
function decisive({ blamed = [], blamed_total: total }, { words, format }) {
  if (!blamed.length) return null;
  return [
    h("h3", null, words.say("explain.blamed"), ` · ${format.number(total)}`),
    h("ul", { class: "plain blamed" }, blamed.map((each) => h("li", { key: `${each.place} ${each.name}` }, SIGNS.critical, " ", h("a", { href: figureLink(each.figure) }, blamedText(each, each.name, words, format)))),
      total > blamed.length ? h("li", { key: "more" }, words.say("problems.and_more", { n: format.number(total - blamed.length) })) : null),
  ];
}

/** The readings, and figures, that something is computed from: how many, and the first of them in a table. */
export function inputsOf({ inputs, inputs_total: total = inputs.length }, { words, format }) {
  return [
    h("h3", null, words.say("explain.inputs"), ` · ${format.number(total)}`),
    total > inputs.length ? h("p", { class: "small" }, words.say("explain.first", { shown: format.number(inputs.length) })) : null,
    inputs.length ? h("div", { class: "scroll" }, h("table", { class: "list" },
      h("thead", null, h("tr", null, columns(["input", "device", "value", "age"], words))),
      h("tbody", null, inputs.map((input) => h("tr", { key: `${input.device} ${input.series ?? input.metric}`, class: input.value == null ? "unknown" : null },
        h("td", null, input.device ? name(input.metric) : h("a", { href: figureLink(input) }, name(input.metric)), " ", h("span", { class: "dim" }, labelText(input.labels))),
        h("td", null, input.device ? h("a", { href: linkTo({ device: input.device }) }, input.device) : "–"),
        h("td", { class: "number" }, input.value == null ? `${SIGNS.uncertain} ${input.reason ?? ""}` : format.quantity(input.value, input.unit)),
        h("td", { class: "number" }, input.age_seconds == null ? "–" : format.duration(Math.round(input.age_seconds)))))))) : null,
  ];
}

/** If several figures have the labels of the address: a list to choose from. */
function choices(items, { words, format, route }) {
  return [
    heading(words, words.say("explain.title")),
    h("p", null, h("code", null, route.id)),
    items.length ? h("div", { class: "scroll" }, h("table", { class: "list" }, h("tbody", null, items.map((each) => h("tr", { key: labelText(each.labels), class: each.value == null ? "unknown" : null },
      h("td", null, h("a", { href: figureLink(each) }, labelText(each.labels) || each.metric)),
      h("td", { class: "number" }, each.value == null ? `${SIGNS.uncertain} ${words.say("explain.unknown")}` : format.quantity(each.value, each.unit))))))) : h("p", { class: "dim" }, words.say("explain.gone")),
  ];
}

/** Whether something would survive is a figure of 0 or 1. */
function figureText({ metric, value, unit }, words, format) {
  return metric.includes("_survives_") ? words.say(value ? "answer.yes" : "answer.no") : format.quantity(value, unit);
}

const NUMBERS = new Set(["value", "age", "heard", "lag", "backlog", "clock", "devices"]);

/** Heads of columns; those of numbers are aligned to the right, like the numbers. */
export function columns(names, words) {
  return names.map((name) => h("th", { scope: "col", class: NUMBERS.has(name) ? "number" : null }, words.say(`table.${name}`)));
}

/** A metric's name without the prefix that all metrics have. */
export function name(metric) {
  return metric.replace(/^dcim_[a-z]+_/, "").replaceAll("_", " ");
}

export function labelText(labels) {
  return Object.entries(labels ?? {}).map(([label, value]) => `${label} ${value}`).join(", ");
}
