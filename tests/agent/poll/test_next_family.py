"""A device whose best family gives nothing is tried with the next one; what says nothing of a device is not believed."""

import pytest

from agent.config import Device
from agent.modbus import ModbusLink, ModbusLinks
from agent.poll import ModbusPoller, SnmpPoller, recognise_unit
from agent.poll.factory import modbus_target
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME, matches, parse_profile
from rackflow.errors import DeviceDecodeError
from tests.agent.faulty_peers import FaultyAgent, FaultyModbus, integer, oid_octets, tlv
from tests.agent.modbus.modbus_peers import target_of as modbus_target_of
from tests.agent.poll.faulty_units import Unit
from tests.agent.snmp.snmp_clients import MakeClient, target_of

ROOT = "1.3.6.1.4.1.99999"
NET_SNMP = "1.3.6.1.4.1.8072.3.2.10"
HEAD = """
version: 1
title: A device
source: a manual
evidence: unverified
"""


def family(name: str, points_below: str, recognise: str, **more: str) -> str:
    return f"""{HEAD}
profile: {name}
class: pdu
protocol: snmp
recognise: {{{recognise}}}
{more.get("more", "")}
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {points_below}.0, unit: watt}}
"""


PROFILES = {
    name: parse_profile(family(name, below, rules), f"{name}.yaml")
    for name, below, rules in (
        ("best", f"{ROOT}.10.1", f"sysobjectid: [{ROOT}.1], probes: [{ROOT}.2.0]"),
        ("second", f"{ROOT}.10.2", f"sysobjectid: [{ROOT}.1], probes: [{ROOT}.2.0], priority: -5"),
        ("other", f"{ROOT}.10.3", f"probes: [{ROOT}.3.0]"),
        ("generic", f"{ROOT}.10.4", f"probes: [{ROOT}.4.0], priority: -30"),
    )
}
PROBED = {f"{ROOT}.{probe}.0": integer(1) for probe in (2, 3, 4)}
SYSTEM = {SYS_OBJECT_ID: oid_octets(f"{ROOT}.1"), SYS_UPTIME: tlv(0x43, b"\x05")}


@pytest.mark.parametrize(("number", "profile"), list(enumerate(PROFILES, 1)))
async def test_the_next_family_is_tried_where_the_best_one_gives_nothing(
    client_of: MakeClient, number: int, profile: str
) -> None:
    async with FaultyAgent(SYSTEM | PROBED | {f"{ROOT}.10.{number}.0": integer(900)}).serving() as agent:
        device = Device(id="d", host="h", credential="c")
        poller = SnmpPoller(device, PROFILES, client_of(target_of(agent.port)))
        assert (await poller.open()).profile == profile
        assert (await poller.poll("fast", 0.0)).values == {"dcim_pdu_input_power_watts": 900.0}


async def test_for_a_device_that_fits_no_family_the_best_one_is_reported(client_of: MakeClient) -> None:
    async with FaultyAgent(SYSTEM | PROBED).serving() as agent:
        poller = SnmpPoller(Device(id="d", host="h", credential="c"), PROFILES, client_of(target_of(agent.port)))
        with pytest.raises(DeviceDecodeError, match="none of the objects of profile best"):
            await poller.open()
        assert len(agent.requests) < 60


def test_the_sysobjectid_of_net_snmp_points_to_nothing() -> None:
    rules = f"sysobjectid: [{NET_SNMP}], probes: [{ROOT}.2.0]"
    named = parse_profile(family("linux", ROOT, rules), "linux.yaml")
    unnamed = parse_profile(family("unnamed", ROOT, f"probes: [{ROOT}.2.0]"), "unnamed.yaml")
    found = matches([named, unnamed], {SYS_OBJECT_ID: NET_SNMP, f"{ROOT}.2.0": 1})
    assert [match.score for match in found] == [40, 40]
    assert (
        matches(
            [parse_profile(family("said", ROOT, f"sysobjectid: [{NET_SNMP}], sysdescr: [Linux]"), "said.yaml")],
            {SYS_OBJECT_ID: NET_SNMP, "1.3.6.1.2.1.1.1.0": b"Linux"},
        )
        == []
    )


def modbus(registers: str) -> str:
    return f"""{HEAD}
profile: valve
class: meter
protocol: modbus
modbus: {{unit: 7}}
recognise: {{registers: [{registers}]}}
points:
  - {{metric: dcim_meter_voltage_volts, labels: {{role: it, phase: L1}}, register: 0, unit: volt}}
  - {{metric: dcim_meter_frequency_hertz, labels: {{role: it}}, register: 2, unit: hertz}}
"""


@pytest.mark.parametrize(
    ("probes", "values", "fits"),
    [
        ("{register: 3, in: [4]}", {0: 230, 1: 0, 2: 50, 3: 4}, True),
        ("{register: 3, in: [4]}", {0: 230, 1: 0, 2: 60000, 3: 4}, False),
        ("{register: 3, in: [4]}", {0: 0, 1: 0, 2: 0, 3: 4}, False),
        ("{register: 3, in: [4]}", {3: 4}, False),
        ("{register: 3, in: [40004]}", {3: 40004}, True),
        ("{register: 3, in: [4]}, {register: 4, in: [1]}", {3: 4, 4: 1}, True),
    ],
)
async def test_one_small_number_does_not_name_a_modbus_unit(probes: str, values: dict[int, int], fits: bool) -> None:  # noqa: FBT001 - a parameter
    profile = parse_profile(modbus(probes), "valve.yaml")
    async with FaultyModbus(Unit(values).reply).serving() as server:
        client = ModbusLink(modbus_target_of(server.port))
        match, _ = await recognise_unit(client, 7, [profile])
        await client.close()
    assert (match is not None) is fits


@pytest.mark.parametrize(("order_number", "fits"), [(b"7KM2200-2EA30 ", True), (b"7KM3200-2EA30 ", False)])
async def test_a_word_behind_small_numbers_names_a_modbus_unit(order_number: bytes, *, fits: bool) -> None:
    """Identification & Maintenance is read as one block: a manufacturer's number, 42, and 0 stand before the order number."""
    block = [42, 0, *(int.from_bytes(order_number[at : at + 2]) for at in range(0, len(order_number), 2))]
    probe = f"{{register: 100, words: {len(block)}, contains: [7km2200]}}"
    profile = parse_profile(modbus(probe), "valve.yaml")
    async with FaultyModbus(Unit({100 + at: word for at, word in enumerate(block)}).reply).serving() as server:
        client = ModbusLink(modbus_target_of(server.port))
        match, _ = await recognise_unit(client, 7, [profile])
        await client.close()
    assert (match is not None) is fits


@pytest.mark.parametrize(("changes", "unit"), [({}, 7), ({"unit": 1}, 1)])
async def test_a_unit_that_the_configuration_does_not_name_is_the_profiles(changes: dict[str, int], unit: int) -> None:
    profile = parse_profile(modbus("{register: 3, in: [4]}"), "valve.yaml")
    async with FaultyModbus(Unit({0: 230, 1: 0, 2: 50}).reply).serving() as server:
        device = Device.model_validate(
            {"id": "d", "host": "127.0.0.1", "port": server.port, "protocol": "modbus", "profile": "valve", **changes}
        )
        poller = ModbusPoller(device, profile, ModbusLinks().acquire(modbus_target(device, {"valve": profile})))
        await poller.open()
        await poller.close()
        assert {frame[6] for frame in server.frames} == {unit}
