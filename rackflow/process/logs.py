"""Logging of the commands: key=value lines on stderr, configured once in `main`.

Logs go to stderr and not to a file: systemd and container engines collect, rotate and limit it.
"""

import logging
import sys
import time


class KeyValueFormatter(logging.Formatter):
    """Writes `time=… level=… logger=… msg="…"`, in UTC. A traceback follows on its own lines."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """One line of key=value pairs."""
        # A message may quote what a device or a broker sent: line breaks in it must not look like new log lines.
        text = record.getMessage().replace("\\", "\\\\").replace('"', '\\"').replace("\n", " | ")
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = f'time={stamp} level={record.levelname.lower()} logger={record.name} msg="{text}"'
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class StderrHandler(logging.Handler):
    """Writes to the current `sys.stderr`, so that tests and embedding programs can redirect it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            self.handleError(record)


def configure_logging(level: str) -> None:
    """Send every log record of at least `level` (debug, info, warning, error) to stderr."""
    handler = StderrHandler()
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
