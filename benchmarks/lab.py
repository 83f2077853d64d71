"""Measures profiles: CPU time to load all of them at start, and to replay the largest recordings of real devices."""

import asyncio
import contextlib
import os
import statistics
import time
from pathlib import Path

from agent.lab import replay_snmp
from agent.profile import load_profiles
from rackflow.errors import DeviceError
from rackflow.recording import read_snmprec

SHIPPED = Path(__file__).resolve().parents[1] / "simulator" / "recordings"
# How many recordings are replayed: the largest of the folder, which cost most.
LARGEST = 3


def run(rounds: int) -> list[str]:
    """The lines of the result. RACKFLOW_CAPTURES names a folder with recordings; without it the shipped ones are replayed."""
    loads = [_load_cpu_s() for _ in range(rounds)]
    profiles = load_profiles()
    lines = [
        f"{len(profiles)} profiles, {rounds} times:",
        f"  load all of them      median {statistics.median(loads):6.3f} s CPU  (of {', '.join(f'{s:.3f}' for s in loads)})",
    ]
    folder = Path(os.environ.get("RACKFLOW_CAPTURES") or SHIPPED)
    paths = sorted(folder.rglob("*.snmprec"), key=lambda path: path.stat().st_size)[-LARGEST:]
    for path in reversed(paths):
        records = read_snmprec(path)
        started = time.process_time()
        with contextlib.suppress(DeviceError):  # a stranger costs the same
            asyncio.run(replay_snmp(read_snmprec(path), profiles, "auto", time.time()))
        cost_s = time.process_time() - started
        lines.append(f"  replay {path.stem}, {len(records)} objects: {cost_s:6.3f} s CPU, reading the file included")
    return lines


def _load_cpu_s() -> float:
    started = time.process_time()
    load_profiles()
    return time.process_time() - started
