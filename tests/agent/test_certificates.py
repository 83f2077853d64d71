"""An agent reports about itself whatever the disk under its certificates does."""

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from agent.config import AgentConfig
from rackflow.process.certificates import EXPIRY, Certificate
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
