"""How many devices of the site file were never heard of: when it is counted, and when nobody can tell; clones over a restart."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from collector.parts import RECOUNT_S, Parts
from collector.problems.conditions import labels_of
from collector.problems.saved import Present, Saved
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem
from collector.receive.clones import REMEMBERED_S
from rackflow.site import parse_site
from tests.collector.documents import document, status
from tests.collector.polls import hello
from tests.collector.problems.test_notified import SITE_FILE
from tests.collector.running import config_for, publish, publisher, running
from tests.servers.mosquitto import Mosquitto


def connected(folder: Path, **more: object) -> Parts:
    """The parts of a collector that is connected to its broker, with a site file of two CDUs of gw-3, and a CDU and a PDU of nobody."""
    parts = Parts(config_for(1883, folder, None, **more))
    parts.site = parse_site(SITE_FILE, "site.yaml")
    parts.counters.mqtt_connected = True
    return parts


def unheard(parts: Parts, now_s: float) -> Mapping[str, float]:
    """By agent."""
    return {agent: count for (_, agent), count in parts.facts.unheard(now_s).items()}


def test_devices_are_counted_again_after_ten_seconds_and_at_once_on_a_new_connection(tmp_path: Path) -> None:
    """What came while the collector was away is known then, and thousands of devices are not looked at in each second."""
    parts = connected(tmp_path)
    assert unheard(parts, 0.0) == {"": 2, "gw-3": 2}
    assert {site for site, _ in parts.facts.unheard(0.0)} == {"cas1"}
    parts.latest.apply_document("cas1", document("cdu-07"))
    assert unheard(parts, RECOUNT_S - 1) == {"": 2, "gw-3": 2}
    assert unheard(parts, RECOUNT_S) == {"": 2, "gw-3": 1}
    parts.latest.apply_document("cas1", document("cdu-08"))
    parts.counters.mqtt_connected = False
    assert unheard(parts, RECOUNT_S + 1) == {}, "nothing can be heard"
    parts.counters.mqtt_connected = True
    assert unheard(parts, RECOUNT_S + 2) == {"": 2, "gw-3": 0}


def test_a_collector_that_gets_a_part_of_the_messages_misses_no_device(tmp_path: Path) -> None:
    assert unheard(connected(tmp_path, shared=True), 0.0) == {}


def test_without_a_site_file_no_device_is_missed(tmp_path: Path) -> None:
    parts = connected(tmp_path)
    parts.site = None
    assert unheard(parts, 0.0) == {}


def test_only_agents_of_its_own_site_can_have_read_another_site_file(tmp_path: Path) -> None:
    """An agent of another site has that site's file, and a namesake of one here is still another agent."""
    parts = connected(tmp_path)
    for site, agent in (("cas1", "gw-3"), ("cas2", "gw-3"), ("cas2", "gw-4")):
        one = msgspec.structs.replace(hello(agent, site=site), site_file="of-another-file")
        parts.latest.apply_status(one, 0.0)
    assert parts.facts.other_site_files() == {("cas1", "gw-3"): True}
    # One that is stopped for the exchange of its file says nothing.
    gone = msgspec.structs.replace(hello("gw-3", site="cas1", online=False), site_file="of-another-file")
    parts.latest.apply_status(gone, 1.0)
    assert parts.facts.other_site_files() == {}


def test_a_clone_is_still_one_after_a_restart_of_the_collector(tmp_path: Path) -> None:
    """Its alert would end, and begin again once both of them had taken their turns."""
    parts = connected(tmp_path)
    labels = labels_of({"site": "cas1", "agent": "gw-3"})
    problem = load_table().problems["DcimAgentCloned"]
    parts.problems.tracker.restore(TrackedProblem(problem, labels, ("collector",), 1.0, 1.0), time.monotonic())
    other, there = load_table().problems["DcimAgentDown"], labels_of({"site": "cas1", "agent": "gw-4"})
    parts.problems.tracker.restore(TrackedProblem(other, there, ("agent",), 1.0, 1.0), time.monotonic())
    parts.restore_clones()
    parts.clones.update(hello("gw-3", epoch="A"), time.monotonic())
    parts.clones.update(hello("gw-4", epoch="A"), time.monotonic())
    assert parts.clones.states(time.monotonic()) == {("cas1", "gw-3"): True, ("cas1", "gw-4"): False}
    assert not parts.clones.current(time.monotonic() + REMEMBERED_S)


async def test_a_collector_restores_what_was_wrong_and_who_runs_twice_when_it_starts(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    config = config_for(mosquitto.port, tmp_path)
    labels = [*labels_of({"site": "cas1", "agent": "gw-3"})]
    saved = Saved("DcimAgentCloned", labels, ["collector"], 1.0, 1.0, time.time())
    config.problems_path.write_bytes(msgspec.json.encode(Present(1, [saved])))
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status())
        await one.reaches('dcim_collector_agent_clones{agent="gw-3",site="cas1"}', lambda clones: clones == 1)


async def test_a_running_collector_says_how_late_its_loop_was(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with running(config_for(mosquitto.port, tmp_path)) as one:
        await one.ready()
        asyncio.get_running_loop().call_soon(time.sleep, 0.4)  # something holds the loop
        await one.reaches("dcim_collector_loop_lag_seconds", lambda lag: lag >= 0.2)
