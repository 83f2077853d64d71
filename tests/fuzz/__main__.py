"""`make fuzz`: tries inputs nobody would send, for a given time, and prints how many were tried and what they broke.

Each round is seeded with its number, so that `--rounds FIRST` repeats what a finding came from. With `--shrink` Hypothesis looks for a
smaller input that breaks the same, which takes minutes where an example takes half a second.
"""

import argparse
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, seed, settings

from tests.fuzz.targets import TARGETS, inputs, shared

# Few, so that the time limit is kept to within some seconds even where an example takes half a second.
EXAMPLES = 20


def main() -> int:
    """Run the chosen targets; returns the exit status, 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none is given")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each target")
    parser.add_argument("--rounds", type=int, default=1, metavar="FIRST", help="number of the first round")
    parser.add_argument(
        "--shrink", action="store_true", help="make a finding as small as possible before it is printed"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - TARGETS.keys():
        parser.error(f"{', '.join(sorted(unknown))}: not known; known are {', '.join(TARGETS)}")
    chosen = arguments.targets or list(TARGETS)
    how = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if arguments.shrink else (Phase.generate,),
        # Health checks are for test suites that must be fast; here slow and large examples are wanted.
        suppress_health_check=list(HealthCheck),
    )
    print("| target | rounds | inputs | findings | s |\n|---|---|---|---|---|", flush=True)
    findings = 0
    for name in chosen:
        began, round_, found = time.monotonic(), arguments.rounds, 0
        target = how(TARGETS[name])
        while time.monotonic() - began < arguments.seconds and not found:
            try:
                seed(round_)(target)()
            except Exception:  # noqa: BLE001 - a finding may be any exception
                print(f"{name}, round {round_}:")
                traceback.print_exc(file=sys.stdout)
                found = 1
            round_ += 1
        findings += found
        cells = name, round_ - arguments.rounds, inputs[name], found, f"{time.monotonic() - began:.0f}"
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    print(f"{len(chosen)} targets, {sum(inputs.values())} inputs, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    with shared:
        status = main()
    sys.exit(status)
