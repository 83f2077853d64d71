// What the page says, in the reader's language.
//
// `{rack}` is a parameter. A part in brackets is there only if its first parameter is: `[, rack {rack}]`. A text that depends on a number
// is an object of plural forms, chosen by the parameter `n`.

import en from "./en.js";
import fr from "./fr.js";
import { descriptions } from "./problems_fr.js";
import { states } from "./states_fr.js";

// All that depends on the language. `states` and `descriptions` translate what the catalogue and the collector say in English; `noBreak`
// are the blanks at which no line may end, and `day` is the unit of days.
const TABLES = {
  en: { name: "English", texts: en, states: {}, descriptions: {}, noBreak: null, day: "d" },
  fr: { name: "Français", texts: fr, states, descriptions, noBreak: / (?=[;:!?])/g, day: "j" },
};
export const LANGUAGES = Object.fromEntries(Object.entries(TABLES).map(([language, { name }]) => [language, name]));
// Labels whose values are words of the catalogue, and not names that somebody gave.
const WORDED = ["state", "reason", "failure", "alarm"];

/** A state or a reason of the catalogue in words. */
export function stateWord(state, language) {
  const words = TABLES[language].states;
  return Object.hasOwn(words, state) ? words[state] : state.replaceAll("_", " ");
}

/** The unit of a number of days. */
export function dayUnit(language) {
  return TABLES[language].day;
}

export class Words {
  constructor(language) {
    this.language = language;
    this._table = TABLES[language];
    this._plural = new Intl.PluralRules(language);
  }

  has(key) {
    return Object.hasOwn(this._table.texts, key);
  }

  /** The text of a key; if no table has the key, its last part. */
  say(key, parameters = {}) {
    const found = this.has(key) ? this._table.texts[key] : key.slice(key.indexOf(".") + 1).replaceAll("_", " ");
    const text = typeof found === "string" ? found : (found[this._plural.select(parameters.n ?? 0)] ?? found.other);
    return fill(this._typeset(text), parameters);
  }

  /** The problem in a few words: what and where, with names as `short` says them. */
  problemTitle(problem, short = (labels) => labels) {
    const key = `problem.${problem.name}`;
    return this.has(key) ? this.say(key, this._worded(short(problem.labels))) : problem.summary;
  }

  /** No line may end between a number and its unit; nor, in French, at the blank before a colon. */
  _typeset(text) {
    const kept = withUnits(text);
    return this._table.noBreak ? kept.replace(this._table.noBreak, "\u00a0") : kept;
  }

  _worded(labels) {
    return Object.fromEntries(Object.entries(labels ?? {}).map(([name, text]) => [name, WORDED.includes(name) ? stateWord(text, this.language) : text]));
  }

  /** The problem in one or two sentences. The collector's own are English. */
  problemText(problem, format) {
    const translated = this._table.descriptions;
    const text = Object.hasOwn(translated, problem.name) ? translated[problem.name] : null;
    return text === null ? own(problem) : fill(this._typeset(text), this._worded(problem.labels ?? {}), (form) => number(problem.value, form, format));
  }
}

/** A text with no-break spaces between numbers, or what stands for one, and units. */
function withUnits(text) {
  return text.replace(/([\d}]) (?=(?:°C|L\/min|kWh?|W|V|A|K|k?Pa|bar|Hz|s|min|h|%)(?![\p{L}\d]))/gu, "$1\u00a0");
}

/** A description without the parts that are shown beside it: the sensor's place, the limit and its source, the racks. */
function own({ description, whereabouts }) {
  const text = description.replace(/ Racks: [^.]*\.$/, "").replace(/ Limit: [^()]* \([a-z ]+\)\.$/, "");
  return withUnits(whereabouts ? text.replace(` Sensor: ${whereabouts}.`, "") : text);
}

/** Put parameters into a text; `value` formats `{value:…}`. */
export function fill(text, parameters, value = () => "") {
  const plain = (part) =>
    part.replace(/\{([a-z_]+)(?::([^}]+))?\}/g, (_, name, form) => (name === "value" && !("value" in parameters) ? value(form) : (parameters[name] ?? "")));
  return plain(
    text.replace(/\[([^\[\]]*)\]/g, (_, part) => {
      const [inner, other] = part.split("|");
      const first = /\{([a-z_]+)/.exec(inner)?.[1];
      return first && (parameters[first] || parameters[first] === 0) ? inner : (other ?? "");
    }),
  );
}

function number(value, form, format) {
  if (value === null || value === undefined) return "?";
  if (form === "%") return format.percent(value);
  return form?.startsWith(".") ? format.number(value, Number(form.slice(1))) : format.digits(value);
}
