"""paho-mqtt clients that run in threads of their own."""

import contextlib

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.waiting import wait_until


def leave(client: paho.Client) -> None:
    """Disconnect, and wait for its thread."""
    client.disconnect()
    # The thread ends with the connection, and paho-mqtt 2.2.0 may forget it between looking for it and waiting for it.
    with contextlib.suppress(AttributeError):
        client.loop_stop()


def take_session(port: int, client_id: str) -> None:
    """Connect with this client id and a clean start, and disconnect, so that the client id's session is deleted."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port, clean_start=True)
    client.loop_start()
    wait_until(client.is_connected, "the stranger is connected")
    leave(client)
