"""Reads the identity of a Modbus unit again while it is polled, to notice that another one answers at its address.

Serial number and model are read once a minute, firmware once an hour, and all of them after a failed poll. A unit that was replaced, or
that shares its address with another one by mistake, always answers over another connection, so with each new one they are read before
anything of it is published. Behind a gateway the connection shows nothing.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agent.poll.identity import NAMES, Ask, identify_modbus, unit_text
from agent.profile import IdentitySource, Profile
from agent.readings import Identity
from rackflow.errors import DeviceError

# Serial number and model are read again this often: 1 to 3 requests a minute. Chosen value.
IDENTIFY_EVERY_S = 60.0
# Its firmware too, and at once after a failed poll, as an update restarts a unit, often for less time than makes it down. Chosen value.
FIRMWARE_EVERY_S = 3600.0
# Least time between two readings that new connections cause: some units close the connection behind each answer. Chosen value.
CONNECTED_EVERY_S: Final = 10.0


class UnitIdentity:
    """The identity of one unit. `connections` says how often its link was connected so far; `clock` gives monotonic seconds."""

    def __init__(
        self, ask: Ask, profile: Profile, clock: Callable[[], float], connections: Callable[[], int] = lambda: 0
    ) -> None:
        self.last = Identity()
        """As it was when the unit was last opened."""
        self._ask = ask
        self._profile = profile
        self._clock = clock
        self._connections = connections
        # That over which the identity was last read.
        self._known_connection = 0
        self._connected_due_at = -math.inf
        self._due_at = self._firmware_due_at = 0.0

    async def read(self) -> Identity:
        """Read and return all of it. Raises DeviceError."""
        self._known_connection = self._connections()
        self.last = await identify_modbus(self._ask, self._profile)
        self._due_at = self._clock() + IDENTIFY_EVERY_S
        self._firmware_due_at = self._clock() + FIRMWARE_EVERY_S
        return self.last

    def read_soon(self) -> None:
        """Have all of it read again with the next call of `changed`, as the unit may have been restarted or replaced."""
        self._due_at = self._firmware_due_at = self._clock()

    async def other_unit(self) -> str:
        """What shows that what was just read over a new connection is another unit's; empty if nothing does."""
        connection, now = self._connections(), self._clock()
        if connection == self._known_connection or now < self._connected_due_at:
            return ""
        self._connected_due_at = now + CONNECTED_EVERY_S
        try:
            found = await self._difference("serial", "model")
        except DeviceError:
            return ""  # tried again with the next poll after the pause
        self._known_connection = connection
        return found

    async def changed(self) -> str:
        """What of it has changed, if it is due to be read again; empty if nothing has. Raises DeviceError."""
        now = self._clock()
        if now < self._due_at:
            return ""
        self._due_at = now + IDENTIFY_EVERY_S
        names = ["serial", "model"]
        if now >= self._firmware_due_at:
            self._firmware_due_at = now + FIRMWARE_EVERY_S
            names.append("firmware")
        return await self._difference(*names)

    def may_be_as(self, before: Identity) -> bool:
        """Whether the unit may be the one that had this identity before."""
        return self._told(self.last).may_be(self._told(before))

    def _told(self, identity: Identity) -> Identity:
        """What the unit itself has told of this. Texts of the profile stand in for what a unit cannot tell, be it for a moment."""
        own = {name: "" for name in NAMES if any(each.text == getattr(identity, name) for each in self._sources(name))}
        return replace(identity, **own)

    def _sources(self, name: str) -> tuple[IdentitySource, ...]:
        return tuple(getattr(self._profile.identity, name))

    async def _difference(self, *names: str) -> str:
        for name in names:
            known = getattr(self.last, name)
            text = await unit_text(self._ask, self._profile, [each for each in self._sources(name) if not each.text])
            if text and text != known:
                return f"{name} was {known!r} and is {text!r}"
        return ""
