"""An agent stops within 10 s at whichever moment it is told to, and a reload never leaves two pollers on one device."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest

from agent.config import AgentConfig
from agent.readings import Readings
from agent.run import Agent
from rackflow.catalogue import PollClass
from rackflow.documents import encode
from rackflow.process.stopping import EXIT_HUNG, STOP_WITHIN_S
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.running import Devices, MemoryDevice, config_for, listening, running
from tests.agent.test_faulty_devices import good
from tests.servers.mosquitto import Mosquitto
from tests.servers.notify import NotifyListener
from tests.servers.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
BUSY_S = 60.0
"""What a busy machine may add to the start of a process."""


class Stubborn(MemoryDevice):
    """A device whose library, when polled, swallows every cancellation while `stuck`."""

    stuck = True
    polling = 0
    at_once = 0
    """The most polls that were under way at the same time."""

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        self.polling += 1
        self.at_once = max(self.at_once, self.polling)
        try:
            while self.stuck:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.05)
            return await super().poll(poll_class, now)
        finally:
            self.polling -= 1


@asynccontextmanager
async def freed_at_last(device: Stubborn) -> AsyncIterator[None]:
    """Lets it go, so that its agent can stop, also when the test fails."""
    try:
        yield
    finally:
        device.stuck = False


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 377, 1000, 5000])
async def test_an_agent_stops_after_any_number_of_turns(mosquitto: Mosquitto, tmp_path: Path, steps: int) -> None:
    outbox = {"mode": "disk", "path": str(tmp_path / "outbox.sqlite")}
    agent = Agent(config_for(mosquitto, "ups-1", "ups-2", outbox=outbox), Devices())
    task = asyncio.create_task(agent.run())
    for _ in range(steps):
        await asyncio.sleep(0)
    agent.stop()
    async with asyncio.timeout(STOP_WITHIN_S + BUSY_S):
        await task


async def test_a_poller_is_closed_even_if_its_task_never_began(mosquitto: Mosquitto) -> None:
    devices = Devices()
    agent = Agent(config_for(mosquitto, "ups-1"), devices)
    agent.stop()
    await agent.run()
    assert devices["ups-1"].closed == 1
    assert devices["ups-1"].opened == 0


async def test_what_waits_in_memory_when_an_agent_is_stopped_is_delivered_first(mosquitto: Mosquitto) -> None:
    """With the process it would be lost. The broker takes more than a moment for so many."""
    async with listening(mosquitto) as listener:
        async with running(config_for(mosquitto, "ups-1"), Devices()) as agent:
            await eventually(lambda: listener.batches("ups-1"), "polled")
            one = listener.batches("ups-1")[0]

            def make(seq: int) -> bytes:
                return encode(msgspec.structs.replace(one, seq=seq))

            last = max(agent.outbox.put("rackflow/v1/t1/gw-1/batch/ups-1", make, one.time) for _ in range(2_000))
        await eventually(lambda: set(range(1, last + 1)) <= set(listener.seqs()), "all of them")


async def test_an_agent_leaves_its_outbox_to_the_next_one(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """What the broker has confirmed is known there, so that the next one does not send it again."""
    outbox = {"mode": "disk", "path": str(tmp_path / "outbox"), "keep_confirmed_s": 0}
    config = config_for(mosquitto, "ups-1", outbox=outbox, intervals={"safety": 0.2, "normal": 60})
    async with listening(mosquitto) as listener:
        for batches in (3, 6):
            async with running(config, Devices()):
                await eventually(lambda batches=batches: len(listener.batches("ups-1")) >= batches, "it publishes")  # type: ignore[misc]
    sent = [(each.epoch, each.seq) for each in listener.batches("ups-1")]
    assert len({epoch for epoch, _ in sent}) == 2
    assert len(set(sent)) == len(sent)


async def test_a_device_that_cannot_be_left_has_no_second_poller_until_it_is(mosquitto: Mosquitto) -> None:
    """Both reloads change it while its task swallows every cancellation; the other device is restarted at once."""
    stubborn, good_one = Stubborn(), MemoryDevice()
    devices = Devices(bad=stubborn, good=good_one)
    config = config_for(mosquitto, "bad", "good")

    def changed(port: int) -> AgentConfig:
        listed = [each.model_copy(update={"port": port}) for each in config.devices]
        return config.model_copy(update={"devices": listed})

    ports = iter((1161, 1162))
    async with (
        listening(mosquitto) as listener,
        running(config, devices, lambda: changed(next(ports))) as agent,
        freed_at_last(stubborn),
    ):
        await eventually(lambda: stubborn.polling == 1 and good_one.opened == 1, "both are polled")
        for opened in (2, 3):
            agent.reload()
            await eventually(lambda opened=opened: good_one.opened == opened, "the other one is restarted")  # type: ignore[misc]
        assert (stubborn.opened, stubborn.polling, stubborn.at_once) == (1, 1, 1)
        stubborn.stuck = False
        await eventually(lambda: stubborn.opened == 2, "the new task begins when the old one has ended")
        before = len(listener.batches("bad"))
        await eventually(lambda: len(listener.batches("bad")) > before + 3, "and polls")
        assert stubborn.at_once == 1


async def test_data_stands_still_when_no_device_gets_anywhere(mosquitto: Mosquitto) -> None:
    """Limit: the longest pause of a dead device (60 s), an opening with answers (180 s), and the spread of the start (5 s)."""
    hung = Stubborn()
    devices = Devices(hung=hung)
    async with running(config_for(mosquitto, "hung"), devices) as agent, freed_at_last(hung):
        await eventually(lambda: hung.polling == 1, "it is polled")
        now_s = time.monotonic()
        assert agent.standstill(now_s) == ""
        assert agent.standstill(now_s + 244) == ""
        assert agent.standstill(now_s + 246) == "no poll of any device has ended for 245 s"
        agent.counters.polls["snmp"] += 1  # a poll that fails has ended too
        assert agent.standstill(now_s + 247) == ""


async def test_an_agent_without_devices_does_not_stand_still(mosquitto: Mosquitto) -> None:
    async with running(config_for(mosquitto), Devices()) as agent:
        assert [agent.standstill(at) for at in (0.0, 1e6, 2e6)] == ["", "", ""]


@contextmanager
def agent_process(file: Path, manager: NotifyListener) -> Iterator[subprocess.Popen[bytes]]:
    with file.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", str(file)],
            cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": str(manager.path)},
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def write_config(file: Path, broker: Mosquitto, port: int, timeout_s: float = 1.0, **more: object) -> None:
    device = {"id": "d", "protocol": "modbus", "host": "127.0.0.1", "port": port}
    whole: dict[str, object] = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "broker": {"port": broker.port},
        "outbox": {"mode": "disk", "path": str(file.with_name("outbox.sqlite"))},
        "intervals": dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), 0.2),
        "devices": [device | {"profile": "schneider-iem3000", "timeout_s": timeout_s}],
        **more,
    }
    file.write_text(json.dumps(whole), encoding="utf-8")


async def test_many_quick_reloads_leave_one_poller_as_the_device_sees_it(
    mosquitto: Mosquitto, tmp_path: Path, manager: NotifyListener
) -> None:
    file = tmp_path / "agent.yaml"
    async with FaultyModbus(good).serving() as device:
        write_config(file, mosquitto, device.port)
        with agent_process(file, manager) as process:
            await eventually(lambda: manager.count("READY=1") and device.frames, "polled", BUSY_S)
            for number in range(30):
                write_config(file, mosquitto, device.port, timeout_s=1.0 + number / 100)
                process.send_signal(signal.SIGHUP)
                await asyncio.sleep(number % 5 / 100)  # reloads meet each stage of the one before
            write_config(file, mosquitto, device.port, timeout_s=2.0)
            before = manager.count("RELOADING=1")
            process.send_signal(signal.SIGHUP)
            await eventually(lambda: manager.count("RELOADING=1") > before, "the last one has begun", BUSY_S)
            await eventually(lambda: manager.count("READY=1") == manager.count("RELOADING=1") + 1, "and ended", BUSY_S)
            frames = len(device.frames)
            await eventually(lambda: len(device.frames) > frames + 20, "it is polled", BUSY_S)
            assert device.open == 1
            process.terminate()
            assert await asyncio.to_thread(process.wait, STOP_WITHIN_S + BUSY_S) == 0
    assert manager.count("STOPPING=1") == 1


@pytest.mark.parametrize(
    "moment",
    ["at once", "READY=1", "WATCHDOG=1", "RELOADING=1"],
)
async def test_a_process_stops_at_each_stage_of_its_life(
    mosquitto: Mosquitto, tmp_path: Path, manager: NotifyListener, moment: str
) -> None:
    file = tmp_path / "agent.yaml"
    async with FaultyModbus(lambda _: []).serving() as device:  # it never answers
        write_config(file, mosquitto, device.port)
        with agent_process(file, manager) as process:
            if moment != "at once":
                await eventually(lambda: manager.count("READY=1"), "ready", BUSY_S)
                process.send_signal(signal.SIGHUP)
                await eventually(lambda: manager.count(moment), moment, BUSY_S)
            process.terminate()
            status = await asyncio.to_thread(process.wait, STOP_WITHIN_S + BUSY_S)
    # Until Python has started and the handler is there, the signal ends the process as it ends any other.
    assert status in ({0, -signal.SIGTERM} if moment == "at once" else {0})


async def test_a_frozen_agent_is_noticed_from_outside_and_polls_again_after_a_restart(
    mosquitto: Mosquitto, tmp_path: Path, manager: NotifyListener
) -> None:
    """The test plays systemd, with a shorter WatchdogSec: nothing heard for 5 s, so the process is killed and started again."""
    file = tmp_path / "agent.yaml"
    async with FaultyModbus(good).serving() as device, listening(mosquitto) as listener:
        write_config(file, mosquitto, device.port)
        with agent_process(file, manager) as process:
            await eventually(lambda: listener.batches("d") and manager.count("WATCHDOG=1") > 1, "it works", BUSY_S)
            process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED)
            stopped_s = time.monotonic()
            await eventually(lambda: time.monotonic() - stopped_s > 1, "what it said before has been heard")
            heard = manager.count("WATCHDOG=1")
            await eventually(lambda: time.monotonic() - stopped_s > 6, "its watchdog's time is over")
            assert manager.count("WATCHDOG=1") == heard
            process.kill()
        with agent_process(file, manager):
            epoch = listener.batches("d")[0].epoch
            await eventually(lambda: listener.batches("d")[-1].epoch != epoch, "it polls again", BUSY_S)


def test_from_a_standstill_to_polling_again_takes_thirty_seconds_at_most() -> None:
    """What the units allow, and 8 s for the restart: 2 s until the process runs, 5 s over which devices are opened."""
    for unit in sorted((ROOT / "deploy" / "systemd").glob("*.service")):
        said = dict(
            line.split("=", 1)
            for line in unit.read_text(encoding="utf-8").splitlines()
            if "=" in line and line[0] != "#"
        )
        seconds = {key: float(said[key].removesuffix("s")) for key in ("WatchdogSec", "TimeoutAbortSec", "RestartSec")}
        assert sum(seconds.values()) + 8 <= 30, unit.name
        assert said["Type"] == "notify"


HANGS = """
import asyncio, sys
from pathlib import Path
from agent.config_file import load_agent_config
from agent.process import run
from rackflow.process.stopping import StopDeadline
from tests.agent.running import MemoryDevice

class Never(MemoryDevice):
    async def poll(self, poll_class, now):
        if self.opened and getattr(self, "polls", 0) >= 3:
            Path(sys.argv[1] + ".hangs").touch()
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    pass
        self.polls = getattr(self, "polls", 0) + 1
        return await super().poll(poll_class, now)

config = load_agent_config(Path(sys.argv[1]))
asyncio.run(run(config, lambda config, device: Never(), deadline=StopDeadline(3.0)))
"""


async def test_an_agent_that_cannot_stop_ends_with_all_messages_on_disk(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Its broker is away, so its three polls can only be found in the outbox: the next start delivers them."""
    file, port = tmp_path / "agent.yaml", mosquitto.port
    mosquitto.stop()
    write_config(file, mosquitto, 1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HANGS, str(file), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    outbox = tmp_path / "outbox.sqlite"
    await eventually((tmp_path / "agent.yaml.hangs").exists, "its three polls are over", BUSY_S)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOP_WITHIN_S + BUSY_S):
        _, errors = await process.communicate()
    assert process.returncode == EXIT_HUNG
    assert b"task=poll-d has not ended 2 s after it was cancelled" in errors
    assert b"task poll-d:" in errors
    mosquitto.start()
    assert mosquitto.port == port
    async with listening(mosquitto) as listener:
        config = config_for(mosquitto, outbox={"mode": "disk", "path": str(outbox)})
        async with running(config, Devices()):
            await eventually(lambda: len([b for b in listener.batches("d") if b.up]) == 3, "all three")
