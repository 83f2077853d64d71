"""A budget for each test's call: 5 s, or what tests/slow.yaml grants it with a reason.

The end of every run lists the tests that exceeded theirs; with `--strict-budget` they fail. They do not otherwise: a slower machine,
or one whose host took its CPUs away for a while, spends more seconds on a test that is right, and a run of 8,000 tests must not be
refused for that.

Two clocks, neither of which other processes on the machine can move much:

* CPU seconds of the test's process and of the children it has waited for.
* Wall seconds less those in which anything on the machine waited for a CPU (pressure stall information of the kernel,
  where there is any). Under load next to nothing is left of them; on a machine with CPUs to spare they are wall seconds,
  and show tests that wait for a clock in place of a condition.
"""

import resource
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, process_time  # by name: tests that turn the clocks of `time` must not turn these
from typing import Final

import msgspec
import yaml

# A chosen value: nearly all tests take a small part of it, and a run of thousands stays bearable.
BUDGET_S: Final = 5.0
# How far beyond its budget a test must be to be reported. The same test took up to 1.4 times as many CPU seconds in one run as in
# another, because a busy or slower machine does less in a CPU second.
TOLERANCE: Final = 1.5
EXCEPTIONS: Final = Path(__file__).with_name("slow.yaml")
PRESSURE: Final = Path("/proc/pressure/cpu")


class Grant(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a test file, or one test in it, may take."""

    test: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Clocks:
    """Readings since the start of the process and of the machine; seconds."""

    cpu_s: float
    wall_s: float
    stalled_s: float

    @classmethod
    def now(cls) -> "Clocks":
        """This moment."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(process_time() + children.ru_utime + children.ru_stime, monotonic(), stalled_s(pressure()))

    def spent_since(self, start: "Clocks") -> float:
        """The larger of both budgets' seconds."""
        free_s = self.wall_s - start.wall_s - (self.stalled_s - start.stalled_s)
        return max(self.cpu_s - start.cpu_s, free_s)


def pressure() -> str:
    """The content of /proc/pressure/cpu. Without that file all wall time counts as stalled, and CPU seconds alone decide."""
    try:
        return PRESSURE.read_text(encoding="ascii")
    except OSError:  # not compiled in, or switched off (psi=0): reading then fails with EOPNOTSUPP
        return f"some total={monotonic() * 1e6:.0f}"


def stalled_s(text: str) -> float:
    """Seconds in which at least one task of the machine waited for a CPU, from the line `some … total=<microseconds>`."""
    return float(text.split("\n", 1)[0].rpartition("total=")[2]) / 1e6


def read_grants(text: str) -> list[Grant]:
    """The exceptions."""
    return msgspec.convert(yaml.safe_load(text), list[Grant])


def allowed_s(nodeid: str, grants: list[Grant]) -> float:
    """What a test may take: the longest entry that is a prefix of its node id decides."""
    fitting = [grant for grant in grants if nodeid.startswith(grant.test)]
    return max(fitting, key=lambda grant: len(grant.test)).seconds if fitting else BUDGET_S


def over_budget(nodeid: str, spent_s: float, grants: list[Grant]) -> str | None:
    """The message for a test that took too long."""
    allowed = allowed_s(nodeid, grants)
    if spent_s <= allowed * TOLERANCE:
        return None
    return (
        f"the test took {spent_s:.1f} s of CPU or idle waiting, {allowed:g} s are allowed: make it faster,"
        f" or name it in {EXCEPTIONS.name} with the reason"
    )
