"""Keeps other processes away from the files of what a collector derives and finds. Ledger, outbox and store have locks of their own.

Two collectors of one host with different ledgers, whose configuration was copied, would else write the same file: each start would take
over the other one's problems, and energy would be counted twice.
"""

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from collector.config import CollectorConfig
from rackflow.process.bulkhead import in_own_thread
from rackflow.process.files import check_regular, claim, lock_path, make_folder

log = logging.getLogger(__name__)
# A disk that hangs must not keep the collector from starting: without these files it still stores.
CLAIM_S = 5.0


async def claim_files(config: CollectorConfig) -> ExitStack:
    """Claim the files until the returned stack is closed. Raises ConfigError, with the key, if another process has one of them.

    A file whose disk refuses a lock is used without one: what is optional must not keep telemetry from being stored.
    """
    claimed = ExitStack()
    for key, path in (("derive.state", config.records_path), ("problems.state", config.problems_path)):
        try:
            async with asyncio.timeout(CLAIM_S):
                claimed.enter_context(await in_own_thread(partial(_claim, path, key), "claim-file"))
        except (OSError, TimeoutError) as error:
            why = str(error) or f"no answer within {CLAIM_S:g} s"
            log.warning("%s: %s has no lock, another process could write it unnoticed: error=%s", key, path, why)
        except BaseException:
            claimed.close()
            raise
    return claimed


def _claim(path: Path, key: str) -> IO[bytes]:
    """Claim the file beside it: that of the problems is replaced at each save, and SQLite's locks are for one transaction each."""
    lock = lock_path(path)
    check_regular(lock, key)
    make_folder(path.parent)
    file = lock.open("ab")
    try:
        claim(file, f"{key}: {path}")
    except BaseException:
        file.close()
        raise
    return file
