"""What a connection to the broker keeps to, without a broker."""

import asyncio
from collections.abc import Callable

import pytest

from agent.publish.connection import (
    WINDOW,
    Connection,
    Sent,
    Window,
    refused_credentials,
)
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.client import BrokerError, Limits
from tests.servers.scripted_broker import ScriptedBroker
from tests.servers.waiting import PATIENCE_S


def connection(
    broker: Broker | None = None,
    on_confirmed: Callable[[Sent], None] = lambda _: None,
    on_refused: Callable[[Sent, int, str], None] = lambda *_: None,
) -> Connection:
    return Connection(
        broker or Broker(),
        "gw-1@t1",
        ("status", b""),
        on_confirmed=on_confirmed,
        on_refused=on_refused,
        on_received=lambda _: None,
    )


@pytest.mark.parametrize(
    ("limits", "window", "largest_bytes"),
    [
        (Limits(False, 65_535, None), WINDOW, MAX_PAYLOAD_BYTES),  # noqa: FBT003 - session_present
        (Limits(False, 10, 2000), 9, 1744),  # noqa: FBT003
        (Limits(False, 1, None), 1, MAX_PAYLOAD_BYTES),  # noqa: FBT003
    ],
)
async def test_a_broker_has_its_limits_kept(limits: Limits, window: int, largest_bytes: int) -> None:
    """One place is left for the last status, and what a packet has beside its payload counts for the broker, too."""
    found = connection()
    found._on_opened(limits)  # noqa: SLF001 - what a broker says
    assert (found.window.size, found.largest_bytes) == (window, largest_bytes)


async def test_documents_are_sent_over_a_window_of_one_as_well() -> None:
    window = Window(1)
    async with asyncio.timeout(30):
        await window.place(spare=WINDOW // 2)
    window.used = 1
    waiting = asyncio.create_task(window.place(spare=WINDOW // 2), name="place")
    await asyncio.sleep(0)
    assert not waiting.done()
    window.free()
    await waiting


async def is_free(window: Window, spare: int = 0) -> bool:
    """Whether a message may be sent at once."""
    waiting = asyncio.create_task(window.place(spare), name="place")
    await asyncio.sleep(0)
    found = waiting.done()
    waiting.cancel()
    return found


async def test_thirty_two_messages_wait_for_their_confirmations_at_most_and_half_as_many_documents() -> None:
    window = Window(WINDOW)
    window.used = 15
    assert await is_free(window, spare=WINDOW // 2)
    window.used = 16
    assert not await is_free(window, spare=WINDOW // 2)
    window.used = 31
    assert await is_free(window)
    window.used = 32
    assert not await is_free(window)


async def test_nothing_is_sent_to_a_broker_that_does_not_read_until_it_reads_again() -> None:
    window = Window(WINDOW)
    window.set_writable(False)
    assert not await is_free(window)
    waiting = asyncio.create_task(window.place(), name="place")
    await asyncio.sleep(0)
    window.set_writable(True)
    async with asyncio.timeout(PATIENCE_S):
        await waiting


async def test_the_first_reason_is_the_one_for_which_a_connection_ended() -> None:
    found = connection()
    found.end("the configuration has changed")
    found.end("connection lost: closed from here")
    assert await found.ended == "the configuration has changed"


@pytest.mark.parametrize(("code", "is_refused"), [(0x86, True), (0x87, True), (0x88, False), (None, False)])
def test_refused_credentials_are_told_from_other_refusals(code: int | None, is_refused: bool) -> None:  # noqa: FBT001 - a case
    assert refused_credentials(BrokerError("the broker's words", code)) == ("the broker's words" if is_refused else "")


@pytest.mark.parametrize(
    ("key", "code", "said"),
    [
        (7, 0x00, []),
        (7, 0x10, [(7, 0x10, "No matching subscribers")]),
        ("rackflow/v1/t1/gw-1/device/ups-1", 0x10, []),  # the broker keeps it for whoever subscribes later
        (7, 0x80, [(7, 0x80, "Unspecified error")]),
        ("rackflow/v1/t1/gw-1/device/ups-1", 0x80, [("rackflow/v1/t1/gw-1/device/ups-1", 0x80, "Unspecified error")]),
    ],
)
async def test_each_answer_of_the_broker_confirms_or_refuses_one_message_and_frees_its_place(
    key: int | str, code: int, said: list[tuple[int | str, int, str]]
) -> None:
    confirmed: list[int | str] = []
    refused: list[tuple[int | str, int, str]] = []
    found = connection(
        on_confirmed=lambda sent: confirmed.append(sent.key),
        on_refused=lambda sent, code, text: refused.append((sent.key, code, text)),
    )
    found.send("topic", b"payload", key, retain=isinstance(key, str))
    assert found.window.used == 1
    found._on_confirmation(1, code)  # noqa: SLF001 - what a broker says
    found._on_confirmation(1, code)  # noqa: SLF001 - and says again
    assert (confirmed, refused) == ([] if said else [key], said)
    assert (found.window.used, found.inflight) == (0, {})


async def test_a_message_that_cannot_be_sent_ends_the_connection_with_the_reason() -> None:
    """It is sent over the next one; waiting for a confirmation would take until the timeout."""
    found = connection()
    found.send("topic", b"payload", 7, retain=False)
    assert found.ended.result().startswith("cannot send: not connected")


async def test_an_agent_that_stops_waits_a_second_for_a_broker_that_confirms_nothing() -> None:
    """And neither for the broker's own `timeout_s`, nor at all once the connection is gone."""
    async with ScriptedBroker().serving() as server:
        client = connection(Broker(port=server.port, timeout_s=60))
        async with client, asyncio.timeout(15):
            await client.publish_offline("status", b"offline")
            assert [each.topic for each in client.inflight.values()] == ["status"]
            assert client.timeout_s == 1.0, "that of the DISCONNECT"
        await client.publish_offline("status", b"offline")
        assert len(client.inflight) == 1
