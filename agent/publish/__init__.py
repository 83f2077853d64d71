"""Publishing over MQTT: the messages of the outbox and the retained documents, over one connection."""

from agent.publish.publisher import Publisher

__all__ = [
    "Publisher",
]
