"""Publishing over MQTT: messages from the outbox, retained documents, and the connection under both."""

from agent.publish.publisher import Publisher

__all__ = [
    "Publisher",
]
