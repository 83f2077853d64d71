"""The tables of a device: which rows they have, and how much is asked to find them."""

from collections.abc import Mapping

from agent.poll.tables import TableReader
from agent.profile import MAX_TEXT, RawValue, Table, parse_profile
from agent.snmp.seam import SnmpValue
from tests.agent.memory_peers import MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
TEXT = f"""
version: 1
profile: strips
class: pdu
protocol: snmp
title: Outlets
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.2.0]}}
points:
  - {{metric: dcim_ups_output_source, oid: {ROOT}.2.0, states: {{3: normal}}, poll: normal}}
tables:
  - name: outlets
    rows: {ROOT}.1.1
    labels: {{outlet: {{column: {ROOT}.1.7}}}}
    points:
      - {{metric: dcim_pdu_outlet_current_amperes, oid: {ROOT}.1.2, unit: ampere, poll: normal}}
      - {{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.1.3, unit: watt, poll: normal}}
      - {{metric: dcim_pdu_outlet_voltage_volts, oid: {ROOT}.1.4, unit: volt, poll: normal}}
      - {{metric: dcim_pdu_outlet_energy_joules_total, oid: {ROOT}.1.5, unit: joule, poll: slow}}
"""
OUTLETS: Table = parse_profile(TEXT, "strips.yaml").tables[0]


class Counting(MemorySnmp):
    """A device in memory that counts what it is asked."""

    def __init__(self, values: dict[str, SnmpValue]) -> None:
        super().__init__(values)
        self.walked: list[str] = []

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        self.walked.append(oid.removeprefix(f"{ROOT}.1."))
        return await super().walk(oid, limit)


async def rows(device: Counting, cells: dict[str, RawValue]) -> list[str]:
    return await TableReader(device, "pdu-1", cells).row_indexes(OUTLETS)


def columns(values: Mapping[int, SnmpValue], *indexes: str) -> dict[str, SnmpValue]:
    return {f"{ROOT}.1.{column}.{index}": value for column, value in values.items() for index in indexes}


async def test_outlets_of_a_device_with_nothing_but_their_energy_are_found() -> None:
    """It lacks the column of rows and the first three columns of readings."""
    device = Counting(columns({5: 7200}, "1", "2", "10"))
    assert await rows(device, {}) == ["1", "2", "10"]


async def test_a_device_without_the_table_is_asked_for_its_rows_only() -> None:
    """The next object is that of another table, whose number begins alike."""
    device = Counting({f"{ROOT}.10.1.1": 5})
    assert await rows(device, {}) == []
    assert device.walked == ["1"]
    assert device.asked == [[f"{ROOT}.1"]], "one object for the whole table"


async def test_names_are_read_of_a_table_that_has_rows_and_are_cut() -> None:
    cells: dict[str, RawValue] = {}
    device = Counting(columns({1: 1, 7: b"x" * 100_000}, "1"))
    assert await rows(device, cells) == ["1"]
    assert cells == {f"{ROOT}.1.1.1": 1, f"{ROOT}.1.7.1": b"x" * MAX_TEXT}
    assert device.walked == ["1", "7"]


async def test_a_device_that_answers_with_the_column_itself_has_no_row_of_that() -> None:
    """Such a row would have no index, and its readings the name of the table alone."""

    class Odd(Counting):
        async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
            return {oid: 0, **await super().walk(oid, limit)}

    assert await rows(Odd(columns({1: 1}, "1", "2")), {}) == ["1", "2"]


async def test_rows_are_in_numeric_order_and_shorter_indexes_come_first() -> None:
    """The order decides which of several outlets of one name keeps it."""
    device = Counting(columns({1: 1}, "10", "1.3", "2", "1.2"))
    assert await rows(device, {}) == ["2", "10", "1.2", "1.3"]


async def test_rows_that_only_the_column_of_their_names_has_are_found() -> None:
    """A faulty device may end one of its columns too early."""
    device = Counting(columns({1: 1}, "1") | columns({7: b"A"}, "1", "2", "3"))
    assert await rows(device, {}) == ["1", "2", "3"]


async def test_a_name_in_another_table_makes_no_row() -> None:
    """That table lists the outlets of the whole chain."""
    named = parse_profile(TEXT.replace(f"column: {ROOT}.1.7", f"column: {ROOT}.3.7"), "strips.yaml").tables[0]
    device = Counting(columns({1: 1}, "1") | {f"{ROOT}.3.7.{at}": b"A" for at in (1, 2, 3)})
    assert await TableReader(device, "pdu-1", {}).row_indexes(named) == ["1"]


async def test_the_rows_of_several_columns_are_those_of_any() -> None:
    """As where a UPS lists some phases in one column and others in another."""
    both = OUTLETS.model_copy(update={"rows": [f"{ROOT}.1.1", f"{ROOT}.1.6"]})
    device = Counting(columns({1: 1}, "1", "2") | columns({6: 1}, "2", "3"))
    assert await TableReader(device, "pdu-1", {}).row_indexes(both) == ["1", "2", "3"]


async def test_a_column_that_two_tables_name_is_walked_once() -> None:
    device = Counting(columns({1: 1, 7: b"A1"}, "1"))
    reader = TableReader(device, "pdu-1", {})
    assert await reader.row_indexes(OUTLETS) == await reader.row_indexes(OUTLETS) == ["1"]
    assert device.walked == ["1", "7"]


async def test_a_row_with_an_index_that_no_library_can_ask_for_is_left_out() -> None:
    """An OID has 128 numbers at most (RFC 2578, 3.5)."""
    longest = ".".join("1" for _ in range(128 - len(f"{ROOT}.1.1".split("."))))
    device = Counting(columns({1: 1}, longest, f"{longest}.1"))
    assert await rows(device, {}) == [longest]
