"""`make incidents`: every fault of the simulator over the real chain, from the device to both Alertmanagers, and what was told of it."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.incidents import healthy, storms
from tests.incidents.chain import chain
from tests.incidents.play import Player, Result
from tests.incidents.report import last_line, measured, table
from tests.incidents.rows import WAVES

HEALTHY_S = 60.0
MEASURED = Path(__file__).with_name("measured.json")
"""What docs/reference/problems.md tells of latency."""


@contextmanager
def _folder() -> Iterator[Path]:
    """Where the programs keep what they write. It is kept if something fails, for its logs."""
    folder = Path(tempfile.mkdtemp(prefix="rackflow-incidents-"))
    try:
        yield folder
    except BaseException:
        print(f"logs are in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)


async def play_storms() -> bool:
    """All storms, one after the other; whether people got no message too many."""
    print(storms.HEADER, flush=True)
    is_right = True
    with _folder() as folder:
        async with chain("ai-hall", folder, merged=True) as one:
            await asyncio.sleep(HEALTHY_S)
            for storm in storms.STORMS:
                counted = await storms.play(one, storm)
                print(counted.line(), flush=True)
                is_right = is_right and counted.is_right
    return is_right


def play_healthy() -> bool:
    """An hour of each site that is well; whether nothing was told."""
    print(healthy.HEADER, flush=True)
    is_right = True
    for site in WAVES:
        hour = healthy.play(site)
        with _folder() as folder:
            replayed = healthy.replay(hour, folder)
        print(healthy.line(hour, replayed), flush=True)
        is_right = is_right and not hour.told and not replayed
    return is_right


async def play_site(site: str, waves: Sequence[int] = ()) -> tuple[list[Result], list[str]]:
    """All waves of a site; the results, and what was told and should not have been."""
    results: list[Result] = []
    with _folder() as folder:
        async with chain(site, folder) as one, Player(one) as player:
            print(f"{site}: {len(one.simulation.fleet.devices)} devices are up", file=sys.stderr, flush=True)
            await player.healthy(HEALTHY_S)
            for number, rows in enumerate(WAVES[site]):
                if waves and number not in waves:
                    continue
                played = await player.play(rows)
                results += played
                print(table(site, played), flush=True)
                for each in player.false:
                    print("FALSE", each, flush=True)
    return results, player.false


def main() -> int:
    """Play what is asked for."""
    parser = argparse.ArgumentParser(prog="make incidents ARGS=", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"{', '.join(WAVES)}, storms, healthy; all when left out")
    parser.add_argument("--wave", type=int, action="append", default=[], help="only this wave of faults")
    parser.add_argument("--write", action="store_true", help="keep the latencies for docs/reference/problems.md")
    arguments = parser.parse_args()
    results: list[Result] = []
    false: list[str] = []
    wanted = arguments.what or [*WAVES, "storms", "healthy"]
    is_calm = asyncio.run(play_storms()) if "storms" in wanted else True
    is_calm = (play_healthy() if "healthy" in wanted else True) and is_calm
    for site in (each for each in WAVES if each in wanted):
        played, strayed = asyncio.run(play_site(site, arguments.wave))
        results += played
        false += strayed
    for each in false:
        print(each)
    if arguments.write and results:
        known = json.loads(MEASURED.read_text(encoding="utf-8")) | measured(results)
        MEASURED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(last_line(results, len(false)))
    return int(bool(false) or not is_calm or not all(each.is_right for each in results))


if __name__ == "__main__":
    sys.exit(main())
