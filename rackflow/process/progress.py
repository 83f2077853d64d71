"""Progress of commands that take more than two seconds: a bar on stderr with counts and the time left.

Nothing is shown where stderr is no terminal: cron mails and log files stay as they are.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yields a function to call once for each of `total` steps that is done; without a total, which nobody knows, they are only counted."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    # Imported here: it takes 50 ms, and only terminals need it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # stdout may be a file or a pipe: then it is not touched. On a terminal its lines are printed above the bar.
    both = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=both) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
