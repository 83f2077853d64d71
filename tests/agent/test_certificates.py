"""An agent says when the certificates end by which it and its broker know each other, whatever the disk under them does."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from agent.config import AgentConfig
from rackflow import Batch, decode
from rackflow.process.certificates import EXPIRY, Certificate, read_certificates
from tests.agent.running import Devices, config_for, listening, running
from tests.servers.deployed_broker import DeployedBroker, make_certificates
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_account import connected, with_certificate, with_password
from tests.servers.waiting import eventually


async def test_the_agents_report_has_the_ends_of_its_certificate_and_of_its_brokers(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    make_certificates(pki, "ca", "t1")
    make_certificates(pki, "broker", "localhost", days=40)
    make_certificates(pki, "agent", "t1/gw-1", days=30)
    own = pki / "agents" / "t1" / "gw-1.crt"
    with DeployedBroker(tmp_path / "broker", {"rackflow-collector": "pw"}, pki).serving() as server:
        broker = with_certificate(server.tls_port, pki / "ca.crt", own, host="localhost").model_dump()
        config = config_for(server, "ups-1", broker=broker)
        async with connected(with_password(server.port, "rackflow-collector")) as account:
            assert await account.subscribe("rackflow/v1/t1/gw-1/#") == []
            async with running(config, Devices()):
                await eventually(lambda: any(b"=broker," in each for _, each in account.received), "a report")
    report = next(decode(each, Batch) for _, each in account.received if b"=broker," in each)
    ends = {key: value for key, value in report.values.items() if key.startswith(EXPIRY)}
    assert ends == {
        f"{EXPIRY}{{component=agent,subject=t1/gw-1}}": read_certificates(own)[0].expires_s,
        f"{EXPIRY}{{component=broker,subject=broker}}": read_certificates(pki / "broker.crt")[0].expires_s,
    }


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    """When the disk answers; at the end, so that no thread of a test is left."""
    event = threading.Event()
    yield event
    event.set()


def on_disk_that_hangs(config: AgentConfig, answers: threading.Event) -> AgentConfig:
    class OnDiskThatHangs(AgentConfig):
        def certificates(self) -> Mapping[str, Sequence[Certificate]]:
            answers.wait()
            return {"agent": [Certificate("gw-1", 2_000_000_000.0)]}

    return OnDiskThatHangs.model_construct(**dict(config))


async def test_a_disk_that_hangs_under_its_certificate_does_not_take_the_agents_report_along(
    mosquitto: Mosquitto, answers: threading.Event
) -> None:
    config = on_disk_that_hangs(config_for(mosquitto, "ups-1"), answers)
    async with listening(mosquitto) as listener, running(config, Devices()):
        await eventually(lambda: len(listener.batches("gw-1")) >= 2, "two reports")
        assert not [key for key in listener.batches("gw-1")[-1].values if key.startswith(EXPIRY)]
        answers.set()
        end = f"{EXPIRY}{{component=agent,subject=gw-1}}"
        await eventually(lambda: end in listener.batches("gw-1")[-1].values, "the end of its certificate")
