"""Log lines that quote what others sent: one line each, which nobody can forge, and a traceback that looks like no other line."""

import fcntl
import io
import logging
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.process.logs import KEPT, LONGEST, KeyValueFormatter, StderrHandler, configure_logging

LINE = re.compile(r'time=\S+ level=error logger=test msg="(?:[^"\\]|\\.)*"')
FORGED = 'time=2026-01-01T00:00:00.000Z level=error logger=agent msg="all is well"'


def formatted(message: str, error: BaseException | None = None) -> list[str]:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("test", logging.ERROR, __file__, 1, "said %s", (message,), info)
    return KeyValueFormatter().format(record).split("\n")


@given(st.text(st.characters()))
def test_whatever_is_said_is_one_printable_line(message: str) -> None:
    [line] = formatted(message)
    assert line.isprintable()
    assert LINE.fullmatch(line)


def test_a_message_cannot_look_like_a_line_of_its_own() -> None:
    lines = formatted(f'x"\n{FORGED}\r\x1b[1A\u202e')
    assert lines == [line for line in lines if LINE.fullmatch(line)]
    [line] = formatted("a\rb\x1b[2J\u202e")
    assert r"a\x0db\x1b[2J\u202e" in line


@given(st.text(st.characters()))
def test_a_traceback_is_indented_and_printable(message: str) -> None:
    try:
        try:
            raise KeyError(message)  # noqa: TRY301 - the cause of the other
        except KeyError as error:
            raise ValueError(f"{message}\n{FORGED}") from error
    except ValueError as error:
        first, *rest = formatted("failed", error)
    assert LINE.fullmatch(first)
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_a_long_message_is_cut_in_the_middle() -> None:
    [line] = formatted("x" * 10_000_000 + "end")
    assert len(line) < LONGEST + 200
    assert line.endswith('xend"')
    assert "characters left out" in line


def test_an_address_in_a_message_or_traceback_loses_its_password() -> None:
    text = "\n".join(formatted("http://u:hunter2@h/?token=hunter2", ValueError("https://u:hunter2@h")))
    assert "hunter2" not in text
    assert "http://***@h/?***" in text


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


@pytest.mark.usefixtures("restored")
def test_logs_of_libraries_take_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug")
    logging.getLogger("some.library").debug("\x1b]0;title\x07")
    assert r"\x1b]0;title\x07" in capsys.readouterr().err


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("length", [10, 10_000])
def test_a_log_that_nobody_reads_holds_up_nobody_and_says_so_once_it_is_read(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a terminal after Ctrl-S, or a log driver whose server is away: a full pipe blocks whoever writes to it."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with io.TextIOWrapper(os.fdopen(writer, "wb")) as stderr, os.fdopen(reader, "rb") as log:
        monkeypatch.setattr("sys.stderr", stderr)
        configure_logging("info")

        def say(count: int) -> None:
            for number in range(count):
                logging.getLogger("test").info("%d %s", number, "x" * length)

        logging_all = threading.Thread(target=say, args=(2 * size // 100,), daemon=True)
        logging_all.start()
        logging_all.join(30)
        assert not logging_all.is_alive(), "it waits for the reader"
        os.set_blocking(reader, False)
        before = log.read().decode()
        logging.getLogger("test").info("on again")
        after = log.read().decode().splitlines()
    monkeypatch.undo()
    whole = before.count("\n")
    cut = not before.endswith("\n")
    assert after[: 1 + cut] == [*[""] * cut, after[cut]]
    assert f'msg="{2 * size // 100 - whole} log lines left out' in after[cut]
    assert after[-1].endswith('msg="on again"')


def test_a_log_that_is_read_slowly_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = StderrHandler(patience_s=60)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with ThreadPoolExecutor(1) as pool, os.fdopen(reader, "rb") as file:
        reading = pool.submit(lambda: b"".join(iter(lambda: file.read(512), b"")))
        with io.TextIOWrapper(os.fdopen(writer, "wb")) as stderr:
            monkeypatch.setattr("sys.stderr", stderr)
            for number in range(500):
                message = f"line {number} of {'x' * 5000 if number == 7 else 'few'}"
                handler.handle(logging.makeLogRecord({"msg": message}))
            monkeypatch.undo()
        lines = reading.result().decode().splitlines()
    assert [line.split()[1] for line in lines] == [str(number) for number in range(500)]
    assert lines[7] == f"line 7 of {'x' * 5000}"


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("is_logged_again", [True, False])
def test_warnings_that_nobody_read_follow_once_the_log_is_read(
    monkeypatch: pytest.MonkeyPatch, *, is_logged_again: bool
) -> None:
    """Among thousands of lines that were left out is the one that says what went wrong, and nothing may follow it."""
    reader, writer = os.pipe()
    handler = StderrHandler()
    handler.setFormatter(KeyValueFormatter())
    with io.TextIOWrapper(os.fdopen(writer, "wb")) as stderr, os.fdopen(reader, "rb") as log:
        monkeypatch.setattr("sys.stderr", stderr)
        for number in range(100):
            handler.handle(logging.makeLogRecord({"msg": f"line {number} {'x' * 5000}", "levelno": logging.INFO}))
        for number in range(KEPT + 3):
            handler.handle(logging.makeLogRecord({"msg": f"fault {number}", "levelno": logging.ERROR}))
        os.set_blocking(reader, False)
        assert b"fault" not in log.read()
        if is_logged_again:
            handler.handle(logging.makeLogRecord({"msg": "on again", "levelno": logging.INFO}))
        handler.close()
        after = log.read().decode().strip().splitlines()
    monkeypatch.undo()
    assert "log lines left out" in after[0]
    assert [re.findall('msg="(.*)"', line)[0] for line in after[1:]] == [
        *(f"fault {number}" for number in range(3, KEPT + 3)),
        *(["on again"] if is_logged_again else []),
    ]


def test_a_terminal_whose_window_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after its ssh connection was lost. Linux says that it can be written to while one byte of the line fits, and blocks."""
    window, terminal = pty.openpty()
    handler = StderrHandler()
    with os.fdopen(terminal, "w", encoding="utf-8") as stderr, ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr("sys.stderr", stderr)

        def say() -> None:
            for number in range(2000):
                handler.handle(logging.makeLogRecord({"msg": f"line {number} {'x' * 60}", "levelno": logging.INFO}))

        logging_all = pool.submit(say)
        try:
            logging_all.result(30)
            with ThreadPoolExecutor(1) as other:
                reading = other.submit(_read_until, window, b"on again\r\n")
                while not reading.done():
                    handler.handle(logging.makeLogRecord({"msg": "on again", "levelno": logging.INFO}))
                text = reading.result().decode()
        finally:
            os.close(window)
        monkeypatch.undo()
    # On a busy machine the kernel's own thread for terminals may take some lines later: then more lines follow those that were left out.
    number, notices = 0, 0
    for line in text.splitlines():
        if left_out := re.match(r"([\d,]+) log lines? left out", line):
            number, notices = number + int(left_out[1].replace(",", "")), notices + 1
        else:
            assert line == (f"line {number} {'x' * 60}" if number < 2000 else "on again")
            number += 1
    assert number > 2000
    assert notices


def _read_until(file: int, end: bytes) -> bytes:
    text = b""
    while not text.endswith(end):
        text += os.read(file, 4096)
    return text


def test_logging_with_no_stderr_at_all_ends_nothing() -> None:
    """`2>&-`, as some service managers start programs: Python has no `sys.stderr` then."""
    code = (
        "import logging; from rackflow.process.logs import configure_logging; configure_logging('info');"
        " logging.getLogger('x').error('no'); print('goes on')"
    )
    command = f'exec "{sys.executable}" -c "{code}" 2>&-'
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout == "goes on\n"
