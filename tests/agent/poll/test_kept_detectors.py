"""A restart of the agent does not end the fault of a leak detector that gives no reading."""

import json
import logging
from pathlib import Path

import pytest

from agent.config import Device
from agent.poll import KeptDetectors, SnmpPoller
from agent.poll.leak_detectors import FAULT_AFTER_S, GONE_AFTER_S, KEEP_AGAIN_S, REMEMBERED_S, LeakDetectors
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME
from agent.readings import Identity, Readings
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.test_leak_detectors import DRY, FAULT, PROFILE, ROOT, plan_of
from tests.servers.waiting import wait_until

SERIAL = Identity(serial="A1")


class Agent:
    """An agent that polls one device each second; `restart` begins a new one, whose monotonic clock has another zero."""

    def __init__(self, path: Path) -> None:
        self.path, self.wall_s, self.now_s = path, 1.7e9, 1000.0
        self.restart()

    def restart(self, *names: str, away_s: float = 5.0, identity: Identity = SERIAL) -> None:
        self.wall_s += away_s
        self.now_s = 10.0
        kept = KeptDetectors(self.path, lambda: self.now_s, lambda: self.wall_s)
        self.detectors: LeakDetectors = kept.of("cdu-1")
        self.detectors.opened(identity, self.now_s)
        self.detectors.begin(plan_of(*(names or ("a",))))

    def poll(self, values: dict[str, float] | None = None, seconds: int = 1) -> dict[str, float]:
        """The readings of the last of these polls."""
        readings = Readings()
        for _ in range(seconds):
            readings = Readings(values=dict(values or {}))
            self.now_s += 1
            self.wall_s += 1
            self.detectors.report("safety", readings, self.now_s)
        return readings.values

    def pass_by(self, seconds: float) -> None:
        """Time without polls."""
        self.now_s += seconds
        self.wall_s += seconds

    def saved_at(self, wall_s: float) -> None:
        """Wait until the file is of this time or later."""

        def is_new() -> bool:
            devices = json.loads(self.path.read_bytes())["devices"] if self.path.exists() else {}
            return bool(devices and devices["cdu-1"]["kept_at"] >= wall_s)

        wait_until(is_new, "the file is new")

    def saved(self, *, is_fault: bool) -> None:
        """Wait until the file says this of the detector."""

        def says() -> bool:
            text = self.path.read_text(encoding="latin-1") if self.path.exists() else ""
            return '"cdu-1"' in text and f'"is_fault":{json.dumps(is_fault)}' in text

        wait_until(says, "the file has it")


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "outbox.detectors")


def test_a_fault_goes_on_over_a_restart_and_ends_with_the_first_reading(agent: Agent) -> None:
    agent.poll(DRY)
    assert agent.poll(seconds=int(FAULT_AFTER_S) + 2) == {FAULT: 1.0}
    agent.saved(is_fault=True)
    agent.restart()
    assert agent.poll() == {FAULT: 1.0}
    assert agent.poll(DRY) == DRY | {FAULT: 0.0}
    agent.saved(is_fault=False)
    agent.restart()
    assert agent.poll(DRY) == DRY


def test_a_detector_that_is_silent_from_the_start_of_the_agent_on_is_a_fault_after_a_minute(agent: Agent) -> None:
    agent.poll(DRY)
    agent.saved(is_fault=False)
    agent.restart()
    assert agent.poll(seconds=int(FAULT_AFTER_S) - 1) == {}
    assert agent.poll(seconds=3) == {FAULT: 1.0}


def test_one_that_its_device_does_not_list_any_more_is_a_fault_for_a_day(agent: Agent) -> None:
    agent.poll(DRY)
    agent.saved(is_fault=False)
    agent.restart("b")
    other = {"dcim_leak_detected{sensor=b}": 0.0}
    assert agent.poll(other, seconds=int(GONE_AFTER_S)) == other, "b may be a, with another name"
    agent.restart(away_s=REMEMBERED_S + 1)
    assert agent.poll(seconds=2 * int(GONE_AFTER_S)) == {}


def test_detectors_that_have_answered_for_days_are_known_after_a_restart(agent: Agent) -> None:
    agent.poll(DRY)
    for _ in range(3 * 24):
        agent.pass_by(3600.0)
        agent.poll(DRY)
    agent.saved_at(agent.wall_s - KEEP_AGAIN_S)
    agent.restart()
    assert agent.poll(seconds=int(FAULT_AFTER_S) + 2) == {FAULT: 1.0}


def test_a_fault_of_days_goes_on_over_a_restart_while_the_device_lists_its_detector(agent: Agent) -> None:
    agent.poll(DRY)
    agent.poll(seconds=int(FAULT_AFTER_S) + 2)
    for _ in range(3 * 24):
        agent.pass_by(3600.0)
        assert agent.poll() == {FAULT: 1.0}
    agent.saved_at(agent.wall_s - KEEP_AGAIN_S)
    agent.restart()
    assert agent.poll() == {FAULT: 1.0}
    agent.restart("b")
    other = {"dcim_leak_detected{sensor=b}": 0.0}
    assert agent.poll(other) == other, "nor is it one as soon as it is not listed"


def test_an_agent_that_was_off_for_a_day_has_forgotten_its_detectors(agent: Agent) -> None:
    agent.poll(DRY)
    agent.saved(is_fault=False)
    agent.restart(away_s=REMEMBERED_S + 1)
    assert agent.poll(seconds=2 * int(FAULT_AFTER_S)) == {}


def test_a_device_without_detectors_has_no_file(agent: Agent) -> None:
    agent.poll({"dcim_leak_detected{sensor=c}": 0.0}, seconds=3)
    agent.pass_by(KEEP_AGAIN_S)
    agent.poll(seconds=3)
    assert not agent.path.exists()


def test_what_the_device_of_before_had_is_nothing_to_another_one(agent: Agent) -> None:
    agent.poll(DRY)
    agent.poll(seconds=int(FAULT_AFTER_S) + 2)
    agent.saved(is_fault=True)
    agent.restart(identity=Identity(serial="B7"))
    assert agent.poll(seconds=2 * int(FAULT_AFTER_S)) == {}


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'{"version": 2, "devices": {}}', b'{"version": 1, "devices": {"a": 1}}']
)
def test_a_damaged_file_costs_no_more_than_what_it_had(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "outbox.detectors").write_bytes(content)
    agent = Agent(tmp_path / "outbox.detectors")
    agent.poll(DRY)
    agent.saved(is_fault=False)


def test_a_folder_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent(tmp_path / "none" / "outbox.detectors")
    with caplog.at_level(logging.WARNING):
        agent.poll(DRY)
        wait_until(lambda: "cannot be written" in caplog.text, "it is logged")
    assert agent.poll(seconds=int(FAULT_AFTER_S) + 2) == {FAULT: 1.0}


async def test_a_poller_goes_on_with_the_fault_that_the_one_before_it_had(tmp_path: Path) -> None:
    path, clock = tmp_path / "outbox.detectors", iter(float(at) for at in range(1000, 100_000))
    now_s = next(clock)

    def seconds() -> float:
        return now_s

    device = Device(id="cdu-1", host="h", credential="c", profile="leaking")
    client = MemorySnmp(
        {SYS_UPTIME: 500, SYS_OBJECT_ID: f"{ROOT}.2", f"{ROOT}.2.0": 20, f"{ROOT}.1.1.1": 1, f"{ROOT}.1.2.1": b"a"}
    )
    found: list[dict[str, float]] = []
    for silent_polls in (int(FAULT_AFTER_S) + 2, 1):
        kept = KeptDetectors(path, seconds)
        poller = SnmpPoller(device, {"leaking": PROFILE}, client, seconds, detectors=kept.of("cdu-1"))
        await poller.open()
        if silent_polls > 1:
            assert (await poller.poll("safety", 1e9)).values == DRY
            client.values[f"{ROOT}.1.1.1"] = 77
        last: dict[str, float] = {}
        for _ in range(silent_polls):
            now_s = next(clock)
            last = (await poller.poll("safety", 1e9)).values
        found.append(last)
        wait_until(lambda: path.exists() and b"true" in path.read_bytes(), "the fault is saved")
    assert found == [{FAULT: 1.0}] * 2
