"""Whose traps are taken when a name is not resolved any more or a device is disabled."""

import asyncio
import contextlib
import socket

import pytest

from agent.snmp import SnmpClients
from agent.traps import TrapReceiver
from rackflow.errors import ResolveError
from rackflow.process.resolve import Resolver, ResolverLimits
from tests.agent.running import config_for
from tests.agent.test_traps import COLD_START, SELDOM, devices_at
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually


async def test_a_name_that_nobody_resolves_any_more_keeps_its_addresses(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage of DNS for longer than addresses are kept for polls: the device still sends from where it was."""
    monkeypatch.setattr("agent.traps.LOOK_AGAIN_S", 0.05)
    lookups: list[str] = []

    def lookup(host: str) -> list[str]:
        lookups.append(host)
        if len(lookups) > 1:
            raise OSError("no answer of any server")
        return ["127.0.0.1"]

    told: list[str] = []
    resolver = Resolver(lookup, ResolverLimits(fresh_s=0.0, stale_s=1.0))
    clients = SnmpClients(resolver=resolver)
    receiver = TrapReceiver(
        devices_at(mosquitto, ups_1="ups-1.example"), lambda device, *_: told.append(device), clients
    )
    receiver.start()

    async def is_stale() -> bool:
        with contextlib.suppress(ResolveError):
            return not await resolver.addresses("ups-1.example")
        return True

    async with asyncio.timeout(30):
        while not (lookups and await is_stale()):  # noqa: ASYNC110 - the resolver forgets by its clock
            await asyncio.sleep(0.05)
    before = len(lookups)
    await eventually(lambda: receiver.port and len(lookups) > before + 3, "it is looked up again and again")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        assert receiver.port
        device.sendto(COLD_START, ("127.0.0.1", receiver.port))
        await eventually(
            lambda: told or receiver.values()["dcim_agent_traps_refused_total{reason=sender}"], "taken or not"
        )
    await receiver.stop(5)
    assert told == ["ups-1"]


async def test_traps_of_a_disabled_device_are_those_of_a_stranger_and_logged_once_a_minute_with_their_number(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = [1000.0]
    entry = {"id": "ups-1", "host": "127.0.0.1", "credential": "c", "enabled": False}
    config = config_for(mosquitto, **{**SELDOM, "devices": [entry], "traps": {"listen": "127.0.0.1:0"}})
    receiver = TrapReceiver(config, lambda *_: None, clock=lambda: now_s[0])
    receiver.start()
    await eventually(lambda: receiver.port, "the port is open")
    assert receiver.port
    key = "dcim_agent_traps_refused_total{reason=sender}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        for count, after_s in enumerate((0.0, 30.0, 59.0, 60.0, 61.0), 1):
            now_s[0] = 1000.0 + after_s
            device.sendto(COLD_START, ("127.0.0.1", receiver.port))
            await eventually(lambda count=count: receiver.values()[key] == count, "refused")  # type: ignore[misc]
    await receiver.stop(5)
    told = [each.partition(",")[0] for each in caplog.messages if each.startswith("refused")]
    assert told == ["refused 1 trap", "refused 3 traps"]
    assert receiver.values()["dcim_agent_traps_total"] == 0
