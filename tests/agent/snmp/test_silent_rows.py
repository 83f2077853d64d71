"""Rows of tables for which a card gives no answer at all: over the wire, with both engines."""

import contextlib

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.profile import parse_profile
from agent.schedule import DOWN_AFTER_FAILURES
from agent.snmp.requests import SYS_UPTIME
from agent.snmp.silent import (
    ROW_BY_ROW_S,
    WALKS,
    UnansweredError,
)
from rackflow.errors import DeviceTimeout
from tests.agent.faulty_peers import Request, tlv
from tests.agent.snmp.silent_card import ALL, HUNG, ROWS, Card, client_for, hanging_rows
from tests.agent.snmp.snmp_clients import TREE, MakeClient, table
from tests.jumping import jump


@pytest.mark.parametrize("hung", [ROWS[12:13], ROWS[:1], ROWS[19:], ROWS[4:7]], ids=["13", "first", "last", "3"])
async def test_a_table_with_rows_that_are_never_answered_is_walked_without_them(
    client_of: MakeClient, card: Card, hung: list[str]
) -> None:
    card.objects = table(20)
    client = client_for(client_of, card)
    assert await client.walk(f"{TREE}.1") == ALL
    hanging_rows(card, *hung)
    for _ in range(WALKS - 1):
        with pytest.raises(DeviceTimeout):
            await client.walk(f"{TREE}.1")
    assert await client.walk(f"{TREE}.1") == {oid: value for oid, value in ALL.items() if oid not in hung}
    # The next column at once.
    assert await client.walk(f"{TREE}.2") == {f"{TREE}.2.1": -1}
    with pytest.raises(UnansweredError):
        await client.get_next(f"{TREE}.1" if hung == ROWS[:1] else ROWS[ROWS.index(hung[0]) - 1])
    card.hang()
    assert await client.walk(f"{TREE}.1") == ALL
    await jump(ROW_BY_ROW_S)
    card.requests.clear()
    assert await client.walk(f"{TREE}.1") == ALL
    assert len(card.requests) <= 3


async def test_a_row_is_asked_for_twice_before_it_counts_as_never_answered(client_of: MakeClient, card: Card) -> None:
    """A table is walked once an hour: what is taken for silent is missing until then."""
    card.objects = table(20)
    client = client_for(client_of, card)
    hanging_rows(card, HUNG)
    for _ in range(WALKS - 1):
        with pytest.raises(DeviceTimeout):
            await client.walk(f"{TREE}.1")
    shown = 0

    def is_lost(request: Request) -> bool:
        """The row is lost until the device has shown that it answers others: before it is asked for row by row, and for this row."""
        nonlocal shown
        shown += request.oids == [SYS_UPTIME]
        return shown < 2 and HUNG in {oid for oid, _ in card.found(request, request.oids)}

    card.is_dropped = is_lost
    assert await client.walk(f"{TREE}.1") == ALL
    assert shown == 2


async def test_a_device_in_place_of_one_with_silent_rows_is_walked_fast_from_the_first_walk_on(
    client_of: MakeClient, card: Card
) -> None:
    card.objects = table(20)
    client = client_for(client_of, card)
    hanging_rows(card, *ROWS[4:6])
    for _ in range(WALKS - 1):
        with pytest.raises(DeviceTimeout):
            await client.walk(f"{TREE}.1")
    assert len(await client.walk(f"{TREE}.1")) == len(ROWS) - 2
    card.hang()
    client.ask_all_again()
    card.requests.clear()
    assert await client.walk(f"{TREE}.1") == ALL
    assert len(card.requests) > len(ROWS), "the same device"
    client.ask_all_again(of_another=True)
    card.requests.clear()
    assert await client.walk(f"{TREE}.1") == ALL
    assert len(card.requests) <= 3


@pytest.mark.parametrize("news", ["serial", "firmware"])
async def test_a_device_that_was_replaced_or_updated_is_not_read_row_by_row(
    client_of: MakeClient, card: Card, news: str
) -> None:
    serial, firmware = f"{TREE}.9.1.0", f"{TREE}.9.2.0"
    card.objects = table(20) | {serial: tlv(4, b"A1"), firmware: tlv(4, b"1.0"), SYS_UPTIME: tlv(0x43, b"\x01")}
    device = Device(id="pdu-1", host="h", credential="c", profile="rows")
    poller = SnmpPoller(device, {"rows": ROWS_PROFILE}, client_for(client_of, card))
    hanging_rows(card, *ROWS[4:6])
    for _ in range(DOWN_AFTER_FAILURES):
        with contextlib.suppress(DeviceTimeout):
            await poller.open()
            break
    assert len((await poller.poll("fast", 1e9)).values) == len(ROWS) - 2
    card.hang()
    card.objects[serial if news == "serial" else firmware] = tlv(4, b"B7")
    card.requests.clear()
    await poller.open()
    assert len((await poller.poll("fast", 1e9)).values) == len(ROWS)
    assert len(card.requests) < len(ROWS)


ROWS_PROFILE = parse_profile(
    f"""
version: 1
profile: rows
class: env
protocol: snmp
title: A card with rows that hang
source: a manual
evidence: unverified
recognise: {{subtrees: [{TREE}]}}
identity: {{serial: [{{oid: {TREE}.9.1.0}}], firmware: [{{oid: {TREE}.9.2.0}}]}}
tables:
  - name: sensors
    rows: {TREE}.1
    labels: {{sensor: {{index: 1}}}}
    points: [{{metric: dcim_env_temperature_celsius, oid: {TREE}.1, unit: celsius, poll: fast}}]
""",
    "rows.yaml",
)


async def test_the_walk_of_a_device_that_is_off_fails_as_ever(client_of: MakeClient, card: Card) -> None:
    client = client_for(client_of, card)
    assert len(await client.walk(f"{TREE}.1")) == 100
    card.is_dropped = lambda _: True
    for _ in range(WALKS + 1):
        card.requests.clear()
        with pytest.raises(DeviceTimeout):
            await client.walk(f"{TREE}.1")
        assert len(card.requests) <= 6
    card.hang()
    assert len(await client.walk(f"{TREE}.1")) == 100
