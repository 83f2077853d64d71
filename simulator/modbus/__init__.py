"""Simulated Modbus devices behind one TCP server, all in `server`. What their registers hold is in `simulator.models`."""

from simulator.modbus.server import ModbusServer

__all__ = [
    "ModbusServer",
]
