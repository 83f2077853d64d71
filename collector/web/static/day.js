// What happened in the last 24 hours, when, and for how long.

import { h } from "./dom.js";
import { instant } from "./format.js";
import { linkTo } from "./links.js";
import { CARE, look, RANK, SIGNS } from "./marks.js";

const DAY_MS = 86_400_000;
const TICK_MS = 4 * 3_600_000;
const LANES = ["power", "cooling", "environment", "telemetry"];
const LISTED = 200;

/** The lanes, and the same as a list. */
export function daySection({ history, words, format, now, short }) {
  const items = history?.items?.filter((item) => item.is_cause !== false) ?? null;
  return h("section", { class: "day", "aria-labelledby": "day-title" },
    h("h2", { id: "day-title" }, words.say("day.title")),
    items === null ? h("p", { class: "dim" }, history ? words.say("day.unknown") : "…") : [
      h("div", { class: "lanes" }, ticks(format, now), LANES.map((lane) => laneOf(lane, items.filter((item) => item.subsystem === lane), words, format, now, short))),
      items.length ? h("details", { "aria-label": words.say("day.title") }, h("summary", null, words.say("day.list", { n: items.length })), list(items, words, format, now, short)) : null,
    ]);
}

function ticks(format, now) {
  const first = Math.ceil((now - DAY_MS) / TICK_MS) * TICK_MS;
  return h("div", { class: "ticks", "aria-hidden": "true" }, Array.from({ length: DAY_MS / TICK_MS }, (_, index) => first + index * TICK_MS)
    .filter((at) => at < now - TICK_MS / 8)
    .map((at) => h("span", { key: at, style: { left: `${(1 - (now - at) / DAY_MS) * 100}%` } }, format.time(at, { withSeconds: false }))));
}

function laneOf(lane, items, words, format, now, short) {
  const sorted = [...items].sort((a, b) => RANK[b.severity] - RANK[a.severity]);
  return h("div", { class: "lane", key: lane },
    h("span", { class: "name" }, words.say(`day.${lane}`)),
    h("div", { class: "bar", role: "img", "aria-label": items.length ? words.say("day.list", { n: items.length }) : words.say("day.nothing") },
      sorted.map((item) => {
        const from = Math.max(0, 1 - (now - instant(item.since)) / DAY_MS);
        const to = item.ended ? Math.max(0, 1 - (now - instant(item.ended)) / DAY_MS) : 1;
        return h("i", {
          key: `${item.id} ${item.since}`, class: item.name === "DcimReadingSuspect" || item.subsystem === "telemetry" ? "uncertain" : item.severity,
          title: `${words.problemTitle(item, short)}, ${range(item, words, format, now)}${careOf(item)}`, style: { left: `min(${from * 100}%, calc(100% - .3rem))`, width: `${Math.max(0, to - from) * 100}%` },
        });
      })));
}

function range(item, words, format, now) {
  const end = item.ended ? format.time(instant(item.ended), { withSeconds: false }) : words.say("day.goes_on");
  return `${format.when(instant(item.since), now, { withSeconds: false })}–${end}`;
}

/** Who had acknowledged a problem, and its maintenance window; shown after its description. */
function careOf({ acknowledged_by: by, maintenance }) {
  return `${maintenance ? ` ${CARE.maintenance} ${maintenance}` : ""}${by ? ` ${CARE.acknowledged} ${by}` : ""}`;
}

function list(items, words, format, now, short) {
  return h("div", { class: "scroll" }, h("table", { class: "list" },
    h("thead", null, h("tr", null, ["what", "since", "lasted"].map((name) => h("th", { scope: "col" }, words.say(`table.${name}`))))),
    h("tbody", null, items.slice(0, LISTED).map((item) => h("tr", { key: `${item.id} ${item.since}` },
      h("td", null, h("span", { class: `sign ${look(item)}`, "aria-hidden": "true" }, SIGNS[look(item)]), " ", item.ended ? words.problemTitle(item, short) : h("a", { href: linkTo({ problem: item.id }) }, words.problemTitle(item, short)), careOf(item)),
      h("td", null, format.when(instant(item.since), now)),
      h("td", null, item.ended ? format.duration(Math.max(1, Math.round((instant(item.ended) - instant(item.since)) / 1000))) : words.say("day.goes_on"), item.is_late ? h("span", { class: "small" }, " ", words.say("day.late")) : null))))));
}
