"""Owners in a whole collector: on /metrics, on the page, over a restart, and by configuration and site file."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import yaml

from agent.config import AgentConfig
from agent.config_file import with_site
from collector.assemble import assigned_owners
from collector.receive import ExpectedDevice, PolledDevice
from collector.records.file import RecordsFile, Snapshot
from rackflow import ConfigError
from rackflow.process.config import check_config
from rackflow.site import Site
from rackflow.site.file import SiteFile
from tests.collector.documents import batch, document, status
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

HALL = REPOSITORY / "tests" / "rackflow" / "site" / "site_hall.yaml"
CONTESTED = 'dcim_device_contested{agent="gw-stolen",device="cdu-07",site="cas1"}'


def on_disk(path: Path) -> list[tuple[str, str]]:
    """The devices in a collector's file of owners, each with its owner."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT device, agent FROM owner ORDER BY device").fetchall()


async def test_a_contested_device_is_shown_and_is_still_its_owner_s_after_a_restart(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """What another agent publishes while the collector is down waits at the broker, and comes before the owner's next word."""
    config = config_for(mosquitto.port, tmp_path)
    stolen = msgspec.structs.replace(document(model="stolen"), agent="gw-stolen")
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), batch())
        await until(lambda: one.collector.stats().devices_up == ("cas1/cdu-07",), "up")
        await eventually(lambda: on_disk(config.owners_path) == [("cdu-07", "gw-3")], "on disk before any stop")
    async with publisher(mosquitto.port) as client:
        await publish(client, stolen, msgspec.structs.replace(batch(), agent="gw-stolen"))
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.subscribed()
        await one.reaches(CONTESTED, lambda contested: contested == 1)
        await one.reaches('dcim_collector_message_failures_total{reason="owner"}', lambda count: count >= 2)
        await publish(client, batch(seq=2))
        await until(lambda: one.collector.stats().devices_up == ("cas1/cdu-07",), "up again")
        page = (await one.get("/")).text
        assert "contested: agent gw-stolen publishes about it as well" in page
        assert "stolen" not in page.replace("gw-stolen", "")
        metrics = (await one.get("/metrics")).text
        assert 'model="L2L 100"' in metrics
        assert 'model="stolen"' not in metrics


async def test_a_device_of_a_collector_that_kept_no_owners_belongs_to_who_polled_it_first(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """An earlier version kept the devices of which it expected polls, and no owners."""
    config = config_for(mosquitto.port, tmp_path)
    now_s = time.time()
    polled = {
        PolledDevice("cas1", agent, "cdu-07"): ExpectedDevice("cdu", now_s - ago_s, now_s, now_s, {"safety": 1.0})
        for agent, ago_s in (("gw-stolen", 3600.0), ("gw-3", 7200.0))
    }
    records = RecordsFile(config.records_path)
    records.save(Snapshot({}, {}, polled))
    records.close(ended=True)
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, msgspec.structs.replace(batch(), agent="gw-stolen"))
        await one.reaches(CONTESTED, lambda contested: contested == 1)


async def test_series_beyond_an_agent_s_budget_are_counted_by_agent(mosquitto: Mosquitto, tmp_path: Path) -> None:
    config = config_for(mosquitto.port, tmp_path, None, budgets={"agent": {"cas1": {"gw-3": {"series": 21}}}})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        keys = [f"dcim_cdu_supply_temperature_celsius{{loop={number}}}" for number in range(20)]
        await publish(client, batch(values=dict.fromkeys(keys, 20.0)))
        refused = 'dcim_collector_agent_series_refused_total{agent="gw-3",site="cas1"}'
        await one.reaches(refused, lambda count: count == 9)


async def test_with_a_site_file_an_agent_may_have_the_series_of_all_its_devices(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Without one it is an eighth of the limit of the collector: 50 of 400."""
    config = config_for(mosquitto.port, tmp_path, None, budgets={}, series_limit=400, site_file=str(HALL))
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        keys = [f"dcim_cdu_supply_temperature_celsius{{loop={number}}}" for number in range(300)]
        await publish(client, batch(values=dict.fromkeys(keys, 20.0)))
        await one.reaches("dcim_collector_series", lambda count: count >= 300)


def hall(**agents: str) -> Site:
    """The site file of a hall, with the agents of some of its meters."""
    data = yaml.safe_load(HALL.read_text(encoding="utf-8"))
    for meter in data["meters"]:
        meter.update({"agent": agents[meter["id"]]} if meter["id"] in agents else {})
    return Site(check_config(data, SiteFile, "site.yaml"))


def test_the_site_file_and_the_configuration_name_owners_and_must_agree(tmp_path: Path) -> None:
    site = hall(**{"meter-it": "gw-3"})
    config = config_for(1, tmp_path, None, owners={"t1": {"meter-pv": "gw-4", "meter-it": "gw-3"}})
    assert assigned_owners(config, site) == {("t1", "meter-it"): "gw-3", ("t1", "meter-pv"): "gw-4"}
    assert assigned_owners(config, None) == assigned_owners(config, site)
    with pytest.raises(ConfigError, match=r"owners\.t1\.meter-it: is 'gw-9' here and 'gw-3' in"):
        assigned_owners(config_for(1, tmp_path, None, owners={"t1": {"meter-it": "gw-9"}}), site)


def test_an_agent_does_not_poll_what_the_site_file_gives_to_another() -> None:
    """It would be refused by every collector; the mistake shows where it is made."""
    data: dict[str, object] = {"agent": "gw-4", "site_file": "s"}
    data["devices"] = [{"id": "meter-it", "protocol": "modbus", "host": "h", "profile": "x"}]
    with pytest.raises(ConfigError, match=r"devices\[0\] \(meter-it\)\.agent: is 'gw-4' here and 'gw-3'"):
        with_site(check_config(data, AgentConfig, "agent.yaml"), hall(**{"meter-it": "gw-3"}))
    data["agent"] = "gw-3"
    assert (
        with_site(check_config(data, AgentConfig, "agent.yaml"), hall(**{"meter-it": "gw-3"})).devices[0].role == "it"
    )


def test_an_interval_longer_than_its_class_allows_is_refused_with_the_remedy() -> None:
    data = {"agent": "a", "labels": {"site": "s"}, "devices": [], "intervals": {"safety": 61}}
    with pytest.raises(
        ConfigError, match="safety is 61 s, and a reading of this class is current for at most 60 s; choose less"
    ):
        check_config(data, AgentConfig, "agent.yaml")
