"""`benchmarks/RESULTS.md`: a section for each benchmark, replaced when it runs, with when and on what it was measured."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADER = """# Results

Written by `make bench`; `make bench ARGS="A page"` measures some of the sections and leaves the others as they are. Ratios are of sides
that took turns in one run, and carry over to other machines; absolute figures do not. CPU seconds are user and system time of the whole
process.
"""
_SECTION = re.compile(r"^## (\S+)[^\n]*\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def machine() -> str:
    """Processor, cores, system, Python."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    kernel = platform.release().partition("-")[0]
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Linux {kernel}, Python {platform.python_version()}"


def revision() -> str:
    """The commit that was measured, and whether files differ from it; empty outside of a repository."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def section(key: str, title: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines of a section, as they come."""
    yield f"## {key}: {title}"
    yield f"{time.strftime('%Y-%m-%d')}, {revision() or 'no repository'}, load {os.getloadavg()[0]:.1f} at the start, on {machine()}."
    yield ""
    # What is no table stands as it was printed.
    is_table = None
    for line in lines:
        if is_table is None:
            is_table = line.startswith("|")
            if not is_table:
                yield "```"
        yield line
    if is_table is False:
        yield "```"


def replace(old: str, key: str, text: str) -> str:
    """The document with the section of that key replaced, or added at its place in the order of keys."""
    sections = {match[1].rstrip(":"): match[0].strip() + "\n" for match in _SECTION.finditer(old)}
    sections[key] = text.strip() + "\n"
    order = sorted(sections, key=lambda each: (not each.isupper(), each))
    return "\n".join([HEADER, *(sections[each] for each in order)])


def write(key: str, text: str) -> None:
    """Into the file beside this module."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    RESULTS.write_text(replace(old, key, text), encoding="utf-8")
