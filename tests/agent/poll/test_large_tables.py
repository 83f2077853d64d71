"""A device with as many rows as are polled: planning and polling never hold the loop for long, and what is too much is left out and said.

The limit is a fifth of the real one here, since the work is the same for each row.
"""

import asyncio
from collections.abc import Sequence

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.tables import MAX_CELLS
from agent.profile import MAX_SERIES, SYS_UPTIME, parse_profile
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceDecodeError
from tests.turns import Turns

ROOT = "1.3.6.1.4.1.99999"
TEXT = f"""
version: 1
profile: wide
class: env
protocol: snmp
title: Very many sensors
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.2.0]}}
points:
  - {{metric: dcim_ups_output_source, oid: {ROOT}.2.0, states: {{3: normal}}, poll: normal}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{column: {ROOT}.1.3}}}}
    when: {{column: {ROOT}.1.4, in: [ok]}}
    points:
      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.1.1, unit: celsius, decimals: {ROOT}.1.5, poll: normal}}
      - {{metric: dcim_env_relative_humidity_ratio, oid: {ROOT}.1.2, unit: percent, poll: normal}}
"""
PROFILE = parse_profile(TEXT, "wide.yaml")
TEMPERATURE, HUMIDITY = "dcim_env_temperature_celsius", "dcim_env_relative_humidity_ratio"
DEVICE = Device(id="d", host="h", credential="c", profile="wide")
# Without slices one turn makes most of the calls.
MOST_SHARE = 0.1
LIMIT = MAX_SERIES // 5


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.profile.planning.builder.MAX_SERIES", LIMIT)
    for module in ("agent.poll.tables", "agent.poll.snmp"):
        monkeypatch.setattr(f"{module}.MAX_TABLE_ROWS", LIMIT)


class Wide:
    """A device in memory with `rows` rows. It takes a turn of the loop for each 20 objects, as requests over the network do."""

    def __init__(self, rows: int) -> None:
        self.columns: dict[str, dict[str, SnmpValue]] = {
            f"{ROOT}.1.{column}": {f"{ROOT}.1.{column}.{row}": self._cell(column, row) for row in range(1, rows + 1)}
            for column in range(1, 6)
        }
        self.values: dict[str, SnmpValue] = {SYS_UPTIME: 100, f"{ROOT}.2.0": 3}
        for cells in self.columns.values():
            self.values |= cells

    def _cell(self, column: int, row: int) -> SnmpValue:
        return (215, 45, f"sensor-{row}".encode(), b"ok", 1)[column - 1]

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        found: dict[str, SnmpValue] = {}
        for at in range(0, len(oids), 20):
            found |= {oid: self.values[oid] for oid in oids[at : at + 20] if oid in self.values}
            if at % 1000 == 0:
                await asyncio.sleep(0)
        return found

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        found: dict[str, SnmpValue] = {}
        for number, (name, value) in enumerate(self.columns[oid].items()):
            if number == limit:
                break
            if number % 1000 == 0:
                await asyncio.sleep(0)
            found[name] = value
        return found

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        raise NotImplementedError(oid)

    def set_max_varbinds(self, objects: int) -> None:
        """Memory has no limit."""

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """Memory denies nothing."""

    async def close(self) -> None:
        """Nothing to free."""


@pytest.mark.usefixtures("limit")
async def test_thousands_of_rows_are_handled_in_slices_and_those_beyond_the_limit_reported() -> None:
    poller = SnmpPoller(DEVICE, {"wide": PROFILE}, Wide(LIMIT - 5))
    async with Turns().counted() as turns:
        await poller.open()
        readings = await poller.poll("normal", 1e9)
    temperatures = [key for key in readings.values if key.startswith(TEMPERATURE)]
    humidities = [key for key in readings.values if key.startswith(HUMIDITY)]
    # The first point has all its rows, one series is the state of the whole device, and the second point has what is left.
    assert (len(temperatures), len(readings.states), len(humidities)) == (LIMIT - 5, 1, 4)
    assert readings.bad == {HUMIDITY: "limit"}
    assert max(turns.calls) < MOST_SHARE * sum(turns.calls)
    assert len(turns.calls) > 40


@pytest.mark.usefixtures("limit")
async def test_figures_of_thousands_of_sensors_are_derived_in_slices() -> None:
    poller = SnmpPoller(DEVICE, {"wide": PROFILE}, Wide(LIMIT // 2 - 1))
    await poller.open()
    async with Turns().counted() as turns:
        readings = await poller.poll("normal", 1e9)
    assert (len(readings.values), readings.bad) == (3 * (LIMIT // 2 - 1), {})
    assert max(turns.calls) < MOST_SHARE * sum(turns.calls)


@pytest.mark.usefixtures("limit")
async def test_rows_beyond_the_walks_limit_are_left_out_and_reported_in_the_class_that_lacks_them() -> None:
    poller = SnmpPoller(DEVICE, {"wide": PROFILE}, Wide(LIMIT + 1))
    await poller.open()
    readings = await poller.poll("normal", 1e9)
    assert len(readings.values) + len(readings.states) == LIMIT
    assert readings.bad == {TEMPERATURE: "limit", HUMIDITY: "limit"}
    assert (await poller.poll("slow", 1e9)).bad == {}


@pytest.mark.usefixtures("limit")
async def test_rows_that_were_not_read_are_said_also_where_few_of_those_that_were_count() -> None:
    """Of the rows ten are in use; nobody knows of those that were not read."""
    device = Wide(LIMIT + 1)
    in_use = device.columns[f"{ROOT}.1.4"]
    in_use |= dict.fromkeys(list(in_use)[10:], b"off")
    poller = SnmpPoller(DEVICE, {"wide": PROFILE}, device)
    await poller.open()
    readings = await poller.poll("normal", 1e9)
    assert sum(key.startswith(TEMPERATURE) for key in readings.values) == 10
    assert readings.bad == {TEMPERATURE: "limit", HUMIDITY: "limit"}


async def test_the_more_series_a_device_has_the_more_seldom_a_restart_at_every_poll_has_it_opened() -> None:
    """2,500 series every 12.5 s instead of 10, or planning them would take a good part of a CPU."""
    device, now_s = Wide(1250), [0.0]
    device.values[SYS_UPTIME] = 100_000
    poller = SnmpPoller(DEVICE, {"wide": PROFILE}, device, lambda: now_s[0])
    await poller.open()
    opened_at = []
    for second in (1, 12, 14):
        now_s[0] = float(second)
        device.values[SYS_UPTIME] = 100_000 - second
        if (await poller.poll("slow", 1e9)).reopen:
            opened_at.append(second)
            await poller.open()
    assert opened_at == [1, 14]


async def test_a_device_with_more_cells_than_planning_can_hold_is_refused() -> None:
    columns = range(6, 6 + MAX_CELLS // MAX_SERIES)
    points = "".join(
        f"      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.1.1, unit: celsius, decimals: {ROOT}.1.{at},"
        f" labels: {{position: front_top}}, when: {{index: 1, in: [{at}]}}}}\n"
        for at in columns
    )
    head, _, _ = TEXT.partition("      - {metric")
    device = Wide(10)
    for at in columns:
        device.columns[f"{ROOT}.1.{at}"] = {f"{ROOT}.1.{at}.{row}": 1 for row in range(MAX_SERIES + 1)}
    poller = SnmpPoller(DEVICE, {"wide": parse_profile(head + points, "wide.yaml")}, device)
    with pytest.raises(DeviceDecodeError, match="more than 200000 cells"):
        await poller.open()
