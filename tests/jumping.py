"""An event loop whose clock a test sets forward, so that deadlines pass without waiting, as soon as everything before them has happened.

A device that answers in time must get seconds for it, since a busy machine may keep it, or the test, from running for half a second. A
test that also waits until such a deadline has passed would take those seconds each time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

from tests.servers.waiting import STEP_S, eventually

T = TypeVar("T")
TURNS: Final = 20
"""Turns of the loop after which data sent between two sockets of this process has arrived; each hop takes one or two turns."""
KERNEL_S: Final = 0.001
"""How long `turning` blocks in each step, so that the kernel can deliver datagrams. Chosen value."""
LONG_TIMEOUT_S: Final = 5.0
"""A deadline for devices that answer: `after` sets the clock forward, so nobody waits for it."""

JUMP_S: Final = 4 * LONG_TIMEOUT_S
"""Longer than such a deadline becomes when its loop is late."""
MAX_JUMPS: Final = 100
"""Limit for a request that must fail in the end, however many tries it has."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose time can be set forward."""

    ahead_s = 0.0
    stands_at_s: float | None = None
    """The moment at which the clock stands still, before what it was set forward by; None while it goes on."""

    def time(self) -> float:
        return (time.monotonic() if self.stands_at_s is None else self.stands_at_s) + self.ahead_s


LOOPS: Final[Mapping[str, Callable[[], asyncio.AbstractEventLoop]]] = {"jumping": JumpingLoop}
"""Return this from `pytest_asyncio_loop_factories` in the conftest.py of tests that use `after`."""


@contextmanager
def standing() -> Iterator[None]:
    """The clock stands still except for jumps: no pause of a client ends early because the machine is busy.

    For peers that answer: no deadline passes, and whoever sleeps in this loop sleeps until the block has ended.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop), "the conftest.py of this folder lacks pytest_asyncio_loop_factories"
    stands_at_s = loop.stands_at_s = time.monotonic()
    try:
        yield
    finally:
        loop.stands_at_s = None
        # It goes on from where it stood.
        loop.ahead_s -= time.monotonic() - stands_at_s


async def jump(seconds: float, turns: int = TURNS) -> None:
    """Run the loop until data on its way has arrived, then set the clock forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop), "the conftest.py of this folder lacks pytest_asyncio_loop_factories"
    for _ in range(turns):
        await asyncio.sleep(0)
    loop.ahead_s += seconds


@asynccontextmanager
async def turning(step_s: float, turns: int = TURNS) -> AsyncIterator[None]:
    """Within the block the clock goes on by `step_s` every few turns of the loop, and not by itself.

    For peers in this loop: those that answer do so within a step or two, however busy the machine is, and no silence takes long. With
    `turns=1` an answer takes several steps, for tests that compare how long answers take.
    """

    async def turn() -> None:
        while True:
            # On a busy machine the kernel delivers a datagram in a thread of its own, which needs a CPU.
            time.sleep(KERNEL_S)  # noqa: ASYNC251 - nothing else may run meanwhile
            await jump(step_s, turns)

    with standing():
        task = asyncio.create_task(turn(), name="turning")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def after(count: Callable[[], int], request: Awaitable[T], jumps: int = MAX_JUMPS) -> T:
    """The outcome of a request of which at least one try ends at its deadline: its clock is set forward then.

    Args:
        count: has risen as soon as the request has met what it shall meet.
        request: begun here.
        jumps: how often the clock is set forward at most: once for each try that shall fail, if a further one shall not.
    """
    before = count()
    task = asyncio.ensure_future(request)
    try:
        await eventually(lambda: task.done() or count() > before, "the request met its fault")
        while not task.done() and jumps:
            await jump(JUMP_S)
            jumps -= 1
            await asyncio.wait([task], timeout=STEP_S)
        return await task
    finally:
        task.cancel()
