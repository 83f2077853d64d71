"""Reloading: what changed is restarted, what did not is not touched, and a wrong configuration changes nothing."""

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.config import AgentConfig
from agent.config_file import load_agent_config
from agent.process import run
from agent.settings import enabled_devices, most_polls_per_s
from rackflow.errors import ConfigError
from rackflow.site import load_site
from tests.agent.running import Devices, Listener, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

if TYPE_CHECKING:
    from agent.run import Agent


class Site:
    """An agent, its broker's listener, and the configuration that the next reload finds."""

    def __init__(self, config: AgentConfig) -> None:
        self.config: AgentConfig | ConfigError = config
        self.devices = Devices()
        self.agent: Agent | None = None
        self.listener = Listener()

    def load(self) -> AgentConfig:
        if isinstance(self.config, ConfigError):
            raise self.config
        return self.config

    def tasks(self) -> dict[str, asyncio.Task[None]]:
        assert self.agent is not None
        return {name: each.task for name, each in self.agent.devices.running.items()}

    def reload(self, config: AgentConfig | ConfigError) -> None:
        assert self.agent is not None
        self.config = config
        self.agent.reload()

    def own(self, metric: str) -> float | None:
        """The latest value of one of the agent's own metrics; None before its first report."""
        reports = self.listener.batches("gw-1")
        return reports[-1].values[metric] if reports else None

    async def restarted(self, name: str, before: dict[str, asyncio.Task[None]]) -> None:
        await eventually(lambda: self.tasks().get(name, before[name]) is not before[name], f"{name} is restarted")


@contextlib.asynccontextmanager
async def site(broker: Mosquitto, *devices: str) -> AsyncIterator[Site]:
    it = Site(config_for(broker, *devices))
    async with listening(broker) as it.listener, running(it.load(), it.devices, it.load) as it.agent:
        await eventually(lambda: all(it.listener.documents(name) for name in devices), "every device is met")
        yield it


def with_device(config: AgentConfig, name: str, **changes: object) -> AgentConfig:
    devices = [each.model_copy(update=changes) if each.id == name else each for each in config.devices]
    return config.model_copy(update={"devices": devices})


async def test_added_removed_and_changed_devices_and_the_others_stay(mosquitto: Mosquitto) -> None:
    async with site(mosquitto, "stays", "goes", "changes") as it:
        before = it.tasks()
        new = with_device(config_for(mosquitto, "stays", "changes", "comes"), "changes", port=1161)
        it.reload(new)
        await eventually(lambda: it.listener.batches("comes"), "the new one is polled")
        after = it.tasks()
        assert after.keys() == {"stays", "changes", "comes"}
        assert after["stays"] is before["stays"]
        assert after["changes"] is not before["changes"]
        assert before["goes"].done()
        assert it.devices["goes"].closed == 1
        assert it.devices["stays"].closed == 0
        assert it.devices["stays"].opened == 1
        await eventually(lambda: it.listener.documents("goes")[-1] is None, "its document is cleared")
        await eventually(lambda: it.listener.statuses()[-1].devices == ["changes", "comes", "stays"], "status")


async def test_each_kind_of_change_restarts_only_whom_it_concerns(mosquitto: Mosquitto) -> None:
    async with site(mosquitto, "a", "b") as it:
        for change in ({"labels": {"rack": "r7"}}, {"intervals": {"safety": 0.3}}, {"timeout_s": 1.5}):
            before = it.tasks()
            devices = [
                {"id": "a", "host": "h", "credential": "c"},
                {"id": "b", "host": "h", "credential": "c"} | change,
            ]
            it.reload(config_for(mosquitto, devices=devices))
            await it.restarted("b", before)
            assert it.tasks()["a"] is before["a"]


def test_a_device_has_its_own_intervals_before_those_of_all_and_one_that_is_off_costs_nothing(
    mosquitto: Mosquitto,
) -> None:
    own = {"id": "a", "host": "h", "credential": "c", "intervals": {"fast": 4}}
    usual = {"id": "b", "host": "h", "credential": "c"}
    config = config_for(mosquitto, devices=[own, usual], intervals={"fast": 2, "slow": 120})
    found = {name: each.intervals for name, each in enabled_devices(config).items()}
    assert [(found[name]["fast"], found[name]["slow"]) for name in ("a", "b")] == [(4.0, 120.0), (2.0, 120.0)]
    alone = config_for(mosquitto, devices=[own, usual | {"enabled": False}], intervals={"fast": 2, "slow": 120})
    assert enabled_devices(alone).keys() == {"a"}
    assert most_polls_per_s(alone) == pytest.approx(sum(1 / each for each in found["a"].values()))


async def test_a_changed_secret_restarts_all_who_use_it(mosquitto: Mosquitto) -> None:
    async with site(mosquitto, "a", "b") as it:
        before = it.tasks()
        it.reload(config_for(mosquitto, "a", "b", credentials={"c": {"community": "another"}}))
        await it.restarted("a", before)
        await it.restarted("b", before)


async def test_another_snmp_engine_restarts_all_who_use_it(mosquitto: Mosquitto) -> None:
    """It is what somebody changes who has a device that the usual one cannot read."""
    async with site(mosquitto, "a", "b") as it:
        before = it.tasks()
        it.reload(config_for(mosquitto, "a", "b", engine="pysnmp"))
        await it.restarted("a", before)
        await it.restarted("b", before)


async def test_a_disabled_device_is_stopped_and_forgotten(mosquitto: Mosquitto) -> None:
    async with site(mosquitto, "a", "b") as it:
        it.reload(with_device(config_for(mosquitto, "a", "b"), "b", enabled=False))
        await eventually(lambda: it.listener.documents("b")[-1] is None, "cleared")
        await eventually(lambda: it.own("dcim_agent_devices{state=disabled}") == 1, "counted")
        assert it.tasks().keys() == {"a"}


async def test_what_is_retained_of_a_device_that_was_disabled_while_its_agent_was_away_is_cleared(
    mosquitto: Mosquitto,
) -> None:
    config = config_for(mosquitto, "a", "b")
    async with listening(mosquitto) as listener:
        async with running(config, Devices()):
            await eventually(lambda: listener.documents("b"), "described")
        assert listener.documents("b")[-1] is not None, "retained beyond the end of its agent"
        async with running(with_device(config, "b", enabled=False), Devices()):
            await eventually(lambda: listener.documents("b")[-1] is None, "cleared")


MIN_SITE = """
site: t1
electrical: {continuous_load_factor: 0.8, volts: 230, frequency_hertz: 50}
rooms: [{id: r1}]
rows: [{id: a, room: r1}]
racks: [{id: a1, row: a, design_power_w: 10_000}]
feeds: [{id: A}]
panels: [{id: panel-1, from: [A]}]
pdus: [{id: pdu-1, rack: a1, from: panel-1, breaker_a: 32}]
"""


async def test_a_status_tells_which_site_file_was_read_and_which_after_a_reload(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Also a change that concerns no device of this agent: the collector, which has read the file before, is then behind."""
    described, path = tmp_path / "site.yaml", tmp_path / "agent.yaml"
    described.write_text(MIN_SITE, encoding="utf-8")
    written = config_for(mosquitto, "one", labels={"site": "t1"}, site_file=str(described)).model_dump(
        mode="json", exclude_unset=True
    )
    written["credentials"] = {"c": {"community": "secret-1"}}
    path.write_text(json.dumps(written), encoding="utf-8")
    before = load_site(described).digest

    def load() -> AgentConfig:
        return load_agent_config(path)

    async with listening(mosquitto) as listener, running(load(), Devices(), load) as agent:
        await eventually(lambda: bool(listener.statuses()), "the agent is online")
        assert listener.statuses()[-1].site_file == before
        described.write_text(
            described.read_text(encoding="utf-8").replace("breaker_a: 32", "breaker_a: 16"), encoding="utf-8"
        )
        agent.reload()
        after = load_site(described).digest
        assert after != before
        await eventually(lambda: listener.statuses()[-1].site_file == after, "it says so")


async def test_the_level_of_the_log_and_the_counts_of_a_protocol_that_is_new_follow_a_reload(
    mosquitto: Mosquitto,
) -> None:
    root = logging.getLogger()
    level = root.level
    try:
        async with site(mosquitto, "a") as it:
            failures = "dcim_agent_poll_failures_total{protocol=%s,reason=timeout}"
            await eventually(lambda: it.own(failures % "snmp") == 0, "there before the first failure")
            unit: dict[str, object] = {
                "id": "u",
                "host": "h",
                "protocol": "modbus",
                "profile": "rfc1628-ups",
                "enabled": False,
            }
            devices = [{"id": "a", "host": "h", "credential": "c"}, unit]
            it.reload(config_for(mosquitto, devices=devices, log_level="error"))
            await eventually(lambda: root.level == logging.ERROR, "the level")
            await eventually(
                lambda: failures % "modbus" in it.listener.batches("gw-1")[-1].values, "there before the first poll"
            )
    finally:
        root.setLevel(level)


async def test_a_wrong_configuration_changes_nothing_and_a_metric_says_so(mosquitto: Mosquitto) -> None:
    metric = "dcim_agent_config_last_reload_successful"
    async with site(mosquitto, "a", "b") as it:
        before = it.tasks()
        it.reload(ConfigError("agent.yaml: brokr: unknown key"))
        await eventually(lambda: it.own(metric) == 0, "the metric says so")
        assert it.tasks() == before
        it.reload(config_for(mosquitto, "a", "b"))
        await eventually(lambda: it.own(metric) == 1, "the next one is right")
        assert it.tasks() == before


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"site": "elsewhere"}},
        {"agent": "gw-2"},
        {"outbox": {"mode": "memory", "limit_bytes": 50_000_000}},
        {"pair": {"expires_s": 3}},
        {"health_file": "agent.alive"},
    ],
)
async def test_what_takes_a_restart_is_refused(mosquitto: Mosquitto, change: dict[str, object]) -> None:
    async with site(mosquitto, "a") as it:
        before = it.tasks()
        it.reload(config_for(mosquitto, "a", **change))
        await eventually(lambda: it.agent is not None and not it.agent.counters.reload_ok, "refused")
        assert it.tasks() == before


async def test_another_broker_costs_a_reconnect_and_nothing_else(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "other").serving() as other:
        async with site(mosquitto, "a") as it, listening(other) as there:
            before = it.tasks()
            it.reload(config_for(other, "a"))
            await eventually(lambda: there.batches("a") and there.documents("a"), "the other broker has it all")
            assert there.statuses()[0].status == "online"
            assert it.tasks() == before
            await eventually(lambda: it.listener.statuses()[-1].status == "offline", "the old one is told")
            await eventually(
                lambda: set(it.listener.seqs()) | set(there.seqs()) >= set(range(1, max(there.seqs()) + 1)), "no gap"
            )


async def test_after_a_sighup_a_new_device_is_polled(mosquitto: Mosquitto) -> None:
    loaded = config_for(mosquitto, "a", "b")
    async with listening(mosquitto) as listener, asyncio.TaskGroup() as group:
        agent = run(config_for(mosquitto, "a"), Devices(), reload=lambda: loaded)
        task = group.create_task(agent, name="agent")
        await eventually(lambda: listener.batches("a"), "polled")
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: listener.batches("b"), "the new device is polled")
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(30):
            await task


async def test_a_process_reads_its_file_again_and_keeps_what_it_had_where_that_is_wrong(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """`rackflow-agent run`: devices where nobody listens fail, which is a batch all the same."""
    file, log = tmp_path / "agent.yaml", tmp_path / "agent.log"

    def write(**devices: str) -> None:
        nobody = {"protocol": "modbus", "host": "127.0.0.1", "port": 1}
        listed = [{"id": name, "profile": profile, **nobody} for name, profile in devices.items()]
        whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": {"port": mosquitto.port}, "devices": listed}
        file.write_text(json.dumps(whole), encoding="utf-8")

    def line(text: str) -> bool:
        return re.search(text, log.read_text(encoding="utf-8")) is not None

    write(a="aalc-rpu")
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "agent", "run", str(file), stderr=stderr)
    try:
        async with listening(mosquitto) as listener:
            await eventually(lambda: listener.batches("a"), "a batch", timeout_s=60)
            write(a="aalc-rpu", b="no-such-profile")
            process.send_signal(signal.SIGHUP)
            await eventually(lambda: line("reload refused, nothing is changed"), "refused", timeout_s=60)
            assert line(f"{file}:1: device 'b': profile: 'no-such-profile' is not known")
            file.write_text("agent: [", encoding="utf-8")
            process.send_signal(signal.SIGHUP)
            await eventually(lambda: line(rf"changed: {file}:\d+: "), "refused again", timeout_s=60)
            write(b="schneider-iem3000")
            process.send_signal(signal.SIGHUP)
            await eventually(lambda: listener.batches("b"), "the new device", timeout_s=60)
            assert listener.statuses()[-1].devices == ["b"]
            assert {each.epoch for each in listener.statuses()} == {listener.batches("b")[0].epoch}
    finally:
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    assert not line("Traceback")
