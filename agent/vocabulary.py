"""Keys that other collectors of SNMP and Modbus use for what an agent's configuration has under another name.

Where the nearest spelling would mislead (`auths` is not meant for `paths`) or there is none, the place in this file is named. The site
file has a list of its own, `rackflow/site/vocabulary.py`.
"""

from collections.abc import Mapping
from typing import Final

from rackflow.catalogue import POLL_SECONDS

_CLASSES: Final = tuple(POLL_SECONDS)
_INTERVALS: Final = (
    f"`intervals`, as in intervals: {{fast: 5s}}; the classes are {', '.join(_CLASSES[:-1])} and {_CLASSES[-1]}"
)
_V3: Final = "an entry of `credentials`, which the device names as its `credential`"

SECTIONS: Mapping[str, str] = {
    "agents": "devices, each with its `host`",
    "targets": "devices, each with its `host`",
    "hosts": "devices, each with its `host`",
    "inputs": "devices, each with its `host`",
    "slaves": "devices, each with protocol: modbus and its `unit`",
    "auths": "credentials",
    "snmp": "credentials and devices",
    "modbus": "devices, each with protocol: modbus",
    "mqtt": "broker",
    "outputs": "broker",
    "modules": "profiles, the folder of your own ones; each device names its `profile`",
    "polling": _INTERVALS,
    "scrape_interval": _INTERVALS,
    "interval": _INTERVALS,
    "site": "labels: {site: NAME}",
    "loglevel": "log_level",
    "buffer": "outbox",
    "spool": "outbox",
}
KEYS: Mapping[str, str] = {
    "address": "host, without a port",
    "addr": "host, without a port",
    "ip": "host, without a port",
    "ip_address": "host, without a port",
    "hostname": "host",
    "target": "host, without a port",
    "slave": "unit",
    "slave_id": "unit",
    "unit_id": "unit",
    "controller": "host and port",
    "module": "profile",
    "community": _V3,
    "version": _V3,
    "auth": "`credential`, which names an entry of `credentials`",
    "interval": _INTERVALS,
    "poll_interval": _INTERVALS,
    "scrape_interval": _INTERVALS,
    **dict.fromkeys(_CLASSES, _INTERVALS),
    "timeout": "timeout_s",
    "max_repetitions": "max_varbinds",
    "username": "user",
    "sec_name": "user",
    "security_name": "user",
    "sec_level": "auth and priv alone; with both the level is authPriv",
    "security_level": "auth and priv alone; with both the level is authPriv",
    "auth_protocol": "auth",
    "auth_password": "auth_key",
    "auth_passphrase": "auth_key",
    "priv_protocol": "priv",
    "priv_password": "priv_key",
    "priv_passphrase": "priv_key",
    "context_name": "context",
    "baud_rate": "baudrate",
    "baud": "baudrate",
    "stop_bits": "stopbits",
    "tags": "labels",
}


def other_word(key: str, depth: int) -> str | None:
    """The remedy for an unknown key at this depth of an agent's configuration, 1 at the top; None if no other tool here has the key."""
    found = (SECTIONS if depth == 1 else KEYS).get(key.lower())
    return None if found is None else f"use {found}"
