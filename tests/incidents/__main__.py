"""`make incidents`: every fault of the simulator over the real chain, from the device to both Alertmanagers, and what was told of it."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.incidents.chain import chain
from tests.incidents.play import Player, Result
from tests.incidents.report import last_line, table
from tests.incidents.rows import WAVES

HEALTHY_S = 60.0


async def play_site(site: str, waves: Sequence[int] = ()) -> tuple[list[Result], list[str]]:
    """All waves of a site; the results, and what was told and should not have been."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="rackflow-incidents-") as folder:
        async with chain(site, Path(folder)) as one, Player(one) as player:
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
    parser.add_argument("site", nargs="*", help=f"sites, of {', '.join(WAVES)}; all when left out")
    parser.add_argument("--wave", type=int, action="append", default=[], help="only this wave of faults")
    arguments = parser.parse_args()
    results: list[Result] = []
    false: list[str] = []
    for site in arguments.site or WAVES:
        played, strayed = asyncio.run(play_site(site, arguments.wave))
        results += played
        false += strayed
    for each in false:
        print(each)
    print(last_line(results, len(false)))
    return int(bool(false) or not all(each.is_right for each in results))


if __name__ == "__main__":
    sys.exit(main())
