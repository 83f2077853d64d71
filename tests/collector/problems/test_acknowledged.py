"""Who has acknowledged a problem is read from Alertmanager's silences and shown; it hides nothing, and nothing depends on it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from collector.problems import acknowledged
from collector.problems.acknowledged import ACKNOWLEDGED_PART, AcknowledgementReader, Acknowledgements, Unread
from collector.problems.conditions import labels_of
from collector.problems.history import History
from collector.problems.maintenance import Maintenance, Window, load_windows
from collector.problems.push import Alertmanager as PushTarget
from collector.problems.report import describe
from collector.problems.silences import Silencer, is_of_window
from collector.problems.table import load_table
from collector.problems.tracker import Acknowledgement, Key, Tracker
from rackflow.process.bulkhead import Failures
from rackflow.process.stopping import stop_tasks
from tests.collector.documents import document, status
from tests.collector.problems.test_maintenance import lines
from tests.collector.problems.test_notified import hook, post, problems, said, shows, smoke
from tests.collector.running import Running, config_for, publish, publisher, running, until
from tests.servers.alertmanager import Alertmanager
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request

KEY: Key = "DcimSmoke", labels_of({"site": "s", "device": "cdu-07", "sensor": "1", "kind": "smoke"})
UNIT = "device", "s", "cdu-07"
SILENCE = {
    "id": "s-1",
    "status": {"state": "active"},
    "endsAt": "2100-01-01T00:00:00.000Z",
    "createdBy": "amina",
    "comment": "fan ordered",
}


def burning() -> Tracker:
    """Smoke at a device, active since second 10."""
    tracker = Tracker(load_table())
    tracker.update(UNIT, {KEY: 1.0}, 10.0)
    tracker.tick(10.0, 10.0)
    assert [each.key for each in tracker.active()] == [KEY]
    return tracker


def silenced(tracker: Tracker, *silences: str) -> dict[str, object]:
    """Its problem as Alertmanager shows it under these silences."""
    return {"labels": tracker.active()[0].alert_labels(), "status": {"silencedBy": list(silences)}}


def found_at(url: str) -> Any:  # noqa: ANN401 - JSON
    return request(url).json()


def shown(one: Running) -> dict[str, Any]:
    """The one problem of the API that is not in maintenance."""
    (found,) = [each for each in found_at(f"{one.url}/api/v1/problems")["problems"] if "maintenance" not in each]
    return dict(found)


def unread(one: Running) -> list[dict[str, str]]:
    return list(found_at(f"{one.url}/api/v1/site")["unread_alertmanagers"])


async def test_a_persons_silence_is_shown_with_its_problem_and_changes_nothing_else(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledged, "READ_S", 0.3)
    monkeypatch.setattr(acknowledged, "SETTLE_S", 0.1)
    file = tmp_path / "maintenance.yaml"
    file.write_text(lines(3600, "{device: cdu-08}"), encoding="utf-8")
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        async with hook() as (url, got):
            config = config_for(
                mosquitto.port,
                tmp_path,
                problems={"alertmanagers": [manager.url], "webhooks": [{"url": url}], "maintenance": str(file)},
            )
            async with running(config) as one, publisher(mosquitto.port) as client:
                await one.ready()
                await publish(client, status("cdu-07", "cdu-08"), document(), smoke(1, 1.0), smoke(2, 1.0, "cdu-08"))
                await shows(one, "DcimSmoke", "DcimSmoke")
                silence = await asyncio.to_thread(
                    manager.silence, "device=~cdu-0[0-7]", by="amina", comment="false alarm, <b>dust</b>"
                )
                await eventually(lambda: "acknowledged" in shown(one), "acknowledged")
                found = await asyncio.to_thread(shown, one)
                assert found["status"] == "active"
                assert found["labels"]["device"] == "cdu-07"
                assert found["acknowledged"]["by"] == "amina"
                assert found["acknowledged"]["comment"] == "false alarm, <b>dust</b>"
                page = (await one.get("/")).text
                assert "acknowledged by amina until" in page
                assert "false alarm, &lt;b&gt;dust&lt;/b&gt;" in page
                # The silence that the collector keeps for its window is no acknowledgement.
                (other,) = [each for each in await problems(one) if each["labels"]["device"] == "cdu-08"]
                assert "acknowledged" not in other
                await until(lambda: said(got) == [("DcimSmoke", "active")], "the webhook is notified all the same")
                history = (await asyncio.to_thread(found_at, f"{one.url}/api/v1/problems/history"))["items"]
                assert {(each["acknowledged_by"], each["maintenance"]) for each in history} == {
                    ("amina", ""),
                    ("", "W-7"),
                }
                await asyncio.to_thread(manager.expire, silence)
                await eventually(lambda: "acknowledged" not in shown(one), "withdrawn")


async def test_an_alertmanager_that_goes_away_costs_nothing_and_the_api_says_so_until_it_is_back(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledged, "READ_S", 0.3)
    monkeypatch.setattr(acknowledged, "SETTLE_S", 0.1)
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        config = config_for(mosquitto.port, tmp_path, problems={"alertmanagers": [manager.url]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await eventually(lambda: "DcimSmoke" in manager.alerts(), "notified")
            await asyncio.to_thread(manager.silence, "alertname=DcimSmoke", by="amina", comment="seen")
            await eventually(lambda: "acknowledged" in shown(one), "acknowledged")
            assert await asyncio.to_thread(unread, one) == []
            await asyncio.to_thread(manager.stop)
            await eventually(lambda: [each["url"] for each in unread(one)] == [manager.url], "away")
            found = await asyncio.to_thread(shown, one)
            assert found["acknowledged"]["by"] == "amina"  # nobody has withdrawn it, as far as is known
            assert (await one.get("/readyz")).status == 200
            await asyncio.to_thread(manager.start)
            await eventually(lambda: unread(one) == [], "back")


class FakeManager:
    """Answers requests as a test says, and counts them by path: what no real Alertmanager would answer."""

    def __init__(self, silences: bytes, alerts: bytes = b"[]") -> None:
        self.answers = {"/api/v2/silences": silences, "/api/v2/alerts": alerts}
        self.asked: list[str] = []

    @asynccontextmanager
    async def read_by(
        self, tracker: Tracker
    ) -> AsyncIterator[tuple[AcknowledgementReader, Acknowledgements, Failures]]:
        """A reader at work."""

        async def answer(got: web.Request) -> web.Response:
            self.asked.append(got.path)
            return web.Response(body=self.answers[got.path])

        app = web.Application()
        app.router.add_get("/api/v2/{what}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found, failures = Acknowledgements(), Failures()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        reader = AcknowledgementReader(url, lambda author, _: author.startswith("rackflow"), tracker, found, failures)
        task = asyncio.create_task(reader.run(), name="reader")
        try:
            yield reader, found, failures
        finally:
            await stop_tasks(task, within_s=1.0)
            await runner.cleanup()


def encoded(*documents: dict[str, Any]) -> bytes:
    return web.json_response([*documents]).body or b""  # type: ignore[return-value]


async def test_without_a_problem_nothing_is_asked_and_without_a_silence_only_for_silences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledged, "READ_S", 0.01)
    monkeypatch.setattr(acknowledged, "SETTLE_S", 0.0)
    tracker, fake = Tracker(load_table()), FakeManager(encoded({**SILENCE, "createdBy": "rackflow cas1"}))
    async with fake.read_by(tracker) as (reader, _, _):
        await asyncio.sleep(0.1)  # ten times as long as a read's interval
        assert fake.asked == []
        tracker.update(UNIT, {KEY: 1.0}, 10.0)
        (begun,) = tracker.tick(10.0, 10.0)
        reader.note(begun)
        await until(lambda: len(fake.asked) >= 3, "asked")
        assert set(fake.asked) == {"/api/v2/silences"}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[",
        b"{}",
        b"null",
        encoded({**SILENCE, "endsAt": "tomorrow"}),
        encoded({**SILENCE, "status": None}),
        b'[{"id": "\xff"}]',
        b"[" + b" " * 5_000_000 + b"]",
    ],
    ids=["nothing", "half", "no list", "null", "no time", "no state", "no text", "too large"],
)
async def test_an_answer_that_cannot_be_read_is_counted_and_said_and_what_was_known_stays(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledged, "READ_S", 0.01)
    tracker = burning()
    fake = FakeManager(encoded(SILENCE), encoded(silenced(tracker, "s-1")))
    async with fake.read_by(tracker) as (_, found, failures):
        await until(lambda: found.of(KEY, 0.0) is not None, "read")
        fake.answers["/api/v2/silences"] = answer
        await until(lambda: bool(found.unread()), "said")
        assert sum(failures.counts.values()) >= 1
        assert {part for part, _ in failures.counts} == {ACKNOWLEDGED_PART}
        assert found.of(KEY, 0.0) is not None
        fake.answers["/api/v2/silences"] = encoded(SILENCE)
        await until(lambda: not found.unread(), "read again")


async def test_of_several_silences_the_last_to_end_is_shown_and_long_texts_are_cut() -> None:
    tracker = burning()
    later = {**SILENCE, "id": "s-2", "endsAt": "2101-01-01T00:00:00Z", "createdBy": "b" * 9999, "comment": "c" * 9999}
    over = {**SILENCE, "id": "s-3", "endsAt": "2102-01-01T00:00:00Z", "status": {"state": "expired"}}
    alert = silenced(tracker, "s-1", "s-2", "s-3")
    other = {"labels": {"alertname": "DcimSmoke"}, "status": {"silencedBy": ["s-1"]}}
    fake = FakeManager(encoded(SILENCE, later, over), encoded(other, alert))
    async with fake.read_by(tracker) as (_, found, _):
        await until(lambda: found.of(KEY, 0.0) is not None, "read")
        shown_as = found.of(KEY, 0.0)
        assert shown_as is not None
        assert (shown_as.by, shown_as.comment) == ("b" * 100, "c" * 500)


async def test_an_alert_has_no_label_without_a_value_and_its_problem_is_found_all_the_same() -> None:
    """Alertmanager leaves out labels without a value."""
    tracker, (name, labels) = Tracker(load_table()), KEY
    key = name, (*labels, ("zone", ""))
    tracker.update(UNIT, {key: 1.0}, 10.0)
    tracker.tick(10.0, 10.0)
    alert = silenced(tracker, "s-1")
    shown_as = {"labels": {name: text for name, text in tracker.active()[0].alert_labels().items() if text}}
    async with FakeManager(encoded(SILENCE), encoded(alert | shown_as)).read_by(tracker) as (_, found, _):
        await until(lambda: found.of(key, 0.0) is not None, "read")


async def test_an_end_without_a_zone_is_utc_wherever_the_collector_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = burning()
    fake = FakeManager(encoded({**SILENCE, "endsAt": "2100-01-01T00:00:00"}), encoded(silenced(tracker, "s-1")))
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            async with fake.read_by(tracker) as (_, known, _):
                await until(lambda: known.of(KEY, 0.0) is not None, "read")
    finally:
        time.tzset()
    found = known.of(KEY, 0.0)
    assert found is not None
    assert found.until_s == datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def test_of_two_alertmanagers_the_acknowledgement_that_ends_last_is_shown_until_its_end() -> None:
    first, last = Acknowledgement("amina", "", 100.0), Acknowledgement("bo", "", 200.0)
    for silences in ((first, last), (last, first)):
        known = Acknowledgements()
        for number, silence in enumerate(silences):
            known.source(f"http://am-{number}").by_problem = {KEY: silence}
        assert [known.of(KEY, wall_s) for wall_s in (99.0, 100.0, 199.0, 200.0)] == [last, last, last, None]


async def test_an_alertmanager_is_asked_again_after_a_pause_whether_it_answers_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledged, "READ_S", 60.0)
    for silences, times in ((encoded(SILENCE), 2), (b"[", 1)):
        fake = FakeManager(silences)
        async with fake.read_by(burning()) as (_, found, failures):
            await until(lambda: len(fake.asked) >= times, "asked")  # noqa: B023 - waited for in this round
            await until(lambda: bool(failures.counts) == (times == 1), "its answer is taken")  # noqa: B023 - as above
            await asyncio.sleep(0.2)  # time for many more
            assert len(fake.asked) == times
            assert bool(found.unread()) == bool(failures.counts) == (times == 1)


def test_of_several_alertmanagers_each_that_does_not_answer_is_said() -> None:
    known = Acknowledgements()
    for name in ("one", "two", "three"):
        known.source(name).unread = None if name == "two" else Unread(name, 1.0, "away")
    assert [each.url for each in known.unread()] == ["one", "three"]


async def test_each_alert_and_each_problem_is_looked_at_also_the_last_one_of_a_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledged, "_SLICE", 1)
    tracker = burning()
    fake = FakeManager(encoded(SILENCE), encoded(silenced(tracker, "s-1")))
    async with fake.read_by(tracker) as (_, found, _):
        await until(lambda: found.of(KEY, 0.0) is not None, "read")


async def test_a_silenced_problem_that_another_one_explains_is_acknowledged_too(tmp_path: Path) -> None:
    """Alertmanager has its alert as inhibited and as silenced."""
    tracker = Tracker(load_table())
    lost: Key = "DcimFeedLost", labels_of({"site": "s", "feed": "A"})
    fed: Key = "DcimUpsOnBattery", labels_of({"site": "s", "feed": "A", "device": "ups-1"})
    for subject, key in ((("share", "DcimFeedLost"), lost), (("device", "s", "ups-1"), fed)):
        tracker.update(subject, {key: 1.0}, 10.0)
    tracker.tick(10.0 + max(tracker.get(key).problem.hold_s for key in (lost, fed)), time.time())  # type: ignore[union-attr]
    reports = [(each, describe(each, 0, "")) for each in tracker.active()]
    assert {each.key for each, _ in reports} == {lost, fed}
    with Alertmanager(tmp_path).serving() as manager:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(
                f"{manager.url}/api/v2/alerts",
                data=PushTarget(manager.url).body(reports, time.time()),
                headers={"Content-Type": "application/json"},
            ),
        ):
            pass
        await eventually(lambda: bool(manager.alerts()["DcimUpsOnBattery"]["status"]["inhibitedBy"]), "explained")
        await asyncio.to_thread(manager.silence, "alertname=DcimUpsOnBattery", by="amina", comment="known")
        found, failures = Acknowledgements(), Failures()
        reader = AcknowledgementReader(manager.url, lambda *_: False, tracker, found, failures)
        task = asyncio.create_task(reader.run(), name="reader")
        try:
            await until(lambda: found.of(fed, 0.0) is not None, "read", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=1.0)
    assert not failures.counts
    assert found.of(lost, 0.0) is None


async def test_an_alertmanager_without_answer_is_said_since_the_first_attempt_and_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledged, "READ_S", 0.01)
    found, failures = Acknowledgements(), Failures()
    url = "http://ops:secret@127.0.0.1:1/"
    reader = AcknowledgementReader(url, lambda *_: False, burning(), found, failures)
    task = asyncio.create_task(reader.run(), name="reader")
    try:
        await until(lambda: bool(found.unread()), "said")
        (at_first,) = found.unread()
        tried = failures.counts.total()
        await until(lambda: failures.counts.total() >= tried + 3, "tried again")
    finally:
        await stop_tasks(task, within_s=1.0)
    (later,) = found.unread()
    assert later.since_s == at_first.since_s
    assert "secret" not in f"{later.url} {later.error}"


async def test_when_the_last_problem_is_over_nothing_is_known_of_acknowledgements_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever had seen that fire has not seen the next one."""
    monkeypatch.setattr(acknowledged, "READ_S", 0.01)
    tracker = burning()
    fake = FakeManager(encoded(SILENCE), encoded(silenced(tracker, "s-1")))
    async with fake.read_by(tracker) as (_, found, _):
        await until(lambda: found.of(KEY, 0.0) is not None, "read")
        fake.answers["/api/v2/silences"] = b"["
        await until(lambda: bool(found.unread()), "said")
        tracker.update(UNIT, {}, 20.0)
        tracker.tick(20.0 + load_table().problems["DcimSmoke"].keep_s, 99.0)
        assert tracker.active() == []
        await until(lambda: not found.unread(), "forgotten")
        assert found.of(KEY, 0.0) is None


def test_an_acknowledgement_ends_by_itself_and_is_kept_with_what_ended_under_it() -> None:
    tracker, history = burning(), History()
    tracker.acknowledgement_of = lambda _, wall_s: Acknowledgement("amina", "", 30.0) if wall_s < 30.0 else None
    tracker.tick(20.0, 20.0)
    (problem,) = tracker.active()
    report = describe(problem, 0, "")
    assert report.acknowledged is not None
    assert (report.acknowledged.by, report.acknowledged.until) == ("amina", 30_000)
    tracker.tick(30.0, 30.0)
    assert describe(problem, 0, "").acknowledged is None
    tracker.tick(29.0, 29.0)
    tracker.update(UNIT, {}, 29.0)
    for changed in tracker.tick(29.0 + load_table().problems["DcimSmoke"].keep_s, 29.0):
        history.note(changed)
    (ended,) = history.since(0.0, 100.0)
    assert (ended.acknowledged_by, ended.maintenance) == ("amina", "")


def test_a_silence_is_of_a_window_by_its_author_or_by_the_window_s_id() -> None:
    window = Window.model_validate(
        {
            "id": "W-7",
            "until": "2026-11-26T10:00:00Z",
            "from": "2026-11-26T08:00:00Z",
            "match": {"feed": "A"},
            "why": "x",
        }
    )
    assert is_of_window("rackflow cas1", "W-8: gone from the file", "cas1", [window])
    assert is_of_window("rackflow cas2", "W-7: of the other collector", "cas1", [window])
    assert not is_of_window("rackflow team", "looking into it", "cas1", [window])
    assert not is_of_window("amina", "W-7: I know", "cas1", [window])


async def test_among_hundreds_of_other_silences_those_of_windows_are_found_again(tmp_path: Path) -> None:
    """An answer of this size comes in several pieces."""
    file, failures = tmp_path / "maintenance.yaml", Failures()
    file.write_text(lines(3600), encoding="utf-8")
    maintenance = Maintenance(file, failures)
    maintenance.windows = load_windows(file)
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        for number in range(20):
            silence = {
                "matchers": [{"name": "device", "value": f"d{number}", "isRegex": False}],
                "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "2100-01-01T00:00:00Z",
                "createdBy": "amina",
                "comment": "x" * 30_000,
            }
            await post(f"{manager.url}/api/v2/silences", silence)
        task = asyncio.create_task(Silencer(manager.url, "cas1", maintenance, failures).run(), name="silencer")
        try:

            def own() -> list[dict[str, Any]]:
                found = found_at(f"{manager.url}/api/v2/silences")
                return [each for each in found if each["createdBy"] == "rackflow cas1"]

            await eventually(lambda: len(own()) == 1, "silenced")
            assert not failures.counts
        finally:
            await stop_tasks(task, within_s=1.0)


async def test_a_window_that_has_not_begun_silences_nothing_before_and_says_whose_it_is(tmp_path: Path) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    window = Window.model_validate(
        {
            "id": "W-9",
            "from": begins,
            "until": begins + timedelta(hours=2),
            "match": {"feed": "A"},
            "why": "breaker test",
            "by": "Amina",
        }
    )
    maintenance = Maintenance(None, Failures())
    maintenance.windows = [window]
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        task = asyncio.create_task(Silencer(manager.url, "cas1", maintenance, Failures()).run(), name="silencer")
        try:
            await eventually(lambda: found_at(f"{manager.url}/api/v2/silences"), "silenced")
            [silence] = found_at(f"{manager.url}/api/v2/silences")
        finally:
            await stop_tasks(task, within_s=1.0)
    assert (silence["status"]["state"], silence["comment"]) == ("pending", "W-9: breaker test (Amina)")
    times = [datetime.fromisoformat(silence[each]) for each in ("startsAt", "endsAt")]
    assert times == [begins, begins + timedelta(hours=2)]
