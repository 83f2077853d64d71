"""The commands `walk` and `discover` for Modbus devices.

A Modbus device cannot be searched like an SNMP tree: it does not list its registers, and each guess takes a round trip. So only
registers that a profile or the user names are read, at a bounded rate.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from agent.lab.contained import contained
from agent.lab.discover import Found, ProbeAddress, probe_modbus_address
from agent.lab.output import render_registers
from agent.lab.walk_modbus import ModbusWalker, NotedLink, Span, parse_span, portions_of, redacted, spans_of
from agent.modbus import ModbusLink, ModbusTarget, SunspecClient
from agent.poll import unknown_profile
from agent.profile import Profile, load_profiles
from rackflow.errors import ConfigError
from rackflow.plural import count_of
from rackflow.process.commands import print_lines
from rackflow.process.hosts import checked_host
from rackflow.process.progress import progress
from rackflow.recording import Place, dump_mbrec

# Units tried by `discover`: 1 is the usual default; devices with built-in Modbus TCP answer to 255 or 0 (Modbus Messaging on TCP/IP
# Implementation Guide V1.0b).
DEFAULT_UNITS = (1, 255, 0)
# The unit identifier is one octet.
MAX_UNIT = 255
# Requests a second. A recording is not urgent, and the device may be in operation. Chosen value.
MAX_RATE = 100.0
# Registers per request to an unknown device. The specification allows 125, some devices fewer; if a device refuses a block of 32,
# the block is halved. Chosen value.
DEFAULT_MAX_REGISTERS = 32


def add_modbus_walk(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `walk` for Modbus devices."""
    command.add_argument(
        "--protocol", choices=("snmp", "modbus"), default="snmp", help="what the device speaks (default snmp)"
    )
    command.add_argument("--profile", help="Modbus: record the registers of this profile, within its limits")
    command.add_argument("--profiles", type=Path, help="folder of your own profiles")
    command.add_argument(
        "--registers",
        action="append",
        default=[],
        metavar="RANGE",
        help="Modbus: record these registers, as in holding:100-120 or input:7 (wire addresses, from 0); may be repeated",
    )
    command.add_argument("--unit", type=int, action="append", default=[], help="Modbus unit; may be repeated")
    command.add_argument("--rate", type=float, default=10.0, help="Modbus: requests per second (default 10)")


def _check_units(units: list[int]) -> None:
    if wrong := [unit for unit in units if not 0 <= unit <= MAX_UNIT]:
        raise ConfigError(f"--unit: {wrong[0]} is not between 0 and {MAX_UNIT}")


def walk_modbus(arguments: argparse.Namespace) -> int:
    """Print the recording. Raises ConfigError, DeviceError."""
    if not 0 < arguments.rate <= MAX_RATE:
        raise ConfigError(f"--rate: {arguments.rate:g} is not between 0 and {MAX_RATE:g}")
    _check_units(arguments.unit)
    try:
        host = str(checked_host(arguments.host))
    except ValueError as error:
        raise ConfigError(f"{arguments.host}: {error}") from error
    profile = _profile(arguments)
    spans = [parse_span(text) for text in arguments.registers] + (spans_of(profile) if profile else [])
    if not spans:
        raise ConfigError("walk: Modbus devices cannot be searched; name --registers or a --profile")
    values, requests = asyncio.run(_recorded(arguments, host, profile, spans))
    clean = redacted(values, profile)
    note = f"profile {profile.profile}" if profile else f"registers {' '.join(arguments.registers)}"
    if arguments.output == "recording":
        print(dump_mbrec(clean, [f"unit|function|address|value; {note}"]), end="")
    else:
        print_lines(render_registers(clean, arguments.output))
    changed = sum(clean[place] != value for place, value in values.items())
    print(
        f"{count_of(len(values), 'register')} in {count_of(requests, 'request')}, {changed} redacted; check them before you pass them on",
        file=sys.stderr,
    )
    return 0


def units_to_try(arguments: argparse.Namespace, profiles: dict[str, Profile]) -> list[int]:
    """The units that `discover` asks at each address: those that the user names, or else the usual ones and those of profiles."""
    # Every unit that does not answer costs a timeout, so the usual ones come first.
    named = sorted(each.modbus.unit for each in profiles.values() if each.recognise.registers)
    return arguments.unit or list(dict.fromkeys([*DEFAULT_UNITS, *named]))


def modbus_probe(arguments: argparse.Namespace, profiles: dict[str, Profile]) -> ProbeAddress:
    """The function that `discover` uses to look for Modbus units at an address. Raises ConfigError."""
    _check_units(arguments.unit)

    units = units_to_try(arguments, profiles)

    async def probe(address: str) -> list[Found]:
        target = ModbusTarget("tcp", address, arguments.port or 502, timeout_s=arguments.timeout)
        return await probe_modbus_address(address, profiles, ModbusLink(target), units, every=bool(arguments.unit))

    return probe


def _profile(arguments: argparse.Namespace) -> Profile | None:
    if arguments.profile is None:
        return None
    profiles = load_profiles(arguments.profiles, lazy=True)
    profile = profiles.get(arguments.profile)
    if profile is None or profile.protocol != "modbus":
        known = [name for name, each in profiles.items() if each.protocol == "modbus"]
        what = (
            unknown_profile(arguments.profile, known)
            if profile is None
            else f"{profile.profile!r} speaks {profile.protocol}"
        )
        raise ConfigError(f"--profile: a walk over Modbus needs a Modbus profile; {what}")
    return profile.loaded()


async def _recorded(
    arguments: argparse.Namespace, host: str, profile: Profile | None, spans: list[Span]
) -> tuple[dict[Place, int], int]:
    limits = profile.modbus if profile else None
    pause_s = limits.pause_s if limits else 0.0
    client = ModbusLink(ModbusTarget("tcp", host, arguments.port or 502, timeout_s=arguments.timeout, pause_s=pause_s))
    values: dict[Place, int] = {}
    requests = 0
    # What the profile reads of a SunSpec unit is made of other registers, and these are recorded.
    noted = NotedLink(client)
    shown = SunspecClient(noted) if limits and limits.sunspec else client
    units = arguments.unit or [limits.unit if limits else 1]
    portions = list(portions_of(spans, limits.max_registers if limits else DEFAULT_MAX_REGISTERS))
    with contained(host, "walk"), progress("requests", len(units) * len(portions)) as done:
        try:
            for unit in units:
                walker = ModbusWalker(shown, unit, arguments.rate)
                values |= await walker.record(portions, done)
                requests += walker.requests
        finally:
            await client.close()
    return (values if shown is client else noted.values), requests
