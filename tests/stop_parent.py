"""Stops and continues its parent process now and then, until that is gone or closes this process's standard input.

A program of its own and not a function: it starts in milliseconds, because it imports nothing of the tests' libraries. See
tests/stalls.py. Arguments: mean seconds between two stops, seconds of the longest stop, and a seed.
"""

import os
import random
import select
import signal
import sys
from typing import Final

SHORTEST_S: Final = 0.5
SPREAD: Final = (0.5, 1.5)
"""The pause between two stops, as multiples of the mean."""


def main(mean_s: float, longest_s: float, seed: str) -> None:
    """Runs until the parent has ended."""
    moments = random.Random(seed)  # noqa: S311 - not for security, but to be repeated
    parent = os.getppid()

    def parent_ended(within_s: float) -> bool:
        # A process that a test has forked may hold the pipe open; then the changed parent tells.
        return bool(select.select([0], [], [], within_s)[0]) or os.getppid() != parent

    while not parent_ended(mean_s * moments.uniform(*SPREAD)):
        os.kill(parent, signal.SIGSTOP)
        try:
            ended = parent_ended(moments.uniform(SHORTEST_S, longest_s))
        finally:
            os.kill(parent, signal.SIGCONT)
        if ended:
            break


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
