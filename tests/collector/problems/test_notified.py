"""From a message to a notification: a running collector, a real Alertmanager, a webhook, and the API."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import jsonschema
import msgspec
import pytest
import yaml
from aiohttp import ClientSession, web

from collector import parts
from collector.config import CollectorConfig
from collector.problems import monitor, push
from rackflow import Batch
from rackflow.process.yaml import load_yaml_file
from tests.collector.documents import batch, document, status
from tests.collector.running import Running, config_for, ledger_locked, publish, publisher, running, until
from tests.servers.alertmanager import SHIPPED, Alertmanager
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import eventually
from tests.servers.web import request

SMOKE = "dcim_env_contact_active{kind=smoke,sensor=1}"
PLACE = {"site": "cas1", "room": "dh1", "row": "b", "rack": "b07", "device": "cdu-07"}
UP = 'dcim_device_up{site="cas1",room="dh1",row="b",rack="b07",device="cdu-07",agent="gw-3"}'
LABELS = {
    **PLACE,
    "kind": "smoke",
    "sensor": "1",
    "alertname": "DcimSmoke",
    "severity": "critical",
    "subsystem": "environment",
}


def smoke(seq: int, value: float, device: str = "cdu-07") -> Batch:
    return batch(device, seq=seq, values={SMOKE: value})


def telling(port: int, folder: Path, problems: dict[str, Any]) -> CollectorConfig:
    """A collector that tells of problems; smoke is over at once, for the sake of the tests' time."""
    limits = folder / "limits.yaml"
    limits.write_text("problems: {DcimSmoke: {keep_s: 0}}\n", encoding="utf-8")
    return config_for(port, folder, problems={"limits": str(limits), **problems})


@asynccontextmanager
async def hook(answer_status: int = 200, port: int = 0) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook: its address, and the documents it was sent."""
    got: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=answer_status)

    app = web.Application()
    app.router.add_post("/problems", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/problems", got
    finally:
        await runner.cleanup()


def said(got: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Name and status of each problem that a webhook was told of."""
    return [(each["name"], each["status"]) for document in got for each in document["problems"]]


async def problems(one: Running) -> list[dict[str, Any]]:
    document = cast("dict[str, Any]", (await one.get("/api/v1/problems")).json())
    return cast("list[dict[str, Any]]", document["problems"])


async def shows(one: Running, *names: str) -> None:
    def found() -> bool:
        document = cast("dict[str, Any]", request(f"{one.url}/api/v1/problems").json())
        return [each["name"] for each in document["problems"]] == list(names)

    await eventually(found, f"shows {names}")


async def test_smoke_reaches_alertmanager_with_the_labels_of_the_rule_and_ends_there(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "PULL_LAG_S", 0.5)
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        config = telling(mosquitto.port, tmp_path, {"alertmanagers": [manager.url]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await eventually(lambda: "DcimSmoke" in manager.alerts(), "notified")
            alert = (await asyncio.to_thread(manager.alerts))["DcimSmoke"]
            assert alert["labels"] == LABELS
            assert alert["annotations"]["description"] == (
                "Smoke detector 1 of cdu-07 at cas1/dh1 rack b07 is active. Send someone now."
            )
            await publish(client, smoke(2, 0.0))
            await eventually(lambda: "DcimSmoke" not in manager.alerts(), "ended")


async def test_a_collector_whose_ledger_cannot_be_written_says_so_until_it_can(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """It acknowledges nothing, and readings are shown for a while as if all were well."""
    limits = tmp_path / "own-limits.yaml"
    limits.write_text("problems: {DcimCollectorDiskFailing: {hold_s: 0, keep_s: 0}}\n", encoding="utf-8")
    config = config_for(mosquitto.port, tmp_path, problems={"limits": str(limits)})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        assert "dcim_collector_ledger_durable 1.0" in (await one.get("/metrics")).text
        with ledger_locked(config.ledger_path):
            await publish(client, status("cdu-07"), document(), smoke(1, 0.0))
            await shows(one, "DcimCollectorDiskFailing")
            assert "dcim_collector_ledger_durable 0.0" in (await one.get("/metrics")).text
        await shows(one)


async def test_a_collector_whose_store_does_not_answer_says_so(mosquitto: Mosquitto, tmp_path: Path) -> None:
    limits = tmp_path / "own-limits.yaml"
    limits.write_text("problems: {DcimStoreFailing: {hold_s: 0}}\n", encoding="utf-8")
    store: dict[str, object] = {"kind": "influxdb", "url": f"http://127.0.0.1:{free_port()}", "bucket": "b"}
    config = config_for(mosquitto.port, tmp_path, store=store, problems={"limits": str(limits)})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), smoke(1, 0.0))
        await shows(one, "DcimStoreFailing")
        (reported,) = await problems(one)
        assert reported["labels"] == {"store": "influxdb"}
        assert 'dcim_collector_store_available{store="influxdb"} 0.0' in (await one.get("/metrics")).text


SITE_FILE = """
site: cas1
electrical: {continuous_load_factor: 0.8, volts: 230, frequency_hertz: 50}
rooms: [{id: dh1}]
rows: [{id: b, room: dh1}]
racks: [{id: b07, row: b, design_power_w: 10_000}]
feeds: [{id: A}]
panels: [{id: panel-1, from: [A]}]
pdus: [{id: pdu-1, rack: b07, from: panel-1, breaker_a: 32}]
loops: [{id: tcs, kind: secondary, coolant: pg25, volume_m3: 0.4, racks: [b07]}]
cdus:
  - {id: cdu-07, secondary: tcs, rated_cooling_w: 100_000, agent: gw-3}
  - {id: cdu-08, secondary: tcs, rated_cooling_w: 100_000, agent: gw-3}
  - {id: cdu-09, secondary: tcs, rated_cooling_w: 100_000}
"""


async def test_devices_of_the_site_file_that_nobody_polls_are_reported_by_agent(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have no readings, so no other problem can name them. Panels, most of which have no meter, are not awaited."""
    monkeypatch.setattr(parts, "RECOUNT_S", 0.1)
    limits, site = tmp_path / "limits.yaml", tmp_path / "site.yaml"
    limits.write_text("problems: {DcimDevicesNeverHeard: {hold_s: 0, keep_s: 0}}\n", encoding="utf-8")
    site.write_text(SITE_FILE, encoding="utf-8")
    config = config_for(mosquitto.port, tmp_path, site_file=str(site), problems={"limits": str(limits)})

    def descriptions(one: Running) -> dict[str, str]:
        document = cast("dict[str, Any]", request(f"{one.url}/api/v1/problems").json())
        of = [each for each in document["problems"] if each["name"] == "DcimDevicesNeverHeard"]
        return {each["labels"].get("agent", ""): each["description"] for each in of}

    async def reported(one: Running, expected: dict[str, str]) -> None:
        await eventually(lambda: descriptions(one) == expected, f"shows {expected}")

    rest = (
        " were never heard of: no other alert can be raised for them. The status page names them."
        " Configure them at their agent and start it, or take them out of the site file."
    )
    unnamed = {"": f"Of the devices in the site file of cas1, 2{rest}"}

    def named(count: str) -> dict[str, str]:
        return {"gw-3": f"Of the devices in the site file of cas1 that agent gw-3 should poll, {count}{rest}"}

    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await reported(one, unnamed | named("2"))
        # A description is enough, before the first reading.
        await publish(client, status("cdu-07"), document())
        await reported(one, unnamed | named("1"))
        await publish(client, status("cdu-07", "cdu-08"), document("cdu-08"))
        await reported(one, unnamed)
        await one.reaches('dcim_collector_devices_never_heard{agent="gw-3",site="cas1"}', lambda value: value == 0)
        mosquitto.kill()
        await eventually(lambda: "devices_never_heard{" not in request(f"{one.url}/metrics").text, "unknown")


async def test_what_a_collector_finds_wrong_with_what_agents_send_is_a_problem_with_the_labels_of_its_metric(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Two processes under one name, a device that two agents poll, more series than allowed, and messages that never came."""
    limits = tmp_path / "own-limits.yaml"
    limits.write_text("problems: {DcimMessagesMissing: {hold_s: 0}}\n", encoding="utf-8")
    budgets = {"agent": {"cas1": {"gw-3": {"series": 21}}}}
    config = config_for(mosquitto.port, tmp_path, budgets=budgets, problems={"limits": str(limits)})
    labels = {
        "DcimAgentCloned": {"site": "cas1", "agent": "gw-3"},
        "DcimAgentOverBudget": {"site": "cas1", "agent": "gw-3"},
        "DcimDeviceContested": {"site": "cas1", "device": "cdu-07", "agent": "gw-stolen"},
        "DcimMessagesMissing": {"site": "cas1", "agent": "gw-3"},
    }
    series = [f"dcim_cdu_supply_temperature_celsius{{loop={number}}}" for number in range(20)]
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, document(), batch(seq=1), batch(seq=9, values=dict.fromkeys(series, 20.0)))
        await publish(client, msgspec.structs.replace(batch(), agent="gw-stolen"))
        await publish(client, *(status("cdu-07", epoch=epoch) for epoch in ("01JD5A", "01JD5B", "01JD5A")))

        def reported() -> dict[str, dict[str, str]]:
            found = cast("dict[str, Any]", request(f"{one.url}/api/v1/problems").json())["problems"]
            return {each["name"]: each["labels"] for each in found if each["name"] in labels}

        await eventually(lambda: reported() == labels, "all four")


async def test_the_api_and_the_page_show_a_problem_in_words(mosquitto: Mosquitto, tmp_path: Path) -> None:
    config = telling(mosquitto.port, tmp_path, {"runbook_base": "https://ops.example/"})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
        await shows(one, "DcimSmoke")
        answer = await one.get("/api/v1/problems")
        schema = json.loads((REPOSITORY / "rackflow/schema/problems.json").read_text(encoding="utf-8"))
        jsonschema.validate(answer.json(), schema)
        (problem,) = await problems(one)
        assert problem["labels"] == {**PLACE, "kind": "smoke", "sensor": "1"}
        assert problem["runbook"] == "https://ops.example/deploy/RUNBOOK.md#dcimsmoke"
        assert problem["status"] == "active"
        await eventually(lambda: "Send someone now." in page_of(one), "shown on the page")
        await publish(client, smoke(2, 0.0))
        await shows(one)


def page_of(one: Running) -> str:
    """The status page. Blocking."""
    return request(one.url).text


async def test_a_webhook_is_notified_once_of_a_beginning_and_once_of_its_end(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "SETTLE_S", 0.5)
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), *(smoke(seq, 1.0) for seq in range(1, 6)))
            await until(lambda: bool(said(got)), "notified")
            await publish(client, *(smoke(seq, 0.0) for seq in range(6, 9)))
            await until(lambda: len(said(got)) >= 2, "told of the end")
            await shows(one)
            assert said(got) == [("DcimSmoke", "active"), ("DcimSmoke", "ended")]


async def test_a_webhook_that_was_away_is_notified_of_the_present_state_when_it_is_back(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """One problem has ended meanwhile: nobody was told of it, so nobody is told of its end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/problems"
    config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07", "cdu-08"), smoke(1, 1.0), smoke(2, 1.0, "cdu-08"))
        await shows(one, "DcimSmoke", "DcimSmoke")
        await publish(client, smoke(3, 0.0))
        await shows(one, "DcimSmoke")
        async with hook(port=port) as (_, got):
            await until(lambda: bool(got), "notified")
            assert [(each["labels"]["device"], each["status"]) for each in got[0]["problems"]] == [("cdu-08", "active")]


async def test_what_flaps_at_its_limit_is_one_message(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07", "cdu-08"), document())
            for seq in range(1, 8, 2):
                await publish(client, smoke(seq, 1.0))
                await shows(one, "DcimSmoke")
                await publish(client, smoke(seq + 1, 0.0))
                await shows(one)
            # Another one follows, which is told after all that was to be told of the first.
            await publish(client, smoke(9, 1.0, "cdu-08"))
            await until(lambda: len(said(got)) >= 2, "told of the other one")
            assert [each["labels"]["device"] for document in got for each in document["problems"]] == [
                "cdu-07",
                "cdu-08",
            ]


async def test_a_restart_tells_nobody_again_and_forgets_nothing(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "SETTLE_S", 0.5)
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await until(lambda: bool(said(got)), "notified")
            (before,) = await problems(one)
            await until(config.problems_path.exists, "saved")
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.subscribed()
            (restored,) = await problems(one)
            assert restored["since"] == before["since"]
            await one.ready()
            await publish(client, smoke(2, 1.0))
            await one.reaches(UP, bool)
            await publish(client, smoke(3, 0.0))
            await until(lambda: len(said(got)) >= 2, "told of the end")
        assert said(got) == [("DcimSmoke", "active"), ("DcimSmoke", "ended")]


@pytest.mark.parametrize("text", ["", "{", '{"version": 1, "problems": [{"name": 7}], "seen": []}'])
async def test_a_state_file_that_cannot_be_read_keeps_nobody_from_starting(
    mosquitto: Mosquitto, tmp_path: Path, text: str
) -> None:
    config = config_for(mosquitto.port, tmp_path)
    config.problems_path.write_text(text, encoding="utf-8")
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
        await shows(one, "DcimSmoke")


async def test_shipped_inhibitions_fold_what_a_cause_explains(tmp_path: Path) -> None:
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        place = {"site": "s", "feed": "A"}
        alerts = [
            {"alertname": "DcimFeedLost", "severity": "critical", **place},
            {"alertname": "DcimDeviceUnreachable", "severity": "warning", "device": "pdu-1", "agent": "g", **place},
            {"alertname": "DcimUpsOnBattery", "severity": "warning", "device": "ups-1", **place, "feed": "B"},
            {"alertname": "DcimDeviceAlarmCritical", "severity": "critical", "device": "ups-1", **place},
            {"alertname": "DcimCduPumpFailed", "severity": "warning", "device": "cdu-1", "pump": "1", "site": "s"},
            *(
                {
                    "alertname": "DcimCduAlarmCritical",
                    "severity": "critical",
                    "device": "cdu-1",
                    "alarm": alarm,
                    "site": "s",
                }
                for alarm in ("pump", "reservoir_level")
            ),
        ]
        await post(f"{manager.url}/api/v2/alerts", [{"labels": each} for each in alerts])

        def states() -> dict[str, bool]:
            reported = cast("list[dict[str, Any]]", request(f"{manager.url}/api/v2/alerts").json())
            return {
                each["labels"].get("alarm", each["labels"]["alertname"]): bool(each["status"]["inhibitedBy"])
                for each in reported
            }

        wanted = {
            "DcimFeedLost": False,
            "DcimDeviceUnreachable": True,
            "DcimUpsOnBattery": False,
            "DcimDeviceAlarmCritical": False,
            "DcimCduPumpFailed": False,
            "pump": True,
            "reservoir_level": False,
        }
        await eventually(lambda: states() == wanted, "folded")


async def post(url: str, body: object) -> None:
    """One POST of JSON."""
    async with ClientSession() as session, session.post(url, json=body) as answer:
        assert answer.status == 200, await answer.text()


async def test_a_device_that_is_renamed_ends_its_problem_once_and_begins_it_once_under_its_new_name(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "SETTLE_S", 0.2)
    monkeypatch.setattr(monitor, "SWEEP_S", 0.5)
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await until(lambda: bool(said(got)), "notified")
            # The agent reads its new configuration: it clears the document of the old name.
            await client.publish("rackflow/v1/cas1/gw-3/device/cdu-07", b"", qos=1, retain=True)
            await publish(client, status("cdu-08"), document("cdu-08"), smoke(2, 1.0, "cdu-08"))
            await until(lambda: len(said(got)) >= 3, "told of the end of the old one")
            await publish(client, smoke(3, 1.0, "cdu-08"), smoke(4, 0.0, "cdu-08"))
            await until(lambda: len(said(got)) >= 4, "told of the end")
    reported = [(each["labels"]["device"], each["status"]) for document in got for each in document["problems"]]
    assert sorted(reported) == [("cdu-07", "active"), ("cdu-07", "ended"), ("cdu-08", "active"), ("cdu-08", "ended")]


async def test_a_fault_of_the_time_before_a_start_is_reported_with_the_first_message(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}]})
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 0.0))
            await one.reaches(UP, bool)
        async with publisher(mosquitto.port) as client:
            await publish(client, smoke(2, 1.0))
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.subscribed()
            await publish(client, smoke(3, 1.0), smoke(4, 1.0))
            await until(lambda: bool(said(got)), "notified")
            (problem,) = await problems(one)
            assert problem["since"] <= got[0]["time"]
    assert said(got) == [("DcimSmoke", "active")]


async def test_lost_mains_say_what_each_feed_carries_and_how_long_its_batteries_last(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    limits = tmp_path / "own-limits.yaml"
    limits.write_text("problems: {DcimMainsLost: {hold_s: 0}}\n", encoding="utf-8")
    config = config_for(mosquitto.port, tmp_path, problems={"limits": str(limits)})
    names = {"ups-a1": "A", "ups-a2": "A", "ups-b1": "B"}
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status(*names))
        for number, (name, feed) in enumerate(reversed(names.items())):
            state = "battery" if feed == "A" else "normal"
            values = {"dcim_ups_output_total_load_ratio": 0.4 + number / 10, "dcim_ups_battery_runtime_seconds": 1200.0}
            said = batch(name, seq=number + 1, values=values, states={"dcim_ups_output_source": state})
            await publish(
                client, msgspec.structs.replace(said, labels={**said.labels, "feed": feed}, device_class="ups")
            )

        def reported() -> bool:
            document = cast("dict[str, Any]", request(f"{one.url}/api/v1/problems").json())
            found = [each["description"] for each in document["problems"] if each["name"] == "DcimMainsLost"]
            left = " UPSs of feed A: 60% loaded, 20 min of battery. UPSs of feed B: 40% loaded, 20 min of battery. "
            # Before the sentence that says what to do.
            return (
                bool(found)
                and left in found[0]
                and ". " not in found[0].partition(left)[2].removesuffix(" Racks: b07.")
            )

        await eventually(reported, "the mains of feed A are lost, with what is left")


async def test_the_heartbeat_comes_once_in_each_interval_of_its_group(tmp_path: Path) -> None:
    """The shipped route, thirty times as fast, beside one that is due at each of its intervals.

    With `repeat_interval` as long as the interval it came in every other one only.
    """
    config = load_yaml_file(SHIPPED)
    (route,) = (each for each in config["route"]["routes"] if each["receiver"] == "heartbeat")
    seconds, faster = {"1m": 60, "30s": 30}, 30
    for key in ("group_interval", "repeat_interval"):
        route[key] = f"{1000 * seconds[route[key]] // faster}ms"
    always = {"matchers": ['alertname="Always"'], "receiver": "always", "repeat_interval": "1ms"}
    config["route"]["routes"].insert(0, route | always)
    async with hook() as (url, got):
        (receiver,) = (each for each in config["receivers"] if each["name"] == "heartbeat")
        receiver["webhook_configs"] = [{"url": url, "send_resolved": False}]
        config["receivers"].append(receiver | {"name": "always"})
        file = tmp_path / "alertmanager.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        with Alertmanager(tmp_path / "alertmanager", file).serving() as manager:
            names = ("Always", "DcimWatchdog")
            alerts = [{"labels": {"alertname": each, "severity": "info", "subsystem": "telemetry"}} for each in names]
            await asyncio.to_thread(
                request,
                f"{manager.url}/api/v2/alerts",
                body=json.dumps(alerts).encode(),
                headers={"Content-Type": "application/json"},
            )
            await until(lambda: [each["receiver"] for each in got].count("always") == 5, "five intervals")
    # The fifth of it may be on its way. With every other one left out there were three.
    assert [each["receiver"] for each in got].count("heartbeat") >= 4
