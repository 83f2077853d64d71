"""Which agent may speak about a device: the first that did, or the one that is named; and how it passes on."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.budgets import AgentBudget, Budgets
from collector.receive.owners import (
    CONTESTED_S,
    HEARD_MS,
    LAST_WORDS_MS,
    MAX_CONTESTS,
    MAX_CONTESTS_OF_AGENT,
    RELEASED_MS,
    SILENT_MS,
    Owners,
    Row,
)
from collector.receive.owners_file import OwnersFile
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, parse_topic
from rackflow.process.steady import STEADY_S
from tests.collector.documents import SUPPLY, document
from tests.collector.ingest_rig import BATCH, BUDGETS, DOCUMENT, EVENT, STATUS, IngestRig
from tests.collector.polls import WALL_S, hello, wall_ms
from tests.collector.running import topic_of

THIEF = "gw-stolen"
NOW_MS = wall_ms(0.0)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    one = IngestRig(tmp_path)
    yield one
    one.letters.close()


def of(agent: str, one: Batch | Event | DeviceDocument, **fields: object) -> Batch | Event | DeviceDocument:
    return msgspec.structs.replace(one, agent=agent, **fields)


def admitted(
    owners: Owners, one: Batch | Event | DeviceDocument | Status, at_ms: int = NOW_MS, site: str = "cas1"
) -> str:
    """The verdict about a message, or the reason why it is refused."""
    try:
        return owners.admit(parse_topic(topic_of(one, site)), one, at_ms, at_ms / 1000)
    except ContractError as error:
        return error.reason


@pytest.mark.parametrize("first", [BATCH, EVENT, DOCUMENT], ids=["batch", "event", "device"])
@pytest.mark.parametrize("then", [BATCH, EVENT, DOCUMENT], ids=["batch", "event", "device"])
def test_a_device_belongs_to_the_first_agent_that_publishes_about_it(
    first: Batch | Event | DeviceDocument, then: Batch | Event | DeviceDocument
) -> None:
    owners = Owners(BUDGETS)
    assert admitted(owners, first) == "claimed"
    assert admitted(owners, then) == "known"
    assert admitted(owners, of(THIEF, then)) == "owner"
    assert admitted(owners, of(THIEF, then), site="cas2") == "claimed"  # a device of the same name at another site
    assert admitted(owners, then) == "known"


def test_what_a_foreign_agent_says_is_refused_counted_kept_and_shown_and_changes_nothing(rig: IngestRig) -> None:
    """Even from a clock far ahead: the leak sensor goes on with its owner's next poll."""
    rig.process_document(STATUS)
    rig.process_document(DOCUMENT)
    rig.process_document(BATCH)
    future = wall_ms(500.0)
    foreign: tuple[Batch | Event | DeviceDocument, ...] = (BATCH, EVENT, DOCUMENT)
    for one in foreign:
        taken = rig.process_document(of(THIEF, one, time=future))
        assert not taken.lines
        assert taken.poll is None
    assert rig.failures() == {"owner": 3}
    assert [(entry["reason"], entry["topic"].split("/")[3]) for entry in rig.dead()] == [("owner", THIEF)] * 3
    rig.process_document(msgspec.structs.replace(BATCH, seq=9, time=wall_ms(1.0), values={SUPPLY: 1.0}), after_s=1.0)
    [device] = rig.latest.devices()
    assert (device.agent, device.document, device.series[SUPPLY].value) == ("gw-3", DOCUMENT, 1.0)
    assert device.last_success_ms == wall_ms(1.0)
    [(key, contest)] = rig.owners.contests(1000.0).items()
    assert (key, contest.owner, contest.agent) == (("cas1", "cdu-07"), "gw-3", THIEF)
    assert rig.owners.contests(1000.0 + CONTESTED_S) == {}


def test_a_foreign_agent_can_neither_clear_nor_disown_a_device(rig: IngestRig) -> None:
    rig.process_document(BATCH)
    rig.process_document(hello(THIEF))
    rig.process(f"rackflow/v1/cas1/{THIEF}/device/cdu-07", b"")
    rig.process(f"rackflow/v1/cas1/{THIEF}/status", b"")
    assert rig.owners.devices_of("cas1", "gw-3") == ["cdu-07"]
    assert [device.agent for device in rig.latest.devices()] == ["gw-3"]


@pytest.mark.parametrize("how", ["cleared document", "status", "cleared status"])
def test_a_device_moves_once_its_owner_gives_it_up_and_its_description_comes_along(rig: IngestRig, how: str) -> None:
    """Its description was refused before, and its new agent publishes it only when it connects again."""
    rig.process_document(BATCH)
    described = of("gw-4", DOCUMENT, model="moved")
    rig.process_document(described)
    rig.process_document(of("gw-4", BATCH, seq=1))
    assert rig.failures() == {"owner": 2}
    match how:
        case "cleared document":
            rig.process("rackflow/v1/cas1/gw-3/device/cdu-07", b"")
        case "status":
            rig.process_document(hello("gw-3", "another"))
        case _:
            rig.process("rackflow/v1/cas1/gw-3/status", b"")
    assert rig.process_document(of("gw-4", BATCH, seq=2)).lines
    [device] = rig.latest.devices()
    assert (device.agent, device.document, device.up) == ("gw-4", described, True)
    assert rig.owners.contests(1000.0) == {}
    assert rig.failures() == {"owner": 2}


def test_an_owner_that_goes_offline_keeps_its_devices(rig: IngestRig) -> None:
    """An outage would be the moment to take them."""
    rig.process_document(BATCH)
    rig.process_document(hello("gw-3", online=False, epoch="01JD5Z"))
    rig.process_document(of(THIEF, BATCH), after_s=86_400.0)
    assert rig.failures() == {"owner": 1}


def test_the_last_messages_of_a_former_owner_are_stored_and_neither_shown_nor_a_claim(rig: IngestRig) -> None:
    rig.process_document(BATCH)
    rig.process("rackflow/v1/cas1/gw-3/device/cdu-07", b"", after_s=1.0)
    assert rig.process_document(of("gw-3", BATCH, seq=8, time=wall_ms(2.0)), after_s=2.0).lines
    assert list(rig.latest.devices()) == []
    rig.process_document(of("gw-4", BATCH), after_s=3.0)
    # What its outbox still had when the device was given up; and what it cannot have read before that.
    assert rig.process_document(of("gw-3", BATCH, seq=6, time=wall_ms(0.5)), after_s=4.0).lines
    assert not rig.process_document(of("gw-3", BATCH, seq=9, time=wall_ms(4.0)), after_s=4.0).lines
    assert [device.agent for device in rig.latest.devices()] == ["gw-4"]
    assert rig.failures() == {"owner": 1, "stale": 2}


@pytest.mark.parametrize("last", [BATCH, EVENT], ids=["batch", "event"])
def test_for_half_a_minute_the_last_messages_of_a_former_owner_claim_nothing(last: Batch | Event) -> None:
    """They may have been on their way when the agent said that it polls the device no more."""
    owners = Owners(BUDGETS)
    assert admitted(owners, BATCH) == "claimed"
    owners.release("cas1", "gw-3", "cdu-07", NOW_MS)
    assert admitted(owners, of("gw-3", last, time=NOW_MS + 29_999), NOW_MS + 29_999) == "history"
    assert admitted(owners, of("gw-3", last, time=NOW_MS + 30_000), NOW_MS + 30_000) == "claimed"


def test_an_agent_that_polls_a_device_again_gets_it_back_unless_another_has_it() -> None:
    for back in ("status", "document", "later poll"):
        owners = Owners(BUDGETS)
        assert admitted(owners, BATCH) == "claimed"
        owners.release("cas1", "gw-3", "cdu-07", NOW_MS)
        later_ms = NOW_MS + LAST_WORDS_MS
        match back:
            case "status":
                admitted(owners, hello("gw-3", "cdu-07"))
            case "document":
                assert admitted(owners, DOCUMENT) == "claimed"
            case _:
                assert admitted(owners, of("gw-3", BATCH, time=later_ms), later_ms - 1) == "history"
                assert admitted(owners, of("gw-3", BATCH, time=later_ms), later_ms) == "claimed"
        assert owners.devices_of("cas1", "gw-3") == ["cdu-07"]
        owners.release("cas1", "gw-3", "cdu-07", NOW_MS)
        assert admitted(owners, of("gw-4", BATCH)) == "claimed"
        admitted(owners, hello("gw-3", "cdu-07"))
        assert admitted(owners, DOCUMENT) == "owner"
        assert owners.devices_of("cas1", "gw-4") == ["cdu-07"]


@pytest.mark.parametrize(("silent_ms", "reason"), [(SILENT_MS, "owner"), (SILENT_MS + 1, "claimed")])
def test_what_was_silent_for_a_month_is_anybody_s(silent_ms: int, reason: str) -> None:
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    owners.sweep(NOW_MS + silent_ms)
    assert admitted(owners, of("gw-4", BATCH), NOW_MS + silent_ms) == reason


def test_a_silent_device_of_an_active_agent_stays_its_own() -> None:
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    admitted(owners, hello("gw-3", "cdu-07"), NOW_MS + SILENT_MS)
    owners.sweep(NOW_MS + SILENT_MS + 1)
    assert owners.devices_of("cas1", "gw-3") == ["cdu-07"]


def test_the_configured_agent_owns_a_device_whichever_publishes_first() -> None:
    owners = Owners(BUDGETS, {("cas1", "cdu-07"): "gw-3"})
    assert admitted(owners, of(THIEF, BATCH)) == "owner"
    assert admitted(owners, BATCH) == "claimed"
    assert admitted(owners, of(THIEF, document("another"))) == "claimed"


def test_a_device_with_a_configured_owner_is_nobody_elses_after_that_owner_gave_it_up() -> None:
    owners = Owners(BUDGETS, {("cas1", "cdu-07"): "gw-3"})
    assert admitted(owners, BATCH) == "claimed"
    owners.release("cas1", "gw-3", "cdu-07", NOW_MS)
    assert admitted(owners, of(THIEF, BATCH), NOW_MS + RELEASED_MS + 1) == "owner"
    assert admitted(owners, of("gw-3", BATCH, time=NOW_MS + RELEASED_MS), NOW_MS + RELEASED_MS + 1) == "claimed"


def test_an_agent_that_calls_itself_as_a_device_may_not_describe_it() -> None:
    owners = Owners(BUDGETS)
    assert admitted(owners, BATCH) == "claimed"
    assert admitted(owners, of("cdu-07", DOCUMENT)) == "owner"


def test_contests_are_bounded_for_each_agent_and_in_all() -> None:
    owners = Owners(Budgets(AgentBudget(10_000, 10, 10), agents=100, sites=3))
    names = [f"cdu-{number}" for number in range(2 * MAX_CONTESTS_OF_AGENT)]
    for name in names:
        admitted(owners, of("gw-3", BATCH, device=name))
    for name in names:
        assert admitted(owners, of(THIEF, BATCH, device=name)) == "owner"
    assert len(owners.contests(NOW_MS / 1000)) == MAX_CONTESTS_OF_AGENT
    assert admitted(owners, of("gw-4", BATCH, device=names[-1])) == "owner"
    assert ("cas1", names[-1]) in owners.contests(NOW_MS / 1000)


def test_however_many_agents_contest_devices_a_bounded_number_is_shown() -> None:
    owners = Owners(Budgets(AgentBudget(10_000, 10, 10), agents=100, sites=3))
    names = [f"cdu-{number}" for number in range(MAX_CONTESTS + 1)]
    for number, name in enumerate(names):
        admitted(owners, of("gw-3", BATCH, device=name))
        thief = f"gw-stolen-{number // MAX_CONTESTS_OF_AGENT}"
        assert admitted(owners, of(thief, BATCH, device=name)) == "owner"
    assert len(owners.contests(NOW_MS / 1000)) == MAX_CONTESTS == 1_000


def test_a_contest_is_shown_for_15_minutes_after_its_last_message_with_its_last_sender() -> None:
    """Not after its first: the alert would end and begin again every quarter of an hour."""
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    begun_s = NOW_MS / 1000
    for after_s in (0.0, CONTESTED_S - 1):
        assert admitted(owners, of(THIEF, DOCUMENT), NOW_MS + int(after_s * 1000)) == "owner"
    assert list(owners.contests(begun_s + CONTESTED_S)) == [("cas1", "cdu-07")]
    assert admitted(owners, of("gw-4", BATCH), NOW_MS + int(CONTESTED_S * 1000)) == "owner"
    [contest] = owners.contests(begun_s + CONTESTED_S).values()
    assert (contest.agent, contest.document) == ("gw-4", None)
    assert list(owners.contests(begun_s + 2 * CONTESTED_S - 1)) == [("cas1", "cdu-07")]
    assert owners.contests(begun_s + 2 * CONTESTED_S) == {}


def test_a_description_that_was_refused_is_taken_by_nobody_but_who_sent_it() -> None:
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    admitted(owners, of("gw-4", DOCUMENT))
    admitted(owners, of("gw-4", BATCH))
    assert owners.take_description("cas1", "gw-5", "cdu-07") is None
    assert owners.take_description("cas1", "gw-4", "cdu-07") == of("gw-4", DOCUMENT)


def test_contests_that_are_over_take_no_room_from_new_ones() -> None:
    owners = Owners(Budgets(AgentBudget(10_000, 10, 10), agents=100, sites=3))
    names = [f"cdu-{number}" for number in range(MAX_CONTESTS_OF_AGENT + 1)]
    for name in names:
        admitted(owners, of("gw-3", BATCH, device=name))
    for name in names[:-1]:
        admitted(owners, of(THIEF, BATCH, device=name))
    later_ms = NOW_MS + int(CONTESTED_S * 1000)
    admitted(owners, of(THIEF, BATCH, device=names[-1]), later_ms)
    assert list(owners.contests(later_ms / 1000)) == [("cas1", names[-1])]


def test_what_an_agent_says_of_itself_claims_no_device() -> None:
    owners = Owners(BUDGETS)
    assert admitted(owners, of("gw-3", BATCH, device="gw-3")) == "known"
    assert owners.count("cas1", "gw-3") == 0


def test_a_device_with_messages_costs_one_disk_write_every_six_hours() -> None:
    """Often enough to know whether it was silent for a month."""
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    owners.changes()
    admitted(owners, BATCH, NOW_MS + HEARD_MS)
    assert owners.changes() == ([], [])
    admitted(owners, BATCH, NOW_MS + HEARD_MS + 1)
    rows, agents = owners.changes()
    assert rows == [Row("cas1", "cdu-07", "gw-3", NOW_MS + HEARD_MS + 1, "", 0)]
    assert agents == [("cas1", "gw-3", NOW_MS + HEARD_MS + 1)]


def test_a_day_after_a_move_nothing_is_kept_of_the_former_owner() -> None:
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    owners.release("cas1", "gw-3", "cdu-07", NOW_MS)
    assert not owners.devices_of("cas1", "gw-3")
    admitted(owners, of("gw-4", BATCH))
    assert owners.changes()[0] == [Row("cas1", "cdu-07", "gw-4", NOW_MS, "gw-3", NOW_MS)]
    owners.sweep(NOW_MS + RELEASED_MS + 1)
    assert owners.changes()[0] == [Row("cas1", "cdu-07", "gw-4", NOW_MS, "", 0)]


def test_an_agent_has_so_many_devices_and_those_it_gave_up_count_for_a_day() -> None:
    owners = Owners(Budgets(AgentBudget(3, 10, 10), agents=10, sites=3), {("cas1", "named"): "gw-3"})
    for name in "abc":
        assert admitted(owners, of("gw-3", BATCH, device=name)) == "claimed"
    assert admitted(owners, of("gw-3", BATCH, device="d")) == "devices"
    assert admitted(owners, of("gw-3", BATCH, device="named")) == "claimed"
    assert admitted(owners, of("gw-3", BATCH, device="a")) == "known"
    assert admitted(owners, of("gw-4", BATCH, device="d")) == "claimed"
    for name in ("a", "b", "c", "named"):
        owners.release("cas1", "gw-3", name, NOW_MS)
        assert admitted(owners, of("gw-3", BATCH, device="e")) == "devices"
    # One that it had lately may come back, or go to another agent, and still counts.
    assert admitted(owners, of("gw-3", DOCUMENT, device="a")) == "claimed"
    assert admitted(owners, of("gw-4", BATCH, device="b")) == "claimed"
    owners.sweep(NOW_MS + RELEASED_MS)
    assert admitted(owners, of("gw-3", BATCH, device="e")) == "devices"
    owners.sweep(NOW_MS + RELEASED_MS + 1)
    assert [admitted(owners, of("gw-3", BATCH, device=name)) for name in "aefg"] == [
        "known",
        "claimed",
        "claimed",
        "devices",
    ]


def test_agents_and_sites_that_somebody_makes_up_are_refused_beyond_the_limit(rig: IngestRig) -> None:
    """Those known go on; those named are never refused; nothing of the others is kept."""
    budgets = Budgets(BUDGETS.common, agents=4, sites=2, own={("cas1", "big"): AgentBudget(1, 1, 1)})
    owners = Owners(budgets, {("cas1", "cdu-07"): "gw-3"})
    for site in ("made-up-1", "made-up-2", "made-up-3"):
        reason = "sites" if site == "made-up-3" else "known"
        assert admitted(owners, hello("gw", site=site), site=site) == reason
    assert [admitted(owners, hello(f"gw-{n}", site="made-up-1"), site="made-up-1") for n in (1, 2)] == ["known"] * 2
    assert admitted(owners, hello("gw-5", site="made-up-1"), site="made-up-1") == "agents"
    assert admitted(owners, of("gw-6", BATCH), site="made-up-1") == "agents"
    assert admitted(owners, BATCH) == "claimed"
    assert admitted(owners, hello("big")) == "known"
    assert admitted(owners, hello("gw-1", site="made-up-1"), site="made-up-1") == "known"
    assert not owners.knows("made-up-1", "gw-5")
    # Who is named takes no place that others may have.
    owners = Owners(Budgets(BUDGETS.common, agents=1, sites=1), {("cas1", "cdu-07"): "gw-3"})
    assert admitted(owners, BATCH) == "claimed"
    assert admitted(owners, hello("gw", site="cas2"), site="cas2") == "known"
    # And in the collector: neither an agent nor a line of the ledger comes of them.
    for number in range(50):
        rig.process_document(hello(f"made-up-{number}"))
        taken = rig.process_document(of(f"made-up-{number}", BATCH, device=f"cdu-{number}"))
        assert (taken.ledger_item is None) == (number >= BUDGETS.agents)
    assert len(list(rig.latest.agents())) == BUDGETS.agents
    assert rig.failures()["agents"] == 2 * (50 - BUDGETS.agents)


def test_an_agent_that_is_cleared_again_and_again_makes_no_room_for_others_within_a_day() -> None:
    owners = Owners(Budgets(BUDGETS.common, agents=1, sites=1))
    admitted(owners, hello("gw-3"))
    owners.changes()
    owners.release_agent("cas1", "gw-3", NOW_MS)
    owners.sweep(NOW_MS + RELEASED_MS)
    assert admitted(owners, hello("gw-4")) == "agents"
    # After a restart as well: otherwise each one would keep its place for a month.
    assert owners.changes()[1] == [("cas1", "gw-3", NOW_MS - SILENT_MS + RELEASED_MS)]
    owners.sweep(NOW_MS + RELEASED_MS + 1)
    assert admitted(owners, hello("gw-4")) == "known"


def opened(
    folder: Path, assigned: dict[tuple[str, str], str] | None = None, at_ms: int = NOW_MS
) -> tuple[Owners, OwnersFile]:
    owners = Owners(BUDGETS, assigned)
    return owners, OwnersFile(folder / "owners.db", owners, lambda: at_ms / 1000)


async def test_after_a_restart_a_device_still_belongs_to_its_owner_whichever_agent_publishes_first(
    tmp_path: Path,
) -> None:
    """Retained documents come in any order, and one may have been published while the collector was down."""
    owners, file = opened(tmp_path)
    assert file.is_new
    admitted(owners, BATCH)
    admitted(owners, of("gw-4", BATCH, device="pdu-1"))
    owners.release("cas1", "gw-4", "pdu-1", NOW_MS)
    assert await file.save()
    admitted(owners, of("gw-4", BATCH, device="ups-1"))
    await file.close()
    owners, file = opened(tmp_path)
    assert not file.is_new
    assert owners.changes() == ([], [])
    assert admitted(owners, of(THIEF, DOCUMENT)) == "owner"
    assert admitted(owners, of(THIEF, BATCH, device="ups-1")) == "owner"
    assert admitted(owners, of("gw-4", BATCH, device="pdu-1", time=NOW_MS)) == "history"
    assert owners.knows("cas1", "gw-3")
    await file.close()


async def test_a_clock_that_is_a_year_ahead_gives_no_device_away(tmp_path: Path) -> None:
    """Whoever spoke first after it would have what belongs to others."""
    owners, now_s, jump_s = Owners(BUDGETS), 0.0, 365 * 86_400.0
    file = OwnersFile(tmp_path / "owners.db", owners, lambda: NOW_MS / 1000 + now_s + jump_s)
    admitted(owners, BATCH)
    file.sweep(now_s)
    now_s = STEADY_S - 1
    file.sweep(now_s)
    assert owners.devices_of("cas1", "gw-3") == ["cdu-07"]
    jump_s = 0.0
    file.sweep(now_s)
    now_s += 32 * 86_400.0
    file.sweep(now_s)
    assert not owners.devices_of("cas1", "gw-3")
    await file.close()


async def test_a_device_is_moved_by_naming_its_owner_in_the_configuration(tmp_path: Path) -> None:
    """What the former one had read before is still stored."""
    owners, file = opened(tmp_path)
    admitted(owners, BATCH)
    await file.close()
    owners, file = opened(tmp_path, {("cas1", "cdu-07"): "gw-4"}, NOW_MS + 5000)
    assert admitted(owners, of("gw-3", BATCH, time=NOW_MS + 5000), NOW_MS + 9000) == "history"
    assert admitted(owners, of("gw-3", BATCH, time=NOW_MS + 5001), NOW_MS + 9000) == "owner"
    assert admitted(owners, of("gw-4", BATCH), NOW_MS + 9000) == "known"
    await file.close()
    owners, file = opened(tmp_path)
    assert admitted(owners, of("gw-3", DOCUMENT)) == "owner"
    await file.close()


async def test_a_device_that_was_given_up_and_is_then_named_still_has_what_its_former_owner_read(
    tmp_path: Path,
) -> None:
    owners, file = opened(tmp_path)
    admitted(owners, BATCH)
    owners.release("cas1", "gw-3", "cdu-07", NOW_MS)
    await file.close()
    owners, file = opened(tmp_path, {("cas1", "cdu-07"): "gw-4"}, NOW_MS + 5000)
    assert admitted(owners, of("gw-3", BATCH, time=NOW_MS), NOW_MS + LAST_WORDS_MS) == "history"
    await file.close()


def test_what_changes_while_the_disk_refuses_is_written_with_what_it_refused() -> None:
    owners = Owners(BUDGETS)
    admitted(owners, BATCH)
    refused = owners.changes()
    admitted(owners, of("gw-4", BATCH, device="ups-1"))
    owners.put_back(*refused)
    rows, agents = owners.changes()
    assert {row[1] for row in rows} == {"cdu-07", "ups-1"}
    assert {agent for _, agent, _ in agents} == {"gw-3", "gw-4"}
    assert owners.changes() == ([], [])


async def test_a_forgotten_device_is_gone_from_disk_too(tmp_path: Path) -> None:
    owners, file = opened(tmp_path)
    admitted(owners, BATCH)
    await file.save()
    owners.sweep(NOW_MS + SILENT_MS + 1)
    await file.close()
    owners, file = opened(tmp_path)
    assert not owners.knows("cas1", "gw-3")
    assert admitted(owners, of("gw-4", BATCH)) == "claimed"
    await file.close()


async def test_while_the_disk_refuses_nothing_stops_and_all_is_written_later(tmp_path: Path) -> None:
    owners, file = opened(tmp_path)
    with sqlite3.connect(file.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        file._db.execute("PRAGMA busy_timeout = 1")  # noqa: SLF001 - 5 s otherwise
        admitted(owners, BATCH)
        assert not await file.save()
        assert admitted(owners, of(THIEF, BATCH)) == "owner"
        other.execute("ROLLBACK")
    other.close()
    assert await file.save()
    await file.close()
    owners, file = opened(tmp_path)
    assert admitted(owners, of(THIEF, BATCH)) == "owner"
    await file.close()


async def test_a_damaged_file_is_set_aside_and_named_owners_still_hold(tmp_path: Path) -> None:
    (tmp_path / "owners.db").write_bytes(b"no database at all" * 1000)
    owners, file = opened(tmp_path, {("cas1", "cdu-07"): "gw-3"})
    assert (tmp_path / "owners.db.damaged").exists()
    assert admitted(owners, of(THIEF, BATCH)) == "owner"
    assert admitted(owners, BATCH) == "claimed"
    await file.close()


def test_devices_that_an_earlier_version_polled_belong_to_who_polled_them_first() -> None:
    owners = Owners(BUDGETS, {("cas1", "ups-1"): "gw-9"})
    polled = [
        ("cas1", "gw-3", "cdu-07"),
        (*("cas1", THIEF), "cdu-07"),
        ("cas1", "gw-3", "ups-1"),
        ("cas1", "gw-3", "gw-3"),
    ]
    owners.seed(polled, NOW_MS)
    assert admitted(owners, of(THIEF, BATCH)) == "owner"
    assert admitted(owners, BATCH) == "known"
    assert owners.devices_of("cas1", "gw-9") == ["ups-1"]
    assert owners.devices_of("cas1", "gw-3") == ["cdu-07"]
    assert WALL_S * 1000 == NOW_MS
