"""When a device's tables are walked again, what its uptime says, and who it says it is: at the exact moments."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agent.config import CoolantConfig, Device
from agent.poll import BOOT_METRIC, ModbusPoller, SharedPlans, SnmpPoller
from agent.poll import snmp as polling
from agent.poll.identity import first_text, printable
from agent.profile import parse_profile
from agent.profile.normalising.cells import RawValue
from agent.readings import Identity
from agent.snmp.seam import SnmpValue
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceDecodeError, DeviceProtocolError, DeviceTimeout
from tests.agent.memory_peers import MemoryModbus, MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
UPTIME = "1.3.6.1.2.1.1.3.0"
NAME = "1.3.6.1.2.1.1.5.0"
SNMP = parse_profile(
    f"""
version: 1
profile: small
class: pdu
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
marker: {ROOT}.7.0
identity:
  vendor: [{{text: Acme}}]
  model: [{{oid: {ROOT}.8.1}}, {{oid: {ROOT}.8.2}}]
  serial: [{{oid: {ROOT}.8.3, after: "S/N:"}}]
  firmware: [{{oid: {ROOT}.8.9}}]
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.2.0, unit: watt}}
  - {{metric: dcim_pdu_input_current_amperes, oid: {ROOT}.7.0, unit: ampere}}
tables:
  - name: outlets
    rows: {ROOT}.1.9
    labels: {{outlet: {{index: 1}}}}
    points: [{{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.1.9, unit: watt, poll: normal}}]
  - name: phases
    rows: {ROOT}.1.5
    labels: {{inlet: "1", phase: {{index: 1, map: {{1: L1, 2: L2, 3: L3}}}}}}
    points: [{{metric: dcim_pdu_phase_current_amperes, oid: {ROOT}.1.5, unit: ampere}}]
""",
    "small.yaml",
)
VALUES: dict[str, SnmpValue] = {
    UPTIME: 100_000,
    f"{ROOT}.1.5.1": 4,
    f"{ROOT}.1.9.1": 40,
    f"{ROOT}.2.0": 900,
    f"{ROOT}.7.0": 0,
}


@dataclass
class Bench:
    """A device in memory, its poller, and a clock that is turned by hand."""

    clock_s: float = 50_000.0
    client: MemorySnmp = field(default_factory=lambda: MemorySnmp(dict(VALUES)))
    changes: dict[str, object] = field(default_factory=lambda: {"outlets": True})

    async def opened(self) -> SnmpPoller:
        device = Device.model_validate({"id": "d", "host": "h", "credential": "c", "profile": "small", **self.changes})
        self.poller = SnmpPoller(device, {"small": SNMP}, self.client, lambda: self.clock_s)
        self.identified = await self.poller.open()
        self.client.walks = 0
        return self.poller

    async def slow(self, now: float = 2000.0) -> dict[str, float]:
        readings = await self.poller.poll("slow", now)
        # As the loop of the device does.
        if readings.reopen:
            await self.poller.open()
        return readings.values

    async def fast(self, now: float = 2000.0) -> dict[str, float]:
        return (await self.poller.poll("fast", now)).values


async def test_what_is_polled_of_outlets_is_the_users_choice() -> None:
    bench = Bench()
    await bench.opened()
    assert await bench.fast() == {
        "dcim_pdu_input_power_watts": 900.0,
        "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 4.0,
        "dcim_pdu_input_current_amperes": 0.0,
    }
    assert f"{ROOT}.1.9.1" in {oid for oids in bench.client.asked for oid in oids}
    spare = Bench(changes={})
    await spare.opened()
    assert f"{ROOT}.1.9.1" not in {oid for oids in spare.client.asked for oid in oids}


async def test_a_column_that_answers_with_itself_names_no_row() -> None:
    class Odd(MemorySnmp):
        async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
            return {oid: 7, **await super().walk(oid, limit)}

    bench = Bench(client=Odd(dict(VALUES)))
    await bench.opened()
    phases = [key for key in await bench.fast() if "phase" in key]
    assert phases == ["dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"]


async def test_a_class_that_a_device_does_not_have_asks_nothing() -> None:
    bench = Bench()
    await bench.opened()
    assert bench.identified.poll_classes == {"fast", "normal", "slow"}
    asked = len(bench.client.asked)
    assert (await bench.poller.poll("inventory", 0.0)).values == {}
    assert len(bench.client.asked) == asked


async def test_a_device_is_asked_for_its_uptime_once_a_slow_poll_where_it_has_one() -> None:
    bench = Bench()
    await bench.opened()
    assert await bench.slow(now=5000.0) == {BOOT_METRIC: 4000.0}
    bench.client.values[UPTIME] = 100_049
    assert await bench.slow(now=5000.5) == {BOOT_METRIC: 4000.0}
    silent = Bench()
    del silent.client.values[UPTIME]
    await silent.opened()
    assert silent.identified.poll_classes == {"fast", "normal"}


@pytest.mark.parametrize("raw", [b"nan", b"inf", "1e400", b"9" * 400, -1, 2**32, None, b"two days"])
async def test_an_invalid_uptime_does_not_change_the_start_time(raw: RawValue) -> None:
    bench = Bench()
    await bench.opened()
    await bench.slow()
    bench.client.values[UPTIME] = raw
    assert await bench.slow() == {}
    bench.client.values[UPTIME] = 2**32 - 1
    assert await bench.slow(now=5e7) == {BOOT_METRIC: 5e7 - 42_949_673}
    assert bench.client.walks == 0


async def test_an_uptime_that_goes_back_is_a_reboot_and_one_that_stands_is_not() -> None:
    bench = Bench()
    await bench.opened()
    bench.client.values[f"{ROOT}.1.5.2"] = 5
    for ticks, walks in ((100_000, 0), (100_000, 0), (100_001, 0), (100_000, 2), (100_000, 2), (0, 4)):
        bench.client.values[UPTIME] = ticks
        bench.clock_s += 10.0
        await bench.slow()
        assert bench.client.walks == walks, ticks
    assert "dcim_pdu_phase_current_amperes{inlet=1,phase=L2}" in await bench.fast()


async def test_a_reboot_claimed_at_every_poll_is_planned_every_ten_seconds_and_the_last_kept() -> None:
    bench = Bench()
    await bench.opened()
    await bench.slow()
    for seconds, walks in enumerate([2] * 10 + [4] * 10, 1):
        bench.client.values[UPTIME] = 100_000 - seconds
        await bench.slow()
        assert bench.client.walks == walks, seconds
        bench.clock_s += 1.0
    await bench.slow()
    assert bench.client.walks == 6


@pytest.mark.parametrize("marker", [float("nan"), float("inf"), b"\xff" * 60_000])
async def test_a_marker_that_is_odd_but_stands_has_nothing_walked(marker: RawValue) -> None:
    bench = Bench()
    bench.client.values[f"{ROOT}.7.0"] = marker
    await bench.opened()
    for second in range(0, 60, 10):
        await bench.fast(2000.0 + second)
    assert bench.client.walks == 0


async def test_tables_are_walked_again_after_more_than_an_hour() -> None:
    bench = Bench()
    await bench.opened()
    await bench.slow()
    bench.clock_s += 3600.0
    await bench.slow()
    assert bench.client.walks == 0
    bench.clock_s += 0.1
    await bench.slow()
    assert bench.client.walks == 2
    await bench.slow()
    bench.clock_s += 3600.0
    await bench.slow()
    assert bench.client.walks == 2


@pytest.mark.parametrize(
    ("at_s", "walked"), [(2000.0, False), (2009.9, False), (2010.0, True), (1999.9, True), (2500.0, True)]
)
async def test_a_marker_that_never_rests_has_the_tables_walked_every_ten_seconds(
    at_s: float,
    walked: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A wall clock that goes back must not keep them unwalked until it has caught up."""
    bench = Bench()
    await bench.opened()
    await bench.poller.poll("normal", 1000.0)
    assert bench.client.walks == 0
    bench.client.values[f"{ROOT}.7.0"] = 1
    await bench.fast(2000.0)
    assert bench.client.walks == 2
    bench.client.values[f"{ROOT}.7.0"] = 2
    await bench.fast(at_s)
    assert bench.client.walks == (4 if walked else 2)


class Slow(MemorySnmp):
    """Answers what is polled, and no walk."""

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        self.walks += 1
        raise self.failure or DeviceTimeout("no answer", device="d", operation=f"walk {oid} {limit}")


@pytest.mark.parametrize("poll", ["fast", "slow"])
async def test_a_device_that_cannot_be_walked_in_time_keeps_its_readings_and_is_opened_anew(poll: PollClass) -> None:
    """An alarm of a UPS in an outage has its tables walked, and slow cards are busy just then."""
    bench = Bench()
    poller = await bench.opened()
    bench.client.__class__ = Slow
    bench.client.values |= {f"{ROOT}.7.0": 1, f"{ROOT}.1.5.2": 5}
    bench.clock_s += 4000.0
    bench.client.values[UPTIME] = 500_000
    readings = await poller.poll(poll, 2000.0)
    assert readings.values
    assert readings.reopen == "its tables could not be walked within a poll"
    with pytest.raises(DeviceTimeout):
        await poller.open()
    bench.client.__class__ = MemorySnmp
    await poller.open()
    assert "dcim_pdu_phase_current_amperes{inlet=1,phase=L2}" in await bench.fast()
    bench.clock_s += 60.0
    assert (await poller.poll(poll, 2060.0)).reopen == "", "once is enough"


async def test_planning_beside_a_poll_ends_before_the_polls_own_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(MemorySnmp):
        async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
            await asyncio.Event().wait()
            raise AssertionError(oid, limit)

    monkeypatch.setattr(polling, "PLANNING_SHARE", 0.02)
    bench = Bench()
    poller = await bench.opened()
    bench.client.__class__ = Hanging
    bench.client.values[f"{ROOT}.7.0"] = 1
    async with asyncio.timeout(30):
        readings = await poller.poll("fast", 2000.0)
    assert readings.values["dcim_pdu_input_power_watts"] == 900.0
    assert readings.reopen == "its tables could not be walked within a poll"


async def test_a_marker_that_stands_has_nothing_walked() -> None:
    bench = Bench()
    await bench.opened()
    for now in (2000.0, 3000.0, 4000.0):
        await bench.fast(now)
    assert bench.client.walks == 0


async def test_a_device_that_loses_every_object_of_its_profile_fails_to_be_planned_again() -> None:
    bench = Bench()
    await bench.opened()
    await bench.slow()
    bench.client.values = {UPTIME: 5}
    with pytest.raises(DeviceDecodeError, match="none of the objects of profile small"):
        await bench.slow()


async def test_a_devices_identity_comes_from_the_first_source_with_a_text() -> None:
    bench = Bench()
    bench.client.values |= {f"{ROOT}.8.1": b" \x00\x07", f"{ROOT}.8.2": b" PDU\x00 7 ", f"{ROOT}.8.3": b"x S/N: 12 34"}
    await bench.opened()
    assert bench.identified.identity == Identity("Acme", "PDU 7", "12", "")
    assert (bench.identified.profile, bench.identified.device_class) == ("small", "pdu")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (b"caf\xc3\xa9\r\n", "caf\u00e9"),
        (b"\xff", "\ufffd"),
        ("1.3.6", "1.3.6"),
        (12, "12"),
        (b"x" * 300, "x" * 255),
    ],
)
def test_a_text_of_a_device_is_printable_and_short(value: RawValue, text: str) -> None:
    assert printable(value) == text


def test_a_marker_without_a_word_behind_it_leaves_it_to_the_next_source() -> None:
    sources = SNMP.identity.serial
    assert first_text(sources, {f"{ROOT}.8.3": b"no number"}) == ""
    assert first_text(sources, {f"{ROOT}.8.3": b"S/N:"}) == ""
    assert first_text([*sources, *SNMP.identity.vendor], {f"{ROOT}.8.3": b"S/N:"}) == "Acme"


MODBUS = parse_profile(
    """
version: 1
profile: wired
class: cdu
protocol: modbus
title: A device
source: a manual
evidence: unverified
coolant: {primary: water, secondary: pg25}
modbus: {order: big-swapped, max_gap: 0}
identity:
  vendor: [{register: 90, words: 2}, {text: Acme}]
  model: [{register: 10, words: 2}]
  serial: [{register: 12, type: uint32, words: 2}]
points:
  - {metric: dcim_cdu_supply_temperature_celsius, labels: {loop: secondary}, register: 0, unit: celsius, scale: 0.1}
  - {metric: dcim_cdu_return_temperature_celsius, labels: {loop: secondary}, register: 2, unit: celsius, scale: 0.1}
  - {metric: dcim_cdu_leak_detected, labels: {detector: internal}, register: 4, bit: 0}
""",
    "wired.yaml",
)
REGISTERS = {0: 0x2C01, 2: 0x9001, 4: 0x0100, 10: 0x4443, 11: 0x3755, 12: 0x0100, 13: 0x0200}


def wired(**changes: object) -> tuple[ModbusPoller, MemoryModbus]:
    device = {"id": "d", "host": "h", "protocol": "modbus", "profile": "wired", "unit": 12, **changes}
    client = MemoryModbus(dict(REGISTERS))
    return ModbusPoller(Device.model_validate(device), MODBUS, client), client


async def test_registers_are_read_and_words_decoded_in_the_order_of_the_profile() -> None:
    poller, client = wired()
    identified = await poller.open()
    assert identified.identity == Identity("Acme", "CDU7", "65538", "")
    assert identified.coolant == {"primary": "water", "secondary": "pg25"}
    client.requests.clear()
    values = (await poller.poll("safety", 0.0)).values
    assert client.requests == [(0, 1), (2, 1), (4, 1)]
    assert values["dcim_cdu_supply_temperature_celsius{loop=secondary}"] == 30.0
    assert values["dcim_cdu_delta_temperature_celsius{loop=secondary}"] == 10.0
    assert values["dcim_cdu_leak_detected{detector=internal}"] == 1.0
    assert (await poller.poll("inventory", 0.0)).values == {}
    assert len(client.requests) == 3


async def test_the_coolant_of_the_configuration_wins_loop_by_loop() -> None:
    poller, _ = wired(coolant={"primary": CoolantConfig(fluid="pg25")})
    assert (await poller.open()).coolant == {"primary": "pg25", "secondary": "pg25"}


async def test_a_poll_all_of_whose_blocks_are_refused_has_failed() -> None:
    poller, client = wired()
    await poller.open()
    del client.registers[0]
    readings = await poller.poll("safety", 0.0)
    assert readings.bad == {"dcim_cdu_supply_temperature_celsius{loop=secondary}": "refused"}
    assert "dcim_cdu_return_temperature_celsius{loop=secondary}" in readings.values
    del client.registers[2], client.registers[4]
    with pytest.raises(DeviceProtocolError, match="illegal data address"):
        await poller.poll("safety", 0.0)


async def test_a_device_that_is_silent_while_it_is_opened_lacks_nothing() -> None:
    poller, client = wired()
    client.silent = True
    with pytest.raises(DeviceTimeout):
        await poller.open()
    client.silent = False
    await poller.open()
    assert (await poller.poll("safety", 0.0)).bad == {}


async def test_a_device_that_comes_back_unchanged_keeps_its_plan() -> None:
    bench = Bench()
    bench.client.values |= {NAME: b"pdu-7", f"{ROOT}.8.3": b"S/N: 4711"}
    before = await bench.opened()
    first, asked = bench.identified, len(bench.client.asked)
    bench.clock_s += 600.0
    bench.client.values[UPTIME] = 160_000
    bench.client.values[f"{ROOT}.2.0"] = 950
    assert await before.open() == first
    assert (bench.client.walks, len(bench.client.asked) - asked) == (0, 1)
    assert (await bench.fast())["dcim_pdu_input_power_watts"] == 950.0


@pytest.mark.parametrize(
    ("passed_s", "changed"),
    [
        (600.0, {UPTIME: 500}),  # restarted meanwhile
        (600.0, {UPTIME: 161_200}),  # another device that started earlier
        (600.0, {UPTIME: b"odd"}),
        (600.0, {UPTIME: 160_000, "1.3.6.1.2.1.1.5.0": b"pdu-8"}),
        (600.0, {UPTIME: 160_000, f"{ROOT}.8.3": b"S/N: 4712"}),
        (600.0, {UPTIME: 160_000, f"{ROOT}.7.0": 1}),  # the marker of its tables
        (3601.0, {UPTIME: 460_100}),  # the plan is an hour old
    ],
)
async def test_a_device_that_may_have_changed_is_planned_when_it_comes_back(
    passed_s: float, changed: dict[str, SnmpValue]
) -> None:
    bench = Bench()
    bench.client.values |= {NAME: b"pdu-7", f"{ROOT}.8.3": b"S/N: 4711"}
    poller = await bench.opened()
    bench.clock_s += passed_s
    bench.client.values |= changed
    await poller.open()
    assert bench.client.walks == 2


async def test_a_device_without_an_uptime_is_planned_when_it_comes_back() -> None:
    bench = Bench()
    del bench.client.values[UPTIME]
    poller = await bench.opened()
    await poller.open()
    assert bench.client.walks == 2


async def test_a_device_that_answers_none_of_its_objects_any_more_is_planned_when_it_comes_back() -> None:
    bench = Bench()
    poller = await bench.opened()
    present = dict(bench.client.values)
    bench.client.values = {UPTIME: 100_000}
    with pytest.raises(DeviceProtocolError):
        await bench.fast()
    bench.client.values = present
    await poller.open()
    assert bench.client.walks == 2


async def test_an_opening_that_fails_half_way_is_begun_anew() -> None:
    bench = Bench()
    poller = await bench.opened()
    present = dict(bench.client.values)
    bench.client.values = {UPTIME: 100_000, NAME: b"pdu-8"}
    with pytest.raises(DeviceDecodeError):
        await poller.open()
    bench.client.values = present | {NAME: b"pdu-8"}
    bench.client.walks = 0
    await poller.open()
    assert bench.client.walks == 2


async def test_a_device_that_is_still_silent_keeps_its_plan_and_one_that_answers_oddly_is_planned() -> None:
    bench = Bench()
    poller = await bench.opened()
    bench.client.failure = DeviceTimeout("no answer", device="d", operation="get")
    with pytest.raises(DeviceTimeout):
        await poller.open()
    bench.client.failure = None
    await poller.open()
    assert bench.client.walks == 0

    class Odd(MemorySnmp):
        async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
            # A new card that cannot be asked for so much at once, until it has been recognised.
            if self.asked:
                return await super().get(oids)
            self.asked.append(list(oids))
            raise DeviceProtocolError("tooBig", device="d", operation="get")

    bench.client.__class__ = Odd
    bench.client.asked.clear()
    await poller.open()
    assert bench.client.walks == 2


async def test_devices_of_one_family_with_the_same_rows_are_planned_once() -> None:
    plans = SharedPlans()

    async def opened(number: int) -> SnmpPoller:
        device = Device.model_validate({"id": f"d{number}", "host": "h", "credential": "c", "profile": "small"})
        poller = SnmpPoller(device, {"small": SNMP}, MemorySnmp(VALUES | {f"{ROOT}.1.5.1": number}), plans=plans)
        await poller.open()
        return poller

    pollers = await asyncio.gather(*(opened(number) for number in range(50)))
    assert plans.made == 2  # the plan, and the same without what these devices lack
    # One object in memory, with the cells that are watched: what the checks look at is worked out once for it.
    assert len({id(poller._plan) for poller in pollers}) == 1  # noqa: SLF001
    readings = [(await poller.poll("fast", 0.0)).values for poller in pollers]
    assert [each["dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"] for each in readings] == list(range(50))
