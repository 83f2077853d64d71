"""A simulated SNMP device on a UDP port.

With SNMPv3 users it runs pysnmp's engine, otherwise the small codec of this package: an engine costs 70 ms and 0.9 MB, and a
campus has thousands of devices.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from typing import Final

from rackflow.recording import Record
from simulator.snmp.community import CommunityLink
from simulator.snmp.link import Link
from simulator.snmp.objects import LiveValue, SnmpObjects
from simulator.snmp.users import SnmpUser

SYS_UP_TIME: Final = "1.3.6.1.2.1.1.3.0"
# Payload of a UDP datagram in one Ethernet frame (1500 octets less 20 for IPv4 and 8 for UDP). Management cards seldom send more,
# and a poller must cope with GETBULK answers cut there.
MAX_MESSAGE_BYTES: Final = 1472
# RFC 3411, SnmpEngineID: the enterprise number of pysnmp (20408) with the first bit set, then format 5, "octets chosen by the
# administrator". Random octets follow, so that no two devices ever share an engine.
ENGINE_ID_PREFIX: Final = b"\x80\x00\x4f\xb8\x05"


class SnmpDevice:
    """A device on a UDP port. `set`, `remove` and `reboot` work before and while it is served.

    Args:
        records: Its objects.
        communities: Communities that it answers. Requests with another one are counted but not answered, as by a real device.
        users: SNMPv3 users. With any, the device runs a full SNMPv3 engine.
        host: Address to listen on.
        port: UDP port; 0 takes a free one.
        uptime: Let a recorded sysUpTime go on counting instead of standing still.
        max_message_bytes: Longest answer. GETBULK answers are cut there; all others are refused with tooBig.

    While `mute` is true the device answers nothing at all. `delay_s` is how long each request waits before it is processed.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        communities: Sequence[str] = ("public",),
        users: Sequence[SnmpUser] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        uptime: bool = False,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.host = host
        self.port = port
        self.mute = False
        self.delay_s = 0.0
        self.requests = 0
        self.objects = SnmpObjects(records)
        self._communities = communities
        self._users = users
        self._max_message_bytes = max_message_bytes
        self._engine_id = ENGINE_ID_PREFIX + os.urandom(8)
        self.boots = 0
        """Starts and reboots so far; with SNMPv3 the engine's boots."""
        self._link: Link | None = None
        self._uptime = uptime and SYS_UP_TIME in self.objects
        if self._uptime:
            recorded = self.objects.value(SYS_UP_TIME)
            self._count_uptime(recorded if isinstance(recorded, int) else 0)

    @property
    def bad_communities(self) -> int:
        """Requests with an unknown community since the last start."""
        return self._link.bad_communities if self._link else 0

    async def start(self) -> int:
        """Start to serve; returns the port. Raises OSError if the address cannot be used."""
        link = self._new_link()
        loop = asyncio.get_running_loop()
        link.transport, _ = await loop.create_datagram_endpoint(lambda: link, local_addr=(self.host, self.port))
        self._link = link
        self._boot()
        self.port = link.transport.get_extra_info("sockname")[1]
        return self.port

    def _new_link(self) -> Link:
        if not self._users:
            return CommunityLink(self, self._communities, self._max_message_bytes)
        # Imported only here: importing pysnmp takes a tenth of a second, and most simulations need no engine.
        from simulator.snmp.engine import EngineLink  # noqa: PLC0415

        return EngineLink(self, self._engine_id, self._max_message_bytes, self._communities, self._users)

    async def stop(self) -> None:
        """Free the port; `start` takes the same one again."""
        if self._link:
            link, self._link = self._link, None
            await link.close()

    def set(self, oid: str, value: LiveValue, tag: str | None = None) -> None:
        """See `SnmpObjects.set`."""
        self.objects.set(oid, value, tag)

    def remove(self, oid: str) -> None:
        """See `SnmpObjects.remove`."""
        self.objects.remove(oid)

    def reboot(self) -> None:
        """Restart as after a power cycle: one more engine boot; engine time and a counting sysUpTime start from zero."""
        self._boot()
        if self._uptime:
            self._count_uptime(0)

    def _boot(self) -> None:
        self.boots += 1
        if self._link:
            self._link.set_boots(self.boots)

    def _count_uptime(self, first_ticks: int) -> None:
        """Serve sysUpTime from now on, counting up from `first_ticks` in ticks of 10 ms; it starts over after 497 days."""
        began = time.monotonic()
        self.set(SYS_UP_TIME, lambda: (first_ticks + int((time.monotonic() - began) * 100)) % 2**32)
