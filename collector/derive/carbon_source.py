"""Reads hourly carbon factors from a file, or fetches them over HTTP.

A failing source must not make figures unknown: factors known so far stay, and yearly averages, marked as estimates, replace missing ones.
Only the first failure is logged, since the source is tried again every quarter of an hour.
"""

import asyncio
import csv
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp

from collector.derive.config import CarbonConfig
from collector.derive.energy import Factor, read_answer, read_csv
from collector.http import connector, read_bounded
from rackflow import ConfigError
from rackflow.escape import redact_urls
from rackflow.process.bulkhead import Failures, in_own_thread

log = logging.getLogger(__name__)
# An answer is one small JSON object. The bound keeps a wrong URL, such as that of a download, from filling memory.
_LARGEST_ANSWER_BYTES = 1_000_000
# Ten years of hours are 90,000 rows of some 40 bytes.
_LARGEST_FILE_BYTES = 16_000_000
PART = "carbon"
"""Name of the bulkhead of the carbon source."""
_FAULTS = (
    OSError,
    TimeoutError,
    aiohttp.ClientError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    csv.Error,
    ConfigError,
)


class CarbonSource:
    """One source, a file or a URL. `fault` is the reason of the last failure, None while it works."""

    def __init__(self, config: CarbonConfig) -> None:
        self._config = config
        self._read_at = 0.0
        self._reading = threading.Lock()
        self.fault: str | None = None

    async def watch(self, take: Callable[[Mapping[int, Factor]], None], failures: Failures) -> None:
        """Hand factors over as they come, until cancelled."""
        self._begin_round(failures)
        while True:
            take(await self.latest(failures))
            await asyncio.sleep(self._config.interval_s)

    async def latest(self, failures: Failures | None = None) -> dict[int, Factor]:
        """New factors by hour since 1970; empty if there are none or the source fails, which is counted in `failures`."""
        config = self._config
        found: dict[int, Factor] = {}
        error: Exception | None = None
        try:
            async with asyncio.timeout(config.timeout_s):
                found = await self._read(config.path) if config.path is not None else await self._fetch(str(config.url))
        except _FAULTS as raised:
            error = raised
        # A round begins with its outcome: while a source that does not answer is asked again, it goes on counting as failing.
        self._begin_round(failures)
        if error is not None:
            why = str(error) or f"no answer within {config.timeout_s:g} s"  # asyncio's TimeoutError has no words
            # The library's errors name the URL, which may carry a key.
            fault = redact_urls(f"{type(error).__name__}: {why}")
            if self.fault is None:
                log.warning(
                    "carbon factors cannot be read, yearly averages are used where none are known error=%s", fault
                )
            self.fault = fault
            if failures is not None:
                failures.count(PART, error)
            return {}
        if self.fault is not None:
            log.warning("carbon factors are read again")
        self.fault = None
        return found

    def _begin_round(self, failures: Failures | None) -> None:
        if failures is not None:
            failures.progress(PART, self._config.interval_s + 2 * self._config.timeout_s + 60)

    async def _read(self, path: Path) -> dict[int, Factor]:
        # One thread at a time: on a file system that hangs, each further one would hang as well.
        if not self._reading.acquire(blocking=False):
            raise TimeoutError("an earlier attempt to read the file has not finished; its file system may hang")

        def read() -> tuple[float, dict[int, Factor]]:
            try:
                return self._read_now(path)
            finally:
                self._reading.release()

        self._read_at, found = await in_own_thread(read, "carbon-file")
        return found

    def _read_now(self, path: Path) -> tuple[float, dict[int, Factor]]:
        # Read only after the file has changed.
        changed_at = path.stat().st_mtime
        if changed_at == self._read_at:
            return changed_at, {}
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE_BYTES + 1)
        if len(text) > _LARGEST_FILE_BYTES:
            raise ConfigError(f"{path}: is larger than {_LARGEST_FILE_BYTES:,} bytes; keep the hours that are needed")
        # Excel begins its "CSV UTF-8" with a byte order mark, which would be a part of the first column's name.
        return changed_at, read_csv(text.decode("utf-8-sig"), str(path), self._config.basis)

    async def _fetch(self, url: str) -> dict[int, Factor]:
        config = self._config
        headers = {config.token_header: config.token.get_secret_value()} if config.token else {}
        timeout = aiohttp.ClientTimeout(total=config.timeout_s)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector()) as session,
            session.get(url, headers=headers) as answer,
        ):
            answer.raise_for_status()
            body = await read_bounded(answer, _LARGEST_ANSWER_BYTES)
        return read_answer(body, config.basis)
