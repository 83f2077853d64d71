"""What may be exposed, and until when: both clocks are arguments."""

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.latest.latest import DEVICE_COST, BatchOutcome, Latest
from collector.latest.state import MAX_BAD, MAX_BAD_KEY
from collector.readings import SeriesKeys, resolve
from collector.web.exposition import render
from rackflow import Batch
from rackflow.catalogue import PollClass
from rackflow.documents import DeviceFault, Part
from tests.at_once import at_once
from tests.collector.documents import FLOW, LABELS, PUMP, SUPPLY, batch, document, status
from tests.collector.polls import Agent, hello, wall_ms

WALL_S = 1_795_468_800.0
NOW_S = 1000.0


def apply(latest: Latest, one: Batch, after_s: float = 0.0) -> BatchOutcome:
    """Hand a batch over `after_s` seconds after the start."""
    return latest.apply_batch("cas1", one, resolve(one, SeriesKeys()), NOW_S + after_s, WALL_S + after_s)


def at(
    after_s: float,
    value: float = 32.0,
    *,
    interval_s: float = 1.0,
    poll: PollClass = "safety",
    seq: int | None = None,
    epoch: str = "e",
) -> Batch:
    """A batch polled `after_s` seconds after the start by the agent's clock, and numbered by it unless `seq` says else."""
    return Batch(
        agent="gw-3",
        epoch=epoch,
        seq=10_000 + int(after_s) if seq is None else seq,
        time=int((WALL_S + after_s) * 1000),
        device="cdu-07",
        device_class="cdu",
        poll=poll,
        interval_s=interval_s,
        duration_s=0.01,
        up=True,
        labels=LABELS,
        values={SUPPLY: value},
    )


def values(latest: Latest, after_s: float) -> Mapping[str, str]:
    """Samples by metric name, those with a single series."""
    lines = [line for line in render(latest, NOW_S + after_s)[0].splitlines() if not line.startswith("#")]
    return {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines}


def test_series_expires_after_three_intervals_or_thirty_seconds() -> None:
    """The device and its identity stay, as not observed."""
    for interval_s, life_s in ((1.0, 30.0), (60.0, 180.0)):
        latest = Latest(100)
        assert apply(latest, at(0.0, interval_s=interval_s)) == "live"
        before, after = values(latest, life_s - 0.1), values(latest, life_s)
        assert before["dcim_cdu_supply_temperature_celsius"] == "32.0"
        assert before["dcim_device_up"] == "1"
        assert "dcim_cdu_supply_temperature_celsius" not in after
        assert (after["dcim_device_observed"], after["dcim_device_info"]) == ("0", "1")
        assert "dcim_device_up" not in after
        assert latest.size == DEVICE_COST


def test_what_expires_later_makes_room_too() -> None:
    """A reading of every second expires after 30 s, one of every minute after three."""
    latest = Latest(100)
    apply(latest, at(0.0))
    slow = msgspec.structs.replace(at(1.0, interval_s=60.0, poll="normal"), values={FLOW: 0.002})
    apply(latest, slow, 1.0)
    for after_s, size in ((29.9, 2), (30.0, 1), (180.9, 1), (181.0, 0)):
        at_once(latest.expire_steps)(NOW_S + after_s)
        assert latest.size == DEVICE_COST + size


def test_a_device_is_up_or_down_since_that_began_and_not_since_its_last_poll() -> None:
    latest = Latest(100)
    since = []
    for after_s, up in ((0.0, True), (10.0, True), (20.0, False), (25.0, False), (30.0, True), (31.0, True)):
        one = at(after_s) if up else msgspec.structs.replace(at(after_s), up=False, error="timeout", values={})
        apply(latest, one, after_s)
        found = latest.device("cas1", "cdu-07")
        assert found is not None
        since.append(found.since_ms / 1000 - WALL_S)
    assert since == [0.0, 0.0, 20.0, 20.0, 30.0, 30.0]


def test_a_rare_poll_does_not_keep_a_silent_device_observed() -> None:
    """It counts by the most frequent poll, until that is no longer polled."""
    latest = Latest(100)
    apply(latest, at(0.0))
    apply(latest, at(1.0, interval_s=3600.0, poll="inventory"), 1.0)
    assert values(latest, 30.9)["dcim_device_up"] == "1"
    assert "dcim_device_up" not in values(latest, 31.0)
    apply(latest, at(100.0, interval_s=3600.0, poll="inventory"), 100.0)
    assert values(latest, 5000.0)["dcim_device_up"] == "1"


def test_backfill_is_not_exposed() -> None:
    """Older than a reading may be shown: it reaches the store only."""
    latest = Latest(100)
    assert apply(latest, at(-31.0)) == "stale"
    assert apply(latest, at(-100.0, interval_s=60.0)) == "live"
    assert apply(latest, at(-181.0, interval_s=60.0)) == "stale"


def test_the_same_poll_twice_counts_once() -> None:
    """What the broker sends again after a reconnect does not prolong anything."""
    latest = Latest(100)
    apply(latest, at(0.0))
    assert apply(latest, at(0.0), 20.0) == "duplicate"
    assert "dcim_cdu_supply_temperature_celsius" not in values(latest, 30.0)


@given(st.permutations([0.0, 1.0, 2.0, 3.0, 4.0]))
def test_order_of_arrival_does_not_matter(order: list[float]) -> None:
    """The youngest reading is shown, whatever came last."""
    latest = Latest(100)
    for after_s in order:
        apply(latest, at(after_s, value=after_s), 5.0)
    found = values(latest, 5.0)
    assert found["dcim_cdu_supply_temperature_celsius"] == "4.0"
    assert found["dcim_device_last_success_timestamp_seconds"] == repr(WALL_S + 4.0)


def test_after_the_clock_is_set_back_the_next_reading_is_shown_at_once() -> None:
    """Messages of one epoch are ordered by number, not by its clock; a late message with a lower number stays behind."""
    latest = Latest(100)
    apply(latest, at(20.0, value=1.0, seq=1))
    apply(latest, at(1.0, value=2.0, seq=3), 1.0)
    assert values(latest, 1.0)["dcim_cdu_supply_temperature_celsius"] == "2.0"
    apply(latest, at(21.0, value=3.0, seq=2), 1.5)
    found = values(latest, 1.5)
    assert found["dcim_cdu_supply_temperature_celsius"] == "2.0"
    assert found["dcim_device_last_success_timestamp_seconds"] == repr(WALL_S + 1.0)


def test_a_time_ahead_of_the_clock_counts_as_the_time_of_receipt() -> None:
    """Else a reading from the year 2262 would be shown as current whatever another epoch of the agent reads after it."""
    latest = Latest(100)
    apply(latest, at(7e9, value=1.0, epoch="old"))
    assert values(latest, 0.0)["dcim_device_last_success_timestamp_seconds"] == repr(WALL_S)
    apply(latest, at(1.0, value=2.0, epoch="new"), 1.0)
    assert values(latest, 1.0)["dcim_cdu_supply_temperature_celsius"] == "2.0"
    assert values(latest, 1.0)["dcim_device_last_success_timestamp_seconds"] == repr(WALL_S + 1.0)


@pytest.mark.parametrize("says_hello", [True, False])
def test_a_new_epoch_whose_clock_is_behind_is_shown_once_its_status_has_come(says_hello: bool) -> None:  # noqa: FBT001
    """Without a status of either process, time decides, until the old reading expires; readings of the old process do not come back."""
    latest = Latest(100)
    apply(latest, at(0.0, value=1.0, epoch="old"))
    if says_hello:
        latest.apply_status(status("cdu-07", epoch="new"), NOW_S)
    apply(latest, at(-8.0, value=2.0, epoch="new"), 2.0)
    assert values(latest, 2.0)["dcim_cdu_supply_temperature_celsius"] == ("2.0" if says_hello else "1.0")
    apply(latest, at(1.0, value=3.0, epoch="old"), 3.0)
    assert values(latest, 3.0)["dcim_cdu_supply_temperature_celsius"] == ("2.0" if says_hello else "3.0")
    apply(latest, at(40.0, value=4.0, epoch="new"), 40.0)
    assert values(latest, 40.0)["dcim_cdu_supply_temperature_celsius"] == "4.0"
    assert values(latest, 40.0)["dcim_device_up"] == "1"


def test_failed_poll_is_down_at_once_and_keeps_what_still_holds() -> None:
    """Readings live on until their time is over."""
    latest = Latest(100)
    apply(latest, at(0.0))
    failed = batch(time_ms=int((WALL_S + 1) * 1000), values={}, error="timeout")
    assert apply(latest, failed, 1.0) == "live"
    found = values(latest, 1.0)
    assert found["dcim_device_up"] == "0"
    assert found["dcim_cdu_supply_temperature_celsius"] == "32.0"
    assert found["dcim_device_last_success_timestamp_seconds"] == repr(WALL_S)


def test_devices_of_a_dead_agent_are_not_observed() -> None:
    """At once, with its last will; the will of an earlier epoch is ignored."""
    latest = Latest(100)
    apply(latest, at(0.0))
    assert latest.apply_status(status("cdu-07", epoch="e"), NOW_S)
    assert latest.apply_status(status(online=False, epoch="earlier"), NOW_S)
    assert values(latest, 1.0)["dcim_device_up"] == "1"
    assert latest.apply_status(status(online=False, epoch="e"), NOW_S)
    found = values(latest, 1.0)
    assert (found["dcim_device_observed"], found["dcim_agent_up"], found["dcim_device_info"]) == ("0", "0", "1")
    assert "dcim_device_up" not in found


def test_limit_refuses_new_series_and_keeps_the_known() -> None:
    """Counted; room that expiry makes is used again."""
    latest = Latest(DEVICE_COST + 1)
    apply(latest, at(0.0, value=1.0))
    more = batch(time_ms=int((WALL_S + 1) * 1000), values={SUPPLY: 2.0, FLOW: 0.1}, states={PUMP: "running"})
    assert apply(latest, more, 1.0) == "live"
    assert latest.refused == 2
    assert values(latest, 1.0)["dcim_cdu_supply_temperature_celsius"] == "2.0"
    keys = SeriesKeys()
    for after_s in (2.0, 3.0):  # the second poll of a family finds the places of the first one
        again = msgspec.structs.replace(
            more, seq=int(after_s), time=more.time + 1000, values={SUPPLY: after_s, FLOW: 0.1}
        )
        latest.apply_batch("cas1", again, resolve(again, keys), NOW_S + after_s, WALL_S + after_s)
        assert values(latest, after_s)["dcim_cdu_supply_temperature_celsius"] == str(after_s)
    assert apply(latest, batch("another", time_ms=int(WALL_S * 1000)), 1.0) == "refused"
    at_once(latest.expire_steps)(NOW_S + 100)
    assert latest.size == DEVICE_COST
    flow = batch(time_ms=int((WALL_S + 100) * 1000), values={FLOW: 0.1})
    apply(latest, flow, 100.0)
    assert values(latest, 100.0)["dcim_cdu_flow_cubic_meters_per_second"] == "0.1"


def test_clock_offset_is_taken_from_the_least_delayed_message() -> None:
    """An agent whose clock is 2 s ahead, with delays of 0.1 s to 5 s."""
    latest = Latest(100)
    for n, delay_s in enumerate((5.0, 0.1, 3.0)):
        apply(latest, at(10.0 * n + 2.0 - delay_s), 10.0 * n)
    assert abs(float(values(latest, 30.0)["dcim_agent_clock_offset_seconds"]) - 1.9) < 0.01
    for n in range(40):
        apply(latest, at(1000.0 + 20.0 * n), 1000.0 + 20.0 * n)
    assert abs(float(values(latest, 1800.0)["dcim_agent_clock_offset_seconds"])) < 0.01


def test_what_others_have_cached_of_a_devices_series_does_not_outlive_a_series_that_is_new_or_gone() -> None:
    """/metrics would not show a sensor that was plugged in later, as long as the collector runs."""
    latest = Latest(100)
    apply(latest, at(0.0))
    device = latest.device("cas1", "cdu-07")
    assert device is not None
    device.cache["lines"] = "of supply"
    apply(latest, at(1.0))
    assert device.cache, "the same series"
    apply(latest, msgspec.structs.replace(at(2.0), values={SUPPLY: 32.0, FLOW: 2e-3}))
    assert not device.cache
    device.cache["lines"] = "of both"
    latest.expire_device(device, NOW_S + 1e6)
    assert not device.cache


def test_identity_alone_makes_a_device_known() -> None:
    """A device that has been silent since the collector started is not observed, neither absent nor down."""
    latest = Latest(100)
    assert latest.apply_document("cas1", document())
    found = values(latest, 0.0)
    assert (found["dcim_device_observed"], found["dcim_device_info"]) == ("0", "1")
    assert "dcim_device_up" not in found
    latest.remove_device("cas1", "somebody-else", "cdu-07")
    assert values(latest, 0.0)
    latest.remove_device("cas1", "gw-3", "cdu-07")
    assert not {"dcim_device_observed", "dcim_device_info"} & values(latest, 0.0).keys()
    assert latest.size == 0


def test_devices_with_safety_readings_or_a_failed_poll_are_looked_at_first() -> None:
    """Of the 2 s from a device to an alert, the poll takes one; what is polled more slowly can wait for the next look at all."""
    latest, agent = Latest(100), Agent(Latest(100))
    agent.latest = latest
    agent.arrives(agent.made(0.0, device="cdu-1", poll=("safety", 1.0)), 0.0)
    agent.arrives(agent.made(0.0, device="cdu-5", poll=("safety", 1.0), values={}), 0.0)
    power = {"dcim_pdu_outlet_power_watts{outlet=1}": 100.0}
    agent.arrives(agent.made(0.0, device="pdu-2", poll=("fast", 5.0), values=power), 0.0)
    agent.arrives(agent.made(0.0, device="cdu-4", poll=("fast", 5.0), states={PUMP: "running"}), 0.0)
    failed = msgspec.structs.replace(
        agent.made(0.0, device="cdu-3", poll=("fast", 5.0)), up=False, error="timeout", values={}
    )
    agent.arrives(failed, 0.0)
    urgent = {("cas1", "cdu-1"), ("cas1", "cdu-3"), ("cas1", "cdu-4"), ("cas1", "cdu-5")}
    assert latest.take_touched(urgent=True) == urgent
    assert latest.take_touched(urgent=True) == set()
    agent.arrives(agent.made(1.0, device="cdu-1", poll=("safety", 1.0)), 1.0)
    assert latest.take_touched() == {("cas1", "cdu-1"), ("cas1", "pdu-2")}
    assert latest.take_touched() == latest.take_touched(urgent=True) == set()


@given(messages=st.lists(st.lists(st.sampled_from(range(5)), unique=True), max_size=12))
def test_whatever_messages_name_each_series_has_what_was_last_said_of_it(messages: list[list[int]]) -> None:
    """Series come and go in any order and mixture: what is known from before stands beside what is new."""
    latest, keys = Latest(1000), SeriesKeys()
    expected: dict[str, float | str] = {}
    for seq, named in enumerate(messages, 1):
        said: dict[str, float] = {f"dcim_pdu_outlet_power_watts{{outlet={at}}}": float(seq) for at in named if at}
        states = {PUMP: ("running", "failed")[seq % 2]} if 0 in named else {}
        one = msgspec.structs.replace(at(float(seq)), values=said, states=states, seq=seq)
        assert latest.apply_batch("cas1", one, resolve(one, keys), NOW_S + seq, WALL_S + seq) == "live"
        expected |= {**said, **states}
    reading = latest.readings_of("cas1", "cdu-07")
    assert {key: entry.value for key, entry in reading.items()} == expected


def test_a_device_lists_each_failure_once_however_many_polls_it_lasted() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    course: tuple[DeviceFault | None, ...] = ("timeout",) * 3 + ("decode", None, "timeout", "timeout")
    for second, error in enumerate(course, 1):
        one = agent.made(second)
        agent.arrives(one if error is None else msgspec.structs.replace(one, up=False, error=error, values={}), second)
    device = latest.device("cas1", "cdu-07")
    assert device is not None
    assert [why for _, why in device.errors] == ["timeout", "decode", "timeout"]
    assert [at for at, _ in device.errors] == [wall_ms(second) for second in (1, 4, 6)]


def test_what_was_rejected_in_all_parts_of_a_poll_is_kept_and_the_next_poll_starts_over() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)

    def arrives(after_s: float, key: str, number: int) -> dict[str, str]:
        part = Part(number=number, of=2, rejected=2)
        agent.arrives(msgspec.structs.replace(agent.made(after_s), bad={key: "range"}, part=part), after_s)
        device = latest.device("cas1", "cdu-07")
        assert device is not None
        return device.bad["safety"]

    assert arrives(1.0, "one", 1) == {"one": "range"}
    assert arrives(1.0, "two", 2) == {"one": "range", "two": "range"}
    assert arrives(2.0, "three", 1) == {"three": "range"}


def test_of_many_failures_a_device_keeps_the_latest() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    for second in range(1, 21):
        one = agent.made(second)
        failed = msgspec.structs.replace(one, up=False, error="timeout", values={})
        agent.arrives(one if second % 2 else failed, second)
    device = latest.device("cas1", "cdu-07")
    assert device is not None
    assert [at for at, _ in device.errors] == [wall_ms(second) for second in range(6, 21, 2)]


def test_what_a_class_rejected_is_forgotten_once_it_is_no_longer_polled() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    agent.arrives(msgspec.structs.replace(agent.made(1.0, poll=("fast", 10.0)), bad={"one": "range"}), 1.0)
    device = latest.device("cas1", "cdu-07")
    assert device is not None
    for second in range(2, 31):
        agent.polls(second)
    assert device.bad == {"fast": {"one": "range"}}
    agent.arrives(msgspec.structs.replace(agent.made(32.0), bad={"two": "nan"}), 32.0)
    assert device.bad == {"safety": {"two": "nan"}}


def test_a_batch_whose_labels_a_description_contradicted_is_the_later_word_again() -> None:
    """A device was moved to another rack and back in its agent's configuration."""
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    for second in (1.0, 3.0):
        labelled = msgspec.structs.replace(agent.made(second), labels={"site": "cas1", "rack": "a1"})
        agent.arrives(labelled, second)
        device = latest.device("cas1", "cdu-07")
        assert device is not None
        assert device.labels == {"site": "cas1", "rack": "a1"}
        moved = msgspec.structs.replace(document(), time=wall_ms(second), labels={"site": "cas1", "rack": "a2"})
        latest.apply_document("cas1", moved)
        assert device.labels == {"site": "cas1", "rack": "a2"}


def test_a_message_that_comes_late_still_brings_the_readings_that_no_later_one_had() -> None:
    """The first of its two was measured again since; the other one was not."""
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    agent.arrives(agent.made(1.0, values={SUPPLY: 30.0, FLOW: 0.001}), 1.0)
    late = agent.made(2.0, values={SUPPLY: 31.0, FLOW: 0.002})
    agent.arrives(agent.made(3.0, values={SUPPLY: 32.0}), 3.0)
    assert agent.arrives(late, 3.1) == "live"
    found = latest.readings_of("cas1", "cdu-07")
    assert (found[SUPPLY].value, found[FLOW].value) == (32.0, 0.002)


def test_a_device_has_the_labels_and_the_rejected_readings_of_its_last_poll() -> None:
    """It was moved to another rack, its row is not known any more, and the third poll has a label that nobody knows."""
    latest, agent = Latest(100), Agent(Latest(100))
    agent.latest = latest
    labels = ({"rack": "b07", "row": "b"}, {"rack": "b08", "row": ""}, {"rack": "b09", "tenant": "x"})
    for at_s, found in enumerate(labels, 1):
        bad = {FLOW: "range", PUMP: "state"}
        one = msgspec.structs.replace(agent.made(float(at_s)), labels={"site": "cas1", **found}, bad=bad)
        agent.arrives(one, float(at_s))
        device = latest.device("cas1", "cdu-07")
        assert device is not None
        assert device.labels == {"site": "cas1", "rack": found["rack"]} | ({"row": "b"} if at_s == 1 else {})
        assert device.rejected == 2


def test_a_poll_in_two_parts_is_one_in_the_count_of_polls() -> None:
    latest, agent = Latest(100), Agent(Latest(100))
    agent.latest = latest
    for number, key in enumerate((SUPPLY, FLOW), 1):
        part = msgspec.structs.replace(agent.made(1.0, values={key: 1.0}), part=Part(number=number, of=2, rejected=0))
        assert agent.arrives(part, 1.0) == "live"
    assert values(latest, 1.0)["dcim_agent_poll_duration_seconds_count"] == "1"


def test_readings_of_many_devices_expire_in_the_same_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.latest.latest.GLANCES_PER_SLICE", 2)
    latest, agent = Latest(100), Agent(Latest(100))
    agent.latest = latest
    for device in "abcde":
        agent.polls(0.0, device=device)
    at_once(latest.expire_steps)(NOW_S + 31.0)
    assert latest.size == 5 * DEVICE_COST


def test_a_replaced_unit_takes_its_former_readings_along_and_what_was_read_of_the_new_one_stays() -> None:
    """An agent describes a unit before it polls it, so a reading of the same millisecond is of the new unit."""
    latest = Latest(100)
    described = msgspec.structs.replace(document(), serial="A1", time=wall_ms(0.0))
    latest.apply_document("cas1", described)
    apply(latest, msgspec.structs.replace(at(1.0), values={SUPPLY: 32.0, FLOW: 0.002}), 1.0)
    apply(latest, at(2.0, value=20.0), 2.0)
    before = latest.changes
    latest.apply_document("cas1", msgspec.structs.replace(described, serial="B7", time=wall_ms(2.0)))
    assert {key: each.value for key, each in latest.readings_of("cas1", "cdu-07").items()} == {SUPPLY: 20.0}
    assert latest.changes > before


def test_what_was_rejected_is_forgotten_with_the_next_poll_that_rejects_nothing_and_is_bounded() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    many = {f"{at:03d}": "range" for at in range(MAX_BAD + 1)}
    long = {"k" * MAX_BAD_KEY: "nan", "k" * (MAX_BAD_KEY + 1): "nan"}
    found = []
    for after_s, bad in enumerate((many, {}, long), 1):
        agent.arrives(msgspec.structs.replace(agent.made(after_s), bad=bad), after_s)
        device = latest.device("cas1", "cdu-07")
        assert device is not None
        found.append(device.bad)
    assert found == [{"safety": dict([*many.items()][:MAX_BAD])}, {}, {"safety": {"k" * MAX_BAD_KEY: "nan"}}]
