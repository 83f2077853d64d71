"""Modbus units of every family with a published map, so that tests can vary them: word orders, refused registers, short answers, marks."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.config import Device
from agent.lab.replay import read_all
from agent.modbus import RegisterValue
from agent.poll import ModbusPoller
from agent.profile import Profile
from agent.profile.schema.cell_refs import registers_of
from agent.readings import Readings
from rackflow.errors import DeviceProtocolError
from rackflow.recording import RegisterTable
from tests.agent.shipped import shipped_profiles
from tests.conformance.modbus_gear import gear_maps
from tests.conformance.modbus_gensets import genset_maps
from tests.conformance.modbus_liebert import liebert_maps
from tests.conformance.modbus_maps import Served, ups_maps
from tests.conformance.modbus_meters import meter_maps
from tests.conformance.modbus_monitors import monitor_maps
from tests.conformance.modbus_more_meters import more_meter_maps

MAPS: Mapping[str, Served] = (
    ups_maps() | liebert_maps() | gear_maps() | meter_maps() | more_meter_maps() | monitor_maps() | genset_maps()
)
SHIPPED = shipped_profiles()
Place = tuple[RegisterTable, int]
Words = Mapping[Place, int]


@dataclass
class VariedUnit:
    """A `ModbusClient` of one unit: the registers of its map, some of which hold other words, are refused, or come in short answers."""

    served: Served
    words: Words = field(default_factory=dict)
    refused: Collection[Place] = ()
    longest: int = 125
    shift: int = 0
    """Offset of its register numbers from those of the map: 1 if it counts from 0 and the map counts from 1."""

    def word(self, table: RegisterTable, address: int) -> int:
        """The content of a register of the map."""
        if table in ("coil", "discrete"):
            return (self.served.coils if table == "coil" else self.served.inputs).get(address + self.shift, 0)
        settings = self.served.settings
        registers = settings if table == "holding" and settings else self.served.registers
        return registers.get(address + self.shift, 0)

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        places: list[Place] = [(table, at) for at in range(address, address + count)]
        error = DeviceProtocolError("cannot answer", device="d", operation=f"read {unit}")
        if any(place in self.refused for place in places):
            error.code = 2
            raise error
        if count > self.longest:
            error.is_short = True
            raise error
        return [self.words.get(place, self.word(*place)) for place in places]

    async def close(self) -> None:
        """Nothing to free."""


def poller_of(name: str, unit: VariedUnit, clock: Callable[[], float] = time.monotonic) -> ModbusPoller:
    device = Device(id="d", host="h", protocol="modbus", profile=name, unit=1, outlets=True)
    return ModbusPoller(device, SHIPPED[name], unit, clock)


async def read(name: str, unit: VariedUnit | None = None) -> Readings:
    """All of it, once. Time stands still, because a poller looks for refused registers for tenths of seconds only."""
    return (await read_all(poller_of(name, unit or VariedUnit(MAPS[name]), lambda: 0.0), 1e9))[1]


def told(readings: Readings) -> dict[str, float | str]:
    return {**readings.values, **readings.states}


def numbers_of(profile: Profile) -> Iterator[RegisterValue]:
    """The registers that the profile reads for numbers, of all variants of the family."""
    seen: set[str] = set()
    for _, point in profile.all_points():
        for source in point.sources():
            for part in (part for part in source.parts() if part.register_ is not None):
                for each in registers_of(part):
                    if each.ref not in seen:
                        seen.add(each.ref)
                        yield each


def long_numbers(name: str) -> list[RegisterValue]:
    """Those in several registers."""
    return [each for each in numbers_of(SHIPPED[name].loaded()) if each.words > 1 and each.kind != "ascii"]


def reordered(name: str, order: Callable[[Sequence[int]], Sequence[int]], served: Served | None = None) -> VariedUnit:
    """The unit with the words of its long numbers in another order."""
    unit = VariedUnit(served or MAPS[name])
    words: dict[Place, int] = {}
    for each in long_numbers(name):
        held = [unit.word(each.table, each.address + at) for at in range(each.words)]
        words |= {(each.table, each.address + at): word for at, word in enumerate(order(held))}
    return VariedUnit(unit.served, words)


def words_swapped(words: Sequence[int]) -> list[int]:
    return list(reversed(words))


def bytes_swapped(words: Sequence[int]) -> list[int]:
    return [(word & 0xFF) << 8 | word >> 8 for word in words]


def both_swapped(words: Sequence[int]) -> list[int]:
    return bytes_swapped(words_swapped(words))


OTHER_ORDERS = (words_swapped, bytes_swapped, both_swapped)
