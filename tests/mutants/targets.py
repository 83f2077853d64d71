"""Reads `targets.yaml` (modules, their tests, what is left out), `equivalent.yaml` and `killers.yaml`."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import yaml

from rackflow.process.yaml import load_yaml_file
from tests.mutants.making import Key, Rules


@dataclass(frozen=True, slots=True)
class Sample:
    """Some mutants of all modules, always the same. `cpu_budget_s` bounds the tests that one of them meets."""

    count: int
    seed: int
    cpu_budget_s: float
    floor_percent: float


@dataclass(frozen=True, slots=True)
class Targets:
    floor_percent: float
    sample: Sample
    rules: Rules
    modules: dict[str, tuple[str, ...]]
    equivalent: dict[Key, str]


def read_targets(folder: Path, root: Path) -> Targets:
    """Raises ValueError for a module or a file of tests that is not there, and for an entry without a reason."""
    found: Any = load_yaml_file(folder / "targets.yaml")
    modules = {module: tuple(tests) for module, tests in found["modules"].items()}
    for file in sorted({*modules, *(test.partition("::")[0] for tests in modules.values() for test in tests)}):
        if not (root / file).is_file():
            raise ValueError(f"targets.yaml: there is no {file}")
    return Targets(
        found["floor_percent"],
        Sample(**found["sample"]),
        Rules(patterns(found["left_out"]["lines"]), patterns(found["left_out"]["calls"])),
        modules,
        read_equivalent(folder / "equivalent.yaml", modules),
    )


def patterns(entries: list[dict[str, str]]) -> list[re.Pattern[str]]:
    if any(not entry["reason"] for entry in entries):
        raise ValueError("targets.yaml: what is left out has a reason")
    return [re.compile(entry["pattern"]) for entry in entries]


def read_equivalent(file: Path, modules: dict[str, tuple[str, ...]]) -> dict[Key, str]:
    """Mutants that behave as the original does, with the reason."""
    found = {}
    entries: Any = load_yaml_file(file) or []
    for entry in entries:
        key = Key(entry["module"], entry["function"] or "", entry["original"] or "", entry["mutated"] or "")
        if key.module not in modules or not entry["reason"]:
            raise ValueError(f"{file.name}: not a target, or without a reason: {entry}")
        found[key] = entry["reason"]
    return found


def read_killers(file: Path) -> dict[Key, str]:
    """The test that noticed each mutant of the sample when `--learn` was last given; none without the file."""
    entries: Any = load_yaml_file(file) or [] if file.is_file() else []
    return {Key(**{name: each[name] or "" for name in Key.__slots__}): each["test"] for each in entries}


def write_killers(file: Path, killers: Mapping[Key, str]) -> None:
    entries = [
        {**asdict(key), "test": test} for key, test in sorted(killers.items(), key=lambda each: astuple(each[0]))
    ]
    text = yaml.safe_dump(entries, sort_keys=False, width=10_000)
    file.write_text(
        f"# The test that noticed each mutant of the sample. Written by make mutants ARGS='sample --learn'.\n{text}",
        "utf-8",
    )


def draw(sample: Sample, sizes: dict[str, int]) -> Iterator[str]:
    """The module of each mutant of the sample, larger ones more often.

    Each draw is a contest of hashes that only a module's own size and name influence, so that a change of one module leaves
    the other draws as they are.
    """
    for number in range(sample.count):

        def rank(module: str, number: int = number) -> float:
            return math.log(fraction(f"{sample.seed} {number} {module}")) / sizes[module]

        yield max(sorted(sizes), key=rank)


def fraction(text: str) -> float:
    """A number between 0 and 1, neither included, that looks random and is always the same for the same text."""
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) + 1) / (2**64 + 2)
