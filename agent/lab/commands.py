"""The commands `profiles`, `walk` and `discover`; those for Modbus devices are in `commands_modbus`."""

import argparse
import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path

from agent.config import AgentConfig, Device, load_agent_config
from agent.lab.commands_modbus import add_modbus_walk, modbus_probe, walk_modbus
from agent.lab.contained import contained
from agent.lab.discover import Found, ProbeAddress, addresses_of, discover, probe_snmp_address
from agent.lab.draft import draft
from agent.poll import SnmpPoller, snmp_target
from agent.profile import Profile, load_profiles, parse_profile
from agent.snmp import SnmpClients, SnmpTarget
from rackflow.errors import ConfigError, DeviceDecodeError, DeviceInternalError, ProfileError
from rackflow.process.commands import print_lines, print_skipped_lines
from rackflow.process.config import check_config
from rackflow.process.yaml import read_text_file
from rackflow.recording import Record, dump_snmprec, read_snmprec

# Per root. Ends the walk of a broken SNMP agent that invents rows; the largest devices have some ten thousand objects. Chosen value.
MAX_RECORDS = 200_000
# Addresses a second for `discover`. More would flood a management network, whose cards and switches are slow.
MAX_DISCOVER_RATE = 1000.0


def add_lab(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the lab's commands."""
    command = commands.add_parser(
        "profiles", help="list the known device families, check profile files, or draft a profile"
    )
    command.add_argument("action", nargs="?", choices=("list", "lint", "draft"), default="list")
    command.add_argument("files", nargs="*", type=Path, help="lint: profile files to check; draft: one recording")
    command.add_argument("--profiles", type=Path, help="folder of your own profiles")
    command.set_defaults(command=_profiles)

    command = commands.add_parser(
        "walk", help="record a live SNMP or Modbus device on stdout, without serial numbers, names and addresses"
    )
    command.add_argument("host")
    _add_credential(command)
    add_modbus_walk(command)
    command.set_defaults(command=_walk)

    command = commands.add_parser(
        "discover", help="find and recognise SNMP or Modbus TCP devices in ranges of addresses"
    )
    command.add_argument("ranges", nargs="+", metavar="CIDR", help="for example 192.0.2.0/24")
    command.add_argument("--rate", type=float, default=50.0, help="addresses to try per second (default 50)")
    command.add_argument("--profiles", type=Path, help="folder of your own profiles")
    command.add_argument("--protocol", choices=("snmp", "modbus"), default="snmp")
    command.add_argument(
        "--unit",
        type=int,
        action="append",
        default=[],
        help="Modbus unit; may be repeated (default 1, 255, 0 and those of profiles)",
    )
    _add_credential(command)
    command.set_defaults(command=_discover)


def _add_credential(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=int, help="default: 161 for SNMP, 502 for Modbus")
    command.add_argument("--community", default="public", help="SNMP v2c community; other credentials need --config")
    command.add_argument("--config", type=Path, help="configuration that contains the credential")
    command.add_argument("--credential", help="name of the credential in the configuration (default: the first one)")
    command.add_argument("--timeout", type=float, default=1.0, help="seconds to wait for an answer (default 1)")


def _target(arguments: argparse.Namespace, host: str) -> SnmpTarget:
    """Host, port and credential of the device. Raises ConfigError."""
    credentials: dict[str, object] = {"given": {"version": "2c", "community": arguments.community}}
    name = "given"
    if arguments.config:
        loaded = load_agent_config(arguments.config)
        name = arguments.credential or next(iter(loaded.credentials), "")
        if name not in loaded.credentials:
            known = ", ".join(loaded.credentials) or "none"
            raise ConfigError(f"{arguments.config}: credentials: none is called {name!r}; known are {known}")
        credentials = dict(loaded.credentials)
    device = {
        "id": "device",
        "host": host,
        "port": arguments.port or 161,
        "credential": name,
        "timeout_s": arguments.timeout,
    }
    whole = {"agent": "lab", "labels": {"site": "none"}, "credentials": credentials, "devices": [device]}
    config = check_config(whole, AgentConfig, "arguments")
    return snmp_target(config, config.devices[0])


def _profiles(arguments: argparse.Namespace) -> int:
    profiles = load_profiles(arguments.profiles)
    if arguments.action == "lint":
        return _lint(arguments.files, profiles)
    if arguments.action == "draft":
        return _draft(arguments.files)
    width = max(map(len, profiles))
    for name, profile in profiles.items():
        print_lines(
            f"{name:<{width}}  {profile.class_:<6} {profile.protocol:<7} {profile.evidence:<16} {profile.title}"
        )
    return 0


def _lint(files: list[Path], profiles: dict[str, Profile]) -> int:
    if not files:
        print(f"{len(profiles)} profiles, no faults")
        return 0
    faulty = 0
    for path in files:
        try:
            profile = parse_profile(read_text_file(path), str(path), profiles)
        except ProfileError as error:
            print_lines(str(error))
            faulty += 1
        else:
            print(f"{path}: ok; {sum(1 for _ in profile.all_points())} points")
    return int(faulty > 0)


def _draft(files: list[Path]) -> int:
    if len(files) != 1:
        raise ConfigError("profiles draft: give one recording; `rackflow-agent walk` makes one")
    name = re.sub(r"[^a-z0-9]+", "-", files[0].stem.lower()).strip("-") or "device"
    faults: list[str] = []
    records = read_snmprec(files[0], faults)
    print_skipped_lines(faults)
    print_lines(draft(records, name).removesuffix("\n"))
    return 0


def _walk(arguments: argparse.Namespace) -> int:
    if arguments.protocol == "modbus":
        return walk_modbus(arguments)
    records = asyncio.run(_recorded(_target(arguments, arguments.host)))
    sys.stdout.buffer.write(dump_snmprec(records))
    print(f"{len(records)} objects, redacted; check them before you pass them on", file=sys.stderr)
    return 0


async def _recorded(target: SnmpTarget) -> list[Record]:
    # The device is opened first, to learn its serial number: the number may occur anywhere in the walk and must be redacted everywhere.
    serials = []
    fast = SnmpClients()(target)
    poller = SnmpPoller(_nameless(target), load_profiles(), fast)
    try:
        with contained(target.host, "identify"):
            serials.append((await poller.open()).identity.serial)
    except (DeviceDecodeError, DeviceInternalError) as error:
        # No profile matches it, or its answers are odd: usual reasons for recording it.
        print(f"its serial number is not known and may be in the recording: {error}", file=sys.stderr)
    finally:
        await fast.close()
    # Imported here, because a running agent must not load pysnmp: see agent/snmp/__init__.py.
    from agent.lab.walk_snmp import ROOTS, Walker, redacted  # noqa: PLC0415

    walker = Walker(target)
    records: list[Record] = []
    with contained(target.host, "walk"):
        try:
            for root in ROOTS:
                records += await walker.records(root, MAX_RECORDS)
        finally:
            await walker.close()
        return list(redacted(records, serials))


def _nameless(target: SnmpTarget) -> Device:
    return Device(id=target.device, host=target.host, port=target.port, credential="given", outlets=True)


def _discover(arguments: argparse.Namespace) -> int:
    if not 0 < arguments.rate <= MAX_DISCOVER_RATE:
        raise ConfigError(f"--rate: {arguments.rate:g} is not between 0 and {MAX_DISCOVER_RATE:g}")
    addresses = addresses_of(arguments.ranges)
    profiles = load_profiles(arguments.profiles)
    probe = (modbus_probe if arguments.protocol == "modbus" else _snmp_probe)(arguments, profiles)
    return asyncio.run(_print_found(addresses, probe, arguments.rate))


def _snmp_probe(arguments: argparse.Namespace, profiles: dict[str, Profile]) -> ProbeAddress:
    """The function that `discover` uses to look for an SNMP device at an address. Raises ConfigError."""
    target = _target(arguments, "address")
    clients = SnmpClients()
    clients(target)  # a credential that cannot be used is refused here, not at every address

    async def probe(address: str) -> list[Found]:
        return await probe_snmp_address(address, profiles, clients(replace(target, host=address)))

    return probe


async def _print_found(addresses: list[str], probe: ProbeAddress, rate: float) -> int:
    count = 0
    async for found in discover(addresses, probe, rate):
        count += 1
        match = found.match
        what = f"{match.profile.profile:<20} {match.profile.class_:<6}" if match else f"{'(unknown)':<20} {'':<6}"
        why = "; ".join(match.reasons) if match else found.error
        where = found.address if found.unit is None else f"{found.address} unit {found.unit}"
        print_lines(f"{where:<16} {what} {found.description}{f'  [{why}]' if why else ''}")
        sys.stdout.flush()
    print(f"{count} devices answered at {len(addresses)} addresses", file=sys.stderr)
    return 0
