"""Lets single devices follow the clock of this process: models, and recordings whose load varies.

The models read no clock; this module tells them how much time has passed. Whole sites have `simulator.site.simulation` for that.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from rackflow.recording import Record
from simulator.models import LoadFactor, overlay
from simulator.snmp import SnmpDevice

RECORDINGS: Final = Path(__file__).parent / "recordings"
"""Recordings that come with the simulator: `apc-rpdu2`, `apc-ups` and `rfc1628-ups`, each with the suffix `.snmprec`."""
# How often models advance: shorter than any usual polling interval, so that no two polls show the same moment.
TICK_S: Final = 0.25
# The most that models advance at once. After the process was suspended (a laptop asleep, a debugger) they go on from where they were
# instead of computing hours during which no device would answer.
MAX_STEP_S: Final = 10.0


class Model(Protocol):
    """A model of a device that changes with time."""

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        ...


async def run_models(models: Sequence[Model]) -> None:
    """Advance models in real time until cancelled."""
    before = time.monotonic()
    while True:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        passed_s, before = min(now - before, MAX_STEP_S), now
        for model in models:
            model.advance(passed_s)


def vary_load(device: SnmpDevice, records: Iterable[Record], seed: int = 0) -> int:
    """Let load, currents, power and energy of a UPS or rack PDU vary from now on; returns the number of OIDs that do."""
    began = time.monotonic()
    moving = overlay(records, LoadFactor(seed))
    for oid, value in moving.items():
        device.set(oid, _since(began, value))
    return len(moving)


def _since(began: float, value: Callable[[float], int]) -> Callable[[], int]:
    return lambda: value(time.monotonic() - began)
