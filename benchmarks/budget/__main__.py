"""`make budget`: compares instructions and calls of the hot paths with benchmarks/budget/committed.yaml; `ARGS=--write` writes it.

More than 5 % worse fails, and the functions that are called more often are named. Instructions depend on the interpreter's build, and are
compared with those of the same build only; calls depend on our code alone.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.budget.measure import Figures, build, calls, instructions
from benchmarks.budget.workloads import WORKLOADS

COMMITTED = Path(__file__).with_name("committed.yaml")
# The ratio to the committed figures that still passes, as the docstring says. A smaller one would fail for changes nobody would undo.
ALLOWED = 1.05
# Functions that are named when a budget is exceeded; the rest is rarely the cause.
NAMED = 8


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """The functions with the most calls that were not there before."""
    more = {name: count - before.get(name, 0) for name, count in now.items()}
    worst = sorted(more, key=lambda name: more[name], reverse=True)[:NAMED]
    return [f"    {name}: {before.get(name, 0)} -> {now[name]} calls" for name in worst if more[name] > 0]


def compare(name: str, before: Figures, now: Figures) -> tuple[list[str], bool]:
    """What to say of a workload, and whether it keeps to its budget."""
    pairs = {"calls": (sum(before.calls.values()), sum(now.calls.values()))}
    if before.instructions and now.instructions:
        pairs["instructions"] = (before.instructions, now.instructions)
    ratios = {what: after / first for what, (first, after) in pairs.items()}
    shown = ", ".join(f"{pairs[what][1]} {what} ({ratio - 1:+.1%})" for what, ratio in ratios.items())
    if max(ratios.values()) <= ALLOWED:
        return [f"{name}: {shown}"], True
    named = grown(before.calls, now.calls) or ["    no function of ours is called more often: look at what they call"]
    return [f"{name}: {shown}: over the budget", *named], False


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(prog="make budget ARGS=…", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the figures of now, which a commit then explains")
    is_writing = parser.parse_args().write
    committed = {} if is_writing else yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))
    is_countable = shutil.which("valgrind") is not None and (is_writing or committed["build"] == build())
    if not is_countable:
        print("calls only: no valgrind, or committed.yaml is of another build of Python")
    found: dict[str, Any] = {"build": build(), "workloads": {}}
    is_kept = True
    counted = instructions(WORKLOADS) if is_countable else {}
    for name in WORKLOADS:
        now = Figures(counted.get(name), calls(name))
        found["workloads"][name] = {"instructions": now.instructions, "calls": now.calls}
        if not is_writing:
            before = committed["workloads"][name]
            lines, is_within = compare(name, Figures(before["instructions"], before["calls"]), now)
            print("\n".join(lines))
            is_kept = is_kept and is_within
    if is_writing:
        COMMITTED.write_text(yaml.safe_dump(found, sort_keys=True), encoding="utf-8")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
