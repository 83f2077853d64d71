"""Completion of the commands in bash, zsh and fish, as a script made from the parsers.

A script rather than a program that is asked at every press of Tab: importing the sides takes a second.
"""

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping

SHELLS = ("bash", "zsh", "fish")
# The four names that were there before `rackflow`, and the command that each of them is.
NAMES: Mapping[str, str] = {
    "rackflow-agent": " agent",
    "rackflow-collector": " collector",
    "rackflow-sim": " sim",
    "rackflow-demo": " demo",
}
HEAD = """# Completion of rackflow in {shell}; made by `rackflow completion {shell}`.
{setup}_rackflow() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" path="" words="" i
    case "${{COMP_WORDS[0]##*/}}" in
{names}
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
{paths}
        esac
    done
    case "$path $prev" in
{values}
    *)
        case "$path" in
{words}
        esac
        ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _rackflow {programs}
"""
# Files are offered beside these words, as fish does unless told not to.
FISH = """# Completion of rackflow in fish; made by `rackflow completion fish`.
function __rackflow_words
    set -l before (commandline --tokenize --current-process --cut-at-cursor)
    set -l path
    switch (basename -- $before[1])
{names}
    end
    for word in $before[2..-1]
        switch "$path $word"
            case {paths}
                set path "$path $word"
        end
    end
    switch "$path $before[-1]"
{values}
    end
    switch "$path"
{words}
    end
end
for program in {programs}
    complete --command $program --arguments '(__rackflow_words)'
end
"""
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"

Subcommands = Callable[[argparse.ArgumentParser], Mapping[str, argparse.ArgumentParser]]


def completion(root: argparse.ArgumentParser, shell: str, subcommands: Subcommands) -> str:
    """The script. `subcommands` gives the commands of a parser by name."""
    every = dict(_parsers(root, "", subcommands))
    values = {
        f"{path} {option}": choices for path, parser in every.items() for option, choices in _choices(parser).items()
    }
    words = {path: _words(parser, subcommands) for path, parser in every.items()}
    return _fish(values, words) if shell == "fish" else _bash(values, words, shell)


def _bash(values: Mapping[str, list[str]], words: Mapping[str, list[str]], shell: str) -> str:
    return HEAD.format(
        shell=shell,
        setup=ZSH if shell == "zsh" else "",
        names="\n".join(f"    {name}) path={shlex.quote(path)} ;;" for name, path in NAMES.items()),
        paths="\n".join(f'        {shlex.quote(path)}) path="$path ${{COMP_WORDS[i]}}" ;;' for path in words if path),
        values="\n".join(
            f"    {shlex.quote(where)}) words={shlex.quote(' '.join(each))} ;;" for where, each in values.items()
        ),
        words="\n".join(
            f"        {shlex.quote(path)}) words={shlex.quote(' '.join(each))} ;;" for path, each in words.items()
        ),
        programs=" ".join(["rackflow", *NAMES]),
    )


def _fish(values: Mapping[str, list[str]], words: Mapping[str, list[str]]) -> str:
    def printed(each: list[str]) -> str:
        return f"printf '%s\\n' {' '.join(map(shlex.quote, each))}"

    return FISH.format(
        names="\n".join(f"        case {name}\n            set path '{path}'" for name, path in NAMES.items()),
        paths=" ".join(shlex.quote(path) for path in words if path),
        values="\n".join(
            f"        case '{where}'\n            {printed(each)}\n            return" for where, each in values.items()
        ),
        words="\n".join(f"        case '{path}'\n            {printed(each)}" for path, each in words.items() if each),
        programs=" ".join(["rackflow", *NAMES]),
    )


def _parsers(
    parser: argparse.ArgumentParser, path: str, subcommands: Subcommands
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield path, parser
    for name, each in subcommands(parser).items():
        yield from _parsers(each, f"{path} {name}", subcommands)


def _words(parser: argparse.ArgumentParser, subcommands: Subcommands) -> list[str]:
    """What may come next: commands, words of a positional argument with a choice, and options."""
    words = list(subcommands(parser))
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to what a parser consists of
        if action.option_strings:
            words += [option for option in action.option_strings if option.startswith("--")]
        elif action.choices and not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            words += map(str, action.choices)
    return words


def _choices(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """The values of each option that has a choice."""
    return {
        option: list(map(str, action.choices))
        for action in parser._actions  # noqa: SLF001 - as above
        if action.choices
        for option in action.option_strings
    }
