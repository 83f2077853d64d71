"""What the device tasks of one agent share."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.poll import OpeningPace
from agent.self_metrics import Counters
from agent.wake_ups import WakeUps
from rackflow.documents import MAX_PAYLOAD_BYTES, DeviceDocument
from rackflow.outbox import Outbox


@dataclass(frozen=True, slots=True)
class AgentContext:
    """The agent's names, its outbox and counters, its clocks, and what the tasks must take turns for."""

    site: str
    agent: str
    epoch: str
    outbox: Outbox
    counters: Counters
    announce: Callable[[DeviceDocument], None]
    """Publishes a device's retained document."""
    wall: Callable[[], float] = time.time
    """Unix seconds."""
    clock: Callable[[], float] = time.perf_counter
    """Seconds for measuring durations."""
    draw: Callable[[], float] = random.random
    """Random numbers in [0, 1)."""
    largest_bytes: Callable[[], int] = lambda: MAX_PAYLOAD_BYTES
    """The largest payload that the broker accepts."""
    pace: OpeningPace = field(default_factory=OpeningPace)
    """Limits how many devices are opened at the same time."""
    note_late: Callable[[float], None] = lambda _: None
    """Is given the seconds by which each poll began late."""
    grid_s: float = 0.0
    """Polls are due at multiples of this, so that those of several devices share a turn of the loop; 0 if they are not."""
    wake_ups: WakeUps = field(default_factory=WakeUps)
    """Wakes the tasks that wait for their next poll."""
