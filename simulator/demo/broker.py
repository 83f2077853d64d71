"""The demo's MQTT broker: iotcore (rumqttd in a wheel) in a child process, on a free port of loopback.

The broker comes as a wheel and needs no separate installation: the demo must run after `pip install` alone.
"""

import socket
from pathlib import Path

from iotcore import Broker

# iotcore 0.4's own defaults listen on every interface, do not speak MQTT 5, and refuse payloads above 20 kB, which a batch of a
# large PDU exceeds; hence a configuration of our own. A payload may have 2 MB; the agent's batches stay far below. Segments of
# 100 MB are rumqttd's example value: the demo never fills one.
_CONFIG = """id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
    [v5.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = 2097152
    max_inflight_count = 100
    dynamic_filters = true
"""


def free_port() -> int:
    """A TCP port of the loopback interface on which nobody listens now.

    Another process could take it before the broker does. The broker cannot be told to choose a port itself and report it, and on
    loopback the risk is small: starting then fails with a clear error.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_broker(folder: Path) -> tuple[Broker, int]:
    """Start a broker; returns it and its port. `Broker.stop()` or the end of this process ends it. Raises OSError."""
    port = free_port()
    config = folder / "broker.toml"
    config.write_text(_CONFIG.format(port=port), encoding="utf-8")
    broker = Broker(config_path=str(config))
    broker.start()
    return broker, port
