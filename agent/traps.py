"""Receives the SNMP traps of an agent's devices. Each becomes an event of its device, and the device is polled at once.

Receiving is optional and behind its own bulkhead: polling is not affected if the port cannot be opened, or if a datagram causes an
exception.
"""

import asyncio
import contextlib
import dataclasses
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from agent.config import AgentConfig, Device, Traps
from agent.poll import credential_of
from agent.snmp import SnmpClients, SnmpCommunity, SnmpUser
from agent.snmp.traps import (
    Accepted,
    Answered,
    OwnEngine,
    Sender,
    TrapListener,
    TrapRefusal,
    TrapSenders,
    plain_address,
)
from rackflow.errors import ResolveError
from rackflow.plural import count_of
from rackflow.process.bulkhead import Failures, Supervisor
from rackflow.process.resolve import is_address

log = logging.getLogger(__name__)
PART: Final = "traps"
"""Name of the bulkhead."""
# How often names of devices are looked up again, and a port that could not be opened is tried again. Chosen: traps of a device with a new
# address are accepted within a minute; its polls use the new address before that.
LOOK_AGAIN_S: Final = 60.0
# Senders that are prepared between two turns of the loop: less than a millisecond.
DEVICES_PER_SLICE: Final = 50
# Events of one device: ten in a row, then one each six seconds. A failing UPS sends some at once, and a device that sends traps without end
# must not fill the outbox. Chosen values.
MAX_EVENTS: Final = 10
SECONDS_PER_EVENT: Final = 6.0
# Least time between two log lines about traps refused for the same reason, so that forged ones cannot fill the disk.
LOG_EVERY_S: Final = 60.0
# What to look at, by reason.
REMEDIES: Final = {
    TrapRefusal.MALFORMED: "it is no trap or inform of SNMP v1, v2c or v3",
    TrapRefusal.SENDER: "no device of this agent has this address",
    TrapRefusal.CREDENTIAL: "its community or user is neither that of the device nor one of traps.credentials",
    TrapRefusal.LEVEL: "it is less, or otherwise, protected than the user of this name is configured; check auth and priv",
    TrapRefusal.DIGEST: "its authentication code is wrong; check auth and auth_key",
    TrapRefusal.TIME: "it is a replay, or comes from a device that has lost the count of its boots; its traps are taken again within 3 min",
    TrapRefusal.INFORM: "it is an inform of SNMPv3 that does not ask for the agent's engine; have the device send traps",
    TrapRefusal.REPEATED: "it came before; an inform is sent again when its confirmation is lost, as behind a firewall",
    TrapRefusal.LIMIT: "the device sends too many; it is polled, and they are not made events",
    TrapRefusal.INTERNAL: "a fault of the agent, which is logged",
}


class TrapReceiver:
    """Receives traps between `start` and `stop`, and passes each accepted one to `on_trap`, once per device that may have sent it.

    `on_trap` gets the device's id, the trap's text, and whether the trap becomes an event. `Agent` hands it to that device's `DeviceLoop`.
    `snmp` makes the clients with which the devices are polled: their keys, clocks and addresses are used here, too.
    """

    def __init__(
        self,
        config: AgentConfig,
        on_trap: Callable[[str, str, bool], None],
        snmp: SnmpClients | None = None,
        clock: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._on_trap = on_trap
        self._snmp = snmp or SnmpClients()
        self._clock = clock or asyncio.get_running_loop().time
        self._wall = wall
        self._failures = Failures(PART)
        self._supervisor = Supervisor(self._failures)
        self._senders = TrapSenders(self._snmp.clocks)
        self._addresses: dict[str, tuple[str, ...]] = {}
        """By host, for hosts that are names."""
        self._listener: TrapListener | None = None
        self._listens_on = ""
        self._fault = ""
        self._changed = asyncio.Event()
        self._accepted = 0
        self._refused: Counter[TrapRefusal] = Counter(dict.fromkeys(TrapRefusal, 0))
        self._unlogged: Counter[TrapRefusal] = Counter()
        self._logged_at: dict[TrapRefusal, float] = {}
        self._allowances: dict[str, tuple[float, float]] = {}
        """By device: how many events it may still make, and when that was calculated."""

    @staticmethod
    def try_port(traps: Traps) -> None:
        """Open the port and close it again. Raises OSError if it cannot be opened."""
        TrapListener(*traps.address, lambda _datagram, _sender: b"").close()

    @property
    def port(self) -> int | None:
        """The UDP port that is listened on; None while none is."""
        return self._listener.port if self._listener else None

    def start(self) -> None:
        """Begin, in a task of its own."""
        self._supervisor.start(PART, self._run)

    async def stop(self, within_s: float) -> None:
        """Stop listening."""
        await self._supervisor.stop(within_s)
        self._close()

    def set_config(self, config: AgentConfig) -> None:
        """Use another configuration from now on."""
        self._config = config
        self._changed.set()

    def values(self) -> dict[str, float]:
        """Its metrics by series key; none where no traps are wanted."""
        if self._config.traps is None:
            return {}
        return {
            "dcim_agent_traps_listening": float(self._listener is not None),
            "dcim_agent_traps_total": self._accepted,
            **{f"dcim_agent_traps_refused_total{{reason={why}}}": count for why, count in self._refused.items()},
        }

    async def _run(self) -> None:
        try:
            while True:
                self._changed.clear()
                config = self._config
                # First with literal addresses and what was found before, because looking up names may take seconds.
                await self._use(config)
                self._listen(config)
                await self._look_up({each.host or "" for each in _senders_of(config)})
                await self._use(config)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await self._changed.wait()
        finally:
            self._close()

    async def _look_up(self, hosts: set[str]) -> None:
        """Look up the addresses of these names. A name without an answer keeps its former addresses; failed polls will report it."""
        names = sorted(each for each in hosts if not is_address(each))
        found = await asyncio.gather(*map(self._snmp.resolver.addresses, names), return_exceptions=True)
        known = self._addresses
        self._addresses = {}
        for name, addresses in zip(names, found, strict=True):
            if isinstance(addresses, list):
                self._addresses[name] = tuple(map(plain_address, addresses))
            elif isinstance(addresses, ResolveError):
                self._addresses[name] = known.get(name, ())
            else:
                raise addresses

    async def _use(self, config: AgentConfig) -> None:
        senders = []
        for number, device in enumerate(_senders_of(config), 1):
            senders.append(await self._sender(config, device))
            if number % DEVICES_PER_SLICE == 0:
                await asyncio.sleep(0)
        self._senders.replace(senders)
        known = {each.device for each in senders}
        self._allowances = {device: each for device, each in self._allowances.items() if device in known}

    async def _sender(self, config: AgentConfig, device: Device) -> Sender:
        also = config.traps.credentials if config.traps else []
        names = dict.fromkeys((device.credential or "", *also))
        credentials = tuple(_without_context(credential_of(config.credentials[each])) for each in names)
        keys = {each: await self._snmp.keys.of(each) for each in credentials if isinstance(each, SnmpUser)}
        host = device.host or ""
        addresses = (plain_address(host),) if is_address(host) else self._addresses.get(host, ())
        return Sender(device.id, addresses, credentials, keys)

    def _listen(self, config: AgentConfig) -> None:
        """Open the configured port, unless it is open. If it cannot be opened, that is logged once, and tried again later."""
        traps = config.traps
        wanted = traps.listen if traps else ""
        if wanted != self._listens_on:
            self._close()
        if traps is None or self._listener is not None:
            if self._senders.engine is not None and self._senders.engine.is_behind(self._wall(), self._clock()):
                self._begin_engine(config)
            return
        try:
            self._listener = TrapListener(*traps.address, self._on_datagram, self._on_excess)
        except OSError as error:
            fault = f"traps.listen: {wanted}: {error.strerror or error}"
            if fault != self._fault:
                log.error("%s; no traps until it can be opened, which is tried each %g s", fault, LOOK_AGAIN_S)  # noqa: TRY400
            self._fault = fault
        else:
            self._listens_on, self._fault = wanted, ""
            # Begun anew with each opening: of two machines that take turns, the one that listens now must be ahead of the other.
            engine = self._begin_engine(config)
            log.info("traps are received on %s, informs of SNMPv3 with engine 0x%s", wanted, engine.id.hex())

    def _begin_engine(self, config: AgentConfig) -> OwnEngine:
        name = f"{config.labels.site or ''}/{config.agent}"
        self._senders.engine = OwnEngine(name, self._wall(), self._clock())
        return self._senders.engine

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener, self._listens_on = None, ""

    def _on_excess(self, address: str) -> None:
        self._refuse(TrapRefusal.LIMIT, address)

    def _on_datagram(self, datagram: bytes, address: str) -> bytes | None:
        """Handle one datagram. Returns the datagram that confirms it, empty for none; None if the sender is a stranger."""
        otherwise: Accepted | Answered | TrapRefusal = TrapRefusal.INTERNAL
        found = self._failures.attempt(
            PART, lambda: self._senders.judge(datagram, address, self._clock()), otherwise=otherwise
        )
        if isinstance(found, TrapRefusal):
            self._refuse(found, address)
            return None if found is TrapRefusal.SENDER else b""
        if isinstance(found, Answered):
            return found.answer
        if found.is_repeat:
            self._refuse(TrapRefusal.REPEATED, address)
        else:
            self._accept(found, address)
        return found.answer

    def _accept(self, found: Accepted, address: str) -> None:
        self._accepted += 1
        for device in found.devices:
            may_tell = self._may_tell(device)
            if not may_tell:
                self._refuse(TrapRefusal.LIMIT, address)
            self._failures.shield(PART, self._on_trap)(device, found.trap.text, may_tell)

    def _may_tell(self, device: str) -> bool:
        now = self._clock()
        left, at = self._allowances.get(device, (MAX_EVENTS, now))
        left = min(MAX_EVENTS, left + (now - at) / SECONDS_PER_EVENT)
        may = left >= 1
        self._allowances[device] = (left - may, now)
        return may

    def _refuse(self, reason: TrapRefusal, address: str) -> None:
        self._refused[reason] += 1
        self._unlogged[reason] += 1
        now = self._clock()
        if now - self._logged_at.get(reason, -math.inf) >= LOG_EVERY_S:
            self._logged_at[reason] = now
            count = count_of(self._unlogged.pop(reason), "trap")
            log.warning("refused %s, the last one from %s: %s", count, address, REMEDIES[reason])


def _senders_of(config: AgentConfig) -> list[Device]:
    if config.traps is None:
        return []
    return [each for each in config.devices if each.enabled and each.protocol == "snmp"]


def _without_context(credential: SnmpCommunity | SnmpUser) -> SnmpCommunity | SnmpUser:
    # A context chooses what is read from a device; its traps are those of the whole device.
    return dataclasses.replace(credential, context="") if isinstance(credential, SnmpUser) else credential
