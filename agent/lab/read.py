"""Reads one live device once and measures how long each request takes.

The times show whether a device can keep up with its poll intervals, before it is added to a site.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.config import AgentConfig, Device
from agent.lab.contained import contained
from agent.lab.replay import read_all
from agent.modbus import ModbusClient
from agent.poll import PollerFactory
from agent.readings import Identified, Readings
from agent.snmp import SnmpClient, SnmpValue
from rackflow.plural import count_of
from rackflow.process.progress import progress
from rackflow.recording import RegisterTable


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what was asked for and how long the answer took, splitting and retries included."""

    what: str
    seconds: float


class TimedSnmp:
    """An `SnmpClient` that measures the client behind it, and passes on each request that has ended."""

    def __init__(self, client: SnmpClient, note: Callable[[Request], None]) -> None:
        self._client = client
        self._note = note

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`."""
        started = time.perf_counter()
        try:
            return await self._client.get(oids)
        finally:
            self._note(Request(f"get {count_of(len(oids), 'object')}", time.perf_counter() - started))

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`."""
        started = time.perf_counter()
        try:
            return await self._client.walk(oid, limit)
        finally:
            self._note(Request(f"walk {oid}", time.perf_counter() - started))

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """See `SnmpClient.get_next`."""
        started = time.perf_counter()
        try:
            return await self._client.get_next(oid)
        finally:
            self._note(Request(f"next after {oid}", time.perf_counter() - started))

    def set_max_varbinds(self, objects: int) -> None:
        """See `SnmpClient.set_max_varbinds`."""
        self._client.set_max_varbinds(objects)

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """See `SnmpClient.ask_all_again`."""
        self._client.ask_all_again(of_another=of_another)

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        await self._client.close()


class TimedModbus:
    """A `ModbusClient` that measures the client behind it, and passes on each request that has ended."""

    def __init__(self, client: ModbusClient, note: Callable[[Request], None]) -> None:
        self._client = client
        self._note = note

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        started = time.perf_counter()
        try:
            return await self._client.read(unit, table, address, count)
        finally:
            self._note(Request(f"read unit {unit} {table} {address}+{count}", time.perf_counter() - started))

    async def close(self) -> None:
        """See `ModbusClient.close`."""
        await self._client.close()


async def read_device(
    factory: PollerFactory, config: AgentConfig, device: Device, now: float
) -> tuple[Identified, Readings, list[Request]]:
    """Identity, readings of every poll class, and the requests made. Raises DeviceError."""
    requests: list[Request] = []

    def note(request: Request) -> None:
        requests.append(request)
        done()

    poller = factory(
        config,
        device,
        wrap_snmp=lambda client: TimedSnmp(client, note),
        wrap_modbus=lambda client: TimedModbus(client, note),
    )
    # How many requests there are follows from what the device answers, so there is no total.
    with contained(device.id, "read"), progress("requests", None) as done:
        try:
            identified, readings = await read_all(poller, now)
        finally:
            await poller.close()
    return identified, readings, requests
