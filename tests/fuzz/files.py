"""Fuzzes files: configuration, site, profile and recordings as text; damaged outboxes and ledgers.

A text is refused with a `RackflowError` or read, nothing else. A damaged one is opened, set aside or refused likewise, and
what is put into the outbox afterwards is on disk.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import strategies as st

from agent.config import AgentConfig
from agent.profile import parse_profile
from collector.config import CollectorConfig
from collector.ledger import Entry, EpochKey, LedgerFile
from rackflow.errors import RackflowError
from rackflow.outbox import DiskOutbox, Limits
from rackflow.process.config import check_config
from rackflow.process.yaml import load_yaml_text
from rackflow.recording import parse_snmprec
from rackflow.recording.mbrec import parse_mbrec
from rackflow.site import parse_site
from simulator.live import RECORDINGS
from tests.collector.derive.campus import CAMPUS
from tests.fuzz.answers import Damage
from tests.servers.captures import REPOSITORY

EPOCH = "01JD5ZFUZZ0000000000000000"
PROFILE = REPOSITORY / "agent" / "profiles" / "apc-rpdu2.yaml"
CONFIGS = REPOSITORY / "deploy" / "config"
MBREC = "# a meter\n" + "".join(f"1|{1 + at % 4}|{at}|{at % 2}\n" for at in range(20))
PIECES = (
    *(
        "\t",
        "\n",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: *a",
        "!!python/object:os.system x",
        "!secret s3cret",
        "|\n  ",
        "#",
    ),
    *(
        "'",
        '"',
        "\x00",
        "\ufeff",
        "\u202e",
        "\ud7ff",
        "99999999999999999999",
        "1e999",
        ".nan",
        ".inf",
        "0o777",
        "yes",
        "~",
        "2026-02-30",
    ),
    *(
        "{" * 3000,
        "[" * 3000,
        "a: " * 2000,
        "x" * 100_000,
        "- " * 2000,
        "é",
        "👩",
        "1_000",
        "0x1F",
        "? ",
        "%YAML 9.9\n",
        "...\n",
        "---\n",
    ),
)


@st.composite
def texts(draw: st.DrawFn, original: str) -> str:
    """The original with lines removed, repeated or exchanged, and odd pieces put in."""
    lines = original.splitlines(keepends=True) or [""]
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["remove", "repeat", "exchange", "insert", "value", "text"]))
        if how == "remove" and len(lines) > 1:
            del lines[at]
        elif how == "repeat":
            lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
        elif how == "exchange":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            piece = draw(st.sampled_from(PIECES)) if how != "text" else draw(st.text(max_size=30))
            line = lines[at]
            place = line.find(":") + 1 if how == "value" else draw(st.integers(0, len(line)))
            lines[at] = f"{line[:place]} {piece}" + ("\n" if how == "value" else line[place:])
    return "".join(lines)


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "agent.yaml": (
        (CONFIGS / "agent.yaml").read_text(encoding="utf-8"),
        lambda text: check_config(load_yaml_text(text, "f"), AgentConfig, "f", text),
    ),
    "collector.yaml": (
        (CONFIGS / "collector.yaml").read_text(encoding="utf-8"),
        lambda text: check_config(load_yaml_text(text, "f"), CollectorConfig, "f", text),
    ),
    "site.yaml": (CAMPUS.read_text(encoding="utf-8"), lambda text: parse_site(text, "f")),
    "profile": (PROFILE.read_text(encoding="utf-8"), lambda text: parse_profile(text, "f")),
    "snmprec": (
        (RECORDINGS / "apc-ups.snmprec").read_text(encoding="utf-8"),
        lambda text: parse_snmprec(text.encode("utf-8", "surrogatepass"), "f"),
    ),
    "mbrec": (MBREC, lambda text: parse_mbrec(text, "f")),
}
texts_of_a_file = st.sampled_from(sorted(READERS)).flatmap(
    lambda name: st.tuples(st.just(name), texts(READERS[name][0]))
)


def is_read_or_refused(name: str, text: str) -> None:
    """Raises whatever the reader raises, unless it is a RackflowError."""
    with suppress(RackflowError):
        READERS[name][1](text)


def write_originals(folder: Path) -> None:
    """An outbox and a ledger in use."""
    asyncio.run(_fill(folder))


async def _fill(folder: Path) -> None:
    outbox = DiskOutbox(folder / "outbox.db", EPOCH, Limits(1 << 20, 3600.0), 1e9)
    await outbox.open()
    for _ in range(60):
        outbox.put("rackflow/v1/s/a/batch/d", lambda seq: b"%d " % seq * 20, int(time.time() * 1000))
    await outbox.close()
    ledger = LedgerFile(folder / "ledger.db", 30, time.time)
    now_ms = int(time.time() * 1000)
    await ledger.record([Entry(EpochKey("s", "a", EPOCH), seq, now_ms, now_ms) for seq in range(1, 700, 2)])
    ledger.close()


damages = st.builds(Damage, st.integers(0, 2**32), st.integers(0, 30), st.booleans(), st.just(b""))


def damaged_files_open(originals: Path, damage: Damage, files: frozenset[str]) -> None:
    """Damage copies of the named files, then open outbox and ledger and use them."""
    with tempfile.TemporaryDirectory(prefix="rackflow-fuzz-file-") as name:
        folder = Path(name)
        for original in (each for each in originals.rglob("*") if each.is_file()):
            target = folder / original.relative_to(originals)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(original, target)
            if original.name in files:
                target.write_bytes(damage(target.read_bytes())[0])
        asyncio.run(_use(folder))


async def _use(folder: Path) -> None:
    outbox = DiskOutbox(folder / "outbox.db", EPOCH[:-1] + "1", Limits(1 << 20, 3600.0), 1e9)
    try:
        await outbox.open()
        key = outbox.put("rackflow/v1/s/a/batch/d", lambda seq: b"%d" % seq, int(time.time() * 1000))
        await outbox.close()
        assert outbox.fault is None, outbox.fault
        assert await outbox.saved(key)
    except RackflowError:
        pass
    try:
        ledger = LedgerFile(folder / "ledger.db", 30, time.time)
    except RackflowError:
        return
    now_ms = int(time.time() * 1000)
    entries = [Entry(EpochKey("s", "a", EPOCH), 2, now_ms, now_ms)]
    # The first try may find the damage, set the file aside and begin a new one; the second must then be durable.
    assert await ledger.record(entries) or await ledger.record(entries)
    ledger.close()


names_of_files = st.frozensets(st.sampled_from(["000000000001.seg", "mark", "ledger.db"]), min_size=1)
