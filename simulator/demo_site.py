"""The demo's small site: simulated devices on loopback, and the configurations of the agent and the collector that watch it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """One simulated device: its name, what it is, and its entry in the agent's configuration."""

    id: str
    what: str
    config: dict[str, Any]


async def start_devices(stack: AsyncExitStack) -> list[DemoDevice]:
    """Start every simulated device; `stack` stops them."""
    raise NotImplementedError(stack)


def agent_config(broker_port: int, devices: Sequence[DemoDevice]) -> dict[str, Any]:
    """The agent's configuration file as plain data."""
    return {
        "agent": "demo-agent",
        "labels": {"site": "demo", "room": "hall-1"},
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "credentials": {"lab": {"version": "2c", "community": "public"}},
        "devices": [device.config for device in devices],
    }


def collector_config(broker_port: int, port: int, folder: Path) -> dict[str, Any]:
    """The collector's configuration file as plain data."""
    return {
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "client_id": "demo-collector",
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead-letters.jsonl"),
        "listen": f"127.0.0.1:{port}",
    }
