"""What the second connection brings is only shown: the same message comes again over the session, to be checked, stored and counted."""

from contextlib import closing
from pathlib import Path

import msgspec

from collector.budgets import AgentBudget, Budgets
from tests.collector.documents import SUPPLY, batch, document, status
from tests.collector.ingest_rig import BATCH, EVENT, PREFIX, IngestRig
from tests.collector.polls import wall_ms

LEAK = "dcim_leak_detected"
WET = batch("leak-1", time_ms=wall_ms(0.0), seq=7, values={LEAK: 1.0}, states={})


def shown(rig: IngestRig, device: str = "cdu-07") -> dict[str, float | str]:
    return {key: each.value for key, each in rig.latest.readings_of("cas1", device).items()}


def test_a_batch_is_shown_by_its_copy_and_stored_by_its_session(tmp_path: Path) -> None:
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        rig.show(WET)
        assert shown(rig, "leak-1") == {LEAK: 1.0}
        assert rig.counters.messages_received == 0, "the session counts it"
        lines = rig.process_document(WET).lines
    assert len(lines) == 2
    assert (rig.counters.messages_received, rig.failures(), rig.late) == (1, {}, [])


def test_a_copy_of_what_an_owner_refuses_is_neither_shown_nor_written_down_twice(tmp_path: Path) -> None:
    """Another agent polls the device; the dead letter is written once, when the session brings the message."""
    rig = IngestRig(tmp_path)
    other = msgspec.structs.replace(BATCH, agent="gw-9", seq=1, values={SUPPLY: 99.0})
    with closing(rig.letters):
        rig.process_document(BATCH)
        rig.show(other, after_s=1.0)
        assert (shown(rig), rig.failures(), rig.dead()) == ({SUPPLY: 32.125}, {}, [])
        rig.process_document(other, after_s=2.0)
    assert [each["reason"] for each in rig.dead()] == ["owner"]
    assert rig.failures() == {"owner": 1}


def test_an_old_batch_of_an_agent_that_gave_the_device_up_is_history_for_its_copy_too(tmp_path: Path) -> None:
    """The value of its new agent stays."""
    rig = IngestRig(tmp_path)
    before = msgspec.structs.replace(BATCH, agent="gw-9", seq=1, time=wall_ms(-1.0), values={SUPPLY: 99.0})
    with closing(rig.letters):
        rig.process_document(before)
        rig.process_document(msgspec.structs.replace(status(), agent="gw-9"))
        rig.process_document(BATCH)
        rig.show(msgspec.structs.replace(before, seq=2), after_s=1.0)
    assert shown(rig) == {SUPPLY: 32.125}


def test_a_value_that_is_impossible_counts_as_rejected_in_a_copy_too(tmp_path: Path) -> None:
    rig = IngestRig(tmp_path)
    odd = msgspec.structs.replace(BATCH, values={SUPPLY: 5000.0})
    with closing(rig.letters):
        rig.show(odd)
        device = rig.latest.device("cas1", "cdu-07")
        assert device is not None
        assert (shown(rig), device.rejected) == ({}, 1)
        assert rig.failures() == {}, "counted when the session brings it"
        rig.process_document(odd)
    assert rig.failures() == {"range": 1}


def test_an_interval_of_a_year_keeps_no_reading_current_for_a_year(tmp_path: Path) -> None:
    """A copy is limited like every other message: the leak of an agent that is gone must not be shown for ever."""
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        rig.show(msgspec.structs.replace(WET, interval_s=365 * 86_400.0))
    (reading,) = rig.latest.readings_of("cas1", "leak-1").values()
    assert reading.expires_at < 1000.0 + 7 * 86_400.0


def test_statuses_events_and_descriptions_are_left_to_the_session(tmp_path: Path) -> None:
    """The old ones that it still brings would undo the new ones."""
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        for each in (status("cdu-07"), EVENT, document()):
            rig.show(each)
    assert (list(rig.latest.agents()), list(rig.latest.devices())) == ([], [])


def test_a_device_that_a_copy_brings_to_its_new_agent_has_its_description(tmp_path: Path) -> None:
    """Its new agent described it while the old one was still its owner, and describes it again only when it reconnects."""
    rig = IngestRig(tmp_path)
    described = msgspec.structs.replace(document(vendor="Boreal"), agent="gw-9", time=wall_ms(0.0))
    new = msgspec.structs.replace(BATCH, agent="gw-9", seq=1, time=wall_ms(3.0))
    with closing(rig.letters):
        rig.process_document(BATCH)
        rig.process_document(described, after_s=1.0)
        rig.process_document(status(), after_s=2.0)
        rig.show(new, after_s=3.0)
        device = rig.latest.device("cas1", "cdu-07")
    assert device is not None
    assert device.agent == "gw-9"
    assert device.document is not None
    assert device.document.vendor == "Boreal"


def test_copies_of_an_agent_that_sends_rubbish_are_dropped_unread(tmp_path: Path) -> None:
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        rig.process_document(BATCH)
        for size_bytes in (500_000, 64 * 1024):
            for _ in range(100):
                rig.process(f"{PREFIX}/batch/cdu-07", b"x" * size_bytes)
        assert rig.failures()["muted"] > 0
        rig.show(WET)
    assert shown(rig, "leak-1") == {}


def test_a_copy_beyond_its_agents_budget_is_counted_once(tmp_path: Path) -> None:
    budgets = Budgets(AgentBudget(devices=100, series=10, bytes=1 << 20), agents=10, sites=3)
    rig = IngestRig(tmp_path, budgets=budgets)
    many = msgspec.structs.replace(
        BATCH, values={f"dcim_cdu_supply_temperature_celsius{{loop=l{number}}}": 20.0 for number in range(20)}
    )
    with closing(rig.letters):
        rig.show(many)
        assert rig.failures() == {}
        rig.process_document(many)
    (count,) = rig.failures().values()
    assert count == 20 - len(shown(rig))
