"""Finds two agents that run under one name, by their statuses.

The broker disconnects a client when another connects with the same client id, so two such agents take turns, and each sends
its `online` status again when it is back. A restart looks different: an earlier epoch never comes back.
"""

import logging
from collections import deque

from rackflow import Status
from rackflow.process.takeover import host_and_start

log = logging.getLogger(__name__)
# How long a clone stays on /metrics after it was last noticed. Two agents that back off may take turns every few minutes, and the
# alert must not end in between.
REMEMBERED_S = 900.0
# Epochs remembered per agent. Two are enough for two processes; four also cover three processes, or two that restart meanwhile.
MAX_EPOCHS = 4
# Names can be invented, so there must be a bound; beyond it the agent that was silent for longest is forgotten.
MAX_AGENTS = 10_000


class Clones:
    """Agents with two processes under one client id, recognised by an epoch that sends `online` again after another epoch did."""

    def __init__(self) -> None:
        self._recent_epochs: dict[tuple[str, str], deque[tuple[str, str]]] = {}
        self._seen: dict[tuple[str, str], float] = {}

    def update(self, status: Status, now: float) -> None:
        """Take note of a status received at `now`, monotonic seconds. Only `online` counts: `offline` may be an old will."""
        if status.status != "online":
            return
        key = status.site, status.agent
        recent = self._recent_epochs.pop(key, None) or deque(maxlen=MAX_EPOCHS)
        self._recent_epochs[key] = recent  # at the end: the first key is the agent that was silent for longest
        if len(self._recent_epochs) > MAX_AGENTS:
            oldest = next(iter(self._recent_epochs))
            del self._recent_epochs[oldest]
            self._seen.pop(oldest, None)
        if recent and recent[-1][0] == status.epoch:
            return
        if any(epoch == status.epoch for epoch, _ in recent):
            if key not in self.current(now):
                log.error(
                    "agent=%s site=%s runs twice: on host %s, and on host %s; stop one or give it another name",
                    *(status.agent, status.site, recent[-1][1], host_and_start(status.hostname, status.started)),
                )
            self._seen[key] = now
        recent.append((status.epoch, host_and_start(status.hostname, status.started)))

    def restore(self, site: str, agent: str, now: float) -> None:
        """Take an agent that was a clone before a restart of the collector.

        Which epochs it had is not known any more, and two agents that back off may take minutes until an epoch comes back: the alert must
        not end until then.
        """
        self._seen[site, agent] = now

    def forget(self, site: str, agent: str) -> None:
        """Forget an agent that is gone for good."""
        self._recent_epochs.pop((site, agent), None)
        self._seen.pop((site, agent), None)

    def current(self, now: float) -> set[tuple[str, str]]:
        """Site and agent of clones noticed in the last quarter of an hour."""
        return {key for key, seen in self._seen.items() if now - seen < REMEMBERED_S}

    def states(self, now: float) -> dict[tuple[str, str], bool]:
        """By site and agent of every agent that is remembered, whether it is a clone."""
        current = self.current(now)
        return {key: key in current for key in self._recent_epochs}
