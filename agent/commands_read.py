"""The commands `read` and `replay`: one poll of a device, live or recorded."""

import argparse
import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from agent.config import AgentConfig, Device
from agent.config_file import load_checked
from agent.lab import Output, name_of, nothing_there, read_device, render, replay_modbus, replay_snmp
from agent.poll import PollerFactory, check_profile, unknown_profile
from agent.profile import Profile, load_profiles
from agent.readings import Identified, Readings
from rackflow.errors import ConfigError
from rackflow.process.commands import port_number, print_error, print_lines, print_skipped_lines, show_examples
from rackflow.process.config import check_config
from rackflow.recording import SUFFIX, read_mbrec, read_snmprec

PROFILE_HELP = "device family, as `profiles` lists it (default auto: an SNMP device says itself what it is)"


def add_read(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `read`."""
    command.add_argument("device", help="with --config the id of a device, otherwise a host name or address")
    command.add_argument("--config", type=Path, help="configuration that describes the device and its credential")
    command.add_argument("--profile", default="auto", help=PROFILE_HELP)
    command.add_argument(
        "--profiles", type=Path, help="folder of your own profiles, instead of the one that --config names"
    )
    command.add_argument(
        "--protocol", choices=("snmp", "modbus"), default="snmp", help="what the device speaks (default snmp)"
    )
    command.add_argument("--port", type=port_number, help="default: 161 for SNMP, 502 for Modbus")
    command.add_argument(
        "--community", default="public", help="SNMP v2c community, or env:NAME; other credentials need --config"
    )
    command.add_argument(
        "--timeout", type=float, help="seconds to wait for an answer (default: 2 for SNMP, 1 for Modbus)"
    )
    command.add_argument("--unit", type=int, help="Modbus unit (default: the profile's)")
    _add_output(command)
    show_examples(
        command,
        "%(prog)s 192.0.2.10 --community public",
        "%(prog)s pdu-b07-a --config agent.yaml --output prom",
        "%(prog)s 192.0.2.40 --protocol modbus --profile aalc-rpu --unit 12",
    )
    command.set_defaults(command=_read)


def add_replay(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `replay`."""
    command.add_argument("recording", type=Path, help="an .snmprec file (SNMP) or an .mbrec file (Modbus registers)")
    command.add_argument("--profile", default="auto", help=PROFILE_HELP)
    command.add_argument("--unit", type=int, help="Modbus unit; needed if several were recorded")
    command.add_argument("--profiles", type=Path, help="folder of your own profiles")
    _add_output(command)
    show_examples(command, "%(prog)s device.snmprec", "%(prog)s cdu.mbrec --profile aalc-rpu --output json")
    command.set_defaults(command=_replay)


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output", choices=get_args(Output), default="table", help="table: units for people; others: base units"
    )


def _read(arguments: argparse.Namespace) -> int:
    config, profiles, device = _wanted_device(arguments)
    # For the explanation if it does not answer.
    arguments.protocol, arguments.port = device.protocol, device.port
    factory = PollerFactory(profiles)
    identified, readings, requests = asyncio.run(read_device(factory, config, device, time.time()))
    _show(identified, readings, arguments.output)
    for request in requests:
        print_error(f"{request.seconds * 1000:9.1f} ms  {request.what}")
    return 0


def _show(identified: Identified, readings: Readings, output: Output) -> None:
    print_lines(render(identified, readings, output))
    # A table has it as its last line; what programs read stays as it is.
    if output != "table" and identified.nothing_there:
        print_error(nothing_there(identified))


def _wanted_device(arguments: argparse.Namespace) -> tuple[AgentConfig, Mapping[str, Profile], Device]:
    """The device to read, its configuration and the profiles: of the file, or made of the other arguments. Raises ConfigError."""
    if not arguments.config:
        return _described_device(arguments)
    config, profiles = load_checked(arguments.config, arguments.profiles)
    for device in config.devices:
        if device.id == arguments.device:
            return config, profiles, device
    raise ConfigError(
        f"{arguments.config}: devices: has none called {arguments.device!r}; correct the name or leave out --config"
    )


def _described_device(arguments: argparse.Namespace) -> tuple[AgentConfig, Mapping[str, Profile], Device]:
    known = load_profiles(arguments.profiles, lazy=True)
    if arguments.protocol == "modbus" and arguments.profile == "auto":
        raise ConfigError(
            "--profile: is required for Modbus; `rackflow profiles` lists them, and `rackflow discover ADDRESS --protocol modbus`"
            " recognises some devices"
        )
    if arguments.profile != "auto" and arguments.profile not in known:
        raise ConfigError(f"--profile: {unknown_profile(arguments.profile, known)}")
    described = {
        "id": name_of(arguments.device),
        "host": arguments.device,
        "protocol": arguments.protocol,
        "profile": arguments.profile,
    }
    # Outlets are included: whoever reads a single device wants to see all its readings.
    described["outlets"] = True
    if arguments.protocol == "snmp":
        described["credential"] = "given"
    elif arguments.unit is not None:
        described["unit"] = arguments.unit
    described |= {"port": arguments.port} if arguments.port else {}
    described |= {"timeout_s": arguments.timeout} if arguments.timeout is not None else {}
    whole = {
        "agent": "rackflow-agent-read",
        "labels": {"site": "none"},
        "credentials": {"given": {"version": "2c", "community": arguments.community}},
        "devices": [described],
    }
    config = check_config(whole, AgentConfig, "arguments")
    check_profile(known, config.devices[0])
    return config, known, config.devices[0]


def _replay(arguments: argparse.Namespace) -> int:
    profiles = load_profiles(arguments.profiles, lazy=True)
    if arguments.profile != "auto" and arguments.profile not in profiles:
        raise ConfigError(f"--profile: {unknown_profile(arguments.profile, profiles)}")
    faults: list[str] = []
    if arguments.recording.suffix == SUFFIX:
        recording = read_mbrec(arguments.recording, faults)
        print_skipped_lines(faults)
        profile = profiles.get(arguments.profile)
        if profile is None or profile.protocol != "modbus":
            raise ConfigError(
                "--profile: a recording of Modbus registers needs the name of its Modbus profile; `rackflow-agent profiles` lists them"
            )
        identified, readings = asyncio.run(replay_modbus(recording, profile, arguments.unit, time.time()))
    else:
        records = read_snmprec(arguments.recording, faults)
        print_skipped_lines(faults)
        identified, readings = asyncio.run(replay_snmp(records, profiles, arguments.profile, time.time()))
    _show(identified, readings, arguments.output)
    return 0
