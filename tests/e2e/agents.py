"""An agent as its users run it: a separate process with a configuration file."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
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


@contextmanager
def agent_process(config: Path, folder: Path = REPOSITORY) -> Iterator[subprocess.Popen[bytes]]:
    """The agent, running in a folder; stopped with SIGTERM on the way out, which it must obey with status 0."""
    with (config.parent / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", str(config)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
            assert process.poll() is None, (config.parent / "agent.log").read_text(encoding="utf-8")
            process.terminate()
            assert process.wait(timeout=60) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=60)
