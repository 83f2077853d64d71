"""Modbus: links shared by the units behind them, and requests that read many values at once.

`client` speaks the protocol, `requests` groups registers within a device's limits, `registers` converts registers to values.
"""

from agent.modbus.client import ModbusLinks, PymodbusClient
from agent.modbus.registers import NumberType, WordOrder, decode, words_of
from agent.modbus.requests import Block, Field, RegisterValue, coalesce, split_block
from agent.modbus.seam import ModbusClient, ModbusTarget

__all__ = [
    "Block",
    "Field",
    "ModbusClient",
    "ModbusLinks",
    "ModbusTarget",
    "NumberType",
    "PymodbusClient",
    "RegisterValue",
    "WordOrder",
    "coalesce",
    "decode",
    "split_block",
    "words_of",
]
