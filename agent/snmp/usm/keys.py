"""SNMPv3 keys: master keys per credential, derived once off the event loop, and the keys of each engine, derived from them."""

import asyncio
import hashlib
from typing import Final

from agent.snmp.credentials import master_keys
from agent.snmp.seam import SnmpUser

# More credentials than a site has; each takes about 200 octets. Bounded, because an agent may be reloaded for years.
MAX_CREDENTIALS: Final = 1000

MasterKeys = tuple[bytes | None, bytes | None]
"""Master keys of authentication and of privacy, None where not used."""


class UsmKeys:
    """Master keys by credential, shared by all clients of one event loop.

    Deriving a pair hashes two mebibytes, 2 to 6 ms of CPU (tens of milliseconds on a small gateway). It is done in a thread, once
    for all devices with the same credential, and before the deadline of a device's request begins.
    """

    def __init__(self) -> None:
        self._keys: dict[SnmpUser, MasterKeys] = {}
        self._deriving = asyncio.Lock()

    async def of(self, user: SnmpUser) -> MasterKeys:
        """The master keys of a credential."""
        found = self._keys.get(user)
        if found is not None or not user.auth:
            return found or (None, None)
        async with self._deriving:
            found = self._keys.get(user)
            if found is None:
                found = await asyncio.to_thread(master_keys, user)
                if len(self._keys) >= MAX_CREDENTIALS:
                    del self._keys[next(iter(self._keys))]
                self._keys[user] = found
        return found


def localised_key(master: bytes, engine: bytes, digest: str) -> bytes:
    """The key of one engine (RFC 3414, 2.6; RFC 7860, 9.3)."""
    return hashlib.new(digest, master + engine + master).digest()
