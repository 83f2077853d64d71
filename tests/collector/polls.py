"""Polls of several agents at several sites, applied to one `Latest`, for tests of /metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from collector.latest import BatchOutcome, Latest
from collector.readings import SeriesKeys, resolve
from collector.web.exposition import render
from rackflow import Batch, Status
from rackflow.catalogue import PollClass
from tests.collector.documents import SUPPLY, status

WALL_S = 1_795_468_800.0
NOW_S = 1000.0


def wall_ms(after_s: float) -> int:
    """Milliseconds UTC, `after_s` seconds after the start."""
    return round((WALL_S + after_s) * 1000)


def hello(agent: str, *devices: str, site: str = "cas1", online: bool = True, epoch: str = "e") -> Status:
    """An agent's status."""
    return msgspec.structs.replace(status(*devices, online=online, epoch=epoch), agent=agent, site=site)


@dataclass(slots=True)
class Agent:
    """An agent that polls; its clock is `clock_s` ahead. It numbers its messages as they are made."""

    latest: Latest
    name: str = "gw-3"
    site: str = "cas1"
    clock_s: float = 0.0
    epoch: str = "e"
    seq: int = 0
    keys: SeriesKeys = field(default_factory=SeriesKeys)

    def made(
        self,
        after_s: float,
        value: float = 32.0,
        device: str = "cdu-07",
        *,
        values: Mapping[str, float] | None = None,
        states: Mapping[str, str] | None = None,
        poll: tuple[PollClass, float] = ("safety", 1.0),
        device_class: str = "cdu",
    ) -> Batch:
        """A poll that ended `after_s` seconds after the start; `poll` is its class and interval in seconds."""
        self.seq += 1
        return Batch(
            agent=self.name,
            epoch=self.epoch,
            seq=self.seq,
            time=wall_ms(after_s + self.clock_s),
            device=device,
            device_class=device_class,
            poll=poll[0],
            interval_s=poll[1],
            duration_s=0.02,
            up=True,
            labels={"site": self.site},
            values=dict({SUPPLY: value} if values is None else values),
            states=dict(states or {}),
        )

    def arrives(self, one: Batch, after_s: float) -> BatchOutcome:
        """A poll that the collector receives `after_s` seconds after the start."""
        return self.latest.apply_batch(self.site, one, resolve(one, self.keys), NOW_S + after_s, WALL_S + after_s)

    def polls(self, after_s: float, value: float = 32.0, device: str = "cdu-07") -> BatchOutcome:
        """A poll that is received at once."""
        return self.arrives(self.made(after_s, value, device), after_s)


def samples(latest: Latest, after_s: float) -> dict[str, str]:
    """Values by series as /metrics has them."""
    lines = [line for line in render(latest, NOW_S + after_s)[0].splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines}


def labels_of(series: str) -> dict[str, str]:
    """The labels of a series as /metrics has it, if no value contains a comma, a quote or a brace."""
    return dict(pair.split("=") for pair in series.partition("{")[2].partition("}")[0].replace('"', "").split(","))


def shown(latest: Latest, after_s: float) -> dict[str, str]:
    """Supply temperatures by `site/device`."""
    found: dict[str, str] = {}
    for series, value in samples(latest, after_s).items():
        if series.startswith("dcim_cdu_supply_temperature_celsius{"):
            labels = labels_of(series)
            found[f"{labels['site']}/{labels['device']}"] = value
    return found


def up(latest: Latest, after_s: float) -> dict[str, str]:
    """Which device is up, by `site/device agent`; `?` if it is not observed, and so has no `dcim_device_up`.

    What problems ask about a single device (`Latest.up`) must be the same.
    """
    found: dict[str, str] = {}
    every = samples(latest, after_s)
    for series, observed in every.items():
        if series.startswith("dcim_device_observed{"):
            value = every.get(series.replace("_observed", "_up", 1))
            assert (value is None) == (observed == "0"), series
            value = value or "?"
            labels = labels_of(series)
            found[f"{labels['site']}/{labels['device']} {labels['agent']}"] = value
            device = latest.device(labels["site"], labels["device"])
            assert device is not None
            assert latest.up(device, NOW_S + after_s) is {"0": False, "1": True, "?": None}[value], series
    return found
