"""Every shell block of the documentation is executed as it is printed, page by page, in a folder like a reader's."""

from collections.abc import Iterator

import pytest

from tests.examples.blocks import PAGES, REPOSITORY, Block, blocks_of
from tests.examples.world import FIRST, WHOLE, World, started_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with started_world(tmp_path_factory.mktemp("examples")) as it:
        yield it


def pages() -> dict[str, list[Block]]:
    """The blocks of each page that has something to execute; without `make examples` only those that new users go through."""
    every = {str(page.relative_to(REPOSITORY)): [*blocks_of(page)] for page in PAGES}
    return {
        name: blocks
        for name, blocks in every.items()
        if (WHOLE or name.startswith(FIRST)) and any(each.language == "sh" and not each.reason for each in blocks)
    }


@pytest.mark.parametrize("page", pages())
def test_the_commands_of_a_page_do_what_it_says(page: str, world: World) -> None:
    status, printed = world.run(page, pages()[page])
    assert status == 0, "\n".join(around_faults(printed))


def around_faults(printed: str) -> Iterator[str]:
    """Each command that failed, with the lines before it."""
    lines = printed.splitlines()
    places = [at for at, line in enumerate(lines) if line.startswith("FAILED")] or [len(lines)]
    for at in places:
        yield from lines[max(0, at - 6) : at + 1]
