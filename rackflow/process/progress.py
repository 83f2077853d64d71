"""Progress of commands that take more than two seconds: a bar on stderr with counts and the time left.

Nothing is shown where stderr is no terminal: cron mails and log files stay as they are.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

Done = Callable[[float], None]
"""Called with how much has been done since the last call."""
Each = TypeVar("Each")


def each_shown(what: str, of: Collection[Each]) -> Iterator[Each]:
    """Yields each of `of`; it counts as done when the next one is asked for."""
    with progress(what, len(of)) as done:
        for each in of:
            yield each
            done()


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yields a function to call after each of `total` steps. If the total is not known (None), the steps are only counted."""
    with _bar(what, total, "steps") as done:
        yield lambda: done(1)


@contextmanager
def progress_of_bytes(what: str, total: int) -> Iterator[Done]:
    """Yields a function to call with the number of bytes that were done, of `total`; part of a byte counts."""
    with _bar(what, total, "bytes") as done:
        yield done


@contextmanager
def _bar(what: str, total: int | None, unit: Literal["steps", "bytes"]) -> Iterator[Done]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        # Imported here: it takes 50 ms, and only terminals need it.
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        # A collector with only its own libraries. A backup must not fail for want of a bar.
        yield lambda _: None
        return

    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    # stdout may be a file or a pipe: then it is not touched. On a terminal its lines are printed above the bar.
    both = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=both) as bar:
        task = bar.add_task(what, total=total)
        yield lambda amount: bar.advance(task, amount)
