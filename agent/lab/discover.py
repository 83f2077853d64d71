"""Finds devices in the ranges that the user names, at a bounded rate, and says what each is taken for."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.modbus import PymodbusClient
from agent.poll import GATEWAY_EXCEPTIONS, recognise_device, recognise_unit
from agent.profile import SYS_DESCR, Match, Profile
from agent.snmp import SnmpClient
from rackflow.errors import ConfigError, DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable

MAX_ADDRESSES = 65_536
MAX_PARALLEL = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One address that answered: the best match, or None with what it says of itself; or the error it answered with."""

    address: str
    match: Match | None
    description: str
    error: str = ""
    unit: int | None = None


ProbeAddress = Callable[[str], Awaitable[Sequence[Found]]]
"""What stands at one address; nothing where nobody answers."""


def addresses_of(ranges: Sequence[str]) -> list[str]:
    """Every host address of the ranges, each once. Raises ConfigError where a range is none, or all are too many."""
    found: dict[str, None] = {}
    for text in ranges:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            raise ConfigError(f"{text!r} is not a range of addresses: {error}; write it like 192.0.2.0/24") from error
        if network.num_addresses + len(found) > MAX_ADDRESSES:
            raise ConfigError(f"{text}: more than {MAX_ADDRESSES} addresses; name smaller ranges")
        hosts = network.hosts() if network.num_addresses > 1 else iter([network.network_address])
        found |= dict.fromkeys(str(host) for host in hosts)
    return list(found)


async def discover(addresses: Sequence[str], probe: ProbeAddress, rate: float) -> AsyncIterator[Found]:
    """Devices as they answer; at most `rate` addresses are begun a second. Silence is not reported."""
    answers: asyncio.Queue[Sequence[Found]] = asyncio.Queue(maxsize=MAX_PARALLEL)
    slots = asyncio.Semaphore(MAX_PARALLEL)

    async def ask(address: str) -> None:
        try:
            found = await probe(address)
        finally:
            slots.release()
        await answers.put(found)

    async def begin() -> None:
        async with asyncio.TaskGroup() as group:
            for address in addresses:
                await slots.acquire()
                group.create_task(ask(address), name=f"discover {address}")
                await asyncio.sleep(1.0 / rate)

    async with asyncio.TaskGroup() as group:
        group.create_task(begin(), name="discover")
        for _ in addresses:
            for found in await answers.get():
                yield found


async def probe_snmp_address(address: str, profiles: Mapping[str, Profile], client: SnmpClient) -> list[Found]:
    """The agent at one address."""
    everything = list(profiles.values())
    try:
        found, answers = await recognise_device(client, everything)
    except (DeviceTimeout, DeviceUnreachable):
        return []
    except DeviceError as error:
        return [Found(address, None, "", str(error))]
    finally:
        await client.close()
    text = answers.get(SYS_DESCR)
    description = text.decode("utf-8", "replace") if isinstance(text, bytes) else ""
    return [Found(address, found[0] if found else None, " ".join(description.split())[:80])]


async def probe_modbus_address(
    address: str, profiles: Mapping[str, Profile], client: PymodbusClient, units: Sequence[int], *, every: bool
) -> list[Found]:
    """The units at one address that answer, all of those named or the first. Many devices answer to any unit's number."""
    found: list[Found] = []
    try:
        for unit in units:
            try:
                match, description = await recognise_unit(client, unit, list(profiles.values()))
            except DeviceTimeout:
                continue
            except DeviceProtocolError as error:
                if error.code in GATEWAY_EXCEPTIONS:
                    continue
                found.append(Found(address, None, "", str(error), unit))
            else:
                found.append(Found(address, match, description[:80], unit=unit))
            if not every:
                break
    except DeviceUnreachable:
        pass
    finally:
        await client.close()
    return found
