"""One browser for all tests of the page, and one hall for each file of them: starting them costs more than what is tried with them."""

from collections.abc import Iterator

import pytest

from tests.collector.web.page.hall import Hall, hall_in
from tests.servers.chromium import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium."""
    with Browser(tmp_path_factory.mktemp("chromium")).running() as running:
        yield running


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """The hall of a file of tests."""
    with hall_in(tmp_path_factory.mktemp("hall")) as hall:
        yield hall


@pytest.fixture
def hall(played: Hall) -> Iterator[Hall]:
    """The hall, in which all is well before and after the test."""
    yield played
    played.agent.all_well()
