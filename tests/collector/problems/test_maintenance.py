"""Maintenance windows: what they cover, which files are refused, and that nobody is told of what is in one, by any way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from collector.cli import main
from collector.doctor import examine
from collector.problems.conditions import labels_of
from collector.problems.config import WebhookConfig
from collector.problems.maintenance import (
    LOOK_S,
    MAX_WINDOWS,
    Maintenance,
    Window,
    load_windows,
    parse_windows,
    strange_names,
)
from collector.problems.push import Webhook
from collector.problems.report import describe
from collector.problems.table import load_table
from collector.problems.tracker import Key, TrackedProblem, Tracker
from rackflow import ConfigError
from rackflow.process.bulkhead import Failures
from rackflow.site import load_site
from tests.collector.derive.hall import HALL, hall
from tests.collector.documents import document, status
from tests.collector.problems.test_notified import hook, post, problems, said, shows, smoke
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.alertmanager import Alertmanager
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import eventually

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
UPS = {"site": "s", "feed": "A", "device": "ups-1", "state": "battery"}


@asynccontextmanager
async def reading(maintenance: Maintenance) -> AsyncIterator[None]:
    """Its file is read whenever it changes."""
    task = asyncio.create_task(maintenance.run(), name="maintenance")
    try:
        yield
    finally:
        task.cancel()


def window(**more: object) -> Window:
    """A window of feed A from 8 to 10 o'clock."""
    data = {"id": "W-1", "from": NOW, "until": NOW + timedelta(hours=2), "match": {"feed": "A"}, "why": "breaker test"}
    return Window.model_validate(data | more)


def at(hours: float) -> float:
    return (NOW + timedelta(hours=hours)).timestamp()


@pytest.mark.parametrize(
    ("one", "problem", "labels", "hours", "covered"),
    [
        (window(), "DcimUpsOnBattery", UPS, 0.0, True),
        (window(), "DcimUpsOnBattery", UPS, 1.99, True),
        (window(), "DcimUpsOnBattery", UPS, -0.01, False),
        (window(), "DcimUpsOnBattery", UPS, 2.0, False),
        (window(), "DcimUpsOnBattery", UPS | {"feed": "B"}, 1.0, False),
        (window(), "DcimLeakDetected", {"site": "s", "device": "leak-1"}, 1.0, False),
        (window(match={"feed": ["B", "A"], "device": "ups-1"}), "DcimUpsOnBattery", UPS, 1.0, True),
        (window(match={"feed": ["B", "A"], "device": "ups-2"}), "DcimUpsOnBattery", UPS, 1.0, False),
        (window(problems=["DcimUps*"]), "DcimUpsOnBattery", UPS, 1.0, True),
        (window(problems=["DcimUps*"]), "DcimPhaseDead", UPS, 1.0, False),
        (window(match={}, problems=["DcimUpsOnBattery"]), "DcimUpsOnBattery", UPS, 1.0, True),
        (window(match={}, problems=["DcimUpsOnBattery"]), "DcimUpsOnBatteryProlonged", UPS, 1.0, False),
    ],
)
def test_a_window_covers_its_problems_at_its_place_in_its_time(
    one: Window, problem: str, labels: dict[str, str], hours: float, *, covered: bool
) -> None:
    assert one.covers(problem, labels, at(hours)) is covered


HEAD = "version: 1\nwindows:\n  - id: W-1\n    why: breaker test\n"


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("    until: 2026-11-26T10:00:00\n    match: {feed: A}\n", "offset from UTC"),
        ("    from: 2026-11-26T10:00:00Z\n    until: 2026-11-26T09:00:00Z\n    match: {feed: A}\n", "ends before"),
        ("    from: 2026-11-26T10:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {feed: A}\n", "ends before"),
        ("    from: 2026-11-26T10:00:00Z\n    until: 2027-11-26T10:00:00Z\n    match: {feed: A}\n", "31 days"),
        ("    from: 2026-11-26T10:00:00Z\n    until: 2026-12-27T10:00:01Z\n    match: {feed: A}\n", "31 days"),
        ("    until: 2999-11-26T10:00:00Z\n    match: {feed: A}\n", "31 days"),
        ("    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {site: s}\n", "hides everything"),
        ("    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n", "hides everything"),
        ("    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    problems: ['*']\n", "hides everything"),
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    problems: [Dcim*]\n",
            "hides everything",
        ),
        # These would be in force and hide nothing.
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {device: []}\n",
            "match.device: is empty; give at least 1",
        ),
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {device: cdu-*}\n",
            "in device, which only `problems` understands",
        ),
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {device: [cdu-1, cdu-1*]}\n",
            "in device, which only `problems` understands",
        ),
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {rack: b0*}\n",
            "in rack, which only `problems` understands",
        ),
        ("    until: 20261126\n    match: {feed: A}\n", "until: is a number; write a time with its offset"),
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    problems: [DcimUpsOnBatery]\n",
            "no such problem; did you mean 'DcimUpsOnBattery'?",
        ),
        ("    until: 2026-11-26T10:00:00Z\n    mach: {feed: A}\n", "mach"),
        # It would be in force and match nothing, so that somebody is called to the work of a colleague.
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {feeed: A}\n",
            "label 'feeed'; did you mean 'feed'",
        ),
        # In Alertmanager it would be the severity of each problem, and would hide all of them.
        (
            "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {severity: critical}\n",
            "label 'severity'; use site, room",
        ),
        (
            "    from: 2026-11-26T08:00:00\n    until: 2026-11-26T10:00:00Z\n    match: {feed: A}\n",
            r"from: .*offset from UTC; write it like 2026-11-26T08:00:00\+01:00",
        ),
    ],
)
def test_a_window_that_hides_too_much_or_that_nobody_can_mean_is_refused(rest: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_windows(HEAD + rest, "maintenance.yaml")


def test_a_window_may_last_for_31_days_to_the_second() -> None:
    rest = "    from: 2026-11-26T10:00:00Z\n    until: 2026-12-27T10:00:00Z\n    match: {feed: A}\n"
    assert [each.id for each in parse_windows(HEAD + rest, "maintenance.yaml")] == ["W-1"]


def test_two_windows_of_one_name_are_refused() -> None:
    rest = "    from: 2026-11-26T08:00:00Z\n    until: 2026-11-26T10:00:00Z\n    match: {feed: A}\n"
    assert len(parse_windows(HEAD + rest, "x")) == 1
    with pytest.raises(ConfigError, match="W-1"):
        parse_windows(HEAD + rest + (HEAD + rest).partition("windows:\n")[2], "x")


def test_a_file_without_windows_has_none_and_so_has_a_missing_file(tmp_path: Path) -> None:
    assert parse_windows("version: 1\n", "x") == []
    assert load_windows(tmp_path / "maintenance.yaml") == []


def test_a_file_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "maintenance.yaml"
    for text, line in (("version: 1\nwindows: [{id: W-8}]\n", 2), ("version: [\n", 2)):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=f"{file}:{line}"):
            load_windows(file)


def test_a_file_that_cannot_be_reached_is_said_and_is_none_without_windows(tmp_path: Path) -> None:
    circle = tmp_path / "maintenance.yaml"
    circle.symlink_to(circle)
    with pytest.raises(ConfigError, match=r"maintenance\.yaml"):
        load_windows(circle)


NAMED = """version: 1
windows:
  - {id: W-1, until: 2026-11-26T10:00:00Z, from: 2026-11-26T08:00:00Z, match: {device: [cdu-1, cdu-11]}, why: w}
  - {id: W-2, until: 2026-11-26T10:00:00Z, from: 2026-11-26T08:00:00Z, match: {feed: A, rack: zz}, why: w}
  - {id: W-3, until: 2026-11-26T10:00:00Z, from: 2026-11-26T08:00:00Z, match: {site: elsewhere, device: x-1}, why: w}
  - {id: W-4, until: 2026-11-26T10:00:00Z, from: 2026-11-26T08:00:00Z, match: {room: [plant, zoo], row: [a, z]}, why: w}
"""


def test_a_name_that_the_site_file_does_not_have_is_said_by_check_doctor_and_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "maintenance.yaml").write_text(NAMED, encoding="utf-8")
    (tmp_path / "collector.yaml").write_text(
        f"broker: {{port: 1}}\nstore: {{kind: file, path: points}}\ndead_letter: {tmp_path}/dead.jsonl\n"
        f"site_file: {HALL}\nproblems: {{maintenance: maintenance.yaml}}\n",
        encoding="utf-8",
    )
    assert main(["check", str(tmp_path / "collector.yaml")]) == 0
    printed = capsys.readouterr()
    said = [line for line in (printed.out + printed.err).splitlines() if "window '" in line]
    assert [line.partition("window ")[2] for line in said] == [
        "'W-1': device 'cdu-11' is not in the site file; did you mean 'cdu-1'?",
        "'W-2': rack 'zz' is not in the site file; correct it, unless it is meant",
        "'W-4': row 'z' is not in the site file; correct it, unless it is meant",
        "'W-4': room 'zoo' is not in the site file; correct it, unless it is meant",
        *(f"'W-{at}' ended at 2026-11-26T10:00:00+00:00; nothing is in it any more" for at in (1, 2, 3, 4)),
    ]
    assert [each.found for each in examine(tmp_path / "collector.yaml") if each.check == "maintenance"] == [
        line.partition("maintenance: ")[2] for line in said[:4]
    ]


async def test_a_running_collector_logs_the_names_that_its_site_file_does_not_have(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "maintenance.yaml"
    file.write_text(NAMED, encoding="utf-8")
    # No broker is needed.
    config = config_for(free_port(), tmp_path, site_file=str(HALL), problems={"maintenance": str(file)})
    async with running(config):
        await until(lambda: "'zoo'" in caplog.text, "the windows are read")
    assert [line for line in caplog.messages if "is not in the site file" in line] == [
        f"maintenance path={file} window 'W-1': device 'cdu-11' is not in the site file; did you mean 'cdu-1'?",
        f"maintenance path={file} window 'W-2': rack 'zz' is not in the site file; correct it, unless it is meant",
        f"maintenance path={file} window 'W-4': row 'z' is not in the site file; correct it, unless it is meant",
        f"maintenance path={file} window 'W-4': room 'zoo' is not in the site file; correct it, unless it is meant",
    ]


def test_a_window_of_several_sites_is_looked_at_too() -> None:
    place = {"site": ["elsewhere", load_site(HALL).id], "device": "cdu-11"}
    assert list(strange_names([window(match=place)], load_site(HALL))) == [
        "window 'W-1': device 'cdu-11' is not in the site file; did you mean 'cdu-1'?"
    ]


def test_an_agent_of_the_site_file_is_a_device_that_a_window_may_name() -> None:
    """It reports about itself as a device of its own name."""
    site = hall(("{id: ups-b, ", "{id: ups-b, agent: gw-plant, "))
    found = list(strange_names([window(match={"device": ["gw-plant", "ups-b", "gw-other"]})], site))
    assert [line.partition(" is not")[0] for line in found] == ["window 'W-1': device 'gw-other'"]


async def test_everybody_who_asked_is_told_that_the_file_was_read(tmp_path: Path) -> None:
    """Each Alertmanager has a task that silences there: of a pair, the second one would have a new window a minute later."""
    file, told = tmp_path / "maintenance.yaml", list[str]()
    file.write_text(lines(3600), encoding="utf-8")
    windows = Maintenance(file, Failures())
    for name in ("first", "second"):
        windows.on_change(partial(told.append, name))
    async with reading(windows):
        await until(lambda: bool(windows.windows), "the windows are read")
    assert told == ["first", "second"]


async def test_a_file_of_another_site_names_twenty_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "maintenance.yaml"
    file.write_text(NAMED.replace("[cdu-1, cdu-11]", f"[{', '.join(f'x-{at}' for at in range(25))}]"), encoding="utf-8")
    windows = Maintenance(file, Failures())
    windows.site = load_site(HALL)
    async with reading(windows):
        await until(lambda: bool(windows.windows), "the windows are read")
    found = [line for line in caplog.messages if line.startswith("maintenance path")]
    assert (len(found), sum("is not in the site file" in line for line in found)) == (21, 20)
    assert found[-1].endswith("there are more such names; `rackflow-collector check` lists them")


def test_a_window_says_why_and_texts_and_windows_are_bounded() -> None:
    window(why="x" * 500)
    for wrong in ({"why": ""}, {"why": "x" * 501}, {"match": {"feed": ""}}, {"match": {"Feed": "A"}}):
        with pytest.raises(ValueError, match="validation error"):
            window(**wrong)
    one = "  - {id: W-%d, from: 2026-11-26T08:00:00Z, until: 2026-11-26T10:00:00Z, match: {feed: A}, why: w}\n"
    many = "version: 1\nwindows:\n" + "".join(one % number for number in range(MAX_WINDOWS))
    assert len(parse_windows(many, "x")) == 1_000
    with pytest.raises(ConfigError, match="1000"):
        parse_windows(many + one % MAX_WINDOWS, "x")


def test_a_silence_of_alertmanager_covers_what_the_window_does() -> None:
    """Texts are taken literally: a device `a.b` is not `axb`."""
    one = window(match={"feed": ["B", "A"], "device": "a.b"}, problems=["DcimUps*", "DcimSmoke"])
    regular = {"isRegex": True, "isEqual": True}
    assert one.matchers() == [
        {"name": "device", "value": r"a\.b", **regular},
        {"name": "feed", "value": "B|A", **regular},
        {"name": "alertname", "value": "DcimUps.*|DcimSmoke", **regular},
    ]
    assert [each["name"] for each in window().matchers()] == ["feed"]


def test_of_several_windows_the_one_that_ends_last_is_named() -> None:
    maintenance = Maintenance(None, Failures())
    early, late = window(), window(id="W-0", until=NOW + timedelta(hours=3))
    labels = labels_of(UPS)
    assert maintenance.window_of("DcimSmoke", labels, at(1.0)) is None
    for windows in ([early, late], [late, early]):
        maintenance.windows = windows
        assert maintenance.window_of("DcimSmoke", labels, at(1.0)) is late
        assert maintenance.window_of("DcimSmoke", labels_of(UPS | {"feed": "B"}), at(1.0)) is None


LOW: Key = "DcimUpsBatteryLow", labels_of(UPS | {"state": "low"})


class Reported:
    """What a webhook is sent of a battery that is low in a window."""

    def __init__(self) -> None:
        self.tracker = Tracker(load_table())
        self._webhook = Webhook(WebhookConfig(url="http://127.0.0.1:1/"), set())
        self.tracker.window_of = lambda problem, labels, wall_s: (
            window() if window().covers(problem, dict(labels), wall_s) else None
        )

    def __call__(self, wall_s: float, holding: Sequence[Key], *, silent: bool = False) -> list[str]:
        self.tracker.update(("device", "s", "ups-1"), dict.fromkeys(holding, 1.0), wall_s, is_silent=lambda _: silent)
        changed: list[TrackedProblem] = self.tracker.tick(wall_s, wall_s)
        reports = [(each, describe(each, 0, "")) for each in changed]
        body = self._webhook.body(reports, wall_s)
        self._webhook.note(reports)
        return [] if body is None else [report.status for _, report in reports]


def test_what_is_mended_within_its_window_is_not_reported_when_the_window_ends_and_is_if_it_comes_back() -> None:
    """It stays active for a minute after it was mended."""
    reported, key = Reported(), LOW
    assert reported(at(2.0) - 20.0, [key]) == reported(at(2.0) - 10.0, []) == reported(at(2.0) + 20.0, []) == []
    assert [each.key for each in reported.tracker.active()] == [key]
    assert reported(at(2.0) + 30.0, [key]) == ["active"]
    reported = Reported()
    assert reported(at(2.0) - 20.0, [key]) == reported(at(2.0) - 10.0, []) == reported(at(2.0) + 20.0, []) == []
    assert reported(at(2.1), []) == []
    assert reported.tracker.active() == []


@pytest.mark.parametrize("is_mended", [True, False])
def test_a_device_that_is_restarted_after_the_work_is_not_reported_when_the_window_ends(*, is_mended: bool) -> None:
    """It is silent then; what its last readings said counts."""
    reported, key = Reported(), LOW
    assert reported(at(2.0) - 20.0, [key]) == reported(at(2.0) - 10.0, [] if is_mended else [key]) == []
    assert reported(at(2.0) - 5.0, [], silent=True) == []
    assert [each.is_uncertain for each in reported.tracker.active()] == [True]
    assert reported(at(2.0) + 5.0, [], silent=True) == ([] if is_mended else ["uncertain"])
    assert reported(at(2.0) + 10.0, [key]) == (["active"] if is_mended else [])


def test_a_problem_that_outlasts_its_window_is_reported_when_the_window_ends() -> None:
    reported, key = Reported(), LOW
    assert reported(at(1.0), [key]) == []
    (tracked,) = reported.tracker.active()
    report = describe(tracked, 0, "")
    assert report.maintenance is not None
    assert (report.status, report.maintenance.id, report.maintenance.why) == ("active", "W-1", "breaker test")
    assert reported(at(1.9), [key]) == []
    assert reported(at(2.1), [key]) == ["active"]
    assert reported(at(2.2), [key]) == []
    assert reported(at(2.3), []) == ["ended"]


def test_the_end_of_a_problem_that_was_reported_before_its_window_is_reported() -> None:
    tracked = TrackedProblem(load_table().problems["DcimPhaseDead"], labels_of(UPS), ("u",), 1.0, 1.0, is_active=True)
    webhook = Webhook(WebhookConfig(url="http://127.0.0.1:1/"), set())
    assert webhook.body([(tracked, describe(tracked, 0, ""))], 1.0) is not None
    webhook.note([(tracked, describe(tracked, 0, ""))])
    tracked.is_active, tracked.ended_s, tracked.window = False, 1.0, window()
    assert webhook.body([(tracked, describe(tracked, 0, ""))], 2.0) is not None


def lines(until_s: float, match: str = "{device: cdu-07}") -> str:
    """A file with one window from now on."""
    until = (datetime.now(UTC) + timedelta(seconds=until_s)).isoformat()
    return f"version: 1\nwindows:\n  - {{id: W-7, until: {until}, match: {match}, why: pump exchange, by: ann}}\n"


async def test_no_side_notifies_of_problems_in_a_maintenance_window_until_it_is_withdrawn(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    file = tmp_path / "maintenance.yaml"
    file.write_text(lines(3600), encoding="utf-8")
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        async with hook() as (url, got):
            config = config_for(
                mosquitto.port,
                tmp_path,
                problems={
                    "alertmanagers": [manager.url],
                    "webhooks": [{"url": url}],
                    "maintenance": str(file),
                },
            )
            async with running(config) as one, publisher(mosquitto.port) as client:
                await one.ready()
                await publish(client, status("cdu-07", "cdu-08"), document(), smoke(1, 1.0), smoke(2, 1.0, "cdu-08"))
                await shows(one, "DcimSmoke", "DcimSmoke")
                # As Prometheus would tell of another problem of that device.
                alert = {"alertname": "DcimCoolingBlind", "severity": "critical", "site": "cas1", "device": "cdu-07"}
                await post(f"{manager.url}/api/v2/alerts", [{"labels": alert}])
                await eventually(
                    lambda: manager.alerts()["DcimCoolingBlind"]["status"]["state"] == "suppressed", "silenced"
                )
                await until(lambda: bool(said(got)), "told of the other one")
                assert [each["labels"]["device"] for each in got[0]["problems"]] == ["cdu-08"]
                windows = {each["labels"]["device"]: each.get("maintenance") for each in await problems(one)}
                assert windows["cdu-08"] is None
                assert windows["cdu-07"] is not None
                assert (windows["cdu-07"]["id"], windows["cdu-07"]["by"]) == ("W-7", "ann")
                page = (await one.get("/")).text
                assert "nobody is notified: pump exchange" in page
                file.write_text("version: 1\n", encoding="utf-8")
                await until(lambda: len(said(got)) == 2, "notified of what is still there", timeout_s=4 * LOOK_S)
                await eventually(
                    lambda: manager.alerts()["DcimCoolingBlind"]["status"]["state"] == "active", "not silenced"
                )


async def test_a_wrong_file_changes_nothing_and_counts_as_a_failing_part_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mended, it has as many bytes as before; and another device."""
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.5)
    file, failures = tmp_path / "maintenance.yaml", Failures()
    file.write_text(lines(3600), encoding="utf-8")
    maintenance = Maintenance(file, failures)

    def is_covered(device: str) -> bool:
        labels = labels_of({"device": device})
        return maintenance.window_of("DcimSmoke", labels, datetime.now(UTC).timestamp()) is not None

    async with reading(maintenance):
        await until(lambda: len(maintenance.windows) == 1, "read")
        assert not any(failures.failing().values())
        file.write_text("version: 1\nwindows: [{id: W-8}]\n", encoding="utf-8")
        await until(lambda: failures.failing()["maintenance"], "counted")
        assert [each.id for each in maintenance.windows] == ["W-7"]
        assert is_covered("cdu-07")
        counted = []
        for device in ("cdu-08", "cdu-09"):
            file.write_text(lines(3600, f"{{device: {device}}}"), encoding="utf-8")
            await until(partial(is_covered, device), "read again")
            counted.append(failures.counts.total())
        assert counted[1] == counted[0]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The errors in the log."""
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


async def test_a_wrong_file_is_logged_once_and_a_deleted_one_withdraws_its_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.1)
    file, failures = tmp_path / "maintenance.yaml", Failures()
    file.write_text(lines(3600), encoding="utf-8")
    maintenance = Maintenance(file, failures)

    def is_counted(times: int) -> bool:
        return failures.counts.total() >= times

    async with reading(maintenance):
        await until(lambda: len(maintenance.windows) == 1, "read")
        for number, wrong in enumerate(("version: 2\n", "version: 1\nwindows: [{id: W-8}]\n"), 1):
            enough = failures.counts.total() + 3
            file.write_text(wrong, encoding="utf-8")
            await until(partial(is_counted, enough), "looked at again and again")
            assert len(logged(caplog)) == number
            assert f"former ones stay in force: {file}:{number}" in logged(caplog)[-1]
        file.unlink()
        await until(lambda: not maintenance.windows, "withdrawn")


def test_a_problem_in_a_window_stands_for_none_outside_of_it() -> None:
    """In a drill feed A is taken off. Nobody is to be notified of that, but of the meter that is dark, which the window does not name."""
    window = parse_windows(
        "version: 1\nwindows: [{id: w, from: 1970-01-01T00:00:00Z, until: 1970-01-02T00:00:00Z, match: {feed: A}, why: drill}]\n",
        "maintenance.yaml",
    )[0]
    lost = "DcimFeedLost", labels_of({"site": "s", "feed": "A"})
    dark = "DcimDeviceUnreachable", labels_of({"site": "s", "feed": "A", "device": "pdu-1"})
    meter = "DcimMeterDark", labels_of({"site": "s", "device": "meter-1"})
    for drilled, wanted in (
        (False, {lost: None, dark: lost, meter: lost}),
        (True, {lost: None, dark: lost, meter: None}),
    ):
        tracker = Tracker(load_table())
        if drilled:
            tracker.window_of = lambda name, labels, wall_s: (
                window if window.covers(name, dict(labels), wall_s) else None
            )
        for now in (0.0, 200.0, 201.0):
            for number, key in enumerate((lost, dark, meter)):
                tracker.update(("test", str(number)), {key: 1.0}, now)
            tracker.tick(now, 1000.0 + now)
        assert {each.key: each.cause for each in tracker.active()} == wanted
