"""Reads tables of devices that people keep: a spreadsheet saved as CSV, with the names of the columns in its first line."""

import csv
import io
import ipaddress
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from agent.lab.found_output import COLUMNS, FORMULA
from rackflow.errors import ConfigError
from rackflow.process.commands import print_error
from rackflow.process.yaml import read_text_file

Ids = Mapping[tuple[str, int | None], str]
"""Ids of devices by address and Modbus unit. Without a unit, the id is for whatever answers at the address."""


def table_rows(path: Path, known: Collection[str] | None) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table by column, with their lines. Semicolons separate in spreadsheets of much of Europe.

    Columns that are not `known` are named, because nothing is made of them. Raises ConfigError.
    """
    text = read_text_file(path).removeprefix("\ufeff")
    header = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ",", restval=""
    )
    columns = [(name or "").strip() for name in reader.fieldnames or ()]
    if "id" not in columns:
        raise ConfigError(f"{path}:1: has no column id; the first line names the columns")
    ignored = [name for name in columns if known is not None and name and name not in known]
    if ignored:
        print_error(f"{path}: columns that no section has are not used: {', '.join(ignored)}")
    reader.fieldnames = columns
    try:
        for row in reader:
            if None in row:
                raise ConfigError(
                    f"{path}:{reader.line_num}: has more cells than the header; quote what contains the separator"
                )
            yield reader.line_num, {key: _cell(value) for key, value in row.items() if key}
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num}: is not CSV: {error}") from error


def _cell(text: str) -> str:
    text = text.strip()
    # `discover` puts an apostrophe before a cell that a spreadsheet would run as a formula.
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def read_ids(path: Path) -> Ids:
    """The ids in a table with the columns id, host and, for Modbus, unit. Raises ConfigError.

    Rows without an address are no devices (racks, panels, loops); one table serves `discover` and `site draft`.
    """
    found: dict[tuple[str, int | None], str] = {}
    for line, row in table_rows(path, None):
        if "host" not in row:
            raise ConfigError(f"{path}:1: has no column host, which gives the addresses of the devices")
        if not row["host"]:
            continue
        try:
            place = str(ipaddress.ip_address(row["host"])), int(row["unit"]) if row.get("unit") else None
        except ValueError as error:
            raise ConfigError(f"{path}:{line}: {error}; host is an address, unit a number") from error
        if not row["id"]:
            raise ConfigError(f"{path}:{line}: {row['host']} has no id")
        if place in found:
            raise ConfigError(f"{path}:{line}: {row['host']} is {found[place]} and {row['id']}; give each its own row")
        if row["id"] in found.values():
            raise ConfigError(f"{path}:{line}: id {row['id']} has two addresses; ids must be unique")
        found[place] = row["id"]
    if not found:
        raise ConfigError(f"{path}: no row has a host; columns are {', '.join(COLUMNS[:6])} and any of a site file")
    return found
