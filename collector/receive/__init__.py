"""Receives messages from the broker, checks them, and does what needs no other package: clocks, clones, poll counts.

A message that breaks the contract goes to the dead-letter file with its reason, is acknowledged, and never stops the flow: if it
stayed unacknowledged, the broker would send it again after every restart.
"""

from collector.receive.clocks import ReceiptTimes, is_plausible
from collector.receive.clones import Clones
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.receive.messages import Document, open_message, salvage_number
from collector.receive.poll_counts import HOUR_S, Counts, ExpectedDevice, PollCounts, Polled, PolledDevice, add
from collector.receive.subscribe import SESSION_EXPIRY_S, Filters, Subscriber

__all__ = [
    "HOUR_S",
    "SESSION_EXPIRY_S",
    "Clones",
    "Counts",
    "DeadLetters",
    "Delivery",
    "Document",
    "ExpectedDevice",
    "Filters",
    "PollCounts",
    "Polled",
    "PolledDevice",
    "ReceiptTimes",
    "Subscriber",
    "add",
    "is_plausible",
    "open_message",
    "salvage_number",
]
