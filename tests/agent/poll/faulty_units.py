"""A Modbus unit on loopback with registers, some of which it refuses, and a poller that asks it over the wire."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

from pymodbus.framer import FramerRTU

from agent.config import Device
from agent.modbus import ModbusLinks
from agent.poll import ModbusPoller
from agent.poll.factory import modbus_target
from agent.profile import Profile
from agent.readings import Readings
from rackflow.catalogue import PollClass
from tests.agent.faulty_peers import FaultyModbus
from tests.jumping import turning

ADDRESS, FAILURE, BUSY, ACKNOWLEDGE, NO_PATH, NO_TARGET = 2, 4, 6, 5, 10, 11


@dataclass
class Unit:
    """What one unit answers. `refused` has the exception by address, `next_codes` has those of the next requests."""

    registers: dict[int, int]
    refused: dict[int, int] = field(default_factory=dict)
    next_codes: deque[int] = field(default_factory=deque)
    silent: bool = False
    silent_requests: int = 0
    silent_at: set[int] = field(default_factory=set)
    """Addresses for which it gives no answer at all."""
    dies_after: int | None = None
    """How many further requests it answers before it falls silent; None if it does not."""
    hangs_up: bool = False
    most: int = 125
    """Registers that it gives at once, however many it is asked for."""
    asked: list[tuple[int, int]] = field(default_factory=list)

    def reply(self, frame: bytes) -> list[bytes | float | None]:
        """To a request over Modbus TCP, or over RTU framing if the frame has no length field that fits."""
        tcp = frame[2:4] == b"\0\0" and int.from_bytes(frame[4:6]) == len(frame) - 6
        head, pdu = (frame[:4], frame[7:]) if tcp else (b"", frame[1:-2])
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        self.asked.append((address, count))
        if self.dies_after is not None:
            self.silent, self.dies_after = self.dies_after == 0, max(0, self.dies_after - 1)
        if self.silent or self.silent_requests or self.silent_at.intersection(range(address, address + count)):
            self.silent_requests = max(0, self.silent_requests - 1)
            return []
        said = self._said(pdu[0], address, count)
        unit = frame[6:7] if tcp else frame[:1]
        body = unit + said
        whole = (
            head + len(body).to_bytes(2, "big") + body if tcp else body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
        )
        return [whole, None] if self.hangs_up else [whole]

    def _said(self, function: int, address: int, count: int) -> bytes:
        if function > 4:
            return bytes([function | 0x80, 1])
        wanted = range(address, address + count)
        code = self.next_codes.popleft() if self.next_codes else 0
        code = code or next((self.refused[at] for at in wanted if at in self.refused), 0)
        code = code or (0 if all(at in self.registers for at in wanted) else ADDRESS)
        if code:
            return bytes([function | 0x80, code])
        given = wanted[: self.most]
        return bytes([function, 2 * len(given)]) + b"".join(self.registers[at].to_bytes(2, "big") for at in given)


@dataclass
class UnitBench:
    """A unit, its server, its poller, and a clock that is turned by hand."""

    unit: Unit
    server: FaultyModbus
    clock_s: float = 1000.0

    def __post_init__(self) -> None:
        self.poller: ModbusPoller

    async def polled(self, poll_class: PollClass = "fast", after_s: float = 0.0) -> Readings:
        self.clock_s += after_s
        self.unit.asked.clear()
        return await self.poller.poll(poll_class, 0.0)


@asynccontextmanager
async def unit_bench(
    profile: Profile, unit: Unit, transport: Literal["tcp", "rtu-over-tcp"] = "tcp", **changes: object
) -> AsyncIterator[UnitBench]:
    """A poller of this unit, not yet opened. An answer may take long on a busy machine.

    Who wants silence gives a shorter `timeout_s`; then the clock goes on with the turns of the loop, in which the unit answers.
    """
    timeout_s = float(str(changes.get("timeout_s", 0.0)))
    async with (
        turning(timeout_s / 10) if timeout_s else nullcontext(),
        FaultyModbus(unit.reply).serving() as server,
    ):
        device = Device.model_validate(
            {"id": "d", "host": "127.0.0.1", "port": server.port, "protocol": "modbus", "profile": profile.profile}
            | {"transport": transport, "timeout_s": 5.0, **changes}
        )
        bench = UnitBench(unit, server)
        link = ModbusLinks().acquire(modbus_target(device, {profile.profile: profile}))
        bench.poller = ModbusPoller(device, profile, link, lambda: bench.clock_s, connections=link.connections)
        try:
            yield bench
        finally:
            await bench.poller.close()
