"""Reads back what a collector under test has stored in its folder; also the configuration section of each engine."""

import gzip
import json
from pathlib import Path
from typing import TypedDict

from tests.servers.influxdb import InfluxDB


def influx_store(influxdb: InfluxDB) -> dict[str, object]:
    """The store section for an engine."""
    return {
        "kind": "influxdb",
        "url": influxdb.url,
        "org": "any",
        "bucket": influxdb.database,
        "token": "secret",
        "timeout_s": 2,
        "flush_s": 0.05,
    }


def points(folder: Path) -> list[str]:
    """Lines that the file store has made durable."""
    files = sorted((folder / "points").glob("*.lp.gz"))
    return [line for file in files for line in gzip.decompress(file.read_bytes()).decode().splitlines()]


class DeadLetter(TypedDict):
    """The parts of an entry that tests read."""

    time: int
    topic: str
    reason: str
    error: str
    payload: str
    payload_bytes: int


def dead_letters(folder: Path) -> list[DeadLetter]:
    """Entries of the dead-letter file."""
    return [json.loads(line) for line in (folder / "dead.jsonl").read_text(encoding="utf-8").splitlines()]
