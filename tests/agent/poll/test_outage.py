"""A mains outage at a device of every shipped family: nothing is planned anew, no reading vanishes, and all come back."""

import re
from dataclasses import dataclass, field

import pytest

from agent.config import Device
from agent.poll import DevicePoller, ModbusPoller, SharedPlans, SnmpPoller
from agent.poll.planned_cells import IN_USE_ANSWERS
from agent.profile import Profile, parse_profile
from agent.readings import Identity, Readings
from agent.snmp.seam import SnmpValue
from rackflow.catalogue import POLL_SECONDS, catalogue
from rackflow.errors import DeviceProtocolError
from rackflow.recording import RegisterTable
from tests.agent.made_up_devices import healthy_device
from tests.agent.memory_peers import MemoryModbus, MemorySnmp
from tests.agent.shipped import shipped_profiles

SHIPPED = shipped_profiles()
SNMP = [name for name, profile in SHIPPED.items() if profile.protocol == "snmp"]
GROUPS = 6
SUPPLY = re.compile(r"dcim_(ups_(input|bypass)|ats_source|pdu_(phase|line))_(line_)?voltage_volts")
NO_MEASUREMENT = {
    "digipower-pdu": "its voltage is a setting, and 0 says that it was not set",
    "avocent-pm": "its MIB says of every number that 0 is returned where it is not supported",
}
UPS = "1.3.6.1.2.1.33.1"


@dataclass
class Bench:
    """A device in memory and its poller, opened anew when it asks for that, as the agent's loop does."""

    profile: str
    values: dict[str, SnmpValue]
    now: float = 0.0
    opened: int = 0
    plans: SharedPlans = field(default_factory=SharedPlans)
    client: MemorySnmp = field(init=False)

    def __post_init__(self) -> None:
        device = Device(id="d", host="h", credential="c", profile=self.profile, outlets=True)
        self.client = MemorySnmp(dict(self.values))
        self.poller = SnmpPoller(device, SHIPPED, self.client, lambda: self.now, self.plans)

    async def read(self, changes: dict[str, SnmpValue] | None = None) -> Readings:
        """One poll of each class, a minute after the last one."""
        self.client.values |= changes or {}
        self.now += 60.0
        if not self.opened:
            await self.open()
        readings = await polled(self.poller)
        if readings.reopen:
            await self.open()
        return readings

    async def open(self) -> None:
        self.opened += 1
        await self.poller.open()


async def polled(poller: DevicePoller) -> Readings:
    """One poll of each class."""
    whole = Readings()
    for poll in POLL_SECONDS:
        part = await poller.poll(poll, 1e9)
        whole.values |= part.values
        whole.states |= part.states
        whole.bad |= part.bad
        whole.reopen = whole.reopen or part.reopen
    return whole


def lost(before: Readings, after: Readings) -> set[str]:
    """What is not as it was. A made-up current and power may contradict each other, which is noticed at one of the polls."""
    measured = {key: value for key, value in before.values.items() if not catalogue()[key.partition("{")[0]].derived}
    return {key for key, value in measured.items() if after.values.get(key) != value and after.bad.get(key) != "range"}


def said(readings: Readings) -> set[str]:
    """What has a reading or a reason for none, without what is worked out of several: where no current flows, none is unbalanced."""
    return {each for each in (*readings.values, *readings.states, *readings.bad) if "unbalance" not in each}


@pytest.mark.parametrize("group", range(GROUPS))
async def test_an_outage_plans_no_snmp_family_anew_takes_no_reading_and_shows_as_0_volts(group: int) -> None:
    powered = 0
    for name in SNMP[group::GROUPS]:
        cells, power = healthy_device(SHIPPED[name].loaded())
        if not power:
            continue
        powered += 1
        outage: dict[str, SnmpValue] = dict.fromkeys(power, 0)
        bench = Bench(name, cells)
        before = await bench.read()
        dark = await bench.read(outage)
        assert said(dark) >= said(before), name
        assert "replanning" not in dark.bad.values(), name
        live = [each for each, volts in before.values.items() if SUPPLY.match(each) and volts]
        assert name in NO_MEASUREMENT or not [each for each in live if dark.values.get(each) != 0], name
        assert lost(before, await bench.read(cells)) == set(), name
        assert bench.opened == 1, name
        # One that is opened in the outage has them all once power is back.
        late = Bench(name, cells | outage, plans=bench.plans)
        await late.read()
        for _ in range(3):  # as often as a scale must be shown
            await late.read(cells)
        assert lost(before, await late.read()) == set(), name
    assert powered > 5


def lines(mains: tuple[int, ...], output: tuple[int, ...], bypass: tuple[int, ...] = ()) -> dict[str, SnmpValue]:
    """Voltages of the lines of a UPS that states no number of lines, with its load; `mains` may be empty, as a card may have no table."""
    columns = {"3.3.1.3": mains, "4.4.1.2": output, "5.3.1.2": bypass}
    found: dict[str, SnmpValue] = {f"{UPS}.4.1.0": 3, f"{UPS}.2.1.0": 2, "1.3.6.1.2.1.1.3.0": 100}
    found |= {f"{UPS}.{column}.{line}": volts for column, each in columns.items() for line, volts in enumerate(each, 1)}
    return found | {f"{UPS}.4.4.1.5.{line}": 20 if volts else 0 for line, volts in enumerate(output, 1)}


def volts(readings: Readings, end: str) -> dict[str, float]:
    """Voltages of one end by line."""
    found = {each: value for each, value in readings.values.items() if each.startswith(f"dcim_ups_{end}_voltage_volts")}
    return {each[-3:-1]: value for each, value in found.items()}


THREE = {"L1": 230.0, "L2": 230.0, "L3": 230.0}
LOST = {"L1": 230.0, "L2": 0.0, "L3": 230.0}
DARK = dict.fromkeys(THREE, 0.0)
ONE = {"L1": 230.0}
FITTED: list[tuple[str, dict[str, SnmpValue], dict[str, float], dict[str, float]]] = [
    ("one line, of three listed", lines((230, 0, 0), (230, 0, 0)), ONE, ONE),
    ("three lines", lines((230,) * 3, (230,) * 3), THREE, THREE),
    ("three lines in, one out", lines((230,) * 3, (230, 0, 0)), THREE, ONE),
    ("one phase lost", lines((230, 0, 230), (230,) * 3), LOST, THREE),
    ("the last phase lost", lines((230, 230, 0), (230,) * 3), {**THREE, "L3": 0.0}, THREE),
    ("one phase lost, one line out", lines((230, 0, 230), (230, 0, 0)), LOST, ONE),
    ("the first phase lost", lines((0, 230, 230), (230,) * 3), {**THREE, "L1": 0.0}, THREE),
    ("one phase lost on bypass", lines((230, 0, 230), (230, 0, 230), (230, 0, 230)), LOST, LOST),
    ("a split phase", lines((120, 120, 0), (120, 120, 0)), {"L1": 120.0, "L2": 120.0}, {"L1": 120.0, "L2": 120.0}),
    ("three lines on battery", lines((0,) * 3, (230,) * 3), DARK, THREE),
    ("one line on battery, of three listed", lines((0,) * 3, (230, 0, 0)), {"L1": 0.0}, ONE),
    ("output off", lines((230,) * 3, (0,) * 3), THREE, DARK),
    ("output off, one line", lines((230, 0, 0), (0,) * 3), ONE, {"L1": 0.0}),
    # Nothing says that they are not there.
    ("all off", lines((0,) * 3, (0,) * 3), DARK, DARK),
    ("no input table", lines((), (230, 0, 0)), {}, ONE),
    ("one line, and a volt picked up by the others", lines((230, 1, 2), (230, 0, 1)), ONE, ONE),
    ("not measured", lines((65535,) * 3, (230,) * 3), {}, THREE),
]


@pytest.mark.parametrize(("cells", "mains", "output"), [each[1:] for each in FITTED], ids=[each[0] for each in FITTED])
async def test_the_lines_of_a_ups_are_recognised_from_input_and_output(
    cells: dict[str, SnmpValue], mains: dict[str, float], output: dict[str, float]
) -> None:
    bench = Bench("rfc1628-ups", cells)
    readings = await bench.read()
    assert (volts(readings, "input"), volts(readings, "output")) == (mains, output)
    # The next poll sees the same: nothing is undecided twice.
    assert (await bench.read()).values.keys() == readings.values.keys()
    assert bench.opened == 1


async def test_a_line_appears_when_it_is_first_in_use_and_then_stays_through_outages_and_walks() -> None:
    bench = Bench("rfc1628-ups", lines((0,) * 3, (230, 0, 0)))
    assert volts(await bench.read(), "input") == {"L1": 0.0}
    for _ in range(IN_USE_ANSWERS):
        await bench.read(lines((230,) * 3, (230, 0, 0)))
    assert volts(await bench.read(), "input") == THREE
    opened = bench.opened
    assert volts(await bench.read(lines((0,) * 3, (230, 0, 0))), "input") == DARK
    bench.now += 4000.0  # the tables are walked anew, in the outage
    await bench.read()
    assert volts(await bench.read(), "input") == DARK
    bench.client.values["1.3.6.1.2.1.1.3.0"] = 1  # and once more after a reboot of the card
    await bench.read()
    assert volts(await bench.read(), "input") == DARK
    assert bench.opened == opened + 1


async def test_devices_with_the_same_lines_share_a_plan_whatever_their_voltages() -> None:
    plans = SharedPlans()
    device = Device(id="d", host="h", credential="c", profile="rfc1628-ups")
    for made, cells in (
        (1, lines((230, 0, 0), (230, 0, 0))),
        (1, lines((229, 0, 0), (231, 0, 0))),
        (2, lines((230,) * 3, (230,) * 3)),
        (2, lines((0,) * 3, (230, 229, 0)) | lines((230, 231, 229), (230, 229, 231))),
    ):
        poller = SnmpPoller(device, SHIPPED, MemorySnmp(cells), plans=plans)
        await poller.open()
        # One more for what the device lacks.
        assert plans.made == 2 * made
        assert volts(await polled(poller), "output").keys() == ({"L1"} if made == 1 else THREE.keys())


async def test_lines_of_a_device_that_was_replaced_are_forgotten() -> None:
    model = "1.3.6.1.2.1.33.1.1.2.0"
    bench = Bench("rfc1628-ups", lines((230,) * 3, (230,) * 3) | {model: b"Three"})
    assert volts(await bench.read(), "output") == THREE
    await bench.read(lines((230, 0, 0), (230, 0, 0)) | {model: b"One"})
    assert volts(await bench.read(), "output") == ONE


async def test_a_line_of_which_only_the_load_is_reported_has_it_even_if_it_is_0() -> None:
    loads: dict[str, SnmpValue] = {f"{UPS}.4.4.1.5.{line}": load for line, load in ((1, 20), (2, 0), (3, 3))}
    readings = await Bench("rfc1628-ups", lines((230,) * 3, ()) | loads).read()
    found = {key[-3:-1]: value for key, value in readings.values.items() if "output_load_ratio{" in key}
    assert found == {"L1": 0.2, "L2": 0.0, "L3": 0.03}


TENTHS = {
    "rfc1628-ups": f"{UPS}.3.3.1.3.1",
    "eaton-mge": f"{UPS}.3.3.1.3.1",
    "mitsubishi-netcom": "1.3.6.1.4.1.13891.101.3.3.1.3.1",
    "jema-ups": "1.3.6.1.4.1.4550.1.1.3.3.1.3.1",
    "megatec-netagent": "1.3.6.1.4.1.935.1.1.1.3.2.1.0",
    "delta-ups": "1.3.6.1.4.1.2254.2.4.4.3.0",
}


@pytest.mark.parametrize("name", TENTHS)
async def test_a_residual_voltage_keeps_the_scale_that_the_live_line_has_shown(name: str) -> None:
    bench = Bench(name, {"1.3.6.1.2.1.1.3.0": 100, UPS + ".4.1.0": 3, TENTHS[name]: 2301})
    for _ in range(3):
        assert volts(await bench.read(), "input") == {"L1": 230.1}
    # 9.5 V were 95 V, and 60 V were 600 V.
    for left in (95, 600, 0, 2298):
        assert volts(await bench.read({TENTHS[name]: left}), "input") == {"L1": pytest.approx(left / 10)}
    assert bench.opened == 1


DESCRIPTION, VERSION = "1.3.6.1.2.1.1.1.0", f"{UPS}.1.3.0"


@pytest.mark.parametrize("firmware", [DESCRIPTION, VERSION])
async def test_with_another_firmware_a_device_may_count_in_another_scale(firmware: str) -> None:
    """What it had shown before would make 23.0 V of its 230 V, until the agent is restarted."""
    cell = TENTHS["rfc1628-ups"]
    bench = Bench("rfc1628-ups", lines((2301,), ()) | {DESCRIPTION: b"a card", VERSION: b"1.0"})
    for _ in range(3):
        assert volts(await bench.read(), "input") == {"L1": 230.1}
    await bench.read({cell: 95, "1.3.6.1.2.1.1.3.0": 50})
    assert volts(await bench.read(), "input") == {"L1": 9.5}, "it has only restarted, on a dead line"
    await bench.read({cell: 230, "1.3.6.1.2.1.1.3.0": 20, firmware: b"2.0"})
    assert volts(await bench.read(), "input") == {"L1": 230.0}


async def test_with_another_firmware_a_device_has_the_lines_that_it_had() -> None:
    bench = Bench("rfc1628-ups", lines((230,) * 3, (230,) * 3) | {VERSION: b"1.0"})
    assert volts(await bench.read(), "input") == THREE
    await bench.read(lines((0,) * 3, (230, 0, 0)) | {VERSION: b"2.0", "1.3.6.1.2.1.1.3.0": 50})
    assert volts(await bench.read(), "input") == DARK


WHOLE = sorted(TENTHS.keys() - {"delta-ups"})  # its own branch counts tenths


@pytest.mark.parametrize("name", WHOLE)
async def test_a_line_in_whole_volts_has_them_in_a_brownout_too(name: str) -> None:
    bench = Bench(name, {"1.3.6.1.2.1.1.3.0": 100, UPS + ".4.1.0": 3, TENTHS[name]: 230})
    assert volts(await bench.read(), "input") == {"L1": 230.0}
    assert volts(await bench.read({TENTHS[name]: 95}), "input") == {"L1": 95.0}


async def inputs(bench: Bench, number: int) -> dict[str, float]:
    """The input voltages of one poll that answers this number; the only one of its round that reads it."""
    bench.client.values[TENTHS[bench.profile]] = number
    bench.now += 60.0
    readings = await bench.poller.poll(catalogue()["dcim_ups_input_voltage_volts"].poll, bench.now)
    if readings.reopen:
        await bench.open()
    found = volts(readings, "input")
    # In some families 2301 V are out of range besides.
    reasons = {why for key, why in readings.bad.items() if "input_voltage" in key}
    assert found or reasons in ({"range"}, {"replanning"})
    return found


def mains(name: str, number: int) -> Bench:
    """A UPS of which little more is known than the number of its mains' volts."""
    return Bench(name, {"1.3.6.1.2.1.1.3.0": 100, UPS + ".4.1.0": 3, TENTHS[name]: number})


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("odd", [1, 2])
async def test_an_odd_number_or_two_make_no_tenths_of_whole_volts(name: str, odd: int) -> None:
    bench = mains(name, 230)
    await bench.open()
    for _ in range(3):  # never three in a row
        assert [await inputs(bench, 2301) for _ in range(odd)] == [{}] * odd
        assert await inputs(bench, 231) == {"L1": 231.0}
    assert bench.opened == 1
    # Three in a row are no accident, and hold for what is left on a dead line.
    assert [await inputs(bench, 2301) for _ in range(4)] == [{}, {}, {}, {"L1": 230.1}]
    assert (bench.opened, await inputs(bench, 95)) == (2, {"L1": 9.5})


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("proven", [0, 1, 2])
async def test_an_odd_number_in_the_first_answers_is_taken_back_when_a_poll_contradicts_it(
    name: str, proven: int
) -> None:
    bench = mains(name, 2301)
    await bench.open()
    assert [await inputs(bench, 2301) for _ in range(proven)] == [{"L1": 230.1}] * proven
    assert [await inputs(bench, 231) for _ in range(2)] == [{}, {"L1": 231.0}]
    assert bench.opened == 2


async def test_until_a_device_is_planned_again_nothing_is_read_in_a_scale_that_was_taken_back() -> None:
    """231 would be 23.1 V."""
    bench = mains("rfc1628-ups", 2301)
    await bench.open()
    for number in (231, 232):
        bench.client.values[TENTHS["rfc1628-ups"]] = number
        assert volts(await bench.poller.poll(catalogue()["dcim_ups_input_voltage_volts"].poll, 1e9), "input") == {}


async def test_an_odd_number_costs_no_other_reading() -> None:
    bench = mains("rfc1628-ups", 230)
    bench.client.values[f"{UPS}.3.3.1.3.2"] = 231
    assert volts(await bench.read(), "input") == {"L1": 230.0, "L2": 231.0}
    assert volts(await bench.read({TENTHS["rfc1628-ups"]: 2301}), "input") == {"L2": 231.0}


async def test_a_ups_without_mains_that_replaces_one_is_polled() -> None:
    """What one answer of the other has shown is forgotten with it."""
    model = f"{UPS}.1.2.0"
    bench = mains("rfc1628-ups", 2301)
    bench.client.values[model] = b"One"
    await bench.open()
    await bench.read({TENTHS["rfc1628-ups"]: 0, model: b"Two"})
    assert volts(await bench.read(), "input") in ({}, {"L1": 0.0})
    assert volts(await bench.read({TENTHS["rfc1628-ups"]: 231}), "input") == {"L1": 231.0}


@pytest.mark.parametrize("name", WHOLE)
async def test_a_line_that_dies_behind_the_first_answers_keeps_its_scale_if_next_to_nothing_is_left_on_it(
    name: str,
) -> None:
    bench = mains(name, 2301)
    await bench.open()
    for left in (0, 31, 2298, 2300, 0, 2301, 95):
        assert await inputs(bench, left) == {"L1": left / 10}
    assert bench.opened == 1


async def test_a_switch_whose_first_answers_were_odd_is_read_in_the_scale_that_its_polls_show() -> None:
    """Of its hundredths of hertz also the scale of its volts is made."""
    root = "1.3.6.1.4.1.7777.1.1"
    key = "dcim_ats_source_line_voltage_volts{line=L1-L2,source=a}"
    bench = Bench("asco-qem", {f"{root}.{at}.0": number for at, number in ((2, 5000), (3, 50), (12, 480))})
    await bench.open()
    for _ in range(3):
        await bench.read({f"{root}.2.0": 50})
    assert (await bench.read()).values[key] == 480.0


async def test_two_supplies_in_one_table_have_lines_of_their_own() -> None:
    table = "1.3.6.1.4.1.850.1.1.3.1.3"
    cells: dict[str, SnmpValue] = {"1.3.6.1.2.1.1.3.0": 100}
    for device, output in ((1, (2300, 0, 0)), (2, (2300, 2300, 2300))):
        cells |= {f"{table}.3.2.1.2.{device}.{line}": each for line, each in enumerate(output, 1)}
    assert volts(await Bench("tripplite-ups", cells).read(), "output") == ONE


@pytest.mark.parametrize(
    ("output", "source", "then", "seen"),
    [
        # A unit that counts in tenths: 23 V that are left on a dead source are never 230 V.
        (2301, 2304, 230, {"before": 230.4, "after": 23.0}),
        (230, 231, 0, {"before": 231.0, "after": 0.0}),
        (0, 0, 2304, {"before": 0.0, "after": 230.4}),
    ],
)
async def test_what_a_transfer_switch_counts_in_is_learnt_from_a_live_line(
    output: int, source: int, then: int, seen: dict[str, float]
) -> None:
    root = "1.3.6.1.4.1.534.10.2.2"
    cells: dict[str, SnmpValue] = {f"{root}.4.0": 4, f"{root}.3.1.0": output, f"{root}.2.1.2.1": source}
    bench = Bench("eaton-ats", cells)
    key = "dcim_ats_source_voltage_volts{phase=L1,source=a}"
    assert (await bench.read()).values[key] == seen["before"]
    changes: dict[str, SnmpValue] = {f"{root}.2.1.2.1": then, f"{root}.3.1.0": then if output == 0 else 0}
    for _ in range(2 if output == 0 else 0):  # a scale is believed after three answers
        await bench.read(changes)
    readings = await bench.read(changes)
    # Below the window of a line in use: no reading rather than a wrong one.
    assert readings.values.get(key, readings.bad.get(key)) == (seen["after"] if seen["after"] != 23.0 else "range")


WIRED: Profile = parse_profile(
    """
version: 1
profile: wired
class: ups
protocol: modbus
title: A device
source: a manual
evidence: unverified
identity: {model: [{register: 10, words: 2}]}
points:
  - {metric: dcim_ups_output_voltage_volts, labels: {phase: L1}, register: 1, unit: volt}
  - {metric: dcim_ups_output_voltage_volts, labels: {phase: L2}, register: 2, unit: volt, when: {alive: [2, 5]}}
""",
    "wired.yaml",
)


class Flat(MemoryModbus):
    """The same number in every register, and 1 in every coil and in `settings`, which an outage does not change."""

    settings: frozenset[int] = frozenset()

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:  # noqa: ARG002 - the seam's signature
        places = range(address, address + count)
        return [1 if table == "coil" or place in self.settings else self.registers[0] for place in places]


def has_watched_conditions(profile: Profile) -> bool:
    """Whether some of the profile's registers only show whether a part is in use."""
    return any(each.watched() for _, point in profile.loaded().all_points() for each in point.when)


@pytest.mark.parametrize(
    "name",
    [name for name, each in SHIPPED.items() if each.protocol == "modbus" and has_watched_conditions(each)],
)
async def test_an_outage_plans_no_modbus_family_anew_and_takes_no_reading(name: str) -> None:
    unit = Flat({0: 230})
    scales = [scale for _, point in SHIPPED[name].loaded().all_points() for scale in point.scale_by]
    unit.settings = frozenset(scale.register_ for scale in scales if scale.register_ is not None)
    poller = ModbusPoller(Device(id="d", host="h", protocol="modbus", profile=name), SHIPPED[name].loaded(), unit)
    await poller.open()
    before = await polled(poller)
    unit.registers[0] = 0
    dark = await polled(poller)
    assert said(dark) >= said(before)
    assert (dark.reopen, "replanning" in dark.bad.values()) == ("", False)
    # A chiller's further compressor is watched as well, and has no lines.
    has_lines = any(point.metric.endswith("voltage_volts") for _, point in SHIPPED[name].loaded().all_points())
    for phase in ("L1", "L2", "L3") if has_lines else ():
        assert [key for key in said(before) if "voltage_volts{" in key and f"phase={phase}" in key]


async def test_a_register_that_once_measured_something_is_read_from_then_on() -> None:
    unit = MemoryModbus({1: 230, 2: 0, 5: 0, 10: 0x4142, 11: 0x4344})
    device = Device(id="d", host="h", protocol="modbus", profile="wired", unit=12)
    now = [0.0]
    poller = ModbusPoller(device, WIRED, unit, lambda: now[0])
    assert (await poller.open()).identity == Identity(model="ABCD")
    assert volts(await polled(poller), "output") == ONE
    unit.registers |= {2: 230, 5: 230}
    now[0] += 60.0
    assert (await polled(poller)).reopen == ""
    assert (await polled(poller)).reopen.startswith("register")
    await poller.open()
    unit.registers |= {1: 0, 2: 0, 5: 0}
    assert volts(readings := await polled(poller), "output") == {"L1": 0.0, "L2": 0.0}
    assert readings.reopen == ""
    # Another unit at the same address does not have the line.
    unit.registers |= {10: 0x4546}
    await poller.open()
    assert volts(await polled(poller), "output") == {"L1": 0.0}


class Refusing(MemoryModbus):
    """Registers of which one is refused with a code of Modbus."""

    refused: tuple[int, int] = (-1, 0)

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        at, code = self.refused
        if address <= at < address + count:
            error = DeviceProtocolError(f"exception {code}", device="d", operation="read")
            error.code = code
            raise error
        return await super().read(unit, table, address, count)


@pytest.mark.parametrize("code", [2, 4, 6])
async def test_a_unit_is_read_without_a_line_until_the_register_that_shows_it_answers(
    code: int,
) -> None:
    unit = Refusing({**dict.fromkeys(range(12), 0), 1: 230, 2: 0, 5: 230})
    unit.refused = (5, code)
    now = [0.0]
    device = Device(id="d", host="h", protocol="modbus", profile="wired", unit=12, retries=0)
    poller = ModbusPoller(device, WIRED, unit, lambda: now[0])
    await poller.open()
    assert volts(await polled(poller), "output") == ONE
    unit.refused = (-1, 0)
    now[0] += 61.0
    assert (await polled(poller)).reopen == "registers that were absent answer"
    await poller.open()
    assert volts(await polled(poller), "output") == {"L1": 230.0, "L2": 0.0}
