""""""

from agent.modbus.client import ModbusLinks, PymodbusClient
from agent.modbus.coalesce import Block, Field, Wanted, coalesce, kept_parts
from agent.modbus.registers import NumberType, WordOrder, decode, words_of
from agent.modbus.seam import ModbusClient, ModbusTarget

__all__ = [
    "Block",
    "Field",
    "ModbusClient",
    "ModbusLinks",
    "ModbusTarget",
    "NumberType",
    "PymodbusClient",
    "Wanted",
    "WordOrder",
    "coalesce",
    "decode",
    "kept_parts",
    "words_of",
]
