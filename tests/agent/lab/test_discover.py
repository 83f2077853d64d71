"""What one address of a search gives, by how its device answers: which credential is tried next, and which unit, and what is said."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import pytest

from agent.lab.discover import Found, addresses_of, discover, probe_modbus_address, probe_snmp_address
from agent.profile import SYS_DESCR, load_profiles
from agent.snmp import SnmpClient
from agent.snmp.seam import SnmpValue
from rackflow.errors import (
    ConfigError,
    DeviceAuthError,
    DeviceError,
    DeviceIgnoresUser,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
)
from rackflow.recording import RegisterTable
from tests.agent.memory_peers import MemorySnmp

if TYPE_CHECKING:
    from agent.modbus import ModbusLink

HERE = "192.0.2.7"


def fault(kind: type[DeviceError], text: str, code: int = 0) -> DeviceError:
    error = kind(text, device=HERE, operation="snmp")
    if isinstance(error, DeviceProtocolError):
        error.code = code
    return error


SILENT, AWAY = fault(DeviceTimeout, "silent"), fault(DeviceUnreachable, "nobody listens")
WRONG_KEY, IGNORED = fault(DeviceAuthError, "wrong key"), fault(DeviceIgnoresUser, "unknown user")
GARBAGE, REFUSED = fault(DeviceProtocolError, "sent garbage"), fault(DeviceProtocolError, "exception 1", 1)
NO_PATH, NO_UNIT = fault(DeviceProtocolError, "exception 10", 10), fault(DeviceProtocolError, "exception 11", 11)


class Snmp(MemorySnmp):
    """A device that fails from the request of this number on."""

    def __init__(self, failure: DeviceError | None = None, fails_at: int = 0) -> None:
        super().__init__({SYS_DESCR: b"Toaster\n3000", "1.3.6.1.2.1.1.3.0": 4711, "1.3.6.1.2.1.1.5.0": b"kitchen"})
        self._fault, self._fails_at = failure, fails_at
        self.is_closed = False

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        self.failure = self._fault if "1.3.6.1.2.1.1.5.0" in oids or not self._fails_at else None
        return await super().get(oids)

    async def close(self) -> None:
        self.is_closed = True


async def searched(*answers: DeviceError | None) -> tuple[list[Found], int]:
    """What is found at an address that answers so to the credentials a, b, …; and how many of them were tried."""
    made: list[Snmp] = []

    def client_of(answer: DeviceError | None) -> Callable[[], SnmpClient]:
        def make() -> SnmpClient:
            made.append(Snmp(answer))
            return made[-1]

        return make

    found = await probe_snmp_address(HERE, {}, {name: client_of(answer) for name, answer in zip("abc", answers)})  # noqa: B905 - as many as there are
    assert all(each.is_closed for each in made)
    return found, len(made)


@pytest.mark.parametrize(
    ("answers", "error", "tried"),
    [
        ([SILENT, SILENT], None, 2),
        ([SILENT, WRONG_KEY], "credential 'b': 192.0.2.7 snmp: wrong key", 2),
        ([IGNORED, WRONG_KEY], "credential 'a': 192.0.2.7 snmp: unknown user", 2),
        ([AWAY, None], None, 1),
        ([WRONG_KEY, AWAY], "credential 'a': 192.0.2.7 snmp: wrong key", 2),
        ([GARBAGE, None], "192.0.2.7 snmp: sent garbage", 1),
    ],
)
async def test_the_next_credential_is_tried_where_another_may_fit(
    answers: list[DeviceError | None], error: str | None, tried: int
) -> None:
    found, count = await searched(*answers)
    assert ([each.error for each in found], count) == ([] if error is None else [error], tried)


@pytest.mark.parametrize("before", [SILENT, WRONG_KEY, IGNORED])
async def test_a_device_is_found_by_the_credential_that_it_answers_to(before: DeviceError) -> None:
    found, count = await searched(before, None, None)
    assert count == 2
    assert [(each.description, each.name, each.credential, each.error) for each in found] == [
        ("Toaster 3000", "kitchen", "b", "")
    ]


async def test_a_device_that_goes_silent_while_it_says_who_it_is_is_found_with_what_it_said() -> None:
    found = await probe_snmp_address(HERE, {}, {"a": lambda: Snmp(SILENT, fails_at=1)})
    assert [(each.description, each.credential) for each in found] == [("Toaster 3000", "a")]
    assert found[0].error == "does not say who it is: 192.0.2.7 snmp: silent"


class Units:
    """A gateway: by unit, what it answers; a number stands in register 69 of a meter that is silent when asked for its serial number."""

    def __init__(self, answers: dict[int, DeviceError | str]) -> None:
        self._answers = answers
        self.asked: list[int] = []
        self.is_closed = False

    async def describe(self, unit: int) -> str:
        self.asked.append(unit)
        answer = self._answers.get(unit, SILENT)
        if isinstance(answer, DeviceError):
            raise answer
        return answer

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        answer = self._answers.get(unit, SILENT)
        if answer == "meter" and (table, address) == ("holding", 69):
            words = b"Schneider Electric".ljust(2 * count, b"\0")
            return [int.from_bytes(words[at : at + 2]) for at in range(0, 2 * count, 2)]
        raise SILENT if answer == "meter" else REFUSED if isinstance(answer, str) else answer

    async def close(self) -> None:
        self.is_closed = True


async def units_found(
    answers: dict[int, DeviceError | str], *, every: bool
) -> tuple[list[tuple[int | None, str]], Units]:
    units = Units(answers)
    found = await probe_modbus_address(HERE, {}, cast("ModbusLink", units), [1, 2, 3], every=every)
    assert units.is_closed
    return [(each.unit, each.error or each.description) for each in found], units


async def test_all_units_that_are_named_are_tried_and_otherwise_those_up_to_the_first_that_answers() -> None:
    answers: dict[int, DeviceError | str] = {2: "Acme\0 FP-7", 3: "Acme FP-8"}
    found, units = await units_found(answers, every=True)
    assert (found, units.asked) == ([(2, "Acme FP-7"), (3, "Acme FP-8")], [1, 2, 3])
    found, units = await units_found(answers, every=False)
    assert (found, units.asked) == ([(2, "Acme FP-7")], [1, 2])


@pytest.mark.parametrize("answer", [NO_PATH, NO_UNIT])
async def test_what_a_gateway_says_of_a_unit_that_it_does_not_reach_is_no_unit(answer: DeviceError) -> None:
    found, units = await units_found({1: answer, 3: "Acme"}, every=False)
    assert (found, units.asked) == ([(3, "Acme")], [1, 2, 3])


async def test_a_unit_that_answers_with_garbage_is_named_with_it() -> None:
    found, units = await units_found({1: GARBAGE, 2: "Acme"}, every=False)
    assert (found, units.asked) == ([(1, "192.0.2.7 snmp: sent garbage")], [1])
    found, _ = await units_found({1: GARBAGE, 2: "Acme"}, every=True)
    assert found == [(1, "192.0.2.7 snmp: sent garbage"), (2, "Acme")]


async def test_no_further_unit_is_asked_for_where_nothing_listens() -> None:
    found, units = await units_found({1: AWAY, 2: "Acme"}, every=True)
    assert (found, units.asked) == ([], [1])


async def test_a_unit_that_is_recognised_and_then_silent_is_found_without_its_identity() -> None:
    profiles = {name: each for name, each in load_profiles(lazy=True).items() if name == "schneider-iem3000"}
    units = cast("ModbusLink", Units({1: "meter"}))
    [found] = await probe_modbus_address(HERE, profiles, units, [1], every=False)
    assert found.match is not None
    assert (found.match.profile.profile, found.identity.serial, found.error) == ("schneider-iem3000", "", "")


async def test_an_address_that_fails_is_named_and_ends_no_search_and_silent_ones_are_counted() -> None:
    tried = 0

    def count() -> None:
        nonlocal tried
        tried += 1

    async def probe(address: str) -> list[Found]:
        if address.endswith(".1"):
            raise GARBAGE
        if address.endswith(".2"):
            raise ZeroDivisionError
        return [Found(address, None, "Acme")] if address.endswith(".3") else []

    said = {
        each.address: each.error or each.description
        async for each in discover(addresses_of(["192.0.2.0/29"]), probe, 1e6, count)
    }
    assert said.pop("192.0.2.2") == "192.0.2.2 discover: fault of the agent: ZeroDivisionError"
    assert said == {"192.0.2.1": "192.0.2.7 snmp: sent garbage", "192.0.2.3": "Acme"}
    assert tried == 6


async def test_no_more_addresses_are_tried_in_a_second_than_may_be() -> None:
    """More at once look like an attack on a management network."""
    began: list[float] = []

    async def probe(address: str) -> list[Found]:  # noqa: ARG001 - a probe has it
        began.append(asyncio.get_running_loop().time())
        return []

    assert [each async for each in discover(addresses_of(["192.0.2.1-21"]), probe, rate=100)] == []
    assert began[-1] - began[0] >= 0.19


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("192.0.2.5/30", ["192.0.2.5", "192.0.2.6"]),
        ("192.0.2.5/31", ["192.0.2.4", "192.0.2.5"]),
        ("2001:db8::/126", ["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        ("192.0.2.7 - 192.0.2.7", ["192.0.2.7"]),
    ],
)
def test_a_range_has_every_host_and_no_address_that_is_none(text: str, addresses: list[str]) -> None:
    assert addresses_of([text]) == addresses


@pytest.mark.parametrize("text", ["192.0.2.7-6", "192.0.2.7-2001:db8::1", "2001:db8::1-192.0.2.7"])
def test_a_range_that_goes_back_or_to_another_kind_of_address_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="does not come after"):
        addresses_of([text])


def test_the_most_addresses_are_those_of_all_ranges_together() -> None:
    assert len(addresses_of(["10.0.0.0/17", "10.0.128.0/17"])) == 65_532
    with pytest.raises(ConfigError, match=r"10\.2\.0\.0/24: more than 65536 addresses"):
        addresses_of(["10.0.0.0/17", "10.0.128.0/17", "10.2.0.0/24"])
