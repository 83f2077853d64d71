"""Whether a message comes from who has a user's key, and is no replay (RFC 3414, 3.2). No I/O."""

import hmac
from collections.abc import Iterable
from typing import Any, Final
from weakref import WeakValueDictionary

from agent.snmp.usm.clock import EngineClock
from agent.snmp.usm.keys import localised_key
from agent.snmp.usm.message import MAX_INTEGER, Message, read_message

MAC_OCTETS: Final = {"md5": 12, "sha1": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
"""Length of the authentication parameters by digest (RFC 3414, 6.3.1 and 7.3.1; RFC 7860, 4.2.1)."""
# Engine ids tracked at once: the device's own, that of its replacement, and forged ones. Each takes a key and a clock, about 300 octets.
MAX_ENGINES: Final = 4


class Authentication:
    """Checks the authentication codes of one user, with the key of each engine."""

    def __init__(self, digest: str, master_key: bytes | None) -> None:
        self._digest = digest
        self._master_key = master_key
        self._macs: dict[bytes, hmac.HMAC] = {}

    def accepts(self, datagram: bytes, message: Message) -> bool:
        """Whether the code is that of the whole message with zeros in its place (RFC 3414, 6.3.2). `message` is the datagram's header."""
        size = MAC_OCTETS.get(self._digest, 0)
        if self._master_key is None or message.mac_end - message.mac_at != size:
            return False
        keyed = self._macs.get(message.engine)
        if keyed is None:
            key = localised_key(self._master_key, message.engine, self._digest)
            keyed = self._macs[message.engine] = hmac.new(key, digestmod=self._digest)
            _bound(self._macs)
        # A copy of the keyed state saves hashing the key for every message, a third of the work.
        code = keyed.copy()
        code.update(datagram[: message.mac_at])
        code.update(bytes(size))
        code.update(datagram[message.mac_end :])
        return hmac.compare_digest(code.digest()[:size], datagram[message.mac_at : message.mac_end])

    def signed(self, datagram: bytes) -> bytes:
        """The datagram with the right code in its place, for the engine that it names. Without a key it stays as it is."""
        message = read_message(datagram)
        size = MAC_OCTETS.get(self._digest, 0)
        if self._master_key is None or not size or message.mac_end - message.mac_at != size:
            return datagram
        before, after = datagram[: message.mac_at], datagram[message.mac_end :]
        key = localised_key(self._master_key, message.engine, self._digest)
        return before + hmac.digest(key, before + bytes(size) + after, self._digest)[:size] + after


class EngineClocks:
    """The clocks of the engines of one device."""

    def __init__(self) -> None:
        self._clocks: dict[bytes, EngineClock] = {}

    def accept(self, message: Message, now: float) -> bool:
        """Whether an authentic message lies within its engine's time window; if so, the clock learns from it."""
        clock = self._clocks.get(message.engine)
        if clock is None and message.boots < MAX_INTEGER:
            self._clocks[message.engine] = EngineClock(message.boots, message.time, now)
            _bound(self._clocks)
            return True
        # Boots that have reached the end are outside every window (RFC 3414, 3.2, 7b), those of the first message included.
        return clock is not None and clock.accepts(message.boots, message.time, now)

    def is_timely(self, message: Message, now: float) -> bool | None:
        """Whether an authentic message lies within its engine's time window; None if the engine is not known. Learns nothing."""
        known = self._clocks.get(message.engine)
        return None if known is None else known.is_timely(message.boots, message.time, now)


class PolledClocks:
    """The clocks of the devices that are polled, which authentic answers keep right, for whoever receives what was not asked for."""

    def __init__(self) -> None:
        # A device that is polled no more is forgotten with its client.
        self._by_device: WeakValueDictionary[str, EngineClocks] = WeakValueDictionary()

    def of(self, device: str) -> EngineClocks:
        """Clocks for a client of this device: those of another client that it has, or new ones.

        A reload makes new clients before it may still be refused. Those that stay must be the ones that are known here.
        """
        clocks = self._by_device.get(device)
        if clocks is None:
            clocks = self._by_device[device] = EngineClocks()
        return clocks

    def is_timely(self, devices: Iterable[str], message: Message, now: float) -> bool | None:
        """Whether an authentic message of these devices lies within the time window; None if its engine is polled as no device's.

        False for the engine of other devices: a recorded message of one is no message of another that has the same user.
        """
        known = [clocks for device in devices if (clocks := self._by_device.get(device)) is not None]
        own = [found for each in known if (found := each.is_timely(message, now)) is not None]
        if own:
            return all(own)
        others = (each.is_timely(message, now) for each in self._by_device.values())
        return None if all(each is None for each in others) else False


def _bound(engines: dict[bytes, Any]) -> None:
    """Drop the engine that was heard of first, when there are more than `MAX_ENGINES`."""
    if len(engines) > MAX_ENGINES:
        del engines[next(iter(engines))]
