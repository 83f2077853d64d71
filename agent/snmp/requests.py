"""Asks for any number of objects in portions that the device takes; shared by the engines."""

import asyncio
import logging
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from agent.snmp.seam import SnmpTarget, SnmpValue

log = logging.getLogger(__name__)

OPAQUE_FLOAT: Final = b"\x9fx\x04"


class PortionedClient(ABC):
    """An `SnmpClient` but for what one request is. What a device takes at a time is found out once and remembered."""

    def __init__(self, target: SnmpTarget) -> None:
        self._target = target
        self._lock = asyncio.Lock()
        self._varbinds = target.max_varbinds
        self._repetitions = target.max_repetitions

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`. Over gufo_snmp, v1 cannot tell NULL from absent, and leaves both out."""
        async with self._lock:
            if 0 < len(oids) <= self._varbinds:
                return await self._get_chunk(oids)
            found: dict[str, SnmpValue] = {}
            done = 0
            while done < len(oids):
                chunk = oids[done : done + self._varbinds]
                found.update(await self._get_chunk(chunk))
                done += len(chunk)
            return found

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`. Over gufo_snmp, rows whose value is NULL are left out."""
        async with self._lock:
            while True:
                found, too_many = await self._walk_rows(oid, limit)
                if not too_many:
                    return found
                self._repetitions = max(1, self._repetitions // 2)
                log.info("device=%s takes fewer rows at a time: %d", self._target.device, self._repetitions)

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """See `SnmpClient.get_next`. Over gufo_snmp, v1 says nothing behind an instance that is NULL."""
        async with self._lock:
            return await self._next_instance(oid)

    def set_max_varbinds(self, objects: int) -> None:
        """See `SnmpClient.set_max_varbinds`."""
        self._varbinds = objects

    @abstractmethod
    async def _next_instance(self, oid: str) -> tuple[str, SnmpValue] | None:
        """One GETNEXT."""

    @abstractmethod
    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """One portion, split further where the device answers less than was asked. May lower `_varbinds`."""

    @abstractmethod
    async def _walk_rows(self, oid: str, limit: int) -> tuple[dict[str, SnmpValue], bool]:
        """Rows, and whether the device could not answer for `_repetitions` at once; then they are not all."""


def octets_or_float(octets: bytes) -> bytes | float:
    """net-snmp's Opaque float (0x9f78 inside Opaque) as a float, anything else as it is."""
    if len(octets) == len(OPAQUE_FLOAT) + 4 and octets.startswith(OPAQUE_FLOAT):
        return float(struct.unpack(">f", octets[3:])[0])
    return octets
