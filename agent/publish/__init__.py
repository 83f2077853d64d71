""""""

from agent.publish.publisher import Publisher

__all__ = [
    "Publisher",
]
