"""Reads one point back from an engine, for `doctor`: a write that was confirmed may have gone to another engine, or to none behind a proxy.

Engines have no common way to read. InfluxDB 1, 2 and 3 answer `/query`, VictoriaMetrics its export. An account that may only write,
or the half of a cluster that only takes writes, answers neither: then nothing is known.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, Literal

import aiohttp
import msgspec

from collector.http import connector, read_bounded

Found = Literal["found", "missing", "unknown"]
# A new series of VictoriaMetrics is visible after about a second, one of InfluxDB at once. Chosen.
WITHIN_S: Final = 5.0
STEP_S: Final = 0.2
MAX_BYTES: Final = 100_000


class _Series(msgspec.Struct):
    values: list[list[Any]] = []


class _Result(msgspec.Struct):
    series: list[_Series] = []


class _Line(msgspec.Struct):
    timestamps: list[int] = []
    results: list[_Result] = []


async def read_back(url: str, bucket: str, token: str, measurement: str, time_ms: int) -> tuple[Found, str]:
    """Look for the point of this measurement with the field `value` at this time.

    Returns `missing` if an engine answered and does not have it after WITHIN_S, and `unknown` with the last answer if none did.
    """
    headers = {"Authorization": f"Token {token}"} if token else {}
    # Both parts are ours: a constant and a number.
    query = f'SELECT "value" FROM "{measurement}" WHERE time = {time_ms}ms'  # noqa: S608 - as above
    seconds = f"{time_ms / 1000:.3f}"
    answered, why, attempt = False, "", 0
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector(1)) as session:
        until = asyncio.get_running_loop().time() + WITHIN_S
        while asyncio.get_running_loop().time() < until:
            attempt += 1
            # VictoriaMetrics remembers for seconds which series a selector has, also that there is none: each is asked once.
            selector = f'{measurement}_value{{attempt!="{attempt}"}}'
            for path, parameters in (
                ("/query", {"db": bucket, "epoch": "ms", "q": query}),
                ("/api/v1/export", {"match[]": selector, "start": seconds, "end": seconds}),
            ):
                try:
                    async with session.get(url.rstrip("/") + path, params=parameters) as answer:
                        body = await read_bounded(answer, MAX_BYTES)
                except (aiohttp.ClientError, OSError, ValueError) as error:
                    why = type(error).__name__
                    continue
                times = _times(body) if answer.status == HTTPStatus.OK else None
                if times is None:
                    why = f"HTTP {answer.status} {answer.reason}"
                    continue
                if time_ms in times:
                    return "found", ""
                answered = True
            if not answered:
                break
            await asyncio.sleep(STEP_S)
    return ("missing", "") if answered else ("unknown", why)


def _times(body: bytes) -> set[object] | None:
    """Times in ms of the points in an answer; None if it is not that of an engine."""
    times: set[object] = set()
    try:
        # VictoriaMetrics sends a document for each series, or nothing; InfluxDB one whose rows begin with their time.
        for line in msgspec.json.Decoder(_Line).decode_lines(body):
            times.update(line.timestamps)
            times.update(row[0] for result in line.results for series in result.series for row in series.values if row)
    except msgspec.MsgspecError:
        return None
    return times
