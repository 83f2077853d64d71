"""Modbus units from a few registers, read as the agent reads them, and short profiles for them."""

from agent.config import Device
from agent.lab.replay import RecordedLink, read_all
from agent.poll import ModbusPoller
from agent.profile import Profile, parse_profile
from agent.readings import Readings
from rackflow.recording import RegisterRecording, RegisterTable

HEAD = """version: 1
profile: feature
class: cdu
protocol: modbus
title: A device
source: a manual
evidence: unverified
"""


def modbus(points: str, more: str = "") -> Profile:
    return parse_profile(f"{HEAD}{more}points:\n{points}", "feature.yaml")


def recorded(**tables: dict[int, int]) -> RecordedLink:
    """A unit with these registers by table, as in `holding={5: 1}`."""
    places: dict[tuple[int, RegisterTable, int], int] = {
        (1, table, at): value  # type: ignore[misc]  # the caller names tables
        for table, registers in tables.items()
        for at, value in registers.items()
    }
    return RecordedLink(RegisterRecording(places))


def poller(profile: Profile, link: RecordedLink) -> ModbusPoller:
    device = Device(id="d", host="h", protocol="modbus", profile=profile.profile, unit=1, outlets=True)
    return ModbusPoller(device, profile, link)


async def read(points: str, more: str = "", **tables: dict[int, int]) -> Readings:
    return (await read_all(poller(modbus(points, more), recorded(**tables)), 1e9))[1]
