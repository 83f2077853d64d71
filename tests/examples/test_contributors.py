"""The test that docs/how-to/change-the-code.md shows to those who write their first one."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.examples.blocks import REPOSITORY, blocks_of
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAGE = REPOSITORY / "docs/how-to/change-the-code.md"


async def test_the_test_that_the_page_shows_passes(mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path) -> None:
    (block,) = [each for each in blocks_of(PAGE) if each.language == "python"]
    names: dict[str, object] = {}
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - it is our own page
    shown = cast("Callable[[Mosquitto, InfluxDB, Path], Awaitable[None]]", names["test_a_batch_is_stored"])
    await shown(mosquitto, influxdb, tmp_path)
