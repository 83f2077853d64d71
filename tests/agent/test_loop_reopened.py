"""What the loop of a device reports across an opening of the same device, and of one that hangs."""

import asyncio
import dataclasses
import time

import pytest

from agent.deadline import is_opened_and_heard, note_answer
from agent.readings import Identified, Readings
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceUnreachable
from tests.agent.device_life import IDENTIFIED, NORMAL, SOURCE, ScriptedDevice, living


async def test_a_change_while_the_same_device_is_opened_anew_is_reported() -> None:
    """Its mains fail while a card is put into it, which has it planned anew and gives it another poll class: it is still the same UPS."""
    more = dataclasses.replace(IDENTIFIED, poll_classes=frozenset({"safety", "inventory"}))
    script = ScriptedDevice(
        [
            NORMAL,
            Readings(states={SOURCE: "normal"}, reopen="has gained or lost poll classes"),
            Readings(states={SOURCE: "battery"}),
        ],
        [IDENTIFIED, more],
    )
    async with living(script, {"safety": 0.02, "inventory": 3600.0}) as life:
        await life.hear(4)
    assert [len(each.intervals) for each in life.documents] == [1, 2]
    assert life.events()[-1] == ("state", SOURCE, "normal", "battery")


async def test_an_opening_that_hangs_ends_at_its_deadline_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.loop.OPEN_DEADLINE_S", 0.05)

    class Hung(ScriptedDevice):
        async def open(self) -> Identified:
            if len(self.asked) < 2:
                self.asked.append("open")
                await asyncio.get_running_loop().create_future()
            return await super().open()

    script = Hung([NORMAL])
    begun = time.perf_counter()
    async with living(script, clock=time.perf_counter) as life:
        await life.hear(3)
    took_s = time.perf_counter() - begun
    assert life.course()[:3] == ["timeout", "timeout", "up"]
    assert all(0.05 <= each.duration_s < took_s for each in life.batches()[:2])


class Answering(ScriptedDevice):
    """Each of its openings takes so many answers, 0.1 s apart."""

    answers = 0

    async def open(self) -> Identified:
        self.asked.append("open")
        for _ in range(self.answers):
            await asyncio.sleep(0.1)
            note_answer()
        return await super().open()


async def test_an_opening_takes_as_long_as_the_device_goes_on_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.loop.OPEN_DEADLINE_S", 0.5)
    script = Answering([NORMAL])
    script.answers = 12
    async with living(script) as life:
        await life.hear(1)
    assert life.course() == ["up"]


async def test_an_opening_is_known_as_one_to_the_clients_below_it_once_the_device_has_answered() -> None:
    seen: list[bool] = []

    class Watching(ScriptedDevice):
        async def open(self) -> Identified:
            seen.append(is_opened_and_heard())
            await asyncio.sleep(0.01)
            note_answer()
            seen.append(is_opened_and_heard())
            return await super().open()

        async def poll(self, poll_class: PollClass, now: float) -> Readings:
            await asyncio.sleep(0.01)
            note_answer()
            seen.append(is_opened_and_heard())
            return await super().poll(poll_class, now)

    async with living(Watching([NORMAL])) as life:
        await life.hear(1)
    assert seen[:3] == [False, True, False]


async def test_an_opening_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.loop.OPEN_DEADLINE_S", 0.5)
    monkeypatch.setattr("agent.loop.OPEN_AT_MOST_S", 1.0)
    script = Answering([NORMAL])
    script.answers = 10_000
    async with living(script, clock=time.perf_counter) as life:
        await life.hear(1)
    assert life.course() == ["timeout"]
    assert life.batches()[0].duration_s >= 1.0


async def test_a_device_that_does_not_open_is_left_alone_for_as_long_as_its_batches_say() -> None:
    """A port that refuses connections answers at once: without the pause, the agent and the network would do nothing else."""
    begun = time.monotonic()
    async with living(ScriptedDevice([NORMAL], [DeviceUnreachable("refused")])) as life:
        await life.hear(5)
        took_s = time.monotonic() - begun
    assert took_s >= 0.9 * sum(each.interval_s for each in life.batches()[:4])
