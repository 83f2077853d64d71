"""SNMPv3 sessions behind the check: time that passes, devices that are replaced, IPv6, and a gufo_snmp that does not fit."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
from gufo.snmp._fast import SnmpV3ClientSocket

from agent.snmp.clients import SnmpClients
from agent.snmp.gufo import GufoClient
from agent.snmp.gufo_v3 import REFRESH_AFTER_S, Socket, fault_of_gufo
from agent.snmp.pysnmp import PysnmpClient
from agent.snmp.seam import SnmpClient, SnmpTarget, SnmpUser
from agent.snmp.usm import RefusedDatagrams, read_message
from agent.snmp.usm.clock import BELIEVE_SETBACK_AFTER_S, WINDOW_S
from rackflow.errors import ConfigError, DeviceAuthError, DeviceError, DeviceTimeout, DeviceUnreachable
from rackflow.recording import Record
from simulator.snmp import SnmpDevice, parse_user
from tests.agent.conftest import BASE, Snmpd
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.snmp_clients import SYS_NAME, MakeClient, target_of
from tests.agent.snmp.v3_messages import V3
from tests.jumping import LONG_TIMEOUT_S, JumpingLoop, after
from tests.servers.ports import free_port

OID = f"{BASE}.1.0"
USER = SnmpUser("sha256aes", "sha256", "authauth1", "aes128", "privpriv1")


def run(test: Callable[[JumpingLoop], Awaitable[None]]) -> None:
    loop = JumpingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_awaited(test, loop))


async def _awaited(test: Callable[[JumpingLoop], Awaitable[None]], loop: JumpingLoop) -> None:
    await test(loop)


def test_the_engines_time_is_fetched_before_it_is_too_old(shared_snmpd: Snmpd) -> None:
    """One request more for each 100 s, and none that the device refuses for its time."""

    async def test(loop: JumpingLoop) -> None:
        async with Forger(shared_snmpd.port).serving() as forger:
            client = GufoClient(target_of(forger.own_port, USER, timeout_s=LONG_TIMEOUT_S))
            await client.get([OID])
            await client.get([OID])
            before = len(forger.requests)
            loop.ahead_s += REFRESH_AFTER_S + 1
            assert await client.get([OID]) == {OID: 42}
            assert len(forger.requests) == before + 2
            assert await client.get([OID]) == {OID: 42}
            assert len(forger.requests) == before + 3
            await client.close()

    run(test)


def test_answers_older_than_the_window_are_refused_until_they_have_lasted(engine: str, shared_snmpd: Snmpd) -> None:
    """Our clock goes forward and the device's does not, as if its answers had been kept back."""

    async def test(loop: JumpingLoop) -> None:
        refused = RefusedDatagrams()
        target = target_of(shared_snmpd.port, USER, timeout_s=LONG_TIMEOUT_S)
        client = GufoClient(target, refused=refused) if engine == "gufo" else PysnmpClient(target, refused=refused)
        assert await client.get([OID]) == {OID: 42}
        loop.ahead_s += WINDOW_S + 2
        with pytest.raises(DeviceAuthError, match="outside the time window"):
            await after(refused.counts.total, client.get([OID]))
        assert {reason for _, reason in refused.counts} == {"time"}
        loop.ahead_s += BELIEVE_SETBACK_AFTER_S
        assert await client.get([OID]) == {OID: 42}
        await client.close()

    run(test)


async def test_polls_tell_the_clock_by_which_traps_are_judged(
    engine: Literal["gufo", "pysnmp"], shared_snmpd: Snmpd
) -> None:
    clients = SnmpClients()
    async with Forger(shared_snmpd.port).serving() as forger:
        target = target_of(forger.own_port, USER, timeout_s=LONG_TIMEOUT_S)
        client = clients(target, engine)
        assert await client.get([OID]) == {OID: 42}
        answer, now = read_message(forger.answers[-1]), asyncio.get_running_loop().time()
        assert clients.clocks.is_timely([target.device], answer, now)
        assert clients.clocks.is_timely([target.device], answer, now + WINDOW_S + 60) is False
        assert clients.clocks.is_timely(["another"], answer, now) is False
        assert clients.clocks.is_timely([target.device], answer._replace(engine=b"of nobody"), now) is None
        await client.close()


async def test_a_replaced_device_is_found_in_the_next_try(own_snmpd: Snmpd) -> None:
    """What it says of its new engine is believed when its key has shown it; it is not searched for."""
    async with Forger(own_snmpd.port).serving() as forger:
        client = GufoClient(target_of(forger.own_port, USER, timeout_s=LONG_TIMEOUT_S, retries=1))
        assert await client.get([OID]) == {OID: 42}
        before = V3.parse(forger.answers[-1]).engine
        own_snmpd.stop()
        own_snmpd.state.unlink()
        own_snmpd.start()
        sent = len(forger.requests)
        assert await after(lambda: len(forger.answers), client.get([OID]), jumps=1) == {OID: 42}
        assert V3.parse(forger.answers[-1]).engine != before
        assert all(V3.parse(request).engine for request in forger.requests[sent:])
        await client.close()


async def test_no_engine_is_searched_for_when_it_is_known(shared_snmpd: Snmpd) -> None:
    """After a silence, the next session goes on with the engine that was verified: nobody can offer another one."""
    async with Forger(shared_snmpd.port).serving() as forger:
        client = GufoClient(target_of(forger.own_port, USER, timeout_s=LONG_TIMEOUT_S))
        assert await client.get([OID]) == {OID: 42}
        forger.on_data = lambda _, __: []
        with pytest.raises(DeviceTimeout):
            await after(lambda: len(forger.answers), client.get([OID]))
        forger.on_data = lambda _, answer: [answer]
        sent = len(forger.requests)
        assert await client.get([OID]) == {OID: 42}
        assert all(V3.parse(request).engine for request in forger.requests[sent:])
        await client.close()


async def test_a_closed_port_is_reported_at_the_deadline() -> None:
    """ICMP can be forged, so it does not end the wait: the device may answer yet."""
    client = GufoClient(target_of(free_port(), USER, timeout_s=0.3))
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeviceUnreachable, match="refused"):
        await client.get([OID])
    assert asyncio.get_running_loop().time() - began >= 0.3
    await client.close()


@pytest.mark.parametrize("user", ["ops:sha1:authauth1", "ops:sha512:authauth1:aes256:privpriv1", "ops"])
async def test_a_device_that_reboots_between_requests_answers_the_next_one(client_of: MakeClient, user: str) -> None:
    """Another implementation of the device's side. It tells its new time in a report, and the request goes through in the same try."""
    device = SnmpDevice([Record(SYS_NAME, "4", b"here")], users=[parse_user(user)])
    name, auth, auth_key, priv, priv_key = (*user.split(":"), "", "", "", "")[:5]
    credential = SnmpUser(name, auth, auth_key, priv, priv_key)  # type: ignore[arg-type]
    client = client_of(target_of(await device.start(), credential, timeout_s=LONG_TIMEOUT_S))
    try:
        for _ in range(3):
            assert await client.get([SYS_NAME]) == {SYS_NAME: b"here"}
            device.reboot()
    finally:
        await device.stop()


async def test_a_user_whose_name_no_message_can_hold_is_a_mistake_in_the_configuration(client_of: MakeClient) -> None:
    with pytest.raises(ConfigError, match="at most 32 octets"):
        client_of(target_of(1, SnmpUser("\u00e9" * 17)))


class SixSnmpd(Snmpd):
    """A daemon on IPv6."""

    def command(self) -> list[str]:
        """See `Server.command`."""
        command = super().command()
        config = self.folder / "snmpd.conf"
        text = config.read_text(encoding="utf-8")
        both = f"agentAddress udp:127.0.0.1:{self.port},udp6:[::1]:{self.port}"
        config.write_text(text.replace(f"agentAddress udp:127.0.0.1:{self.port}", both), encoding="utf-8")
        return command


async def test_a_device_at_an_ipv6_address_is_read(client_of: MakeClient, tmp_path: Path) -> None:
    with SixSnmpd(tmp_path / "snmpd").serving() as server:
        client = client_of(target_of(server.port, USER, host="::1", timeout_s=LONG_TIMEOUT_S))
        assert await client.get([OID]) == {OID: 42}
        assert len(await client.walk("1.3.6.1.2.1.1", limit=5)) == 5


async def test_a_cancelled_request_leaves_nothing_behind(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    """Its answer, which comes later, is not taken for that of the next one."""
    client = client_of(target_of(shared_snmpd.port, USER, timeout_s=LONG_TIMEOUT_S))
    await client.get([OID])
    for _ in range(5):
        task = asyncio.create_task(client.get([f"{BASE}.2.0"]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.get([OID]) == {OID: 42}


async def test_many_devices_of_one_credential_at_once(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    """Several of them at one address: each gets its own answers."""
    clients = [client_of(target_of(shared_snmpd.port, USER, timeout_s=5.0)) for _ in range(4)]
    for _ in range(3):
        assert await asyncio.gather(*(client.get([OID]) for client in clients)) == [{OID: 42}] * 4


def test_the_installed_gufo_can_be_verified() -> None:
    assert fault_of_gufo() == ""


class Elsewhere:
    """A gufo_snmp that would send on a descriptor of its own."""

    def __init__(self, *_: object) -> None:
        self._descriptor = os.open(os.devnull, os.O_RDWR)

    def __del__(self) -> None:
        os.close(self._descriptor)

    def get_fd(self) -> int:
        return self._descriptor

    def send_refresh(self) -> None:
        """Send to somewhere else."""

    def recv_refresh(self) -> None:
        """Receive from somewhere else."""


class Renamed(Elsewhere):
    """A gufo_snmp with other names."""

    def get_fd(self) -> NoReturn:
        raise AttributeError("get_fd")


class SendsOnly:
    """A gufo_snmp that writes to its descriptor and reads from another."""

    def __init__(self, *given: Any) -> None:  # noqa: ANN401 - whatever the real one takes
        self._real = SnmpV3ClientSocket(*given)

    def get_fd(self) -> int:
        return self._real.get_fd()

    def send_refresh(self) -> None:
        self._real.send_refresh()

    def recv_refresh(self) -> None:
        raise BlockingIOError("nothing on the other one")


@pytest.mark.parametrize("make", [None, Elsewhere, Renamed, SendsOnly])
def test_a_gufo_that_cannot_be_verified_is_named(make: Callable[..., Socket] | None) -> None:
    assert "answers could not be verified" in fault_of_gufo(make)


def test_a_release_that_was_not_tried_is_named() -> None:
    assert "only 0.13.x has been tried" in fault_of_gufo(found="0.14.0")


async def test_it_polls_everything_but_v3(shared_snmpd: Snmpd, caplog: pytest.LogCaptureFixture) -> None:
    """For v3 there is pysnmp then, and it is said once."""
    clients = SnmpClients(lambda: "gufo_snmp 9 cannot be used for SNMPv3")
    made: list[SnmpClient] = [clients(target_of(shared_snmpd.port, USER, timeout_s=LONG_TIMEOUT_S)) for _ in range(2)]
    assert isinstance(clients(target_of(shared_snmpd.port)), GufoClient)
    assert all(isinstance(client, PysnmpClient) for client in made)
    assert await made[0].get([OID]) == {OID: 42}
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [
        "gufo_snmp 9 cannot be used for SNMPv3; SNMPv3 devices are polled as with `engine: pysnmp`, which takes more CPU"
    ]
    for client in made:
        await client.close()


async def test_refused_datagrams_of_all_clients_are_counted_together(shared_snmpd: Snmpd) -> None:
    clients = SnmpClients()
    async with Forger(shared_snmpd.port).serving() as forger:
        forger.on_data = lambda _, answer: [b"garbage", answer]
        for device in ("ups-1", "ups-2"):
            target = SnmpTarget(device, "127.0.0.1", forger.own_port, USER, LONG_TIMEOUT_S)
            for engine in ("gufo", "pysnmp"):
                client = clients(target, engine)
                assert await client.get([OID]) == {OID: 42}
                await client.close()
    assert {name for name, _ in clients.refused.counts} == {"ups-1", "ups-2"}
    assert {reason for _, reason in clients.refused.counts} == {"malformed"}
    with pytest.raises(DeviceError):
        await clients(target_of(free_port(), USER, timeout_s=0.1)).get([OID])
