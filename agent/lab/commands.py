"""The commands `profiles` and `walk`; `discover` is in `commands_discover`, and what is for Modbus devices in `commands_modbus`."""

import argparse
import asyncio
import re
import stat
import sys
from functools import partial
from pathlib import Path

from agent.config import Device
from agent.lab.commands_modbus import add_modbus_walk, walk_modbus
from agent.lab.contained import contained
from agent.lab.draft import draft, draft_with_mib
from agent.lab.draft_modbus import draft_registers
from agent.lab.mib import read_mibs
from agent.lab.output import RECORDINGS, render_families, render_objects
from agent.lab.redact_snmp import redacted
from agent.lab.target import add_credential, snmp_targets
from agent.poll import SnmpPoller
from agent.profile import DEVICE_CLASSES, Profile, extends, load_profiles, parse_file, schema_text
from agent.snmp import SnmpClients, SnmpTarget
from rackflow.errors import ConfigError, DeviceDecodeError, DeviceInternalError, ProfileError
from rackflow.plural import count_of
from rackflow.process.commands import print_lines, print_skipped_lines, show_examples
from rackflow.process.files import files_with, mode_of, unreadable
from rackflow.process.machine_output import OUTPUTS
from rackflow.process.progress import progress
from rackflow.process.yaml import read_text_file
from rackflow.recording import SUFFIX, Record, dump_snmprec, read_mbrec, read_snmprec

# Per root. Ends the walk of a broken SNMP agent that invents rows; the largest devices have some ten thousand objects. Chosen value.
MAX_RECORDS = 200_000


def add_profiles(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `profiles`."""
    command.add_argument(
        "action",
        nargs="?",
        choices=("list", "lint", "draft", "schema"),
        default="list",
        help="list the families, check files, draft a profile, or print the schema for editors (default list)",
    )
    command.add_argument(
        "files", nargs="*", type=Path, help="lint: profile files or folders to check; draft: a recording"
    )
    command.add_argument("--profiles", type=Path, help="folder of your own profiles")
    command.add_argument(
        "--mib",
        type=Path,
        action="append",
        default=[],
        help="draft: MIB file that describes the device; may be repeated",
    )
    command.add_argument(
        "--class",
        dest="device_class",
        choices=DEVICE_CLASSES,
        help="draft: what the device is (default: ups, with --mib pdu, for Modbus cdu)",
    )
    command.add_argument(
        "--output", choices=OUTPUTS, default="table", help="list: table for people, the others for programs"
    )
    show_examples(
        command,
        "%(prog)s",
        "%(prog)s list --output json",
        "%(prog)s lint my-cooler.yaml",
        "%(prog)s draft device.snmprec --mib ACME-PDU-MIB.txt --class pdu > my-pdu.yaml",
        "%(prog)s draft cdu.mbrec --class cdu > my-cdu.yaml",
        "%(prog)s schema > profile.schema.json",
        exits={1: "lint: a file has faults"},
    )
    command.set_defaults(command=_profiles)


def add_walk(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `walk`."""
    command.add_argument("host", help="host name or address")
    add_credential(command)
    add_modbus_walk(command)
    command.add_argument(
        "--output",
        choices=RECORDINGS,
        default="recording",
        help="recording: what `replay` reads; the others for other programs",
    )
    show_examples(
        command,
        "%(prog)s 192.0.2.10 --community public > device.snmprec",
        "%(prog)s 192.0.2.40 --protocol modbus --profile aalc-rpu > cdu.mbrec",
    )
    command.set_defaults(command=_walk)


def _profiles(arguments: argparse.Namespace) -> int:
    if arguments.action == "schema":
        print_lines(schema_text())
        return 0
    # Files to check need of the others only those that they extend, which are read as a whole when it comes to them.
    checks_all = arguments.action == "lint" and not arguments.files
    profiles = load_profiles(arguments.profiles, lazy=not checks_all, progress=partial(progress, "profiles"))
    if arguments.action == "lint":
        return _lint(arguments.files, profiles)
    if arguments.action == "draft":
        return _draft(arguments)
    print_lines(render_families(profiles.values(), arguments.output))
    return 0


def _yaml_files(path: Path) -> list[Path]:
    if not stat.S_ISDIR(mode_of(path)):
        return [path]
    try:
        return files_with(path, ".yaml")
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error


def _lint(files: list[Path], profiles: dict[str, Profile]) -> int:
    if not files:
        print(f"{count_of(len(profiles), 'profile')}, no faults")
        return 0
    faulty = 0
    paths = [each for path in files for each in _yaml_files(path)]
    if not paths:
        raise ConfigError(f"{files[0]}: has no .yaml files; correct the path")
    known = dict(profiles)
    # Profiles that extend others come last, so that they may extend one that is checked with them.
    texts = sorted(((read_text_file(path), path) for path in paths), key=lambda each: extends(each[0]) is not None)
    with progress("profiles", len(texts)) as done:
        for text, path in texts:
            try:
                profile = known[path.stem] = parse_file(text, str(path), known)
            except ProfileError as error:
                print_lines(str(error))
                faulty += 1
            else:
                print(f"{path}: ok; {count_of(sum(1 for _ in profile.all_points()), 'point')}")
            done()
    return int(faulty > 0)


def _draft(arguments: argparse.Namespace) -> int:
    files: list[Path] = arguments.files
    if len(files) > 1 or not (files or arguments.mib):
        raise ConfigError("profiles draft: give one recording, which `rackflow-agent walk` makes, or --mib, or both")
    name = re.sub(r"[^a-z0-9]+", "-", (files or arguments.mib)[0].stem.lower()).strip("-") or "device"
    faults: list[str] = []
    if files and files[0].suffix == SUFFIX:
        if arguments.mib:
            raise ConfigError("--mib: belongs to SNMP; Modbus registers have no MIB")
        text = draft_registers(read_mbrec(files[0], faults), name, arguments.device_class or "cdu")
    else:
        records = read_snmprec(files[0], faults) if files else []
        objects = read_mibs(arguments.mib)
        text = (
            draft_with_mib(records, objects, name, arguments.device_class or "pdu")
            if objects
            else draft(records, name, arguments.device_class or "ups")
        )
    print_skipped_lines(faults)
    print_lines(text.removesuffix("\n"))
    return 0


def _target(arguments: argparse.Namespace) -> SnmpTarget:
    return next(iter(snmp_targets(arguments, arguments.host).values()))


def _walk(arguments: argparse.Namespace) -> int:
    if arguments.protocol == "modbus":
        return walk_modbus(arguments)
    records = asyncio.run(_recorded(_target(arguments)))
    if arguments.output == "recording":
        sys.stdout.buffer.write(dump_snmprec(records))
    else:
        print_lines(render_objects(records, arguments.output))
    print(f"{count_of(len(records), 'object')}, redacted; check them before you pass them on", file=sys.stderr)
    return 0


async def _recorded(target: SnmpTarget) -> list[Record]:
    # The device is opened first, to learn its serial number: the number may occur anywhere in the walk and must be redacted everywhere.
    # Its firmware and model may look like an address, and must not be.
    serials, versions, serial_objects = [], [], []
    profiles = load_profiles(lazy=True)
    fast = SnmpClients()(target)
    poller = SnmpPoller(_nameless(target), profiles, fast)
    try:
        with contained(target.host, "identify"):
            opened = await poller.open()
            serials.append(opened.identity.serial)
            versions += [opened.identity.firmware, opened.identity.model]
            # Behind a marker (`after`) the number is a part of a text, which has other words as well.
            sources = profiles[opened.profile].loaded().identity.serial
            serial_objects += [source.oid for source in sources if source.oid and not source.after]
    except (DeviceDecodeError, DeviceInternalError) as error:
        # No profile matches it, or its answers are odd: usual reasons for recording it.
        print(f"its serial number is not known and may be in the recording: {error}", file=sys.stderr)
    finally:
        await fast.close()
    # Imported here, because a running agent must not load pysnmp: see agent/snmp/__init__.py.
    from agent.lab.walk_snmp import ROOTS, Walker  # noqa: PLC0415

    records: list[Record] = []
    with contained(target.host, "walk"), progress("objects", None) as done:
        walker = Walker(target, done=done)
        try:
            for root in ROOTS:
                records += await walker.records(root, MAX_RECORDS)
        finally:
            await walker.close()
        return list(redacted(records, serials, versions, serial_objects))


def _nameless(target: SnmpTarget) -> Device:
    return Device(id=target.device, host=target.host, port=target.port, credential="given", outlets=True)
