"""Shared by the tests of the SNMP engines: targets, tables, and errors that must come in time."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import pytest

from agent.snmp.seam import SnmpClient, SnmpCommunity, SnmpTarget, SnmpUser
from rackflow.errors import DeviceError
from tests.agent.faulty_peers import integer

MakeClient: TypeAlias = Callable[[SnmpTarget], SnmpClient]
TIMEOUT_S = 1.0
SLACK_S = 20.0
"""Seconds that a loaded machine may add to a deadline, which then ends all the same: that is what the bound is for."""
SYS_NAME = "1.3.6.1.2.1.1.5.0"
TREE = "1.3.6.1.4.1.99999"


def target_of(
    port: int,
    credential: SnmpCommunity | SnmpUser | None = None,
    version: Literal["1", "2c"] = "2c",
    **changes: Any,  # noqa: ANN401 - any field of the target
) -> SnmpTarget:
    target = SnmpTarget(
        "ups-1", "127.0.0.1", port, credential or SnmpCommunity(version, "public"), TIMEOUT_S, retries=0
    )
    return replace(target, **changes)


def table(rows: int) -> dict[str, bytes]:
    """Rows 1 to `rows` of a column, and one object behind it."""
    return {f"{TREE}.1.{row}": integer(row) for row in range(1, rows + 1)} | {f"{TREE}.2.1": integer(-1)}


@asynccontextmanager
async def in_time(
    kind: type[DeviceError] | tuple[type[DeviceError], ...], allowed_s: float, words: str | None = None
) -> AsyncIterator[None]:
    """The block raises this error, about this device, within this time."""
    started = time.monotonic()
    with pytest.raises(kind, match=words) as caught:
        yield
    assert caught.value.device == "ups-1"
    assert time.monotonic() - started < allowed_s + SLACK_S
