"""How many devices are opened at the same time."""

import asyncio
import contextlib

from agent.poll import OpeningPace
from agent.poll.pace import FIRST_PLACES, MAX_PLACES, MIN_PLACES, PLACE_S
from tests.servers.waiting import eventually


class Opening:
    """Devices that are opened until they are told that they are open."""

    def __init__(self, lag_s: float = 0.0) -> None:
        self.lag_s = lag_s
        self.pace = OpeningPace(lambda: self.lag_s)
        self.begun: list[int] = []
        self.is_open = [asyncio.Event() for _ in range(200)]
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, number: int) -> None:
        self.tasks += [asyncio.ensure_future(self._device(len(self.tasks) + at)) for at in range(number)]
        await self.settle()

    async def finish(self, *numbers: int) -> None:
        for number in numbers:
            self.is_open[number].set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    async def _device(self, number: int) -> None:
        async with self.pace.place():
            self.begun.append(number)
            await self.is_open[number].wait()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


async def test_devices_are_opened_in_turn_and_only_so_many_at_a_time() -> None:
    opening = Opening(lag_s=0.007)  # neither late nor on time: the number stays
    await opening.begin(FIRST_PLACES + 5)
    assert opening.begun == list(range(FIRST_PLACES))
    assert opening.pace.waiting == 5
    await opening.finish(3, 1)
    assert opening.begun == list(range(FIRST_PLACES + 2))
    assert opening.pace.limit == FIRST_PLACES
    await opening.end()
    assert (opening.pace.taken, opening.pace.waiting) == (0, 0)


async def test_a_late_loop_opens_fewer_and_one_on_time_more() -> None:
    late = Opening(lag_s=0.011)
    await late.begin(200)
    for number in range(100):
        await late.finish(number)
    assert late.pace.taken == MIN_PLACES
    late.lag_s = 0.0
    for number in range(100, 130):
        await late.finish(number)
    assert MIN_PLACES < late.pace.taken < MAX_PLACES
    await late.end()
    swift = Opening()
    for _ in range(300):
        async with swift.pace.place():
            pass
    await swift.begin(200)
    assert swift.pace.taken == MAX_PLACES
    await swift.end()


async def test_devices_that_do_not_answer_do_not_keep_others_from_being_opened() -> None:
    opening = Opening(lag_s=0.007)
    await opening.begin(2 * FIRST_PLACES)
    await eventually(lambda: len(opening.begun) == 2 * FIRST_PLACES, "all have had a place", 5 * PLACE_S)
    assert opening.pace.taken <= FIRST_PLACES
    # A place that was given back already is not given back again.
    await opening.end()
    assert opening.pace.taken == 0


async def test_a_device_that_is_cancelled_gives_its_place_back() -> None:
    opening = Opening(lag_s=0.007)
    await opening.begin(FIRST_PLACES + 3)
    opening.tasks[FIRST_PLACES].cancel()  # waits for a place
    opening.tasks[0].cancel()  # has one
    await opening.settle()
    assert opening.begun == [*range(FIRST_PLACES), FIRST_PLACES + 1]
    # Cancelled in the moment in which it is given a place.
    await opening.finish(1)
    given = Opening(lag_s=0.007)
    await given.begin(FIRST_PLACES + 2)
    given.is_open[0].set()
    await asyncio.sleep(0)
    given.tasks[FIRST_PLACES].cancel()
    await given.settle()
    assert given.begun[-1] == FIRST_PLACES + 1
    for each in (opening, given):
        await each.end()
        assert each.pace.taken == 0


async def test_an_error_while_opening_gives_the_place_back() -> None:
    pace = OpeningPace()
    for _ in range(2 * FIRST_PLACES):
        with contextlib.suppress(ValueError):
            async with pace.place():
                raise ValueError
    assert pace.taken == 0
