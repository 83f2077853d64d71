"""The command `doctor` of the agent: what of its configuration, host, broker and devices is wrong, and what to do."""

import argparse
import asyncio
import errno
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.config import AgentConfig, Device, Traps
from agent.config_checks import (
    contradicted_rating,
    missing_libraries,
    not_in_site,
    site_of,
    tell_same_addresses,
    without_feed,
)
from agent.config_file import check_devices, load_agent_config
from agent.lab import explanation
from agent.name_in_use import NameInUse
from agent.poll import DeviceBarrier, PollerFactory
from agent.profile import Profile, load_profiles
from rackflow.errors import ConfigError, DeviceError, ProfileError
from rackflow.outbox import folder_of
from rackflow.plural import count_of
from rackflow.process.commands import print_lines, show_examples
from rackflow.process.doctor import (
    Finding,
    check_broker,
    check_certificates,
    check_clock,
    check_descriptors,
    check_echo,
    check_names,
    check_secrets,
    check_versions,
    exit_status,
    present,
    render_findings,
)
from rackflow.process.doctor_disks import check_kept
from rackflow.process.files import mode_of
from rackflow.process.machine_output import OUTPUTS
from rackflow.process.progress import progress
from rackflow.process.resolve import Resolver
from rackflow.process.secret import add_env_file
from rackflow.site import Site
from rackflow.topics import DOCTOR_DEVICE, Topic, build_topic, stored_subscription

# Devices that are opened at a time. Opening one takes dozens of requests, and a switch or gateway may stand before many of them.
PARALLEL = 16
# An SNMPv3 device takes 3 (agent/snmp/relay.py), a name that is looked up another; and what the agent has anyway.
DESCRIPTORS_PER_DEVICE, DESCRIPTORS = 4, 200
# What an agent writes about a device. Its status is not tried: an empty one would have the agent forgotten.
KINDS: Final = ("batch", "event", "device")


def add_doctor(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    command.add_argument(
        "config",
        type=Path,
        metavar="CONFIG",
        help="YAML file of the agent; `rackflow doctor` takes that of a collector, too",
    )
    add_env_file(command)
    command.add_argument("--no-devices", action="store_true", help="do not poll the devices")
    command.add_argument("--output", choices=OUTPUTS, default="table", help="table for people, the others for programs")
    show_examples(
        command,
        "%(prog)s agent.yaml",
        "%(prog)s agent.yaml --no-devices --output json",
        "%(prog)s /etc/rackflow/agent.yaml --env-file /etc/rackflow/agent.env",
        exits={1: "something that it looked at is wrong"},
    )
    command.set_defaults(command=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    findings = asyncio.run(examine(arguments.config, devices=not arguments.no_devices))
    print_lines(render_findings(findings, arguments.output))
    return exit_status(findings)


async def examine(path: Path, *, devices: bool) -> list[Finding]:
    """All findings. If the configuration is wrong, that is the only finding, because the other checks need it."""
    findings = [check_versions()]
    try:
        config = load_agent_config(path)
        profiles = load_profiles(config.profiles, lazy=True)
        check_devices(path, config, profiles)
    except (ConfigError, ProfileError) as error:
        remedy = "each line names file, key and remedy"
        return [*findings, *(Finding("configuration", "failed", line, remedy) for line in str(error).split("\n"))]
    enabled = [device for device in config.devices if device.enabled]
    site = site_of(path, config)
    findings += _of_this_host(path, config, profiles, enabled, site)
    resolver = Resolver()
    findings += await _of_the_broker(config, enabled, resolver)
    if devices:
        findings += await _poll(config, enabled, PollerFactory(profiles, resolver), site)
    return findings


def _of_this_host(
    path: Path, config: AgentConfig, profiles: Mapping[str, Profile], enabled: Sequence[Device], site: Site | None
) -> list[Finding]:
    """What can be said without asking anybody: of the configuration, and of the host that this is called on."""
    findings = [
        Finding("configuration", "ok", f"{path}: {count_of(len(config.devices), 'device')}, {len(enabled)} enabled")
    ]
    if site is not None and (missing := not_in_site(site, [each.id for each in enabled])):
        findings.append(Finding("site file", "warning", *missing.split("; ", 1)))
    if no_feed := without_feed(config, profiles):
        findings.append(Finding("feeds", "warning", *no_feed.split("; ", 1)))
    findings += _same_addresses(path, config, profiles)
    findings += [Finding("libraries", "failed", *fault.split("; ", 1)) for fault in missing_libraries(config)]
    own = [each for found in config.certificates().values() for each in found]
    findings += present(check_secrets(path), check_certificates(own), check_clock())
    findings.append(check_descriptors(DESCRIPTORS + DESCRIPTORS_PER_DEVICE * len(enabled)))
    findings.append(_outbox(config))
    return findings


async def _of_the_broker(config: AgentConfig, enabled: Sequence[Device], resolver: Resolver) -> list[Finding]:
    """Whether names can be looked up, what the broker says, and whether another process has this agent's name or its port for traps."""
    topics = [build_topic(Topic(config.labels.site or "", config.agent, kind, DOCTOR_DEVICE)) for kind in KINDS]
    usage = NameInUse(config.labels.site or "", config.agent, is_pair=config.pair is not None)
    stored = stored_subscription(config.labels.site or "", config.agent)
    hosts = [config.broker.host, *(each.host for each in enabled if each.host)]
    with progress("names and broker", 2) as done:
        findings = await check_names(hosts, resolver)
        done()
        reached = await check_broker(config.broker, writes=topics, listener=usage.listener(), stored=stored)
        done()
    findings += reached
    if all(each.status != "failed" for each in reached):
        findings.append(await usage.examine(config.broker, has_run=has_run(config)))
    findings += _traps(config, runs_here=usage.runs_here())
    if config.pair is not None:
        findings += await check_echo(
            config.lease_broker(), build_topic(Topic(config.labels.site or "", config.agent, "lease"))
        )
    return findings


def _same_addresses(path: Path, config: AgentConfig, profiles: Mapping[str, Profile]) -> list[Finding]:
    wrong, doubtful = tell_same_addresses(path, config, profiles)
    failed = [Finding("addresses", "failed", *line.split("; ", 1)) for line in wrong]
    return failed + [Finding("addresses", "warning", *line.split("; ", 1)) for line in doubtful]


def _outbox(config: AgentConfig) -> Finding:
    if config.outbox.path is None:
        remedy = "outbox: {mode: disk, path: …}, unless this is a gateway on a flash card"
        return Finding("outbox", "warning", "in memory: messages that wait are lost when the agent ends", remedy)
    return check_kept("outbox", config.outbox.path, folder_of(config.outbox.path), config.outbox.used_limit_bytes)


def _traps(config: AgentConfig, *, runs_here: bool | None) -> list[Finding]:
    """Whether the port for traps can be opened, or this agent has it (`runs_here`, None if nobody knows). Must run on an event loop."""
    if config.traps is None:
        return []
    # Imported here, because most agents receive none.
    from agent.traps import TrapReceiver  # noqa: PLC0415

    listen = config.traps.listen
    try:
        TrapReceiver.try_port(config.traps)
    except PermissionError:
        remedy = "let the service open ports below 1024 (docs/how-to/traps.md), or listen on a higher one"
        return [Finding("traps", "failed", f"{listen}: this account may not open the port", remedy)]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return [_port_in_use(config.traps, runs_here=runs_here, is_pair=config.pair is not None)]
        remedy = "name an address of this machine in traps.listen"
        return [Finding("traps", "failed", f"{listen}: {error.strerror or error}", remedy)]
    return [Finding("traps", "ok", f"{listen} can be opened")]


def _port_in_use(traps: Traps, *, runs_here: bool | None, is_pair: bool) -> Finding:
    listen, (_, port) = traps.listen, traps.address
    if runs_here:
        return Finding("traps", "ok", f"{listen} is in use, as it is while this agent runs")
    remedy = f"`ss -lunp sport = :{port}` as root names the program: stop it, or choose another port in traps.listen"
    if runs_here is None:
        why = (
            "is in use, and whether by this agent is not known: the broker has no status of it from a host of this name"
        )
        return Finding("traps", "warning", f"{listen} {why}", remedy)
    why = "is in use by another program: this agent does not run"
    if not is_pair:
        return Finding("traps", "failed", f"{listen} {why}", remedy)
    # The waiting one of a pair keeps silent, so that its status is not there.
    unless = "; nothing is wrong if this is the waiting one of the pair"
    return Finding("traps", "warning", f"{listen} {why}", remedy + unless)


def has_run(config: AgentConfig) -> bool:
    """Whether an agent of this configuration has run on this host, as far as its outbox tells."""
    return config.outbox.path is not None and mode_of(folder_of(config.outbox.path)) != 0


async def _poll(config: AgentConfig, devices: list[Device], factory: PollerFactory, site: Site | None) -> list[Finding]:
    slots = asyncio.Semaphore(PARALLEL)
    findings: dict[str, Finding] = {}
    with progress("devices", len(devices)) as done:

        async def look(device: Device) -> None:
            async with slots:
                findings[device.id] = await _open(config, device, factory, site)
            done()

        async with asyncio.TaskGroup() as group:
            for device in devices:
                group.create_task(look(device), name=f"doctor {device.id}")
    return [findings[device.id] for device in devices]


async def _open(config: AgentConfig, device: Device, factory: PollerFactory, site: Site | None) -> Finding:
    """Open one device as the agent does: connect, recognise, identify, plan. Where the site file has its rating, ask for its load."""
    check, started = f"device {device.id}", time.perf_counter()
    try:
        # Whatever goes wrong with one device, a mistake of ours included, is that device's finding.
        with DeviceBarrier(device.id, "", level=logging.DEBUG).contain("doctor"):
            poller = factory(config, device)
            try:
                found = await poller.open()
                opened_s = time.perf_counter() - started
                wrong = "" if site is None else await contradicted_rating(poller, found, site, device.id, time.time())
            finally:
                await poller.close()
    except DeviceError as error:
        if isinstance(missing := error.__cause__, ModuleNotFoundError):
            return Finding(
                check, "failed", f"{missing.name} is not installed", "install rackflow with its extra: rackflow[agent]"
            )
        remedy = explanation(error, device.protocol, device.port)
        return Finding(check, "failed", f"{error.kind}: {error}", remedy or "`rackflow read` shows more")
    identity = found.identity
    who = " ".join(filter(None, (identity.vendor, identity.model))) or found.profile
    if device.serial_number and identity.serial and device.serial_number != identity.serial:
        what = f"{who} has serial number {identity.serial}, the configuration says {device.serial_number}"
        return Finding(check, "warning", what, "another device answers there: correct host or serial_number")
    if wrong:
        return Finding(check, "warning", f"{who}: {wrong}", "correct the site file; figures of redundancy rest on it")
    return Finding(check, "ok", f"{who}, profile {found.profile}, opened in {opened_s:.1f} s")
