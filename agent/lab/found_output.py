"""Shows the results of a search: as lines for people, as CSV, JSON or YAML for programs and files.

Texts come from devices, so each format escapes them in its own way; a cell of CSV that a spreadsheet would run as a formula gets
an apostrophe in front (CWE-1236).
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from agent.lab.discover import Found
from agent.lab.reconcile import Result, Search, entry_of
from rackflow.escape import escape_unprintable
from rackflow.process import machine_output
from rackflow.process.yaml_edit import block_lines, yaml_comment, yaml_value

COLUMNS = (
    "status", "id", "protocol", "host", "port", "unit", "credential", "profile", "class", "score", "evidence", "vendor", "model",
    "serial", "firmware", "name", "description", "note",
)  # fmt: skip
OUTBOX = "agent-outbox.db"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def found_line(found: Found) -> str:
    """One device as a line, as it is found."""
    match = found.match
    what = f"{match.profile.profile:<20} {match.profile.class_:<6}" if match else f"{'(unknown)':<20} {'':<6}"
    identity = found.identity
    who = " ".join(filter(None, (identity.vendor, identity.model))) or found.description
    parts = [who, identity.serial and f"serial {identity.serial}", found.name and f"name {found.name}"]
    why = "; ".join(filter(None, (*(match.reasons if match else ()), found.error)))
    where = found.address if found.unit is None else f"{found.address} unit {found.unit}"
    score = f"score {match.score}: " if match else ""
    return f"{where:<16} {what} {', '.join(filter(None, parts))}{f'  [{score}{why}]' if why else ''}"


def result_lines(results: Iterable[Result]) -> list[str]:
    """What differs from the configuration, for people; nothing for devices that are as they were."""
    return [
        f"{result.status}: {result.id or (result.found.address if result.found else '')}"
        f"{f' at {result.found.address}' if result.found and result.id else ''}{f': {result.note}' if result.note else ''}"
        for result in results
        if result.status != "known" or result.note
    ]


def row_of(result: Result, search: Search) -> dict[str, str | int | None]:
    """One result by column; what is not known is None. A device that was not found is described by its entry in the configuration."""
    known: dict[str, str | int | None] = {
        "status": result.status, "id": result.id, "protocol": search.protocol, "port": search.port, "note": result.note
    }  # fmt: skip
    if result.found is not None:
        known |= _columns_of_found(result.found)
    elif (device := result.device) is not None:
        known |= {"host": device.host, "credential": device.credential, "serial": device.serial_number}
        known |= {"unit": device.unit if search.protocol == "modbus" else None}
    # An empty text is not known either; 0 is a unit, or a score.
    return {column: None if (value := known.get(column)) == "" else value for column in COLUMNS}


def _columns_of_found(found: Found) -> dict[str, str | int | None]:
    identity, match = found.identity, found.match
    columns: dict[str, str | int | None] = {
        "host": found.address,
        "unit": found.unit,
        "credential": found.credential,
        "vendor": identity.vendor,
        "model": identity.model,
        "serial": identity.serial,
        "firmware": identity.firmware,
        "name": found.name,
        "description": found.description,
    }
    if match is not None:
        columns |= {"profile": match.profile.profile, "class": match.profile.class_, "score": match.score}
        columns |= {"evidence": "; ".join(match.reasons)}
    return columns


def as_json(results: Sequence[Result], search: Search) -> str:
    """A list of objects with the keys of `COLUMNS`."""
    rows = [row_of(result, search) for result in results]
    return machine_output.as_json(rows)


def as_csv(results: Sequence[Result], search: Search) -> str:
    """A header and one row for each result (RFC 4180, but with line feeds)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        writer.writerow([_cell(value) for value in row_of(result, search).values()])
    return text.getvalue().removesuffix("\n")


def _cell(value: str | int | None) -> str | int | None:
    if not isinstance(value, str):
        return value
    value = escape_unprintable(value)
    return f"'{value}" if value.startswith(FORMULA) else value


def as_yaml(results: Sequence[Result], search: Search, head: Sequence[str] = ()) -> str:
    """The new devices as the list `devices` of an agent's configuration; everything else that was seen as comments."""
    entries = [entry_of(result, search) for result in results if result.status == "new"]
    lines = [*head, "devices:" if entries else "devices: []", *block_lines(entries, 2)]
    lines += [yaml_comment(line) for line in result_lines(result for result in results if result.status != "new")]
    return "\n".join(lines)


def config_head(agent: str, site: str, broker: Mapping[str, str | int], credential: str, community: str) -> list[str]:
    """The beginning of a new agent's configuration, up to its devices: with them it is complete."""
    lines = [
        "# Begun by `discover`. Check it with `rackflow agent check FILE`, and run it with `rackflow agent run FILE`.",
        f"agent: {yaml_value(agent)}",
        f"labels: {yaml_value({'site': site})}",
        f"broker: {yaml_value(broker)} # accounts and TLS: docs/how-to/broker.md",
        "# What no collector has stored is kept there, in the folder that the agent runs in: with systemd, /var/lib/rackflow-agent.",
        f"outbox: {yaml_value({'mode': 'disk', 'path': OUTBOX})}",
    ]
    if credential:
        lines += ["credentials:", f"  {credential}: {yaml_value({'version': '2c', 'community': community})}"]
    return lines
