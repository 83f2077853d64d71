"""The whole agent: starts and stops the device tasks, publishing and the outbox, and applies reloads. `process.py` runs it as a process.

Starts and stops are ordered so that messages are kept: the outbox opens before anything is polled and closes after the last
confirmation. At a stop, polling ends first, so that the remaining messages can be delivered. A stop takes at most 10 s.
"""

import asyncio
import contextlib
import logging
import math
import platform
import random
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.config import AgentConfig
from agent.context import AgentContext
from agent.device_tasks import MAX_START_SPREAD_S, STOP_TASKS_S, DeviceTasks, MakePoller
from agent.epoch import new_epoch
from agent.poll import OpeningPace, SharedPlans
from agent.profile import Families
from agent.publish import Publisher
from agent.readings import Readings
from agent.reporter import Attempt, Reporter
from agent.schedule import grid
from agent.self_metrics import CertificateEnds, Counters, loop_values, own_values
from agent.settings import check_reloadable, enabled_devices, most_polls_per_s
from agent.snmp import SnmpClients
from rackflow.catalogue import POLL_SECONDS
from rackflow.documents import Status
from rackflow.errors import ConfigError, ProfileError
from rackflow.outbox import DiskOutbox, make_outbox
from rackflow.process.loop_lag import LoopMeter
from rackflow.process.notify import ServiceManager
from rackflow.process.stopping import STOP_WITHIN_S, stop_tasks
from rackflow.process.watchdog import StillTimer
from rackflow.version import installed_version

if TYPE_CHECKING:
    from agent.pair import LeaseKeeper
    from agent.traps import TrapReceiver

log = logging.getLogger(__name__)
# A stop takes at most STOP_WITHIN_S (systemd kills 5 s later): end the tasks, deliver the waiting messages, publish "offline" and
# close the outbox. Messages not delivered within FLUSH_S stay in a disk outbox for the next start.
FLUSH_S = 5.0
# Longer than the publisher needs for its last message and its DISCONNECT, OFFLINE_TIMEOUT_S in agent/publish each. A repeated
# cancellation would interrupt them.
STOP_PUBLISHER_S = 2.5
CLOSE_OUTBOX_S = 2.0  # What a stop leaves for closing the outbox, from the 10 s.
AGENT_CLASS = "agent"


@dataclass(frozen=True, slots=True)
class Shared:
    """What all pollers of an agent use together: the keys, clocks and engines of SNMP (`SnmpClients`), their plans and their profiles.

    Without `families`, a reload does not read the profiles again.
    """

    snmp: SnmpClients = field(default_factory=SnmpClients)
    plans: SharedPlans = field(default_factory=SharedPlans)
    families: Families | None = None


class Agent:
    """One agent. `run` may be called once. `stop` ends it within 10 s, `reload` makes it load its configuration again."""

    def __init__(
        self,
        config: AgentConfig,
        make_poller: MakePoller,
        *,
        load: Callable[[], AgentConfig] | None = None,
        wall: Callable[[], float] = time.time,
        shared: Shared | None = None,
        manager: ServiceManager | None = None,
        lease: "LeaseKeeper | None" = None,
    ) -> None:
        """In a pair, `lease` must be confirmed before each connection to the broker, see `agent/pair/`."""
        shared = self._shared = shared or Shared()
        self._families = shared.families
        self.meter = LoopMeter()
        self._pace = OpeningPace(lambda: self.meter.lag_s)
        self._lease, self._manager = lease, manager or ServiceManager()
        self._config = config
        self._certificates = CertificateEnds(lambda: self._config)
        self._load = load
        self._started_ms = int(wall() * 1000)
        self.counters = Counters()
        self.epoch = new_epoch(self._started_ms, secrets.randbits(80))
        self.outbox = make_outbox(config.outbox, self.epoch)
        hold_lease = lease.confirmed if lease else None
        self.publisher = Publisher(config.broker, self._status(), self.outbox, self.counters, before_connect=hold_lease)
        self._context = AgentContext(
            site=config.labels.site or "",
            agent=config.agent,
            epoch=self.epoch,
            outbox=self.outbox,
            counters=self.counters,
            announce=self.publisher.set_device_document,
            wall=wall,
            draw=random.random,
            largest_bytes=self.publisher.largest_bytes,
            pace=self._pace,
            note_late=self.meter.note,
            grid_s=grid(most_polls_per_s(config)),
        )
        self.devices = DeviceTasks(self._context, make_poller)
        # Signal handlers only set flags; the work is done by `_run`, so that a reload and a stop cannot overlap.
        self._woken = asyncio.Event()
        self._stopping = False
        self._stop_by_s = math.inf
        self._reloading = False
        self._still = StillTimer()
        self.traps: TrapReceiver | None = None

    @property
    def config(self) -> AgentConfig:
        """The configuration in use: read at the start, or by the last reload that was accepted."""
        return self._config

    def stop(self) -> None:
        """Ask `run` to end within STOP_WITHIN_S of the first call. May be called in a signal handler, and again."""
        if not self._stopping:
            self._stop_by_s = time.monotonic() + STOP_WITHIN_S
        self._stopping = True
        self._woken.set()

    def replaced(self) -> None:
        """Stop without publishing "offline", because the other process of the pair polls now, under the same name."""
        self.publisher.replaced()
        self.stop()

    def reload(self) -> None:
        """Ask `run` to load the configuration again. See `is_reload_waiting`."""
        self._reloading = True
        self._woken.set()

    @property
    def is_reload_waiting(self) -> bool:
        """Whether a reload was asked for and not begun. It never is if the agent stops first: who follows it must do it."""
        return self._reloading

    def standstill(self, now_s: float) -> str:
        """For the watchdog: why polling has stopped although devices are due. Empty if it goes on, or if no device is polled.

        A poll that fails counts as progress: only if no poll of any device ends is something wrong with the agent. `now_s` is monotonic.
        """
        gaps = [each.loop.longest_gap_s for each in self.devices.running.values()]
        still_s = self._still.update(self.counters.polls.total(), now_s, expected=bool(gaps))
        limit_s = MAX_START_SPREAD_S + min(gaps, default=0.0)
        return f"no poll of any device has ended for {limit_s:g} s" if still_s > limit_s else ""

    async def run(self) -> None:
        """Poll and publish until `stop`. Raises ConfigError if a device cannot be polled or the outbox is in use."""
        if not isinstance(self.outbox, DiskOutbox):
            log.warning(
                "agent=%s outbox=memory undelivered messages are lost when the agent ends; set outbox.mode to keep them",
                self._config.agent,
            )
            await self._run()
            return
        # The outbox opens before the first poll, so that every reading can be kept. It closes after `_run` has delivered what it
        # can, so that the last confirmations are on disk and their messages are not republished at the next start.
        await self.outbox.open()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self.outbox.run(), name="outbox")
            await self._run()
            await stop_tasks(keeping, within_s=STOP_TASKS_S)
        await self.outbox.close()

    async def _run(self) -> None:
        self.meter.start()
        try:
            await self._poll_and_publish()
        finally:
            self.meter.stop()

    async def _poll_and_publish(self) -> None:
        """Start polling and publishing, apply reloads until `stop`, then end both in order."""
        self.counters.start_at_zero(device.protocol for device in self._config.devices)
        # Made before anything is started, because a wrong configuration is found here.
        pollers = await self.devices.make_pollers(self._config, enabled_devices(self._config, self._families))
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(self.publisher.run(), name="publish")
            reporting = group.create_task(self._report(), name="self-metrics")
            # The broker may still retain the document of a device that was disabled while the agent was not running.
            for device in self._config.devices:
                if not device.enabled:
                    self.publisher.remove_device(device.id)
            await self.devices.start(group, enabled_devices(self._config, self._families), pollers)
            self._receive_traps(self._config)  # not before there is somebody to tell of them
            log.info("agent=%s epoch=%s devices=%d started", self._config.agent, self.epoch, len(self.devices.running))
            self._manager.ready()
            await self._reload_until_stopped(group)
            await self._end_in_order(publishing, reporting)
        log.info("agent=%s stopped", self._config.agent)

    async def _reload_until_stopped(self, group: asyncio.TaskGroup) -> None:
        """Apply each reload that was asked for, until `stop`."""
        while not self._stopping:
            await self._woken.wait()
            self._woken.clear()
            if self._reloading and not self._stopping:
                self._reloading = False
                self._manager.reloading()
                await self._reload_config(group)
                self._manager.ready()

    async def _end_in_order(self, publishing: asyncio.Task[None], reporting: asyncio.Task[None]) -> None:
        """End polling, deliver what waits as far as the time of a stop allows, then end publishing."""
        if self.traps is not None:
            await self.traps.stop(STOP_TASKS_S / 4)
        # Polling ends before the flush, which otherwise would never see an empty outbox.
        await self.devices.stop(list(self.devices.running), reporting)
        left_s = self._stop_by_s - time.monotonic() - STOP_PUBLISHER_S - CLOSE_OUTBOX_S
        await self.publisher.flush(min(FLUSH_S, max(0.0, left_s)))
        await stop_tasks(publishing, within_s=STOP_PUBLISHER_S + STOP_TASKS_S / 4, first_repeat_s=STOP_PUBLISHER_S)

    async def _reload_config(self, group: asyncio.TaskGroup) -> None:
        """Load the configuration and restart the devices that it changes; a faulty configuration changes nothing."""
        if self._load is None:
            return
        # Every step that can be refused comes before anything is stopped. Files are read in a thread, because polling
        # continues meanwhile.
        try:
            config = await asyncio.to_thread(self._load)
            check_reloadable(self._config, config)
            with self._families.taking_over() if self._families else contextlib.nullcontext():
                wanted = enabled_devices(config, self._families)
                changed = {name: each for name, each in wanted.items() if not self.devices.is_running(each)}
                pollers = await self.devices.make_pollers(config, changed)
                self.publisher.set_broker(config.broker)
                if self._lease is not None:
                    self._lease.set_broker(config.lease_broker())
        except (ConfigError, ProfileError) as error:
            self.counters.reload_ok = False
            # A line each: a folder of profiles may have many faults.
            for line in str(error).splitlines():
                log.error("agent=%s reload refused, nothing is changed: %s", self._config.agent, line)  # noqa: TRY400
            return
        # Old tasks end before new ones start: two requests to one device must never overlap.
        gone = [name for name in self.devices.running if name not in wanted]
        await self.devices.stop([name for name in [*gone, *changed] if name in self.devices.running])
        for name in gone:
            self.publisher.remove_device(name)
        if config.log_level != self._config.log_level:
            logging.getLogger().setLevel(config.log_level.upper())
        self._config = config
        self.counters.reload_ok = True
        self.counters.start_at_zero(device.protocol for device in config.devices)
        self.publisher.set_status(self._status())
        await self.devices.start(group, changed, pollers)
        self._receive_traps(config)
        counts = len(gone), len(changed), len(wanted)
        log.info("agent=%s reloaded removed=%d started=%d devices=%d", config.agent, *counts)

    def _receive_traps(self, config: AgentConfig) -> None:
        """Start receiving traps once a configuration asks for them; after that, tell the receiver about each new configuration."""
        if self.traps is None and config.traps is not None:
            # Imported here because most agents receive no traps and are spared its memory.
            from agent.traps import TrapReceiver  # noqa: PLC0415

            self.traps = TrapReceiver(config, self.devices.pass_on_trap, self._shared.snmp)
            self.traps.start()
        elif self.traps is not None:
            self.traps.set_config(config)

    def _status(self) -> Status:
        return Status(
            agent=self._config.agent,
            site=self._config.labels.site or "",
            status="online",
            epoch=self.epoch,
            version=installed_version(),
            started=self._started_ms,
            python=platform.python_version(),
            hostname=socket.gethostname(),
            devices=sorted(enabled_devices(self._config)),
            site_file=self._config.site_digest,
        )

    async def _report(self) -> None:
        """Publish the agent's own batch at the rate of class `normal`."""
        clock = asyncio.get_running_loop().time
        while True:
            interval_s = (POLL_SECONDS | self._config.intervals)["normal"]
            # Sleep until the next multiple of the interval, so that the time a report takes does not add up.
            await asyncio.sleep(interval_s - clock() % interval_s)
            reporter = Reporter(self._context, self._config.agent, self._config.labels.given(), AGENT_CLASS)
            started = time.perf_counter()
            stats = self.outbox.stats()
            self.publisher.set_account(stats.account)
            values = own_values(self.counters, stats, self._device_states(), self._shared.snmp.refused.counts)
            values |= await self._certificates.values(self.publisher.certificates)
            values |= loop_values(self.meter.recent(), self._pace.waiting, self._shared.plans.made)
            values |= self._lease.values() if self._lease else {}
            values |= self.traps.values() if self.traps else {}
            reporter.batch(Attempt("normal", interval_s, time.perf_counter() - started), Readings(values=values))

    def _device_states(self) -> dict[str, int]:
        disabled = sum(not device.enabled for device in self._config.devices)
        return {**self.devices.count_by_state(), "disabled": disabled}
