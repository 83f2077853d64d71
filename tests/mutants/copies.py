"""Scratch copies of the tree, in which broken code is tried.

The environment's editable installation puts the original tree on `sys.path` of every process. A break would then be tested
in some processes and not in others, so `PYTHONPATH` and the first entry of `sys.path` name the copy, and `make_copy` refuses
to go on unless a new process imports every package from there.
"""

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers.captures import captures_dir

ROOT = Path(__file__).resolve().parents[2]
"""The tree that this program runs from."""
PACKAGES = ("rackflow", "agent", "collector", "simulator")
# Environments and caches; none of them is read by a test, and an environment would take longer to copy than a mutant to test.
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "*_cache", "__pycache__", ".hypothesis", "dist", "build")


# How long tests wait for a condition (`tests.servers.waiting`). With a break most of those that wait at all wait for nothing.
PATIENCE_S = 20


class CopyError(Exception):
    """Processes would not import the copy."""


def make_copy(folder: Path, root: Path) -> Path:
    """Copy the tree at `root` to the new folder `folder`. Raises CopyError when a new process would import something else."""
    shutil.copytree(root, folder, ignore=LEFT_OUT, symlinks=True)
    # Compiled once: processes leave no compiled files behind, and would otherwise compile everything for each mutant.
    compileall.compile_dir(folder, quiet=2)
    return _checked(folder)


def duplicate(folder: Path, copy: Path) -> Path:
    """Like `make_copy`, from another copy, with its compiled files: Python takes the paths in them from where they are."""
    shutil.copytree(copy, folder, symlinks=True)
    return _checked(folder)


def _checked(folder: Path) -> Path:
    """The folder of a copy. Raises CopyError when a new process would import something else."""
    packages = [name for name in PACKAGES if (folder / name).is_dir()]
    script = f"import {', '.join(packages)}, sys; print(*(sys.modules[n].__file__ for n in {packages!r}), sep='\\n')"
    # Started in another folder, as a test may do it.
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=environment(folder), cwd="/", capture_output=True, text=True, check=True).stdout
    for file in found.split():
        if not Path(file).is_relative_to(folder):
            raise CopyError(f"a process started by a test would import {file}, not its copy in {folder}")
    return folder


def environment(copy: Path) -> dict[str, str]:
    """Environment variables for processes that are to import the copy."""
    captures = captures_dir()
    return {
        **os.environ,
        # They are looked for beside the tree, and the copy lies elsewhere.
        **({} if captures is None else {"RACKFLOW_CAPTURES": str(captures)}),
        "PYTHONPATH": str(copy),
        "RACKFLOW_PATIENCE_S": str(PATIENCE_S),
        # Compiled files are recognised by size and second of the source: one of the last break could pass for the next one's.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def enter_copy(copy: Path) -> None:
    """Make this process, which has imported modules of the original tree, import the copy's from now on."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        ours = file is not None and Path(file).is_relative_to(ROOT) and "site-packages" not in file
        if name != "__main__" and (ours or name.partition(".")[0] == "tests"):
            del sys.modules[name]
    sys.path[:] = [str(copy), *(entry for entry in sys.path if entry and Path(entry).resolve() != ROOT)]
    os.environ.update(environment(copy))
    sys.dont_write_bytecode = True
    os.chdir(copy)


def foreign_modules(copy: Path) -> list[str]:
    """Modules of our packages that this process imported from elsewhere than the copy; expected to be empty."""
    ours = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
    return [
        name
        for name, file in ours
        if file is not None and name.partition(".")[0] in PACKAGES and not Path(file).is_relative_to(copy)
    ]
