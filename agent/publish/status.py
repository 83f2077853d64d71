"""The agent's status: what the agent says about itself, its account of message numbers, and the topics that the broker refuses.

The broker retains it. Its "offline" version is the will of each connection, which the broker publishes if the agent dies.
"""

import time

import msgspec

from agent.publish.refusals import Refusals
from agent.publish.retained import Retained
from rackflow.documents import Account, Status, encode
from rackflow.outbox import Outbox
from rackflow.topics import Topic, build_topic

# How many refused topics are named in the status, which must stay small. A metric counts all of them.
NAMED_IN_STATUS = 20
# Least time between two statuses that differ only in the first message still in the outbox. A status names all devices: 30 kB at 3,000
# of them. Chosen value.
ACCOUNT_S = 60.0


class AgentStatus:
    """Keeps the status up to date among the retained documents."""

    def __init__(self, status: Status, outbox: Outbox, refusals: Refusals, retained: Retained) -> None:
        self.topic = build_topic(Topic(status.site, status.agent, "status"))
        self.taken_over_ms = 0
        """When another client last took the agent's place at the broker, ms since 1970; 0 if none has. Part of the next status."""
        self._outbox = outbox
        self._refusals = refusals
        self._retained = retained
        self.set(status)

    def set(self, status: Status) -> None:
        """Publish this status now and after every reconnect. From the next connection on, its "offline" version is the will."""
        refused = sorted(self._refusals.refused_topics().items())[:NAMED_IN_STATUS]
        reasons = {topic: each.reason for topic, each in refused}
        self._set_at_s = time.monotonic()
        status = msgspec.structs.replace(status, taken_over=self.taken_over_ms)
        self._status = msgspec.structs.replace(status, account=self._outbox.stats().account, refused=reasons)
        self.offline = offline_version(self._status)
        self._retained.set(self.topic, encode(self._status))

    def refresh(self) -> None:
        """Publish the same status with the account and the refused topics of now."""
        self.set(self._status)

    def set_account(self, account: Account) -> None:
        """Publish the status with this account of message numbers and the refused topics, if either has changed.

        The number of the first message still in the outbox changes all the time and matters little: with an old number, a collector only
        counts some more messages as on their way. So if nothing else has changed, it is published at most once a minute.
        """
        before = self._status.refused.keys()
        now = sorted(self._refusals.refused_topics())[:NAMED_IN_STATUS]
        known = self._status.account
        is_old = time.monotonic() - self._set_at_s >= ACCOUNT_S
        if before != set(now) or is_important_change(account, known) or (account != known and is_old):
            self.refresh()


def offline_version(status: Status) -> bytes:
    """The status "offline" as payload. Short, because it is part of CONNECT: a broker that limits packets would refuse the connection."""
    return encode(msgspec.structs.replace(status, status="offline", account=None, devices=[], refused={}))


def is_important_change(account: Account, known: Account | None) -> bool:
    """Whether an account differs in more than the first numbers still in the outbox."""
    if known is None:
        return True
    names = {each.epoch for each in known.undelivered}
    is_new = any(each.epoch not in names for each in account.undelivered)
    return is_new or (account.dropped, account.ended) != (known.dropped, known.ended)
