"""One browser for all tests of the page, and one hall: starting them costs more than what is tried with them."""

from collections.abc import Iterator

import pytest

from tests.collector.web.page.asking import MODULES, PAGE, Ask, files_of
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
    told: list[bytes] = []

    def is_well() -> bool:
        told[:] = [request(f"{played.url}api/v1/problems").body]
        return b'"problems":[]' in told[0]

    try:
        wait_until(is_well, "no problem", 90.0)
    except TimeoutError:
        pytest.fail(f"the hall is not well: {told}")
    return played


@pytest.fixture(scope="module")
def ask(played: Hall, browser: Browser) -> Iterator[Ask]:
    """Runs a function's body in a page that has the modules by their names."""
    with browser.page(f"{played.url}plain") as page:
        imports = ", ".join(f"import('./{files_of(played)}{name}.js')" for name in MODULES)
        yield lambda body: page.ask(
            f"Promise.all([{imports}]).then(async ([{', '.join(MODULES)}]) => {{ {PAGE} {body} }})"
        )
