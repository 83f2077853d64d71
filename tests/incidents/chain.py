"""The whole chain as it is deployed: simulated devices, an agent, mosquitto, a collector, Prometheus and two Alertmanagers.

One Alertmanager gets alerts from the collector alone, the other one from Prometheus alone, so that the latency of each way is measured by
itself; with `merged` a single one gets both, as is usual. They and Prometheus have the shipped configurations, with
a webhook of ours in each receiver. Devices are simulated in this process, in real time; everything else is a process of its own.
"""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml
from aiohttp import web

from rackflow.site import parse_site
from simulator.site.cli import shipped_or_file
from simulator.site.scenario import ActiveFault
from simulator.site.simulation import Simulation
from simulator.world.faults import Fault
from tests.servers.alertmanager import SHIPPED, Alertmanager
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import Server
from tests.servers.program import Program
from tests.servers.prometheus import Prometheus
from tests.servers.waiting import eventually
from tests.servers.web import request

DEPLOYED = REPOSITORY / "deploy" / "prometheus"
Posted = list[tuple[float, str, dict[str, Any]]]
"""Wall time, path and document of what came to a webhook."""
PATIENCE_S = 90.0
"""For the start of everything, on a machine that may be busy."""


class ShippedPrometheus(Prometheus):
    """Prometheus with the configuration and the rules of deploy/, and targets of this test."""

    def __init__(self, folder: Path, collector: str, alertmanagers: list[str]) -> None:
        super().__init__(folder, [collector])
        shutil.copytree(DEPLOYED, folder, dirs_exist_ok=True)
        for name, targets in (("collector", [collector]), ("alertmanager", alertmanagers)):
            text = json.dumps([{"targets": targets}])  # JSON is YAML
            (folder / "targets" / f"{name}.yml").write_text(text, encoding="utf-8")

    def configure(self, config: Path) -> None:
        """The shipped one is there already."""

    def is_scraping(self) -> bool:
        """Whether both scrapes of the collector work. Blocking."""
        document = cast("dict[str, dict[str, list[dict[str, str]]]]", request(f"{self.url}/api/v1/targets").json())
        states = [each["health"] for each in document["data"]["activeTargets"]]
        return states == ["up", "up"]


@dataclass(slots=True)
class Chain:
    """Everything that runs."""

    site: str
    simulation: Simulation
    broker: Mosquitto
    agents: Mapping[str, Program]
    collector: Program
    collector_url: str
    pushed: Alertmanager
    pulled: Alertmanager
    prometheus: ShippedPrometheus
    posted: Posted = field(default_factory=list)
    """What came to webhooks: that of the collector at `collector`, those of Alertmanager at the names of their receivers."""

    @property
    def agent(self) -> Program:
        """The only agent, or the first."""
        return next(iter(self.agents.values()))

    def webhook_documents(self, since_s: float = 0.0) -> list[dict[str, Any]]:
        """The documents that were sent to the collector's own webhook."""
        return [document for at_s, path, document in self.posted if path == "collector" and at_s >= since_s]

    def notified(self, since_s: float = 0.0) -> list[dict[str, Any]]:
        """The notifications that Alertmanager sent to its receivers, without the heartbeat."""
        return [each for at_s, path, each in self.posted if path not in ("collector", "heartbeat") and at_s >= since_s]

    async def begin(self, order: Mapping[str, Any]) -> ActiveFault:
        """Let a fault happen now."""
        return await self.simulation.begin(Fault.model_validate(dict(order)))

    async def clear(self, active: ActiveFault) -> None:
        """Mend it, if it has not ended by itself."""
        if active.number in self.simulation.timeline.active:
            await self.simulation.execute({"order": "clear", "number": active.number})

    async def problems(self) -> list[dict[str, Any]]:
        """The problems that the collector reports now."""
        answer = await asyncio.to_thread(request, f"{self.collector_url}/api/v1/problems")
        return cast("dict[str, list[dict[str, Any]]]", answer.json())["problems"]


def one_agent(_: str) -> str:
    """Which agent polls a device, by its id: there is one only."""
    return "sim-agent"


@asynccontextmanager
async def chain(
    site: str,
    folder: Path,
    *,
    merged: bool = False,
    warm_s: float = 1000.0,
    agent_of: Callable[[str], str] = one_agent,
) -> AsyncIterator[Chain]:
    """Start everything for a site by name or file, and wait until every device is up and Prometheus scrapes."""
    text = shipped_or_file(site)[1]
    simulation = Simulation(parse_site(text, site), seed=1)
    simulation.world.advance(warm_s)
    async with AsyncExitStack() as stack:
        await simulation.start(stack)
        running = asyncio.create_task(simulation.run(), name="simulation")
        stack.callback(running.cancel)
        posted: Posted = []
        hook_url = await stack.enter_async_context(_hook(posted))
        routes = _routes(folder, hook_url)
        broker = Mosquitto(folder / "broker", persistence=True)
        pushed = pulled = Alertmanager(folder / "pushed", routes)
        for server in (broker, pushed):
            await _start(server, stack)
        if not merged:
            pulled = Alertmanager(folder / "pulled", routes)
            await _start(pulled, stack)
        collector_port = free_port()
        collector = Program(
            "collector", _collector(folder, broker.port, collector_port, pushed.url, f"{hook_url}/collector")
        )
        (folder / "site.yaml").write_text(text, encoding="utf-8")
        agents = {
            name: Program("agent", _agent(folder, simulation, name, agent_of, broker.port))
            for name in dict.fromkeys(map(agent_of, simulation.fleet.devices))
        }
        for program in (collector, *agents.values()):
            program.start()
            stack.callback(program.kill)
        where = f"127.0.0.1:{collector_port}"
        prometheus = ShippedPrometheus(folder / "prometheus", where, [f"127.0.0.1:{pulled.port}"])
        await _start(prometheus, stack)
        found = Chain(
            site, simulation, broker, agents, collector, f"http://{where}", pushed, pulled, prometheus, posted
        )
        await all_observed(found)
        await eventually(prometheus.is_scraping, "Prometheus scrapes", PATIENCE_S)
        yield found


async def all_observed(found: Chain) -> None:
    """Wait until the collector has heard of every device and each answers."""
    wanted = len(found.simulation.fleet.devices)

    def up() -> bool:
        try:
            lines = request(f"{found.collector_url}/metrics?class=safety").text.splitlines()
        except OSError:
            return False
        return sum(line.startswith("dcim_device_up{") and line.endswith(" 1") for line in lines) == wanted

    await eventually(up, f"{wanted} devices are up", PATIENCE_S)


async def _start(server: Server, stack: AsyncExitStack) -> None:
    stack.callback(server.kill)
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def _hook(got: Posted) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        got.append((time.time(), request.match_info["path"], await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _routes(folder: Path, hook_url: str) -> Path:
    """The shipped configuration of Alertmanager, with a webhook in each receiver."""
    data = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for receiver in data["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{hook_url}/{receiver['name']}", "send_resolved": True}]
    return _written(folder / "alertmanager.yml", data)


def _collector(folder: Path, broker_port: int, port: int, alertmanager: str, hook: str) -> Path:
    data = {
        "site_file": "site.yaml",
        "broker": {"port": broker_port},
        "client_id": "collector-incidents",
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
        "listen": f"127.0.0.1:{port}",
        "derive": {"store": False},
        "budgets": {"devices": 5000, "series": 200_000},
        "problems": {"alertmanagers": [alertmanager], "webhooks": [{"url": hook}]},
    }
    return _written(folder / "collector.yaml", data)


def _agent(folder: Path, simulation: Simulation, name: str, agent_of: Callable[[str], str], broker_port: int) -> Path:
    data = simulation.fleet.agent_config("../site.yaml", broker_port)
    data["agent"] = name
    data["devices"] = [each for each in data["devices"] if agent_of(each["id"]) == name]
    own = folder / name
    own.mkdir()
    data["outbox"] = {"mode": "disk", "path": str(own / "outbox.db")}
    return _written(own / "agent.yaml", data)


def _written(path: Path, data: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(data), sort_keys=False), encoding="utf-8")
    return path
