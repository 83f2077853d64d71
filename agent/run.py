"""The agent as a whole: in goes its configuration, out comes a process that polls and publishes until it is told to stop."""

import asyncio
import logging
import platform
import secrets
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable

from agent.config import AgentConfig, Device
from agent.factory import PollerFactory, check_profile
from agent.loop import DeviceLoop, Surroundings
from agent.publish import Publisher
from agent.selfmetrics import AGENT_CLASS, AgentCounters, agent_values
from rackflow.documents import Batch, Status, encode
from rackflow.errors import ConfigError, ProfileError
from rackflow.outbox import MemoryOutbox
from rackflow.topics import Topic, build_topic
from rackflow.version import installed_version

log = logging.getLogger(__name__)

STOP_S = 9.0
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_epoch(now_ms: int, chance: int) -> str:
    """26 characters that sort by time: 48 bits of milliseconds and 80 bits of chance, as a ULID."""
    number = (now_ms & (2**48 - 1)) << 80 | chance & (2**80 - 1)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


async def run(config: AgentConfig, factory: PollerFactory, *, reload: Callable[[], AgentConfig] | None = None) -> None:
    """Poll and publish until SIGTERM or SIGINT; SIGHUP calls `reload`. Returns after a bounded last flush."""
    agent = Agent(config, factory)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, agent.stop)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, agent.reload, reload)
    try:
        await agent.run()
    finally:
        for number in (*numbers, signal.SIGHUP):
            loop.remove_signal_handler(number)


class Agent:
    """One agent. `stop` and `reload` may be called from signal handlers of its loop."""

    def __init__(self, config: AgentConfig, factory: PollerFactory) -> None:
        self._config = config
        self._factory = factory
        self._started_ms = time.time_ns() // 1_000_000
        self._epoch = new_epoch(self._started_ms, secrets.randbits(80))
        self._counters = AgentCounters()
        self._outbox = MemoryOutbox(config.outbox_limit_bytes)
        self._site = config.labels.site or ""
        self._publisher = Publisher(config.broker, self._site, self._outbox, self._counters, self._status)
        self._loops: dict[str, tuple[DeviceLoop, asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to stop; `run` returns within ten seconds."""
        self._stopping.set()

    async def run(self) -> None:
        """See `run`."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            publishing = group.create_task(self._publisher.run(), name="publish")
            reporting = group.create_task(self._report(), name="report")
            for device in self._config.devices:
                self._start(device)
            log.info("agent=%s epoch=%s devices=%d started", self._config.agent, self._epoch, len(self._loops))
            await self._stopping.wait()
            reporting.cancel()
            for _, task in self._loops.values():
                task.cancel()
            self._publisher.stop()
            await asyncio.wait([publishing], timeout=STOP_S)
            publishing.cancel()
        log.info("agent=%s stopped", self._config.agent)

    def reload(self, load: Callable[[], AgentConfig]) -> None:
        """Take over a new configuration: what did not change is not touched. A wrong one leaves everything as it is."""
        try:
            new = load()
            self._check_reloadable(new)
        except (ConfigError, ProfileError) as error:
            self._counters.reload_successful = False
            log.error("reload refused, the old configuration stays: %s", error)  # noqa: TRY400 - one line, no traceback
            return
        old, self._config = self._config, new
        self._counters.reload_successful = True
        before = {device.id: _effective(old, device) for device in old.devices}
        after = {device.id: _effective(new, device) for device in new.devices}
        for name in before:
            if before[name] != after.get(name):
                self._end(name)
        for device in new.devices:
            if before.get(device.id) != after[device.id]:
                self._start(device)
        for name in before.keys() - after.keys():
            self._publisher.forget(name)
        changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
        self._publisher.broker = new.broker
        self._publisher.status_changed()
        log.info("reloaded devices=%d changed=%d", len(after), len(changed))

    def _check_reloadable(self, new: AgentConfig) -> None:
        if (new.agent, new.labels.site) != (self._config.agent, self._config.labels.site):
            raise ConfigError("agent, labels.site: cannot change while the agent runs; restart it")
        for device in new.devices:
            check_profile(self._factory.profiles, device)

    def _start(self, device: Device) -> None:
        if self._group is None or not device.enabled:
            return
        config = self._config
        surroundings = Surroundings(
            config=config,
            epoch=self._epoch,
            outbox=self._outbox,
            counters=self._counters,
            make_poller=lambda wanted: self._factory(config, wanted),
            announce=self._publisher.announce,
        )
        loop = DeviceLoop(device, surroundings)
        self._loops[device.id] = (loop, self._group.create_task(loop.run(), name=f"device {device.id}"))

    def _end(self, name: str) -> None:
        if name in self._loops:
            _, task = self._loops.pop(name)
            task.cancel()

    def _status(self, word: str) -> Status:
        return Status(
            agent=self._config.agent,
            site=self._site,
            status="online" if word == "online" else "offline",
            epoch=self._epoch,
            version=installed_version(),
            started=self._started_ms,
            python=platform.python_version(),
            hostname=socket.gethostname(),
            devices=[device.id for device in self._config.devices],
        )

    async def _report(self) -> None:
        topic = build_topic(Topic(self._site, self._config.agent, "batch", self._config.agent))
        while True:
            interval_s = self._config.intervals.get("normal", 10.0)
            await asyncio.sleep(interval_s)
            self._put_report(topic, interval_s)

    def _put_report(self, topic: str, interval_s: float) -> None:
        up = Counter("up" if loop.up else "down" for loop, _ in self._loops.values())
        up["disabled"] = sum(not device.enabled for device in self._config.devices)
        values = agent_values(self._counters, self._outbox.stats(), up)
        now_ms = time.time_ns() // 1_000_000

        def make(seq: int) -> bytes:
            return encode(
                Batch(
                    agent=self._config.agent,
                    epoch=self._epoch,
                    seq=seq,
                    time=now_ms,
                    device=self._config.agent,
                    device_class=AGENT_CLASS,
                    poll="normal",
                    interval_s=interval_s,
                    duration_s=0.0,
                    up=True,
                    labels={"site": self._site},
                    values=values,
                )
            )

        self._outbox.put(topic, make, now_ms)


def _effective(config: AgentConfig, device: Device) -> tuple[object, ...]:
    """All that the device's loop depends on, secrets included."""
    credential = config.credentials.get(device.credential or "")
    return device, config.labels_of(device), config.intervals_of(device), config.engine, credential
