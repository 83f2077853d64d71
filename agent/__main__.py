"""Entry point of `rackflow-agent` and `python -m agent`. Prints one line, not a traceback, if the extra is not installed."""

import sys

from rackflow.process.commands import report_missing_extra, run_command


def main() -> int:
    """Run the command; returns the exit status."""
    return run_command(_command)


def _command() -> int:
    try:
        # The command imports packages of the extra, also when its arguments are known.
        from agent.cli import main as command  # noqa: PLC0415

        return command()
    except ModuleNotFoundError as error:
        return report_missing_extra("rackflow-agent", "agent", error)


if __name__ == "__main__":
    sys.exit(main())
