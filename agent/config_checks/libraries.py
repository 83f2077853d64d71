"""Finds the libraries that a configuration needs and that cannot be imported. Each engine and each transport has its own library.

A small machine may have the agent without some of them (docs/how-to/install.md). Only importing a library shows whether it works.
"""

import importlib
from collections.abc import Iterator

from agent.config import AgentConfig, Device
from rackflow.plural import first_of

# Devices that are named; the rest of them is counted.
MOST_NAMED = 3


def missing_libraries(config: AgentConfig) -> Iterator[str]:
    """One message for each library that enabled devices need and that cannot be imported: key, devices, remedy. Imports the libraries."""
    wanted: dict[tuple[str, str, str], list[str]] = {}
    for device in config.devices:
        if device.enabled:
            for need in _needs(config, device):
                wanted.setdefault(need, []).append(device.id)
    for (module, key, instead), devices in wanted.items():
        if fault := _fault(module):
            yield (
                f"{key}: {fault}, which {first_of(devices, MOST_NAMED)} needs; install rackflow with its extra: rackflow[agent]{instead}"
            )


def _needs(config: AgentConfig, device: Device) -> Iterator[tuple[str, str, str]]:
    """Modules that a device needs, each with the configuration key that requires it and the alternative to installing it."""
    if device.protocol == "modbus":
        if device.transport != "tcp":
            yield "pymodbus", f"transport: {device.transport}", ""
        if device.transport == "serial":
            yield "serial", "transport: serial", ""
        return
    engine = device.engine or config.engine
    other = {"gufo": "pysnmp", "pysnmp": "gufo"}[engine]
    yield {"gufo": "gufo.snmp", "pysnmp": "pysnmp"}[engine], f"engine: {engine}", f", or set `engine: {other}`"
    priv = config.credentials[device.credential or ""].priv
    if engine == "pysnmp" and priv:
        yield "cryptography", f"priv: {priv}", ""


def _fault(module: str) -> str:
    # The name that people and pip use, which may differ from the module's: several packages share the first part of `gufo.snmp`.
    name = {"gufo.snmp": "gufo_snmp", "serial": "pyserial"}.get(module, module)
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or name
        return f"{name} is not installed" if module.startswith(missing) else f"{name} cannot be used without {missing}"
    except ImportError as error:
        return f"{name} cannot be used: {error}"
    return ""
