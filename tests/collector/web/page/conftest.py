"""One browser for all tests of the page, and one hall: starting them costs more than what is tried with them.

Both end with the last test of this folder, not with the run: a collector, a browser and an agent that nobody looks at any more would
take 3 % of a core from all tests that follow.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest

from tests.collector.web.page.asking import MODULES, PAGE, Ask, files_of
from tests.collector.web.page.hall import Hall, hall_in
from tests.servers.chromium import Browser
from tests.servers.waiting import wait_until
from tests.servers.web import request as ask_server

T = TypeVar("T")
STARTED = pytest.StashKey[dict[str, object]]()


def once_for_the_folder(request: pytest.FixtureRequest, start: Callable[[], AbstractContextManager[T]]) -> T:
    """What `start` gives, the same for all files of this folder. pytest knows only fixtures of a file and of the whole run."""
    folder = request.node.parent
    started: dict[str, T] = folder.stash.setdefault(STARTED, {})
    name = str(request.fixturename)
    if name not in started:
        manager = start()
        started[name] = manager.__enter__()

        def end() -> None:
            del started[name]
            manager.__exit__(None, None, None)

        folder.addfinalizer(end)
    return started[name]


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Debian's Chromium."""
    return once_for_the_folder(request, Browser(tmp_path_factory.mktemp("chromium")).running)


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hall:
    """The hall of all tests."""
    return once_for_the_folder(request, lambda: hall_in(tmp_path_factory.mktemp("hall")))


@pytest.fixture
def hall(played: Hall) -> Hall:
    """The hall, in which all is well."""
    played.agent.all_well()
    found: list[bytes] = []

    def is_well() -> bool:
        found[:] = [ask_server(f"{played.url}api/v1/problems").body]
        return b'"problems":[]' in found[0]

    try:
        wait_until(is_well, "no problem", 90.0)
    except TimeoutError:
        pytest.fail(f"the hall is not well: {found}")
    return played


@pytest.fixture(scope="module")
def ask(played: Hall, browser: Browser) -> Iterator[Ask]:
    """Runs a function's body in a page that has the modules by their names."""
    with browser.page(f"{played.url}plain") as page:
        imports = ", ".join(f"import('./{files_of(played)}{name}.js')" for name in MODULES)
        yield lambda body: page.ask(
            f"Promise.all([{imports}]).then(async ([{', '.join(MODULES)}]) => {{ {PAGE} {body} }})"
        )
