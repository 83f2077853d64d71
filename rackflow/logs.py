"""Logging of the commands: in go log records, out come key=value lines on stderr."""

import logging
import sys
import time


class KeyValueFormatter(logging.Formatter):
    """`time=… level=… logger=… msg="…"`, UTC; a traceback follows on its own lines."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """One line of key=value pairs."""
        text = record.getMessage().replace("\\", "\\\\").replace('"', '\\"').replace("\n", " | ")
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = f'time={stamp} level={record.levelname.lower()} logger={record.name} msg="{text}"'
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(level: str) -> None:
    """Send every log record of at least `level` (debug, info, warning, error) to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
