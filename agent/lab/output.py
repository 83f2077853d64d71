"""Formats identity and readings of one device as a table for people, and as JSON, YAML or Prometheus lines for programs; lists, too.

The JSON is compared with golden files and read by scripts: its keys are part of the contract, and they are sorted.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from agent.lab.people import for_people
from agent.profile import Profile
from agent.readings import Identified, Readings
from rackflow.catalogue import catalogue
from rackflow.plural import first_of
from rackflow.process.machine_output import as_json, as_text, as_yaml
from rackflow.recording import FUNCTIONS, OCTET_STRING, TYPES, Place, Record
from rackflow.series import parse_series_key

# How many missing objects are listed. With a family that has many options, every device lacks dozens of them.
MAX_LISTED = 20

Output = Literal["table", "json", "yaml", "prom"]
RECORDINGS = ("recording", "json", "yaml")
"""What `walk` prints: the lines that `replay` and `rackflow-sim` read, or objects for other programs."""


def render_families(profiles: Collection[Profile], output: str) -> str:
    """The known families, one for each profile; without a newline at its end."""
    families = [
        {
            "profile": each.profile,
            "class": each.class_,
            "protocol": each.protocol,
            "evidence": each.evidence,
            "title": each.title,
        }
        for each in profiles
    ]
    if output != "table":
        return as_text(families, output)
    width = max(map(len, (each.profile for each in profiles)))
    return "\n".join(
        f"{each.profile:<{width}}  {each.class_:<6} {each.protocol:<7} {each.evidence:<16} {each.title}"
        for each in profiles
    )


def render_objects(records: Iterable[Record], output: str) -> str:
    """The objects of an SNMP device as JSON or YAML: `oid`, `type`, and its `value`, or `hex` of octets that are not plain text."""
    return as_text([_object(each) for each in records], output)


def render_registers(values: Mapping[Place, int], output: str) -> str:
    """The registers of a Modbus device as JSON or YAML, in the order of a recording."""
    places = sorted(values, key=lambda place: (place[0], FUNCTIONS[place[1]], place[2]))
    return as_text(
        [{"unit": unit, "table": table, "address": at, "value": values[unit, table, at]} for unit, table, at in places],
        output,
    )


def _object(record: Record) -> dict[str, object]:
    value = record.value
    found: dict[str, object] = {"oid": record.oid, "type": TYPES[record.tag]}
    if isinstance(value, bytes):
        is_text = record.tag == OCTET_STRING and value.isascii() and value.decode("ascii").isprintable()
        return found | ({"value": value.decode("ascii")} if is_text else {"hex": value.hex()})
    return found | {"value": value}


def render(identified: Identified, readings: Readings, output: Output) -> str:
    """The text, without a newline at its end."""
    if output == "json":
        return as_json(_document(identified, readings))
    if output == "yaml":
        return as_yaml(_document(identified, readings))
    if output == "prom":
        return "\n".join(_prom(readings))
    return _table(identified, readings)


def nothing_there(identified: Identified) -> str:
    """Objects, registers and tables that the profile names and the device lacks, in one line; empty if it lacks none."""
    listed = identified.nothing_there
    return f"nothing there: {first_of(listed, MAX_LISTED)}" if listed else ""


def _document(identified: Identified, readings: Readings) -> dict[str, object]:
    identity = identified.identity
    return {
        "profile": identified.profile,
        "class": identified.device_class,
        "identity": {
            "vendor": identity.vendor,
            "model": identity.model,
            "serial": identity.serial,
            "firmware": identity.firmware,
        },
        "values": dict(sorted(readings.values.items())),
        "states": dict(sorted(readings.states.items())),
        "bad": dict(sorted(readings.bad.items())),
    }


def _prom(readings: Readings) -> list[str]:
    lines = []
    for key, value in sorted(readings.values.items()):
        metric, labels = parse_series_key(key)
        lines.append(f"{metric}{_labels(labels)} {value!r}")
    # One gauge per possible state, as the collector exposes them: a raw code means something different on each device.
    for key, state in sorted(readings.states.items()):
        metric, labels = parse_series_key(key)
        lines += [
            f"{metric}{_labels(labels | {'state': known})} {int(known == state)}"
            for known in catalogue()[metric].states
        ]
    return lines


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else ""


def _series(readings: Readings) -> str:
    counts = {tuple(parse_series_key(key)[1].values())[::-1]: int(value) for key, value in readings.about.items()}
    words = [
        f"{count} {'for safety alerts' if state == 'safety' else state}"
        for (state, *reason), count in counts.items()
        if not reason
    ]
    words += [f"{count} left out ({reason[0]})" for (_, *reason), count in sorted(counts.items()) if reason]
    return ", ".join(words)


def _table(identified: Identified, readings: Readings) -> str:
    identity = identified.identity
    head = [
        ("profile", f"{identified.profile} (class {identified.device_class})"),
        ("device", " ".join(filter(None, (identity.vendor, identity.model))) or "(does not say)"),
        ("serial", identity.serial or "(does not say)"),
        ("firmware", identity.firmware or "(does not say)"),
    ]
    if readings.about:
        head.append(("series", _series(readings)))
    rows = [
        (key, *for_people(value, catalogue()[parse_series_key(key)[0]].unit)) for key, value in readings.values.items()
    ]
    rows += [(key, state, "") for key, state in readings.states.items()]
    rows += [(key, "-", f"rejected: {reason}") for key, reason in readings.bad.items()]
    width = max((len(key) for key, _, _ in rows), default=0)
    lines = [f"{name:<9} {text}" for name, text in head]
    lines += [f"{key:<{width}}  {value:>14}  {unit}".rstrip() for key, value, unit in sorted(rows)]
    if identified.nothing_there:
        lines.append(nothing_there(identified))
    return "\n".join(lines)
