"""A site with two racks and a collector's latest readings of it, for tests of derived figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.derive.engine.graph import Figure
from collector.derive.site_figures import SiteFigures
from collector.derive.site_plan import Settings
from collector.latest.latest import BatchOutcome, Latest
from collector.readings import SeriesKeys, resolve
from rackflow import Batch
from rackflow.site import Site, parse_site

HALL = Path(__file__).parent / "hall.yaml"
WALL_S = 1_795_000_000.0


def site_text(path: Path, *replaced: tuple[str, str]) -> str:
    """The text of a site file, with parts of it replaced."""
    text = path.read_text(encoding="utf-8")
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return text


def hall_text(*replaced: tuple[str, str]) -> str:
    """The text of hall.yaml, with parts of it replaced."""
    return site_text(HALL, *replaced)


def hall(*replaced: tuple[str, str]) -> Site:
    """The site of hall.yaml, with parts of its text replaced."""
    return parse_site(hall_text(*replaced), "hall.yaml")


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent of a device, and by how many seconds its clock is ahead (negative: behind)."""

    name: str = "gw"
    clock_s: float = 0.0


GATEWAY = Agent()


class Readings:
    """Feeds batches into a `Latest` and asks for figures; `now` is monotonic seconds.

    Several sites may share one `latest`, as on one collector. Devices that `agents` does not name are polled by `gw`.
    """

    def __init__(
        self,
        site: Site | None = None,
        settings: Settings | None = None,
        *,
        described: bool = True,
        latest: Latest | None = None,
        agents: Mapping[str, Agent] | None = None,
    ) -> None:
        site = site or hall()
        self.site = site.id
        self.latest = latest or Latest(1_000_000)
        self.engine = SiteFigures(site.id, site if described else None, settings or Settings())
        self.expected: BatchOutcome = "live"
        """The batch after the collector has taken it."""
        self.places: dict[str, dict[str, str]] = {}
        """Labels that its agent gives a device, besides that of the site."""
        self._agents = agents or {}
        self._keys = SeriesKeys()
        self._seq = 0

    def take(
        self,
        device: str,
        values: Mapping[str, float | str],
        now: float = 100.0,
        *,
        device_class: str = "pdu",
        interval_s: float = 10.0,
        taken: float | None = None,
        up: bool = True,
    ) -> None:
        """One poll of a device, taken then (else `now`): numbers are values, words are states. Metrics may be named without `dcim_`."""
        agent = self._agents.get(device, GATEWAY)
        self._seq += 1
        named = {f"dcim_{key.removeprefix('dcim_')}": value for key, value in values.items()}
        clock_s = WALL_S + agent.clock_s + (now if taken is None else taken)
        batch = Batch(
            agent=agent.name,
            epoch="e",
            seq=self._seq if taken is None else int(taken) * 1000 + self._seq,  # numbered as it was taken
            time=int(clock_s * 1000) + (self._seq % 100 if taken is None else 0),
            device=device,
            device_class=device_class,
            poll="fast",
            interval_s=interval_s,
            duration_s=0.1,
            up=up,
            error=None if up else "timeout",
            labels={"site": self.site} | self.places.get(device, {}),
            values={key: float(value) for key, value in named.items() if not isinstance(value, str)},
            states={key: value for key, value in named.items() if isinstance(value, str)},
        )
        readings = resolve(batch, self._keys)
        # Values beyond their range are left out, as by a collector; anything else would be a mistake of the test.
        assert not readings.skipped.keys() - {"range"}, readings.skipped
        assert self.latest.apply_batch(self.site, batch, readings, now, WALL_S + now) == self.expected

    def currents(
        self, device: str, *amperes: float, now: float = 100.0, watts: float | None = None, taken: float | None = None
    ) -> None:
        """Phase currents of a rack PDU, and its power at 230 V unless given."""
        power = sum(amperes) * 230 if watts is None else watts
        values: dict[str, float | str] = {
            f"pdu_phase_current_amperes{{inlet=1,phase=L{at}}}": each for at, each in enumerate(amperes, 1)
        }
        self.take(device, values | {"pdu_input_power_watts{inlet=1}": power}, now, taken=taken)

    def figures(self, now: float = 101.0) -> dict[str, Figure]:
        """All figures by their text: `rack_power_watts{rack=a1}`, without site, room, row."""
        found = self.engine.cycle(self.latest, now, WALL_S + now)
        named = {name_of(figure): figure for figure in found}
        assert len(named) == len(found)  # a series twice would break a scrape
        return named

    def values(self, metric: str, now: float = 101.0) -> dict[str, float | None]:
        """The values of one metric."""
        return {
            name.partition("{")[2].rstrip("}"): figure.value
            for name, figure in self.figures(now).items()
            if name.partition("{")[0] == metric
        }


def name_of(figure: Figure) -> str:
    """`rack_survives_feed_loss{rack=a1,feed=A,phase=L1}`."""
    labels = ",".join(
        f"{label}={value}" for label, value in figure.output.labels if label not in {"site", "room", "row"}
    )
    name = figure.output.metric.name.removeprefix("dcim_")
    return f"{name}{{{labels}}}" if labels else name
