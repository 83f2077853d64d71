"""`rackflow`, and `python -m rackflow`."""

import sys

from rackflow.command import main as command
from rackflow.process.commands import handle_closed_output


def main() -> int:
    """Run the command; returns the exit status."""
    return handle_closed_output(command)


if __name__ == "__main__":
    sys.exit(main())
