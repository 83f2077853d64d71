"""Ends a paho-mqtt client that runs in a thread of its own."""

import contextlib

import paho.mqtt.client as paho


def leave(client: paho.Client) -> None:
    """Disconnect, and wait for its thread."""
    client.disconnect()
    # The thread ends with the connection, and paho-mqtt 2.2.0 may forget it between looking for it and waiting for it.
    with contextlib.suppress(AttributeError):
        client.loop_stop()
