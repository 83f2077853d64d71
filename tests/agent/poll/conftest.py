"""The loop of these tests, whose clock they can set forward."""

import asyncio
from collections.abc import Callable, Mapping

from tests.jumping import LOOPS


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """See `tests.jumping`."""
    return LOOPS
