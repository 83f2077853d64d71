"""`make bench`: runs the benchmarks, prints their figures and writes them to benchmarks/RESULTS.md."""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    browser,
    cluster,
    collecting,
    collecting_peer,
    deriving,
    equal_rates,
    footprint,
    growth,
    lab,
    ledger,
    many_devices,
    outbox,
    page,
    peer,
    results,
    scaling,
    snmp_v3,
    storage,
    streams,
)
from benchmarks.equal_rates import modbus


@dataclass(frozen=True)
class Settings:
    """Where, how often and how long."""

    folder: Path
    rounds: int
    seconds: float
    only: str


@dataclass(frozen=True)
class Benchmark:
    """A section of the results. What `is_asked_for` is not among those that run by default."""

    title: str
    run: Callable[[Settings], Iterable[str]]
    is_asked_for: bool = False


BENCHMARKS = {
    "A": Benchmark(
        "SNMP polls of 20 objects, from schedule to the broker's confirmation, in the steady state",
        lambda at: equal_rates.run(at.folder, at.rounds, at.seconds),
    ),
    "B": Benchmark(
        f"Modbus units of 30 registers, {modbus.DEVICES} of them once a second, in the steady state",
        lambda at: modbus.run(at.folder, at.rounds, at.seconds),
    ),
    "C": Benchmark(
        f"{many_devices.DEVICES:,} SNMP devices, some dead, some slow, then half of them silent",
        lambda at: many_devices.run(at.folder, max(60.0, 7 * at.seconds)),
    ),
    "D": Benchmark(
        "the collector: broker to durable, and scrapes",
        lambda at: itertools.chain(
            collecting.run(at.folder / "collecting", rounds=min(at.rounds, 3)),
            collecting_peer.run(at.folder / "collecting-peer", rounds=min(at.rounds, 3)),
        ),
    ),
    "F": Benchmark(
        "the collector: what waited at the broker while it was away",
        lambda at: collecting.catching_up(at.folder / "backlog", 125 * at.seconds),
    ),
    "G": Benchmark("a small agent, and a collector at work", lambda at: footprint.run(at.folder, 3 * at.seconds)),
    "H": Benchmark("whether cost grows with size alone", lambda at: growth.run(at.folder, at.seconds)),
    "cluster": Benchmark(
        "three nodes of one broker, each killed in turn",
        lambda at: cluster.run(at.folder, at.seconds),
        is_asked_for=True,
    ),
    "browser": Benchmark(
        "the page in Chromium, of a hall and of a campus",
        lambda at: (line for devices in (192, 5000) for line in browser.run(at.folder, devices)),
    ),
    "deriving": Benchmark("derived figures of a campus", lambda at: deriving.run(5000, 5 * at.rounds)),
    "lab": Benchmark("profiles and recordings", lambda at: lab.run(at.rounds)),
    "ledger": Benchmark("the account of messages", lambda at: ledger.run(at.folder)),
    "outbox": Benchmark(
        "the outbox on a slow disk, and after an hour's backlog", lambda at: outbox.run(at.folder, at.seconds)
    ),
    "page": Benchmark("what one page costs", lambda at: page.run_sizes(4 * at.rounds)),
    "peer": Benchmark(
        "losses beside another gateway, which it installs", lambda at: peer.run(at.folder, at.only), is_asked_for=True
    ),
    "scaling": Benchmark("what sites of three sizes need, and how they recover", lambda _: scaling.run()),
    "storage": Benchmark("what a reading takes in the store", lambda at: storage.run(at.folder)),
    "streams": Benchmark(
        "what those who look at the page cost a collector",
        lambda at: (line for devices in (192, 5000) for line in streams.run(at.folder, devices)),
    ),
    "v3": Benchmark("SNMPv3", lambda at: snmp_v3.run(at.folder, at.rounds, at.seconds)),
}


def main() -> int:
    """Run the chosen benchmarks. One that fails is named, the others still run; the exit status is 1 then."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"of {', '.join(BENCHMARKS)}; default: all but cluster and peer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", default="", help="of the peer's scenarios, those whose name contains this")
    arguments = parser.parse_args()
    unknown = [key for key in arguments.what if key not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    failed = []
    for key in arguments.what or [key for key, each in BENCHMARKS.items() if not each.is_asked_for]:
        with tempfile.TemporaryDirectory(prefix="rackflow-bench-") as name:
            settings = Settings(Path(name), arguments.rounds, arguments.seconds, arguments.only)
            lines = []
            try:
                for line in results.section(key, BENCHMARKS[key].title, BENCHMARKS[key].run(settings)):
                    print(line, flush=True)
                    lines.append(line)
            except (OSError, RuntimeError) as error:
                # The figures of an earlier run stay.
                print(f"{key} failed: {error}", file=sys.stderr)
                failed.append(key)
            else:
                results.write(key, "\n".join(lines))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
