""""""

from rackflow.outbox.config import OutboxSection, make_outbox
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.file import Limits
from rackflow.outbox.seam import Message, Outbox, OutboxStats

__all__ = [
    "DiskOutbox",
    "Limits",
    "Message",
    "Outbox",
    "OutboxSection",
    "OutboxStats",
    "make_outbox",
]
