"""Finds a second agent that uses this one's name at the broker. For `doctor`.

The broker retains one status for each name: that of the process which connected last. Two agents of one name end each other's connection
in turns of 10 to 30 s, and each of them says in its status that its place was taken (`Status.taken_over`). So one look tells whether there
is reason to watch until the other one has its turn; without a reason nobody has to wait.
"""

import asyncio
import contextlib
import secrets
import socket
import time
from typing import Final

from rackflow.documents import Status, decode
from rackflow.errors import ConfigError, ContractError
from rackflow.process.broker import Broker
from rackflow.process.doctor import Finding, Listener
from rackflow.process.mqtt import BrokerError, Callbacks, MqttConnection, MQTTMessage
from rackflow.process.progress import progress
from rackflow.process.takeover import PAUSE_S, WITHIN_S, host_and_start
from rackflow.topics import Topic, build_topic

CHECK: Final = "name"
# How old the note of a takeover in a status may be. Of two agents that take turns, each notes one whenever its own turn ends; this is twice
# the longest time between two of them.
RECENT_MS: Final = round(2 * WITHIN_S * 1000)
# How long to watch for a second agent: its turn comes after the longest pause and the time that it takes to connect. Chosen value.
WATCH_S: Final = round(PAUSE_S[1]) + 5
# Where the broker gives each account one client, an agent that has its turn ends the watching connection. Opening it again shows whose
# turn that was, and ends the agent's for a pause. Before, the agent must have published its status. Chosen value.
REOPEN_S: Final = 1.0


class NameInUse:
    """The processes that have used one agent's name, by what the broker delivers of its status."""

    def __init__(self, site: str, agent: str, *, is_pair: bool = False, here: str | None = None) -> None:
        """`here` is this host's name. With `is_pair` two processes of this name are intended, of which one is connected."""
        self.topic = build_topic(Topic(site, agent, "status"))
        self._name, self._is_pair = f"{agent}@{site}", is_pair
        self._here = socket.gethostname() if here is None else here
        # By epoch, in the order in which they were heard.
        self._statuses: dict[str, Status] = {}
        self._changed = asyncio.Event()
        self._has_come_back = False

    def listener(self) -> Listener:
        """For `check_broker`, whose connection shows what the broker retains."""
        return Listener(self.topic, self.received, self._hung_up)

    def received(self, payload: bytes) -> bool:
        """Take a message of the status topic. What is no status says nothing about who uses the name.

        Returns whether it was enough. Where the broker gives each account one client, the first that comes is the agent's will, because
        this connection has ended the agent's own: then it comes back and ends this one.
        """
        try:
            status = decode(payload, Status)
        except ContractError:
            return False
        self._statuses[status.epoch] = status
        self._changed.set()
        return status.status == "online"

    def _hung_up(self) -> None:
        self._has_come_back = True

    async def examine(self, broker: Broker, *, has_run: bool) -> Finding:
        """Watch, if there is reason to, and say who uses the name. `has_run`: an agent of this configuration has run on this host."""
        if self.is_in_doubt(time.time_ns() // 1_000_000):
            await self._watch(broker)
        return self.finding(has_run=has_run)

    def is_in_doubt(self, now_ms: int) -> bool:
        """Whether another client takes turns with the one that was heard."""
        # Clocks of two hosts are not compared: on another one, any time counts.
        return any(
            each.taken_over and (each.hostname != self._here or abs(now_ms - each.taken_over) < RECENT_MS)
            for each in self._statuses.values()
        )

    async def _watch(self, broker: Broker) -> None:
        """Listen until two processes were heard, or one of them must have been."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + WATCH_S

        def received(message: MQTTMessage) -> None:
            self.received(bytes(message.payload))

        callbacks = Callbacks(opened=lambda _: None, received=received)
        with progress("second agent, seconds", WATCH_S) as tick:
            while True:
                # What is wrong with the broker is another check's finding.
                with contextlib.suppress(*BrokerError, ConfigError, OSError):
                    async with MqttConnection(broker, f"rackflow-doctor-{secrets.token_hex(6)}", callbacks) as mqtt:
                        await mqtt.subscribe([self.topic])
                        while mqtt.is_open and len(self._statuses) == 1 and loop.time() < until_s:
                            self._changed.clear()
                            with contextlib.suppress(TimeoutError):
                                async with asyncio.timeout(1.0):
                                    await self._changed.wait()
                            tick()
                if len(self._statuses) > 1 or loop.time() >= until_s:
                    return
                await asyncio.sleep(REOPEN_S)

    def runs_here(self) -> bool | None:
        """Whether an agent of this name runs on this host; None if that is unknown."""
        # The will of one whose connection this one has ended counts as online: it has come back.
        online = [each for each in self._statuses.values() if each.status == "online" or self._has_come_back]
        if any(each.hostname == self._here for each in online):
            return True
        # One that runs under another host name may be in a container of this host.
        return None if online or not self._statuses else False

    def finding(self, *, has_run: bool) -> Finding:
        """What the statuses say that were heard."""
        if not self._statuses:
            what = f"nothing comes from {self.topic}, by which a second agent would be noticed"
            remedy = f"let the account read {self.topic} in the broker's access list"
            return Finding(CHECK, "warning", what, remedy) if has_run else Finding(CHECK, "ok", "not used so far")
        last = list(self._statuses.values())[-1]
        where = host_and_start(last.hostname, last.started)
        if len(self._statuses) > 1:
            both = ", and on host ".join(host_and_start(e.hostname, e.started) for e in self._statuses.values())
            remedy = "stop one or give it another name (`agent`); meanwhile they take turns, and keep what they read"
            return Finding(CHECK, "failed", f"{self._name} runs twice: on host {both}", remedy)
        if last.taken_over and self.is_in_doubt(time.time_ns() // 1_000_000):
            what = f"another client takes the place of {self._name} on host {where}; it did not come in {WATCH_S} s"
            remedy = "look for a program with this account or client id, and stop it or give it another name"
            return Finding(CHECK, "warning", what, remedy)
        if last.status == "offline" and not self._has_come_back:
            return Finding(CHECK, "ok", f"{self._name} is not connected; it last ran on host {where}")
        if last.hostname == self._here or self._is_pair:
            return Finding(CHECK, "ok", f"{self._name} runs on host {where}")
        what = f"{self._name} runs on host {where}, and this is host {self._here}"
        remedy = (
            "start no second one here: stop that one first, or give this one another name (`agent`). Nothing is wrong if that is the"
            " agent of this configuration, as when it runs in a container or is looked at from elsewhere"
        )
        return Finding(CHECK, "warning", what, remedy)
