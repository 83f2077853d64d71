"""Incidents as they happen: two at once, one after the other, and those during which nobody can see any more."""

from typing import Any, cast

import msgspec

from collector.problems.conditions import Evaluator, Subject
from collector.problems.config import WebhookConfig
from collector.problems.feed_reserve import FeedReserve
from collector.problems.push import Webhook
from collector.problems.report import describe
from collector.problems.shares import Shares
from collector.problems.table import load_table
from collector.problems.tracker import Tracker

SOURCE = "dcim_ups_output_source"
INPUT = "dcim_ups_input_voltage_volts"
BATTERY = "dcim_ups_battery_state"
LEAK = "dcim_leak_detected"
UPS = {"ups-1": "ups", "ups-2": "ups"}
PDUS = {f"pdu-{number}": "pdu" for number in range(1, 5)}


class Site:
    """Devices of feed A and what they say, evaluated each second as the collector does; None says that nobody sees a device."""

    def __init__(self, classes: dict[str, str]) -> None:
        self.classes = classes
        self.up: dict[str, bool | None] = dict.fromkeys(classes, True)
        self.says: dict[str, dict[str, float | str]] = {
            name: {SOURCE: "normal"} if kind == "ups" else {} for name, kind in classes.items()
        }
        table = load_table()
        self.evaluator, self.tracker = Evaluator(table), Tracker(table)
        self.shares = Shares(table, self.evaluator)
        self.webhook = Webhook(WebhookConfig(url="http://127.0.0.1:1/"), set())
        self.now = 0.0
        self.messages: list[tuple[str, str]] = []

    def subject(self, name: str) -> Subject:
        """One device as the collector knows it."""
        up = self.up[name]
        subject = Subject({"site": "s", "feed": "A", "device": name}, is_silent=up is not True, agent="g")
        for metric, value in self.says[name].items() if up else ():
            subject.add(metric, {}, value)
        subject.add("dcim_device_observed", {}, float(up is not None))
        subject.add("dcim_device_info", {"device_class": self.classes[name]}, 1.0)
        if up is not None:
            subject.add("dcim_device_up", {"agent": "g"}, float(up))
        return subject

    def run(self, seconds: int) -> list[tuple[str, str]]:
        """What the webhook was sent meanwhile."""
        sent: list[tuple[str, str]] = []
        for _ in range(seconds):
            self.now += 1.0
            for name in self.classes:
                self._look_at(name, self.subject(name))
            for problem, groups in self.shares.found().items():
                found = {(problem, group): each.value for group, each in groups.items()}
                self.tracker.update(
                    ("share", problem),
                    found,
                    self.now,
                    is_silent=lambda key: self.shares.is_open(*key),
                    decides=lambda key: self.shares.decides(*key),
                )
            reports = [(each, describe(each, 0, "")) for each in self.tracker.tick(self.now, self.now)]
            if (body := self.webhook.body(reports, self.now)) is not None:
                self.webhook.note(reports)
                document = cast("dict[str, Any]", msgspec.json.decode(body))
                sent += [(each["name"], each["status"]) for each in document["problems"]]
        return sent

    def _look_at(self, name: str, subject: Subject) -> None:
        found = {
            (problem.name, labels): value
            for problem, _ in self.evaluator.decidable_by(subject)
            for labels, value in self.evaluator.evaluate(problem, subject, self.now).items()
        }
        self.shares.note(("device", "s", name), subject)
        self.tracker.update(
            ("device", "s", name),
            found,
            self.now,
            is_silent=lambda _: subject.is_silent,
            decides=lambda key: self.evaluator.decides(load_table().problems[key[0]], subject),
        )

    def reported(self) -> dict[str, bool]:
        """What is told as a cause, and whether it is uncertain."""
        return {each.problem.name: each.is_uncertain for each in self.tracker.active() if each.cause is None}


def test_a_leak_while_the_feed_is_lost_is_reported() -> None:
    site = Site(UPS | PDUS | {"rope": "sensor"})
    for name in UPS:
        site.says[name] = {SOURCE: "battery"}
    assert site.run(20) == [("DcimMainsLost", "active")]
    site.says["rope"] = {LEAK: 1.0}
    assert site.run(1) == [("DcimLeakDetected", "active")]


def test_a_feed_lost_ups_by_ups_is_reported_as_it_grows_and_each_message_ends_once() -> None:
    site = Site(UPS | PDUS)
    site.says["ups-1"] = {SOURCE: "battery"}
    assert site.run(30) == [("DcimUpsOnBattery", "active")]
    site.says["ups-2"] = {SOURCE: "battery"}
    assert site.run(30) == [("DcimMainsLost", "active")]
    for number, name in enumerate(PDUS):
        site.up[name] = False
        assert site.run(5) == ([("DcimFeedLost", "active")] if number == 1 else [])
    site.up = dict.fromkeys(site.up, True)
    site.says |= {name: {SOURCE: "normal"} for name in UPS}
    assert sorted(site.run(200)) == [
        ("DcimFeedLost", "ended"),
        ("DcimMainsLost", "ended"),
        ("DcimUpsOnBattery", "ended"),
    ]
    assert site.reported() == {}


def test_a_ups_whose_battery_is_empty_is_off_and_nothing_else() -> None:
    """Its input is dead as before: whoever is on the way need not look for the breaker above it."""
    site = Site({"ups-1": "ups"})
    site.says["ups-1"] = {SOURCE: "normal", INPUT: 230.0}
    site.run(5)
    site.says["ups-1"] = {SOURCE: "battery", INPUT: 0.0}
    assert site.run(60) == [("DcimUpsOnBattery", "active")]
    site.says["ups-1"] = {SOURCE: "battery", INPUT: 0.0, BATTERY: "depleted"}
    assert site.run(20) == [("DcimUpsBatteryLow", "active")]
    site.says["ups-1"] = {SOURCE: "none", INPUT: 0.0, BATTERY: "depleted"}
    assert [each for each in site.run(600) if each[1] == "active"] == [("DcimUpsOutputOff", "active")]


def test_a_lost_feed_is_not_reported_as_back_because_the_agent_died() -> None:
    site = Site(UPS | PDUS)
    for name in UPS:
        site.says[name] = {SOURCE: "battery"}
    site.run(20)
    site.up = dict.fromkeys(site.up, None)
    assert site.run(300) == []
    assert site.reported()["DcimMainsLost"]
    # The agent is back, and says of one device after the other that it is well.
    site.says |= {name: {SOURCE: "normal"} for name in UPS}
    site.up["pdu-1"] = site.up["ups-1"] = True
    assert site.run(5) == []
    site.up = dict.fromkeys(site.up, True)
    assert ("DcimMainsLost", "ended") in site.run(200)
    assert site.reported() == {}


def test_no_problem_of_a_healthy_site_is_reported_when_its_agent_dies() -> None:
    site = Site(UPS | PDUS)
    site.run(20)
    site.up = dict.fromkeys(site.up, None)
    assert site.run(300) == []
    assert site.reported() == {}


def test_a_lost_feed_says_what_the_other_one_carries_and_how_long_its_batteries_last() -> None:
    supplies = FeedReserve()
    for name, feed, load, runtime_s in (
        ("ups-1", "B", 0.55, 2040.0),
        ("ups-2", "B", 0.61, 2400.0),
        # Rounded down: nobody may rely on a minute that the battery does not have.
        ("ups-3", "A", 0.2, 659.0),
    ):
        subject = Subject({"site": "s", "feed": feed, "device": name})
        subject.add("dcim_ups_output_load_ratio", {"phase": "L1"}, load)
        subject.add("dcim_ups_output_load_ratio", {"phase": "L2"}, load - 0.1)
        subject.add("dcim_ups_battery_runtime_seconds", {}, runtime_s)
        supplies.note(("device", "s", name), subject)
    assert supplies.sentences("s") == (
        " UPSs of feed A: 20% loaded, 10 min of battery. UPSs of feed B: 61% loaded, 34 min of battery."
    )
    # The UPS of feed A is dark.
    supplies.note(("device", "s", "ups-3"), Subject({"site": "s", "feed": "A", "device": "ups-3"}))
    supplies.forget_absent({("device", "s", "ups-2")})
    assert supplies.sentences("s") == " UPSs of feed B: 61% loaded, 40 min of battery."
    assert supplies.sentences("other") == ""
