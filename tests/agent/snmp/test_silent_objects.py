"""Objects for which a card gives no answer at all, and requests that are too large for it: over the wire, with both engines."""

import asyncio
import contextlib

import pytest

from agent.config import Device
from agent.deadline import PollDeadline
from agent.poll import SnmpPoller
from agent.profile import parse_profile
from agent.schedule import DOWN_AFTER_FAILURES
from agent.snmp.requests import SYS_UPTIME
from agent.snmp.seam import SnmpClient
from agent.snmp.silent import (
    FIRST_S,
    LONGEST_S,
    LOSSES,
    LOSSY_S,
    MOST_SILENCES,
    PAUSE_S,
    SILENT_TIMES_WITH_LOSSES,
)
from rackflow.errors import DeviceTimeout
from tests.agent.faulty_peers import Request, integer, tlv
from tests.agent.snmp.silent_card import ALL, HUNG, OTHERS, ROWS, Card, client_for, hanging_rows
from tests.agent.snmp.snmp_clients import TREE, MakeClient, target_of
from tests.jumping import jump


async def failed(client: SnmpClient, oids: list[str]) -> None:
    with pytest.raises(DeviceTimeout):
        await client.get(oids)


async def failed_after_s(client: SnmpClient, oids: list[str]) -> float:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await failed(client, oids)
    return loop.time() - began_s


async def test_an_object_that_is_never_answered_fails_one_poll_and_then_costs_itself(
    client_of: MakeClient, card: Card
) -> None:
    client = client_for(client_of, card)
    assert await client.get(ROWS) == ALL
    card.hang(HUNG)
    await failed(client, ROWS)
    assert await client.get(ROWS) == OTHERS
    card.asked(HUNG)
    for _ in range(3):
        assert await client.get(ROWS) == OTHERS
    assert card.asked(HUNG) == []
    pause_s = FIRST_S
    while pause_s <= LONGEST_S:
        # It is asked for again, alone, after pauses that become twice as long.
        await jump(pause_s)
        assert await client.get(ROWS) == OTHERS
        assert card.asked(HUNG) == [[HUNG]]
        assert await client.get(ROWS) == OTHERS
        assert card.asked(HUNG) == []
        pause_s *= 2
    card.hang()
    await jump(LONGEST_S)
    assert await client.get(ROWS) == ALL
    assert card.asked(HUNG) == [[HUNG]]
    assert await client.get(ROWS) == ALL
    assert card.asked(HUNG) == [ROWS]


@pytest.mark.parametrize("hung", [ROWS[:1], [ROWS[3], ROWS[4]], [ROWS[2], ROWS[9], ROWS[19]]], ids=["1", "2", "3"])
async def test_several_of_them_cost_themselves_and_come_back_together(
    client_of: MakeClient, card: Card, hung: list[str]
) -> None:
    client = client_for(client_of, card)
    card.hang(*hung)
    await failed(client, ROWS)
    card.requests.clear()
    others = {oid: value for oid, value in ALL.items() if oid not in hung}
    assert await client.get(ROWS) == others
    # None is asked for more than once in a request of each size.
    assert len(card.requests) <= 2 * (1 + 2 * MOST_SILENCES)
    card.hang()
    await jump(LONGEST_S)
    assert await client.get(ROWS) == ALL


async def lose_one(client: SnmpClient, card: Card) -> None:
    """One poll is lost as a whole, and the next is answered."""
    card.is_dropped = lambda _: True
    await failed(client, ROWS)
    card.is_dropped = lambda _: False
    assert await client.get(ROWS) == ALL
    card.requests.clear()


async def test_where_polls_are_lost_now_and_then_the_next_one_asks_for_its_objects_at_once(
    client_of: MakeClient, card: Card
) -> None:
    """Each request before them may be lost as well."""
    client = client_for(client_of, card)
    assert await client.get(ROWS) == ALL
    for _ in range(LOSSES):
        await lose_one(client, card)
    card.is_dropped = lambda _: True
    await failed(client, ROWS)
    card.is_dropped = lambda _: False
    card.requests.clear()
    assert await client.get(ROWS) == ALL
    assert [each.oids for each in card.requests] == [ROWS]
    # An object that hangs there is found with the next poll but one.
    card.hang(HUNG)
    for _ in range(SILENT_TIMES_WITH_LOSSES):
        await failed(client, ROWS)
    assert await client.get(ROWS) == OTHERS
    # Without losses for a while: with the next one.
    card.hang()
    await jump(LONGEST_S + LOSSY_S)
    assert await client.get(ROWS) == ALL
    card.hang(HUNG)
    await failed(client, ROWS)
    assert await client.get(ROWS) == OTHERS


async def test_an_object_that_takes_most_of_the_time_of_a_poll_comes_back_to_it(
    client_of: MakeClient, card: Card
) -> None:
    client = client_of(target_of(card.port, retries=1, timeout_s=5.0))
    assert await client.get(ROWS) == ALL
    card.hang(HUNG)

    async def poll() -> dict[str, object]:
        with PollDeadline(0.9, 30.0):
            return dict(await client.get(ROWS))

    with pytest.raises(TimeoutError):
        await poll()
    assert await poll() == OTHERS
    card.hang()
    card.slow = {HUNG: 0.6}
    found: dict[str, object] = {}
    for _ in range(3):
        await jump(LONGEST_S)
        found = await poll()
        if HUNG in found:
            break
    assert found == ALL


async def test_an_object_whose_one_request_is_lost_is_not_left_out(client_of: MakeClient, card: Card) -> None:
    """It may be the first time that the device is planned: what is left out then is in no poll for an hour."""
    client = client_for(client_of, card)
    alone: list[Request] = []

    def is_dropped(request: Request) -> bool:
        if request.oids == [HUNG]:
            alone.append(request)
            return len(alone) == 1
        return HUNG in request.oids

    card.is_dropped = is_dropped
    await failed(client, ROWS)
    assert await client.get(ROWS) == ALL
    assert len(alone) > 1


async def test_a_device_that_is_off_gets_no_more_requests_than_ever_and_is_waited_for_no_longer(
    client_of: MakeClient, card: Card
) -> None:
    client = client_for(client_of, card)
    counts, times = [], []
    for _ in range(3):
        assert await client.get(ROWS) == ALL
        card.is_dropped = lambda _: True
        took_s = []
        for _ in range(4):
            card.requests.clear()
            took_s.append(await failed_after_s(client, ROWS))
            counts.append(len(card.requests))
        times.append(took_s)
        card.is_dropped = lambda _: False
    assert len(set(counts)) == 1
    # The shortest, since pysnmp opens its peer anew in a thread, which costs as much of the clock as the machine makes it wait.
    shortest_s = [min(each) for each in zip(*times, strict=True)]
    assert max(shortest_s) < 2 * shortest_s[0]
    assert await client.get(ROWS) == ALL
    assert card.largest() == len(ROWS)


async def test_a_device_that_lost_one_poll_loses_no_object_and_no_size(client_of: MakeClient, card: Card) -> None:
    client = client_for(client_of, card)
    for _ in range(5):
        assert await client.get(ROWS) == ALL
        card.is_dropped = lambda _: True
        await failed(client, ROWS)
        card.is_dropped = lambda _: False
        assert await client.get(ROWS) == ALL
        assert card.largest() == len(ROWS)


@pytest.mark.parametrize("most", [15, 6, 2, 1])
async def test_a_card_that_drops_large_requests_is_asked_for_less_at_a_time(
    client_of: MakeClient, card: Card, most: int
) -> None:
    client = client_for(client_of, card)
    card.is_dropped = lambda request: len(request.oids) > most
    wanted = {f"{TREE}.1.{row}": row for row in range(1, 61)}
    await failed(client, list(wanted))
    polls = 1
    while True:
        try:
            found = await client.get(list(wanted))
        except DeviceTimeout:
            found = {}
        polls += 1
        if found == wanted and card.largest() <= most:
            break
        assert polls < 12
    assert await client.get(list(wanted)) == wanted
    assert card.largest() <= most


async def test_a_card_that_answers_for_nothing_but_itself_fails_with_few_requests(
    client_of: MakeClient, card: Card
) -> None:
    client = client_for(client_of, card)
    assert await client.get(ROWS) == ALL
    card.is_dropped = lambda request: request.oids != [SYS_UPTIME]
    await failed(client, ROWS)
    await failed(client, ROWS)
    for _ in range(3):
        card.requests.clear()
        await failed(client, ROWS)
        assert len(card.requests) <= 4
    card.is_dropped = lambda _: False
    assert await client.get(ROWS) == ALL
    assert await client.get(ROWS) == ALL
    await jump(PAUSE_S)
    assert await client.get(ROWS) == ALL


async def test_a_poll_of_the_shortest_class_that_looks_for_it_is_not_silent_for_too_long(
    client_of: MakeClient, card: Card
) -> None:
    client = client_of(target_of(card.port, retries=1, timeout_s=5.0))
    assert await client.get(ROWS) == ALL
    card.hang(HUNG)

    async def poll() -> dict[str, object]:
        with PollDeadline(0.9, 30.0):
            return dict(await client.get(ROWS))

    with pytest.raises(TimeoutError):
        await poll()
    assert await poll() == OTHERS
    await jump(FIRST_S)
    assert await poll() == OTHERS
    assert any(HUNG in request.oids for request in card.requests)


async def test_a_device_that_dies_while_it_is_searched_is_asked_for_nothing_more(
    client_of: MakeClient, card: Card
) -> None:
    client = client_for(client_of, card)
    assert await client.get(ROWS) == ALL
    card.hang(HUNG)
    await failed(client, ROWS)
    card.requests.clear()
    before = 0

    def dies(request: Request) -> bool:
        """With its answer to the first half, and not when the test finds time: the search may be over by then."""
        nonlocal before
        is_dead = before > 0
        if not is_dead and len(request.oids) == len(ROWS) // 2:
            before = len(card.requests)
        return is_dead or HUNG in request.oids

    card.is_dropped = dies
    with pytest.raises(DeviceTimeout):
        await client.get(ROWS)
    assert 0 < before < len(card.requests) <= before + 4
    card.hang(HUNG)
    assert await client.get(ROWS) == OTHERS


PROFILE = parse_profile(
    f"""
version: 1
profile: carded
class: ups
protocol: snmp
title: A card with a module that hangs
source: a manual
evidence: unverified
recognise: {{subtrees: [{TREE}]}}
points:
  - {{metric: dcim_ups_battery_temperature_celsius, oid: {TREE}.1.1.0, unit: celsius, poll: fast}}
  - {{metric: dcim_ups_battery_charge_ratio, oid: {TREE}.1.2.0, unit: percent, poll: fast}}
  - {{metric: dcim_ups_battery_voltage_volts, oid: {TREE}.1.3.0, unit: volt, poll: fast}}
""",
    "carded.yaml",
)


@pytest.mark.parametrize("profile", ["carded", "auto"])
async def test_a_device_with_such_an_object_is_opened_before_it_counts_as_down(
    client_of: MakeClient, card: Card, profile: str
) -> None:
    hung = f"{TREE}.1.2.0"
    card.objects = {f"{TREE}.1.{row}.0": integer(value) for row, value in ((1, 24), (2, 90), (3, 54))}
    card.objects[SYS_UPTIME] = tlv(0x43, b"\x01")
    hanging_rows(card, hung)
    device = Device(id="ups-1", host="h", credential="c", profile=profile)
    poller = SnmpPoller(device, {"carded": PROFILE}, client_for(client_of, card))
    for _ in range(DOWN_AFTER_FAILURES - 1):
        with contextlib.suppress(DeviceTimeout):
            await poller.open()
            break
    else:
        await poller.open()
    readings = await poller.poll("fast", 1e9)
    assert readings.values["dcim_ups_battery_temperature_celsius"] == 24.0
    assert readings.values["dcim_ups_battery_voltage_volts"] == 54.0
