"""What recognising and polling costs a device, over every recording: requests."""

from collections.abc import Sequence
from pathlib import Path

from agent.config import Device
from agent.lab.replay import RecordingClient, read_all
from agent.poll.probe_snmp import recognise_device
from agent.poll.snmp import SnmpPoller
from agent.snmp.seam import SnmpCommunity, SnmpTarget, SnmpValue
from rackflow.catalogue import POLL_SECONDS
from rackflow.errors import DeviceDecodeError
from rackflow.recording.snmprec import read_snmprec
from tests.agent.shipped import shipped_profiles

RECOGNISE_REQUESTS = 12
QUICK_REQUESTS = 20
"""In one poll of any class that comes round in less than a minute; outlets are read once a minute."""
VARBINDS = SnmpTarget("d", "h", 161, SnmpCommunity("2c", "public")).max_varbinds
PROFILES = shipped_profiles()


class Counting(RecordingClient):
    """Counts requests as a device of the usual limits sees them."""

    requests = 0
    walks = 0

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        self.requests += -(-len(oids) // VARBINDS)
        return await super().get(oids)

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        self.requests += 1
        return await super().get_next(oid)

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        self.walks += 1
        return await super().walk(oid, limit)


async def test_no_device_takes_many_requests_to_recognise(captures: Path) -> None:
    worst = {}
    for path in sorted((captures / "snmp").rglob("*.snmprec")):
        client = Counting(read_snmprec(path))
        await recognise_device(client, PROFILES.values())
        worst[path.stem] = client.requests
        assert not client.walks
    assert len(worst) > 200
    assert {name: count for name, count in worst.items() if count > RECOGNISE_REQUESTS} == {}


async def test_polls_of_the_largest_devices_are_few_requests_and_no_walks(captures: Path) -> None:
    sizes = {path: path.stat().st_size for path in (captures / "snmp").rglob("*.snmprec")}
    polled = 0
    for path in sorted(sizes, key=lambda path: -sizes[path])[:30]:
        records = read_snmprec(path)
        client = Counting(records)
        poller = SnmpPoller(Device(id="d", host="h", credential="c"), PROFILES, client)
        try:
            identified, _ = await read_all(poller, 1e9)
        except DeviceDecodeError:
            continue
        walks = client.walks
        for poll_class in sorted(identified.poll_classes):
            client.requests = 0
            await poller.poll(poll_class, 1e9)
            if POLL_SECONDS[poll_class] < POLL_SECONDS["slow"]:
                assert client.requests <= QUICK_REQUESTS, (path.stem, poll_class)
        assert client.walks == walks
        polled += 1
    assert polled > 20
