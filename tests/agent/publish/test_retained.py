"""Documents that the broker retains: each is sent until it is confirmed, in order, and as it is by then."""

import asyncio

import pytest

from agent.publish.retained import Retained
from tests.servers.waiting import PATIENCE_S


async def taken(documents: Retained) -> list[tuple[str, bytes]]:
    return [await documents.take() for _ in range(len(documents))]


async def test_documents_are_sent_in_order_and_one_that_changes_meanwhile_once_and_as_it_is_then() -> None:
    documents = Retained()
    for topic, payload in (("status", b"1"), ("device/a", b"2"), ("status", b"3")):
        documents.set(topic, payload)
    assert await taken(documents) == [("status", b"3"), ("device/a", b"2")]
    assert len(documents) == 0


async def test_on_a_new_connection_all_are_sent_again_in_the_order_in_which_they_were_first_set() -> None:
    """A broker may have lost them."""
    documents = Retained()
    documents.set("status", b"1")
    documents.set("device/a", b"2")
    await taken(documents)
    documents.set("status", b"3")
    documents.resend_all()
    assert await taken(documents) == [("status", b"3"), ("device/a", b"2")]


async def test_a_removed_document_is_gone_once_the_broker_has_cleared_it_and_not_before() -> None:
    documents = Retained()
    documents.set("device/a", b"")
    documents.resend_all()
    assert await taken(documents) == [("device/a", b"")]
    documents.confirmed("device/a", b"")
    documents.resend_all()
    assert len(documents) == 0
    documents.resend("device/a")
    assert len(documents) == 0, "there is none to be sent again"


async def test_a_document_that_comes_back_before_its_removal_was_confirmed_is_kept() -> None:
    documents = Retained()
    documents.set("device/a", b"")
    await documents.take()
    documents.set("device/a", b"new")
    documents.confirmed("device/a", b"")
    assert await taken(documents) == [("device/a", b"new")]
    documents.confirmed("device/a", b"new")
    documents.resend("device/a")
    assert await taken(documents) == [("device/a", b"new")], "as after a refusal"


async def test_a_removal_that_is_asked_for_twice_is_confirmed_by_the_second_answer() -> None:
    documents = Retained()
    documents.set("device/a", b"")
    await documents.take()
    documents.set("device/a", b"")
    documents.confirmed("device/a", b"")
    assert await taken(documents) == [("device/a", b"")]


async def test_a_request_that_waits_for_a_document_gets_the_next_version() -> None:
    documents = Retained()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        waiting = group.create_task(documents.take(), name="take")
        await asyncio.sleep(0)
        documents.set("status", b"1")
    assert waiting.result() == ("status", b"1")


async def test_the_answer_to_a_document_does_not_count_for_its_removal() -> None:
    """Both were on their way, and the connection broke before the second answer: the broker would retain the removed one for ever."""
    documents = Retained()
    documents.set("device/a", b"1")
    await documents.take()
    documents.set("device/a", b"")
    await documents.take()
    documents.confirmed("device/a", b"1")
    documents.resend_all()
    assert await taken(documents) == [("device/a", b"")]


@pytest.mark.parametrize("is_refused", [False, True], ids=["new connection", "after a refusal"])
async def test_whoever_waits_for_a_document_gets_one_that_is_sent_again(*, is_refused: bool) -> None:
    documents = Retained()
    documents.set("status", b"1")
    documents.set("device/a", b"2")
    await taken(documents)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        waiting = group.create_task(documents.take(), name="take")
        await asyncio.sleep(0)
        if is_refused:
            documents.resend("device/a")
        else:
            documents.resend_all()
    assert waiting.result() == (("device/a", b"2") if is_refused else ("status", b"1"))
    assert len(documents) == (0 if is_refused else 1)


async def test_a_confirmed_document_is_kept_for_the_next_connection() -> None:
    documents = Retained()
    documents.set("status", b"1")
    await taken(documents)
    documents.confirmed("status", b"1")
    documents.resend_all()
    assert await taken(documents) == [("status", b"1")]
