"""One Modbus unit in memory: the number that it is asked as, and its end."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from agent.config import Device
from agent.poll import ModbusPoller
from agent.poll.unit_identity import FIRMWARE_EVERY_S, IDENTIFY_EVERY_S
from agent.profile import parse_profile
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable
from rackflow.recording import RegisterTable
from tests.agent.memory_peers import MemoryModbus

FREQUENCY, WATTS = "dcim_meter_frequency_hertz{role=it}", "dcim_meter_power_watts{role=it}"


def poller(
    client: MemoryModbus,
    in_profile: int = 12,
    configured: Mapping[str, int] | None = None,
    points: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> ModbusPoller:
    """A poller of the unit that is 12 in memory; `points` are further ones."""
    profile = parse_profile(
        f"""
version: 1
profile: metered
class: rack
protocol: modbus
title: A meter
source: a manual
evidence: unverified
modbus: {{unit: {in_profile}}}
points:
  - {{metric: dcim_meter_frequency_hertz, labels: {{role: it}}, register: 20, unit: hertz, poll: slow}}
{points}""",
        "metered.yaml",
    )
    device = Device.model_validate(
        {"id": "d", "host": "h", "protocol": "modbus", "profile": "metered", "role": "it", **(configured or {})}
    )
    return ModbusPoller(device, profile, client, clock)


@pytest.mark.parametrize(("in_profile", "configured"), [(12, {}), (3, {"unit": 12})])
async def test_a_unit_has_the_number_of_the_configuration_or_else_that_of_its_profile(
    in_profile: int, configured: dict[str, int]
) -> None:
    one = poller(MemoryModbus({20: 50}), in_profile, configured)
    await one.open()
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0}


@pytest.mark.parametrize(("in_profile", "configured"), [(3, {}), (12, {"unit": 3}), (12, {"unit": 1})])
async def test_a_unit_is_asked_as_no_other(in_profile: int, configured: dict[str, int]) -> None:
    """Also where the configuration names the number that would be the usual one."""
    with pytest.raises(DeviceError):
        await poller(MemoryModbus({20: 50}), in_profile, configured).open()


async def test_a_sum_of_which_one_register_is_refused_is_missing_with_its_reason() -> None:
    client = MemoryModbus({20: 50, 30: 7, 31: 500})
    watts = """\
  - metric: dcim_meter_power_watts
    labels: {role: it}
    register: 30
    unit: kilowatt
    plus: [{register: 31, unit: watt}]
    poll: slow
"""
    one = poller(client, points=watts)
    await one.open()
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0, WATTS: 7500.0}
    del client.registers[31]
    readings = await one.poll("slow", 1e9)
    assert (readings.values, readings.bad) == ({FREQUENCY: 50.0}, {WATTS: "refused"})


class Starting(MemoryModbus):
    """A unit that is busy for 0.25 s, as while it stores a setting: longer than two equal pauses, and less than one and its double."""

    until_s = 0.0

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        now_s = asyncio.get_running_loop().time()
        self.until_s = self.until_s or now_s + 0.25
        if now_s < self.until_s:
            self.requests.append((address, count))
            busy = DeviceProtocolError("exception 6, device busy", device="d", operation="read")
            busy.code = 6
            raise busy
        return await super().read(unit, table, address, count)


async def test_a_busy_unit_gets_time_before_it_is_asked_again() -> None:
    """Repetitions at once, or after one short pause each, would only tell that it is still busy."""
    client = Starting({20: 50})
    one = poller(client, 12, {"retries": 2})
    await one.open()
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0}
    assert len(client.requests) <= 5


PHASES = "".join(
    f"  - {{metric: dcim_meter_current_amperes, labels: {{role: it, phase: L{at}}}, register: {30 + at}, unit: ampere, poll: slow}}\n"
    for at in (1, 2)
)
L1, L2 = (f"dcim_meter_current_amperes{{phase=L{phase},role=it}}" for phase in (1, 2))


async def test_a_reopened_unit_is_asked_again_for_what_it_lacked_but_not_for_what_it_lacks_now() -> None:
    """Another unit may have its address, or other firmware runs on it."""
    client = MemoryModbus({20: 50, 31: 7})
    one = poller(client, points=PHASES)
    await one.open()
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0, L1: 7.0}
    client.registers = {20: 50, 32: 8}
    await one.open()
    readings = await one.poll("slow", 1e9)
    assert (readings.values, readings.bad) == ({FREQUENCY: 50.0, L2: 8.0}, {})


THREE_BLOCKS = PHASES.replace("register: 31", "register: 131").replace("register: 32", "register: 232")
BUSY, FAILURE, UNREACHED, GARBAGE = 6, 4, 11, -1


class Answering(MemoryModbus):
    """A unit that answers its next requests with these exception codes; 0 is an answer, GARBAGE is one that has no code."""

    def __init__(self, registers: dict[int, int]) -> None:
        super().__init__(registers)
        self.codes = deque[int]()

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        if not (code := self.codes.popleft() if self.codes else 0):
            return await super().read(unit, table, address, count)
        self.requests.append((address, count))
        refusal = DeviceProtocolError(f"exception {code}", device="d", operation="read")
        if code != GARBAGE:
            refusal.code = code
        raise refusal


@pytest.mark.parametrize(
    ("codes", "values", "bad"),
    [
        ([BUSY, 0, BUSY, 0, BUSY, 0], {FREQUENCY: 50.0, L1: 7.0, L2: 8.0}, {}),
        ([BUSY, FAILURE, BUSY, 0, BUSY, 0], {L1: 7.0, L2: 8.0}, {FREQUENCY: "refused"}),
        ([BUSY, BUSY, BUSY, 0], {L2: 8.0}, {FREQUENCY: "busy", L1: "busy"}),
        ([0, BUSY, BUSY, BUSY], {FREQUENCY: 50.0}, {L1: "busy", L2: "busy"}),
        ([0, UNREACHED, UNREACHED, 0], {FREQUENCY: 50.0, L2: 8.0}, {L1: "busy"}),
    ],
)
async def test_retries_are_counted_over_all_blocks_of_a_poll_until_the_unit_answers_or_refuses(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], values: dict[str, float], bad: dict[str, str]
) -> None:
    """A unit that stays busy does not cost a pause for each of its blocks, and its next poll has its repetitions again."""
    monkeypatch.setattr("agent.poll.modbus.BUSY_PAUSE_S", 0.0)
    client = Answering({20: 50, 131: 7, 232: 8})
    one = poller(client, 12, {"retries": 1}, THREE_BLOCKS)
    await one.open()
    client.codes.extend(codes)
    readings = await one.poll("slow", 1e9)
    assert (readings.values, readings.bad) == (values, bad)
    assert not client.codes
    client.codes.append(BUSY)
    refused = {key for key, why in bad.items() if why == "refused"}
    assert (await one.poll("slow", 1e9)).values.keys() == {FREQUENCY, L1, L2} - refused


async def test_garbage_in_place_of_an_answer_says_nothing_about_the_register() -> None:
    client = Answering({20: 50, 131: 7, 232: 8})
    one = poller(client, points=THREE_BLOCKS, clock=lambda: 0.0)
    await one.open()
    client.codes.extend([0, GARBAGE, 0])
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0, L2: 8.0}
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0, L1: 7.0, L2: 8.0}


async def test_an_opening_that_was_cut_short_goes_on_where_it_ended() -> None:
    """Otherwise a slow unit with many registers that it lacks would never be opened before its deadline."""
    client = HangingUp({20: 50, 232: 8})
    one = poller(client, points=THREE_BLOCKS)
    client.hangs_up_at = 232
    with pytest.raises(DeviceUnreachable):
        await one.open()
    client.hangs_up_at = -1
    client.requests.clear()
    await one.open()
    assert client.requests == [(232, 1)]
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0, L2: 8.0}


async def test_a_reading_whose_gate_is_not_read_is_missing_with_the_reason() -> None:
    gated = "  - {metric: dcim_meter_power_watts, labels: {role: it}, register: 30, unit: watt, poll: slow,"
    client = MemoryModbus({20: 50, 30: 7, 40: 1})
    one = poller(client, points=f"{gated} gate: {{register: 40, in: [1]}}}}\n")
    await one.open()
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0, WATTS: 7.0}
    del client.registers[40]
    readings = await one.poll("slow", 1e9)
    assert (readings.values, readings.bad) == ({FREQUENCY: 50.0}, {WATTS: "refused"})


async def test_a_meter_measures_what_its_configuration_says() -> None:
    role = "  - {metric: dcim_meter_power_watts, labels: {role: {device: role, default: other}}, register: 30, unit: watt}\n"
    one = poller(MemoryModbus({20: 50, 30: 7}), points=role)
    (poll_class,) = (await one.open()).poll_classes - {"slow"}
    assert (await one.poll(poll_class, 1e9)).values == {WATTS: 7.0}


@dataclass
class Slow(MemoryModbus):
    """A unit that takes 0.5 s for each answer, by a clock of its own."""

    registers: dict[int, int]
    now_s: float = 0.0

    def __post_init__(self) -> None:
        super().__init__(self.registers)

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        self.now_s += 0.5
        return await super().read(unit, table, address, count)


@pytest.mark.parametrize("were_there", [True, False])
async def test_a_slow_unit_is_asked_again_for_one_refused_register_in_each_poll(*, were_there: bool) -> None:
    """All of them in one poll would make it late for the next, whether they answered before or never did."""
    client = Slow({20: 50, **({131: 7, 232: 8} if were_there else {})})
    one = poller(client, points=THREE_BLOCKS, clock=lambda: client.now_s)
    await one.open()
    client.registers = {20: 50}
    await one.poll("slow", 1e9)
    asked = []
    for _ in range(2):
        client.now_s += 61.0
        client.requests.clear()
        await one.poll("slow", 1e9)
        asked.append(client.requests[:])
    assert asked == [[(20, 1), (131, 1)], [(20, 1), (232, 1)]]


class Counting(MemoryModbus):
    """Ends a poller that would ask for ever."""

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        assert len(self.requests) < 10
        return await super().read(unit, table, address, count)


async def test_a_silent_unit_is_asked_as_often_as_it_is_configured_and_no_oftener() -> None:
    for configured, asked in (({}, 1), ({"retries": 2}, 3)):
        client = Counting({20: 50})
        one = poller(client, 12, configured)
        await one.open()
        client.silent = True
        client.requests.clear()
        with pytest.raises(DeviceTimeout):
            await one.poll("slow", 1e9)
        assert len(client.requests) == asked


class Unreached(MemoryModbus):
    """A gateway that does not reach the unit, and says so after its own time."""

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        if not self.silent:
            return await super().read(unit, table, address, count)
        self.requests.append((address, count))
        away = DeviceProtocolError("exception 11, gateway target does not respond", device="d", operation="read")
        away.code = 11
        raise away


async def test_a_unit_that_its_gateway_does_not_reach_is_asked_for_one_block_and_not_for_all() -> None:
    client = Unreached({20: 50, 131: 7, 232: 8})
    one = poller(client, 12, {"retries": 0}, PHASES.replace("register: 31", "register: 131").replace(": 32", ": 232"))
    await one.open()
    client.silent = True
    client.requests.clear()
    with pytest.raises(DeviceProtocolError, match="gateway"):
        await one.poll("slow", 1e9)
    assert len(client.requests) == 1


async def test_a_unit_whose_wiring_register_never_rests_is_opened_every_ten_seconds_and_no_oftener() -> None:
    """Eleven seconds after it was opened the register differs for the first time from what it was then."""
    now_s = [1000.0]
    three_wires = "  - {metric: dcim_meter_current_amperes, labels: {role: it, phase: L1}, register: 31, unit: ampere,"
    client = MemoryModbus({20: 50, 31: 7, 40: 1})
    one = poller(
        client, points=f"{three_wires} poll: slow, when: {{register: 40, in: [1]}}}}\n", clock=lambda: now_s[0]
    )
    await one.open()
    opened_at = []
    for second in range(1, 26):
        now_s[0] = 1000.0 + second
        client.registers[40] = 3 - client.registers[40]
        if (await one.poll("slow", 1e9)).reopen:
            opened_at.append(second)
            await one.open()
    assert opened_at == [1, 12, 23]


async def test_a_unit_that_answers_again_is_asked_at_once_whether_it_is_the_same() -> None:
    client = MemoryModbus({20: 50, 92: 0x5331})
    one = poller(client, points="identity:\n  serial: [{register: 92, words: 1}]\n")
    await one.open()
    client.silent = True
    with pytest.raises(DeviceError):
        await one.poll("slow", 1e9)
    client.silent, client.registers[92] = False, 0x5332
    assert (await one.poll("slow", 1e9)).reopen == "serial was 'S1' and is 'S2'"


async def test_a_unit_with_new_firmware_is_opened_anew_at_once_after_a_failed_poll_and_else_within_an_hour() -> None:
    """An update takes a unit away for less than three polls, so it was never down, and its document named the former firmware for ever."""
    now_s = [0.0]
    client = MemoryModbus({20: 50, 92: 0x5631})
    one = poller(client, points="identity:\n  firmware: [{register: 92, words: 1}]\n", clock=lambda: now_s[0])
    assert (await one.open()).identity.firmware == "V1"
    client.silent = True
    with pytest.raises(DeviceError):
        await one.poll("slow", 1e9)
    client.silent, client.registers[92] = False, 0x5632
    assert (await one.poll("slow", 1e9)).reopen == "firmware was 'V1' and is 'V2'"
    assert (await one.open()).identity.firmware == "V2"
    client.registers[92] = 0x5633
    now_s[0] += FIRMWARE_EVERY_S - 1
    assert (await one.poll("slow", 1e9)).reopen == ""
    now_s[0] += IDENTIFY_EVERY_S
    assert (await one.poll("slow", 1e9)).reopen == "firmware was 'V2' and is 'V3'"


async def test_a_unit_that_had_no_register_of_its_profile_is_asked_for_all_of_them_again() -> None:
    """As one that has just been switched on, or of which the map was enabled meanwhile."""
    client = MemoryModbus({})
    one = poller(client)
    with pytest.raises(DeviceProtocolError, match="refuses every register of profile metered"):
        await one.open()
    client.registers = {20: 50}
    await one.open()
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0}


async def test_a_unit_that_does_not_tell_its_serial_number_is_read_all_the_same() -> None:
    one = poller(MemoryModbus({20: 50}), points="identity:\n  serial: [{register: 92, words: 1}]\n")
    assert (await one.open()).identity.serial == ""
    assert (await one.poll("slow", 1e9)).values == {FREQUENCY: 50.0}


class HangingUp(MemoryModbus):
    """Ends the connection when a certain register is asked for."""

    hangs_up_at = -1

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        if address == self.hangs_up_at:
            raise DeviceUnreachable("the peer has closed the connection", device="d", operation="read")
        return await super().read(unit, table, address, count)


async def test_a_connection_that_ends_while_the_serial_number_is_read_again_costs_no_reading() -> None:
    now_s = [0.0]
    client = HangingUp({20: 50, 92: 0x5331})
    one = poller(client, points="identity:\n  serial: [{register: 92, words: 1}]\n", clock=lambda: now_s[0])
    await one.open()
    client.hangs_up_at = 92
    now_s[0] += IDENTIFY_EVERY_S
    readings = await one.poll("slow", 1e9)
    assert (readings.values[FREQUENCY], readings.bad, readings.reopen) == (50.0, {}, "")


async def test_closing_a_unit_closes_its_client() -> None:
    client = MemoryModbus({20: 50})
    one = poller(client, 12)
    await one.open()
    await one.close()
    assert client.registers == {}, "the client was closed"
