"""Clients that answer from memory and record what they are asked."""

from collections.abc import Sequence

from agent.profile.recognise import oid_parts
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout
from rackflow.register_tables import RegisterTable


class MemorySnmp:
    """A device in memory that notes what it is asked."""

    def __init__(self, values: dict[str, SnmpValue]) -> None:
        self.values = values
        self.asked: list[list[str]] = []
        self.walks = 0
        self.failure: DeviceError | None = None

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        self.asked.append(list(oids))
        if self.failure is not None:
            raise self.failure
        return {oid: self.values[oid] for oid in oids if oid in self.values}

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        self.walks += 1
        below = [(name, value) for name, value in self.values.items() if name.startswith(f"{oid}.")]
        return dict(below[:limit])

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        self.asked.append([oid])
        behind = [(name, value) for name, value in self.values.items() if oid_parts(name) > oid_parts(oid)]
        return min(behind, key=lambda each: oid_parts(each[0]), default=None)

    def set_max_varbinds(self, objects: int) -> None:
        """Memory has no limit."""

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """Memory denies nothing."""

    async def close(self) -> None:
        self.values = {}


class MemoryModbus:
    """Registers in memory; an address outside them is refused, as devices do."""

    def __init__(self, registers: dict[int, int]) -> None:
        self.registers = registers
        self.requests: list[tuple[int, int]] = []
        self.silent = False

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        self.requests.append((address, count))
        if self.silent:
            raise DeviceTimeout("no answer", device="d", operation="read")
        wanted = range(address, address + count)
        if table != "holding" or unit != 12 or not all(at in self.registers for at in wanted):
            absent = DeviceProtocolError("exception 2, illegal data address", device="d", operation="read")
            absent.code = 2
            raise absent
        return [self.registers[at] for at in wanted]

    async def close(self) -> None:
        self.registers = {}
