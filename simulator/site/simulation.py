"""A running simulation of one site: its devices answer on the network while faults come and go.

The same site, seed and scenario give the same values, so that a run can be repeated.
"""

import asyncio
import logging
import time
from typing import Any, Final

from rackflow.errors import ConfigError
from rackflow.process.config import check_config
from rackflow.process.slices import in_slices
from rackflow.site import Site
from simulator.site.scenario import ActiveFault, Timeline
from simulator.snmp import SnmpUser
from simulator.wire.faults import WireFaults
from simulator.wire.fleet import Fleet
from simulator.world import World
from simulator.world.faults import WIRE_FAULTS, Fault, Faults
from simulator.world.instruments import Instruments
from simulator.world.load import DAY_S
from simulator.world.truth import truth
from simulator.world.what_if import what_if_truth
from simulator.world.world import STEP_S

log = logging.getLogger(__name__)
# How often the world is brought up to date. Shorter than any usual polling interval, so that no two polls show the same moment.
TICK_S: Final = 0.25
# The most real time that one tick makes up for. After the process was suspended (a laptop asleep, a debugger) the world goes on from
# where it was, instead of computing hours at once during which no device would answer.
MAX_STEP_S: Final = 10.0
# A tick lasts at least this many times as long as computing it takes, so that a site of thousands of devices spends no more than a
# tenth of its time on physics and the rest on answers; but at most MAX_TICK_S, so that no value is older than what real devices show.
TICK_OVER_COMPUTING: Final = 10.0
MAX_TICK_S: Final = 1.0


def in_whole_steps(due_s: float) -> float:
    """How much of `due_s` simulated seconds to compute now.

    A second and a bit would be two steps and cost twice as much, so the bit waits for the next tick. Less than a step is one in any case.
    """
    return due_s if due_s < STEP_S else due_s // STEP_S * STEP_S


class Simulation:
    """World, instruments, devices and faults together. `speed` is in simulated seconds per second."""

    def __init__(
        self,
        site: Site,
        *,
        seed: int = 0,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        users: tuple[SnmpUser, ...] = (),
        day_s: float = DAY_S,
        mixed: bool = False,
    ) -> None:
        """`day_s` is how long a day of the racks' load takes, in simulated seconds; `mixed` gives devices of more families."""
        self.speed = speed
        self.world = World(site, seed, day_s)
        self.instruments = Instruments(self.world)
        self.fleet = Fleet(self.world, self.instruments, host, users, mixed=mixed)
        self.start = self.fleet.start
        """Serves every device; see `Fleet.start`."""
        self.timeline = Timeline()
        self._faults = Faults(self.world, self.instruments)
        self._wire = WireFaults(self.fleet)
        # Held during a step, so that nobody is told true values of two moments.
        self._stepping = asyncio.Lock()
        self.late_ticks = 0
        """Ticks that took longer to compute than they last: the machine cannot keep the speed. `status` gives it as `behind`."""

    def plan(self, faults: list[Fault]) -> None:
        """Plan faults for their times. Raises ConfigError if one cannot happen at this site."""
        # All are checked before any is planned, so that a mistake shows at the start and not hours into the scenario.
        for fault in faults:
            self._check(fault)
        self.timeline.plan(faults)

    async def advance(self, dt_s: float) -> None:
        """Let `dt_s` simulated seconds pass, with faults beginning and ending at their times."""
        end = self.world.time_s + dt_s
        while self.world.time_s < end - 1e-9:  # a remainder below this is rounding
            beginning, ending = self.timeline.take_due(self.world.time_s)
            for fault in beginning:
                await self.begin(fault)
            for active in ending:
                await self._end(active)
            # Requests that have arrived meanwhile are answered between steps, and within those of a large site: held up for a whole step,
            # 3,000 devices would answer a tenth of a second's requests at once, as no real ones do.
            async with self._stepping:
                await in_slices(self.world.advance_steps(min(STEP_S, end - self.world.time_s)))
            await asyncio.sleep(0)
        self.fleet.follow_power()

    async def run(self) -> None:
        """Let time pass in real time, times `speed`, until cancelled."""
        before, tick_s = time.monotonic(), TICK_S
        while True:
            await asyncio.sleep(tick_s)
            now = time.monotonic()
            due_s = min(now - before, MAX_STEP_S) * self.speed
            advance_s = in_whole_steps(due_s)
            before = now - (due_s - advance_s) / self.speed
            await self.advance(advance_s)
            took_s = time.monotonic() - now
            if took_s > tick_s:
                self.late_ticks += 1
            tick_s = min(max(TICK_S, TICK_OVER_COMPUTING * took_s), MAX_TICK_S)

    async def begin(self, fault: Fault) -> ActiveFault:
        """Begin a fault now. Raises ConfigError if it cannot happen."""
        self._check(fault)
        if fault.fault in WIRE_FAULTS:
            await self._wire.begin(fault)
        else:
            self._faults.begin(fault)
        active = self.timeline.begin(fault, self.world.time_s)
        log.info("fault=%s target=%s number=%d began", fault.fault, fault.target, active.number)
        return active

    async def execute(self, order: dict[str, Any]) -> object:
        """Execute a request of the control socket: fault, clear, faults, truth, readings or status. Raises ConfigError."""
        match order.get("order"):
            case "fault":
                fault = check_config(order.get("fault"), Fault, "fault")
                return (await self.begin(fault)).number
            case "clear":
                active = self.timeline.active.pop(int(order.get("number", 0)), None)
                if active is None:
                    raise ConfigError(
                        f"clear: there is no fault {order.get('number')}; `rackflow-sim faults` lists them"
                    )
                await self._end(active)
                return None
            case "faults":
                return [
                    each.fault.model_dump(exclude_none=True) | {"number": each.number}
                    for each in self.timeline.active.values()
                ]
            case "truth":
                async with self._stepping:
                    return truth(self.world) | (what_if_truth(self.world) if order.get("what_if") else {})
            case "readings":
                async with self._stepping:
                    return dict(self.instruments.read(self._device(order)))
            case "status":
                return self._status()
        raise ConfigError(
            f"unknown order {order.get('order')!r}; known are fault, clear, faults, truth, readings, status"
        )

    def _device(self, order: dict[str, Any]) -> str:
        device = str(order.get("device"))
        if device not in self.world.site.devices:
            raise ConfigError(f"readings: the site has no device {device!r}; correct the name")
        return device

    def _status(self) -> dict[str, Any]:
        devices = {
            name: {"family": each.family, "port": each.server.port, "answers": not each.server.mute}
            for name, each in self.fleet.devices.items()
        }
        return {"time_s": self.world.time_s, "speed": self.speed, "behind": self.late_ticks, "devices": devices}

    def _check(self, fault: Fault) -> None:
        if fault.fault in WIRE_FAULTS:
            self._wire.check(fault)
        else:
            self._faults.check(fault)

    async def _end(self, active: ActiveFault) -> None:
        fault = active.fault
        if fault.fault in WIRE_FAULTS:
            await self._wire.end(fault)
        else:
            self._faults.end(fault)
        for other in self.timeline.active.values():
            if other.fault.target == fault.target:
                (self._wire if other.fault.fault in WIRE_FAULTS else self._faults).keep(other.fault)
        log.info("fault=%s target=%s number=%d ended", fault.fault, fault.target, active.number)
