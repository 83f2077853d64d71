"""What one agent may have: series and bytes. The first to come keep their place, and nobody else's change."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.budgets import DEVICE_SERIES, AgentBudget, Buckets, Budgets
from collector.readings import Readings, SeriesKeys, resolve, series_bytes
from collector.readings.series_keys import NEW_KEYS
from collector.receive.delivery import Delivery
from collector.receive.usage import BEYOND_S, KEPT_S, MAX_COUNTED_AGENTS, Usage, document_bytes
from rackflow import catalogue, encode
from rackflow.documents import Coolant
from tests.collector.documents import FLOW, PUMP, SUPPLY, batch
from tests.collector.ingest_rig import BATCH, DOCUMENT, PREFIX, IngestRig
from tests.collector.polls import WALL_S, wall_ms

GW3, GW4 = ("cas1", "gw-3"), ("cas1", "gw-4")
STATES = len(catalogue()["dcim_cdu_pump_state"].states)


def budgets(series: int = 100, size_bytes: int = 1 << 20) -> Budgets:
    return Budgets(AgentBudget(10, DEVICE_SERIES + series, size_bytes), agents=10, sites=3)


def loop(number: int) -> str:
    return f"dcim_cdu_supply_temperature_celsius{{loop={number:05d}}}"


def readings(*keys: str, states: dict[str, str] | None = None) -> Readings:
    return resolve(batch(values=dict.fromkeys(keys, 1.0 / 64), states=states), SeriesKeys())


def admitted(
    usage: Usage, found: Readings, now: float = 0.0, device: str = "cdu-07", agent: tuple[str, str] = GW3
) -> list[str]:
    kept = usage.admit_readings(agent, device, 1, found, now)
    return [key for key, _, _ in (*kept.values, *kept.states)]


def test_an_agent_has_so_many_series_and_a_state_counts_as_many_as_it_has_values() -> None:
    usage = Usage(budgets(series=STATES + 2))
    assert admitted(usage, readings(SUPPLY, FLOW, states={PUMP: "running"})) == [SUPPLY, FLOW, PUMP]
    full = usage.admit_readings(GW3, "cdu-07", 1, readings(SUPPLY, loop(1), loop(2)), 1.0)
    assert [key for key, _, _ in full.values] == [SUPPLY]
    assert full.skipped == {"series": 2}
    assert usage.refused == {GW3: 2}
    assert admitted(usage, readings(SUPPLY), device="cdu-08") == []  # of another device it is another series
    assert admitted(usage, readings(loop(1)), agent=GW4) == [loop(1)]


def test_agents_of_one_name_at_two_sites_have_a_budget_each() -> None:
    usage = Usage(budgets(series=1))
    there = ("cas2", GW3[1])
    assert admitted(usage, readings(SUPPLY)) == [SUPPLY]
    assert admitted(usage, readings(FLOW), agent=there) == [FLOW]
    assert admitted(usage, readings(SUPPLY, loop(1)), 1.0) == [SUPPLY]
    assert usage.beyond(1.0) == {GW3: True}
    assert (usage.of(GW3).series, usage.of(there).series) == (1, 1)


def test_the_same_series_of_the_same_device_are_recognised_at_once() -> None:
    """Thousands of devices send the same keys: what was found for one says nothing about the next, and they displace no other's."""
    usage, keys = Usage(budgets()), SeriesKeys()
    found = [resolve(batch(device, values={SUPPLY: 20.0}), keys) for device in ("cdu-07", "cdu-08")]
    for _ in range(2):
        for device, one in zip(("cdu-07", "cdu-08"), found, strict=True):
            assert admitted(usage, one, device=device) == [SUPPLY]
    rows = usage.of(GW3).rows
    assert {device: len(of_device) for device, of_device in rows.items()} == {"cdu-07": 1, "cdu-08": 1}
    assert usage.of(GW3).series == 2


def test_it_is_shown_which_agent_is_beyond_its_budget_and_which_key_raises_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Devices that count as up and have no readings are seen by nobody else."""
    usage = Usage(budgets(series=1))
    assert admitted(usage, readings(SUPPLY, loop(1))) == [SUPPLY]
    assert admitted(usage, readings(SUPPLY), agent=GW4) == [SUPPLY]
    assert usage.beyond(1.0) == {GW3: True}
    assert admitted(usage, readings(SUPPLY, loop(1)), now=BEYOND_S - 1) == [SUPPLY]
    assert usage.beyond(BEYOND_S + 1) == {GW3: True}
    assert usage.beyond(2 * BEYOND_S) == {GW3: False}
    assert usage.beyond(3600.0 + BEYOND_S) == {}, "nothing stays of an agent that is retired"
    (found,) = caplog.messages  # once, however often it is refused
    assert re.search(r"site=cas1 agent=gw-3 .*budget of 11 series.*device=cdu-07 .*Raise budgets\.series", found)


def test_a_series_counts_until_an_hour_after_it_was_last_heard() -> None:
    """Else new label values could be gone through all day: each costs Prometheus hours of memory."""
    usage = Usage(budgets(series=1))
    assert admitted(usage, readings(loop(1))) == [loop(1)]
    assert admitted(usage, readings(loop(1)), 1000.0) == [loop(1)]
    assert admitted(usage, readings(loop(2)), 1000.0 + KEPT_S) == []
    assert admitted(usage, readings(loop(2)), 1100.0 + KEPT_S) == [loop(2)]
    assert admitted(usage, readings(loop(1)), 1100.0 + KEPT_S) == []


def test_all_series_of_an_agent_are_looked_at_once_a_minute_however_many_are_refused() -> None:
    """It takes 1 ms for 10,000: an agent that invents labels would hold up all others by it with each reading."""
    usage = Usage(budgets(series=2))
    assert admitted(usage, readings(loop(1))) == [loop(1)]
    assert admitted(usage, readings(loop(2)), 30.0) == [loop(2)]
    assert admitted(usage, readings(loop(3)), KEPT_S + 20.0) == [loop(3)]
    assert admitted(usage, readings(loop(4)), KEPT_S + 40.0) == []
    assert admitted(usage, readings(loop(4)), KEPT_S + 81.0) == [loop(4)]


def test_bytes_count_keys_and_descriptions_and_a_new_description_replaces_the_old_one() -> None:
    size = document_bytes(DOCUMENT)
    usage = Usage(budgets(size_bytes=size + series_bytes(loop(1))))
    assert usage.admit_document(GW3, DOCUMENT, 1, 0.0)
    assert usage.admit_document(GW3, DOCUMENT, 1, 1.0)
    assert not usage.admit_document(GW3, msgspec.structs.replace(DOCUMENT, device="cdu-08"), 1, 1.0)
    assert admitted(usage, readings(loop(1), loop(2))) == [loop(1)]
    assert not usage.admit_document(GW3, msgspec.structs.replace(DOCUMENT, model="longer than before"), 1, 2.0)
    usage.drop_document(GW3, "cdu-07")
    assert usage.of(GW3).bytes == series_bytes(loop(1))
    assert usage.refused == {GW3: 3}


def test_each_loop_s_coolant_is_a_series() -> None:
    loops = {name: Coolant(fluid="pg25") for name in ("primary", "secondary")}
    cdu = msgspec.structs.replace(DOCUMENT, coolant=loops)
    usage = Usage(budgets(series=2))
    assert usage.admit_document(GW3, cdu, 1, 0.0)
    assert not usage.admit_document(GW3, msgspec.structs.replace(cdu, device="cdu-08"), 1, 0.0)
    assert admitted(usage, readings(SUPPLY)) == []
    usage.drop_document(GW3, "cdu-07")
    assert admitted(usage, readings(SUPPLY)) == [SUPPLY]


def test_a_description_that_comes_again_costs_nothing_and_stays_though_the_budget_has_shrunk() -> None:
    cdu = msgspec.structs.replace(DOCUMENT, coolant={"secondary": Coolant(fluid="pg25")})
    usage = Usage(budgets(series=2))
    assert [usage.admit_document(GW3, cdu, 1, 0.0) for _ in range(5)] == [True] * 5
    assert admitted(usage, readings(SUPPLY, FLOW)) == [SUPPLY]
    # With another device there is room for nothing new; what is known may be described again.
    assert usage.admit_document(GW3, msgspec.structs.replace(cdu, firmware="2"), 2, 0.0)
    assert not usage.admit_document(GW3, msgspec.structs.replace(cdu, device="cdu-08"), 2, 0.0)
    for _ in range(2):
        usage.drop_document(GW3, "cdu-07")
    assert (usage.of(GW3).series, usage.of(GW3).bytes) == (1, series_bytes(SUPPLY))


def test_bytes_of_series_that_are_forgotten_are_free_again() -> None:
    usage = Usage(budgets(size_bytes=series_bytes(loop(1))))
    assert admitted(usage, readings(loop(1))) == [loop(1)]
    assert admitted(usage, readings(loop(2)), 1.0) == []
    assert admitted(usage, readings(loop(2)), KEPT_S + 100.0) == [loop(2)]
    assert usage.of(GW3).bytes == series_bytes(loop(2))


def test_a_description_takes_the_room_of_series_that_are_forgotten() -> None:
    usage = Usage(budgets(size_bytes=document_bytes(DOCUMENT)))
    assert admitted(usage, readings(loop(1))) == [loop(1)]
    assert not usage.admit_document(GW3, DOCUMENT, 1, 1.0)
    assert usage.admit_document(GW3, DOCUMENT, 1, KEPT_S + 100.0)


def test_every_text_of_a_description_costs_at_least_its_length() -> None:
    text = "x" * 10_000
    for longer in (
        msgspec.structs.replace(DOCUMENT, serial=text),
        msgspec.structs.replace(DOCUMENT, labels={**DOCUMENT.labels, "rack": text}),
        msgspec.structs.replace(DOCUMENT, coolant={"secondary": Coolant(fluid=text)}),
        msgspec.structs.replace(DOCUMENT, coolant={str(number): Coolant(fluid="pg25") for number in range(100)}),
    ):
        assert document_bytes(longer) > document_bytes(DOCUMENT) + len(text)


def test_refusals_are_counted_for_a_bounded_number_of_agents() -> None:
    usage = Usage(budgets(size_bytes=0))
    for number in range(MAX_COUNTED_AGENTS + 5):
        assert not usage.admit_document(("cas1", f"gw-{number}"), DOCUMENT, 1, 0.0)
    assert len(usage.refused) == len(usage.beyond(0.0)) == MAX_COUNTED_AGENTS


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    one = IngestRig(tmp_path, budgets=budgets(series=3))
    yield one
    one.letters.close()


def test_what_is_beyond_the_budget_is_neither_shown_nor_stored(rig: IngestRig) -> None:
    """A store keeps a series for ever, so it must not get there."""
    taken = rig.process_document(msgspec.structs.replace(BATCH, values={loop(number): 20.0 for number in range(5)}))
    [device] = rig.latest.devices()
    assert list(device.series) == [loop(0), loop(1), loop(2)]
    stored = [line for line in taken.lines if line.startswith("dcim_cdu,")]
    assert [line.partition("loop=")[2][:5] for line in stored] == ["00000", "00001", "00002"]
    assert rig.failures() == {"series": 2}
    # A message from the collector's own disk was counted when it was received; what is refused of it is not stored either.
    payload = encode(msgspec.structs.replace(BATCH, seq=4, values={loop(number): 20.0 for number in range(5)}))
    held = Delivery(
        topic=f"{PREFIX}/batch/cdu-07",
        payload=payload,
        size_bytes=len(payload),
        qos=1,
        mid=1,
        connection=1,
        mono_s=1000.0,
        wall_s=WALL_S,
    )
    assert len([line for line in rig.ingest.reprocess(held).lines if line.startswith("dcim_cdu,")]) == 3
    assert (rig.failures(), rig.usage.refused) == ({"series": 2}, {GW3: 2})
    backlog = msgspec.structs.replace(BATCH, seq=5, time=wall_ms(-1000.0), values={loop(9): 20.0, loop(1): 1.0})
    assert [line.partition("loop=")[2][:5] for line in rig.process_document(backlog).lines[:-1]] == ["00001"]


def test_a_description_beyond_the_budget_is_counted_and_not_shown(tmp_path: Path) -> None:
    rig = IngestRig(tmp_path, budgets=budgets(size_bytes=series_bytes(SUPPLY)))
    with closing(rig.letters):
        rig.process_document(BATCH)
        rig.process_document(DOCUMENT)
    assert rig.failures() == {"series": 1}
    assert [device.document for device in rig.latest.devices()] == [None]


def test_a_device_that_is_cleared_gives_its_room_back_and_one_that_is_made_up_leaves_nothing(rig: IngestRig) -> None:
    rig.process_document(BATCH)
    before = rig.usage.of(GW3).bytes
    rig.process_document(DOCUMENT)
    assert rig.usage.of(GW3).bytes > before
    rig.process(f"{PREFIX}/device/cdu-07", b"")
    assert rig.usage.of(GW3).bytes == before
    for number in range(20):
        rig.process(f"rackflow/v1/cas1/made-up-{number}/device/cdu-07", b"")
    assert len(rig.usage._agents) == 1  # noqa: SLF001 - what must not grow


def test_labels_that_nobody_knows_are_in_no_description_and_in_no_cache(rig: IngestRig) -> None:
    for number in range(100):
        labels = {"site": "cas1", "rack": "b07", f"made-up-{number}": str(number)}
        rig.process_document(msgspec.structs.replace(BATCH, seq=number + 1, labels=labels))
        rig.process_document(msgspec.structs.replace(DOCUMENT, labels=labels))
    [device] = rig.latest.devices()
    assert device.document is not None
    assert device.document.labels == {"site": "cas1", "rack": "b07"}
    assert len(rig.ingest._devices) == 1  # noqa: SLF001 - what must not grow


def test_an_agent_that_sends_ever_new_keys_has_only_so_many_looked_at() -> None:
    """And some again later; another agent's are."""
    keys = SeriesKeys(new_keys=3)
    assert [keys.get(loop(number), "stolen") == "series" for number in range(5)] == [False, False, False, True, True]
    assert keys.get(loop(0), "stolen") != "series"
    assert keys.get(loop(3), "gw-4") != "series"
    keys.now = 1.0
    assert keys.get(loop(4), "stolen") != "series"
    assert NEW_KEYS > 10_000


def test_senders_that_somebody_makes_up_share_the_room_of_one_for_their_dead_letters(rig: IngestRig) -> None:
    """Otherwise each name would have a megabyte of the file, and memory for ever."""
    rig.process_document(BATCH)
    for number in range(40):
        rig.process(f"rackflow/v1/cas1/made-up-{number}/batch/cdu-07", b"x" * 60_000)
    assert rig.failures()["decode"] == 40
    assert 20 < rig.failures()["unlogged"] < 35
    rig.process(f"{PREFIX}/batch/cdu-07", b"x")
    assert rig.dead()[-1]["topic"] == f"{PREFIX}/batch/cdu-07"


def test_a_bucket_fills_again_up_to_its_burst_and_nobody_gets_into_debt() -> None:
    buckets = Buckets(10.0, 2.0)
    assert [buckets.take("a", 6.0, 0.0), buckets.take("a", 6.0, 0.0), buckets.take("b", 6.0, 0.0)] == [
        True,
        False,
        True,
    ]
    assert buckets.left("a", 1.0) == 6.0
    buckets.spend("a", 100.0, 1.0)
    assert (buckets.left("a", 1.0), buckets.left("a", 3.0), buckets.left("a", 100.0)) == (0.0, 4.0, 10.0)
    assert buckets.left("a", 0.0) == 0.0  # a clock that steps back gives nothing
    assert WALL_S > 0


def test_a_series_that_was_forgotten_is_counted_again_with_the_next_batch_of_its_family() -> None:
    """What a batch of known series needs is kept by device; it goes when a series is forgotten."""
    usage, keys = Usage(budgets(series=1)), SeriesKeys()

    def polled(number: int) -> Readings:
        return resolve(batch(values={loop(number): 1.0 / 64}), keys)

    for now in (0.0, 1000.0):
        assert admitted(usage, polled(1), now) == [loop(1)]
    assert admitted(usage, polled(2), 1000.0 + KEPT_S) == []  # heard an hour ago, and not longer
    assert admitted(usage, polled(2), 1100.0 + KEPT_S) == [loop(2)]
    assert admitted(usage, polled(1), 1200.0 + KEPT_S) == []
    assert usage.of(GW3).series == 1
