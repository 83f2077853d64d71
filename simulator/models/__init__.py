"""Models of single devices and their registers: a CDU, a meter, and recordings of UPSs and PDUs with varying values. No I/O.

| module | what |
|---|---|
| `cdu` | the physics of a reservoir-and-pump unit; `cdu_registers` has its register map |
| `meter` | a three-phase energy meter and its registers |
| `load_overlay` | varies loads, runtimes and energies of a recording together |
| `registers` | tables of registers, and how values are packed into them |
"""

from simulator.models.cdu import LEAK_BITS, CduModel
from simulator.models.cdu_registers import CDU_UNIT, cdu_registers
from simulator.models.load_overlay import LoadFactor, overlay
from simulator.models.meter import METER_UNIT, MeterModel, meter_registers
from simulator.models.registers import IllegalAddress, RecordedRegisters, RegisterSource

__all__ = [
    "CDU_UNIT",
    "LEAK_BITS",
    "METER_UNIT",
    "CduModel",
    "IllegalAddress",
    "LoadFactor",
    "MeterModel",
    "RecordedRegisters",
    "RegisterSource",
    "cdu_registers",
    "meter_registers",
    "overlay",
]
