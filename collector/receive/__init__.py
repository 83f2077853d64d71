"""Receiving from the broker: checked documents, and what is judged from them alone (clocks, clones, poll counts).

A message that breaks the contract goes to the dead-letter file with its reason and never stops the flow.
"""

from collector.receive.clocks import Places, can_be
from collector.receive.clones import Clones
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.receive.messages import Known, numbered_anyway, open_message
from collector.receive.poll_counts import HOUR_S, Counts, ExpectedDevice, PollCounts, Polled, PolledDevice, add
from collector.receive.subscribe import Filters, Subscriber

__all__ = [
    "HOUR_S",
    "Clones",
    "Counts",
    "DeadLetters",
    "Delivery",
    "ExpectedDevice",
    "Filters",
    "Known",
    "Places",
    "PollCounts",
    "Polled",
    "PolledDevice",
    "Subscriber",
    "add",
    "can_be",
    "numbered_anyway",
    "open_message",
]
