"""When a Modbus unit is asked who it is: how often, over which connections, and what a failure to tell it means."""

from agent.poll.unit_identity import CONNECTED_EVERY_S, FIRMWARE_EVERY_S, IDENTIFY_EVERY_S, UnitIdentity
from agent.profile import parse_profile
from rackflow.errors import DeviceTimeout
from rackflow.register_tables import RegisterTable

SERIAL, MODEL, FIRMWARE = 1, 2, 3
PROFILE = parse_profile(
    f"""
version: 1
profile: known
class: pdu
protocol: modbus
title: A unit
source: a manual
evidence: unverified
identity:
  serial: [{{register: {SERIAL}, type: uint16}}]
  model: [{{register: {MODEL}, type: uint16}}]
  firmware: [{{register: {FIRMWARE}, type: uint16}}]
points:
  - {{metric: dcim_pdu_input_power_watts, register: 9, unit: watt}}
""",
    "known.yaml",
)


class Unit:
    """A unit, its clock, and what it was asked since that was last looked at."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.connections = 1
        self.registers = {SERIAL: 4711, MODEL: 7, FIRMWARE: 12}
        self.is_silent = False
        self._asked: list[int] = []
        self.identity = UnitIdentity(self._ask, PROFILE, lambda: self.now_s, lambda: self.connections)

    async def _ask(self, _table: RegisterTable, address: int, _count: int) -> list[int]:
        self._asked.append(address)
        if self.is_silent:
            raise DeviceTimeout("no answer", device="d", operation="read")
        return [self.registers[address]]

    def asked(self) -> list[int]:
        found, self._asked = self._asked, []
        return found


async def test_serial_number_and_model_are_read_once_a_minute_and_the_firmware_once_an_hour() -> None:
    unit = Unit()
    await unit.identity.read()
    assert sorted(unit.asked()) == [SERIAL, MODEL, FIRMWARE]
    began_s, minutes, hours = unit.now_s, 0, 0
    while unit.now_s < began_s + 2 * FIRMWARE_EVERY_S:
        unit.now_s += 10.0
        assert await unit.identity.changed() == ""
        asked = unit.asked()
        assert asked in ([], [SERIAL, MODEL], [SERIAL, MODEL, FIRMWARE])
        minutes, hours = minutes + (SERIAL in asked), hours + (FIRMWARE in asked)
    assert (minutes, hours) == (2 * FIRMWARE_EVERY_S / IDENTIFY_EVERY_S, 2)
    unit.registers[FIRMWARE] = 13
    unit.identity.read_soon()
    assert await unit.identity.changed() == "firmware was '12' and is '13'"


async def test_a_unit_behind_a_new_connection_that_does_not_tell_who_it_is_is_asked_again_after_a_pause() -> None:
    unit = Unit()
    await unit.identity.read()
    unit.connections, unit.is_silent = 2, True
    unit.registers[SERIAL] = 4712
    unit.asked()
    for _ in range(3):
        assert await unit.identity.other_unit() == ""
    assert unit.asked() == [SERIAL]
    unit.now_s += CONNECTED_EVERY_S
    unit.is_silent = False
    assert await unit.identity.other_unit() == "serial was '4711' and is '4712'"
    unit.now_s += CONNECTED_EVERY_S
    unit.asked()
    assert await unit.identity.other_unit() == ""
    assert unit.asked() == [], "over this connection it is known"
