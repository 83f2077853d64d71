"""A second subscriber with its own session: records what passes the broker, to be compared with the database."""

import json

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.servers.mqtt_thread import leave

# How long the broker keeps its session: longer than any scenario keeps it away.
SESSION_S = 3600
# The topics of collectors' reports of what is stored.
STORED = "rackflow/v1/+/+/stored/+"


class Witness:
    """Records received batches as (device, time in ms), and every message in order.

    With `listens=False` it subscribes to nothing. Then the collector is the only subscriber, and a broker that forgot its sessions
    answers the agent "no matching subscribers", which is what such a scenario tests.
    """

    def __init__(self, port: int, *, listens: bool = True) -> None:
        self._listens = listens
        self.batches: set[tuple[str, int]] = set()
        self.messages: list[tuple[str, bytes]] = []
        self.reports = 0
        """How often a collector has reported what is stored."""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="witness", protocol=paho.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._client.reconnect_delay_set(1, 2)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = SESSION_S
        self._client.connect("127.0.0.1", port, keepalive=5, clean_start=False, properties=properties)
        self._client.loop_start()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe(STORED, qos=1)
        for kind in ("batch", "event") if self._listens else ():
            client.subscribe(f"rackflow/v1/+/+/{kind}/+", qos=1)

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:  # noqa: ARG002
        if paho.topic_matches_sub(STORED, message.topic):
            self.reports += 1
            return
        self.messages.append((message.topic, bytes(message.payload)))
        document = json.loads(message.payload)
        if document.get("poll") and document["device"] != document["agent"]:
            self.batches.add((document["device"], document["time"]))

    def republish(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish these messages again, in this order."""
        sent = [self._client.publish(topic, payload, 1) for topic, payload in messages]
        for each in sent:
            each.wait_for_publish(30)

    def close(self) -> None:
        """Disconnect."""
        leave(self._client)
