"""Reads hourly carbon factors from a file, or fetches them over HTTP.

A failing source must not make figures unknown: factors known so far stay, and yearly averages, marked as estimates, replace missing ones.
Only the first failure is logged, since the source is tried again every quarter of an hour.
"""

import logging
from pathlib import Path

import aiohttp

from collector.derive.config import CarbonConfig
from collector.derive.energy import Factor, read_answer, read_csv
from collector.http import connector
from rackflow import ConfigError
from rackflow.escape import redact_urls
from rackflow.process.yaml import read_text_file

log = logging.getLogger(__name__)
# An answer is one small JSON object. The bound keeps a wrong URL, such as that of a download, from filling memory.
_LARGEST_ANSWER_BYTES = 1_000_000


class CarbonSource:
    """One source, a file or a URL. `fault` is the reason of the last failure, None while it works."""

    def __init__(self, config: CarbonConfig) -> None:
        self._config = config
        self._read_at = 0.0
        self.fault: str | None = None

    async def latest(self) -> dict[int, Factor]:
        """New factors by hour since 1970; empty if there are none or the source fails."""
        config = self._config
        try:
            found = self._read(config.path) if config.path is not None else await self._fetch(str(config.url))
        except (OSError, TimeoutError, aiohttp.ClientError, ValueError, TypeError, KeyError, ConfigError) as error:
            # The library's errors name the URL, which may carry a key.
            fault = redact_urls(f"{type(error).__name__}: {error}")
            if self.fault is None:
                log.warning(
                    "carbon factors cannot be read, yearly averages are used where none are known error=%s", fault
                )
            self.fault = fault
            return {}
        if self.fault is not None:
            log.warning("carbon factors are read again")
        self.fault = None
        return found

    def _read(self, path: Path) -> dict[int, Factor]:
        # In the loop's own thread: a year of hours is 8,760 rows, read only after the file has changed.
        changed_at = path.stat().st_mtime
        if changed_at == self._read_at:
            return {}
        found = read_csv(read_text_file(path), str(path), self._config.basis)
        self._read_at = changed_at
        return found

    async def _fetch(self, url: str) -> dict[int, Factor]:
        config = self._config
        headers = {config.token_header: config.token.get_secret_value()} if config.token else {}
        timeout = aiohttp.ClientTimeout(total=config.timeout_s)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector()) as session,
            session.get(url, headers=headers) as answer,
        ):
            answer.raise_for_status()
            return read_answer(await answer.content.read(_LARGEST_ANSWER_BYTES), config.basis)
