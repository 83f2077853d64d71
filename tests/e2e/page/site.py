"""Whole sites as processes: broker, simulated devices, agent and collector, as at a site; and `rackflow-demo` itself."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simulator.site.maker import campus, halls, site_yaml
from tests.collector.web.page.hall import CollectorProcess
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import STOP_TIMEOUT_S
from tests.servers.waiting import wait_until
from tests.servers.web import answers

SITE, ROOM = "cas1", "dh1"
# Two rows of eight racks on direct liquid cooling: a hall as `ai-hall` is, at a third of its devices.
RACK_WATTS = [132_000] * 16
CAMPUS_RACKS = 512
REPOSITORY = Path(__file__).resolve().parents[3]
COLLECTOR_SETTINGS: dict[str, Any] = {"problems": {"runbook_base": "https://example.org/"}}


@dataclass
class SimulatedSite:
    """A running site. `agent` may be killed and started again; that of the demo is the demo's own."""

    folder: Path
    base: str
    socket: Path
    agent: subprocess.Popen[bytes] | None = None
    collector: CollectorProcess | None = None

    @property
    def url(self) -> str:
        """The page."""
        return f"{self.base}/"

    def fault(self, *order: str) -> int:
        """Begin a fault, as `rackflow-sim fault` does; returns its number."""
        return int(self._order("fault", *order))

    def clear(self, number: int) -> None:
        """End a fault."""
        self._order("clear", str(number))

    def _order(self, *order: str) -> str:
        command = [sys.executable, "-m", "simulator", *order, "--socket", str(self.socket)]
        answer = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        return answer.stdout.strip()


@contextmanager
def process(folder: Path, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m NAME …` with its log in the folder, ended at the end of the block."""
    with (folder / f"{name}.log").open("ab") as log:
        running = subprocess.Popen([sys.executable, "-m", name, *arguments], cwd=REPOSITORY, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def start_agent(folder: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """The agent of the site."""
    return stack.enter_context(process(folder, "agent", "run", str(folder / "agent.yaml")))


@contextmanager
def demo_site(folder: Path) -> Iterator[tuple[SimulatedSite, ExitStack]]:
    """The demo, as `make demo` starts it."""
    port = free_port()
    program = Path(sys.executable).with_name("rackflow-demo")
    with ExitStack() as stack:
        log = stack.enter_context((folder / "demo.log").open("wb"))
        running = subprocess.Popen([program, "--port", str(port)], cwd=REPOSITORY, stdout=log, stderr=log)
        stack.callback(running.wait, STOP_TIMEOUT_S)
        stack.callback(running.terminate)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/readyz"), "the demo", 60.0)
        yield (
            SimulatedSite(folder, url, Path(tempfile.gettempdir()) / f"rackflow-demo-{os.getuid()}-{port}.sock"),
            stack,
        )


def site_text(name: str) -> str:
    """The site file of a site that can be simulated."""
    match name:
        case "ai-hall":
            return (REPOSITORY / "simulator/sites/ai-hall.yaml").read_text(encoding="utf-8")
        case "campus":
            return site_yaml(campus(CAMPUS_RACKS))
    return site_yaml(halls(SITE, {ROOM: RACK_WATTS}))


@contextmanager
def simulated_site(folder: Path, name: str = "hall") -> Iterator[tuple[SimulatedSite, ExitStack]]:
    """A site in which all is well, and the stack on which another agent can be started."""
    file, agent_file = folder / "site.yaml", folder / "agent.yaml"
    file.write_text(site_text(name), encoding="utf-8")
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        order = ["run", str(file), "--agent-config", str(agent_file), "--socket", str(folder / "sim.sock")]
        stack.enter_context(process(folder, "simulator", *order))
        wait_until(lambda: agent_file.exists() and agent_file.stat().st_size > 0, "the agent's configuration", 120.0)
        wait_until((folder / "sim.sock").exists, "the simulation", 120.0)
        config = yaml.safe_load(agent_file.read_text(encoding="utf-8"))
        config["broker"] = {"port": broker.port}
        config["outbox"] = {**config.get("outbox", {}), "mode": "memory"}
        agent_file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        site = yaml.safe_load(site_text(name))
        collector = CollectorProcess(folder / "collector", broker.port, site, **COLLECTOR_SETTINGS)
        collector.start()
        stack.callback(collector.stop)
        yield (
            SimulatedSite(
                folder, collector.url, folder / "sim.sock", agent=start_agent(folder, stack), collector=collector
            ),
            stack,
        )
