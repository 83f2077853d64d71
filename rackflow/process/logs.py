"""Logging of the commands: key=value lines on stderr, configured once in `main`.

Logs go to stderr and not to a file: systemd and container engines collect, rotate and limit it.

Whoever reads them may hang: a log driver whose server is away, a terminal after Ctrl-S. Then stderr blocks whoever writes to it, and with
the event loop everything else: after 10 s the watchdog would end the process, again after each restart. So what nobody reads is left out.
"""

import io
import logging
import select
import sys
import time

from rackflow.escape import escape_unprintable, redact_urls
from rackflow.plural import count_of

# Characters of a message or traceback. A message may quote a whole document of 512 kB; a long traceback has some 5,000 characters.
LONGEST = 16_384
# How long a line waits for the reader of the log; one that is only slow, as a terminal that scrolls, has read on by then. Well below the
# times that depend on the loop (a keepalive, a poll of the safety class). Chosen value.
PATIENCE_S = 0.25
# Characters written at once. Each is 4 bytes at most, and a pipe that can be written to takes 4,096 bytes without waiting.
_PIECE = 1024


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
    """Writes to the current `sys.stderr`, so that tests and embedding programs can redirect it.

    If that takes nothing for `patience_s`, lines are left out until it does, and the next line says how many.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        super().__init__()
        self._patience_s = patience_s
        self._left_out = 0
        self._is_cut = False
        """Whether the last line that was written is not whole."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            if not _takes(0.0 if self._left_out else self._patience_s):
                self._left_out += 1
                return
            text = f"{self.format(record)}\n"
            if count := self._left_out:
                said = f"{count_of(count, 'log line')} left out, because whatever reads this log did not read on"
                notice = logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, (), None)
                rest_of_cut = "\n" if self._is_cut else ""
                text = f"{rest_of_cut}{self.format(notice)}\n{text}"
                self._left_out, self._is_cut = 0, False
            self._write(text)
        except (OSError, ValueError):
            self.handleError(record)

    def _write(self, text: str) -> None:
        """Write it in pieces that a pipe takes at once, or else not at all (PIPE_BUF, pipe(7))."""
        for start in range(0, len(text), _PIECE):
            if start and not _takes(self._patience_s):
                self._left_out, self._is_cut = 1, True
                return
            sys.stderr.write(text[start : start + _PIECE])
            sys.stderr.flush()


def _takes(within_s: float) -> bool:
    """Whether stderr can be written to without waiting for its reader, now or within this time. A file always can."""
    try:
        number = sys.stderr.fileno()
    except io.UnsupportedOperation:  # in memory, as in a test
        return True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    # Where the reader has gone (POLLERR, POLLHUP), writing raises the error that says so.
    return bool(poll.poll(within_s * 1000))


def configure_logging(level: str) -> None:
    """Send every log record of at least `level` (debug, info, warning, error) to stderr."""
    handler = StderrHandler()
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
