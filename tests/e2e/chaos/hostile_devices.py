"""Hostile devices: SNMP agents and Modbus servers that are slow, silent, endless or absurd, each on a port of its own.

They run in a thread with an event loop of its own, so that a flood costs the agent under test and not the test.
"""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import product

from rackflow.recording import INTEGER, Record, read_snmprec
from simulator.live import RECORDINGS
from simulator.modbus import ModbusServer
from simulator.models import CDU_UNIT, cdu_registers
from simulator.models.cdu import CduModel
from simulator.snmp import SnmpDevice
from tests.agent.faulty_peers import FaultyAgent, FaultyModbus, Request, integer, tlv
from tests.fuzz.answers import (
    INTEGERS,
    PATTERNS,
    TAGS,
    TEXTS,
    Damage,
    Refuse,
    Replace,
    Spoil,
    Words,
    flood,
    nothing,
)
from tests.fuzz.relays import tcp_relay, udp_relay

# The same garbage in each run.
SEED = 7
ROWS = 20_000
OUTLETS = "1.3.6.1.4.1.318.1.1.26.9.4.3.1.6"
"""rPDU2OutletMeteredStatusCurrent of PowerNet-MIB: a table whose rows become series."""
# Pause before each octet of an answer that drips: every octet comes within a timeout, the whole answer never does.
DRIP_S = 1.0
Entry = Mapping[str, object]
Serving = AbstractAsyncContextManager[tuple[int, Entry]]
SNMP: Entry = {"credential": "lab", "profile": "auto", "outlets": True}
CDU: Entry = {"protocol": "modbus", "profile": "aalc-rpu", "unit": CDU_UNIT}


def _odd_values() -> list[Spoil]:
    """Every type with every extreme content, in the first bindings of an answer; right answers between them let a poll go on."""
    contents = [tlv(tag, text) for tag, text in product(TAGS, TEXTS)] + [integer(each) for each in INTEGERS]
    spoils: list[Spoil] = [Replace(at % 5, "value", content) for at, content in enumerate(contents)]
    random.Random(SEED).shuffle(spoils)  # noqa: S311 - repeatable, not secret
    return spoils


def _damaged() -> list[Spoil]:
    return [Damage(seed, seed % 5, seed % 3 == 0, b"\xff" * (seed % 2)) for seed in range(200)]


def _other_id(request: Request) -> list[bytes]:
    return [request.answer(request_id=b"\x01")] * 20


@asynccontextmanager
async def _recorded(name: str, spoils: list[Spoil], *, circular: bool = False) -> AsyncIterator[tuple[int, Entry]]:
    device = SnmpDevice(read_snmprec(RECORDINGS / f"{name}.snmprec"))
    device.objects.circular = circular
    port = await device.start()
    try:
        async with udp_relay(port, spoils) as relay:
            yield relay.port, SNMP
    finally:
        await device.stop()


@asynccontextmanager
async def _huge_table() -> AsyncIterator[tuple[int, Entry]]:
    records = list(read_snmprec(RECORDINGS / "apc-rpdu2.snmprec"))
    known = {record.oid for record in records}
    rows = (Record(f"{OUTLETS}.{row}", INTEGER, row % 100) for row in range(1, ROWS + 1))
    device = SnmpDevice([*records, *(row for row in rows if row.oid not in known)])
    port = await device.start()
    try:
        yield port, SNMP
    finally:
        await device.stop()


@asynccontextmanager
async def _faulty_agent(behaviour: Callable[[Request], list[bytes]]) -> AsyncIterator[tuple[int, Entry]]:
    async with FaultyAgent({}, behaviour).serving() as agent:
        yield agent.port, SNMP


@asynccontextmanager
async def _cdu(spoils: list[Spoil]) -> AsyncIterator[tuple[int, Entry]]:
    server = ModbusServer({CDU_UNIT: cdu_registers(CduModel())})
    port = await server.start()
    try:
        async with tcp_relay(port, spoils) as relay:
            yield relay.port, CDU
    finally:
        await server.stop()


@asynccontextmanager
async def _faulty_modbus(reply: Callable[[bytes], list[bytes | float | None]]) -> AsyncIterator[tuple[int, Entry]]:
    async with FaultyModbus(reply).serving() as server:
        yield server.port, CDU


def _drips(frame: bytes) -> list[bytes | float | None]:
    return [step for octet in frame[:2] + b"\x00\x05" for step in (bytes((octet,)), DRIP_S)]


KINDS: dict[str, Callable[[], Serving]] = {
    "silent": lambda: _recorded("apc-ups", [nothing]),
    "odd values": lambda: _recorded("apc-rpdu2", _odd_values()),
    "damaged datagrams": lambda: _recorded("rfc1628-ups", _damaged()),
    "a flood of answers": lambda: _recorded("apc-ups", [flood]),
    "wrong request ids": lambda: _faulty_agent(_other_id),
    "garbage": lambda: _faulty_agent(lambda _: [b"\x30\x84\xff\xff\xff\xff" + b"A" * 60_000]),
    "endless walk": lambda: _recorded("apc-rpdu2", [lambda answer: [answer]], circular=True),
    "a table of 20,000 rows": _huge_table,
    "odd registers": lambda: _cdu([Words(pattern) for pattern in PATTERNS]),
    "every exception": lambda: _cdu([Refuse(code) for code in range(256)]),
    "damaged frames": lambda: _cdu(_damaged()),
    "hangs up": lambda: _faulty_modbus(lambda _: [None]),
    "a byte a second": lambda: _faulty_modbus(_drips),
    "a flood of bytes": lambda: _faulty_modbus(lambda _: [b"\x00" * 60_000] * 50),
}
"""By name: a server and the rest of the device's entry in the agent's configuration."""


@dataclass(frozen=True, slots=True)
class HostileDevice:
    """One that is being served. `entry` is its part of the agent's configuration."""

    kind: str
    entry: dict[str, object]


@contextmanager
def hostile_devices(*kinds: str) -> Iterator[list[HostileDevice]]:
    """Serve these kinds, all at the same time, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="hostile-devices", daemon=True)
    thread.start()
    stack = AsyncExitStack()

    async def serve() -> list[HostileDevice]:
        found = []
        for at, kind in enumerate(kinds):
            port, entry = await stack.enter_async_context(KINDS[kind]())
            found.append(HostileDevice(kind, {"id": f"hostile-{at}", "host": "127.0.0.1", "port": port, **entry}))
        return found

    try:
        yield asyncio.run_coroutine_threadsafe(serve(), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
