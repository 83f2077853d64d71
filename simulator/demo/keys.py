"""Lines that a person types on the terminal, without holding up the event loop."""

import asyncio
from collections.abc import AsyncIterator
from typing import TextIO

# Nobody types faster than they are obeyed; a file pasted into the terminal is cut short.
MAX_WAITING = 100


async def read_lines(terminal: TextIO) -> AsyncIterator[str]:
    """Each line as it is entered, until the terminal's input ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)

    def entered() -> None:
        # A terminal is readable once a whole line is there, so this does not wait.
        line = terminal.readline()
        if not line:
            loop.remove_reader(terminal)
        if not lines.full():
            lines.put_nowait(line)

    loop.add_reader(terminal, entered)
    try:
        while line := await lines.get():
            yield line
    finally:
        loop.remove_reader(terminal)
