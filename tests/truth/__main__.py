"""`make truth`: compares what agent and collector derive with the truth. Exit status 1 if an error exceeds the stated tolerance."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.truth import faults_report
from tests.truth.cases import KINDS, Case, Kind, play
from tests.truth.compare import Row, merged
from tests.truth.conservation import Stage, conserve
from tests.truth.leap import run_leaping
from tests.truth.moments import hour, moments, row_of_racks

FIGURES = ("figure", "series", "truth", "derived", "worst error", "of", "allowed", "median as polled", "why so much")
STAGES = ("stage", "in", "out", "stated losses and storage", "not accounted for", "allowed")
CASES = (
    *("how long until", "cases", "median error", "90 %", "too short, worst", "too long, worst", "too long"),
    *("allowed too long", "of steps not polled yet: cases", "too long, worst"),
)


@dataclass(slots=True)
class Report:
    """All results of a run."""

    rows: list[Row] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    @property
    def beyond(self) -> list[str]:
        """Names of figures, stages and cases whose error exceeds the stated tolerance."""
        kinds = [kind for kind in KINDS if kind in {case.kind for case in self.cases}]
        return [
            *(row.metric for row in self.rows if row.beyond),
            *(stage.name for stage in self.stages if stage.beyond),
            *(kind for kind in kinds if _too_long(kind, self.cases)),
        ]


def _too_long(kind: Kind, cases: Sequence[Case]) -> bool:
    limit = KINDS[kind].longest
    return limit is not None and any(case.error > limit for case in cases if case.kind == kind and not case.unseen)


def quick(seed: int) -> Report:
    """A short run: ten air-cooled racks, four liquid-cooled ones, an hour of both, 20 failures."""
    return Report(quick_rows(), [], failures(5, seed))


def quick_rows() -> list[Row]:
    """The figures of a short run beside the truth."""
    comparisons = [
        run_leaping(moments("edge", 2, 30.0, both_sides=False)),
        run_leaping(moments(row_of_racks(), 2, 40.0, both_sides=True)),
        run_leaping(hour("edge", 1)),
        run_leaping(hour(row_of_racks(), 12)),
    ]
    return merged(comparisons)


def full(seed: int) -> Report:
    """The full run: also the hall of 32 racks, its energy balance over some minutes, and 200 failures."""
    stages, losses = run_leaping(conserve("ai-hall", 700.0))
    comparisons = [
        losses,
        run_leaping(moments("edge", 10, 60.0, both_sides=False)),
        run_leaping(moments("ai-hall", 5, 60.0, both_sides=True)),
        run_leaping(hour("edge", 1)),
        run_leaping(hour(row_of_racks(), 12)),
    ]
    return Report(merged(comparisons), stages, failures(50, seed))


def failures(sites: int, seed: int) -> list[Case]:
    """Four failures on each of so many random sites, and the runtimes that their UPSs report."""
    return [case for number in range(sites) for case in play(seed * 1000 + number)]


def lines(report: Report) -> Iterator[str]:
    """The tables as Markdown."""
    if report.rows:
        yield from _table(FIGURES, (row.cells() for row in report.rows if row.at_once))
        yield ""
    if report.stages:
        yield from _table(STAGES, (stage.cells() for stage in report.stages))
        yield ""
    if report.cases:
        yield from _table(CASES, (_distribution(kind, report.cases) for kind in KINDS))


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"


def _distribution(kind: Kind, cases: Sequence[Case]) -> tuple[str, ...]:
    of_kind, limit = KINDS[kind], KINDS[kind].longest
    errors = sorted(case.error for case in cases if case.kind == kind and not case.unseen)
    unseen = sorted(case.error for case in cases if case.kind == kind and case.unseen)
    if not errors:
        return (of_kind.words, "0", *[""] * (len(CASES) - 2))
    sizes = sorted(map(abs, errors))
    return (
        *(of_kind.words, str(len(errors)), f"{100 * statistics.median(sizes):.1f} %"),
        *(f"{100 * sizes[int(0.9 * (len(sizes) - 1))]:.1f} %", f"{100 * min(errors[0], 0.0):.1f} %"),
        *(f"{100 * max(errors[-1], 0.0):+.1f} %", f"{sum(error > 0 for error in errors) / len(errors):.0%}"),
        *("" if limit is None else f"{100 * limit:g} %", str(len(unseen))),
        f"{100 * max(unseen[-1], 0.0):+.1f} %" if unseen else "",
    )


def summary(report: Report) -> str:
    """The closing line."""
    rows = [row for row in report.rows if row.at_once]
    worst = max((abs(row.worst.share) for row in rows), default=0.0)
    ours = [abs(case.error) for case in report.cases if KINDS[case.kind].ours]
    return (
        f"{len(rows)} figures, worst error {100 * worst:.1f} %, "
        f"ride-through median error {100 * statistics.median(ours):.1f} %"
    )


WHAT: Final[Mapping[str, Callable[[int], Report]]] = {
    "all": full,
    "quick": quick,
    "failures": lambda seed: Report(cases=failures(50, seed)),
}


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="make truth ARGS=…", description=__doc__)
    parser.add_argument("what", nargs="?", choices=[*WHAT, "faults"], default="all")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.what == "faults":
        return faults()
    started = time.perf_counter()
    report = WHAT[arguments.what](arguments.seed)
    for line in lines(report):
        print(line)
    print(f"took {time.perf_counter() - started:.0f} s")
    for what in report.beyond:
        print(f"beyond what is stated: {what}")
    print(summary(report))
    failed = faults() if arguments.what == "all" else 0
    return 1 if report.beyond else failed


def faults() -> int:
    """Play every fault beside its twin; returns the exit status."""
    started = time.perf_counter()
    played = faults_report.play(seen=lambda each: print(f"{each.row.title}: {each.ok}", file=sys.stderr))
    for line in faults_report.lines(played):
        print(line)
    print(f"took {time.perf_counter() - started:.0f} s")
    wrong = faults_report.beyond(played)
    for what in wrong:
        print(f"beyond what is stated: {what}")
    print(faults_report.summary(played))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
