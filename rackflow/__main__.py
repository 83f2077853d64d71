"""`rackflow`, and `python -m rackflow`."""

import sys

from rackflow.process.commands import run_command


def main() -> int:
    """Run the command; returns the exit status."""
    return run_command(_command)


def _command() -> int:
    from rackflow.command import main as command  # noqa: PLC0415 - Ctrl-C while it loads is none of a traceback's business

    return command()


if __name__ == "__main__":
    sys.exit(main())
