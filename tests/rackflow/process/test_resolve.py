"""Names: literal addresses need no look-up, a dead name delays nobody else, and what was known outlives a silent DNS server."""

import asyncio
import errno
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from rackflow.errors import ResolveError
from rackflow.process.resolve import (
    TRIES_OF_GOOD,
    HeldAddress,
    Resolver,
    ResolverLimits,
    is_address,
    system_has_route,
    system_lookup,
)
from tests.servers.waiting import PATIENCE_S, Patience


@dataclass
class Dns:
    """What the system's resolver does with a name: answers, refuses, or blocks its thread until `over`."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    refusals: dict[str, OSError] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    def __call__(self, host: str) -> list[str]:
        self.asked[host] += 1
        if host in self.refusals:
            raise self.refusals[host]
        if host not in self.answers:
            self.over.wait()
        return self.answers.get(host, ["192.0.2.99"])


@contextmanager
def dns(**answers: str) -> Iterator[Dns]:
    server = Dns({name.replace("_", "-"): [address] for name, address in answers.items()})
    try:
        yield server
    finally:
        server.over.set()


async def address_of(resolver: Resolver, host: str) -> str:
    """The address at which a client would ask first."""
    return (await resolver.reachable(host))[0]


async def until(check: Callable[[], bool], what: str) -> None:
    """Wait on the loop, as what threads tell arrives there."""
    patience = Patience()
    while not check():
        assert not patience.is_over, what
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1%3", "::1", "169.254.1.1"])
async def test_an_address_needs_no_look_up(address: str) -> None:
    with dns() as server:
        assert await address_of(Resolver(server), address) == address
        assert is_address(address)
        assert not server.asked


async def test_an_interface_is_given_to_libraries_by_its_number() -> None:
    index, name = socket.if_nameindex()[0]
    assert await address_of(Resolver(), f"fe80::1%{name}") == f"fe80::1%{index}"
    for address in ("fe80::1", "fe80::1%none0"):
        assert is_address(address)
        with pytest.raises(ResolveError, match="interface"):
            await address_of(Resolver(), address)


async def test_the_addresses_of_a_name_are_tried_in_turn_and_one_that_answered_is_tried_again() -> None:
    with dns() as server:
        first, second, third = server.answers["dual"] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
        held = HeldAddress(Resolver(server, ResolverLimits(fresh_s=0), has_route=lambda _: True), "dual")
        assert [await held.find() for _ in range(4)] == [first, second, third, first]
        held.has_answered = True
        assert [await held.find() for _ in range(TRIES_OF_GOOD + 2)] == [first] * TRIES_OF_GOOD + [second, third]
        server.answers["dual"] = [second]
        held.has_answered = True
        assert await held.find() == second, "the name has another address now"


async def test_an_ipv4_address_is_tried_first() -> None:
    with dns() as server:
        server.answers["dual"] = ["2001:db8::1", "192.0.2.1"]
        held = HeldAddress(Resolver(server, has_route=lambda _: True), "dual")
        assert [await held.find() for _ in range(2)] == ["192.0.2.1", "2001:db8::1"]


async def test_an_address_without_a_route_costs_no_attempt_unless_there_is_no_other() -> None:
    routed = {"192.0.2.1"}
    with dns() as server:
        server.answers["dual"] = ["2001:db8::1", "192.0.2.1"]
        held = HeldAddress(Resolver(server, has_route=routed.__contains__), "dual")
        assert [await held.find() for _ in range(3)] == ["192.0.2.1"] * 3
        routed.add("2001:db8::1")
        assert [await held.find() for _ in range(2)] == ["2001:db8::1", "192.0.2.1"], "the network has come up"
        routed.clear()
        assert [await held.find() for _ in range(2)] == ["2001:db8::1", "192.0.2.1"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.1", "2001:db8::1", "fe80::1%999"])
def test_the_kernel_says_whether_there_is_a_route_as_a_connection_would_find_out(address: str) -> None:
    family, kind, _, _, where = socket.getaddrinfo(address, 9, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    with socket.socket(family, kind) as connection:
        connection.setblocking(False)  # noqa: FBT003 - socket has no other way
        outcome = connection.connect_ex(where)
    assert system_has_route(address) == (outcome in (0, errno.EINPROGRESS, errno.ECONNREFUSED))


async def test_the_system_knows_localhost() -> None:
    found = await Resolver().addresses("localhost")
    assert set(found) <= {"127.0.0.1", "::1"}
    assert found == system_lookup("localhost")


async def test_ipv4_comes_first() -> None:
    with dns() as server:
        server.answers["dual"] = ["2001:db8::1", "192.0.2.1"]
        assert await address_of(Resolver(server, has_route=lambda _: True), "dual") == "192.0.2.1"
        assert await Resolver(server).addresses("dual") == ["2001:db8::1", "192.0.2.1"]


async def test_a_name_that_no_server_resolves_is_reported_as_such() -> None:
    with dns() as server, pytest.raises(ResolveError, match=r"^cannot resolve dead: no answer in 0\.1 s; check"):
        await address_of(Resolver(server, ResolverLimits(resolve_s=0.1)), "dead")


async def test_a_name_that_does_not_exist_is_reported_as_such_and_not_asked_for_at_every_poll() -> None:
    with dns() as server:
        server.refusals["nobody"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        resolver = Resolver(server)
        for _ in range(3):
            with pytest.raises(ResolveError, match=r"^cannot resolve nobody: Name or service not known; "):
                await address_of(resolver, "nobody")
        assert server.asked == {"nobody": 1}


@pytest.mark.parametrize("name", ["a..b", "x" * 300, "bad\0name", "ümlaut" * 50])
async def test_a_text_that_is_no_host_name_is_refused_like_one_that_does_not_exist(name: str) -> None:
    with pytest.raises(ResolveError, match=r"^cannot resolve "):
        await address_of(Resolver(), name)


async def test_two_hundred_dead_names_delay_no_other() -> None:
    """The good name is asked for last, when all dead ones are being looked up."""
    with dns(good="192.0.2.7") as server:
        resolver = Resolver(server, ResolverLimits(resolve_s=60))
        dead = [asyncio.ensure_future(address_of(resolver, f"dead-{number}")) for number in range(200)]
        await until(lambda: len(server.asked) == 200, "all are being looked up")
        assert await address_of(resolver, "good") == "192.0.2.7"
        # The loop's own threads are as free as before.
        assert await asyncio.to_thread(lambda: "free") == "free"
        assert not any(each.done() for each in dead)
        server.over.set()
        assert set(await asyncio.gather(*dead)) == {"192.0.2.99"}


async def test_with_more_dead_names_than_threads_a_new_name_still_gets_one() -> None:
    with dns(good="192.0.2.7") as server:
        resolver = Resolver(server, ResolverLimits(resolve_s=0.2, threads=20))
        await asyncio.gather(*(address_of(resolver, f"dead-{n}") for n in range(50)), return_exceptions=True)
        assert len(server.asked) == 20, "threads are bounded"
        server.over.set()
        assert await address_of(resolver, "good") == "192.0.2.7"


async def test_names_that_timed_out_leave_threads_to_the_others() -> None:
    """Four dead names have timed out. Asked for again, they get two of the four threads, and a new name gets one at once."""
    with dns() as server:
        resolver = Resolver(server, ResolverLimits(resolve_s=0.1, fresh_s=0, threads=4, slow_threads=2))
        names = [f"dead-{number}" for number in range(4)]
        await asyncio.gather(*(address_of(resolver, name) for name in names), return_exceptions=True)
        server.over.set()
        await until(lambda: not any(resolver.is_looking_up(name) for name in names), "all have ended")
        server.over.clear()
        server.asked.clear()
        server.answers["good"] = ["192.0.2.7"]
        again = [asyncio.ensure_future(address_of(resolver, name)) for name in names]
        await until(lambda: len(server.asked) == 2, "two are asked for")
        assert await address_of(resolver, "good") == "192.0.2.7"
        assert set(server.asked) <= {"good", *names}
        assert len(server.asked) == 3
        server.over.set()
        await asyncio.gather(*again, return_exceptions=True)


async def test_everybody_who_wants_a_name_shares_one_look_up() -> None:
    with dns() as server:
        resolver = Resolver(server, ResolverLimits(resolve_s=60))
        waiting = [asyncio.ensure_future(address_of(resolver, "slow")) for _ in range(30)]
        await asyncio.sleep(0)
        server.over.set()
        assert set(await asyncio.gather(*waiting)) == {"192.0.2.99"}
        assert server.asked == {"slow": 1}


async def test_many_units_behind_one_dead_name_do_not_wait_one_after_the_other() -> None:
    with dns() as server:
        resolver, loop = Resolver(server, ResolverLimits(resolve_s=1.0)), asyncio.get_running_loop()
        with pytest.raises(ResolveError):
            await address_of(resolver, "gateway")
        started = loop.time()
        for _ in range(90):
            with pytest.raises(ResolveError, match="no answer in 1 s"):
                await address_of(resolver, "gateway")
        # A second each would be 90; what the machine takes for itself is well below half of that.
        assert loop.time() - started < 90 * 1.0 / 2, "the look-up has been waited for before"
        assert server.asked == {"gateway": 1}


async def test_an_answer_that_comes_too_late_is_there_at_the_next_attempt() -> None:
    with dns() as server:
        resolver = Resolver(server, ResolverLimits(resolve_s=0.1))
        with pytest.raises(ResolveError):
            await address_of(resolver, "late")
        server.over.set()
        await until(lambda: not resolver.is_looking_up("late"), "it has come")
        assert await address_of(resolver, "late") == "192.0.2.99"
        assert server.asked == {"late": 1}


async def test_a_known_address_outlives_a_silent_server_but_not_an_answer() -> None:
    with dns(ups="192.0.2.7") as server:
        resolver = Resolver(server, ResolverLimits(fresh_s=0))
        assert await address_of(resolver, "ups") == "192.0.2.7"
        server.answers["ups"] = ["192.0.2.8"]
        assert await address_of(resolver, "ups") == "192.0.2.8", "its address has changed"
        server.refusals["ups"] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        assert await address_of(resolver, "ups") == "192.0.2.8"
        server.refusals["ups"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        with pytest.raises(ResolveError, match=r"not known"):
            await address_of(resolver, "ups")


async def test_names_are_not_remembered_without_bound() -> None:
    names = [f"ups-{number}" for number in range(50)]
    with dns() as server:
        server.answers = {name: ["192.0.2.1"] for name in names}
        resolver = Resolver(server, ResolverLimits(names=10))
        for name in names:
            assert await address_of(resolver, name) == "192.0.2.1"
        assert 10 <= resolver.known <= 11


async def test_of_too_many_names_those_that_nobody_asked_for_longest_are_forgotten() -> None:
    with dns(a="192.0.2.1", b="192.0.2.2", c="192.0.2.3") as server:
        resolver = Resolver(server, ResolverLimits(names=2, fresh_s=60))
        for name in "abaca":
            await address_of(resolver, name)
        assert server.asked == {"a": 1, "b": 1, "c": 1}


async def test_a_name_that_is_being_looked_up_is_not_forgotten() -> None:
    with dns(other="192.0.2.1") as server:
        resolver = Resolver(server, ResolverLimits(names=1, resolve_s=60))
        asking = asyncio.ensure_future(address_of(resolver, "slow"))
        await until(lambda: server.asked["slow"] == 1, "it is being looked up")
        assert await address_of(resolver, "other") == "192.0.2.1"
        server.over.set()
        assert await asking == "192.0.2.99"


async def test_an_address_that_was_right_long_ago_is_not_used_for_ever() -> None:
    """While DNS does not answer it is better than none, for a day."""
    with dns(ups="192.0.2.1") as server:
        resolver = Resolver(server, ResolverLimits(fresh_s=0, stale_s=0.05, resolve_s=60))
        assert await address_of(resolver, "ups") == "192.0.2.1"
        server.refusals["ups"] = socket.gaierror(socket.EAI_AGAIN, "no answer")

        async def ask_on() -> None:
            while True:
                assert await address_of(resolver, "ups") == "192.0.2.1"

        with pytest.raises(ResolveError):
            await asyncio.wait_for(ask_on(), PATIENCE_S)


async def test_cancelling_one_waiting_task_cancels_no_other() -> None:
    with dns() as server:
        resolver = Resolver(server, ResolverLimits(resolve_s=60))
        first, second = (asyncio.ensure_future(address_of(resolver, "slow")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        server.over.set()
        assert await second == "192.0.2.99"
        assert first.cancelled()
