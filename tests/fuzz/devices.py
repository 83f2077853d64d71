"""Fuzzes devices: SNMP and Modbus answers go wrong in every way while an agent's device loops poll them.

Each example is several devices, each with a list of what happens to its answers. Nothing may leave a device's own loop, and every
message it produces must obey the contract. A fault of ours that the device's barrier caught is a finding too: the barrier logs it
with its traceback.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from agent.config import AgentConfig
from agent.context import AgentContext
from agent.loop import DeviceLoop
from agent.poll import PollerFactory
from agent.profile import load_profiles
from agent.self_metrics import Counters
from rackflow import Batch, DeviceDocument, Event, decode, encode
from rackflow.outbox import Message, OutboxSection, make_outbox
from rackflow.process.config import check_config
from rackflow.recording import read_snmprec
from simulator.live import RECORDINGS
from simulator.modbus import ModbusServer
from simulator.models import CDU_UNIT, METER_UNIT, cdu_registers, meter_registers
from simulator.models.cdu import CduModel
from simulator.models.meter import MeterModel
from simulator.snmp import SnmpDevice
from tests.fuzz.answers import Spoil
from tests.fuzz.relays import Relay, tcp_relay, udp_relay

# Long enough to open a device and poll it a few times; a device whose answers are withheld fails within its timeout of 0.05 s.
EXAMPLE_S = 0.5
TIMEOUT_S = 0.05
STEP_S = 0.02
SNMP = ("apc-rpdu2", "apc-ups", "rfc1628-ups")
EPOCH = "01JD5ZFUZZ0000000000000000"


class Findings(logging.Handler):
    """Collects tracebacks that the agent logs: faults of its own that its barriers caught."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


def poll_spoilt(protocol: str, spoils: Sequence[Sequence[Spoil]]) -> int:
    """Poll one device per list of spoils over `protocol` (snmp, pysnmp, modbus); returns how many answers they gave.

    Raises AssertionError with the traceback if anything leaves a barrier or breaks the contract.
    """
    findings = Findings()
    logging.getLogger("agent").addHandler(findings)
    try:
        answered = asyncio.run(_poll(protocol, spoils))
    finally:
        logging.getLogger("agent").removeHandler(findings)
    assert not findings.found, findings.found[0]
    return answered


async def _poll(protocol: str, spoils: Sequence[Sequence[Spoil]]) -> int:
    async with AsyncExitStack() as stack:
        relays: list[Relay] = []
        entries: list[Mapping[str, object]] = []
        for at, each in enumerate(spoils):
            behind = _modbus_device(at, each) if protocol == "modbus" else _snmp_device(at, each)
            relay, entry = await stack.enter_async_context(behind)
            relays.append(relay)
            entries.append(
                {"id": f"d{at}", "host": "127.0.0.1", "port": relay.port, "timeout_s": TIMEOUT_S, "retries": 0, **entry}
            )
        config = check_config(
            {
                "agent": "gw-1",
                "labels": {"site": "s1"},
                "credentials": {"c": {"community": "public"}},
                "intervals": dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), 0.1),
                "engine": "pysnmp" if protocol == "pysnmp" else "gufo",
                "devices": entries,
            },
            AgentConfig,
            "fuzz",
        )
        await _run_loops(config)
        return sum(relay.answered for relay in relays)


async def _run_loops(config: AgentConfig) -> None:
    announced: list[DeviceDocument] = []
    outbox = make_outbox(OutboxSection(mode="memory"), EPOCH)
    # No pause between attempts to reach a device: a pause would only make fewer examples.
    context = AgentContext(
        site="s1",
        agent="gw-1",
        epoch=EPOCH,
        outbox=outbox,
        counters=Counters(),
        announce=announced.append,
        draw=lambda: 0.0,
    )
    make_poller = PollerFactory(PROFILES)
    tasks = [
        asyncio.create_task(
            DeviceLoop(
                device=device,
                labels={"site": "s1"},
                intervals=config.intervals_of(device),
                poller=make_poller(config, device),
                context=context,
            ).run(),
            name=device.id,
        )
        for device in config.devices
    ]
    _, still_running = await asyncio.wait(tasks, timeout=EXAMPLE_S, return_when=asyncio.FIRST_COMPLETED)
    # Cancelled again and again, as the agent does: on Python 3.11 a library's `wait_for` can swallow a cancellation.
    while still_running:
        for task in still_running:
            task.cancel()
        _, still_running = await asyncio.wait(still_running, timeout=STEP_S)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    faults = [outcome for outcome in ended if isinstance(outcome, Exception)]
    if faults:
        raise AssertionError("a device's loop ended") from faults[0]
    for document in announced:
        encode(document)
    await _check_messages(outbox.stats().messages, outbox.take)


async def _check_messages(count: int, take: Callable[[], Awaitable[Message]]) -> None:
    for _ in range(count):
        async with asyncio.timeout(30):
            message = await take()
        if "/event/" in message.topic:
            decode(message.payload, Event)
            continue
        batch = decode(message.payload, Batch)
        assert all(map(math.isfinite, batch.values.values())), batch


@asynccontextmanager
async def _snmp_device(at: int, spoils: Sequence[Spoil]) -> AsyncIterator[tuple[Relay, Mapping[str, object]]]:
    device = SnmpDevice(read_snmprec(RECORDINGS / f"{SNMP[at % len(SNMP)]}.snmprec"))
    port = await device.start()
    try:
        async with udp_relay(port, spoils) as relay:
            yield relay, {"credential": "c", "profile": "auto", "outlets": at % 2 == 0}
    finally:
        await device.stop()


@asynccontextmanager
async def _modbus_device(at: int, spoils: Sequence[Spoil]) -> AsyncIterator[tuple[Relay, Mapping[str, object]]]:
    is_cdu = at % 2 == 0
    profile, unit = ("aalc-rpu", CDU_UNIT) if is_cdu else ("schneider-iem3000", METER_UNIT)
    server = ModbusServer({unit: cdu_registers(CduModel()) if is_cdu else meter_registers(MeterModel())})
    port = await server.start()
    try:
        async with tcp_relay(port, spoils) as relay:
            yield relay, {"protocol": "modbus", "profile": profile, "unit": unit}
    finally:
        with contextlib.suppress(OSError):
            await server.stop()


PROFILES = load_profiles(lazy=True)
