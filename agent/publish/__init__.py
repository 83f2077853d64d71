"""Publishing over MQTT: the messages of the outbox and the retained documents, over one connection.

`publisher` connects and decides what to send, `connection` sends it, `answers` applies what the broker answers. `refusals`, `limit`,
`pauses` and `retained` keep what was learnt, `status` makes the agent's own document, `report_reader` hears from collectors what is stored.
"""

from agent.publish.publisher import Publisher

__all__ = [
    "Publisher",
]
