"""Two units behind one SNMP agent, of which one is switched off: its rows go, and it must not take those of its neighbour."""

import sys
from types import FrameType

import pytest

from agent.config import AgentConfig
from agent.poll import PollerFactory
from agent.poll.own_rows import OwnRows, units_beside, units_by_place
from agent.profile import SYS_UPTIME, parse_profile
from agent.settings import enabled_devices
from agent.snmp import SnmpClient
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceError
from rackflow.process.config import check_config
from tests.agent.memory_peers import MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
CURRENT = "dcim_pdu_bank_current_amperes"
PROFILE = parse_profile(
    f"""
version: 1
profile: twofold
class: pdu
protocol: snmp
title: A PDU that may be one of two behind one agent
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
tables:
  - name: banks
    rows: {ROOT}.1.2
    labels: {{bank: {{index: -1}}}}
    points: [{{metric: {CURRENT}, oid: {ROOT}.1.2, unit: ampere, poll: fast}}]
""",
    "twofold.yaml",
)


def config_of(*units: int | None) -> AgentConfig:
    """One device for each of these units; None is one that does not say which it is."""
    entry = {"host": "192.0.2.1", "credential": "c", "profile": "twofold"}
    devices = [
        {"id": f"d-{at}", **entry, **({} if unit is None else {"unit": unit})} for at, unit in enumerate(units, 1)
    ]
    return check_config(
        {"agent": "a", "labels": {"site": "s"}, "credentials": {"c": {"community": "x"}}, "devices": devices},
        AgentConfig,
        "test",
    )


def fitted(**rows: int) -> dict[str, SnmpValue]:
    """Rows `u1_2` is bank 2 of unit 1."""
    found: dict[str, SnmpValue] = {SYS_UPTIME: 100_000}
    return found | {f"{ROOT}.1.2.{row[1:].replace('_', '.')}": value for row, value in rows.items()}


async def polled(config: AgentConfig, *states: dict[str, SnmpValue]) -> list[dict[str, float] | str]:
    """What the first device gives in each of these states of its agent; an error's text where it cannot be opened or polled."""
    memory = MemorySnmp({})

    def wrap(_: SnmpClient) -> SnmpClient:
        return memory

    poller = PollerFactory({"twofold": PROFILE})(config, config.devices[0], wrap_snmp=wrap)
    found: list[dict[str, float] | str] = []
    for state in states:
        memory.values = dict(state)
        try:
            await poller.open()
            found.append((await poller.poll("fast", 5000.0)).values)
        except DeviceError as error:
            found.append(str(error))
    return found


BOTH, SECOND = fitted(u1_1=3, u2_1=5), fitted(u2_1=5)


async def test_a_unit_whose_rows_are_gone_does_not_take_those_of_the_other_configured_one() -> None:
    (found,) = await polled(config_of(1, 2), SECOND)
    assert "none of the objects" in str(found)


def test_the_number_of_its_rows_is_known_by_table_until_it_is_forgotten() -> None:
    memory = OwnRows(1, frozenset())
    assert memory.of("banks", ["1.1", "2.1"]) == ["1.1", "2.1"]
    assert memory.of("banks", ["2.1", "3"]) == ["3"]
    assert memory.of("others", ["2.1"]) == ["2.1"]
    memory.forget()
    assert memory.of("banks", ["2.1"]) == ["2.1"]
    assert OwnRows(None, frozenset()).of("banks", ["1.1", "2.1"]) == ["1.1", "2.1"]


async def test_an_agent_with_one_unit_may_number_it_in_any_way() -> None:
    assert await polled(config_of(1), SECOND) == [{f"{CURRENT}{{bank=1}}": 5.0}]
    assert await polled(config_of(1, 2), fitted(u7_1=5)) == [{f"{CURRENT}{{bank=1}}": 5.0}]


async def test_a_unit_that_was_read_until_its_rows_went_does_not_take_those_of_another_one() -> None:
    """Its neighbour is not configured here."""
    first, gone, planned = await polled(config_of(1), BOTH, SECOND, SECOND)
    assert first == {f"{CURRENT}{{bank=1}}": 3.0}
    assert "answers none of the objects" in str(gone)
    assert "none of the objects" in str(planned)


@pytest.mark.parametrize(
    ("units", "beside"), [((1, 2, 3), {2, 3}), ((2, 1), {1}), ((None, 2), set()), ((1, None), set())]
)
def test_units_beside_a_device_are_those_of_the_same_address(units: tuple[int | None, ...], beside: set[int]) -> None:
    config = config_of(*units)
    assert units_beside(config.devices[0], units_by_place(config)) == beside


def test_a_unit_at_another_address_port_or_protocol_is_not_beside_it() -> None:
    entries: list[dict[str, object]] = [
        {"host": "192.0.2.1", "credential": "c", "profile": "twofold", "unit": 1},
        {"host": "192.0.2.1", "credential": "c", "profile": "twofold", "unit": 2, "port": 1161},
        {"host": "192.0.2.2", "credential": "c", "profile": "twofold", "unit": 3},
        {"host": "192.0.2.1", "protocol": "modbus", "profile": "aalc-rpu", "unit": 4, "port": 161},
        {"host": "192.0.2.1", "credential": "c", "profile": "twofold", "unit": 5, "port": 161},
        {"host": "PDU-1", "credential": "c", "profile": "twofold", "unit": 6},
        {"host": "pdu-1", "credential": "c", "profile": "twofold", "unit": 7},
    ]
    config = check_config(
        {
            "agent": "a",
            "labels": {"site": "s"},
            "credentials": {"c": {"community": "x"}},
            "devices": [{"id": f"d-{at}", **entry} for at, entry in enumerate(entries, 1)],
        },
        AgentConfig,
        "test",
    )
    beside = [units_beside(each, units_by_place(config)) for each in config.devices]
    assert beside == [{5}, set(), set(), set(), {1}, {7}, {6}]


def test_a_unit_that_a_reload_adds_beside_another_one_has_that_one_polled_anew() -> None:
    """Which rows are not its own depends on it. A unit that says no number, or is behind another agent, changes nothing."""
    alone, beside, unnumbered = (
        enabled_devices(config)["d-1"] for config in (config_of(1), config_of(1, 2), config_of(1, None))
    )
    assert beside.device == alone.device
    assert beside != alone
    assert unnumbered == alone


def test_the_units_behind_an_agent_are_looked_for_once_for_all_of_its_devices() -> None:
    """For 3,000 devices, looking through all of them for each one took a minute, with the loop held up for seconds at a time."""
    config, factory, looks = config_of(*range(1, 101)), PollerFactory({"twofold": PROFILE}), 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal looks
        looks += event == "call" and frame.f_code.co_name == "given_unit"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for device in config.devices:
            factory(config, device)
    finally:
        sys.setprofile(before)
    assert 0 < looks <= 5 * len(config.devices)
