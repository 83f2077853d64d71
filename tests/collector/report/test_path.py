"""Over a real broker: polls are counted once each, in the hour of their own time, and what meters counted late is sorted in."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec

from collector.derive.energy.hourly import Hour
from collector.derive.energy.records import Head
from collector.records.file import load_sites, unpack_polls
from rackflow import Batch, Status
from tests.collector.derive.hall import HALL
from tests.collector.running import config_for, publish_to, publisher, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

COUNTER = "dcim_meter_energy_joules_total{direction=import,role=facility}"


def poll(device: str, seq: int, time_s: float, values: dict[str, float]) -> Batch:
    return Batch(
        agent="gw",
        epoch="01JD5Z00000000000000000000",
        seq=seq,
        time=int(time_s * 1000),
        device=device,
        device_class=device.partition("-")[0],
        poll="slow",
        interval_s=60.0,
        duration_s=0.1,
        up=True,
        labels={"site": "t1"},
        values=values,
    )


def answered(path: Path) -> dict[tuple[str, int], float]:
    """By device and hour."""
    with closing(sqlite3.connect(path)) as db, db:
        names = dict(db.execute("SELECT id, device FROM device"))
        return {
            (names[number], hour): row[1]
            for hour, body in db.execute("SELECT hour, body FROM polls")
            for number, row in unpack_polls(body).items()
        }


def kept(path: Path) -> tuple[dict[int, Hour], list[tuple[str]]]:
    """Hours of energy, and devices that polls are expected of."""
    with closing(sqlite3.connect(path)) as db, db:
        enrolled = db.execute("SELECT device FROM device WHERE enrolled IS NOT NULL").fetchall()
        return load_sites(db)["t1"].hours, enrolled


async def test_polls_are_counted_once_in_their_own_hour_and_late_energy_is_sorted_in(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    config = config_for(mosquitto.port, tmp_path, site_file=str(HALL), derive={"interval_s": 1, "store": False})
    path = config.records_path
    now_s = time.time()
    hour = first = int(now_s // 3600)
    start_s = (hour - 3) * 3600.0
    async with running(config) as collector, publisher(mosquitto.port) as client:
        await collector.ready()
        await publish_to("t1", client, poll("meter-main", 1, now_s, {COUNTER: 1e9}))
        await eventually(lambda: collector.collector.stats().messages_received == 1, "come")
    with closing(sqlite3.connect(path)) as db, db:  # as if the collector had been away for hours
        head = msgspec.json.encode(Head(last={"facility:meter-main": (start_s, 4e8)}))
        db.execute("UPDATE site SET head = ?", (head,))
    async with running(config) as collector, publisher(mosquitto.port) as client:
        await collector.ready()
        await publish_to("t1", client, poll("meter-main", 4, time.time(), {COUNTER: 1e9}))
        for seq, at, value in 2 * [
            (2, start_s + 3600, 9.4e8),
            (3, start_s + 7200, 9.6e8),
        ]:  # once more, as after a lost confirmation
            await publish_to("t1", client, poll("meter-main", seq, at, {COUNTER: value}))
        await publish_to("t1", client, poll("pdu-a1-a", 5, now_s, {}))
        status = Status(agent="gw", site="t1", status="online", epoch="e", devices=["meter-main"])
        await publish_to("t1", client, status)
        await eventually(lambda: collector.collector.stats().messages_received == 7, "come")
    counted = {key: count for key, count in answered(path).items() if count}
    last = int(time.time() // 3600)
    assert counted == {
        ("meter-main", hour - 2): 1,
        ("meter-main", hour - 1): 1,
        **({("meter-main", first): 2} if first == last else {("meter-main", first): 1, ("meter-main", last): 1}),
        ("pdu-a1-a", first): 1,
    }
    hours, enrolled = kept(path)
    assert enrolled == [("meter-main",)]  # the agent's status names no other
    assert round(hours[hour - 3].amount["facility:meter-main"] / 1e6) == 540
    assert round(hours[hour - 2].amount["facility:meter-main"] / 1e6) == 20
