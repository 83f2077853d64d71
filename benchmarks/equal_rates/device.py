"""The device that all sides poll: a three-phase UPS of 20 objects, served by net-snmp, with scales, states and labels as real profiles."""

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
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    data = {
        "version": 1,
        "profile": PROFILE,
        "class": "ups",
        "protocol": "snmp",
        "title": "a three-phase UPS that net-snmp plays",
        "source": "benchmarks/equal_rates/device.py",
        "evidence": "unverified",
        "recognise": {"probes": [OIDS[0]]},
        "points": [_point(oid, each) for oid, each in zip(OIDS, OBJECTS, strict=True)],
    }
    (profiles / f"{PROFILE}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return profiles


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
