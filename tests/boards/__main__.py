"""Prints how much each board shows of a simulated site: python -m tests.boards ai-hall.

The most lines, bars, rows or tiles of each kind of panel, and where: what has to fit on a screen.
"""

import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from tests.boards.hall import fill
from tests.boards.test_data import found, panels, with_companions


def main(site: str) -> None:
    most: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rackflow-boards-")))
        hall = fill(folder, stack, site, with_companions())
        for uid, source, panel in panels():
            counts = [len(found(hall, source, target, ".*")) for target in panel["targets"] if "expr" in target]
            joined = panel["type"] == "table"
            most[panel["type"]].append((max(counts, default=0) if joined else sum(counts), f"{uid}, {panel['title']}"))
    for kind, sizes in sorted(most.items()):
        size, where = max(sizes)
        print(f"{kind:15} {len(sizes):4} panels, at most {size:4} ({where})")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ai-hall")
