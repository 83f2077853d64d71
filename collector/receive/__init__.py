"""Receives messages from the broker, checks them, and does what needs no other package: owners, clocks, clones, poll counts.

A message that breaks the contract goes to the dead-letter file with its reason, is acknowledged, and never stops the flow: if it stayed
unacknowledged, the broker would send it again after every restart.

* The connection: `subscribe` keeps the session with the broker, `filters` has its topics, `publications` what is published over it. `inbox`
  has the messages that wait to be handled, each one a `delivery`; `live` is the second connection, for what is produced meanwhile.
* Checks, called by `collector.flow`: `messages` checks topic and document, `owners` whether the sender may send it (`owners_file` keeps
  that on disk), `usage` its agent's budget of series and bytes, `clocks` its time. `dead_letters` keeps what was refused, and `muting` has
  a sender's messages dropped unread once too much of it was refused.
* What follows from messages: `clones` finds two agents under one name, `poll_counts` counts polls for the report.
"""

from collector.receive.clocks import ReceiptTimes, is_plausible
from collector.receive.clones import Clones
from collector.receive.dead_letters import DeadLetters, LetterBudget
from collector.receive.delivery import Delivery
from collector.receive.filters import Filters
from collector.receive.messages import Document, open_message, salvage_number, within_bounds
from collector.receive.muting import Muting
from collector.receive.owners import Admission, Contest, Owners
from collector.receive.owners_file import OwnersFile
from collector.receive.poll_counts import HOUR_S, Counts, ExpectedDevice, PollCounts, Polled, PolledDevice, add
from collector.receive.subscribe import DISCONNECT_S, SESSION_EXPIRY_S, OwnEvent, Subscriber
from collector.receive.usage import Usage

__all__ = [
    "DISCONNECT_S",
    "HOUR_S",
    "SESSION_EXPIRY_S",
    "Admission",
    "Clones",
    "Contest",
    "Counts",
    "DeadLetters",
    "Delivery",
    "Document",
    "ExpectedDevice",
    "Filters",
    "LetterBudget",
    "Muting",
    "OwnEvent",
    "Owners",
    "OwnersFile",
    "PollCounts",
    "Polled",
    "PolledDevice",
    "ReceiptTimes",
    "Subscriber",
    "Usage",
    "add",
    "is_plausible",
    "open_message",
    "salvage_number",
    "within_bounds",
]
