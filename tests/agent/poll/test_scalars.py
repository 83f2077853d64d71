"""Scalars that an agent has under another instance: what is asked for them, and what is not taken for one."""

from collections.abc import Mapping
from typing import Literal

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.scalars import MAX_FRUITLESS, RelocatedScalars
from agent.profile import SYS_DESCR, SYS_UPTIME, parse_profile
from agent.snmp.seam import SnmpValue
from tests.agent.conftest import Snmpd
from tests.agent.memory_peers import MemorySnmp
from tests.agent.snmp.snmp_clients import MakeClient, target_of

ROOT = "1.3.6.1.4.1.99999"
LOAD = f"{ROOT}.1.4.0"


async def sought(
    cells: Mapping[str, SnmpValue], *absent: str, **known: set[str]
) -> tuple[RelocatedScalars, MemorySnmp]:
    agent = MemorySnmp(dict(cells))
    scalars = RelocatedScalars(agent)
    await scalars.seek(absent, known.get("columns", set()), known.get("named", set()))
    return scalars, agent


@pytest.mark.parametrize("instance", ["", ".1", ".17", ".1.0", ".2147483648"])
async def test_the_only_instance_answers_for_the_one_that_the_profile_names(instance: str) -> None:
    here = f"{ROOT}.1.4{instance}"
    scalars, _ = await sought({f"{ROOT}.1.3.0": 1, here: 42, f"{ROOT}.1.5.0": 2}, LOAD)
    assert await scalars.get([LOAD, f"{ROOT}.1.3.0"]) == {LOAD: 42, f"{ROOT}.1.3.0": 1}
    scalars.forget()
    assert await scalars.get([LOAD]) == {}


@pytest.mark.parametrize(
    ("there", "known", "is_ambiguous"),
    [
        ([".1", ".2"], {}, True),
        (["", ".1"], {}, True),
        ([".1.2.3"], {}, False),
        ([".1"], {"columns": {LOAD[:-2]}}, False),
        ([".1"], {"named": {f"{LOAD[:-2]}.1"}}, False),
    ],
    ids=["two", "itself and another", "of a table", "of a column", "named for something else"],
)
async def test_what_may_be_something_else_is_not_taken(
    there: list[str], known: dict[str, set[str]], *, is_ambiguous: bool
) -> None:
    scalars, _ = await sought({f"{LOAD[:-2]}{each}": 42 for each in there}, LOAD, **known)
    assert await scalars.get([LOAD]) == {}
    assert list(scalars.ambiguous) == ([LOAD] if is_ambiguous else [])


async def test_a_branch_that_is_not_there_costs_one_request_and_a_device_of_riddles_a_few() -> None:
    """Most devices lack whole branches of their family."""
    _, agent = await sought({f"{ROOT}.1.1.0": 1, f"{ROOT}.3.1.0": 1}, *(f"{ROOT}.2.{each}.0" for each in range(1, 60)))
    assert len(agent.asked) == 1
    between = {f"{ROOT}.2.{each}.0": 1 for each in range(0, 200, 2)}
    _, agent = await sought(between, *(f"{ROOT}.2.{each}.0" for each in range(1, 200, 2)))
    assert len(agent.asked) == MAX_FRUITLESS


async def test_a_scalar_is_sought_once_and_again_with_the_next_plan_if_it_was_found() -> None:
    """A second instance may have come: then nobody can tell any more which one is meant."""
    scalars, agent = await sought({f"{ROOT}.1.4.1": 42}, LOAD, f"{ROOT}.9.1.0")
    asked = len(agent.asked)
    assert not await scalars.seek([LOAD, f"{ROOT}.9.1.0"], set(), set())
    assert len(agent.asked) == asked
    scalars.forget_found()
    agent.values[f"{ROOT}.1.4.2"] = 43
    assert await scalars.seek([LOAD, f"{ROOT}.9.1.0"], set(), set())
    assert await scalars.get([LOAD]) == {}
    assert list(scalars.ambiguous) == [LOAD]


@pytest.mark.parametrize("instances", [(".1", ".2"), (".1.0", ".2.0")])
async def test_of_two_units_that_have_a_scalar_each_reads_its_own(instances: tuple[str, str]) -> None:
    agent = MemorySnmp({f"{LOAD[:-2]}{instance}": at for at, instance in enumerate(instances, 1)})
    for unit in (1, 2):
        scalars = RelocatedScalars(agent, unit)
        await scalars.seek([LOAD], set(), set())
        assert await scalars.get([LOAD]) == {LOAD: unit}
        assert scalars.without_shared({LOAD}) == set()


async def test_an_instance_that_is_the_only_one_left_is_read_with_the_next_plan() -> None:
    scalars, agent = await sought({f"{LOAD[:-2]}.1": 42, f"{LOAD[:-2]}.2": 43}, LOAD)
    del agent.values[f"{LOAD[:-2]}.2"]
    scalars.forget_found()
    assert await scalars.seek([LOAD], set(), set())
    assert await scalars.get([LOAD]) == {LOAD: 42}


def test_what_all_units_share_is_read_with_the_first_of_them_and_with_a_device_that_is_no_unit() -> None:
    """Each of three units would otherwise give the whole load, and sums would count it three times."""
    shared = {unit: RelocatedScalars(MemorySnmp({}), unit).without_shared({LOAD}) for unit in (None, 1, 2, 3)}
    assert shared == {None: set(), 1: set(), 2: {LOAD}, 3: {LOAD}}


PROFILE = parse_profile(
    f"""
version: 1
profile: strip
class: pdu
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.1.3.0]}}
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.1.3.0, unit: watt, poll: fast}}
  - {{metric: dcim_pdu_input_energy_joules_total, oid: {LOAD}, unit: joule, poll: fast}}
""",
    "strip.yaml",
)


async def test_what_a_device_lacked_is_sought_again_on_the_one_that_replaces_it() -> None:
    power, energy = "dcim_pdu_input_power_watts", "dcim_pdu_input_energy_joules_total"
    agent = MemorySnmp({SYS_UPTIME: 100, SYS_DESCR: b"one", f"{ROOT}.1.3.0": 7})
    config = Device(id="d", host="h", credential="c", profile="strip")
    poller = SnmpPoller(config, {"strip": PROFILE}, agent)
    await poller.open()
    assert (await poller.poll("fast", 1e9)).values == {power: 7.0}
    agent.values |= {SYS_DESCR: b"another", f"{ROOT}.1.4.1": 42}
    await poller.open()
    assert (await poller.poll("fast", 1e9)).values == {power: 7.0, energy: 42.0}


async def test_a_series_of_which_nobody_knows_which_unit_is_meant_is_counted_as_such() -> None:
    """With the reason somebody sees that `unit` is to be set; one that the device lacks needs nothing."""
    agent = MemorySnmp({SYS_UPTIME: 100, f"{ROOT}.1.3.0": 7, f"{ROOT}.1.4.1": 42, f"{ROOT}.1.4.2": 43})
    config = Device(id="d", host="h", credential="c", profile="strip")
    poller = SnmpPoller(config, {"strip": PROFILE}, agent)
    await poller.open()
    about = (await poller.poll("slow", 1e9)).about
    left_out = {key: value for key, value in about.items() if "left_out" in key}
    assert left_out == {"dcim_device_series{reason=instances,state=left_out}": 1.0}


LINKED = parse_profile(
    f"""
version: 1
profile: linked
class: pdu
protocol: snmp
title: PDUs that are linked to each other
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
points: [{{metric: dcim_pdu_input_power_watts, oid: {ROOT}.6.0, unit: watt, poll: normal}}]
tables:
  - name: outlets
    rows: {ROOT}.5.1
    labels: {{outlet: {{index: 1}}}}
    points: [{{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.5.1, unit: watt, poll: normal}}]
""",
    "linked.yaml",
)


@pytest.mark.parametrize(
    ("unit", "watts", "common"),
    [(1, {"1": 40.0, "2": 50.0}, {"dcim_pdu_input_power_watts": 150.0}), (2, {"1": 60.0}, {})],
)
async def test_of_the_outlets_of_linked_pdus_only_those_of_the_configured_unit_are_read(
    unit: int, watts: dict[str, float], common: dict[str, float]
) -> None:
    """Their agent puts the number of the unit before that of the outlet, which the profile does not know.

    Their power together is that of the first unit, or a rack would have it twice.
    """
    agent = MemorySnmp({f"{ROOT}.5.1.1.1": 40, f"{ROOT}.5.1.1.2": 50, f"{ROOT}.5.1.2.1": 60, f"{ROOT}.6.0": 150})
    config = Device(id="d", host="h", credential="c", profile="linked", unit=unit, outlets=True)
    poller = SnmpPoller(config, {"linked": LINKED}, agent)
    await poller.open()
    expected = {f"dcim_pdu_outlet_power_watts{{outlet={outlet}}}": value for outlet, value in watts.items()}
    assert (await poller.poll("normal", 1e9)).values == expected | common


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_net_snmp_is_asked_for_what_stands_before_an_object(
    client_of: MakeClient, shared_snmpd: Snmpd, version: Literal["1", "2c"]
) -> None:
    """SysDescr as an object that has its own OID for an instance, and one that the agent lacks."""
    descr, there, absent = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.1.0.0", "1.3.6.1.2.1.1.77.0"
    client = client_of(target_of(shared_snmpd.port, version=version))
    scalars = RelocatedScalars(client)
    assert await scalars.seek([there, absent], set(), set())
    assert await scalars.get([there, absent]) == {there: (await client.get([descr]))[descr]}
