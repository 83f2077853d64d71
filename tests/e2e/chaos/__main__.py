"""`make chaos`: plays every scenario, or the quick ones, and prints a table. Exit status 1 if any promise was broken."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.e2e.chaos.scenarios import SCENARIOS, Row, kill_cost, play
from tests.e2e.chaos.soak import soak

HEAD = (
    "| scenario | produced | stored | duplicates in the database | came again | dropped with a reason "
    "| missing without reason | heard by a second listener | of those not stored | s |"
)


def main() -> int:
    """Run the chosen scenarios; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["all", "quick", "soak"], default="all")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=120, help="length of the soak run")
    arguments = parser.parse_args()
    if arguments.what == "soak":
        with tempfile.TemporaryDirectory(prefix="rackflow-soak-") as name:
            return soak(Path(name), arguments.minutes)
    print(f"{HEAD}\n|---|---|---|---|---|---|---|---|---|---|", flush=True)
    # Turns SIGTERM into an exception, so that a scenario removes its firewall rules, mounts and processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
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
    if astray := sum(row.astray for row in rows):
        print(f"{astray} rows with impossible times")
    produced, duplicated = sum(row.produced for row in rows), sum(row.duplicated for row in rows)
    missing = sum(row.missing for row in rows)
    print(f"{len(rows)} scenarios, {produced} produced, {duplicated} duplicated, {missing} missing without reason")
    return 1 if duplicated or missing or astray or any(row.heard_not_stored for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
