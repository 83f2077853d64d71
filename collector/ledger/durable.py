"""Reads which messages of an epoch are durable, as ranges of numbers, for the stored reports to agents.

It reads the ledger's file, never the ledger in memory: an agent deletes what is reported, and memory may be ahead of the disk.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from collector.ledger.account import Range, join, known_runs
from collector.ledger.epochs import CHUNK, Chunk, EpochKey
from collector.ledger.tables import MALFORMED, begin_read, load_durable
from rackflow import RackflowError
from rackflow.process.sqlite import connect_to_read, fault_and_remedy

# Chunks read of one epoch at a time, from either end. With one collector there are a handful. Behind a shared subscription each has
# every second number and no chunk is ever full: 2,000 are a million messages, and take some 10 ms.
MOST_CHUNKS = 2_000


def read_durable(
    path: Path, wanted: Mapping[EpochKey, int], most_chunks: int = MOST_CHUNKS
) -> tuple[str, dict[EpochKey, list[Range]]]:
    """The ledger's own name, and the ranges of durable numbers of each epoch in `wanted`. Raises RackflowError if it cannot be read.

    Ranges that end below the number given for their epoch are left out. Of an epoch with more than `2 * most_chunks` chunks, those in the
    middle are left out.
    """
    try:
        with closing(connect_to_read(path, 1.0)) as db:
            name, _ = begin_read(db)
            found = {key: load_durable(db, key, (first - 1) // CHUNK, most_chunks) for key, first in wanted.items()}
    except (sqlite3.Error, *MALFORMED) as error:
        raise RackflowError(f"{path}: the ledger {fault_and_remedy(error, 'is damaged')}") from error
    return name, {
        key: [each for each in durable_ranges(chunks) if each[1] >= wanted[key]] for key, chunks in found.items()
    }


def durable_ranges(chunks: Sequence[Chunk]) -> list[Range]:
    """Numbers that are stored, on the collector's own disk, or in the dead-letter file."""
    return join(each for chunk in chunks for each in known_runs(chunk))
