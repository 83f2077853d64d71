"""The ledger on disk: over restarts, kills, torn files and full disks, beside a running collector, and as a command."""

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import yaml

from collector.cli import main
from collector.ledger.account import account_of
from collector.ledger.epochs import CHUNK, Entry, EpochKey, Retirement, Statement
from collector.ledger.file import LedgerFile
from collector.ledger.ledger import FREE_CHUNKS, MESSAGES_PER_CHUNK
from collector.ledger.tables import decode_snapshot, encode_snapshot, read_snapshot
from collector.ledger.watch import LedgerWatch
from rackflow import ConfigError
from rackflow.documents import Account, Numbers, Status
from rackflow.process.steady import STEADY_S
from tests.collector.documents import batch, now_ms, status
from tests.collector.running import config_for, ledger_locked, publish, publisher, running, until
from tests.collector.store_contents import points
from tests.rackflow.outbox.test_outbox_disk import files_no_larger_than
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

KEY = EpochKey("cas1", "gw-3", "01JD5Z")
WALL_S = 1_795_468_800.0
PAGE, INDEX_LEAF = 4096, 10
"""Of SQLite's file format: the size of a page, and what the first byte of one that holds rows of a table without row ids is."""


def entries(first: int, last: int) -> list[Entry]:
    return [Entry(KEY, seq, 1_795_468_800_000 + seq, 1_795_468_800_000 + seq) for seq in range(first, last + 1)]


def opened(folder: Path) -> LedgerFile:
    return LedgerFile(folder / "ledger.db", 400, lambda: WALL_S)


def stored_in(folder: Path) -> int:
    [(book, chunks)] = read_snapshot(folder / "ledger.db").epochs
    return account_of(book, chunks).stored


async def test_what_was_entered_is_there_after_a_restart_and_is_not_fresh_again(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert await ledger.record(entries(1, 2 * CHUNK + 100))
    assert await ledger.record(entries(2 * CHUNK + 201, 2 * CHUNK + 300))
    ledger.close()
    ledger = opened(tmp_path)
    assert await ledger.are_new(entries(2 * CHUNK + 100, 2 * CHUNK + 101)) == [False, True]
    assert await ledger.are_new(entries(5, 5)) == [False]
    assert await ledger.record(entries(2 * CHUNK + 101, 2 * CHUNK + 200))
    assert stored_in(tmp_path) == 2 * CHUNK + 300
    ledger.close()


async def test_what_a_new_epoch_states_about_an_earlier_one_is_reported_at_once(tmp_path: Path) -> None:
    """And what could not be read is reported later."""
    ledger = opened(tmp_path)
    watch = LedgerWatch(ledger)
    now = int(WALL_S * 1000)
    found = Account(kind="memory", undelivered=[Numbers(epoch=KEY.epoch, first=2, last=4)])
    assert await ledger.record([*entries(1, 1), *entries(5, 5), Statement(KEY, found, now)])
    await watch.update()
    assert (watch.accounts()["cas1", "gw-3"].in_flight, watch.accounts()["cas1", "gw-3"].missing) == (3, 0)
    later = KEY._replace(epoch="01JD6A")
    assert await ledger.record([Statement(later, Account(kind="memory"), now)])
    aside = ledger.path.rename(tmp_path / "away")
    await watch.update()
    assert watch.accounts()["cas1", "gw-3"].missing == 0
    aside.rename(ledger.path)
    await watch.update()
    assert (watch.accounts()["cas1", "gw-3"].in_flight, watch.accounts()["cas1", "gw-3"].missing) == (0, 3)
    ledger.close()


async def test_epochs_that_are_forgotten_leave_the_order_of_others_over_a_restart(tmp_path: Path) -> None:
    """An epoch that is first seen later comes behind those that are there."""
    now_s, wall_ms = 0.0, int(WALL_S * 1000)
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S + now_s)
    epochs = [KEY._replace(epoch=f"01JD5{letter}") for letter in "ABCDEF"]
    for at, key in enumerate(epochs[:5]):
        assert await ledger.record([Entry(key, 1, 1, 1 if at < 3 else wall_ms)])
    await ledger.sweep(now_s)
    now_s = STEADY_S
    await ledger.sweep(now_s)
    assert await ledger.record([Entry(epochs[5], 1, 1, wall_ms)])
    ledger.close()
    ledger = opened(tmp_path)
    assert list(ledger.ledger.epochs) == epochs[3:]
    ledger.close()


async def test_a_page_is_the_same_over_the_network(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    account = Account(kind="disk", dropped=[Numbers(epoch=KEY.epoch, first=11, last=20, reason="full")])
    assert await ledger.record([*entries(1, 10), *entries(21, 30), Statement(KEY, account, 5)])
    assert await ledger.record_waiting(entries(31, 33))
    page = read_snapshot(tmp_path / "ledger.db")
    again = decode_snapshot(encode_snapshot(page))
    [(book, chunks)] = again.epochs
    assert (again.ledger, book.key, chunks) == (page.ledger, KEY, page.epochs[0][1])
    sums = account_of(book, chunks)
    assert (sums.produced, sums.stored, sums.in_flight, dict(sums.dropped)) == (33, 20, 3, {"full": 10})
    assert sums.missing == []
    ledger.close()


async def test_a_full_disk_holds_entries_up_and_loses_none(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert await ledger.record(entries(1, 10))
    with files_no_larger_than(1024):
        waiting = asyncio.create_task(ledger.record(entries(11, 20)), name="entering")
        await until(lambda: ledger.fault is not None, "the fault is noticed")
        assert not waiting.done()
    async with asyncio.timeout(30):
        assert await waiting
    assert ledger.fault is None
    assert stored_in(tmp_path) == 20
    ledger.close()


async def test_a_damaged_file_is_set_aside_and_the_account_starts_over(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 500)
    ledger = opened(tmp_path)
    assert ledger.failures["damaged"] == 1
    assert (tmp_path / "ledger.db.damaged").exists()
    assert await ledger.record(entries(501, 600))
    [(book, chunks)] = read_snapshot(tmp_path / "ledger.db").epochs
    sums = account_of(book, chunks)
    assert (sums.known_from, sums.produced, sums.stored, sums.missing) == (501, 100, 100, [])
    ledger.close()


@pytest.mark.parametrize("damage", ["garbage", "another page"])
async def test_a_page_that_is_damaged_is_found_when_the_file_is_opened(tmp_path: Path, damage: str) -> None:
    """One that was written to the wrong place makes sense when it is read."""
    ledger = opened(tmp_path)
    assert await ledger.record([each for seq in range(1, 200 * CHUNK, CHUNK) for each in entries(seq, seq)])
    ledger.close()
    path = tmp_path / "ledger.db"
    content = bytearray(path.read_bytes())
    leaves = [at for at in range(0, len(content), PAGE) if at and content[at] == INDEX_LEAF]
    assert len(leaves) > 4
    page = bytes(range(256)) * 16 if damage == "garbage" else content[leaves[3] : leaves[3] + PAGE]
    content[leaves[2] : leaves[2] + PAGE] = page
    path.write_bytes(content)
    ledger = opened(tmp_path)
    assert ledger.failures["damaged"] == 1
    assert await ledger.record(entries(1, 10))
    assert stored_in(tmp_path) == 10
    ledger.close()


@pytest.mark.parametrize("broken", ["UPDATE epoch SET held = '{'", "DELETE FROM epoch", "UPDATE chunk SET dead = '7'"])
async def test_rows_that_mean_nothing_are_damage_too(tmp_path: Path, broken: str) -> None:
    """No restart ends in a traceback."""
    ledger = opened(tmp_path)
    assert await ledger.record(entries(1, CHUNK))
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        db.execute(broken)
    ledger = opened(tmp_path)
    assert ledger.failures["damaged"] == 1
    assert await ledger.record(entries(1, 10))
    ledger.close()


async def test_a_damaged_file_that_cannot_be_set_aside_is_as_soon_as_it_can(tmp_path: Path) -> None:
    """Until then nothing is acknowledged, and it is said why; no restart is needed."""
    ledger = opened(tmp_path)
    path, aside = ledger.path, tmp_path / "ledger.db.damaged"
    agents = [EpochKey("cas1", f"gw-{number}", "01JD5Z") for number in range(40)]
    assert await ledger.record(
        [Entry(key, seq, seq, seq) for key in agents for seq in range(1, 500 * CHUNK, CHUNK)]  # a file of many pages
    )
    ledger.close()
    ledger = opened(tmp_path)
    content = bytearray(path.read_bytes())
    content[PAGE:] = b"!" * (len(content) - PAGE)
    path.write_bytes(content)
    aside.mkdir()
    entering = asyncio.create_task(ledger.record(entries(2, 3)), name="entering")
    await until(lambda: ledger.failures["write"] >= 2, "it was tried again")
    assert ledger.fault is not None
    assert not entering.done()
    aside.rmdir()
    assert await entering
    assert (ledger.failures["damaged"], aside.is_file()) == (1, True)
    assert stored_in(tmp_path) == 2
    ledger.close()


async def test_one_ledger_has_one_collector(tmp_path: Path) -> None:
    """Two would write over each other's account."""
    ledger = opened(tmp_path)
    with pytest.raises(ConfigError, match=r"ledger .*ledger\.db is in use by another process; end that one"):
        opened(tmp_path)
    ledger.close()
    opened(tmp_path).close()


async def test_a_clock_that_jumps_ahead_forgets_nobody(tmp_path: Path) -> None:
    """What is deleted does not come back when the clock is right again."""
    now_s, jump_s = 0.0, 0.0
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S + now_s + jump_s)

    async def known_after(seconds: float) -> bool:
        nonlocal now_s
        now_s += seconds
        await ledger.sweep(now_s)
        return KEY in ledger.ledger.epochs

    assert await ledger.record(entries(1, 1))
    assert await known_after(0.0)
    assert await known_after(STEADY_S)
    jump_s = 500 * 86_400.0
    assert await known_after(5.0)
    assert await known_after(STEADY_S - 1)
    jump_s = 0.0
    assert await known_after(5.0)
    jump_s = 500 * 86_400.0
    assert await known_after(5.0)
    assert not await known_after(STEADY_S)
    ledger.close()


@pytest.mark.parametrize(("days", "is_known"), [(400, True), (400 + 1 / 86_400_000, False)])
async def test_an_epoch_is_forgotten_when_it_was_silent_for_longer_than_the_days(
    tmp_path: Path, days: float, *, is_known: bool
) -> None:
    now_s = 0.0
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S + now_s)
    heard_ms = round((WALL_S + STEADY_S) * 1000 - days * 86_400_000)
    assert await ledger.record([Entry(KEY, 1, heard_ms, heard_ms)])
    await ledger.sweep(now_s)
    now_s = STEADY_S
    await ledger.sweep(now_s)
    assert (KEY in ledger.ledger.epochs) is is_known
    ledger.close()


async def test_what_is_forgotten_while_the_disk_refuses_leaves_the_file_as_soon_as_it_can(tmp_path: Path) -> None:
    now_s, other = 0.0, KEY._replace(agent="gw-4")
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S + now_s)
    assert await ledger.record([Entry(KEY, 1, 1, 1)])
    await ledger.sweep(now_s)
    now_s = STEADY_S
    with files_no_larger_than(1024):
        await ledger.sweep(now_s)
    assert ledger.fault is not None
    assert await ledger.record([Entry(other, 1, 1, int(WALL_S * 1000))])
    ledger.close()
    ledger = opened(tmp_path)
    assert list(ledger.ledger.epochs) == [other]
    ledger.close()


async def test_who_is_stopped_while_the_disk_works_leaves_nothing_behind_that_uses_the_file(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert await ledger.record(entries(1, 10))
    with ledger_locked(tmp_path / "ledger.db"):
        entering = asyncio.create_task(ledger.record(entries(11, 20)), name="entering")
        await until(lambda: threading.active_count() > 1, "a thread is at work")
        await asyncio.sleep(0)
        entering.cancel()
        await asyncio.wait([entering])
        assert entering.cancelled()
        assert "ledger-file" not in {task.get_name() for task in asyncio.all_tasks()}
        ledger.close()
    ledger = opened(tmp_path)
    assert await ledger.are_new([*entries(10, 10), *entries(11, 11)]) == [False, True]
    ledger.close()


async def test_a_message_that_comes_again_is_counted_and_not_stored_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    time_ms = now_ms()
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        for _ in range(3):
            await publish(client, *(batch(seq=seq, time_ms=time_ms + seq) for seq in (1, 2, 3)))
        await one.reaches('dcim_collector_ledger_duplicate_messages{agent="gw-3",site="cas1"}', lambda n: n == 6)
    assert len([line for line in points(tmp_path) if line.startswith("dcim_cdu,")]) == 3


async def test_the_command_tells_what_is_missing_beside_a_running_collector(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_for(mosquitto.port, tmp_path)
    file = tmp_path / "collector.yaml"
    file.write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, *(batch(seq=seq) for seq in (1, 2, 5)))
        # The ledger, not the store: a message is entered after its points are stored.
        await eventually(
            lambda: [account_of(*row).stored for row in read_snapshot(config.ledger_path).epochs] == [3], "entered"
        )
        assert await asyncio.to_thread(main, ["ledger", str(file), "--output", "json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert await asyncio.to_thread(main, ["ledger", str(file), "--output", "yaml"]) == 1
        assert yaml.safe_load(capsys.readouterr().out) == found
        [epoch] = found["epochs"]
        assert (epoch["produced"], epoch["stored"], epoch["missing"]) == (5, 3, 2)
        assert [(run["first"], run["last"]) for run in epoch["missing_ranges"]] == [(3, 4)]
        page = (await one.get("/ledger")).text
        assert decode_snapshot(page.encode()).epochs[0][0].key == KEY
        # The agent says that it has dropped them.
        dropped = Account(kind="disk", dropped=[Numbers(epoch="01JD5Z", first=3, last=4, reason="full")])
        await publish(client, with_account(dropped))
        await one.reaches(
            'dcim_collector_ledger_dropped_messages{agent="gw-3",reason="full",site="cas1"}', lambda count: count == 2
        )
        await one.reaches('dcim_collector_ledger_missing_messages{agent="gw-3",site="cas1"}', lambda count: count == 0)
    assert main(["ledger", str(file)]) == 0
    assert capsys.readouterr().out.endswith("5 messages of 1 agent: complete\n")
    # A time in which nothing came is none in which all was stored.
    assert main(["ledger", str(file), "--since", "2100-01-01"]) == 1
    said = capsys.readouterr()
    assert said.out.endswith("0 messages of 0 agents: nothing to account for\n")
    assert (
        "no message of any agent was received since 2100-01-01 00:00 UTC; see whether agents and collector run"
        in said.err
    )
    assert main(["ledger", str(file), "--since", "yesterday"]) == 78
    assert main(["ledger", str(file), "--with", str(tmp_path / "absent.db")]) == 1
    assert "there is no ledger" in capsys.readouterr().err


def with_account(account: Account) -> Status:
    return msgspec.structs.replace(status("cdu-07"), account=account)


async def test_a_message_whose_commit_is_tried_again_is_no_duplicate_and_its_agent_gets_one_report(
    tmp_path: Path,
) -> None:
    ledger = opened(tmp_path)
    with ledger_locked(ledger.path):
        recording = asyncio.create_task(ledger.record(entries(1, 3)), name="recording")
        await eventually(lambda: ledger.failures["write"] > 0, "a commit was refused")
        assert ledger.take_changed_agents() == set()
    assert await recording
    assert ledger.take_changed_agents() == {("cas1", "gw-3")}
    [(book, chunks)] = read_snapshot(ledger.path).epochs
    assert (account_of(book, chunks).stored, book.duplicates) == (3, 0)
    assert ledger.take_changed_agents() == set()
    assert await ledger.record([Retirement("cas1", "gw-3", 2**50)])
    assert ledger.take_changed_agents() == {("cas1", "gw-3")}
    ledger.close()


async def test_messages_that_are_not_accounted_for_are_counted_once_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent whose numbers jump from chunk to chunk."""
    ledger = opened(tmp_path)
    jumping = [Entry(KEY, 1 + at * CHUNK, 0, 0) for at in range(FREE_CHUNKS + 200)]
    assert await ledger.record(jumping)
    assert (refused := ledger.failures["sparse"]) > 50
    assert await ledger.record([Entry(KEY, 1 + 5000 * CHUNK + at * CHUNK, 0, 0) for at in range(20)])
    assert refused < ledger.failures["sparse"] <= refused + 20
    assert len([each for each in caplog.records if "no room for more epochs" in each.getMessage()]) == 1
    ledger.close()


async def test_numbers_that_jump_below_the_highest_one_make_no_chunk_each_either(tmp_path: Path) -> None:
    """Their chunks are looked for on disk first, and are not there."""
    ledger = opened(tmp_path)
    falling = [Entry(KEY, 1 + at * CHUNK, 0, 0) for at in reversed(range(2 * FREE_CHUNKS))]
    assert await ledger.record(falling[:1])
    assert await ledger.record(falling[1:])
    _, chunks = read_snapshot(ledger.path).epochs[0]
    assert FREE_CHUNKS < len(chunks) <= FREE_CHUNKS + 2 * FREE_CHUNKS // MESSAGES_PER_CHUNK + 1
    assert ledger.failures["sparse"] == 2 * FREE_CHUNKS - len(chunks)
    assert await ledger.are_new(falling[:1]) == [False]
    ledger.close()
