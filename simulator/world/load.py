"""Computing load of a rack over time: general computing, and training jobs in which many racks step together."""

import math
import random
from dataclasses import dataclass, field
from typing import Final, Protocol

# The shape of synchronous training, with chosen values: all accelerators of a job compute, then wait for each other or for a
# checkpoint, so that their power steps together within seconds. That is the hardest load for a CDU's control and for figures
# that combine values polled at different moments, which is why it is exaggerated here rather than smoothed.
DAY_S: Final = 86_400.0
# Real jobs last days. Twenty minutes let a test meet starts, pauses and different levels.
JOB_S: Final = 1200.0
# Pause at the beginning of each job, while data is loaded.
PAUSE_S: Final = 45.0
# A job's level over design power, how much racks of one job differ from it, the time between its dips, and how long a dip lasts.
JOB_LEVEL: Final = (0.72, 0.95)
RACK_SPREAD: Final = 0.02
DIP_PERIOD_S: Final = (20.0, 60.0)
DIP_S: Final = (3.0, 8.0)
# Power of waiting accelerators and of their hosts, over design power.
IDLE_RATIO: Final = 0.22
# Duration of a step of the load. Well below the polling interval, as it would be in reality.
EDGE_S: Final = 2.0
# Power in a dip (waiting, checkpoint), over the job's level.
DIP_RATIO: Final = 0.5


class Load(Protocol):
    """The power that a rack's equipment demands over time."""

    def watts(self, time_s: float) -> float:
        """Demand at a time of the simulated world, W."""
        ...


@dataclass(frozen=True, slots=True)
class ConstantLoad:
    """A load that never changes."""

    demand_w: float

    def watts(self, time_s: float) -> float:  # noqa: ARG002 - as `Load.watts`
        """See `Load.watts`."""
        return self.demand_w


@dataclass(slots=True)
class SteadyLoad:
    """General computing: a curve over the day, with slow waves that differ from rack to rack."""

    design_w: float
    seed: str
    day_s: float = DAY_S
    """How long a day takes; shorter ones show a day's curve in minutes."""
    _start: float = field(init=False)
    """0..1, by the seed: where its waves begin, and how busy it is."""

    def __post_init__(self) -> None:
        self._start = _chance(self.seed).random()

    def watts(self, time_s: float) -> float:
        """See `Load.watts`."""
        start = self._start
        day = 0.16 * math.sin(2 * math.pi * (time_s / self.day_s - 0.375))  # highest at 15 h
        # Two waves whose periods have no common multiple stand for all other load changes; a sum of sines costs little and has a
        # value at any time, so that any step length gives the same load.
        own = 0.05 * math.sin(2 * math.pi * (time_s / 1400 + start)) + 0.02 * math.sin(
            2 * math.pi * (time_s / 97 + start)
        )
        return self.design_w * (0.50 + 0.08 * start + day + own)


@dataclass(slots=True)
class TrainingLoad:
    """Accelerators in one training job: all racks of a `group` step together, by half of their power within two seconds."""

    design_w: float
    group: str
    seed: str
    _job: tuple[int, float, float, float] = field(default=(-1, 0.0, 0.0, 0.0))
    _offset_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._offset_s = _chance(self.group).uniform(0, JOB_S)

    def watts(self, time_s: float) -> float:
        """See `Load.watts`."""
        number, into_s = divmod(time_s + self._offset_s, JOB_S)
        level, period_s, dip_s = self._job_of(int(number))
        if into_s < PAUSE_S:
            return self.design_w * max(IDLE_RATIO, _edge(level, IDLE_RATIO, into_s))
        running_s = into_s - PAUSE_S
        # Each period begins with a dip, and the dip ends with a rising edge. It begins with a falling one, except in the first period:
        # there the job itself ramps up.
        step_s = running_s % period_s
        share = 1.0 if step_s >= dip_s + EDGE_S else DIP_RATIO + (1 - DIP_RATIO) * max(0.0, (step_s - dip_s) / EDGE_S)
        if step_s < EDGE_S and running_s >= period_s:
            share = max(share, 1 - (1 - DIP_RATIO) * step_s / EDGE_S)
        ramp = min(1.0, running_s / (5 * EDGE_S))
        return self.design_w * (IDLE_RATIO + (level * share - IDLE_RATIO) * ramp)

    def _job_of(self, number: int) -> tuple[float, float, float]:
        """Level of a job (over design power), period of its dips (s), and duration of a dip (s).

        Seeded by the job's number instead of drawn in sequence, so that the load depends only on the time. The last job is
        kept, because a seeded generator for each step of each rack would cost more than the rest of the load.
        """
        if self._job[0] != number:
            job = _chance(f"{self.group}/{number}")
            level = job.uniform(*JOB_LEVEL) + _chance(self.seed).uniform(-RACK_SPREAD, RACK_SPREAD)
            self._job = (number, level, job.uniform(*DIP_PERIOD_S), job.uniform(*DIP_S))
        return self._job[1:]


def _edge(start: float, end: float, into_s: float) -> float:
    return start + (end - start) * min(1.0, into_s / EDGE_S)


def _chance(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same seed must give the same load
