"""Profiles that are read again by a running agent: faulty ones change nothing, new and changed ones are used without a restart."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

from simulator.modbus.server import ModbusServer
from simulator.models.registers import MappedRegisters
from tests.agent.profile.loading.bad_profiles import bad_profiles
from tests.agent.running import listening
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

PROFILE = """version: 1
profile: NAME
class: cdu
protocol: modbus
title: A pump unit
source: a manual
evidence: unverified
points:
  - {metric: dcim_cdu_power_watts, register: 3, unit: UNIT, poll: safety}
"""


def untold(log: Path, folder: Path) -> list[str]:
    """Faulty profiles of this folder of which the log does not say what is wrong, and where."""
    text = log.read_text(encoding="utf-8").replace('\\"', "").replace('"', "")
    return [bad.name for bad in bad_profiles() if f"{folder / bad.name}.yaml{bad.said}".replace('"', "") not in text]


async def test_sixty_faulty_profiles_do_not_end_an_agent_and_a_new_family_needs_no_restart(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    file, log, folder = tmp_path / "agent.yaml", tmp_path / "agent.log", tmp_path / "profiles"
    folder.mkdir()

    def write(name: str, unit: str) -> None:
        (folder / f"{name}.yaml").write_text(PROFILE.replace("NAME", name).replace("UNIT", unit), encoding="utf-8")

    def configure(**devices: str) -> None:
        there = {"protocol": "modbus", "host": "127.0.0.1", "port": port}
        listed = [{"id": name, "profile": profile, **there} for name, profile in devices.items()]
        whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": {"port": mosquitto.port}, "devices": listed}
        file.write_text(json.dumps(whole | {"profiles": str(folder)}), encoding="utf-8")

    def said(text: str) -> bool:
        return re.search(text, log.read_text(encoding="utf-8")) is not None

    server = ModbusServer({1: MappedRegisters(lambda: {3: 7}, "holding")})
    port = await server.start()
    write("mine", "watt")
    configure(a="mine")
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "agent", "run", str(file), stderr=stderr)
    try:
        async with listening(mosquitto) as listener:

            def power(device: str) -> float | None:
                batches = [each for each in listener.batches(device) if each.values]
                return batches[-1].values.get("dcim_cdu_power_watts") if batches else None

            await eventually(lambda: power("a") == 7, "the device is polled", timeout_s=60)
            faulty = [bad.written(folder) for bad in bad_profiles()]
            process.send_signal(signal.SIGHUP)
            # The log has it in several parts, as it is long.
            await eventually(lambda: said("reload refused, nothing is changed"), "refused", timeout_s=60)
            await eventually(lambda: not untold(log, folder), "the log says what is wrong with each", timeout_s=60)
            before = len(listener.batches("a"))
            await eventually(lambda: len(listener.batches("a")) > before + 1, "polling goes on")
            assert power("a") == 7
            for path in faulty:
                path.unlink()
            write("mine", "kilowatt")
            write("newcomer", "watt")
            configure(a="mine", b="newcomer")
            process.send_signal(signal.SIGHUP)
            await eventually(lambda: power("b") == 7, "the new family is polled", timeout_s=60)
            await eventually(lambda: power("a") == 7000, "the changed profile is used")
            assert len({each.epoch for each in listener.batches("a")}) == 1, "it is the same agent"
            # So that a collector forgets series which the profile no longer reads.
            told = [each.profile_content for each in listener.documents("a") if each is not None]
            assert len(dict.fromkeys(told)) == 2
            assert all(told)
    finally:
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        await server.stop()
    assert not said("Traceback")
