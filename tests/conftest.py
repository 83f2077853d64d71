"""Fixtures for every test: real servers on loopback, fresh for each test, gone afterwards."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.captures import require_captures
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.prometheus import Prometheus
from tests.servers.victoriametrics import VictoriaMetrics


@pytest.fixture
def captures() -> Path:
    """Folder of recordings of real devices."""
    return require_captures()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """An anonymous MQTT broker whose sessions survive a clean restart."""
    with Mosquitto(tmp_path / "mosquitto", persistence=True).serving() as server:
        yield server


@pytest.fixture
def influxdb(tmp_path: Path) -> Iterator[InfluxDB]:
    """An InfluxDB engine with the v2 write path and an empty database `rackflow`."""
    with InfluxDB(tmp_path / "influxdb").serving() as server:
        yield server


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    """An empty VictoriaMetrics."""
    with VictoriaMetrics(tmp_path / "victoria-metrics").serving() as server:
        yield server


@pytest.fixture
def prometheus_for(tmp_path: Path) -> Iterator[Callable[[Sequence[str]], Prometheus]]:
    """Starts a Prometheus that scrapes the given host:port targets every second."""
    with ExitStack() as stack:

        def start(targets: Sequence[str]) -> Prometheus:
            folder = tmp_path / f"prometheus-{len(list(tmp_path.glob('prometheus-*')))}"
            return stack.enter_context(Prometheus(folder, targets).serving())

        yield start
