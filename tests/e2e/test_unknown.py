"""Unknown is not down, with an agent as its own process: killed, started again, and stopped in the middle of its work."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rackflow.recording.snmprec import read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.collector.running import Running, config_for, running, until
from tests.conformance.golden import GOLDEN
from tests.e2e.agents import agent_file, snmp_device
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.program import Program

DEVICE, SILENT = "cas1/ups-1", "cas1/silent"


@asynccontextmanager
async def never_red(one: Running) -> AsyncIterator[None]:
    """Check throughout that the device that answers is never reported as down."""

    async def watch() -> None:
        while True:
            assert DEVICE not in one.collector.stats().devices_down
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(), name="never-red")
        yield
        watching.cancel()


async def test_a_device_is_unknown_while_its_agent_is_dead_or_hangs_and_never_down(
    mosquitto: Mosquitto, captures: Path, tmp_path: Path
) -> None:
    """A second device really does not answer: it is down whenever its agent polls."""
    device = SnmpDevice(read_snmprec(captures / "snmp" / f"{next(iter(GOLDEN))}.snmprec"))
    port = await device.start()
    silent = snmp_device("silent", free_port(), timeout_s=0.3, retries=0)
    config = agent_file(tmp_path, mosquitto.port, [snmp_device("ups-1", port), silent])
    try:
        async with running(config_for(mosquitto.port, tmp_path)) as one, never_red(one):
            stats = one.collector.stats
            await one.ready()
            with Program("agent", config).serving() as agent:
                await until(lambda: (stats().devices_up, stats().devices_down) == ((DEVICE,), (SILENT,)), "both known")
                agent.kill()
                await until(lambda: stats().devices_unknown == (SILENT, DEVICE), "killed")
                assert await one.sample('dcim_agent_up{site="cas1",agent="gw-e2e"}') == "0"
            with Program("agent", config).serving() as agent:
                await until(
                    lambda: (stats().devices_up, stats().devices_down) == ((DEVICE,), (SILENT,)), "started again"
                )
                os.kill(agent.pid, signal.SIGSTOP)
                await until(lambda: stats().devices_unknown == (SILENT, DEVICE), "hangs", 60)
                os.kill(agent.pid, signal.SIGCONT)
                await until(lambda: stats().devices_up == (DEVICE,), "goes on", 60)
    finally:
        await device.stop()
