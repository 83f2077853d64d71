"""Odd values in all cells of a device of every shipped family, and odd words in all registers: nothing raises, nothing is infinite."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import Device
from agent.lab.replay import read_all
from agent.modbus.registers import NumberType, WordOrder, decode, words_of
from agent.poll import ModbusPoller, SnmpPoller
from agent.profile import SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, Profile, planning_instances
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceDecodeError
from tests.agent.made_up_devices import columns, healthy_codes
from tests.agent.memory_peers import MemoryModbus, MemorySnmp
from tests.agent.odd_values import ODD, check
from tests.agent.shipped import shipped_profiles


def odd_device(profile: Profile, turn: int, *, codes: bool) -> dict[str, SnmpValue]:
    """An odd value in every cell that the profile may ask for; with `codes`, planning finds its rows. Another `turn`, other values."""
    places = [source.oid or "" for point in profile.points for source in point.sources()]
    places += [SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, *profile.marker, *planning_instances(profile)]
    places += [point.gate.oid or "" for _, point in profile.all_points() if point.gate]
    sources = profile.identity
    places += [
        each.oid or "" for group in (sources.vendor, sources.model, sources.serial, sources.firmware) for each in group
    ]
    good = healthy_codes(profile) if codes else {}
    found: dict[str, SnmpValue] = {}
    for place in filter(None, dict.fromkeys(places)):
        found[place] = good.get(place, ODD[(len(found) * 7 + turn) % len(ODD)])
    for table in profile.tables:
        for column in filter(None, dict.fromkeys(columns(table))):
            for index in ("1", "1.1", "1.2.3", "2.1.1.1"):
                found[f"{column}.{index}"] = good.get(column, ODD[(len(found) * 7 + turn) % len(ODD)])
    return found


SHIPPED = shipped_profiles()
SNMP_FAMILIES = [name for name, profile in SHIPPED.items() if profile.protocol == "snmp"]
MODBUS_FAMILIES = [name for name, profile in SHIPPED.items() if profile.protocol == "modbus"]


@pytest.mark.parametrize("first", range(6))
async def test_odd_devices_of_every_shipped_snmp_family_are_read_or_refused(first: int) -> None:
    read_somewhere = 0
    for number, name in enumerate(SNMP_FAMILIES[first::6]):
        device = Device(id="d", host="h", credential="c", profile=name, outlets=True)
        for turn, codes in ((number, True), (number + 1, True), (number + 2, False)):
            poller = SnmpPoller(device, SHIPPED, MemorySnmp(odd_device(SHIPPED[name], turn, codes=codes)))
            try:
                _, readings = await read_all(poller, 1e9)
            except DeviceDecodeError:
                continue
            check(readings)
            read_somewhere += bool(readings.values or readings.states or readings.bad)
    assert read_somewhere > len(SNMP_FAMILIES[first::6])


WORDS = (0, 1, 0x7F80, 0x7FC0, 0xFF80, 0x7FF0, 0x7FF8, 0xFFF0, 0x7FFF, 0x8000, 0xFFFF, 0x9999, 0xAAAA, 0x4141)
TYPES: tuple[NumberType, ...] = (
    *("uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "bcd16", "bcd32", "ascii", "bool"),
)
ORDERS: tuple[WordOrder, ...] = ("big", "little", "big-swapped", "little-swapped")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.integers(0, 0xFFFF)), min_size=4, max_size=8),
    st.sampled_from(TYPES),
    st.sampled_from(ORDERS),
)
def test_any_words_are_a_finite_number_a_short_text_or_nothing(
    words: list[int], kind: NumberType, order: WordOrder
) -> None:
    found = decode(words[: words_of(kind, len(words))], kind, order)
    if isinstance(found, str):
        assert len(found) <= 2 * len(words)
    elif found is not None:
        assert math.isfinite(found)


class AnyTable(MemoryModbus):
    """The same registers in every table; coils have their lowest bit."""

    async def read(self, unit: int, table: str, address: int, count: int) -> list[int]:
        words = await super().read(unit, "holding", address, count)
        return [word & 1 for word in words] if table in {"coil", "discrete"} else words


@pytest.mark.parametrize("name", MODBUS_FAMILIES)
async def test_odd_devices_of_every_shipped_modbus_family_are_read(name: str) -> None:
    device = Device(id="d", host="h", protocol="modbus", profile=name, unit=12, outlets=True)
    for at, word in enumerate(WORDS):
        other = WORDS[at - 1]
        client = AnyTable({place: word if place % 2 else other for place in range(65536)})
        _, readings = await read_all(ModbusPoller(device, SHIPPED[name], client), 1e9)
        check(readings)
        assert readings.values or readings.states or readings.bad
