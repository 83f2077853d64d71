"""`make chaos`: plays every scenario, or the quick ones, and prints a table. Exit status 1 if any promise was broken."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.e2e.chaos.hostile import HEAD as HOSTILE_HEAD
from tests.e2e.chaos.hostile import HOSTILE, cells, play_hostile, print_hostile
from tests.e2e.chaos.hostile_accounts import ATTACKS
from tests.e2e.chaos.hostile_trial import HEAD as ACCOUNTS_HEAD
from tests.e2e.chaos.hostile_trial import line_of, trial
from tests.e2e.chaos.scenarios import SCENARIOS, Row, kill_cost, play
from tests.e2e.chaos.soak import soak

HEAD = (
    "| scenario | produced | stored | duplicates in the database | came again | dropped with a reason "
    "| missing without reason | heard by a second listener | of those not stored | s |"
)


def main() -> int:
    """Run the chosen scenarios; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["all", "quick", "soak", "hostile"], default="all")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=120, help="length of the soak run")
    parser.add_argument("--seconds", type=float, default=30, help="length of each hostile scenario")
    arguments = parser.parse_args()
    if arguments.what == "soak":
        with tempfile.TemporaryDirectory(prefix="rackflow-soak-") as name:
            return soak(Path(name), arguments.minutes)
    # Turns SIGTERM into an exception, so that a scenario removes its firewall rules, mounts and processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if arguments.what == "hostile":
        return hostile(arguments.only, arguments.seconds)
    print(f"{HEAD}\n|---|---|---|---|---|---|---|---|---|---|", flush=True)
    rows: list[Row] = []
    for scenario in SCENARIOS:
        times = scenario.quick if arguments.what == "quick" else scenario.full
        if not times or arguments.only not in scenario.name:
            continue
        with tempfile.TemporaryDirectory(prefix="rackflow-chaos-") as name:
            row = play(scenario, times, Path(name), arguments.seed)
        rows.append(row)
        cells = (
            *(row.name, row.produced, row.stored, row.duplicated, row.came_again, row.dropped, row.missing),
            *(row.heard, row.heard_not_stored, f"{row.seconds:.0f}"),
        )
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    if cost := kill_cost(rows):
        print(cost)
    if impossible_times := sum(row.impossible_times for row in rows):
        print(f"{impossible_times} rows with impossible times")
    produced, duplicated = sum(row.produced for row in rows), sum(row.duplicated for row in rows)
    missing = sum(row.missing for row in rows)
    print(f"{len(rows)} scenarios, {produced} produced, {duplicated} duplicated, {missing} missing without reason")
    return 1 if duplicated or missing or impossible_times or any(row.heard_not_stored for row in rows) else 0


def hostile(only: str, seconds: float) -> int:
    """Play the hostile devices and the hostile accounts; returns the exit status."""
    print(HOSTILE_HEAD, flush=True)
    rows, costs = [], []
    for scenario in HOSTILE:
        if only in scenario.name:
            with tempfile.TemporaryDirectory(prefix="rackflow-chaos-") as name:
                rows.append(play_hostile(scenario, seconds, Path(name)))
            print(cells(rows[-1]), flush=True)
    print(f"\n{ACCOUNTS_HEAD}\n|---|---|---|---|---|---|---|---|---|", flush=True)
    for attack in ATTACKS:
        if only in attack:
            with tempfile.TemporaryDirectory(prefix="rackflow-chaos-") as name:
                costs.append(trial(attack, seconds, Path(name)))
            print(line_of(costs[-1]), flush=True)
    return print_hostile(rows, costs)


if __name__ == "__main__":
    sys.exit(main())
