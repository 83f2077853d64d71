"""The commands `run` and `check`."""

import argparse
import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import uvloop

from agent.config import AgentConfig
from agent.config_checks import (
    estimate_outage,
    missing_libraries,
    not_in_site,
    site_of,
    tell_same_addresses,
    without_feed,
)
from agent.config_file import check_devices, load_agent_config, load_checked
from agent.poll import KeptDetectors, PollerFactory, detectors_file
from agent.process import run
from agent.profile import Profile
from agent.run import Shared
from rackflow.outbox import folder_of
from rackflow.plural import count_of
from rackflow.process.commands import show_examples
from rackflow.process.limits import raise_open_files
from rackflow.process.logs import configure_logging
from rackflow.process.secret import add_env_file
from rackflow.process.stopping import StopDeadline
from rackflow.process.unset_clock import warn_of_unset_clock
from rackflow.process.verdict import Verdict, add_output, check_file

log = logging.getLogger(__name__)


def add_run(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the agent")
    add_env_file(command)
    show_examples(command, "%(prog)s agent.yaml")
    command.set_defaults(command=_run)


def add_check(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `check`."""
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the agent")
    add_env_file(command)
    add_output(command)
    show_examples(command, "%(prog)s agent.yaml", "%(prog)s agent.yaml --output json")
    command.set_defaults(command=_check)


def _run(arguments: argparse.Namespace) -> int:
    config, profiles = load_checked(arguments.config)
    if arguments.log_level is None:
        configure_logging(config.log_level)

    def reload() -> AgentConfig:
        changed = load_agent_config(arguments.config)
        prepared = profiles.prepare(changed.profiles)
        check_devices(arguments.config, changed, prepared)
        _log_same_addresses(arguments.config, changed, prepared)
        return changed

    for fault in missing_libraries(config):
        # Other devices are polled: the agent starts.
        log.error("%s: %s", arguments.config, fault)
    _log_same_addresses(arguments.config, config, profiles)
    raise_open_files()
    warn_of_unset_clock()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        factory = PollerFactory(profiles, kept=KeptDetectors(detectors_file(config.outbox.path)))
        deadline = StopDeadline()
        shared = Shared(factory.snmp_clients, factory.plans, profiles)
        runner.run(run(config, factory, reload=reload, shared=shared, deadline=deadline))
    return 0


def _log_same_addresses(path: Path, config: AgentConfig, profiles: Mapping[str, Profile]) -> None:
    wrong, doubtful = tell_same_addresses(path, config, profiles)
    for fault in wrong:
        log.error("%s", fault)
    for fault in doubtful:
        log.warning("%s", fault)


def _check(arguments: argparse.Namespace) -> int:
    path: Path = arguments.config
    return check_file(path, arguments.output, lambda: _verdict(path))


def _verdict(path: Path) -> Verdict:
    # Here, because a running agent needs none of it; it imports the MQTT client of all but the agent, which takes 4 MB.
    from rackflow.process.doctor_disks import room_for, unwritable  # noqa: PLC0415

    config, profiles = load_checked(path)
    enabled = sum(device.enabled for device in config.devices)
    wrong, doubtful = tell_same_addresses(path, config, profiles)
    site = site_of(path, config)
    if site is not None and (missing := not_in_site(site, [each.id for each in config.devices if each.enabled])):
        doubtful = [*doubtful, f"{path}: {missing}"]
    if no_feed := without_feed(config, profiles):
        doubtful = [*doubtful, f"{path}: {no_feed}"]
    faults = (
        *(f"{path}: {fault}" for fault in missing_libraries(config)),
        *wrong,
        *unwritable(path, {"outbox.path": config.outbox.path}, kept_in=folder_of),
    )
    room = room_for(folder_of(config.outbox.path)) if config.outbox.path is not None else None
    devices, families = count_of(len(config.devices), "device"), count_of(len(profiles), "profile")
    return Verdict(
        faults,
        tuple(doubtful),
        f"{path}: {'not ok' if faults else 'ok'}; {devices}, {enabled} enabled, {families} known",
        (str(estimate_outage(config, profiles, room)),),
        {"devices": len(config.devices), "enabled": enabled, "profiles": len(profiles)},
    )
