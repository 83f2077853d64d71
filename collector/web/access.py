"""Who may read the pages: which `Host` a request may name, names with passwords (bcrypt), and tokens (SHA-256).

People choose guessable passwords, so a password is checked with a slow hash, and a right one is remembered. A token is long and random
(`web_config.py` requires that), so a fast hash is enough, and a client with the right one never waits because of others' wrong ones.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import math
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Literal

import bcrypt

from collector.web.web_config import LONGEST_TOKEN
from rackflow.process.bulkhead import in_own_thread

# Names that nobody can register, so that no website can have one (RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`).
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")
# A wrong password costs a bcrypt check of 50 to 250 ms; one a second from each address lets nobody guess, or burn CPU.
FAILURE_PAUSE_S = 1.0
# Checks that wait for the one that runs. Somebody with a right password is remembered and never waits.
MAX_WAITING = 8
# Requests from one host: a page with its refreshes, several scrapers and health checks are a few a second. At 100 a second of 0.2 ms
# each, a host takes 2 % of the loop.
REQUESTS_PER_S = 100.0
# Requests that one host may send at once before it has to wait, and how long a request waits at most before it is refused. Chosen: more
# lets a host hold the loop for longer, less slows down a page that begins with many requests.
BURST = 100.0
MAX_DELAY_S = 2.0
# How many right passwords, and how many hosts' request rates, are remembered: enough for a team with its scrapers. The oldest are
# forgotten, which costs a client one slow check.
_MAX_REMEMBERED = 100
_MAX_PEERS = 1000
# bcrypt uses 72 bytes of a password and ignores the rest; a longer one is refused instead of being cut.
_LONGEST_PASSWORD = 72
Verdict = Literal["allowed", "refused", "later"]


class Hosts:
    """The names under which the collector may be addressed, against DNS rebinding.

    A website that makes a browser resolve its own name to the collector's address could read every page of it. The browser then names
    the website as `Host`. No website can have an address, a name without a dot or a reserved name as its own, so these are always
    allowed; any other name must be this host's or a configured one. None allows all: TLS or a password keeps a website out, too.
    """

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else frozenset(each.lower() for each in (*names, socket.gethostname()))

    def allows(self, host: str | None) -> bool:
        """Whether a request with this `Host` may be answered. HTTP/1.0 has none, and browsers always send one."""
        if self._names is None or host is None:
            return True
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        name = name.lower().rstrip(".")
        try:
            ip_address(name)
        except ValueError:
            return bool(name) and ("." not in name or name.endswith(_PRIVATE_SUFFIXES) or name in self._names)
        return True


class Pace:
    """Limits the rate of requests from each host, so that none can keep the event loop busy."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at: OrderedDict[str, float] = OrderedDict()

    def delay_s(self, peer: str) -> float | None:
        """How long this request has to wait for its turn; None if it is to be refused, because too many wait already."""
        now = self._clock()
        at = max(now - BURST / REQUESTS_PER_S, self._next_at.get(peer, -math.inf))
        if at - now > MAX_DELAY_S:
            return None
        self._next_at[peer] = at + 1 / REQUESTS_PER_S
        self._next_at.move_to_end(peer)
        _shorten(self._next_at, _MAX_PEERS)
        return max(0.0, at - now)


class WrongTries:
    """When an address last gave a wrong password or token: it is then asked to wait, so that it can neither guess nor burn CPU."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed_at: OrderedDict[str, float] = OrderedDict()

    def is_early(self, peer: str) -> bool:
        """Whether this address has to wait before it may try again."""
        return self._clock() - self._failed_at.get(peer, -math.inf) < FAILURE_PAUSE_S

    def note(self, peer: str) -> None:
        """Remember a wrong try."""
        self._failed_at[peer] = self._clock()
        self._failed_at.move_to_end(peer)
        _shorten(self._failed_at, _MAX_PEERS)


class BasicAuth:
    """Checks names and passwords against bcrypt hashes, in a thread and one at a time; right ones are remembered in memory."""

    def __init__(self, users: Mapping[str, str], tries: WrongTries) -> None:
        self._users = {name: text.encode() for name, text in users.items()}
        # Compared for unknown names, so that the time of the answer does not tell which names exist.
        self._nobody = next(iter(self._users.values()), b"")
        self._tries = tries
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._one = asyncio.Lock()
        self._waiting = 0

    async def check(self, name: str, password: bytes, peer: str) -> Verdict:
        """The verdict on a name and a password from an address."""
        if len(password) > _LONGEST_PASSWORD or not self._users:
            return "refused"
        # Passwords are not kept in memory, only a keyed digest by which this process recognises them.
        mark = hmac.digest(self._key, name.encode() + b"\0" + password, "sha256")
        if mark in self._remembered:
            return "allowed"
        if self._tries.is_early(peer) or self._waiting >= MAX_WAITING:
            return "later"
        self._waiting += 1
        try:
            async with self._one:
                is_right = await in_own_thread(
                    partial(_is_right, password, self._users.get(name, self._nobody)), "bcrypt"
                )
        finally:
            self._waiting -= 1
        if is_right and name in self._users:
            self._remembered[mark] = None
            _shorten(self._remembered, _MAX_REMEMBERED)
            return "allowed"
        self._tries.note(peer)
        return "refused"


class Tokens:
    """Checks tokens against their SHA-256, given in hexadecimal by the token's name."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = {name: bytes.fromhex(text) for name, text in hashes.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._hashes

    def has(self, token: bytes, name: str | None = None) -> bool:
        """Whether this is one of the tokens, or the one of that name."""
        if len(token) > LONGEST_TOKEN:  # it cannot be one, and need not be hashed
            return False
        given = hashlib.sha256(token).digest()
        found = False
        for each, expected in self._hashes.items():
            # All are compared, so that the time of the answer does not tell which one, or how much of it, was right.
            is_same = hmac.compare_digest(given, expected)
            found |= is_same and name in {None, each}
        return found


class Authentication:
    """Checks the header `Authorization`: `Bearer` with a token, or `Basic` with a name and a password.

    Browsers can ask for a name and a password, but not for a token, and they send these with every further request, streams included. So
    the name of a token with the token as its password is accepted, too.
    """

    def __init__(
        self, users: Mapping[str, str], tokens: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tries = WrongTries(clock)
        self._basic = BasicAuth(users, self._tries)
        self._tokens = Tokens(tokens)
        self.challenges = ['Basic realm="Rackflow collector", charset="UTF-8"']
        """Values of `WWW-Authenticate`. `Basic` is first: of several, some browsers look at the first only."""
        if tokens:
            self.challenges.append('Bearer realm="Rackflow collector"')

    async def check(self, header: str | None, peer: str) -> Verdict:
        """The verdict on an `Authorization` header from an address."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() == "bearer":
            return self._token(text.strip().encode("utf-8", "surrogateescape"), None, peer)
        given = _credentials(scheme, text)
        if given is None:
            return "refused"
        name, password = given
        if name in self._tokens:
            return self._token(password, name, peer)
        return await self._basic.check(name, password, peer)

    def _token(self, token: bytes, name: str | None, peer: str) -> Verdict:
        if self._tokens.has(token, name):
            return "allowed"
        if self._tries.is_early(peer):
            return "later"
        self._tries.note(peer)
        return "refused"


def _credentials(scheme: str, text: str) -> tuple[str, bytes] | None:
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(text.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _is_right(password: bytes, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, hashed)
    except ValueError:  # a password with a NUL byte, which bcrypt cannot have
        return False


def _shorten(kept: OrderedDict[bytes, None] | OrderedDict[str, float], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
