""""""

from simulator.models.cdu import LEAK_BITS, CduModel
from simulator.models.cdu_registers import CDU_UNIT, cdu_registers
from simulator.models.load_overlay import Swing, overlay
from simulator.models.meter import METER_UNIT, MeterModel, meter_registers
from simulator.models.registers import IllegalAddress, RecordedRegisters, RegisterSource

__all__ = [
    "CDU_UNIT",
    "CduModel",
    "IllegalAddress",
    "LEAK_BITS",
    "METER_UNIT",
    "MeterModel",
    "RecordedRegisters",
    "RegisterSource",
    "Swing",
    "cdu_registers",
    "meter_registers",
    "overlay",
]
