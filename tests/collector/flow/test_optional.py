"""Optional parts of a running collector fail or hang; every message is stored and acknowledged all the same."""

import os
from pathlib import Path

import pytest
import yaml

from tests.collector.documents import batch, document, status
from tests.collector.running import Running, config_for, ledger_locked, publish, publisher, running, until
from tests.collector.store_contents import points
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

HEAD = "site: cas1\nelectrical: {continuous_load_factor: 0.8, volts: 230}\nrooms: [{id: r}]\nrows: [{id: a, room: r}]\n"
SITES = {
    "one feed": {"A": ["k1"]},
    "two feeds, one cord each": {"A": ["k1"], "B": ["k2"]},
    "a third feed with a single cord": {"A": ["k1"], "B": ["k1"], "C": ["k2"]},
    "a feed that reaches nothing": {"A": ["k1"], "B": ["k1"], "C": []},
}


def site_file(folder: Path, feeds: dict[str, list[str]]) -> Path:
    """A site file with these racks on these feeds."""
    racks = dict.fromkeys(rack for some in feeds.values() for rack in some)
    data = {
        "feeds": [{"id": feed} for feed in feeds],
        "racks": [{"id": rack, "row": "a", "design_power_w": 10_000} for rack in racks],
        "pdus": [
            {"id": f"pdu-{rack}-{feed}", "rack": rack, "from": feed, "breaker_a": 32, "phases": ["L1"]}
            for feed, some in feeds.items()
            for rack in some
        ],
    }
    path = folder / "site.yaml"
    path.write_text(HEAD + yaml.safe_dump(data), encoding="utf-8")
    return path


async def failing(one: Running, part: str) -> str:
    return await one.sample(f'dcim_collector_part_failing{{part="{part}"}}')


@pytest.mark.parametrize("feeds", SITES.values(), ids=SITES)
async def test_a_feed_that_reaches_only_racks_with_one_cord_has_figures(
    feeds: dict[str, list[str]], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Whether such a rack survives is known without any reading: the share of no readings at all is no division."""
    config = config_for(mosquitto.port, tmp_path, site_file=str(site_file(tmp_path, feeds)), derive={"interval_s": 1})
    async with running(config) as one:
        single = [
            feed for feed, racks in feeds.items() if any(sum(r in some for some in feeds.values()) == 1 for r in racks)
        ]
        for feed in single:
            await one.reaches(f'dcim_site_survives_feed_loss{{site="cas1",feed="{feed}"}}', lambda value: value == 0)
        assert await failing(one, "figures") == "0.0"


async def test_records_that_cannot_be_opened_cost_no_message(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Their path is in a file instead of a folder."""
    (tmp_path / "file").touch()
    config = config_for(mosquitto.port, tmp_path, derive={"state": str(tmp_path / "file" / "records.db")})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        assert await failing(one, "records") == "1.0"
        await publish(client, status("cdu-07"), document(), batch())
        await eventually(lambda: points(tmp_path), "points on disk")
        error = 'dcim_collector_part_failures_total{error="FileExistsError",part="records"}'
        assert await one.sample(error) == "1.0"


async def test_records_whose_disk_hangs_hold_up_no_stop(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Somebody holds the lock of their file: the last save waits five seconds for it, the stop three."""
    config = config_for(mosquitto.port, tmp_path)
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        with ledger_locked(config.records_path):
            await publish(client, status("cdu-07"), document(), batch())
            await eventually(lambda: points(tmp_path), "points on disk")
            one.collector.stop()
            await until(lambda: one.collector.stats().points_waiting == 0, "everything stored")


async def test_a_carbon_source_that_hangs_holds_up_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """A pipe that nobody writes to: reading from it never ends, not even at the stop."""
    pipe = tmp_path / "factors.csv"
    os.mkfifo(pipe)
    config = config_for(mosquitto.port, tmp_path, carbon={"path": str(pipe), "timeout_s": 0.1})
    try:
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await one.reaches('dcim_collector_part_failing{part="carbon"}', lambda value: value == 1)
            await publish(client, status("cdu-07"), document(), batch())
            await eventually(lambda: points(tmp_path), "points on disk")
    finally:
        pipe.write_text("", encoding="utf-8")  # lets the thread end
