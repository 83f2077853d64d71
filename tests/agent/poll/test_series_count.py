"""What is said of a device's series: planned, present, and left out with the reason."""

from collections.abc import Mapping

from agent.config import Device
from agent.lab.output import render
from agent.lab.replay import read_all
from agent.poll import SnmpPoller
from agent.poll.series_count import SeriesCount
from agent.profile import SYS_UPTIME, ClassPlan, Plan, Slot, parse_profile
from agent.readings import Readings
from rackflow import catalogue
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.faulty_units import FAILURE, Unit, unit_bench
from tests.agent.poll.test_refused_registers import PROFILE as METERED
from tests.agent.poll.test_refused_registers import meter

ROOT = "1.3.6.1.4.1.99999"
PROFILE = parse_profile(
    f"""
version: 1
profile: counted
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.2.0]}}
points:
  - {{metric: dcim_ups_output_source, oid: {ROOT}.2.0, states: {{3: normal}}, poll: fast}}
  - {{metric: dcim_ups_battery_charge_ratio, oid: {ROOT}.9.0, unit: percent, poll: fast}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{column: {ROOT}.1.2, map: {{1: one, 2: two, 3: two}}}}}}
    points:
      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.1.1, unit: celsius, poll: normal, decimals: {ROOT}.1.3}}
""",
    "counted.yaml",
)
PLANNED, PRESENT = "dcim_device_series{state=planned}", "dcim_device_series{state=present}"
SAFETY = "dcim_device_series{state=safety}"


def slot(key: str) -> Slot:
    """A slot that nothing is read with."""
    metric = catalogue()[key.partition("{")[0]]
    return Slot(key=key, metric=metric, decoders=(), gate=None, is_plain=True, low=0.0, high=1.0)


def left_out(about: Mapping[str, float]) -> dict[str, float]:
    return {key.split("reason=")[1].split(",")[0]: value for key, value in about.items() if "left_out" in key}


def snmp() -> tuple[SnmpPoller, MemorySnmp]:
    client = MemorySnmp({SYS_UPTIME: 5, f"{ROOT}.2.0": 3})
    values = client.values
    # Sensors of the same name, one whose number the profile does not name, and one without decimals.
    for row, (name, decimals) in enumerate([(1, 0), (2, 0), (3, 0), (9, 0), (1, None)], 1):
        values |= {f"{ROOT}.1.1.{row}": 20 + row, f"{ROOT}.1.2.{row}": name}
        if decimals is not None:
            values[f"{ROOT}.1.3.{row}"] = decimals
    return SnmpPoller(Device(id="d", host="h", credential="c", profile="counted"), {"counted": PROFILE}, client), client


async def test_series_are_counted_as_planned_present_and_left_out_by_reason() -> None:
    poller, client = snmp()
    identified, readings = await read_all(poller, 1e9)
    assert readings.about[PLANNED] == readings.about[PRESENT] == 3.0
    assert left_out(readings.about) == {"duplicate": 1.0, "label": 1.0, "unit": 1.0, "absent": 1.0}
    assert "series    3 planned, 3 present, 1 for safety alerts, 1 left out (absent), 1 left out (duplicate)" in render(
        identified, readings, "table"
    )
    del client.values[f"{ROOT}.1.1.2"]
    await poller.poll("normal", 1e9)
    about = (await poller.poll("slow", 1e9)).about
    assert (about[PLANNED], about[PRESENT]) == (3.0, 2.0)


async def test_what_alerts_of_the_safety_class_need_is_counted_by_itself_whatever_class_reads_it() -> None:
    """The UPS has a state that its profile does not know: one reading less, but no alert can say that it is on battery."""
    poller, client = snmp()
    _, readings = await read_all(poller, 1e9)
    assert (readings.about[SAFETY], readings.about[PRESENT]) == (1.0, 3.0)
    client.values[f"{ROOT}.2.0"] = 77
    await poller.poll("fast", 1e9)
    about = (await poller.poll("slow", 1e9)).about
    assert (about[SAFETY], about[PRESENT]) == (0.0, 2.0)


def test_of_contacts_smoke_is_counted_and_what_may_be_missing_for_good_reason_is_not() -> None:
    """A pump that stands has no speed. A leak detector without a reading is a fault of its own."""
    smoke, door = (f"dcim_env_contact_active{{kind={kind},sensor=1}}" for kind in ("smoke", "door"))
    keys = smoke, door, "dcim_leak_detected{sensor=1}", "dcim_cdu_pump_speed_ratio{pump=1}"
    plan, counts = Plan({"slow": ClassPlan(tuple(slot(key) for key in keys))}), SeriesCount()
    readings = Readings(values=dict.fromkeys(keys, 0.0))
    counts.begin(plan)
    counts.add("slow", readings)
    assert (readings.about[SAFETY], readings.about[PRESENT]) == (1.0, 4.0)
    counts.begin(Plan({"slow": ClassPlan((slot(door),))}))
    after = Readings(values={door: 0.0})
    counts.add("slow", after)
    assert SAFETY not in after.about, "it has none"


async def test_nothing_is_called_missing_before_every_class_was_polled() -> None:
    poller, _ = snmp()
    await poller.open()
    assert PRESENT not in (await poller.poll("slow", 1e9)).about
    await poller.poll("fast", 1e9)
    assert (await poller.poll("normal", 1e9)).about == {}
    assert (await poller.poll("slow", 1e9)).about[PRESENT] == 3.0


def test_what_is_present_is_said_on_after_a_device_was_planned_anew_also_without_one_of_its_classes() -> None:
    counts, readings = SeriesCount(), Readings(values={"a": 1.0, "b": 2.0})
    slow, both = Plan({"slow": ClassPlan(())}), Plan({"slow": ClassPlan(()), "inventory": ClassPlan(())})
    counts.begin(both)
    counts.add("inventory", readings)
    counts.add("slow", readings)
    assert readings.about[PRESENT] == 4.0
    for plan, present in ((both, 4.0), (slow, 2.0)):
        after = Readings(values={"a": 1.0, "b": 2.0})
        counts.begin(plan)
        counts.add("slow", after)
        assert after.about[PRESENT] == present


async def test_registers_that_a_unit_lacks_or_refuses_are_counted() -> None:
    unit: Unit = meter(refused={8: 2})
    async with unit_bench(METERED, unit) as bench:
        await bench.poller.open()
        unit.refused[6] = FAILURE
        await bench.polled()
        readings = await bench.polled("slow")
        assert (readings.about[PLANNED], readings.about[PRESENT]) == (6.0, 5.0)
        assert left_out(readings.about) == {"absent": 1.0}
