"""Recognition: probes before sysObjectID, vendors before the standard, refusals, and no match where there is none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from agent.lab.replay import RecordingClient
from agent.poll.probe_snmp import recognise_device
from agent.profile.normalising.cells import RawValue
from agent.profile.recognise import SYS_OBJECT_ID, matches, probe_oids
from agent.snmp.gufo import GufoClient
from agent.snmp.seam import SnmpCommunity, SnmpTarget, SnmpValue
from rackflow.errors import DeviceProtocolError
from rackflow.recording.snmprec import Record, parse_snmprec, read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.agent.shipped import shipped_profiles

MOST_REQUESTS = 12
RECORDINGS = Path(__file__).resolve().parents[3] / "simulator" / "recordings"
PROFILES = list(shipped_profiles().values())
UPS_MIB = "1.3.6.1.2.1.33.1.4.1.0"
POWERNET_UPS = "1.3.6.1.4.1.318.1.1.1.4.1.1.0"
RPDU2 = "1.3.6.1.4.1.318.1.1.26.4.3.1.5.1"


@pytest.mark.parametrize(
    ("answers", "best"),
    [
        ({UPS_MIB: 3}, "rfc1628-ups"),
        ({UPS_MIB: 3, SYS_OBJECT_ID: "1.3.6.1.4.1.8072.3.2.10"}, "rfc1628-ups"),
        ({UPS_MIB: 3, POWERNET_UPS: 2, SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.3.27"}, "apc-ups"),
        ({UPS_MIB: 3, POWERNET_UPS: 2}, "apc-ups"),
        ({RPDU2: 27, SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.3.4.6"}, "apc-rpdu2"),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.3.27"}, None),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.9.1.1"}, None),
        ({UPS_MIB: None}, None),
        ({}, None),
    ],
)
def test_the_most_specific_profile_that_fits_is_the_best(answers: dict[str, RawValue], best: str | None) -> None:
    found = matches(PROFILES, answers)
    assert (found[0].profile.profile if found else None) == best
    assert all(match.reasons for match in found)


STRANGERS = {
    "empty": b"",
    "a switch": b"1.3.6.1.2.1.2.1.0|2|24\n1.3.6.1.2.1.47.1.1.1.1.2.1|4|Chassis\n1.3.6.1.4.1.9.2.1.3.0|4|core-1\n",
    "a host": b"1.3.6.1.2.1.25.1.1.0|67|100\n1.3.6.1.4.1.2021.4.5.0|2|1\n1.3.6.1.4.1.8072.1.2.1.1.4.0.1|2|1\n",
    "a namesake": b"1.3.6.1.4.1.318.2.1.1.0|2|1\n",
}
SYSTEM = b"1.3.6.1.2.1.1.1.0|4|Thing\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1.3.27\n1.3.6.1.2.1.1.3.0|67|100\n"


@pytest.mark.parametrize("version", ["2c", "1"])
@pytest.mark.parametrize("name", STRANGERS)
async def test_a_stranger_costs_few_requests(name: str, version: Literal["1", "2c"]) -> None:
    requests, found = await recognised(parse_snmprec(SYSTEM + STRANGERS[name], name), version)
    assert not found
    assert requests <= MOST_REQUESTS


@pytest.mark.parametrize("version", ["2c", "1"])
@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.snmprec")), ids=lambda path: path.stem)
async def test_a_known_device_costs_few_requests(path: Path, version: Literal["1", "2c"]) -> None:
    records = read_snmprec(path)
    requests, found = await recognised(records, version)
    assert found == path.stem
    assert requests <= MOST_REQUESTS
    nameless = [record for record in records if record.oid != SYS_OBJECT_ID]
    requests, found = await recognised(nameless, version)
    assert found == path.stem
    assert requests <= MOST_REQUESTS


async def recognised(records: Sequence[Record], version: Literal["1", "2c"]) -> tuple[int, str]:
    """Requests on the wire, and the family."""
    device = SnmpDevice(records)
    client = GufoClient(SnmpTarget("d", "127.0.0.1", await device.start(), SnmpCommunity(version, "public")))
    try:
        found, _ = await recognise_device(client, PROFILES)
    finally:
        await client.close()
        await device.stop()
    return device.requests, found[0].profile.profile if found else ""


class Unordered(RecordingClient):
    """A device whose GETNEXT is no use."""

    def __init__(self, records: Sequence[Record], *, backwards: bool) -> None:
        super().__init__(records)
        self._backwards = backwards

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        if self._backwards:
            return "1.3.6.1.2.1.1.1.0", b"me again"
        raise DeviceProtocolError("genErr", device="d", operation=f"next after {oid}")


@pytest.mark.parametrize("backwards", [True, False])
async def test_a_device_that_cannot_be_walked_is_asked(backwards: bool) -> None:  # noqa: FBT001 - a parameter
    records = read_snmprec(RECORDINGS / "apc-ups.snmprec")
    found, _ = await recognise_device(Unordered(records, backwards=backwards), PROFILES)
    assert found[0].profile.profile == "apc-ups"


def test_a_prefix_ends_at_a_dot() -> None:
    found = matches(PROFILES, {POWERNET_UPS: 2, SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.30"})
    assert found[0].reasons == (f"answers {POWERNET_UPS}",)


def test_all_probes_are_asked_once() -> None:
    oids = probe_oids(PROFILES)
    assert len(oids) == len(set(oids))
    assert {UPS_MIB, POWERNET_UPS, RPDU2, SYS_OBJECT_ID} <= set(oids)
