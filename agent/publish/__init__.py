"""Publishing over MQTT: the messages of the outbox and the retained documents, over one connection.

`publisher` decides, `connection` sends; `refusals`, `limit`, `pauses` and `retained` keep what was learnt, `stored_reports` listens to
collectors.
"""

from agent.publish.publisher import Publisher

__all__ = [
    "Publisher",
]
