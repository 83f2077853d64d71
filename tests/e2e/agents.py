"""Configurations of agents that poll often, for tests that run whole processes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

QUICK = {"safety": 0.5, "fast": 0.5, "normal": 0.5, "slow": 1.0, "inventory": 2.0}


def agent_file(folder: Path, broker_port: int, devices: Sequence[Mapping[str, object]], **more: object) -> Path:
    """A configuration that polls everything often."""
    data = {
        "agent": "gw-e2e",
        "labels": {"site": "cas1", "room": "dh1"},
        "broker": {"port": broker_port, "timeout_s": 5, "keepalive_s": 5},
        "credentials": {"lab": {"version": "2c", "community": "public"}},
        "intervals": QUICK,
        "devices": [dict(device) for device in devices],
        **more,
    }
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def snmp_device(name: str, port: int, **more: object) -> dict[str, object]:
    """One device's entry."""
    return {"id": name, "host": "127.0.0.1", "port": port, "credential": "lab", "timeout_s": 1.0, **more}
