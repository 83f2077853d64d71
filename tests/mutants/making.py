"""Makes the mutants of a module. The changes are mutmut's; left out are those that no test should have to notice.

Only mutmut's generation is used. Its own runner keeps all mutants in one file behind a switch, which it can put into functions
only: limits and defaults, which are outside of functions, would be left out.
"""

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import Mutation, MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode


@dataclass(frozen=True, slots=True)
class Key:
    """What a mutant is known by: its content, so that it stays the same when other lines of the module change."""

    module: str
    function: str
    original: str
    mutated: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """`lines` are those of the statement that is changed, counted from 1."""

    key: Key
    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is left out: lines that match a pattern, and whole calls whose name matches one."""

    lines: Sequence[re.Pattern[str]]
    calls: Sequence[re.Pattern[str]]


def mutants_of(module: str, source: str, rules: Rules, seed: int | None = None) -> Iterator[Mutant]:
    """All mutants of a module: in the order of its text or, with a seed, in one that looks random and is always the same."""
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    tree = MetadataWrapper(libcst.parse_module(source), unsafe_skip_copy=True).visit(visitor)
    statements = Statements(source, rules)
    mutations = list(one_for_each_text(visitor.mutations))
    if seed is not None:
        mutations.sort(key=lambda each: shuffled(tree, each, seed))
    for mutation in mutations:
        # Slow (it copies the whole tree), hence here, for those asked for only.
        mutated = deep_replace(tree, mutation.original_node, mutation.mutated_node)
        assert isinstance(mutated, libcst.Module)
        mutant = statements.mutant(module, mutated.code)
        if mutant is not None:
            yield mutant


def one_for_each_text(mutations: Iterable[Mutation]) -> Iterator[Mutation]:
    """Leave out two of the three changes that mutmut offers of each text: where one is noticed, so are the others."""
    texts: set[int] = set()
    for mutation in mutations:
        if isinstance(mutation.original_node, libcst.SimpleString):
            if id(mutation.original_node) in texts:
                continue
            texts.add(id(mutation.original_node))
        yield mutation


def shuffled(tree: libcst.Module, mutation: Mutation, seed: int) -> bytes:
    """The mutant's place in a shuffled order that other changes of the module leave as it is."""
    content = f"{seed} {tree.code_for_node(mutation.original_node)} {tree.code_for_node(mutation.mutated_node)}"
    return hashlib.sha256(content.encode()).digest()


class Statements:
    """Where statements and functions of a module begin and end."""

    def __init__(self, source: str, rules: Rules) -> None:
        self._source = source.splitlines()
        self._rules = rules
        self._functions: dict[int, str] = {}
        self._statements: dict[int, tuple[int, ...]] = {}
        self._left_out: set[int] = set()
        self._visit(ast.parse(source), "")

    def mutant(self, module: str, text: str) -> Mutant | None:
        """The mutant whose whole text is given; None when it is left out, or no change at all."""
        mutated = text.splitlines()
        start, behind = difference(self._source, mutated)
        original_lines = self._source[start : len(self._source) - behind]
        if not original_lines and len(mutated) - behind <= start:
            return None
        numbers = range(start + 1, len(self._source) - behind + 1) or range(start + 1, start + 2)
        if self._left_out.issuperset(numbers):
            return None
        if any(rule.search(line) for rule in self._rules.lines for line in original_lines):
            return None
        key = Key(
            module,
            self._functions.get(numbers[0], ""),
            " ".join(line.strip() for line in original_lines),
            " ".join(line.strip() for line in mutated[start : len(mutated) - behind]),
        )
        lines = {line for number in numbers for line in self._statements.get(number, (number,))}
        return Mutant(key, text, tuple(sorted(lines)))

    def _visit(self, node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{function}.{child.name}".lstrip(".")
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                self._functions |= dict.fromkeys(range(first, (child.end_lineno or first) + 1), name)
            if isinstance(child, ast.stmt):
                self._note(child)
            self._visit(child, name)

    def _note(self, statement: ast.stmt) -> None:
        body: list[ast.stmt] = getattr(statement, "body", [])
        # Of `if`, `for` and the like only the head: what follows are statements of their own.
        end = max(body[0].lineno - 1, statement.lineno) if body else statement.end_lineno or statement.lineno
        lines = tuple(range(statement.lineno, end + 1))
        self._statements |= dict.fromkeys(lines, lines)
        call = statement.exc if isinstance(statement, ast.Raise) else getattr(statement, "value", None)
        if isinstance(call, ast.Call):
            name = "raise " * isinstance(statement, ast.Raise) + ast.unparse(call.func)
            if any(rule.search(name) for rule in self._rules.calls):
                self._left_out.update(lines)


def difference(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """How many lines two texts have in common before and behind the place where they differ."""
    most = min(len(one), len(other))
    start = next((number for number in range(most) if one[number] != other[number]), most)
    behind = next((n for n in range(most - start) if one[-1 - n] != other[-1 - n]), most - start)
    return start, behind


def unmatched(keys: Collection[Key], equivalent: Mapping[Key, str], modules: Collection[str]) -> list[Key]:
    """Entries of the list of equivalent mutants, in these modules, that are no mutant any more."""
    return [key for key in equivalent if key.module in modules and key not in keys]
