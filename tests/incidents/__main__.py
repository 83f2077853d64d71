"""`make incidents`: every fault of the simulator over the real chain, from the device to both Alertmanagers, and what was reported.

    make incidents ARGS="ai-hall --wave 1 --keep played.json"

plays one wave and keeps what came of it; a run with the same file plays only what is missing or was not right.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.incidents import healthy, storms
from tests.incidents.chain import Chain, chain
from tests.incidents.kept import Kept, Wave
from tests.incidents.play import Player
from tests.incidents.report import HEADER
from tests.incidents.watch import Standstill
from tests.incidents.waves import WAVES

# How long a chain runs before the first fault: nothing may be reported in it.
HEALTHY_S = 60.0
# Polls of the safety class have a second: devices that stand still for longer do not answer, as all of them together never do.
MAX_STILL_S = 1.0
# How often a wave or storm is played at most if the machine stood still meanwhile.
TRIES = 2
MEASURED = Path(__file__).with_name("measured.json")
"""The latencies in docs/reference/problems.md."""


def note(text: str) -> None:
    """Say how it goes on, beside the tables."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """Where the programs keep what they write. It is kept if something fails, for its logs."""
    folder = Path(tempfile.mkdtemp(prefix="rackflow-incidents-"))
    try:
        yield folder
    except BaseException:
        note(f"logs are in {folder}")
        raise
    shutil.rmtree(folder)


async def play_storms(wanted: Collection[int], tries: int) -> bool:
    """The storms that are wanted, one after the other; whether people got no message too many."""
    print(storms.HEADER, flush=True)
    is_right = True
    with _folder() as folder:
        async with chain("ai-hall", folder, merged=True) as one, asyncio.TaskGroup() as group:
            standstill = Standstill()
            watching = group.create_task(standstill.watch(), name="incidents-standstill")
            await asyncio.sleep(HEALTHY_S)
            for number in wanted or range(len(storms.STORMS)):
                counted = await _play_storm(one, number, standstill, tries)
                print(counted.line(), flush=True)
                is_right = is_right and counted.is_right
            watching.cancel()
    return is_right


async def _play_storm(one: Chain, number: int, standstill: Standstill, tries: int) -> storms.Counted:
    """One storm; again if the machine disturbed it."""
    standstill.take()
    began = time.monotonic()
    counted = await storms.play(one, storms.STORMS[number])
    still_s = standstill.take()
    note(f"storm {number}: {time.monotonic() - began:.0f} s, stood still for {still_s:.1f} s at most")
    if counted.is_right or still_s <= MAX_STILL_S or tries <= 1:
        return counted
    note(f"{counted.line()} while the machine was too busy; again")
    return await _play_storm(one, number, standstill, tries - 1)


def play_healthy(sites: Collection[str]) -> bool:
    """Play a healthy hour of each site; return whether nothing was reported."""
    print(healthy.HEADER, flush=True)
    is_right = True
    for site in sites:
        began = time.monotonic()
        hour = healthy.play(site)
        note(f"an hour of {site}: {time.monotonic() - began:.0f} s")
        with _folder() as folder:
            replayed = healthy.replay(hour, folder)
        print(healthy.line(hour, replayed), flush=True)
        is_right = is_right and not hour.problems and not replayed
    return is_right


async def play_site(site: str, wanted: Collection[int], kept: Kept, tries: int) -> list[str]:
    """Play the waves of a site that are wanted and not kept yet. Returns what was reported before the first."""
    waves = [number for number in range(len(WAVES[site])) if number in wanted or not wanted]
    waves = [number for number in waves if not kept.has(site, number)]
    if not waves:
        return []
    with _folder() as folder:
        async with chain(site, folder) as one, Player(one) as player:
            note(f"{site}: {len(one.simulation.fleet.devices)} devices are up")
            await player.healthy(HEALTHY_S)
            before, player.false = player.false, []
            for number in waves:
                wave = await _play_wave(player, number, tries)
                kept.add(wave)
                print("\n".join([HEADER, *wave.lines, *(f"FALSE {each}" for each in wave.false)]), flush=True)
    return before


async def _play_wave(player: Player, number: int, tries: int) -> Wave:
    """One wave; again if the machine disturbed it."""
    site = player.chain.site
    player.standstill.take()
    began = time.monotonic()
    played = await player.play(WAVES[site][number])
    wave = Wave.of(site, number, played, player.false, player.standstill.take())
    player.false = []
    note(f"{site}, wave {number}: {time.monotonic() - began:.0f} s, stood still for {wave.still_s:.1f} s at most")
    if wave.is_right or wave.still_s <= MAX_STILL_S or tries <= 1:
        return wave
    note("not right, while the machine was too busy for what has to answer within a second; again")
    await player.wait_until_all_over()
    return await _play_wave(player, number, tries - 1)


def main() -> int:
    """Play what is asked for."""
    parser = argparse.ArgumentParser(prog="make incidents ARGS=", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"{', '.join(WAVES)}, storms, healthy; all when left out")
    parser.add_argument("--wave", type=int, action="append", default=[], help="only this wave of faults, from 0")
    parser.add_argument("--storm", type=int, action="append", default=[], help="only this storm, from 0")
    parser.add_argument(
        "--keep", type=Path, help="keep what was played in this file, and play only what is missing there"
    )
    parser.add_argument(
        "--tries", type=int, default=TRIES, help="how often a wave is played at most, if the machine is busy"
    )
    parser.add_argument("--write", action="store_true", help="keep the latencies for docs/reference/problems.md")
    arguments = parser.parse_args()
    # It writes the bytes of each answer that came too late.
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    wanted = arguments.what or [*WAVES, "storms", "healthy"]
    sites = [each for each in WAVES if each in wanted]
    is_calm = asyncio.run(play_storms(arguments.storm, arguments.tries)) if "storms" in wanted else True
    is_calm = (play_healthy(sites or list(WAVES)) if "healthy" in wanted else True) and is_calm
    if "healthy" in arguments.what:
        return int(not is_calm)  # `ai-hall healthy` is the healthy hour of ai-hall
    kept, false = Kept(arguments.keep), []
    for site in sites:
        false += asyncio.run(play_site(site, arguments.wave, kept, arguments.tries))
    for each in false:
        print("FALSE", each)
    if arguments.write and kept.waves:
        known = json.loads(MEASURED.read_text(encoding="utf-8")) | kept.latencies()
        MEASURED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if sites:
        print(kept.last_line(false))
    return int(bool(false) or not is_calm or not all(each.is_right for each in kept.waves))


if __name__ == "__main__":
    sys.exit(main())
