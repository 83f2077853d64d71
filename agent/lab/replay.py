"""Polls a recorded device with the same code as a live one: only the client is replaced."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from agent.config import Device
from agent.lab.contained import contained
from agent.modbus import ILLEGAL_ADDRESS, SunspecClient
from agent.poll import DevicePoller, ModbusPoller, SnmpPoller
from agent.profile import Profile
from agent.readings import Identified, Readings
from agent.snmp import SnmpValue, octets_or_float
from rackflow.catalogue import POLL_SECONDS
from rackflow.errors import ConfigError, DeviceProtocolError
from rackflow.recording import OPAQUE, Record, RegisterRecording, RegisterTable


class RecordingClient:
    """An `SnmpClient` that answers from a recording."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._values: dict[str, SnmpValue] = {
            # Recordings keep the octets of a double.
            each.oid: octets_or_float(each.value)
            if each.tag == OPAQUE and isinstance(each.value, bytes)
            else each.value
            for each in records
        }
        # In the order of a walk, which is numeric: as text, 1.10 would come before 1.9.
        self._sorted = sorted((tuple(map(int, oid.split("."))), oid) for oid in self._values)

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`."""
        return {oid: self._values[oid] for oid in oids if oid in self._values}

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`."""
        root = tuple(map(int, oid.split(".")))
        found: dict[str, SnmpValue] = {}
        for at in range(bisect_left(self._sorted, (root, "")), len(self._sorted)):
            parts, name = self._sorted[at]
            if parts[: len(root)] != root or len(found) >= limit:
                break
            if len(parts) > len(root):
                found[name] = self._values[name]
        return found

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """See `SnmpClient.get_next`."""
        at = bisect_right(self._sorted, (tuple(map(int, oid.split("."))), oid))
        return (name := self._sorted[at][1], self._values[name]) if at < len(self._sorted) else None

    def set_max_varbinds(self, objects: int) -> None:
        """A recording has no limit."""

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """A recording always answers the same."""

    async def close(self) -> None:
        """Nothing to free."""


class RecordedLink:
    """A `ModbusClient` that answers from a recording."""

    def __init__(self, recording: RegisterRecording) -> None:
        self._recording = recording

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        values = self._recording.read(unit, table, address, count)
        if values is None:
            absent = DeviceProtocolError(
                "not in the recording", operation=f"read unit {unit} {table} {address}+{count}"
            )
            absent.code = ILLEGAL_ADDRESS
            raise absent
        return values

    async def close(self) -> None:
        """Nothing to free."""


async def read_all(poller: DevicePoller, now: float) -> tuple[Identified, Readings]:
    """Open the device and poll each of its classes once. Any failure, also an unexpected exception, is raised as a DeviceError."""
    with contained("", "read"):
        identified = await poller.open()
        # Polling each class once gives what a live device would publish within its longest interval. `inventory` first: how many series
        # are present is counted with the last of the others (agent/poll/series_count.py).
        everything = Readings()
        for poll_class in sorted(POLL_SECONDS, key=lambda each: each != "inventory"):
            if poll_class in identified.poll_classes:
                part = await poller.poll(poll_class, now)
                everything.values |= part.values
                everything.states |= part.states
                everything.bad |= part.bad
                everything.about |= part.about
    return identified, everything


async def replay_modbus(
    recording: RegisterRecording, profile: Profile, unit: int | None, now: float
) -> tuple[Identified, Readings]:
    """The readings of one poll of a unit; None means the only one recorded. Raises ConfigError and DeviceError."""
    if unit is None and len(recording.units) > 1:
        raise ConfigError(f"--unit: the recording has the units {recording.units}; name one")
    chosen = recording.units[0] if unit is None else unit
    if chosen not in recording.units:
        raise ConfigError(f"--unit: {chosen} is not in the recording; it has {recording.units}")
    device = Device(
        id="recording", host="recording", protocol="modbus", profile=profile.profile, unit=chosen, outlets=True
    )
    link = RecordedLink(recording)
    shown = SunspecClient(link) if profile.loaded().modbus.sunspec else link
    return await read_all(ModbusPoller(device, profile.loaded(), shown), now)


async def replay_snmp(
    records: Sequence[Record], profiles: Mapping[str, Profile], profile: str, now: float
) -> tuple[Identified, Readings]:
    """The readings of one poll of the recorded device. Raises DeviceError if no profile matches."""
    device = Device(id="recording", host="recording", credential="none", profile=profile, outlets=True)
    return await read_all(SnmpPoller(device, profiles, RecordingClient(records)), now)
