"""Adding entries to a list in a YAML file: everything else stays as it was, to the byte."""

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.errors import ConfigError
from rackflow.process.yaml import load_yaml_text
from rackflow.process.yaml_edit import Entry, append_to_list, replace_file
from tests.servers.strace import WRITES, said, synced, traced

PDU = Entry({"id": "pdu-1", "host": "192.0.2.7", "unit": 1}, comment="APC AP8841")
BLOCK = "# APC AP8841\n{0}- id: pdu-1\n{0}  host: 192.0.2.7\n{0}  unit: 1\n"


def added(text: str) -> str:
    return append_to_list(text, "devices", [PDU], "agent.yaml")


def test_an_entry_goes_behind_the_last_one_and_before_the_comment_that_follows() -> None:
    before = "# ours\nagent: a # the name\ndevices:\n  - id: ups-1 # old\n    host: h\n"
    after = "\n# the broker\nbroker: {host: b}\n"
    assert added(before + after) == before + "  " + BLOCK.format("  ") + after.removeprefix("")


@pytest.mark.parametrize("empty", ["devices: []", "devices:", "devices: null", "devices: ~"])
def test_an_empty_list_begins(empty: str) -> None:
    text = f"agent: a\n{empty}  # none yet\nlog_level: info\n"
    assert added(text) == "agent: a\ndevices:  # none yet\n  " + BLOCK.format("  ") + "log_level: info\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "agent: a",
        "agent: a\ndevices:\n- id: x\n  host: y",
        "agent: a\r\ndevices:\r\n- id: x\r\n  host: y\r\n# end\r\n",
        "devices: [{id: x, host: y}] # one\nagent: a\n",
        "devices: [{id: x}, ]\nagent: a\n",
        "devices:\n  - id: x\n    labels:\n      rack: r1\n      # a note of ours\nagent: a\n",
        "devices:\n  - id: x\n    text: |\n      two\n      lines\nagent: a\n",
        "devices:\n  - {id: x,\n     host: y}\nagent: a\n",
        "devices:\n  - id: x\n    host:\nagent: a\n",
        "\ufeffagent: ä\ndevices:\n    - id: ü\n",
        '"devices":\n  - id: x\n',
    ],
)
def test_whatever_the_layout_the_entry_is_added_and_every_line_stays(text: str) -> None:
    changed = added(text)
    before, after = load_yaml_text(text, "t") or {}, load_yaml_text(changed, "t")
    assert after == {**before, "devices": [*(before.get("devices") or []), dict(PDU.values)]}
    kept = changed.splitlines()
    assert all(line in kept for line in text.splitlines() if "[" not in line)
    assert text.count("\r\n") == 0 or changed.count("\n") == changed.count("\r\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("devices: 5\n", "devices: is not a list"),
        ("- a\n", "is not a list"),
        ("x: &x {id: a}\ndevices:\n  - *x\ny: 1\n", "layout is too unusual"),
        ("{agent: a, devices: [1, # ]\n]}\n", "layout is too unusual"),
        ("agent: a\n...\n", "layout is too unusual"),
    ],
)
def test_a_file_that_cannot_be_added_to_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        added(text)


@given(st.text(max_size=40), st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_whatever_a_device_says_is_a_value_or_a_comment_and_nothing_else(comment: str, serial: str) -> None:
    entry = Entry({"id": "x", "serial_number": serial}, comment=comment)
    changed = append_to_list("agent: a\ndevices: []\n", "devices", [entry], "t")
    assert load_yaml_text(changed, "t") == {"agent": "a", "devices": [{"id": "x", "serial_number": serial}]}


def test_a_file_is_replaced_behind_its_link_with_its_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "agent.yaml"
    real.write_text("old\n", encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    replace_file(link, "old\n", "new\n")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.yaml", "real.yaml"]


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("theirs\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="changed by somebody else meanwhile"):
        replace_file(path, "old\n", "new\n")
    assert path.read_text(encoding="utf-8") == "theirs\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_that_root_edits_stays_its_owners(tmp_path: Path) -> None:
    """The agent could not read its configuration any more, as `discover` is mostly called with sudo."""
    path = tmp_path / "agent.yaml"
    path.write_text("old\n", encoding="utf-8")
    path.chmod(0o600)
    os.chown(path, 12345, 23456)
    replace_file(path, "old\n", "new\n")
    assert (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o777) == (12345, 23456, 0o600)


def test_a_disk_that_takes_no_more_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("old\n", encoding="utf-8")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(ConfigError, match=r"cannot be written: .*; it is unchanged"):
            replace_file(path, "old\n", "new\n" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(each.name, each.read_text(encoding="utf-8")) for each in tmp_path.iterdir()] == [("agent.yaml", "old\n")]


EDITING = """
import os, sys
from pathlib import Path
from rackflow.process.yaml_edit import replace_file

path = Path(sys.argv[1]) / "agent.yaml"
path.write_text("old\\n")
os.write(1, b"editing")
replace_file(path, "old\\n", "new\\n")
os.write(1, b"edited")
"""


def test_an_edited_file_is_on_disk_with_its_name(tmp_path: Path) -> None:
    """After a power cut it would be empty, and the agent would not start."""
    found = traced(tmp_path, EDITING, tmp_path)
    editing, edited = said(found, "editing"), said(found, "edited")
    made = next(call for call in found if call.name in WRITES and ".agent.yaml." in call.path)
    assert synced(found, made.path, made, edited)
    assert synced(found, str(tmp_path), editing, edited)
