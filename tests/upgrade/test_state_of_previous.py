"""What the previous release has left is opened by this one as it is: outbox, ledger, records, configuration, site file, documents.

`make upgrade-test` upgrades running agents and collectors, in either order (`test_rolling.py`).
"""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main as agent_main
from collector.cli import main as collector_main
from collector.ledger import accounts, read_snapshot
from collector.records import RecordsFile
from rackflow.documents import DOCUMENTS, decode
from rackflow.outbox import DiskOutbox, Limits
from rackflow.site import parse_site
from tests.upgrade import write_state
from tests.upgrade.previous import environment_of, export_previous, file_of_previous

DECODE = """
import sys
from pathlib import Path
from rackflow.documents import DOCUMENTS, decode
for path in sorted(Path(sys.argv[1]).glob("*.json")):
    print(path.stem, type(decode(path.read_bytes(), DOCUMENTS[path.stem])).__name__)
"""


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_previous(tmp_path_factory.mktemp("upgrade") / "previous")


@pytest.fixture(scope="module")
def state(previous: Path) -> Path:
    folder = previous.with_name("state")
    folder.mkdir()
    subprocess.run([sys.executable, write_state.__file__, folder], env=environment_of(previous), cwd=folder, check=True)
    return folder


async def test_messages_that_waited_are_sent_with_their_numbers(state: Path) -> None:
    outbox = DiskOutbox(state / "outbox.db", "01JNEW", Limits(10_000_000, 1e9, 90.0), 500.0)
    await outbox.open()
    running = asyncio.create_task(outbox.run(), name="outbox")
    async with asyncio.timeout(30):
        found = [await outbox.take() for _ in range(write_state.MESSAGES)]
    assert [json.loads(each.payload)["seq"] for each in found] == list(range(1, write_state.MESSAGES + 1))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await outbox.close()


def test_the_account_of_messages_goes_on(state: Path) -> None:
    [sums] = accounts([read_snapshot(state / "ledger.db")])
    assert (sums.stored, sums.missing) == (100, [])


def test_hours_of_energy_are_kept(state: Path) -> None:
    records = RecordsFile(state / "records.db", lambda: write_state.NOW_S)
    [(hour, kept)] = records.sites["cas1"].hours.items()
    records.close(ended=True)
    assert (hour, kept.amount) == (int(write_state.NOW_S // 3600) - 1, {"facility:m": 1.5e8})
    assert not list(state.glob("*.damaged"))


def test_its_documents_are_read_here_and_ours_there(previous: Path, state: Path, tmp_path: Path) -> None:
    for name in write_state.DOCUMENTS:
        assert decode((state / f"{name}.json").read_bytes(), DOCUMENTS[name]).agent == "gw-1"
    write_state.main(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", DECODE, tmp_path],
        env=environment_of(previous),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(write_state.DOCUMENTS)


def test_its_configurations_and_site_file_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent, collector = re.findall(r"```yaml\n(.*?)```", file_of_previous("README.md"), re.DOTALL)
    for name in re.findall(r"env:(\w+)", agent):
        monkeypatch.setenv(name, "a-long-enough-secret")
    (tmp_path / "agent.yaml").write_text(agent.replace("path: agent-", f"path: {tmp_path}/agent-"), encoding="utf-8")
    (tmp_path / "collector.yaml").write_text(collector, encoding="utf-8")
    assert agent_main(["check", str(tmp_path / "agent.yaml")]) == 0
    assert collector_main(["check", str(tmp_path / "collector.yaml")]) == 0
    assert parse_site(file_of_previous("simulator/sites/edge.yaml"), "edge.yaml").racks
