"""What `doctor` and `check` say of an outbox that another account has begun or that this one may not look at, and of little room."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from agent.cli import main
from agent.config_file import load_agent_config
from agent.doctor import has_run
from collector.cli import main as collector
from rackflow.outbox import Limits, folder_of
from rackflow.outbox.log import OutboxLog
from rackflow.process.doctor_disks import check_disk, check_kept, room_for

# As an account that is no owner of anything: this one gives away all its rights, if it is root, whom no permission stops.
ASK = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path
from rackflow.outbox import folder_of
from rackflow.process.doctor_disks import check_kept
path = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
print(json.dumps(asdict(check_kept("outbox", path, folder_of(path)))))
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every account may use."""
    with TemporaryDirectory(prefix="rackflow-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def asked_without_rights(path: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(path)], capture_output=True, text=True, timeout=60, check=True, cwd=Path.cwd()
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def begun(path: Path) -> Path:
    """An outbox that an agent has opened."""
    OutboxLog(path, "E1", Limits(10_000_000, 3600)).close()
    return folder_of(path)


def test_a_folder_that_this_account_may_not_look_into_is_a_finding(shared: Path) -> None:
    """As the unit's folder, of mode 0700, is to a person who runs `doctor` without sudo."""
    (shared / "state").mkdir()
    (shared / "state").chmod(0o000)
    for path in (shared / "state" / "outbox.db", shared / "state" / "below" / "outbox.db"):
        found = asked_without_rights(path)
        assert (found["status"], found["found"]) == ("failed", f"{shared}/state: nothing can be created there")
    (shared / "state").chmod(0o700)


def test_an_outbox_that_another_account_has_begun_is_a_finding_with_the_remedy(shared: Path) -> None:
    """Somebody has started the agent by hand with sudo."""
    folder = begun(shared / "outbox.db")
    assert check_kept("outbox", shared / "outbox.db", folder).status != "failed"
    folder.chmod(0o777)
    for each in folder.iterdir():
        each.chmod(0o400 if os.geteuid() else 0o640)
    found = asked_without_rights(shared / "outbox.db")
    remedy = f"give the folder to the account that runs this, with all in it: chown -R ACCOUNT {folder}"
    assert (found["status"], found["remedy"]) == ("failed", remedy)
    assert found["found"] == f"{folder}/000000000001.seg and 2 more cannot be written"
    folder.chmod(0o500)
    found = asked_without_rights(shared / "outbox.db")
    assert (found["status"], found["found"]) == ("failed", f"{folder} cannot be written")
    folder.chmod(0o700)


def test_check_refuses_a_file_where_the_folder_of_the_outbox_is_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of(tmp_path / "outbox.db").write_text("")
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"agent: a\nlabels: {{site: s}}\noutbox: {{mode: disk, path: {tmp_path}/outbox.db}}\ndevices: []\n"
    )
    assert main(["check", str(config)]) == 78
    assert f"{config}:3: outbox.path: {tmp_path}/outbox.db.segments is no folder" in capsys.readouterr().err


def test_an_agent_has_run_once_its_outbox_is_there(tmp_path: Path) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"agent: a\nlabels: {{site: s}}\noutbox: {{mode: disk, path: {tmp_path}/outbox.db}}\ndevices: []\n"
    )
    assert not has_run(load_agent_config(config))
    begun(tmp_path / "outbox.db")
    assert has_run(load_agent_config(config))


def test_little_room_is_told_in_a_unit_that_says_how_much_and_with_what_a_full_disk_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 MiB were `0.0 GiB`, and messages were said to be dropped: a collector acknowledges none that it cannot enter in its ledger."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=24 * 1024**2))
    told = check_disk("ledger", tmp_path / "ledger.db")
    assert told.found == f"{tmp_path / 'ledger.db'}: 24 MiB free"
    assert "dropped" not in told.remedy
    assert "a collector acknowledges nothing" in told.remedy


def test_check_and_doctor_tell_that_the_disk_is_full_before_the_outbox_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit is within every bound of the file, and beyond the disk of whoever runs this."""
    config = tmp_path / "agent.yaml"
    limit = 100 * shutil.disk_usage(tmp_path).total
    text = (
        f"agent: a\nlabels: {{site: s}}\ndevices: []\noutbox: {{mode: disk, path: {tmp_path}/outbox.db, limit_bytes: "
    )
    config.write_text(f"{text}{limit}, max_age_s: 1.0e+18}}\n")
    for _ in range(2):
        assert main(["check", str(config)]) == 0
        assert "then its disk is full, and further ones are kept in memory only" in capsys.readouterr().out
        folder = folder_of(tmp_path / "outbox.db")
        told = check_kept("outbox", tmp_path / "outbox.db", folder, limit)
        assert told.status == "warning"
        assert told.found.endswith(
            f"it may grow to {limit / 1024**3:,.1f} GiB (outbox.limit_bytes): its disk is full before that"
        )
        assert check_kept("outbox", tmp_path / "outbox.db", folder, 65536).found.endswith(" free")
        begun(tmp_path / "outbox.db")


def test_what_an_outbox_has_already_counts_as_room_for_it(tmp_path: Path) -> None:
    folder = begun(tmp_path / "outbox.db")
    (folder / "000000000009.seg").write_bytes(b"x" * 64 * 1024**2)
    os.sync()
    before, room, after = shutil.disk_usage(tmp_path).free, room_for(folder), shutil.disk_usage(tmp_path).free
    assert room is not None
    # Other programs of this machine write, too.
    most, least = max(before, after), min(before, after)
    assert least + 60 * 1024**2 < room < most + 68 * 1024**2


def test_a_path_that_cannot_be_written_is_named_with_its_line_where_it_stands_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "collector.yaml"
    stored = f"store: {{kind: file, path: {tmp_path}}}\n"
    config.write_text(f"{stored}dead_letter: {tmp_path}/file/dead.jsonl\n")
    assert collector(["check", str(config)]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"{config}:2: dead_letter: ") for line in lines), lines
    assert any(line.startswith(f"{config}: ledger: ") for line in lines), lines
