"""Devices that number each poll, and a subscriber that counts what arrives: polls sent, messages received, and duplicates."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from rackflow.recording import COUNTER32, Record
from simulator.snmp import SnmpDevice
from tests.servers.mqtt_thread import leave

# Of an enterprise's subtree that no profile reads.
OID = "1.3.6.1.4.1.53864.1.1.0"
# How long the broker keeps the recorder's session: longer than any absence in a scenario.
SESSION_S = 3600
Number = tuple[str, int]
"""Device and the number that it gave a poll."""


class CountingDevices:
    """`count` SNMP devices on loopback, each with one object that goes up by one with every poll; served by a thread."""

    def __init__(self, count: int) -> None:
        self.polls: Counter[str] = Counter()
        self.ports: dict[str, int] = {}
        self._names = [f"d{at:04}" for at in range(count)]
        self._devices: list[SnmpDevice] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="devices", daemon=True)

    def start(self) -> None:
        """Serve; `ports` is known afterwards."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    async def _serve(self) -> None:
        for name in self._names:
            device = SnmpDevice([Record("1.3.6.1.2.1.1.1.0", "4", b"counts its polls")])
            device.set(OID, self._next(name), COUNTER32)
            self.ports[name] = await device.start()
            self._devices.append(device)

    def _next(self, name: str) -> Callable[[], int]:
        def count() -> int:
            self.polls[name] += 1
            return self.polls[name]

        return count

    def mute(self) -> None:
        """Stop answering, so that the count of polls is final."""
        for device in self._devices:
            device.mute = True

    def close(self) -> None:
        """Free the ports."""

        async def stop() -> None:
            for device in self._devices:
                await device.stop()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class Recorder:
    """A subscriber whose session outlives its connection; `numbers` finds the polls in a message."""

    client_id = "recorder"

    def __init__(self, port: int, topic: str, numbers: Callable[[Mapping[str, object]], list[Number]]) -> None:
        self.arrived: set[Number] = set()
        self._new: list[Number] = []
        self.twice = 0
        self._topic = topic
        self._numbers = numbers
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=paho.MQTTv5)
        self.client.on_message = self._on_message
        self.client.on_connect = self._on_connect
        self.client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = SESSION_S
        self.client.connect("127.0.0.1", port, keepalive=5, clean_start=False, properties=properties)
        self.client.loop_start()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([(self._topic, 1), ("v1/devices/me/rpc/request/+", 1)])

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:  # noqa: ARG002
        if message.topic.startswith("v1/devices/me/rpc/request/"):
            answer_limits(client, message.topic)
            return
        for number in self._numbers(json.loads(message.payload)):
            # Messages that the broker itself sends again after a reconnect are not duplicates of the gateway.
            if number in self.arrived and not message.dup:
                self.twice += 1
            self.arrived.add(number)
            self._new.append(number)

    def go_away(self) -> None:
        """Lose the connection; the session stays."""
        sock = self.client.socket()
        self.client.loop_stop()
        if sock is not None:
            sock.close()

    def come_back(self) -> None:
        """Connect again."""
        self.client.reconnect()
        self.client.loop_start()

    def new(self) -> list[Number]:
        """Polls that arrived since the last call."""
        new, self._new = self._new, []
        return new

    def close(self) -> None:
        """Disconnect."""
        leave(self.client)


def answer_limits(client: paho.Client, topic: str) -> None:
    """Answer a gateway that asks for its limits when it connects, as the ThingsBoard server does: no limits."""
    none = {"messages": "0:0", "telemetryMessages": "0:0", "telemetryDataPoints": "0:0"}
    limits = {"maxPayloadSize": 1 << 20, "maxInflightMessages": 100, "rateLimits": none, "gatewayRateLimits": none}
    client.publish(f"v1/devices/me/rpc/response/{topic.rpartition('/')[2]}", json.dumps(limits), 1)
