"""Keeps messages until the other side has made them durable: on disk, or in memory on gateways with flash cards.

The agent's outbox is between polling and MQTT. It keeps each message until a collector has stored it, even if the broker has confirmed it.
The collector uses the same outbox while its store is unavailable. Live messages leave before the backlog. Dropped messages are counted
by reason, and their numbers are reported.

`disk` and `memory` implement the interface in `seam`. Where each message of `disk` is: `places`. Which message leaves next: `lanes`,
`held`, `pacing`. When one is deleted or sent again: `acknowledgements`, with `awaiting` and `stored_reports`. Which message number has
which key: `epochs`; which numbers the agent's status reports as undelivered or lost: `account`. What is not on disk yet: `unsaved`. Sets
of keys: `rangeset`.

Files, from the outside in: `jobs` (the thread), `log`, `segments` with their `record_index`, `segment`, `record`. Beside them, `state` has
limits and figures, and `mark` which keys the files must hold. `loading` reads all of these at a start, `format1` the file of the version
before. `config` is the section of a configuration file.

What is beyond the limits is dropped in `log` (on disk), in `disk` (while the disk refuses) and in `memory`.
"""

from rackflow.outbox.config import DISK_LIMIT_BYTES, OutboxSection, make_outbox
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.held import Which
from rackflow.outbox.loading import folder_of
from rackflow.outbox.seam import Message, Outbox, OutboxStats
from rackflow.outbox.state import Limits

__all__ = [
    "DISK_LIMIT_BYTES",
    "DiskOutbox",
    "Limits",
    "Message",
    "Outbox",
    "OutboxSection",
    "OutboxStats",
    "Which",
    "folder_of",
    "make_outbox",
]
