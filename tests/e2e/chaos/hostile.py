"""`make chaos ARGS=hostile`: hostile devices beside healthy ones, which must not notice. Accounts are in `hostile_trial.py`.

Judged are the polls of the healthy devices (on time, none failed), the memory of agent and collector, and the ledger.
"""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.e2e.chaos.hostile_devices import KINDS, hostile_devices
from tests.e2e.chaos.hostile_trial import Cost
from tests.e2e.chaos.site import ChaosSite
from tests.servers.program import Program
from tests.servers.waiting import wait_until

# Devices beside the hostile ones, whose polls must not suffer.
HEALTHY = 20
INTERVAL_S = 1.0
"""The interval of the class `safety`."""
LATE = 1.5
"""The 99th percentile of the time between two polls of a healthy device may be this many intervals."""
GROWTH_BYTES = 50 * 2**20
"""What one hostile neighbour may cost a process in memory. All at once may cost twice as much: two of them, the endless walk and the
table of 20,000 rows, are read up to their bounds, and on a busy machine that is still under way after `SETTLE_S` (59 MB)."""
SETTLE_S = 5.0
"""Caches and the first connections of all devices fill in this time; memory is compared from then on."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """One scenario: hostile devices by kind."""

    name: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostileRow:
    """What the healthy devices noticed. `late` is the 99th percentile of the time between polls, in intervals; memory grew in bytes."""

    name: str
    neighbours: int
    polls: int
    failed: int
    late: float
    agent_grew: int
    collector_grew: int
    produced: int
    missing: int
    seconds: float

    @property
    def unharmed(self) -> bool:
        """Whether everything but punctuality was as without the hostile neighbour: that depends on the machine, too."""
        grew = max(self.agent_grew, self.collector_grew)
        return self.polls > 0 and not (self.failed or self.missing) and grew < GROWTH_BYTES * min(self.neighbours, 2)


HOSTILE = (
    Hostile("nobody, to compare with"),
    *(Hostile(kind, (kind,)) for kind in KINDS),
    Hostile("all of these devices at once", tuple(KINDS)),
)
HEAD = (
    "| hostile | healthy polls | failed | 99th percentile, intervals | agent grew, MB | collector grew, MB "
    "| produced | missing | s |\n|---|---|---|---|---|---|---|---|---|"
)


def play_hostile(scenario: Hostile, seconds: float, folder: Path) -> HostileRow:
    """Run the scenario on a new site for that long, and return what the healthy devices noticed."""
    began = time.monotonic()
    with hostile_devices(*scenario.devices) as neighbours:
        site = ChaosSite(
            folder, devices=HEALTHY, interval_s=INTERVAL_S, more_devices=[each.entry for each in neighbours]
        )
        try:
            site.start()
            wait_until(lambda: len(_times(site)) == HEALTHY, "all healthy devices are polled", 30)
            time.sleep(min(SETTLE_S, seconds / 2))
            before = memory(site.agent), memory(site.collector)
            from_ms = int(time.time() * 1000)
            time.sleep(seconds)
            until_ms = int(time.time() * 1000)
            grew = memory(site.agent) - before[0], memory(site.collector) - before[1]
            site.drain()
            account = site.account()
            polls = [each for device in _times(site, from_ms, until_ms).values() for each in device]
            gaps = [
                (later - earlier) / 1000 / INTERVAL_S
                for device in _times(site, from_ms, until_ms).values()
                for (earlier, _), (later, _) in pairwise(device)
            ]
        finally:
            site.close()
    return HostileRow(
        name=scenario.name,
        neighbours=max(1, len(scenario.devices)),
        polls=len(polls),
        failed=sum(not up for _, up in polls),
        late=statistics.quantiles(gaps, n=100)[98] if len(gaps) > 1 else 0.0,
        agent_grew=grew[0],
        collector_grew=grew[1],
        produced=account.produced,
        missing=account.missing,
        seconds=time.monotonic() - began,
    )


def _times(site: ChaosSite, from_ms: int = 0, until_ms: int = 2**62) -> dict[str, list[tuple[int, bool]]]:
    """When each healthy device was polled between two times, and whether it answered."""
    found: dict[str, list[tuple[int, bool]]] = {}
    for topic, payload in list(site.witness.messages):
        device = topic.rpartition("/")[2]
        if "/batch/d" not in topic:
            continue
        batch = json.loads(payload)
        if batch["poll"] == "fast" and from_ms <= batch["time"] < until_ms:
            found.setdefault(device, []).append((batch["time"], batch["up"]))
    return {device: sorted(polls) for device, polls in found.items()}


def memory(process: Program) -> int:
    """Resident memory of a process, bytes."""
    text = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024


def print_hostile(rows: Sequence[HostileRow], costs: Sequence[Cost]) -> int:
    """Print who harmed or delayed neighbours, and the last line; returns the exit status."""
    harmed = [row.name for row in rows if not row.unharmed] + [cost.attack for cost in costs if not cost.is_kept]
    late = [row.name for row in rows if row.late > LATE]
    for what, names in (("harmed their neighbours", harmed), ("delayed their neighbours", late)):
        if names:
            print(f"{what}: {', '.join(names)}")
    print(
        f"{len(rows)} scenarios with hostile devices and {len(costs)} with hostile accounts, "
        f"{sum(row.produced for row in rows) + sum(cost.sent for cost in costs)} produced, "
        f"{sum(row.missing for row in rows) + sum(cost.missing for cost in costs)} of the healthy missing, "
        f"{len({*harmed, *late})} noticed by neighbours"
    )
    return 1 if harmed or late else 0


def cells(row: HostileRow) -> str:
    """One line of the table."""
    megabytes = (f"{grown / 2**20:.0f}" for grown in (row.agent_grew, row.collector_grew))
    found = (row.name, row.polls, row.failed, f"{row.late:.2f}", *megabytes, row.produced, row.missing)
    return f"| {' | '.join(map(str, (*found, f'{row.seconds:.0f}')))} |"
