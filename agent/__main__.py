"""Entry point of `rackflow-agent` and `python -m agent`. Prints one line, not a traceback, where the extra is not installed."""

import sys

from rackflow.process.commands import lacking, while_read


def main() -> int:
    """Run the command; returns the exit status."""
    try:
        from agent.cli import main as command  # noqa: PLC0415 - it imports what the extra installs
    except ModuleNotFoundError as error:
        return lacking("rackflow-agent", "agent", error)
    return while_read(command)


if __name__ == "__main__":
    sys.exit(main())
