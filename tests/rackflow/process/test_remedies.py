"""What a host, a file or a right refuses is said with what to do about it: ports, certificates, permissions, libraries."""

import contextlib
import errno
import gc
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli import main as collector
from collector.ledger.file import LedgerFile
from collector.receive.dead_letters import DeadLetters
from collector.web import load_access
from rackflow.errors import ConfigError, RackflowError
from rackflow.process.broker import Broker
from rackflow.process.commands import explain_listen_error
from rackflow.process.doctor import check_broker
from rackflow.process.doctor_disks import check_disk
from rackflow.process.files import refusal_of_disk, remedy_of_writing
from tests.servers.process import find_program

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIG = "broker: {host: 127.0.0.1}\nstore: {kind: file, path: points}\ndead_letter: dead.jsonl\n"


def refusal(address: str, port: int) -> OSError:
    with socket.socket() as one, pytest.raises(OSError) as raised:  # noqa: PT011 - its number is what is looked at
        one.bind((address, port))
    return raised.value


def test_a_taken_port_and_an_address_of_another_machine_say_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = explain_listen_error(refusal("127.0.0.1", port), port, "choose another port")
        assert said == "Address already in use; end the program that has it, or choose another port"
    # TEST-NET-1 (RFC 5737) is no machine's.
    said = explain_listen_error(refusal("192.0.2.1", 0), 1161, "choose another port")
    assert said.endswith("; correct the address: it must be one of this machine")
    said = explain_listen_error(refusal("no-such-host.invalid", 0), 1161, "choose another port")
    assert said.endswith("; correct the address: it must be one of this machine")


def test_a_refusal_without_a_number_is_told_by_its_cause() -> None:
    # uvloop's error of a UDP port says "could not bind to local_addr", and nothing else.
    for number, expected in (
        (errno.EADDRINUSE, "Address already in use; end the program that has it, or choose another port"),
        (errno.EACCES, "Permission denied; only root may use ports below 1024: choose another port, or use sudo"),
    ):
        error = OSError("could not bind to local_addr ('127.0.0.1', 161)")
        error.__cause__ = OSError(number, "whatever it says")
        assert explain_listen_error(error, 161, "choose another port") == expected


def test_only_a_port_below_1024_is_refused_for_want_of_root() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    said = explain_listen_error(denied, 161, "choose another port")
    assert said == "Permission denied; only root may use ports below 1024: choose another port, or use sudo"
    assert explain_listen_error(denied, 1161, "choose another port") == "Permission denied; choose another port"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two certificates and their keys, `a` and `b`."""
    folder = tmp_path_factory.mktemp("keys")
    for name in "ab":
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        make = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}", *files]
        subprocess.run(make, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        (("a.crt", "a.crt", "b.key"), "key_file is not the key of cert_file; give the two that were made together"),
        (("a.crt", "a.key", "a.crt"), "see whether they are exchanged"),
        (("a.key", "a.crt", "a.key"), "ca_file has no certificate in it; give the authority's certificate (PEM)"),
    ],
)
def test_a_wrong_key_or_certificate_is_named(files: tuple[str, str, str], remedy: str, keys: Path) -> None:
    ca, cert, key = (keys / each for each in files)
    with pytest.raises(ConfigError) as raised:
        Broker(tls=True, ca_file=ca, cert_file=cert, key_file=key).tls_context()
    assert str(raised.value).endswith(remedy)


def test_a_wrong_key_of_the_pages_is_named(keys: Path) -> None:
    path = keys / "web.yml"
    path.write_text("tls_server_config: {cert_file: a.crt, key_file: b.key}\n")
    with pytest.raises(ConfigError, match="key_file is not the key of cert_file; give the two"):
        load_access(path)


@contextlib.contextmanager
def swallowing(*, is_full: bool) -> Iterator[int]:
    """The port of a socket that listens and is never asked for its connections; if its queue is full, the kernel drops each further SYN."""
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for _ in range(2 if is_full else 0):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.parametrize(
    ("is_full", "remedy"),
    [(True, "that no firewall drops packets on the way"), (False, "whether broker.port is that of an MQTT 5 broker")],
)
async def test_a_broker_that_swallows_everything_is_told_from_one_that_does_not_speak(
    remedy: str, caplog: pytest.LogCaptureFixture, *, is_full: bool
) -> None:
    with swallowing(is_full=is_full) as port:
        (found,) = await check_broker(Broker(port=port, timeout_s=0.3))
    assert found.status == "failed"
    assert remedy in found.remedy
    gc.collect()
    assert caplog.text == ""


def without_rights(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a module as an account that permissions stop: tests may run as root, who loses what makes it an exception to them."""
    rights = "-dac_override,-dac_read_search"
    other = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"] if os.geteuid() == 0 else []
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*other, sys.executable, "-m", *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def strange_folder(tmp_path: Path) -> Path:
    """A folder in which another account may read, and create nothing."""
    (tmp_path / "collector.yaml").write_text(CONFIG)
    tmp_path.chmod(0o555)
    return tmp_path


def test_check_tells_before_the_start_that_a_collector_may_not_write(strange_folder: Path) -> None:
    done = without_rights("collector", "check", "collector.yaml", cwd=strange_folder)
    assert (done.returncode, done.stdout) == (78, "")
    for key in ("dead_letter", "ledger", "store.path"):
        said = f"{key}: {strange_folder}: nothing can be created there; give it to the service's account: chown ACCOUNT"
        assert said in done.stderr
    (strange_folder / "collector.yaml").chmod(0o000)
    done = without_rights("collector", "check", "collector.yaml", cwd=strange_folder)
    assert (done.returncode, done.stdout) == (78, "")
    assert "Permission denied; it needs the account that may read it, or sudo" in done.stderr


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that only others may enter, as a unit's state and certbot's certificates are to a person without sudo."""
    folder = tmp_path / "closed"
    for each in (folder, tmp_path / "hidden"):
        each.mkdir()
        (each / "family.yaml").write_text("", encoding="utf-8")
    state = f"store: {{kind: file, path: points}}\ndead_letter: {folder}/dead.jsonl\n"
    devices = "agent: gw-1\nlabels: {site: cas1}\ndevices: []\n"
    for name, text in {
        "state.yaml": f"broker: {{host: 127.0.0.1}}\n{state}",
        "tls.yaml": f"broker: {{host: 127.0.0.1, tls: true, ca_file: {folder}/ca.crt}}\n{CONFIG.partition(chr(10))[2]}",
        "windows.yaml": f"{CONFIG}problems: {{maintenance: {folder}/windows.yaml}}\n",
        "within.yaml": f"{devices}profiles: {folder}/profiles\n",
        "hidden.yaml": f"{devices}profiles: {tmp_path}/hidden\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    folder.chmod(0o000)
    (tmp_path / "hidden").chmod(0o311)  # its files may be opened, and not listed
    yield folder
    for each in (folder, tmp_path / "hidden"):
        each.chmod(0o700)


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (
            "collector backup state.yaml copy",
            1,
            "closed/ledger-rackflow-collector.db: cannot be copied: .*the account that",
        ),
        (
            "collector ledger state.yaml",
            1,
            "closed/ledger-rackflow-collector.db: the ledger cannot be read: .*the account",
        ),
        (
            "collector report state.yaml --month 2026-10",
            1,
            "closed/books-rackflow-collector.db: .* it needs the account",
        ),
        (
            "collector run tls.yaml",
            78,
            "tls.yaml:1: broker: .*closed/ca.crt cannot be looked at; the account that runs this",
        ),
        ("collector doctor tls.yaml", 1, "closed/ca.crt cannot be looked at; the account that runs this"),
        (
            "collector check windows.yaml",
            78,
            "closed/windows.yaml: cannot be read: Permission denied; it needs the account",
        ),
        (
            "agent check within.yaml",
            78,
            "within.yaml:4: profiles: .*closed/profiles: is in a folder that this account may",
        ),
        ("agent check hidden.yaml", 78, "hidden: cannot be read: Permission denied; it needs the account"),
        ("agent run hidden.yaml", 78, "hidden: cannot be read: Permission denied; it needs the account"),
        ("agent profiles lint hidden", 78, "hidden: cannot be read: Permission denied; it needs the account"),
        (
            "agent profiles lint closed/family.yaml",
            78,
            "closed/family.yaml: cannot be read: Permission denied; it needs the",
        ),
    ],
)
def test_a_path_that_this_account_may_not_look_at_is_one_line_with_what_to_do(
    command: str, status: int, says: str, closed_folder: Path
) -> None:
    """`Path.exists` raises there, and `Path.glob` finds nothing: profiles of one's own were left out without a word."""
    done = without_rights(*command.split(), cwd=closed_folder.parent)
    assert "Traceback" not in done.stderr
    assert re.search(says, done.stdout + done.stderr), done.stdout + done.stderr
    assert done.returncode == status


def test_a_relative_path_is_reported_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_disk("outbox", Path("nowhere/outbox.db")).found == f"{tmp_path}/nowhere: no such folder"
    Path("collector.yaml").write_text(CONFIG)
    assert collector(["ledger", "collector.yaml"]) == 1
    said = capsys.readouterr().err
    assert f"there is no ledger in {tmp_path} (the collector's unit runs in /var/lib/rackflow-collector)" in said


def test_a_folder_that_a_collector_will_create_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(CONFIG.replace("dead.jsonl", f"{tmp_path}/later/dead.jsonl"))
    assert collector(["check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: ok\n"


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    path = tmp_path / "collector.yaml"
    path.write_text(CONFIG.replace("dead.jsonl", f"{tmp_path}/file/below/dead.jsonl"), encoding="utf-8")
    assert collector(["check", str(path)]) == 78
    said = f"{tmp_path}/file/below/dead.jsonl: {tmp_path}/file is a file, no folder; choose another path"
    assert capsys.readouterr().err.startswith(f"{path}:3: dead_letter: {said}\n")


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    if os.geteuid():
        pytest.skip("only root may mount a file system")
    folder.mkdir()
    subprocess.run(
        [find_program("mount", "mount"), "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True, timeout=10
    )
    try:
        yield folder
    finally:
        subprocess.run([find_program("umount", "mount"), "--lazy", str(folder)], check=True, timeout=10)


def test_a_folder_that_is_not_there_is_named_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        (disk / "ballast").write_bytes(bytes(256 * 1024))
        found = check_disk("outbox", disk / "nowhere" / "outbox.db")
    assert (found.status, found.found) == ("failed", f"{disk}/nowhere: no such folder")


def test_a_full_or_read_only_disk_is_named_whatever_the_library_says(tmp_path: Path) -> None:
    """SQLite calls both a `disk I/O error` or says that it is unable to open a file; another path or account would not help."""
    with small_disk(tmp_path / "small") as disk:
        path = disk / "folder" / "ledger.db"
        unsaid = OSError(errno.EIO, "disk I/O error")
        assert refusal_of_disk(path) is None
        assert remedy_of_writing(unsaid, path) == "choose another path, or repair the disk"
        (disk / "ballast").write_bytes(bytes(224 * 1024))
        assert refusal_of_disk(path) == errno.ENOSPC
        assert remedy_of_writing(unsaid, path) == "make room on its disk"
        found = check_disk("ledger", disk / "ledger.db")
        assert (found.status, found.found) == ("warning", f"{disk}/ledger.db: its disk is full")
        with pytest.raises(RackflowError, match=r"ledger\.db cannot be used: .*; make room on its disk"):
            LedgerFile(disk / "ledger.db", 1, time.time)
        subprocess.run([find_program("mount", "mount"), "-o", "remount,ro", str(disk)], check=True, timeout=10)
        for each in (disk / "ledger.db", path):
            found = check_disk("ledger", each)
            assert (found.status, found.found) == ("failed", f"{each}: its disk is mounted read-only")
        with pytest.raises(RackflowError, match=r"dead\.jsonl cannot be written: .*; its disk is mounted read-only"):
            DeadLetters(disk / "dead.jsonl", 1_000_000)


def test_a_disk_that_has_room_and_takes_no_more_files_is_full(tmp_path: Path) -> None:
    """As one with millions of small files: writing says `No space left on device` while `df` shows space."""
    with small_disk(tmp_path / "small") as disk:
        limit = ["-o", "remount,nr_inodes=3"]  # its own folder and two more
        subprocess.run([find_program("mount", "mount"), *limit, str(disk)], check=True, timeout=10)
        (disk / "one").touch()
        assert refusal_of_disk(disk / "ledger.db") is None
        (disk / "two").touch()
        assert refusal_of_disk(disk / "ledger.db") == errno.ENOSPC
        assert os.statvfs(disk).f_bavail > 0


def test_too_few_descriptors_are_told_from_a_disk_that_does_not_work() -> None:
    """SQLite only says that it is unable to open the file."""
    program = (
        "import resource, sys; from pathlib import Path; from rackflow.process.files import remedy_of_writing\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n"
        "sys.stdout.write(remedy_of_writing(OSError('unable to open database file'), Path('.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "raise the limit of open files: ulimit -n, or LimitNOFILE= of the unit"
