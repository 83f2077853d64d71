"""The device that all sides poll: a three-phase UPS of 20 objects, served by net-snmp, with scales, states and labels as real profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = "1.3.6.1.4.1.8072.9999.9999"
"""Net-snmp's own branch for experiments."""
PROFILE = "bench-ups"
AGENT = "bench-agent"
SITE = "bench"


@dataclass(frozen=True)
class Object:
    """One object: the value that net-snmp answers, and what the profile makes of it."""

    metric: str
    value: int
    unit: str = ""
    scale: float = 1.0
    phase: str = ""
    states: tuple[str, ...] = ()
    expect: tuple[float, float] | None = None


def _phases(
    metric: str, value: int, unit: str, scale: float = 1.0, expect: tuple[float, float] | None = None
) -> list[Object]:
    return [Object(metric, value + at, unit, scale, f"L{at + 1}", expect=expect) for at in range(3)]


OBJECTS = [
    *_phases("dcim_ups_input_voltage_volts", 2301, "volt", 0.1, (80, 500)),
    *_phases("dcim_ups_output_voltage_volts", 2299, "volt", 0.1, (80, 500)),
    *_phases("dcim_ups_output_current_amperes", 412, "ampere", 0.1),
    *_phases("dcim_ups_output_power_watts", 9100, "watt"),
    *_phases("dcim_ups_output_load_ratio", 41, "percent"),
    Object("dcim_ups_battery_charge_ratio", 100, "percent"),
    Object("dcim_ups_battery_runtime_seconds", 34, "minute"),
    Object("dcim_ups_temperature_celsius", 31, "celsius"),
    Object("dcim_ups_output_source", 1, states=("normal", "battery", "bypass")),
    Object("dcim_ups_battery_state", 1, states=("normal", "low", "depleted")),
]
OIDS = [f"{ROOT}.{at + 1}.0" for at in range(len(OBJECTS))]
SNMPD = [f"override {oid} integer {each.value}" for oid, each in zip(OIDS, OBJECTS, strict=True)]
"""Lines of snmpd.conf."""


def write_profile(folder: Path) -> Path:
    """The profile; returns the folder that it is in."""
    return save_profile(
        folder,
        PROFILE,
        "a three-phase UPS that net-snmp plays",
        {
            "class": "ups",
            "protocol": "snmp",
            "recognise": {"probes": [OIDS[0]]},
            "points": [_point(oid, each) for oid, each in zip(OIDS, OBJECTS, strict=True)],
        },
    )


def save_profile(folder: Path, name: str, title: str, fields: Mapping[str, object]) -> Path:
    """A profile of these fields, with what every profile must have; returns the folder that it is in."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    head = {"version": 1, "profile": name, "title": title, "source": "benchmarks", "evidence": "unverified"}
    (profiles / f"{name}.yaml").write_text(yaml.safe_dump({**head, **fields}, sort_keys=False), encoding="utf-8")
    return profiles


def temperatures(places: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Points of class fast: a temperature in tenths of a degree at each of these places (`oid`, or `register` and `type`)."""
    shared = {"metric": "dcim_env_temperature_celsius", "unit": "celsius", "scale": 0.1, "poll": "fast"}
    return [{**shared, "labels": {"sensor": str(at)}, **place} for at, place in enumerate(places, 1)]


def _point(oid: str, each: Object) -> dict[str, object]:
    point: dict[str, object] = {"metric": each.metric, "oid": oid, "poll": "fast"}
    if each.states:
        return point | {"states": {number + 1: state for number, state in enumerate(each.states)}}
    point["unit"] = each.unit
    if each.scale != 1:
        point["scale"] = each.scale
    if each.phase:
        point["labels"] = {"phase": each.phase}
    if each.expect:
        point["expect"] = list(each.expect)
    return point


def device_ids(count: int) -> list[str]:
    """The names of that many devices."""
    return [f"d{at:04}" for at in range(count)]
