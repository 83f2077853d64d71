"""Runs an agent as a process: signals, watchdog and service manager. One of a pair also waits here for its turn to poll."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from agent.config import AgentConfig
from agent.device_tasks import STOP_TASKS_S, MakePoller
from agent.profile import Families
from agent.run import Agent, Shared
from agent.settings import check_reloadable
from rackflow.errors import ConfigError, ProfileError
from rackflow.process.gc_pauses import AGENT_YOUNG, bound_gc_pauses
from rackflow.process.hang_up import let_hang_up_come
from rackflow.process.notify import ServiceManager, started_by
from rackflow.process.stopping import StopDeadline, stop_tasks
from rackflow.process.threads import DetachedThreads
from rackflow.process.watchdog import Watchdog

if TYPE_CHECKING:
    from agent.pair import LeaseKeeper

log = logging.getLogger(__name__)


async def run(
    config: AgentConfig,
    make_poller: MakePoller,
    *,
    reload: Callable[[], AgentConfig] | None = None,
    now: Callable[[], float] = time.time,
    shared: Shared | None = None,
    deadline: StopDeadline | None = None,
) -> None:
    """Run an agent until SIGTERM or SIGINT; SIGHUP reloads. `shared` must be the object that `make_poller` uses.

    `reload` loads the configuration again, and calls `Families.prepare` with the profiles it has read. `deadline` is for a process that
    ends with this call: the signal that stops the agent starts it. Raises ConfigError if the configuration cannot be used.
    """
    manager = started_by()

    def make(config: AgentConfig, lease: "LeaseKeeper | None") -> Agent:
        return Agent(config, make_poller, load=reload, wall=now, shared=shared, manager=manager, lease=lease)

    runner = AgentRunner(config, make, manager, reload, (shared or Shared()).families)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(DetachedThreads())
    watchdog = Watchdog(lambda: runner.standstill(time.monotonic()), manager, config.health_file)

    def stop() -> None:
        runner.stop()
        manager.stopping()
        if deadline is not None:
            deadline.start()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: runner.reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    let_hang_up_come()
    watchdog.start()
    end_bound = bound_gc_pauses(young=AGENT_YOUNG)
    try:
        await runner.run()
    finally:
        watchdog.stop()
        end_bound()
        for number in handlers:
            loop.remove_signal_handler(number)


class AgentRunner:
    """Runs the process's agent. In a pair, an `Agent` runs only while the lease is held: a new one, with a new epoch, each time."""

    def __init__(
        self,
        config: AgentConfig,
        make: "Callable[[AgentConfig, LeaseKeeper | None], Agent]",
        manager: ServiceManager,
        load: Callable[[], AgentConfig] | None,
        families: Families | None,
    ) -> None:
        self._config, self._make, self._manager = config, make, manager
        self._load, self._families = load, families
        self._stopping, self._reloading = asyncio.Event(), asyncio.Event()
        self._agent: Agent | None = None

    def stop(self) -> None:
        """Ask `run` to end, as for SIGTERM. The agent, if one runs, is stopped as `Agent.stop` says."""
        self._stopping.set()
        if self._agent is not None:
            self._agent.stop()

    def reload(self) -> None:
        """Ask for the configuration to be loaded again, as for SIGHUP: by the agent, or before the next one starts."""
        if self._agent is None:
            self._reloading.set()  # the next one must not start with the old configuration
        else:
            self._agent.reload()

    def standstill(self, now_s: float) -> str:
        """See `Agent.standstill`. A standby does not poll, so it never stands still."""
        return self._agent.standstill(now_s) if self._agent is not None else ""

    async def run(self) -> None:
        """Run until `stop`."""
        config = self._config
        if config.pair is None:
            self._agent = self._make(config, None)
            await self._agent.run()
            return
        # Imported only for a pair: it needs aiomqtt, which takes 4 MB and which no other part of a running agent uses.
        from agent.pair import LeaseKeeper  # noqa: PLC0415

        keeper = LeaseKeeper(config.lease_broker(), config.labels.site or "", config.agent, config.pair.expires_s)
        async with keeper.keeping():
            self._manager.ready()
            while not self._stopping.is_set():
                log.info("agent=%s standby: another process may be polling", config.agent)
                if not await self._wait_for_lease(keeper):
                    return
                agent = self._agent = self._make(self._config, keeper)
                running = asyncio.ensure_future(agent.run())
                is_lost = await self._first(keeper.lost(agent.publisher.progress), asyncio.wait([running]))
                if is_lost:
                    log.warning("agent=%s another process polls now; this one stands by", config.agent)
                    agent.replaced()
                await running
                self._agent, self._config = None, agent.config
                if agent.is_reload_waiting:
                    # It gave way before it came to it, and nobody sends the signal again.
                    self._reloading.set()

    async def _wait_for_lease(self, keeper: "LeaseKeeper") -> bool:
        """Stand by until the lease is held, applying reloads meanwhile. Returns False if the process is to stop instead."""
        while not self._stopping.is_set():
            if await self._first(keeper.held(), self._stop_or_reload()) and not self._reloading.is_set():
                return True
            if self._reloading.is_set():
                self._reloading.clear()
                await self._reload_standby(keeper)
        return False

    async def _stop_or_reload(self) -> None:
        """Wait for a signal to stop or to reload."""
        await self._first(self._stopping.wait(), self._reloading.wait())

    async def _reload_standby(self, keeper: "LeaseKeeper") -> None:
        """Reload the configuration, so that this standby takes over with the new one. A faulty one changes nothing."""
        if self._load is None:
            return
        before = self._config
        try:
            config = await asyncio.to_thread(self._load)
            check_reloadable(before, config)
            with self._families.taking_over() if self._families else contextlib.nullcontext():
                keeper.set_broker(config.lease_broker())
        except (ConfigError, ProfileError) as error:
            for line in str(error).splitlines():
                log.error("agent=%s reload refused, nothing is changed: %s", before.agent, line)  # noqa: TRY400
            return
        if config.log_level != before.log_level:
            logging.getLogger().setLevel(config.log_level.upper())
        self._config = config
        log.info("agent=%s reloaded while standing by devices=%d", config.agent, len(config.devices))

    @staticmethod
    async def _first(one: Awaitable[object], other: Awaitable[object]) -> bool:
        """Wait until one of two awaitables is done; returns whether only the first one is."""
        tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await stop_tasks(*tasks, within_s=STOP_TASKS_S)
        return tasks[0] in done and tasks[1] not in done
