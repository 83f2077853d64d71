"""Runs tests on broken copies of the tree, each in a process forked from this one.

The forked process finds the libraries imported already, so that a mutant costs the import of our own modules and its tests
only. Nothing here knows what is broken or why.
"""

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import Phase, settings

from tests.mutants.copies import duplicate, enter_copy, foreign_modules, make_copy
from tests.mutants.watching import Reach, Recorder

POLL_S = 0.01
TAIL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Job:
    """One run of tests, with one file of the tree replaced.

    `tests` are files or node ids. `reach` names files of which is to be noted which test reaches which line. A single test that
    takes longer than `timeout_s` fails; without it the limit is that of the project.
    """

    file: str
    text: str | None
    tests: tuple[str, ...]
    cpu_s: float
    wall_s: float
    order: tuple[str, ...] = ()
    cpu_budget_s: float = 1e9
    reach: tuple[str, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    `verdict` is `passed`, `failed` (of a test), `unusable` (tests could not even be imported or were not found), `timeout`
    (the process was far over its limit and killed), or `error` (of this tool). `late` marks a test that failed by waiting
    too long, which another load on the machine may bring about as well as a break.
    """

    verdict: str
    first: str = ""
    late: bool = False
    seconds: float = 0.0
    cpu_s: float = 0.0
    durations: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    starts_python: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    output: str = ""


class Pool:
    """Copies of the tree, one for each process that runs at a time."""

    def __init__(self, root: Path, folder: Path, size: int) -> None:
        self._slots = [folder / str(number) for number in range(size)]
        first, *others = self._slots
        for slot in self._slots:
            slot.mkdir()
        make_copy(first / "tree", root)
        for slot in others:
            duplicate(slot / "tree", first / "tree")

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Run the jobs; each comes back with its outcome when it is done, in no certain order."""
        free = list(self._slots)
        running: dict[int, tuple[Job, Path, float]] = {}
        waiting = iter(jobs)
        try:
            while True:
                while free and (job := next(waiting, None)) is not None:
                    slot = free.pop()
                    running[start(job, slot)] = job, slot, time.monotonic()
                if not running:
                    return
                time.sleep(POLL_S)
                for pid, (job, slot, since) in list(running.items()):
                    done, status = os.waitpid(pid, os.WNOHANG)
                    seconds = time.monotonic() - since
                    if not done and seconds > job.wall_s:
                        os.kill(pid, signal.SIGKILL)
                        done, status = os.waitpid(pid, 0)
                    if done:
                        del running[pid]
                        free.append(slot)
                        end(pid, job, slot)
                        yield job, outcome_of(slot, status, seconds)
        finally:
            for pid, (job, slot, _) in running.items():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                end(pid, job, slot)

    def one(self, job: Job) -> Outcome:
        [(_, outcome)] = self.run([job])
        return outcome


@contextmanager
def pool(root: Path, size: int) -> Iterator[Pool]:
    """Copies of the tree at `root`, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="rackflow-mutants-", ignore_cleanup_errors=True) as folder:
        yield Pool(root, Path(folder).resolve(), size)


def start(job: Job, slot: Path) -> int:
    """Fork a process that does the job. Returns its process id, which is also its group's."""
    file = slot / "tree" / job.file
    shutil.copy2(file, slot / "original")
    if job.text is not None:
        file.write_text(job.text, encoding="utf-8")
        # Another second than the original's, by which the compiled file is recognised.
        os.utime(file, (0, 0))
    (slot / "outcome.json").unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        child(job, slot)
    # Also here, so that the group exists whichever of the two gets to run first.
    with suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)
    return pid


def end(pid: int, job: Job, slot: Path) -> None:
    """Put the file back and end whatever a killed test left behind."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    shutil.copy2(slot / "original", slot / "tree" / job.file)


def outcome_of(slot: Path, status: int, seconds: float) -> Outcome:
    output = (slot / "output.txt").read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
    file = slot / "outcome.json"
    if not file.exists():
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}:
            return Outcome("timeout", seconds=seconds, output=output)
        if status == 0:
            return Outcome("unusable", seconds=seconds, output=output)
        # The break made the program end itself (a watchdog does), or Python crash. That ends tests like anything else.
        return Outcome("failed", "the process of the tests ended", seconds=seconds, output=output)
    found = json.loads(file.read_text(encoding="utf-8"))
    # JSON has no numbers for keys.
    found["lines"] = {of: {int(line): tests for line, tests in lines.items()} for of, lines in found["lines"].items()}
    return Outcome(**found | {"seconds": seconds, "output": output})


def child(job: Job, slot: Path) -> NoReturn:
    """The forked process: never returns."""
    try:
        # A test that ends a process by it must not unwind this one.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with suppress(PermissionError):
            os.setpgid(0, 0)
        output = os.open(slot / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # It also bounds the processes that tests start, each by itself.
        resource.setrlimit(resource.RLIMIT_CPU, (int(job.cpu_s) + 1, int(job.cpu_s) + 6))
        enter_copy(slot / "tree")
        found = asdict(run_tests(job, slot))
        (slot / "new.json").write_text(json.dumps(found), encoding="utf-8")
        (slot / "new.json").rename(slot / "outcome.json")
    except BaseException:  # noqa: BLE001 whatever it is, the parent's code behind the fork must not run twice
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def run_tests(job: Job, slot: Path) -> Outcome:
    tree = slot / "tree"
    # A failure is enough: no search for its smallest example. The same examples every time, so that a score is no accident.
    settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=QUICK_PHASES)
    recorder = Recorder(job.order, job.cpu_budget_s)
    plugins: list[Any] = [recorder]
    reach = Reach([str(tree / file) for file in job.reach]) if job.reach else None
    if reach is not None:
        plugins.append(reach)
        reach.start()
    limit = [] if job.timeout_s is None else [f"--timeout={job.timeout_s:.0f}"]
    code: int | pytest.ExitCode = pytest.ExitCode.TESTS_FAILED
    try:
        code = pytest.main([*OPTIONS, *limit, f"--rootdir={tree}", f"--basetemp={slot / 'tmp'}", *job.tests], plugins)
    except (pytest.PytestWarning, ExceptionGroup):
        # What a failed test left open is reported at the very end, where pytest itself ends by it.
        if recorder.failed is None:
            raise
    if reach is not None:
        reach.stop()
    foreign = foreign_modules(tree)
    verdict = VERDICTS.get(int(code), "unusable")
    if recorder.collection_failed is not None:
        verdict = "unusable"
    elif int(code) == pytest.ExitCode.INTERRUPTED and recorder.failed is None:
        verdict = "passed"  # the CPU budget was spent
    if foreign:
        verdict, recorder.failed = "error", f"imported from outside the copy: {foreign}"
    return Outcome(
        verdict=verdict,
        first=recorder.failed or recorder.collection_failed or "",
        late=recorder.late,
        cpu_s=time.process_time(),
        durations=dict(recorder.durations),
        lines={} if reach is None else {file: reach.lines(str(tree / file)) for file in job.reach},
        starts_python=sorted(reach.starts_python) if reach is not None else [],
        libraries=[
            name for name, module in sys.modules.items() if "site-packages" in (getattr(module, "__file__", None) or "")
        ],
    )


QUICK_PHASES = (Phase.explicit, Phase.generate)
VERDICTS = {
    int(pytest.ExitCode.OK): "passed",
    int(pytest.ExitCode.TESTS_FAILED): "failed",
    # A break may change the names of the tests that were to run; that is no failure.
    int(pytest.ExitCode.NO_TESTS_COLLECTED): "passed",
}
# Plain asserts: rewriting them only serves the message, and forbids to have plugins imported already.
OPTIONS = (
    "-x",
    "-q",
    "--no-header",
    "--tb=short",
    "--assert=plain",
    "-p",
    "no:cacheprovider",
    "--hypothesis-profile=mutants",
)


def import_libraries(names: Iterable[str]) -> None:
    """Import libraries here, for the processes to be forked. One that does not want to be imported alone is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            with suppress(Exception):
                importlib.import_module(name)
