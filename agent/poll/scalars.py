"""Finds scalars that an agent has under another instance than 0, and reads them there.

A scalar's only instance is `.0` (RFC 2578, 7.10), but agents exist that give it the object's own OID, or `.1`, mostly because their
firmware keeps it in a table of one row. Such an object is read where it is, if it has exactly one instance. With two of them nobody
can tell which one is meant (two units behind one agent, and perhaps their sum is missing): its series are left out and counted.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from agent.profile import Plan, oid_parts
from agent.snmp import SnmpClient, SnmpValue, UnansweredError

# Most consecutive GETNEXTs that find nothing. Absent objects between two present ones take one request together, and most devices lack
# whole branches. Chosen so that opening a slow card (0.2 s a request) takes at most 3 s longer.
MAX_FRUITLESS: Final = 16
# Most GETNEXTs in all. Profiles have some hundred scalars, and one that is found takes one or two requests.
MAX_REQUESTS: Final = 256
# How many sub-identifiers an instance may have after its object's OID: the number of a unit, and a 0. Longer ones belong to tables.
MAX_DEEPER: Final = 2
# Below the largest sub-identifier (2^32 - 1, RFC 2578, 3.5), because some agents count with a sign.
_LAST_ARC: Final = 2**31 - 1


class RelocatedScalars:
    """An `SnmpClient` that answers for scalars of which `seek` has found the instance. Others go through as they are."""

    def __init__(self, client: SnmpClient, unit: int | None = None) -> None:
        """`unit` is the number of the unit that is read, where several stand behind the agent."""
        self._client = client
        self._unit = unit
        # By the instance that a profile names: the one that the device has.
        self._moved: dict[str, str] = {}
        self._sought: dict[str, None] = {}
        self.ambiguous: dict[str, None] = {}
        """Instances that profiles name, of objects of which the device has several others."""

    def forget(self) -> None:
        """Forget all instances, found or not, so that they are sought again: the device or its profile may be another one."""
        self._moved.clear()
        self._sought.clear()
        self.ambiguous.clear()

    def forget_found(self) -> None:
        """Forget the instances that were found, so that they are sought again: a second instance may have appeared."""
        self._sought = dict.fromkeys(self._sought.keys() - self._moved.keys() - self.ambiguous.keys())
        self._moved.clear()
        self.ambiguous.clear()

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`."""
        if not self._moved:
            return await self._client.get(oids)
        asked = {self._moved.get(oid, oid): oid for oid in oids}
        return {asked.get(oid, oid): value for oid, value in (await self._client.get(list(asked))).items()}

    async def get_as_named(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """The same of exactly these instances, as `get` answers until others were found."""
        return await self._client.get(oids)

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`."""
        return await self._client.walk(oid, limit)

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """See `SnmpClient.get_next`."""
        return await self._client.get_next(oid)

    def set_max_varbinds(self, objects: int) -> None:
        """See `SnmpClient.set_max_varbinds`."""
        self._client.set_max_varbinds(objects)

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """See `SnmpClient.ask_all_again`."""
        self._client.ask_all_again(of_another=of_another)

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        await self._client.close()

    async def seek(self, absent: Iterable[str], columns: Collection[str], named: Collection[str]) -> bool:
        """Look for other instances of these objects, each once until it is forgotten; whether there are any. Raises DeviceError.

        `columns` are objects that the profile knows as columns: what stands below them are rows, and means something else, and so does
        every instance in `named`.
        """
        wanted = [each for each in dict.fromkeys(absent) if each.endswith(".0") and each not in self._sought]
        self._sought |= dict.fromkeys(wanted)
        objects = sorted(oid_parts(each[:-2]) for each in wanted if each[:-2] not in columns)
        finder = _Finder(self._client)
        for of in objects:
            if finder.is_exhausted:
                break
            place = ".".join(map(str, of))
            found = await finder.instances(of)
            shown = [".".join(map(str, each)) for each in found]
            if f"{place}.0" in shown or any(
                each in named or len(oid_parts(each)) > len(of) + MAX_DEEPER for each in shown
            ):
                continue
            if (instance := await self._instance_of(place, shown)) is not None:
                self._moved[f"{place}.0"] = instance
            elif shown:
                self.ambiguous[f"{place}.0"] = None
        return any(each in self._moved or each in self.ambiguous for each in wanted)

    async def _instance_of(self, place: str, shown: Sequence[str]) -> str | None:
        """The instance of an object to read: its only one, or the one of this unit; None if it is unclear which."""
        if self._unit is None:
            return shown[0] if len(shown) == 1 else None
        own = [f"{place}.{self._unit}", f"{place}.{self._unit}.0"]
        answers = await self._client.get(own) if shown else {}
        return next((each for each in own if each in answers), None)

    def without_shared(self, scalars: Collection[str]) -> set[str]:
        """The scalars to leave out: those that all units share, unless this is unit 1. Otherwise each unit would count them."""
        return set(scalars) - self._moved.keys() if self._unit is not None and self._unit > 1 else set()


def counted_as_instances(whole: Plan, plan: Plan, ambiguous: Collection[str]) -> Plan:
    """The trimmed plan, with the series that are missing because of an ambiguous scalar counted as `instances`, not as `absent`."""
    if not ambiguous:
        return plan
    kept = {slot.key for part in plan.classes.values() for slot in part.slots}
    slots = (slot for part in whole.classes.values() for slot in part.slots if slot.key not in kept)
    lost = sum(any(ref in ambiguous for decoder in slot.decoders for ref in decoder.refs) for slot in slots)
    if not lost:
        return plan
    known = plan.left_out.get("instances", 0)
    left_out = dict(plan.left_out) | {"absent": plan.left_out.get("absent", 0) - lost, "instances": known + lost}
    return replace(plan, left_out={reason: count for reason, count in left_out.items() if count})


class _Finder:
    """Finds the first instances of objects, which must be asked for in ascending order, so that one GETNEXT can answer for several."""

    def __init__(self, client: SnmpClient) -> None:
        self._client = client
        self._requests = self._fruitless = 0
        # Between these two the device has no instance; None behind the last one.
        self._from: tuple[int, ...] = ()
        self._next: tuple[int, ...] | None = ()

    @property
    def is_exhausted(self) -> bool:
        return self._fruitless >= MAX_FRUITLESS or self._requests >= MAX_REQUESTS

    async def instances(self, of: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The object's own OID and what is below it, as far as there is any; at most two."""
        found: list[tuple[int, ...]] = []
        place = (*of[:-1], of[-1] - 1, _LAST_ARC) if of[-1] else of[:-1]
        while len(found) < 2:  # noqa: PLR2004 - a second one shows that there are several
            following = await self._after(place)
            if following is None or following[: len(of)] != of or following in found:
                break
            found.append(following)
            place = following
        self._fruitless = 0 if found else self._fruitless
        return found

    async def _after(self, place: tuple[int, ...]) -> tuple[int, ...] | None:
        if self._from <= place and (self._next is None or place < self._next):
            return self._next
        self._requests += 1
        self._fruitless += 1
        try:
            answer = await self._client.get_next(".".join(map(str, place)))
        except UnansweredError:
            # Nobody knows what is behind it.
            return None
        self._from, self._next = place, None if answer is None else oid_parts(answer[0])
        return self._next
