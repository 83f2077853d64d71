"""One browser for all tests of the page, and one hall: starting them costs more than what is tried with them."""

from collections.abc import Iterator

import pytest

from tests.collector.web.page.hall import Hall, hall_in
from tests.servers.chromium import Browser
from tests.servers.waiting import wait_until
from tests.servers.web import request


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium."""
    with Browser(tmp_path_factory.mktemp("chromium")).running() as running:
        yield running


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """The hall of all tests."""
    with hall_in(tmp_path_factory.mktemp("hall")) as hall:
        yield hall


@pytest.fixture
def hall(played: Hall) -> Hall:
    """The hall, in which all is well."""
    played.agent.all_well()
    wait_until(lambda: b'"problems":[]' in request(f"{played.url}api/v1/problems").body, "no problem", 90.0)
    return played
