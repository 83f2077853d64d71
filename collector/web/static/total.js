// The view of a total in the head of the page: its number, how it is made, and the readings that it is made of.

import { absent, facts, heading, inputsOf } from "./details.js";
import { h } from "./dom.js";
import { figureLink } from "./links.js";
import { SIGNS } from "./marks.js";

export function totalView(page) {
  const { fetched, words, format, route, site } = page;
  const total = fetched?.document;
  const title = words.say(`total_title.${route.id}`);
  if (!total?.id) return [heading(words, title), absent(page, "explain.gone")];
  const window = total.window_seconds ? format.duration(total.window_seconds) : null;
  return [
    heading(words, title),
    h("section", { class: "panel explain" },
      h("p", { class: `left ${total.value == null ? "unknown" : ""}` }, h("b", null, total.value == null ? `${SIGNS.uncertain} ${words.say("explain.unknown")}` : totalText(total, format))),
      total.unknown ? h("p", null, words.say(`pue_why.${total.unknown}`)) : null,
      h("p", null, words.say(`total_how.${total.id}`, { window })),
      total.id === "it" || total.id === "pue" ? h("p", { class: "small" }, words.say(`it_from.${total.it_from}`)) : null,
      total.id === "pue" ? facts([
        [words.say("total_title.facility"), format.power(total.facility_power_watts)],
        [words.say("total_title.it"), format.power(total.it_power_watts)],
        [words.say("total.energy"), site && h("a", { href: figureLink({ metric: "dcim_site_interim_pue_ratio", labels: { site: site.site } }) }, words.say("total.energy_windows"))],
      ]) : null,
      inputsOf(total, page)),
  ];
}

/** A total as the head of the page shows it. */
function totalText({ value, unit }, format) {
  return unit === "watts" ? format.power(value) : unit ? format.quantity(value, unit) : format.number(value, 2);
}
