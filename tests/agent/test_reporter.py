"""Batches and events as they are put into the outbox."""

import pytest

from agent.context import AgentContext
from agent.readings import Readings
from agent.reporter import MAX_KNOWN_STATES, Attempt, KnownStates, Reporter
from agent.self_metrics import Counters
from rackflow.documents import Batch, decode
from rackflow.outbox.memory import MemoryOutbox
from tests.agent.device_life import LABELS, NORMAL, WALL_S


def context_with(outbox: MemoryOutbox, largest_bytes: int = 1 << 20) -> AgentContext:
    return AgentContext(
        site="t1",
        agent="gw-1",
        epoch="E",
        outbox=outbox,
        counters=Counters(),
        announce=lambda _: None,
        wall=lambda: WALL_S,
        largest_bytes=lambda: largest_bytes,
    )


@pytest.mark.parametrize("kind", ["batch", "event"])
def test_the_outbox_knows_when_a_message_was_made_by_which_it_expires(kind: str) -> None:
    outbox = MemoryOutbox("E", 1 << 20)
    reporter = Reporter(context_with(outbox), "ups-1", LABELS)
    if kind == "batch":
        reporter.batch(Attempt("safety", 1.0, 0.1), NORMAL)
    else:
        reporter.event("up")
    assert outbox.stats().oldest_ms == 1_800_000_000_123


async def test_a_poll_with_one_impossible_number_is_split_to_what_the_broker_takes_as_any_other() -> None:
    outbox = MemoryOutbox("E", 1 << 20)
    values = {f"dcim_pdu_outlet_power_watts{{outlet={at}}}": 1.0 for at in range(60)}
    impossible = "dcim_pdu_input_power_watts"
    reporter = Reporter(context_with(outbox, largest_bytes=2_000), "pdu-1", {})
    reporter.batch(Attempt("safety", 1.0, 0.1), Readings(values | {impossible: float("inf")}))
    payloads = [(await outbox.take()).payload for _ in range(outbox.stats().messages)]
    assert max(map(len, payloads)) <= 2_000
    parts = [decode(each, Batch) for each in payloads]
    assert {key for part in parts for key in part.values} == values.keys()
    assert [part.bad for part in parts if part.bad] == [{impossible: "range"}]


def test_states_under_names_that_always_change_are_not_remembered_for_ever() -> None:
    known = KnownStates()
    for turn in range(8):
        states = {f"dcim_pdu_outlet_state{{outlet={turn}.{at}}}": "on" for at in range(6_000)}
        assert not known.update("normal", states)
    assert len(known._states["normal"]) <= MAX_KNOWN_STATES  # noqa: SLF001 - memory has no other surface


def test_a_state_is_compared_with_the_last_one_of_its_series_and_not_with_that_of_another_class() -> None:
    known = KnownStates()
    assert not known.update("normal", {"ups": "online"}), "seen for the first time"
    assert not known.update("slow", {"fan": "ok"})
    assert not known.update("normal", {}), "missing from one poll"
    assert known.update("normal", {"ups": "battery"}) == [("ups", "online", "battery")]
    assert not known.update("normal", {"ups": "battery"})
    known.forget()
    assert not known.update("normal", {"ups": "online"}), "of another device"
