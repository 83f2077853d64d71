"""Has the processes of a run share the work of rewriting assertions.

pytest rewrites the assertions of a module when it is imported first, and keeps the result beside it. For all tests that takes twice as
long as everything else before the first of them runs. Processes that begin together, with the same file, would each do all of it; here
each begins with another file, and finds done by the others what comes later.
"""

import contextlib
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


class SharedRewriting:
    """The plugin."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Import the files of all tests, from this process's own first one on; not where files or folders are named, which are few."""
        worker, count = os.environ.get("PYTEST_XDIST_WORKER"), os.environ.get("PYTEST_XDIST_WORKER_COUNT")
        if worker is None or count is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
            return
        root = session.config.rootpath
        files = sorted(file for path in session.config.args for file in Path(root, path).rglob("test_*.py"))
        for file in share_first(files, int(worker.removeprefix("gw")), int(count)):
            # Whatever is wrong with it, pytest tells when it comes to the file.
            with contextlib.suppress(Exception):
                importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))


def share_first(items: Sequence[T], index: int, count: int) -> list[T]:
    """All items, beginning with the share of the process `index` of `count`."""
    start = len(items) * index // count
    return [*items[start:], *items[:start]]
