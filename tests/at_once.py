"""Runs work that comes in slices at once. The product never does so where messages wait; a test has nobody that waits."""

from collections.abc import Callable, Generator
from typing import ParamSpec, TypeVar

from rackflow.process.slices import run_through

P = ParamSpec("P")
T = TypeVar("T")


def at_once(steps: Callable[P, Generator[None, None, T]]) -> Callable[P, T]:
    """The same function without pauses: `at_once(page_steps)` returns the page."""

    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_through(steps(*args, **kwargs))

    return whole
