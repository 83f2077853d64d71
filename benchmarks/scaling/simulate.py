"""A discrete-event simulation of agents, one broker and the collectors behind it, through an outage of the broker. Pure.

What the model leaves out is here: agents reconnect after random pauses (full jitter, as `agent/publish/pauses.py`), their seconds have
different phases, and the broker's queue is served message by message in the order of arrival.
"""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.scaling.model import Outage, Recovery
from rackflow.outbox.pacing import BacklogPace

RETRY_S = (0.5, 30.0)
"""The first and the longest ceiling of an agent's pauses between attempts to connect, as in `agent/publish/`."""
START_S = 30.0
"""When the outage begins. Before it, agents that adapt their pace hear how fast collectors store."""
REPORT_EVERY_S = 2.0
"""How often a collector reports what is durable."""
STEP_S = 0.25
"""Agents act in steps of this length: shorter ones change no figure, and cost more."""


@dataclass
class _Agent:
    backlog: float = 0.0
    connects_s: float = 0.0
    """When its first attempt after the broker's return is due."""
    pace: BacklogPace | None = None
    """That of the outbox; None if it sends its backlog at a fixed rate."""
    steps: int = 0
    """Its live messages are numbered by steps."""
    stored: int = 0
    report_due_s: float = 0.0
    """When the next report of the collectors is due."""


class _Chunk(NamedTuple):
    """Messages that an agent sent in one step."""

    sent_s: float
    messages: float
    live_of: _Agent | None = None
    """Whose live messages they are; None for messages of a backlog."""
    step: int = 0
    """The agent's step in which live ones were sent."""


def first_success_s(begins_s: float, ends_s: float, draw: random.Random) -> float:
    """When an agent's first attempt to connect succeeds: it pauses at random below a ceiling that doubles, from the break on."""
    at_s, ceiling_s = begins_s, RETRY_S[0]
    while at_s < ends_s:
        at_s += draw.uniform(0.0, ceiling_s)
        ceiling_s = min(ceiling_s * 2, RETRY_S[1])
    return at_s


@dataclass
class Simulation:
    """One run: call `run` once. `seed` makes it repeatable.

    If `is_paced`, agents send their backlogs as they hear what is durable (`pacing.py`).
    """

    outage: Outage
    seed: int = 1
    is_paced: bool = False
    _events: list[tuple[float, int]] = field(default_factory=list)
    """A heap of what comes next: a time, and the place of the agent that acts then."""
    _queue: deque[_Chunk] = field(default_factory=deque)
    """What waits at the broker, in the order of arrival."""
    _free_at_s: float = 0.0
    """When the collectors have finished what they have taken out of the queue."""
    _live_delay_s: float = 0.0
    """The longest time from sending to storing of a live message so far."""
    _old_stored: float = 0.0
    """Messages of the outage that are stored."""
    _drained_s: float = 0.0
    """When the last of them was."""

    def run(self, patience_s: float = 36_000.0) -> Recovery:
        """Until everything that was made in the outage is stored. Raises TimeoutError if that takes longer than `patience_s`."""
        begins_s, ends_s = START_S, START_S + self.outage.seconds
        agents = self._agents(begins_s, ends_s)
        made = self.outage.rate * STEP_S
        owed = self.outage.agents * self.outage.rate * self.outage.seconds
        while self._old_stored < owed * 0.9999:  # the rest is rounding of fractions of messages
            now_s, at = heapq.heappop(self._events)
            if now_s > ends_s + patience_s:
                raise TimeoutError(f"{self._old_stored:.0f} of {owed:.0f} messages of the outage are stored")
            self._store(now_s)
            agent = agents[at]
            if begins_s <= now_s < agent.connects_s:
                agent.backlog += made
                owed += made if now_s >= ends_s else 0.0
            else:
                self._send(agent, made, now_s)
            heapq.heappush(self._events, (now_s + STEP_S, at))
        return Recovery(self._drained_s - ends_s, self._live_delay_s)

    def _agents(self, begins_s: float, ends_s: float) -> list[_Agent]:
        """The agents, each with a first event at a time of its own within the first step."""
        draw = random.Random(self.seed)  # noqa: S311 - jitter that is the same each time
        agents = [_Agent(0.0, first_success_s(begins_s, ends_s, draw)) for _ in range(self.outage.agents)]
        for at, agent in enumerate(agents):
            agent.pace = BacklogPace(self.outage.backlog_rate) if self.is_paced else None
            agent.report_due_s = draw.random() * REPORT_EVERY_S
            heapq.heappush(self._events, (draw.random() * STEP_S, at))
        return agents

    def _store(self, now_s: float) -> None:
        """Take out of the queue what the collectors have stored by now, one chunk after the other."""
        while self._queue:
            chunk = self._queue[0]
            stored_s = max(self._free_at_s, chunk.sent_s) + chunk.messages / self.outage.capacity
            if stored_s > now_s:
                return
            self._queue.popleft()
            self._free_at_s = stored_s
            if chunk.live_of is not None:
                chunk.live_of.stored = chunk.step
                self._live_delay_s = max(self._live_delay_s, stored_s - chunk.sent_s)
            else:
                self._old_stored += chunk.messages
                self._drained_s = stored_s

    def _send(self, agent: _Agent, made: float, now_s: float) -> None:
        """One step of an agent that is connected: what it has just made, then of its backlog what its rate allows."""
        agent.steps += 1
        self._queue.append(_Chunk(now_s, made, agent, agent.steps))
        sent = min(agent.backlog, self._rate(agent, now_s) * STEP_S)
        if sent:
            agent.backlog -= sent
            self._queue.append(_Chunk(now_s, sent))

    def _rate(self, agent: _Agent, now_s: float) -> float:
        """How many messages of its backlog an agent sends a second, from what it has heard so far."""
        if (pace := agent.pace) is None:
            return self.outage.backlog_rate
        if 0.0 <= now_s - agent.connects_s < STEP_S:
            pace.begin(now_s, has_reports=True)
        pace.confirmed(agent.steps, now_s)
        if now_s >= agent.report_due_s:
            agent.report_due_s = now_s + REPORT_EVERY_S
            pace.stored(agent.stored, now_s)
        return pace.per_s(now_s)
