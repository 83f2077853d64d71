"""Whether the collector of a configuration runs on this host and is connected, for commands that would use its account beside it.

A broker that gives each account one client, as deploy/mosquitto does, ends the collector's connection when another client logs in with its
account, and the collector observes nothing until it is back. No broker says beforehand that it would do so.
"""

import asyncio
import fcntl
from typing import Final

import aiohttp

from collector.config import CollectorConfig
from collector.http import connector, read_bounded
from rackflow.process.files import lock_path

# The page is made in milliseconds; a collector that does not answer in this time is not one to rely on.
_TIMEOUT_S: Final = 3.0
_MAX_BYTES: Final = 65_536
# Addresses to listen on that stand for all of a host, and where such a collector is asked.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - it is not listened on


async def where_connected(config: CollectorConfig) -> str:
    """The address at which the running collector says that it is connected with the account of this configuration.

    Empty if the account has no name, if no collector holds the ledger of this configuration, or if it is not connected or does not tell
    it to everybody on this host (certificates, passwords): then nobody knows.
    """
    if not (config.broker.username or config.broker.cert_file) or not await asyncio.to_thread(_is_ledger_held, config):
        return ""
    host, port = config.address
    host = _EVERYWHERE.get(host, host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector(), timeout=aiohttp.ClientTimeout(_TIMEOUT_S), raise_for_status=False
            ) as session,
            session.get(f"{url}/readyz") as answer,
        ):
            text = (await read_bounded(answer, _MAX_BYTES)).decode("utf-8", "replace")
    except (aiohttp.ClientError, OSError, ValueError):  # OSError: TimeoutError, too
        return ""
    # A collector whose store fails is not ready either, and connected all the same.
    is_told = answer.status in {200, 503} and not any(line.startswith("broker:") for line in text.splitlines())
    return url if is_told else ""


def _is_ledger_held(config: CollectorConfig) -> bool:
    try:
        with lock_path(config.ledger_path).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no collector has run here, or this account may not see it
        return False
    return False
