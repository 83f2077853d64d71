"""`rackflow-sim`, `python -m simulator` and `rackflow-demo`: the commands, or a one-line message if their extra is not installed."""

import sys

from rackflow.process.commands import handle_closed_output, report_missing_extra


def main() -> int:
    """Run `rackflow-sim`; returns the exit status."""
    try:
        from simulator.cli import main as command  # noqa: PLC0415 - what it imports may not be there
    except ModuleNotFoundError as error:
        return report_missing_extra("rackflow-sim", "sim", error)
    return handle_closed_output(command)


def demo() -> int:
    """Run `rackflow-demo`; returns the exit status."""
    try:
        from simulator.demo.run import main as command  # noqa: PLC0415 - what it imports may not be there
    except ModuleNotFoundError as error:
        return report_missing_extra("rackflow-demo", "sim", error)
    return handle_closed_output(command)


if __name__ == "__main__":
    sys.exit(main())
