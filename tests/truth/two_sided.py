"""CDUs that also report their primary side, on a register map with both sides.

No published map that the simulator serves contains the facility water, without which approach and effectiveness cannot be checked.
"""

from pathlib import Path
from typing import Final

from rackflow.register_tables import RegisterTable
from simulator.modbus.server import ModbusServer
from simulator.models.cdu_registers import CDU_UNIT, cdu_registers
from simulator.models.registers import IllegalAddress, MappedRegisters, RegisterSource, scaled
from simulator.site.simulation import Simulation
from simulator.wire.modbus import CduFromReadings

PROFILES: Final = Path(__file__).parent / "profiles"
PROFILE: Final = "two-sided-cdu"
FIRST: Final = 0xB000
_PRIMARY: Final = "{loop=primary}"


class _Either:
    """Answers from the first register map, and from the second one where the first has no such register."""

    def __init__(self, first: RegisterSource, second: RegisterSource) -> None:
        self._maps = first, second

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `RegisterSource.read`."""
        try:
            return self._maps[0].read(table, address, count)
        except IllegalAddress:
            return self._maps[1].read(table, address, count)


def show_both_sides(simulation: Simulation) -> set[str]:
    """Call before the simulation starts. Returns the units, which must be polled with `PROFILE`."""
    served = {name: simulation.fleet.devices[name] for name in simulation.world.cdus}
    for name, device in served.items():
        registers = _Either(cdu_registers(CduFromReadings(simulation.instruments, name)), _primary(simulation, name))
        device.server = ModbusServer({CDU_UNIT: registers}, device.server.host)
    return set(served)


def _primary(simulation: Simulation, cdu: str) -> MappedRegisters:
    def snapshot() -> dict[int, int]:
        shown = simulation.instruments.read(cdu)
        litres = 60_000 * float(shown[f"dcim_cdu_flow_cubic_meters_per_second{_PRIMARY}"])
        ends = [float(shown[f"dcim_cdu_{end}_temperature_celsius{_PRIMARY}"]) for end in ("supply", "return")]
        return {FIRST + at: scaled(value, 0.1) for at, value in enumerate([litres, *ends])}

    return MappedRegisters(snapshot)
