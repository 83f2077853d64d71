"""A whole small site as processes: broker, simulated devices, agent and collector, as `rackflow-demo` users would start them by hand."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from simulator.site.maker import halls, site_yaml
from tests.collector.web.page.hall import CollectorProcess
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import STOP_TIMEOUT_S
from tests.servers.waiting import wait_until

SITE, ROOM = "cas1", "dh1"
# Two rows of eight racks on direct liquid cooling: a hall as `ai-hall` is, at a third of its devices.
RACK_WATTS = [132_000] * 16
REPOSITORY = Path(__file__).resolve().parents[3]
COLLECTOR_SETTINGS = {"problems": {"runbook_base": "https://example.org/"}}


@dataclass
class SimulatedSite:
    """A running site. `agent` may be killed and started again."""

    folder: Path
    collector: CollectorProcess
    agent: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The page."""
        return f"{self.collector.url}/"

    def fault(self, *order: str) -> int:
        """Begin a fault, as `rackflow-sim fault` does; returns its number."""
        return int(self._order("fault", *order))

    def clear(self, number: int) -> None:
        """End a fault."""
        self._order("clear", str(number))

    def _order(self, *order: str) -> str:
        command = [sys.executable, "-m", "simulator", *order, "--socket", str(self.folder / "sim.sock")]
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
def simulated_site(folder: Path) -> Iterator[tuple[SimulatedSite, ExitStack]]:
    """A site in which all is well, and the stack on which another agent can be started."""
    site = halls(SITE, {ROOM: RACK_WATTS})
    file, agent_file = folder / "site.yaml", folder / "agent.yaml"
    file.write_text(site_yaml(site), encoding="utf-8")
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
        collector = CollectorProcess(folder / "collector", broker.port, site, **COLLECTOR_SETTINGS)
        collector.start()
        stack.callback(collector.stop)
        yield SimulatedSite(folder, collector, start_agent(folder, stack)), stack
