"""What a search says of each device: new, known, moved, replaced, twice, or gone. Nothing is said of what was not searched."""

import pytest

from agent.config import AgentConfig, Device
from agent.lab.discover import Found
from agent.lab.reconcile import Result, Search, entry_of, reconcile
from agent.profile import Match, load_profiles
from agent.readings import Identity
from rackflow.process.config import check_config

HERE, THERE = "192.0.2.7", "192.0.2.8"
PROFILE = "schneider-iem3000"


def search(*units: int, port: int = 502) -> Search:
    return Search("modbus", [HERE, THERE], port, units or (1,), units_named=True)


def configured(**more: object) -> Device:
    """A meter at HERE, unit 1."""
    meter = {"id": "m", "protocol": "modbus", "host": HERE, "unit": 1, "profile": PROFILE, **more}
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": {"host": "b"}, "devices": [meter]}
    return check_config(whole, AgentConfig, "test").devices[0]


def found(address: str = HERE, serial: str = "", unit: int = 1) -> Found:
    match = Match(load_profiles(lazy=True)[PROFILE], 40, ("holding 69",))
    return Found(address, match, "", unit=unit, identity=Identity(serial=serial))


def said(results: list[Result]) -> list[tuple[str, str]]:
    """The status of each, and the entry that it is about."""
    return [(each.status, each.device.id if each.device is not None else "") for each in results]


@pytest.mark.parametrize(
    ("device", "units", "gone"),
    [
        (configured(), (1,), True),
        (configured(unit=5), (1, 2), False),
        (configured(unit=5), (1, 5), True),
        (configured(enabled=False), (1,), False),
        (configured(port=1502), (1,), False),
        (configured(host="192.0.2.99"), (1,), False),
    ],
    ids=["it is silent", "its unit was not asked", "its unit was", "it is switched off", "another port", "elsewhere"],
)
def test_a_device_is_gone_if_all_that_it_is_asked_by_was_tried(
    device: Device,
    units: tuple[int, ...],
    gone: bool,  # noqa: FBT001 - a case
) -> None:
    assert said(reconcile([], [device], {}, search(*units))) == ([("gone", "m")] if gone else [])


def test_a_host_with_two_addresses_is_there_if_one_answers() -> None:
    device = configured(host="meter.example")
    resolved = {"meter.example": [HERE, THERE]}
    assert said(reconcile([found(THERE)], [device], resolved, search())) == [("known", "m")]
    assert said(reconcile([], [device], resolved, search())) == [("gone", "m")]


def test_a_device_that_moved_is_not_gone_as_well() -> None:
    device = configured(serial_number="X-17")
    (result,) = reconcile([found(THERE, "X-17")], [device], {}, search())
    assert (result.status, result.note) == ("moved", f"is configured at {HERE}; change its host to {THERE}")


@pytest.mark.parametrize(
    ("more", "at"), [({"port": 1502}, f"{HERE} port 1502 unit 1"), ({"unit": 7}, f"{HERE} port 502 unit 7")]
)
def test_what_is_said_to_have_moved_says_where_nobody_has_asked(more: dict[str, int], at: str) -> None:
    (result,) = reconcile([found(THERE, "X-17")], [configured(serial_number="X-17", **more)], {}, search())
    assert (result.status, result.note.partition(f"{THERE} if ")[2]) == (
        "moved",
        f"nothing answers at {at} any more: this search did not ask there",
    )


def test_the_serial_number_of_another_vendors_device_says_nothing() -> None:
    device = configured(serial_number="X-17", profile="carlo-gavazzi-em24")
    assert said(reconcile([found(THERE, "X-17")], [device], {}, search())) == [("new", ""), ("gone", "m")]


def test_a_serial_number_of_two_entries_says_nothing() -> None:
    devices = [configured(serial_number="X-17"), configured(serial_number="X-17", id="n", host="192.0.2.99")]
    assert said(reconcile([found(THERE, "X-17")], devices, {}, search())) == [("new", ""), ("gone", "m")]


@pytest.mark.parametrize(
    ("serial", "status"), [("X-17", "known"), ("", "known"), ("0000", "known"), ("Y-1", "replaced")]
)
def test_a_device_is_replaced_if_it_has_another_serial_number_and_not_if_it_has_none(serial: str, status: str) -> None:
    assert said(reconcile([found(HERE, serial)], [configured(serial_number="X-17")], {}, search())) == [(status, "m")]


@pytest.mark.parametrize(("count", "statuses"), [(2, ["new", "duplicate"]), (3, ["new"] * 3)])
def test_two_addresses_of_one_serial_number_are_one_device_and_three_are_three(count: int, statuses: list[str]) -> None:
    answering = [found(f"192.0.2.{at}", "X-17") for at in range(1, count + 1)]
    assert [each.status for each in reconcile(answering, [], {}, search())] == statuses


@pytest.mark.parametrize(("port", "written"), [(502, None), (1502, 1502)])
def test_an_entry_has_its_port_if_it_is_not_the_usual_one(port: int, written: int | None) -> None:
    looked = search(port=port)
    (result,) = reconcile([found(serial="X-17")], [], {}, looked)
    values = entry_of(result, looked).values
    assert (values.get("port"), values["unit"], values["serial_number"]) == (written, 1, "X-17")
