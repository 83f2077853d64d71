"""The demo's site on the simulator, the configurations of agent and collector, and the faults that a visitor may cause."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rackflow.errors import ConfigError
from simulator.site import Simulation, shipped_or_file
from simulator.world.faults import Fault

# A day's curve of the racks' load in ten minutes. Everything else takes the time that it takes: seconds until chips are hot are seconds.
DAY_S: Final = 600.0
# How long the agent waits for an answer of a simulated SNMP device, and as long again for its second try. A compromise by estimate: a
# fault is to be seen within 3 s, and a laptop that does something else for half a second must not make devices look silent.
ANSWER_S: Final = 0.7
SITE_FILE: Final = "demo-site.yaml"


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that a visitor may break, by `key` on the running demo or by `name` from another terminal."""

    key: str
    name: str
    what: str
    """What breaks, as the menu says it."""
    fault: Fault


MISHAPS: Final = (
    Mishap(
        "1", "mains", "feed A loses its mains; the generator starts after 25 s", Fault(fault="mains_loss", target="A")
    ),
    Mishap("2", "feed", "feed A is lost, generator and all", Fault(fault="feed_loss", target="A")),
    Mishap("3", "pump", "a pump of cdu-1 fails", Fault(fault="pump_failure", target="cdu-1", pump=2)),
    Mishap("4", "pumps", "all pumps of cdu-1 fail", Fault(fault="all_pumps_failure", target="cdu-1")),
    Mishap("5", "water", "facility water gets 20 K too warm", Fault(fault="primary_warm", target="water", value=20)),
    Mishap("6", "leak", "the coolant loop of row b leaks", Fault(fault="leak", target="b-loop", value=2)),
    Mishap("7", "breaker", "the breaker of pdu-a2-a trips", Fault(fault="breaker_trip", target="pdu-a2-a")),
    Mishap("8", "silence", "pdu-b3-b does not answer any more", Fault(fault="timeout", target="pdu-b3-b")),
    Mishap(
        "9",
        "sensor",
        "the inlet sensor of rack a3 shows 15 K too much",
        Fault(fault="sensor_drift", target="pdu-a3-a", point="dcim_env_temperature_celsius{sensor=1}", value=0.5),
    ),
)


class Breaker:
    """Begins and ends mishaps at a running simulation; each is either there or not."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._active: dict[str, int] = {}

    async def toggle(self, word: str) -> str:
        """Begin the mishap with this key or name, or end it if it is there; returns a line about it. Raises ConfigError."""
        mishap = find_mishap(word)
        number = self._active.pop(mishap.name, None)
        if number is not None:
            await self._simulation.execute({"order": "clear", "number": number})
            return f"mended: {mishap.name}"
        self._active[mishap.name] = (await self._simulation.begin(mishap.fault)).number
        return f"broken: {mishap.what}"

    async def mend_all(self) -> str:
        """End every mishap; returns a line about it."""
        ended = [await self.toggle(name) for name in tuple(self._active)]
        return "; ".join(ended) or "nothing is broken"

    async def execute(self, order: dict[str, Any]) -> object:
        """Requests from other terminals: `break` and `mend`, beside all that the simulator itself knows. Raises ConfigError."""
        match order.get("order"):
            case "break":
                return await self.toggle(str(order.get("what")))
            case "mend":
                return await self.mend_all()
        return await self._simulation.execute(order)


def find_mishap(word: str) -> Mishap:
    """The mishap with this key or name. Raises ConfigError that lists them."""
    for mishap in MISHAPS:
        if word.strip().lower() in {mishap.key, mishap.name}:
            return mishap
    raise ConfigError(
        f"{word.strip()!r} is nothing that can break; known are {', '.join(each.name for each in MISHAPS)}"
    )


async def start_site(stack: AsyncExitStack, folder: Path) -> Simulation:
    """Start every device of the demo's site; its site file is written into the folder. `stack` stops them."""
    site, text = shipped_or_file("demo")
    (folder / SITE_FILE).write_text(text, encoding="utf-8")
    simulation = Simulation(site, seed=7, day_s=DAY_S)
    await simulation.start(stack)
    return simulation


def agent_config(broker_port: int, simulation: Simulation, folder: Path) -> dict[str, Any]:
    """The agent's configuration file as plain data."""
    config = simulation.fleet.agent_config(SITE_FILE, broker_port)
    return {
        **config,
        # On loopback an answer takes milliseconds. With SNMP's usual 2 s, and one try more, a silent PDU would look well for 5 s.
        # Modbus has 1 s and one try as it is.
        "devices": [device if "unit" in device else {**device, "timeout_s": ANSWER_S} for device in config["devices"]],
        "agent": "demo-agent",
        "outbox": {"mode": "disk", "path": str(folder / "agent-outbox.db")},
        # Faults are to be seen at once, and 26 simulated devices bear it. The agent reports on itself once in an interval of the class
        # normal (10 s by default), which a short demo could miss.
        "intervals": {"fast": 1, "normal": 2},
    }


def collector_config(broker_port: int, port: int, folder: Path) -> dict[str, Any]:
    """The collector's configuration file as plain data."""
    return {
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "client_id": "demo-collector",
        "site_file": SITE_FILE,
        "store": {"kind": "file", "path": str(folder / "points")},
        "outbox": {"path": str(folder / "collector-outbox.db")},
        "dead_letter": str(folder / "dead-letters.jsonl"),
        "listen": f"127.0.0.1:{port}",
    }
