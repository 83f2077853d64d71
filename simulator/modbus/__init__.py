"""Simulated Modbus devices behind one TCP server."""

from simulator.modbus.server import ModbusServer

__all__ = [
    "ModbusServer",
]
