"""Runs generated mutants and counts those that a test notices."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from tests.mutants.making import Key, Mutant, mutants_of, unmatched
from tests.mutants.running import Job, Outcome, Pool, import_libraries
from tests.mutants.targets import Targets, draw

# A mutant is killed by its time only far over what the tests take without it: some mutants wait or loop for ever, and a busy
# machine must not look like one of them. CPU seconds hardly depend on the load; seconds of the clock do, hence the wide margin.
CPU_FACTOR, CPU_MARGIN_S = 5, 10.0
WALL_FACTOR, WALL_MARGIN_S = 8, 60.0
CLEAN_CPU_S, CLEAN_WALL_S = 600.0, 1800.0
SAMPLE_CPU_S, SAMPLE_WALL_S = 60.0, 240.0
# Tests of a file that reach the mutant through something an earlier test has computed and kept are not seen to reach it. They
# are quick then, so all quick ones of the file run, too.
QUICK_TEST_S = 0.3


@dataclass(slots=True)
class Score:
    """Counts of one module. Equivalent mutants are in none of them."""

    killed: int = 0
    survived: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.killed + self.survived


class Scoring:
    """One run over some modules, or over a sample of all."""

    def __init__(self, targets: Targets, root: Path, pool: Pool) -> None:
        self._targets = targets
        self._root = root
        self._pool = pool
        self.scores: dict[str, Score] = defaultdict(Score)
        self.killers: dict[Key, str] = {}
        """The test that noticed a mutant."""

    def sample(self, killers: Mapping[Key, str]) -> int:
        """Score the sample, without a run of the unbroken code before; returns how many a test of `killers` noticed.

        A mutant meets the test that noticed it before. Only where there is none, or it passes by now, does the mutant meet all tests of
        its module, in the order of targets.yaml: they cost three times as much, and minutes where they wait for servers.
        """
        sample = self._targets.sample
        sizes = {module: self._source(module).count("\n") for module in self._targets.modules}
        wanted: dict[str, int] = defaultdict(int)
        for module in draw(sample, sizes):
            wanted[module] += 1
        first, *_ = wanted
        tests = self._targets.modules[first]
        self._preload(self._pool.one(Job(first, None, tests[:1], SAMPLE_CPU_S, SAMPLE_WALL_S)))

        def jobs() -> Iterator[tuple[Job, Mutant]]:
            for module, count in sorted(wanted.items()):
                for mutant in islice(self._mutants(module, sample.seed), count):
                    tests = self._targets.modules[module]
                    yield Job(module, mutant.text, tests, SAMPLE_CPU_S, SAMPLE_WALL_S, (), sample.cpu_budget_s), mutant

        unknown: list[tuple[Job, Mutant]] = []

        def known() -> Iterator[tuple[Job, Mutant]]:
            for job, mutant in jobs():
                if mutant.key in killers:
                    yield replace(job, tests=(killers[mutant.key],)), mutant
                else:
                    unknown.append((job, mutant))

        late: list[tuple[Job, Mutant]] = []
        left: list[tuple[Job, Mutant]] = []
        for job, mutant, outcome in self._finish(known(), lambda outcome: outcome.verdict != "failed" or outcome.late):
            (late if self._late(outcome) else left).append((job, mutant))
        # A test that passes by now, or is not found, shows nothing.
        left += [(job, mutant) for job, mutant, _ in self._finish(late, lambda outcome: outcome.verdict != "failed")]
        noticed = len(self.killers)
        self._run([*unknown, *((replace(job, tests=self._targets.modules[job.file]), mutant) for job, mutant in left)])
        return noticed

    def modules(self, modules: Sequence[str], most: int | None) -> Iterator[str]:
        """Score these modules: all of their mutants, or at most so many of each, always the same ones.

        Yields each module as soon as its score is complete. That leaves a process without work at the end of each, and costs a long
        run less than to lose everything when it is stopped.
        """
        together: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for module in modules:
            together[self._targets.modules[module]].append(module)
        jobs = (
            Job(group[0], None, tests, CLEAN_CPU_S, CLEAN_WALL_S, reach=tuple(group))
            for tests, group in together.items()
        )
        clean: dict[str, Outcome] = {}
        for job, outcome in self._pool.run(jobs):
            if outcome.verdict == "passed":
                self._preload(outcome)
                clean |= dict.fromkeys(job.reach, outcome)
            else:
                found = f"{outcome.first or 'the tests'} {outcome.verdict} without a mutant\n{outcome.output}"
                for module in job.reach:
                    self.scores[module].faults.append(f"{module}: {found}")
        for module in modules:
            if module in clean:
                self._run(self._jobs(module, clean[module], most))
                yield module

    def _jobs(self, module: str, clean: Outcome, most: int | None) -> Iterator[tuple[Job, Mutant]]:
        seed = None if most is None else self._targets.sample.seed
        for mutant in islice(self._mutants(module, seed), most):
            order = tests_for(mutant, clean)
            # The share of the order in all tests would be exact; that of everything is only more patient.
            cpu_s = CPU_MARGIN_S + CPU_FACTOR * clean.cpu_s
            wall_s = WALL_MARGIN_S + WALL_FACTOR * clean.seconds
            files = tuple(dict.fromkeys(test.partition("::")[0] for test in order))
            yield Job(module, mutant.text, files, cpu_s, wall_s, order), mutant

    def _mutants(self, module: str, seed: int | None) -> Iterator[Mutant]:
        """Those that are not equivalent. After all of them: complains of entries for mutants that are no more."""
        seen: set[Key] = set()
        for mutant in mutants_of(module, self._source(module), self._targets.rules, seed):
            seen.add(mutant.key)
            if mutant.key not in self._targets.equivalent:
                yield mutant
        for key in unmatched(seen, self._targets.equivalent, [module]):
            self.scores[module].faults.append(f"equivalent.yaml: no mutant any more: {key}")

    def _run(self, pairs: Iterable[tuple[Job, Mutant]]) -> None:
        late = [(job, mutant) for job, mutant, _ in self._finish(pairs, self._late)]
        # A test that waited too long is believed when it does so twice.
        list(self._finish(late, lambda _: False))

    def _finish(
        self, pairs: Iterable[tuple[Job, Mutant]], again: Callable[[Outcome], bool]
    ) -> Iterator[tuple[Job, Mutant, Outcome]]:
        """Run the jobs and count what came of them. Those that are to run `again` are not counted but yielded."""
        under_way: dict[int, tuple[Job, Mutant]] = {}

        def jobs() -> Iterator[Job]:
            for job, mutant in pairs:
                under_way[id(job)] = job, mutant
                yield job

        for job, outcome in self._pool.run(jobs()):
            _, mutant = under_way.pop(id(job))
            if again(outcome):
                yield job, mutant, outcome
            else:
                self._count(mutant, outcome)

    @staticmethod
    def _late(outcome: Outcome) -> bool:
        return outcome.verdict == "failed" and outcome.late

    def _count(self, mutant: Mutant, outcome: Outcome) -> None:
        match outcome.verdict:
            case "passed":
                self._survived(mutant, f"{outcome.seconds:.1f} s")
            case "error":
                self.scores[mutant.key.module].faults.append(f"{mutant.key}: {outcome.first}")
            case verdict:
                self.scores[mutant.key.module].killed += 1
                if verdict == "failed":
                    self.killers[mutant.key] = outcome.first

    def _survived(self, mutant: Mutant, why: str) -> None:
        key = mutant.key
        self.scores[key.module].survived += 1
        place = f"{key.module}:{mutant.lines[0]} {key.function}"
        print(f"SURVIVED {place} ({why})\n    - {key.original}\n    + {key.mutated}", flush=True)

    def _preload(self, outcome: Outcome) -> None:
        import_libraries(outcome.libraries)

    def _source(self, module: str) -> str:
        return (self._root / module).read_text(encoding="utf-8")


def tests_for(mutant: Mutant, clean: Outcome) -> tuple[str, ...]:
    """Node ids of the tests that might notice the mutant, those first that will soonest."""
    lines = clean.lines[mutant.key.module]
    reached = [lines[line] for line in mutant.lines if line in lines]
    contexts = {context for line in reached for context in line}
    # Lines that run at import only (constants, signatures) concern every test. So do those that no test is seen to reach: coverage does
    # not see a coroutine go on behind a timeout that ended what it awaited (CPython 3.11).
    everything = not contexts
    files: dict[str, list[float]] = defaultdict(list)
    for test, seconds in clean.durations.items():
        files[file_of(test)].append(seconds)

    def concern(test: str) -> int | None:
        if everything or {test, file_of(test)} & contexts:
            return 0
        if clean.durations[test] < QUICK_TEST_S and file_of(test) in {file_of(context) for context in contexts}:
            return 1
        # What it reaches in its other process is not known.
        return 2 if {test, file_of(test)} & {*clean.starts_python} else None

    def place(test: str) -> tuple[int, float, str, float]:
        of_file = files[file_of(test)]
        # File by file, for the fixtures that a file shares.
        return concern(test) or 0, sum(of_file) / len(of_file), file_of(test), clean.durations[test]

    return tuple(sorted((test for test in clean.durations if concern(test) is not None), key=place))


def file_of(test: str) -> str:
    return test.partition("::")[0]
