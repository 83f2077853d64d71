"""What a search says of each device: new, known, moved, replaced, twice, or gone. Nothing is said of what was not searched."""

from dataclasses import replace

import pytest

from agent.config import AgentConfig, Device
from agent.lab.discover import Found
from agent.lab.reconcile import Result, Search, addresses_left_to_ask, entry_of, reconcile
from agent.profile import Match, load_profiles
from agent.readings import Identity
from rackflow.process.config import check_config

HERE, THERE = "192.0.2.7", "192.0.2.8"
PROFILE = "schneider-iem3000"
MATCH = Match(load_profiles(lazy=True)[PROFILE], 40, ("holding 69",))


def search(*units: int, port: int = 502) -> Search:
    return Search("modbus", [HERE, THERE], port, units or (1,), units_named=True)


def configured(**more: object) -> Device:
    """A meter at HERE, unit 1."""
    meter = {"id": "m", "protocol": "modbus", "host": HERE, "unit": 1, "profile": PROFILE, **more}
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": {"host": "b"}, "devices": [meter]}
    return check_config(whole, AgentConfig, "test").devices[0]


def found(address: str = HERE, serial: str = "", unit: int = 1) -> Found:
    return Found(address, MATCH, "", unit=unit, identity=Identity(serial=serial))


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
    "serial", ["FFFFFFFFFFFF", "XXXXXXXX", "????????", "\ufffd\ufffd\ufffd\ufffd", "0000-0000", "N/A"]
)
def test_what_stands_where_no_serial_number_was_ever_written_makes_one_device_of_no_two(serial: str) -> None:
    results = reconcile([found(HERE, serial), found(THERE, serial)], [], {}, search())
    assert [each.status for each in results] == ["new", "new"]
    assert "serial_number" not in entry_of(results[0], search()).values


@pytest.mark.parametrize("serial", ["1", "111", "AAB1", "00000007"])
def test_a_short_serial_number_is_one(serial: str) -> None:
    (result,) = reconcile([found(HERE, serial)], [], {}, search())
    assert entry_of(result, search()).values["serial_number"] == serial


def test_the_serial_number_of_a_ups_that_is_polled_over_snmp_as_well_tells_that_it_moved() -> None:
    over_snmp = Device(id="s", host="192.0.2.99", credential="read", serial_number="X-17")
    devices = [configured(serial_number="X-17"), over_snmp]
    assert said(reconcile([found(THERE, "X-17")], devices, {}, search())) == [("moved", "m")]


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


@pytest.mark.parametrize(
    "host", ["192.0.2.99", "meter-7.example"], ids=["address", "name that had no address at first"]
)
def test_nothing_is_said_of_what_answers_where_only_an_entry_was_looked_for(host: str) -> None:
    """The address of an entry that seems to have moved is asked besides: its owner did not ask for it to be searched."""
    away = configured(host=host, serial_number="X-17")
    asked = replace(search(), also_asked=[host])
    answering = [found(THERE, "X-17"), found(host, "X-17")]
    (result,) = reconcile(answering, [away], {}, asked)
    note = f"has the serial number of m, which answers at {host}: one device with two addresses?"
    assert (result.status, result.found, result.note) == ("duplicate", answering[0], note)


@pytest.mark.parametrize(("port", "asked"), [(502, {"192.0.2.99"}), (1502, set())])
def test_the_old_address_is_asked_at_the_port_that_is_searched(port: int, asked: set[str]) -> None:
    away = configured(host="192.0.2.99", port=port, serial_number="X-17")
    results = reconcile([found(THERE, "X-17")], [away], {}, search())
    assert [each.status for each in results] == ["moved"]
    assert addresses_left_to_ask(results, {}, search()) == asked
    assert addresses_left_to_ask(reconcile([found(THERE)], [away], {}, search()), {}, search()) == set()


def test_what_a_device_answers_with_is_said_with_its_error() -> None:
    silent = replace(found(), error="does not say who it is: no answer within 2 s")
    (known,) = reconcile([silent], [configured()], {}, search())
    assert (known.status, known.note) == ("known", silent.error)
    refusing = replace(silent, match=None, error="credential 'read': wrong digest")
    strange = replace(silent, match=None, error="", description="Acme PDU")
    results = reconcile([refusing, replace(strange, address=THERE)], [], {}, search())
    assert [(each.status, each.note) for each in results] == [
        ("failed", "credential 'read': wrong digest"),
        ("unrecognised", "no profile fits: Acme PDU"),
    ]


def test_an_entry_without_a_serial_number_is_not_replaced_by_a_device_that_has_one() -> None:
    assert said(reconcile([found(HERE, "X-17")], [configured()], {}, search())) == [("known", "m")]


def test_another_unit_of_an_entrys_address_is_a_device_of_its_own_only_if_units_were_named() -> None:
    """A device with Modbus TCP built in answers to any unit, and the first that answers ends the search: the entry's was not asked."""
    usual = replace(search(1, 255), units_named=False)
    assert said(reconcile([found(unit=1)], [configured(unit=255)], {}, usual)) == [("duplicate", "m")]
    assert said(reconcile([], [configured(unit=255)], {}, usual)) == [("gone", "m")]
    assert said(reconcile([found(), found(unit=2)], [configured()], {}, search(1, 2))) == [("known", "m"), ("new", "")]


def test_a_serial_number_is_known_among_entries_of_the_protocol_that_is_searched() -> None:
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "broker": {"host": "b"},
        "credentials": {"read": {"version": "2c", "community": "x"}},
        "devices": [{"id": "p", "host": "192.0.2.99", "serial_number": "X-17", "credential": "read"}],
    }
    device = check_config(whole, AgentConfig, "test").devices[0]
    assert said(reconcile([found(THERE, "X-17")], [device], {}, search())) == [("new", "")]


def named(name: str, address: str = HERE, serial: str = "") -> Found:
    return replace(found(address, serial), name=name)


@pytest.mark.parametrize(
    ("answering", "ids", "expected"),
    [
        ([named("meter-a.example.net")], {}, ["meter-a"]),
        ([named("m.b1.net"), named("m.b2.net", THERE)], {}, ["m.b1.net", "m.b2.net"]),  # the domain tells them apart
        ([named("localhost", serial="X-17")], {}, ["meter-X-17"]),  # a factory's name
        ([named("Unknown")], {}, ["meter-192-0-2-7-1"]),
        ([named("localhost.localdomain")], {}, ["meter-192-0-2-7-1"]),
        ([named("Стойка-1", serial="X-17")], {}, ["meter-X-17"]),  # nothing but a number would be left
        ([named("Зал 2 PDU 1")], {}, ["2-PDU-1"]),
        ([named("17")], {}, ["17"]),
        ([named("", serial="000-0")], {}, ["meter-192-0-2-7-1"]),  # a serial number that was never set
        ([named("a")], {(HERE, 1): "given", (HERE, None): "other"}, ["given"]),
        ([named("a")], {(HERE, 2): "given", (HERE, None): "other"}, ["other"]),
        ([named("kept")], {(THERE, None): "kept"}, ["kept-2"]),  # the table keeps it for another address
        ([named("m")], {}, ["m-2"]),  # an entry has it
    ],
)
def test_a_new_device_is_called_by_what_tells_it_from_others(
    answering: list[Found], ids: dict[tuple[str, int | None], str], expected: list[str]
) -> None:
    elsewhere = configured(host="192.0.2.99")
    results = reconcile(answering, [elsewhere], {}, search(), ids)
    assert [each.id for each in results if each.status == "new"] == expected


def test_two_spellings_of_an_address_are_one() -> None:
    asked = Search("modbus", ["2001:db8::7"], 502, (1,), units_named=True)
    device = configured(host="2001:0db8:0000::0007")
    assert said(reconcile([found("2001:db8::7")], [device], {}, asked)) == [("known", "m")]


def test_devices_of_two_classes_may_have_one_serial_number() -> None:
    """Two vendors number from 1001 on. The second would be called the first one's other address, and get no entry."""
    profiles = load_profiles(lazy=True)
    pdu = replace(found(THERE, "1001"), match=Match(profiles["raritan-pdu2"], 40, ()))
    assert profiles["raritan-pdu2"].class_ != MATCH.profile.class_
    assert [each.status for each in reconcile([found(HERE, "1001"), pdu], [], {}, search())] == ["new", "new"]
    twice = [found(HERE, "1001"), found(THERE, "1001")]
    assert [each.status for each in reconcile(twice, [], {}, search())] == ["new", "duplicate"]


def test_an_id_stays_as_short_as_a_configuration_takes_it() -> None:
    long = "x" * 70
    results = reconcile(
        [replace(found(HERE), name=long), found(THERE)], [configured(id="x" * 64, host="h")], {}, search()
    )
    ids = [each.id for each in results if each.status == "new"]
    assert ids[0] == "x" * 62 + "-2"
    assert all(len(each) <= 64 for each in ids)
