"""What each account may do at the broker of deploy/mosquitto: the shipped files in a real mosquitto."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.mqtt import BrokerError, Will
from tests.servers.deployed_broker import DeployedBroker
from tests.servers.mqtt_account import DENIED, connected, die, with_password

ACCOUNTS = (
    *("cas1/gw-1", "cas1/gw-2", "cas2/gw-1"),
    *("rackflow-collector", "collector-cas1", "monitor", "stranger", "cas1/+", "cas1/#"),
)
OWN = "rackflow/v1/cas1/gw-1"
FOREIGN = (
    "rackflow/v1/cas2/gw-1/batch/ups-a1",  # other site
    "rackflow/v1/cas1/gw-2/batch/ups-a1",  # other agent
    "rackflow/v1/cas1/gw-2/event/ups-a1",
    "rackflow/v1/cas1/gw-2/device/ups-a1",
    "rackflow/v1/cas1/gw-2/status",
    "rackflow/v1/cas1/gw-10/status",
    "rackflow/v1/cas1/gw-1/stored/rackflow-collector",  # only collectors say what is stored
    "rackflow/v1/cas1/gw-1/stored/cas1/gw-1",
    "rackflow/v1/cas1/gw-1/batch",
    "rackflow/v1/cas1/gw-1/batch/ups-a1/more",
    "rackflow/v1/cas1/gw-1/other",
    "rackflow/v2/cas1/gw-1/batch/ups-a1",
    "anything",
    "$SYS/broker/uptime",
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[DeployedBroker]:
    with DeployedBroker(tmp_path / "broker", dict.fromkeys(ACCOUNTS, "pw")).serving() as server:
        yield server


async def test_an_agent_writes_its_own_topics_and_no_others(broker: DeployedBroker) -> None:
    own = [f"{OWN}/batch/ups-a1", f"{OWN}/event/ups-a1", f"{OWN}/device/ups-a1", f"{OWN}/status"]
    async with (
        connected(with_password(broker.port, "rackflow-collector")) as collector,
        connected(with_password(broker.port, "cas1/gw-1")) as agent,
    ):
        assert await collector.subscribe("rackflow/v1/#", "$SYS/broker/uptime", "anything") == []
        for topic in FOREIGN:
            assert await agent.publish(topic, b"forged", retain=True) == DENIED, topic
        for topic in own:
            assert await agent.publish(topic, b"own", retain=True) == 0, topic
        await collector.wait_for(own[-1], b"own")
    async with connected(with_password(broker.port, "rackflow-collector")) as later:
        await later.subscribe("rackflow/v1/#")
        await later.wait_for(own[-1], b"own")
        retained = {topic for topic, _ in later.received}
    assert {topic for topic, _ in collector.received if not topic.startswith("$SYS")} == set(own)
    assert b"forged" not in {payload for _, payload in collector.received}
    assert retained == set(own)


@pytest.mark.parametrize(
    "wish", ["#", "rackflow/#", "rackflow/v1/+/+/batch/+", "rackflow/v1/+/+/status", "$SYS/#", "$share/g/rackflow/v1/#"]
)
async def test_an_agent_reads_its_status_and_what_is_stored_of_its_own_messages_and_nothing_else(
    broker: DeployedBroker, wish: str
) -> None:
    """Mosquitto grants every subscription and filters what it delivers."""
    async with (
        connected(with_password(broker.port, "cas1/gw-2")) as other,
        connected(with_password(broker.port, "rackflow-collector")) as collector,
        connected(with_password(broker.port, "cas1/gw-1")) as agent,
    ):
        await other.publish("rackflow/v1/cas1/gw-2/device/ups-a1", b"retained", retain=True)
        await other.publish("rackflow/v1/cas1/gw-2/status", b"retained", retain=True)
        await agent.subscribe(wish, f"{OWN}/stored/+", f"{OWN}/status")
        await agent.publish(f"{OWN}/status", b"own")
        await other.publish("rackflow/v1/cas1/gw-2/batch/ups-a1", b"foreign")
        await collector.publish("rackflow/v1/cas1/gw-2/stored/rackflow-collector", b"foreign")
        await agent.publish(f"{OWN}/batch/ups-a1", b"own")
        await collector.publish(f"{OWN}/stored/rackflow-collector", b"durable")
        await agent.wait_for(f"{OWN}/stored/rackflow-collector", b"durable")
    assert set(agent.received) == {(f"{OWN}/status", b"own"), (f"{OWN}/stored/rackflow-collector", b"durable")}


async def test_nobody_takes_over_the_collectors_session(broker: DeployedBroker) -> None:
    """The thief gives the collector's client id, which would end its connection and hand over its queue."""
    async with connected(with_password(broker.port, "cas1/gw-1")) as agent:
        async with connected(
            with_password(broker.port, "rackflow-collector"), "rackflow-collector", session=True
        ) as collector:
            await collector.subscribe("rackflow/v1/#")
            for name in ("cas1/gw-2", "collector-cas1", "monitor"):
                async with connected(with_password(broker.port, name), "rackflow-collector", session=True) as thief:
                    assert not thief.resumed
            await agent.publish(f"{OWN}/status", b"1")
            await collector.wait_for(f"{OWN}/status", b"1")
        assert await agent.publish(f"{OWN}/status", b"2") == 0  # queued for the collector's session
        async with connected(with_password(broker.port, "stranger"), "rackflow-collector", session=True) as thief:
            assert not thief.resumed
        async with connected(
            with_password(broker.port, "rackflow-collector"), "rackflow-collector", session=True
        ) as again:
            assert again.resumed
            await again.wait_for(f"{OWN}/status", b"2")
    assert thief.received == []


async def test_a_will_on_anothers_topic_is_not_published(broker: DeployedBroker) -> None:
    async with connected(with_password(broker.port, "rackflow-collector")) as collector:
        await collector.subscribe("rackflow/v1/#")
        thief = with_password(broker.port, "cas2/gw-1")
        await die(thief, Will(f"{OWN}/status", b"forged offline"))
        await die(thief, Will("rackflow/v1/cas2/gw-1/status", b"offline"))
        await collector.wait_for("rackflow/v1/cas2/gw-1/status", b"offline")
    assert collector.received == [("rackflow/v1/cas2/gw-1/status", b"offline")]


async def test_an_oversized_packet_ends_the_connection_and_reaches_nobody(broker: DeployedBroker) -> None:
    topic = f"{OWN}/batch/ups-a1"
    async with connected(with_password(broker.port, "rackflow-collector")) as collector:
        await collector.subscribe("rackflow/v1/#")
        async with connected(with_password(broker.port, "cas1/gw-1")) as agent:
            assert agent.packet_bytes - len(topic) - 10 > MAX_PAYLOAD_BYTES  # the contract's largest message fits
            assert await agent.publish(topic, b"x" * MAX_PAYLOAD_BYTES) == 0
            agent.send(topic, b"y" * agent.packet_bytes)
            assert "Packet too large" in await agent.lost()
        async with connected(with_password(broker.port, "cas1/gw-1")) as agent:
            await agent.publish(topic, b"last")
        await collector.wait_for(topic, b"last")
    assert [payload[:1] for _, payload in collector.received] == [b"x", b"l"]


async def test_a_collector_writes_only_what_it_has_stored(broker: DeployedBroker) -> None:
    async with connected(with_password(broker.port, "rackflow-collector")) as collector:
        for topic in (f"{OWN}/batch/ups-a1", f"{OWN}/status", f"{OWN}/stored/collector-cas1", "anything"):
            assert await collector.publish(topic, retain=True) == DENIED, topic
        # What the patterns for agents would give to a collector: topics of a site named as the account.
        for topic in ("rackflow/v1/rackflow-collector/batch/status", "rackflow/v1/rackflow-collector/status"):
            assert await collector.publish(topic, retain=True) == DENIED, topic
        assert await collector.publish(f"{OWN}/stored/rackflow-collector", retain=True) != DENIED


async def test_a_collector_of_one_site_reads_and_writes_no_other(broker: DeployedBroker) -> None:
    async with (
        connected(with_password(broker.port, "collector-cas1")) as collector,
        connected(with_password(broker.port, "cas1/gw-1")) as here,
        connected(with_password(broker.port, "cas2/gw-1")) as there,
    ):
        await collector.subscribe("rackflow/v1/#")
        await there.publish("rackflow/v1/cas2/gw-1/batch/ups-a1", b"foreign")
        await here.publish(f"{OWN}/batch/ups-a1", b"own")
        await collector.wait_for(f"{OWN}/batch/ups-a1", b"own")
        assert await collector.publish("rackflow/v1/cas2/gw-1/stored/collector-cas1") == DENIED
        assert await collector.publish(f"{OWN}/stored/rackflow-collector") == DENIED
        assert await collector.publish(f"{OWN}/stored/collector-cas1") != DENIED
    assert b"foreign" not in {payload for _, payload in collector.received}


async def test_the_monitor_reads_how_long_the_broker_runs_and_nothing_else(broker: DeployedBroker) -> None:
    async with (
        connected(with_password(broker.port, "cas1/gw-1")) as agent,
        connected(with_password(broker.port, "monitor")) as monitor,
    ):
        await agent.publish(f"{OWN}/status", retain=True)
        await monitor.subscribe("#", "$SYS/#")
        assert await monitor.publish("rackflow/v1/monitor/batch/status") == DENIED
        assert await monitor.publish(f"{OWN}/status") == DENIED
    assert {topic for topic, _ in monitor.received} == {"$SYS/broker/uptime"}


@pytest.mark.parametrize("name", ["cas1/+", "cas1/#"])
async def test_an_account_named_like_a_wildcard_can_do_nothing(broker: DeployedBroker, name: str) -> None:
    async with (
        connected(with_password(broker.port, "rackflow-collector")) as collector,
        connected(with_password(broker.port, "cas1/gw-1")) as agent,
        connected(with_password(broker.port, name)) as wildcard,
    ):
        await wildcard.subscribe("#")
        for topic in (f"{OWN}/batch/ups-a1", f"{OWN}/status"):
            assert await wildcard.publish(topic, b"forged", retain=True) == DENIED
        await collector.publish(f"{OWN}/stored/rackflow-collector")
        await agent.publish(f"{OWN}/status")
    assert wildcard.received == []


@pytest.mark.parametrize(
    ("username", "password"),
    [(None, None), ("cas1/gw-1", "wrong"), ("cas1/gw-1", None), ("cas1/gw-9", "pw"), ("", "pw")],
)
async def test_without_the_right_password_nobody_connects(
    broker: DeployedBroker, username: str | None, password: str | None
) -> None:
    # Copied, because a configuration with an empty name is refused before it comes to that.
    settings = with_password(broker.port, "cas1/gw-1", password or "pw").model_copy(update={"username": username})
    if password is None:
        settings = settings.model_copy(update={"password": None})
    with pytest.raises(BrokerError):
        async with connected(settings):
            pass
