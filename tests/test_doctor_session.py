"""What `doctor` leaves of the session of a collector at the broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rackflow.process.broker import Broker
from rackflow.process.doctor import check_broker
from rackflow.process.mqtt import MqttConnection, Session
from tests.rackflow.process.test_mqtt import Heard
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    """Those of a collector and an agent, at a broker that gives each account one client."""
    names = {"collector": "pw", "gw-1": "pw"}
    with Mosquitto(tmp_path / "b", passwords=names, extra=["use_username_as_clientid true"]).serving() as server:
        collector, agent = (
            Broker.model_validate({"port": server.port, "username": name, "password": "pw"}) for name in names
        )
        yield collector, agent


async def say_online(agent: Broker) -> None:
    sent = Heard()
    async with MqttConnection(agent, "any", sent.callbacks()) as client:
        client.publish("rackflow/v1/t1/gw-1/status", b"online", retain=False)
        await eventually(lambda: sent.confirmed, "confirmed")


async def test_the_session_of_a_running_collector_keeps_its_subscription(accounts: tuple[Broker, Broker]) -> None:
    """`doctor` is in that session, and what it took back would be missing until the collector connects again."""
    (collector, agent), session, heard = accounts, Session(expiry_s=60, receive_maximum=3), Heard()
    async with MqttConnection(collector, "any", Heard().callbacks(), session=session) as client:
        assert await client.subscribe(["rackflow/v1/#"]) == []
    findings = await check_broker(collector, session=session, reads="rackflow/v1/#")
    assert [(each.check, each.status) for each in findings] == [("broker", "ok")]
    await say_online(agent)
    async with MqttConnection(collector, "any", heard.callbacks(), session=session):
        await eventually(lambda: heard.messages == [b"online"], "the collector gets it", timeout_s=10)


async def test_nothing_is_kept_for_a_collector_that_was_only_looked_at(accounts: tuple[Broker, Broker]) -> None:
    """Its session is begun by `doctor`; statuses would fill it until the collector is started one day."""
    (collector, agent), session, heard = accounts, Session(expiry_s=60, receive_maximum=3), Heard()
    findings = await check_broker(collector, session=session, reads="rackflow/v1/#")
    assert [(each.check, each.status) for each in findings] == [("broker", "ok"), ("broker rights", "warning")]
    await say_online(agent)
    async with MqttConnection(collector, "any", heard.callbacks(), session=session) as client:
        await client.subscribe(["other"])  # its answer comes behind everything that was kept
        assert heard.messages == []
