"""`make mutants`: small breaks of promise-bearing code, and whether a test notices each of them."""

import argparse
import os
import sys
from pathlib import Path

from tests.mutants.named import read_breaks, try_breaks
from tests.mutants.copies import ROOT
from tests.mutants.running import pool

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants ARGS=…", description=__doc__)
    parser.add_argument(
        "what", nargs="*", help="named | sample | table | modules (all of targets.yaml when none is given)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many run at a time")
    arguments = parser.parse_args()
    with pool(arguments.jobs) as copies:
        what = arguments.what
        if what[:1] == ["named"]:
            files = [Path(file) for file in what[1:]] or sorted((HERE / "named").glob("*.yaml"))
            return 0 if try_breaks(read_breaks(files), ROOT, copies) else 1
    return 2


if __name__ == "__main__":
    sys.exit(main())
