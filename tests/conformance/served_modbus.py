"""Serves the published Modbus maps of all families, and polls what is served."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from agent.config import AgentConfig
from agent.lab.replay import read_all
from agent.poll.factory import PollerFactory
from agent.readings import Readings
from rackflow.process.config import check_config
from rackflow.recording import RegisterTable
from simulator.modbus.server import ModbusServer
from simulator.models.registers import MappedRegisters
from tests.agent.shipped import shipped_profiles
from tests.conformance.modbus_cdus import cdu_maps
from tests.conformance.modbus_coolers import cooler_maps
from tests.conformance.modbus_doors import door_maps
from tests.conformance.modbus_gear import gear_maps
from tests.conformance.modbus_gensets import genset_maps
from tests.conformance.modbus_liebert import liebert_maps
from tests.conformance.modbus_maps import Served, ups_maps
from tests.conformance.modbus_meters import meter_maps
from tests.conformance.modbus_monitors import monitor_maps
from tests.conformance.modbus_more_meters import more_meter_maps
from tests.conformance.modbus_rail_meters import rail_meter_maps
from tests.conformance.modbus_scaled_meters import scaled_meter_maps
from tests.conformance.modbus_sunspec import sunspec_maps
from tests.conformance.modbus_switches import switch_maps

MAPS: Mapping[str, Served] = (
    ups_maps()
    | liebert_maps()
    | gear_maps()
    | meter_maps()
    | more_meter_maps()
    | monitor_maps()
    | door_maps()
    | cdu_maps()
    | cooler_maps()
    | genset_maps()
    | rail_meter_maps()
    | switch_maps()
    | scaled_meter_maps()
    | sunspec_maps()
)


class _Tables:
    """The tables of a served device: registers, coils, discrete inputs and settings."""

    def __init__(self, registers: Mapping[int, int], one: Served) -> None:
        self._registers = MappedRegisters(lambda: registers, one.table, zeros=True)
        self._inputs = MappedRegisters(lambda: one.inputs, "discrete", zeros=True)
        self._coils = MappedRegisters(lambda: one.coils, "coil", zeros=True)
        self._settings = (
            MappedRegisters(lambda: one.settings, "holding", zeros=True) if one.settings else self._registers
        )
        self._alone = one.alone

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `RegisterSource.read`."""
        if count == 1 and address in self._alone:
            return [self._alone[address]]
        others = {"discrete": self._inputs, "coil": self._coils, "holding": self._settings}
        return others.get(table, self._registers).read(table, address, count)


@asynccontextmanager
async def serving(one: Served, registers: Mapping[int, int] | None = None) -> AsyncIterator[int]:
    """Serve a device on a port; a read that touches none of its registers is refused."""
    served = one.registers if registers is None else registers
    server = ModbusServer({one.unit: _Tables(served, one)})
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop()


async def poll(port: int, name: str, unit: int) -> Readings:
    """The readings of one poll of each class."""
    device = {
        "id": "d",
        "host": "127.0.0.1",
        "port": port,
        "protocol": "modbus",
        "profile": name,
        "unit": unit,
        "outlets": True,
    }
    config = check_config({"agent": "a", "labels": {"site": "s"}, "devices": [device]}, AgentConfig, "test")
    poller = PollerFactory(shipped_profiles())(config, config.devices[0])
    try:
        return (await read_all(poller, 0.0))[1]
    finally:
        await poller.close()
