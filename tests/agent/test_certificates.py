"""An agent reports about itself whatever the disk under its certificates does."""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from agent.config import AgentConfig
from rackflow.process.certificates import EXPIRY, Certificate
from rackflow.process.config import check_config
from tests.agent.running import Devices, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    """When the disk answers; at the end, so that no thread of a test is left."""
    event = threading.Event()
    yield event
    event.set()


def on_disk_that_hangs(config: AgentConfig, answers: threading.Event) -> AgentConfig:
    class OnDiskThatHangs(AgentConfig):
        def certificates(self, of_broker: Sequence[Certificate] = ()) -> Mapping[str, Sequence[Certificate]]:
            assert of_broker == ()
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


def made(folder: Path, name: str) -> dict[str, str]:
    """A certificate of this name and its key."""
    files = {"cert_file": str(folder / f"{name}.crt"), "key_file": str(folder / f"{name}.key")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"]
    subprocess.run(
        [*command, "-keyout", files["key_file"], "-out", files["cert_file"]], check=True, capture_output=True
    )
    return files


def test_the_certificate_of_the_lease_is_one_of_an_agents(tmp_path: Path) -> None:
    """Once it has ended neither machine of a pair polls, and nobody would have been told before."""
    own, lease = made(tmp_path, "gw-1"), made(tmp_path, "gw-1-lease")
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "devices": [], "broker": {"tls": True, **own}}
    pairs: list[dict[str, object]] = [{}, {"pair": lease}, {"pair": {}}]
    alone, paired, shared = (check_config(whole | pair, AgentConfig, "test") for pair in pairs)
    found = [{each.subject for each in config.certificates()["agent"]} for config in (alone, paired, shared)]
    assert found == [{"gw-1"}, {"gw-1", "gw-1-lease"}, {"gw-1"}]
