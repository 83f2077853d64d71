"""Printing into a pipe: in goes a command's main function, out comes one that ends quietly when its reader leaves."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

READER_LEFT: Final = 141
"""Exit status, as shells tell it of a program that SIGPIPE ended: `head` has seen enough."""
Main = Callable[[Sequence[str] | None], int]


def ends_with_its_reader(main: Main) -> Callable[..., int]:
    """The same function; what it printed is written out before it returns."""

    @functools.wraps(main)
    def run(argv: Sequence[str] | None = None) -> int:
        try:
            try:
                return main(argv)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter flushes once more as it ends, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return READER_LEFT

    return run
