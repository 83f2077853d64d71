"""Devices by host name: a name that cannot be resolved delays no other device, and a device whose address has changed is found again."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.modbus.client import ModbusLink
from agent.modbus.seam import ModbusTarget
from agent.snmp.gufo import GufoClient
from agent.snmp.pysnmp import PysnmpClient
from agent.snmp.seam import SnmpClient, SnmpCommunity, SnmpTarget
from rackflow.errors import DeviceError, DeviceUnreachable
from rackflow.process.resolve import Resolver, ResolverLimits
from tests.agent.conftest import BASE, Snmpd
from tests.agent.faulty_peers import FaultyAgent, FaultyModbus, integer
from tests.agent.running import listening
from tests.agent.test_faulty_devices import good
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "127.0.0.9"
DEAD = 200
DNS = "127.77.53.53"


class Names:
    """A look-up whose answers can be changed; for other names the DNS server is away."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = addresses

    def __call__(self, host: str) -> list[str]:
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self.addresses[host].split()


def snmp_client(engine: str, port: int, resolver: Resolver, host: str = "ups.example") -> SnmpClient:
    target = SnmpTarget("ups-1", host, port, SnmpCommunity("2c", "public"), 0.5, retries=0)
    return GufoClient(target, resolver=resolver) if engine == "gufo" else PysnmpClient(target, resolver=resolver)


async def test_an_snmp_device_without_an_address_is_unreachable(engine: str) -> None:
    client = snmp_client(engine, 161, Resolver(Names()))
    with pytest.raises(DeviceUnreachable, match=r"^ups-1 snmp: cannot resolve ups\.example: Temporary failure"):
        await client.get([f"{BASE}.1.0"])
    await client.close()


async def test_an_snmp_device_that_has_moved_is_found_after_one_failure(shared_snmpd: Snmpd, engine: str) -> None:
    names = Names(**{"ups.example": NOBODY})
    client = snmp_client(engine, shared_snmpd.port, Resolver(names, ResolverLimits(fresh_s=0)))
    with pytest.raises(DeviceError):
        await client.get([f"{BASE}.1.0"])
    names.addresses["ups.example"] = "127.0.0.1"
    assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
    await client.close()


async def test_an_snmp_device_whose_name_is_given_to_another_one_is_left_while_it_still_answers(engine: str) -> None:
    old, new = (FaultyAgent({f"{BASE}.1.0": integer(number)}) for number in (1, 2))
    names = Names(**{"ups.example": "127.0.0.1"})
    limits = ResolverLimits(fresh_s=0, held_s=0)
    async with old.serving(), new.serving("127.0.0.2", old.port):
        client = snmp_client(engine, old.port, Resolver(names, limits))
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 1}
        del names.addresses["ups.example"]
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 1}, "DNS is away"
        names.addresses["ups.example"] = "127.0.0.2"
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 2}
        await client.close()


async def test_an_snmp_device_that_answers_at_the_second_address_of_its_name_only_is_read(engine: str) -> None:
    """A name often has an address of each IP version, and a card speaks one of them."""
    names = Names(**{"ups.example": f"{NOBODY} 127.0.0.1"})
    async with FaultyAgent({f"{BASE}.1.0": integer(1)}).serving() as card:
        client = snmp_client(engine, card.port, Resolver(names))
        with pytest.raises(DeviceError):
            await client.get([f"{BASE}.1.0"])
        for _ in range(3):
            assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 1}
        # It is not left because it was silent for a moment.
        card.behaviour = lambda _: []
        with pytest.raises(DeviceError):
            await client.get([f"{BASE}.1.0"])
        card.behaviour = None
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 1}
        await client.close()


async def test_a_modbus_device_that_answers_at_the_second_address_of_its_name_only_is_read() -> None:
    async with FaultyModbus(good).serving() as server:
        names = Names(**{"meter.example": f"{NOBODY} 127.0.0.1"})
        client = ModbusLink(ModbusTarget("tcp", "meter.example", server.port), Resolver(names))
        with pytest.raises(DeviceUnreachable):
            await client.read(1, "holding", 0, 2)
        assert await client.read(1, "holding", 0, 2) == [1, 2]
        await client.close()
        assert await client.read(1, "holding", 0, 2) == [1, 2]
        await client.close()


async def test_an_address_without_its_interface_says_so(engine: str) -> None:
    for host, words in (("fe80::1", "add the interface: fe80::1%eth0"), ("fe80::1%no0", "has no interface no0")):
        client = snmp_client(engine, 161, Resolver(), host)
        with pytest.raises(DeviceUnreachable, match=words):
            await client.get([f"{BASE}.1.0"])
        await client.close()


async def test_a_device_at_an_address_with_an_interface_is_asked(engine: str) -> None:
    """Loopback has no link-local address, but takes its own with the interface."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
        own.bind(("::1", 0))
        card = FaultyAgent({f"{BASE}.1.0": integer(1)}, own_socket=own)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: card, sock=own.dup())
        client = snmp_client(engine, own.getsockname()[1], Resolver(), "::1%lo")
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 1}
        await client.close()
        transport.close()


async def test_a_modbus_device_whose_name_is_given_to_another_one_is_left_while_it_still_answers() -> None:
    async with FaultyModbus(good).serving() as old:
        names = Names(**{"meter.example": "127.0.0.1"})
        client = ModbusLink(
            ModbusTarget("tcp", "meter.example", old.port), Resolver(names, ResolverLimits(fresh_s=0, held_s=0))
        )
        assert await client.read(1, "holding", 0, 2) == [1, 2]
        names.addresses.clear()
        assert await client.read(1, "holding", 1, 1) == [2], "DNS is away"
        assert old.connections == 1
        names.addresses["meter.example"] = NOBODY
        with pytest.raises(DeviceUnreachable, match="cannot connect"):
            await client.read(1, "holding", 1, 1)
        await client.close()


async def test_a_modbus_device_without_an_address_is_unreachable() -> None:
    client = ModbusLink(ModbusTarget("tcp", "meter.example"), Resolver(Names()))
    with pytest.raises(DeviceUnreachable, match=r"cannot resolve meter\.example: Temporary failure"):
        await client.read(1, "holding", 0, 2)
    await client.close()


async def test_a_modbus_device_that_has_moved_is_found_after_one_failure() -> None:
    async with FaultyModbus(good).serving() as server:
        names = Names(**{"meter.example": NOBODY})
        resolver = Resolver(names, ResolverLimits(fresh_s=0))
        client = ModbusLink(ModbusTarget("tcp", "meter.example", server.port), resolver)
        with pytest.raises(DeviceUnreachable):
            await client.read(1, "holding", 0, 2)
        names.addresses["meter.example"] = "127.0.0.1"
        assert await client.read(1, "holding", 0, 2) == [1, 2]
        names.addresses.clear()
        assert await client.read(1, "holding", 1, 1) == [2], "an open connection needs no name"
        await client.close()


@contextmanager
def silent_dns() -> Iterator[None]:
    """A DNS server that takes every question and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((DNS, 53))
        yield


def in_a_world_of_its_own(folder: Path, *command: str) -> list[str]:
    """The command with other files in /etc, in a mount namespace that only it sees."""
    files = {
        # The system waits for the server for longer than a busy machine needs to call all devices down.
        "resolv.conf": f"nameserver {DNS}\noptions timeout:30 attempts:5\n",
        "hosts": "127.0.0.1 localhost ups.example\n",
        "nsswitch.conf": "hosts: files dns\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    mounts = " && ".join(f"mount --bind {folder}/{name} /etc/{name}" for name in files)
    return ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *command]


async def test_devices_are_polled_on_time_beside_two_hundred_names_that_nobody_answers_for(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """The dead devices come first in the file. One good device is in /etc/hosts, the other has a plain address."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("this test must run on CI, as root", pytrace=False)
        pytest.skip("needs root: a mount namespace for /etc/resolv.conf, and port 53")
    async with FaultyModbus(good).serving() as device, listening(mosquitto) as listener:
        modbus = {"protocol": "modbus", "profile": "schneider-iem3000"}
        dead = [{"id": f"dead-{n}", "host": f"dead-{n}.example", **modbus} for n in range(DEAD)]
        alive = {"by-name": "ups.example", "by-address": "127.0.0.1"}
        listed = [*dead, *({"id": name, "host": host, "port": device.port, **modbus} for name, host in alive.items())]
        file = tmp_path / "agent.yaml"
        whole = {
            "agent": "gw-1",
            "labels": {"site": "t1"},
            "broker": {"port": mosquitto.port},
            "intervals": dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), 0.5),
            "devices": listed,
        }
        file.write_text(json.dumps(whole), encoding="utf-8")
        command = in_a_world_of_its_own(tmp_path, sys.executable, "-m", "agent", "run", str(file))
        with silent_dns(), (tmp_path / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=log)
            try:
                await eventually(lambda: listener.batches("dead-0"), "the first dead name is told")
                early = {name: len(listener.batches(name)) for name in alive}
                await eventually(
                    lambda: (
                        {each.device for each in listener.events() if each.kind == "down"}
                        >= {each["id"] for each in dead}
                    ),
                    "all dead ones are down",
                )
                polls = {name: sum(batch.up for batch in listener.batches(name)) for name in alive}
            finally:
                process.terminate()
                began = time.monotonic()
                status = await process.wait()
        assert status == 0
        assert time.monotonic() - began < 60, "a stop does not wait for 200 look-ups of 5 s"
        # A look-up is waited for 5 s: ten polls of each living device. A busy machine may skip most of them, and keep this process, and so
        # the devices in it, from answering; but none of them waits for the dead ones.
        assert min(early.values()) >= 1, early
        # Three look-ups, with pauses.
        assert min(polls.values()) >= 5, polls
        assert {batch.error for each in dead for batch in listener.batches(str(each["id"]))} == {"unreachable"}
        texts = {each.text for each in listener.events() if each.device == "dead-7"}
        assert any("cannot resolve dead-7.example: no answer in 5 s" in text for text in texts)
        # The device answers from this very process: on a busy machine it may be late, but it is never without an address.
        assert {batch.error for name in alive for batch in listener.batches(name)} <= {None, "timeout"}
