"""What a collector has left in the sandbox: an account of three messages, and one hour of October's records."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from collector.config import load_collector_config
from collector.derive.energy.carbon import Factor
from collector.derive.energy.hourly import Hour, Terms
from collector.derive.energy.records import Head, SiteRecords
from collector.ledger import Entry, EpochKey, LedgerFile
from collector.receive.poll_counts import PollCounts, Polled, PolledDevice
from collector.records import RecordsFile
from collector.records.file import Snapshot

NOW_S = datetime(2026, 10, 15, 12, 30, tzinfo=UTC).timestamp()
TERMS = Terms(
    quantities=("facility:m",),
    category="1",
    profile_j=43.2e6,
    factor=Factor(600.0, None, estimated=False, source="file", basis="direct"),
    residual=700.0,
)
HOUR = Hour({"facility:m": 1.5e8}, {"facility:m": 3599.5}, {"facility:m": 12.25}, TERMS)


def write_state(folder: Path) -> None:
    """Write it for the configuration in the folder, from which the collector is started."""
    config = load_collector_config(folder / "collector.yaml")
    # The commands that read the ledger ask for the last hour, and it keeps 30 days: its messages are of the present.
    ledger = LedgerFile(folder / config.ledger_path, 30, time.time)
    now_ms = int(time.time() * 1000)
    entries = [Entry(EpochKey("cas1", "gw-1", "01"), seq, now_ms, now_ms) for seq in (1, 2, 3)]
    assert asyncio.run(ledger.record(entries))
    ledger.close()
    records = RecordsFile(folder / config.records_path, lambda: NOW_S)
    polls = PollCounts()
    meter = PolledDevice("cas1", "gw-1", "meter-main")
    polls.count([Polled(who=meter, device_class="meter", poll="normal", interval_s=10.0, time_s=NOW_S, up=True)])
    site = SiteRecords(Head(1.0, 2.0, 3, {"facility:m": (4.0, 5.0)}), {int(NOW_S // 3600) - 1: HOUR})
    records.save(Snapshot({"cas1": site}, polls.take(), polls.enrolled))
    records.close(ended=True)
