"""The command `rackflow-agent`. Data goes to stdout, logs and measurements to stderr.

Exit statuses: 0 ok, 1 failed, 2 wrong usage, 78 bad configuration.
"""

import argparse
import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import uvloop

from agent.config import AgentConfig, Device, load_agent_config
from agent.doctor import add_doctor
from agent.lab import Output, add_lab, explanation, nothing_there, read_device, render, replay_modbus, replay_snmp
from agent.outage import estimate_outage
from agent.poll import PollerFactory, check_profile, unknown_profile
from agent.profile import Families, Profile, load_profiles
from agent.readings import Identified, Readings
from agent.run import Shared, run
from rackflow.errors import ConfigError, DeviceError, ProfileError, RackflowError
from rackflow.process.commands import print_error, print_lines, print_skipped_lines, show_examples
from rackflow.process.config import check_config
from rackflow.process.doctor import check_disk
from rackflow.process.limits import raise_open_files
from rackflow.process.logs import configure_logging
from rackflow.process.secret import add_env_file, load_env_file
from rackflow.process.stopping import StopDeadline
from rackflow.recording import SUFFIX, read_mbrec, read_snmprec
from rackflow.version import installed_version

EXIT_FAILED = 1
# EX_CONFIG of sysexits.h; the systemd unit does not restart an agent that exits with it: somebody must edit the file.
EXIT_CONFIG = 78
log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None, prog: str = "rackflow-agent") -> int:
    """Run one command; returns the exit status."""
    arguments = parser(prog).parse_args(argv)
    configure_logging(arguments.log_level or "warning")
    try:
        load_env_file(getattr(arguments, "env_file", None))
        status: int = arguments.command(arguments)
    except (ConfigError, ProfileError) as error:
        print_error(error)
        return EXIT_CONFIG
    except DeviceError as error:
        # A failed batch has the same word as its `error`, and the troubleshooting page is ordered by it.
        print_error(f"{error.kind}: {error}", prog)
        if why := explanation(error, getattr(arguments, "protocol", "snmp"), getattr(arguments, "port", None)):
            print_error(why)
        return EXIT_FAILED
    except RackflowError as error:
        print_error(error, prog)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    return status


def parser(prog: str = "rackflow-agent") -> argparse.ArgumentParser:
    """The command line. The reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(
        prog=prog, description="Polls power and cooling devices and publishes their readings over MQTT."
    )
    root.add_argument("--version", action="version", version=installed_version())
    root.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="default: log_level of the configuration"
    )
    show_examples(root, "%(prog)s discover 192.0.2.0/24 --output yaml > agent.yaml", "%(prog)s run agent.yaml")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="poll and publish until stopped; SIGHUP reloads the configuration")
    command.add_argument("config", type=Path)
    show_examples(command, "%(prog)s agent.yaml")
    command.set_defaults(command=_run)

    command = commands.add_parser("check", help="validate a configuration and its profiles, offline")
    command.add_argument("config", type=Path)
    add_env_file(command)
    show_examples(command, "%(prog)s agent.yaml")
    command.set_defaults(command=_check)

    _add_read(
        commands.add_parser("read", help="poll one live device once; shows its readings and how long each request took")
    )

    command = commands.add_parser("replay", help="show the readings of one poll of a recorded device, offline")
    command.add_argument("recording", type=Path, help="an .snmprec file (SNMP) or an .mbrec file (Modbus registers)")
    command.add_argument("--profile", default="auto")
    command.add_argument("--unit", type=int, help="Modbus unit; needed if several were recorded")
    command.add_argument("--profiles", type=Path, help="folder of your own profiles")
    _add_output(command)
    show_examples(command, "%(prog)s device.snmprec", "%(prog)s cdu.mbrec --profile aalc-rpu --output json")
    command.set_defaults(command=_replay)

    add_lab(commands)
    add_doctor(commands)
    return root


def _add_read(command: argparse.ArgumentParser) -> None:
    command.add_argument("device", help="with --config the id of a device, otherwise a host name or address")
    command.add_argument("--config", type=Path, help="configuration that describes the device and its credential")
    command.add_argument("--profile", default="auto")
    command.add_argument(
        "--profiles", type=Path, help="folder of your own profiles, instead of the one that --config names"
    )
    command.add_argument("--protocol", choices=("snmp", "modbus"), default="snmp")
    command.add_argument("--port", type=int)
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
        "%(prog)s pdu-a1-a --config agent.yaml --output prom",
        "%(prog)s 192.0.2.40 --protocol modbus --profile aalc-rpu --unit 12",
    )
    command.set_defaults(command=_read)


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output", choices=get_args(Output), default="table", help="table: units for people; others: base units"
    )


def _load(path: Path, folder: Path | None = None) -> tuple[AgentConfig, Families]:
    """The configuration and the profiles, those in the folder that it names or in another one."""
    config = load_agent_config(path)
    profiles = Families(folder or config.profiles)
    _check_devices(path, config, profiles)
    return config, profiles


def _check_devices(path: Path, config: AgentConfig, profiles: Mapping[str, Profile]) -> None:
    try:
        for device in config.devices:
            check_profile(profiles, device)
        config.broker.tls_context()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _run(arguments: argparse.Namespace) -> int:
    config, profiles = _load(arguments.config)
    if arguments.log_level is None:
        configure_logging(config.log_level)

    def reload() -> AgentConfig:
        changed = load_agent_config(arguments.config)
        _check_devices(arguments.config, changed, profiles.prepare(changed.profiles))
        return changed

    raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        factory = PollerFactory(profiles)
        deadline = StopDeadline()
        shared = Shared(factory.snmp_clients.refused, factory.plans, profiles)
        runner.run(run(config, factory, reload=reload, shared=shared, deadline=deadline))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    config, profiles = _load(arguments.config)
    enabled = sum(device.enabled for device in config.devices)
    print(f"{arguments.config}: ok; {len(config.devices)} devices, {enabled} enabled, {len(profiles)} profiles known")
    print(estimate_outage(config, profiles))
    # As the account that runs this: an agent that cannot write its outbox does not start.
    disk = check_disk("outbox.path", config.outbox.path) if config.outbox.path is not None else None
    if disk is not None and disk.status == "failed":
        print_error(f"{arguments.config}: {disk.check}: {disk.found}; {disk.remedy}")
        return EXIT_CONFIG
    return 0


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
    if arguments.config:
        config, profiles = _load(arguments.config, arguments.profiles)
        for device in config.devices:
            if device.id == arguments.device:
                return config, profiles, device
        raise ConfigError(
            f"{arguments.config}: devices: has none called {arguments.device!r}; correct the name or leave out --config"
        )
    described = {"id": "device", "host": arguments.device, "protocol": arguments.protocol, "profile": arguments.profile}
    # Outlets are included: whoever reads a single device wants to see all its readings.
    described["outlets"] = True
    if arguments.protocol == "snmp":
        described["credential"] = "given"
    elif arguments.unit is not None:
        described["unit"] = arguments.unit
    described |= {"port": arguments.port} if arguments.port else {}
    described |= {"timeout_s": arguments.timeout} if arguments.timeout else {}
    whole = {
        "agent": "rackflow-agent-read",
        "labels": {"site": "none"},
        "credentials": {"given": {"version": "2c", "community": arguments.community}},
        "devices": [described],
    }
    config = check_config(whole, AgentConfig, "arguments")
    known = load_profiles(arguments.profiles)
    check_profile(known, config.devices[0])
    return config, known, config.devices[0]


def _replay(arguments: argparse.Namespace) -> int:
    profiles = load_profiles(arguments.profiles)
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
