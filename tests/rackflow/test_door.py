"""`rackflow`, the one door: it leads to every command, explains each with examples, and completes them in a shell."""

import argparse
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rackflow.command import DELEGATES, main, parser, subcommands, whole_parser
from rackflow.completion import NAMES, SHELLS, completion
from rackflow.process.commands import EXIT_STATUSES
from rackflow.version import installed_version
from tests.servers.process import find_program


def leaves(of: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = subcommands(of)
    if not below:
        yield of
    for each in below.values():
        yield from leaves(each)


def every() -> Iterator[argparse.ArgumentParser]:
    whole = whole_parser()
    yield whole
    for each in subcommands(whole).values():
        yield each
        yield from leaves(each)


def door(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rackflow", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_every_help_has_examples_and_every_example_is_taken() -> None:
    whole = whole_parser()
    examined = 0
    for each in every():
        shown = each.format_help()
        assert "\nexamples:\n" in shown, each.prog
        for line in shown.partition("\nexamples:\n")[2].splitlines():
            words = shlex.split(line.partition(" > ")[0])
            assert words[: len(each.prog.split())] == each.prog.split()
            if "--help" not in words:
                whole.parse_args(words[1:])
                examined += 1
    assert examined > 50


def test_every_argument_says_what_it_is_and_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/commands.md").read_text(encoding="utf-8")
    for each in every():
        for action in each._actions:  # noqa: SLF001 - argparse has no public way to what a parser consists of
            if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
                assert action.help, (each.prog, action.dest)
    for old in NAMES:
        assert f"| `{old}` |" in page
    for status in EXIT_STATUSES:
        assert f"| {status} |" in page


def test_what_the_door_lists_is_what_there_is() -> None:
    assert subcommands(parser()).keys() == subcommands(whole_parser()).keys()
    listed = door("--help").stdout
    for name in DELEGATES:
        assert re.search(rf"\n    {name}\s", listed), name
    assert (door("version").stdout, door("--version").stdout) == (f"{installed_version()}\n",) * 2


async def test_a_command_behind_the_door_is_that_of_its_side(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("agent: a\nlabels: {site: s}\ndevices: []\n", encoding="utf-8")
    assert main(["agent", "check", str(path)]) == 0
    assert main(["site", "check", str(path)]) == 78
    device = door("agent", "check", str(path))
    assert device.stdout.startswith(f"{path}: ok; 0 devices")
    assert door("profiles", "lint", str(path)).stdout.startswith(f"{path}:1: ")
    assert "usage: rackflow ledger" in door("ledger", "--help").stdout
    assert "usage: rackflow collector ledger" in door("collector", "ledger", "--help").stdout


def test_the_name_alone_prints_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert all(f"    {name} " in printed.err or f"    {name}\n" in printed.err for name in DELEGATES)


def test_a_wrong_command_names_the_nearest() -> None:
    done = door("discovr", "192.0.2.0/24")
    assert (done.returncode, done.stderr) == (2, "rackflow: no command 'discovr'; did you mean 'discover'?\n")


def test_a_command_of_a_side_says_of_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "agent.yaml"]) == 2
    told = capsys.readouterr().err
    assert (
        told
        == "rackflow: no command 'check'; it is one of a side: `rackflow agent check` or `rackflow collector check`\n"
    )


@pytest.mark.parametrize(
    ("name", "rest", "library", "extra"),
    [
        ("read", ["192.0.2.1"], "gufo", "agent"),
        ("ledger", ["c.yaml"], "aiohttp", "collector"),
        ("demo", [], "iotcore", "sim"),
    ],
)
def test_a_command_without_its_extra_is_one_line(name: str, rest: list[str], library: str, extra: str) -> None:
    # None in sys.modules is how Python itself marks what cannot be imported.
    code = f"import sys; sys.modules['{library}'] = None\nfrom rackflow.command import main; sys.exit(main({[name, *rest]}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    wanted = f"rackflow {name}: {library} is not installed; install rackflow with its extra: rackflow[{extra}]\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", wanted)


# Which options there are does not depend on the shell: each shell once and each library once, because every case loads all sides.
@pytest.mark.parametrize(
    ("shell", "library", "without"),
    [
        ("bash", "iotcore", "demo"),
        ("zsh", "aiohttp", "collector, sim, demo, ledger, report, forget"),
        ("fish", "iotcore", "demo"),
    ],
)
def test_completion_needs_no_library_of_a_side_that_is_not_installed(shell: str, library: str, without: str) -> None:
    code = (
        f"import sys; sys.modules['{library}'] = None\n"
        f"from rackflow.command import main; sys.exit(main(['completion', '{shell}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr.startswith("rackflow completion: without the options of ")
    assert all(
        name in without.split(", ") for name in done.stderr.partition(" of ")[2].partition(", because")[0].split(", ")
    )
    assert "--community" in done.stdout
    assert "demo" in done.stdout


@pytest.mark.parametrize(("side", "other"), [("agent", "collector"), ("collector", "agent")])
def test_a_command_of_one_side_does_not_load_the_other(side: str, other: str) -> None:
    code = (
        "import sys; from rackflow.command import main\n"
        f"try: main(['{side}', '--help'])\nexcept SystemExit: pass\n"
        f"assert '{other}' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash; those for the other shells are beside it. Nothing else is there that a shell could complete."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        text = completion(whole_parser(), shell, subcommands)
        (folder / f".rackflow.{shell}").write_text(text, encoding="utf-8")
    return folder / ".rackflow.bash"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rackflow disc", ["discover"]),
        ("rackflow discover --out", ["--output"]),
        ("rackflow discover 192.0.2.0/24 --output ", ["table", "csv", "json", "yaml"]),
        ("rackflow completion ", ["--help", "bash", "fish", "zsh"]),
        ("rackflow site dr", ["draft"]),
        ("rackflow site draft --ru", ["--rules"]),
        ("rackflow agent re", ["read", "replay"]),
        ("rackflow-agent re", ["read", "replay"]),
        ("/usr/bin/rackflow-sim fau", ["fault", "faults"]),
        ("rackflow collector report --mon", ["--month"]),
        ("rackflow nonsense --x", []),
    ],
)
def test_a_shell_completes_commands_options_and_values(line: str, expected: list[str], script: Path) -> None:
    words = line.split(" ")
    ask = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rackflow; printf "%s\\n" "${{COMPREPLY[@]}}"'
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "--norc", "-c", ask, "bash", *words], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == sorted(expected)
    # fish offers the files of the folder, too, of which there are none.
    fish = find_program("fish", "fish")
    ask = f"source {script.with_suffix('.fish')}; complete --do-complete '{line}'"
    done = subprocess.run(
        [fish, "--no-config", "-c", ask], capture_output=True, text=True, timeout=30, check=True, cwd=script.parent
    )
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == sorted(expected)


def test_zsh_completes_at_the_tab_key(script: Path) -> None:
    """It has its own way to ask, and loads that of bash: only a terminal shows that it works."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "HOME": str(script.parent)}
    with (
        os.fdopen(ours, "r+b", buffering=0) as terminal,
        subprocess.Popen(
            [find_program("zsh", "zsh"), "-f", "-i"],
            stdin=its,
            stdout=its,
            stderr=its,
            env=environment,
            start_new_session=True,
        ) as zsh,
    ):
        os.close(its)
        try:
            terminal.write(f"autoload -U compinit; compinit -u -D; source {script.with_suffix('.zsh')}\n".encode())
            for typed, whole in (
                (b"rackflow disc", b"rackflow discover "),
                (b"rackflow-sim faults --hel", b"rackflow-sim faults --help "),
            ):
                # The line is cleared first; what is typed early waits in the terminal.
                terminal.write(b"\x15" + typed + b"\t")
                shown = b""
                while whole not in shown:
                    assert select.select([terminal], [], [], 30)[0], shown
                    shown += terminal.read(65536)
        finally:
            zsh.kill()
