"""What the collector's HTTP clients (store, carbon source, Alertmanagers) share: how they find servers, and how much they read."""

import socket
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from rackflow.errors import ResolveError
from rackflow.process.resolve import Resolver


def connector(limit: int = 100) -> aiohttp.TCPConnector:
    """At most `limit` connections. Names are looked up by our own resolver: aiohttp's blocks threads that others need."""
    return aiohttp.TCPConnector(limit=limit, resolver=_Names(Resolver()))


async def get_bounded(
    session: aiohttp.ClientSession, url: str, limit_bytes: int, params: Mapping[str, str] | None = None
) -> bytes:
    """The body of a good answer to a GET. Raises ClientError for any other, and as `read_bounded`."""
    async with session.get(url, params=params) as answer:
        answer.raise_for_status()
        return await read_bounded(answer, limit_bytes)


async def read_bounded(answer: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """The whole body; `StreamReader.read(n)` would give what has come so far. Raises ClientError, and ValueError if it is too long."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            raise ValueError(f"the answer is longer than {limit_bytes:,} bytes")
    return bytes(body)


class _Names(AbstractResolver):
    """aiohttp's seam for name look-ups."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of the family, or of both. Raises OSError."""
        try:
            addresses = await self._resolver.addresses(host)
        except ResolveError as error:
            # aiohttp shows the `strerror` of an error, which one made of a text alone does not have.
            raise OSError(socket.EAI_FAIL, str(error)) from error
        found = [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]
        return [each for each in found if family in {socket.AF_UNSPEC, each["family"]}]

    async def close(self) -> None:
        """Nothing to release."""
