"""From a real broker into real stores: what breaks the contract stops nothing."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rackflow import encode
from tests.collector.documents import FLOW, PUMP, SUPPLY, agent_batch, batch, document, event, status
from tests.collector.running import config_for, publish, publisher, running, until
from tests.collector.store_contents import dead_letters, influx_store, points
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.prometheus import FIRST_SCRAPE_S, Prometheus
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import eventually

BASE = 'site="cas1",room="dh1",row="b",rack="b07",device="cdu-07"'
PREFIX = "rackflow/v1/cas1/gw-3"


async def test_batch_reaches_file_and_metrics(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """One batch is a point on disk and a sample on /metrics, with the identity beside it."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.subscribed()
        sent = batch(states={PUMP: "running"})
        await publish(client, status("cdu-07"), document(), sent)
        await eventually(lambda: len(points(tmp_path)) == 3, "points on disk")
        assert (
            f"dcim_cdu,agent=gw-3,device=cdu-07,rack=b07,room=dh1,row=b,site=cas1,loop=secondary \
supply_temperature_celsius=32.125 {sent.time}000000"
            in points(tmp_path)
        )
        name = "dcim_cdu_supply_temperature_celsius"
        assert await running_one.sample(f'{name}{{{BASE},loop="secondary"}}') == "32.125"
        assert await running_one.sample(f'dcim_cdu_pump_state{{{BASE},pump="1",state="running"}}') == "1"
        assert await running_one.sample(f'dcim_cdu_pump_state{{{BASE},pump="1",state="failed"}}') == "0"
        assert await running_one.sample(f'dcim_device_up{{{BASE},agent="gw-3"}}') == "1"
        assert await running_one.sample('dcim_agent_up{site="cas1",agent="gw-3"}') == "1"
        text = (await running_one.get("/metrics")).text
        assert 'vendor="Acme",model="L2L 100",serial="42",protocol="modbus",profile="aalc-rpu"} 1' in text
        safety = (await running_one.get("/metrics?class=safety")).text
        assert f'{name}{{{BASE},loop="secondary"}} 32.125\n' in safety
        assert "dcim_collector_mqtt_connected" in safety
        assert (await running_one.get("/readyz")).status == 200
        # The points are on disk before they are counted.
        await eventually(lambda: running_one.collector.stats().points_stored == 3, "counted")
        stats = running_one.collector.stats()
        assert (stats.messages_received, stats.points_stored, stats.devices_up) == (3, 3, ("cas1/cdu-07",))


async def test_influxdb_and_victoriametrics_give_the_same_values_back(
    mosquitto: Mosquitto,
    influxdb: InfluxDB,
    victoria_metrics: VictoriaMetrics,
    tmp_path: Path,
) -> None:
    """Two collectors on one broker, one per engine; states are strings here and one series each there."""
    other = {**influx_store(influxdb), "url": victoria_metrics.url, "dialect": "victoriametrics"}
    async with (
        running(config_for(mosquitto.port, tmp_path, influx_store(influxdb))) as first,
        running(config_for(mosquitto.port, tmp_path, other, client_id="second")) as second,
        publisher(mosquitto.port) as client,
    ):
        await first.ready()
        await second.ready()
        edge = event(PUMP, "running", "failed")
        sent = batch(values={SUPPLY: 32.125, FLOW: 0.0025}, states={PUMP: "failed"})
        await publish(client, sent, edge)
        rows = await eventually(lambda: influxdb.query("SELECT * FROM dcim_cdu GROUP BY *"), "rows in InfluxDB")
        assert {row["time"] for row in rows} == {sent.time}
        merged = {key: value for row in rows for key, value in row.items() if value is not None}
        assert merged["supply_temperature_celsius"] == 32.125
        assert merged["flow_cubic_meters_per_second"] == 0.0025
        assert merged["pump_state"] == "failed"
        assert merged["rack"] == "b07"
        events = await eventually(lambda: influxdb.query("SELECT * FROM dcim_event"), "the event")
        assert events[0]["new"] == "failed"
        assert events[0]["metric"] == "dcim_cdu_pump_state"
        found = await eventually(lambda: victoria_metrics.query("dcim_cdu_pump_state == 1"), "state series")
        assert [sample.labels["state"] for sample in found] == ["failed"]
        found = await eventually(lambda: victoria_metrics.query("dcim_cdu_flow_cubic_meters_per_second"), "flow")
        assert [(sample.value, sample.labels["loop"]) for sample in found] == [(0.0025, "secondary")]


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("batch/cdu-07", b"{", "decode"),
        ("batch/cdu-07", b"\xff\xfe", "decode"),
        ("batch/cdu-07", b'{"x":' * 100_000, "decode"),
        ("batch/cdu-07", b"", "decode"),
        ("batch/cdu-07", b'{"schema":2}', "schema"),
        ("batch/cdu-07", b"null", "schema"),
        ("batch/cdu-07", encode(batch()).replace(b"32.125", b"NaN"), "decode"),
        ("batch/cdu-07", encode(batch()).replace(b"32.125", b"1e999"), "schema"),
        ("batch/cdu-07", encode(batch()).replace(b"32.125", b'"hot"'), "schema"),
        ("batch/cdu-07", encode(batch()).replace(b'"class":"cdu"', b'"class":"agent"'), "schema"),
        ("batch/cdu-07", encode(batch()).replace(b'"b07"', b'"b 07\\n"'), "schema"),
        ("batch/cdu-07", b" " * 1_000_000, "size"),
        ("batch/cdu-08", encode(batch()), "topic"),
        ("event/cdu-07", b"{}", "schema"),
        ("device/cdu-07", b"{}", "schema"),
        ("status", encode(status()).replace(b'"site":"cas1"', b'"site":"cas2"'), "topic"),
    ],
)
async def test_what_breaks_the_contract_goes_to_the_dead_letters_and_the_flow_goes_on(
    mosquitto: Mosquitto,
    tmp_path: Path,
    topic: str,
    payload: bytes,
    reason: str,
) -> None:
    """It is kept with its reason, counted, acknowledged, and the next batch is stored."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.ready()
        await client.publish(f"{PREFIX}/{topic}", payload, qos=1)
        await publish(client, batch())
        await eventually(lambda: points(tmp_path), "the next batch")
        [entry] = dead_letters(tmp_path)
        assert (entry["reason"], entry["topic"], entry["payload_bytes"]) == (reason, f"{PREFIX}/{topic}", len(payload))
        assert base64.b64decode(entry["payload"]) == payload[: 64 * 1024]
        assert await running_one.sample(f'dcim_collector_message_failures_total{{reason="{reason}"}}') == "1.0"
    # Everything was acknowledged: the session brings nothing again.
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.subscribed()
        await publish(client, batch("cdu-99"))
        await until(lambda: running_one.collector.stats().messages_received > 0, "a message")
        assert running_one.collector.stats().messages_received == 1


async def test_single_readings_that_nobody_knows_are_skipped_alone(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Unknown metric, broken key, foreign label, wrong type, unknown state and reserved names cost only themselves."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.ready()
        values = {
            SUPPLY: 32.125,
            "dcim_cdu_magic_watts": 1.0,
            "dcim_cdu_flow_cubic_meters_per_second{loop=": 1.0,
            "dcim_cdu_flow_cubic_meters_per_second{site=x}": 1.0,
            PUMP: 3.0,
            "dcim_device_up": 1.0,
        }
        await publish(client, batch(values=values, states={PUMP: "dancing", "dcim_cdu_power_watts": "much"}))
        await eventually(lambda: len(points(tmp_path)) == 2, "points")
        failures = {"unknown_metric": 1, "key": 2, "type": 2, "reserved": 1, "state": 1}
        assert running_one.collector.stats().failures == failures
        assert not dead_letters(tmp_path)


async def test_what_an_agent_takes_back_is_forgotten(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """A cleared retained document, and a device that the agent no longer lists, leave /metrics; a silent one stays."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.subscribed()
        stats = running_one.collector.stats
        await publish(client, status("a", "b", "c"), document("a"), document("b"), document("c"), batch("c"))
        await until(lambda: stats().devices_unknown == ("cas1/a", "cas1/b"), "three devices")
        await client.publish(f"{PREFIX}/device/a", b"", qos=1, retain=True)
        await until(lambda: stats().devices_unknown == ("cas1/b",), "a is removed")
        await publish(client, status("c"))
        await until(lambda: stats().devices_unknown == (), "b is no longer configured")
        await publish(client, status("c", online=False))
        await until(lambda: stats().devices_unknown == ("cas1/c",), "c is unknown without its agent")
        assert await running_one.sample('dcim_agent_up{site="cas1",agent="gw-3"}') == "0"


async def test_prometheus_scrapes_it(
    mosquitto: Mosquitto,
    prometheus_for: Callable[[Sequence[str]], Prometheus],
    tmp_path: Path,
) -> None:
    """A real Prometheus takes /metrics without complaint and has the physical value."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.subscribed()
        values = {"dcim_agent_devices{state=up}": 1.0, "dcim_agent_polls_total{protocol=modbus}": 7.0}
        await publish(client, status("cdu-07"), document(vendor='A "quoted" \\ vendor\n'), batch(), agent_batch(values))
        server = await asyncio.to_thread(prometheus_for, [running_one.url.removeprefix("http://")])
        query = 'dcim_cdu_supply_temperature_celsius{device="cdu-07",loop="secondary"}'
        found = await eventually(lambda: server.query(query), "the sample", timeout_s=FIRST_SCRAPE_S)
        assert found[0].value == 32.125
        assert (await asyncio.to_thread(server.scrape_errors)) == []
        [info] = await asyncio.to_thread(server.query, "dcim_device_info")
        assert info.labels["vendor"] == 'A "quoted" \\ vendor\n'
        [polls] = await asyncio.to_thread(server.query, "dcim_agent_polls_total")
        assert (polls.value, "device" in polls.labels) == (7.0, False)
