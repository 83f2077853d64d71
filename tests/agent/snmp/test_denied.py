"""Objects that a device denies to this credential (authorizationError): in verified and in repairing sessions, and what they cost."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from agent.snmp.missing import BELIEVED_S, FAILED_S, FIRST_S, MOST_AGAIN
from agent.snmp.seam import SnmpCommunity, SnmpUser
from rackflow.errors import DeviceAuthError, DeviceTimeout
from tests.agent.conftest import BASE, VALUES, Snmpd
from tests.agent.faulty_peers import GET, GETBULK, RESPONSE, FaultyAgent, Request, elements, integer, oid_text, tlv
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table, target_of
from tests.agent.snmp.v3_messages import V3, Keys
from tests.jumping import LONG_TIMEOUT_S, after, jump, standing

AUTHORIZATION_ERROR = 16
USER = SnmpUser("sha384", "sha384", "authauth1", "", "")
OIDS = [f"{BASE}.{number}.0" for number in range(1, 8)]
DENIED = f"{BASE}.5.0"


def denying(request: bytes, answer: bytes) -> list[bytes]:
    """The answer as a device sends it that denies DENIED, and with it the whole request."""
    message = V3.parse(answer)
    kind, request_id, binds = pdu_of(message)
    names = [oid_text(next(iter(elements(each)))[1]) for _, each in elements(binds)]
    if kind != RESPONSE or DENIED not in names:
        return [answer]
    kind, _, asked = pdu_of(V3.parse(request))
    index = names.index(DENIED) + 1 if kind == GET else 1
    pdu = tlv(2, request_id) + integer(AUTHORIZATION_ERROR) + integer(index) + tlv(0x30, asked)
    body = tlv(0x30, tlv(4, message.engine) + tlv(4, b"") + tlv(RESPONSE, pdu))
    return [replace(message, body=body).signed(Keys(USER.auth, USER.auth_key))]


def pdu_of(message: V3) -> tuple[int, bytes, bytes]:
    """Type, request-id and binds of a plaintext message."""
    ((_, inner),) = elements(message.body)
    _, _, (kind, pdu) = elements(inner)
    (_, request_id), _, _, (_, binds) = elements(pdu)
    return kind, request_id, binds


async def test_with_snmpv3_a_denied_object_costs_itself_and_a_few_requests(
    client_of: MakeClient, shared_snmpd: Snmpd
) -> None:
    async with Forger(shared_snmpd.port).serving() as forger:
        client = client_of(target_of(forger.own_port, USER, timeout_s=LONG_TIMEOUT_S))
        right = await client.get(OIDS)
        assert len(right) == len(OIDS)
        forger.on_data = denying
        forger.requests.clear()
        found = {oid: value for oid, value in (await client.get(OIDS)).items() if value is not None}
        assert found.keys() == right.keys() - {DENIED}
        # It is searched for by halving: 7 requests, none of them repeated, and none for the engine or its time.
        assert len(forger.requests) <= 7
        with pytest.raises(DeviceAuthError):
            await client.get([DENIED])
        assert (await client.walk(BASE)).keys() == set(OIDS[: OIDS.index(DENIED)])


async def test_a_session_that_repairs_answers_survives_a_denial(client_of: MakeClient) -> None:
    odd = f"{TREE}.1.3"
    async with FaultyAgent(table(20) | {odd: tlv(0x09, b"\x01")}).serving() as agent:

        def deny_second_table(request: Request) -> list[bytes]:
            found = {oid for oid, _ in agent.found(request, request.oids)}
            return (
                [request.answer(status=AUTHORIZATION_ERROR, index=1)] if f"{TREE}.2.1" in found else agent.good(request)
            )

        agent.behaviour = deny_second_table
        client = client_of(target_of(agent.port))
        for _ in range(2):
            assert (await client.get([odd, f"{TREE}.1.1"]))[f"{TREE}.1.1"] == 1
            assert len(await client.walk(f"{TREE}.1")) == 20


ROWS = [f"{TREE}.1.{row}" for row in range(1, 41)]


class NarrowAgent(FaultyAgent):
    """Denies `denied` as whole requests, and each GETNEXT or GETBULK that runs into `fence`."""

    denied: Collection[str] = ()
    fence = ""

    def good(self, request: Request) -> list[bytes]:
        found = request.oids if request.kind == GET else [oid for oid, _ in self.found(request, request.oids)]
        kept = self.denied if request.kind == GET else [self.fence]
        index = next((at for at, oid in enumerate(found, 1) if oid in kept), 0)
        if index:
            return [request.answer(status=AUTHORIZATION_ERROR, index=index if request.kind == GET else 1)]
        return super().good(request)

    def count(self) -> int:
        """How many requests came since the last count."""
        count = len(self.requests)
        self.requests.clear()
        return count


@pytest.mark.parametrize("denied", [ROWS[7:8], ROWS[7:15], ROWS[::2], ROWS[:20]], ids=["1", "8", "each other", "20"])
async def test_what_is_denied_while_a_device_is_polled_costs_no_more_requests_until_a_minute_is_over(
    client_of: MakeClient, denied: list[str]
) -> None:
    agent = NarrowAgent(table(40))
    async with agent.serving():
        # Objects are left out for FIRST_S at first, and a busy machine takes as long for three polls.
        with standing():
            client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S))
            assert len(await client.get(ROWS)) == 40
            usual = agent.count()
            agent.denied = denied
            given = set(ROWS) - set(denied)
            assert (await client.get(ROWS)).keys() == given
            agent.count()
            for _ in range(3):
                assert (await client.get(ROWS)).keys() == given
                assert agent.count() <= usual
            await jump(BELIEVED_S)
            # Then each of them is asked for once, a few in each poll.
            counts = []
            for _ in range(len(denied) // MOST_AGAIN + 2):
                assert (await client.get(ROWS)).keys() == given
                counts.append(agent.count())
            assert max(counts) <= usual + MOST_AGAIN
            assert sum(counts) <= len(counts) * usual + len(denied)
            assert counts[-1] <= usual
            agent.denied = ()
            await jump(BELIEVED_S)
            for _ in range(len(denied) // MOST_AGAIN + 1):
                await client.get(ROWS)
            found = await client.get(ROWS)
            assert found == dict(zip(ROWS, range(1, 41), strict=True))
            agent.count()
            assert (await client.get(ROWS)) == found
            assert agent.count() == usual


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("failing", [ROWS[7:8], ROWS[7:27], ROWS], ids=["1", "20", "all"])
@pytest.mark.parametrize("how", ["denied", "failing"])
async def test_what_failed_in_one_odd_moment_is_read_two_polls_later(
    client_of: MakeClient, version: Literal["1", "2c"], failing: list[str], how: str
) -> None:
    """An alarm among them must not be missing for a minute."""
    agent = NarrowAgent(table(40))
    async with agent.serving():
        client = client_of(target_of(agent.port, version=version, timeout_s=LONG_TIMEOUT_S))
        healthy = await client.get(ROWS)
        setattr(agent, how, set(failing))
        try:
            assert {oid for oid, value in (await client.get(ROWS)).items() if value is not None} == set(ROWS) - {
                *failing
            }
        except DeviceAuthError:
            assert failing == ROWS
        setattr(agent, how, set())
        await jump(FIRST_S)
        assert await client.get(ROWS) == healthy


@pytest.mark.parametrize("odd", ["first", "third", "all", "each other"])
async def test_a_walk_is_whole_although_requests_for_many_rows_are_denied(client_of: MakeClient, odd: str) -> None:
    """GETNEXT shows that nothing of the table is: one answer was odd, or the device has a rule against GETBULK."""
    agent = FaultyAgent(table(200))
    bulks = 0

    def deny(request: Request) -> list[bytes]:
        nonlocal bulks
        bulks += request.kind == GETBULK
        is_odd = {"first": bulks == 1, "third": bulks == 3, "all": True, "each other": bulks % 2 == 1}[odd]
        if request.kind == GETBULK and is_odd:
            return [request.answer(status=AUTHORIZATION_ERROR, index=1)]
        return agent.good(request)

    async with agent.serving():
        client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S))
        agent.behaviour = deny
        assert list((await client.walk(f"{TREE}.1")).values()) == list(range(1, 201))


async def test_a_device_that_denies_everything_is_asked_for_one_object_a_poll(client_of: MakeClient) -> None:
    agent = NarrowAgent(table(40))
    async with agent.serving():
        client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S))
        agent.denied = ROWS
        with pytest.raises(DeviceAuthError):
            await client.get(ROWS)
        agent.count()
        for _ in range(3):
            with pytest.raises(DeviceAuthError):
                await client.get(ROWS)
            assert agent.count() == 1
        agent.behaviour = lambda _: []
        with pytest.raises(DeviceTimeout):
            await after(lambda: len(agent.requests), client.get(ROWS))
        # A device that is opened or planned anew is asked for all of them.
        agent.behaviour, agent.denied = None, ()
        client.ask_all_again()
        assert len(await client.get(ROWS)) == 40


async def test_a_denial_behind_a_table_costs_the_table_nothing_and_other_tables_neither(client_of: MakeClient) -> None:
    """The request for the last rows is denied as a whole, because it runs into what stands behind them."""
    agent = NarrowAgent(table(47) | {f"{TREE}.3.{row}": integer(row) for row in range(1, 41)})
    async with agent.serving():
        client = client_of(target_of(agent.port, timeout_s=LONG_TIMEOUT_S))
        agent.fence = f"{TREE}.2.1"
        assert list((await client.walk(f"{TREE}.1")).values()) == list(range(1, 48))
        assert agent.count() <= 12
        assert len(await client.walk(f"{TREE}.3")) == 40
        assert agent.count() <= 5, "it is no reason for smaller requests"
        assert await client.get_next(f"{TREE}.1.47") is None
        assert await client.walk(f"{TREE}.2") == {}


RIGHTS = ("rocommunity narrow 127.0.0.1 -V polled", "rouser narrow auth -V polled", "view polled included .1")


class ViewedSnmpd(Snmpd):
    """Has `rights` of its own for community and user `narrow`."""

    rights: tuple[str, ...] = RIGHTS

    def command(self) -> list[str]:
        """See `Server.command`."""
        command = super().command()
        config = self.folder / "snmpd.conf"
        lines = [config.read_text(encoding="utf-8"), "createUser narrow SHA-384 authauth1", *self.rights, ""]
        config.write_text("\n".join(lines), encoding="utf-8")
        return command

    def give(self, *rights: str) -> None:
        """Change the rights."""
        self.stop()
        self.rights = rights
        self.start()

    def count(self) -> int:
        """How many requests came since the last count."""
        before, self._packets = self._packets, self.packets()
        return self._packets - before - 1

    _packets = 0


@pytest.fixture
def viewed_snmpd(tmp_path: Path) -> Iterator[ViewedSnmpd]:
    """See its class."""
    with ViewedSnmpd(tmp_path / "snmpd").serving() as server:
        yield server


@pytest.mark.parametrize(
    "credential",
    [SnmpCommunity("2c", "narrow"), SnmpUser("narrow", "sha384", "authauth1", "", "")],
    ids=["v2c", "v3"],
)
async def test_objects_that_net_snmp_hides_while_it_is_polled_cost_no_further_request_a_poll(
    client_of: MakeClient, viewed_snmpd: ViewedSnmpd, credential: SnmpCommunity | SnmpUser
) -> None:
    """It answers noSuchObject for what is outside a view."""
    client = client_of(target_of(viewed_snmpd.port, credential, timeout_s=LONG_TIMEOUT_S, retries=1))
    assert len(await client.get(OIDS)) == 7
    viewed_snmpd.give(*RIGHTS, f"view polled excluded {DENIED}", f"view polled excluded {OIDS[1]}")
    assert len(await client.get(OIDS)) == 5
    viewed_snmpd.count()
    with standing():  # no early try, however late this process is
        for _ in range(3):
            assert len(await client.get(OIDS)) == 5
    assert viewed_snmpd.count() == 3
    # Seen again at once, since they were asked for all the time.
    viewed_snmpd.give(*RIGHTS)
    assert await client.get(OIDS) == {oid: value for oid, (_, _, value) in VALUES.items()}


async def test_a_user_of_net_snmp_who_loses_all_rights_costs_one_request_a_poll(
    client_of: MakeClient, viewed_snmpd: ViewedSnmpd
) -> None:
    """It answers authorizationError."""
    user = SnmpUser("narrow", "sha384", "authauth1", "", "")
    client = client_of(target_of(viewed_snmpd.port, user, timeout_s=LONG_TIMEOUT_S, retries=1))
    assert len(await client.get(OIDS)) == 7
    viewed_snmpd.give()
    with pytest.raises(DeviceAuthError):
        await client.get(OIDS)
    viewed_snmpd.count()
    with standing():  # as above
        for _ in range(3):
            with pytest.raises(DeviceAuthError):
                await client.get(OIDS)
    assert viewed_snmpd.count() == 3
    # The next poll shows that the rights are back, and has all of them.
    viewed_snmpd.give(*RIGHTS)
    assert await client.get(OIDS) == {oid: value for oid, (_, _, value) in VALUES.items()}


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("failing", [ROWS[7:8], ROWS[:20], ROWS], ids=["1", "20", "all"])
async def test_objects_that_a_device_cannot_read_cost_a_few_requests_in_ten_seconds_and_are_read_soon_after(
    client_of: MakeClient, version: Literal["1", "2c"], failing: list[str]
) -> None:
    """It says genErr to the whole request."""
    agent = NarrowAgent(table(40))
    async with agent.serving():
        # Objects are left out for FIRST_S at first, and a busy machine takes as long for three polls.
        with standing():
            client = client_of(target_of(agent.port, version=version, timeout_s=LONG_TIMEOUT_S))
            healthy = await client.get(ROWS)
            usual = agent.count()
            agent.failing = set(failing)
            # gufo_snmp cannot tell NULL from absent with v1.
            given = {oid: value for oid, value in healthy.items() if oid not in failing}
            first = await client.get(ROWS)
            agent.count()
            assert {oid: value for oid, value in first.items() if value is not None} == given
            for _ in range(3):
                assert await client.get(ROWS) == first
                assert agent.count() <= usual
            await jump(FAILED_S)
            assert (await client.get(ROWS)).keys() == first.keys()
            assert agent.count() <= usual + MOST_AGAIN
            agent.failing.clear()
            await jump(FAILED_S)
            await client.get(ROWS)
            assert await client.get(ROWS) == healthy


async def test_objects_that_an_agent_of_v1_loses_are_not_searched_for_in_each_poll(client_of: MakeClient) -> None:
    agent = NarrowAgent(table(40))
    async with agent.serving():
        # Objects are left out for FIRST_S at first, and a busy machine takes as long for three polls.
        with standing():
            client = client_of(target_of(agent.port, version="1", timeout_s=LONG_TIMEOUT_S))
            healthy = await client.get(ROWS)
            usual = agent.count()
            lost = {oid: agent.objects.pop(oid) for oid in ROWS[5:25]}
            given = {oid: value for oid, value in healthy.items() if oid not in lost}
            assert await client.get(ROWS) == given
            agent.count()
            for _ in range(3):
                assert await client.get(ROWS) == given
                assert agent.count() <= usual
            agent.objects |= lost
            await jump(FAILED_S)
            await client.get(ROWS)
            assert await client.get(ROWS) == healthy
