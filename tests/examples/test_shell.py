"""Every shell block of the documentation is executed as it is printed, page by page, in a folder like a reader's."""

from collections.abc import Iterator

import pytest

from tests.examples.blocks import PAGES, REPOSITORY, Block, blocks_of
from tests.examples.world import World, started_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with started_world(tmp_path_factory.mktemp("examples")) as it:
        yield it


def shell_blocks() -> dict[str, list[Block]]:
    found = {str(page.relative_to(REPOSITORY)): [*blocks_of(page)] for page in PAGES}
    runnable = {name: [each for each in every if each.language == "sh" and not each.reason] for name, every in found.items()}
    return {name: every for name, every in runnable.items() if every}


@pytest.mark.parametrize("page", shell_blocks())
def test_the_commands_of_a_page_do_what_it_says(page: str, world: World) -> None:
    status, printed = world.run(page, shell_blocks()[page])
    assert status == 0, printed[-4000:]
