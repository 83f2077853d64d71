"""Reads the tables of an SNMP device for a plan: which rows they have, and the cells that decide what the rows are."""

from collections.abc import Iterable

from agent.profile import MAX_SERIES, MAX_TEXT, RawValue, Table, columns_beside, entry_of, oid_parts, planning_columns
from agent.snmp import MAX_DOTS, SnmpClient, UnansweredError
from rackflow.errors import DeviceDecodeError

# Most rows of a table. Every row gives at least one series, or nothing.
MAX_TABLE_ROWS = MAX_SERIES
# How many columns of readings are tried to find the rows of a table that lacks its row column. Chosen; each may cost a request.
MAX_COLUMNS_BESIDE = 4
# Cells of all tables that planning reads: about 60 MB. A device with more of them is refused; 20,000 rows with ten columns of labels
# fit. Chosen value.
MAX_CELLS = 200_000


class TableReader:
    """Reads tables for one plan. No column is walked twice, however many tables name it. Raises DeviceError."""

    def __init__(self, client: SnmpClient, device: str, cells: dict[str, RawValue]) -> None:
        """`device` is its id, for errors; the cells that planning needs are added to `cells`, by OID."""
        self._client = client
        self._device = device
        self._cells = cells
        self._walked: dict[str, dict[str, RawValue]] = {}
        """By column the cells that a walk has found; by entry the first of its cells, if there is any."""

    async def row_indexes(self, table: Table) -> list[str]:
        """Indexes of the table's rows, in numeric order."""
        indexes: dict[str, None] = {}
        entries = set(map(entry_of, table.row_columns()))
        for column in table.row_columns():
            indexes |= _indexes(column, await self._walk(column))
            self._cells.update(self._walked[column])
        indexes = indexes or await self._indexes_beside(table)
        # A table without rows needs no labels.
        for column in planning_columns(table) if indexes else ():
            self._cells.update(await self._walk(column))
            if entry_of(column) in entries:
                # A faulty device may end the row column early, so the rows of the columns read here are added.
                indexes |= _indexes(column, self._walked[column])
        # Sorted numerically, shorter indexes first: the order decides which of several rows with equal names keeps its name, and not every
        # device answers in the same order twice.
        return sorted(indexes, key=lambda index: (index.count("."), oid_parts(index)))

    async def _indexes_beside(self, table: Table) -> dict[str, None]:
        """Rows of a table that lacks its row column: the rows of a column of readings, if the device has the table at all.

        One object is asked for each table that a device does not have.
        """
        for column in columns_beside(table)[:MAX_COLUMNS_BESIDE]:
            entry = entry_of(column)
            if entry not in self._walked:
                following = await self._first_behind(entry)
                is_below = following is not None and following[0].startswith(f"{entry}.")
                self._walked[entry] = dict([following] if following is not None and is_below else ())
            if self._walked[entry]:
                await self._walk(column)
            if found := self._walked.get(column):
                return _indexes(column, found)
        return {}

    async def _first_behind(self, entry: str) -> tuple[str, RawValue] | None:
        try:
            return await self._client.get_next(entry)
        except UnansweredError:
            return None

    async def _walk(self, column: str) -> dict[str, RawValue]:
        if column in self._walked:
            return self._walked[column]
        room = MAX_CELLS - len(self._cells)
        # One row more than is used shows that there are more. Long texts are cut, because they stay in memory until the plan is made.
        found = await self._client.walk(column, min(MAX_TABLE_ROWS, room) + 1)
        if len(found) > room:
            text = f"has more than {MAX_CELLS} cells in its tables"
            raise DeviceDecodeError(text, device=self._device, operation=f"walk {column}")
        walked = self._walked[column] = {
            oid: value[:MAX_TEXT] if isinstance(value, bytes) else value
            for oid, value in found.items()
            # A device may answer with a longer one, but not every library can request it.
            if oid.count(".") <= MAX_DOTS
        }
        return walked


def _indexes(column: str, found: Iterable[str]) -> dict[str, None]:
    """The row indexes in OIDs found below a column: the part after the column's OID. An answer with the column's OID itself is no row."""
    return dict.fromkeys(oid[len(column) + 1 :] for oid in found if len(oid) > len(column) + 1)
