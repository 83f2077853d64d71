"""A card that does not answer for some objects or rows, in the test's own loop."""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

from agent.snmp.seam import SnmpClient
from tests.agent.faulty_peers import FaultyAgent, Request
from tests.agent.snmp.snmp_clients import TREE, MakeClient, target_of

# The peer runs in the loop of the client, whose clock goes on with the turns of that loop.
TIMEOUT_S = 0.1
ROWS = [f"{TREE}.1.{row}" for row in range(1, 21)]
HUNG = f"{TREE}.1.13"
ALL = {oid: row for row, oid in enumerate(ROWS, 1)}
OTHERS = {oid: value for oid, value in ALL.items() if oid != HUNG}


class Card(FaultyAgent):
    """Does not answer what `is_dropped` names."""

    is_dropped: Callable[[Request], bool] = staticmethod(lambda _: False)
    slow: Mapping[str, float] = MappingProxyType({})
    """By object: how many seconds a request for it takes."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one request, after a while if it is slow."""
        slow_s = max((self.slow.get(oid, 0.0) for oid in Request.parse(data).oids), default=0.0)
        if slow_s:
            asyncio.get_running_loop().call_later(slow_s, super().datagram_received, data, addr)
        else:
            super().datagram_received(data, addr)

    def good(self, request: Request) -> list[bytes]:
        return [] if self.is_dropped(request) else super().good(request)

    def hang(self, *hung: str) -> None:
        self.is_dropped = lambda request: not set(hung).isdisjoint(request.oids)

    def largest(self) -> int:
        """Objects in the largest request since the last call."""
        most = max((len(request.oids) for request in self.requests), default=0)
        self.requests.clear()
        return most

    def asked(self, oid: str) -> list[list[str]]:
        """The requests since the last call in which this object was."""
        found = [request.oids for request in self.requests if oid in request.oids]
        self.requests.clear()
        return found


def client_for(make_client: MakeClient, card: Card, retries: int = 1) -> SnmpClient:
    return make_client(target_of(card.port, retries=retries, timeout_s=TIMEOUT_S))


def hanging_rows(card: Card, *hung: str) -> None:
    """No answer to any request that these are in, or would be in the answer to."""
    card.is_dropped = lambda request: not {oid for oid, _ in card.found(request, request.oids)}.isdisjoint(hung)
