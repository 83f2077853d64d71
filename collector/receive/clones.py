"""Finds two agents that run under one name, from their statuses."""

import logging
from collections import deque

from rackflow import Status

log = logging.getLogger(__name__)
REMEMBERED_S = 900.0
MAX_EPOCHS = 4
MAX_AGENTS = 10_000


class Clones:
    """An epoch that says hello again after a later one has: two processes take turns at one client id."""

    def __init__(self) -> None:
        self._recent_epochs: dict[tuple[str, str], deque[tuple[str, str]]] = {}
        self._seen: dict[tuple[str, str], float] = {}

    def update(self, status: Status, now: float) -> None:
        """Take note of a status received at `now`, monotonic seconds."""
        if status.status != "online":
            return
        key = status.site, status.agent
        recent = self._recent_epochs.pop(key, None) or deque(maxlen=MAX_EPOCHS)
        self._recent_epochs[key] = recent  # behind all others
        if len(self._recent_epochs) > MAX_AGENTS:
            oldest = next(iter(self._recent_epochs))
            del self._recent_epochs[oldest]
            self._seen.pop(oldest, None)
        if recent and recent[-1][0] == status.epoch:
            return
        if any(epoch == status.epoch for epoch, _ in recent):
            if key not in self.current(now):
                log.error(
                    "agent=%s site=%s runs twice, on hosts %s and %s; stop one or give it another name",
                    *(status.agent, status.site, recent[-1][1] or "?", status.hostname or "?"),
                )
            self._seen[key] = now
        recent.append((status.epoch, status.hostname))

    def current(self, now: float) -> set[tuple[str, str]]:
        """Site and agent of those that were seen twice in the last quarter of an hour."""
        return {key for key, seen in self._seen.items() if now - seen < REMEMBERED_S}

    def known(self) -> set[tuple[str, str]]:
        """Site and agent of all that said hello."""
        return set(self._recent_epochs)
