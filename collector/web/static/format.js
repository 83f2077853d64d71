// Numbers, units and times as people read them. The API has base units and UTC only.

import { dayUnit, stateWord } from "./words.js";

// Factor from the base unit, and the unit shown. 1 L/min/kW is 1/60,000,000 m³/J.
const UNITS = {
  volts: [1, "V"],
  amperes: [1, "A"],
  joules: [1 / 3.6e6, "kWh"],
  hertz: [1, "Hz"],
  ratio: [100, "%"],
  celsius: [1, "°C"],
  kelvin: [1, "K"],
  cubic_meters_per_second: [60_000, "L/min"],
  cubic_meters_per_joule: [6e7, "L/min/kW"],
  cubic_meters: [1, "m³"],
  meters: [1, "m"],
  meters_per_second: [1, "m/s"],
  degrees: [1, "°"],
  rpm: [1, "rpm"],
  ph: [1, "pH"],
  ntu: [1, "NTU"],
  siemens_per_meter: [1e4, "µS/cm"],
  grams_per_kilowatt_hour: [1, "g/kWh"],
  kilograms_per_kilowatt_hour: [1, "kg/kWh"],
  liters_per_kilowatt_hour: [1, "L/kWh"],
};
// Units whose prefix follows the size: the base unit, and factors from the largest.
const SCALED = {
  watts: [[1e6, "MW"], [1e3, "kW"], [1, "W"]],
  voltamperes: [[1e6, "MVA"], [1e3, "kVA"], [1, "VA"]],
  vars: [[1e6, "Mvar"], [1e3, "kvar"], [1, "var"]],
  pascals: [[1e3, "kPa"], [1, "Pa"]],
  bytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
  grams: [[1e6, "t"], [1e3, "kg"], [1, "g"]],
  grams_per_hour: [[1e6, "t/h"], [1e3, "kg/h"], [1, "g/h"]],
};
const LARGEST_PLAIN = 1e15;
const YEAR_2100_S = 4_102_444_800;

export class Format {
  /** `zone` is an IANA name, or "" for the browser's own. */
  constructor(language, zone = "") {
    this.language = language;
    this.zone = zone;
    this._numbers = new Map();
    this._times = new Map();
  }

  number(value, decimals = 0) {
    if (Math.abs(value) >= LARGEST_PLAIN) return value.toExponential(2);
    let formatter = this._numbers.get(decimals);
    if (!formatter) {
      formatter = new Intl.NumberFormat(this.language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
      this._numbers.set(decimals, formatter);
    }
    const text = formatter.format(value);
    return /^-[0.,\s]*$/.test(text) ? text.slice(1) : text; // no "-0"
  }

  /** Three digits, or all of a whole number. */
  digits(value) {
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e6) return this.number(value);
    return this.number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  }

  /** A value in base unit `unit` with the unit that operators use; "?" if there is none. */
  quantity(value, unit) {
    if (value === null || value === undefined) return "?";
    if (typeof value === "string") return stateWord(value, this.language);
    if (unit === "timestamp_seconds") return value >= 0 && value < YEAR_2100_S ? this.dateTime(value * 1000) : "–";
    if (unit === "seconds") return this.duration(value);
    if (unit === "ratio") return this.percent(value);
    const scale = SCALED[unit];
    if (scale) {
      const [factor, name] = scale.find(([from]) => Math.abs(value) >= from) ?? scale.at(-1);
      return `${this.digits(Number((value / factor).toPrecision(9)))}\u00a0${name}`;
    }
    const [factor, name] = UNITS[unit] ?? [1, (unit ?? "").replaceAll("_", " ")];
    const shown = Number((value * factor).toPrecision(9));
    const text = unit === "celsius" || unit === "kelvin" ? this.number(shown, 1) : this.digits(shown);
    return name ? `${text}\u00a0${name}` : text;
  }

  /** Power with as few digits as can be read at a glance. */
  power(watts) {
    if (watts === null || watts === undefined) return "?";
    const size = Math.abs(watts);
    if (size >= 1e6) return `${this.number(watts / 1e6, 2)}\u00a0MW`;
    return size >= 1e3 ? `${this.number(watts / 1e3, size >= 1e4 ? 0 : 1)}\u00a0kW` : `${this.number(watts)}\u00a0W`;
  }

  percent(ratio, decimals = undefined) {
    if (ratio === null || ratio === undefined) return "?";
    const shown = ratio * 100;
    return `${this.number(shown, decimals ?? (Math.abs(shown) < 10 && !Number.isInteger(Number(shown.toPrecision(9))) ? 1 : 0))}\u00a0%`;
  }

  /** A length of time in the largest unit that gives at least 2. */
  duration(seconds) {
    if (seconds === null || seconds === undefined) return "?";
    const size = Math.abs(seconds);
    if (size >= LARGEST_PLAIN) return "∞";
    for (const [unit, name] of [[86_400, dayUnit(this.language)], [3600, "h"], [60, "min"]]) {
      if (size >= 2 * unit) return `${this.number(seconds / unit)}\u00a0${name}`;
    }
    if (size > 0 && size < 1) return `${this.number(seconds * 1000, size < 0.01 ? 1 : 0)}\u00a0ms`;
    const decimals = size >= 10 || Number.isInteger(seconds) ? 0 : size >= 1 ? 1 : 2;
    return `${this.number(seconds, decimals)}\u00a0s`;
  }

  /** Time left, for a countdown: seconds below two minutes, whole minutes above, always rounded down. */
  left(seconds) {
    if (seconds === null || seconds === undefined) return "?";
    if (seconds < 120) return `${this.number(Math.max(0, Math.floor(seconds)))}\u00a0s`;
    if (seconds < 7200) return `${this.number(Math.floor(seconds / 60))}\u00a0min`;
    return seconds < 2 * 86_400 ? `${this.number(Math.floor(seconds / 3600))}\u00a0h` : this.duration(seconds);
  }

  time(ms, { withSeconds = true } = {}) {
    return this._format(withSeconds ? "time" : "minute", ms, { hour: "2-digit", minute: "2-digit", ...(withSeconds && { second: "2-digit" }) });
  }

  /** The time, with the day if it is not that of `now`. If clocks were changed in between, an hour may come twice: then with its zone. */
  when(ms, now, options) {
    const day = { day: "numeric", month: "short" };
    const same = this._format("day", ms, day) === this._format("day", now, day);
    const zone = this._zoneAt(ms) === this._zoneAt(now) ? "" : ` ${this._zoneAt(ms)}`;
    return `${same ? "" : `${this._format("day", ms, day)} `}${this.time(ms, options)}${zone}`;
  }

  /** The offset in force at a time, as in GMT+1. */
  _zoneAt(ms) {
    const text = this._format("zone", ms, { hour: "2-digit", timeZoneName: "shortOffset" });
    return text.replace(/^\D*\d+\s*(h\s+)?/, "");
  }

  dateTime(ms) {
    return this._format("both", ms, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  }

  /** The clock in the header: local time with its zone. */
  clock(ms) {
    const options = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
    return this._format("clock", ms, options);
  }

  _format(name, ms, options) {
    let formatter = this._times.get(name);
    if (!formatter) {
      const all = { ...options, hourCycle: "h23" };
      // "en" alone is American: 11/26. Operators of this page write the day first.
      const locale = this.language === "en" ? "en-GB" : this.language;
      try {
        formatter = new Intl.DateTimeFormat(locale, this.zone ? { ...all, timeZone: this.zone } : all);
      } catch {
        formatter = new Intl.DateTimeFormat(locale, { ...all, timeZone: "UTC", timeZoneName: "short" }); // a zone this browser does not know
      }
      this._times.set(name, formatter);
    }
    return formatter.format(ms);
  }
}

/** Milliseconds of an ISO time, of ms, or null. */
export function instant(time) {
  if (time === null || time === undefined) return null;
  const ms = typeof time === "number" ? time : Date.parse(time);
  return Number.isFinite(ms) ? ms : null;
}
