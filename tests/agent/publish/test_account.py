"""When a status is published again because of what it says about message numbers, and what is confirmed while the agent leaves."""

import asyncio

import msgspec
import pytest

from agent.publish.connection import Connection, Sent
from agent.publish.refusals import Refusals
from agent.publish.retained import Retained
from agent.publish.status import ACCOUNT_S, AgentStatus, is_important_change
from rackflow.documents import Account, Numbers
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.packets import puback_packet
from tests.agent.publish.test_publish import STATUS, TOPIC
from tests.servers.scripted_broker import ScriptedBroker
from tests.servers.waiting import eventually
from tests.thread_clock import turn_clock

NOW = Account(
    kind="disk",
    undelivered=[Numbers(epoch="e2", first=5, last=9)],
    dropped=[Numbers(epoch="e1", first=3, last=4, reason="full")],
    ended=[Numbers(epoch="e1", first=1, last=8)],
)


@pytest.mark.parametrize(
    ("what", "is_important"),
    [
        (
            {"undelivered": [Numbers(epoch="e2", first=7, last=12)]},
            False,
        ),  # the outbox begins elsewhere: it does all the time
        ({"undelivered": [Numbers(epoch="e2", first=5, last=9), Numbers(epoch="e3", first=1, last=1)]}, True),
        ({"dropped": [Numbers(epoch="e1", first=3, last=5, reason="full")]}, True),
        ({"ended": [Numbers(epoch="e1", first=1, last=8), Numbers(epoch="e2", first=1, last=9)]}, True),
        ({"ended": [Numbers(epoch="e1", first=1, last=9)]}, True),
    ],
)
def test_changes_that_collectors_would_otherwise_count_wrongly_are_published_at_once(
    what: dict[str, list[Numbers]], *, is_important: bool
) -> None:
    assert is_important_change(msgspec.structs.replace(NOW, **what), NOW) is is_important
    assert is_important_change(NOW, None)


async def test_an_account_that_only_begins_elsewhere_is_published_after_a_minute_and_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A status names all devices of an agent: one a second would be most of what an agent sends."""
    assert ACCOUNT_S == 60.0
    now_s = [1000.0]
    turn_clock(monkeypatch, lambda: now_s[0])
    outbox, retained = MemoryOutbox("E1", 1 << 20), Retained()
    for _ in range(2):
        outbox.put(TOPIC, lambda _: b"{}", now_ms=1)
    first, _ = await outbox.take(), await outbox.take()
    status = AgentStatus(STATUS, outbox, Refusals(), retained)
    await retained.take()
    outbox.confirmed(first.key)
    published = []
    for now_s[0] in (1059.9, 1060.0, 1061.0, 1121.0):
        status.set_account(outbox.stats().account)
        published.append(len(retained))
        if published[-1]:
            await retained.take()
    assert published == [0, 1, 0, 0]


async def test_what_is_confirmed_while_the_agent_says_goodbye_is_delivered() -> None:
    """Were it not counted, it would be sent once more with the next connection."""
    confirmed: list[Sent] = []
    async with (
        ScriptedBroker().serving() as server,
        Connection(
            Broker(port=server.port, timeout_s=20),
            "one",
            ("status", b"gone"),
            on_confirmed=confirmed.append,
            on_refused=lambda *_: None,
            on_received=lambda _: None,
        ) as client,
    ):
        client.send("batch", b"x", 7, retain=False)
        leaving = asyncio.create_task(client.publish_offline("status", b"offline"), name="leave")
        await eventually(lambda: b"offline" in server.heard, "the goodbye")
        await server.say(puback_packet(1), puback_packet(2))
        await leaving
        assert [each.key for each in confirmed] == [7]
