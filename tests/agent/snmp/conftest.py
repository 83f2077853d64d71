"""Peers of the tests of SNMP clients."""

from collections.abc import AsyncIterator

import pytest

from agent.snmp.requests import SYS_UPTIME
from tests.agent.faulty_peers import tlv
from tests.agent.snmp.silent_card import TIMEOUT_S, Card
from tests.agent.snmp.snmp_clients import table
from tests.jumping import turning


@pytest.fixture
async def card() -> AsyncIterator[Card]:
    served = Card(table(100) | {SYS_UPTIME: tlv(0x43, b"\x01")})
    async with served.serving(), turning(TIMEOUT_S / 10):
        yield served
