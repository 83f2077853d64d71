"""Chooses the SNMP credentials of a command: the one of the command line, or those of a configuration."""

import argparse
import re
from pathlib import Path

from agent.config import AgentConfig
from agent.config_file import load_agent_config
from agent.poll import snmp_target
from agent.snmp import SnmpTarget
from rackflow.errors import ConfigError
from rackflow.process.commands import port_number
from rackflow.process.config import NAME_PATTERN, check_config

GIVEN = "given"


def add_credential(command: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add the arguments of port, credential and timeout. With `several`, all credentials of the configuration are tried."""
    command.add_argument("--port", type=port_number, help="default: 161 for SNMP, 502 for Modbus")
    command.add_argument(
        "--community", default="public", help="SNMP v2c community, or env:NAME; other credentials need --config"
    )
    command.add_argument("--config", type=Path, help="configuration that contains the credential")
    default = "all of them, in order" if several else "the first one"
    command.add_argument("--credential", help=f"name of the credential in the configuration (default: {default})")
    command.add_argument("--timeout", type=float, default=1.0, help="seconds to wait for an answer (default 1)")


def snmp_targets(arguments: argparse.Namespace, host: str) -> dict[str, SnmpTarget]:
    """Host and port with each credential to try, by its name and in order. Raises ConfigError."""
    if arguments.credential and not arguments.config:
        raise ConfigError("--credential: names a credential of a configuration; give the file with --config")
    credentials: dict[str, object] = {GIVEN: {"version": "2c", "community": arguments.community}}
    names = [GIVEN]
    if arguments.config:
        loaded = load_agent_config(arguments.config)
        credentials = dict(loaded.credentials)
        names = [arguments.credential] if arguments.credential else list(credentials)
        if not names or names[0] not in credentials:
            known = ", ".join(credentials) or "none"
            wanted = f"none is called {names[0]!r}; known are {known}" if names else "there is none; add one"
            raise ConfigError(f"{arguments.config}: credentials: {wanted}")
    return {name: _target(arguments, host, name, credentials) for name in names}


def name_of(host: str) -> str:
    """The id used in messages for a device without a configuration: its address, as far as an id can contain it."""
    return host if re.fullmatch(NAME_PATTERN, host) else "device"


def _target(arguments: argparse.Namespace, host: str, name: str, credentials: dict[str, object]) -> SnmpTarget:
    device = {
        "id": name_of(host),
        "host": host,
        "port": arguments.port or 161,
        "credential": name,
        "timeout_s": arguments.timeout,
    }
    whole = {
        "agent": "rackflow-agent-walk",
        "labels": {"site": "none"},
        "credentials": credentials,
        "devices": [device],
    }
    config = check_config(whole, AgentConfig, "arguments")
    return snmp_target(config, config.devices[0])
