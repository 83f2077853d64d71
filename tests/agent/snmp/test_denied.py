"""Objects that a device denies to this credential (authorizationError): in verified and in repairing sessions, and what they cost."""

from dataclasses import replace

import pytest

from agent.snmp.seam import SnmpUser
from rackflow.errors import DeviceAuthError
from tests.agent.conftest import BASE, Snmpd
from tests.agent.faulty_peers import GET, RESPONSE, FaultyAgent, Request, elements, integer, oid_text, tlv
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table, target_of
from tests.agent.snmp.v3_messages import V3, Keys
from tests.jumping import LONG_TIMEOUT_S

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
