"""Two agents with one id at one broker, as separate processes: both are told, so is the collector, and nothing is lost."""

import contextlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from rackflow.recording.snmprec import read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.collector.running import config_for, running
from tests.e2e.agents import REPOSITORY, agent_file, agent_process, snmp_device
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

RECORDING = REPOSITORY / "simulator" / "recordings" / "apc-rpdu2.snmprec"
ADVICE = "another client uses the client id gw-e2e@cas1: stop it, or give one of the two another name"
# Pauses of 10 to 30 s lie between what is looked for.
PATIENCE_S = 150.0


@contextlib.contextmanager
def started(folder: Path, broker_port: int, name: str, port: int) -> Iterator[Path]:
    """An agent of the same id as any other, with a device and an outbox of its own; gives its log."""
    folder.mkdir()
    outbox = {"mode": "disk", "path": str(folder / "outbox")}
    with agent_process(agent_file(folder, broker_port, [snmp_device(name, port)], outbox=outbox)):
        yield folder / "agent.log"


def ends(log: Path) -> list[str]:
    """What it said each time its connection ended."""
    return [line for line in log.read_text(encoding="utf-8").splitlines() if "not connected" in line]


def told_twice(log: Path) -> bool:
    return sum(ADVICE in line for line in ends(log)) >= 2


async def test_two_agents_of_one_id_are_told_in_both_logs_and_by_the_collector_and_nothing_is_lost(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    device = SnmpDevice(read_snmprec(RECORDING))
    port = await device.start()
    try:
        async with running(config_for(mosquitto.port, tmp_path / "collector")) as one:
            await one.ready()
            with started(tmp_path / "a", mosquitto.port, "pdu-a", port) as first:
                with started(tmp_path / "b", mosquitto.port, "pdu-b", port) as second:
                    for log in (first, second):
                        await eventually(
                            partial(told_twice, log),
                            "it is told, and told again when the other one is back",
                            timeout_s=PATIENCE_S,
                        )
                    await one.reaches(
                        'dcim_collector_agent_clones{agent="gw-e2e",site="cas1"}', lambda twice: twice == 1
                    )
                # Once they know of each other, no break goes without its reason.
                for log in (first, second):
                    told = [ADVICE in line for line in ends(log)]
                    assert all(told[told.index(True) :]), ends(log)
            words = "; ".join(record.getMessage() for record in caplog.records if "runs twice" in record.getMessage())
            assert re.search(r"runs twice: on host \S+ \(started \S+Z\), and on host \S+ \(started \S+Z\)", words)
            assert await one.sample('dcim_collector_ledger_missing_messages{agent="gw-e2e",site="cas1"}') == "0.0"
    finally:
        await device.stop()
