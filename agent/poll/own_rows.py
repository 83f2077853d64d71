"""Keeps the first of several units behind one SNMP agent from taking the rows of another one. Pure.

An agent with one unit may number it in any way, so `unit: 1` takes rows that begin with another number where none begin with 1 (see
`rows_of_unit`). When the first of several units is switched off and its rows go, those of its neighbour would look just like that.
"""

from collections.abc import Mapping, Sequence

from agent.config import AgentConfig, Device

Place = tuple[str, int]


def units_by_place(config: AgentConfig) -> dict[Place, frozenset[int]]:
    """The numbers of the units that are configured behind each SNMP agent, by its host and port."""
    found: dict[Place, set[int]] = {}
    for each in config.devices:
        if each.protocol == "snmp" and each.given_unit is not None:
            found.setdefault(each.network_address, set()).add(each.given_unit)
    return {place: frozenset(units) for place, units in found.items()}


def units_beside(device: Device, units: Mapping[Place, frozenset[int]]) -> frozenset[int]:
    """The numbers of the other units that are configured behind the SNMP agent of this device, from `units_by_place`."""
    unit = device.given_unit
    if unit is None or device.protocol != "snmp":
        return frozenset()
    return units.get(device.network_address, frozenset()) - {unit}


class OwnRows:
    """The rows that may be those of one unit. `unit` is None where the configuration names none; `beside` are other units of the agent."""

    def __init__(self, unit: int | None, beside: frozenset[int]) -> None:
        self._unit = unit
        self._beside = beside
        # Tables that had rows of this number: the agent numbers its units so, and another number is another unit.
        self._numbered: dict[str, None] = {}

    def forget(self) -> None:
        """Forget how the agent numbers its units: it is another one."""
        self._numbered.clear()

    def of(self, table: str, indexes: Sequence[str]) -> list[str]:
        """The rows of a table; without those of other units where it has none of this unit's number.

        Where it has, all of them: which part of an index is the unit's number shows only beside those of other units (`shifted_parts`).
        """
        if self._unit is None:
            return list(indexes)
        firsts = {index: index.partition(".")[0] for index in indexes if "." in index}
        if str(self._unit) in firsts.values():
            self._numbered[table] = None
            return list(indexes)
        foreign = set(firsts.values()) if table in self._numbered else set(map(str, self._beside))
        return [index for index in indexes if firsts.get(index) not in foreign]
