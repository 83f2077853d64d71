"""The demo's small site: its simulated devices, and the configurations of the agent and the collector."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rackflow.recording import read_snmprec
from simulator.live import RECORDINGS, run_models, vary_load
from simulator.modbus import ModbusServer
from simulator.models import CduModel, MeterModel, cdu_registers, meter_registers
from simulator.snmp import SnmpDevice

CDU_UNIT, METER_UNIT = 12, 1


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """One simulated device: its id, a description with its address, and its entry in the agent's configuration."""

    id: str
    what: str
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Recorded:
    id: str
    recording: str
    title: str
    labels: dict[str, str]


_RECORDED = (
    _Recorded("ups-a", "apc-ups", "UPS with a network management card", {"feed": "A"}),
    _Recorded("ups-b", "rfc1628-ups", "UPS that speaks the standard UPS-MIB", {"feed": "B"}),
    _Recorded("pdu-b07-a", "apc-rpdu2", "rack PDU, 24 metered outlets", {"row": "b", "rack": "b07", "feed": "A"}),
    _Recorded("pdu-b07-b", "apc-rpdu2", "rack PDU, 24 metered outlets", {"row": "b", "rack": "b07", "feed": "B"}),
)


async def start_devices(stack: AsyncExitStack) -> list[DemoDevice]:
    """Start every simulated device. `stack` stops them."""
    found = [await _start_recorded(stack, recorded) for recorded in _RECORDED]
    cdu, meter = CduModel(seed=7), MeterModel(seed=7)
    # Both are served on one port with different units, as behind a real gateway.
    gateway = ModbusServer({CDU_UNIT: cdu_registers(cdu), METER_UNIT: meter_registers(meter)})
    port = await gateway.start()
    stack.push_async_callback(gateway.stop)
    # The stack unwinds in reverse order: the task is cancelled first, then the group, which waits for it, is left.
    group = await stack.enter_async_context(asyncio.TaskGroup())
    stack.callback(group.create_task(run_models([cdu, meter]), name="models").cancel)
    shared = {"protocol": "modbus", "host": "127.0.0.1", "port": port}
    cdu_config = {"id": "cdu-1", **shared, "unit": CDU_UNIT, "profile": "aalc-rpu", "labels": {"row": "b"}}
    meter_config = {"id": "meter-1", **shared, "unit": METER_UNIT, "profile": "schneider-iem3000", "role": "it"}
    where = f"Modbus 127.0.0.1:{port} unit"
    return [
        *found,
        DemoDevice("cdu-1", f"{'coolant distribution unit':<37} {where} {CDU_UNIT}", cdu_config),
        DemoDevice("meter-1", f"{'energy meter':<37} {where} {METER_UNIT}", meter_config),
    ]


async def _start_recorded(stack: AsyncExitStack, recorded: _Recorded) -> DemoDevice:
    records = read_snmprec(RECORDINGS / f"{recorded.recording}.snmprec")
    device = SnmpDevice(records, uptime=True)
    # The seed comes from the id, so that two devices with the same recording vary differently.
    vary_load(device, records, seed=len(recorded.id) + ord(recorded.id[-1]))
    port = await device.start()
    stack.push_async_callback(device.stop)
    config = {
        "id": recorded.id,
        "host": "127.0.0.1",
        "port": port,
        "credential": "lab",
        "labels": recorded.labels,
        "outlets": recorded.recording == "apc-rpdu2",
    }
    return DemoDevice(recorded.id, f"{recorded.title:<37} SNMP 127.0.0.1:{port}", config)


def agent_config(broker_port: int, devices: Sequence[DemoDevice], folder: Path) -> dict[str, Any]:
    """The agent's configuration file as plain data."""
    return {
        "agent": "demo-agent",
        "labels": {"site": "demo", "room": "hall-1"},
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "outbox": {"mode": "disk", "path": str(folder / "agent-outbox.db")},
        # The agent reports on itself once in an interval of the class normal (10 s by default). A short demo shows it sooner.
        "intervals": {"normal": 5},
        "credentials": {"lab": {"version": "2c", "community": "public"}},
        "devices": [device.config for device in devices],
    }


def collector_config(broker_port: int, port: int, folder: Path) -> dict[str, Any]:
    """The collector's configuration file as plain data."""
    return {
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "client_id": "demo-collector",
        "store": {"kind": "file", "path": str(folder / "points")},
        "outbox": {"path": str(folder / "collector-outbox.db")},
        "dead_letter": str(folder / "dead-letters.jsonl"),
        "budgets": {"devices": 2000, "series": 50_000},  # one agent polls the whole hall
        "listen": f"127.0.0.1:{port}",
    }
