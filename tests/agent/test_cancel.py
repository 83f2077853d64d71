"""A device's task ends at one cancellation, at whichever turn of the loop it comes: opening, connecting, polling, failing, closing.

Python 3.11's `asyncio.wait_for`, which the libraries call, loses a cancellation that meets a result. The number of turns until then
depends on the machine, so every one is tried.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from agent.config import AgentConfig, Device
from agent.context import AgentContext
from agent.loop import DeviceLoop
from agent.poll import PollerFactory
from agent.profile.loading.load import parse_profile
from agent.readings import Identified, Identity, Readings
from agent.self_metrics import Counters
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.errors import DeviceError, DeviceTimeout, DeviceUnreachable
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.config import check_config
from rackflow.process.stopping import where
from tests.agent.conftest import BASE, Snmpd
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.test_faulty_devices import HEAD, POINT, PROFILES, good
from tests.servers.ports import free_port

PROFILE = f"{HEAD}profile: daemon\nprotocol: snmp\nrecognise: {{probes: [{BASE}.1.0]}}\npoints:\n" + POINT.format(
    row=1, place=f"oid: {BASE}.1.0"
)
FACTORY_PROFILES = {
    "daemon": parse_profile(PROFILE, "daemon.yaml"),
    "modbus-pdu": parse_profile(PROFILES["modbus-pdu"], "modbus-pdu.yaml"),
}
KEYS = {"auth": "sha256", "auth_key": "authauth1", "priv": "aes128", "priv_key": "privpriv1"}
FRESH_TRIES = 20
"""After these, the turns in which a pysnmp engine is built (0.1 s of CPU) have been tried: a poller keeps it for the others."""
WAIT_S = 20.0
"""For a task that has been told to end: only one that never ends takes longer."""


def steps() -> Iterator[int]:
    """0, 1, 2, … 59, and from there on ever wider apart: most of what is far away is waiting for a timer."""
    step = 0.0
    while True:
        yield int(step)
        step += max(1.0, (step - 60) / 4)


@dataclass
class Tried:
    """A device and its loop, made anew for each turn at which it is cancelled."""

    config: AgentConfig
    factory: PollerFactory
    attempts: int
    """Batches after which everything has happened that is to be interrupted."""

    async def cancel_at_every_step(self) -> int:
        """Cancel once at each turn until the loop has come to its end; returns how many turns were tried."""
        kept = self.factory(self.config, self.config.devices[0])
        for tried, step in enumerate(steps(), 1):
            if tried == FRESH_TRIES:
                with contextlib.suppress(DeviceError):
                    await kept.open()
            outbox = MemoryOutbox("E", 1 << 20)
            context = AgentContext(
                site="t1", agent="gw-1", epoch="E", outbox=outbox, counters=Counters(), announce=lambda _: None
            )
            device = self.config.devices[0]
            loop = DeviceLoop(
                device=device,
                labels={},
                intervals=dict.fromkeys(POLL_SECONDS, 0.05),
                poller=self.factory(self.config, device),
                context=context,
            )
            task = asyncio.create_task(loop.run())
            for _ in range(step):
                await asyncio.sleep(0)
            finished = outbox.stats().messages >= self.attempts
            task.cancel()
            await asyncio.wait([task], timeout=WAIT_S)
            assert task.done(), f"cancelled at step {step}, it goes on at:\n{where(task)}"
            assert task.cancelled(), f"cancelled at step {step}, it ended with {task.exception()!r}"
            await loop.close()
            if finished:
                await kept.close()
                return tried
        raise AssertionError  # the steps have no end


def tried(attempts: int = 2, **device: object) -> Tried:
    described = {"id": "d", "host": "127.0.0.1", "timeout_s": 1.0, "retries": 0, "outlets": True, **device}
    credentials = {"c": {"community": "public"}, "v3": {"version": "3", "user": "sha256aes", **KEYS}}
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "credentials": credentials, "devices": [described]}
    return Tried(check_config(whole, AgentConfig, "test"), PollerFactory(FACTORY_PROFILES), attempts)


@pytest.mark.parametrize("credential", ["c", "v3"])
async def test_an_snmp_device_is_left_at_every_step(shared_snmpd: Snmpd, engine: str, credential: str) -> None:
    it = tried(port=shared_snmpd.port, credential=credential, profile="daemon", engine=engine)
    assert await it.cancel_at_every_step() > 10


async def test_an_snmp_device_that_refuses_is_left_at_every_step(engine: str) -> None:
    it = tried(1, port=free_port(), credential="c", profile="daemon", engine=engine, timeout_s=0.2)
    assert await it.cancel_at_every_step() > 5


@asynccontextmanager
async def modbus_device() -> AsyncIterator[FaultyModbus]:
    async with FaultyModbus(good).serving() as server:
        yield server


async def test_a_modbus_device_is_left_at_every_step_and_keeps_no_connection() -> None:
    async with modbus_device() as server:
        it = tried(port=server.port, protocol="modbus", profile="modbus-pdu")
        assert await it.cancel_at_every_step() > 10
        async with asyncio.timeout(WAIT_S):
            while server.open:  # noqa: ASYNC110 - the server notices each end in a turn of its own
                await asyncio.sleep(0.01)
        assert server.connections > 5


async def test_a_modbus_device_that_refuses_is_left_at_every_step() -> None:
    it = tried(3, port=free_port(), protocol="modbus", profile="modbus-pdu")
    assert await it.cancel_at_every_step() > 10


@pytest.mark.parametrize("protocol", ["snmp", "modbus"])
async def test_a_poller_closes_at_every_step(shared_snmpd: Snmpd, engine: str, protocol: str) -> None:
    async with modbus_device() as server:
        it = (
            tried(port=server.port, protocol="modbus", profile="modbus-pdu")
            if protocol == "modbus"
            else tried(port=shared_snmpd.port, credential="c", profile="daemon", engine=engine)
        )
        for step in range(4):
            poller = it.factory(it.config, it.config.devices[0])
            await poller.open()
            task = asyncio.create_task(poller.close())
            for _ in range(step):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=WAIT_S)
            assert task.done()
            await poller.close()


@dataclass
class Swallows:
    """A device whose library loses the first cancellation of each call, and then answers or fails."""

    outcome: Callable[[], Readings]
    lost: int = 0

    async def open(self) -> Identified:
        return Identified("memory", "ups", Identity(), frozenset({"safety"}))

    async def poll(self, poll_class: PollClass, now: float) -> Readings:  # noqa: ARG002 - the seam's signature
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.lost += 1
        return self.outcome()

    async def close(self) -> None:
        """Nothing to close."""


def refuse() -> Readings:
    raise DeviceUnreachable("connection refused", device="d", operation="poll")


def time_out() -> Readings:
    raise DeviceTimeout("no answer", device="d", operation="poll")


@pytest.mark.parametrize("outcome", [Readings, refuse, time_out], ids=["answers", "refuses", "times out"])
async def test_a_cancellation_swallowed_by_a_poll_does_not_end_in_a_pause(outcome: Callable[[], Readings]) -> None:
    device = Swallows(outcome)
    context = AgentContext(
        site="t1",
        agent="gw-1",
        epoch="E",
        outbox=MemoryOutbox("E", 1 << 20),
        counters=Counters(),
        announce=lambda _: None,
    )
    settings = Device.model_validate({"id": "d", "host": "h", "credential": "c"})
    loop = DeviceLoop(device=settings, labels={}, intervals={"safety": 3600.0}, poller=device, context=context)
    task = asyncio.create_task(loop.run())
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=WAIT_S)
    assert task.cancelled()
    assert device.lost == 1
