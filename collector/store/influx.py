"""Stores points through InfluxDB's v2 write API, which VictoriaMetrics offers as well.

The client's own batching and retrying are not used: retries decide which messages are acknowledged, and that is the job of
`Persistence` and the writer.
"""

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from collector.http import connector as our_connector
from rackflow import StoreError
from rackflow.escape import redact_urls
from rackflow.process.threads import in_thread

# Either the engine refuses the points (line protocol, a field's type, outside the retention, too large), or the server is not an engine;
# `Persistence` finds out which. Any other error may pass by itself or be repaired, so the write is tried again.
REFUSED = frozenset({400, 413, 422})
# A wrong token, organisation, bucket or address. A person has to correct it, so the write is tried again at a slow pace.
MISCONFIGURED = frozenset({401, 403, 404, 405})
# Chosen: soon after a person has corrected the configuration, and seldom enough not to fill the log.
SLOW_RETRY_S = 30.0
# A server may ask for an hour by mistake; a write is tried again after this time at the latest.
LONGEST_RETRY_AFTER_S = 300.0
PRECISION = "ms"
# No Content is the answer of engines; 201 that of InfluxDB 3.
STORED = frozenset({201, 204})
# Measured on lines of outlets: level 1 takes 2.4 ms a MB, the client's 9 takes five times as much for a fifth fewer bytes.
GZIP_LEVEL = 1


class InfluxStore:
    """One engine, one bucket. `timeout_s` bounds each write."""

    def __init__(self, url: str, org: str, bucket: str, token: str, timeout_s: float) -> None:
        self._bucket = bucket
        self._org = org
        self._token = token
        self._timeout_s = timeout_s
        self._client = InfluxDBClientAsync(
            url=url,
            token=token,
            org=org,
            timeout=int(timeout_s * 1000),
            client_session_type=_session,
        )
        # Not the client's write API: it compresses at level 9 on the event loop, which took a third of the collector's CPU.
        self._writes: Any = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]  # untyped in the library
        self._is_near = is_loopback(url)

    async def write(self, lines: Sequence[str]) -> None:
        """See `Store.write`."""
        try:
            # A bound of our own, whatever the client's timeout covers: a write that never ends would stop all acknowledgements.
            # A write that is cut off may be stored all the same; writing again is idempotent.
            async with asyncio.timeout(self._timeout_s):
                status = await self._post("\n".join(lines).encode())
        except ApiException as error:
            raise _translated(error, self._token) from error
        except TimeoutError as error:
            raise StoreError(f"no answer within {self._timeout_s} s", retryable=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise StoreError(redact_urls(f"{type(error).__name__}: {error}"), retryable=True) from error
        if status not in STORED:
            # A proxy in between may answer 200 with a page of its own.
            raise StoreError("an answer other than 204 No Content; check that url is the engine's", retryable=True)

    async def _post(self, body: bytes) -> int:
        """Send one write; returns the status code of an answer that is no error."""
        encoding = {}
        if not self._is_near:
            body = await in_thread(partial(gzip.compress, body, GZIP_LEVEL, mtime=0), "store-compress")
            encoding["content_encoding"] = "gzip"
        _, status, _ = await self._writes.post_write_async(
            org=self._org,
            bucket=self._bucket,
            body=body,
            precision=PRECISION,
            async_req=False,
            _return_http_data_only=False,
            content_type="text/plain; charset=utf-8",
            **encoding,
        )
        return int(status)

    async def close(self) -> None:
        """See `Store.close`."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def is_loopback(url: str) -> bool:
    """Whether the engine is on this host, as far as its address tells: then bytes cost less than compressing them."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _session(connector: aiohttp.TCPConnector, **settings: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - the library's own
    """A session whose names are looked up by our resolver; influxdb-client makes its connector without one."""
    return aiohttp.ClientSession(connector=our_connector(connector.limit), **settings)


def _translated(error: ApiException, token: str) -> StoreError:
    status = int(error.status or 0)
    text = f"HTTP {status} {_text(error.reason, token)}: {_text(error.body, token)}"
    if status in REFUSED:
        return StoreError(text, retryable=False)
    if status in MISCONFIGURED:
        return StoreError(f"{text}; check url, org, bucket and token", retryable=True, retry_after_s=SLOW_RETRY_S)
    return StoreError(text, retryable=True, retry_after_s=_retry_after_s(error))


def _text(body: object, token: str) -> str:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    # A proxy repeats the token that it refuses (vmauth: `cannot find the provided auth token`), and this text is logged, and shown on
    # /readyz. Before the cut, which could leave a part of it.
    text = text.replace(token, "***") if token else text
    return " ".join(text.split())[:300]


def _retry_after_s(error: ApiException) -> float | None:
    """The header Retry-After in seconds (RFC 9110, 10.2.3); None for 0. A date becomes the slow pace, because clocks differ."""
    headers: Mapping[str, str] | None = error.headers
    value = headers.get("Retry-After") if headers else None
    if not value:
        return None
    # A proxy that answers 0 while its engine is away would be asked hundreds of times a second: the growing pauses are for that, too.
    return (min(float(value), LONGEST_RETRY_AFTER_S) or None) if value.isdecimal() else SLOW_RETRY_S
