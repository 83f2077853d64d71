"""Compares readings of recorded real devices with those of another project: `python -m tests.conformance.compare [GLOB...]`.

A sensor counts as read where some reading of the same quantity has the same value: within half a unit of the last place
that the other project keeps, or one part in a thousand. What is not read is no measurement (excuses.yaml), a measurement
that is left out with its reason (unread.yaml), or missed.
"""

import asyncio
import fnmatch
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from agent.readings import Readings
from rackflow.catalogue import catalogue
from rackflow.errors import DeviceError
from rackflow.recording.snmprec import read_snmprec
from rackflow.series import parse_series_key
from tests.conformance.replayed import replayed

FOLDERS = ("ups", "pdu", "ats", "cooling", "meter", "env")

UNITS: dict[str, dict[str, float]] = {
    "current": {"amperes": 1},
    "voltage": {"volts": 1},
    "power": {"watts": 1, "voltamperes": 1, "vars": 1},
    "temperature": {"celsius": 1},
    "frequency": {"hertz": 1},
    "power_factor": {"ratio": 1},
    "power_consumed": {"joules": 3.6e6},
    "load": {"ratio": 0.01},
    "percent": {"ratio": 0.01},
    "runtime": {"seconds": 60},
    "humidity": {"ratio": 0.01},
    "charge": {"ratio": 0.01},
    "pressure": {"pascals": 1000},
    "waterflow": {"cubic_meters_per_second": 1 / 60000},
    "cooling": {"watts": 1},
    "fanspeed": {"rpm": 1, "ratio": 0.01},
    "airflow": {"cubic_meters_per_second": 1 / 2118.88},
}
"""Sensor classes of the other project that the catalogue covers, with the factor from its unit to each base unit."""


SENTINELS = frozenset({-1, 32767, -32768, 65535, 655350, 2147483647, -2147483648, 4294967295, None})
"""Sentinel values that the other project reports as readings."""


@dataclass(frozen=True)
class Sensor:
    """One sensor that the other project reads."""

    oid: str
    kind: str
    description: str
    value: float


@dataclass
class Result:
    """One recording: of the sensors of covered classes, which are `excused`, `unread` and, with no reason at all, `missed`."""

    name: str
    profile: str = ""
    error: str = ""
    readings: Readings = field(default_factory=Readings)
    expected: int = 0
    missed: list[Sensor] = field(default_factory=list)
    excused: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> int:
        """Sensors that report a measurement."""
        return self.expected - len(self.excused)

    @property
    def read(self) -> int:
        """Sensors that have a reading of the same value."""
        return self.measured - len(self.unread) - len(self.missed)


def sensors_of(path: Path) -> list[Sensor]:
    """Sensors of covered classes, whose value is a number."""
    if not path.exists():
        return []
    found = []
    for each in json.loads(path.read_text(encoding="utf-8")):
        kind, value = each["sensor_class"], each.get("value")
        if kind in UNITS and isinstance(value, int | float):
            found.append(Sensor(each["oid"], kind, each.get("description", ""), float(value)))
    return found


def is_read(sensor: Sensor, by_unit: Mapping[str, Iterable[float]]) -> bool:
    """Whether a reading of a fitting unit has the sensor's value."""
    for unit, factor in UNITS[sensor.kind].items():
        wanted = sensor.value * factor
        digits = len(f"{sensor.value:.6f}".rstrip("0").partition(".")[2])
        step = 0.5 * 10.0**-digits * factor
        for value in by_unit.get(unit, ()):
            if math.isclose(value, wanted, rel_tol=1e-3, abs_tol=step):
                return True
    return False


async def compare(path: Path, reasons: "Reasons") -> Result:
    """One recording. `reasons` say why the other project is not followed."""
    result = Result(f"{path.parent.name}/{path.stem}")
    sensors = sensors_of(path.with_suffix("").with_suffix(".expected.json"))
    result.expected = len(sensors)
    records = read_snmprec(path)
    try:
        identified, result.readings = await replayed(path)
        result.profile = identified.profile
    except DeviceError as error:
        result.error = str(error)
    by_unit: dict[str, list[float]] = {}
    for key, value in result.readings.values.items():
        by_unit.setdefault(catalogue()[parse_series_key(key)[0]].unit, []).append(value)
    raw = {record.oid: record.value for record in records}
    excuses, unread = reasons.excuses.get(result.name, {}), reasons.unread.get(result.name, {})
    for sensor in sensors:
        if is_read(sensor, by_unit):
            continue
        if raw.get(sensor.oid, 0) in SENTINELS:
            result.excused[sensor.oid] = "the device says that it has no such reading"
        elif sensor.oid in excuses:
            result.excused[sensor.oid] = excuses[sensor.oid]
        elif sensor.oid in unread:
            result.unread[sensor.oid] = unread[sensor.oid]
        else:
            result.missed.append(sensor)
    return result


@dataclass(frozen=True)
class Reasons:
    """Why a sensor has no reading, by recording and OID."""

    excuses: dict[str, dict[str, str]]
    unread: dict[str, dict[str, str]]


def load_reasons() -> Reasons:
    """Reads both files of reasons."""
    folder = Path(__file__).parent
    return Reasons(
        *(yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("excuses", "unread"))
    )


def captures() -> Path:
    """The folder of recordings."""
    from tests.servers.captures import captures_dir  # noqa: PLC0415 - pytest is not needed to import this module

    folder = captures_dir()
    if folder is None:
        raise SystemExit("no recordings: set RACKFLOW_CAPTURES to their folder")
    return folder / "snmp"


async def compare_all(globs: Iterable[str]) -> list[Result]:
    """Every recording whose `folder/name` fits one of the globs."""
    root = captures()
    paths = sorted(root.glob("*/*.snmprec"))
    wanted = [path for path in paths if any(fnmatch.fnmatch(f"{path.parent.name}/{path.stem}", glob) for glob in globs)]
    reasons = load_reasons()
    return [await compare(path, reasons) for path in wanted]


def main() -> None:
    """Print the missed sensors of every recording, and totals."""
    globs = [f"{each}*" for each in sys.argv[1:]] or [f"{folder}/*" for folder in FOLDERS]
    results = asyncio.run(compare_all(globs))
    for result in results:
        what = result.profile or result.error
        bad = ", ".join(f"{key}: {why}" for key, why in result.readings.bad.items())
        values = len(result.readings.values) + len(result.readings.states)
        print(f"{result.name:<45} {what:<24} {values:>4} readings  {result.read}/{result.measured} sensors")
        if len(sys.argv) > 1:
            for sensor in result.missed:
                print(f"    missed {sensor.kind:<14} {sensor.value:>12g}  {sensor.oid}  {sensor.description}")
            if bad:
                print(f"    rejected {bad[:600]}")
    read, measured = (sum(getattr(result, what) for result in results) for what in ("read", "measured"))
    excused, unread, missed = (
        sum(len(getattr(result, what)) for result in results) for what in ("excused", "unread", "missed")
    )
    known = sum(bool(result.profile) for result in results)
    print(
        f"{known} of {len(results)} recordings recognised; of {read + unread + missed + excused} sensors {read} read "
        f"({read / (measured or 1):.1%} of the measurements), {unread} left out with the reason, {missed} missed; "
        f"{excused} are no measurement or misread by the other project, with the reason"
    )


if __name__ == "__main__":
    main()
