// The list of devices, and everything about one of them.

import { h, memo } from "./dom.js";
import { absent, byName, columns, deviceLinks, facts, heading } from "./details.js";
import { instant } from "./format.js";
import { linkTo } from "./links.js";
import { look, SIGNS, STATE_SIGNS, why } from "./marks.js";

const EVIDENCE = new Map([["recorded device", "device.evidence.recorded"], ["published map", "device.evidence.map"], ["unverified", "device.evidence.none"]]);
// Headings of the two tables, as keys of the words `table.…`. `deviceRow` and `readingRow` make a cell for each of them, in this order.
const DEVICE_COLUMNS = ["device", "state", "class", "place", "identity", "agent", "age"];
const READING_COLUMNS = ["reading", "value", "quality", "age", "course"];
// Size of the drawing of a reading's course.
const WIDTH = 120;
const HEIGHT = 24;

function state(name, words) {
  return h("span", { class: `state ${name}` }, h("span", { "aria-hidden": "true" }, STATE_SIGNS[name]), " ", words.say(`state.${name}`));
}

export function devicesView(page) {
  const { fetched, words, format, settings, route: { parameters } } = page;
  const filters = Object.fromEntries(["agent", "rack", "room"].map((name) => [name, parameters.get(name)]));
  const items = fetched?.document?.items;
  return [
    heading(words, words.say("devices.title")),
    h("nav", { class: "chips", "aria-label": words.say("table.state") }, [null, "up", "down", "unknown"].map((state) => h("a", {
      key: state ?? "all", href: linkTo({ ...filters, devices: "", state }), "aria-current": (parameters.get("state") ?? null) === state ? "true" : null },
      state ? [h("span", { "aria-hidden": "true" }, STATE_SIGNS[state]), " ", words.say(`state.${state}`)] : words.say("devices.all")))),
    h("form", { class: "search", role: "search", on: { submit: (event) => event.preventDefault() } },
      h("label", { for: "search" }, words.say("devices.search"), " "),
      h("input", { id: "search", type: "search", autocomplete: "off", on: { input: (event) => settings.search(event.target.value) } })),
    items ? [
      h("p", { class: "dim", role: "status" }, words.say("devices.count", { n: fetched.document.total })),
      items.length ? h("div", { class: "scroll" }, h("table", { class: "list devices" },
        h("thead", null, h("tr", null, columns(DEVICE_COLUMNS, words))),
        h("tbody", null, items.map((each) => memo(each.id, [JSON.stringify(each), words], () => deviceRow(each, words, format)))))) : h("p", null, words.say("devices.none")),
      fetched.document.next ? h("button", { type: "button", on: { click: settings.more } }, words.say("devices.more")) : null,
    ] : absent(page, "device.gone"),
  ];
}

function deviceRow(device, words, format) {
  const { problem, unobserved, error } = device;
  const place = [device.room, device.row, device.rack, device.feed && words.say("floor.feed", { feed: device.feed })];
  return h("tr", { class: device.state },
    h("td", null, h("a", { href: linkTo({ device: device.id }) }, device.id), problem ? [" ", h("span", { class: `sign ${problem.severity}` }, SIGNS[problem.severity])] : null),
    h("td", null, state(device.state, words), unobserved ? h("span", { class: "dim" }, ` ${why(unobserved, words)}`) : null, error ? h("span", { class: "dim" }, ` ${error}`) : null),
    h("td", null, device.class),
    h("td", null, place.filter(Boolean).join(" / ")),
    h("td", null, [device.vendor, device.model].filter(Boolean).join(" ")),
    h("td", null, device.agent),
    h("td", { class: "number" }, device.age_seconds == null ? "–" : format.duration(Math.round(device.age_seconds))));
}

export function deviceView(page) {
  const { device, fetched, route, words, format, now } = page;
  const known = device && !device.error ? device : fetched?.document;
  if (!known) return [heading(words, route.id), device?.error ? h("p", { class: "dim" }, words.say("device.gone")) : absent(page, "device.gone")];
  const { identity, place, planned } = known;
  return [
    heading(words, known.id, " ", h("small", null, known.class)),
    h("div", { class: "panels" },
      h("section", { class: `panel ${known.state}` },
        h("p", { class: "now" }, state(known.state, words), known.since && known.state !== "unknown" ? h("span", { class: "dim" }, " ", words.say("problems.since", { time: format.when(instant(known.since), now) })) : null),
        known.unobserved ? h("p", null, SIGNS.uncertain, " ", why(known.unobserved, words)) : null,
        known.error ? h("p", { class: "error" }, known.error) : null,
        problemsOf(known, page),
        h("h3", null, words.say("device.identity")),
        facts([
          [words.say("device.vendor"), identity?.vendor], [words.say("device.model"), identity?.model],
          [words.say("device.serial"), identity?.serial], [words.say("device.firmware"), identity?.firmware],
          [words.say("device.profile"), known.profile?.name], [words.say("device.evidence"), evidence(known.profile, words)],
          [words.say("device.protocol"), known.profile?.protocol], [words.say("device.agent"), known.agent],
        ])),
      h("section", { class: "panel" },
        h("h3", null, words.say("device.topology")),
        facts([
          [words.say("table.place"), [place?.room, place?.row].filter(Boolean).join(" / ")],
          [words.say("device.rack"), place?.rack && h("a", { href: linkTo({ rack: place.rack }) }, place.rack)],
          [words.say("device.fed_by"), deviceLinks(known.topology?.sources, place?.feed) ?? (place?.feed && words.say("floor.feed", { feed: place.feed }))],
          [words.say("device.feeds"), deviceLinks(known.topology?.feeds)],
          [words.say("device.loop"), known.topology?.loop],
          [words.say("device.neighbours"), deviceLinks(known.topology?.neighbours)],
        ]),
        h("h3", null, words.say("device.planned")),
        planned ? [
          h("p", null, words.say("device.present", { present: planned.present == null ? "?" : format.number(planned.present), planned: planned.planned == null ? "?" : format.number(planned.planned) })),
          facts(Object.entries(planned.left_out ?? {}).map(([reason, n]) => [reason.replaceAll("_", " "), format.number(n)])),
        ] : h("p", { class: "dim" }, words.say("explain.unknown")),
        h("h3", null, words.say("device.errors")),
        known.errors?.length ? h("ul", { class: "plain" }, known.errors.map((each) => h("li", { key: `${each.time} ${each.what}` }, h("time", { datetime: each.time }, format.when(instant(each.time), now)), " ", each.what))) : h("p", { class: "dim" }, words.say("device.no_errors")))),
    h("section", { class: "panel" }, h("h3", null, words.say("device.readings")), readings(known, page)),
  ];
}

function problemsOf(device, { problems, words }) {
  const mine = (device.problems ?? []).map((id) => problems?.problems[id]).filter(Boolean);
  return mine.length ? h("ul", { class: "plain" }, mine.map((each) => h("li", { key: each.id }, h("span", { class: `sign ${look(each)}` }, SIGNS[look(each)]), " ", h("a", { href: linkTo({ problem: each.id }) }, words.problemTitle(each))))) : null;
}

/** What the profile rests on; the words of a profile that a later release may have are shown as they are. */
function evidence(profile, words) {
  const found = profile?.evidence;
  return found ? (EVIDENCE.has(found) ? words.say(EVIDENCE.get(found)) : found) : null;
}

function readings(device, page) {
  const { words, format, sparks } = page;
  const all = byName(device.series);
  if (!all.length) return h("p", { class: "dim" }, words.say("device.no_readings"));
  return h("div", { class: "scroll" }, h("table", { class: "list readings" },
    h("thead", null, h("tr", null, columns(READING_COLUMNS, words))),
    h("tbody", null, all.map(([key, series]) => {
      const spark = series.spark ?? sparks?.[key]?.spark;
      return memo(key, [series, spark, words, page.site], () => readingRow(key, series, spark, words, format));
    }))),
  device.more ? h("p", { class: "dim" }, `+ ${format.number(device.more)}`) : null);
}

function readingRow(key, series, spark, words, format) {
  // A value that is out of date stands in brackets.
  const value = series.value != null ? format.quantity(series.value, series.unit) : series.last != null ? `(${format.quantity(series.last, series.unit)})` : "?";
  return h("tr", { class: series.quality, "data-series": key },
    h("td", { title: series.metric }, readingName(series), " ", h("span", { class: "dim" }, Object.values(series.labels ?? {}).join(" "))),
    h("td", { class: "number" }, value),
    h("td", null, series.quality === "good" ? words.say("quality.good") : `${SIGNS.uncertain} ${words.say(`quality.${series.quality}`)}`, series.reason ? h("span", { class: "dim" }, ` ${series.reason}`) : null),
    h("td", { class: "number" }, series.age_seconds == null ? "–" : format.duration(Math.round(series.age_seconds))),
    h("td", null, sparkline(spark, series, words, format)));
}

/** A metric's name without its class and its unit: `dcim_cdu_flow_cubic_meters_per_second` is "flow". */
function readingName(series) {
  const plain = series.metric.replace(/^dcim_[a-z]+_/, "").replace(/_total$/, "");
  return (series.unit && plain.endsWith(`_${series.unit}`) ? plain.slice(0, -series.unit.length - 1) : plain).replaceAll("_", " ");
}

/** The course of a value as a line; where it was not known, there is none. Points are [age in seconds, value], in any order. */
function sparkline(points, series, words, format) {
  const known = (points ?? []).filter(([, value]) => typeof value === "number");
  if (known.length < 2) return null;
  const oldest = Math.max(...known.map(([age]) => age));
  const newest = Math.min(...known.map(([age]) => age));
  if (oldest === newest) return null;
  const low = Math.min(...known.map(([, value]) => value));
  const high = Math.max(...known.map(([, value]) => value));
  const x = (age) => (WIDTH * (oldest - age)) / (oldest - newest);
  const y = (value) => (high === low ? HEIGHT / 2 : 1 + ((HEIGHT - 2) * (high - value)) / (high - low));
  const lines = [[]];
  for (const [age, value] of [...points].sort(([a], [b]) => b - a)) {
    if (typeof value === "number") lines.at(-1).push(`${x(age).toFixed(1)},${y(value).toFixed(1)}`);
    else if (lines.at(-1).length) lines.push([]);
  }
  const said = words.say("device.spark", { low: format.quantity(low, series.unit), high: format.quantity(high, series.unit), time: format.duration(oldest - newest) });
  return h("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": said, preserveAspectRatio: "none" },
    h("title", null, said), lines.filter((line) => line.length).map((line) => h("polyline", { points: line.join(" ") })));
}
