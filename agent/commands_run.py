"""The commands `run` and `check`."""

import argparse
import asyncio
import logging
from pathlib import Path

import uvloop

from agent.checked import check_devices, load_checked
from agent.config import AgentConfig, load_agent_config
from agent.libraries import missing_libraries
from agent.outage import estimate_outage
from agent.poll import PollerFactory
from agent.run import Shared, run
from rackflow.process.commands import EXIT_CONFIG, print_error, show_examples
from rackflow.process.limits import raise_open_files
from rackflow.process.logs import configure_logging
from rackflow.process.secret import add_env_file
from rackflow.process.stopping import StopDeadline

log = logging.getLogger(__name__)


def add_run(command: argparse.ArgumentParser) -> None:
    """Its arguments."""
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the agent")
    show_examples(command, "%(prog)s agent.yaml")
    command.set_defaults(command=_run)


def add_check(command: argparse.ArgumentParser) -> None:
    """Its arguments."""
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the agent")
    add_env_file(command)
    show_examples(command, "%(prog)s agent.yaml")
    command.set_defaults(command=_check)


def _run(arguments: argparse.Namespace) -> int:
    config, profiles = load_checked(arguments.config)
    if arguments.log_level is None:
        configure_logging(config.log_level)

    def reload() -> AgentConfig:
        changed = load_agent_config(arguments.config)
        check_devices(arguments.config, changed, profiles.prepare(changed.profiles))
        return changed

    for fault in missing_libraries(config):
        # Other devices are polled: the agent starts.
        log.error("%s: %s", arguments.config, fault)
    raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        factory = PollerFactory(profiles)
        deadline = StopDeadline()
        shared = Shared(factory.snmp_clients.refused, factory.plans, profiles)
        runner.run(run(config, factory, reload=reload, shared=shared, deadline=deadline))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    config, profiles = load_checked(arguments.config)
    enabled = sum(device.enabled for device in config.devices)
    missing = [*missing_libraries(config)]
    for fault in missing:
        print_error(f"{arguments.config}: {fault}")
    verdict = "not ok" if missing else "ok"
    print(
        f"{arguments.config}: {verdict}; {len(config.devices)} devices, {enabled} enabled, {len(profiles)} profiles known"
    )
    print(estimate_outage(config, profiles))
    # Here, because a running agent needs none of it; it imports the MQTT client of all but the agent, which takes 4 MB.
    from rackflow.process.doctor import print_unwritable  # noqa: PLC0415

    is_unwritable = print_unwritable(arguments.config, {"outbox.path": config.outbox.path})
    return EXIT_CONFIG if is_unwritable or missing else 0
