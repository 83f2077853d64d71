"""Two agents of one name as processes, on a real broker: one polls, and when it falls silent the other one does within ten seconds."""

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from agent.config import AgentConfig
from agent.pair import LeaseKeeper
from agent.process import AgentRunner
from agent.run import Agent
from rackflow.process.broker import Broker
from rackflow.process.notify import ServiceManager
from tests.agent.running import Devices, Listener, config_for, listening, running
from tests.collector.web.serving import certificate
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually


@contextlib.contextmanager
def an_agent(broker: Mosquitto, folder: Path, name: str, expires_s: float = 3) -> Iterator[subprocess.Popen[bytes]]:
    """`rackflow-agent run` of the pair `gw-1`, with one device where nobody listens: its failed polls are batches, too.

    After `expires_s` without a word from the other side it polls in its place.
    """
    config = folder / f"{name}.yaml"
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "broker": {"port": broker.port, "keepalive_s": 5, "timeout_s": 2},
        "pair": {"expires_s": expires_s},
        "intervals": {"normal": 0.5},
        "outbox": {"mode": "disk", "path": str(folder / name / "outbox.db")},
        "devices": [{"id": "m-1", "protocol": "modbus", "profile": "aalc-rpu", "host": "127.0.0.1", "port": 1}],
        "log_level": "info",
    }
    (folder / name).mkdir()
    config.write_text(json.dumps(whole), encoding="utf-8")
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "agent", "run", str(config)], stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(60)


def epochs(listener: Listener) -> list[str]:
    """Of all batches, in the order in which they began to come."""
    return list(dict.fromkeys(batch.epoch for batch in listener.batches()))


async def the_first(listener: Listener) -> str:
    """The epoch of the process that polls."""
    await eventually(listener.batches, "a poll")
    return epochs(listener)[0]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_when_one_is_gone_the_other_one_polls(mosquitto: Mosquitto, tmp_path: Path, how: signal.Signals) -> None:
    async with listening(mosquitto) as listener:
        with an_agent(mosquitto, tmp_path, "first") as first:
            before = await the_first(listener)
            with an_agent(mosquitto, tmp_path, "second"):
                await eventually(lambda: "standby" in (tmp_path / "second.log").read_text(), "the second one stands by")
                first.send_signal(how)
                await eventually(lambda: len(epochs(listener)) == 2, "the second one polls")
                assert epochs(listener)[0] == before
                await eventually(
                    lambda: (
                        (listener.statuses()[-1].status, listener.statuses()[-1].epoch)
                        == ("online", epochs(listener)[1])
                    ),
                    "the agent is online",
                )


async def test_one_that_wakes_up_after_it_was_replaced_publishes_nothing_more(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with listening(mosquitto) as listener:
        with an_agent(mosquitto, tmp_path, "first") as first:
            before = await the_first(listener)
            with an_agent(mosquitto, tmp_path, "second"):
                await eventually(lambda: "standby" in (tmp_path / "second.log").read_text(), "the second one stands by")
                first.send_signal(signal.SIGSTOP)
                await eventually(lambda: len(epochs(listener)) == 2, "the second one polls")
                after = epochs(listener)[1]
                first.send_signal(signal.SIGCONT)
                await eventually(
                    lambda: "this one stands by" in (tmp_path / "first.log").read_text() or first.poll() is not None,
                    "the first one has understood",
                )
                count = len(listener.batches("gw-1"))
                await eventually(lambda: len(listener.batches("gw-1")) > count + 5, "the second one goes on")
                assert {batch.epoch for batch in listener.batches("gw-1")[count:]} == {after}
                assert before not in [batch.epoch for batch in listener.batches()[-10:]]
                assert (listener.statuses()[-1].status, listener.statuses()[-1].epoch) == ("online", after)


async def test_a_process_that_was_replaced_does_not_call_the_agent_offline(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), Devices()) as agent:
        await eventually(lambda: listener.batches("ups-1"), "a poll")
        agent.replaced()
        await eventually(lambda: not agent.counters.connected, "it has stopped")
        # Whatever the broker had to say comes before what is said now.
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.publish("rackflow/v1/t1/other/status", b"{}", qos=1)
        await eventually(lambda: listener.messages[-1].topic.value == "rackflow/v1/t1/other/status", "the last message")
        assert [message.payload for message in listener.messages if b'"offline"' in bytes(message.payload)] == []


@pytest.mark.parametrize("is_before", [True, False], ids=["just-before", "meanwhile"])
async def test_a_reload_while_an_agent_gives_way_is_that_of_the_next_one(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture, *, is_before: bool
) -> None:
    """To give way takes up to 10 s, in which the agent reads no configuration any more, and nobody sends the signal again."""
    caplog.set_level(logging.INFO)
    config, changed = (
        config_for(mosquitto, name, pair={"expires_s": 3}, log_level=level)
        for name, level in (("old", "info"), ("new", "warning"))
    )
    made: list[tuple[Agent, AgentConfig]] = []

    def make(config: AgentConfig, lease: LeaseKeeper | None) -> Agent:
        made.append((Agent(config, Devices(), load=lambda: changed, lease=lease), config))
        return made[-1][0]

    runner = AgentRunner(config, make, ServiceManager(), lambda: changed, None)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(runner.run(), name="runner")
        await eventually(lambda: made and made[0][0].devices.running, "it polls")
        for order in (runner.reload, made[0][0].replaced) if is_before else (made[0][0].replaced, runner.reload):
            order()
        await eventually(lambda: len(made) > 1, "the lease is there again")
        runner.stop()
        async with asyncio.timeout(30):
            await task
    assert [config for _, config in made] == [config, changed]
    assert logging.getLogger().level == logging.WARNING, "a reload while standing by changes it like any other"


async def test_a_restart_of_the_broker_changes_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with listening(mosquitto) as listener:
        # On a busy machine the first one may be silent for as long as a lease lasts at least; then the second one polls, and rightly so.
        with an_agent(mosquitto, tmp_path, "first"), an_agent(mosquitto, tmp_path, "second", expires_s=60):
            before = await the_first(listener)
            await eventually(lambda: "standby" in (tmp_path / "second.log").read_text(), "the second one stands by")
            await asyncio.to_thread(mosquitto.restart)
            await eventually(
                lambda: listener.connected.is_set() and listener.statuses()[-1].status == "online", "back online"
            )
            count = len(listener.batches("gw-1"))
            await eventually(lambda: len(listener.batches("gw-1")) > count + 3, "polls after it")
            assert epochs(listener) == [before]


async def test_a_standby_takes_over_with_the_reloaded_configuration_and_reports_a_wrong_one(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with listening(mosquitto) as listener:
        with an_agent(mosquitto, tmp_path, "first") as first:
            await the_first(listener)
            with an_agent(mosquitto, tmp_path, "second") as second:
                config, log = tmp_path / "second.yaml", tmp_path / "second.log"
                await eventually(
                    lambda: listener.batches("gw-1")[-1].values["dcim_agent_pair_standbys"] == 1,
                    "the second one stands by",
                )
                whole = json.loads(config.read_text())
                config.write_text(json.dumps(whole | {"agent": "another"}))
                second.send_signal(signal.SIGHUP)
                await eventually(
                    lambda: "agent: cannot change while the agent runs" in log.read_text(), "it is refused"
                )
                config.write_text(json.dumps(whole | {"devices": [whole["devices"][0] | {"id": "m-2"}]}))
                second.send_signal(signal.SIGHUP)
                await eventually(lambda: "reloaded while standing by" in log.read_text(), "it is taken")
                first.send_signal(signal.SIGTERM)
                await eventually(lambda: listener.batches("m-2"), "the new device is polled")


async def test_one_that_takes_over_while_its_certificate_is_renewed_polls_into_its_outbox(tmp_path: Path) -> None:
    """Months may lie between its start, where the files are checked, and this moment. It ended with status 78, and nobody polled."""
    certificate(tmp_path, "site")
    files = {"cafile": "site.pem", "certfile": "site.pem", "keyfile": "site.key"}
    server = Mosquitto(tmp_path, extra=[f"{key} {tmp_path / name}" for key, name in files.items()])
    with server.serving():
        own = {"expires_s": 3, "cert_file": str(tmp_path / "site.pem"), "key_file": str(tmp_path / "site.key")}
        broker = Broker(
            port=server.port,
            timeout_s=5,
            keepalive_s=5,
            tls=True,
            ca_file=tmp_path / "site.pem",
            cert_file=tmp_path / "new.pem",
            key_file=tmp_path / "new.key",
        )
        config = config_for(server, "ups-1", pair=own).model_copy(update={"broker": broker})
        made = list[Agent]()

        def make(config: AgentConfig, lease: LeaseKeeper | None) -> Agent:
            made.append(Agent(config, Devices(), lease=lease))
            return made[-1]

        runner = AgentRunner(config, make, ServiceManager(), None, None)
        async with asyncio.TaskGroup() as group:
            group.create_task(runner.run(), name="runner")
            await eventually(lambda: made and made[0].outbox.stats().messages > 2, "it polls")
            await eventually(
                lambda: "new.pem does not exist" in (made[0].publisher.fault or ""), "and says what is wrong"
            )
            certificate(tmp_path, "new")
            await eventually(lambda: made[0].publisher.fault is None, "it publishes")
            runner.stop()
