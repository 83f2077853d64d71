"""A simulated site with the real agent and collector in one process.

Devices answer over real sockets on loopback, and the agent's own loops poll them on schedule. Messages are encoded, decoded and
derived from as in production; only the broker is left out. The clock leaps (`tests.truth.leap`), so that an hour takes seconds.
"""

import asyncio
import inspect
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from agent.config_file import load_agent_config
from agent.context import AgentContext
from agent.epoch import new_epoch
from agent.loop import DeviceLoop
from agent.modbus.seam import ModbusClient
from agent.poll.factory import PollerFactory
from agent.profile.loading.load import load_profiles
from agent.schedule import phase
from agent.self_metrics import Counters
from agent.settings import enabled_devices
from agent.snmp.seam import SnmpClient
from collector.derive.config import DeriveConfig
from collector.derive.engine.graph import Figure
from collector.derive.site_figures import SiteFigures
from collector.latest.latest import Latest
from collector.readings import SeriesKeys, resolve
from rackflow.catalogue import PollClass
from rackflow.documents import Batch, decode
from rackflow.outbox.memory import MemoryOutbox
from rackflow.outbox.seam import Message
from rackflow.process.config import check_config
from rackflow.series import series_key
from rackflow.site import Site, parse_site
from rackflow.topics import parse_topic
from simulator.site.cli import shipped_or_file
from simulator.site.data_sheet import data_sheet
from simulator.site.scenario import ActiveFault
from simulator.site.simulation import Simulation
from simulator.world.faults import Fault
from simulator.world.truth import truth
from simulator.world.what_if import what_if_truth
from tests.agent.shipped import shipped_profiles
from tests.truth.leap import LeapingLoop
from tests.truth.two_sided import PROFILE, PROFILES, show_both_sides

MIDNIGHT_S: Final = 1_795_046_400.0
"""Seconds since 1970 at simulated time 0. A midnight, because the simulation starts at midnight."""
LIMIT: Final = 1_000_000
STEP_S: Final = 1.0
START_SPREAD_S: Final = 2.0
PROFILES_READ: Final = load_profiles(PROFILES, shipped=shipped_profiles())


class Asking:
    """Wraps an SNMP or Modbus client and counts its open requests: the clock must not leap while a request waits for its answer."""

    def __init__(self, client: Any, site: "TruthSite") -> None:  # noqa: ANN401 - of either protocol
        self._client = client
        self._site = site

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        call = getattr(self._client, name)
        if not inspect.iscoroutinefunction(call):
            return call

        async def counted(*arguments: Any) -> Any:  # noqa: ANN401
            self._site.asked += 1
            try:
                return await call(*arguments)
            finally:
                self._site.asked -= 1

        return counted


@dataclass(slots=True)
class TruthSite:
    """One site. All times are simulated; nothing happens outside `run`."""

    simulation: Simulation
    engine: SiteFigures
    derive_s: float
    latest: Latest = field(default_factory=lambda: Latest(LIMIT))
    figures: list[Figure] = field(default_factory=list)
    """Figures of the last cycle."""
    asked: int = 0
    batches: int = 0
    each: list[Callable[["TruthSite"], None]] = field(default_factory=list)
    """Called after every cycle of the collector."""
    _stands: bool = False
    _keys: SeriesKeys = field(default_factory=lambda: SeriesKeys(LIMIT))

    @property
    def now_s(self) -> float:
        """Simulated time in seconds."""
        return self.simulation.world.time_s

    @property
    def wall_s(self) -> float:
        """Simulated time as wall time, seconds since 1970."""
        return MIDNIGHT_S + asyncio.get_running_loop().time()

    async def run(self, seconds: float) -> None:
        """Let time pass: the simulation advances, the agent polls, the collector derives."""
        until = self.now_s + seconds
        while self.now_s < until:  # noqa: ASYNC110 - time itself is what is waited for
            await asyncio.sleep(max(until - asyncio.get_running_loop().time(), STEP_S / 100))

    def cycle(self) -> dict[str, Figure]:
        """Run one cycle of the collector now; returns its figures by series key."""
        self.figures = self.engine.cycle(self.latest, asyncio.get_running_loop().time(), self.wall_s)
        return self.known()

    def known(self) -> dict[str, Figure]:
        """The figures of the last cycle by series key, with all of their labels."""
        return {series_key(each.output.metric.name, dict(each.output.labels)): each for each in self.figures}

    def readings(self, device: str) -> dict[str, float | str]:
        """Current readings of a device at the collector."""
        now = asyncio.get_running_loop().time()
        latest = self.latest.readings_of(self.engine.name, device)
        return {key: each.value for key, each in latest.items() if now < each.expires_at}

    def truth(self, *, what_if: bool = False) -> dict[str, float]:
        """The world's own figures now, by series key."""
        return truth(self.simulation.world) | (what_if_truth(self.simulation.world) if what_if else {})

    async def hold(self, seconds: float = 11.0) -> None:
        """Pause the simulation and let the agent poll for `seconds`, so that all readings are of the same moment."""
        self._stands = True
        await asyncio.sleep(seconds)
        self._stands = False

    async def begin(self, fault: str, target: str, **more: object) -> ActiveFault:
        """Let a fault happen now, as `rackflow-sim fault` does. Raises ConfigError."""
        return await self.simulation.begin(
            check_config({"fault": fault, "target": target, **more}, Fault, "fault"),
        )

    async def end(self, active: ActiveFault) -> None:
        """End the fault."""
        await self.simulation.execute({"order": "clear", "number": active.number})

    def take(self, message: Message) -> None:
        """Process one message as the collector does."""
        topic = parse_topic(message.topic)
        if topic.kind == "batch":
            batch = decode(message.payload, Batch)
            readings = resolve(batch, self._keys)
            self.batches += 1
            self.latest.apply_batch(topic.site, batch, readings, asyncio.get_running_loop().time(), self.wall_s)

    async def _pass(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            due += STEP_S
            await asyncio.sleep(due - clock())
            if not self._stands:
                await self.simulation.advance(STEP_S)

    async def _derive(self) -> None:
        while True:
            await asyncio.sleep(self.derive_s)
            self.cycle()
            for call in self.each:
                call(self)

    async def _receive(self, outbox: MemoryOutbox) -> None:
        while True:
            message = await outbox.take()
            self.take(message)
            outbox.done(message.key)


@asynccontextmanager
async def truth_site(
    site: str | Mapping[str, object],
    *,
    seed: int = 1,
    warm_s: float = 1000.0,
    derive: Callable[[Site], Mapping[str, object]] = data_sheet,
    intervals: Mapping[PollClass, float] | None = None,
    both_sides: bool = False,
    prepare: Callable[[Simulation], None] = lambda _: None,
) -> AsyncIterator[TruthSite]:
    """A site by name, or as the plain data of a site file, after `warm_s`; to be used on a `LeapingLoop`.

    `derive` makes that section of the collector's configuration, `intervals` is the agent's. `both_sides` has CDUs show their
    primary side; `prepare` is called before time begins to pass.
    """
    text = shipped_or_file(site)[1] if isinstance(site, str) else yaml.safe_dump(dict(site), sort_keys=False)
    described = parse_site(text, "site.yaml")
    simulation = Simulation(described, seed=seed)
    prepare(simulation)
    simulation.world.advance(warm_s)
    config = check_config(dict(derive(described)), DeriveConfig, "derive")
    found = TruthSite(simulation, SiteFigures(described.id, described, config.settings(None)), config.interval_s)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    loop.leaping.now_s = simulation.world.time_s
    loop.leaping.asked = lambda: found.asked > 0
    two_sided = show_both_sides(simulation) if both_sides else set[str]()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rackflow-truth-")))
        await simulation.start(stack)
        (folder / "site.yaml").write_text(text, encoding="utf-8")
        entries = simulation.fleet.agent_config("site.yaml") | {"intervals": dict(intervals or {})}
        _write(folder / "agent.yaml", entries, two_sided)
        tasks = _tasks(found, folder / "agent.yaml", random.Random(seed))  # noqa: S311 - the same run for the same seed
        stack.push_async_callback(_stop, tasks)
        yield found
        for task in tasks:
            if task.done():
                task.result()


def _write(path: Path, entries: dict[str, Any], two_sided: set[str]) -> None:
    """The agent's configuration."""
    for entry in entries["devices"]:
        if entry["id"] in two_sided:
            entry["profile"] = PROFILE
    path.write_text(yaml.safe_dump(entries), encoding="utf-8")


def _tasks(site: TruthSite, agent_yaml: Path, chance: random.Random) -> list["asyncio.Task[None]"]:
    """The agent's loops, and the collector's."""
    config = load_agent_config(agent_yaml)
    epoch = new_epoch(int(site.wall_s * 1000), chance.getrandbits(80))
    outbox = MemoryOutbox(epoch, LIMIT * 100)
    factory = PollerFactory(PROFILES_READ)
    context = AgentContext(
        site=site.engine.name,
        agent=config.agent,
        epoch=epoch,
        outbox=outbox,
        counters=Counters(),
        announce=lambda _: None,
        wall=lambda: site.wall_s,
        draw=chance.random,
    )

    def snmp(client: SnmpClient) -> SnmpClient:
        return Asking(client, site)

    def modbus(client: ModbusClient) -> ModbusClient:
        return Asking(client, site)

    # The simulation must come first: of two timers for the same moment, asyncio runs the one that was set first.
    works = [site._pass(), site._derive(), site._receive(outbox)]  # noqa: SLF001 - its own other half
    for name, each in enabled_devices(config).items():
        poller = factory(config, each.device, wrap_snmp=snmp, wrap_modbus=modbus)
        loop = DeviceLoop(each.device, each.labels, each.intervals, poller, context)
        works.append(loop.run(phase(name, "start") * START_SPREAD_S))
    return [asyncio.get_running_loop().create_task(work) for work in works]


async def _stop(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
