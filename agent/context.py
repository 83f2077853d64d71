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
    """What the device tasks of one agent share: its names, its outbox and its counters.

    `wall` gives Unix seconds, `clock` seconds for measuring durations, and `draw` random numbers in [0, 1). `announce` publishes a
    device's retained document. `largest_bytes` gives the largest payload that the broker accepts. `pace` limits how many devices are
    opened at the same time. `late` is called with the seconds by which a poll began late. Polls are due at multiples of `grid_s`, and
    `wake_ups` wakes the tasks that wait for them.
    """

    site: str
    agent: str
    epoch: str
    outbox: Outbox
    counters: Counters
    announce: Callable[[DeviceDocument], None]
    wall: Callable[[], float] = time.time
    clock: Callable[[], float] = time.perf_counter
    draw: Callable[[], float] = random.random
    largest_bytes: Callable[[], int] = lambda: MAX_PAYLOAD_BYTES
    pace: OpeningPace = field(default_factory=OpeningPace)
    late: Callable[[float], None] = lambda _: None
    grid_s: float = 0.0
    wake_ups: WakeUps = field(default_factory=WakeUps)
