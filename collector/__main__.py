"""`rackflow-collector`, and `python -m collector`."""

import sys

from collector.cli import main as command
from rackflow.process.commands import while_read


def main() -> int:
    """Run the command; returns the exit status."""
    return while_read(command)


if __name__ == "__main__":
    sys.exit(main())
