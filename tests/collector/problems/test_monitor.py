"""Problems as readings arrive: of what is forgotten, over a restart, and while the disk refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from collector.derive import Figure, Thermal
from collector.derive.engine import NO_SLOT, output_of
from collector.latest import Latest
from collector.problems import files as files_module
from collector.problems.conditions import labels_of
from collector.problems.history import history_files, read_history
from collector.problems.monitor import Monitor
from collector.problems.saved import read_present
from collector.problems.table import load_table
from collector.problems.tracker import RESTORED_S
from collector.readings import SeriesKeys, resolve
from rackflow.documents import DeviceFault
from rackflow.process.bulkhead import Failures
from tests.collector.derive.hall import hall
from tests.collector.documents import SUPPLY, batch, document, status
from tests.servers.waiting import eventually

SMOKE = "dcim_env_contact_active{kind=smoke,sensor=1}"
WALL_S = 1_795_000_000.0
KEEP_S = load_table().problems["DcimSmoke"].keep_s
URL = "http://user:secret@hook/"


class Site:
    """A collector's readings and problems, with clocks that a test sets."""

    def __init__(self, path: Path | None = None) -> None:
        self.now, self.seq = 100.0, 0
        self.latest, self.keys, self.failures = Latest(10_000), SeriesKeys(10_000), Failures()
        self.latest.note_connected(self.now)
        self.figures: dict[str, list[Figure]] = {}
        self.own: list[tuple[str, dict[str, str], float]] = []
        self.monitor = Monitor(
            load_table(),
            self.latest,
            lambda _: self.figures,
            lambda: self.own,
            self.failures,
            path=path,
            clock=lambda: self.now,
            wall=lambda: WALL_S + self.now,
        )

    def poll(
        self,
        device: str,
        labels: dict[str, str],
        values: dict[str, float] | None = None,
        error: DeviceFault | None = None,
    ) -> None:
        """A poll of a device that stands there."""
        self.seq += 1
        time_ms = int((WALL_S + self.now) * 1000)
        made = batch(device, seq=self.seq, values=values or {}, error=error, time_ms=time_ms)
        one = msgspec.structs.replace(made, labels=labels, device_class=device.partition("-")[0])
        self.latest.apply_batch("cas1", one, resolve(one, self.keys), self.now, WALL_S + self.now)

    def smoke(self, value: float, device: str = "cdu-07") -> list[str]:
        """A poll of a detector; returns what is reported then, by device."""
        self.seq += 1
        one = batch(device, seq=self.seq, values={SMOKE: value}, time_ms=int((WALL_S + self.now) * 1000))
        self.latest.apply_batch("cas1", one, resolve(one, self.keys), self.now, WALL_S + self.now)
        return self.reported()

    def reported(self) -> list[str]:
        self.monitor.evaluate()
        return sorted(dict(each.labels)["device"] for each in self.monitor.tracker.active())


@asynccontextmanager
async def kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """While the problems are saved, often enough for a test."""
    monkeypatch.setattr(files_module, "SAVE_EVERY_S", 0.01)
    keeping = asyncio.create_task(site.monitor.files.run(), name="keep")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


def test_the_problems_of_a_device_that_is_forgotten_end_as_if_they_were_over() -> None:
    site = Site()
    site.latest.apply_document("cas1", document())
    assert site.smoke(1.0) == ["cdu-07"]
    assert site.smoke(1.0, "cdu-08") == ["cdu-07", "cdu-08"]
    assert site.latest.remove_device("cas1", "gw-3", "cdu-07")
    site.now += KEEP_S + 1.0
    assert site.smoke(1.0, "cdu-08") == ["cdu-08"]


def test_a_lost_feed_stays_reported_when_its_devices_are_no_longer_observed() -> None:
    """The collector loses its broker in the outage: nobody knows, and whoever was called must not go home."""
    site = Site()
    site.latest.apply_status(status(*(f"pdu-{number}" for number in range(4))), site.now)
    hold_s, is_lost = int(load_table().problems["DcimFeedLost"].hold_s), False

    def lost() -> bool:
        site.monitor.evaluate()
        return "DcimFeedLost" in {each.problem.name for each in site.monitor.tracker.active()}

    for _ in range(hold_s + 2):
        for number in range(4):
            site.poll(f"pdu-{number}", {"site": "cas1", "feed": "A", "rack": f"a{number}"}, error="timeout")
        site.poll("pdu-b", {"site": "cas1", "feed": "B"})
        is_lost = lost()
        site.now += 1.0
    assert is_lost
    (racks,) = (each.racks for each in site.monitor.reports() if each.name == "DcimFeedLost")
    assert racks == ["a0", "a1", "a2", "a3"]
    site.latest.note_disconnected(site.now)
    site.now += 600.0
    assert lost()
    site.now += 3600.0
    assert not lost(), "after an hour nothing is known of it"


def test_a_lost_feed_says_what_the_upss_have_left_now_and_nothing_of_one_that_was_taken_away() -> None:
    site = Site()

    def said(load: float, runtime_s: float, *, is_there: bool = True) -> list[str]:
        ups = {"dcim_ups_output_total_load_ratio": load, "dcim_ups_battery_runtime_seconds": runtime_s}
        for number in range(4):
            site.poll(f"pdu-{number}", {"site": "cas1", "feed": "A"}, error="timeout")
        site.poll("pdu-b", {"site": "cas1", "feed": "B"})
        if is_there:
            site.poll("ups-b", {"site": "cas1", "feed": "B"}, ups)
        site.monitor.evaluate()
        site.now += 1.0
        return [each.description for each in site.monitor.reports() if each.name == "DcimFeedLost"]

    text = ""
    for _ in range(10):
        (text,) = said(0.5, 3000.0) or [""]
    assert " UPSs of feed B: 50% loaded, 50 min of battery." in text
    (text,) = said(0.61, 2050.0)
    assert " UPSs of feed B: 61% loaded, 34 min of battery." in text
    assert site.latest.remove_device("cas1", "gw-3", "ups-b")
    said(0.0, 0.0, is_there=False)
    (text,) = said(0.0, 0.0, is_there=False)
    assert "UPSs of feed" not in text


def test_a_figure_of_0_is_a_finding_and_not_an_unknown_one() -> None:
    site = Site()
    labels = (("site", "cas1"), ("feed", "A"))
    site.figures = {"cas1": [Figure(output_of("dcim_site_survives_feed_loss", labels, NO_SLOT), 0.0, 1.0, 1.0)]}
    for _ in range(12):
        site.monitor.evaluate()
        site.now += 60.0
    assert [each.name for each in site.monitor.reports()] == ["DcimFeedLossNotSurvived"]


def test_devices_of_which_a_working_agent_says_nothing_are_counted() -> None:
    site = Site()
    site.latest.apply_status(status("cdu-07", "cdu-08"), site.now)
    site.poll("cdu-08", {"site": "cas1"}, {SMOKE: 0.0})
    reported = set[str]()
    for _ in range(36):  # three minutes: it is silent after half of one, and reported after two more
        site.poll("cdu-07", {"site": "cas1"}, {SMOKE: 0.0})
        site.monitor.evaluate()
        site.now += 5.0
        reported |= {each.name for each in site.monitor.reports() if each.labels.get("agent") == "gw-3"}
    assert "DcimDevicesNotObserved" in reported


def stuck(value: float | None = 1.0) -> Figure:
    labels = (("site", "cas1"), ("device", "cdu-07"), ("valve", "1"))
    return Figure(output_of("dcim_cdu_valve_stuck", labels, NO_SLOT), value, 1.0, 1.0)


@pytest.mark.parametrize("after", [{"cas1": [stuck(0.0)]}, {"cas1": [stuck(None)]}, {"cas1": []}, {}])
def test_a_problem_of_a_figure_ends_when_the_figure_is_good_unknown_or_no_longer_derived(
    after: dict[str, list[Figure]],
) -> None:
    site = Site()
    assert not site.monitor.is_complete
    site.figures = {"cas1": [stuck()]}
    assert site.smoke(0.0) == ["cdu-07"]
    assert site.monitor.is_complete
    site.figures = after
    for _ in range(int(RESTORED_S) // 5 + 10):
        site.now += 5.0
        site.smoke(0.0)
    assert site.reported() == []


def test_a_problem_of_a_figure_goes_on_while_its_device_is_silent() -> None:
    site = Site()
    site.figures = {"cas1": [stuck()]}
    site.smoke(0.0)
    site.figures = {"cas1": []}
    silent_s = load_table().problems["DcimCduValveStuck"].silent_s
    for after_s, is_told in ((silent_s - 5.0, True), (silent_s + RESTORED_S, False)):
        site.now = 100.0 + after_s
        site.monitor.evaluate()
        assert ("DcimCduValveStuck" in {each.name for each in site.monitor.reports()}) is is_told


WET, BROKEN = "dcim_leak_detected{sensor=1}", "dcim_leak_sensor_fault{sensor=1}"


def test_a_leak_goes_on_while_its_detector_is_broken_and_ends_once_it_is_whole_and_dry() -> None:
    """Water may break the detector, and whoever is on the way to it must not be told that it is over."""
    site = Site()
    leak = load_table().problems["DcimLeakDetected"]

    def told(values: dict[str, float], until_s: float) -> dict[str, str]:
        while site.now < until_s:
            site.now += 10.0
            site.poll("leak-1", {}, values)
            site.monitor.evaluate()
        return {each.name: each.status for each in site.monitor.reports()}

    assert told({WET: 1.0, BROKEN: 0.0}, 200.0) == {"DcimLeakDetected": "active"}
    broken = {"DcimLeakDetected": "uncertain", "DcimLeakSensorFault": "active"}
    assert told({BROKEN: 1.0}, 200.0 + leak.keep_s + 100.0) == broken
    assert "DcimLeakDetected" not in told({WET: 0.0, BROKEN: 0.0}, site.now + 20.0)
    told({WET: 1.0, BROKEN: 0.0}, site.now + 20.0)
    assert "DcimLeakDetected" not in told({BROKEN: 1.0}, site.now + leak.silent_s + 100.0), "an hour is enough to look"


def test_another_detector_of_the_device_decides_nothing() -> None:
    site = Site()
    site.poll("leak-1", {}, {WET: 1.0, "dcim_leak_detected{sensor=2}": 0.0})
    site.monitor.evaluate()
    for _ in range(100):
        site.now += 10.0
        site.poll("leak-1", {}, {"dcim_leak_detected{sensor=2}": 0.0})
        site.monitor.evaluate()
    assert [each.labels["sensor"] for each in site.monitor.reports() if each.name == "DcimLeakDetected"] == ["1"]


def test_a_critical_problem_of_a_figure_goes_on_while_the_figure_is_unknown() -> None:
    """The agents of all UPSs of a feed fall silent: that the generator has started is not known."""
    site = Site()
    labels = (("site", "cas1"), ("feed", "A"), ("group", "g"))
    output = output_of("dcim_generator_takeover_overdue_seconds", labels, NO_SLOT)
    site.figures = {"cas1": [Figure(output, 30.0, 1.0, 1.0)]}
    site.monitor.evaluate()
    problem = load_table().problems["DcimGeneratorDidNotStart"]
    for value, after_s, expected in ((None, problem.silent_s - 10.0, ["uncertain"]), (0.0, problem.silent_s, [])):
        site.figures = {"cas1": [Figure(output, value, 1.0, 1.0)]}
        site.now = 100.0 + after_s
        site.monitor.evaluate()
        assert [each.status for each in site.monitor.reports()] == expected


def test_the_limits_of_the_site_file_apply_to_devices_that_state_none() -> None:
    site = Site()
    for name in ("cas1", "t2"):  # the limits of a second site leave those of the first one in force
        site.monitor.use_site(hall(("site: t1", f"site: {name}")), Thermal(supply_limit_celsius=40.0))
    for _ in range(int(load_table().problems["DcimCduSupplyAboveLimit"].hold_s) + 2):
        site.seq += 1
        one = batch("cdu-1", seq=site.seq, values={SUPPLY: 41.0}, time_ms=int((WALL_S + site.now) * 1000))
        site.latest.apply_batch("cas1", one, resolve(one, site.keys), site.now, WALL_S + site.now)
        site.reported()
        site.now += 1.0
    (found,) = site.monitor.reports()
    assert (found.name, found.limit, found.limit_source) == ("DcimCduSupplyAboveLimit", 40.0, "configuration")


def test_the_limits_of_a_site_file_say_nothing_of_a_namesake_at_another_site() -> None:
    site = Site()
    site.monitor.use_site(hall(("site: t1", "site: t2")), Thermal(supply_limit_celsius=40.0))
    for _ in range(int(load_table().problems["DcimCduSupplyAboveLimit"].hold_s) + 2):
        site.seq += 1
        one = batch("cdu-1", seq=site.seq, values={SUPPLY: 41.0}, time_ms=int((WALL_S + site.now) * 1000))
        site.latest.apply_batch("cas1", one, resolve(one, site.keys), site.now, WALL_S + site.now)
        site.monitor.evaluate()
        site.now += 1.0
    assert site.monitor.reports() == []


def test_everybody_who_listens_hears_of_what_the_collector_says_of_itself() -> None:
    site, heard = Site(), [list[str](), list[str]()]
    site.monitor.listeners += [lambda each, to=to: to.append(each.problem.name) for to in heard]  # type: ignore[misc]
    site.own = [("dcim_collector_behind", {}, 1.0)]
    for _ in range(int(load_table().problems["DcimCollectorBehind"].hold_s) + 1):
        site.monitor.evaluate()
        site.now += 1.0
    assert heard == [["DcimCollectorBehind"]] * 2
    assert [each.name for each in site.monitor.reports()] == ["DcimCollectorBehind"]


async def test_after_a_restart_reported_problems_are_known_with_their_time_and_who_was_notified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "problems.json"
    before = Site(path)
    before.smoke(1.0)
    (problem,) = before.monitor.tracker.active()
    key, problem.peak = problem.key, 2.0
    before.monitor.files.notified(URL).add(key)
    async with kept(before, monkeypatch):
        await eventually(path.exists, "it is saved")
    assert b"secret" not in path.read_bytes()
    after = Site(path)
    after.now += 50.0
    await after.monitor.files.load()
    (found,) = after.monitor.tracker.active()
    assert (found.key, found.since_s, found.value, found.peak) == (key, WALL_S + 100.0, 1.0, 2.0)
    assert after.monitor.files.notified(URL) == {key}
    assert after.monitor.files.notified("http://another/") == set()
    assert after.reported() == ["cdu-07"], "it goes on until its readings are there"


async def test_who_was_notified_and_what_will_soon_be_reported_is_saved_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the values, once a minute: a kill would have everybody notified again, or a problem reported late."""
    site, path = Site(tmp_path / "problems.json"), tmp_path / "problems.json"
    site.smoke(1.0)
    async with kept(site, monkeypatch):
        await eventually(path.exists, "saved")
        (problem,) = site.monitor.tracker.active()
        site.now += 1.0
        site.monitor.files.notified(URL).add(problem.key)
        await eventually(lambda: any(read_present(path).notified.values()), "who was notified")
        held = "DcimDeviceUnreachable", labels_of({"site": "cas1", "device": "cdu-09"})
        site.monitor.tracker.update(("device", "cas1", "cdu-09"), {held: 1.0}, site.now)
        site.now += files_module.KEPT_HOLD_S
        await eventually(lambda: [each.name for each in read_present(path).holding] == [held[0]], "what holds")


async def test_a_file_that_cannot_be_written_is_a_failing_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path / "missing" / "problems.json")
    site.smoke(1.0)
    async with kept(site, monkeypatch):
        await eventually(lambda: site.failures.failing().get(files_module.FILE_PART, False), "counted")


async def test_a_restart_delays_what_was_about_to_be_reported_by_the_time_away_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "problems.json"
    hold_s = int(load_table().problems["DcimDeviceUnreachable"].hold_s)

    def down(site: Site, seconds: int) -> bool:
        """Whether a PDU is reported that does not answer for so long."""
        for _ in range(seconds):
            site.seq += 1
            made = batch("pdu-1", seq=site.seq, error="timeout", time_ms=int((WALL_S + site.now) * 1000))
            site.latest.apply_batch("cas1", made, resolve(made, site.keys), site.now, WALL_S + site.now)
            site.monitor.evaluate()
            site.now += 1.0
        return "DcimDeviceUnreachable" in {each.problem.name for each in site.monitor.tracker.active()}

    before, unsaved = Site(path), Site()
    assert not down(before, hold_s - 5)
    async with kept(before, monkeypatch):
        await eventually(path.exists, "it is saved")
    after = Site(path)
    await after.monitor.files.load()
    after.now += 60.0  # the collector was away
    assert not down(after, 1)
    (holding,) = after.monitor.tracker.holding()
    assert holding.began_to_hold_s == WALL_S + 100.0, "since it began, not since the restart"
    assert (down(unsaved, 9), down(after, 9)) == (False, True)


async def test_after_a_restart_the_problems_of_an_agent_that_is_forgotten_end_as_those_of_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was heard of, so its readings are not waited for."""

    def down(site: Site) -> bool:
        site.monitor.evaluate()
        return "DcimAgentDown" in {each.problem.name for each in site.monitor.tracker.active()}

    path = tmp_path / "problems.json"
    before = Site(path)
    before.latest.apply_status(status(online=False), before.now)
    assert not down(before)
    before.now += 11.0
    assert down(before)
    async with kept(before, monkeypatch):
        await eventually(path.exists, "it is saved")
    heard, unheard = Site(path), Site(path)
    for after in heard, unheard:
        await after.monitor.files.load()
    heard.latest.apply_status(status(), heard.now)
    heard.latest.note_disconnected(heard.now)  # so nobody knows whether it is up
    heard.monitor.evaluate()
    heard.latest.remove_agent("cas1", "gw-3")
    for after in heard, unheard:
        assert down(after)
        after.now += load_table().problems["DcimAgentDown"].keep_s + 1.0
    assert not down(heard)
    assert down(unheard), "what is not there yet is not gone"


async def test_what_ended_while_the_disk_refused_is_written_when_it_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    site = Site(folder / "problems.json")
    site.smoke(1.0)
    site.now += 1.0
    site.smoke(0.0)
    site.now += KEEP_S
    assert site.smoke(0.0) == []
    history, _ = history_files(folder / "problems.json")
    async with kept(site, monkeypatch):
        await eventually(lambda: site.failures.failing().get("problems_file", False), "the folder is not there")
        folder.mkdir()
        await eventually(lambda: history.exists() and len(read_history(history)) == 1, "it is written")
    (ended,) = read_history(history)
    assert (ended.name, ended.since_s, ended.ended_s) == ("DcimSmoke", WALL_S + 100.0, WALL_S + 101.0 + KEEP_S)
    after = Site(folder / "problems.json")
    after.now = site.now
    await after.monitor.files.load()
    assert after.monitor.history.since(0.0, WALL_S + after.now) == [ended]


async def test_a_state_that_cannot_be_read_keeps_no_collector_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "problems.json"
    for text in (b"", b"{", b'{"version": 1}', b"\xff"):
        path.write_bytes(text)
        site = Site(path)
        await site.monitor.files.load()
        assert site.smoke(1.0) == ["cdu-07"]
