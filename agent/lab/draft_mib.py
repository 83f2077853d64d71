"""Drafts points from a MIB: which metric an object probably is, its unit and scale, and what its codes mean. Guesses are marked as such.

If the MIB says enough, the point is written so that it loads. What is missing is left as a comment, for somebody who knows the device.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.lab.mib import MibObject
from agent.profile import parse_profile
from rackflow.catalogue import Metric, catalogue
from rackflow.errors import ProfileError
from rackflow.units import WIRE_UNITS

# Words in the names of MIB objects, and the words for the same thing in the names of metrics.
_SAME = {
    **dict.fromkeys(("amps", "amp", "ampere", "amperes", "curr"), "current"),
    **dict.fromkeys(("volts", "volt", "voltages"), "voltage"),
    **dict.fromkeys(("watts", "watt", "active", "real", "kw"), "power"),
    **dict.fromkeys(("va", "kva", "apparentpower"), "apparent"),
    **dict.fromkeys(("kwh", "wh"), "energy"),
    **dict.fromkeys(("temp", "temperatures"), "temperature"),
    **dict.fromkeys(("hum", "rh", "humid"), "humidity"),
    **dict.fromkeys(("freq",), "frequency"),
    **dict.fromkeys(("pf", "powerfactor"), "factor"),
    **dict.fromkeys(("infeed", "cord", "unit", "total", "inlet"), "input"),
    **dict.fromkeys(("lines", "line", "phases"), "phase"),
    **dict.fromkeys(("branch", "circuit", "section", "group", "ocp"), "bank"),
    **dict.fromkeys(("receptacle", "socket", "outlets"), "outlet"),
    **dict.fromkeys(("status", "condition", "mode"), "state"),
    **dict.fromkeys(("batt",), "battery"),
    **dict.fromkeys(("capacity", "percent", "utilization", "utilisation"), "load"),
    **dict.fromkeys(("remaining", "autonomy"), "runtime"),
    **dict.fromkeys(("rating", "nominal", "max", "rated"), "rated"),
    **dict.fromkeys(("fuse", "breaker"), "breaker"),
    **dict.fromkeys(("maximum", "highest"), "peak"),
}
_UNITS = {
    **dict.fromkeys(("v", "volt", "volts", "rms volts", "vac"), "volt"),
    **dict.fromkeys(("a", "amp", "amps", "ampere", "amperes", "rms amps"), "ampere"),
    **dict.fromkeys(("ma", "milliamp", "milliamps", "milliamperes"), "milliampere"),
    **dict.fromkeys(("mv", "millivolts"), "millivolt"),
    **dict.fromkeys(("w", "watt", "watts"), "watt"),
    **dict.fromkeys(("kw", "kilowatt", "kilowatts"), "kilowatt"),
    **dict.fromkeys(("va", "volt-amp", "volt-amps", "volt-amperes", "voltamperes"), "voltampere"),
    **dict.fromkeys(("kva",), "kilovoltampere"),
    **dict.fromkeys(("var", "vars"), "var"),
    **dict.fromkeys(("wh", "watt-hours", "watt hours", "watt-hour"), "watt_hour"),
    **dict.fromkeys(("kwh", "kilowatt-hours", "kilowatt hours"), "kilowatt_hour"),
    **dict.fromkeys(("hz", "hertz"), "hertz"),
    **dict.fromkeys(("%", "percent", "percentage", "% rh", "%rh"), "percent"),
    **dict.fromkeys(("c", "celsius", "degrees celsius", "degrees c", "degrees centigrade", "degc"), "celsius"),
    **dict.fromkeys(("f", "fahrenheit", "degrees fahrenheit", "degrees f", "degf"), "fahrenheit"),
    **dict.fromkeys(("s", "sec", "seconds", "second"), "second"),
    **dict.fromkeys(("min", "minutes", "minute"), "minute"),
    **dict.fromkeys(("h", "hours", "hour"), "hour"),
    **dict.fromkeys(("rpm",), "rpm"),
    **dict.fromkeys(("pa", "pascal"), "pascal"),
    **dict.fromkeys(("kpa",), "kilopascal"),
    **dict.fromkeys(("bar",), "bar"),
    **dict.fromkeys(("psi",), "psi"),
    **dict.fromkeys(("l/min", "lpm", "liters per minute"), "liter_per_minute"),
}
_FRACTIONS = {
    "tenth": "0.1",
    "tenths": "0.1",
    "hundredth": "0.01",
    "hundredths": "0.01",
    "thousandth": "0.001",
    "thousandths": "0.001",
}
_UNIT_WORDS = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
# "0.1 Amps", "tenths of a degree Celsius", "1/10 V", "Watts"; in descriptions only what says its scale or stands behind "in". A number
# there may as well be a value, such as the 10 in "nominal 110 VAC" or a rating of 100 A: 10 and more count behind such a word only.
_TENS = r"(?:^|(?<=\bin )|(?<=units of )|(?<=steps of )|(?<=multiples of ))10+"
_SCALED = re.compile(
    rf"(?:\b(?P<word>{'|'.join(_FRACTIONS)})\s+(?:of\s+)?(?:an?\s+)?|(?<![\d.,/])(?P<number>0?\.0*1|1/10+|{_TENS})\s*)"
    rf"(?P<unit>{_UNIT_WORDS})(?![a-z])",
    re.IGNORECASE,
)
_PLAIN = re.compile(rf"\b(?:in|unit|units:?)\s+(?P<unit>{_UNIT_WORDS})(?![a-z])", re.IGNORECASE)
# Words of a name that say nothing about which metric it is.
_NOISE = {
    "pdu",
    "ups",
    "the",
    "of",
    "and",
    "in",
    "for",
    "table",
    "entry",
    "value",
    "measured",
    "reading",
    "monitor",
    "info",
}
# Least similarity between an object's name and a metric's for the metric to be proposed.
LEAST_SCORE = 0.5
# A word that is in more than this share of a MIB's names, and in more than FEW, says nothing about one of them (such as the maker's
# prefix). Chosen values: smaller ones drop words that tell objects apart.
NEARLY_ALL = 0.8
FEW = 4
_STATES = {
    "normal": ("normal", "ok", "good", "noalarm"),
    "ok": ("ok", "normal", "good"),
    "low": ("low", "lowwarning", "lowerwarning", "underload"),
    "low_critical": ("lowcritical", "lowercritical"),
    "near_overload": ("nearoverload", "highwarning", "upperwarning", "warning"),
    "overload": ("overload", "highcritical", "uppercritical", "critical"),
    "failed": ("failed", "failure", "fault", "critical", "error"),
    "degraded": ("degraded", "warning", "minor", "major"),
    "battery": ("onbattery", "battery"),
    "bypass": ("bypass", "onbypass"),
    "running": ("running", "on"),
    "stopped": ("stopped", "off"),
    "unknown": ("unknown", "other"),
}
ONE = "'1'"
_ON = {"on", "yes", "true", "active", "closed", "tripped", "alarm", "open"}
# Longest first, for words in small letters.
_NOT = ("not", "non", "no")
_OFF = {"off", "no", "false", "inactive", "ok", "normal", "nottripped"}


@dataclass(frozen=True, slots=True)
class DraftedPoint:
    """One line below `points`, without its indentation. If `live`, the point loads as it is; otherwise it is written as a comment."""

    text: str
    note: str
    live: bool


def words_of_name(name: str) -> list[str]:
    """The words of a MIB's name, in the words of metrics: `pduOutletCurrAmps` has outlet and current."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    words = [_SAME.get(part.casefold(), part.casefold()) for part in parts]
    return [word for word in dict.fromkeys(words) if word not in _NOISE]


def unit_and_scale(each: MibObject) -> tuple[str, str]:
    """The wire unit and the scale that the MIB names; empty if it names none."""
    text = each.units.strip()
    if text.casefold() in _UNITS:
        return _UNITS[text.casefold()], "1"
    for source in (text, each.description):
        if found := _SCALED.search(source):
            scale = _FRACTIONS.get((found["word"] or "").casefold()) or found["number"]
            return _UNITS[found["unit"].casefold()], f"0{scale}" if scale.startswith(".") else scale
    found = _PLAIN.search(each.description)
    return (_UNITS[found["unit"].casefold()], "1") if found else ("", "1")


def candidates(each: MibObject, device_class: str, noise: Collection[str]) -> list[tuple[float, Metric]]:
    """Metrics that this object may be, the most likely first. `noise` are words that nearly all names have, such as the vendor's."""
    unit, _ = unit_and_scale(each)
    words = {*words_of_name(each.name), *words_of_name(each.table.rpartition("::")[2])}.difference(noise)
    if any(_flag(word) for word in each.enumeration.values()):
        words.add("on")
    found: list[tuple[float, Metric]] = []
    for metric in catalogue().values():
        prefix = f"dcim_{device_class}_"
        if not metric.name.startswith((prefix, "dcim_env_")) or metric.derived or metric.type in ("info", "histogram"):
            continue
        if unit and WIRE_UNITS[unit].base != metric.unit:
            continue
        if bool(each.enumeration) != (not metric.unit and metric.type in ("state", "gauge")) and (
            each.enumeration or metric.states
        ):
            continue
        stem = metric.name.removesuffix("_total").removesuffix(f"_{metric.unit}" if metric.unit else "")
        wanted = set(stem.removeprefix(prefix).removeprefix("dcim_env_").split("_"))
        common = len(wanted & words)
        score = common / len(wanted) + common / max(len(words), 1) / 2
        found.append((score if metric.name.startswith(prefix) else score - 0.2, metric))
    return sorted(found, key=lambda pair: (-pair[0], pair[1].name))[:3]


def drafted(
    objects: Sequence[MibObject], device_class: str, head: str, values: Mapping[str, str]
) -> Iterator[tuple[str, list[DraftedPoint]]]:
    """Drafted points by table; the name is empty for those outside tables. `values` are recorded, by OID; `head` is the profile's head."""
    tables = dict.fromkeys(each.table for each in objects)
    counts = Counter(word for each in objects for word in words_of_name(each.name))
    # Not for a handful of objects: there a common word may be the quantity that all of them measure.
    noise = {word for word, count in counts.items() if count > max(len(objects) * NEARLY_ALL, FEW)}
    for table in sorted(tables, key=bool):
        taken: set[str] = set()
        points = [
            _point(each, candidates(each, device_class, noise), head, values.get(each.oid, ""), taken)
            for each in objects
            if each.table == table
        ]
        yield table, [point for point in points if point is not None]


def _point(
    each: MibObject, found: Sequence[tuple[float, Metric]], head: str, value: str, taken: set[str]
) -> DraftedPoint | None:
    # Codes of BITS are places in a text of octets, which may be set together.
    if each.syntax == "BITS" or (
        not re.match(r"INTEGER|Integer32|Gauge|Counter|Unsigned|TimeTicks|TruthValue", each.syntax)
        and not each.enumeration
    ):
        return None  # texts and addresses are no readings
    unit, scale = unit_and_scale(each)
    described = each.description[:90] + ("…" if len(each.description) > 90 else "")  # noqa: PLR2004
    note = f"{each.name}{f' = {value}' if value else ''}{f'; {described}' if described else ''}"
    for score, metric in found:
        if score < LEAST_SCORE or metric.name in taken:
            continue
        meaning = _meaning(each, metric, unit, scale)
        labels = _labels(each, metric)
        if meaning is None or labels is None:
            continue
        text = f"{{metric: {metric.name}, {labels}oid: {each.oid}{meaning}}}"
        if _loads(text, each, head):
            taken.add(metric.name)
            return DraftedPoint(text, f"guess: {note}", live=True)
    codes = f", codes: {dict(each.enumeration)}" if each.enumeration else ""
    shown = f", unit: {unit}" + (f", scale: {scale}" if scale != "1" else "") if unit else ""
    maybe = f"; might be {', '.join(metric.name for _, metric in found[:2])}" if found and not codes else ""
    return DraftedPoint(f"{{metric: ?, oid: {each.oid}{shown}}}", f"{note}{codes}{maybe}", live=False)


def _labels(each: MibObject, metric: Metric) -> str | None:
    """The labels that the metric needs, from the row's index; None if the index has too few parts."""
    words = {*words_of_name(each.name), *words_of_name(each.table.rpartition("::")[2])}
    said = {
        label: next((value for value in values if value.casefold() in words), "")
        for label, values in metric.label_values.items()
    }
    parts = [f"{label}: {value}" for label, value in said.items() if value and label in metric.required]
    needed = [label for label in metric.required if not said.get(label)]
    if not each.table:
        parts += [f"{label}: {(metric.label_values.get(label) or [ONE])[0]}" for label in needed]
        return f"labels: {{{', '.join(parts)}}}, " if parts else ""
    if len(needed) > max(len(each.index), 1):
        return None
    for at, label in enumerate(reversed(needed), 1):
        known = metric.label_values.get(label)
        names = f", map: {{{', '.join(f'{number}: {name}' for number, name in enumerate(known, 1))}}}" if known else ""
        parts.append(f"{label}: {{index: -{at}{names}}}")
    return f"labels: {{{', '.join(reversed(parts))}}}, " if parts else ""


def _meaning(each: MibObject, metric: Metric, unit: str, scale: str) -> str | None:
    if metric.states:
        states = {code: state for code, word in each.enumeration.items() if (state := _state(word, metric.states))}
        return f", states: {{{', '.join(f'{code}: {state}' for code, state in states.items())}}}" if states else None
    if each.enumeration:
        if metric.unit:
            return None
        numbers = {code: _flag(word) for code, word in each.enumeration.items()}
        known = {code: number for code, number in numbers.items() if number is not None}
        return (
            f", numbers: {{{', '.join(f'{code}: {number}' for code, number in known.items())}}}"
            if len({*known.values()}) > 1  # codes that all mean the same are guessed wrong
            else None
        )
    if metric.unit and not unit:
        return None
    return (f", unit: {unit}" if metric.unit else "") + (f", scale: {scale}" if scale != "1" else "")


def _state(word: str, states: Iterable[str]) -> str | None:
    plain = re.sub(r"[^a-z]", "", word.casefold())
    return next((state for state in states if plain == state.replace("_", "") or plain in _STATES.get(state, ())), None)


def _flag(word: str) -> int | None:
    """Whether a word of a code means off (0) or on (1); None if it says neither."""
    plain = re.sub(r"[^a-z]", "", word.casefold())
    if plain in _OFF or plain in _ON:
        return int(plain in _ON)
    # `notOk`, `no-alarm`, `abnormal`: by its end alone each would mean the opposite.
    if (rest := _negated(word, plain)) and (flag := _flag(rest)) is not None:
        return 1 - flag
    return next((flag for names, flag in ((_OFF, 0), (_ON, 1)) if any(plain.endswith(name) for name in names)), None)


def _negated(word: str, plain: str) -> str:
    """What a word negates, such as the alarm of `noAlarm`; empty if it negates nothing."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", word)
    if len(parts) > 1 and parts[0].casefold() in _NOT:
        return " ".join(parts[1:])
    rest = next((plain.removeprefix(each) for each in (*_NOT, "ab", "un") if plain.startswith(each)), "")
    return rest if rest in _OFF or rest in _ON else ""


def _loads(point: str, each: MibObject, head: str) -> bool:
    body = f"points:\n  - {point}\n"
    if each.table:
        body = f"tables:\n  - name: drafted\n    rows: {each.oid}\n    points:\n      - {point}\n"
    try:
        parse_profile(head + body, "draft.yaml")
    except ProfileError:
        return False
    return True
