"""The tasks of an agent's devices: makes their pollers, starts and stops them, and gives each the traps of its device.

Two tasks never poll one device at the same time: a task that does not end in time is remembered, and the device's next one waits for it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.config import AgentConfig, Device
from agent.context import AgentContext
from agent.loop import DeviceLoop, run_after
from agent.poll import DevicePoller
from agent.schedule import phase
from agent.settings import DeviceSettings
from rackflow.errors import ConfigError, ProfileError
from rackflow.process.stopping import stop_tasks

# Longer than any task needs to close its poller (CLOSE_S in loop.py).
STOP_TASKS_S = 2.0
# The first opening of each device, which recognises it and walks its tables, is spread over time: 200 devices a second, all within
# 5 s. Otherwise a thousand devices would all be asked in the same instant. Chosen values; they delay the first readings.
START_SPREAD_S_PER_DEVICE = 0.005
MAX_START_SPREAD_S = 5.0
# Devices that are prepared and started between two turns of the loop: a few milliseconds.
DEVICES_PER_SLICE = 50

MakePoller = Callable[[AgentConfig, Device], DevicePoller]


@dataclass(frozen=True, slots=True)
class Running:
    """A device that is being polled, with its task."""

    settings: DeviceSettings
    loop: DeviceLoop
    task: asyncio.Task[None]


class DeviceTasks:
    """One task for each device that is polled."""

    def __init__(self, context: AgentContext, make_poller: MakePoller) -> None:
        self.running: dict[str, Running] = {}
        self._context = context
        self._make_poller = make_poller
        self._hung: dict[str, asyncio.Task[None]] = {}
        """By device, the task that could not be ended. The device's next one does not begin before it has."""
        self._ending: dict[str, Running] = {}
        """Devices whose tasks were stopped since the last `start`: it may replace them."""

    def is_running(self, wanted: DeviceSettings) -> bool:
        """Whether the device is polled with exactly these settings."""
        running = self.running.get(wanted.device.id)
        return running is not None and running.settings == wanted

    async def make_pollers(self, config: AgentConfig, wanted: Mapping[str, DeviceSettings]) -> dict[str, DevicePoller]:
        """The pollers of these devices, not opened yet. Raises ConfigError or ProfileError if one cannot be polled."""
        made: dict[str, DevicePoller] = {}
        try:
            for number, (name, each) in enumerate(wanted.items(), 1):
                made[name] = self._make_poller(config, each.device)
                if number % DEVICES_PER_SLICE == 0:
                    await asyncio.sleep(0)
        except (ConfigError, ProfileError):
            for poller in made.values():
                await poller.close()
            raise
        return made

    async def start(
        self, group: asyncio.TaskGroup, wanted: Mapping[str, DeviceSettings], pollers: Mapping[str, DevicePoller]
    ) -> None:
        """Start the tasks of these devices in the group. Those that were running must have been stopped."""
        spread_s = min(len(wanted) * START_SPREAD_S_PER_DEVICE, MAX_START_SPREAD_S)
        for number, (name, each) in enumerate(wanted.items(), 1):
            loop = DeviceLoop(each.device, each.labels, each.intervals, pollers[name], self._context)
            polling = run_after(self._hung.get(name), loop, phase(name, "start") * spread_s)
            self.running[name] = Running(each, loop, group.create_task(polling, name=f"poll-{name}"))
            if number % DEVICES_PER_SLICE == 0:
                await asyncio.sleep(0)
        self._ending = {}

    async def stop(self, names: Sequence[str], *others: asyncio.Task[None]) -> None:
        """End the tasks of these devices and the given others, and close their pollers."""
        stopped = self._ending = {name: self.running.pop(name) for name in names}
        hung = await stop_tasks(*(each.task for each in stopped.values()), *others, within_s=STOP_TASKS_S)
        for name, each in stopped.items():
            if each.task in hung:
                self._hung[name] = each.task
            else:
                await each.loop.close()

    def pass_on_trap(self, device: str, text: str, becomes_event: bool) -> None:  # noqa: FBT001 - called by TrapReceiver
        """Give a trap to the task of its device."""
        if (running := self.running.get(device) or self._ending.get(device)) is not None:
            running.loop.receive_trap(text, becomes_event=becomes_event)

    def count_by_state(self) -> dict[str, int]:
        """How many of the devices are up and down."""
        ups = Counter(each.loop.up for each in self.running.values())
        return {"up": ups[True], "down": ups[False]}
