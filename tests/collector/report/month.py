"""October 2026 of the simulator's edge site, written to the collector's records as its meters would have counted it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import yaml

from collector.derive.energy.carbon import Factor
from collector.derive.energy.records import SiteRecords
from collector.derive.site_figures import SiteFigures
from collector.derive.site_plan import Settings
from collector.latest.latest import Latest
from collector.readings import SeriesKeys, resolve
from collector.receive.poll_counts import PollCounts, Polled, PolledDevice
from collector.records.file import RecordsFile, Snapshot
from rackflow import Batch
from rackflow.process.yaml import load_yaml_text
from rackflow.site import Site as SiteFile
from rackflow.site import parse_site

STEP_S = 900.0
START_S = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
HOUR = int(START_S // 3600)
KWH = 3.6e6
METERS = {"meter-main": "facility", "meter-it": "it", "meter-cooling": "cooling"}
DEVICES = (*METERS, "ups-a", "pdu-a01-a")


@dataclass(frozen=True)
class Silence:
    """A device that is silent between two times, in hours of the month; `""` means that the collector is down."""

    device: str
    first_h: float
    last_h: float

    def covers(self, device: str, at_h: float) -> bool:
        """Whether it is silent."""
        return self.device in {device, ""} and self.first_h < at_h < self.last_h


def power_w(role: str, at_h: float) -> float:
    """Power by time of day: IT is busier by day, and cooling follows."""
    it = 42_000 + 9_000 * math.sin((at_h % 24 - 9) / 24 * 2 * math.pi)
    cooling = 0.22 * it + 1_500 * math.sin((at_h % 24 - 10) / 24 * 2 * math.pi)
    return {"it": it, "cooling": cooling, "facility": it + cooling + 3_500}[role]


def metered_site() -> SiteFile:
    """The edge site as far as its energy goes: figures of its racks would take most of each of 3,000 cycles."""
    text = files("simulator").joinpath("sites", "edge.yaml").read_text(encoding="utf-8")
    content = load_yaml_text(text, "edge")
    for section in ("panels", "transfer_switches", "sensors"):
        del content[section]
    # One rack stands for all, the one with UPSs of its own: what the racks may take together says how far a counter may move.
    design_w = sum(rack["design_power_w"] for rack in content["racks"])
    content["racks"] = [{**rack, "design_power_w": design_w} for rack in content["racks"] if rack["id"] == "a10"]
    content["pdus"] = [pdu for pdu in content["pdus"] if pdu["from"] in {"ups-net-a", "ups-net-b"}]
    return parse_site(yaml.safe_dump(content), "edge")


def factor(hour: int) -> Factor:
    """A grid with solar power."""
    sun = max(0.0, math.sin((hour % 24 - 6) / 12 * math.pi))
    return Factor(640 - 160 * sun, 0.15 + 0.3 * sun, estimated=False, source="file")


@dataclass
class Site:
    """The edge site and its records file. `run` simulates a collector; expected energies are integrals of the same powers."""

    path: Path
    silences: Sequence[Silence] = ()
    hourly: dict[int, Factor] = field(default_factory=dict)
    energy_j: dict[str, float] = field(default_factory=lambda: dict.fromkeys(METERS, 1e9))

    def run(self, hours: float, start_h: float = 0.0) -> None:
        """One run of a collector."""
        self.now_s = START_S + start_h * 3600
        file = RecordsFile(self.path, lambda: self.now_s)
        latest, keys = Latest(100_000), SeriesKeys()
        engine = SiteFigures("edge", metered_site(), Settings(hourly=dict(self.hourly)))
        if (kept := file.sites.get("edge")) is not None:
            engine.energy_records.restore(kept.head, kept.hours)
        poll_counts = PollCounts(file.enrolled)
        for at in range(round(start_h * 3600 / STEP_S), round((start_h + hours) * 3600 / STEP_S) + 1):
            at_h = at * STEP_S / 3600
            self.now_s = START_S + at * STEP_S
            self.energy_j = {meter: 1e9 + energy_j(role, at_h) for meter, role in METERS.items()}
            self._poll(latest, keys, poll_counts, at_h)
            engine.cycle(latest, at * STEP_S, self.now_s)
            if at % 4 == 0:
                poll_counts.expect(self.now_s, {})
                books = SiteRecords(engine.energy_records.head(), engine.energy_records.take_changed())
                file.save(Snapshot({"edge": books}, poll_counts.take(), poll_counts.enrolled))
        file.close(ended=True)

    def _poll(self, latest: Latest, keys: SeriesKeys, poll_counts: PollCounts, at_h: float) -> None:
        for number, device in enumerate(DEVICES):
            if any(each.covers(device, at_h) for each in self.silences):
                continue
            values = {}
            if device in METERS:
                counter = f"dcim_meter_energy_joules_total{{direction=import,role={METERS[device]}}}"
                values[counter] = self.energy_j[device]
            batch = Batch(
                agent="gw",
                epoch="e",
                seq=int(at_h * 100) * 10 + number + 1,
                time=int(self.now_s * 1000),
                device=device,
                device_class=device.partition("-")[0],
                poll="slow",
                interval_s=STEP_S,
                duration_s=0.1,
                up=True,
                labels={"site": "edge"},
                values=values,
            )
            latest.apply_batch("edge", batch, resolve(batch, keys), at_h * 3600, self.now_s)
            who = PolledDevice("edge", "gw", device)
            poll_counts.count(
                [
                    Polled(
                        who=who,
                        device_class=batch.device_class,
                        poll="slow",
                        interval_s=STEP_S,
                        time_s=self.now_s,
                        up=True,
                    )
                ]
            )


def energy_j(role: str, until_h: float) -> float:
    """J since the month began, by the integral of `power_w`."""

    def wave(shift: float, until: float) -> float:
        whole = 24 / (2 * math.pi)
        return whole * (math.cos(-shift / 24 * 2 * math.pi) - math.cos((until - shift) / 24 * 2 * math.pi))

    it = 42_000 * until_h + 9_000 * wave(9, until_h)
    cooling = 0.22 * it + 1_500 * wave(10, until_h)
    return 3600 * {"it": it, "cooling": cooling, "facility": it + cooling + 3_500 * until_h}[role]


def october(path: Path) -> Site:
    """The whole month: a meter silent for five hours on the 9th, the collector away for six on the 14th, hourly factors until the 20th."""
    silences = (Silence("meter-it", 8 * 24 + 9.5, 8 * 24 + 14.5), Silence("ups-a", 15 * 24, 17 * 24))
    site = Site(path, silences, {HOUR + at: factor(at) for at in range(20 * 24)})
    site.run(13 * 24 + 10)
    site.run(744 - 13 * 24 - 16, 13 * 24 + 16)
    return site
