"""The pollers and tasks of an agent's devices: what is made is closed again, and each device counts once."""

import asyncio
from itertools import combinations

import pytest

from agent.config import AgentConfig, Device
from agent.context import AgentContext
from agent.device_tasks import MAX_START_SPREAD_S, DeviceTasks
from agent.poll import DevicePoller, OpeningPace
from agent.readings import Identified
from agent.schedule import phase
from agent.self_metrics import Counters
from agent.settings import enabled_devices
from rackflow.errors import ConfigError, DeviceTimeout, ProfileError, RackflowError
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.config import check_config
from tests.agent.device_life import NORMAL, WALL_S, ScriptedDevice
from tests.jumping import JumpingLoop, jump
from tests.servers.waiting import eventually


def config_of(*devices: str, interval_s: float = 0.2) -> AgentConfig:
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "credentials": {"c": {"community": "secret-1"}},
        "intervals": {"safety": interval_s},
        "devices": [{"id": name, "host": "h", "credential": "c"} for name in devices],
    }
    return check_config(whole, AgentConfig, "test")


def context() -> AgentContext:
    return AgentContext(
        site="t1",
        agent="gw-1",
        epoch="E",
        outbox=MemoryOutbox("E", 1 << 20),
        counters=Counters(),
        announce=lambda _: None,
        wall=lambda: WALL_S,
        clock=lambda: 0.0,
        draw=lambda: 0.5,
        pace=OpeningPace(),
        note_late=lambda _: None,
    )


@pytest.mark.parametrize("error", [ConfigError("no such port"), ProfileError("not known")])
async def test_where_one_device_cannot_be_polled_the_pollers_of_the_others_are_closed(error: RackflowError) -> None:
    """A reload is refused as a whole. Their sockets would stay open, with each such reload more of them."""
    made: list[ScriptedDevice] = []

    def make(_: AgentConfig, device: Device) -> DevicePoller:
        if device.id == "c":
            raise error
        made.append(ScriptedDevice([NORMAL]))
        return made[-1]

    config = config_of("a", "b", "c", "d")
    with pytest.raises(type(error)):
        await DeviceTasks(context(), make).make_pollers(config, enabled_devices(config))
    assert [each.closed for each in made] == [1, 1]


async def test_each_device_counts_as_up_or_down() -> None:
    def make(_: AgentConfig, device: Device) -> DevicePoller:
        return ScriptedDevice([DeviceTimeout("no answer") if device.id == "a" else NORMAL])

    config = config_of("a", "b", "c")
    wanted, tasks = enabled_devices(config), DeviceTasks(context(), make)
    async with asyncio.TaskGroup() as group:
        await tasks.start(group, wanted, await tasks.make_pollers(config, wanted))
        await eventually(lambda: tasks.count_by_state() == {"up": 2, "down": 1}, "one of them is silent")
        await tasks.stop(list(tasks.running))
    assert tasks.count_by_state() == {"up": 0, "down": 0}


async def opening(count: int) -> dict[str, float]:
    """So many devices are started: after how many seconds each is opened."""
    opened: dict[str, float] = {}
    clock = asyncio.get_running_loop().time
    began_s = clock()

    class Dated(ScriptedDevice):
        name = ""

        async def open(self) -> Identified:
            opened[self.name] = clock() - began_s
            return await super().open()

    def make(_: AgentConfig, device: Device) -> DevicePoller:
        one = Dated([NORMAL])
        one.name = device.id
        return one

    config = config_of(*(f"d{number}" for number in range(count)), interval_s=60.0)
    wanted, tasks = enabled_devices(config), DeviceTasks(context(), make)
    async with asyncio.TaskGroup() as group:
        await tasks.start(group, wanted, await tasks.make_pollers(config, wanted))
        if isinstance(asyncio.get_running_loop(), JumpingLoop):
            await jump(MAX_START_SPREAD_S)
        await eventually(lambda: len(opened) == count, "all are opened")
        await tasks.stop(list(tasks.running))
    return opened


async def test_the_first_openings_are_spread_over_time_each_device_at_its_own_moment() -> None:
    opened = await opening(60)
    assert all(at_s > 0.29 * phase(name, "start") for name, at_s in opened.items()), "60 at 200 a second"
    # A machine that is busy for a moment exchanges some of them; in the order of the file half of all pairs would be.
    phases = [phase(name, "start") for name in opened]
    assert sum(before > behind for before, behind in combinations(phases, 2)) < 0.35 * len([*combinations(phases, 2)])


def test_the_last_of_thousands_of_devices_is_opened_within_five_seconds() -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        opened = runner.run(opening(2000))
    # At 200 a second it would have been the tenth.
    assert MAX_START_SPREAD_S <= max(opened.values()) < 1.6 * MAX_START_SPREAD_S
