"""The command `discover`: finds devices, and makes entries of the agent's configuration of them."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agent.config import AgentConfig, Device
from agent.config_file import load_agent_config
from agent.lab.commands_modbus import modbus_probe, units_to_try
from agent.lab.discover import Found, ProbeAddress, addresses_of, discover, probe_snmp_address
from agent.lab.found_output import as_csv, as_json, as_yaml, config_head, found_line, result_lines
from agent.lab.reconcile import DEFAULT_PORTS, Result, Search, addresses_left_to_ask, entry_of, reconcile
from agent.lab.silence import silence_of_search
from agent.lab.tables import Ids, read_ids
from agent.lab.target import add_credential, snmp_targets
from agent.profile import Profile, load_profiles
from agent.snmp import SnmpClient, SnmpClients
from rackflow.errors import ConfigError, ResolveError
from rackflow.plural import count_of
from rackflow.process.commands import port_number, print_error, print_lines, show_examples
from rackflow.process.config import check_config
from rackflow.process.progress import progress
from rackflow.process.resolve import Resolver
from rackflow.process.secret import names_source
from rackflow.process.yaml import load_yaml_text, read_text_file
from rackflow.process.yaml_edit import append_to_list, replace_file

# Addresses a second. More would flood a management network, whose cards and switches are slow.
MAX_DISCOVER_RATE = 1000.0
PUBLIC = "public"
# Used if a broker's address has no port: the port that IANA has registered for MQTT.
MQTT_PORT = 1883


@dataclass(frozen=True, slots=True)
class KnownConfig:
    """The configuration that the devices found are compared with: its file and text, and its devices."""

    path: Path
    text: str
    config: AgentConfig


def add_discover(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `discover`."""
    command.add_argument("ranges", nargs="+", metavar="RANGE", help="192.0.2.0/24, 192.0.2.10-50, or one address")
    command.add_argument("--rate", type=float, default=50.0, help="addresses to try per second (default 50)")
    command.add_argument("--profiles", type=Path, help="folder of your own profiles; with --config, that file names it")
    command.add_argument(
        "--protocol", choices=("snmp", "modbus"), default="snmp", help="what to look for (default snmp)"
    )
    command.add_argument(
        "--unit", type=int, action="append", default=[], help="Modbus unit; may be repeated (default 1, 255 or 0)"
    )
    add_credential(command, several=True)
    command.add_argument(
        "--output",
        choices=("table", "csv", "json", "yaml"),
        default="table",
        help="yaml: a configuration to begin with; with --config, the entries that it lacks",
    )
    command.add_argument(
        "--merge", action="store_true", help="add new devices to the file of --config; what is there is not touched"
    )
    command.add_argument(
        "--ids",
        type=Path,
        metavar="CSV",
        help="table with the columns id, host and unit: what new devices are called; the table of `site draft --csv` serves",
    )
    command.add_argument("--agent", default="agent-1", help="yaml: name of the new agent (default agent-1)")
    command.add_argument("--site", default="my-site", help="yaml: name of the site (default my-site)")
    command.add_argument(
        "--broker",
        type=_host_and_port,
        default=("127.0.0.1", MQTT_PORT),
        metavar="HOST[:PORT]",
        help=f"yaml: where the new agent publishes (default 127.0.0.1:{MQTT_PORT})",
    )
    show_examples(
        command,
        "%(prog)s 192.0.2.0/24 --community public",
        "%(prog)s 192.0.2.0/24 --community env:RACKFLOW_COMMUNITY --output yaml > agent.yaml",
        "%(prog)s 192.0.2.0/24 198.51.100.10-50 --config agent.yaml --merge",
        "%(prog)s 192.0.2.0/24 --protocol modbus --unit 1 --unit 12 --output csv",
        "%(prog)s 192.0.2.0/24 --protocol modbus --ids devices.csv --config agent.yaml --merge",
    )
    command.set_defaults(command=_discover)


def _host_and_port(text: str) -> tuple[str, int]:
    """A broker's host and port, as in `broker.example.org:8883` or `[2001:db8::1]:1883`."""
    host, colon, port = text.rpartition(":")
    # An IPv6 address without brackets: its colons do not separate a port.
    if not colon or (":" in host.strip("[]") and not host.endswith("]")):
        host, port = text, str(MQTT_PORT)
    return host.strip("[]"), port_number(port)


def _discover(arguments: argparse.Namespace) -> int:
    """Search, compare with the configuration, and add to it or print. Returns the exit status."""
    if not 0 < arguments.rate <= MAX_DISCOVER_RATE:
        raise ConfigError(f"--rate: {arguments.rate:g} is not between 0 and {MAX_DISCOVER_RATE:g}")
    if arguments.merge and not arguments.config:
        raise ConfigError("--merge: name the file to add to with --config; --output yaml begins a new one")
    addresses = addresses_of(arguments.ranges)
    ids = read_ids(arguments.ids) if arguments.ids else {}
    known = _load_known(arguments.config) if arguments.config else None
    if known is None:
        _check_names(arguments)
    profiles = load_profiles(
        known.config.profiles if known and known.config.profiles else arguments.profiles, lazy=True
    )
    probe = (modbus_probe if arguments.protocol == "modbus" else _snmp_probe)(arguments, profiles)
    search = Search(
        arguments.protocol,
        frozenset(addresses),
        arguments.port or DEFAULT_PORTS[arguments.protocol],
        frozenset(units_to_try(arguments, profiles)),
        units_named=bool(arguments.unit),
    )
    is_table = arguments.output == "table"
    found = asyncio.run(_search(addresses, probe, arguments.rate, show=is_table))
    results = _reconciled(found, known, search, ids, probe=probe, rate=arguments.rate)
    # The file is written before anything is printed, so that a closed pipe (`| head`) cannot prevent it.
    added = _merge(known, results, search) if arguments.merge and known else 0
    if is_table:
        # Devices were printed as they were found; what differs from the configuration is known only now.
        if known and (lines := result_lines(results)):
            print_lines("\n".join(lines))
    else:
        print_lines(_rendered(arguments, known, results, search))
    _summarise(arguments, results, len(addresses))
    if arguments.merge and known:
        print_error(f"{count_of(added, 'device')} added to {known.path}")
    return 0


def _reconciled(
    found: list[Found],
    known: KnownConfig | None,
    search: Search,
    ids: Ids,
    *,
    probe: ProbeAddress,
    rate: float,
) -> list[Result]:
    """Compare the devices found with those of the configuration. Where one seems to have moved, its former address is searched, too."""
    devices = known.config.devices if known else []
    agent_itself = [] if known is None else [_agent_itself(known.config)]
    entries, resolved = [*devices, *agent_itself], asyncio.run(_resolved(devices))
    results = reconcile(found, entries, resolved, search, ids)
    if also_asked := addresses_left_to_ask(results, resolved, search):
        found += asyncio.run(_search(sorted(also_asked), probe, rate, show=False))
        results = reconcile(found, entries, resolved, replace(search, also_asked=also_asked), ids)
    return results


def _load_known(path: Path) -> KnownConfig:
    return KnownConfig(path, read_text_file(path), load_agent_config(path))


def _agent_itself(config: AgentConfig) -> Device:
    """The agent itself as an entry, so that no device gets its name: a device with the agent's name would be refused."""
    return Device(id=config.agent, host="agent", credential="none", enabled=False)


def _check_names(arguments: argparse.Namespace) -> None:
    """Check the names given for a new configuration. Raises ConfigError if they are not valid."""
    check_config(
        {"agent": arguments.agent, "labels": {"site": arguments.site}, "broker": _broker(arguments), "devices": []},
        AgentConfig,
        "arguments",
    )


def _broker(arguments: argparse.Namespace) -> dict[str, str | int]:
    host, port = arguments.broker
    return {"host": host, "port": port}


def _snmp_probe(arguments: argparse.Namespace, profiles: dict[str, Profile]) -> ProbeAddress:
    """The function that looks for an SNMP device at an address. Raises ConfigError."""
    targets = snmp_targets(arguments, "address")
    clients = SnmpClients()
    for target in targets.values():
        clients(target)  # a credential that cannot be used is refused here, not at every address

    async def probe(address: str) -> list[Found]:
        makers: dict[str, Callable[[], SnmpClient]] = {
            name: partial(clients, replace(target, host=address)) for name, target in targets.items()
        }
        return await probe_snmp_address(address, profiles, makers)

    return probe


async def _search(addresses: Sequence[str], probe: ProbeAddress, rate: float, *, show: bool) -> list[Found]:
    """Search the addresses; with `show`, each device is printed as it is found."""
    all_found: list[Found] = []
    with progress("addresses", len(addresses)) as tried:
        async for found in discover(addresses, probe, rate, tried):
            all_found.append(found)
            if show:
                print_lines(found_line(found))
                sys.stdout.flush()
    return all_found


async def _resolved(devices: Sequence[Device]) -> Mapping[str, Collection[str]]:
    """The addresses of every configured host name that can be resolved in time."""
    resolver = Resolver()
    addresses: dict[str, Collection[str]] = {}

    async def resolve(host: str) -> None:
        try:
            addresses[host] = await resolver.addresses(host)
        except ResolveError:
            print_error(f"{host}: has no address now; its device may be listed as new")

    async with asyncio.TaskGroup() as group:
        for host in {device.host for device in devices if device.host}:
            group.create_task(resolve(host), name=f"resolve {host}")
    return addresses


def _merge(known: KnownConfig, results: Sequence[Result], search: Search) -> int:
    """Add the new devices to the file. Returns how many. Raises ConfigError, and then the file is unchanged."""
    entries = [entry_of(result, search) for result in results if result.status == "new"]
    changed = append_to_list(known.text, "devices", entries, str(known.path))
    if not entries:
        return 0
    # Checked before it is written: a file that the agent would refuse at its next start is worse than none of the new devices.
    check_config(load_yaml_text(changed, str(known.path)), AgentConfig, str(known.path), changed)
    replace_file(known.path, known.text, changed)
    return len(entries)


def _rendered(
    arguments: argparse.Namespace, known: KnownConfig | None, results: Sequence[Result], search: Search
) -> str:
    if arguments.output == "json":
        return as_json(results, search)
    if arguments.output == "csv":
        return as_csv(results, search)
    head = [] if known else _new_head(arguments)
    return as_yaml(results, search, head)


def _new_head(arguments: argparse.Namespace) -> list[str]:
    if arguments.protocol == "modbus":
        return config_head(arguments.agent, arguments.site, _broker(arguments), "", "")
    community = arguments.community
    if community != PUBLIC and not names_source(community):
        # New files are often passed on, so only a community that is no secret (`public`) is written into them.
        community = "env:RACKFLOW_COMMUNITY"
        if os.environ.get("RACKFLOW_COMMUNITY") is None:
            print_error(
                "the community is not written into the file; before you run the agent, set RACKFLOW_COMMUNITY to it"
            )
    return config_head(arguments.agent, arguments.site, _broker(arguments), "given", community)


def _summarise(arguments: argparse.Namespace, results: Sequence[Result], addresses: int) -> None:
    answered = sum(result.found is not None for result in results)
    print_error(f"{count_of(answered, 'device')} answered at {count_of(addresses, 'address')}")
    if not answered:
        print_error(silence_of_search(arguments.protocol, arguments.port))
