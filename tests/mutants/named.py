"""Breaks that were chosen by hand: each is applied to a copy of the tree, and a test must fail.

They are kept in `named/*.yaml`, one file per area, each break named by what a user would see. The generated mutants are in `score.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rackflow.process.yaml import load_yaml_file
from tests.mutants.running import Job, Outcome, Pool, import_libraries

# Far above every test that is named, for only a break that hangs gets there.
CPU_S = 240.0
WALL_S = 400.0
# A single test that hangs is stopped far over what the slowest one takes without the break: a busy machine must not look like one.
HANG_FACTOR, HANG_MARGIN_S = 8, 20.0


@dataclass(frozen=True, slots=True)
class Break:
    name: str
    file: str
    replace: str
    replacement: str
    tests: tuple[str, ...]

    def text(self, root: Path) -> str:
        """The file with the break. Raises ValueError when the text to replace is not there exactly once."""
        file = root / self.file
        if not file.is_file():
            raise ValueError(f"there is no {self.file}")
        original = file.read_text(encoding="utf-8")
        if (count := original.count(self.replace)) != 1:
            raise ValueError(f"the text to replace is in {self.file} {count} times, not once")
        if self.replace == self.replacement:
            raise ValueError("the replacement changes nothing")
        return original.replace(self.replace, self.replacement)


def read_breaks(files: Sequence[Path]) -> list[Break]:
    """The breaks of these files. Raises ValueError for an entry that has other keys than it should."""
    found = []
    for file in files:
        entries: Any = load_yaml_file(file) or []
        for entry in entries:
            if set(entry) != {"name", "file", "replace", "with", "tests"} or not entry["tests"]:
                raise ValueError(f"{file.name}: an entry has name, file, replace, with and tests, not {entry}")
            # A block (`|`) brings a newline at its end, which most texts do not mean.
            found.append(
                Break(
                    entry["name"].strip(),
                    entry["file"],
                    entry["replace"].removesuffix("\n"),
                    str(entry["with"] or "").removesuffix("\n"),
                    tuple(entry["tests"]),
                )
            )
    return found


def try_breaks(breaks: Sequence[Break], root: Path, pool: Pool) -> bool:
    """Print a line for each break and the sum. Returns whether each of them fails a test that passes without it."""
    broken: list[tuple[Break, Job]] = []
    for entry in breaks:
        try:
            job = Job(entry.file, entry.text(root), entry.tests, CPU_S, WALL_S)
        except ValueError as error:
            print(f"INVALID   {entry.name}: {error}")
            continue
        broken.append((entry, job))
    sound = dict(run_unbroken(sorted({entry.tests for entry, _ in broken}), pool))
    killed = 0
    jobs: dict[int, Break] = {}
    ready: list[Job] = []
    for entry, job in broken:
        if passes(entry, sound[entry.tests]):
            slowest_s = max(sound[entry.tests].durations.values(), default=0.0)
            ready.append(replace(job, timeout_s=HANG_MARGIN_S + HANG_FACTOR * slowest_s))
            jobs[id(ready[-1])] = entry
    for job, outcome in pool.run(ready):
        killed += was_killed(jobs[id(job)], outcome)
    print(f"named: {killed} of {len(breaks)} breaks fail a test")
    return killed == len(breaks)


def run_unbroken(tests: Sequence[tuple[str, ...]], pool: Pool) -> Iterator[tuple[tuple[str, ...], Outcome]]:
    for number, (job, outcome) in enumerate(pool.run(Job("pyproject.toml", None, one, CPU_S, WALL_S) for one in tests)):
        if number == 0:
            import_libraries(outcome.libraries)
        yield job.tests, outcome


def passes(entry: Break, unbroken: Outcome) -> bool:
    if unbroken.verdict == "passed":
        return True
    print(
        f"INVALID   {entry.name}: {unbroken.first or 'the tests'} {unbroken.verdict} without the break\n{unbroken.output}"
    )
    return False


def was_killed(entry: Break, outcome: Outcome) -> bool:
    match outcome.verdict:
        case "failed":
            print(f"killed    {entry.name} | {outcome.first} | {outcome.seconds:.1f} s", flush=True)
            return True
        case "timeout":
            print(f"killed    {entry.name} | hangs, stopped | {outcome.seconds:.1f} s", flush=True)
            return True
        case "passed":
            print(f"SURVIVED  {entry.name} | {outcome.seconds:.1f} s", flush=True)
        case "unusable":
            # It would fail every test of the project and shows nothing about these.
            print(
                f"INVALID   {entry.name}: with the break the tests cannot even be imported\n{outcome.output}",
                flush=True,
            )
        case verdict:
            print(f"INVALID   {entry.name}: {verdict} {outcome.first}\n{outcome.output}", flush=True)
    return False
