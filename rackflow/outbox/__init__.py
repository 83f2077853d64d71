"""Keeps messages until the other side has confirmed them: on disk (SQLite), or in memory on gateways with flash cards.

The agent's outbox stands between polling and MQTT; the collector uses the same outbox while its store is unavailable. Live
messages leave before the backlog. Dropped messages are counted by reason, and their numbers are reported.
"""

from rackflow.outbox.config import OutboxSection, make_outbox
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.file import Limits
from rackflow.outbox.held import Which
from rackflow.outbox.seam import Message, Outbox, OutboxStats

__all__ = [
    "DiskOutbox",
    "Limits",
    "Message",
    "Outbox",
    "OutboxSection",
    "OutboxStats",
    "Which",
    "make_outbox",
]
