"""Two agents are started under one name by mistake: the broker ends the connection of one whenever the other connects.

All who can know of it say so, and what either of them polled is stored in the end.
"""

import re
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agent.name_in_use import NameInUse
from rackflow.process.broker import Broker
from rackflow.process.doctor import check_broker
from rackflow.recording import read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.collector.running import Running, config_for, running
from tests.e2e.agents import agent_file, snmp_device
from tests.servers.mosquitto import Mosquitto
from tests.servers.program import Program
from tests.servers.waiting import eventually
from tests.servers.web import request

UPS = Path(__file__).resolve().parents[2] / "simulator" / "recordings" / "rfc1628-ups.snmprec"
ADVICE = "another client uses the client id gw-e2e@cas1: stop it, or give one of the two another name"
# They are waited for for half a minute, in which polling often would only take CPU from other tests.
EVERY_2_S = dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), 2.0)
WHO = '{agent="gw-e2e",site="cas1"}'


async def counts(collector: Running, *names: str) -> list[float]:
    """What the ledger counts of the agent's messages."""
    return [float(await collector.sample(f"dcim_collector_ledger_{name}_messages{WHO}")) for name in names]


async def test_two_agents_of_one_name_are_reported_by_all_sides_and_lose_nothing(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    device = SnmpDevice(read_snmprec(UPS))
    port = await device.start()
    folders = [tmp_path / "first", tmp_path / "second"]
    programs: list[Program] = []
    for folder in folders:
        folder.mkdir()
        outbox = {"mode": "disk", "path": str(folder / "outbox.db")}
        config = agent_file(folder, mosquitto.port, [snmp_device("ups-1", port)], outbox=outbox, intervals=EVERY_2_S)
        programs.append(Program("agent", config))

    def log_of(number: int) -> str:
        return (folders[number] / "agent.log").read_text(encoding="utf-8")

    async with AsyncExitStack() as stack:
        stack.push_async_callback(device.stop)
        collector = await stack.enter_async_context(running(config_for(mosquitto.port, tmp_path / "collector")))
        await collector.ready()
        with programs[0].serving():
            await eventually(lambda: "profile=rfc1628-ups" in log_of(0), "the first one polls")
            with programs[1].serving():
                await eventually(lambda: ADVICE in log_of(0) and ADVICE in log_of(1), "both agents name the cause")
                # Their statuses tell `doctor` that it is worth waiting for the turn of the other one.
                usage = NameInUse("cas1", "gw-e2e")
                await check_broker(Broker(port=mosquitto.port), listener=usage.listener())
                assert usage.is_in_doubt(time.time_ns() // 1_000_000)
                await collector.reaches(f"dcim_collector_agent_clones{WHO}", lambda value: value == 1)
                await eventually(
                    lambda: "gw-e2e at cas1 runs twice" in request(f"{collector.url}/api/v1/problems").text,
                    "the problem",
                )
                started = r"on host \S+ \(started \S+Z\)"
                assert re.search(f"agent=gw-e2e site=cas1 runs twice: {started}, and {started}", caplog.text)
        for number in (1, 0):
            left = sum(map(int, re.findall(r"messages=(\d+) not delivered when the agent stopped", log_of(number))))
            (stored,) = await counts(collector, "stored")
            with programs[number].serving():  # alone, with what its outbox kept
                await collector.reaches(f"dcim_collector_ledger_stored_messages{WHO}", (stored + left).__lt__)
        await collector.reaches(f"dcim_collector_ledger_in_flight_messages{WHO}", lambda now: now == 0)
        produced, stored, missing = await counts(collector, "produced", "stored", "missing")
        assert (produced, missing) == (stored, 0)
