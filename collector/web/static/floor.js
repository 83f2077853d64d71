// The floor: feeds and UPSs, rows of racks coloured by the chosen quantity, and the CDUs that cool them.

import { byName } from "./details.js";
import { h, memo } from "./dom.js";
import { linkTo } from "./links.js";
import { BEGINS, CARE, RANK, shortName, SIGNS, why } from "./marks.js";
import { legend, quantities, shade } from "./quantities.js";

// Above these numbers of racks, tiles show less: first they lose their feeds, then all but their state.
const DENSITIES = [[64, "large"], [240, "medium"], [Infinity, "small"]];
// Up to this many UPS groups of a feed are shown one by one.
const GROUPS_SHOWN = 4;
const FEED_SIGNS = { on: "●", off: "✕", unknown: "?" };
// With more CDUs in a row, each shows only its pumps and whether coolant flows, but no numbers.
const CDUS_WHOLE = 6;
// A floor of more racks is shown room by room.
const RACKS_TOGETHER = 240;
// Width over height of a tile that has room for a name, a value and two feeds.
const WALL_TILE = 1.3;
// The shares of a wall's width and height that tiles have, beside the other columns and below the head.
const WALL_WIDTH = 0.46;
const WALL_HEIGHT = 0.6;
// Columns of tiles at most: large tiles need the room of more than two of the others.
const COLUMNS = { large: 16, medium: 40, small: 40 };
// Rows are shown side by side if none has more racks than this, and the window has so many pixels; and if there are more than so many rows.
const SHORT_ROW = 12;
const WIDE_WINDOW = 1200;
const ROWS_IN_ONE = 8;
const WALL_ROWS_IN_ONE = 6;
const WALL_ROWS_IN_TWO = 18;
// After every severity.
const NO_PROBLEM = 9;
const PUMP_SIGNS = { on: "●", standby: "○", off: "○", fault: "✕", unknown: "?" };

/** The room to show: the one asked for; "" if all fit on one floor; otherwise the worst (on the wall, the worst at each moment). */
export function roomToShow(site, route, chosen) {
  const asked = route.parameters.get("room");
  if (asked !== null) return asked;
  if (!site || withRacks(site).length < 2 || site.rooms.reduce((sum, room) => sum + room.racks, 0) <= RACKS_TOGETHER) return "";
  const rank = (room) => (room?.problem ? RANK[room.problem] : NO_PROBLEM);
  const worst = withRacks(site).reduce((best, room) => (rank(room) < rank(best) ? room : best));
  const before = site.rooms.find((room) => room.id === chosen);
  return before && (!route.parameters.has("wall") || rank(before) <= rank(worst)) ? chosen : worst.id;
}

function withRacks(site) {
  return site.rooms.filter((room) => room.racks);
}

/** The section with the floor. */
export function floorSection(page) {
  const { floor, words } = page;
  const feeds = Object.keys(floor?.feeds ?? {}).sort();
  const all = quantities(feeds);
  const quantity = all.find((each) => each.id === page.quantity) ?? all[0];
  const standing = floor ? shownRows(floor, page.route) : [];
  const rows = standing.filter((row) => row.racks.length || row.id);
  const rest = standing.filter((row) => !rows.includes(row));
  const count = rows.reduce((sum, row) => sum + row.racks.length, 0);
  const density = DENSITIES.find(([most]) => count <= most)[1];
  const isWall = page.route.parameters.has("wall");
  const side = sideBySide(rows, isWall);
  const columns = isWall ? wallColumns(rows, side) : Math.min(widest(rows), COLUMNS[density]);
  return h("section", { class: "floor", "aria-labelledby": "floor-title", "data-density": density },
    h("h2", { id: "floor-title" }, words.say("floor.title")),
    rooms(page),
    h("div", { class: "chips", role: "group", "aria-label": words.say("floor.colour") },
      all.map((each) => h("button", { type: "button", key: each.id, "aria-pressed": String(each === quantity), on: { click: () => page.choose(each.id) } },
        words.say(each.key, each.parameters)))),
    floor ? power(page) : null,
    standing.length ? null : h("p", { class: "dim" }, floor ? words.say("floor.empty") : "…"),
    h("div", { class: "rows", style: { "--columns": String(columns), "--side": String(side) }, on: { keydown: arrows } },
      rows.map((row) => rowOf(row, quantity, page))),
    rest.length ? h("div", { class: "rest", key: "rest" }, rest.map((row) => rowOf(row, quantity, page))) : null,
    legendOf(quantity, page));
}

function widest(rows) {
  return rows.reduce((most, row) => Math.max(most, row.racks.length), 1);
}

/** Columns of rows: with many short rows in a single column, the floor would be several screens high. */
function sideBySide(rows, isWall) {
  if (widest(rows) > SHORT_ROW || innerWidth < WIDE_WINDOW) return 1;
  if (!isWall) return rows.length > ROWS_IN_ONE ? 2 : 1;
  return rows.length > WALL_ROWS_IN_TWO ? 3 : rows.length > WALL_ROWS_IN_ONE ? 2 : 1;
}

/** Racks side by side on the wall: rows are folded into lines until tiles are about as high as wide, however many there are. */
function wallColumns(rows, side) {
  const racks = widest(rows);
  const width = (innerWidth * WALL_WIDTH) / side;
  const height = (innerHeight * WALL_HEIGHT) / Math.max(1, Math.ceil(rows.length / side));
  let best = [Infinity, racks];
  for (let lines = 1; lines <= racks; lines += 1) {
    const columns = Math.ceil(racks / lines);
    const strain = Math.abs(Math.log(width / columns / (height / lines) / WALL_TILE));
    if (strain < best[0]) best = [strain, columns];
  }
  return best[1];
}

function shownRows(floor, route) {
  const row = route.parameters.get("row");
  return row === null ? floor.rows : floor.rows.filter((each) => each.id === row);
}

function rooms({ site, room, route, words }) {
  if (!site || (withRacks(site).length < 2 && !route.parameters.has("row"))) return null;
  const few = site.rooms.reduce((sum, each) => sum + each.racks, 0) <= RACKS_TOGETHER;
  return h("nav", { class: "chips rooms", "aria-label": words.say("floor.rooms") },
    few || withRacks(site).length < 2 ? h("a", { href: linkTo({}), "aria-current": room === "" && !route.parameters.has("row") ? "true" : null }, words.say("floor.all_rooms")) : null,
    withRacks(site).map((each) => h("a", { key: each.id, href: linkTo({ room: each.id }), class: each.problem ?? (each.observed ? null : "unknown"), "aria-current": each.id === room ? "true" : null },
      sign(each.problem ?? (each.observed ? null : "uncertain"), words), words.say("floor.room", { name: each.id, n: each.racks }))));
}

function sign(kind, words) {
  return kind ? [h("span", { class: `sign ${kind}`, role: "img", "aria-label": words.say(`severity.${kind}`) }, SIGNS[kind]), " "] : null;
}

/** The sign that somebody has acknowledged the worst problem of a place, or is working on it. */
function careSign(mark, words) {
  return mark?.care ? [h("span", { class: "sign", role: "img", "aria-label": words.say(`floor.care.${mark.care}`) }, CARE[mark.care]), " "] : null;
}

function beginSign(kind, words) {
  return kind ? [h("span", { class: `sign ${kind}`, role: "img", "aria-label": words.say("severity.begins") }, BEGINS[kind]), " "] : null;
}

/** Feeds and UPS groups, each with its minutes of battery. */
function power(page) {
  const { floor, words } = page;
  const feeds = Object.values(floor.feeds).sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
  const groups = Object.values(floor.ups_groups).sort((a, b) => `${a.feed} ${a.id}`.localeCompare(`${b.feed} ${b.id}`, undefined, { numeric: true }));
  if (!feeds.length && !groups.length) return null;
  return h("ul", { class: "power", "aria-label": words.say("floor.feeds") },
    feeds.map((feed) => {
      const own = groups.filter((group) => group.feed === feed.id);
      const onBattery = feed.state === "on" && own.some((group) => group.on_battery);
      const said = onBattery ? words.say("floor.on_battery") : words.say(`floor.feed.${feed.state}`);
      return h("li", { key: `feed ${feed.id}`, class: `feed ${onBattery ? "battery" : feed.state}`, "data-feed": feed.id },
        h("b", null, words.say("floor.feed", { feed: feed.id })), " ", h("span", null, onBattery ? SIGNS.warning : FEED_SIGNS[feed.state], " ", said),
        own.length > GROUPS_SHOWN ? manyGroups(own, page) : own.map((group) => upsGroup(group, page, onBattery && own.length === 1)));
    }),
    groups.filter((group) => !(group.feed in floor.feeds)).map((group) => h("li", { key: `group ${group.id}`, class: "feed" }, upsGroup(group, page))));
}

/** A summary of many groups: their number, the weakest battery, and those with problems. A campus has hundreds of UPSs on each feed. */
function manyGroups(groups, page) {
  const { words, format } = page;
  const upss = groups.reduce((sum, group) => sum + (group.members?.length ?? 1), 0);
  const known = groups.filter((group) => group.observed && group.seconds_left != null);
  const unseen = groups.filter((group) => !group.observed).length;
  const least = known.reduce((low, group) => Math.min(low, group.seconds_left), Infinity);
  const striking = groups.filter((group) => group.on_battery || group.problem).sort((a, b) => (a.seconds_left ?? 0) - (b.seconds_left ?? 0));
  return [
    h("span", { key: "upss", class: "ups" }, words.say("floor.upss", { n: upss }), " ", known.length ? [words.say("floor.least"), " ", h("b", null, format.left(least))] : h("b", null, "?"),
      unseen ? ` · ${words.say("floor.groups_unseen", { n: unseen })}` : null),
    striking.slice(0, GROUPS_SHOWN).map((group) => upsGroup(group, page)),
    striking.length > GROUPS_SHOWN ? h("span", { key: "more" }, words.say("floor.more", { n: striking.length - GROUPS_SHOWN })) : null,
  ];
}

function upsGroup(group, { words, format, short }, isSaid = false) {
  const seen = group.observed && group.seconds_left != null;
  const count = group.members?.length ?? 0;
  const name = count > 1 ? words.say("floor.upss", { n: count }) : words.say("floor.ups", { name: short({ device: group.id }).device });
  const minutes = seen ? format.left(group.seconds_left) : "?";
  return h("span", { key: group.id, class: `ups ${group.on_battery ? "on-battery" : ""} ${group.observed ? "" : "unseen"}`, title: group.members?.join(", "), "data-problem": group.problem?.severity ?? null, "data-begins": group.beginning?.severity ?? null },
    sign(group.problem?.severity, words), careSign(group.problem, words), beginSign(group.beginning?.severity, words),
    group.members?.length === 1 ? h("a", { href: linkTo({ device: group.members[0] }) }, name) : name, " ", h("b", null, minutes),
    group.load_ratio == null ? null : ` · ${words.say("floor.load", { load: format.percent(group.load_ratio) })}`,
    group.on_battery && !isSaid ? h("strong", null, ` ${words.say("floor.on_battery")}`) : null,
    group.observed ? null : ` · ${words.say("floor.unseen")}`,
    group.observed && group.unseen ? ` · ${words.say("floor.groups_unseen", { n: group.unseen })}` : null);
}

function rowOf(row, quantity, page) {
  const { floor, words } = page;
  const racks = row.racks.map((id) => floor.racks[id]);
  const cdus = row.cdus.map((id) => floor.cdus[id]);
  const title = row.id ? words.say("floor.row", { name: shortName(row.id, row.room) }) : words.say("floor.cdus");
  return memo(`row ${row.room} ${row.id}`, [row, quantity.id, words, page.format, page.route, ...racks, ...cdus], () =>
    h("section", { class: "row", "aria-label": title, style: { "--racks": String(row.racks.length) } },
      h("h3", null, row.id ? h("a", { href: linkTo({ room: page.room || null, row: row.id }) }, title) : title),
      h("div", { class: "in-row" },
        racks.length ? h("ul", { class: "racks" }, racks.map((rack, index) => rack && h("li", { key: row.racks[index] }, rackTile(rack, quantity, page)))) : null,
        cdus.length ? h("ul", { class: cdus.length > CDUS_WHOLE ? "cdus many" : "cdus" }, cdus.map((cdu, index) => cdu && h("li", { key: row.cdus[index] }, cduTile(cdu, page)))) : null)));
}

function rackTile(rack, quantity, { words, format }) {
  const level = rack.observed ? shade(quantity, rack.values) : null;
  const value = quantity.value(rack.values);
  const text = valueText(rack, quantity, value, words, format);
  const problem = rack.problem?.severity ?? null;
  const begins = rack.beginning?.severity ?? null;
  const feeds = byName(rack.feeds);
  const said = [
    rack.id, rack.observed ? text : `${words.say("floor.unseen")}: ${why(rack.unobserved, words)}`,
    ...feeds.map(([feed, state]) => (state.state === "on" && state.load_ratio != null
      ? words.say("floor.feed_load", { feed, load: format.percent(state.load_ratio) }) : `${words.say("floor.feed", { feed })} ${words.say(`floor.feed.${state.state}`)}`)),
    ...(problem ? [words.say(`severity.${problem}`)] : []),
    ...(rack.problem?.care ? [words.say(`floor.care.${rack.problem.care}`)] : []),
    ...(begins ? [words.say("severity.begins")] : []),
    ...(rack.observed && rack.unseen ? [words.say("floor.devices_unseen", { n: rack.unseen })] : []),
  ].join(", ");
  return h("a", {
    class: "rack", href: linkTo({ rack: rack.id }), "data-rack": rack.id, "data-level": level ?? "none", "data-problem": problem, "data-begins": begins,
    "data-observed": String(rack.observed), title: said,
  },
  // The accessible name is the visible text, not a label of its own: voice control needs the words that are seen (WCAG 2.5.3).
  h("span", { class: "sr" }, said),
  h("span", { class: "id", "aria-hidden": "true" }, shortName(rack.id, rack.row, rack.room)), markOf(rack, problem, begins),
  h("b", { class: "value", "aria-hidden": "true" }, unitApart(text)),
  h("span", { class: "feeds", "aria-hidden": "true" }, feeds.map(([feed, state]) => h("i", { key: feed, class: state.state },
    state.state === "off" ? h("s", null, feed) : state.state === "unknown" ? `${feed} ?` : state.load_ratio == null ? feed : `${feed} ${format.percent(state.load_ratio, 0)}`))));
}

/** A number and its unit as separate elements: in a narrow tile the unit goes below the number. */
function unitApart(text) {
  const [number, unit, ...more] = text.split("\u00a0");
  return unit && !more.length ? [number, h("span", { class: "unit" }, `\u00a0${unit}`)] : text;
}

/** The corner of a tile: what is reported, what begins, or that some of its devices are not observed. */
function markOf(rack, problem, begins) {
  const told = problem ? `${SIGNS[problem]}${CARE[rack.problem.care] ?? ""}` : "";
  if (begins) return h("span", { class: `mark ${begins}`, "aria-hidden": "true" }, told, BEGINS[begins]);
  if (problem) return h("span", { class: `mark ${problem}`, "aria-hidden": "true" }, told);
  return rack.observed && rack.unseen ? h("span", { class: "mark uncertain", "aria-hidden": "true" }, SIGNS.uncertain) : null;
}

function valueText(rack, quantity, value, words, format) {
  if (!rack.observed) return words.say("floor.unseen");
  if (quantity.id === "problem") return rack.problem ? words.say(`severity.${rack.problem.severity}`) : SIGNS.ended;
  if (value === null || value === undefined) return "?";
  if (quantity.unit === "watts") return format.power(value);
  return quantity.unit === "ratio" ? format.percent(value, 0) : format.quantity(value, quantity.unit);
}

function cduTile(cdu, { words, format }) {
  const pumps = byName(cdu.pumps);
  const flow = cdu.flow_cubic_meters_per_second;
  const isStill = cdu.observed && flow === 0;
  // A CDU without flow may be on standby, or unable to run: only the first is a reserve.
  const isResting = isStill && !cdu.problem && pumps.length > 0 && pumps.every(([, state]) => state === "standby" || state === "off");
  const temperatures = cdu.supply_celsius == null && cdu.return_celsius == null ? null
    : `${cdu.supply_celsius == null ? "?" : format.number(cdu.supply_celsius, 1)} → ${cdu.return_celsius == null ? "?" : format.number(cdu.return_celsius, 1)}\u00a0°C`;
  const problem = cdu.problem?.severity ?? null;
  const begins = cdu.beginning?.severity ?? null;
  return h("a", { class: "cdu", href: linkTo({ device: cdu.id }), "data-cdu": cdu.id, "data-problem": problem, "data-begins": begins, "data-observed": String(cdu.observed), title: cdu.observed ? cdu.id : `${cdu.id}: ${why(cdu.unobserved, words)}` },
    sign(problem, words), careSign(cdu.problem, words), beginSign(begins, words), h("b", null, shortName(cdu.id, cdu.row, cdu.room)),
    cdu.observed
      ? [h("span", { class: isStill ? null : "flowing" }, isResting ? words.say("floor.spare") : isStill ? words.say("floor.no_flow") : format.quantity(flow, "cubic_meters_per_second")), h("span", { class: "temperatures" }, isResting ? words.say("floor.at_rest") : isStill ? null : temperatures)]
      : h("span", null, words.say("floor.unseen")),
    pumps.length && cdu.observed ? h("span", { class: "pumps" }, pumps.map(([pump, state]) => h("span", {
      key: pump, class: `pump ${state}`, role: "img", "aria-label": words.say(`floor.pump.${state === "standby" ? "off" : state}`, { pump }) }, PUMP_SIGNS[state] ?? "?"))) : null);
}

function legendOf(quantity, { words, format, floor }) {
  const unit = quantity.stepUnit ?? quantity.unit;
  const text = (value) => (unit === "ratio" ? format.percent(value, 0) : format.quantity(value, unit));
  const entries = legend(quantity).map(([level, from, to]) => [level,
    from === null ? words.say("level.below", { to: text(to) })
    : to === null || level === 5 ? words.say("level.above", { from: text(from) })
    : words.say("level.between", { from: unit === "ratio" ? format.number(from * 100) : text(from), to: text(to) })]);
  const shades = quantity.steps.length ? entries : [];
  return h("ul", { class: "legend" },
    shades.length ? h("li", { key: "what", class: "text" }, words.say("floor.shade", { quantity: words.say(quantity.key, quantity.parameters) })) : null,
    shades.map(([level, said]) => h("li", { key: level, "data-level": String(level) }, said)),
    ["critical", "warning"].map((kind) => h("li", { key: kind, class: "text" }, h("span", { class: `sign ${kind}` }, SIGNS[kind]), " ", words.say(`severity.${kind}`))),
    h("li", { key: "begins", class: "text" }, h("span", { class: "sign critical" }, BEGINS.critical), " ", h("span", { class: "sign warning" }, BEGINS.warning), " ", words.say("severity.begins")),
    caresOf(floor).map((care) => h("li", { key: care, class: "text" }, CARE[care], " ", words.say(`floor.care.${care}`))),
    h("li", { key: "unseen", class: "unseen" }, words.say("floor.hatched")),
    floor && Object.keys(floor.cdus).length ? h("li", { key: "pumps", class: "text" }, words.say("floor.pumps", PUMP_SIGNS)) : null,
    floor && Object.keys(floor.feeds).length ? h("li", { key: "feeds", class: "text" }, words.say("floor.feed_legend", { feed: Object.keys(floor.feeds).sort()[0] })) : null);
}

/** The signs of acknowledgement and maintenance now on the floor: the legend explains only these, and mostly there are none. */
function caresOf(floor) {
  const places = [floor?.racks, floor?.cdus, floor?.ups_groups].flatMap((each) => Object.values(each ?? {}));
  return Object.keys(CARE).filter((care) => places.some((place) => place.problem?.care === care));
}

/** Arrow keys move from rack to rack, so that keyboard users need not press Tab a thousand times. */
function arrows(event) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const here = event.target.closest?.("a.rack");
  if (!steps || !here) return;
  const rows = [...event.currentTarget.querySelectorAll(".racks")].map((row) => [...row.querySelectorAll("a.rack")]);
  const y = rows.findIndex((row) => row.includes(here));
  const x = rows[y].indexOf(here);
  const row = rows[y + steps[1]];
  const next = row?.[Math.min(x + steps[0], steps[1] ? row.length - 1 : Infinity)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
