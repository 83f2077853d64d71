"""Looks up host names so that a name nobody answers for delays only those who need it.

The system's resolver blocks its thread for 10 to 30 s when a DNS server is silent. asyncio looks names up in the few threads that
everything else uses too, and libuv (under uvloop) two at a time; there, a handful of dead names stops the look-up of all others,
and with it whatever else waits for a thread. Here each name has a thread of its own while it is looked up, at most one, and
libraries are given addresses. `/etc/hosts`, mDNS and whatever else the system is set up for work as always.
"""

import asyncio
import contextlib
import errno
import ipaddress
import math
import socket
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from rackflow.errors import ResolveError
from rackflow.process.threads import run_detached


@dataclass(frozen=True, slots=True)
class ResolverLimits:
    """Times in seconds, and numbers of threads and names."""

    # Longest wait for a name that has no known address. A resolver asks its second server after 5 s (`timeout` of resolv.conf(5)): such
    # an answer comes too late for this attempt, but is known at the next.
    resolve_s: float = 5.0
    # A name is asked for again when a device does not answer, as it may have a new address; once a second for each would be a burden.
    fresh_s: float = 10.0
    # A name is also asked for again while its device answers, since the name may have been given to another device, as to the one that has
    # taken its place, while this one is still on. Chosen: a thousand names are some three look-ups a second.
    held_s: float = 300.0
    # While DNS does not answer, an address that once was right is better than none. RFC 8767 suggests one to three days. Waiting longer
    # for a new one would use up the device's own timeout.
    stale_s: float = 86_400.0
    stale_wait_s: float = 0.2
    # Threads at a time. One costs 30 kB while it waits (measured with 256 on glibc 2.36) and a socket. Names beyond that wait for a
    # free one, new names before those that have timed out: with more dead names than threads, a good one still gets its turn within
    # the time that one dead look-up takes.
    threads: int = 512
    # Names that timed out may not use more than these, so that they never hold all of them.
    slow_threads: int = 128
    # An agent has a few thousand devices at most; names that were removed by reloads are forgotten, the oldest first.
    names: int = 8192


Lookup = Callable[[str], list[str]]
HasRoute = Callable[[str], bool]


def system_lookup(host: str) -> list[str]:
    """All addresses of a name, in the system's order (RFC 6724), each once. Blocks. Raises OSError, or UnicodeError for no name at all."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


# Any port will do: no packet is sent. 9 is that of the discard service (RFC 863).
_PROBED_PORT: Final = 9
# What Linux says of an address that it has no way to: no route, no address of that family, no such interface (EINVAL of a zone, too).
_NO_ROUTE: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENODEV, errno.EINVAL}
)


def system_has_route(address: str) -> bool:
    """Whether this machine has a route to a literal address. The kernel says so at once: connecting a UDP socket sends nothing."""
    try:
        found = socket.getaddrinfo(address, _PROBED_PORT, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        family, kind, _, _, where = found[0]
        with socket.socket(family, kind) as probe:
            probe.connect(where)
    except OSError as error:
        return error.errno not in _NO_ROUTE
    return True


@dataclass(slots=True)
class _Name:
    """What is known of one name. Times are those of the event loop's clock."""

    addresses: list[str]
    resolved_at: float = 0.0
    """When `addresses` were looked up."""
    error: str = ""
    failed_at: float = 0.0
    """When the last look-up failed, if it was later than `resolved_at`."""
    wanted_at: float = 0.0
    """When the look-up that is not done was asked for."""
    started_at: float = 0.0
    """When the last look-up got its thread."""
    pending: asyncio.Event | None = None
    is_slow: bool = False
    """Whether a look-up has lately taken longer than anybody waits."""


class Resolver:
    """Addresses of names. Belongs to one event loop; `lookup` runs in threads, `has_route` in the loop."""

    def __init__(
        self,
        lookup: Lookup = system_lookup,
        limits: ResolverLimits = ResolverLimits(),
        has_route: HasRoute = system_has_route,
    ) -> None:
        self._lookup = lookup
        self._limits = limits
        self._has_route = has_route
        self._names: OrderedDict[str, _Name] = OrderedDict()
        self._running: set[str] = set()
        self._queue: dict[str, None] = {}

    def is_looking_up(self, host: str) -> bool:
        """Whether a look-up of this name is under way, or waits for a thread."""
        return host in self._names and self._names[host].pending is not None

    @property
    def known(self) -> int:
        """How many names are remembered."""
        return len(self._names)

    async def addresses(self, host: str) -> list[str]:
        """The addresses of a host, at least one; a literal address is its own. Raises ResolveError after `limits.resolve_s`."""
        if is_address(host):
            return [_with_zone_number(host)]
        clock = asyncio.get_running_loop().time
        name = self._names.setdefault(host, _Name([]))
        self._names.move_to_end(host)
        self._forget_oldest()
        if name.addresses and clock() - name.resolved_at < self._limits.fresh_s:
            return name.addresses
        if name.pending is None:
            if name.failed_at and clock() - name.failed_at < self._limits.fresh_s:
                return self._known_or_raise(host, name, clock())
            self._ask(host, name, clock())
        pending = name.pending
        # From when the look-up was asked for, by whomever: ten units behind one gateway do not wait one after the other.
        patience_s = self._limits.stale_wait_s if name.addresses else name.wanted_at + self._limits.resolve_s - clock()
        try:
            async with asyncio.timeout(max(0.0, patience_s)):
                if pending is not None:
                    await pending.wait()
        except TimeoutError:
            name.is_slow = name.is_slow or (host in self._running and self._was_slow(name, clock()))
        return self._known_or_raise(host, name, clock())

    async def reachable(self, host: str) -> list[str]:
        """The addresses of a host to which this machine has a route, IPv4 first (a choice); all of them if it has none to any.

        Raises ResolveError.
        """
        found = sorted(await self.addresses(host), key=_is_v6)
        if len(found) == 1:
            return found  # nearly every host: there is nothing to choose
        return [each for each in found if self._has_route(each)] or found

    def look_again_at(self, host: str) -> float:
        """When to look for a host again that was found now and answers, by the loop's clock; never for a literal address."""
        return math.inf if is_address(host) else asyncio.get_running_loop().time() + self._limits.held_s

    def _known_or_raise(self, host: str, name: _Name, now_s: float) -> list[str]:
        if name.addresses and now_s - name.resolved_at < self._limits.stale_s:
            return name.addresses
        why = name.error if name.pending is None else f"no answer in {self._limits.resolve_s:g} s"
        raise ResolveError(f"cannot resolve {host}: {why}; check the name, and this machine's DNS servers")

    def _was_slow(self, name: _Name, now_s: float) -> bool:
        # Half of what anybody waits: the last moment of a wait is no clear sign, because the thread begins a little later.
        return now_s - name.started_at > self._limits.resolve_s / 2

    def _ask(self, host: str, name: _Name, now_s: float) -> None:
        name.pending, name.wanted_at = asyncio.Event(), now_s
        self._queue[host] = None
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Start look-ups while there are threads: names that never timed out first."""
        loop = asyncio.get_running_loop()
        slow = sum(self._names[each].is_slow for each in self._running)
        for host in sorted(self._queue, key=lambda each: self._names[each].is_slow):
            is_slow = self._names[host].is_slow
            if len(self._running) >= self._limits.threads or (is_slow and slow >= self._limits.slow_threads):
                return
            if is_slow:
                slow += 1
            del self._queue[host]
            self._running.add(host)
            self._names[host].started_at = loop.time()
            try:
                done = run_detached(partial(self._lookup, host), f"resolve-{host}"[:64])
            except RuntimeError as error:  # the system has no more threads for this process
                done = Future()
                done.set_exception(error)
            done.add_done_callback(partial(self._pass_on, loop, host))

    def _pass_on(self, loop: asyncio.AbstractEventLoop, host: str, found: Future[list[str]]) -> None:
        """In the look-up's thread: hand the result to the loop, unless it is closed by now."""
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._resolved, host, found)

    def _resolved(self, host: str, found: Future[list[str]]) -> None:
        now_s = asyncio.get_running_loop().time()
        name = self._names[host]
        self._running.discard(host)
        error = found.exception()
        if error is None and found.result():
            name.addresses, name.resolved_at, name.failed_at = found.result(), now_s, 0.0
        else:
            name.error, name.failed_at = _reason(error), now_s
            if isinstance(error, socket.gaierror) and error.errno in GONE:
                name.addresses = []
        name.is_slow = self._was_slow(name, now_s)
        pending, name.pending = name.pending, None
        if pending is not None:
            pending.set()
        self._start_waiting()

    def _forget_oldest(self) -> None:
        for host in list(self._names)[: max(0, len(self._names) - self._limits.names)]:
            if self._names[host].pending is None:
                del self._names[host]


# There is no such name: unlike silence (EAI_AGAIN), an answer that makes earlier addresses wrong.
GONE: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})  # musl has no NODATA


def _reason(error: BaseException | None) -> str:
    if isinstance(error, UnicodeError):
        return "it is not a host name"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it has no address" if error is None else f"{type(error).__name__}: {error}"


def is_address(host: str) -> bool:
    """Whether this is a literal IPv4 or IPv6 address (with or without a zone) and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_v6(address: str) -> bool:
    return ":" in address


def _with_zone_number(address: str) -> str:
    """A literal address with the number of its zone in place of its name, because not every library takes names. Raises ResolveError."""
    plain, _, zone = address.partition("%")
    if not zone:
        if ipaddress.ip_address(address).is_link_local and _is_v6(address):
            raise ResolveError(
                f"{address} is a link-local address, which this machine may have on each of its interfaces; "
                f"add the interface: {address}%eth0"
            )
        return address
    if zone.isdecimal():
        return address
    try:
        return f"{plain}%{socket.if_nametoindex(zone)}"
    except OSError as error:
        raise ResolveError(f"{address}: this machine has no interface {zone}") from error


# How often the address at which a device has answered is tried again before another one of its name is: a device that is off for a moment
# must not be left for another one that has its name, too. Chosen value.
TRIES_OF_GOOD: Final = 3


class HeldAddress:
    """The address at which a client asks its host. It is looked up again while a device answers there (`ResolverLimits.held_s`).

    A name may have several addresses, mostly one of IPv4 and one of IPv6, and many devices answer at one of them only. They are tried in
    turn, beginning with IPv4, until one answers. Those to which this machine has no route are passed by: on a host without IPv6, every
    second attempt would be lost to them.
    """

    def __init__(self, resolver: Resolver, host: str) -> None:
        self.text = ""
        """The address; empty until it is found."""
        self.has_answered = False
        """Set by the client when the device has answered at this address."""
        # How often it was found again since the device last answered there; -1 if it never has.
        self._failed = -1
        self._resolver = resolver
        self._host = host
        self._due_s = math.inf

    async def find(self) -> str:
        """Look the host up, and return the address to ask at; called at first and after failures. Raises ResolveError."""
        found = await self._resolver.reachable(self._host)
        if self.has_answered:
            self.has_answered, self._failed = False, 0
        if self.text in found and 0 <= self._failed < TRIES_OF_GOOD:
            self._failed += 1
        else:
            # Behind an address that the name no longer has, the first one.
            at = found.index(self.text) + 1 if self.text in found else 0
            self.text, self._failed = found[at % len(found)], -1
        self._due_s = self._resolver.look_again_at(self._host)
        return self.text

    def is_due(self) -> bool:
        """Whether it is time to ask `has_moved`."""
        # Nearly every host is a literal address, which is never due, and each poll of each device asks.
        return self._due_s < math.inf and asyncio.get_running_loop().time() >= self._due_s

    async def has_moved(self) -> bool:
        """Whether the host has other addresses now. False if they cannot be found: what answers is better than nothing."""
        # First, because a poll may end while the name is looked up, and the next one must not wait for it again.
        self._due_s = self._resolver.look_again_at(self._host)
        try:
            return self.text not in await self._resolver.addresses(self._host)
        except ResolveError:
            return False
