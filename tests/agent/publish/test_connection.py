"""What a connection to the broker keeps to, without a broker."""

import asyncio

import pytest

from agent.publish.connection import PACKET_OVERHEAD_BYTES, WINDOW, Connection, Window, refused_credentials
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.client import BrokerError, Limits


def connection() -> Connection:
    return Connection(
        Broker(),
        "gw-1@t1",
        ("status", b""),
        on_confirmed=lambda _: None,
        on_refused=lambda *_: None,
        on_received=lambda _: None,
    )


@pytest.mark.parametrize(
    ("limits", "window", "largest_bytes"),
    [
        (Limits(False, 65_535, None), WINDOW, MAX_PAYLOAD_BYTES),  # noqa: FBT003 - session_present
        (Limits(False, 10, 2000), 9, 2000 - PACKET_OVERHEAD_BYTES),  # noqa: FBT003
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


async def test_the_first_reason_is_the_one_for_which_a_connection_ended() -> None:
    found = connection()
    found.end("the configuration has changed")
    found.end("connection lost: closed from here")
    assert await found.ended == "the configuration has changed"


@pytest.mark.parametrize(("code", "is_refused"), [(0x86, True), (0x87, True), (0x88, False), (None, False)])
def test_refused_credentials_are_told_from_other_refusals(code: int | None, is_refused: bool) -> None:  # noqa: FBT001 - a case
    assert refused_credentials(BrokerError("the broker's words", code)) == ("the broker's words" if is_refused else "")
