"""What recordings give with the shipped profiles. Each is read once in a process, for all tests that look at all of them."""

from pathlib import Path

from agent.lab.replay import replay_snmp
from agent.readings import Identified, Readings
from rackflow.errors import DeviceError
from rackflow.recording.snmprec import read_snmprec
from tests.agent.shipped import shipped_profiles

_READ: dict[Path, tuple[Identified, Readings] | DeviceError] = {}


async def replayed(recording: Path) -> tuple[Identified, Readings]:
    """Who the device is, and its readings; not to be changed. Raises DeviceError if no profile matches."""
    if recording not in _READ:
        try:
            _READ[recording] = await replay_snmp(read_snmprec(recording), shipped_profiles(), "auto", 1_790_000_000.0)
        except DeviceError as error:
            _READ[recording] = error
    found = _READ[recording]
    if isinstance(found, DeviceError):
        raise found
    return found
