"""The contract of Rackflow: what agents publish and collectors read, importable by third parties.

`documents` are the messages, `topics` where they are published, `series` the keys of readings in them; `catalogue` has every metric with
its unit and range, `units` how values of devices become these. `escape` makes their texts safe to show. `errors` are all error classes.

Beside the contract: what both sides compute alike (`physics`, `fluids`), the `site` file and its `drafting`, the `outbox` of messages,
the `recording` of devices, the names of Modbus tables (`register_tables`), what programs need (`process`), and the command `rackflow`
(`__main__`, `command`, `command_reference`, `completion`). Both sides read coolants and time zones alike (`coolant`, `zones`), and word
messages alike (`nearest`, `plural`, `version`).
"""

from rackflow.catalogue import Metric, catalogue
from rackflow.documents import Batch, DeviceDocument, Event, Status, Stored, decode, encode
from rackflow.errors import (
    ConfigError,
    ContractError,
    DeviceAuthError,
    DeviceDecodeError,
    DeviceError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ProfileError,
    RackflowError,
    StoreError,
)
from rackflow.series import parse_series_key, series_key
from rackflow.topics import Topic, build_topic, parse_topic

__all__ = [
    "Batch",
    "ConfigError",
    "ContractError",
    "DeviceAuthError",
    "DeviceDecodeError",
    "DeviceDocument",
    "DeviceError",
    "DeviceProtocolError",
    "DeviceTimeout",
    "DeviceUnreachable",
    "Event",
    "Metric",
    "ProfileError",
    "RackflowError",
    "Status",
    "StoreError",
    "Stored",
    "Topic",
    "build_topic",
    "catalogue",
    "decode",
    "encode",
    "parse_series_key",
    "parse_topic",
    "series_key",
]
