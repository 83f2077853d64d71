"""Devices that change while they are polled: units, scales, names, rows, uptime and identity; over the wire, with both engines."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from agent.config import Device
from agent.poll import BOOT_METRIC, SnmpPoller
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME, Profile, parse_profile, plan_device
from agent.readings import Readings
from agent.snmp.seam import SnmpValue
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceTimeout
from tests.agent.faulty_peers import NULL, FaultyAgent, integer, oid_octets, tlv
from tests.agent.memory_peers import MemorySnmp
from tests.agent.snmp.snmp_clients import MakeClient, target_of

ROOT = "1.3.6.1.4.1.99999"
TEXT = f"""
version: 1
profile: sensing
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{sysobjectid: [{ROOT}.1], probes: [{ROOT}.2.0]}}
identity:
  model: [{{oid: {ROOT}.9.1, after: "Model:"}}]
  serial: [{{oid: {ROOT}.9.2}}]
  firmware: [{{oid: {ROOT}.9.3}}]
points:
  - metric: dcim_env_dew_point_celsius
    labels: {{sensor: a}}
    oid: {ROOT}.2.0
    poll: fast
    unit_by: {{oid: {ROOT}.3.0, map: {{0: celsius, 1: fahrenheit}}}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{column: {ROOT}.1.2}}}}
    when: {{column: {ROOT}.1.5, in: [1, 2]}}
    points:
      - metric: dcim_env_temperature_celsius
        oid: {ROOT}.1.1
        poll: fast
        unit_by: {{column: {ROOT}.1.3, map: {{C: celsius, F: fahrenheit}}}}
        decimals: {ROOT}.1.4
      - {{metric: dcim_env_voltage_volts, oid: {ROOT}.1.6, unit: volt, poll: fast}}
"""
PROFILE = parse_profile(TEXT, "sensing.yaml")
DEW = "dcim_env_dew_point_celsius{sensor=a}"
INLET, OUTLET = (f"dcim_env_temperature_celsius{{sensor={name}}}" for name in ("Inlet", "Outlet"))
VOLTS = "dcim_env_voltage_volts{sensor=Inlet}"
REPLANNED = {"dcim_env_temperature_celsius{sensor=Inlet}": "replanning"}


def text(content: str) -> bytes:
    return tlv(4, content.encode())


def objects() -> dict[str, bytes]:
    found = {SYS_OBJECT_ID: oid_octets(f"{ROOT}.1"), SYS_UPTIME: tlv(0x43, b"\x05"), f"{ROOT}.2.0": integer(10)}
    found |= {f"{ROOT}.3.0": integer(0), f"{ROOT}.9.1": text("x Model: M1"), f"{ROOT}.9.2": text("S1")}
    for row, name, fitted in ((1, "Inlet", 1), (2, "Outlet", 3)):
        cells = (integer(240 + row), text(name), text("C"), integer(1), integer(fitted), integer(40))
        found |= {f"{ROOT}.1.{column}.{row}": cell for column, cell in enumerate(cells, 1)}
    return found


@dataclass
class Changing:
    """A device over the wire, its poller, and a clock that is turned by hand."""

    agent: FaultyAgent
    poller: SnmpPoller
    clock_s: float = 1000.0

    async def polled(self, poll_class: PollClass = "fast", after_s: float = 0.0) -> Readings:
        self.clock_s += after_s
        return await self.poller.poll(poll_class, 5000.0)

    def set(self, oid: str, value: bytes) -> None:
        self.agent.objects[f"{ROOT}.{oid}"] = value


@asynccontextmanager
async def changing(
    client_of: MakeClient, *profiles: Profile, profile: str = "sensing", changes: Mapping[str, bytes] | None = None
) -> AsyncIterator[Changing]:
    async with FaultyAgent(objects() | dict(changes or {})).serving() as agent:
        known = {each.profile: each for each in profiles or (PROFILE,)}
        device = Device(id="d", host="h", credential="c", profile=profile)
        bench: Changing
        poller = SnmpPoller(device, known, client_of(target_of(agent.port)), lambda: bench.clock_s)
        bench = Changing(agent, poller)
        await poller.open()
        yield bench


async def test_a_unit_switched_at_the_device_never_gives_a_reading_in_the_old_one(client_of: MakeClient) -> None:
    async with changing(client_of) as device:
        assert (await device.polled()).values == {DEW: 10.0, INLET: 24.1, VOLTS: 40.0}
        device.set("3.0", integer(1))
        device.set("2.0", integer(50))
        readings = await device.polled()
        assert (readings.values, readings.bad) == ({INLET: 24.1, VOLTS: 40.0}, {DEW: "replanning"})
        assert f"{ROOT}.3.0" in readings.reopen
        await device.poller.open()
        readings = await device.polled()
        assert (readings.values, readings.bad, readings.reopen) == ({DEW: 10.0, INLET: 24.1, VOLTS: 40.0}, {}, "")


async def test_the_cell_of_a_unit_is_asked_for_behind_its_readings() -> None:
    """If it is switched in between, a good reading is rejected. In the other order a wrong one would be published."""
    values: dict[str, SnmpValue] = {SYS_UPTIME: 100, f"{ROOT}.2.0": 10, f"{ROOT}.3.0": 0}
    row: tuple[SnmpValue, ...] = (241, b"Inlet", b"C", 1, 1, 40)
    values |= {f"{ROOT}.1.{column}.1": cell for column, cell in enumerate(row, 1)}
    device = Device(id="d", host="h", credential="c", profile="sensing")
    memory = MemorySnmp(values)
    poller = SnmpPoller(device, {"sensing": PROFILE}, memory)
    await poller.open()
    assert (await poller.poll("fast", 5000.0)).values == {DEW: 10.0, INLET: 24.1, VOLTS: 40.0}
    read = [f"{ROOT}.{oid}" for oid in ("2.0", "1.1.1", "1.6.1")]
    deciding = [f"{ROOT}.{oid}" for oid in ("3.0", "1.3.1")]
    assert max(map(memory.asked[-1].index, read)) < min(map(memory.asked[-1].index, deciding))


async def test_a_unit_that_is_switched_back_before_the_device_is_planned_again_gives_readings_again(
    client_of: MakeClient,
) -> None:
    async with changing(client_of) as device:
        device.set("3.0", integer(1))
        assert DEW not in (await device.polled()).values
        device.set("3.0", integer(0))
        assert (await device.polled()).values[DEW] == 10.0


async def test_a_unit_of_one_row_costs_that_row_until_it_is_known(client_of: MakeClient) -> None:
    async with changing(client_of) as device:
        device.set("1.3.1", text("F"))
        device.set("1.1.1", integer(752))
        readings = await device.polled()
        assert (readings.values, readings.bad) == ({DEW: 10.0, VOLTS: 40.0}, REPLANNED)
        await device.poller.open()
        assert (await device.polled()).values[INLET] == pytest.approx(24.0)


@pytest.mark.parametrize(
    ("cell", "value", "bad", "then"),
    [
        ("1.4.1", integer(2), REPLANNED, {INLET: 2.41, VOLTS: 40.0}),
        ("1.4.1", integer(2**31 - 1), REPLANNED, {VOLTS: 40.0}),
        (
            "1.2.1",
            text("Top"),
            REPLANNED | {VOLTS: "replanning"},
            {"dcim_env_temperature_celsius{sensor=Top}": 24.1, "dcim_env_voltage_volts{sensor=Top}": 40.0},
        ),
        ("1.5.1", integer(3), REPLANNED | {VOLTS: "replanning"}, {}),
        (
            "1.5.2",
            integer(1),
            {},
            {INLET: 24.1, VOLTS: 40.0, OUTLET: 24.2, "dcim_env_voltage_volts{sensor=Outlet}": 40.0},
        ),
    ],
    ids=["decimals", "decimals that cannot be", "name", "row gone", "row come"],
)
async def test_a_scale_a_name_or_a_row_that_changes_is_noticed_with_the_slow_poll(
    client_of: MakeClient, cell: str, value: bytes, bad: dict[str, str], then: dict[str, float]
) -> None:
    async with changing(client_of) as device:
        device.set(cell, value)
        assert f"{ROOT}.{cell}" in (await device.polled("slow")).reopen
        assert (await device.polled()).bad == bad
        await device.poller.open()
        readings = await device.polled()
        assert {key: pytest.approx(each) for key, each in readings.values.items()} == then | {DEW: 10.0}
        assert (await device.polled("slow", after_s=60.0)).reopen == ""


def scaled(places: int) -> Profile:
    """Sensors with a cell each of decimals, or of a scale with 0 `places`, which are not read with their readings."""
    return parse_profile(
        f"""
version: 1
profile: sensing
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.2.0]}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{index: -1}}}}
    points:
      - metric: dcim_env_temperature_celsius
        oid: {ROOT}.1.1
        poll: fast
        unit: celsius
        {"decimals" if places else "varscale"}: {ROOT}.1.4
        expect: [-40, 3000]
""",
        "sensing.yaml",
    )


def probe(row: int) -> str:
    return f"dcim_env_temperature_celsius{{sensor={row}}}"


def probes(scale: int, raw: int) -> dict[str, bytes]:
    found = {f"{ROOT}.1.1.{row}": integer(raw) for row in (1, 2, 3)}
    return found | {f"{ROOT}.1.4.{row}": integer(scale) for row in (1, 2, 3)}


@pytest.mark.parametrize(
    ("places", "before", "after"),
    [
        (1, (1, 241), (2, 2430)),
        (1, (2, 2410), (1, 239)),
        (1, (0, 24), (1, 241)),
        (0, (-10, 241), (-100, 2405)),
        (0, (-10, 241), (1, 24)),
    ],
)
async def test_a_scale_that_changes_between_two_slow_polls_never_gives_a_wrong_reading(
    client_of: MakeClient, places: int, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """One decimal becomes two: 24.1 degC never become 243, although the decimals are read once a minute."""
    async with changing(client_of, scaled(places), changes=probes(*before)) as device:
        usual = (await device.polled()).values
        assert usual[probe(1)] == pytest.approx(24.1, abs=0.2)
        asked = len(device.agent.requests)
        assert (await device.polled()).values == usual
        assert len(device.agent.requests) == asked + 1
        device.agent.objects |= probes(*after)
        readings = await device.polled()
        assert (readings.values, readings.bad) == ({}, dict.fromkeys(map(probe, (1, 2, 3)), "replanning"))
        assert readings.reopen
        assert (await device.polled()).values == {}
        await device.poller.open()
        assert (await device.polled()).values[probe(1)] == pytest.approx(24.1, abs=0.3)


async def test_a_load_that_jumps_costs_one_more_request_and_is_published_at_once(client_of: MakeClient) -> None:
    async with changing(client_of, scaled(1), changes=probes(1, 241)) as device:
        await device.polled()
        asked = len(device.agent.requests)
        device.agent.objects[f"{ROOT}.1.1.2"] = integer(900)
        assert (await device.polled()).values == {probe(1): 24.1, probe(2): 90.0, probe(3): 24.1}
        assert len(device.agent.requests) == asked + 2
        # From then on it is the usual number, and 0 asks for nothing, nor does the end of an outage.
        for raw, value in ((900, 90.0), (0, 0.0), (890, 89.0)):
            device.agent.objects[f"{ROOT}.1.1.2"] = integer(raw)
            assert (await device.polled()).values[probe(2)] == value
        assert len(device.agent.requests) == asked + 5


async def test_a_number_that_jumps_is_rejected_while_its_scale_cannot_be_read(client_of: MakeClient) -> None:
    async with changing(client_of, scaled(1), changes=probes(1, 241)) as device:
        for scale, bad in ((NULL, {probe(2): "replanning"}), (integer(1), {})):
            device.agent.objects |= {f"{ROOT}.1.1.2": integer(900), f"{ROOT}.1.4.2": scale}
            readings = await device.polled()
            assert readings.bad == bad
            assert readings.values[probe(1)] == 24.1
            assert readings.values.get(probe(2)) == (None if bad else 90.0)
        assert (await device.polled()).values[probe(2)] == 90.0


async def test_a_scale_that_cannot_be_asked_for_costs_the_readings_that_jumped_and_not_the_poll() -> None:
    class Refusing(MemorySnmp):
        async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
            if len(self.asked) > opened and oids[0].startswith(f"{ROOT}.1.4."):
                raise DeviceTimeout("no answer", device="d", operation="get")
            return await super().get(oids)

    opened = 1000
    cells: dict[str, SnmpValue] = {
        f"{ROOT}.1.{column}.{row}": value for row in (1, 2) for column, value in ((1, 241), (4, 1))
    }
    client = Refusing({SYS_UPTIME: 5, **cells})
    poller = SnmpPoller(Device(id="d", host="h", credential="c", profile="sensing"), {"sensing": scaled(1)}, client)
    await poller.open()
    opened = 0
    client.values[f"{ROOT}.1.1.2"] = 900
    readings = await poller.poll("fast", 5000.0)
    assert (readings.values, readings.bad) == ({probe(1): 24.1}, {probe(2): "replanning"})


async def test_a_sensor_that_was_away_is_asked_for_its_scale_when_it_comes_back(client_of: MakeClient) -> None:
    """Another one may hang at its port, whose number is like the last one."""
    async with changing(client_of, scaled(1), changes=probes(1, 241)) as device:
        del device.agent.objects[f"{ROOT}.1.1.3"]
        assert probe(3) not in (await device.polled()).values
        device.agent.objects |= {f"{ROOT}.1.1.3": integer(241), f"{ROOT}.1.4.3": integer(2)}
        assert (await device.polled()).bad == {probe(3): "replanning"}


async def test_a_device_that_was_silent_is_asked_for_all_scales_with_its_first_poll(client_of: MakeClient) -> None:
    async with changing(client_of, scaled(1), changes=probes(1, 241)) as device:
        device.agent.objects |= {f"{ROOT}.1.4.{row}": integer(2) for row in (1, 2, 3)}
        await device.poller.open()  # it keeps its plan
        assert (await device.polled()).values == {}


async def test_a_scale_that_costs_no_request_is_read_with_its_readings(client_of: MakeClient) -> None:
    """One decimal becomes two: 24.1 degC never become 2.41, and no slow poll is waited for."""
    async with changing(client_of) as device:
        before = len(device.agent.requests)
        assert (await device.polled()).values[INLET] == pytest.approx(24.1)
        assert len(device.agent.requests) == before + 1
        device.set("1.4.1", integer(2))
        readings = await device.polled()
        assert readings.bad == REPLANNED
        assert INLET not in readings.values
        assert f"{ROOT}.1.4.1" in readings.reopen


@pytest.mark.parametrize(("rows", "limit", "is_read"), [(1, 20, True), (4, 20, False), (1, 4, False), (1, 5, True)])
def test_scales_are_read_with_their_readings_only_where_they_are_few_and_fit(
    rows: int,
    limit: int,
    is_read: bool,  # noqa: FBT001 - a case
) -> None:
    """Four objects beside one scale, or three beside each of four."""
    alone = "points:\n" + "".join(
        f"  - {{metric: dcim_env_{metric}, labels: {{sensor: x{number}}}, oid: {ROOT}.8.{number}.0, unit: {unit}, poll: fast}}\n"
        for number, (metric, unit) in enumerate([("voltage_volts", "volt"), ("dew_point_celsius", "celsius")])
    )
    profile = parse_profile(
        f"""
version: 1
profile: scaled
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
max_varbinds: {limit}
recognise: {{probes: [{ROOT}.2.0]}}
{alone if rows == 1 else ""}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{index: -1}}}}
    points:
      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.1.1, poll: fast, unit: celsius, decimals: {ROOT}.1.4}}
      - {{metric: dcim_env_relative_humidity_ratio, oid: {ROOT}.1.2, unit: percent, poll: fast}}
""",
        "scaled.yaml",
    )
    indexes = [str(row) for row in range(1, rows + 1)]
    plan = plan_device(profile, {"sensors": indexes}, {f"{ROOT}.1.4.{row}": 1 for row in indexes}, None)
    assert plan.classes["fast"].read_after == ((f"{ROOT}.1.4.1",) if is_read else ())
    assert plan.planned_cells.keys() == {f"{ROOT}.1.4.{row}" for row in indexes}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.2.1", text(" Inlet")),
        ("1.3.1", text(" c ")),
        ("1.5.1", integer(2)),
        ("3.0", NULL),
        ("1.4.1", NULL),
        ("1.2.1", None),
        ("3.0", None),
    ],
)
async def test_a_cell_with_the_same_meaning_in_another_form_or_without_a_value_changes_nothing(
    client_of: MakeClient, cell: str, value: bytes | None
) -> None:
    async with changing(client_of) as device:
        if value is None:
            del device.agent.objects[f"{ROOT}.{cell}"]
        else:
            device.set(cell, value)
        assert (await device.polled("slow")).reopen == ""
        readings = await device.polled()
        assert (readings.values, readings.bad) == ({DEW: 10.0, INLET: 24.1, VOLTS: 40.0}, {})


async def test_a_unit_that_never_rests_has_the_device_opened_every_ten_seconds(client_of: MakeClient) -> None:
    async with changing(client_of) as device:
        opened = 0
        for second in range(30):
            device.set("3.0", integer((second + 1) % 2))
            readings = await device.polled(after_s=1.0)
            if readings.reopen:
                opened += 1
                await device.poller.open()
                device.set("3.0", integer(second % 2))
        assert 2 <= opened <= 3


async def test_a_reboot_is_noticed_with_the_slow_poll_and_the_wrap_of_the_uptime_is_none(client_of: MakeClient) -> None:
    async with changing(client_of) as device:
        device.agent.objects[SYS_UPTIME] = tlv(0x43, b"\x00\xff\xff\xff\x00")
        before = await device.polled("slow")
        device.agent.objects[SYS_UPTIME] = tlv(0x43, integer(6000 - 0x100)[2:])
        after = await device.polled("slow", after_s=60.0)
        assert after.reopen == ""
        assert after.values[BOOT_METRIC] == pytest.approx(before.values[BOOT_METRIC] - 60.0, abs=1.0)
        device.agent.objects[SYS_UPTIME] = tlv(0x43, b"\x10")
        again = await device.polled("slow", after_s=60.0)
        assert (again.reopen, again.values[BOOT_METRIC]) == ("has rebooted", 5000.0)


async def test_a_reboot_long_before_the_wrap_is_one(client_of: MakeClient) -> None:
    async with changing(client_of) as device:
        device.agent.objects[SYS_UPTIME] = tlv(0x43, b"\x00\xf0\x00\x00\x00")
        await device.polled("slow")
        device.agent.objects[SYS_UPTIME] = tlv(0x43, b"\x10")
        assert (await device.polled("slow", after_s=60.0)).reopen == "has rebooted"


@pytest.mark.parametrize(
    ("cell", "value"), [("9.2", text("S2")), ("9.1", text("x Model: M2")), ("", oid_octets(f"{ROOT}.1.2"))]
)
async def test_another_device_at_the_same_address_is_identified_anew(
    client_of: MakeClient, cell: str, value: bytes
) -> None:
    async with changing(client_of) as device:
        device.agent.objects[f"{ROOT}.{cell}" if cell else SYS_OBJECT_ID] = value
        readings = await device.polled("slow")
        assert " was " in readings.reopen
        assert (await device.polled()).bad == dict.fromkeys([DEW, INLET, VOLTS], "replanning")
        found = await device.poller.open()
        assert [found.identity.model, found.identity.serial] == [
            "M2" if cell == "9.1" else "M1",
            "S2" if cell == "9.2" else "S1",
        ]
        readings = await device.polled("slow", after_s=60.0)
        assert (readings.reopen, (await device.polled()).bad) == ("", {})


@pytest.mark.parametrize("value", [NULL, text(""), text("x")])
async def test_a_device_that_hides_its_model_for_a_moment_is_no_other_one(client_of: MakeClient, value: bytes) -> None:
    async with changing(client_of) as device:
        device.set("9.1", value)
        assert (await device.polled("slow")).reopen == ""


OTHER = parse_profile(
    f"""
version: 1
profile: other
class: pdu
protocol: snmp
title: Another device
source: a manual
evidence: unverified
recognise: {{sysobjectid: [{ROOT}.7], probes: [{ROOT}.5.0]}}
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.5.0, unit: watt, poll: normal}}
""",
    "other.yaml",
)


async def test_another_model_at_the_same_address_is_recognised_anew(client_of: MakeClient) -> None:
    async with changing(client_of, PROFILE, OTHER, profile="auto") as device:
        device.agent.objects = {
            SYS_OBJECT_ID: oid_octets(f"{ROOT}.7"),
            SYS_UPTIME: tlv(0x43, b"\x70"),
            f"{ROOT}.5.0": integer(900),
        }
        assert SYS_OBJECT_ID in (await device.polled("slow")).reopen
        found = await device.poller.open()
        assert (found.profile, found.device_class, sorted(found.poll_classes)) == ("other", "pdu", ["normal", "slow"])
        assert (await device.polled("normal")).values == {"dcim_pdu_input_power_watts": 900.0}


async def test_sensors_named_in_another_script_keep_a_series_each_also_when_one_of_them_goes(
    client_of: MakeClient,
) -> None:
    """Of the names in Chinese and Russian `____` would be left, and the second sensor would continue the series of the first."""
    names = {"1.2.1": text("进风温度"), "1.2.2": text("Выхд"), "1.5.2": integer(1)}
    first, second = (f"dcim_env_temperature_celsius{{sensor={row}}}" for row in (1, 2))
    async with changing(client_of, changes={f"{ROOT}.{cell}": value for cell, value in names.items()}) as device:
        values = (await device.polled()).values
        assert (values[first], values[second]) == (24.1, 24.2)
        for column in range(1, 7):
            del device.agent.objects[f"{ROOT}.1.{column}.1"]
        await device.poller.open()
        values = (await device.polled()).values
        assert first not in values
        assert values[second] == 24.2
