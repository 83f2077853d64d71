"""Plans the devices of one agent: shares equal plans between them, and makes one plan at a time."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from agent.modbus import Block
from agent.profile import Family, Plan, PlanCache, Profile, RawValue
from rackflow.process.slices import in_slices


class SharedPlans:
    """Plans devices in slices, one at a time.

    While one device is planned, others of its family wait, and then find its plan in the cache: hundreds of equal devices that are opened
    together are planned once.
    """

    def __init__(self) -> None:
        self._cache = PlanCache()
        self._turn = asyncio.Lock()

    @property
    def made(self) -> int:
        """How many plans had to be made. Devices that share a plan, or whose plan has not changed, do not count."""
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
        *,
        cut: Collection[str] = (),
        unit: int | None = None,
    ) -> tuple[bytes, Plan]:
        """See `PlanCache.plan_steps`."""
        async with self._turn:
            return await in_slices(self._cache.plan_steps(family, rows, cells, role, cut=cut, unit=unit))

    async def trim(self, key: bytes, plan: Plan, absent: frozenset[str], refused: Collection[Block] = ()) -> Plan:
        """See `PlanCache.trim_steps`."""
        async with self._turn:
            return await in_slices(self._cache.trim_steps(key, plan, absent, refused))
