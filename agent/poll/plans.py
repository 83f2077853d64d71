"""What the pollers of one agent share for planning: the plans that were made, and the turn to make one."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from agent.modbus import Block
from agent.profile import Family, Plan, PlanCache, Profile, RawValue
from rackflow.process.slices import in_slices


class SharedPlans:
    """Plans devices in slices, one at a time: hundreds of the same family that are opened together are planned once."""

    def __init__(self) -> None:
        self._cache = PlanCache()
        self._turn = asyncio.Lock()

    @property
    def made(self) -> int:
        """Plans that had to be made; devices that share one, or whose plan is as before, add nothing."""
        return self._cache.made

    def family(self, profile: Profile, *, outlets: bool) -> Family:
        """See `PlanCache.family`."""
        return self._cache.family(profile, outlets=outlets)

    async def plan(
        self,
        family: Family,
        rows: Mapping[str, Sequence[str]],
        cells: Mapping[str, RawValue],
        role: str | None,
        cut: Collection[str] = (),
        unit: int | None = None,
    ) -> tuple[bytes, Plan]:
        """See `PlanCache.planning`."""
        async with self._turn:
            return await in_slices(self._cache.planning(family, rows, cells, role, cut, unit))

    async def trim(self, key: bytes, plan: Plan, absent: frozenset[str], refused: Collection[Block] = ()) -> Plan:
        """See `PlanCache.trimming`."""
        async with self._turn:
            return await in_slices(self._cache.trimming(key, plan, absent, refused))
