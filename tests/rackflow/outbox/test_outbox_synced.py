"""What the outbox calls saved is on disk, and not only in the kernel's memory: system calls in their order."""

import subprocess
import sys
from pathlib import Path

from tests.servers.captures import REPOSITORY
from tests.servers.strace import SYNCS, calls, on_disk, said, traced, tracing
from tests.servers.waiting import wait_until

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.state import Limits

async def main():
    outbox = DiskOutbox(Path(sys.argv[1]), "E1", Limits(10_000_000, 3600), 1000)
    await outbox.open()
    keeping = asyncio.create_task(outbox.run())
    os.write(1, b"first is put")
    await outbox.saved(outbox.put("t", lambda seq: b"x" * 1000, 5))
    os.write(1, b"first is saved")
    await outbox.take()
    os.write(1, b"second is put")
    outbox.put("t", lambda seq: b"y" * 1000, 5)
    await outbox.take()
    os.write(1, b"second is handed out")

asyncio.run(main())
"""
JOINED = """
import os, sys
from pathlib import Path
from rackflow.outbox.loading import load_folder
from rackflow.outbox.segment import new_head
from rackflow.outbox.segments import Segments
from tests.rackflow.outbox.test_segment import load

folder = Path(sys.argv[1])
load(folder, ("put", 1, 4))
load(folder, ("put", 5, 8), head=new_head(2, 4))
segments = Segments(folder / "outbox.db", folder, 1_000_000, 10_000_000, load_folder(folder, None))
os.write(1, b"two files")
segments.rewrite(segments.files[:])
os.write(1, b"joined")
"""

REPORTED = """
import os, sys
from pathlib import Path
from rackflow.outbox.log import OutboxLog
from rackflow.outbox.seam import Message
from rackflow.outbox.state import Limits

log = OutboxLog(Path(sys.argv[1]) / "outbox.db", "E1", Limits(10_000_000, 3600))
log.commit([Message(1, "t", b"x", 5)], [], frozenset())
os.write(1, b"a message is there")
log.save_collectors([("c", "ledger-1")])
os.write(1, b"a collector has reported")
"""


def test_which_collectors_have_reported_is_on_disk_when_it_is_saved(tmp_path: Path) -> None:
    """After a power cut the agent would not wait for reports, and delete what the broker alone has confirmed."""
    found = traced(tmp_path, REPORTED, tmp_path)
    assert on_disk(found, ".seg", said(found, "a message is there"), said(found, "a collector has reported"))


def test_files_that_are_joined_are_on_disk_in_the_new_file_before_one_is_deleted(tmp_path: Path) -> None:
    """Otherwise a power cut costs all messages that waited in them."""
    folder = tmp_path / "segments"
    folder.mkdir()
    found = traced(tmp_path, JOINED, folder)
    begun, joined = said(found, "two files"), said(found, "joined")
    assert [path.name for path in folder.iterdir()] == ["000000000001.seg"]
    assert on_disk(found, ".seg.new", begun, joined)
    written = next(call for call in found if call.path.endswith(".seg.new") and call.begun > begun.begun)
    named = [call for call in found if call.name in SYNCS and call.path == str(folder) and call.begun > written.begun]
    assert len(named) == 2, "under its first name and under that of the file that it replaces"


def test_what_is_saved_and_what_is_handed_out_is_on_disk_before(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = tracing(trace, [sys.executable, "-c", PROGRAM, str(tmp_path / "new" / "outbox.db")])
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=30)
    wait_until(lambda: "+++ exited with 0 +++" in trace.read_text().splitlines()[-1], "the trace is complete")
    found = calls(trace)
    assert on_disk(found, ".seg", said(found, "first is put"), said(found, "first is saved"))
    assert on_disk(found, ".seg", said(found, "second is put"), said(found, "second is handed out"))
    # A new file is found after a power cut only if its name is on disk, too; and so are the folders'.
    first = said(found, "first is put")
    made = {call.path for call in found if call.name in SYNCS and call.ended is not None and call.ended < first.begun}
    folders = tmp_path, tmp_path / "new", tmp_path / "new" / "outbox.db.segments"
    assert {str(each) for each in folders} <= made
