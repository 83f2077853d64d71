"""A current and a power of one line that differ by a power of ten: none of both is published."""

import pytest

from agent.config import Device
from agent.poll import ModbusPoller, SnmpPoller
from agent.poll.checks.power import CHECK_EVERY_S, PowerCheck
from agent.profile import Plan, load_profiles, parse_profile, plan_device
from agent.readings import Readings
from rackflow.catalogue import POLL_SECONDS, PollClass
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
OUTLET = "dcim_pdu_outlet_{}{{outlet=1}}"
VOLTS, AMPERES, WATTS, VA = map(
    OUTLET.format, ("voltage_volts", "current_amperes", "power_watts", "apparent_power_voltamperes")
)


def plan_of(*, volts_poll: str = "normal", amperes_poll: str = "normal", powers: int = 2) -> Plan:
    points = "".join(
        f"  - {{metric: dcim_pdu_outlet_{name}, labels: {{outlet: '1'}}, oid: {ROOT}.{at}.0, unit: {unit}, poll: {poll}}}\n"
        for at, (name, unit, poll) in enumerate(
            [
                ("voltage_volts", "volt", volts_poll),
                ("current_amperes", "ampere", amperes_poll),
                ("apparent_power_voltamperes", "voltampere", "normal"),
                ("power_watts", "watt", "normal"),
            ][: 2 + powers],
            1,
        )
    )
    text = f"{HEAD}protocol: snmp\nrecognise: {{probes: [{ROOT}.1.0]}}\npoints:\n{points}"
    return plan_device(parse_profile(text, "strip.yaml"), {}, {}, None)


def rejected(plan: Plan, *polls: tuple[PollClass, dict[str, float]]) -> set[str]:
    """The keys that the last poll lost."""
    power_check = PowerCheck()
    power_check.begin(plan, {})
    readings = Readings()
    for poll, values in polls:
        readings = Readings(values=dict(values))
        power_check.reject(poll, readings)
    assert set(readings.bad.values()) <= {"range"}
    return set(readings.bad)


@pytest.mark.parametrize(
    ("amperes", "power", "lost"),
    [
        # Tenths that were taken for amperes, and amperes for tenths.
        (16.0, {WATTS: 350.0, VA: 370.0}, True),
        (0.3, {WATTS: 1100.0}, True),
        (1.6, {WATTS: 350_000.0}, True),
        (1.6, {VA: 3.7}, False),  # a current below 2 A may be noise of a meter that counts whole amperes
        (16.0, {VA: 370.0}, True),
        (16.0, {VA: 3.7}, True),
        (327.0, {WATTS: 1100.0}, True),
        (1.6, {VA: 3700.0}, True),
        (4.0, {VA: 92.0}, True),
        (-1.6, {WATTS: -350_000.0}, True),  # a line that feeds in
        # True ones.
        (327.0, {WATTS: 0.0, VA: 0.0}, False),  # a device that has no power to tell
        (1.6, {WATTS: 350.0, VA: 370.0}, False),
        (16.0, {WATTS: 350.0}, False),  # a load with a small power factor
        (0.0, {WATTS: 100.0}, False),  # whole amperes, cut off
        (1.0, {WATTS: 440.0}, False),
        (1.0, {WATTS: 742.0}, False),  # three phases of 1.9 A seen as one, and cut off
        (0.1, {WATTS: 55.0}, False),
        (10.0, {WATTS: 4000.0, VA: 4000.0}, False),  # three phases seen as one
        (-1.6, {WATTS: -350.0}, False),
    ],
)
def test_a_power_of_ten_between_power_and_volts_times_amperes_costs_both(
    amperes: float,
    power: dict[str, float],
    lost: bool,  # noqa: FBT001 - a case
) -> None:
    values = {VOLTS: 230.0, AMPERES: amperes, **power}
    assert rejected(plan_of(), ("normal", values)) == ({AMPERES, *power} if lost else set())


@pytest.mark.parametrize(
    ("line", "power", "labels"),
    [
        ("pdu_phase", "pdu_phase", "phase: L1"),
        ("pdu_bank", "pdu_bank", "bank: '1'"),
        ("pdu_outlet", "pdu_outlet", "outlet: '1'"),
        ("ups_output", "ups_output", "phase: L1"),
        ("ups_input", "ups_input", "phase: L1"),
        ("meter", "meter_phase", "role: other, phase: L1"),
    ],
)
def test_each_kind_of_line_is_checked(line: str, power: str, labels: str) -> None:
    names = (f"{line}_voltage_volts", f"{line}_current_amperes", f"{power}_power_watts")
    points = "".join(
        f"  - {{metric: dcim_{name}, labels: {{{labels}}}, oid: {ROOT}.{at}.0, unit: {unit}, poll: normal}}\n"
        for at, (name, unit) in enumerate(zip(names, ("volt", "ampere", "watt"), strict=True))
    )
    head = HEAD.replace("class: pdu", f"class: {line.partition('_')[0]}")
    text = f"{head}protocol: snmp\nrecognise: {{probes: [{ROOT}.1.0]}}\npoints:\n{points}"
    plan = plan_device(parse_profile(text, "strip.yaml"), {}, {}, None)
    volts, amperes, watts = (slot.key for part in plan.classes.values() for slot in part.slots)
    assert rejected(plan, ("normal", {volts: 230.0, amperes: 327.0, watts: 1100.0})) == {amperes, watts}


def test_a_line_of_which_only_the_apparent_power_is_told_is_checked_as_well() -> None:
    assert rejected(plan_of(powers=1), ("normal", {VOLTS: 230.0, AMPERES: 16.0, VA: 370.0})) == {AMPERES, VA}


def test_a_voltage_of_another_poll_class_is_kept_and_one_that_is_gone_bounds_nothing() -> None:
    wrong = {AMPERES: 16.0, VA: 370.0}
    plan = plan_of(volts_poll="slow")
    assert rejected(plan, ("normal", wrong)) == set()
    assert rejected(plan, ("slow", {VOLTS: 230.0}), ("normal", wrong)) == {AMPERES, VA}
    assert rejected(plan, ("slow", {VOLTS: 230.0}), ("slow", {}), ("normal", wrong)) == set()
    assert rejected(plan, ("slow", {VOLTS: 0.0}), ("normal", wrong)) == set()


def test_a_current_of_another_poll_class_is_rejected_once_it_contradicts_two_powers_in_a_row() -> None:
    """A load that rises between the two polls does not hide its own current."""
    plan = plan_of(amperes_poll="fast")
    current: tuple[PollClass, dict[str, float]] = ("fast", {AMPERES: 16.0})
    power: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 230.0, VA: 370.0})
    assert rejected(plan, current, power, current) == set()
    assert rejected(plan, current, power, power) == {VA}
    assert rejected(plan, current, power, power, current) == {AMPERES}
    right: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 230.0, VA: 3700.0})
    assert rejected(plan, current, power, right, power) == set()
    assert rejected(plan, current, power, power, right) == set()


def test_what_was_rejected_is_published_again_once_it_fits_and_not_after_an_outage_alone() -> None:
    plan = plan_of(amperes_poll="fast")
    current: tuple[PollClass, dict[str, float]] = ("fast", {AMPERES: 16.0})
    wrong: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 230.0, VA: 370.0})
    dark: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 0.0, VA: 0.0})
    right: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 230.0, VA: 3700.0})
    assert rejected(plan, current, wrong, wrong, current, right, current) == set()
    assert rejected(plan, current, wrong, wrong, dark, current) == {AMPERES}


def test_a_line_that_was_right_is_judged_again_after_ten_minutes() -> None:
    right: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 230.0, AMPERES: 16.0, VA: 3700.0})
    wrong: tuple[PollClass, dict[str, float]] = ("normal", {VOLTS: 230.0, AMPERES: 16.0, VA: 370.0})
    polls = int(CHECK_EVERY_S / POLL_SECONDS["normal"])
    assert rejected(plan_of(), right, *[right] * polls, wrong) == {AMPERES, VA}


def test_a_device_that_was_planned_anew_is_not_judged_by_what_was_there_before() -> None:
    """Its transformer's ratio was corrected, or it is another device."""
    check = PowerCheck()
    plan = plan_of(amperes_poll="fast")
    check.begin(plan, {})
    for _ in range(2):
        check.reject("fast", Readings(values={AMPERES: 16.0}))
        check.reject("normal", Readings(values={VOLTS: 230.0, VA: 370.0}))
    check.begin(plan, {})
    current = Readings(values={AMPERES: 1.6})
    check.reject("fast", current)
    assert current.values == {AMPERES: 1.6}


async def test_a_strip_of_known_family_whose_firmware_counts_otherwise_gives_no_wrong_current() -> None:
    """By the MIB tenths of amperes; this one sends hundredths. Its power shows it."""
    own = "1.3.6.1.4.1.318.1.1.26"
    cells: dict[str, int | bytes | str | float | None] = {
        "1.3.6.1.2.1.1.3.0": 5,
        f"{own}.6.3.1.2.1": 1,
        **{f"{own}.6.3.1.{column}.1": value for column, value in ((3, 1), (5, 785), (6, 231), (7, 180), (8, 181))},
    }
    device = Device(id="d", host="h", credential="c", profile="apc-rpdu2")
    poller = SnmpPoller(device, load_profiles(lazy=True), MemorySnmp(cells))
    await poller.open()
    whole: dict[str, str] = {}
    for poll in ("fast", "normal", "slow"):
        readings = await poller.poll(poll, 1e9)
        whole |= readings.bad
        assert not [key for key in readings.values if "current" in key or "power" in key], poll
    assert whole["dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"] == "range"


async def test_a_meter_whose_current_has_its_words_the_other_way_round_gives_none() -> None:
    """5 A with the low word first are 327,680 of them; in milliamperes no window of a current sees it."""
    points = "".join(
        f"  - {{metric: dcim_meter_{name}, labels: {{role: other, phase: L1}}, register: {at}, type: {kind}, unit: {unit}, poll: fast}}\n"
        for name, at, kind, unit in (
            ("voltage_volts", 0, "uint16", "volt"),
            ("current_amperes", 1, "uint32", "milliampere"),
            ("phase_power_watts", 3, "uint16", "watt"),
        )
    )
    profile = parse_profile(
        f"{HEAD.replace('class: pdu', 'class: meter')}protocol: modbus\npoints:\n{points}", "strip.yaml"
    )
    device = Device(id="d", host="h", protocol="modbus", profile="strip", unit=12)
    poller = ModbusPoller(device, profile, MemoryModbus({0: 230, 1: 5, 2: 0, 3: 1100}))
    await poller.open()
    readings = await poller.poll("fast", 1e9)
    assert readings.values == {"dcim_meter_voltage_volts{phase=L1,role=other}": 230.0}
    assert len(readings.bad) == 2


def test_a_switch_from_watts_to_kilowatts_is_noticed_within_a_minute() -> None:
    """2,300 W are 2 then; without this until the next look at all lines, ten minutes later."""
    good = {VOLTS: 230.0, AMPERES: 10.0, WATTS: 2300.0, VA: 2300.0}
    minute: list[tuple[PollClass, dict[str, float]]] = [("normal", good | {WATTS: 2.0, VA: 2.0})] * 6
    assert rejected(plan_of(), ("normal", good), *minute) == {AMPERES, WATTS, VA}
    assert rejected(plan_of(), ("normal", good), *minute, ("normal", good)) == set()


def test_a_switch_is_noticed_within_minutes_although_most_lines_are_idle() -> None:
    """One line is looked at in between, each time another one, and this is the last of three."""
    lines = {
        outlet: {key.replace("outlet=1", f"outlet={outlet}"): value for key, value in values.items()}
        for outlet, values in (
            (1, {VOLTS: 230.0, AMPERES: 0.0, WATTS: 0.0}),
            (2, {VOLTS: 230.0, AMPERES: 0.0, WATTS: 0.0}),
            (3, {VOLTS: 230.0, AMPERES: 10.0, WATTS: 2300.0}),
        )
    }
    points = "".join(
        f"  - {{metric: dcim_pdu_outlet_{name}, labels: {{outlet: '{outlet}'}}, oid: {ROOT}.{at}.{outlet}, unit: {unit}, poll: normal}}\n"
        for outlet in lines
        for at, (name, unit) in enumerate(
            [("voltage_volts", "volt"), ("current_amperes", "ampere"), ("power_watts", "watt")], 1
        )
    )
    text = f"{HEAD}protocol: snmp\nrecognise: {{probes: [{ROOT}.1.0]}}\npoints:\n{points}"
    plan = plan_device(parse_profile(text, "strip.yaml"), {}, {}, None)
    good = {key: value for each in lines.values() for key, value in each.items()}
    wrong = good | {WATTS.replace("outlet=1", "outlet=3"): 2.0}
    minutes: list[tuple[PollClass, dict[str, float]]] = [("normal", wrong)] * 18
    lost = {each.replace("outlet=1", "outlet=3") for each in (AMPERES, WATTS)}
    assert rejected(plan, ("normal", good), *minutes) == lost
