"""The demo's MQTT broker: iotcore (rumqttd in a wheel) in a child process, on a free port of loopback.

Its defaults listen on every interface, do not speak MQTT 5 and cut large payloads, so the configuration is written here.
"""

import socket
from pathlib import Path

from iotcore import Broker

# The library's defaults know no MQTT 5, listen on every interface and cut payloads above 20 kB.
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
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_broker(folder: Path) -> tuple[Broker, int]:
    """A running broker and its port; `Broker.stop()` ends it, and so does the end of this process. Raises OSError."""
    port = free_port()
    config = folder / "broker.toml"
    config.write_text(_CONFIG.format(port=port), encoding="utf-8")
    broker = Broker(config_path=str(config))
    broker.start()
    return broker, port
