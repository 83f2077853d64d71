"""Which event loop a process runs on."""

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop, on which a message costs half of what it does on asyncio's own; None for the latter where there is no uvloop."""
    try:
        # Imported here because only what runs for long needs it.
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
