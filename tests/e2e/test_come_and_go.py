"""What comes and goes is told once: an agent that is really killed and started again, and a device that falls silent."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from rackflow.recording.snmprec import read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.collector.running import Running, config_for, running, until
from tests.conformance.golden import GOLDEN
from tests.e2e.agents import agent_file, snmp_device
from tests.servers.mosquitto import Mosquitto
from tests.servers.program import Program

DEVICE = "cas1/ups-1"
AGENT_UP = 'dcim_agent_up{site="cas1",agent="gw-e2e"}'
# For how long the agent is away, and works between two crashes: agents are looked at once a second, as Prometheus scrapes them. One that
# dies sooner is down all the time, which is DcimAgentDown.
LASTS_S = 2.5
TIMES = 4
"""More than three times within half an hour are told."""


class Site:
    """A device, its agent and the collector; `told` are the problems that were ever reported, but for consequences."""

    def __init__(self, one: Running, agent: Program, device: SnmpDevice) -> None:
        self.one, self.agent, self.device = one, agent, device
        self.told: set[str] = set()

    async def watch(self) -> None:
        while True:
            self.told |= set(await self.reported())
            await asyncio.sleep(0.1)

    async def reported(self) -> Sequence[str]:
        found = json.loads((await self.one.get("/api/v1/problems")).body)
        return [each["name"] for each in found["problems"] if "cause" not in each]

    async def is_up(self) -> None:
        await until(lambda: self.one.collector.stats().devices_up == (DEVICE,), "the device answers", 60)

    async def kill_agent(self) -> None:
        """As a crash: systemd starts it again after some seconds."""
        self.agent.kill()
        await self.one.reaches(AGENT_UP, lambda value: value == 0)
        await asyncio.sleep(LASTS_S)
        await asyncio.to_thread(self.agent.start)
        await self.one.reaches(AGENT_UP, lambda value: value == 1, 60)
        await asyncio.sleep(LASTS_S)

    async def silence_device(self) -> None:
        self.device.mute = True
        await until(lambda: self.one.collector.stats().devices_down == (DEVICE,), "the device is silent")
        self.device.mute = False


KINDS: list[tuple[str, Callable[[Site], Awaitable[None]]]] = [
    ("DcimAgentFlapping", Site.kill_agent),
    ("DcimDeviceFlapping", Site.silence_device),
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("problem", "happens"), KINDS, ids=[name for name, _ in KINDS])
async def test_what_is_away_for_seconds_again_and_again_is_told_once_and_nothing_else_is(
    problem: str, happens: Callable[[Site], Awaitable[None]], mosquitto: Mosquitto, captures: Path, tmp_path: Path
) -> None:
    device = SnmpDevice(read_snmprec(captures / "snmp" / f"{next(iter(GOLDEN))}.snmprec"))
    port = await device.start()
    config = agent_file(tmp_path, mosquitto.port, [snmp_device("ups-1", port, timeout_s=0.3, retries=0)])
    try:
        async with running(config_for(mosquitto.port, tmp_path)) as one, asyncio.TaskGroup() as group:
            await one.ready()
            with Program("agent", config).serving() as agent:
                site = Site(one, agent, device)
                await site.is_up()
                watching = group.create_task(site.watch(), name="watching")
                times = 0
                # A collector on a busy machine may look away for longer than one absence, which does not count then.
                while problem not in site.told and times < 3 * TIMES:
                    await happens(site)
                    await site.is_up()
                    times += 1
                assert times >= TIMES
                assert site.told == {problem}
                watching.cancel()
    finally:
        await device.stop()
