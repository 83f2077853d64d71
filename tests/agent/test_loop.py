"""One device from start to end: its batches and its retained document for everything that a device may do."""

import asyncio
import contextlib
import time

import pytest

from agent.config import CoolantConfig
from agent.loop import OPEN_AT_MOST_S
from agent.poll import OpeningPace
from agent.poll.pace import FIRST_PLACES, PLACE_S
from agent.readings import Identified, Identity, Readings
from agent.schedule import DEADLINE_SHARE, DOWN_AFTER_FAILURES, MAX_RETRY_S, REPEAT_S, phase
from rackflow import Event
from rackflow.catalogue import PollClass
from rackflow.documents import Coolant, DeviceDocument
from rackflow.errors import (
    DeviceAuthError,
    DeviceDecodeError,
    DeviceError,
    DeviceInternalError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
)
from tests.agent.device_life import (
    CHARGE,
    IDENTIFIED,
    LABELS,
    LOAD,
    NORMAL,
    SOURCE,
    ScriptedDevice,
    living,
)
from tests.jumping import JumpingLoop, jump
from tests.servers.waiting import PATIENCE_S

FAULTS: list[tuple[type[DeviceError], str]] = [
    (DeviceTimeout, "timeout"),
    (DeviceUnreachable, "unreachable"),
    (DeviceAuthError, "auth"),
    (DeviceProtocolError, "protocol"),
    (DeviceDecodeError, "decode"),
    (DeviceInternalError, "internal"),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
async def test_a_failed_poll_is_a_batch_that_says_down_and_why(fault: type[DeviceError], kind: str) -> None:
    async with living(ScriptedDevice([NORMAL, fault("x"), NORMAL])) as life:
        await life.hear(3)
    good, failed, again = life.batches()[:3]
    assert (good.up, good.error, good.values, good.states) == (True, None, {CHARGE: 0.5}, {SOURCE: "normal"})
    assert (failed.up, failed.error) == (False, kind)
    assert (failed.values, failed.states, failed.bad) == ({}, {}, {})
    assert (failed.device_class, failed.poll, failed.interval_s, failed.labels) == ("ups", "safety", 0.02, LABELS)
    assert (again.up, again.error) == (True, None)
    assert life.counters.failures == {("snmp", kind): 1}


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
async def test_a_device_that_does_not_open_says_why_and_is_of_unknown_class(
    fault: type[DeviceError], kind: str
) -> None:
    async with living(ScriptedDevice([NORMAL], [fault("x"), IDENTIFIED])) as life:
        await life.hear(2)
    failed, good = life.batches()[:2]
    assert (failed.up, failed.error, failed.device_class, failed.poll) == (False, kind, "unknown", "safety")
    assert 0 <= failed.duration_s < 5
    assert (good.up, good.device_class) == (True, "ups")
    assert life.counters.failures["snmp", kind] == 1
    await life.hear(polls := life.counters.polls["snmp"])  # those made between the second one and the end, too
    assert len(life.batches()) == polls


async def test_a_batch_carries_who_when_and_what() -> None:
    readings = Readings({CHARGE: 0.5}, {SOURCE: "normal"}, {LOAD: "sentinel"})
    async with living(ScriptedDevice([readings])) as life:
        await life.hear(3)
        assert life.loop.up
    first = life.batches()[0]
    assert (first.agent, first.epoch, first.device, first.time) == ("gw-1", "E", "ups-1", 1_800_000_000_123)
    assert (first.values, first.states, first.bad) == ({CHARGE: 0.5}, {SOURCE: "normal"}, {LOAD: "sentinel"})
    assert [each.seq for each in life.said] == [1, 2, 3]
    assert 0 <= first.duration_s < 5
    polls = life.counters.polls["snmp"]
    assert polls >= 3
    assert (life.counters.samples, life.counters.rejected) == (3 * polls, {"sentinel": polls})


def test_an_answer_that_is_lost_at_a_long_interval_is_asked_for_again_soon() -> None:
    """Once: a device that is silent is asked no more often than one that answers."""

    async def course() -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        # At the time of one of its polls, so that the next regular one is due after a whole interval.
        loop.ahead_s += (1 + phase("ups-1", "safety")) * 90.0 - loop.time()
        script = ScriptedDevice([DeviceTimeout("x"), NORMAL, DeviceTimeout("x")])
        async with living(script, {"safety": 90.0}) as life:
            await life.hear(1)
            await jump(REPEAT_S)
            await life.hear(2)
            await jump(90.0)
            await life.hear(3)
            await jump(REPEAT_S)
            await life.hear(4)
            # A little more, because tasks are woken a millisecond late.
            await jump(REPEAT_S + 1.0)
            await jump(0.0)
            assert len(script.asked) == 1 + 4, "opened, and polled four times"
        return life.course()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(course()) == ["timeout", "up", "timeout", "timeout"]


async def test_a_device_that_hangs_is_waited_for_as_long_as_its_poll_class_allows_and_is_down_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Opened again, it may only have been slow, and is waited for as long as a poll may take at most.
    monkeypatch.setattr("agent.schedule.MAX_DEADLINE_S", 0.1)

    class Hung(ScriptedDevice):
        async def poll(self, poll_class: PollClass, now: float) -> Readings:
            await asyncio.get_running_loop().create_future()
            return await super().poll(poll_class, now)

    async with living(Hung([NORMAL])) as life:
        await life.hear(DOWN_AFTER_FAILURES)
        await life.hear(DOWN_AFTER_FAILURES + 1)
    assert {each.error for each in life.batches()} == {"timeout"}
    down = next(each for each in life.said if isinstance(each, Event))
    assert (down.kind, down.text) == ("down", f"ups-1 poll safety: not done in {0.02 * DEADLINE_SHARE:g} s")


async def test_a_batch_says_how_long_its_poll_took() -> None:
    class Slow(ScriptedDevice):
        async def poll(self, poll_class: PollClass, now: float) -> Readings:
            await asyncio.sleep(0.01)
            return await super().poll(poll_class, now)

    script = Slow([NORMAL, DeviceTimeout("x"), NORMAL])
    begun = time.perf_counter()
    async with living(script, {"safety": 5.0, "fast": 0.02}, clock=time.perf_counter) as life:
        await life.hear(2)
    took_s = time.perf_counter() - begun
    assert all(0.005 < each.duration_s < took_s for each in life.batches()[:2])


async def test_a_poll_that_begins_late_says_by_how_much() -> None:
    """The agent's own loop is busy for 0.2 s, and a poll was due 0.05 s after the one before."""
    late: list[float] = []
    begun = time.monotonic()
    async with living(ScriptedDevice([NORMAL]), {"safety": 0.05}, late=late.append) as life:
        await life.hear(2)
        time.sleep(0.2)  # noqa: ASYNC251 - this is what makes it late
        await life.hear(4)
    assert 0.1 < max(late) < time.monotonic() - begun


async def test_the_wait_for_a_place_among_devices_that_are_opened_is_no_time_of_the_device() -> None:
    pace, begun = OpeningPace(), time.perf_counter()
    async with contextlib.AsyncExitStack() as others:
        for _ in range(FIRST_PLACES):
            await others.enter_async_context(pace.place())
        async with living(ScriptedDevice([NORMAL], [DeviceTimeout("x")]), pace=pace, clock=time.perf_counter) as life:
            await life.hear(1)
            took_s = time.perf_counter() - begun
    assert took_s - life.batches()[0].duration_s >= 0.9 * PLACE_S


async def test_a_number_that_json_cannot_say_is_rejected_beside_what_else_was() -> None:
    readings = Readings({CHARGE: float("inf"), LOAD: 0.5}, {}, {"dcim_ups_input_voltage_volts": "null"})
    async with living(ScriptedDevice([readings])) as life:
        await life.hear(1)
    assert life.batches()[0].values == {LOAD: 0.5}
    assert life.batches()[0].bad == {CHARGE: "range", "dcim_ups_input_voltage_volts": "null"}


class Panic(BaseException):
    """Like PyO3's PanicException, which is no Exception."""


@pytest.mark.parametrize("fault", [ValueError("odd"), ZeroDivisionError(), Panic("panicked"), asyncio.CancelledError()])
async def test_an_exception_that_nobody_foresaw_is_a_failed_poll_with_the_usual_back_off(fault: BaseException) -> None:
    script = ScriptedDevice([NORMAL, fault, fault, fault, NORMAL], [IDENTIFIED, fault, IDENTIFIED])
    async with living(script) as life:
        await life.hear(7)
    assert life.course()[:8] == ["up", "internal", "internal", "internal", "down", "internal", "up", "up"]
    assert script.asked[:7] == ["open", "safety", "safety", "safety", "safety", "open", "open"]
    # The third and fourth failure: half way between the interval and a ceiling that doubles.
    assert [batch.interval_s for batch in life.batches()[1:5]] == pytest.approx([0.02, 0.02, 0.03, 0.05])
    assert life.counters.failures == {("snmp", "internal"): 4}
    assert life.counters.internal_errors == {("snmp", type(fault).__name__): 4}
    (down,) = (each for each in life.said if isinstance(each, Event) and each.kind == "down")
    assert down.text.startswith("ups-1 poll safety: fault of the agent: ")
    assert type(fault).__name__ in down.text


async def test_readings_that_cannot_be_published_fail_the_poll_and_nothing_else() -> None:
    odd = Readings(states={SOURCE: "\udcff"})  # no UTF-8 can say it
    async with living(ScriptedDevice([NORMAL, odd, NORMAL])) as life:
        await life.hear(3)
    assert life.course()[:3] == ["up", "internal", "up"]
    assert [each.seq for each in life.said[:3]] == [1, 2, 3]
    assert life.counters.internal_errors == {("snmp", "UnicodeEncodeError"): 1}


async def test_a_document_that_cannot_be_announced_fails_the_opening_and_is_announced_later() -> None:
    announced: list[DeviceDocument] = []

    def announce(document: DeviceDocument) -> None:
        announced.append(document)
        if len(announced) < 3:
            raise ValueError("odd")

    async with living(ScriptedDevice([NORMAL]), announce=announce) as life:
        await life.hear(3)
    assert life.course()[:3] == ["internal", "internal", "up"]
    assert [(each.serial, each.evidence) for each in announced] == [("S1", "published map")] * 3


@pytest.mark.parametrize("fault", [ValueError("odd"), Panic("panicked"), DeviceTimeout("no answer")])
async def test_a_poller_that_cannot_be_closed_ends_its_own_task_only(fault: BaseException) -> None:
    script = ScriptedDevice([NORMAL], closing=fault)
    async with living(script) as life:  # it asserts that the task ended as cancelled
        await life.hear(1)
    assert script.closed == 1


async def test_a_poller_whose_closing_hangs_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.loop.CLOSE_S", 0.02)

    class Hung(ScriptedDevice):
        async def close(self) -> None:
            await super().close()
            await asyncio.get_running_loop().create_future()

    script = Hung([NORMAL])
    async with living(script) as life:
        await life.hear(1)
        # By itself: a second cancellation would end it, too.
        async with asyncio.timeout(PATIENCE_S):
            await life.loop.close()
    assert script.closed == 1


async def test_a_poll_that_fails_is_followed_by_the_next_one_of_its_class_after_its_interval() -> None:
    """Receivers would call the device silent before that, if they were told the interval of the class that is polled most often."""
    both = Identified("memory", "ups", Identity(), frozenset({"safety", "slow"}))
    script = ScriptedDevice([NORMAL, DeviceTimeout("x"), NORMAL], [both])
    async with living(script, {"safety": 0.02, "slow": 3600.0}) as life:
        await life.hear(3)
    assert [(each.poll, each.up, each.interval_s) for each in life.batches()[:3]] == [
        ("safety", True, 0.02),
        ("slow", False, 3600.0),
        ("safety", True, 0.02),
    ]


async def test_a_dead_device_says_when_it_is_asked_next() -> None:
    lost = DeviceTimeout("no answer")
    async with living(ScriptedDevice([NORMAL], [lost, lost, lost, lost, lost, IDENTIFIED])) as life:
        await life.hear(7)
    pauses = [batch.interval_s for batch in life.batches()[:6]]
    # Half way between the interval and a ceiling that doubles: 0.04, 0.08, 0.16 s.
    assert pauses == pytest.approx([0.02, 0.02, 0.03, 0.05, 0.09, 0.02])
    assert life.events() == [("down", "", "", ""), ("up", "", "", "")]


async def test_a_device_that_fails_is_not_up_until_it_answers() -> None:
    async with living(ScriptedDevice([NORMAL, DeviceTimeout("x")], [IDENTIFIED, DeviceTimeout("x")])) as life:
        assert not life.loop.up
        await life.hear(2)
        assert not life.loop.up


async def test_a_device_with_nothing_to_poll_has_failed() -> None:
    nothing = Identified("memory", "ups", Identity(), frozenset())
    async with living(ScriptedDevice([NORMAL], [nothing])) as life:
        await life.hear(4)
    assert life.course()[:4] == ["decode", "decode", "decode", "down"]
    assert life.documents == []


async def test_a_document_goes_out_where_anything_in_it_is_new() -> None:
    lost = [DeviceTimeout("no answer")] * 3
    other = Identified("memory", "ups", Identity("Test", "Memory 2", "S2", "F2"), frozenset({"safety"}))
    script = ScriptedDevice([NORMAL, *lost, NORMAL, *lost, NORMAL], [IDENTIFIED, IDENTIFIED, other])
    async with living(script) as life:
        await life.hear(9)
    assert [each.serial for each in life.documents] == ["S1", "S2"]
    first = life.documents[0]
    assert (first.agent, first.device, first.device_class) == ("gw-1", "ups-1", "ups")
    assert (first.profile, first.profile_content) == ("memory", "c1")
    assert (first.vendor, first.model, first.firmware) == ("Test", "Memory 1", "F1")
    assert (first.protocol, first.time, first.labels) == ("snmp", 1_800_000_000_123, LABELS)


async def test_a_document_has_the_intervals_of_what_is_polled_and_the_coolants_of_both_sides() -> None:
    found = Identified(
        "memory", "cdu", Identity(), frozenset({"slow", "fast"}), {"primary": "water", "secondary": "pg25"}
    )
    intervals: dict[PollClass, float] = {"safety": 0.01, "slow": 60.0, "fast": 0.02}
    coolant = {
        "primary": CoolantConfig(fluid="water", additive="biocide"),
        "secondary": CoolantConfig(fluid="pg25", additive="inhibitor", concentration="25 %"),
    }
    async with living(ScriptedDevice([NORMAL], [found]), intervals, coolant=coolant) as life:
        await life.hear(2)
    assert list(life.documents[0].intervals.items()) == [("fast", 0.02), ("slow", 60.0)]
    assert life.documents[0].coolant == {
        "primary": Coolant(fluid="water", additive="biocide"),
        "secondary": Coolant(fluid="pg25", additive="inhibitor", concentration="25 %"),
    }
    assert {batch.device_class for batch in life.batches()} == {"cdu"}


async def test_an_opening_that_fails_is_reported_in_the_class_that_is_polled_most_often() -> None:
    """A receiver knows the others as up until their longer intervals are over."""
    both = Identified("memory", "ups", Identity(), frozenset({"inventory", "safety"}))
    script = ScriptedDevice([Readings({CHARGE: 0.5}, reopen="has rebooted")], [both, DeviceTimeout("no answer")])
    async with living(script, {"inventory": 60.0, "safety": 0.02}) as life:
        await life.hear(2)
    failed = life.batches()[1]
    assert (failed.error, failed.poll, failed.interval_s) == ("timeout", "safety", 0.02)


@pytest.mark.parametrize(("interval_s", "gap_s"), [(1.0, MAX_RETRY_S), (3600.0, 3600.0)])
async def test_a_device_that_is_dead_is_no_sign_that_the_agent_hangs(interval_s: float, gap_s: float) -> None:
    """The watchdog ends an agent none of whose polls has ended for so long."""
    async with living(ScriptedDevice([NORMAL]), {"inventory": interval_s}) as life:
        assert life.loop.longest_gap_s == gap_s + OPEN_AT_MOST_S


async def test_a_device_that_does_not_come_back_is_reported_at_the_shortest_interval_that_it_has() -> None:
    only_fast = Identified("memory", "ups", Identity(), frozenset({"fast"}))
    lost = DeviceTimeout("no answer")
    script = ScriptedDevice([NORMAL, lost], [lost, only_fast, lost])
    async with living(script, {"safety": 0.01, "fast": 0.03}, draw=0.0) as life:
        await life.hear(6)
    assert [(batch.poll, batch.interval_s, batch.up) for batch in life.batches()[:6]] == [
        ("safety", 0.01, False),
        ("fast", 0.03, True),
        ("fast", 0.03, False),
        ("fast", 0.03, False),
        ("fast", 0.03, False),
        ("fast", 0.03, False),
    ]


async def test_cycles_that_went_by_during_a_slow_poll_are_counted() -> None:
    class Slow(ScriptedDevice):
        async def poll(self, poll_class: PollClass, now: float) -> Readings:
            readings = await super().poll(poll_class, now)
            if len(self.asked) == 3:
                # A device may hold up the loop beyond its deadline, as a system call does.
                end = asyncio.get_running_loop().time() + 0.2
                while asyncio.get_running_loop().time() < end:
                    pass
            return readings

    async with living(Slow([NORMAL]), {"safety": 0.02}) as life:
        await life.hear(4)
        assert life.counters.overruns >= 9


@pytest.mark.parametrize("closing", [None, DeviceUnreachable("gone")])
async def test_the_poller_is_let_go_of_once_whatever_comes_of_it(closing: DeviceError | None) -> None:
    script = ScriptedDevice([NORMAL], closing=closing)
    async with living(script) as life:
        await life.hear(1)
        assert script.closed == 0
    assert script.closed == 1


async def test_a_device_that_has_changed_is_opened_at_once_and_its_document_follows() -> None:
    other = Identified("memory", "pdu", Identity("Test", "Memory 2", "S2", "F1"), frozenset({"safety", "slow"}))
    script = ScriptedDevice(
        [NORMAL, Readings(reopen="serial was 'S1' and is 'S2'"), Readings(states={SOURCE: "battery"})],
        [IDENTIFIED, other],
    )
    async with living(script, {"safety": 0.02, "slow": 0.03}) as life:
        await life.hear(5)
    assert script.asked[:4] == ["open", "safety", "safety", "open"]
    assert set(script.asked[4:]) == {"safety", "slow"}
    assert [(each.model, each.device_class) for each in life.documents] == [("Memory 1", "ups"), ("Memory 2", "pdu")]
    # Neither a failure nor another state of the same device.
    assert life.course()[:5] == ["up"] * 5


async def test_a_changed_device_that_does_not_open_is_tried_again() -> None:
    script = ScriptedDevice(
        [NORMAL, Readings(reopen="has rebooted"), NORMAL], [IDENTIFIED, DeviceTimeout("x"), IDENTIFIED]
    )
    async with living(script) as life:
        await life.hear(4)
    assert script.asked[:6] == ["open", "safety", "safety", "open", "open", "safety"]
    assert life.course()[:4] == ["up", "up", "timeout", "up"]
    assert len(life.documents) == 1


async def test_figures_about_the_series_are_published_with_the_values() -> None:
    key = "dcim_device_series{state=planned}"
    async with living(ScriptedDevice([Readings(values={CHARGE: 0.5}, about={key: 7.0})])) as life:
        await life.hear(1)
    assert life.batches()[0].values == {CHARGE: 0.5, key: 7.0}
