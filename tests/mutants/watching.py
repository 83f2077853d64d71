"""A pytest plugin that records outcome, duration, and the lines of one module that each test reaches."""

import contextlib
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import coverage
import pytest


class Recorder:
    """A pytest plugin that orders tests and keeps what came of them.

    Args:
        order: Node ids to run, in this order, and no others; empty to run everything in the order collected.
        cpu_budget_s: After so many seconds of this process's own CPU time no further test starts. CPU time, since seconds of
            the clock would let another load on the machine decide how many tests a mutant meets.

    """

    def __init__(self, order: Sequence[str] = (), cpu_budget_s: float = float("inf")) -> None:
        self._order = {node: place for place, node in enumerate(order)}
        self._cpu_budget_s = cpu_budget_s
        self.durations: dict[str, float] = defaultdict(float)
        self.failed: str | None = None
        self.late = False
        self.collection_failed: str | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        # The budget of tests/conftest.py: a test that a busy machine slows down is none that notices a break.
        config.option.no_budget = True

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if not self._order:
            return
        # A break may change the parameters of a test, and with them the names of its cases. Then all cases of that test run: the
        # tables of times and bounds have each figure in a name.
        collected = {item.nodeid for item in items}
        renamed = {function_of(node): place for node, place in self._order.items() if node not in collected}
        places = {
            item.nodeid: self._order.get(item.nodeid, renamed.get(function_of(item.nodeid), -1)) for item in items
        }
        items[:] = sorted((i for i in items if places[i.nodeid] >= 0), key=lambda i: places[i.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.collection_failed is None:
            self.collection_failed = report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.durations[report.nodeid] += report.duration
        if report.failed and self.failed is None:
            self.failed = report.nodeid
            self.late = "Timeout" in str(report.longrepr)

    def pytest_runtest_logfinish(self) -> None:
        if time.process_time() > self._cpu_budget_s:
            # Not `pytest.exit`, which would not tear down the fixtures of the module.
            self._session.shouldstop = "the CPU budget is spent"

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session


class Reach:
    """A pytest plugin that notes which tests reach which lines of some files, and which tests start a Python process.

    A fixture that several tests share runs within the first of them only. What it reaches is noted for its file.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self._coverage = coverage.Coverage(data_file=None, config_file=False, include=files)
        self._context = ""
        self.starts_python: set[str] = set()
        sys.addaudithook(self._audit)

    def start(self) -> None:
        self._coverage.start()
        self._coverage.switch_context("")

    def stop(self) -> None:
        self._coverage.stop()

    def lines(self, file: str) -> dict[int, list[str]]:
        """Line to node ids of tests, and to files for shared fixtures. Lines run at import only have none."""
        reached = self._coverage.get_data().contexts_by_lineno(file)
        return {line: [context for context in contexts if context] for line, contexts in reached.items()}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with self._within(item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Iterator[None]:
        shared = fixturedef.scope != "function"
        with self._within(request.node.nodeid.partition("::")[0] if shared else self._context):
            return (yield)

    @contextlib.contextmanager
    def _within(self, context: str) -> Iterator[None]:
        before, self._context = self._context, context
        self._coverage.switch_context(context)
        try:
            yield
        finally:
            self._context = before
            self._coverage.switch_context(before)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "subprocess.Popen" and self._context and "python" in repr(arguments[:2]):
            self.starts_python.add(self._context)


def function_of(node: str) -> str:
    """The test of a node id, without the parameters of the case."""
    return node.partition("[")[0]
