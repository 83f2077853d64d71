"""Agents under test: devices that answer from memory, a subscriber, and an agent that runs for the length of a `with` block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import aiomqtt

from agent.config import AgentConfig, Device
from agent.device_tasks import MakePoller
from agent.readings import Identified, Identity, Readings
from agent.run import Agent
from rackflow import Batch, DeviceDocument, Event, Status, decode
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceError
from rackflow.process.config import check_config
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Server

STEP_S = 0.02


@dataclass
class MemoryDevice:
    """A simulated device. Its answers can be changed at any time."""

    readings: Readings = field(default_factory=lambda: Readings(values={"dcim_ups_battery_charge_ratio": 0.5}))
    classes: frozenset[PollClass] = frozenset({"safety"})
    device_class: str = "ups"
    model: str = "Memory 1"
    fault: DeviceError | None = None
    hangs: bool = False
    opened: int = 0
    closed: int = 0

    async def open(self) -> Identified:
        await self._answer()
        self.opened += 1
        return Identified("memory", self.device_class, Identity(vendor="Test", model=self.model), self.classes)

    async def poll(self, poll_class: PollClass, now: float) -> Readings:  # noqa: ARG002 - the seam's signature
        await self._answer()
        given = self.readings
        return Readings(dict(given.values), dict(given.states), dict(given.bad))

    async def close(self) -> None:
        self.closed += 1

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault


class Devices:
    """Devices by id; made when an agent first asks for them."""

    def __init__(self, **devices: MemoryDevice) -> None:
        self.by_id = {name.replace("_", "-"): device for name, device in devices.items()}

    def __call__(self, config: AgentConfig, device: Device) -> MemoryDevice:  # noqa: ARG002 - the seam's signature
        return self.by_id.setdefault(device.id, MemoryDevice())

    def __getitem__(self, name: str) -> MemoryDevice:
        return self.by_id[name]


def config_for(broker: Server, *devices: str, **more: object) -> AgentConfig:
    """Agent `gw-1` of site `t1`, with SNMP devices of these ids, safety polled five times a second."""
    whole: dict[str, object] = {
        "agent": "gw-1",
        "labels": {"site": "t1", "room": "r1"},
        "broker": {"port": broker.port, "timeout_s": 2, "keepalive_s": 5},
        "credentials": {"c": {"community": "secret-1"}},
        "intervals": {"safety": 0.2, "normal": 0.5},
        "devices": [{"id": name, "host": "h", "credential": "c"} for name in devices],
    }
    return check_config(whole | more, AgentConfig, "test")


@dataclass
class Listener:
    """All messages received below `rackflow/v1`, in order."""

    messages: list[aiomqtt.Message] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def payloads(self, kind: str, device: str | None = None) -> Iterator[bytes]:
        for message in list(self.messages):
            levels = message.topic.value.split("/")
            if levels[4] == kind and device in {None, levels[-1]}:
                yield bytes(message.payload)

    def batches(self, device: str | None = None) -> list[Batch]:
        return [decode(each, Batch) for each in self.payloads("batch", device)]

    def events(self, device: str | None = None) -> list[Event]:
        return [decode(each, Event) for each in self.payloads("event", device)]

    def statuses(self) -> list[Status]:
        return [decode(each, Status) for each in self.payloads("status")]

    def documents(self, device: str) -> list[DeviceDocument | None]:
        """Retained identities of a device in order; None where it was cleared."""
        return [decode(each, DeviceDocument) if each else None for each in self.payloads("device", device)]

    def seqs(self) -> list[int]:
        """Message numbers of all batches and events in order of arrival, without repetitions."""
        found = [decode(each, Batch).seq for each in self.payloads("batch")]
        found += [decode(each, Event).seq for each in self.payloads("event")]
        return sorted(set(found))


@contextlib.asynccontextmanager
async def listening(
    broker: Mosquitto,
    username: str | None = None,
    password: str | None = None,
    topics: Sequence[str] = ("rackflow/v1/#",),
) -> AsyncIterator[Listener]:
    """A subscriber whose session survives a clean restart of the broker."""
    listener = Listener()

    async def listen() -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):  # the broker is away: again
                async with aiomqtt.Client(
                    "127.0.0.1",
                    broker.port,
                    username=username,
                    password=password,
                    identifier=f"listener-{topics[0].replace('/', '-')}",
                    clean_session=False,
                    timeout=2,
                ) as client:
                    await client.subscribe([(topic, 1) for topic in topics])
                    listener.connected.set()
                    async for message in client.messages:
                        listener.messages.append(message)
            listener.connected.clear()
            await asyncio.sleep(STEP_S)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen(), name="listener")
        async with asyncio.timeout(30):
            await listener.connected.wait()
        try:
            yield listener
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def running(
    config: AgentConfig, devices: MakePoller, load: Callable[[], AgentConfig] | None = None
) -> AsyncIterator[Agent]:
    """An agent that runs during the block and then stops as on SIGTERM."""
    agent = Agent(config, devices, load=load)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run(), name="agent")
        try:
            yield agent
        finally:
            agent.stop()
            async with asyncio.timeout(30):
                await asyncio.wait([task])
