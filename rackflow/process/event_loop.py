"""Which event loop a process runs on."""

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop of uvloop, on which a message takes half of the CPU time; None (asyncio's own loop) if uvloop is not installed."""
    try:
        # Imported here because only what runs for long needs it.
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
