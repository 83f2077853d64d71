"""The reference of all commands, docs/reference/commands.md, made from their parsers by scripts/generate.

Everything comes from what `--help` shows, so that neither can say what the other does not. argparse wraps help to the width of the
terminal and words it differently from version to version; so the page is made from the arguments themselves.
"""

import argparse
from collections.abc import Iterator, Sequence

from rackflow.command import DELEGATES, PROGRAM, subcommands, whole_parser
from rackflow.completion import NAMES
from rackflow.process.commands import EXAMPLES, EXIT_STATUSES, EXITS

OPENING = """# Commands

{notice}

Data goes to stdout, logs, progress and errors to stderr. An error is one line that says what, where and what to do. Colours and progress
bars are shown on a terminal only, and colours not at all where `NO_COLOR` is set. Each `--help` ends with the examples that stand here.

`rackflow` leads to all commands. The four names of the programs, which the services use, lead to the same commands:

| name | is |
|---|---|
{names}

`rackflow completion bash`, `zsh` and `fish` print what a shell needs to complete commands, options and their values.

## Exit statuses

| status | meaning |
|---|---|
{statuses}
"""


def commands_page(notice: str) -> str:
    """The page as Markdown; `notice` says that it is generated. Raises ModuleNotFoundError without the extra `sim`."""
    whole = whole_parser()
    text = OPENING.format(
        notice=notice,
        names="\n".join(f"| `{name}` | `{PROGRAM}{command}` |" for name, command in NAMES.items()),
        statuses="\n".join(f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES.items()),
    )
    sections = [line for name, command in subcommands(whole).items() for line in _side(name, command)]
    return "\n".join([text, *_section(PROGRAM, whole, 2, below=False), *_listed(whole), *sections]).rstrip("\n") + "\n"


def _listed(whole: argparse.ArgumentParser) -> Iterator[str]:
    yield from ("| command | what it does |", "|---|---|")
    for name, text in _helps(whole).items():
        yield f"| [`{name}`](#{PROGRAM}-{name}) | {text} |"
    yield ""


def _side(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    """The sections of one word after `rackflow`; a command of a side is described there, and only referred to here."""
    delegate = DELEGATES.get(name)
    if delegate is None or delegate.whole:
        yield from _section(f"{PROGRAM} {name}", command, 2)
        return
    side = next(word for word, each in DELEGATES.items() if each.whole and each.module == delegate.module)
    heading = f"{PROGRAM} {side} {name}"
    yield from (f"## {PROGRAM} {name}", "")
    yield f"The same as [{heading}](#{heading.replace(' ', '-')}): {delegate.help}."
    if name == "doctor":
        yield "It takes a collector's configuration, too, and is [rackflow collector doctor](#rackflow-collector-doctor) then."
    yield ""


def _section(
    path: str, command: argparse.ArgumentParser, level: int, text: str = "", *, below: bool = True
) -> Iterator[str]:
    """A command and, with `below`, its subcommands. `text` is what the command above says of it."""
    yield from (f"{'#' * min(level, 5)} {path}", "")
    said = [_sentence(text), _sentence(command.description or "")]
    if description := " ".join(dict.fromkeys(each for each in said if each)):
        yield from (description, "")
    if same := list(_other_names(path)):
        yield from (f"The same: {', '.join(f'`{each}`' for each in same)}.", "")
    rows = list(_rows(command))
    if rows:
        yield from ("| argument | value | default | meaning |", "|---|---|---|---|", *rows, "")
    exits, examples = _epilog(command)
    if exits:
        yield from (f"Exit status: {'; '.join(exits)}.", "")
    if examples:
        yield from ("```sh", *(example % {"prog": path} for example in examples), "```", "")
    helps = _helps(command)
    for name, each in subcommands(command).items() if below else ():
        yield from _section(f"{path} {name}", each, level + 1, helps.get(name, ""))


def _other_names(path: str) -> Iterator[str]:
    words = path.split(" ")
    delegate = DELEGATES.get(words[1]) if len(words) > 1 else None
    if delegate is None or not delegate.whole:
        return
    old = next(name for name, command in NAMES.items() if command == f" {words[1]}")
    rest = " ".join(words[2:])
    yield f"{old} {rest}".strip()
    short = DELEGATES.get(words[2]) if len(words) > 2 else None  # noqa: PLR2004 - a side has a command behind its name
    if short is not None and short.module == delegate.module:
        yield f"{PROGRAM} {rest}"


def _rows(command: argparse.ArgumentParser) -> Iterator[str]:
    for action in command._actions:  # noqa: SLF001 - argparse has no public way to what a parser consists of
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction | argparse._VersionAction):  # noqa: SLF001 - as above
            continue
        name = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{_metavar(action)}`"
        repeat = isinstance(action, argparse._AppendAction) or action.nargs in {"*", "+"}  # noqa: SLF001 - as above
        need = (
            ", optional"
            if action.nargs in {"?", "*"}
            else ", required"
            if action.option_strings and action.required
            else ""
        )
        many = ", several" if repeat else ""
        cells = (f"{name}{need}{many}", _value(action), _default(action), _sentence(action.help or "", end=""))
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _value(action: argparse.Action) -> str:
    if action.choices:
        return ", ".join(f"`{choice}`" for choice in action.choices)
    if not action.option_strings:
        return ""
    if action.nargs == 0:
        return "switch"
    if action.metavar is not None:
        return f"`{_metavar(action)}`"
    kinds = {"int": "whole number", "float": "number", "Path": "file", "seconds": "duration"}
    return kinds.get(getattr(action.type, "__name__", ""), "text")


def _metavar(action: argparse.Action) -> str:
    return " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar or action.dest


def _default(action: argparse.Action) -> str:
    default = action.default
    if default in (None, "", [], argparse.SUPPRESS) or isinstance(default, bool):
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _epilog(command: argparse.ArgumentParser) -> tuple[Sequence[str], Sequence[str]]:
    """What `show_examples` wrote: the lines about exit statuses, and the examples."""
    lines = [line.strip() for line in (command.epilog or "").splitlines()]
    examples = lines[lines.index(EXAMPLES) + 1 :] if EXAMPLES in lines else []
    exits = lines[lines.index(EXITS) + 1 : lines.index("")] if EXITS in lines else []
    return [line.replace("  ", " ", 1) for line in exits], examples


def _helps(command: argparse.ArgumentParser) -> dict[str, str]:
    return {
        each.dest: each.help or ""
        for action in command._actions  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - as above
        for each in action._choices_actions  # noqa: SLF001 - as above
    }


def _sentence(text: str, end: str = ".") -> str:
    """Text of a help as a sentence of a page."""
    text = " ".join(text.replace("%%", "%").split())
    return f"{text[0].upper()}{text[1:].rstrip('.')}{end}" if text and end else text
