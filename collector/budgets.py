"""How much one agent and one site may have: devices, series and bytes. What is beyond is refused and counted.

A message says who sent it, and each new name in it costs memory here, in Prometheus and in the store. The budgets keep one
account, or one agent with a fault, from taking what all others need. The first to come keep what they have.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

# Series on /metrics that a device has besides its readings: five of its own and, depending on its class, some derived figures.
DEVICE_SERIES = 10
AgentKey = tuple[str, str]
"""Site and agent. Each agent has an account of its own at the broker."""


@dataclass(frozen=True, slots=True)
class AgentBudget:
    """What one agent may have."""

    devices: int
    """Devices, including those it gave up within the last day."""
    series: int
    """Series on /metrics, including those that expired within the last hour, and `DEVICE_SERIES` for each device."""
    bytes: int
    """Memory of its series and device documents, estimated."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of a collector. `own` are those of single agents, `common` is that of all others."""

    common: AgentBudget
    agents: int
    """Agents in all. Agents that the configuration or the site file names are not counted."""
    sites: int
    """Sites in all, when none are configured."""
    own: Mapping[AgentKey, AgentBudget] = field(default_factory=dict)

    def of(self, agent_key: AgentKey) -> AgentBudget:
        """The budget of one agent."""
        return self.own.get(agent_key, self.common)


class Buckets:
    """Token buckets: each holder has `burst` tokens at first, and gets `per_s` a second, up to `burst` again."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left: dict[Hashable, tuple[float, float]] = {}

    def left(self, holder: Hashable, now: float) -> float:
        """What a holder has at `now`, monotonic seconds."""
        left, at = self._left.get(holder, (self._burst, now))
        return min(self._burst, left + max(0.0, now - at) * self._per_s)

    def take(self, holder: Hashable, cost: float, now: float) -> bool:
        """Take tokens, if the holder has that many."""
        left = self.left(holder, now)
        is_within = cost <= left
        self._left[holder] = left - cost if is_within else left, now
        return is_within

    def spend(self, holder: Hashable, cost: float, now: float) -> None:
        """Take tokens for something that has happened already; the number of tokens does not fall below 0."""
        self._left[holder] = max(0.0, self.left(holder, now) - cost), now
