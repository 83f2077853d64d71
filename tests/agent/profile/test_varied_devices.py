"""Devices of every SNMP family that differ from the family's usual one: in their rows, columns and names.

Nobody has seen these devices. Of each the same is asked: no reading is another row's, none is lost without a count, and no two
rows are taken for the same thing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

import pytest

from agent.config import Device
from agent.lab.replay import read_all
from agent.poll import SnmpPoller
from agent.poll.plans import SharedPlans
from agent.profile import SYS_OBJECT_ID, oid_parts, plain_number
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceDecodeError
from tests.agent.made_up_devices import label_columns
from tests.agent.shipped import shipped_profiles
from tests.agent.varied_devices import Outcome, Varied, outcome_of, usual_device

SHIPPED = shipped_profiles()
PLANS = SharedPlans()
FAMILIES = [name for name, profile in SHIPPED.items() if profile.protocol == "snmp"]
PHASE = re.compile(r"phase=L[123]\b")


@pytest.fixture(scope="module")
def usual() -> Mapping[str, Outcome]:
    found = {name: outcome_of(usual_device(name)) for name in FAMILIES}
    assert sum(len(each.readings) for each in found.values()) > 4000
    assert [name for name, each in found.items() if each.silent] == []
    return found


def moved(places: Mapping[str, str]) -> Callable[[str], str]:
    """Gives the last part of an index another number."""
    return lambda index: ".".join([*index.split(".")[:-1], places[index.rpartition(".")[2]]])


def named(device: Varied, name: bytes | None) -> Varied:
    """The device with this name in every row, or without its columns of names; a text by which rows are found is what they are about."""
    points = device.profile.all_points()
    labels = {part.column for table, point in points for part in label_columns(table, point) if not part.map}
    kept = {
        column: dict.fromkeys(cells, name) if column in labels else cells
        for column, cells in device.columns.items()
        if name is not None or column not in labels or column in device.row_columns
    }
    return device.with_columns(kept)


def without_some(device: Varied, first: int) -> Varied:
    """The device without every third of its columns."""
    kept = {
        column: cells
        for number, (column, cells) in enumerate(sorted(device.columns.items()))
        if number % 3 != first or column in device.row_columns
    }
    return device.with_columns(kept)


def test_rows_that_are_counted_from_0_never_give_a_phase_the_reading_of_another(usual: Mapping[str, Outcome]) -> None:
    """Rows 0, 1 and 2 for L1, L2 and L3: by the profile's names of 1, 2 and 3 L1 would be L2."""
    from_0 = {"1": "0", "2": "1", "3": "2"}
    for name in FAMILIES:
        device = usual_device(name)
        # Profiles that also name the instance of row 1 itself would have to look for a row 0, and some families do count from 0.
        named = any(f"{column}.{index}" in device.scalars for column, rows in device.columns.items() for index in rows)
        if named or name in COUNTED_FROM_0:
            continue
        found = outcome_of(device.renumbered(moved(from_0)))
        mapped = {key for key in found.readings.keys() & usual[name].readings if PHASE.search(key)}
        # What another source gives for L1 alone is its own reading.
        shifted = {key for key in mapped if found.readings[key] == usual[name].readings.get(next_phase(key))}
        assert shifted - {key for key in mapped if found.readings[key] == usual[name].readings[key]} == set(), name
        assert not found.silent, name


def next_phase(key: str) -> str:
    return PHASE.sub(lambda match: f"phase=L{int(match[0][-1]) + 1}", key)


def test_gaps_between_rows_change_no_reading_of_the_rows_that_kept_their_index(usual: Mapping[str, Outcome]) -> None:
    """Rows 1, 2 and 7."""
    for name in FAMILIES:
        device = usual_device(name)
        found = outcome_of(device.renumbered(moved({"1": "1", "2": "2", "3": "7"})))
        assert found.left_out["duplicate"] <= usual[name].left_out["duplicate"], name
        assert not found.silent, name


@pytest.mark.parametrize("name_of_all", [None, b"Same", b""])
def test_rows_without_names_or_with_equal_ones_are_no_duplicates(
    usual: Mapping[str, Outcome], name_of_all: bytes | None
) -> None:
    for name in FAMILIES:
        device = usual_device(name)
        found = outcome_of(named(device, name_of_all))
        assert found.left_out["duplicate"] <= usual[name].left_out["duplicate"], name
        # A name decides in some families whether there is a reading; one that is missing decides nothing and is counted.
        assert name_of_all is not None or found.heard_of + found.left_out["condition"] >= usual[name].heard_of, name


@pytest.mark.parametrize("first", range(3))
def test_absent_columns_change_no_reading_and_what_they_cost_is_counted(
    usual: Mapping[str, Outcome], first: int
) -> None:
    lost = uncounted = 0
    for name in FAMILIES:
        device = usual_device(name)
        found = outcome_of(without_some(device, first))
        fewer = usual[name].heard_of - found.heard_of
        # Rows that gave the same series twice may give it once.
        doubles = max(0, usual[name].left_out["duplicate"] - found.left_out["duplicate"])
        uncounted += max(0, fewer - doubles)
        assert not found.silent, name
        lost += len(usual[name].readings.keys() - found.readings.keys())
    assert lost > 500
    # Of 4,600. Two families share a table between rows that are told apart by what another table says, and the rows of a third one are
    # those of a column that is read as well.
    assert uncounted <= 7


class MemoryTree:
    """An agent that answers from memory, column by column, and in the order of text where `as_text` is set."""

    def __init__(self, device: Varied, *, as_text: bool) -> None:
        self._device = device
        self._as_text = as_text
        self._sorted: list[str] = sorted(device.cells, key=oid_parts)

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        return {oid: self._device.cells[oid] for oid in oids if oid in self._device.cells}

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        cells = self._device.columns.get(oid, {})
        order = sorted(cells, reverse=True) if self._as_text else cells
        return {f"{oid}.{index}": cells[index] for index in list(order)[:limit]}

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        place = oid_parts(oid)
        found = next((each for each in self._sorted if oid_parts(each) > place), None)
        return None if found is None else (found, self._device.cells[found])

    def set_max_varbinds(self, objects: int) -> None:
        """Memory has no limit."""

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """Memory denies nothing."""

    async def close(self) -> None:
        """Nothing to free."""


async def read(device: Varied, *, as_text: bool = False) -> dict[str, float | str]:
    return {**(await read_whole(device, as_text=as_text))[0]}


async def read_whole(
    device: Varied, *, as_text: bool = False, unit: int | None = None
) -> tuple[Mapping[str, float | str], Mapping[str, float]]:
    """Its readings, and what it says about itself: the counts of its series."""
    name = device.profile.profile
    target = Device(id="d", host="h", credential="c", profile=name, outlets=True)
    if unit is not None:
        target = target.model_copy(update={"unit": unit})
    poller = SnmpPoller(target, SHIPPED, MemoryTree(device, as_text=as_text), plans=PLANS)
    try:
        _, readings = await read_all(poller, 1e9)
    except DeviceDecodeError:
        return {}, {}
    return {**readings.values, **readings.states}, readings.about


# A fourth of them, chosen by name, so that a new family does not choose others.
FEW = [name for name in FAMILIES if crc32(name.encode()) % 4 == 1]
COUNTED_FROM_0 = ("e3meter-ips", "voltronic-company", "voltronic-ups")
EVEN_NAMES = ("apc-rpdu", "apc-netbotz", "eaton-epdu")


def families_with_scalars() -> list[str]:
    """Those that read more than one object outside of tables."""
    return [name for name in FAMILIES if sum(place.endswith(".0") for place in usual_device(name).scalars) > 1]


def families_of_scalars() -> list[str]:
    """A few of those that read more than six."""
    return [name for name in families_with_scalars() if name in FEW and len(usual_device(name).scalars) > 6]


async def test_rows_in_the_order_of_text_are_the_same_rows_with_the_same_names() -> None:
    for name in {*FEW, *EVEN_NAMES}:
        assert await read(usual_device(name), as_text=True) == await read(usual_device(name)), name


async def test_a_table_without_its_column_of_rows_is_read_by_another_column() -> None:
    """Columns of indexes and names are what terse agents leave out."""
    found = usual = 0
    for name in {*FEW, *EVEN_NAMES}:
        device = usual_device(name)
        kept = {column: cells for column, cells in device.columns.items() if column not in device.row_columns}
        if kept and len(kept) < len(device.columns):
            before, after = await read(device), await read(device.with_columns(kept))
            usual, found = usual + len(before), found + len(before.keys() & after)
    # Of tables that measure one thing this was the only column. Without the other columns it is a quarter.
    assert found > 0.45 * usual


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("hwgroup-wld", "1.3.6.1.4.1.21796.4.5.4.1.3"),
        ("bladeshelter-pdu", "1.3.6.1.4.1.42610.1.4.4.1.6.1.2.1.30"),
        ("uniflair-sp", "1.3.6.1.4.1.318.1.1.27.1.6.2.2.1.4"),
    ],
)
async def test_a_column_of_rows_that_ends_early_costs_no_row_that_a_column_of_names_has(name: str, rows: str) -> None:
    """Three leak sensors with names, of which the column of rows has the first alone."""
    device = usual_device(name)
    first = dict([next(iter(device.columns[rows].items()))])
    assert len(device.columns[rows]) == 3
    assert await read(device.with_columns({**device.columns, rows: first})) == await read(device)


@pytest.mark.parametrize("instance", ["1", "", "1.0"], ids=["1", "none", "1.0"])
async def test_a_scalar_with_one_other_instance_is_read_there(instance: str) -> None:
    """Firmware that keeps a scalar in a table of one row, or has forgotten the 0."""
    families = families_with_scalars()
    names = {"1": families[::2], "": families[1::2], "1.0": families_of_scalars()}
    usual = 0
    for name in names[instance]:
        before, after = await read(usual_device(name)), await read(usual_device(name).moved_scalars(instance))
        assert before == after, name
        usual += len(before)
    assert usual > 300


async def test_a_scalar_with_two_other_instances_is_left_out_and_counted(usual: Mapping[str, Outcome]) -> None:
    """Two units behind one agent: nobody can tell which of them the profile means. Nor what a unit is that has two cells."""
    counted = 0.0
    for name in [*families_of_scalars(), "vertiv-pdu"]:
        before, (after, about) = (
            await read(usual_device(name)),
            await read_whole(usual_device(name).moved_scalars("1", "2")),
        )
        # What was rejected beside a reading that is left out now (a power that does not fit its current), or stands in a table as well.
        known = {**usual[name].readings, **before}
        assert after.keys() <= known.keys(), name
        assert not [key for key, value in after.items() if value != known[key] and key in before], name
        # Figures that the agent derives are lost with what they follow from.
        lost = {key for key in before.keys() - after.keys() if "dew_point" not in key}
        left_out = about.get("dcim_device_series{reason=instances,state=left_out}", 0.0)
        assert not after or left_out >= len(lost), name
        counted += left_out
    assert counted > 50


# Families that read a series from several tables, or from instances beside them: another of their sources stands in.
SEVERAL_SOURCES = {"apc-ats", "apc-cpdu", "apc-sensors", "apc-ups", "delta-ups", "hpe-pdu-basic", "panduit-pdu"}


def test_of_two_units_with_a_deeper_index_no_line_has_the_reading_of_another(usual: Mapping[str, Outcome]) -> None:
    """Rows 1.1 to 1.3 and 2.1 to 2.3 where the family has 1 to 3: by the first part L2 would be the other unit's L1."""
    counted = lost = 0
    for name in FAMILIES:
        device = usual_device(name)
        if name in SEVERAL_SOURCES:
            continue
        units = {
            column: {
                f"{unit}.{index}": value + 100 * (unit - 1) if isinstance(value, int) and value >= 40 else value
                for unit in (1, 2)
                for index, value in cells.items()
            }
            for column, cells in device.columns.items()
        }
        found = outcome_of(device.with_columns(units))
        before = usual[name].readings
        assert {key for key in found.readings.keys() & before if found.readings[key] != before[key]} == set(), name
        counted += found.left_out.total()
        lost += len(before.keys() - found.readings.keys())
    # What is lost is counted, once for each unit.
    assert 500 < lost < counted


def test_numbers_and_codes_that_a_device_sends_as_texts_are_read_all_the_same(usual: Mapping[str, Outcome]) -> None:
    """Other firmware of a family sends `1` as an OCTET STRING: conditions, gates, labels, units and states take it, too."""

    def as_text(cells: Mapping[str, SnmpValue]) -> dict[str, SnmpValue]:
        return {
            place: str(value).encode() if isinstance(value, int) and place != SYS_OBJECT_ID else value
            for place, value in cells.items()
        }

    read_by_family = 0
    for name in FEW:
        device = usual_device(name)
        texts = Varied(
            device.profile,
            as_text(device.scalars),
            {column: as_text(cells) for column, cells in device.columns.items()},
        )
        found, before = outcome_of(texts).readings, usual[name].readings
        assert found.items() <= before.items(), name
        # Where a text must bring its unit (`text: quantity`), a bare number is no reading.
        quantities = {
            point.metric
            for _, point in device.profile.all_points()
            if any(source.text == "quantity" for source in point.sources())
        }
        assert {key for key in before.keys() - found.keys() if key.partition("{")[0] not in quantities} == set(), name
        read_by_family += len(found)
    assert read_by_family > 1000


def two_units(device: Varied) -> Varied:
    """Rows 1.1 to 1.3 and 2.1 to 2.3 where the family has 1 to 3, and scalars at .1 and .2; the second unit has other readings."""

    def of(unit: int, value: SnmpValue) -> SnmpValue:
        return value + 100 * (unit - 1) if isinstance(value, int) and value >= 40 else value

    columns = {
        column: {f"{unit}.{index}": of(unit, value) for unit in (1, 2) for index, value in cells.items()}
        for column, cells in device.columns.items()
    }
    scalars = {
        f"{place[:-1]}{unit}" if place.endswith(".0") and place != SYS_OBJECT_ID else place: of(unit, value)
        for unit in (1, 2)
        for place, value in device.scalars.items()
    }
    return Varied(device.profile, scalars, columns)


def families_by_unit() -> list[str]:
    """A few families whose two units can be told apart.

    Of those with texts or small numbers the second unit's readings would be the first one's. Three name instances of rows themselves, in a
    fourth a number and its divisor are larger alike, and where a family extends another, the base's objects stand in.
    """
    return [
        name
        for name in FEW
        if name not in {*SEVERAL_SOURCES, "huawei-ups", "kentix-devices", "papouch-th2e", "tripplite-cooling"}
        and not SHIPPED[name].extends
        and not any(plain_number(cell) for cell in usual_device(name).cells.values() if isinstance(cell, bytes))
    ]


async def test_each_of_two_units_behind_one_agent_can_be_read_as_a_device_of_its_own() -> None:
    """`unit: 2`; without it the readings of both are left out and counted."""
    left_out = readings = 0
    for name in families_by_unit():
        device = usual_device(name)
        usual, both = await read(device), two_units(device)
        unknown, (first, _), (second, _) = (
            await read(both),
            await read_whole(both, unit=1),
            await read_whole(both, unit=2),
        )
        left_out += len(usual.keys() - unknown.keys())
        assert {key for key in first.keys() & usual if first[key] != usual[key]} == set(), name
        # Numbers differ, codes and flags are the same in both.
        own = {key: second[key] for key in second.keys() & usual if isinstance(second[key], float)}
        assert {key for key, value in own.items() if value == usual[key] and value not in (0.0, 1.0)} == set(), name
        readings += len(own)
    assert left_out > 300
    assert readings > 700


async def test_a_unit_that_is_switched_off_takes_nothing_from_the_other_and_gets_nothing_of_it() -> None:
    """Two PDUs of a chain, the second without power: its rows and instances are gone."""
    readings = 0
    for name in families_by_unit():
        both = two_units(usual_device(name))
        scalars = {place: value for place, value in both.scalars.items() if not place.endswith(".2")}
        columns = {
            column: {index: value for index, value in cells.items() if index.startswith("1.")}
            for column, cells in both.columns.items()
        }
        alone = Varied(both.profile, scalars, columns)
        before, _ = await read_whole(both, unit=1)
        (first, _), (second, _) = await read_whole(alone, unit=1), await read_whole(alone, unit=2)
        assert not second, name
        # A thermograph has one row for each quantity, which does not show that its index has a part more.
        if name != "wut-webthermograph":
            assert first == before, name
        readings += len(first)
    assert readings > 700


async def test_what_the_agent_has_once_is_read_for_the_first_unit_alone() -> None:
    """A total that two devices give would be counted twice."""
    shared = 0
    for name in families_by_unit():
        device = usual_device(name)
        both = Varied(device.profile, device.scalars, two_units(device).columns)
        scalars = {source.oid for point in device.profile.points for source in point.sources()}
        # Where a family or its base has a series as a scalar and the other in rows, the second unit's row stands in.
        of_rows = {point.metric for table, point in device.profile.all_points() if table and device.profile.extends}
        of_scalars = {
            slot.key
            for part in device.planned().classes.values()
            for slot in part.slots
            if all(decoder.ref in scalars for decoder in slot.decoders) and slot.metric.name not in of_rows
        }
        (first, _), (second, _) = await read_whole(both, unit=1), await read_whole(both, unit=2)
        assert not second.keys() & of_scalars, name
        shared += len(first.keys() & of_scalars)
    assert shared > 50
