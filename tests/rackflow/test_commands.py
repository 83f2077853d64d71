"""Commands that end before their time: without their extra, and when nobody reads on."""

import gc
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rackflow.command import main as door
from rackflow.process.commands import report_missing_extra, run_command


@pytest.mark.parametrize(
    ("program", "module", "function", "library", "extra"),
    [
        ("rackflow-agent", "agent", "main", "uvloop", "agent"),
        ("rackflow-collector", "collector", "main", "aiohttp", "collector"),
        ("rackflow-collector", "collector", "main", "bcrypt", "collector"),
        ("rackflow-sim", "simulator", "main", "pymodbus", "sim"),
        ("rackflow-demo", "simulator", "demo", "iotcore", "sim"),
    ],
)
def test_a_command_without_its_libraries_says_what_to_install(
    program: str, module: str, function: str, library: str, extra: str
) -> None:
    # None in sys.modules is how Python itself marks what cannot be imported.
    code = (
        f"import sys; sys.modules['{library}'] = None\nfrom {module}.__main__ import {function}; sys.exit({function}())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "agent.yaml"], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    wanted = f"{program}: {library} is not installed; install rackflow with its extra: rackflow[{extra}]\n"
    assert (done.stdout, done.stderr) == ("", wanted)


def test_a_collector_whose_engine_has_no_client_library_says_what_to_install(tmp_path: Path) -> None:
    """It is loaded when the store is opened."""
    file = tmp_path / "collector.yaml"
    file.write_text(
        f"broker: {{host: 127.0.0.1, port: 1}}\nlisten: 127.0.0.1:0\ndead_letter: {tmp_path / 'dead.jsonl'}\n"
        "store: {kind: influxdb, url: 'http://127.0.0.1:1', bucket: b}\n",
        encoding="utf-8",
    )
    code = "import sys; sys.modules['influxdb_client'] = None\nfrom collector.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", file], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    said = (
        "rackflow-collector: influxdb_client is not installed; install rackflow with its extra: rackflow[collector]\n"
    )
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_our_own_that_is_missing_is_a_fault() -> None:
    with pytest.raises(ModuleNotFoundError):
        report_missing_extra("rackflow-agent", "agent", ModuleNotFoundError(name="agent.lost"))


@pytest.mark.parametrize("command", [["profiles"], ["profiles", "lint"]])
def test_a_reader_who_has_had_enough_is_no_fault(command: list[str]) -> None:
    """More than a pipe holds, and less than is written at once."""
    with subprocess.Popen(
        [sys.executable, "-m", "agent", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.parametrize("module", ["rackflow", "agent", "collector"])
def test_a_version_whose_reader_has_left_is_no_fault(module: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    # Without a buffer argparse meets the broken pipe itself, and says nothing of it.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    words = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, env=buffered, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", [["agent", "profiles"], ["rackflow", "version"], ["rackflow", "--version"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_that_does_not_take_the_output_is_named_in_one_line(words: list[str], unbuffered: str) -> None:
    """More than is written at once, and less; also by argparse, which says nothing of it."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            text=True,
            timeout=60,
            check=False,
        )
    wanted = "the output cannot be written: No space left on device; make room on its disk\n"
    assert (done.returncode, done.stderr) == (1, wanted)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_what_a_terminal_s_encoding_lacks_is_shown_as_an_escape(encoding: str) -> None:
    code = "from rackflow.process.commands import run_command\nrun_command(lambda: print('outbox: … 25 °C') or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=60,
        check=False,
    )
    degree = b"\xb0" if encoding == "latin-1" else rb"\xb0"
    assert (done.stdout, done.stderr) == (rb"outbox: \u2026 25 " + degree + b"C\n", b"")


def test_a_command_without_stdout_and_stderr_opens_no_file_in_their_place(tmp_path: Path) -> None:
    """What a process says when it hangs goes to number 2, whatever that is."""
    code = (
        "import sys; from rackflow.process.commands import run_command\n"
        "def work():\n"
        f"    with open({str(tmp_path / 'opened')!r}, 'w') as file:\n"
        "        print('data'); print('log', file=sys.stderr); file.write(str(file.fileno() > 2))\n"
        "    return 7\n"
        "sys.exit(run_command(work))"
    )
    words = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(words, timeout=60, check=False).returncode == 7
    assert (tmp_path / "opened").read_text() == "True"


def test_ctrl_c_ends_a_command_without_output() -> None:
    """A search that is waiting for answers of nobody."""
    # A shell that runs the tests in the background has Ctrl-C ignored by them, and by whom they start.
    words = ["env", "--default-signal=INT", sys.executable, "-m", "agent", "discover", "127.9.0.0/24", "--rate", "5"]
    terminal, other = pty.openpty()
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=other, start_new_session=True) as process:
        os.close(other)
        shown = os.read(terminal, 4096)  # the bar: it works
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    os.close(terminal)
    assert b"Traceback" not in shown


def test_help_and_version_of_the_collector_load_no_library_of_it() -> None:
    code = (
        "import sys; from collector.cli import main\n"
        "for word in ('--help', '--version'):\n"
        "    try: main([word])\n"
        "    except SystemExit as ended: assert ended.code == 0\n"
        "assert not {'collector.run', 'aiohttp', 'pydantic'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)


def test_a_collector_that_writes_files_loads_no_client_of_an_engine() -> None:
    code = "import collector.process, sys; assert not {'influxdb_client', 'reactivex'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["read", "192.0.2.1", "--port", "0"], 2, "'0' is not a port; ports are 1 to 65535"),
        (["discover", "192.0.2.1", "--port", "99999"], 2, "'99999' is not a port"),
        (["walk", "192.0.2.1", "--port", "x"], 2, "'x' is not a port"),
        (["read", "192.0.2.1", "--timeout", "0"], 78, "timeout_s: must be more than 0"),
        (["walk", "h", "--protocol", "modbus", "--unit", "300", "--profile", "aalc-rpu"], 78, "--unit: 300 is not"),
        (["sim", "run", "edge", "--port", "99999"], 2, "'99999' is not a port"),
        (["sim", "run", "edge", "--port", "-1"], 2, "'-1' is not a port"),
        (["demo", "--port", "0"], 2, "'0' is not a port"),
        (["demo", "fault", "nonsense"], 2, "nonsense"),
    ],
)
def test_an_invalid_argument_is_reported_with_the_possible_ones(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = door(words)
    except SystemExit as left:
        ended = int(str(left.code))
    assert (ended, said in capsys.readouterr().err) == (status, True)


def test_the_imports_of_a_command_are_not_examined_for_garbage_and_later_work_is_as_before() -> None:
    before, looks = gc.get_threshold(), []

    def command() -> int:
        begun = gc.get_stats()[0]["collections"]
        kept = [[at] for at in range(50_000)]
        looks.append(gc.get_stats()[0]["collections"] - begun)
        return len(kept) % 2

    assert run_command(command) == 0
    assert looks in ([0], [1])  # one, if others had nearly filled the first generation before
    assert gc.get_threshold() == before
