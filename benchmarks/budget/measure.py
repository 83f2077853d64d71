"""Measures a workload: instructions under callgrind, and calls of each function of ours."""

import cProfile
import gc
import os
import pstats
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.budget.workloads import WORKLOADS

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ("agent", "collector", "rackflow")
_INSTRUCTIONS = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """Of one workload. `instructions` is None where they cannot be counted; `calls` is by `module:function`."""

    instructions: int | None
    calls: dict[str, int]


def build() -> str:
    """What instructions depend on besides our code: the interpreter's build."""
    return " ".join(sys.version.split())


def calls(name: str) -> dict[str, int]:
    """Calls of our functions, in this process. A first run fills caches."""
    with WORKLOADS[name]() as work:
        work()
        profile = cProfile.Profile()
        profile.runcall(work)
    found: dict[str, int] = {}
    for (file, _, function), (_, count, *_) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # not in its type hints
        path = Path(file)
        if path.is_relative_to(REPOSITORY) and path.relative_to(REPOSITORY).parts[0] in OURS:
            key = f"{path.relative_to(REPOSITORY)}:{function}"
            found[key] = found.get(key, 0) + count
    return found


def instructions(names: Iterable[str]) -> dict[str, int]:
    """Instructions of the second run of each workload, counted by callgrind. Raises RuntimeError if it says none.

    One process runs them all, because importing takes most of the time under callgrind.
    """
    names = tuple(names)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counts"),
            *(sys.executable, "-m", "benchmarks.budget.measure", *names),
        ]
        # Another order of sets and dictionaries of strings is another number of instructions.
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        # Each dump is a file of its own, numbered from 1.
        dumps = {name: Path(folder, f"counts.{number}") for number, name in enumerate(names, 1)}
        texts = {name: path.read_text(encoding="utf-8") for name, path in dumps.items() if path.exists()}
        found = {name: int(match[1]) for name, text in texts.items() if (match := _INSTRUCTIONS.search(text))}
    if done.returncode or len(found) < len(names) or not all(found.values()):
        raise RuntimeError(f"callgrind counted {found}: {done.stderr[-500:]}")
    return found


def under_callgrind(names: Iterable[str]) -> None:
    """Run each workload with instrumentation switched on around it, and have callgrind write what it counted."""
    for name in names:
        with WORKLOADS[name]() as work:
            work()
            # Whether a full collection of garbage falls into the second run is chance, and over all profiles it costs half as much as the
            # polls do. What the first run has left is not looked through again.
            gc.collect()
            gc.freeze()
            _control("--instr=on")
            _control("--zero")  # switching on resets the counters, but not what a dump takes the difference to
            work()
            _control("--dump")
            _control("--instr=off")
            gc.unfreeze()


def _control(order: str) -> None:
    subprocess.run(["callgrind_control", order, str(os.getpid())], check=True, capture_output=True)


if __name__ == "__main__":
    under_callgrind(sys.argv[1:])
