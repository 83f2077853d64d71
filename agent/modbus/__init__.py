"""Modbus: links shared by the units behind them, and requests that read many values at once.

`client` asks, one request at a time for all units of a link, over TCP (`tcp`, `frames`) or RTU (`pymodbus_wire`). `requests` groups
registers within a device's limits, `refusals` knows which of them are refused and when to ask again, `registers` converts them to values.
`sunspec` shows what a SunSpec unit measures at fixed addresses. `seam` is what a poller sees of a link, `wire` what `client` sees of a
connection.
"""

from agent.modbus.client import ModbusLink, ModbusLinks
from agent.modbus.refusals import DEVICE_BUSY, GATEWAY, ILLEGAL_ADDRESS, Refusals, is_temporary
from agent.modbus.registers import WORDS, NumberType, WordOrder, decode, words_of
from agent.modbus.requests import Block, Field, RegisterValue, coalesce, field_alone, parts_of, split_block
from agent.modbus.seam import ModbusClient, ModbusTarget
from agent.modbus.sunspec import SunspecClient, sunspec_serials

__all__ = [
    "DEVICE_BUSY",
    "GATEWAY",
    "ILLEGAL_ADDRESS",
    "WORDS",
    "Block",
    "Field",
    "ModbusClient",
    "ModbusLink",
    "ModbusLinks",
    "ModbusTarget",
    "NumberType",
    "Refusals",
    "RegisterValue",
    "SunspecClient",
    "WordOrder",
    "coalesce",
    "decode",
    "field_alone",
    "is_temporary",
    "parts_of",
    "split_block",
    "sunspec_serials",
    "words_of",
]
