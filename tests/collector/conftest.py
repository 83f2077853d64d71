"""Fixtures of the collector's tests."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from collector.records.file import RecordsFile


class OpenRecords(Protocol):
    """Opens a records file, with a clock of its own if need be."""

    def __call__(self, path: Path, wall_s: Callable[[], float] = time.time) -> RecordsFile:
        """The file, opened."""


@pytest.fixture
def open_records() -> Iterator[OpenRecords]:
    """Opens records files. A file that a test does not close is left in the state in which a killed collector leaves it.

    Their connections are closed at the end of the test: Python 3.13 warns of each that is not.
    """
    with ExitStack() as left:

        def opened(path: Path, wall_s: Callable[[], float] = time.time) -> RecordsFile:
            file = RecordsFile(path, wall_s)
            # Not `RecordsFile.close`, which writes into the file that this life ended.
            left.callback(lambda: file._db.close())  # noqa: SLF001, PLW0108 - a damaged file gets another one
            return file

        yield opened
