"""UPSs and PDUs without a feed: `check` says that the loss of one would not be recognised."""

from pathlib import Path

import pytest

from agent.cli import main

HEAD = """agent: gw-1
labels: {LABELS}
credentials: {lab: {community: sesame}}
outbox: {mode: disk, path: FOLDER/outbox.db}
devices:
"""
PDUS = [
    f"  - {{id: pdu-{each}, host: 192.0.2.{each}, credential: lab, profile: apc-rpdu, LABELS}}" for each in range(1, 5)
]


def checked(folder: Path, capsys: pytest.CaptureFixture[str], devices: list[str], labels: str = "site: t1") -> str:
    """What `check` says of these devices."""
    path = folder / "agent.yaml"
    text = HEAD.replace("FOLDER", str(folder)).replace("LABELS", labels) + "\n".join(devices)
    path.write_text(text, encoding="utf-8")
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr()
    return said.out + said.err


def of(labels: str) -> list[str]:
    return [each.replace("LABELS", labels) for each in PDUS]


WITHOUT = of("labels: {rack: a1}")


def test_pdus_without_a_feed_are_told_because_nobody_is_called_for_one_that_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = checked(tmp_path, capsys, WITHOUT)
    assert "4 devices of the power path have no feed: pdu-1, pdu-2, pdu-3, pdu-4; that a feed is lost" in said


@pytest.mark.parametrize(
    ("devices", "labels"),
    [
        (of("labels: {feed: A}"), "site: t1"),
        (WITHOUT, "site: t1, feed: A"),
        (WITHOUT[:3], "site: t1"),
        ([*WITHOUT[:3], WITHOUT[3].replace("profile", "enabled: false, profile")], "site: t1"),
        ([*WITHOUT[:3], WITHOUT[3].replace("apc-rpdu", "auto")], "site: t1"),
        ([*WITHOUT[:3], WITHOUT[3].replace("apc-rpdu", "apc-ats")], "site: t1"),
    ],
)
def test_nothing_is_told_of_a_few_and_of_what_needs_no_feed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], devices: list[str], labels: str
) -> None:
    assert "power path" not in checked(tmp_path, capsys, devices, labels)
