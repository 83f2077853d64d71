"""`make bench`: runs the benchmarks and prints their figures. Ratios to another program are measured in the same run."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import collecting, deriving, footprint, lab, ledger, outbox, page, peer, polling, snmp_v3


def main() -> int:  # noqa: C901 - a line for each benchmark
    """Run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        choices=[[], "polling", "footprint", "deriving", "page", "lab", "outbox", "ledger", "collecting", "v3", "peer"],
        default=[],
        help="default: all but peer, which installs another gateway",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--interval", type=float, default=0.1)
    parser.add_argument("--only", default="", help="of the peer's scenarios, those whose name contains this")
    arguments = parser.parse_args()
    wanted = arguments.what or [
        "polling",
        "footprint",
        "deriving",
        "page",
        "lab",
        "outbox",
        "ledger",
        "collecting",
        "v3",
    ]
    with tempfile.TemporaryDirectory(prefix="rackflow-bench-") as name:
        folder = Path(name)
        if "polling" in wanted:
            lines = polling.run(folder, arguments.rounds, arguments.seconds, arguments.devices, arguments.interval)
            print("\n".join(lines), flush=True)
        if "footprint" in wanted:
            print("\n".join(footprint.run(folder, 3 * arguments.seconds)), flush=True)
        if "deriving" in wanted:
            print("\n".join(deriving.run(5000, 5 * arguments.rounds)), flush=True)
        if "page" in wanted:
            print("\n".join(page.run_sizes(4 * arguments.rounds)), flush=True)
        if "outbox" in wanted:
            print("\n".join(outbox.run(folder, arguments.seconds)), flush=True)
        if "ledger" in wanted:
            print("\n".join(ledger.run(folder)), flush=True)
        if "collecting" in wanted:
            for line in collecting.run(folder):
                print(line, flush=True)
        if "v3" in wanted:
            print("\n".join(snmp_v3.run(folder, arguments.rounds, arguments.seconds)), flush=True)
        if "peer" in wanted:
            for line in peer.run(folder, arguments.only):
                print(line, flush=True)
        if "lab" in wanted:
            print("\n".join(lab.run(arguments.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
