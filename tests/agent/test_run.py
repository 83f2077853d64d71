"""A whole agent against a real broker: batches, events, its own metrics, how it stops, and how it dies."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from agent.epoch import new_epoch
from agent.pair import LeaseKeeper
from agent.process import run
from agent.readings import Readings
from agent.run import Agent
from agent.self_metrics import Counters, loop_values, own_values
from agent.traps import TrapReceiver
from rackflow import DeviceAuthError, DeviceTimeout, DeviceUnreachable, catalogue, parse_series_key
from rackflow.catalogue import BASE_LABELS
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.loop_lag import LoopLag
from tests.agent.running import Devices, MemoryDevice, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.program import Program
from tests.servers.waiting import eventually

CHARGE = "dcim_ups_battery_charge_ratio"
SOURCE = "dcim_ups_output_source"
BUSY_MS = 2000
"""What a busy machine may add."""


async def test_a_device_gives_batches_a_document_and_a_gapless_sequence(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), Devices()) as agent:
        await eventually(lambda: len(listener.batches("ups-1")) >= 5, "five polls")
        batch = listener.batches("ups-1")[0]
        assert (batch.agent, batch.epoch, batch.device_class, batch.poll) == ("gw-1", agent.epoch, "ups", "safety")
        assert (batch.up, batch.error, batch.interval_s) == (True, None, 0.2)
        assert batch.labels == {"site": "t1", "room": "r1"}
        assert batch.values == {CHARGE: 0.5}
        document = listener.documents("ups-1")[0]
        assert document is not None
        assert (document.vendor, document.model, document.intervals) == ("Test", "Memory 1", {"safety": 0.2})
        assert listener.statuses()[0].devices == ["ups-1"]
    assert listener.seqs() == list(range(1, len(listener.seqs()) + 1))
    assert listener.statuses()[-1].status == "offline"


async def test_a_device_that_hangs_delays_no_other(mosquitto: Mosquitto) -> None:
    devices = Devices(hung=MemoryDevice(hangs=True))
    names = [f"ups-{number}" for number in range(20)]
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "hung", *names), devices):
        await eventually(lambda: all(len(listener.batches(name)) >= 8 for name in names), "eight polls of each")
    # The first gap is the way from the start to the device's own place on the grid.
    gaps = [b.time - a.time for name in names for a, b in pairwise(listener.batches(name)[1:])]
    assert max(gaps) < 5000, "opening gives up after 30 s only"
    assert 150 < median(gaps) < 1000


async def test_a_poll_that_hangs_ends_at_its_deadline(mosquitto: Mosquitto) -> None:
    devices = Devices(ups_1=MemoryDevice())
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), devices):
        await eventually(lambda: listener.batches("ups-1"), "a poll")
        devices["ups-1"].hangs = True
        await eventually(lambda: any(not batch.up for batch in listener.batches("ups-1")), "a failed poll")
        failed = next(batch for batch in listener.batches("ups-1") if not batch.up)
        assert failed.error == "timeout"
        assert 0.17 < failed.duration_s < 60


async def test_a_device_goes_down_and_comes_back_and_each_is_reported_once(mosquitto: Mosquitto) -> None:
    devices = Devices(ups_1=MemoryDevice())
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), devices) as agent:
        await eventually(lambda: listener.batches("ups-1"), "a poll")
        devices["ups-1"].fault = DeviceTimeout("no answer", device="ups-1", operation="get")
        await eventually(lambda: [each.kind for each in listener.events()] == ["down"], "down")
        await eventually(lambda: len([batch for batch in listener.batches("ups-1") if not batch.up]) >= 6, "probes")
        assert not agent.devices.running["ups-1"].loop.up
        devices["ups-1"].fault = None
        devices["ups-1"].model = "Memory 2"
        await eventually(lambda: [each.kind for each in listener.events()] == ["down", "up"], "up", timeout_s=60)
        await eventually(lambda: len(listener.documents("ups-1")) == 2, "another device's document")
    down = [batch for batch in listener.batches("ups-1") if not batch.up]
    assert {batch.error for batch in down} == {"timeout"}
    assert all(not batch.values for batch in down)
    # What a failed batch says of the next attempt is true.
    for this, following in pairwise(down[2:]):
        assert -20 < following.time - this.time - this.interval_s * 1000 < BUSY_MS
    assert listener.events()[0].text == "ups-1 get: no answer"


async def test_a_device_that_never_opened_is_down_and_of_unknown_class(mosquitto: Mosquitto) -> None:
    devices = Devices(ups_1=MemoryDevice(fault=DeviceAuthError("wrong community", device="ups-1", operation="open")))
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), devices):
        await eventually(lambda: len(listener.batches("ups-1")) >= 4, "attempts")
    batch = listener.batches("ups-1")[0]
    assert (batch.device_class, batch.up, batch.error, batch.poll) == ("unknown", False, "auth", "safety")
    assert listener.documents("ups-1") == []


async def test_a_state_that_changes_is_an_event_and_its_first_sight_is_not(mosquitto: Mosquitto) -> None:
    device = MemoryDevice(readings=Readings(states={SOURCE: "normal"}))
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), Devices(ups_1=device)):
        await eventually(lambda: listener.batches("ups-1"), "a poll")
        device.readings = Readings(states={SOURCE: "battery"})
        await eventually(lambda: listener.events("ups-1"), "the change")
    event = listener.events("ups-1")[0]
    assert (event.kind, event.series, event.old, event.new) == ("state", SOURCE, "normal", "battery")
    assert len(listener.events("ups-1")) == 1


async def test_a_number_that_is_not_finite_costs_only_itself(mosquitto: Mosquitto) -> None:
    device = MemoryDevice(readings=Readings(values={CHARGE: 0.5, "dcim_ups_output_load_ratio": float("inf")}))
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1"), Devices(ups_1=device)):
        await eventually(lambda: listener.batches("ups-1"), "a poll")
    assert listener.batches("ups-1")[0].values == {CHARGE: 0.5}
    assert listener.batches("ups-1")[0].bad == {"dcim_ups_output_load_ratio": "range"}


async def test_polling_goes_on_without_a_broker_and_nothing_is_lost(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, running(config_for(mosquitto, "ups-1", "ups-2"), Devices()) as agent:
        await eventually(lambda: listener.batches("ups-1"), "a poll")
        await asyncio.to_thread(mosquitto.stop)
        before = agent.counters.polls["snmp"]
        await eventually(lambda: agent.counters.polls["snmp"] >= before + 20, "twenty polls without a broker")
        await asyncio.to_thread(mosquitto.start)
        await eventually(
            lambda: agent.publisher.fault is None and not agent.outbox.stats().messages, "delivered", timeout_s=20
        )
        await asyncio.wait_for(listener.connected.wait(), 30)
        delivered = max(listener.seqs())
        # Not by their number: what was on its way when the broker stopped comes twice.
        await eventually(lambda: set(range(1, delivered + 1)) <= set(listener.seqs()), "heard")


async def test_the_agent_reports_about_itself(mosquitto: Mosquitto) -> None:
    devices = Devices(down=MemoryDevice(fault=DeviceUnreachable("refused")))
    config = config_for(mosquitto, "ups-1", "down")
    async with listening(mosquitto) as listener, running(config, devices):
        await eventually(
            lambda: any(
                "unreachable" in key and value for b in listener.batches("gw-1") for key, value in b.values.items()
            ),
            "a report with a failure",
        )
    report = listener.batches("gw-1")[-1]
    assert (report.device_class, report.poll, report.interval_s) == ("agent", "normal", 0.5)
    assert report.values["dcim_agent_devices{state=up}"] == 1
    assert report.values["dcim_agent_devices{state=down}"] == 1
    assert report.values["dcim_agent_mqtt_connected"] == 1
    assert report.values["dcim_agent_polls_total{protocol=snmp}"] > 1


async def test_an_agent_reports_how_late_it_was_also_without_a_poll_that_could_notice(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, running(config_for(mosquitto), Devices()):
        await eventually(lambda: listener.batches("gw-1"), "a report")
        asyncio.get_running_loop().call_soon(time.sleep, 0.4)  # something holds the loop
        await eventually(
            lambda: listener.batches("gw-1")[-1].values["dcim_agent_loop_lag_seconds"] >= 0.2, "as late as it was"
        )
    assert {
        "dcim_agent_loop_hold_seconds",
        "dcim_agent_devices_waiting",
        "dcim_agent_plans_total",
    } <= listener.batches("gw-1")[-1].values.keys()


async def test_a_running_agent_says_which_of_its_topics_the_broker_refuses(tmp_path: Path) -> None:
    """With its account of numbers, in its status: the collectors would otherwise take what waits for lost."""
    rules = tmp_path / "acl"
    rules.write_text(
        "topic readwrite rackflow/v1/t1/gw-1/status\ntopic write rackflow/v1/t1/gw-1/+/gw-1\ntopic read #\n"
    )
    with Mosquitto(tmp_path / "broker", extra=[f"acl_file {rules}"]).serving() as server:
        async with listening(server) as listener, running(config_for(server, "ups-1"), Devices()):
            topic = "rackflow/v1/t1/gw-1/batch/ups-1"
            said = await eventually(
                lambda: [each.account for each in listener.statuses() if topic in each.refused], "said in its status"
            )
    assert said[0] is not None
    assert said[0].undelivered


async def test_every_own_metric_is_in_the_catalogue_with_its_labels(mosquitto: Mosquitto) -> None:
    counters = Counters()
    counters.start_at_zero(["snmp", "modbus"])
    counters.rejected["sentinel"] += 1
    counters.count_internal_error("snmp", "ValueError")
    refused = {("ups-1", "digest"): 3}
    # Only an outbox on disk has a limit of age.
    stats = replace(MemoryOutbox("E", 65536).stats(), limit_s=60.0)
    values = own_values(counters, stats, {"up": 1, "down": 0, "disabled": 0}, refused)
    values |= loop_values(LoopLag(0.3, 0.01), waiting=3, plans=7)
    # Of a pair, what the one that polls says.
    values |= LeaseKeeper(Broker(), "t1", "gw-1", 4.0).values()
    values |= TrapReceiver(config_for(mosquitto, traps={}), lambda *_: None).values()
    names = set()
    for key, value in values.items():
        name, labels = parse_series_key(key)
        metric = catalogue()[name]
        assert labels.keys() == set(metric.labels) - {"agent", *BASE_LABELS}, key
        assert all(labels[label] in allowed for label, allowed in metric.label_values.items()), key
        assert metric.plausible(value), key
        names.add(name)
    # The collector knows these.
    elsewhere = {"up", "info", "poll_duration_seconds", "clock_offset_seconds", "unobserved_devices"}
    assert names == {name for name in catalogue() if name.startswith("dcim_agent_")} - {
        f"dcim_agent_{name}" for name in elsewhere
    }


def test_epochs_sort_by_time() -> None:
    assert new_epoch(0, 0) == "0" * 26
    assert new_epoch(2**48 - 1, 2**80 - 1) == "7" + "Z" * 25
    epochs = [new_epoch(time_ms, 2**80 - 1 - time_ms) for time_ms in (1, 2, 1_795_468_800_123)]
    assert epochs == sorted(epochs)
    assert {len(epoch) for epoch in epochs} == {26}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_the_middle_of_polls_ends_it_within_ten_seconds(
    mosquitto: Mosquitto, number: signal.Signals
) -> None:
    devices = Devices(hung=MemoryDevice(hangs=True))
    async with listening(mosquitto) as listener:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run(config_for(mosquitto, "hung", "ups-1"), devices), name="agent")
            await eventually(lambda: listener.batches("ups-1"), "a poll")
            os.kill(os.getpid(), number)
            async with asyncio.timeout(30):
                await task
        await eventually(lambda: listener.statuses()[-1].status == "offline", "offline")
        assert listener.seqs() == list(range(1, len(listener.seqs()) + 1))
    assert devices["hung"].closed == 1


async def test_it_stops_in_time_without_a_broker(mosquitto: Mosquitto) -> None:
    config = config_for(mosquitto, "ups-1")
    mosquitto.stop()
    agent = Agent(config, Devices())
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(agent.run(), name="agent")
        await eventually(lambda: agent.counters.polls["snmp"] > 3, "polls")
        agent.stop()
    assert agent.outbox.stats().messages > 3


@pytest.fixture
def agent(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Program]:
    """`rackflow-agent run` as a process of its own, with one device at a closed port."""
    config = tmp_path / "agent.yaml"
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "broker": {"port": mosquitto.port},
        "devices": [{"id": "m-1", "protocol": "modbus", "profile": "aalc-rpu", "host": "127.0.0.1", "port": 1}],
    }
    config.write_text(json.dumps(whole), encoding="utf-8")
    program = Program("agent", config)
    program.start()
    yield program
    program.kill()


async def test_the_will_reports_a_killed_agent_as_offline(mosquitto: Mosquitto, agent: Program) -> None:
    async with listening(mosquitto) as listener:
        await eventually(lambda: listener.batches("m-1"), "a batch", timeout_s=60)
        assert listener.batches("m-1")[0].error == "unreachable"
        assert listener.statuses()[-1].status == "online"
        agent.kill()
        await eventually(lambda: listener.statuses()[-1].status == "offline", "the will")
        assert listener.statuses()[-1].epoch == listener.statuses()[0].epoch


async def test_a_process_ends_with_status_0_on_sigterm(mosquitto: Mosquitto, agent: Program) -> None:
    async with listening(mosquitto) as listener:
        await eventually(lambda: listener.batches("m-1"), "a batch", timeout_s=60)
        await asyncio.to_thread(agent.stop)
        await eventually(lambda: listener.statuses()[-1].status == "offline", "offline")
