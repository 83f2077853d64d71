"""Logging of the commands: key=value lines on stderr, configured once in `main`.

Logs go to stderr and not to a file: systemd and container engines collect, rotate and limit it.

Whoever reads them may hang: a log driver whose server is away, a terminal after Ctrl-S. Then stderr blocks whoever writes to it, and with
the event loop everything else: after 10 s the watchdog would end the process, again after each restart. So what nobody reads is left out.
"""

import io
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue

from rackflow.escape import escape_unprintable, redact_urls
from rackflow.plural import count_of

# Characters of a message or traceback. A message may quote a whole document of 512 kB; a long traceback has some 5,000 characters.
LONGEST = 16_384
# How long a line waits for the reader of the log; one that is only slow, as a terminal that scrolls, has read on by then. Well below the
# times that depend on the loop (a keepalive, a poll of the safety class). Chosen value.
PATIENCE_S = 0.25
# Warnings that are kept of the lines that were left out, the beginning of each. Chosen: a screen, and little enough to be written at once.
KEPT = 20
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

    If that takes nothing for `patience_s`, lines are left out until it does, and then it says how many. Of those that are warnings or
    worse, the last ones follow: what went wrong while nobody read is what somebody will look for.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        super().__init__()
        self._patience_s = patience_s
        self._left_out = 0
        self._kept: deque[str] = deque(maxlen=KEPT)
        """Warnings that were left out."""
        self._is_cut = False
        """Whether the last line that was written is not whole."""
        self._terminal: _Terminal | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if sys.stderr is None:  # a service manager has closed it; what is logged must not end the program
            return
        try:
            if not self._takes(0.0 if self._left_out else self._patience_s) or not self._write(
                f"{self._notice()}{self.format(record)}\n"
            ):
                self._left_out += 1
                if record.levelno >= logging.WARNING:
                    self._kept.append(f"{self.format(record)[:_PIECE]}\n")
                return
            self._left_out = 0
            self._kept.clear()
        except (OSError, ValueError):
            self.handleError(record)

    def close(self) -> None:
        """Say what was left out if nothing was logged since: called when the process ends."""
        with suppress(OSError, ValueError):
            if self._left_out and sys.stderr is not None and self._takes(self._patience_s):
                self._write(self._notice())
        super().close()

    def _notice(self) -> str:
        """How many lines were left out, and the warnings among them; nothing if there were none."""
        if not self._left_out:
            return ""
        what = "; the last warnings among them follow" if self._kept else ""
        said = f"{count_of(self._left_out, 'log line')} left out, because whatever reads this log did not read on{what}"
        notice = logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, (), None)
        rest_of_cut = "\n" if self._is_cut else ""
        return f"{rest_of_cut}{self.format(notice)}\n{''.join(self._kept)}"

    def _takes(self, within_s: float) -> bool:
        """Whether stderr can be written to without waiting for its reader, now or within this time. A file always can."""
        try:
            number = sys.stderr.fileno()
        except io.UnsupportedOperation:  # in memory, as in a test
            return True
        if os.isatty(number):
            if self._terminal is None or self._terminal.number != number:
                self._terminal = _Terminal(number)
            return self._terminal.is_done(within_s)
        self._terminal = None
        poll = select.poll()
        poll.register(number, select.POLLOUT)
        # Where the reader has gone (POLLERR, POLLHUP), writing raises the error that says so.
        return bool(poll.poll(within_s * 1000))

    def _write(self, text: str) -> bool:
        """Write it in pieces that a pipe takes at once, or else not at all (PIPE_BUF, pipe(7)). Returns whether all of it was written."""
        if self._terminal is not None:
            # All of it is written once the terminal takes it.
            self._terminal.write(text.encode(sys.stderr.encoding, sys.stderr.errors or "strict"), self._patience_s)
            return True
        until = time.monotonic() + 4 * self._patience_s
        for start in range(0, len(text), _PIECE):
            if start and not self._takes(min(self._patience_s, max(0.0, until - time.monotonic()))):
                self._is_cut = True
                return False
            sys.stderr.write(text[start : start + _PIECE])
            sys.stderr.flush()
        self._is_cut = False
        return True


class _Terminal:
    """Writes to a terminal in a thread of its own.

    Linux says that a terminal can be written to while a single byte fits, and blocks for the rest. So a terminal whose window hangs, as
    after its ssh connection was lost, cannot be told from one that reads. In the thread only that blocks.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._texts: SimpleQueue[bytes] = SimpleQueue()
        self._done = threading.Event()
        self._done.set()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def is_done(self, within_s: float) -> bool:
        """Whether all that was to be written is, now or within this time."""
        return self._done.wait(within_s)

    def write(self, text: bytes, within_s: float) -> None:
        """Write it; return once that is done, but no later than after this time. Only if `is_done`."""
        self._done.clear()
        self._texts.put(text)
        self._done.wait(within_s)

    def _run(self) -> None:
        while True:
            text = self._texts.get()
            # Not by `sys.stderr`: the interpreter could not end while a thread blocks in it. A terminal that is gone takes nothing.
            with suppress(OSError):
                while text:
                    text = text[os.write(self.number, text) :]
            self._done.set()


def configure_logging(level: str) -> None:
    """Send every log record of at least `level` (debug, info, warning, error) to stderr."""
    handler = StderrHandler()
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
