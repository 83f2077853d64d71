"""Columns of codes that a device counts from another number than its profile: none of their states is published.

An outlet that is "on" is off, if its strip sends 0 and 1 where the MIB has 1 for on and 2 for off.
"""

import pytest

from agent.config import Device
from agent.poll import ModbusPoller, SnmpPoller
from agent.poll.checks.code_shift import SURE_S
from agent.profile import SYS_DESCR, SYS_UPTIME, RawValue, parse_profile
from agent.readings import Readings
from rackflow.catalogue import POLL_SECONDS
from tests.agent.memory_peers import MemoryModbus, MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
HEAD = """
version: 1
profile: strip
class: pdu
title: A device
source: a manual
evidence: unverified
"""
ON = "dcim_pdu_outlet_on{{outlet={}}}"


def strip(codes: str, *, absent: str = "", amperes: bool = True) -> str:
    points = [f"{{metric: dcim_pdu_outlet_on, oid: {ROOT}.1.2, numbers: {codes}{absent}, poll: fast}}"]
    if amperes:
        points.append(f"{{metric: dcim_pdu_outlet_current_amperes, oid: {ROOT}.1.3, unit: ampere}}")
    points.append(f"{{metric: dcim_pdu_outlet_rated_current_amperes, oid: {ROOT}.1.4, unit: ampere, poll: slow}}")
    rows = "".join(f"      - {point}\n" for point in points)
    table = f"  - name: outlet\n    rows: {ROOT}.1.2\n    labels: {{outlet: {{index: 1}}}}\n    points:\n{rows}"
    return f"{HEAD}protocol: snmp\nrecognise: {{probes: [{ROOT}.9.0]}}\ntables:\n{table}"


def cells(*codes: RawValue, amperes: tuple[int, ...] = ()) -> dict[str, RawValue]:
    found: dict[str, RawValue] = {"1.3.6.1.2.1.1.3.0": 100, f"{ROOT}.9.0": 1}
    for number, code in enumerate(codes, 1):
        found[f"{ROOT}.1.2.{number}"] = code
        found[f"{ROOT}.1.4.{number}"] = 16
        if amperes:
            found[f"{ROOT}.1.3.{number}"] = amperes[number - 1]
    return found


def poller(text: str, device: MemorySnmp) -> SnmpPoller:
    config = Device(id="d", host="h", credential="c", profile="strip", outlets=True)
    return SnmpPoller(config, {"strip": parse_profile(text, "strip.yaml")}, device)


async def read(text: str, *codes: RawValue, amperes: tuple[int, ...] = ()) -> Readings:
    device = poller(text, MemorySnmp({**cells(*codes, amperes=amperes)}))
    await device.open()
    return await device.poll("fast", 0.0)


def states(readings: Readings) -> list[float | str | None]:
    keys = [ON.format(number) for number in range(1, 5)]
    return [readings.values.get(key, readings.bad.get(key)) for key in keys]


SURE = round(SURE_S / POLL_SECONDS["fast"])
FROM_1, FROM_0 = "{1: 1, 2: 0}", "{0: 0, 1: 1}"


@pytest.mark.parametrize(
    ("codes", "amperes", "found"),
    [
        # 0 on and 1 off: the off ones would be on.
        ((0, 1, 0), (3, 0, 2), ["state", "state", "state"]),
        ((0, 1, 0), (0, 0, 0), ["state", "state", "state"]),  # nothing measures, so nothing shows what is fitted
        ((0, 1, 0), (), ["state", "state", "state"]),
        # An off one proves that the strip counts as its MIB does.
        ((0, 1, 2), (3, 1, 0), ["state", 1.0, 0.0]),
        # Outlets that are not there, beside outlets that measure.
        ((1, 1, 0), (3, 2, 0), [1.0, 1.0, "state"]),
        ((1, 1, 1), (3, 2, 0), [1.0, 1.0, 1.0]),
    ],
)
async def test_a_column_that_has_the_code_before_the_first_and_not_the_last_is_rejected(
    codes: tuple[int, ...], amperes: tuple[int, ...], found: list[float | str]
) -> None:
    assert states(await read(strip(FROM_1, amperes=bool(amperes)), *codes, amperes=amperes))[:3] == found


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ((1, 2, 1), ["state", "state", "state"]),  # 1 off and 2 on
        ((1, 2, 0), [1.0, "state", 0.0]),
        ((1, 1, 1), [1.0, 1.0, 1.0]),
    ],
)
async def test_the_same_of_a_column_that_is_counted_from_1_where_its_profile_has_0(
    codes: tuple[int, ...], found: list[float | str]
) -> None:
    assert states(await read(strip(FROM_0), *codes, amperes=(1, 1, 0)))[:3] == found


@pytest.mark.parametrize("absent", [", absent: [0]", f", gate: {{column: {ROOT}.1.2, in: [1, 2], missing: [0]}}"])
async def test_a_profile_that_knows_the_code_keeps_the_column(absent: str) -> None:
    assert states(await read(strip(FROM_1, absent=absent), 0, 1, 1, amperes=(1, 1, 1)))[1:3] == [1.0, 1.0]


@pytest.mark.parametrize("codes", ["{1: 1, 4: 0}", "{4: 1, 5: 0}", "{8: 1, 16: 0}"])
async def test_codes_that_are_no_count_cost_nothing_but_the_row_with_another_one(codes: str) -> None:
    """Flags, and codes of a list of which the profile has some: 0 among them proves no other count."""
    on = int(codes[1])
    found = states(await read(strip(codes), 0, on, on, amperes=(1, 1, 1)))
    assert found[:3] == ["state", 1.0, 1.0]


async def test_a_column_stays_rejected_when_no_row_has_the_sign_until_one_has_the_proof() -> None:
    peer = MemorySnmp({**cells(0, 1, amperes=(3, 0))})
    device = poller(strip(FROM_1), peer)
    await device.open()
    for _ in range(SURE):
        assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]
    peer.values[f"{ROOT}.1.2.1"] = 1  # switched off
    assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]
    await device.open()
    assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"], "a new plan is no other device"
    peer.values[f"{ROOT}.1.2.1"] = 2
    assert states(await device.poll("fast", 0.0))[:2] == [0.0, 1.0]
    peer.values[f"{ROOT}.1.2.1"] = 0
    assert states(await device.poll("fast", 0.0))[:2] == ["state", 1.0]


@pytest.mark.parametrize(("polls", "kept"), [(1, True), (SURE - 1, True), (SURE, False)])
async def test_a_sign_that_is_gone_within_minutes_costs_the_column_its_states_for_no_longer(
    polls: int, *, kept: bool
) -> None:
    """A card that starts, or one odd answer. Nothing is ever off, so nothing would prove how the strip counts."""
    peer = MemorySnmp({**cells(1, 1, amperes=(3, 1))})
    device = poller(strip(FROM_1), peer)
    await device.open()
    for _ in range(2):
        peer.values[f"{ROOT}.1.2.1"] = 0
        for _ in range(polls):
            assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]
        peer.values[f"{ROOT}.1.2.1"] = 1
        assert (states(await device.poll("fast", 0.0))[:2] == [1.0, 1.0]) is kept


async def test_a_sign_that_comes_and_goes_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    peer = MemorySnmp({**cells(1, 1, amperes=(3, 1))})
    device = poller(strip(FROM_1), peer)
    await device.open()
    for code in (0, 1) * 3:
        peer.values[f"{ROOT}.1.2.1"] = code
        await device.poll("fast", 0.0)
    assert len([each for each in caplog.messages if "codes are not read" in each]) == 1


async def test_a_sign_that_comes_while_the_device_is_polled_counts_as_well() -> None:
    peer = MemorySnmp({**cells(1, 1, amperes=(3, 1))})
    device = poller(strip(FROM_1), peer)
    await device.open()
    assert states(await device.poll("fast", 0.0))[:2] == [1.0, 1.0]
    peer.values[f"{ROOT}.1.2.1"] = 0
    assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]


async def test_an_outlet_that_is_taken_out_while_the_others_measure_costs_them_nothing() -> None:
    """Its currents are polled in another class than its state."""
    peer = MemorySnmp({**cells(1, 1, 1, amperes=(3, 2, 0))})
    device = poller(strip(FROM_1), peer)
    await device.open()
    await device.poll("slow", 0.0)
    peer.values[f"{ROOT}.1.2.3"] = 0
    assert states(await device.poll("fast", 0.0))[:3] == [1.0, 1.0, "state"]


async def test_a_reboot_ends_it_because_the_firmware_may_be_another() -> None:
    peer = MemorySnmp({**cells(0, 1, amperes=(3, 0)), "1.3.6.1.2.1.1.3.0": 900_000})
    device = poller(strip(FROM_1), peer)
    await device.open()
    for _ in range(SURE):
        assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]
    peer.values |= {f"{ROOT}.1.2.1": 1, "1.3.6.1.2.1.1.3.0": 100}
    assert (await device.poll("slow", 0.0)).reopen == "has rebooted"
    await device.open()
    assert states(await device.poll("fast", 0.0))[:2] == [1.0, 1.0]


async def test_another_source_of_the_value_stands_in() -> None:
    text = strip(FROM_1).replace(
        f"numbers: {FROM_1}", f"numbers: {FROM_1}, fallback: [{{oid: {ROOT}.1.5, numbers: {{5: 0, 7: 1}}}}]"
    )
    others = {f"{ROOT}.1.5.1": 7, f"{ROOT}.1.5.2": 5}
    device = poller(text, MemorySnmp({**cells(0, 1, 1, amperes=(3, 0, 1)), **others}))
    await device.open()
    readings = await device.poll("fast", 0.0)
    assert states(readings)[:3] == [1.0, 0.0, "state"]
    assert set(readings.bad) == {ON.format(3)}, "what another source gives is not missing"


async def test_repeated_registers_of_a_modbus_unit_are_a_column_too() -> None:
    text = f"""{HEAD}protocol: modbus
modbus: {{unit: 12}}
points:
  - {{metric: dcim_pdu_outlet_on, poll: fast, register: 10, step: 1, repeat: {{outlet: 1-3}}, numbers: {FROM_1}}}
  - {{metric: dcim_pdu_outlet_current_amperes, register: 20, step: 1, repeat: {{outlet: 1-3}}, unit: ampere}}
"""
    unit = MemoryModbus({10: 0, 11: 1, 12: 1, **dict.fromkeys(range(13, 20), 0), 20: 2, 21: 0, 22: 0})
    config = Device(id="d", host="h", protocol="modbus", unit=12, profile="strip", outlets=True)
    device = ModbusPoller(config, parse_profile(text, "strip.yaml"), unit)
    await device.open()
    assert states(await device.poll("fast", 0.0))[:3] == ["state", "state", "state"]
    unit.registers[11] = 2
    assert states(await device.poll("fast", 0.0))[:3] == ["state", 0.0, 1.0]


@pytest.mark.parametrize(("firmware", "then"), [(0x4141, "state"), (0x4142, 1.0)])
async def test_it_lasts_until_a_modbus_unit_has_other_firmware(firmware: int, then: float | str) -> None:
    text = f"""{HEAD}protocol: modbus
identity: {{firmware: [{{register: 90, words: 1}}]}}
points:
  - {{metric: dcim_pdu_outlet_on, poll: fast, register: 10, step: 1, repeat: {{outlet: 1-2}}, numbers: {FROM_1}}}
  - {{metric: dcim_pdu_outlet_current_amperes, register: 20, step: 1, repeat: {{outlet: 1-2}}, unit: ampere}}
"""
    unit = MemoryModbus({10: 0, 11: 1, 20: 2, 21: 0, 90: 0x4141})
    config = Device(id="d", host="h", protocol="modbus", unit=12, profile="strip", outlets=True)
    device = ModbusPoller(config, parse_profile(text, "strip.yaml"), unit)
    await device.open()
    for _ in range(SURE):
        assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]
    unit.registers |= {10: 1, 90: firmware}
    await device.open()
    assert states(await device.poll("fast", 0.0))[:2] == [then, then]


@pytest.mark.parametrize(("firmware", "then"), [(b"v1", "state"), (b"v2", 1.0)])
async def test_it_lasts_until_an_snmp_device_without_an_uptime_has_other_firmware(
    firmware: bytes, then: float | str
) -> None:
    peer = MemorySnmp({**cells(0, 1, amperes=(3, 0)), SYS_DESCR: b"v1"})
    del peer.values[SYS_UPTIME]
    device = poller(strip(FROM_1), peer)
    await device.open()
    for _ in range(SURE):
        assert states(await device.poll("fast", 0.0))[:2] == ["state", "state"]
    peer.values |= {f"{ROOT}.1.2.1": 1, SYS_DESCR: firmware}
    await device.open()
    assert states(await device.poll("fast", 0.0))[:2] == [then, then]


async def test_codes_that_begin_far_from_0_are_no_count_that_begins_there() -> None:
    assert states(await read(strip("{5: 1, 6: 0}"), 0, 5, 5, amperes=(1, 1, 1)))[:3] == ["state", 1.0, 1.0]


async def test_bits_of_one_word_are_no_codes_whatever_the_word_is() -> None:
    """2 is the second outlet alone, and neither 0 nor 1."""
    text = f"""{HEAD}protocol: modbus
modbus: {{unit: 12}}
points:
  - {{metric: dcim_pdu_outlet_on, poll: fast, register: 10, bit: 0, bit_step: 1, repeat: {{outlet: 1-3}}, numbers: {FROM_0}}}
"""
    config = Device(id="d", host="h", protocol="modbus", unit=12, profile="strip", outlets=True)
    device = ModbusPoller(config, parse_profile(text, "strip.yaml"), MemoryModbus({10: 2}))
    await device.open()
    assert states(await device.poll("fast", 0.0))[:3] == [0.0, 1.0, 0.0]


async def test_a_single_number_is_only_rejected_itself() -> None:
    peer = MemorySnmp({**cells(0, amperes=(3,))})
    device = poller(strip(FROM_1), peer)
    await device.open()
    assert states(await device.poll("fast", 0.0))[:1] == ["state"]
    peer.values[f"{ROOT}.1.2.1"] = 1
    assert states(await device.poll("fast", 0.0))[:1] == [1.0], "a unit that starts with 0 has a state again"
