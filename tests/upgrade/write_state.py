"""Run with the packages of one release: writes the state files and the documents of that release into a folder."""

import asyncio
import sys
from pathlib import Path

from collector.derive.energy.carbon import Factor
from collector.derive.energy.hourly import Hour, Terms
from collector.derive.energy.records import Head, SiteRecords
from collector.ledger import Entry, EpochKey, LedgerFile
from collector.receive.poll_counts import PollCounts, Polled, PolledDevice
from collector.records.file import RecordsFile, Snapshot
from rackflow.documents import Batch, DeviceDocument, Event, Status, Stored, encode
from rackflow.outbox import DiskOutbox, Limits

NOW_S = 1_795_000_000.0
EPOCH = "01JD5Z8WQ3"
MESSAGES = 500
COMMON = {"schema": 1, "agent": "gw-1", "time": int(NOW_S * 1000), "device": "ups-a", "class": "ups"}
DOCUMENTS = {
    "batch": (Batch, COMMON | {"epoch": EPOCH, "seq": 7, "poll": "fast", "interval_s": 5.0, "duration_s": 0.03, "up": True, "error": None,
              "labels": {"site": "cas1"}, "values": {"dcim_ups_battery_charge_ratio": 0.5}, "states": {}, "bad": {}}),
    "event": (Event, COMMON | {"epoch": EPOCH, "seq": 8, "kind": "down", "labels": {"site": "cas1"}, "text": "timeout"}),
    "device": (DeviceDocument, COMMON | {"vendor": "APC", "model": "X", "serial": "S1", "firmware": "1", "profile": "apc-ups",
               "protocol": "snmp", "intervals": {"fast": 5.0}, "labels": {"site": "cas1"}}),
    "status": (Status, {"schema": 1, "agent": "gw-1", "site": "cas1", "status": "online", "epoch": EPOCH, "version": "0.1.0",
               "started": 1, "python": "3.11.2", "hostname": "h", "devices": ["ups-a"]}),
    "stored": (Stored, {"schema": 1, "agent": "gw-1", "collector": "c", "ledger": "9f", "time": 1, "durable": {EPOCH: [[1, 5]]}}),
}  # fmt: skip


async def write_outbox(path: Path) -> None:
    outbox = DiskOutbox(path, EPOCH, Limits(10_000_000, 1e9, 90.0), 500.0)
    await outbox.open()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(outbox.run())
        last = 0
        for _ in range(MESSAGES):
            last = outbox.put("rackflow/v1/cas1/gw-1/batch/ups-a", lambda seq: b'{"seq":%d}' % seq, int(NOW_S * 1000))
        await outbox.saved(last)
        running.cancel()
    await outbox.close()


def write_ledger(path: Path) -> None:
    ledger = LedgerFile(path, 30, lambda: NOW_S)
    entries = [
        Entry(EpochKey("cas1", "gw-1", EPOCH), seq, int(NOW_S * 1000), int(NOW_S * 1000)) for seq in range(1, 101)
    ]
    assert asyncio.run(ledger.record(entries))
    ledger.close()


def write_records(path: Path) -> None:
    terms = Terms(
        ("facility:m",), "1", 43.2e6, Factor(600.0, None, estimated=False, source="file", basis="direct"), 700.0
    )
    hour = Hour({"facility:m": 1.5e8}, {"facility:m": 3599.5}, {"facility:m": 12.25}, terms)
    polls = PollCounts()
    polls.count([Polled(PolledDevice("cas1", "gw-1", "m"), "meter", "normal", 10.0, NOW_S, up=True)])
    records = RecordsFile(path, lambda: NOW_S)
    site = SiteRecords(Head(1.0, 2.0, 3, {"facility:m": (4.0, 5.0)}), {int(NOW_S // 3600) - 1: hour})
    records.save(Snapshot({"cas1": site}, polls.take(), polls.enrolled))
    records.close(ended=True)


def main(folder: Path) -> None:
    from msgspec import convert  # noqa: PLC0415 - also of the previous release's libraries

    asyncio.run(write_outbox(folder / "outbox.db"))
    write_ledger(folder / "ledger.db")
    write_records(folder / "records.db")
    for name, (kind, fields) in DOCUMENTS.items():
        (folder / f"{name}.json").write_bytes(encode(convert(fields, kind)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
