""""""

from simulator.modbus.server import ModbusServer

__all__ = [
    "ModbusServer",
]
