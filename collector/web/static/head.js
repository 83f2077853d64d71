// The head of every view: where, the totals, whether anything is wrong, the time, and where else to go.

import { h } from "./dom.js";
import { linkTo } from "./links.js";
import { SIGNS, why } from "./marks.js";
import { LANGUAGES } from "./words.js";

/** The banner. */
export function head(page) {
  const { site, words, format } = page;
  const rooms = site?.rooms.filter((room) => room.racks) ?? [];
  return h("header", { class: "head" },
    h("h1", null, h("a", { href: linkTo({}) }, site ? [site.site, ...(rooms.length === 1 ? [" · ", rooms[0].id] : [])] : words.say("app.title"))),
    site ? totals(site, words, format) : null,
    nav(page),
    h("div", { class: "right" }, site ? status(page) : null));
}

function totals(site, words, format) {
  const { totals: all, devices } = site;
  // Each leads to what its own number is made of: none of them is a figure of the catalogue.
  const made = (total, title = null) => ({ link: linkTo({ total }), title });
  const carbon = all.carbon_grams_per_hour?.location;
  const entries = [
    [format.power(all.facility_power_watts), words.say(isOnBattery(site) && all.facility_power_watts < all.it_power_watts ? "total.facility_on_battery" : "total.facility"), all.facility_power_watts, made("facility")],
    [format.power(all.it_power_watts), words.say("total.it"), all.it_power_watts, made("it")],
    [all.pue ? format.number(all.pue.value, 2) : "?",
      pueWords(site, words, format), all.pue, made("pue", all.pue ? null : words.say(`pue_why.${all.pue_unknown ?? "starting"}`))],
    [format.quantity(carbon, "grams_per_hour"), words.say("total.carbon", { basis: carbon != null && words.say("basis.location") }), carbon, made("carbon", words.say("total_how.carbon"))],
    [words.say("total.of", { some: format.number(devices.answering), all: format.number(devices.known + devices.never_heard) }),
      words.say("total.devices", { age: devices.oldest_age_seconds != null && format.duration(devices.oldest_age_seconds) }),
      devices.unobserved + devices.never_heard > 0 || !devices.known ? null : devices.answering, { link: linkTo({ devices: "", state: devices.unobserved + devices.never_heard > 0 ? "unknown" : null }), title: words.say("total.devices_title") }],
  ];
  return h("ul", { class: "totals", "aria-label": words.say("total.label") }, entries.map(([value, name, known, { link, title }]) => {
    const text = [h("b", null, value), " ", h("span", null, name)];
    const missing = known === null || known === undefined;
    return h("li", { class: missing ? "unknown" : null }, h("a", { href: link, title }, text));
  }));
}

function isOnBattery(site) {
  return site.answers.survives.some((each) => each.state === "battery" || each.state === "lost");
}

/** The period that a PUE estimate covers; without an estimate, what is missing for one. */
function pueWords(site, words, format) {
  const { pue, pue_unknown: reason } = site.totals;
  if (pue) return words.say(pue.window_seconds ? "total.pue" : "total.pue_now", { window: format.duration(pue.window_seconds) });
  return words.say(`pue.${reason === "below_it" && isOnBattery(site) ? "battery" : reason ?? "starting"}`);
}

function status({ site, now, words, format }) {
  const { agents, ledger } = site;
  // Right after a start no agent has been heard of yet, so their number is not known.
  const agentWords = agents.known ? words.say("head.agents", { up: agents.up ?? "?", known: agents.known }) : words.say("head.no_agents");
  const ledgerWords = ledger.complete === true ? "head.ledger.complete" : ledger.missing ? "head.ledger.missing" : "head.ledger.unknown";
  return [
    h("time", { datetime: new Date(now).toISOString(), class: "clock whole" }, format.clock(now)), h("span", { class: "dot" }, " · "),
    h("span", null,
      h("a", { href: linkTo({ agents: "" }), class: "whole" }, agentWords), " · ",
      h("a", { href: linkTo({ agents: "" }), class: "whole" }, words.say(ledgerWords, { n: ledger.missing ?? 0 }))),
  ];
}

function nav({ route, words, settings, site }) {
  const pages = [["floor", {}], ["devices", { devices: "" }], ["agents", { agents: "" }]];
  return h("nav", { class: "nav", "aria-label": words.say("nav.label") },
    pages.map(([view, parameters]) => h("a", { href: linkTo(parameters), "aria-current": route.view === view ? "page" : null }, words.say(`nav.${view}`))),
    site && site.sites.length > 1
      ? choice("site", words.say("nav.site"), site.sites.map((name) => [name, name]), site.site, settings.chooseSite) : null,
    choice("language", words.say("nav.language"), Object.entries(LANGUAGES), words.language, settings.chooseLanguage),
    choice("theme", words.say("nav.theme"), ["auto", "light", "dark"].map((name) => [name, words.say(`theme.${name}`)]), settings.theme, settings.chooseTheme),
    h("a", { href: linkTo({ wall: "" }), class: "to-wall", "data-load": "" }, words.say("nav.wall")));
}

function choice(id, label, options, chosen, choose) {
  return h("select", { id: `choose-${id}`, "aria-label": label, on: { change: (event) => choose(event.target.value) } },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

/** The line that says that the connection is lost, and why: nothing else on the page is current then. */
export function lostLine({ stream, words, format }) {
  return stream.link.state === "lost" ? lost(stream.link, words, format) : null;
}

/** Shown in place of an empty list of problems: that there is none (green, only if everything is observed), or that nobody can tell. */
export function verdict(page) {
  const { site, problems, floor, words, format } = page;
  if (problems?.causes.length || page.stream.link.state === "lost") return null;
  const grey = (text, ...more) => h("div", { class: "verdict unknown", key: "verdict" }, h("p", null, SIGNS.uncertain, " ", text), more);
  if (!site || !problems) return grey(words.say("link.connecting"));
  const { devices } = site;
  const causes = site.unobserved.map((each) => h("li", { key: `${each.cause} ${each.agent}` }, causeLine(each, page)));
  const reasons = causes.length ? h("ul", null, causes, h("li", { key: "which" }, h("a", { href: linkTo({ devices: "", state: "unknown" }) }, words.say("verdict.which")))) : null;
  if (!devices.known) return grey(words.say("verdict.empty"), reasons);
  if (!site.problems.complete || !problems.complete) return grey(words.say("verdict.starting"), reasons);
  const begun = Object.keys(problems.beginning ?? {}).length;
  if (begun) return grey(words.say("verdict.begins", { n: begun }), reasons);
  const unseen = devices.unobserved + devices.never_heard + devices.down;
  if (unseen) return grey(words.say("verdict.unknown", { unseen: format.number(unseen), known: format.number(devices.known + devices.never_heard) }), reasons);
  if (!allSeen(site, floor)) return grey(words.say("verdict.racks", { n: Object.values(floor.racks).filter((rack) => !rack.observed).length }), reasons);
  return h("div", { class: "verdict ok", key: "verdict" }, h("p", null, SIGNS.ended, " ", words.say("verdict.ok", { n: devices.known })));
}

/** Whether every device that is known or planned is observed, and every rack on the floor by some device. */
export function allSeen(site, floor) {
  return site.devices.known > 0 && site.devices.unobserved + site.devices.never_heard === 0 && Object.values(floor?.racks ?? {}).every((rack) => rack.observed);
}

/** One cause and the number of devices not observed because of it. Devices never heard of are named: nothing else links to them. */
export function causeLine(each, { site, words, short }) {
  if (each.cause !== "never_heard") return words.say("cause.line", { cause: why(each, words), n: each.devices });
  const names = site.devices.never_heard_ids.map((device) => short({ device }).device);
  return words.say("verdict.never", { n: each.devices, names: names.join(", "), more: each.devices > names.length ? "…" : "" });
}

function lost(link, words, format) {
  const left = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
  const { key, status = "", site = "" } = link.cause ?? {};
  return h("div", { class: "verdict unknown lost", role: "alert" },
    h("p", null, SIGNS.uncertain, " ", key === "site" ? words.say("link.no_site", { site }) : words.say("link.lost", { time: format.time(link.since) })),
    h("p", null, key ? words.say(`link.${key}`, { status }) : "", " ",
      key === "site" ? [h("a", { href: linkTo({ site: null }) }, words.say("link.other_site")), " "] : null,
      h("span", { "aria-hidden": "true" }, words.say("link.retry", { seconds: format.duration(left) }))));
}
