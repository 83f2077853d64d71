"""`rackflow-sim`, `python -m simulator` and `rackflow-demo`: the commands, or a one-line message if their extra is not installed."""

import sys

from rackflow.process.commands import report_missing_extra, run_command


def main() -> int:
    """Run `rackflow-sim`; returns the exit status."""
    return run_command(_simulator)


def demo() -> int:
    """Run `rackflow-demo`; returns the exit status."""
    return run_command(_demo)


def _simulator() -> int:
    try:
        from simulator.cli import main as command  # noqa: PLC0415 - what it imports may not be there

        return command()
    except ModuleNotFoundError as error:
        return report_missing_extra("rackflow-sim", "sim", error)


def _demo() -> int:
    try:
        from simulator.demo.run import main as command  # noqa: PLC0415 - what it imports may not be there

        return command()
    except ModuleNotFoundError as error:
        return report_missing_extra("rackflow-demo", "sim", error)


if __name__ == "__main__":
    sys.exit(main())
