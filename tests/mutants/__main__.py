"""`make mutants`: breaks the code that keeps promises to users in small ways, and reports whether a test notices."""

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.mutants import table
from tests.mutants.copies import ROOT
from tests.mutants.named import read_breaks, try_breaks
from tests.mutants.running import Pool, pool
from tests.mutants.score import Scoring
from tests.mutants.targets import Targets, read_killers, read_targets, write_killers

# Of the tree that is broken: the lists, and the document that shows the scores.
LISTS = Path("tests/mutants")
DOCUMENT = Path("docs/explanation/mutants.md")


def main() -> int:
    """Run the command; returns the exit status."""
    # `timeout` and `kill` end a run as Ctrl-C does: with its processes and its copies of the tree.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    parser = argparse.ArgumentParser(prog="make mutants ARGS=…", description=__doc__)
    parser.add_argument(
        "what", nargs="*", help="named [FILE…] | sample | table | MODULE… (all of targets.yaml if none)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many run at a time")
    parser.add_argument("--most", type=int, help="at most so many mutants of each module, always the same ones")
    parser.add_argument(
        "--learn", action="store_true", help="keep which test noticed each mutant of the sample, for the next time"
    )
    parser.add_argument("--write", choices=table.COLUMNS, help="keep each module's score in this column")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the tree to break, always in a copy (default: this one)"
    )
    arguments = parser.parse_args()
    if arguments.write and arguments.what == ["sample"]:
        parser.error("--write: one or two mutants of a module are no score of it")
    lists = arguments.root / LISTS
    first, *rest = arguments.what or [""]
    if first == "table":
        lines = table.rows(table.read(lists / "scores.yaml"))
        table.put(arguments.root / DOCUMENT, lines)
        print("\n".join(lines))
        return 0
    with pool(arguments.root, arguments.jobs) as copies:
        if first == "named":
            files = [Path(file) for file in rest] or sorted((lists / "named").glob("*.yaml"))
            return 0 if try_breaks(read_breaks(files), arguments.root, copies) else 1
        return score(arguments, copies)


def score(arguments: argparse.Namespace, copies: Pool) -> int:
    """Run generated mutants. Returns 1 when too few are killed."""
    begun = time.monotonic()
    lists = arguments.root / LISTS
    targets = read_targets(lists, arguments.root)
    scoring = Scoring(targets, arguments.root, copies)
    floor_percent = targets.floor_percent
    if arguments.what == ["sample"]:
        floor_percent = targets.sample.floor_percent
        known = read_killers(lists / "killers.yaml")
        print(f"{scoring.sample(known)} were noticed by the test that noticed them before")
        if arguments.learn:
            write_killers(lists / "killers.yaml", scoring.killers)
    else:
        for module in scoring.modules(chosen(arguments.what, targets), arguments.most):
            if arguments.write and scoring.scores[module].total:
                table.keep(lists / "scores.yaml", arguments.write, {module: scoring.scores[module]})
    killed, total, faults = 0, 0, 0
    for module, each in sorted(scoring.scores.items()):
        print(f"{module}: {each.killed} of {each.total}", *each.faults, sep="\n")
        killed, total, faults = killed + each.killed, total + each.total, faults + len(each.faults)
    percent = 100 * killed / total if total else 0.0
    print(
        f"{time.monotonic() - begun:.0f} s; at least {floor_percent:.0f} % are to be killed; {faults} faults of the lists"
    )
    print(f"mutants: {killed} killed of {total} non-equivalent ({percent:.1f} %)")
    return 0 if percent >= floor_percent and not faults else 1


def chosen(what: list[str], targets: Targets) -> list[str]:
    """Modules by path or by the end of it; all when none is named."""
    unknown = [each for each in what if not any(module.endswith(each) for module in targets.modules)]
    if unknown:
        sys.exit(f"not in targets.yaml: {', '.join(unknown)}")
    return [module for module in targets.modules if not what or any(module.endswith(each) for each in what)]


if __name__ == "__main__":
    sys.exit(main())
