"""Fixtures for every test: real servers on loopback, fresh for each test, gone afterwards."""

import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rackflow.process.logs import StderrHandler
from tests import stalls
from tests.budget import EXCEPTIONS, Clocks, Grant, allowed_s, over_budget, read_grants
from tests.servers.captures import require_captures
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.notify import NotifyListener
from tests.servers.prometheus import Prometheus
from tests.servers.victoriametrics import VictoriaMetrics
from tests.set_aside import SetAside
from tests.shared_rewriting import SharedRewriting

GRANTS = pytest.StashKey[list[Grant]]()
# Of Hypothesis, in the quick half: a quarter of the usual hundred.
QUICK_EXAMPLES = 25
# The folder all of whose tests share a browser and a collector (its conftest.py).
SHARING = ("tests", "collector", "web", "page")


def pytest_configure(config: pytest.Config) -> None:
    """Reads tests/slow.yaml. Hypothesis's own deadline is off, because it is wall time for each example, which a busy machine exceeds."""
    settings.register_profile("rackflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    # What a version of Python breaks shows in a few examples; rare ones are looked for on the machine's own.
    settings.register_profile("quick-half", settings.get_profile("rackflow"), max_examples=QUICK_EXAMPLES)
    settings.load_profile("quick-half" if os.environ.get("RACKFLOW_QUICK_HALF") else "rackflow")
    config.stash[GRANTS] = read_grants(EXCEPTIONS.read_text(encoding="utf-8"))
    stalls.register(config)
    config.pluginmanager.register(SetAside(), "set-aside")
    config.pluginmanager.register(SharedRewriting(), "shared-rewriting")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with the slowest tests come first. Last, a test of a minute would run alone while the other processes have nothing left."""
    grants = config.stash[GRANTS]
    slowest: dict[Path, float] = {}
    for item in items:
        together = kept_together(item)
        slowest[together] = max(slowest.get(together, 0.0), allowed_s(item.nodeid, grants))
    items.sort(key=lambda item: -slowest[kept_together(item)])
    if os.environ.get("RACKFLOW_QUICK_HALF"):
        keep_first_and_last_cases(config, items)


def kept_together(item: pytest.Item) -> Path:
    """The file of a test, or the folder: those tests share what was set up for them."""
    return item.path.parent if item.path.parent.parts[-len(SHARING) :] == SHARING else item.path


def keep_first_and_last_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with many cases the first and the last: what a version of Python breaks, it breaks in any case of a test."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = {item for each in cases.values() for item in (each[0], each[-1])}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Adds to a test's report what it spent (`--spent`), and whether that exceeds its budget (`--strict-budget`)."""
    start = Clocks.now()
    try:
        result = yield
    finally:
        spent_s = Clocks.now().spent_since(start)
        item.user_properties.append(("spent_s", round(spent_s, 3)))
    complaint = over_budget(item.nodeid, spent_s, item.config.stash[GRANTS])
    # A test that is stopped on purpose takes longer by as much.
    if complaint is not None and not item.config.getoption("--stalls"):
        if item.config.getoption("--strict-budget"):
            pytest.fail(complaint, pytrace=False)
        item.user_properties.append(("over_budget", complaint))
    return result


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--spent N`, `--strict-budget`, `--stalls SECONDS`."""
    stalls.add_options(parser)
    parser.addoption("--strict-budget", action="store_true", help="fail the tests that exceed their budget of time")
    parser.addoption("--spent", type=int, default=0, help="list the N tests that spent most of their budget")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The tests that exceeded their budget, and with `--spent` those that spent most."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    calls = [(dict(report.user_properties), report.nodeid) for report in reports if report.when == "call"]
    exceeded = [f"{nodeid}: {properties['over_budget']}" for properties, nodeid in calls if "over_budget" in properties]
    if exceeded:
        terminalreporter.section(f"{len(exceeded)} tests exceeded their budget of time, which fails none of them")
        for line in exceeded:
            terminalreporter.write_line(line)
    if not (count := config.getoption("--spent")):
        return
    terminalreporter.section(f"the {count} tests that spent most, seconds of CPU or idle waiting")
    spent = ((properties.get("spent_s", 0.0), nodeid) for properties, nodeid in calls)
    for seconds, nodeid in sorted(spent, reverse=True)[:count]:
        terminalreporter.write_line(f"{seconds:7.2f} {nodeid}")


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Resets the logging that a command has set up in this process; otherwise its lines would appear on stderr of later tests."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if isinstance(handler, StderrHandler):
            root.removeHandler(handler)


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
def manager(tmp_path: Path) -> Iterator[NotifyListener]:
    """What systemd would receive from a service: the messages of sd_notify."""
    it = NotifyListener(tmp_path / "notify")
    yield it
    it.close()


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
