"""Logging of the commands: key=value lines on stderr, configured once in `main`.

Logs go to stderr and not to a file: systemd and container engines collect, rotate and limit it.
"""

import logging
import sys
import time

from rackflow.escape import escape_unprintable, redact_urls

# Characters of a message or traceback. A message may quote a whole document of 512 kB; a long traceback has some 5,000 characters.
LONGEST = 16_384


class KeyValueFormatter(logging.Formatter):
    """Writes `time=… level=… logger=… msg="…"`, in UTC. A traceback follows on its own lines."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """One line of key=value pairs."""
        text = _cut(record.getMessage()).replace("\\", "\\\\").replace('"', '\\"')
        # A message may quote what a device, a broker or a person sent: line breaks in it must not look like new log lines, and escape
        # sequences must not reach the terminal that shows the log.
        text = escape_unprintable(redact_urls(text.replace("\n", " | ")))
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = f'time={stamp} level={record.levelname.lower()} logger={record.name} msg="{text}"'
        return f"{line}\n{self._traceback(record)}" if record.exc_info else line

    def _traceback(self, record: logging.LogRecord) -> str:
        """The traceback, each line indented: the text of an error may have a line that looks like one of the log."""
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join(f"    {escape_unprintable(line)}" for line in redact_urls(_cut(trace)).split("\n"))


def _cut(text: str) -> str:
    """At most `LONGEST` characters: the beginning, and the end, where a traceback has its error."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} … {len(text) - LONGEST} characters left out … {text[-LONGEST // 2 :]}"


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
