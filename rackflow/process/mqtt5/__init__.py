"""MQTT 5 for those who send or receive many messages: the agent's publishing and the collector's session.

`packets.py` turns packets into bytes and back, `wire.py` has the bytes of one connection, `client.py` what the two sides do with it.
`reasons.py` names the reason codes.
"""

from rackflow.process.mqtt5.client import BrokerError, Callbacks, Limits, MqttClient, Session
from rackflow.process.mqtt5.packets import Received, Will
from rackflow.process.mqtt5.reasons import FAILURE, reason_text

__all__ = [
    "FAILURE",
    "BrokerError",
    "Callbacks",
    "Limits",
    "MqttClient",
    "Received",
    "Session",
    "Will",
    "reason_text",
]
