"""Readings that come late: since when what is wrong has been wrong, and what began and ended while nobody listened."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from collector.derive import SiteLimit
from collector.problems import late, late_queue, load_table
from collector.problems.history import Ended, History
from collector.problems.late import not_reported_yet
from collector.problems.late_queue import LateQueue
from collector.problems.tracker import RESTORED_S, TrackedProblem, Tracker
from collector.readings import SeriesKeys, resolve
from rackflow import Batch
from rackflow.process.bulkhead import Failures
from tests.collector.documents import SUPPLY, batch, document, now_ms, status
from tests.collector.problems.test_notified import SMOKE, hook, problems, said, smoke, telling
from tests.collector.running import publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request

NOW_S = 1_795_000_000.0
SOURCE = "dcim_ups_output_source"


class Backlog:
    """A collector that was away until 100 s ago, at its first moment: what is followed now, and what comes late."""

    def __init__(self, limits: Mapping[tuple[str, str], Sequence[SiteLimit]] | None = None) -> None:
        table = load_table()
        self.tracker, self.history = Tracker(table), History()
        self.now = 1000.0
        self.failures = Failures(late_queue.LATE_PART)
        self.queue = LateQueue(
            table,
            limits or {},
            self.tracker,
            self.history,
            self.failures,
            clock=lambda: self.now,
            wall=lambda: NOW_S + self.now - 1000.0,
        )
        self.keys = SeriesKeys()
        self.messages: list[TrackedProblem] = []

    def late(self, *batches: Batch) -> None:
        """Messages from the backlog."""
        for each in batches:
            self.queue.offer("cas1", each, resolve(each, self.keys))
        self.queue.judge(late_queue.MAX_WAITING)

    def live(self, problem: str, labels: Mapping[str, str], *, holds: bool = True) -> TrackedProblem | None:
        """The present readings of the device."""
        key = problem, tuple(sorted(labels.items()))
        self.tracker.update(("device", "cas1", labels["device"]), {key: 1.0} if holds else {}, self.now)
        self.messages += self.tracker.tick(self.now, NOW_S + self.now - 1000.0)
        return self.tracker.get(key)

    def settled(self) -> list[Ended]:
        """What the history has once the backlog has ended."""
        self.queue.update()
        self.now += late_queue.QUIET_S + 1.0
        self.queue.update()
        assert not self.failures.counts, self.failures.counts
        return self.history.since(0.0, NOW_S + self.now - 1000.0)


PLACE = {"site": "cas1", "room": "dh1", "row": "b", "rack": "b07", "device": "cdu-07", "kind": "smoke", "sensor": "1"}


def smokes(values: Iterable[int], first_s: float = -600.0, device: str = "cdu-07") -> list[Batch]:
    """One message a second about a smoke detector, from so many seconds before now."""
    return [
        batch(device, seq=number + 1, time_ms=round((NOW_S + first_s + number) * 1000), values={SMOKE: float(value)})
        for number, value in enumerate(values)
    ]


def test_a_fault_of_the_outage_that_goes_on_is_reported_with_the_time_of_its_first_reading() -> None:
    backlog = Backlog()
    tracked = backlog.live("DcimSmoke", PLACE)
    assert tracked is not None
    assert tracked.since_s == NOW_S, "the first message after the start"
    # 300 s without smoke, then with it until now.
    backlog.late(*smokes([0] * 300 + [1] * 300))
    assert backlog.settled() == []
    assert tracked.since_s == NOW_S - 300.0
    assert len(backlog.messages) == 1, "nobody is told a second time"


def test_a_problem_found_in_the_backlog_is_reported_with_the_time_of_its_first_reading() -> None:
    backlog = Backlog()
    place = {name: text for name, text in PLACE.items() if name not in ("kind", "sensor")} | {"agent": "gw-3"}
    backlog.live("DcimDeviceUnreachable", place)
    dark = [
        batch(
            seq=number + 1,
            time_ms=round((NOW_S - 400.0 + 10 * number) * 1000),
            interval_s=10.0,
            error="timeout",
            values={},
        )
        for number in range(40)
    ]
    backlog.late(*dark)
    assert backlog.settled() == [], "it goes on, although it does not yet hold for long enough to be reported"
    backlog.now += 120.0
    tracked = backlog.live("DcimDeviceUnreachable", place)
    assert tracked is not None
    assert tracked.is_active
    assert tracked.since_s == NOW_S - 400.0


def test_a_problem_over_before_the_outage_ended_is_in_the_history_and_not_notified() -> None:
    backlog = Backlog()
    backlog.live("DcimSmoke", PLACE, holds=False)
    backlog.late(*smokes([0] * 100 + [1] * 50 + [0] * 450))
    (ended,) = backlog.settled()
    assert (ended.name, dict(ended.labels), ended.is_late, ended.is_cause) == ("DcimSmoke", PLACE, True, True)
    assert (ended.since_s, ended.ended_s) == (NOW_S - 500.0, NOW_S - 450.0)
    assert backlog.messages == []
    assert backlog.history.take_waiting() == [ended], "it is written to the file"


def test_a_condition_that_was_too_short_to_be_reported_is_not_in_the_history() -> None:
    """For 59 s instead of 60; and for as long by the last that its device said."""
    for after in (200, 0):
        assert history_of(["normal"] * 10 + ["bypass"] * 59 + ["normal"] * after) == []
    [ended] = history_of(["normal"] * 10 + ["bypass"] * 61)
    assert (ended.name, ended.ended_s - ended.since_s) == ("DcimUpsOnBypass", 60.0)


def test_a_ups_that_comes_and_goes_is_in_the_history_if_it_was_on_battery_for_ten_seconds_of_a_minute() -> None:
    """As for live readings: what adds up over more than a minute does not count."""
    for seldom in ((["battery"] * 3 + ["normal"] * 37) * 6, (["battery"] * 5 + ["normal"] * 55) * 4):
        assert history_of(["normal"] * 10 + seldom + ["normal"] * 30) == []
    [ended] = history_of(["normal"] * 10 + (["battery"] * 6 + ["normal"] * 14) * 6 + ["normal"] * 100)
    assert (ended.name, ended.since_s - NOW_S, ended.ended_s - NOW_S) == ("DcimUpsOnBattery", -290.0, -184.0)
    [ended] = history_of((["battery"] + ["normal"] * 49) * 2 + ["battery"] * 12 + ["normal"] * 100)
    assert ended.since_s - NOW_S == -250.0, "what was more than a minute before is no part of it"


def history_of(states: Sequence[str]) -> list[Ended]:
    """What the history has of a UPS with these sources of its output, from second to second, which then fell silent for good."""
    backlog = Backlog()
    backlog.late(
        *(
            batch(
                "ups-1", seq=number + 1, time_ms=round((NOW_S - 300 + number) * 1000), values={}, states={SOURCE: state}
            )
            for number, state in enumerate(states)
        )
    )
    backlog.now += RESTORED_S
    return backlog.settled()


def test_a_dip_is_no_end_and_two_faults_with_a_pause_are_two() -> None:
    backlog = Backlog()
    backlog.late(*smokes([1] * 50 + [0] * 20 + [1] * 50 + [0] * 700 + [1] * 10 + [0] * 700, first_s=-1600.0))
    found = [(each.since_s - NOW_S, each.ended_s - NOW_S) for each in backlog.settled()]
    assert sorted(found) == [(-1600.0, -1480.0), (-780.0, -770.0)]


def numbers(key: str, values: Iterable[float], first_s: float = -600.0, every_s: float = 1.0) -> list[Batch]:
    """One message after the other about one reading, from so many seconds before now."""
    return [
        batch("cdu-07", seq=number + 1, time_ms=round((NOW_S + at_s) * 1000), values={key: value}, interval_s=every_s)
        for number, value in enumerate(values)
        for at_s in [first_s + number * every_s]
    ]


LEVEL = "dcim_cdu_reservoir_level_ratio"


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        # Below 0.3 for half a minute; the worst is the lowest.
        ([0.29] * 20 + [0.1] * 20 + [0.2] * 20 + [0.5] * 100, [(-600.0, -540.0, 0.1)]),
        # Twice for 20 s is not once for half a minute.
        ([0.2] * 20 + [0.5] * 20 + [0.2] * 20 + [0.5] * 100, []),
        # Once it has lasted, a short return after a short pause belongs to it.
        ([0.2] * 40 + [0.5] * 10 + [0.2] * 5 + [0.5] * 100, [(-600.0, -545.0, 0.2)]),
        # What had not lasted is not part of what does.
        ([0.1] * 20 + [0.5] * 20 + [0.2] * 40 + [0.5] * 100, [(-560.0, -520.0, 0.2)]),
    ],
)
def test_a_low_level_is_in_the_history_if_it_lasted_in_one_piece(
    levels: list[float], found: list[tuple[float, float, float]]
) -> None:
    backlog = Backlog()
    backlog.late(*numbers(LEVEL, levels))
    assert [(each.since_s - NOW_S, each.ended_s - NOW_S, each.peak) for each in backlog.settled()] == found


@pytest.mark.parametrize(
    ("loads", "ended_s"),
    [
        # It falls below its limit every minute, as that of a training job does.
        (([0.9] * 4 + [0.7]) * 36, -3210.0),
        # Twice for five minutes, with five minutes between.
        ([0.9] * 31 + [0.7] * 30 + [0.9] * 31, -4080.0),
    ],
)
def test_a_load_that_was_high_for_ten_minutes_of_thirty_is_in_the_history(loads: list[float], ended_s: float) -> None:
    backlog = Backlog()
    backlog.late(
        *numbers("dcim_ups_output_total_load_ratio", loads + [0.7] * 200, first_s=-5000.0, every_s=10.0),
    )
    [ended] = backlog.settled()
    assert (ended.name, ended.since_s - NOW_S, ended.ended_s - NOW_S) == ("DcimUpsLoadHigh", -5000.0, ended_s)


def test_a_reading_that_came_no_more_does_not_go_on_for_as_long_as_its_device_answers() -> None:
    backlog = Backlog()
    backlog.late(*numbers(LEVEL, [0.2]), *numbers("dcim_cdu_power_watts", [900.0] * 200, first_s=-599.0))
    backlog.late(*numbers(LEVEL, [0.5] * 100, first_s=-399.0))
    assert backlog.settled() == []


def test_a_smoke_detector_that_was_lost_in_the_outage_was_active_until_it_was_whole_again() -> None:
    backlog = Backlog()
    # Its device goes on to answer, with another detector that is not active.
    backlog.late(*smokes([1] * 20), *numbers(SMOKE.replace("=1", "=2"), [0.0] * 300, first_s=-580.0))
    backlog.late(*smokes([0] * 100, first_s=-280.0))
    [ended] = backlog.settled()
    assert (ended.name, ended.since_s - NOW_S) == ("DcimSmoke", -600.0)
    assert ended.ended_s - NOW_S > -300.0


def test_what_a_device_said_before_it_fell_silent_is_not_true_of_the_time_after() -> None:
    """Low for 20 s, then no answer for 20 s: nobody knows that it was low for half a minute."""
    backlog = Backlog()
    dark = [
        batch("cdu-07", seq=at + 21, time_ms=round((NOW_S - 580 + at) * 1000), values={}, error="timeout")
        for at in range(20)
    ]
    backlog.late(*numbers(LEVEL, [0.2] * 20), *dark, *numbers(LEVEL, [0.5] * 100, first_s=-560.0))
    assert "DcimCduReservoirLow" not in [each.name for each in backlog.settled()]


def test_one_that_began_long_after_the_last_late_reading_is_another_one() -> None:
    """A late reading counts for half a minute, and the messages ended a minute before this one began."""
    backlog = Backlog()
    backlog.late(*smokes([1] * 10))
    backlog.now += 60.0
    tracked = backlog.live("DcimSmoke", PLACE)
    (before,) = backlog.settled()
    assert (before.since_s - NOW_S, before.ended_s - NOW_S) == (-600.0, -591.0)
    assert tracked is not None
    assert tracked.since_s == NOW_S + 60.0


def test_the_verdict_waits_until_no_more_has_come_for_a_while() -> None:
    backlog = Backlog()
    backlog.late(*smokes([1] * 50 + [0] * 5))
    backlog.queue.update()
    backlog.late(*smokes([1] * 50 + [0] * 200, first_s=-545.0))
    assert [(each.since_s - NOW_S, each.ended_s - NOW_S) for each in backlog.settled()] == [(-600.0, -495.0)]


def test_one_that_was_reported_before_is_no_other_one_that_came_later() -> None:
    backlog = Backlog()
    backlog.late(*smokes([1] * 120 + [0] * 700 + [1] * 10 + [0] * 700, first_s=-1600.0))
    first, second = sorted(backlog.settled(), key=lambda each: each.since_s)
    assert list(not_reported_yet([first, second], [first], [])) == [second]
    assert list(not_reported_yet([first, second], [second], [])) == [first]
    shifted = msgspec.structs.replace(first, since_s=first.since_s + 5.0, ended_s=first.ended_s + 5.0)
    assert list(not_reported_yet([shifted], [first], [])) == [], "as long as they overlap"
    assert list(not_reported_yet([first], [shifted], [])) == []


def test_problems_beyond_what_is_followed_are_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late, "MAX_SPANS", 0)
    backlog = Backlog()
    backlog.late(*smokes([1, 1, 1, 0]))
    with caplog.at_level("INFO"):
        assert backlog.settled() == []
        backlog.queue.update()
    assert "problems_over=0 messages_left_out=0 problems_left_out=3" in caplog.text
    assert caplog.text.count("late readings judged") == 1
    backlog.late(*smokes([0, 0], first_s=-300.0))
    with caplog.at_level("INFO"):
        backlog.settled()
    assert "problems_left_out=0" in caplog.text.splitlines()[-1], "of this backlog alone"


def test_a_fault_that_was_reported_before_the_outage_has_one_end() -> None:
    backlog = Backlog()
    key = "DcimSmoke", tuple(sorted(PLACE.items()))
    before = TrackedProblem(
        load_table().problems["DcimSmoke"], key[1], ("device", "cas1", "cdu-07"), 1.0, 1.0, since_s=NOW_S - 900
    )
    backlog.tracker.restore(before, backlog.now)
    backlog.late(*smokes([1] * 100 + [0] * 500))
    backlog.live("DcimSmoke", PLACE, holds=False)
    backlog.now += 601.0  # `keep_s`
    backlog.live("DcimSmoke", PLACE, holds=False)
    backlog.history.note(before)
    (ended,) = backlog.settled()
    assert (ended.since_s, ended.is_late) == (NOW_S - 900, False)


def test_a_fault_whose_device_has_not_spoken_again_is_waited_for() -> None:
    backlog = Backlog()
    backlog.late(*smokes([0] * 300 + [1] * 300))
    assert backlog.settled() == [], "it may go on"
    tracked = backlog.live("DcimSmoke", PLACE)
    assert backlog.settled() == []
    assert tracked is not None
    assert tracked.since_s == NOW_S - 300.0
    # Nothing was read for a minute, and then it is there from the first message on.
    backlog = Backlog()
    backlog.late(*smokes([0] * 300 + [1] * 240))
    tracked = backlog.live("DcimSmoke", PLACE)
    assert backlog.settled() == []
    assert tracked is not None
    assert tracked.since_s == NOW_S - 300.0
    # Another one never speaks again.
    backlog.late(*smokes([1] * 5, device="cdu-08", first_s=-30.0))
    assert backlog.settled() == []
    backlog.now += 180.0
    assert [dict(each.labels)["device"] for each in backlog.settled()] == ["cdu-08"]


def pdus(
    backlog: Backlog, dark: Callable[[int, int], bool], seconds: Iterable[int], numbers: Iterable[int] = range(6)
) -> None:
    """Polls of the PDUs of one feed; `dark` says which do not answer at a second."""
    for second in seconds:
        for number in numbers:
            one = batch(
                f"pdu-{number}",
                seq=second * 10 + number + 1,
                time_ms=round((NOW_S - 2000 + second) * 1000),
                interval_s=5.0,
                values={},
                error="timeout" if dark(number, second) else None,
            )
            backlog.late(msgspec.structs.replace(one, labels={**one.labels, "feed": "A"}, device_class="pdu"))


def test_only_what_is_dark_at_the_time_of_a_lost_feed_is_its_consequence() -> None:
    """Four of six are dark together. One of the others was before, and one is soon after: switches take minutes to start."""
    windows = {4: range(20, 160), 5: range(520, 660)} | dict.fromkeys(range(4), range(300, 430))
    backlog = Backlog()
    pdus(backlog, lambda number, second: second in windows[number], range(0, 760, 5))
    ended = {dict(each.labels).get("device", each.name): each.is_cause for each in backlog.settled()}
    assert ended == {"DcimFeedLost": True, "pdu-4": True} | dict.fromkeys(
        ("pdu-0", "pdu-1", "pdu-2", "pdu-3"), False
    ) | {"pdu-5": False, "DcimRoomFeedLost": False, "DcimRowFeedLost": False}


def test_what_is_over_is_explained_by_what_still_is_wrong() -> None:
    """A feed is lost since before the outage; one of its PDUs answered again after five minutes."""
    backlog = Backlog()
    place = {"site": "cas1", "feed": "A"}
    lost = load_table().problems["DcimFeedLost"]
    before = TrackedProblem(lost, tuple(sorted(place.items())), ("share", lost.name), 1.0, 1.0, since_s=NOW_S - 9000)
    backlog.tracker.restore(before, backlog.now)
    pdus(backlog, lambda _, second: second < 300, range(0, 500, 5), [0])
    assert [(each.name, each.is_cause) for each in backlog.settled()] == [("DcimDeviceUnreachable", False)]


def test_a_feed_that_was_dark_at_the_end_of_one_outage_is_not_dark_in_the_next() -> None:
    backlog = Backlog()
    pdus(backlog, lambda number, _: number < 4, range(0, 200, 5))
    backlog.now += RESTORED_S
    first = [each.name for each in backlog.settled()]
    assert first.count("DcimFeedLost") == 1
    pdus(backlog, lambda *_: True, range(1000, 1200, 5), [5])
    backlog.now += RESTORED_S
    assert [each.name for each in backlog.settled()].count("DcimFeedLost") == 1


def test_a_lost_feed_of_the_outage_is_one_problem_that_explains_its_devices() -> None:
    backlog = Backlog()
    # Four of the feed's six are dark for 200 s; the battery of a UPS carries the others.
    pdus(backlog, lambda number, second: 100 <= second < 300 and number < 4, range(0, 400, 5))
    ended = backlog.settled()
    assert [each.name for each in ended if each.is_cause] == ["DcimFeedLost"]
    assert sum(each.name == "DcimDeviceUnreachable" for each in ended) == 4


def test_messages_of_last_week_from_the_future_or_twice_are_left_out() -> None:
    backlog = Backlog()
    fault = [1] * 5 + [0] * 100
    backlog.late(*smokes(fault, first_s=-200_000.0), *smokes(fault, first_s=60.0))
    backlog.late(*smokes([0] * 20), *smokes([1] * 5), *smokes([0] * 100, first_s=-500.0))
    assert backlog.settled() == []


def test_a_second_outage_is_judged_by_itself() -> None:
    backlog = Backlog()
    backlog.live("DcimSmoke", PLACE, holds=False)
    backlog.late(*smokes([0] * 100 + [1] * 50))
    backlog.now += 180.0  # as long as the device could still have said that it goes on
    (first,) = backlog.settled()
    backlog.late(*smokes([1] * 30 + [0] * 100, first_s=-200.0))
    second, *others = backlog.settled()
    assert others == [first]
    assert (second.since_s - NOW_S, second.ended_s - NOW_S) == (-200.0, -170.0)


def test_a_limit_of_the_site_file_applies_to_late_readings() -> None:
    limit = SiteLimit("dcim_cdu_supply_temperature_limit_celsius", (("loop", "secondary"),), 40.0, "site file")
    backlog = Backlog({("cas1", "cdu-07"): (limit,)})
    backlog.late(*numbers(SUPPLY, [39.0] * 10 + [41.0] * 30 + [39.0] * 200))
    assert [each.name for each in backlog.settled()] == ["DcimCduSupplyAboveLimit"]


def test_what_paused_in_the_outage_and_goes_on_is_not_over() -> None:
    backlog = Backlog()
    before = TrackedProblem(
        load_table().problems["DcimSmoke"],
        tuple(sorted(PLACE.items())),
        ("device", "cas1", "cdu-07"),
        1.0,
        1.0,
        since_s=NOW_S - 900,
    )
    backlog.tracker.restore(before, backlog.now)
    backlog.live("DcimSmoke", PLACE)
    backlog.late(*smokes([1] * 100 + [0] * 200 + [1] * 300))
    assert backlog.settled() == []
    assert before.since_s == NOW_S - 900


def test_a_long_backlog_is_thinned_and_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_queue, "MAX_WAITING", 200)
    backlog = Backlog()
    for each in smokes([0] * 100 + [1] * 100 + [0] * 2000, first_s=-3000.0):
        backlog.queue.offer("cas1", each, resolve(each, backlog.keys))
    # The first hundred, then one of fifteen, and none once it is full.
    assert backlog.queue.left_out == 2200 - 200
    backlog.queue.judge(late_queue.MAX_WAITING)
    (ended,) = backlog.settled()
    assert (ended.since_s - NOW_S, ended.ended_s - NOW_S) == (-2886.0, -2796.0)


def test_the_memory_of_one_backlog_is_free_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for one reading: a second device of the same outage is not judged, and that of the next outage is."""
    monkeypatch.setattr(late, "MAX_READINGS", 1)
    monkeypatch.setattr(late_queue, "MAX_READINGS", 400)
    backlog = Backlog()
    fault = [0] * 10 + [1] * 10 + [0] * 80
    for at, device in enumerate(("cdu-07", "cdu-08")):
        backlog.late(*smokes(fault, first_s=-3600.0 + at, device=device))
    assert [dict(each.labels)["device"] for each in backlog.settled()] == ["cdu-07"]
    for first_s in (-2400.0, -1700.0, -900.0):  # further apart than `keep_s`
        backlog.late(*smokes(fault, first_s=first_s, device="cdu-09"))
    assert [dict(each.labels)["device"] for each in backlog.settled()].count("cdu-09") == 3
    assert backlog.queue.left_out == 0


async def test_after_a_restart_page_and_webhook_say_since_when_and_the_history_is_whole(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_queue, "QUIET_S", 1.0)
    began_ms = now_ms() - 600_000
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07", "cdu-08"), document(), document("cdu-08"))
        async with publisher(mosquitto.port) as client:
            # Ten minutes ago smoke began in one, and began and ended in the other. The broker keeps it for the collector.
            for number, (first, second) in enumerate([(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (1.0, 0.0)]):
                for place, (device, value) in enumerate((("cdu-07", first), ("cdu-08", second))):
                    time_ms = began_ms + 100_000 * number
                    each = batch(device, seq=2 * number + place + 1, time_ms=time_ms, values={SMOKE: value})
                    await publish(client, each)
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.subscribed()
            await publish(client, smoke(9, 1.0), smoke(10, 0.0, "cdu-08"))
            await until(lambda: bool(said(got)), "notified")

            past: list[dict[str, Any]] = []

            def is_in_history() -> bool:
                document = cast("dict[str, Any]", request(f"{one.url}/api/v1/problems/history").json())
                past[:] = [each for each in document["items"] if each["ended"]]
                return bool(past)

            await eventually(is_in_history, "the history has it")
            (present,) = await problems(one)
    assert said(got) == [("DcimSmoke", "active")], "nobody is told of what is over"
    assert present["since"] == began_ms + 100_000
    (over,) = past
    assert (over["labels"]["device"], over["is_late"], over["seconds"]) == ("cdu-08", True, 100)
